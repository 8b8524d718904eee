//! The permitted queries of lists. A list is evidence of the state before an order and of the
//! order's effect. A malicious plugin that chooses the filter would choose the evidence. So
//! the host determines the query of every list that a decision depends on.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;

use crate::contract::{ActionFilter, ActionStatus, ActionType};

/// The longest query, in bytes.
pub const MAX_QUERY: usize = 16 * 1024;

/// The permitted queries of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Query {
    /// No query.
    None,
    /// These options with these values, in any order and any encoding.
    Options(Vec<(&'static str, String)>),
    /// Options with these names, each once, with any value.
    OptionNames(&'static [&'static str]),
    /// This query, byte for byte: the next link of the previous page.
    Verbatim(String),
}

impl Query {
    /// A page of the actions that match a filter, newest first.
    pub(super) fn actions(filter: &ActionFilter, cursor: Option<&str>, limit: u32) -> Self {
        if let Some(cursor) = cursor {
            return Self::Verbatim(cursor.to_owned());
        }
        let mut options = vec![
            ("$orderby", "creationDateTimeUtc desc".to_owned()),
            ("$top", limit.to_string()),
        ];
        let terms = terms(filter);
        if !terms.is_empty() {
            options.push(("$filter", terms.join(" and ")));
        }
        Self::Options(options)
    }

    /// A page of the fleet.
    pub(super) fn machines(cursor: Option<&str>, limit: u32) -> Self {
        match cursor {
            Some(cursor) => Self::Verbatim(cursor.to_owned()),
            None => Self::Options(vec![("$top", limit.to_string())]),
        }
    }

    /// A page of a search by name. The plugin chooses the filter, because the host
    /// compares the names in the answer.
    pub(super) fn names(cursor: Option<&str>) -> Self {
        // The number of the spelling, and the query of the next page.
        match cursor.and_then(|cursor| cursor.split_once(':')) {
            Some((_, query)) if !query.is_empty() => Self::Verbatim(query.to_owned()),
            _ => Self::OptionNames(&["$filter", "$top"]),
        }
    }

    /// Whether this query is permitted.
    pub(super) fn permits(&self, requested: Option<&str>) -> bool {
        let Some(requested) = requested else {
            return *self == Self::None;
        };
        if requested.len() > MAX_QUERY {
            return false;
        }
        match self {
            Self::None => false,
            Self::Verbatim(query) => {
                requested == query && requested.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
            }
            Self::Options(options) => pairs(requested).is_some_and(|requested| {
                let wanted = |(name, value): &(String, String)| {
                    options
                        .iter()
                        .any(|known| known.0 == name && known.1 == *value)
                };
                requested.len() == options.len() && requested.iter().all(wanted)
            }),
            Self::OptionNames(names) => pairs(requested).is_some_and(|requested| {
                requested
                    .iter()
                    .all(|(name, _)| names.contains(&name.as_str()))
            }),
        }
    }
}

/// An action filter as OData terms, joined by `and` (Microsoft's API documentation).
fn terms(filter: &ActionFilter) -> Vec<String> {
    let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let any = |property: &str, values: Vec<String>| {
        let equal: Vec<String> = values
            .iter()
            .map(|value| format!("{property} eq {}", literal(value)))
            .collect();
        match equal.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            several => Some(format!("({})", several.join(" or "))),
        }
    };
    let machines = filter.machine_ids.iter().map(|id| id.to_ascii_lowercase());
    let statuses = filter.statuses.iter().map(ActionStatus::name);
    let mut terms = Vec::new();
    terms.extend(any("machineId", machines.collect()));
    terms.extend(filter.action_type.as_ref().map(|kind| {
        let name = ActionType::name(kind);
        format!("type eq {}", literal(name))
    }));
    terms.extend(any("status", statuses.map(ToOwned::to_owned).collect()));
    let after = filter.created_after.as_ref();
    terms.extend(after.map(|time| format!("creationDateTimeUtc gt {time}")));
    terms
}

/// The decoded options of a query; `None` if it has another form or repeats an option.
fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    let mut known = HashSet::new();
    query
        .split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let bare = name
                .strip_prefix('$')
                .or_else(|| name.strip_prefix("%24"))?;
            let named = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_alphabetic());
            let fits =
                named && value.bytes().all(is_plain) && known.insert(bare.to_ascii_lowercase());
            let value = percent_decode_str(value).decode_utf8().ok()?;
            fits.then(|| (format!("${bare}"), value.into_owned()))
        })
        .collect()
}

/// Whether a byte may occur in a value. A plus sign may not: some servers decode it as a
/// space, others as a plus sign.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%$'()*,:=/!@".contains(&byte)
}
