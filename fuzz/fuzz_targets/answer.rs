//! The plugin's reading of answers: whatever the service, a proxy or the
//! network says, no panic, and every promise of the contract is kept.
//!
//! An input is text, so that seeds can be read: a line with the status or the
//! failure, a line with `Retry-After` (empty for none), and the body.
#![no_main]

mod json;

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use offboard_plugin::{
    action::{status_name, type_name},
    answer::{self, Answer, Failure},
    json::Members,
    offboarding::OffboardError,
    page, request,
    tracking::{ActionFilter, CancelError},
    types::{
        ActionPage, ActionType, Machine, MachineAction, MachinePage, ReadError, ServiceError,
        Throttled, UnknownOutcome, UnreadableAnswer,
    },
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};
use url::Url;

const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";
const ACTION: &str = "11111111-2222-3333-4444-555555555555";
/// A name that is found in four steps: upper case, and no dot.
const NAME: &str = "LAPTOP-7";

/// The longest text of the service's that an error carries, in bytes.
const MAX_WORDS: usize = 4096;
const MAX_CURSOR: usize = 16 * 1024;

fuzz_target!(|data: &[u8]| {
    let sent = read_input(data);
    let body = match &sent {
        Ok(answer) => &answer.body[..],
        Err(_) => &[],
    };
    let whole = Whole {
        sent: &sent,
        text: std::str::from_utf8(body).ok(),
    };

    match answer::offboard(MACHINE, sent.clone()) {
        Ok(action) => {
            whole.one_action(&action);
            assert_eq!(action.action_type, ActionType::Offboard);
            assert!(action.machine_id.as_deref().is_none_or(|id| id == MACHINE));
        }
        Err(error) => whole.refused(&error.into(), Kind::Offboard),
    }
    match answer::cancel_action(ACTION, sent.clone()) {
        Ok(action) => {
            whole.one_action(&action);
            assert!(action.id.eq_ignore_ascii_case(ACTION));
        }
        Err(error) => whole.refused(&error.into(), Kind::Cancel),
    }
    match answer::get_action(ACTION, sent.clone()) {
        Ok(action) => {
            whole.one_action(&action);
            assert!(action.id.eq_ignore_ascii_case(ACTION));
        }
        Err(error) => whole.refused(&error.into(), Kind::Read),
    }
    match answer::get_machine(MACHINE, sent.clone()) {
        Ok(machine) => {
            let text = whole.success();
            assert_eq!(machine.json, text.trim());
            check_machine(&machine, text);
            assert_eq!(machine.id, MACHINE);
        }
        Err(error) => whole.refused(&error.into(), Kind::Read),
    }
    match answer::list_actions(sent.clone()) {
        Ok(list) => whole.actions(&list),
        Err(error) => whole.refused(&error.into(), Kind::Read),
    }
    match answer::list_machines(sent.clone()) {
        Ok(list) => whole.machines(&list, list.next.as_deref()),
        Err(error) => whole.refused(&error.into(), Kind::List),
    }
    whole.find(None);
    whole.find(Some("3:"));
    if let Some(text) = whole.text {
        next_query(text);
        members(text);
    }
});

fn read_input(data: &[u8]) -> Result<Answer, Failure> {
    let mut parts = data.splitn(3, |&byte| byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (first, second, body) = (part(), part(), part());
    let status = |text: &[u8]| {
        std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            // No input is wasted: what is no number is one by its bytes.
            .unwrap_or_else(|| {
                u16::from_le_bytes([0, 1].map(|at| text.get(at).copied().unwrap_or_default()))
            })
    };
    let retry_after = (!second.is_empty()).then(|| String::from_utf8_lossy(second).into_owned());
    let reason = || String::from_utf8_lossy(body).into_owned();
    match first {
        b"no credential" => Err(Failure::NoCredential(reason())),
        b"denied" => Err(Failure::Denied(reason())),
        b"not sent" => Err(Failure::NotSent(reason())),
        b"no answer" => Err(Failure::NoAnswer(reason())),
        _ => match first.strip_prefix(b"broken ") {
            Some(first) => Err(Failure::Broken {
                status: status(first),
                retry_after,
                // The edge's own words, never the service's.
                reason: format!("the answer broke off: {}", reason()),
            }),
            None => Ok(Answer {
                status: status(first),
                retry_after,
                body: body.to_vec(),
            }),
        },
    }
}

/// What a call does, as far as its errors depend on it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Offboard,
    Cancel,
    Read,
    /// A list of machines, which is empty where the service says 404.
    List,
}

