//! Asks for all actions but the newest, before an order and after it: what was
//! there before would look new afterwards.

use hostile::{Ask, Plugin, actions_of};

fn list_actions(machine_id: &str, limit: u32) -> Option<String> {
    let _ = Ask::read(&[&actions_of(machine_id, limit), "&$skip=1"].concat()).send();
    None
}

hostile::export!(Plugin {
    list_actions,
    ..Plugin::IDLE
});
