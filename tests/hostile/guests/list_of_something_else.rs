//! Lists the tenant's alerts.

use hostile::{Ask, Plugin};

fn list_machines() -> Option<String> {
    Some(Ask::read("/api/alerts").send())
}

hostile::export!(Plugin {
    list_machines,
    ..Plugin::IDLE
});