/// An error of any of the contract's three types.
struct Refused {
    case: &'static str,
    said: Option<ServiceError>,
    /// The plugin's own words, or the host's.
    reason: Option<String>,
    /// The status of an answer that made no sense.
    unreadable: Option<u16>,
    throttled: Option<Option<u64>>,
}

impl Refused {
    fn reason(case: &'static str, reason: String) -> Self {
        Self {
            case,
            said: None,
            reason: Some(reason),
            unreadable: None,
            throttled: None,
        }
    }

    fn said(case: &'static str, error: ServiceError) -> Self {
        Self {
            said: Some(error),
            reason: None,
            ..Self::reason(case, String::new())
        }
    }

    fn throttled(error: Throttled) -> Self {
        Self {
            throttled: Some(error.retry_after),
            ..Self::said("throttled", error.answer)
        }
    }

    fn unreadable(answer: UnreadableAnswer) -> Self {
        Self {
            unreadable: Some(answer.status),
            ..Self::reason("unreadable", answer.reason)
        }
    }

    fn unknown(outcome: UnknownOutcome) -> Self {
        Self {
            said: outcome.answer,
            ..Self::reason("unknown", outcome.reason)
        }
    }
}

impl From<OffboardError> for Refused {
    fn from(error: OffboardError) -> Self {
        use OffboardError as E;
        match error {
            E::InvalidMachineId(reason) | E::InvalidComment(reason) => {
                Self::reason("invalid", reason)
            }
            E::NoCredential(reason) => Self::reason("no credential", reason),
            E::Unauthorized(error) => Self::said("unauthorized", error),
            E::Forbidden(error) => Self::said("forbidden", error),
            E::MachineNotFound(error) => Self::said("not found", error),
            E::UnsupportedMachine(error) => Self::said("unsupported", error),
            E::AlreadyInProgress(error) => Self::said("in progress", error),
            E::Rejected(error) => Self::said("rejected", error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::said("service failure", error),
            E::Denied(reason) => Self::reason("denied", reason),
            E::NotSent(reason) => Self::reason("not sent", reason),
            E::OutcomeUnknown(outcome) => Self::unknown(outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        }
    }
}

impl From<CancelError> for Refused {
    fn from(error: CancelError) -> Self {
        use CancelError as E;
        match error {
            E::InvalidActionId(reason) | E::InvalidComment(reason) => {
                Self::reason("invalid", reason)
            }
            E::NoCredential(reason) => Self::reason("no credential", reason),
            E::Unauthorized(error) => Self::said("unauthorized", error),
            E::Forbidden(error) => Self::said("forbidden", error),
            E::ActionNotFound(error) => Self::said("not found", error),
            E::Rejected(error) => Self::said("rejected", error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::said("service failure", error),
            E::Denied(reason) => Self::reason("denied", reason),
            E::NotSent(reason) => Self::reason("not sent", reason),
            E::OutcomeUnknown(outcome) => Self::unknown(outcome),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        }
    }
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        use ReadError as E;
        match error {
            E::InvalidArgument(reason) => Self::reason("invalid", reason),
            E::NoCredential(reason) => Self::reason("no credential", reason),
            E::Unauthorized(error) => Self::said("unauthorized", error),
            E::Forbidden(error) => Self::said("forbidden", error),
            E::NotFound(error) => Self::said("not found", error),
            E::Rejected(error) => Self::said("rejected", error),
            E::Throttled(error) => Self::throttled(error),
            E::ServiceFailure(error) => Self::said("service failure", error),
            E::Denied(reason) => Self::reason("denied", reason),
            E::NoAnswer(reason) => Self::reason("no answer", reason),
            E::UnreadableAnswer(answer) => Self::unreadable(answer),
        }
    }
}

/// What came, against which every result is held.
struct Whole<'a> {
    sent: &'a Result<Answer, Failure>,
    /// The body of an answer, if it is text.
    text: Option<&'a str>,
}

impl<'a> Whole<'a> {
    /// A success is for a 2xx with a text alone.
    fn success(&self) -> &'a str {
        assert!(matches!(
            self.sent,
            Ok(Answer {
                status: 200..=299,
                ..
            })
        ));
        self.text.expect("a success without a text")
    }

