//! Lists of the service that are incomplete, loop, or have odd entries. A list that may be
//! incomplete is never treated as complete, and an entry that cannot be used is skipped.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{MACHINE, Reply, Scripted};

/// The id of a machine with this number.
fn id(number: usize) -> String {
    format!("{number:040x}")
}

fn machine(id: &str, name: &str) -> Value {
    json!({
        "id": id,
        "computerDnsName": name,
        "osPlatform": "Windows11",
        "healthStatus": "Active",
        "onboardingStatus": "Onboarded",
    })
}

/// The value of an option in a request line.
fn option(request: &str, name: &str) -> Option<usize> {
    let (_, rest) = request.split_once(&format!("${name}="))?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The decoded filter of a request line.
fn filter(request: &str) -> Option<String> {
    let (_, rest) = request.split_once("$filter=")?;
    let mut parts = rest.split(['&', ' ']).next()?.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, plain) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap());
        bytes.extend(plain.bytes());
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// One page of these entries, as `$top` and `$skip` select it, with at most `cap` entries and
/// without a next link.
fn capped(request: &str, entries: &[Value], cap: usize) -> Reply {
    let (top, skip) = (option(request, "top"), option(request, "skip"));
    let size = top.unwrap_or(cap).min(cap);
    let page: Vec<_> = entries.iter().skip(skip.unwrap_or(0)).take(size).collect();
    Reply::new(200, &json!({"value": page}).to_string())
}

/// Whether a machine fits the filter of a request line; names are compared by case if `by_case`.
fn fits(request: &str, machine: &Value, by_case: bool) -> bool {
    let Some(filter) = filter(request) else {
        return true;
    };
    let name = machine["computerDnsName"].as_str().unwrap_or_default();
    let plain = |text: &str| {
        if by_case {
            text.to_owned()
        } else {
            text.to_lowercase()
        }
    };
    let sought = plain(filter.split('\'').nth(1).unwrap_or_default());
    if filter.starts_with("startswith") {
        plain(name).starts_with(&sought)
    } else {
        plain(name) == sought
    }
}

/// A service with these machines, which caps its pages.
fn fleet(machines: Vec<Value>, cap: usize, by_case: bool) -> Scripted {
    Scripted::new(move |request, _| {
        if !request.starts_with("GET /api/machines?") {
            return None;
        }
        let found = machines.iter().filter(|one| fits(request, one, by_case));
        Some(capped(request, &found.cloned().collect::<Vec<_>>(), cap))
    })
}

fn found(server: &Scripted, name: &str) -> Vec<String> {
    let outcome = server.command(&["find", name, "-o", "json"]);
    let rows: Vec<Value> = serde_json::from_str(&outcome.stdout).unwrap_or_default();
    let id = |row: &Value| row["machineId"].as_str().map(ToOwned::to_owned);
    rows.iter().map(|row| id(row).unwrap()).collect()
}

/// The service caps pages and gives no next link, also if `$top` is larger.
#[test]
fn a_capped_page_is_not_the_end_of_a_search() {
    let machines = (0..7).map(|number| machine(&id(number), "pc.corp.test"));
    let server = fleet(machines.collect(), 3, false);
    assert_eq!(found(&server, "pc.corp.test").len(), 7);
}

/// A name is ambiguous if its second machine is beyond a cap.
#[test]
fn a_capped_page_does_not_make_a_name_unique() {
    let mut machines = vec![
        machine(&id(1), "pc.corp.test"),
        machine(&id(2), "pc.corp.test"),
    ];
    machines.extend((3..6).map(|number| machine(&id(number), "pc.lab.test")));
    machines.push(machine(&id(9), "pc"));
    // The service ignores the filter.
    let server = Scripted::new(move |request, _| {
        request
            .starts_with("GET /api/machines?")
            .then(|| capped(request, &machines, 4))
    });
    let args = ["run", "pc", "--comment", "x", "--yes", "-o", "json"];
    let outcome = server.command(&args);
    assert_eq!(
        outcome.row()["error"]["kind"],
        "ambiguous-name",
        "{outcome:?}"
    );
    assert_eq!(found(&server, "pc").len(), 6);
    assert_eq!(server.posts(), 0);
}

/// A service that compares names by case does not hide a machine from a search.
#[test]
fn names_are_the_same_in_any_case() {
    for by_case in [false, true] {
        let machines = [
            "C-Lab-31",
            "c-lab-31.corp.test",
            "C-LAB-31.corp.test",
            "other.test",
        ];
        let machines = (1..).zip(machines).map(|(at, name)| machine(&id(at), name));
        let server = fleet(machines.collect(), 100, by_case);
        for name in ["c-lab-31", "C-Lab-31", "C-LAB-31"] {
            assert_eq!(found(&server, name).len(), 3, "{name} {by_case}");
        }
        for name in ["c-lab-31.corp.test", "C-Lab-31.Corp.Test."] {
            assert_eq!(found(&server, name).len(), 2, "{name} {by_case}");
        }
        let args = [
            "run",
            "c-lab-31.corp.test",
            "--comment",
            "x",
            "--yes",
            "-o",
            "json",
        ];
        let outcome = server.command(&args);
        let kind = &outcome.row()["error"]["kind"];
        assert_eq!(kind, "ambiguous-name", "{by_case}: {outcome:?}");
    }
}

