//! Turns errors of Microsoft's library into short messages. The library nests messages
//! in messages, with Entra ID's error codes among them.

use std::{borrow::Cow, error::Error as _, io};

use azure_core::{error::ErrorKind, http::StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::{answer::BadAnswer, transport::TransportError};
use crate::identity::{entra_error::is_transient, sign_in_error::SignInError};

/// The most characters of the beginning of a message, and of its end. Entra ID's code is at the
/// beginning. Programs write at the end what the user has to do.
const MAX_BEGINNING: usize = 600;
const MAX_END: usize = 600;

/// Replaces what is cut out of a message.
const CUT: &str = " […] ";

/// Converts an error of the library.
pub(super) fn explain(error: azure_core::Error) -> SignInError {
    if let Some(transport) = find::<TransportError>(&error) {
        return transport.into();
    }
    let mut text = one_line(&error.to_string());
    let answered = answer(&error);
    if let Some((_, body)) = answered {
        text = with_description(text, body);
    }
    let codes = codes(&text);
    let answered = answered.map(|(status, _)| status);
    if answered.is_some() || !codes.is_empty() {
        // A server that is not Entra ID may answer without a body.
        let message = match (text.is_empty(), answered) {
            (true, Some(status)) => format!("the answer is {status} without a message"),
            _ => text,
        };
        if codes.is_empty() && answered.is_some_and(is_retried) {
            return SignInError::Unavailable(message);
        }
        return SignInError::Refused { codes, message };
    }
    if let Some(bad) = find::<io::Error>(&error)
        .and_then(io::Error::get_ref)
        .and_then(|error| error.downcast_ref::<BadAnswer>())
    {
        return SignInError::Unreadable(format!("{UNREADABLE}: {bad}"));
    }
    // A parser's message may quote the answer, which may have a token.
    if *error.kind() == ErrorKind::DataConversion || find::<serde_json::Error>(&error).is_some() {
        return SignInError::Unreadable(UNREADABLE.to_owned());
    }
    SignInError::Setup(text)
}

/// Whether the library has retried an answer with this status, because it may be temporary.
fn is_retried(status: StatusCode) -> bool {
    is_busy(status.into())
}

/// Whether a status is the one of a server that is overloaded or has failed.
pub(super) fn is_busy(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// Whether a sign-in that failed should be tried again: the failure is temporary, and the
/// library did not try again.
pub(super) fn is_worth_repeating(error: &azure_core::Error) -> bool {
    let is_refusal = find::<TransportError>(error).is_none();
    let is_retried = answer(error).is_some_and(|(status, _)| is_retried(status));
    is_refusal && !is_retried && is_transient(&codes(&error.to_string()))
}

/// The status and the body of the answer, if there was one. The library wraps the error that has
/// them.
fn answer(error: &azure_core::Error) -> Option<(StatusCode, &[u8])> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<azure_core::Error>()
            && let ErrorKind::HttpResponse {
                status,
                raw_response,
                ..
            } = error.kind()
        {
            let body = raw_response.as_ref().map(|answer| answer.body().as_ref());
            return Some((*status, body.unwrap_or_default()));
        }
        cause = error.source();
    }
    None
}

/// The members of an answer that describe its error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Described {
    error: Value,
    error_description: Value,
    /// The description of App Service.
    message: Value,
    error_codes: Vec<u32>,
}

/// A message with the description in the answer. The library leaves it out if it has its own
/// message for the status, and quotes whole answers of endpoints of managed identities.
fn with_description(text: String, body: &[u8]) -> String {
    let described: Described = serde_json::from_slice(body).unwrap_or_default();
    let words = |value: &Value| {
        value
            .as_str()
            .map(one_line)
            .filter(|words| !words.is_empty())
    };
    let description = words(&described.error_description);
    let description = description
        .or_else(|| words(&described.message))
        .or_else(|| words(&described.error["message"]));
    let mut description = description
        .or_else(|| words(&described.error))
        .unwrap_or_default();
    if let Some(code) = described.error_codes.first()
        && codes(&description).is_empty()
    {
        description = format!("AADSTS{code}: {description}");
    }
    let quoted = one_line(&String::from_utf8_lossy(body));
    if description.is_empty() || text.contains(&description) && !text.contains(&quoted) {
        text
    } else if !quoted.is_empty() && text.contains(&quoted) {
        text.replace(&quoted, &description)
    } else if text.is_empty() {
        description
    } else {
        format!("{text}: {description}")
    }
}

