//! The JSON body of a POST.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use crate::action::Ordered;
use crate::action_kind::IsolationType;
use crate::error::ServiceError;
use crate::tags::TagAction;

/// The longest tag, in characters.
const MAX_TAG: usize = 200;

/// The `Comment` of a body, if it has one. Member names are case-sensitive.
///
/// # Errors
///
/// `InvalidRequestBody` for anything except a JSON object with the content type
/// `application/json`, or if `Comment` isn't a string. Unsourced: that another content type is
/// refused, and with this row of the table; and that a blank `Comment` is accepted.
pub(super) fn comment(headers: &HeaderMap, body: &[u8]) -> Result<Option<String>, ServiceError> {
    text(&mut members(headers, body)?, "Comment")
}

/// The order of an action: `Comment`, which is required, `ExternalId` and `Title`. The
/// service's metadata declares the last two as optional. Unsourced: that they may be blank, and
/// that they have no limit.
///
/// # Errors
///
/// As [`comment`], for each of them; and `MissingRequiredParameter` without a comment.
pub(super) fn order(headers: &HeaderMap, body: &[u8]) -> Result<Ordered, ServiceError> {
    ordered(&mut members(headers, body)?)
}

/// The order of an isolation, and its type: `IsolationType`.
///
/// # Errors
///
/// As [`order`]; and `InvalidInput` for another type. Unsourced: the row of the table; and that
/// the isolation is full without a type, which Microsoft's API documentation doesn't mark as
/// required.
pub(super) fn isolation(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Ordered, IsolationType), ServiceError> {
    let mut members = members(headers, body)?;
    let ordered = ordered(&mut members)?;
    let isolation = match text(&mut members, "IsolationType")? {
        None => IsolationType::Full,
        Some(name) => IsolationType::named(&name).ok_or_else(|| {
            ServiceError::invalid_input(format!(
                "'{name}' isn't an isolation type: Full, Selective or UnManagedDevice."
            ))
        })?,
    };
    Ok((ordered, isolation))
}

fn ordered(members: &mut Map<String, Value>) -> Result<Ordered, ServiceError> {
    let comment = text(members, "Comment")?;
    Ok(Ordered {
        comment: comment.ok_or_else(|| ServiceError::missing_parameter("Comment"))?,
        external_id: text(members, "ExternalId")?,
        title: text(members, "Title")?,
    })
}

/// The tag of a body, and the change: `Value` and `Action`, both required.
///
/// # Errors
///
/// As [`comment`]; `MissingRequiredParameter` for a missing member; and `InvalidInput` for
/// another `Action`, a blank `Value` or one of more than 200 characters. The limit is
/// documented for tags in general. Unsourced: the rows of the table for these refusals, and
/// that a blank tag is refused.
pub(super) fn tag(headers: &HeaderMap, body: &[u8]) -> Result<(String, TagAction), ServiceError> {
    let mut members = members(headers, body)?;
    let mut required =
        |name| text(&mut members, name)?.ok_or_else(|| ServiceError::missing_parameter(name));
    let (value, action) = (required("Value")?, required("Action")?);
    let action = match action.as_str() {
        "Add" => TagAction::Add,
        "Remove" => TagAction::Remove,
        other => {
            return Err(ServiceError::invalid_input(format!(
                "'{other}' isn't an action: Add or Remove."
            )));
        }
    };
    let length = value.chars().count();
    if value.trim().is_empty() || length > MAX_TAG {
        return Err(ServiceError::invalid_input(format!(
            "A tag has 1 to {MAX_TAG} characters, not {length}."
        )));
    }
    Ok((value, action))
}

/// An empty body has no members.
fn members(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, ServiceError> {
    require_json(headers)?;
    if body.is_empty() {
        return Ok(Map::new());
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        ServiceError::invalid_body(format!("The request body isn't readable as JSON: {error}."))
    })?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(ServiceError::invalid_body(
            "The request body must be a JSON object.",
        )),
    }
}

fn text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, ServiceError> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ServiceError::invalid_body(format!(
            "'{name}' must be a string."
        ))),
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), ServiceError> {
    let value = headers
        .get(CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let media_type = value
        .as_deref()
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    match media_type {
        Some(media_type) if media_type.eq_ignore_ascii_case("application/json") => Ok(()),
        Some(other) => Err(ServiceError::invalid_body(format!(
            "Content-Type must be 'application/json', not '{other}'."
        ))),
        None => Err(ServiceError::invalid_body(
            "Content-Type 'application/json' is required.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(content_type: Option<&'static str>, body: &str) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        comment(&headers, body.as_bytes()).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn comments_are_read_by_their_exact_name() {
        let json = Some("application/json");
        for (body, expected) in [
            (r#"{"Comment":"why"}"#, Some("why")),
            (r#"{"Comment":"","Other":1}"#, Some("")),
            (r#"{"comment":"why"}"#, None),
            (r#"{"COMMENT":"why"}"#, None),
            (r#"{"Comment":null}"#, None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(read(json, body), Ok(expected.map(String::from)), "{body}");
        }
        for body in [
            "{",
            "null",
            "[]",
            "\"why\"",
            r#"{"Comment":5}"#,
            r#"{"Comment":["why"]}"#,
            "Comment=why",
        ] {
            let error = read(json, body);
            assert!(
                error.is_err_and(|error| error.contains("InvalidRequestBody")),
                "{body}"
            );
        }
    }

    #[test]
    fn only_json_is_read() {
        for (content_type, accepted) in [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("text/plain"), false),
            (Some("application/jsonx"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(
                read(content_type, r#"{"Comment":"why"}"#).is_ok(),
                accepted,
                "{content_type:?}"
            );
        }
    }
}