    fn one_action(&self, action: &MachineAction) {
        let text = self.success();
        assert_eq!(action.json, text.trim());
        check_action(action, text);
    }

    fn actions(&self, list: &ActionPage) {
        let text = self.success();
        for action in &list.actions {
            check_action(action, text);
        }
        if let Some(entries) = self.entries() {
            // Odd entries are left out, and no other.
            let expected: Option<Vec<Option<&str>>> = entries
                .iter()
                .map(|entry| is_action(entry).map(|is| is.then_some(entry.trim())))
                .collect();
            if let Some(expected) = expected {
                let given = list.actions.iter().map(|action| action.json.as_str());
                assert!(given.eq(expected.into_iter().flatten()));
            }
        }
        self.next_link(list.next.as_deref());
        if let Some(cursor) = &list.next {
            let filter = ActionFilter {
                machine_ids: Vec::new(),
                action_type: None,
                statuses: Vec::new(),
                created_after: None,
            };
            let next = request::list_actions(&filter, Some(cursor), 100).expect("its own cursor");
            check_target(&next.target, "/api/machineactions", cursor);
        }
    }

    /// `link` is the query of the next page alone.
    fn machines(&self, list: &MachinePage, link: Option<&str>) {
        if let Ok(Answer { status: 404, .. }) = self.sent {
            // A proxy's 404 is no empty fleet: the service's own names a code.
            assert!(list.machines.is_empty() && link.is_none());
            let text = String::from_utf8_lossy(self.body());
            assert!(json::is_json(&text) && text.contains('{'));
            return;
        }
        let text = self.success();
        for machine in &list.machines {
            check_machine(machine, text);
        }
        if let Some(entries) = self.entries() {
            let given = list.machines.iter().map(|machine| machine.json.as_str());
            assert!(given.eq(entries.iter().map(|entry| entry.trim())));
        }
        self.next_link(link);
        if let Some(cursor) = link {
            let next = request::list_machines(Some(cursor), 100).expect("its own cursor");
            check_target(&next.target, "/api/machines", cursor);
        }
    }

    /// The answer to one step: on with its next page, or with the next step.
    fn find(&self, cursor: Option<&str>) {
        let ask = |cursor| request::find_machines(NAME, cursor, 100);
        let step = ask(cursor).expect("a step");
        assert!(step.number < step.count);
        match answer::find_machines(&step, self.sent.clone()) {
            Ok(list) => {
                let (number, query) = match &list.next {
                    None => (step.count, ""),
                    Some(next) => {
                        let (number, query) = next.split_once(':').expect("a step's cursor");
                        (number.parse().expect("a step's number"), query)
                    }
                };
                let link = (!query.is_empty()).then_some(query);
                self.machines(&list, link);
                assert_eq!(number, step.number + usize::from(link.is_none()));
                if let Some(next) = &list.next {
                    let next = ask(Some(next)).expect("its own cursor");
                    assert_eq!((next.number, next.count), (number, step.count));
                    if let Some(query) = link {
                        check_target(&next.request.target, "/api/machines", query);
                    }
                }
            }
            Err(error) => self.refused(&error.into(), Kind::List),
        }
    }