/// The answer is neither a token nor an error of Entra ID.
pub(super) const UNREADABLE: &str = "the answer cannot be read";

impl From<&TransportError> for SignInError {
    fn from(error: &TransportError) -> Self {
        match error {
            TransportError::Forbidden(_) => Self::Setup(error.to_string()),
            TransportError::Unreachable(_) | TransportError::Timeout(_) => {
                Self::Unreachable(error.to_string())
            }
            TransportError::Unavailable(..) => Self::Unavailable(error.to_string()),
            TransportError::Unreadable(..) => Self::Unreadable(error.to_string()),
        }
    }
}

/// The error for an authority's answer to a device code sign-in.
pub(super) fn refused(text: &str) -> SignInError {
    let message = one_line(text);
    SignInError::Refused {
        codes: codes(&message),
        message,
    }
}

/// The first source of this type.
fn find<T: std::error::Error + 'static>(error: &azure_core::Error) -> Option<&T> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        cause = error.source();
    }
    error.source().and_then(|source| source.downcast_ref())
}

/// The text on one line, without the library's name, its links, and the time, which every
/// answer has. A command that the user has to enter is marked as one.
fn one_line(text: &str) -> String {
    let text = text.split("\nTo troubleshoot").next().unwrap_or_default();
    let text = match text.split_once(" authentication failed.") {
        Some((name, rest)) if !name.contains(' ') => rest,
        _ => text,
    };
    let mut words = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("az ") && !line.contains(" not found") {
            words.push(Cow::Owned(format!("`{line}`")));
        } else {
            words.extend(line.split_whitespace().map(Cow::Borrowed));
        }
    }
    shortened(&without_tokens(&without_time(&words)))
}

