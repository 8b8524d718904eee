//! The policy: a machine that it excludes is not offboarded, whatever the order or the
//! plugin states.

use std::{
    process::Command,
    sync::{Arc, OnceLock},
};

use offboard_simulator::TokenRequest;

use crate::support::{MACHINE, Outcome, Reply, Scripted, World, command, write_secret};

/// Runs a command with these policy rules.
fn with_policy(command: &mut Command, folder: &std::path::Path, rules: &str) -> Outcome {
    let file = folder.join("offboard.toml");
    write_secret(&file, format!("[profiles.a.policy]\n{rules}\n"));
    Outcome::from(command.env("OFFBOARD_CONFIG", file).output().unwrap())
}

#[test]
fn what_a_rule_excludes_is_not_sent_and_the_others_are() {
    let world = World::new();
    let machines = world.online();
    let (out, other) = (&machines[0].machine, &machines[1].machine);
    let args = [
        "run",
        &out.id,
        &other.id,
        "--comment",
        "x",
        "--yes",
        "-o",
        "json",
    ];
    let name = out.computer_dns_name.to_uppercase();
    for rule in [
        format!("never = ['{}']", out.id.to_uppercase()),
        format!("never-names = ['{name}']"),
    ] {
        let world = World::new();
        let outcome = with_policy(&mut world.command(&args), &world.path(""), &rule);
        assert_eq!(outcome.code, 1, "{rule}: {outcome:?}");
        let rows = outcome.rows();
        assert_eq!(rows[0]["state"], "rejected", "{rule}");
        assert_eq!(rows[0]["error"]["kind"], "policy");
        assert_eq!(rows[0]["error"]["retry"], "never");
        assert_eq!(rows[1]["state"], "accepted", "{rule}: {outcome:?}");
        assert!(
            outcome.stderr.contains("the policy excludes it"),
            "{outcome:?}"
        );
        assert_eq!(world.posts().len(), 1);
    }
}

