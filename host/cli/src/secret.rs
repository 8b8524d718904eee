//! Protects the secrets of the process: removes them from the environment, and keeps them out of
//! core dumps and from other processes.

use offboard::config::Secrets;

use super::environment;

/// Takes the secrets out of the environment, and protects the process. Must be called once,
/// before a second thread starts.
pub(super) fn take() -> Secrets {
    guard();
    Secrets::take(environment::take)
}

/// Disables core dumps. On Linux, other processes of the same user also cannot read this
/// process's memory or initial environment. A failure is ignored.
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

    /// A limit on core dumps has no effect if the kernel pipes them to a program, as on most
    /// distributions. A process that is not dumpable has no core dump, and other processes of
    /// the same user cannot read its memory or initial environment. The test queries the
    /// kernel, because root could read them anyway. It runs in another process, because the
    /// process stays like this.
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

    /// Runs in another process, because all tests share the environment.
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
