#![allow(clippy::unwrap_used)]

mod columns;
mod entra_devices;
mod entries;
mod forms;
mod quoting;
mod secrets;

use super::*;
use crate::contract::InvalidComment;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "1111111111111111111111111111111111111111";

fn options(comment: &str) -> ListOptions {
    ListOptions {
        comment: Some(comment.parse().unwrap()),
        ..ListOptions::default()
    }
}

fn list(text: &str) -> Result<MachineList, ListError> {
    MachineList::parse(text, &options("Retired"))
}

fn by(text: &str, id: Option<&str>, name: Option<&str>) -> Result<MachineList, ListError> {
    let options = ListOptions {
        id_column: id.map(ToOwned::to_owned),
        name_column: name.map(ToOwned::to_owned),
        ..options("Retired")
    };
    MachineList::parse(text, &options)
}

fn machines(list: Result<MachineList, ListError>) -> Vec<String> {
    let entries = list.unwrap().entries.into_iter();
    entries
        .map(|entry| entry.machine.target.to_string())
        .collect()
}

fn unused(list: Result<MachineList, ListError>) -> (String, u64, Option<String>) {
    match list {
        Err(ListError::UnusedIds { column, line, used }) => (column, line, used),
        other => panic!("{other:?}"),
    }
}

fn shown(text: &str, comment: &str) -> Vec<(u64, String, String)> {
    let list = MachineList::parse(text, &options(comment)).unwrap();
    let shown = list.entries.into_iter().map(|entry| {
        (
            entry.line,
            entry.machine.target.to_string(),
            entry.comment.comment().unwrap().to_string(),
        )
    });
    shown.collect()
}

fn faults(text: &str) -> Vec<(u64, String)> {
    match list(text) {
        Err(ListError::Lines(faults)) => faults
            .into_iter()
            .map(|fault| (fault.line, fault.error.to_string()))
            .collect(),
        other => panic!("no faults: {other:?}"),
    }
}
