//! Offboards as ordered, and reports an action of another machine.

use hostile::{ActionStatus, Ask, action};

hostile::offboard!(|machine_id, comment| {
    let _ = Ask::ordered(&machine_id, &comment).send();
    let other = machine_id.replace('0', "f");
    Ok(action(
        "aaaaaaaa-2222-3333-4444-555555555555",
        &other,
        ActionStatus::Pending,
    ))
});