/// A next link that lost the names of its parameters returns the first page again.
#[test]
fn a_mangled_next_link_is_not_followed() {
    let server = Scripted::new(move |request, _| {
        if !request.starts_with("GET /api/machines?") {
            return None;
        }
        let skip = option(request, "skip").unwrap_or(0);
        let machines: Vec<Value> = (skip..(skip + 2).min(5))
            .map(|number| machine(&id(number), "PC.corp.test"))
            .collect();
        let next = format!("https://api.example.test/api/machines?=200&={}", skip + 2);
        let page = json!({"value": machines, "@odata.nextLink": next});
        Some(Reply::new(200, &page.to_string()))
    });
    let outcome = server.command(&["find", "pc.corp.test", "-o", "json"]);
    // The next links never end, but there are no more entries.
    assert_eq!(outcome.code, 5, "{outcome:?}");
    assert!(outcome.stderr.contains("may be incomplete"), "{outcome:?}");
    assert!(server.seen().len() < 40, "{:?}", server.seen().len());
}

#[test]
fn a_list_that_loops_is_an_error_that_can_be_repeated() {
    let looping = |request: &str| {
        let page = json!({
            "value": [machine(&id(1), "pc.corp.test"), machine(&id(2), "pc.corp.test")],
            "@odata.nextLink": "https://api.example.test/api/machines?$skiptoken=abc",
        });
        request
            .starts_with("GET /api/machines?")
            .then(|| Reply::new(200, &page.to_string()))
    };
    let server = Scripted::new(move |request, _| looping(request));
    let found = server.command(&["find", "pc.corp.test", "-o", "json"]);
    assert_eq!((found.code, found.stdout.trim()), (5, "[]"), "{found:?}");
    let args = [
        "run",
        "pc.corp.test",
        "--comment",
        "x",
        "--yes",
        "-o",
        "json",
    ];
    let outcome = server.command(&args);
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (5, &json!("not-sent")),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("offboard resume"), "{outcome:?}");
}

/// A pending offboarding beyond the cap of a list is found.
#[test]
fn a_capped_list_of_actions_does_not_hide_an_offboarding() {
    let server = Scripted::new(move |request, _| {
        if !request.starts_with("GET /api/machineactions?") {
            return None;
        }
        let action = |number: usize, status: &str| {
            json!({
                "id": format!("00000000-0000-4000-8000-{number:012}"),
                "type": "Offboard",
                "status": status,
                "machineId": MACHINE,
                "requestorComment": if status == "Pending" { "Retired" } else { "Earlier" },
            })
        };
        let mut actions: Vec<Value> = (0..5).map(|at| action(at, "Failed")).collect();
        actions.push(action(9, "Pending"));
        Some(capped(request, &actions, 3))
    });
    let outcome = server.run(&[]);
    assert_eq!((outcome.code, server.posts()), (0, 0), "{outcome:?}");
    let action = &outcome.row()["action"]["id"];
    assert_eq!(
        action, "00000000-0000-4000-8000-000000000009",
        "{outcome:?}"
    );
}

/// Entries without an id are skipped and named. Upper case of an id does not matter.
#[test]
fn an_unusable_entry_is_skipped_and_named() {
    let server = Scripted::new(move |request, _| {
        let page = json!({"value": [
            {"id": null, "computerDnsName": "broken-1.corp.test"},
            {"computerDnsName": "broken-2.corp.test"},
            "nonsense",
            machine(&"AB".repeat(20), "PC-1.corp.test"),
        ]});
        request
            .starts_with("GET /api/machines?")
            .then(|| Reply::new(200, &page.to_string()))
    });
    let outcome = server.command(&["find", "pc-1.corp.test", "-o", "json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let rows: Vec<Value> = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        (rows.len(), &rows[0]["machineId"]),
        (1, &json!("ab".repeat(20)))
    );
    for name in ["broken-1.corp.test", "broken-2.corp.test", "not an object"] {
        assert_eq!(
            outcome.stderr.matches(name).count(),
            1,
            "{name}: {outcome:?}"
        );
    }
}

/// The machines of a public report: one id twice, names in two spellings, null members.
#[test]
fn the_list_of_a_report_is_read() {
    let case = include_str!("cases/machines.json");
    let server = Scripted::new(move |request, _| {
        request
            .starts_with("GET /api/machines?")
            .then(|| Reply::new(200, case))
    });
    assert_eq!(found(&server, "ams-fin-00000").len(), 1);
    // One has only a label, and the other one a full name.
    assert_eq!(found(&server, "c-lab-31").len(), 2);
    assert_eq!(
        found(&server, "lee doe ipadair 17zoll (2ndgeneration)").len(),
        1
    );
}

/// Single answers 404 for a machine that exists were reported.
#[test]
fn a_single_404_is_read_again() {
    for (missing, exit) in [(1, 0), (usize::MAX, 1)] {
        let reads = AtomicUsize::new(0);
        let server = Scripted::new(move |request, _| {
            if request.starts_with("POST ") {
                let action = json!({
                    "id": "aaaaaaaa-2222-4333-8444-555555555555",
                    "type": "Offboard", "status": "Pending",
                    "machineId": MACHINE, "requestorComment": "Retired",
                });
                return Some(Reply::new(200, &action.to_string()));
            }
            let is_read = request.starts_with("GET /api/machines/");
            (is_read && reads.fetch_add(1, Ordering::SeqCst) < missing)
                .then(|| Reply::error(404, "ResourceNotFound", "no such machine"))
        });
        let outcome = server.run(&[]);
        assert_eq!(outcome.code, exit, "{outcome:?}");
        let reads = server
            .seen()
            .iter()
            .filter(|seen| seen.starts_with("GET /api/machines/"))
            .count();
        assert_eq!(reads, 2, "{outcome:?}");
    }
}
