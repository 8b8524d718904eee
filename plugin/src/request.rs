//! Requests as plain data: every argument is checked here, before anything is
//! sent, and every path segment and query value is percent-encoded.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::{
    action::{status_name, type_name},
    external_id::ExternalIdError,
    offboarding::OffboardError,
    tagging::TagError,
    tracking::{ActionFilter, CancelError},
    types::ReadError,
};

/// The longest answer with one entity, in bytes.
pub const ENTITY_LIMIT: usize = 256 * 1024;
/// A page is at most this long, in bytes.
pub const PAGE_LIMIT: usize = 16 * 1024 * 1024;
/// The largest page that the service returns (Microsoft's API documentation).
pub const MAX_PAGE: u32 = 10_000;
/// The most machines in a filter. More would exceed the URL limits of servers.
pub const MAX_FILTER_MACHINES: usize = 100;

/// The longest tag, in characters (Microsoft's page on device tags, about tags in
/// general).
pub const MAX_TAG: usize = 200;

/// The longest external id, in characters. The service documents no limit.
pub const MAX_EXTERNAL_ID: usize = 64;

/// The longest cursor, in bytes.
pub(crate) const MAX_CURSOR: usize = 16 * 1024;
const MAX_NAME: usize = 253;

/// Everything but RFC 3986's unreserved characters.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One HTTP request, without its origin and credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The path, with the query if there is one.
    pub target: String,
    /// The JSON body of a POST; `None` for a GET.
    pub body: Option<String>,
    /// The longest answer that is read, in bytes.
    pub answer_limit: usize,
}

impl Request {
    fn get(target: String, answer_limit: usize) -> Self {
        Self {
            target,
            body: None,
            answer_limit,
        }
    }

    fn post(target: String, body: &Body<'_>) -> Self {
        // A struct of strings always serialises.
        let body = serde_json::to_string(body).unwrap_or_default();
        Self {
            target,
            body: Some(body),
            answer_limit: ENTITY_LIMIT,
        }
    }
}

/// The body of a POST. The service compares member names by case.
#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Comment {
        #[serde(rename = "Comment")]
        comment: &'a str,
    },
    CommentAndId {
        #[serde(rename = "Comment")]
        comment: &'a str,
        #[serde(rename = "ExternalId")]
        external_id: &'a str,
    },
    Tag {
        #[serde(rename = "Value")]
        value: &'a str,
        /// `Add` or `Remove`; this plugin adds.
        #[serde(rename = "Action")]
        action: &'a str,
    },
}

/// One of the requests that together find a name; see [`find_machines`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindStep {
    /// What to send.
    pub request: Request,
    /// The step's number, from 0.
    pub number: usize,
    /// How many steps a search for this name has.
    pub count: usize,
}

/// `POST /api/machines/{id}/offboard`.
///
/// # Errors
/// The machine id is not 40 hexadecimal digits, or the comment is blank.
pub fn offboard(machine_id: &str, comment: &str) -> Result<Request, OffboardError> {
    let id = machine(machine_id).map_err(OffboardError::InvalidMachineId)?;
    let comment = not_blank(comment).map_err(OffboardError::InvalidComment)?;
    Ok(Request::post(
        format!("/api/machines/{}/offboard", value(&id)),
        &Body::Comment { comment },
    ))
}

/// `POST /api/machines/{id}/offboard`, with an external id.
///
/// # Errors
/// The machine id is not 40 hexadecimal digits, the comment is blank, or the external id is not
/// 1 to [`MAX_EXTERNAL_ID`] ASCII letters, digits and hyphens.
pub fn offboard_with_external_id(
    machine_id: &str,
    comment: &str,
    external_id: &str,
) -> Result<Request, ExternalIdError> {
    let id = machine(machine_id).map_err(ExternalIdError::InvalidMachineId)?;
    let comment = not_blank(comment).map_err(ExternalIdError::InvalidComment)?;
    let external_id = plain_id(external_id).map_err(ExternalIdError::InvalidExternalId)?;
    Ok(Request::post(
        format!("/api/machines/{}/offboard", value(&id)),
        &Body::CommentAndId {
            comment,
            external_id,
        },
    ))
}

/// `POST /api/machineactions/{id}/cancel`.
///
/// # Errors
/// The action id is not a GUID, or the comment is blank.
pub fn cancel_action(action_id: &str, comment: &str) -> Result<Request, CancelError> {
    let id = action(action_id).map_err(CancelError::InvalidActionId)?;
    let comment = not_blank(comment).map_err(CancelError::InvalidComment)?;
    Ok(Request::post(
        format!("/api/machineactions/{}/cancel", value(&id)),
        &Body::Comment { comment },
    ))
}

/// `POST /api/machines/{id}/tags`, which adds a tag.
///
/// # Errors
/// The machine id is not 40 hexadecimal digits, or the tag is blank, longer
/// than [`MAX_TAG`], or has control characters or white space at an end.
pub fn tag(machine_id: &str, tag: &str) -> Result<Request, TagError> {
    let id = machine(machine_id).map_err(TagError::InvalidMachineId)?;
    let value = clean_tag(tag).map_err(TagError::InvalidTag)?;
    Ok(Request::post(
        format!("/api/machines/{}/tags", self::value(&id)),
        &Body::Tag {
            value,
            action: "Add",
        },
    ))
}

