//! Which query a list may be asked with. What a list says is evidence: of what
//! was there before an order, and of what became of it. A plugin that could
//! choose what is left out of it could choose the evidence, so the query is the
//! host's own wherever a list decides something.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;

use crate::contract::{ActionFilter, ActionStatus, ActionType};

/// The longest query, in bytes.
pub const MAX_QUERY: usize = 16 * 1024;

/// The queries that a route takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Query {
    /// None.
    None,
    /// These options with these values, in any order, however they are encoded.
    Says(Vec<(&'static str, String)>),
    /// Options of these names, each once, with any value.
    Named(&'static [&'static str]),
    /// This one, letter by letter: where the page before said that the list
    /// goes on.
    Exactly(String),
}

impl Query {
    /// A page of the actions that fit a filter, newest first.
    pub(super) fn actions(filter: &ActionFilter, cursor: Option<&str>, limit: u32) -> Self {
        if let Some(cursor) = cursor {
            return Self::Exactly(cursor.to_owned());
        }
        let mut options = vec![
            ("$orderby", "creationDateTimeUtc desc".to_owned()),
            ("$top", limit.to_string()),
        ];
        let terms = terms(filter);
        if !terms.is_empty() {
            options.push(("$filter", terms.join(" and ")));
        }
        Self::Says(options)
    }

    /// A page of the fleet.
    pub(super) fn machines(cursor: Option<&str>, limit: u32) -> Self {
        match cursor {
            Some(cursor) => Self::Exactly(cursor.to_owned()),
            None => Self::Says(vec![("$top", limit.to_string())]),
        }
    }

    /// A page of the machines of a name. How a name is looked for is the
    /// plugin's business: the host looks at the names that were found.
    pub(super) fn names(cursor: Option<&str>) -> Self {
        // The number of the spelling that is looked for, and where it goes on.
        match cursor.and_then(|cursor| cursor.split_once(':')) {
            Some((_, query)) if !query.is_empty() => Self::Exactly(query.to_owned()),
            _ => Self::Named(&["$filter", "$top"]),
        }
    }

    /// Whether a request with this query is meant.
    pub(super) fn fits(&self, asked: Option<&str>) -> bool {
        let Some(asked) = asked else {
            return *self == Self::None;
        };
        if asked.len() > MAX_QUERY {
            return false;
        }
        match self {
            Self::None => false,
            Self::Exactly(query) => {
                asked == query && asked.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
            }
            Self::Says(options) => pairs(asked).is_some_and(|asked| {
                let wanted = |(name, value): &(String, String)| {
                    options
                        .iter()
                        .any(|known| known.0 == name && known.1 == *value)
                };
                asked.len() == options.len() && asked.iter().all(wanted)
            }),
            Self::Named(names) => pairs(asked)
                .is_some_and(|asked| asked.iter().all(|(name, _)| names.contains(&name.as_str()))),
        }
    }
}

/// What an action filter means, as the service has it written (Microsoft's API
/// documentation): OData terms that all must hold.
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

/// The options of a query, decoded; none where it has another form, or one of
/// them twice.
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

/// What a value is written with. A plus sign is not: it is a space to some and a
/// plus sign to others.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%$'()*,:=/!@".contains(&byte)
}
