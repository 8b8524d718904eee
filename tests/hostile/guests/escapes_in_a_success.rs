//! Offboards as ordered, and puts escape sequences into every text that the host
//! does not hold against the answer.

use hostile::{ActionStatus, Ask, action, action_json};

hostile::offboard!(|machine_id, comment| {
    let _ = Ask::ordered(&machine_id, &comment).send();
    let evil = || "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\r\u{8}\u{202e}".to_owned();
    let id = "aaaaaaaa-2222-3333-4444-555555555555";
    let mut action = action(id, &machine_id, ActionStatus::Pending);
    action.json = action_json(id, &machine_id, "Pending");
    action.title = Some(evil());
    action.requestor = Some(evil());
    action.creation_date_time_utc = Some(evil());
    action.last_update_date_time_utc = Some(evil());
    action.error = Some(evil());
    action.scope = Some(evil());
    action.external_id = Some(evil());
    action.request_source = Some(evil());
    action.commands = vec![evil()];
    action.troubleshoot_info = Some(evil());
    Ok(action)
});
