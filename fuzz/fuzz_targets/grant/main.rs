//! The grant: for any request of a plugin, a permitted request is the ordered one, and is
//! permitted at most once.
//!
//! The oracle does not use the product's policy: it parses the permitted request as a URL and
//! as JSON, like the service. Requests are mutations of the ordered one, because random bytes
//! never resemble it.
#![no_main]

mod expected;
mod mutated;

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use offboard_sandbox::{
    contract::{ActionFilter, ActionId, ActionType, ApiRoot, Comment, ExternalId, MachineId, Tag},
    grant::{Grant, Refusal, RequestView},
};
use url::Url;

use expected::{Expected, Members, Query, Request, on, only};
use mutated::{mutated, text};

const ROOTS: &[&str] = &[
    "https://api.security.microsoft.com",
    "https://api.example.test:8443",
    "https://api.example.test:80",
    "http://127.0.0.1",
    "http://127.0.0.1:443",
    "http://[::1]:8080",
    "https://[2001:db8::1]",
    "http://localhost:65535",
    "https://203.0.113.9:1",
    "https://bücher.example",
    "https://a",
];

const COMMENTS: &[&str] = &[
    "Retired, INC-1234",
    "\"quoted\" \\ and / back",
    "Überholt 💻\nzweite Zeile\t\u{7f}",
    "null",
    "{\"Comment\":\"x\"}",
    "x",
];

#[derive(Clone, Copy)]
enum Kind {
    Offboard,
    OffboardWithExternalId,
    Tag,
    Cancel,
    ReadAction,
    ListActions,
    ReadMachine,
    ListMachines,
    FindMachines,
}

const KINDS: [Kind; 9] = [
    Kind::Offboard,
    Kind::OffboardWithExternalId,
    Kind::Tag,
    Kind::Cancel,
    Kind::ReadAction,
    Kind::ListActions,
    Kind::ReadMachine,
    Kind::ListMachines,
    Kind::FindMachines,
];

/// Cursors of a list.
const CURSORS: &[&str] = &[
    "$skiptoken=abc%26def",
    "$filter=a%20eq%20'b'&$skip=2;x=y?z+1",
    "%24top=1",
    "x",
];

