//! The token in the command's process.

use std::{
    io::Read,
    net::{TcpListener, TcpStream},
    process::Child,
};

use crate::support::{MACHINE, World, accepted, command};

/// A command that waits for an answer, and its connection.
struct Waiting {
    child: Child,
    stream: TcpStream,
    _folder: tempfile::TempDir,
}

impl Waiting {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let child = command(["run", MACHINE, "--comment", "x", "--yes"])
            .env("OFFBOARD_API_ROOT", root)
            .env("OFFBOARD_LEDGER", folder.path().join("ledger.db"))
            .env("OFFBOARD_TOKEN", "a.secret.token")
            .spawn()
            .unwrap();
        let stream = accepted(&listener);
        Self {
            child,
            stream,
            _folder: folder,
        }
    }

    /// The head of its request.
    fn request(&mut self) -> String {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        while !bytes.ends_with(b"\r\n\r\n") {
            let count = self.stream.read(&mut chunk).unwrap();
            assert_ne!(count, 0);
            bytes.extend_from_slice(&chunk[..count]);
        }
        String::from_utf8(bytes).unwrap()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_token_of_the_environment_is_the_one_that_is_sent() {
    let mut waiting = Waiting::new();
    let request = waiting.request().to_lowercase();
    assert!(
        request.contains("authorization: bearer a.secret.token\r\n"),
        "{request}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_with_a_token_leaves_no_core_dump() {
    let mut waiting = Waiting::new();
    waiting.request();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", waiting.child.id())).unwrap();
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"))
        .unwrap_or_else(|| panic!("{limits}"));
    let sizes: Vec<&str> = core.split_whitespace().take(2).collect();
    assert_eq!(sizes, ["0", "0"], "{limits}");
}

/// The `/proc` files of a process that is not dumpable belong to root, so that the user's
/// other processes cannot read its memory or initial environment. The files of root's
/// processes belong to root in any case: there, `cli::secret` queries the kernel.
#[cfg(target_os = "linux")]
#[test]
fn a_process_with_a_token_hides_its_environment() {
    use std::os::unix::fs::MetadataExt;
    let owner = |process: &str| {
        let file = format!("/proc/{process}/environ");
        std::fs::metadata(file).unwrap().uid()
    };
    let mut waiting = Waiting::new();
    waiting.request();
    let environment = format!("/proc/{}/environ", waiting.child.id());
    if owner("self") != 0 {
        assert_eq!(owner(&waiting.child.id().to_string()), 0);
        assert!(std::fs::read(environment).is_err());
    }
}

#[test]
fn a_token_file_takes_precedence_over_the_environment() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let output = world
        .command(&["run", &id, "--comment", "x", "--yes"])
        .env("OFFBOARD_TOKEN", "another.token")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_variable_that_is_not_a_token_is_refused_without_showing_it() {
    let world = World::new();
    for text in ["", " ", "hunter2 hunter2", "{\"access_token\":\"hunter2\"}"] {
        let output = world
            .command(&["run", MACHINE, "--comment", "x", "--yes", "-v"])
            .env_remove("OFFBOARD_TOKEN_FILE")
            .env("OFFBOARD_TOKEN", text)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{text:?}: {output:?}");
        let shown = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&shown).contains("hunter2"));
    }
    assert!(world.requests().is_empty());
}
