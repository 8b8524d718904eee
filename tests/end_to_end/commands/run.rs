//! `offboard run` against the simulator.

use offboard_simulator::{OnDuplicate, TokenRequest};
use serde_json::json;

use crate::support::{UNKNOWN_MACHINE, World};

#[test]
fn a_machine_that_is_online_is_offboarded() {
    let world = World::new();
    let truth = &world.online()[0];
    let outcome = world.run(&[&truth.machine.id, "--wait"]);

    assert_eq!(outcome.code, 0, "{outcome:?}");
    let row = outcome.row();
    assert_eq!(row["machineId"], truth.machine.id.as_str());
    assert_eq!(row["name"], truth.machine.computer_dns_name.as_str());
    assert_eq!(row["comment"], "Retired, INC-1");
    assert_eq!(row["state"], "succeeded");
    assert_eq!(row["error"], json!(null));
    assert_eq!(row["action"]["status"], "Succeeded");
    assert_eq!(row["action"]["requestorComment"], "Retired, INC-1");

    let carried_out = world.offboardings();
    assert_eq!(carried_out.len(), 1);
    assert_eq!(carried_out[0]["machineId"], truth.machine.id.as_str());
    assert_eq!(carried_out[0]["actionId"], row["action"]["id"]);
    for request in world.requests() {
        assert_eq!(request["status"], 200, "{request}");
    }
    assert!(
        outcome.stderr.contains("Windows keeps its onboarding data"),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.contains("inactive after 7 days"),
        "{outcome:?}"
    );
}

