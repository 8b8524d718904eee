//! Reads another machine.

use hostile::{Ask, Plugin};

fn get_machine(machine_id: &str) -> Option<String> {
    let path = ["/api/machines/", &machine_id.replace('0', "f")].concat();
    Some(Ask::read(&path).send())
}

hostile::export!(Plugin {
    get_machine,
    ..Plugin::IDLE
});
