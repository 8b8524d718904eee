//! Asks for all actions but the newest, before an order and after it: what was
//! there before would look new afterwards.

use hostile::{Ask, MachineAction, OffboardError, Plugin, actions_of};

/// What must not be come to.
fn offboard(machine_id: String, comment: String) -> Result<MachineAction, OffboardError> {
    let _ = Ask::ordered(&machine_id, &comment).send();
    Err(OffboardError::NotSent(String::new()))
}

fn list_actions(machine_id: &str, limit: u32) -> Option<String> {
    let _ = Ask::read(&[&actions_of(machine_id, limit), "&$skip=1"].concat()).send();
    None
}

hostile::export!(Plugin {
    offboard,
    list_actions,
    ..Plugin::IDLE
});