    /// Which cases may stand for what came, by the contract's words.
    fn refused(&self, error: &Refused, kind: Kind) {
        let post = matches!(kind, Kind::Offboard | Kind::Cancel);
        let (status, retry_after) = match self.sent {
            Ok(answer) => (Some(answer.status), &answer.retry_after),
            Err(Failure::Broken {
                status,
                retry_after,
                ..
            }) => (Some(*status), retry_after),
            Err(_) => (None, &None),
        };
        let allowed: &[&str] = match (self.sent, status) {
            (Err(Failure::NoCredential(_)), _) => &["no credential"],
            (Err(Failure::Denied(_)), _) => &["denied"],
            (Err(Failure::NotSent(_)), _) if post => &["not sent"],
            (Err(Failure::NoAnswer(_)), _) if post => &["unknown"],
            (_, None) => &["no answer"],
            (_, Some(200..=299)) => &["unreadable"],
            (_, Some(401)) => &["unauthorized"],
            (_, Some(403)) => &["forbidden"],
            (_, Some(404)) => &["not found"],
            (_, Some(429)) => &["throttled"],
            (_, Some(500..=599)) => &["service failure"],
            (_, Some(408 | ..=299 | 600..)) if post => &["unknown"],
            (_, Some(408 | ..=299 | 600..)) => &["service failure"],
            (_, Some(300..=499)) if kind == Kind::Offboard => {
                &["rejected", "unsupported", "in progress"]
            }
            (_, Some(300..=499)) => &["rejected"],
        };
        assert!(
            allowed.contains(&error.case),
            "{} for {status:?}",
            error.case
        );

        // The promise that matters most, once more and by itself: where a POST
        // may have been carried out, no case says that it was not.
        let left = !matches!(
            self.sent,
            Err(Failure::NoCredential(_) | Failure::Denied(_) | Failure::NotSent(_))
        );
        let refused = status.is_some_and(|status| (300..=499).contains(&status) && status != 408);
        if post && left && !refused {
            assert!(["unknown", "unreadable", "service failure"].contains(&error.case));
        }

        if let Some(status_given) = error.unreadable {
            assert_eq!(Some(status_given), status);
            assert!(
                error
                    .reason
                    .as_ref()
                    .is_some_and(|text| text.len() <= MAX_WORDS)
            );
        }
        if let Some(said) = &error.said {
            assert_eq!(Some(said.status), status);
            self.words(said);
        }
        if let Some(seconds) = error.throttled {
            check_retry_after(retry_after.as_deref(), seconds);
        }
    }

    fn words(&self, said: &ServiceError) {
        for text in [&said.code, &said.message, &said.target]
            .into_iter()
            .flatten()
        {
            assert!((1..=MAX_WORDS).contains(&text.len()));
        }
        let text = match self.sent {
            Err(Failure::Broken { reason, .. }) => Cow::Borrowed(reason.as_str()),
            _ => String::from_utf8_lossy(self.body()),
        };
        if said.code.is_some() || said.target.is_some() {
            assert!(json::is_json(&text));
        } else if !json::is_json(&text) {
            // Somebody else's words, from their beginning.
            let message = said.message.as_deref().unwrap_or_default();
            assert!(text.trim().starts_with(message));
            assert!(message.len() > MAX_WORDS - 4 || message == text.trim());
        }
    }

    /// The cursor is the query of the link in the body, as `url` reads it.
    fn next_link(&self, next: Option<&str>) {
        let Some(Pairs(pairs)) = self.text.and_then(|text| serde_json::from_str(text).ok()) else {
            return;
        };
        let link = match member(&pairs, "@odata.nextLink") {
            Some(Value::String(link)) => link,
            Some(Value::Array(_) | Value::Object(_)) | None => {
                assert_eq!(next, None);
                return;
            }
            Some(_) => return,
        };
        // A list never ends where its next link says that it goes on.
        let next = next.expect("a next link was lost");
        // `url` leaves out what browsers leave out.
        if link.trim() != link || link.contains(['\t', '\n', '\r']) {
            return;
        }
        let base = Url::parse("https://api.example.test/").expect("a URL");
        if let Ok(url) = base.join(link) {
            let of_link = url.query().map(decoded);
            assert_eq!(of_link, Some(decoded(next)));
        }
    }

    fn entries(&self) -> Option<Vec<&'a str>> {
        let Pairs(pairs) = serde_json::from_str(self.text?).ok()?;
        let value = pairs
            .iter()
            .find(|(name, _)| name == "value")
            .map(|(_, value)| value)?;
        value.is_array().then_some(())?;
        // The same member again, in the words of the body.
        #[derive(Deserialize)]
        struct Page<'a> {
            #[serde(borrow)]
            value: Vec<&'a RawValue>,
        }
        let page: Page = serde_json::from_str(self.text?).ok()?;
        Some(page.value.into_iter().map(RawValue::get).collect())
    }

    fn body(&self) -> &'a [u8] {
        self.sent.as_ref().map_or(&[], |answer| &answer.body)
    }
}

/// An object's members in their order, also those of one name.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, Value)>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(Object).map(Self)
    }
}

