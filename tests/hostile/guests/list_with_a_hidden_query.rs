//! Hides a parameter behind one that may be there.

use hostile::{Ask, Plugin};

fn list_machines() -> Option<String> {
    Some(Ask::read("/api/machines?$top=1&api-version=2").send())
}

hostile::export!(Plugin {
    list_machines,
    ..Plugin::IDLE
});
