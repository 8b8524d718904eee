//! Offboards as ordered, and puts escape sequences into every text that the host
//! does not hold against the answer; the status has them as the service sent it.

use hostile::{ActionStatus, Ask, action, action_json};

hostile::offboard!(|machine_id, comment| {
    let _ = Ask::ordered(&machine_id, &comment).send();
    let evil = || "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\r\u{8}\u{202e}".to_owned();
    let id = "aaaaaaaa-2222-3333-4444-555555555555";
    let mut action = action(id, &machine_id, ActionStatus::Other(evil()));
    // The same in JSON, where some of it may stand as it is.
    let status = "\\u001b]0;owned\\u0007\\u001b[2J\u{9b}31m\\r\\b\u{202e}";
    action.json = action_json(id, &machine_id, status);
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
