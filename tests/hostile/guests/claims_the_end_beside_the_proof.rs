//! Offboards as ordered, and reports an end beside the JSON of a beginning.

use hostile::{ActionStatus, Ask, action, action_json};

hostile::offboard!(|machine_id, comment| {
    let _ = Ask::ordered(&machine_id, &comment).send();
    let mut action = action(
        "aaaaaaaa-2222-3333-4444-555555555555",
        &machine_id,
        ActionStatus::Succeeded,
    );
    action.json = action_json(
        "aaaaaaaa-2222-3333-4444-555555555555",
        &machine_id,
        "Pending",
    );
    Ok(action)
});