#[test]
fn each_rule_is_checked_against_the_service_s_answer() {
    let machine = |more: &str| {
        let json = format!(
            r#"{{"id":"{MACHINE}","computerDnsName":"pc-1.test","osPlatform":"Windows11",
                "onboardingStatus":"Onboarded","healthStatus":"Active"{more}}}"#
        );
        Scripted::new(move |request, _| {
            let is_read = request.starts_with("GET /api/machines/");
            is_read.then(|| Reply::new(200, &json))
        })
    };
    for (rule, excluded, allowed) in [
        (
            "never-tags = ['Keep']",
            r#","machineTags":["keep"]"#,
            r#","machineTags":["kept"]"#,
        ),
        (
            "never-tags = ['Keep']",
            r#","machineTags":["keep"],"MachineTags":[]"#,
            r#","machineTags":[]"#,
        ),
        ("never-tags = ['Keep']", "", r#","machineTags":[]"#),
        (
            "never-groups = ['Servers']",
            r#","rbacGroupName":"servers""#,
            r#","rbacGroupName":"Laptops""#,
        ),
        (
            "never-values = ['High']",
            r#","deviceValue":"High""#,
            r#","deviceValue":"Normal""#,
        ),
        (
            "required-tag = 'retire'",
            r#","machineTags":[]"#,
            r#","machineTags":["Retire"]"#,
        ),
        (
            "not-seen-for = '30d'",
            r#","lastSeen":"2999-01-01T00:00:00Z""#,
            r#","lastSeen":"2020-01-01T00:00:00.1234567Z""#,
        ),
        (
            "not-seen-for = '30d'",
            "",
            r#","lastSeen":"2020-01-01T00:00:00Z""#,
        ),
    ] {
        for (facts, code) in [(excluded, 1), (allowed, 0)] {
            let service = machine(facts);
            let args = ["run", MACHINE, "--comment", "x", "--dry-run", "-o", "json"];
            let mut command = command(args);
            write_secret(&service.path("token"), "a.b.c");
            command
                .env("OFFBOARD_API_ROOT", service.root())
                .env("OFFBOARD_TOKEN_FILE", service.path("token"))
                .env("OFFBOARD_LEDGER", service.path("ledger.db"));
            let outcome = with_policy(&mut command, &service.path(""), rule);
            assert_eq!(outcome.code, code, "{rule} {facts}: {outcome:?}");
            let state = if code == 0 { "planned" } else { "rejected" };
            assert_eq!(outcome.row()["state"], state, "{rule} {facts}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_excluded_by_all_rules_but_those_of_ids() {
    for (rule, posts) in [
        ("never-names = ['dc*']", 0),
        ("not-seen-for = '1d'", 0),
        ("never = ['1111111111111111111111111111111111111111']", 1),
    ] {
        let world = World::new();
        world.use_token(TokenRequest::default().roles(["Machine.Offboard"]));
        let id = world.online()[0].machine.id.clone();
        let args = ["run", &id, "--comment", "x", "--yes", "-o", "json"];
        let outcome = with_policy(&mut world.command(&args), &world.path(""), rule);
        assert_eq!(world.posts().len(), posts, "{rule}: {outcome:?}");
    }
}

/// A machine as the service returns it.
fn machine(id: &str, name: &str, tag: &str) -> String {
    format!(
        r#"{{"id":"{id}","computerDnsName":"{name}","osPlatform":"Windows11",
            "onboardingStatus":"Onboarded","healthStatus":"Active","machineTags":["{tag}"]}}"#
    )
}

/// A name refers to the machine that was shown and confirmed. By the time that the run is
/// resumed, that machine has another name, and another machine has its old name.
#[test]
fn a_resume_keeps_the_confirmed_machine_if_its_name_moves() {
    const OTHER_MACHINE: &str = "1111111111111111111111111111111111111111";
    const MACHINE_NAME: &str = "pc-1.test";
    let tags = "never-tags = ['Keep']";
    // With `share`, the whole fleet is read, and names are compared there, too. In the last
    // case, only a part of the fleet can be read.
    let share = format!("{tags}\nlargest-share = 90");
    for (rule, next) in [
        (tags, None),
        (&share, None),
        (&share, Some("?$top=1&$skip=2")),
    ] {
        for (confirmed, other) in [("Keep", ""), ("", "Keep")] {
            // The root of the service, set when the name moves to the other machine.
            let renamed = Arc::new(OnceLock::<String>::new());
            let root = Arc::clone(&renamed);
            let service = Scripted::new(move |request, posts| {
                let (mut own, mut others) = (machine(MACHINE, MACHINE_NAME, ""), String::new());
                if root.get().is_some() {
                    own = machine(MACHINE, "pc-2.test", confirmed);
                    others = machine(OTHER_MACHINE, MACHINE_NAME, other);
                }
                if request.starts_with("POST ") {
                    let late = [("Retry-After", "9999")];
                    let error = r#"{"error":{"code":"TooManyRequests","message":"later"}}"#;
                    let accepted = format!(
                        r#"{{"id":"a1","type":"Offboard","status":"Pending","machineId":"{MACHINE}",
                            "requestorComment":"x"}}"#
                    );
                    return Some(match posts {
                        0 => Reply::with(429, &late, error),
                        _ => Reply::new(201, &accepted),
                    });
                }
                if request.starts_with(&format!("GET /api/machines/{MACHINE}")) {
                    return Some(Reply::new(200, &own));
                }
                if request.starts_with(&format!("GET /api/machines/{OTHER_MACHINE}")) {
                    return Some(Reply::new(200, &others));
                }
                if !request.starts_with("GET /api/machines?") {
                    return None;
                }
                if request.contains("skip=") {
                    return Some(Reply::error(400, "BadRequest", "no such page"));
                }
                let list = match (root.get(), request.contains("filter")) {
                    (None, _) => own,
                    (_, true) => others,
                    (_, false) => format!("{others},{own}"),
                };
                let next = match (root.get(), next) {
                    (Some(root), Some(next)) => {
                        format!(r#","@odata.nextLink":"{root}/api/machines{next}""#)
                    }
                    _ => String::new(),
                };
                Some(Reply::new(200, &format!(r#"{{"value":[{list}]{next}}}"#)))
            });
            let command = |args: &[&str]| {
                let mut command = command(args);
                command
                    .env("OFFBOARD_API_ROOT", service.root())
                    .env("OFFBOARD_TOKEN_FILE", service.path("token"))
                    .env("OFFBOARD_LEDGER", service.path("ledger.db"));
                command
            };
            let run = ["run", MACHINE_NAME, "--comment", "x", "--yes", "-o", "json"];
            let first = with_policy(&mut command(&run), &service.path(""), tags);
            assert_eq!(first.row()["error"]["kind"], "throttled", "{first:?}");
            assert_eq!(service.posts(), 1);
            let before = service.seen().len();
            renamed.set(service.root().to_owned()).unwrap();

            let resume = ["resume", "--yes", "-o", "json"];
            let resumed = with_policy(&mut command(&resume), &service.path(""), rule);
            let row = resumed.row();
            assert_eq!(row["machineId"], MACHINE, "{rule}: {resumed:?}");
            // There is no share of a fleet that cannot be read completely.
            let is_allowed = confirmed.is_empty() && next.is_none();
            let state = if is_allowed { "accepted" } else { "rejected" };
            assert_eq!(row["state"], state, "{rule}: {resumed:?}");
            if !is_allowed {
                assert_eq!(row["error"]["kind"], "policy", "{rule}: {resumed:?}");
            }
            let posts = if is_allowed { 2 } else { 1 };
            assert_eq!(service.posts(), posts, "{rule}: {resumed:?}");
            let skipped = service
                .seen()
                .iter()
                .any(|request| request.contains("skip="));
            assert!(skipped || next.is_none(), "{rule}: {resumed:?}");
            for request in &service.seen()[before..] {
                assert!(!request.contains(OTHER_MACHINE), "{rule}: {request}");
                // The name is not searched for again.
                assert!(!request.contains("filter=computer"), "{rule}: {request}");
            }
        }
    }
}
