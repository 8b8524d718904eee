//! A token from a program that the user configures: a secret store, a broker, a script.

use std::{io::Write, path::Path, process::Stdio};

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::Deserialize;
use tokio::process::Command;

use super::{
    expiry::Times,
    program,
    sign_in_error::SignInError,
    source::{Fetch, Fetched, TokenSource},
    token::Token,
};
use crate::{encoding::text::secret_text, mask};

/// A program that prints a token: as plain text, or as JSON like `az account
/// get-access-token`, `gcloud` or an authority.
#[derive(Debug, Clone)]
pub struct TokenCommand {
    program: String,
    arguments: Vec<String>,
}

/// The JSON members that are read.
#[derive(Deserialize)]
struct Answer {
    #[serde(alias = "accessToken", alias = "access_token")]
    token: SecretString,
    #[serde(flatten)]
    times: Times,
}

impl TokenCommand {
    /// This program with these arguments. It runs without a shell.
    #[must_use]
    pub fn new(program: String, arguments: Vec<String>) -> Self {
        Self { program, arguments }
    }

    /// The arguments, and the values in them, that may be secrets.
    fn secrets(&self) -> impl Iterator<Item = &str> {
        let arguments = self.arguments.iter().flat_map(|argument| {
            let value = argument.split_once('=').map(|(_, value)| value);
            [Some(argument.as_str()), value].into_iter().flatten()
        });
        arguments.filter(|argument| mask::value(argument) != *argument)
    }

    /// Text of the program's standard error, without the secrets in its arguments.
    fn without_secrets(&self, message: &str) -> String {
        // Replace the whole argument first: in a message, punctuation may split it into
        // words.
        let mut message = message.to_owned();
        for secret in self.secrets() {
            message = message.replace(secret, &mask::value(secret));
        }
        mask::words(&message)
    }

    async fn run(&self) -> Result<Fetched, SignInError> {
        let failed = |reason: String| {
            let program = mask::path(Path::new(&self.program));
            SignInError::Setup(format!("the token command {program}: {reason}"))
        };
        let mut command = Command::new(&self.program);
        // The program's messages go directly to the user, unless they may repeat a secret.
        let stderr = match self.secrets().next() {
            None => Stdio::inherit(),
            Some(_) => Stdio::piped(),
        };
        let command = command.args(&self.arguments).stderr(stderr);
        let output = program::output(command).await;
        let output = output.map_err(|error| failed(error.to_string()))?;
        if !output.stderr.is_empty() {
            let message = self.without_secrets(&String::from_utf8_lossy(&output.stderr));
            // If standard error is closed, the message is dropped.
            let _ = std::io::stderr().write_all(message.as_bytes());
        }
        let status = output.status;
        let text = SecretSlice::from(output.stdout);
        if !status.success() {
            return Err(failed(format!("it failed ({status})")));
        }
        let text = secret_text(text.expose_secret());
        let text = text.map_err(|_| failed("its output is not text".to_owned()))?;
        read_output(text.expose_secret()).map_err(failed)
    }
}

fn read_output(text: &str) -> Result<Fetched, String> {
    if !text.starts_with('{') {
        let token = Token::new(text).map_err(|error| error.to_string())?;
        return Ok(Fetched::by_claims(token));
    }
    // A parser's message may quote the token.
    let answer: Answer = serde_json::from_str(text)
        .map_err(|_| "its JSON has no accessToken, access_token or token".to_owned())?;
    let token = Token::new(answer.token.expose_secret()).map_err(|error| error.to_string())?;
    let expires = answer.times.of(&token);
    Ok(Fetched { token, expires })
}

impl TokenSource for TokenCommand {
    fn fetch(&self) -> Fetch<'_> {
        Box::pin(self.run())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::SystemTime;

    use super::*;

    fn read(text: &str) -> Result<Option<u64>, String> {
        let fetched = read_output(text)?;
        assert!(fetched.token.is_same(&Token::new("a.b.c").unwrap()));
        let left = |expires: SystemTime| expires.duration_since(SystemTime::now()).unwrap();
        Ok(fetched.expires.map(|expires| left(expires).as_secs()))
    }

    #[test]
    fn a_program_prints_a_token_alone_or_as_json() {
        assert_eq!(read("a.b.c\n"), Ok(None));
        assert_eq!(read(r#"{"token": "a.b.c"}"#), Ok(None));
        let hour = |text: &str| (3595..=3600).contains(&read(text).unwrap().unwrap());
        assert!(hour(
            r#"{"access_token": "a.b.c", "expires_in": 3600, "token_type": "Bearer"}"#
        ));
        assert!(hour(r#"{"access_token": "a.b.c", "expires_in": "3600"}"#));
        let on = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs()
            + 3600;
        assert!(hour(&format!(
            r#"{{"accessToken": "a.b.c", "expiresOn": "2030-01-01 00:00:00.000000", "expires_on": {on}}}"#
        )));
    }

    #[test]
    fn invalid_tokens_are_refused_and_not_shown() {
        for text in [
            "",
            "a b",
            "{",
            r#"{"secret": "a.b.c"}"#,
            r#"{"token": "a b"}"#,
            r#"{"token": ["a.b.c"]}"#,
        ] {
            let error = read_output(text).unwrap_err();
            assert!(!error.contains("a.b") && !error.contains("a b"), "{error}");
        }
    }

    #[test]
    fn a_secret_in_the_arguments_is_not_repeated_in_messages() {
        for secret in [
            "q7Vh2Lk9+Zr4Tn1Xw8Pd3Gs6Bm0Yc5Jf2Ka7Ue==",
            "abc8Q~xyzXYZ0123456789abcdefABCDEF-._~ab",
            "Summer2024!",
        ] {
            for argument in [secret.to_owned(), format!("--password={secret}")] {
                let command = TokenCommand::new("ls".to_owned(), vec![argument]);
                for message in [
                    format!("ls: cannot access '{secret}': No such file\n"),
                    format!("x={secret}x\n{secret}"),
                ] {
                    let shown = command.without_secrets(&message);
                    assert!(!shown.contains(secret), "{shown}");
                    assert!(shown.contains("[hidden: "), "{shown}");
                }
            }
        }
        let command = TokenCommand::new(
            "az".to_owned(),
            [
                "account",
                "--resource=https://api.securitycenter.microsoft.com",
                "-o",
                "json",
            ]
            .map(ToOwned::to_owned)
            .into(),
        );
        assert_eq!(command.secrets().next(), None);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_failed_program_is_reported_by_name() {
        let run = async |program: &str, arguments: &[&str]| {
            let arguments = arguments.iter().map(ToString::to_string).collect();
            TokenCommand::new(program.to_owned(), arguments).run().await
        };
        assert!(run("echo", &["a.b.c"]).await.is_ok());
        for (program, arguments) in [
            ("false", &[][..]),
            ("no-such-program-here", &[]),
            ("true", &[]),
        ] {
            let error = run(program, arguments).await.unwrap_err().to_string();
            assert!(error.contains(program), "{error}");
        }
    }
}
