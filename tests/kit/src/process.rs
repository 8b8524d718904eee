//! Programs as a user runs them: in their own process and environment, without a terminal.
//! Every process that a test starts has a time limit, so that a test fails rather than
//! hangs.

use std::{
    env,
    ffi::OsStr,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

#[cfg(unix)]
use crate::until_running;

/// Time limit of a test's process, in seconds. A passing test ends long before.
const PROGRAM_SECONDS: u32 = 600;

/// Time limit of a build, in seconds.
const BUILD_SECONDS: u32 = 3600;

/// The exit code and the output of a command.
#[derive(Debug)]
pub struct Outcome {
    /// -1 after a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// Standard output as a JSON array.
    pub fn rows(&self) -> Vec<Value> {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Standard output as a JSON array of exactly one row.
    pub fn row(&self) -> Value {
        let mut rows = self.rows();
        assert_eq!(rows.len(), 1, "{self:?}");
        rows.remove(0)
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Environment variables that affect the connection to the service, in upper or lower case.
const NETWORK_VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Any program, with a test's time limit.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    bounded(Command::new(name), PROGRAM_SECONDS)
}

/// A program that compiles or downloads, with a build's time limit.
pub fn builder(name: impl AsRef<OsStr>) -> Command {
    bounded(Command::new(name), BUILD_SECONDS)
}

/// Signals that the caller of the tests may have set to be ignored, as `nohup` does.
#[cfg(unix)]
const INHERITED_SIGNALS: [libc::c_int; 5] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGTSTP,
    libc::SIGALRM,
];

/// A command whose process has the default signal handlers, and that SIGALRM ends after
/// this many seconds. Both survive an `exec`. A process that it forks has no time limit.
#[cfg(unix)]
fn bounded(mut command: Command, seconds: u32) -> Command {
    use std::os::unix::process::CommandExt as _;
    let reset = move || {
        // SAFETY: both functions are safe between fork and exec (POSIX,
        // "async-signal-safe"), take plain numbers, and change only this process's
        // signal handling.
        #[allow(unsafe_code)]
        unsafe {
            for signal in INHERITED_SIGNALS {
                libc::signal(signal, libc::SIG_DFL);
            }
            libc::alarm(seconds);
        }
        Ok(())
    };
    // SAFETY: the closure allocates nothing and takes no lock.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(reset);
    }
    command
}

#[cfg(not(unix))]
fn bounded(command: Command, _: u32) -> Command {
    command
}

/// The folder of the build that the test belongs to, for example `target/debug`.
fn build_folder() -> PathBuf {
    let test = env::current_exe().unwrap();
    // The test is in `deps`.
    test.ancestors().nth(2).unwrap().to_owned()
}

/// A program of the workspace that cargo built with the test: `offboard`, or an example as
/// `examples/NAME`.
pub fn built(name: &str) -> PathBuf {
    let program = build_folder().join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "not built, as `cargo test --workspace` does: {}",
        program.display()
    );
    program
}

/// The command, in an environment without the user's own settings.
pub fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    isolated(program(built("offboard")), args)
}

/// A program with these arguments, in an environment without the user's own settings.
pub fn isolated<S: AsRef<OsStr>>(
    mut program: Command,
    args: impl IntoIterator<Item = S>,
) -> Command {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy().to_uppercase();
        let is_users = ["OFFBOARD_", "AZURE_", "IDENTITY_", "MSI_"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        if is_users || NETWORK_VARIABLES.contains(&text.as_str()) {
            program.env_remove(name);
        }
    }
    let folder = build_folder().join("testkit");
    program
        // No configuration is in this folder.
        .env("XDG_CONFIG_HOME", folder.join("config"))
        // The tests' ledgers, not the user's.
        .env("XDG_STATE_HOME", folder.join("state"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    program
}

/// Runs the command to its end.
pub fn offboard<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Outcome {
    command(args).output().unwrap().into()
}

/// Sends a process a signal of this name.
pub fn signal(child: &std::process::Child, name: &str) {
    let sent = program("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Waits until a process catches SIGTERM: before that, the signal ends it.
#[cfg(unix)]
pub fn until_signals_are_caught(child: &mut std::process::Child) {
    let status = format!("/proc/{}/status", child.id());
    let is_caught = || {
        let status = std::fs::read_to_string(&status).ok()?;
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).ok()?;
        Some(caught & (1 << (libc::SIGTERM - 1)) != 0)
    };
    if is_caught().is_none() {
        // This system has no /proc.
        return std::thread::sleep(std::time::Duration::from_secs(3));
    }
    until_running(child, "a handler of SIGTERM", || is_caught() == Some(true));
}

/// The same command, started by a shell that first runs `before`.
#[cfg(unix)]
pub fn after(before: &str, run: &Command) -> Command {
    let mut shell = program("sh");
    shell.args(["-c", &format!("{before}; exec \"$0\" \"$@\"")]);
    started_by(shell, run)
}

/// The same command, started by a program that executes it.
#[cfg(unix)]
pub fn started_by(mut starter: Command, run: &Command) -> Command {
    starter
        .arg(run.get_program())
        .args(run.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => starter.env(name, value),
            None => starter.env_remove(name),
        };
    }
    starter
}

#[cfg(unix)]
#[test]
fn a_process_that_hangs_is_ended_also_behind_an_exec() {
    use std::os::unix::process::ExitStatusExt as _;
    let mut sleep = bounded(Command::new("sh"), 1);
    let status = sleep.args(["-c", "exec sleep 600"]).status().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGALRM), "{status}");
}
