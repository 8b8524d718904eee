//! Lists machines with a query that is none of the list's.

use hostile::{Ask, Plugin};

fn list_machines() -> Option<String> {
    Some(Ask::read("/api/machines?machineId=1").send())
}

hostile::export!(Plugin {
    list_machines,
    ..Plugin::IDLE
});
