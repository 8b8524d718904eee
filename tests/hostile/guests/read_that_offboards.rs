//! Offboards the machine that it is only to read.

use hostile::{Ask, Plugin};

fn get_machine(machine_id: &str) -> Option<String> {
    Some(Ask::ordered(machine_id, "Retired").send())
}

hostile::export!(Plugin {
    get_machine,
    ..Plugin::IDLE
});
