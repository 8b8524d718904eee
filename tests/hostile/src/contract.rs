//! The contract's exports. What `wit-bindgen` makes of them all would be most
//! of a guest's code, and the host compiles it anew for each guest: only
//! `offboard` is made so, and the others, of which tests look at a text alone,
//! are written by hand.

use crate::{
    ActionStatus, ActionType, Ask, MachineAction, OffboardError,
    bindings::exports::defender::offboard::offboarding,
};

/// What a guest's functions do.
pub struct Plugin {
    pub offboard: fn(String, String) -> Result<MachineAction, OffboardError>,
    /// Reports a denial, or the machine with its id alone.
    pub get_machine: fn(&str) -> Option<String>,
    /// Reports a denial, or an empty page.
    pub list_machines: fn() -> Option<String>,
    /// Reports a denial, or an empty page, of this machine's offboardings and at
    /// most so many.
    pub list_actions: fn(&str, u32) -> Option<String>,
    /// Reports a denial.
    pub cancel_action: fn(&str) -> String,
    /// Reports a denial, or that the machine has the tag.
    pub tag: fn(&str, &str) -> Option<String>,
}

impl Plugin {
    /// A plugin that reads one machine and lists actions as it is asked, so
    /// that an order comes to be sent, and does nothing else. Change what the
    /// attack needs.
    pub const IDLE: Self = Self {
        offboard: |_, _| Err(OffboardError::NotSent(String::new())),
        get_machine: |machine_id| {
            let _ = Ask::read(&["/api/machines/", machine_id].concat()).send();
            None
        },
        list_machines: || None,
        list_actions: |machine_id, limit| {
            let _ = Ask::read(&actions_of(machine_id, limit)).send();
            None
        },
        cancel_action: |_| String::new(),
        tag: |_, _| None,
    };
}

/// The one query that the host takes.
pub fn actions_of(machine_id: &str, limit: u32) -> String {
    format!(
        "/api/machineactions?$filter=machineId%20eq%20'{machine_id}'%20and%20type%20eq%20'Offboard'\
         &$orderby=creationDateTimeUtc%20desc&$top={limit}"
    )
}

unsafe extern "Rust" {
    /// The guest's own. One symbol, so that all that the contract is made of
    /// is compiled once, here, and not in each guest.
    static HOSTILE: Plugin;
}

fn hostile() -> &'static Plugin {
    // SAFETY: `export!` defines it, with this type.
    unsafe { &HOSTILE }
}

struct Exports;

crate::bindings::export!(Exports with_types_in crate::bindings);

impl offboarding::Guest for Exports {
    fn offboard(machine_id: String, comment: String) -> Result<MachineAction, OffboardError> {
        (hostile().offboard)(machine_id, comment)
    }
}

/// A result in memory, as the canonical ABI has it: whether it is an error at
/// 0, then a record, or at 8 the error's case and at 16 its text.
type Returned = *const [u32; 128];

/// Where `denied` stands among the cases of `read-error`, `cancel-error` and
/// `tag-error`.
const READ_DENIED: u32 = 8;
const CANCEL_DENIED: u32 = 9;
const TAG_DENIED: u32 = 9;

fn denied(case: u32, text: String) -> Returned {
    let text = text.leak();
    let returned = zeroed();
    returned[0] = 1;
    returned[2] = case;
    returned[4] = text.as_ptr() as u32;
    returned[5] = text.len() as u32;
    returned
}

/// A success whose record has nothing in it: no entries, nothing optional.
fn empty() -> Returned {
    zeroed()
}

fn zeroed() -> &'static mut [u32; 128] {
    #[repr(align(8))]
    struct Aligned([u32; 128]);
    &mut Box::leak(Box::new(Aligned([0; 128]))).0
}

/// A text that the host handed over.
fn text(pointer: *mut u8, length: usize) -> String {
    // SAFETY: the host wrote it where `cabi_realloc` told it to, and it is
    // UTF-8.
    unsafe { String::from_raw_parts(pointer, length, length) }
}

#[unsafe(export_name = "defender:offboard/inventory@1.0.0#get-machine")]
extern "C" fn get_machine(pointer: *mut u8, length: usize) -> Returned {
    let id = text(pointer, length);
    match (hostile().get_machine)(&id) {
        Some(told) => denied(READ_DENIED, told),
        None => {
            let id = id.leak();
            let returned = zeroed();
            returned[2] = id.as_ptr() as u32;
            returned[3] = id.len() as u32;
            returned
        }
    }
}

#[unsafe(export_name = "defender:offboard/inventory@1.0.0#list-machines")]
extern "C" fn list_machines(_: u32, _: u32, _: u32, _: u32) -> Returned {
    match (hostile().list_machines)() {
        Some(told) => denied(READ_DENIED, told),
        None => empty(),
    }
}