/// `GET /api/machineactions/{id}`.
///
/// # Errors
/// The action id is not a GUID.
pub fn get_action(action_id: &str) -> Result<Request, ReadError> {
    let id = action(action_id).map_err(ReadError::InvalidArgument)?;
    Ok(Request::get(
        format!("/api/machineactions/{}", value(&id)),
        ENTITY_LIMIT,
    ))
}

/// `GET /api/machines/{id}`.
///
/// # Errors
/// The machine id is not 40 hexadecimal digits.
pub fn get_machine(machine_id: &str) -> Result<Request, ReadError> {
    let id = machine(machine_id).map_err(ReadError::InvalidArgument)?;
    Ok(Request::get(
        format!("/api/machines/{}", value(&id)),
        ENTITY_LIMIT,
    ))
}

/// `GET /api/machineactions`, newest first.
///
/// # Errors
/// An argument is out of its range.
pub fn list_actions(
    filter: &ActionFilter,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Request, ReadError> {
    let page = page_size(limit)?;
    let target = match cursor {
        Some(cursor) => with_query("/api/machineactions", self::cursor(cursor)?),
        None => {
            let mut query = Vec::new();
            let terms = filter_terms(filter).map_err(ReadError::InvalidArgument)?;
            if !terms.is_empty() {
                query.push(format!("$filter={}", value(&terms.join(" and "))));
            }
            query.push(format!("$orderby={}", value("creationDateTimeUtc desc")));
            query.push(format!("$top={page}"));
            with_query("/api/machineactions", &query.join("&"))
        }
    };
    Ok(Request::get(target, PAGE_LIMIT))
}

/// `GET /api/machines`, the fleet.
///
/// # Errors
/// An argument is out of its range.
pub fn list_machines(cursor: Option<&str>, limit: u32) -> Result<Request, ReadError> {
    let page = page_size(limit)?;
    let target = match cursor {
        Some(cursor) => with_query("/api/machines", self::cursor(cursor)?),
        None => with_query("/api/machines", &format!("$top={page}")),
    };
    Ok(Request::get(target, PAGE_LIMIT))
}

/// `GET /api/machines`, by name.
///
/// Uses only filters that Microsoft's API documentation shows: `eq`, and `startswith`
/// for a label that may be the beginning of a full name. Whether the service compares
/// by case is not documented, so a name with upper case is searched twice. Each step is
/// one request. The cursor is the step's number and the query of its next page, if
/// there is one.
///
/// # Errors
/// The name is empty or too long, the limit is out of range, or the cursor is not
/// from this plugin.
pub fn find_machines(name: &str, cursor: Option<&str>, limit: u32) -> Result<FindStep, ReadError> {
    let page = page_size(limit)?;
    let filters = name_filters(name).map_err(ReadError::InvalidArgument)?;
    let (number, query) = match cursor {
        None => (0, None),
        Some(cursor) => {
            let (number, query) = cursor.split_once(':').ok_or_else(bad_cursor)?;
            (
                number.parse::<usize>().map_err(|_| bad_cursor())?,
                Some(query),
            )
        }
    };
    let filter = filters.get(number).ok_or_else(bad_cursor)?;
    let target = match query {
        None | Some("") => with_query(
            "/api/machines",
            &format!("$filter={}&$top={page}", value(filter)),
        ),
        Some(query) => with_query("/api/machines", self::cursor(query)?),
    };
    Ok(FindStep {
        request: Request::get(target, PAGE_LIMIT),
        number,
        count: filters.len(),
    })
}

/// A machine id in the form that the service uses: 40 lower-case hexadecimal
/// digits.
///
/// # Errors
/// Any other text. The error is a message.
pub fn machine(id: &str) -> Result<String, String> {
    if id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(id.to_ascii_lowercase())
    } else {
        Err(format!(
            "a machine id is 40 hexadecimal digits; this has {} characters{}",
            id.chars().count(),
            if id.chars().all(|c| c.is_ascii_hexdigit()) {
                ""
            } else {
                ", not all of them hexadecimal digits"
            },
        ))
    }
}

/// An action id in lower case: a GUID.
///
/// # Errors
/// Any other text. The error is a message.
pub fn action(id: &str) -> Result<String, String> {
    let groups: Vec<&str> = id.split('-').collect();
    let sizes: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    if sizes == [8, 4, 4, 4, 12] && groups.concat().bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(id.to_ascii_lowercase())
    } else {
        Err("an action id is a GUID: 8-4-4-4-12 hexadecimal digits".to_owned())
    }
}

fn not_blank(comment: &str) -> Result<&str, String> {
    if comment.trim().is_empty() {
        Err("the comment is blank: a reason is required".to_owned())
    } else {
        Ok(comment)
    }
}

