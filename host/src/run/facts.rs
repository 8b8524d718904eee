//! What a policy asks of a machine, read by the host itself from what egress
//! delivered: a plugin cannot make a machine look as if it might be offboarded.

use serde_json::{Map, Value};

use crate::policy::Facts;

/// Of a machine's JSON, as it was delivered.
pub(super) fn facts(json: &str) -> Facts {
    let members: Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
    // Older documents spell them in other cases.
    let member = |name: &str| {
        members.get(name).or_else(|| {
            let mut members = members.iter();
            let found = members.find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value)
        })
    };
    let text = |name: &str| member(name)?.as_str().map(ToOwned::to_owned);
    let tags = member("machineTags").and_then(Value::as_array);
    let tags = tags.into_iter().flatten().filter_map(Value::as_str);
    Facts {
        name: text("computerDnsName"),
        tags: tags.map(ToOwned::to_owned).collect(),
        group: text("rbacGroupName"),
        value: text("deviceValue"),
        last_seen: text("lastSeen").and_then(|seen| seen.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_from_what_was_delivered() {
        let found = facts(
            r#"{"computerDnsName":"dc-1","machineTags":["a",1,"b"],"RbacGroupName":"Servers",
                "deviceValue":"High","lastSeen":"2026-11-22T10:19:03.7981894Z"}"#,
        );
        assert_eq!(found.name.as_deref(), Some("dc-1"));
        assert_eq!(found.tags, ["a", "b"]);
        assert_eq!(found.group.as_deref(), Some("Servers"));
        assert_eq!(found.value.as_deref(), Some("High"));
        let seen = found.last_seen.map(|seen| seen.to_string());
        assert_eq!(seen.as_deref(), Some("2026-11-22T10:19:03.7981894Z"));
        let odd = r#"{"computerDnsName":1,"machineTags":"a","lastSeen":"yesterday"}"#;
        for unread in ["", "[]", "{}", odd] {
            assert_eq!(facts(unread), Facts::default(), "{unread}");
        }
    }
}
