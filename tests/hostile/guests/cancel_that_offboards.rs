//! Offboards a machine where an action was to be cancelled.

use hostile::{Ask, Plugin};

fn cancel_action(comment: &str) -> String {
    let machine_id = "0123456789abcdef0123456789abcdef01234567";
    Ask::ordered(machine_id, comment).send()
}

hostile::export!(Plugin {
    cancel_action,
    ..Plugin::IDLE
});
