//! URLs without the secrets in them.

use std::borrow::Cow;

use super::detection::may_be_secret;

/// URL parameters with a secret value.
const SECRET_PARAMETERS: [&str; 14] = [
    "access_token",
    "api_key",
    "apikey",
    "assertion",
    "client_secret",
    "code",
    "id_token",
    "key",
    "password",
    "pwd",
    "refresh_token",
    "secret",
    "sig",
    "token",
];

/// A URL without user name and password, and without the values of secret parameters.
pub(super) fn shown_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (place, parameters) = match rest.find(['?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    // A password may have an unescaped slash.
    let place = match place.rsplit_once('@') {
        Some((user, place)) => format!("{}@{place}", hidden(user)),
        None => place
            .split('/')
            .map(|part| value_in_url(part))
            .collect::<Vec<_>>()
            .join("/"),
    };
    let mut shown = format!("{scheme}://{place}");
    let mut parameter = String::new();
    let flush = |parameter: &mut String, shown: &mut String| {
        match parameter.split_once('=') {
            Some((name, value)) if is_secret_parameter(name, value) => {
                shown.push_str(&format!("{name}={}", hidden(value)));
            }
            Some(_) => shown.push_str(parameter),
            None => shown.push_str(&value_in_url(parameter)),
        }
        parameter.clear();
    };
    for character in parameters.chars() {
        match character {
            '?' | '#' | '&' | ';' => {
                flush(&mut parameter, &mut shown);
                shown.push(character);
            }
            character => parameter.push(character),
        }
    }
    flush(&mut parameter, &mut shown);
    shown
}

fn is_secret_parameter(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !value.is_empty() && (SECRET_PARAMETERS.contains(&name.as_str()) || may_be_secret(value))
}

fn value_in_url(text: &str) -> Cow<'_, str> {
    if may_be_secret(text) {
        Cow::Owned(hidden(text))
    } else {
        Cow::Borrowed(text)
    }
}

/// The mark for a hidden secret.
pub(super) fn hidden(text: &str) -> String {
    format!("[hidden: {} characters]", text.chars().count())
}
