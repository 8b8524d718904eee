//! The user's own rules: what they exclude is not offboarded, whatever its order
//! or the plugin says.

use std::process::Command;

use offboard_simulator::TokenRequest;

use crate::support::{MACHINE, Outcome, Reply, Scripted, World, command, write_secret};

/// A command with these rules.
fn ruled(command: &mut Command, folder: &std::path::Path, rules: &str) -> Outcome {
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
        let outcome = ruled(&mut world.command(&args), &world.path(""), &rule);
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
fn each_rule_is_asked_of_what_the_service_sent() {
    let machine = |more: &str| {
        let json = format!(
            r#"{{"id":"{MACHINE}","computerDnsName":"pc-1.test","osPlatform":"Windows11",
                "onboardingStatus":"Onboarded","healthStatus":"Active"{more}}}"#
        );
        Scripted::new(move |request, _| {
            let asked = request.starts_with("GET /api/machines/");
            asked.then(|| Reply::new(200, &json))
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
            let outcome = ruled(&mut command, &service.path(""), rule);
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
        let outcome = ruled(&mut world.command(&args), &world.path(""), rule);
        assert_eq!(world.posts().len(), posts, "{rule}: {outcome:?}");
    }
}
