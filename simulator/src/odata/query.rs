//! The query options of a list request.

use std::borrow::Cow;
use std::collections::HashSet;

use super::predicate::Predicate;
use super::schema::{Kind, Schema};
use crate::config::MAX_PAGE_SIZE;

/// The options of a list request.
#[derive(Debug, Default)]
pub(crate) struct ListQuery {
    pub(crate) filter: Option<Predicate>,
    pub(crate) top: Option<usize>,
    pub(crate) skip: usize,
    /// The members to return; `None` for all.
    pub(crate) select: Option<Vec<&'static str>>,
    pub(crate) order: Vec<OrderBy>,
    /// The properties to return with their content.
    pub(crate) expand: Vec<&'static str>,
    pub(crate) count: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderBy {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) descending: bool,
}

impl ListQuery {
    /// Parses the part of a URL after the `?`; the error is a text for the caller. Options
    /// without a `$`, which OData doesn't reserve, are ignored.
    pub(crate) fn parse(query: &str, schema: &Schema) -> Result<Self, String> {
        let mut options = Self::default();
        let mut seen = HashSet::<Cow<'_, str>>::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !name.starts_with('$') {
                continue;
            }
            if !seen.insert(name.clone()) {
                return Err(format!(
                    "The query option '{name}' is given more than once."
                ));
            }
            match name.as_ref() {
                "$filter" => options.filter = Some(Predicate::new(&value, schema)?),
                "$top" => options.top = Some(top(&value)?),
                "$skip" => options.skip = number("$skip", &value)?,
                "$select" => options.select = select(&value, schema)?,
                "$orderby" => options.order = order(&value, schema)?,
                "$expand" => options.expand = expand(&value, schema)?,
                "$count" => options.count = truth(&value)?,
                _ => return Err(format!("The query option '{name}' is not supported.")),
            }
        }
        Ok(options)
    }
}

fn number(name: &str, value: &str) -> Result<usize, String> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let invalid = || {
        format!("Invalid value '{value}' for {name}: a whole number, zero or above, is expected.")
    };
    if digits {
        value.parse().map_err(|_| invalid())
    } else {
        Err(invalid())
    }
}

fn top(value: &str) -> Result<usize, String> {
    let top = number("$top", value)?;
    match u32::try_from(top) {
        Ok(most) if most <= MAX_PAGE_SIZE => Ok(top),
        _ => Err(format!(
            "The limit of {MAX_PAGE_SIZE} for $top is exceeded: {top}."
        )),
    }
}

fn truth(value: &str) -> Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!(
            "Invalid value '{value}' for $count: 'true' or 'false' is expected."
        )),
    }
}

fn select(value: &str, schema: &Schema) -> Result<Option<Vec<&'static str>>, String> {
    if value.trim() == "*" {
        return Ok(None);
    }
    let names = value
        .split(',')
        .map(|name| known(name.trim(), schema).map(|(name, _)| name));
    names.collect::<Result<_, _>>().map(Some)
}

fn order(value: &str, schema: &Schema) -> Result<Vec<OrderBy>, String> {
    let clause = |clause: &str| {
        let mut words = clause.split_whitespace();
        let (name, direction) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or("asc"),
        );
        let descending = match (direction, words.next()) {
            ("asc", None) => false,
            ("desc", None) => true,
            _ => return Err(format!("Syntax error in $orderby at '{}'.", clause.trim())),
        };
        let (name, kind) = known(name, schema)?;
        match kind {
            Kind::Texts | Kind::Opaque => {
                Err(format!("The property '{name}' can't be used in $orderby."))
            }
            _ => Ok(OrderBy {
                name,
                kind,
                descending,
            }),
        }
    };
    value.split(',').map(clause).collect()
}

fn expand(value: &str, schema: &Schema) -> Result<Vec<&'static str>, String> {
    let names = value.split(',').map(str::trim).map(|name| {
        let mut expandable = schema.expandable.iter().copied();
        expandable
            .find(|known| known.eq_ignore_ascii_case(name))
            .ok_or_else(|| format!("The property '{name}' can't be used in $expand."))
    });
    names.collect()
}

fn known(name: &str, schema: &Schema) -> Result<(&'static str, Kind), String> {
    let property = schema.property(name);
    property
        .map(|property| (property.name, property.kind))
        .ok_or_else(|| {
            format!(
                "Could not find a property named '{name}' on '{}'.",
                schema.set
            )
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::schema::{ALERT_SCHEMA, MACHINE_SCHEMA};
    use super::*;

    #[test]
    fn all_options_are_read() {
        let query = "$filter=id%20eq+'a'&$top=5&%24skip=2&$select=id,%20version&$orderby=lastSeen%20desc,id&$count=true&x=1";
        let options = ListQuery::parse(query, &MACHINE_SCHEMA).unwrap();
        assert!(options.filter.is_some());
        assert_eq!(
            (options.top, options.skip, options.count),
            (Some(5), 2, true)
        );
        assert_eq!(options.select, Some(vec!["id", "version"]));
        assert_eq!(
            options.order,
            [
                OrderBy {
                    name: "lastSeen",
                    kind: Kind::Time,
                    descending: true
                },
                OrderBy {
                    name: "id",
                    kind: Kind::Text,
                    descending: false
                },
            ]
        );
        let options = ListQuery::parse("", &MACHINE_SCHEMA).unwrap();
        assert_eq!((options.top, options.skip, options.count), (None, 0, false));
    }

    #[test]
    fn names_are_in_any_case() {
        let query = "$select=ID,lastseen&$orderby=LastSeen desc&$filter=COMPUTERDNSNAME eq 'x'";
        let options = ListQuery::parse(query, &MACHINE_SCHEMA).unwrap();
        assert_eq!(options.select, Some(vec!["id", "lastSeen"]));
        assert_eq!(options.order[0].name, "lastSeen");
    }

    #[test]
    fn only_what_can_be_expanded_is() {
        let expand = |query, schema| {
            let options = ListQuery::parse(query, schema);
            options.ok().map(|options| options.expand)
        };
        for query in ["$expand=evidence", "$expand=Evidence"] {
            assert_eq!(expand(query, &ALERT_SCHEMA), Some(vec!["evidence"]));
            assert_eq!(expand(query, &MACHINE_SCHEMA), None);
        }
        assert_eq!(expand("", &ALERT_SCHEMA), Some(Vec::new()));
        for query in ["$expand=", "$expand=files", "$expand=evidence,title"] {
            assert_eq!(expand(query, &ALERT_SCHEMA), None, "{query}");
        }
    }

    #[test]
    fn bad_options_are_refused() {
        for (query, accepted) in [
            ("$top=10000", true),
            ("$top=0", true),
            ("$select=*", true),
            ("$orderby=lastSeen asc", true),
            ("$top=10001", false),
            ("$top=99999999999999999999999", false),
            ("$top=-1", false),
            ("$top=+1", false),
            ("$top=", false),
            ("$top=ten", false),
            ("$skip=-1", false),
            ("$skip=1.5", false),
            ("$top=1&$top=2", false),
            ("$stop=2", false),
            ("$expand=x", false),
            ("$count=yes", false),
            ("$select=", false),
            ("$select=hostname", false),
            ("$orderby=", false),
            ("$orderby=hostname", false),
            ("$orderby=lastSeen down", false),
            ("$orderby=lastSeen desc id", false),
            ("$orderby=machineTags", false),
            ("$filter=", false),
            ("$filter=hostname eq 'x'", false),
        ] {
            assert_eq!(
                ListQuery::parse(query, &MACHINE_SCHEMA).is_ok(),
                accepted,
                "{query}"
            );
        }
    }
}
