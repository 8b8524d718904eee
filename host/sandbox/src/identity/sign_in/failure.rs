//! Turns errors of Microsoft's library into short messages. The library nests messages
//! in messages, with Entra ID's error codes among them.

use std::error::Error as _;

use azure_core::error::ErrorKind;

use super::transport::TransportError;
use crate::identity::sign_in_error::SignInError;

/// The longest message, in characters.
const MAX_DESCRIPTION: usize = 600;

/// Converts an error of the library.
pub(super) fn explain(error: azure_core::Error) -> SignInError {
    if let Some(transport) = find::<TransportError>(&error) {
        return transport.into();
    }
    let text = one_line(&error.to_string());
    let codes = codes(&text);
    let answered = find::<azure_core::Error>(&error).and_then(|error| match error.kind() {
        ErrorKind::HttpResponse { status, .. } => Some(*status),
        _ => None,
    });
    if answered.is_some() || !codes.is_empty() {
        // A server that is not Entra ID may answer without a body.
        let message = match (text.is_empty(), answered) {
            (true, Some(status)) => format!("the answer is {status} without a message"),
            _ => text,
        };
        return SignInError::Refused { codes, message };
    }
    // A parser's message may quote the answer, which may have a token.
    if *error.kind() == ErrorKind::DataConversion || find::<serde_json::Error>(&error).is_some() {
        return SignInError::Unreadable(UNREADABLE.to_owned());
    }
    SignInError::Setup(text)
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
            TransportError::Unreadable(_) => Self::Unreadable(error.to_string()),
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

/// The text on one line, without the library's name, links and trace ids, which every answer
/// has.
fn one_line(text: &str) -> String {
    let text = text.split("\nTo troubleshoot").next().unwrap_or_default();
    let text = match text.split_once(" authentication failed. ") {
        Some((name, rest)) if !name.contains(' ') => rest,
        _ => text,
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = text.find(" Timestamp: ").unwrap_or(text.len());
    without_tokens(&text[..end])
        .chars()
        .take(MAX_DESCRIPTION)
        .collect()
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
