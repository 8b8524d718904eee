//! Orders for tests: one for each state, and machines with hostile text.

use sha2::{Digest, Sha256};

use super::{ActionRead, Heading, ReportOrder, ReportedChange, ReportedRequest, states::STATES};

/// 2026-11-26 10:20:30 UTC.
const START: i64 = 1_795_688_430_000;

/// Hostile text for the names of devices, comments and answers.
pub(super) const HOSTILE: [&str; 18] = [
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "<!--<script>",
    "]]></style><svg onload=window.hacked=1>",
    "\"><b onmouseover='window.hacked=1'>",
    "' autofocus onfocus=window.hacked=1 '",
    "{{script}}{{policy}}",
    "${window.hacked=1} {% raw %} #{1}",
    "javascript:window.hacked=1",
    "&lt;script&gt;window.hacked=1&lt;/script&gt;",
    "\u{202e}txt.exe\u{2066}",
    "pc\u{200b}-7\u{feff}\u{e0041}",
    "a\0b\u{1b}[2Jc\u{9b}d\u{7f}",
    "line\nline\r\nline\u{2028}line\u{2029}line",
    "\\u003c/script\\u003e\\",
    "<TITLE></TITLE><META http-equiv=refresh content=0;url=//example.test>",
    "דג-7.example.test",
    "__proto__",
];

pub(super) fn moment(at: i64, state: &str) -> ReportedChange {
    ReportedChange {
        at,
        state: state.to_owned(),
        detail: String::new(),
    }
}

/// An order without a history.
pub(super) fn entry(number: u64, state: &str) -> ReportOrder {
    ReportOrder {
        number,
        asked: format!("{number:040x}"),
        machine: Some(format!("{number:040x}")),
        name: None,
        platform: None,
        last_seen: None,
        comment: "Retired, CHG-4471".to_owned(),
        state: state.to_owned(),
        action: None,
        external_id: None,
        read: None,
        detail: String::new(),
        moments: Vec::new(),
        requests: Vec::new(),
    }
}

/// An order with this text in every field.
pub(super) fn saying(number: u64, text: &str) -> ReportOrder {
    let text = || text.to_owned();
    ReportOrder {
        number,
        asked: text(),
        machine: Some(text()),
        name: Some(text()),
        platform: Some(text()),
        last_seen: Some(text()),
        comment: text(),
        state: text(),
        action: Some(text()),
        external_id: Some(text()),
        read: Some(ActionRead {
            at: START,
            answer: text(),
        }),
        detail: text(),
        moments: vec![ReportedChange {
            at: START,
            state: text(),
            detail: text(),
        }],
        requests: vec![ReportedRequest {
            grant: text(),
            sent: START,
            answered: None,
            bytes_sent: 0,
            status: None,
            tracking: Some(text()),
            failure: Some(text()),
            answer: Some(text()),
            address: Some(text()),
        }],
    }
}

pub(super) fn head() -> Heading {
    let facts = [
        ("Run", "0d5a3f4e-51c5-4a57-8f8f-1f6f4a3c9b11"),
        ("Ordered by", "ada (uid 1000)"),
        ("Tenant", "7e4a4700-0000-4000-8000-000000000001"),
        (
            "Application",
            "c11e4700-0000-4000-8000-000000000001, certificate",
        ),
        ("Service", "https://api.security.microsoft.com"),
        (
            "Plugin (SHA-256)",
            "07c9651bbdb659f20d177e6f19436a5206886898ea98f82f14e588aa06384508",
        ),
        ("Started", "2026-11-26 10:20:30 UTC"),
        ("Written", "2026-11-26 22:41:07 UTC"),
    ];
    Heading {
        title: "Offboarding of 420 devices, CHG-4471".to_owned(),
        facts: facts
            .map(|(label, value)| (label.to_owned(), value.to_owned()))
            .into(),
        notes: vec![
            "Windows keeps its onboarding data; a device shows as inactive after 7 days and stays \
             listed for up to 180."
                .to_owned(),
        ],
    }
}

/// A realistic run: sent in a quarter of an hour, and completed during the day.
pub(super) fn orders(count: u64) -> impl Iterator<Item = ReportOrder> {
    (1..=count).map(order)
}