#[unsafe(export_name = "defender:offboard/inventory@1.0.0#find-machines")]
extern "C" fn find_machines(_: u32, _: u32, _: u32, _: u32, _: u32, _: u32) -> Returned {
    empty()
}

#[unsafe(export_name = "defender:offboard/tracking@1.0.0#get-action")]
extern "C" fn get_action(_: u32, _: u32) -> Returned {
    denied(READ_DENIED, String::new())
}

#[rustfmt::skip]
#[allow(clippy::too_many_arguments)]
#[unsafe(export_name = "defender:offboard/tracking@1.0.0#list-actions")]
extern "C" fn list_actions(
    machines: *const [usize; 2], count: usize, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32,
    _: u32, _: u32, _: u32, _: u32, _: u32, _: u32, limit: u32,
) -> Returned {
    // SAFETY: a list of texts, as the host wrote it: a place and a length each.
    let machines = unsafe { std::slice::from_raw_parts(machines, count) };
    let first = machines.first().map(|&[at, length]| text(at as *mut u8, length));
    match (hostile().list_actions)(&first.unwrap_or_default(), limit) {
        Some(told) => denied(READ_DENIED, told),
        None => empty(),
    }
}

#[unsafe(export_name = "defender:offboard/tracking@1.0.0#cancel-action")]
extern "C" fn cancel_action(_: u32, _: u32, pointer: *mut u8, length: usize) -> Returned {
    let comment = text(pointer, length);
    denied(CANCEL_DENIED, (hostile().cancel_action)(&comment))
}

/// Only a component of the world that tags has it.
#[unsafe(export_name = "defender:offboard/tagging@1.0.0#tag")]
extern "C" fn tag(id: *mut u8, id_length: usize, tag: *mut u8, tag_length: usize) -> Returned {
    match (hostile().tag)(&text(id, id_length), &text(tag, tag_length)) {
        Some(told) => denied(TAG_DENIED, told),
        None => empty(),
    }
}

/// Exports a plugin.
#[macro_export]
macro_rules! export {
    ($plugin:expr) => {
        #[unsafe(no_mangle)]
        static HOSTILE: $crate::Plugin = $plugin;
    };
}

/// A plugin whose `offboard` is this.
#[macro_export]
macro_rules! offboard {
    (|$machine_id:pat_param, $comment:pat_param| $behaviour:expr) => {
        fn offboard(
            $machine_id: String,
            $comment: String,
        ) -> Result<$crate::MachineAction, $crate::OffboardError> {
            $behaviour
        }

        $crate::export!($crate::Plugin {
            offboard,
            ..$crate::Plugin::IDLE
        });
    };
}

/// A plugin whose `offboard` does this, and reports the text as a denial.
#[macro_export]
macro_rules! report {
    (|$machine_id:pat_param, $comment:pat_param| $behaviour:expr) => {
        fn report($machine_id: String, $comment: String) -> String {
            $behaviour
        }

        $crate::offboard!(|machine_id, comment| {
            Err($crate::OffboardError::Denied(report(machine_id, comment)))
        });
    };
}

/// A plugin whose `tag` does this, and reports the text as a denial.
#[macro_export]
macro_rules! tag {
    (|$machine_id:pat_param, $tag:pat_param| $behaviour:expr) => {
        fn tag($machine_id: &str, $tag: &str) -> Option<String> {
            Some($behaviour)
        }

        $crate::export!($crate::Plugin {
            tag,
            ..$crate::Plugin::IDLE
        });
    };
}

/// A machine action with these three and nothing else.
pub fn action(id: &str, machine_id: &str, status: ActionStatus) -> MachineAction {
    let name = match status {
        ActionStatus::Succeeded => "Succeeded",
        _ => "Pending",
    };
    MachineAction {
        id: id.to_owned(),
        action_type: ActionType::Offboard,
        status,
        title: None,
        requestor: None,
        requestor_comment: Some("Retired".to_owned()),
        machine_id: Some(machine_id.to_owned()),
        computer_dns_name: None,
        creation_date_time_utc: None,
        last_update_date_time_utc: None,
        cancellation_requestor: None,
        cancellation_comment: None,
        cancellation_date_time_utc: None,
        error_hresult: None,
        error: None,
        scope: None,
        external_id: None,
        request_source: None,
        related_file_info: None,
        commands: Vec::new(),
        troubleshoot_info: None,
        json: action_json(id, machine_id, name),
    }
}

/// The same as the service would write it.
pub fn action_json(id: &str, machine_id: &str, status: &str) -> String {
    [
        r#"{"id":""#,
        id,
        r#"","type":"Offboard","status":""#,
        status,
        r#"","machineId":""#,
        machine_id,
        r#"","requestorComment":"Retired"}"#,
    ]
    .concat()
}