#[test]
fn the_ids_of_run_and_order_are_in_the_comment_with_correlate() {
    let world = World::new();
    let ids: Vec<String> = world.online()[..2]
        .iter()
        .map(|truth| truth.machine.id.clone())
        .collect();
    let outcome = world.run(&[&ids[0], &ids[1], "--correlate"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let comments: Vec<String> = outcome
        .rows()
        .iter()
        .map(|row| {
            let comment = row["action"]["requestorComment"].as_str().unwrap();
            assert_eq!(row["comment"], comment);
            comment.to_owned()
        })
        .collect();
    let run = comments[0]
        .strip_prefix("Retired, INC-1 [offboard ")
        .and_then(|rest| rest.strip_suffix("/1]"))
        .unwrap();
    assert!(run.len() == 32 && run.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(comments[1], format!("Retired, INC-1 [offboard {run}/2]"));
}

#[test]
fn the_request_is_the_one_that_the_service_documents() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    world.run(&[&id.to_uppercase(), "--external-id", "off"]);
    let posts = world.posts();
    assert_eq!(posts.len(), 1);
    let post = &posts[0];
    assert_eq!(post["path"], format!("/api/machines/{id}/offboard"));
    assert_eq!(post["body"], r#"{"Comment":"Retired, INC-1"}"#);
    let headers = &post["headers"];
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["content-length"], "28");
    assert_eq!(headers["accept"], "application/json");
    assert_eq!(headers["accept-encoding"], "identity");
    assert_eq!(headers["authorization"], "Bearer [redacted]");
    assert!(headers.get("transfer-encoding").is_none(), "{headers}");
}

#[test]
fn a_dry_run_does_everything_but_the_post() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let dry = [
        "run",
        &id,
        "--comment",
        "x",
        "--dry-run",
        "--wait",
        "--output",
        "json",
    ];
    let outcome = world.offboard(&dry);
    assert_eq!(
        (outcome.code, outcome.row()["state"].as_str()),
        (0, Some("planned"))
    );
    assert_eq!(outcome.row()["preflight"], "ok");
    assert!(
        outcome
            .stderr
            .contains(&format!("POST {}/api/machines/{id}/offboard", world.root()))
    );
    assert!(!world.requests().is_empty());
    assert!(world.posts().is_empty());
    assert!(world.recorded_runs().is_empty());
}

#[test]
fn a_dry_run_reports_the_warnings_of_each_machine() {
    let world = World::new();
    let fine = world.online()[0].machine.id.clone();
    let old = world.unsupported().machine.id;
    let offline = world.offline().machine.id;
    let under_way = world.run(&[&offline]).row()["action"]["id"].clone();
    let under_way = under_way.as_str().unwrap();
    // With another ledger, so that only the service has the action.
    let other = world.path("other.db").display().to_string();
    let dry = |more: &[&str]| {
        let args = ["run", "-n", "--comment", "x", &fine, &old, &offline];
        world.offboard(&[&args[..], more].concat())
    };
    let outcome = dry(&["--ledger", &other, "-o", "json"]);
    let rows = outcome.rows();
    let warnings = |at: usize| serde_json::to_string(&rows[at]["warnings"]).unwrap();
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(rows.iter().all(|row| row["state"] == "planned"), "{rows:?}");
    assert_eq!(warnings(0), "[]");
    assert!(warnings(1).contains("Windows7 is not among the supported systems"));
    let words =
        format!("an offboarding of it is already in progress: action {under_way} (Pending)");
    assert!(warnings(2).contains(&words), "{outcome:?}");
    assert_eq!(rows[2]["action"]["id"], under_way);
    assert!(outcome.stderr.contains(&words), "{outcome:?}");
    // The table has the same warnings in its rows.
    let table = dry(&["--ledger", &other, "--wide"]).stdout;
    let row = |id: &str| table.lines().find(|line| line.contains(id)).unwrap();
    assert!(row(&old).ends_with("Windows7 is not among the supported systems"));
    assert!(row(&offline).ends_with(&words), "{table}");
    assert!(row(&fine).ends_with('-'), "{table}");
    // Without `--wide`, a row fits 100 columns, and ids are shortened.
    let table = dry(&["--ledger", &other]).stdout;
    assert!(table.starts_with("NAME"), "{table}");
    assert!(
        table.lines().all(|line| line.chars().count() <= 100),
        "{table}"
    );
    assert!(
        !table.contains(&*fine) && table.contains(&fine[..8]),
        "{table}"
    );
    let csv = dry(&["--ledger", &other, "-o", "csv"]).stdout;
    assert!(csv.contains(&words), "{csv}");
    // The ledger with that order skips the machine.
    let known = dry(&["-o", "json"]).rows().remove(2);
    assert_eq!(known["state"], "skipped", "{known}");
    assert_eq!(known["error"]["kind"], "still-pending", "{known}");
    assert_eq!(world.posts().len(), 1);
}

#[test]
fn a_dry_run_reports_that_it_cannot_query_what_is_under_way() {
    let world = World::with(|config| {
        let plan = offboard_simulator::FaultPlan::parse(["machineactions:always:status=503"]);
        config.faults = plan.unwrap();
    });
    let id = world.online()[0].machine.id.clone();
    let outcome = world.offboard(&["run", &id, "--comment", "x", "-n", "-o", "json"]);
    assert_eq!(
        (outcome.code, &outcome.row()["state"]),
        (0, &json!("planned"))
    );
    let words = "already being offboarded: service-failure (503)";
    assert!(outcome.stderr.contains(words), "{outcome:?}");
}

#[test]
fn a_dry_run_reports_what_would_be_refused() {
    let world = World::new();
    let outcome = world.offboard(&["run", UNKNOWN_MACHINE, "--comment", "x", "-n", "-o", "json"]);
    assert_eq!(
        (outcome.code, outcome.row()["state"].as_str()),
        (1, Some("rejected"))
    );
}

#[test]
fn without_a_terminal_nothing_is_sent_without_yes() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let outcome = world.offboard(&["run", &id, "--comment", "x"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("--yes"), "{outcome:?}");
    assert!(world.requests().is_empty());
}

#[test]
fn a_machine_may_be_named_by_its_portal_url_or_its_name() {
    let world = World::new();
    let [first, second, ..] = &world.online()[..] else {
        panic!("two machines are needed")
    };
    let url = format!(
        "https://security.microsoft.com/machines/v2/{}/overview",
        first.machine.id
    );
    let outcome = world.run(&[&url, &second.machine.computer_dns_name]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let rows = outcome.rows();
    assert_eq!(rows[0]["machineId"], first.machine.id.as_str());
    assert_eq!(rows[1]["machineId"], second.machine.id.as_str());
    assert_eq!(world.posts().len(), 2);
}

#[test]
fn a_host_name_selects_the_only_full_name_that_begins_with_it() {
    let world = World::new();
    let truth = &world.online()[0];
    let label = truth.machine.computer_dns_name.split('.').next().unwrap();
    let outcome = world.run(&[label]);
    assert_eq!(
        outcome.row()["machineId"],
        truth.machine.id.as_str(),
        "{outcome:?}"
    );
}

#[test]
fn a_name_is_found_in_another_case() {
    let world = World::new();
    let truth = &world.online()[0];
    let outcome = world.run(&[&truth.machine.computer_dns_name.to_uppercase()]);
    assert_eq!(
        outcome.row()["machineId"],
        truth.machine.id.as_str(),
        "{outcome:?}"
    );
}

#[test]
fn a_machine_that_is_named_twice_is_sent_once() {
    let world = World::new();
    let truth = &world.online()[0];
    let name = truth.machine.computer_dns_name.as_str();
    let id = truth.machine.id.as_str();
    let outcome = world.run(&[id, &id.to_uppercase(), name]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let states: Vec<_> = outcome
        .rows()
        .iter()
        .map(|row| row["state"].clone())
        .collect();
    assert_eq!(states, ["accepted", "skipped"]);
    assert_eq!(world.posts().len(), 1);
}

#[test]
fn an_unknown_machine_is_rejected_with_the_service_s_message() {
    let world = World::new();
    let outcome = world.run(&[UNKNOWN_MACHINE]);
    let row = outcome.row();
    assert_eq!((outcome.code, row["state"].as_str()), (1, Some("rejected")));
    assert_eq!(row["error"]["kind"], "machine-not-found");
    assert_eq!(row["error"]["code"], "ResourceNotFound");
    assert_eq!(row["error"]["retry"], "never");
    assert!(row["error"]["target"].is_string());
    assert!(
        row["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("offboard find")
    );
    assert!(world.posts().is_empty());
}

#[test]
fn an_unsupported_system_is_rejected_and_the_supported_ones_are_named() {
    let world = World::new();
    let outcome = world.run(&[&world.unsupported().machine.id]);
    let row = outcome.row();
    assert_eq!((outcome.code, row["state"].as_str()), (1, Some("rejected")));
    assert_eq!(row["error"]["kind"], "unsupported-machine");
    assert_eq!(row["error"]["code"], "OsPlatformNotSupported");
    assert!(row["error"]["hint"].as_str().unwrap().contains("macOS 14"));
    assert!(
        outcome.stderr.contains("not among the supported systems"),
        "{outcome:?}"
    );
}

#[test]
fn an_old_version_of_a_system_is_warned_about_before_anything_is_sent() {
    let world = World::new();
    for (platform, versions, words) in [
        (
            "Windows10",
            ["1511", "1607"],
            "Windows 10 is supported from version 1703",
        ),
        (
            "macOS",
            ["12.6", "13.7"],
            "macOS is supported from version 14",
        ),
    ] {
        let id = &world.with_version(platform, &versions);
        let dry = ["run", "-n", "--comment", "x", id, "-o", "json"];
        let outcome = world.offboard(&dry);
        let warnings = outcome.row()["warnings"].to_string();
        assert!(warnings.contains(words), "{outcome:?}");
        // The plan summary shows it, too.
        assert!(outcome.stderr.contains(words), "{outcome:?}");
    }
    assert!(world.posts().is_empty());
}

#[test]
fn a_device_that_is_offline_is_pending_at_the_deadline() {
    let world = World::new();
    let outcome = world.run(&[&world.offline().machine.id, "--wait=1s"]);
    let row = outcome.row();
    assert_eq!((outcome.code, row["state"].as_str()), (4, Some("pending")));
    assert_eq!(row["error"], json!(null));
    assert_eq!(row["action"]["status"], "Pending");
}

#[test]
fn a_second_offboarding_returns_the_pending_action() {
    let world = World::with(|config| config.on_duplicate = OnDuplicate::Return);
    let id = world.offline().machine.id.clone();
    let first = world.run(&[&id]).row();
    let second = world.run(&[&id, "--again"]);
    assert_eq!(second.code, 0);
    assert_eq!(second.row()["action"]["id"], first["action"]["id"]);
    let note = second.row()["note"].as_str().unwrap().to_owned();
    assert!(note.contains("was already in progress"), "{note}");
    assert_eq!(first["note"], json!(null));
    assert_eq!(world.offboardings().len(), 1);
}

#[test]
fn a_second_offboarding_that_is_refused_adopts_the_pending_action() {
    let world = World::with(|config| config.on_duplicate = OnDuplicate::Refuse);
    let id = world.offline().machine.id.clone();
    let first = world.run(&[&id]).row();
    let second = world.run(&[&id, "--again"]);
    let row = second.row();
    assert_eq!((second.code, row["state"].as_str()), (0, Some("accepted")));
    assert_eq!(row["action"]["id"], first["action"]["id"]);
    let note = row["note"].as_str().unwrap();
    assert!(note.contains("was already in progress"), "{note}");
    // The refusal is recorded, too.
    let recorded = world.recorded().pop().unwrap();
    assert_eq!(
        recorded["requests"][0]["error"]["code"],
        "ActiveRequestAlreadyExists"
    );
    assert_eq!(world.offboardings().len(), 1);
}

#[test]
fn without_read_permission_an_id_is_offboarded_and_cannot_be_followed() {
    let world = World::new();
    world.use_token(TokenRequest::default().roles(["Machine.Offboard"]));
    let outcome = world.run(&[&world.online()[0].machine.id, "--wait"]);
    let row = outcome.row();
    assert_eq!((outcome.code, row["state"].as_str()), (4, Some("accepted")));
    assert_eq!(row["preflight"], "unavailable");
    assert_eq!(row["error"]["kind"], "forbidden");
    assert!(
        row["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("Machine.Read.All")
    );
    assert_eq!(world.offboardings().len(), 1);
}

/// The user can find the run again.
#[test]
fn a_run_with_one_machine_prints_its_id() {
    let world = World::new();
    let outcome = world.run(&[&world.online_ids(1)[0]]);
    let id = world.recorded_runs()[0]["run"].as_str().unwrap()[..8].to_owned();
    let line = format!("Run {id}: 1 accepted");
    assert!(outcome.stderr.contains(&line), "{line}: {outcome:?}");
}

/// `show` has no token, so it cannot say that the token was not a JWT.
#[test]
fn a_recorded_order_with_an_expired_token_is_not_advised_about_jwts() {
    let world = World::new();
    let run = world.run(&[&world.online_ids(1)[0]]);
    assert_eq!(run.code, 0, "{run:?}");
    world.use_token(TokenRequest::default().lifetime(-60));
    let run = world.run(&[&world.online_ids(2)[1]]);
    assert_eq!(run.row()["error"]["kind"], "unauthorized", "{run:?}");
    let shown = world.offboard(&["show", "last", "-o", "json"]);
    let row = shown.row();
    assert_eq!(row["error"]["kind"], "unauthorized", "{shown:?}");
    let hint = row["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("Get a new token"), "{hint}");
    assert!(!hint.contains("JWT"), "{hint}");
    assert!(!shown.stderr.contains("JWT"), "{shown:?}");
}

#[test]
fn without_read_permission_a_name_is_refused() {
    let world = World::new();
    world.use_token(TokenRequest::default().roles(["Machine.Offboard"]));
    let outcome = world.run(&[&world.online()[0].machine.computer_dns_name]);
    let row = outcome.row();
    assert_eq!((outcome.code, row["state"].as_str()), (3, Some("not-sent")));
    assert!(
        row["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("Machine.Read.All")
    );
    assert!(world.posts().is_empty());
}

#[test]
fn a_missing_role_ends_the_run_at_the_first_machine() {
    let world = World::new();
    world.use_token(TokenRequest::default().roles(["Machine.Read.All"]));
    let machines = world.online();
    let ids: Vec<&str> = machines
        .iter()
        .take(3)
        .map(|truth| truth.machine.id.as_str())
        .collect();
    let outcome = world.run(&ids);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let rows = outcome.rows();
    assert_eq!(rows[0]["state"], "not-sent");
    assert_eq!(rows[1]["state"], "not-sent");
    assert_eq!(rows[2]["state"], "not-sent");
    assert_eq!(rows[2]["error"]["retry"], "safe");
    let hint = rows[0]["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("Machine.Offboard"), "{hint}");
    assert!(
        hint.contains("https://api.securitycenter.microsoft.com"),
        "{hint}"
    );
    assert!(hint.contains("the permissions Machine.Read.All"), "{hint}");
    assert_eq!(world.posts().len(), 1);
}

#[test]
fn a_wrong_audience_is_named() {
    let world = World::new();
    world.use_token(TokenRequest::default().audience("https://api.security.microsoft.com"));
    let outcome = world.run(&[&world.online()[0].machine.id]);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let row = outcome.row();
    let hint = row["error"]["hint"].as_str().unwrap();
    assert!(
        hint.contains("The audience of this token is https://api.security.microsoft.com"),
        "{hint}"
    );
    assert!(world.offboardings().is_empty());
}

#[test]
fn an_expired_token_is_tried_once() {
    let world = World::new();
    world.use_token(TokenRequest::default().lifetime(-60));
    let outcome = world.run(&[&world.online()[0].machine.id]);
    let row = outcome.row();
    assert_eq!(
        (outcome.code, row["error"]["kind"].as_str()),
        (3, Some("unauthorized"))
    );
    assert_eq!(world.requests().len(), 1, "{:?}", world.requests());
}

#[test]
fn a_throttled_machine_has_its_turn_again_after_the_pause() {
    let world = World::with(|config| config.quota = "2/2s".parse().unwrap());
    let machines = world.online();
    let ids: Vec<&str> = machines
        .iter()
        .take(4)
        .map(|truth| truth.machine.id.as_str())
        .collect();
    let outcome = world.run(&ids);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(world.offboardings().len(), 4);
    let posts = world.posts();
    let throttled = posts.iter().filter(|post| post["status"] == 429).count();
    assert!(throttled > 0, "{posts:?}");
    assert_eq!(posts.len(), 4 + throttled);
}
