//! The cases of a guest, and how an order selects one of them.
//!
//! | function | what selects the case |
//! |---|---|
//! | `offboard`, `cancel-action` | the comment up to its first space: the name |
//! | `offboard-with-external-id` | the comment: the name |
//! | `tag` | the tag: the name |
//! | `get-machine`, `list-actions` | the machine id: the number, in hexadecimal |
//! | `list-machines` | the limit: the number |
//!
//! The number of a case is its position in the table, counted from 1: these functions
//! have no argument for a text. The rest of a comment, after the space, is the attack's
//! parameter. The comment `cases` makes `offboard` report the names in their order.
//!
//! An unknown name is a trap. An unknown number is an idle plugin's function, because the
//! runner calls the functions of reading before an offboarding, with ordinary arguments.

use std::arch::wasm32::unreachable;

use crate::{MachineAction, OffboardError, Request, actions_of};

/// The comment that makes a guest report the names of its cases.
const LIST_CASES: &str = "cases";

/// A name, and the attack.
pub type Case = (&'static str, Attack);

/// What a function of the contract does in place of what was ordered.
pub enum Attack {
    /// `offboard` reports this text as a denial.
    Report(fn(&Order) -> String),
    /// `offboard` returns this.
    Return(fn(&Order) -> Result<MachineAction, OffboardError>),
    /// `offboard-with-external-id` reports this text as a denial.
    Identify(fn(&IdentifiedOrder) -> String),
    /// `tag` reports this text as a denial, or claims that the machine has the tag.
    Tag(fn(&TagOrder) -> Option<String>),
    /// `get-machine` reports this text as a denial. The argument is the machine id.
    GetMachine(fn(&str) -> String),
    /// `list-machines` reports this text as a denial. The argument is the limit.
    ListMachines(fn(u32) -> String),
    /// `list-actions` does this and returns an empty page. The arguments are the machine
    /// id and the limit.
    ListActions(fn(&str, u32)),
    /// `cancel-action` reports this text as a denial. The argument is the comment.
    CancelAction(fn(&str) -> String),
}

/// An ordered offboarding.
pub struct Order {
    pub machine_id: String,
    pub comment: String,
}

/// An ordered offboarding with an external id.
pub struct IdentifiedOrder {
    pub machine_id: String,
    pub comment: String,
    pub external_id: String,
}

/// An ordered tag.
pub struct TagOrder {
    pub machine_id: String,
    pub tag: String,
}

impl Order {
    /// Exactly the request that was ordered. Most attacks change one part of it.
    pub fn request(&self) -> Request {
        Request::offboarding(&self.machine_id, &self.comment)
    }

    /// The same request, with another last part of the machine's path.
    pub fn request_to(&self, route: &str) -> Request {
        self.request().path(&machine_path(&self.machine_id, route))
    }

    /// The body that was ordered.
    pub fn body(&self) -> String {
        [r#"{"Comment":""#, &self.comment, r#""}"#].concat()
    }

    /// The comment after its first space.
    pub fn parameter(&self) -> &str {
        self.comment.split_once(' ').map_or("", |(_, rest)| rest)
    }

    /// The id of a machine that was not ordered.
    pub fn other_machine(&self) -> String {
        other(&self.machine_id)
    }
}

impl IdentifiedOrder {
    /// Exactly the request that was ordered.
    pub fn request(&self) -> Request {
        self.request_with(&self.external_id)
    }

    /// The same with another external id.
    pub fn request_with(&self, external_id: &str) -> Request {
        let rest = [r#"","ExternalId":""#, external_id, r#""}"#].concat();
        self.request_ending(&rest)
    }

    /// The same with this behind the comment in its body.
    pub fn request_ending(&self, rest: &str) -> Request {
        let body = [r#"{"Comment":""#, &self.comment, rest].concat();
        Request::offboarding(&self.machine_id, &self.comment).body(&body)
    }

    /// The id of a machine that was not ordered.
    pub fn other_machine(&self) -> String {
        other(&self.machine_id)
    }
}

impl TagOrder {
    /// Exactly the request that was ordered.
    pub fn request(&self) -> Request {
        Request::tagging(&self.machine_id, &self.tag)
    }

    /// The id of a machine that was not ordered.
    pub fn other_machine(&self) -> String {
        other(&self.machine_id)
    }
}

/// Another machine id than this one.
pub fn other(machine_id: &str) -> String {
    machine_id.replace('0', "f")
}

/// The path of a machine's route.
pub fn machine_path(machine_id: &str, route: &str) -> String {
    ["/api/machines/", machine_id, "/", route].concat()
}

/// Exports a guest's table of cases.
#[macro_export]
macro_rules! export {
    ($cases:expr) => {
        #[unsafe(no_mangle)]
        static HOSTILE_CASES: &[$crate::Case] = $cases;
    };
}

unsafe extern "Rust" {
    /// The guest's own table. With one symbol, the code of the contract is compiled once,
    /// in this crate, and not in each guest.
    static HOSTILE_CASES: &'static [Case];
}

fn cases() -> &'static [Case] {
    // SAFETY: `export!` defines it with this type.
    unsafe { HOSTILE_CASES }
}

/// The attack of this name.
fn named(name: &str) -> &'static Attack {
    let mut cases = cases().iter();
    match cases.find(|case| case.0 == name) {
        Some((_, attack)) => attack,
        None => unreachable(),
    }
}

/// The attack of this number.
fn numbered(number: u32) -> Option<&'static Attack> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    cases().get(index).map(|(_, attack)| attack)
}

/// The attack whose number is this machine id.
fn of_machine(machine_id: &str) -> Option<&'static Attack> {
    numbered(u32::from_str_radix(machine_id.trim_start_matches('0'), 16).ok()?)
}

