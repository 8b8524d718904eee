//! One page of a list, and the link to the next page.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use super::query::{ListQuery, OrderBy};
use super::schema::{Kind, Row};

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    /// The number of matches on all pages.
    pub(crate) total: usize,
    pub(crate) next: Option<Next>,
}

/// The start of the next page, and the part of `$top` that remains for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next {
    skip: usize,
    top: Option<usize>,
}

/// Selects the page from all rows, which are in the list's own order.
pub(crate) fn page<'a>(
    rows: impl Iterator<Item = &'a Row>,
    query: &ListQuery,
    page_size: usize,
) -> Page {
    let mut matching: Vec<&Row> = rows
        .filter(|row| {
            query
                .filter
                .as_ref()
                .is_none_or(|filter| filter.matches(row))
        })
        .collect();
    if !query.order.is_empty() {
        matching.sort_by(|one, other| order(one, other, &query.order));
    }
    let size = query.top.map_or(page_size, |top| top.min(page_size));
    let end = query.skip.saturating_add(size);
    let left = query.top.map(|top| top - size);
    let next = (end < matching.len() && left != Some(0)).then_some(Next {
        skip: end,
        top: left,
    });
    let shown = matching.iter().skip(query.skip).take(size);
    Page {
        rows: shown
            .map(|row| selected(row, query.select.as_deref()))
            .collect(),
        total: matching.len(),
        next,
    }
}

/// Members keep the order of the entity, regardless of `$select`.
fn selected(row: &Row, select: Option<&[&str]>) -> Row {
    let Some(select) = select else {
        return row.clone();
    };
    row.iter()
        .filter(|(name, _)| select.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn order(one: &Row, other: &Row, by: &[OrderBy]) -> Ordering {
    by.iter().fold(Ordering::Equal, |so_far, by| {
        so_far.then_with(|| {
            let ascending = values(one.get(by.name), other.get(by.name), by.kind);
            if by.descending {
                ascending.reverse()
            } else {
                ascending
            }
        })
    })
}

/// Nulls come first, as in OData.
fn values(one: Option<&Value>, other: Option<&Value>, kind: Kind) -> Ordering {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(String::from);
    match kind {
        Kind::Number => {
            let number = |value: Option<&Value>| value.and_then(Value::as_i64);
            number(one).cmp(&number(other))
        }
        Kind::Truth => one
            .and_then(Value::as_bool)
            .cmp(&other.and_then(Value::as_bool)),
        Kind::Time => {
            let time = |value| text(value).and_then(|text| text.parse::<Timestamp>().ok());
            time(one).cmp(&time(other))
        }
        Kind::Text | Kind::Texts | Kind::Opaque => text(one).cmp(&text(other)),
    }
}

/// The same request for the next page: `$skip` and `$top` are replaced, everything else stays
/// as it was sent.
pub(crate) fn next_link(origin: &str, path: &str, query: &str, next: Next) -> String {
    let kept = query.split('&').filter(|option| {
        let name = form_urlencoded::parse(option.as_bytes())
            .next()
            .map(|(name, _)| name.into_owned());
        !option.is_empty() && !matches!(name.as_deref(), Some("$skip" | "$top"))
    });
    let mut options: Vec<String> = kept.map(String::from).collect();
    options.extend(next.top.map(|top| format!("$top={top}")));
    options.push(format!("$skip={}", next.skip));
    format!("{origin}{path}?{}", options.join("&"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::super::schema::{MACHINE_SCHEMA, Schema};
    use super::*;

    const SCHEMA: &Schema = &MACHINE_SCHEMA;

    fn rows() -> Vec<Row> {
        let seen = [
            "2030-01-01T00:00:00.12Z",
            "2030-01-01T00:00:00.1Z",
            "2030-01-01T00:00:00Z",
            "2029-01-01T00:00:00Z",
        ];
        let rows = seen.iter().enumerate().map(|(index, seen)| {
            let risk = if index == 2 { Value::Null } else { json!("Low") };
            json!({"id": index.to_string(), "lastSeen": seen, "riskScore": risk, "rbacGroupId": 10 - index})
        });
        rows.map(|row| row.as_object().unwrap().clone()).collect()
    }

    fn ids(query: &str, page_size: usize) -> (String, Option<Next>) {
        let page = page(
            rows().iter(),
            &ListQuery::parse(query, SCHEMA).unwrap(),
            page_size,
        );
        (
            page.rows
                .iter()
                .filter_map(|row| row["id"].as_str())
                .collect(),
            page.next,
        )
    }

    #[test]
    fn pages_end_where_the_list_or_top_ends() {
        let next = |skip, top| Some(Next { skip, top });
        for (query, page_size, expected) in [
            ("", 10, ("0123", None)),
            ("", 4, ("0123", None)),
            ("", 3, ("012", next(3, None))),
            ("$skip=3", 3, ("3", None)),
            ("$skip=1", 2, ("12", next(3, None))),
            ("$skip=9", 2, ("", None)),
            ("$top=2", 10, ("01", None)),
            ("$top=2", 2, ("01", None)),
            ("$top=3", 2, ("01", next(2, Some(1)))),
            ("$top=1&$skip=2", 2, ("2", None)),
            ("$top=0", 2, ("", None)),
            ("$top=9", 3, ("012", next(3, Some(6)))),
        ] {
            let (found, link) = ids(query, page_size);
            assert_eq!((found.as_str(), link), expected, "{query} {page_size}");
        }
    }

    #[test]
    fn order_is_by_value_not_by_text() {
        for (query, expected) in [
            ("$orderby=lastSeen", "3210"),
            ("$orderby=lastSeen desc", "0123"),
            ("$orderby=rbacGroupId", "3210"),
            ("$orderby=riskScore,id desc", "2310"),
            ("$orderby=riskScore desc,id", "0132"),
        ] {
            assert_eq!(ids(query, 10).0, expected, "{query}");
        }
    }

    #[test]
    fn selection_keeps_the_entitys_order() {
        let query = ListQuery::parse("$select=lastSeen,id", SCHEMA).unwrap();
        let page = page(rows().iter(), &query, 1);
        assert_eq!(page.rows[0].keys().collect::<Vec<_>>(), ["id", "lastSeen"]);
        assert_eq!(page.total, 4);
    }

    #[test]
    fn the_link_keeps_the_rest_of_the_query() {
        let next = Next {
            skip: 6,
            top: Some(4),
        };
        let link = |query, next| next_link("http://h:1", "/api/machines", query, next);
        assert_eq!(
            link(
                "$filter=id%20eq%20'a%26b'&%24skip=3&$top=7&$count=true&x",
                next
            ),
            "http://h:1/api/machines?$filter=id%20eq%20'a%26b'&$count=true&x&$top=4&$skip=6"
        );
        assert_eq!(
            link("", Next { skip: 6, top: None }),
            "http://h:1/api/machines?$skip=6"
        );
    }
}
