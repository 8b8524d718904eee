//! Compares what the plugin reports with what egress delivered. The host parses the answer
//! itself, once. An action or a machine counts only if the plugin reports it exactly as the
//! service sent it; anything else is ignored. Outside the plugin, only this module and its
//! submodules know members of Defender's JSON.

mod facts;

use std::{collections::HashMap, fmt};

use percent_encoding::percent_decode_str;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    contract::{ActionStatus, ActionType, Machine, MachineAction, MachineId},
    egress::{CallRecord, Delivery},
    members::{is_too_deep, members},
};
pub(crate) use facts::{device_snapshot, facts, time, updated};

/// The most entries of one page (Microsoft's API documentation).
const MAX_ENTRIES: usize = 10_000;

/// The longest id, type or status that counts, in bytes. The limit exists because they are
/// stored.
const MAX_WORD: usize = 256;

/// A successful answer that egress delivered.
pub(crate) struct Delivered<'a> {
    /// The entries by their ids, in lower case. Of two entries with one id, the first one
    /// counts.
    entries: HashMap<String, Entry<'a>>,
    /// The query of the next page.
    next: Option<String>,
    is_list: bool,
}

/// An action or a machine, as the service sent it.
struct Entry<'a> {
    /// Its JSON. `None` if it is nested too deeply: then nothing that the plugin reports of it
    /// counts.
    raw: Option<&'a str>,
    id: String,
    kind: Option<String>,
    status: Option<String>,
    machine: Option<String>,
    comment: Option<String>,
    name: Option<String>,
}

impl<'a> Delivered<'a> {
    /// Parses the answer; `None` if it was not a success or cannot be parsed.
    pub(crate) fn read(record: &'a CallRecord) -> Option<Self> {
        if !matches!(record.delivery(), Delivery::Answered(200..=299)) {
            return None;
        }
        let answer = record.exchange.as_ref()?.answer.as_deref()?;
        let answer = std::str::from_utf8(answer).ok()?.trim();
        let members = Members::read(answer)?;
        let Some(value) = members.value else {
            let entries = Entry::new(answer, &members).into_iter().collect();
            return Some(Self {
                entries,
                next: None,
                is_list: false,
            });
        };
        let list: List<'_> = serde_json::from_str(value.get()).ok()?;
        let mut entries = HashMap::new();
        for raw in list.0 {
            if let Some(members) = Members::read(raw.get())
                && let Some((id, entry)) = Entry::new(raw.get(), &members)
            {
                entries.entry(id).or_insert(entry);
            }
        }
        let link = members.next.and_then(text);
        Some(Self {
            entries,
            next: link.and_then(|link| {
                let link = link.split('#').next().unwrap_or_default();
                let (_, query) = link.split_once('?')?;
                Some(query.to_owned())
            }),
            is_list: true,
        })
    }

    /// Whether the plugin reports this action as it was delivered.
    pub(crate) fn has_action(&self, action: &MachineAction) -> bool {
        self.entry(&action.id).is_some_and(|entry| {
            let kind = entry.kind.as_deref().map(ActionType::of);
            let status = entry.status.as_deref().map(ActionStatus::of);
            entry.raw == Some(action.json.as_str())
                && entry.id == action.id
                && kind.as_ref() == Some(&action.action_type)
                && status.as_ref() == Some(&action.status)
                && same_letters(entry.machine.as_deref(), action.machine_id.as_deref())
                && entry.name == action.computer_dns_name
                && entry.comment == action.requestor_comment
        })
    }

    /// Whether the plugin reports this machine as it was delivered.
    pub(crate) fn has_machine(&self, machine: &Machine) -> bool {
        self.entry(&machine.id).is_some_and(|entry| {
            entry.raw == Some(machine.json.as_str())
                && entry.id == machine.id
                && entry.name == machine.computer_dns_name
        })
    }

    /// The ids of all entries of a list, in lower case, and the machine that each names;
    /// `None` if the answer is not a list.
    pub(crate) fn listed(&self) -> Option<impl Iterator<Item = (&str, Option<&str>)>> {
        let listed = self.entries.iter();
        self.is_list
            .then(|| listed.map(|(id, entry)| (id.as_str(), entry.machine.as_deref())))
    }

