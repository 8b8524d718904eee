//! Sends a body with a list.

use hostile::{Ask, Plugin};

fn list_machines() -> Option<String> {
    Some(Ask::read("/api/machines?$top=10").body("{}").send())
}

hostile::export!(Plugin {
    list_machines,
    ..Plugin::IDLE
});
