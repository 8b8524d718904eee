//! A token from a program of the user's: a secret store, a broker, a script.

use std::{
    process::Stdio,
    time::{Duration, SystemTime},
};

use serde::Deserialize;
use tokio::{io::AsyncReadExt, process::Command};

use super::{Fetch, Fetched, SignInError, Token, TokenSource};

/// How long the program may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest output, in bytes.
const MAX_OUTPUT: u64 = 128 * 1024;

/// A program that prints a token: alone, or as JSON the way `az account
/// get-access-token`, `gcloud` or an authority's answer has it.
#[derive(Debug, Clone)]
pub struct TokenCommand {
    program: String,
    arguments: Vec<String>,
}

/// The members that JSON may have.
#[derive(Deserialize)]
struct Answer {
    #[serde(alias = "accessToken", alias = "access_token")]
    token: secrecy::SecretString,
    /// Seconds since 1970.
    #[serde(default)]
    expires_on: Option<Number>,
    /// Seconds from now.
    #[serde(default, alias = "expiresIn")]
    expires_in: Option<Number>,
}

/// A number, also where it is written as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

impl Number {
    fn seconds(&self) -> Option<Duration> {
        match self {
            Self::Number(seconds) => Some(*seconds),
            Self::Text(text) => text.parse().ok(),
        }
        .map(Duration::from_secs)
    }
}

impl TokenCommand {
    /// This program with these arguments. No shell is in between.
    #[must_use]
    pub fn new(program: String, arguments: Vec<String>) -> Self {
        Self { program, arguments }
    }

    async fn run(&self) -> Result<Fetched, SignInError> {
        let failed = |reason: String| {
            SignInError::Setup(format!("the token command {}: {reason}", self.program))
        };
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            // What proves this resource's identity is not for the program.
            .env_remove("IDENTITY_HEADER")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let Some(stdout) = child.stdout.take() else {
            return Err(failed("it has no output".to_owned()));
        };
        let mut output = String::new();
        let read = async {
            stdout.take(MAX_OUTPUT).read_to_string(&mut output).await?;
            child.wait().await
        };
        let status = match tokio::time::timeout(PATIENCE, read).await {
            Ok(status) => status.map_err(|error| failed(error.to_string()))?,
            Err(_) => return Err(failed(format!("it took longer than {PATIENCE:?}"))),
        };
        let output = secrecy::SecretString::from(output);
        if !status.success() {
            return Err(failed(format!("it failed ({status})")));
        }
        read_output(&output).map_err(failed)
    }
}

fn read_output(output: &secrecy::SecretString) -> Result<Fetched, String> {
    use secrecy::ExposeSecret;
    let text = output.expose_secret().trim();
    if !text.starts_with('{') {
        let token = Token::new(text).map_err(|error| error.to_string())?;
        return Ok(Fetched::by_claims(token));
    }
    // What serde says of it may quote the token.
    let answer: Answer = serde_json::from_str(text)
        .map_err(|_| "its JSON has no accessToken, access_token or token".to_owned())?;
    let token = Token::new(answer.token.expose_secret()).map_err(|error| error.to_string())?;
    let seconds = |number: Option<Number>| number.and_then(|number| number.seconds());
    let on = seconds(answer.expires_on).and_then(|on| SystemTime::UNIX_EPOCH.checked_add(on));
    let after = seconds(answer.expires_in).and_then(|after| SystemTime::now().checked_add(after));
    Ok(match on.or(after) {
        Some(expires) => Fetched {
            token,
            expires: Some(expires),
        },
        None => Fetched::by_claims(token),
    })
}

impl TokenSource for TokenCommand {
    fn fetch(&self) -> Fetch<'_> {
        Box::pin(self.run())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<Option<u64>, String> {
        let fetched = read_output(&text.into())?;
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
    fn what_is_no_token_is_refused_without_showing_it() {
        for text in [
            "",
            "a b",
            "{",
            r#"{"secret": "a.b.c"}"#,
            r#"{"token": "a b"}"#,
            r#"{"token": ["a.b.c"]}"#,
        ] {
            let error = read_output(&text.into()).unwrap_err();
            assert!(!error.contains("a.b") && !error.contains("a b"), "{error}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_that_fails_is_told_by_its_name() {
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