/// The words on one line, without Entra ID's `Timestamp: DATE TIME`.
fn without_time(words: &[Cow<'_, str>]) -> String {
    let mut line = String::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let is_digit = |next: &Cow<'_, str>| next.starts_with(|c: char| c.is_ascii_digit());
        if word == "Timestamp:" && words.peek().is_some_and(|next| is_digit(next)) {
            words.next();
            words.next_if(|next| is_digit(next) && next.contains(':'));
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// A long text without its middle, which a mark replaces.
fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= MAX_BEGINNING + MAX_END + CUT.len() {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(MAX_BEGINNING).collect();
    let end: String = text.chars().skip(length - MAX_END).collect();
    format!("{beginning}{CUT}{end}")
}

/// Removes everything that looks like a token: programs print tokens in their debug
/// output.
fn without_tokens(text: &str) -> String {
    /// The beginning of every JWT: `{"` in Base64.
    const JWT_BEGIN: &str = "eyJ";
    /// Shorter than any JWT.
    const MIN_LENGTH: usize = 16;
    let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(JWT_BEGIN) {
        let length = rest[at..].chars().take_while(is_part).count();
        shown.push_str(&rest[..at]);
        shown.push_str(if length < MIN_LENGTH {
            &rest[at..at + length]
        } else {
            "[redacted]"
        });
        rest = &rest[at + length..];
    }
    shown.push_str(rest);
    shown
}

/// Entra ID's codes in a text.
fn codes(text: &str) -> Vec<u32> {
    let mut codes = Vec::new();
    for part in text.split("AADSTS").skip(1) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        if let Ok(code) = digits.parse()
            && !codes.contains(&code)
        {
            codes.push(code);
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_entra_id_error_keeps_its_code() {
        let text = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1 Correlation ID: 2 Timestamp: 2030-01-02 03:04:05Z";
        let SignInError::Refused { codes, message } = refused(text) else {
            panic!("another error");
        };
        assert_eq!(codes, [7_000_215]);
        assert_eq!(
            message,
            "AADSTS7000215: Invalid client secret provided. Trace ID: 1 Correlation ID: 2"
        );
    }

    #[test]
    fn the_library_s_wording_is_removed() {
        let text = "ClientSecretCredential authentication failed. AADSTS700016: no such app AADSTS700016\nTo troubleshoot, visit somewhere";
        assert_eq!(one_line(text), "AADSTS700016: no such app AADSTS700016");
        assert_eq!(codes(text), [700_016]);
        assert!(codes("AADSTS AADSTSx AADSTS99999999999999").is_empty());
    }

    #[test]
    fn the_commands_at_the_end_of_a_program_s_output_are_shown() {
        let text = "AzureCliCredential authentication failed. ERROR: AADSTS50076: Due to a change, \
                    you must use multi-factor authentication. Trace ID: 1 Correlation ID: 2 \
                    Timestamp: 2026-03-02 08:11:54Z\nRun the command below:\naz logout\n\
                    az login --tenant \"72f9\"\n\nTo troubleshoot, visit somewhere";
        let shown = one_line(text);
        assert!(shown.starts_with("ERROR: AADSTS50076: Due"), "{shown}");
        let end =
            "Correlation ID: 2 Run the command below: `az logout` `az login --tenant \"72f9\"`";
        assert!(shown.ends_with(end), "{shown}");
        let warnings = "WARNING: something\n".repeat(200);
        let shown = one_line(&format!("ERROR: first\n{warnings}az login\n"));
        assert!(shown.starts_with("ERROR: first"), "{shown}");
        assert!(
            shown.contains("[…]") && shown.ends_with("`az login`"),
            "{shown}"
        );
    }

    #[test]
    fn a_temporary_failure_is_tried_again() {
        let failed =
            |text: &str| azure_core::Error::with_message(ErrorKind::Credential, text.to_owned());
        assert!(is_worth_repeating(&failed("AADSTS90033: not available")));
        assert!(!is_worth_repeating(&failed(
            "AADSTS7000215: a wrong secret"
        )));
        assert!(!is_worth_repeating(&failed("nothing")));
    }

    #[test]
    fn the_description_in_an_answer_is_shown_once() {
        let own = || "not assigned".to_owned();
        for (text, body, shown) in [
            (
                own(),
                r#"{"error_description":"AADSTS500011: no resource"}"#,
                "not assigned: AADSTS500011: no resource",
            ),
            (
                own(),
                r#"{"error":{"code":"x","message":"why"}}"#,
                "not assigned: why",
            ),
            (
                own(),
                r#"{"error":"invalid","error_codes":[70002]}"#,
                "not assigned: AADSTS70002: invalid",
            ),
            (own(), "<html>", "not assigned"),
            (own(), "", "not assigned"),
            (String::new(), r#"{"error":"why"}"#, "why"),
            (
                r#"failed: {"error":"why"}"#.to_owned(),
                r#"{"error":"why"}"#,
                "failed: why",
            ),
            (
                "AADSTS1: why".to_owned(),
                r#"{"error_description":"AADSTS1: why"}"#,
                "AADSTS1: why",
            ),
        ] {
            assert_eq!(with_description(text, body.as_bytes()), shown, "{body}");
        }
    }

    #[test]
    fn a_token_in_an_explanation_is_not_shown() {
        let token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQi.c2ln_-x";
        assert_eq!(
            one_line(&format!("debug: \"{token}\", eyJ, {token}.")),
            "debug: \"[redacted]\", eyJ, [redacted]"
        );
        assert_eq!(one_line("heyJoe and eyJ0"), "heyJoe and eyJ0");
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_not_quoted() {
        let reason = serde_json::from_str::<u8>("\"hunter2\"").unwrap_err();
        let error = azure_core::Error::new(ErrorKind::DataConversion, reason);
        let error = azure_core::Error::with_error(ErrorKind::Credential, error, "hunter2");
        let explained = explain(error);
        assert!(
            matches!(explained, SignInError::Unreadable(_)),
            "{explained:?}"
        );
        assert!(!explained.to_string().contains("hunter2"));
    }

    #[test]
    fn an_unreachable_authority_is_distinguished() {
        let transport = TransportError::Timeout("https://login.example.test".to_owned());
        let inner = azure_core::Error::new(ErrorKind::Io, transport);
        let error = azure_core::Error::with_error(ErrorKind::Credential, inner, "it failed");
        assert!(matches!(explain(error), SignInError::Unreachable(_)));
        let setup = azure_core::Error::with_message(ErrorKind::Credential, "no az on the path");
        assert_eq!(
            explain(setup),
            SignInError::Setup("no az on the path".to_owned())
        );
    }
}