fuzz_target!(|data: &[u8]| {
    // Too few bytes are ignored; this is not a finding.
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let root = match u.ratio(1, 8)? {
        true => format!("https://{}", text(u)?),
        false => (*u.choose(ROOTS)?).to_owned(),
    };
    let comment = match u.ratio(1, 4)? {
        true => text(u)?,
        false => (*u.choose(COMMENTS)?).to_owned(),
    };
    let (Ok(api), Ok(ordered_comment)) = (root.parse::<ApiRoot>(), comment.parse::<Comment>())
    else {
        return Ok(());
    };
    let hex = |u: &mut Unstructured<'_>, bytes| -> Result<String> {
        let bytes = u.bytes(bytes)?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    };
    let machine = hex(u, 20)?;
    let mut action = hex(u, 16)?;
    for dash in [8, 13, 18, 23] {
        action.insert(dash, '-');
    }
    // An id may be in either case; the service uses lower case.
    let upper: bool = u.arbitrary()?;
    let given = |id: &str| {
        if upper {
            id.to_uppercase()
        } else {
            id.to_owned()
        }
    };
    let machine_id: MachineId = given(&machine).parse().expect("40 hexadecimal digits");
    let action_id: ActionId = given(&action).parse().expect("a GUID");

    let limit = u.int_in_range(1..=3)?;
    let cursor = match u.ratio(1, 3)? {
        true => Some(*u.choose(CURSORS)?),
        false => None,
    };
    let top = ("$top".to_owned(), limit.to_string());
    let kind = *u.choose(&KINDS)?;
    let commented = || -> Members { vec![("Comment", comment.clone())] };
    let (mut grant, method, segments, query, members) = match kind {
        Kind::Offboard => (
            Grant::offboard(&api, &machine_id, &ordered_comment),
            "POST",
            vec!["api", "machines", &machine, "offboard"],
            Query::None,
            commented(),
        ),
        Kind::OffboardWithExternalId => {
            let external_id: ExternalId = action.parse().expect("a GUID is one");
            let mut members = commented();
            members.push(("ExternalId", action.clone()));
            (
                Grant::offboard_with_external_id(&api, &machine_id, &ordered_comment, &external_id),
                "POST",
                vec!["api", "machines", &machine, "offboard"],
                Query::None,
                members,
            )
        }
        Kind::Tag => {
            // A text that is not a comment or a tag cannot be expected.
            let Ok(tag) = comment.parse::<Tag>() else {
                return Ok(());
            };
            (
                Grant::tag(&api, &machine_id, &tag),
                "POST",
                vec!["api", "machines", &machine, "tags"],
                Query::None,
                vec![("Value", comment.clone()), ("Action", "Add".to_owned())],
            )
        }
        Kind::Cancel => (
            Grant::cancel(&api, &action_id, &ordered_comment),
            "POST",
            vec!["api", "machineactions", &action, "cancel"],
            Query::None,
            commented(),
        ),
        Kind::ReadAction => (
            Grant::read_action(&api, &action_id),
            "GET",
            vec!["api", "machineactions", &action],
            Query::None,
            Vec::new(),
        ),
        Kind::ListActions => {
            let filter = ActionFilter {
                machine_ids: match u.arbitrary()? {
                    true => vec![given(&machine)],
                    false => Vec::new(),
                },
                action_type: match u.arbitrary()? {
                    true => Some(ActionType::Offboard),
                    false => None,
                },
                statuses: Vec::new(),
                created_after: None,
            };
            let mut terms = Vec::new();
            if !filter.machine_ids.is_empty() {
                terms.push(format!("machineId eq '{machine}'"));
            }
            if filter.action_type.is_some() {
                terms.push("type eq 'Offboard'".to_owned());
            }
            let order = "creationDateTimeUtc desc".to_owned();
            let mut pairs = vec![("$orderby".to_owned(), order), top];
            if !terms.is_empty() {
                pairs.push(("$filter".to_owned(), terms.join(" and ")));
            }
            (
                Grant::list_actions(&api, &filter, cursor, limit),
                "GET",
                vec!["api", "machineactions"],
                on(cursor).unwrap_or(Query::Says(pairs)),
                Vec::new(),
            )
        }
        Kind::ReadMachine => (
            Grant::read_machine(&api, &machine_id),
            "GET",
            vec!["api", "machines", &machine],
            Query::None,
            Vec::new(),
        ),
        Kind::ListMachines => (
            Grant::list_machines(&api, cursor, limit),
            "GET",
            vec!["api", "machines"],
            on(cursor).unwrap_or(Query::Says(vec![top])),
            Vec::new(),
        ),
        Kind::FindMachines => (
            Grant::find_machines(&api, cursor.map(|query| format!("1:{query}")).as_deref()),
            "GET",
            vec!["api", "machines"],
            on(cursor).unwrap_or(Query::Filter),
            Vec::new(),
        ),
    };
    let expected = Expected {
        root: Url::parse(&root).expect("a root that was taken is a URL"),
        method,
        segments: segments.into_iter().map(ToOwned::to_owned).collect(),
        query,
        members,
    };
    let right = expected.right();
    let mut gone = 0;
    for _ in 0..u.int_in_range(1..=3)? {
        let request = mutated(u, &right, &expected)?;
        gone += usize::from(ask(&mut grant, &request, &expected, gone > 0));
        assert!(gone <= 1, "a second request was let through");
    }
    // A refusal spends nothing, a permitted request everything.
    let last = ask(&mut grant, &right, &expected, gone > 0);
    assert_eq!(last, gone == 0, "the ordered request may go, once");
    Ok(())
}

/// Makes a request, and compares a permitted one with the ordered one.
fn ask(grant: &mut Grant, request: &Request, expected: &Expected, spent: bool) -> bool {
    let headers: Vec<&str> = request.headers.iter().map(String::as_str).collect();
    let answer = grant.spend(&RequestView {
        method: &request.method,
        scheme: &request.scheme,
        authority: &request.authority,
        path: &request.path,
        query: request.query.as_deref(),
        headers: &headers,
        body: &request.body,
        elapsed: Duration::ZERO,
    });
    // The order of the reasons is not guaranteed, but the set of possible reasons is.
    if answer == Err(Refusal::Spent) {
        assert!(spent);
    }
    let Ok(permit) = answer else {
        return false;
    };
    expected.admits(request);
    // The body that the host writes is the ordered one.
    match expected.members.is_empty() {
        true => assert_eq!(permit.body(), None),
        false => only(
            permit.body().unwrap_or_default().as_bytes(),
            &expected.members,
        ),
    }
    true
}
