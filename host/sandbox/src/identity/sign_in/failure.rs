//! Why Microsoft's library gave no token, in the host's own words: its errors
//! are texts around texts, and Entra ID's codes are in them.

use std::error::Error as _;

use azure_core::error::ErrorKind;

use super::transport::TransportError;
use crate::identity::sign_in_error::SignInError;

/// The longest explanation, in characters.
const MAX_MESSAGE: usize = 600;

/// What an error of the library's means.
pub(super) fn explain(error: azure_core::Error) -> SignInError {
    if let Some(transport) = find::<TransportError>(&error) {
        return transport.into();
    }
    let text = words(&error.to_string());
    let codes = codes(&text);
    let answered = find::<azure_core::Error>(&error).and_then(|error| match error.kind() {
        ErrorKind::HttpResponse { status, .. } => Some(*status),
        _ => None,
    });
    if answered.is_some() || !codes.is_empty() {
        // Who is no Entra ID may answer without a word.
        let message = match (text.is_empty(), answered) {
            (true, Some(status)) => format!("the answer is {status}, without a reason"),
            _ => text,
        };
        return SignInError::Refused { codes, message };
    }
    // What a parser says of it may quote it.
    if *error.kind() == ErrorKind::DataConversion || find::<serde_json::Error>(&error).is_some() {
        return SignInError::Unreadable(SENSELESS.to_owned());
    }
    SignInError::Setup(text)
}

/// What came back is no answer that anybody reads.
pub(super) const SENSELESS: &str = "the answer makes no sense";

impl From<&TransportError> for SignInError {
    fn from(error: &TransportError) -> Self {
        match error {
            TransportError::Forbidden(_) => Self::Setup(error.to_string()),
            TransportError::Unreachable(_) | TransportError::Silent(_) => {
                Self::Unreachable(error.to_string())
            }
            TransportError::Senseless(_) => Self::Unreadable(error.to_string()),
        }
    }
}

/// What the authority said when a person signs in.
pub(super) fn refused(text: &str) -> SignInError {
    let message = words(text);
    SignInError::Refused {
        codes: codes(&message),
        message,
    }
}

/// The first cause of this type.
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

/// The text on one line, without the library's name for itself, its links, and
/// the numbers of a trace, which every answer has.
fn words(text: &str) -> String {
    let text = text.split("\nTo troubleshoot").next().unwrap_or_default();
    let text = match text.split_once(" authentication failed. ") {
        Some((name, rest)) if !name.contains(' ') => rest,
        _ => text,
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = text.find(" Timestamp: ").unwrap_or(text.len());
    without_tokens(&text[..end])
        .chars()
        .take(MAX_MESSAGE)
        .collect()
}

/// A text in which nothing stands that looks like a token: programs write them
/// where they tell what they do.
fn without_tokens(text: &str) -> String {
    /// How every JWT begins: `{"` in Base64.
    const BEGIN: &str = "eyJ";
    /// Shorter than any.
    const LEAST: usize = 16;
    let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let length = rest[at..].chars().take_while(is_part).count();
        shown.push_str(&rest[..at]);
        shown.push_str(match length < LEAST {
            true => &rest[at..at + length],
            false => "[redacted]",
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
    fn what_entra_id_says_is_told_with_its_code() {
        let said = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1 Correlation ID: 2 Timestamp: 2030-01-02 03:04:05Z";
        let SignInError::Refused { codes, message } = refused(said) else {
            panic!("another error");
        };
        assert_eq!(codes, [7_000_215]);
        assert_eq!(
            message,
            "AADSTS7000215: Invalid client secret provided. Trace ID: 1 Correlation ID: 2"
        );
    }

    #[test]
    fn the_library_s_own_words_are_left_out() {
        let text = "ClientSecretCredential authentication failed. AADSTS700016: no such app AADSTS700016\nTo troubleshoot, visit somewhere";
        assert_eq!(words(text), "AADSTS700016: no such app AADSTS700016");
        assert_eq!(codes(text), [700_016]);
        assert!(codes("AADSTS AADSTSx AADSTS99999999999999").is_empty());
    }

    #[test]
    fn a_token_in_an_explanation_is_not_shown() {
        let token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQi.c2ln_-x";
        assert_eq!(
            words(&format!("debug: \"{token}\", eyJ, {token}.")),
            "debug: \"[redacted]\", eyJ, [redacted]"
        );
        assert_eq!(words("heyJoe and eyJ0"), "heyJoe and eyJ0");
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_not_quoted() {
        let reason = serde_json::from_str::<u8>("\"hunter2\"").unwrap_err();
        let error = azure_core::Error::new(ErrorKind::DataConversion, reason);
        let error = azure_core::Error::with_error(ErrorKind::Credential, error, "hunter2");
        let told = explain(error);
        assert!(matches!(told, SignInError::Unreadable(_)), "{told:?}");
        assert!(!told.to_string().contains("hunter2"));
    }

    #[test]
    fn an_authority_that_cannot_be_reached_is_told_apart() {
        let transport = TransportError::Silent("https://login.example.test".to_owned());
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
