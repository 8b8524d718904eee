//! Reports a success without asking for anything.

use hostile::{ActionStatus, action};

hostile::offboard!(|machine_id, _| {
    let id = "aaaaaaaa-2222-3333-4444-555555555555";
    Ok(action(id, &machine_id, ActionStatus::Succeeded))
});
