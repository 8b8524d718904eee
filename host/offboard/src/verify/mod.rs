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
pub(crate) use facts::{
    addresses, as_delivered, device_snapshot, ending, entra_device, external_id, facts,
    machine_facts, names_machine, time, updated,
};

/// The most entries of one page (Microsoft's API documentation).
const MAX_ENTRIES: usize = 10_000;

/// The most entries of one page that are named because they cannot be used.
const MAX_ODD: usize = 10;

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
    /// The number of entries of a list, also of those that cannot be used.
    count: usize,
    /// The entries of a list without an id, each in a few words.
    odd: Vec<String>,
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
                count: 0,
                odd: Vec::new(),
            });
        };
        let list: List<'_> = serde_json::from_str(value.get()).ok()?;
        let count = list.0.len();
        let mut entries = HashMap::new();
        let mut odd = Vec::new();
        for raw in list.0 {
            let members = Members::read(raw.get());
            match members
                .as_ref()
                .and_then(|members| Entry::new(raw.get(), members))
            {
                Some((id, entry)) => {
                    entries.entry(id).or_insert(entry);
                }
                None if odd.len() < MAX_ODD => odd.push(in_words(members.as_ref())),
                None => {}
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
            count,
            odd,
        })
    }

    /// The number of entries of a list, also of those that cannot be used.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The entries of a list that are skipped because they have no id, each in a few words: at
    /// most the first ten.
    pub(crate) fn odd(&self) -> &[String] {
        &self.odd
    }

    /// The query of the next page, as the service sent it.
    pub(crate) fn next(&self) -> Option<&str> {
        self.next.as_deref()
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

    /// Whether the entry with this id is nested too deeply to be used.
    pub(crate) fn is_too_deep(&self, id: &str) -> bool {
        self.entry(id).is_some_and(|entry| entry.raw.is_none())
    }

    /// Whether the plugin reports this machine as it was delivered.
    pub(crate) fn has_machine(&self, machine: &Machine) -> bool {
        self.entry(&machine.id).is_some_and(|entry| {
            // The contract has ids in lower case.
            entry.raw == Some(machine.json.as_str())
                && entry.id.eq_ignore_ascii_case(&machine.id)
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
        let is_offboarding = kind.is_none_or(|kind| kind == ActionType::Offboard);
        let fits = is_offboarding && entry.machine.as_ref().is_none_or(names);
        fits.then(|| entry.id.to_ascii_lowercase())
    }

    fn entry(&self, id: &str) -> Option<&Entry<'a>> {
        self.entries.get(&id.to_ascii_lowercase())
    }
}

/// An entry without an id, in a few words.
fn in_words(members: Option<&Members<'_>>) -> String {
    let Some(members) = members else {
        return "an entry that is not an object".to_owned();
    };
    let named = [("name", members.name), ("machine", members.machine)];
    let known = named.into_iter().find_map(|(what, value)| {
        let value = value.and_then(word).filter(|value| !value.is_empty())?;
        Some(format!("an entry without an id, with the {what} {value:?}"))
    });
    known.unwrap_or_else(|| "an entry without an id".to_owned())
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
        let id = members.id.and_then(word).filter(|id| !id.is_empty())?;
        let entry = Self {
            raw: Some(raw).filter(|raw| !is_too_deep(raw)),
            kind: members.kind.and_then(word),
            status: members.status.and_then(word),
            machine: members.machine.and_then(text).filter(|id| !id.is_empty()),
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
