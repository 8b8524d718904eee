//! The form of a token request.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

use super::error::EntraError;

/// The parameters of a request, each with one value.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`EntraError::UnreadableForm`] for another content type (unsourced) or a repeated
    /// parameter. Entra ID accepts a body without a content type: clients that work with the
    /// service send none.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, EntraError> {
        if headers.contains_key(CONTENT_TYPE) && !is_form(headers) {
            return Err(EntraError::UnreadableForm);
        }
        let form = Self(form_urlencoded::parse(body).into_owned().collect());
        let mut names: Vec<&str> = form.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|two| two[0] == two[1]) {
            return Err(EntraError::UnreadableForm);
        }
        Ok(form)
    }

    /// A parameter that isn't empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn require(&self, name: &'static str) -> Result<&str, EntraError> {
        self.get(name).ok_or(EntraError::MissingParameter(name))
    }
}

/// Whether the content type is a form. Without a content type it is not known.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media_type| {
            media_type
                .trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(content_type: &'static str, body: &str) -> Result<Form, EntraError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Form::read(&headers, body.as_bytes())
    }

    #[test]
    fn a_body_without_a_content_type_is_a_form() {
        let headers = HeaderMap::new();
        let form = Form::read(&headers, b"a=x%20y");
        let Ok(form) = form else { panic!("refused") };
        assert_eq!(form.get("a"), Some("x y"));
        assert!(Form::read(&headers, b"a=x&a=y").is_err());
        // Secrets in a body of an unknown format are not recorded.
        assert!(!is_form(&headers));
    }

    #[test]
    fn values_are_decoded_and_empty_ones_are_missing() {
        let form = read(
            "application/x-www-form-urlencoded; charset=utf-8",
            "a=x%20y&b=&c",
        );
        let Ok(form) = form else { panic!("refused") };
        assert_eq!(form.get("a"), Some("x y"));
        assert_eq!(form.require("b"), Err(EntraError::MissingParameter("b")));
        assert_eq!(form.require("c"), Err(EntraError::MissingParameter("c")));
        assert_eq!(form.require("d"), Err(EntraError::MissingParameter("d")));
    }

    #[test]
    fn an_invalid_form_is_refused() {
        for (content_type, body) in [
            ("application/json", "a=x"),
            ("application/x-www-form-urlencoded", "a=x&a=y"),
            ("application/x-www-form-urlencoded", "a=x&b=y&%61=z"),
        ] {
            assert!(read(content_type, body).is_err(), "{content_type} {body}");
        }
    }
}
