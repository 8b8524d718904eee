//! Offboards as ordered, and reports an action that the service did not send.

use hostile::{ActionStatus, Ask, action};

hostile::offboard!(|machine_id, comment| {
    let _ = Ask::ordered(&machine_id, &comment).send();
    let id = "bbbbbbbb-2222-3333-4444-555555555555";
    Ok(action(id, &machine_id, ActionStatus::Pending))
});
