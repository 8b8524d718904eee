//! Why Microsoft's library gave no token, in the host's own words: its errors
//! are texts around texts, and Entra ID's codes are in them.

use std::error::Error as _;

use azure_core::error::ErrorKind;

use super::super::SignInError;
use super::transport::TransportError;

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
    SignInError::Setup(text)
}

impl From<&TransportError> for SignInError {
    fn from(error: &TransportError) -> Self {
        match error {
            TransportError::Forbidden(_) => Self::Setup(error.to_string()),
            TransportError::Unreachable(_) | TransportError::Silent(_) => {
                Self::Unreachable(error.to_string())
            }
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
    text[..end].chars().take(MAX_MESSAGE).collect()
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