pub(crate) fn offboard(order: &Order) -> Result<MachineAction, OffboardError> {
    if order.comment == LIST_CASES {
        let names: Vec<&str> = cases().iter().map(|case| case.0).collect();
        return Err(OffboardError::Denied(names.join("\n")));
    }
    let name = order.comment.split(' ').next().unwrap_or_default();
    match named(name) {
        Attack::Report(attack) => Err(OffboardError::Denied(attack(order))),
        Attack::Return(attack) => attack(order),
        // The case is an attack by another function, and the host must not get here.
        _ => {
            let _ = order.request().send();
            Err(OffboardError::NotSent(String::new()))
        }
    }
}

pub(crate) fn offboard_with_external_id(order: &IdentifiedOrder) -> String {
    match named(&order.comment) {
        Attack::Identify(attack) => attack(order),
        _ => unreachable(),
    }
}

pub(crate) fn tag(order: &TagOrder) -> Option<String> {
    match named(&order.tag) {
        Attack::Tag(attack) => attack(order),
        _ => unreachable(),
    }
}

pub(crate) fn cancel_action(comment: &str) -> String {
    match named(comment) {
        Attack::CancelAction(attack) => attack(comment),
        _ => unreachable(),
    }
}

/// Reports a denial, or reads the machine as ordered and returns it with its id alone.
pub(crate) fn get_machine(machine_id: &str) -> Option<String> {
    if let Some(Attack::GetMachine(attack)) = of_machine(machine_id) {
        return Some(attack(machine_id));
    }
    let _ = Request::read(&["/api/machines/", machine_id].concat()).send();
    None
}

/// Reports a denial, or returns an empty page.
pub(crate) fn list_machines(limit: u32) -> Option<String> {
    match numbered(limit) {
        Some(Attack::ListMachines(attack)) => Some(attack(limit)),
        _ => None,
    }
}

pub(crate) fn list_actions(machine_id: &str, limit: u32) {
    if let Some(Attack::ListActions(attack)) = of_machine(machine_id) {
        attack(machine_id, limit);
    } else {
        let _ = Request::read(&actions_of(machine_id, limit)).send();
    }
}
