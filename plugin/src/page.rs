//! Pages of a list, and the next link, of which only the query is used.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::value::RawValue;

use crate::{json::Members, request::MAX_CURSOR};

/// Characters that must be encoded in a query. A percent sign need not be: the link is
/// encoded already.
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A page of a list, its entries unread.
pub struct Page<'a> {
    /// The entries, in the service's order.
    pub entries: Vec<&'a RawValue>,
    /// The query of the next page.
    pub next: Option<String>,
}

/// Reads a page.
///
/// # Errors
/// It is not a JSON object with an array `value`. The error is a message.
pub fn parse(text: &str) -> Result<Page<'_>, String> {
    let members = Members::parse(text).map_err(|error| format!("not a list: {error}"))?;
    let value = members.raw("value").ok_or("not a list: it has no value")?;
    let entries = serde_json::from_str(value.get())
        .map_err(|error| format!("not a list: its value is not an array: {error}"))?;
    let next = match members.text("@odata.nextLink") {
        // An incomplete list without an error would be worse than an error.
        Some(link) => Some(next_query(&link).ok_or("its next link cannot be followed")?),
        None => None,
    };
    Ok(Page { entries, next })
}

/// The query of a next link, encoded for sending; `None` if it has none or if it is too
/// long. Its origin and path are ignored: the next page has the same ones as this page.
pub fn next_query(link: &str) -> Option<String> {
    let link = link.split('#').next().unwrap_or_default();
    let (_, query) = link.split_once('?')?;
    let query = utf8_percent_encode(query, QUERY).to_string();
    (1..=MAX_CURSOR).contains(&query.len()).then_some(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_link_to_another_host_is_used_for_its_query_alone() {
        let next = next_query("https://evil.test:8443/api/machines/x/isolate?$top=2&$skip=2#y");
        assert_eq!(next.as_deref(), Some("$top=2&$skip=2"));
    }

    #[test]
    fn a_next_link_that_cannot_be_followed_does_not_end_the_list() {
        let long = format!(
            "https://host.test/api/machines?{}",
            "x".repeat(MAX_CURSOR + 1)
        );
        for link in [
            "https://host.test/api/machines",
            "https://host.test/api/machines?",
            &long,
        ] {
            assert_eq!(next_query(link), None);
            let page = serde_json::json!({"value": [], "@odata.nextLink": link}).to_string();
            assert!(parse(&page).is_err());
        }
    }

    #[test]
    fn what_cannot_stand_in_a_request_line_is_encoded() {
        let next = next_query("?$filter=name eq 'é'\r\nX: y&done=%20");
        assert_eq!(
            next.as_deref(),
            Some("$filter=name%20eq%20'%C3%A9'%0D%0AX:%20y&done=%20")
        );
    }
}
