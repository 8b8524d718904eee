//! Secrets in the process: taken out of the environment before anything else
//! runs, and kept out of core dumps and of other processes' sight.

use offboard::config::Secrets;

use super::environment;

/// Takes the secrets out of the environment, and guards the process. To be called
/// once, before there is a second thread.
pub(super) fn take() -> Secrets {
    guard();
    Secrets::take(environment::take)
}

/// No core dump, and on Linux no look at this process's memory or first
/// environment by others of the same user. Where that is not possible, the
/// process runs all the same.
#[cfg(unix)]
fn guard() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(not(unix))]
fn guard() {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{env, process::Command};

    use secrecy::ExposeSecret;

    use super::*;

    /// The variables that hold secrets.
    const VARIABLES: [&str; 3] = [
        "OFFBOARD_TOKEN",
        "AZURE_CLIENT_SECRET",
        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    ];

    /// A limit on core dumps does not bind a kernel that pipes them to a
    /// program, as most distributions do; a process that is not dumpable has
    /// none at all, and gives its memory and first environment to nobody of the
    /// same user. Asked of the kernel itself, since root could look anyway. In
    /// a process of its own, which then is so until its end.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_is_not_dumpable() {
        use rustix::process::{DumpableBehavior, dumpable_behavior};
        const CHILD: &str = "OFFBOARD_TEST_DUMPABLE";
        const NAME: &str = "secret::tests::the_process_is_not_dumpable";
        if env::var_os(CHILD).is_some() {
            assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
            let _secrets = take();
            assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
            return;
        }
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--test-threads=1"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(output.contains("1 passed"), "{output}");
    }

    /// In a process of its own, since the environment is everybody's.
    #[test]
    fn the_token_leaves_the_environment() {
        const CHILD: &str = "OFFBOARD_TEST_CHILD";
        const NAME: &str = "secret::tests::the_token_leaves_the_environment";
        if env::var_os(CHILD).is_some() {
            let secrets = take();
            for name in VARIABLES {
                assert_eq!(env::var_os(name), None);
            }
            assert!(secrets.token().unwrap().is_ok());
            assert_eq!(secrets.client_secret().unwrap().expose_secret(), "a.b.c");
            assert_eq!(
                secrets.certificate_password().unwrap().expose_secret(),
                "a.b.c"
            );
            assert!(!format!("{secrets:?}").contains("a.b.c"));
            return;
        }
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--test-threads=1"])
            .env(CHILD, "1")
            .envs(VARIABLES.map(|name| (name, "a.b.c")))
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(output.contains("1 passed"), "{output}");
    }
}
