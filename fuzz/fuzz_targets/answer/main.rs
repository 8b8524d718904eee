//! The plugin's parser of answers: any answer of the service, a proxy or the network causes no
//! panic, and the contract is kept.
//!
//! An input is text, so that seeds can be read: a line with the status or the
//! failure, a line with `Retry-After` (empty for none), and the body.
#![no_main]

mod entries;
mod json;
mod links;
mod oracle;
mod refused;

use libfuzzer_sys::fuzz_target;
use offboard_plugin::{
    answer::{self, Answer, Failure},
    types::ActionType,
};

use entries::{check_machine, members, names};
use links::next_query;
use oracle::Oracle;
use refused::Kind;

const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";
const ACTION: &str = "11111111-2222-3333-4444-555555555555";
fuzz_target!(|data: &[u8]| {
    let sent = read_input(data);
    let body = match &sent {
        Ok(answer) => &answer.body[..],
        Err(_) => &[],
    };
    let oracle = Oracle {
        sent: &sent,
        text: std::str::from_utf8(body).ok(),
    };

    match answer::offboard(MACHINE, sent.clone()) {
        Ok(action) => {
            oracle.one_action(&action);
            assert_eq!(action.action_type, ActionType::Offboard);
            assert!(action.machine_id.as_deref().is_none_or(|id| id == MACHINE));
        }
        Err(error) => oracle.refused(&error.into(), Kind::Offboard),
    }
    match answer::cancel_action(ACTION, sent.clone()) {
        Ok(action) => {
            oracle.one_action(&action);
            assert!(action.id.eq_ignore_ascii_case(ACTION));
        }
        Err(error) => oracle.refused(&error.into(), Kind::Cancel),
    }
    match answer::tag(MACHINE, sent.clone()) {
        Ok(()) => names(oracle.success(), MACHINE),
        Err(error) => oracle.refused(&error.into(), Kind::Tag),
    }
    match answer::get_action(ACTION, sent.clone()) {
        Ok(action) => {
            oracle.one_action(&action);
            assert!(action.id.eq_ignore_ascii_case(ACTION));
        }
        Err(error) => oracle.refused(&error.into(), Kind::Read),
    }
    match answer::get_machine(MACHINE, sent.clone()) {
        Ok(machine) => {
            let text = oracle.success();
            assert_eq!(machine.json, text.trim());
            check_machine(&machine, text);
            assert_eq!(machine.id, MACHINE);
        }
        Err(error) => oracle.refused(&error.into(), Kind::Read),
    }
    match answer::list_actions(sent.clone()) {
        Ok(list) => oracle.actions(&list),
        Err(error) => oracle.refused(&error.into(), Kind::Read),
    }
    match answer::list_machines(sent.clone()) {
        Ok(list) => oracle.machines(&list, list.next.as_deref()),
        Err(error) => oracle.refused(&error.into(), Kind::List),
    }
    oracle.find(None);
    oracle.find(Some("3:"));
    if let Some(text) = oracle.text {
        next_query(text);
        members(text);
    }
});

fn read_input(data: &[u8]) -> Result<Answer, Failure> {
    let mut parts = data.splitn(3, |&byte| byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (first, second, body) = (part(), part(), part());
    let status = |text: &[u8]| {
        std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            // Every input is used: a text that is not a number is hashed to one.
            .unwrap_or_else(|| {
                u16::from_le_bytes([0, 1].map(|at| text.get(at).copied().unwrap_or_default()))
            })
    };
    let retry_after = (!second.is_empty()).then(|| String::from_utf8_lossy(second).into_owned());
    let reason = || String::from_utf8_lossy(body).into_owned();
    match first {
        b"no credential" => Err(Failure::NoCredential(reason())),
        b"denied" => Err(Failure::Denied(reason())),
        b"not sent" => Err(Failure::NotSent(reason())),
        b"no answer" => Err(Failure::NoAnswer(reason())),
        _ => match first.strip_prefix(b"broken ") {
            Some(first) => Err(Failure::Broken {
                status: status(first),
                retry_after,
                // Messages of the network, never of the service.
                reason: format!("the answer ended early: {}", reason()),
            }),
            None => Ok(Answer {
                status: status(first),
                retry_after,
                body: body.to_vec(),
            }),
        },
    }
}
