//! Secrets in the process: taken out of the environment before anything else
//! runs, and kept out of core dumps and of other processes' sight.

use std::{env, fmt};

use secrecy::{ExposeSecret, SecretString};

use crate::connection::{InvalidToken, Token};

const TOKEN: &str = "OFFBOARD_TOKEN";

/// What the environment held.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    token: Option<SecretString>,
}

impl Secrets {
    /// Takes the secrets out of the environment. To be called once, before
    /// there is a second thread.
    pub(super) fn take() -> Self {
        guard();
        let token = env::var_os(TOKEN);
        if token.is_some() {
            // SAFETY: nothing else reads or writes the environment meanwhile:
            // the caller has started no thread yet.
            #[allow(unsafe_code)]
            unsafe {
                env::remove_var(TOKEN);
            }
        }
        Self {
            // What is not UTF-8 is no token, and said to be none.
            token: token.map(|token| {
                token
                    .into_string()
                    .map_or_else(|_| "\u{fffd}".into(), SecretString::from)
            }),
        }
    }

    /// The token, if there was one that is not blank.
    pub(super) fn token(&self) -> Option<Result<Token, InvalidToken>> {
        let token = self.token.as_ref()?.expose_secret();
        (!token.trim().is_empty()).then(|| Token::new(token))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets([redacted])")
    }
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
    use std::process::Command;

    use super::*;

    /// In a process of its own, since the environment is everybody's.
    #[test]
    fn the_token_leaves_the_environment() {
        const CHILD: &str = "OFFBOARD_TEST_CHILD";
        const NAME: &str = "cli::secret::tests::the_token_leaves_the_environment";
        if env::var_os(CHILD).is_some() {
            let secrets = Secrets::take();
            assert_eq!(env::var_os(TOKEN), None);
            assert!(secrets.token().unwrap().is_ok());
            assert!(!format!("{secrets:?}").contains("a.b.c"));
            return;
        }
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME, "--test-threads=1"])
            .env(CHILD, "1")
            .env(TOKEN, "a.b.c")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(output.contains("1 passed"), "{output}");
    }
}