    /// Whether the list continues, or ends, as the plugin reports.
    pub(crate) fn goes_on(&self, query: Option<&str>) -> bool {
        let plain = |query: &str| percent_decode_str(query).collect::<Vec<_>>();
        self.next.as_deref().map(plain) == query.map(plain)
    }

    /// The id of the offboarding in this answer, if it is one of this machine.
    pub(crate) fn offboarding(&self, machine: &MachineId) -> Option<String> {
        let entry = self.entries.values().next().filter(|_| !self.is_list)?;
        let kind = entry.kind.as_deref().map(ActionType::of);
        let names = |id: &String| id.eq_ignore_ascii_case(machine.as_str());
        let fits = kind == Some(ActionType::Offboard) && entry.machine.as_ref().is_none_or(names);
        fits.then(|| entry.id.to_ascii_lowercase())
    }

    fn entry(&self, id: &str) -> Option<&Entry<'a>> {
        self.entries.get(&id.to_ascii_lowercase())
    }
}

/// Compares ids regardless of case.
fn same_letters(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (None, None) => true,
        _ => false,
    }
}

impl<'a> Entry<'a> {
    fn new(raw: &'a str, members: &Members<'a>) -> Option<(String, Self)> {
        let id = members.id.and_then(word)?;
        let entry = Self {
            raw: Some(raw).filter(|raw| !is_too_deep(raw)),
            kind: members.kind.and_then(word),
            status: members.status.and_then(word),
            machine: members.machine.and_then(text),
            comment: members.comment.and_then(text),
            name: members.name.and_then(text),
            id: id.clone(),
        };
        Some((id.to_ascii_lowercase(), entry))
    }
}

/// The members of an object that are used, unparsed. Other members do not matter here.
struct Members<'a> {
    id: Option<&'a RawValue>,
    kind: Option<&'a RawValue>,
    status: Option<&'a RawValue>,
    machine: Option<&'a RawValue>,
    comment: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
    value: Option<&'a RawValue>,
    next: Option<&'a RawValue>,
}

impl<'a> Members<'a> {
    /// Parses a text that is one object. Member names may differ in case, as in older
    /// documents; the exact spelling takes precedence. `None` if an exact name is repeated:
    /// two parsers could use different members.
    fn read(json: &'a str) -> Option<Self> {
        const MEMBER_NAMES: [&str; 8] = [
            "id",
            "type",
            "status",
            "machineId",
            "requestorComment",
            "computerDnsName",
            "value",
            "@odata.nextLink",
        ];
        let position = |key: &str| {
            MEMBER_NAMES
                .iter()
                .position(|name| key.eq_ignore_ascii_case(name))
        };
        let mut found = [None; MEMBER_NAMES.len()];
        let mut exact = [false; MEMBER_NAMES.len()];
        for (key, value) in members(json, |key| position(key).is_some())? {
            let at = position(&key)?;
            let to_the_letter = MEMBER_NAMES[at] == key;
            if to_the_letter && exact[at] {
                return None;
            }
            if to_the_letter || (!exact[at] && found[at].is_none()) {
                found[at] = Some(value);
            }
            exact[at] |= to_the_letter;
        }
        let [id, kind, status, machine, comment, name, value, next] = found;
        Some(Self {
            id,
            kind,
            status,
            machine,
            comment,
            name,
            value,
            next,
        })
    }
}

/// The entries of a list, unparsed, at most as many as a page can have.
struct List<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for List<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = List<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    if entries.len() == MAX_ENTRIES {
                        return Err(A::Error::custom("too many entries for a page"));
                    }
                    entries.push(entry);
                }
                Ok(List(entries))
            }
        }
        deserializer.deserialize_seq(Entries)
    }
}

/// A string, or the digits of a number.
fn text(value: &RawValue) -> Option<String> {
    let value = value.get();
    match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str(value).ok(),
        Some(b'{' | b'[' | b'n') | None => None,
        Some(_) => Some(value.to_owned()),
    }
}

/// The same; `None` if it is longer than the limit.
fn word(value: &RawValue) -> Option<String> {
    text(value).filter(|word| word.len() <= MAX_WORD)
}

#[cfg(test)]
mod tests;
