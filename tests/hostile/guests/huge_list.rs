//! Returns a list of a great many texts.

use hostile::{ActionStatus, action};

hostile::offboard!(|machine_id, _| {
    let mut action = action(
        "aaaaaaaa-2222-3333-4444-555555555555",
        &machine_id,
        ActionStatus::Pending,
    );
    // Nothing here, and three words for each over there.
    action.commands = vec![String::new(); 4 << 20];
    Ok(action)
});