fn order(number: u64) -> ReportOrder {
    // Deterministic, without a generator: a realistic number of orders in each state.
    let chance = number.wrapping_mul(2_654_435_761) >> 7 & 1023;
    let state = match chance {
        0..=699 => "succeeded",
        700..=789 => "pending",
        790..=829 => "failed",
        830..=849 => "timed-out",
        850..=919 => "rejected",
        920..=939 => "skipped",
        _ => STATES[chance as usize % (STATES.len() - 1)].name,
    };
    let names = ["ams-fin", "osl-it", "ber-hr", "lis-lab"];
    let name = match number.checked_sub(7).map(|place| place as usize) {
        Some(place) if place % 19 == 0 => HOSTILE[place / 19 % HOSTILE.len()].to_owned(),
        _ => format!(
            "{}-{number:05}.corp.contoso.test",
            names[chance as usize % 4]
        ),
    };
    let digest = Sha256::digest(number.to_le_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let machine = hex[..40].to_owned();
    let sent = START + number as i64 * 2150;
    let answered = sent + 180 + chance as i64 / 3;
    let ended = answered + 9000 + (chance as i64).pow(3) % 41_000_000;
    let mut entry = entry(number, state);
    entry.detail = detail(state).to_owned();
    entry.moments.push(moment(START - 60_000, "planned"));
    entry.name = Some(name.clone());
    entry.platform = Some("Windows10 21H2".to_owned());
    entry.last_seen = Some("2026-11-22T10:19:07.3139542Z".to_owned());
    let ends = matches!(state, "succeeded" | "failed" | "timed-out" | "cancelled");
    let accepted = ends || matches!(state, "accepted" | "pending");
    if !matches!(state, "planned" | "skipped") {
        entry.moments.push(moment(sent, "sending"));
        entry.requests.push(request(&machine, sent));
    }
    if accepted {
        let action = format!("{}-f021-4fa5-8dea-{}", &hex[40..48], &hex[48..60]);
        entry.moments.push(moment(answered, "accepted"));
        if let Some(request) = entry.requests.last_mut() {
            request.status = Some(201);
            request.answered = Some(answered);
            request.tracking = Some(format!("|00-{}-{}-01.", &hex[8..40], &hex[44..60]));
            request.answer = Some(answer(&action, &machine, &name));
        }
        entry.action = Some(action);
    }
    if state == "rejected"
        && let Some(request) = entry.requests.last_mut()
    {
        request.status = Some(400);
        request.answered = Some(answered);
        request.answer = Some(
            "{\"error\":{\"code\":\"ActiveRequestAlreadyExists\",\"message\":\"Action is already in \
             progress\",\"target\":\"|00-0047ca3bc42f4ab2be6c34c50715a72c-e341341839c446df-01.\"}}"
                .to_owned(),
        );
    }
    if state == "unknown"
        && let Some(request) = entry.requests.last_mut()
    {
        request.failure = Some("the connection was closed before an answer".to_owned());
    }
    if ends {
        entry.moments.push(moment(ended, state));
    } else if !matches!(state, "accepted" | "planned" | "sending") {
        let mut last = moment(answered, state);
        last.detail = detail(state).to_owned();
        entry.moments.push(last);
    }
    entry.asked = if number.is_multiple_of(3) {
        name
    } else {
        machine.clone()
    };
    entry.machine = Some(machine);
    entry
}

fn detail(state: &str) -> &'static str {
    match state {
        "succeeded" => "Succeeded",
        "accepted" | "pending" => "Pending",
        "failed" => "Failed",
        "timed-out" => "TimeOut",
        "cancelled" => "Cancelled",
        "rejected" => {
            "already-in-progress (400) ActiveRequestAlreadyExists: Action is already in progress"
        }
        "unknown" => "outcome-unknown: the connection was closed before an answer",
        "not-sent" => "not-sent: no connection could be made",
        "skipped" => "excluded: the policy of the profile excludes servers",
        _ => "",
    }
}

fn request(machine: &str, sent: i64) -> ReportedRequest {
    ReportedRequest {
        grant: format!(
            "POST https://api.security.microsoft.com/api/machines/{machine}/offboard, once, with exactly \
             this comment"
        ),
        sent,
        answered: None,
        bytes_sent: 412,
        status: None,
        tracking: None,
        failure: None,
        answer: None,
        address: Some("203.0.113.17:443".to_owned()),
    }
}

fn answer(action: &str, machine: &str, name: &str) -> String {
    let answer = serde_json::json!({
        "@odata.context": "https://api.security.microsoft.com/api/$metadata#MachineActions/$entity",
        "id": action,
        "type": "Offboard",
        "title": null,
        "requestor": "offboard",
        "requestorComment": "Retired, CHG-4471",
        "status": "Pending",
        "machineId": machine,
        "computerDnsName": name,
        "creationDateTimeUtc": "2026-11-26T10:20:31.5291336Z",
        "lastUpdateDateTimeUtc": "2026-11-26T10:20:31.529134Z",
        "cancellationRequestor": null,
        "errorHResult": 0,
        "commands": [],
    });
    answer.to_string()
}
