//! Asks for actions without their comments, which tell one order from another.

use hostile::{Ask, Plugin, actions_of};

fn list_actions(machine_id: &str, limit: u32) -> Option<String> {
    let _ = Ask::read(
        &[
            &actions_of(machine_id, limit),
            "&$select=id,type,status,machineId",
        ]
        .concat(),
    )
    .send();
    None
}

hostile::export!(Plugin {
    list_actions,
    ..Plugin::IDLE
});