fn plain_id(id: &str) -> Result<&str, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=MAX_EXTERNAL_ID).contains(&id.len()) && id.bytes().all(is_plain) {
        Ok(id)
    } else {
        Err(format!(
            "an external id is 1 to {MAX_EXTERNAL_ID} ASCII letters, digits and hyphens"
        ))
    }
}

/// How the service treats white space at either end is unsourced, so it is refused: the
/// tag that is sent must be the tag that is searched for later.
fn clean_tag(tag: &str) -> Result<&str, String> {
    let length = tag.chars().count();
    if tag.trim().is_empty() {
        Err("the tag is blank".to_owned())
    } else if length > MAX_TAG {
        Err(format!(
            "a tag has at most {MAX_TAG} characters, not {length}"
        ))
    } else if tag.chars().any(char::is_control) {
        Err("the tag has a control character".to_owned())
    } else if tag.trim() != tag {
        Err("the tag begins or ends with white space".to_owned())
    } else {
        Ok(tag)
    }
}

fn page_size(limit: u32) -> Result<u32, ReadError> {
    if (1..=MAX_PAGE).contains(&limit) {
        Ok(limit)
    } else {
        Err(ReadError::InvalidArgument(format!(
            "a page has 1 to {MAX_PAGE} entries, not {limit}"
        )))
    }
}

fn bad_cursor() -> ReadError {
    ReadError::InvalidArgument("the cursor is not one of this plugin's".to_owned())
}

/// A cursor is the query of a next link, which [`crate::page::next_query`]
/// has cleaned: anything else did not come from there.
fn cursor(query: &str) -> Result<&str, ReadError> {
    let clean = !query.is_empty()
        && query.len() <= MAX_CURSOR
        && query.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    if clean { Ok(query) } else { Err(bad_cursor()) }
}

fn with_query(path: &str, query: &str) -> String {
    format!("{path}?{query}")
}

fn value(text: &str) -> impl Display + '_ {
    utf8_percent_encode(text, VALUE)
}

/// A string literal of OData: a single quote is doubled.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn name_filters(name: &str) -> Result<Vec<String>, String> {
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(format!(
            "a name has 1 to {MAX_NAME} characters and no control characters"
        ));
    }
    let lower = name.to_lowercase();
    let mut spellings = vec![name];
    if lower != name {
        spellings.push(&lower);
    }
    let mut filters: Vec<String> = spellings
        .iter()
        .map(|name| format!("computerDnsName eq {}", literal(name)))
        .collect();
    if !name.contains('.') {
        filters.extend(spellings.iter().map(|name| {
            format!(
                "startswith(computerDnsName,{})",
                literal(&format!("{name}."))
            )
        }));
    }
    Ok(filters)
}

fn filter_terms(filter: &ActionFilter) -> Result<Vec<String>, String> {
    if filter.machine_ids.len() > MAX_FILTER_MACHINES {
        return Err(format!(
            "a filter takes {MAX_FILTER_MACHINES} machines, not {}",
            filter.machine_ids.len()
        ));
    }
    let machines = filter
        .machine_ids
        .iter()
        .map(|id| machine(id))
        .collect::<Result<Vec<_>, _>>()?;
    let statuses: Vec<&str> = filter.statuses.iter().map(status_name).collect();
    let mut terms = Vec::new();
    terms.extend(any_of("machineId", machines.iter().map(String::as_str)));
    terms.extend(
        filter
            .action_type
            .as_ref()
            .map(|kind| format!("type eq {}", literal(type_name(kind)))),
    );
    terms.extend(any_of("status", statuses.into_iter()));
    if let Some(time) = &filter.created_after {
        terms.push(format!("creationDateTimeUtc gt {}", timestamp(time)?));
    }
    Ok(terms)
}

fn any_of<'a>(property: &str, values: impl ExactSizeIterator<Item = &'a str>) -> Option<String> {
    let several = values.len() > 1;
    let terms: Vec<String> = values
        .map(|value| format!("{property} eq {}", literal(value)))
        .collect();
    match terms.is_empty() {
        true => None,
        false if several => Some(format!("({})", terms.join(" or "))),
        false => Some(terms.concat()),
    }
}

/// A filter has dates without quotes, so only a date is accepted: a day, or a time to
/// the minute, the second or its fractions.
fn timestamp(text: &str) -> Result<&str, String> {
    const SHAPE: &str = "dddd-dd-ddTdd:dd:dd.ddddddd";
    let like = |shape: &str, time: &str| {
        shape.len() == time.len()
            && shape
                .bytes()
                .zip(time.bytes())
                .all(|(shape, byte)| match shape {
                    b'd' => byte.is_ascii_digit(),
                    other => byte == other,
                })
    };
    let lengths = [10, 16, 19].into_iter().chain(21..=SHAPE.len());
    let shaped = text.strip_suffix('Z').is_some_and(|time| {
        lengths
            .filter_map(|length| SHAPE.get(..length))
            .any(|shape| like(shape, time))
    });
    if shaped {
        Ok(text)
    } else {
        Err("a time is ISO 8601 in UTC: 2030-01-02T03:04:05Z".to_owned())
    }
}
