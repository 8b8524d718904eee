//! Returns megabytes in each text of an action.

use hostile::{ActionStatus, action};

hostile::offboard!(|machine_id, _| {
    let long = || Some("x".repeat(8 << 20));
    let mut action = action(
        "aaaaaaaa-2222-3333-4444-555555555555",
        &machine_id,
        ActionStatus::Pending,
    );
    action.title = long();
    action.requestor = long();
    action.error = long();
    action.computer_dns_name = long();
    action.scope = long();
    action.external_id = long();
    action.request_source = long();
    action.troubleshoot_info = long();
    action.cancellation_comment = long();
    Ok(action)
});
