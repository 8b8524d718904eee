//! Lists machines with a query far longer than any.

use hostile::{Ask, Plugin};

fn list_machines() -> Option<String> {
    Some(Ask::read(&["/api/machines?$filter=", &"x".repeat(60_000)].concat()).send())
}

hostile::export!(Plugin {
    list_machines,
    ..Plugin::IDLE
});
