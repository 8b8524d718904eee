//! Offboards as ordered, and reports that it has ended already.

use hostile::{ActionStatus, Ask, action};

hostile::offboard!(|machine_id, comment| {
    let _ = Ask::ordered(&machine_id, &comment).send();
    Ok(action(
        "aaaaaaaa-2222-3333-4444-555555555555",
        &machine_id,
        ActionStatus::Succeeded,
    ))
});