/// The exact name first, then any case of it; null is nothing.
fn member<'a>(pairs: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    let exact = pairs.iter().find(|(key, _)| key == name);
    let any_case = || pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    exact
        .or_else(any_case)
        .map(|(_, value)| value)
        .filter(|value| !value.is_null())
}

fn has_twins(pairs: &[(String, Value)]) -> bool {
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).any(|two| two[0] == two[1])
}

/// Whether an entry is an action; none where this oracle cannot tell (numbers
/// that do not fit, deep nesting, surrogates).
fn is_action(entry: &str) -> Option<bool> {
    let Ok(Pairs(pairs)) = serde_json::from_str(entry) else {
        // What is no object is none for certain.
        return (!entry.trim().starts_with('{')).then_some(false);
    };
    let has = |name| match member(&pairs, name) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Number(_) | Value::Bool(_)) => true,
        _ => false,
    };
    Some(!has_twins(&pairs) && has("id") && has("type") && has("status"))
}

type Text<T> = (&'static str, fn(&T) -> &Option<String>);

const ACTION_TEXTS: [Text<MachineAction>; 12] = [
    ("title", |action| &action.title),
    ("requestor", |action| &action.requestor),
    ("requestorComment", |action| &action.requestor_comment),
    ("computerDnsName", |action| &action.computer_dns_name),
    ("creationDateTimeUtc", |action| {
        &action.creation_date_time_utc
    }),
    ("cancellationRequestor", |action| {
        &action.cancellation_requestor
    }),
    ("cancellationComment", |action| &action.cancellation_comment),
    ("cancellationDateTimeUtc", |action| {
        &action.cancellation_date_time_utc
    }),
    ("error", |action| &action.error),
    ("scope", |action| &action.scope),
    ("externalId", |action| &action.external_id),
    ("requestSource", |action| &action.request_source),
];

const MACHINE_TEXTS: [Text<Machine>; 17] = [
    ("computerDnsName", |machine| &machine.computer_dns_name),
    ("firstSeen", |machine| &machine.first_seen),
    ("lastSeen", |machine| &machine.last_seen),
    ("osPlatform", |machine| &machine.os_platform),
    ("version", |machine| &machine.version),
    ("onboardingStatus", |machine| &machine.onboarding_status),
    ("healthStatus", |machine| &machine.health_status),
    ("lastIpAddress", |machine| &machine.last_ip_address),
    ("lastExternalIpAddress", |machine| {
        &machine.last_external_ip_address
    }),
    ("rbacGroupId", |machine| &machine.rbac_group_id),
    ("rbacGroupName", |machine| &machine.rbac_group_name),
    ("riskScore", |machine| &machine.risk_score),
    ("exposureLevel", |machine| &machine.exposure_level),
    ("deviceValue", |machine| &machine.device_value),
    ("aadDeviceId", |machine| &machine.aad_device_id),
    ("agentVersion", |machine| &machine.agent_version),
    ("mergedIntoMachineId", |machine| {
        &machine.merged_into_machine_id
    }),
];

fn check_action(action: &MachineAction, text: &str) {
    check_json(&action.json, text);
    let parts = action.commands.iter().chain(&action.troubleshoot_info);
    for part in parts {
        check_json(part, &action.json);
    }
    assert!(!action.id.is_empty());
    assert!(!type_name(&action.action_type).is_empty());
    assert!(!status_name(&action.status).is_empty());

    let Ok(Pairs(pairs)) = serde_json::from_str(&action.json) else {
        return;
    };
    assert!(!has_twins(&pairs));
    for (name, given) in ACTION_TEXTS {
        check_text(&pairs, name, given(action).as_deref());
    }
    check_text(&pairs, "id", Some(&action.id));
    if let Some(Value::String(id)) = member(&pairs, "machineId") {
        assert_eq!(action.machine_id, Some(id.to_ascii_lowercase()));
    }
    if let Some(Value::String(kind)) = member(&pairs, "type") {
        let known = match kind.as_str() {
            "OffboardMachine" => "Offboard",
            "Live Response" => "LiveResponse",
            other => other,
        };
        assert_eq!(type_name(&action.action_type), known);
    }
    if let Some(Value::String(status)) = member(&pairs, "status") {
        let known = match status.as_str() {
            "Canceled" => "Cancelled",
            other => other,
        };
        assert_eq!(status_name(&action.status), known);
    }
    if let Some(number) = member(&pairs, "errorHResult").and_then(Value::as_i64) {
        assert_eq!(action.error_hresult, Some(number));
    }
}

fn check_machine(machine: &Machine, text: &str) {
    check_json(&machine.json, text);
    assert!(!machine.id.is_empty());
    let Ok(Pairs(pairs)) = serde_json::from_str(&machine.json) else {
        return;
    };
    assert!(!has_twins(&pairs));
    for (name, given) in MACHINE_TEXTS {
        check_text(&pairs, name, given(machine).as_deref());
    }
    if let Some(Value::String(id)) = member(&pairs, "id") {
        assert_eq!(machine.id, id.to_ascii_lowercase());
    }
    if let Some(Value::Array(tags)) = member(&pairs, "machineTags") {
        let tags = tags.iter().filter_map(Value::as_str);
        assert!(tags.eq(machine.machine_tags.iter().map(String::as_str)));
    }
}

fn check_json(part: &str, whole: &str) {
    assert!(whole.contains(part));
    assert!(json::is_json(part), "not JSON: {part}");
}

/// Texts are given as they are, numbers and truth values as they are written,
/// and nothing else is a text.
fn check_text(pairs: &[(String, Value)], name: &str, given: Option<&str>) {
    match member(pairs, name) {
        Some(Value::String(text)) => assert_eq!(given, Some(text.as_str()), "{name}"),
        Some(Value::Bool(true)) => assert_eq!(given, Some("true"), "{name}"),
        Some(Value::Bool(false)) => assert_eq!(given, Some("false"), "{name}"),
        Some(Value::Number(_)) => assert!(given.is_some(), "{name}"),
        _ => assert_eq!(given, None, "{name}"),
    }
}

/// A whole number of seconds is kept, and nothing is made of anything else.
fn check_retry_after(header: Option<&str>, seconds: Option<u64>) {
    let header = header.unwrap_or_default().trim();
    let digits = header.strip_prefix('+').unwrap_or(header);
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let significant = digits.trim_start_matches('0');
    let significant = if significant.is_empty() {
        "0"
    } else {
        significant
    };
    match seconds {
        Some(seconds) => assert!(number && significant == seconds.to_string()),
        // Longer than any that fits, where it is one.
        None => assert!(!number || significant.len() >= u64::MAX.to_string().len()),
    }
}

/// A cursor's request goes to the route and the host that it began with.
fn check_target(target: &str, path: &str, query: &str) {
    assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
    let root = Url::parse("https://api.example.test:8443").expect("a URL");
    for url in [
        Url::parse(&format!("https://api.example.test:8443{target}")),
        root.join(target),
    ] {
        let url = url.expect("a target is a URL");
        assert_eq!(url.origin(), root.origin());
        assert_eq!((url.username(), url.password()), ("", None));
        assert_eq!(url.path(), path);
        assert_eq!(url.fragment(), None);
        assert_eq!(url.query().map(decoded), Some(decoded(query)));
    }
    assert_eq!(target, format!("{path}?{query}"));
}

/// Without percent encoding, which may differ and mean the same.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let [byte, rest @ ..] = bytes {
        bytes = rest;
        let pair = rest
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        let value = pair
            .filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match value {
            Some(value) if *byte == b'%' => {
                decoded.push(value);
                bytes = &rest[2..];
            }
            _ => decoded.push(*byte),
        }
    }
    decoded
}

/// Any text as a next link: what comes out can be sent.
fn next_query(link: &str) {
    if let Some(query) = page::next_query(link) {
        assert!((1..=MAX_CURSOR).contains(&query.len()));
        assert!(!query.contains('#'));
        let next = request::list_machines(Some(&query), 1).expect("its own cursor");
        check_target(&next.target, "/api/machines", &query);
    }
}

/// What is read as an object is one, and its members stand in it.
fn members(text: &str) {
    let Ok(members) = Members::parse(text) else {
        return;
    };
    assert!(json::is_json(text));
    assert!(text.trim().starts_with('{'));
    for name in ["id", "value", "error", "commands", "@odata.nextLink"] {
        let parts = members.array(name);
        for part in parts.into_iter().chain(members.raw(name)) {
            check_json(part.get(), text);
        }
    }
}
