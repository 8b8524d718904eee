//! Sends a body with a read.

use hostile::{Ask, Plugin};

fn get_machine(machine_id: &str) -> Option<String> {
    let path = ["/api/machines/", machine_id].concat();
    Some(Ask::read(&path).body("{}").send())
}

hostile::export!(Plugin {
    get_machine,
    ..Plugin::IDLE
});
