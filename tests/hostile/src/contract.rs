//! The contract's exports. The code that `wit-bindgen` generates for all of them would be
//! most of a guest, and slow to compile. So it generates only `offboard`. The others, of
//! which tests check one text, are written by hand.

use crate::{
    ActionStatus, ActionType, IdentifiedOrder, MachineAction, OffboardError, Order, TagOrder,
    bindings::exports::defender::offboard::offboarding, case,
};

struct Exports;

crate::bindings::export!(Exports with_types_in crate::bindings);

impl offboarding::Guest for Exports {
    fn offboard(machine_id: String, comment: String) -> Result<MachineAction, OffboardError> {
        case::offboard(&Order {
            machine_id,
            comment,
        })
    }
}

/// A result in memory, in the canonical ABI: whether it is an error at 0, then a record,
/// or at 8 the error's case and at 16 its text.
type Returned = *const [u32; 128];

/// The positions of `denied` among the cases of `read-error`, `cancel-error`, `tag-error` and
/// `external-id-error`.
const READ_DENIED: u32 = 8;
const CANCEL_DENIED: u32 = 9;
const TAG_DENIED: u32 = 9;
const EXTERNAL_ID_DENIED: u32 = 12;

fn denied(case: u32, text: String) -> Returned {
    let text = text.leak();
    let returned = zeroed();
    returned[0] = 1;
    returned[2] = case;
    returned[4] = text.as_ptr() as u32;
    returned[5] = text.len() as u32;
    returned
}

/// A success with an empty record: no entries, no optional members.
fn empty() -> Returned {
    zeroed()
}

fn zeroed() -> &'static mut [u32; 128] {
    #[repr(align(8))]
    struct Aligned([u32; 128]);
    &mut Box::leak(Box::new(Aligned([0; 128]))).0
}

/// A text from the host.
fn text(pointer: *mut u8, length: usize) -> String {
    // SAFETY: the host wrote it into memory from `cabi_realloc`, and it is UTF-8.
    unsafe { String::from_raw_parts(pointer, length, length) }
}

#[unsafe(export_name = "defender:offboard/inventory@1.0.0#get-machine")]
extern "C" fn get_machine(pointer: *mut u8, length: usize) -> Returned {
    let id = text(pointer, length);
    if let Some(report) = case::get_machine(&id) {
        return denied(READ_DENIED, report);
    }
    let id = id.leak();
    let returned = zeroed();
    returned[2] = id.as_ptr() as u32;
    returned[3] = id.len() as u32;
    returned
}

#[unsafe(export_name = "defender:offboard/inventory@1.0.0#list-machines")]
extern "C" fn list_machines(_: u32, _: u32, _: u32, limit: u32) -> Returned {
    case::list_machines(limit).map_or_else(empty, |report| denied(READ_DENIED, report))
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
    // SAFETY: a list of texts from the host: an address and a length each.
    let machines = unsafe { std::slice::from_raw_parts(machines, count) };
    let first = machines.first().map(|&[at, length]| text(at as *mut u8, length));
    case::list_actions(&first.unwrap_or_default(), limit);
    empty()
}

#[unsafe(export_name = "defender:offboard/tracking@1.0.0#cancel-action")]
extern "C" fn cancel_action(_: u32, _: u32, pointer: *mut u8, length: usize) -> Returned {
    denied(CANCEL_DENIED, case::cancel_action(&text(pointer, length)))
}

/// Only a component of the world `external-id-plugin` exports it.
#[unsafe(export_name = "defender:offboard/external-id@1.0.0#offboard-with-external-id")]
extern "C" fn offboard_with_external_id(
    machine: *mut u8,
    machine_length: usize,
    comment: *mut u8,
    comment_length: usize,
    id: *mut u8,
    id_length: usize,
) -> Returned {
    let order = IdentifiedOrder {
        machine_id: text(machine, machine_length),
        comment: text(comment, comment_length),
        external_id: text(id, id_length),
    };
    denied(EXTERNAL_ID_DENIED, case::offboard_with_external_id(&order))
}

/// Only a component of the worlds `tagging-plugin` and `external-id-plugin` exports it.
#[unsafe(export_name = "defender:offboard/tagging@1.0.0#tag")]
extern "C" fn tag(id: *mut u8, id_length: usize, tag: *mut u8, tag_length: usize) -> Returned {
    let order = TagOrder {
        machine_id: text(id, id_length),
        tag: text(tag, tag_length),
    };
    case::tag(&order).map_or_else(empty, |report| denied(TAG_DENIED, report))
}

/// The one query of actions that the host grants.
pub fn actions_of(machine_id: &str, limit: u32) -> String {
    format!(
        "/api/machineactions?$filter=machineId%20eq%20'{machine_id}'%20and%20type%20eq%20'Offboard'\
         &$orderby=creationDateTimeUtc%20desc&$top={limit}"
    )
}

/// The id of the action that the service answers with.
const ACTION: &str = "aaaaaaaa-2222-3333-4444-555555555555";

/// The service's action for this order, with another status.
pub fn action(order: &Order, status: ActionStatus) -> MachineAction {
    let name = match status {
        ActionStatus::Succeeded => "Succeeded",
        _ => "Pending",
    };
    MachineAction {
        id: ACTION.to_owned(),
        action_type: ActionType::Offboard,
        status,
        title: None,
        requestor: None,
        requestor_comment: Some(order.comment.clone()),
        machine_id: Some(order.machine_id.clone()),
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
        json: action_json(ACTION, order, name),
    }
}

/// The JSON of an action for this order, as the service would write it.
pub fn action_json(id: &str, order: &Order, status: &str) -> String {
    [
        r#"{"id":""#,
        id,
        r#"","type":"Offboard","status":""#,
        status,
        r#"","machineId":""#,
        &order.machine_id,
        r#"","requestorComment":""#,
        &order.comment,
        r#""}"#,
    ]
    .concat()
}
