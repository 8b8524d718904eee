//! Selection by rule: machines of the fleet that meet conditions. It is subject to the same guards
//! as a list.

use std::fs;

use offboard_simulator::{Config, TokenRequest};
use serde_json::json;

use crate::support::{MACHINE, Outcome, Reply, Scripted, World, write_secret};

fn world() -> World {
    World::with(|config: &mut Config| {
        config.machines = 200;
        config.quota = "none".parse().unwrap();
    })
}

fn by_rule(world: &World, args: &[&str]) -> Outcome {
    world.offboard(&[&["run", "--comment", "Retired"], args].concat())
}

fn ids(outcome: &Outcome) -> Vec<String> {
    let rows = outcome.rows();
    let ids = rows.iter().map(|row| row["machineId"].as_str().unwrap());
    ids.map(ToOwned::to_owned).collect()
}

#[test]
fn the_machines_that_meet_every_condition_are_selected_and_are_a_list() {
    let world = world();
    let machines = world.online();
    let group = machines
        .iter()
        .find_map(|truth| truth.machine.rbac_group_name.clone())
        .unwrap();
    let rule = ["--system", "windows1?", "--group", &group.to_lowercase()];
    let planned = by_rule(&world, &[&rule[..], &["--dry-run", "-o", "json"]].concat());
    let selected = ids(&planned);
    for truth in &machines {
        let is_of_group = truth.machine.rbac_group_name.as_ref() == Some(&group);
        let is_selected = selected.contains(&truth.machine.id);
        assert_eq!(is_selected, is_of_group, "{:?}", truth.machine);
    }
    let words = format!("the rule selects {} of 200 machines", selected.len());
    assert!(planned.stderr.contains(&words), "{planned:?}");
    // The table of a dry run is a list.
    let table = by_rule(&world, &[&rule[..], &["--dry-run", "-o", "csv"]].concat());
    let file = world.path("list.csv");
    fs::write(&file, &table.stdout).unwrap();
    let file = file.display().to_string();
    let list = world.offboard(&["run", "--from", &file, "--dry-run", "-o", "json"]);
    assert_eq!(ids(&list), selected, "{list:?}");
    assert!(list.rows().iter().all(|row| row["comment"] == "Retired"));
    // A second condition selects fewer machines.
    let more = ["--inactive-for", "3650d", "--dry-run", "-o", "json"];
    let none = by_rule(&world, &[&rule[..], &more].concat());
    assert_eq!((none.code, none.stdout.as_str()), (0, "[]\n"), "{none:?}");
    assert!(world.posts().is_empty());
}

#[test]
fn each_condition_selects_by_what_the_service_reports() {
    let world = world();
    let tagged = world
        .online()
        .into_iter()
        .find(|truth| !truth.machine.machine_tags.is_empty())
        .unwrap()
        .machine;
    for (rule, is_selected) in [
        (["--tagged", &tagged.machine_tags[0].to_uppercase()], true),
        (["--tagged", "no-machine-has-this-tag"], false),
        (["--inactive-for", "1ms"], true),
        (["--inactive-for", "100years"], false),
        (["--system", &tagged.os_platform], true),
        (["--group", "no machine is in this group"], false),
    ] {
        let planned = by_rule(&world, &[&rule[..], &["--dry-run", "-o", "json"]].concat());
        let selected = ids(&planned);
        assert_eq!(
            selected.contains(&tagged.id),
            is_selected,
            "{rule:?}: {planned:?}"
        );
    }
}

/// Versions of different systems cannot be compared.
#[test]
fn an_agent_version_selects_only_machines_of_a_system() {
    let world = world();
    let machine = &world.online()[0].machine;
    let (system, agent) = (&machine.os_platform, machine.agent_version.clone().unwrap());
    for (version, is_selected) in [(format!("{agent}.1"), true), (agent, false)] {
        let rule = ["--older-agent-than", &version, "--system", system];
        let planned = by_rule(&world, &[&rule[..], &["--dry-run", "-o", "json"]].concat());
        assert_eq!(
            ids(&planned).contains(&machine.id),
            is_selected,
            "{planned:?}"
        );
        let alone = by_rule(&world, &["--older-agent-than", &version, "--dry-run"]);
        assert_eq!(alone.code, 2, "{alone:?}");
        assert!(alone.stderr.contains("--system"), "{alone:?}");
    }
}

/// With a clock that is ahead, every machine would seem to be inactive.
#[test]
fn a_clock_that_is_ahead_selects_no_inactive_machines() {
    let world = World::with(|config: &mut Config| config.clock_skew = -60 * 86_400);
    let rule = ["--inactive-for", "30d", "--yes", "--expect", "30"];
    let refused = by_rule(&world, &rule);
    assert_eq!(refused.code, 2, "{refused:?}");
    let words = "the clock of this computer is ahead of the service's clock\nhelp: Correct";
    assert!(refused.stderr.contains(words), "{refused:?}");
    assert!(world.posts().is_empty());
}

#[test]
fn the_guards_of_a_list_apply_to_a_rule() {
    let world = world();
    let rule = ["--system", "Windows1*", "--yes", "-o", "json"];
    let too_many = by_rule(&world, &rule);
    assert_eq!(too_many.code, 2, "{too_many:?}");
    assert!(too_many.stderr.contains("add --expect "), "{too_many:?}");
    let other = by_rule(&world, &[&rule[..], &["--expect", "3"]].concat());
    assert_eq!(other.code, 2, "{other:?}");
    let count = ids(&by_rule(&world, &[&rule[..], &["--dry-run"]].concat())).len();
    let file = world.path("offboard.toml");
    write_secret(&file, "[profiles.a.policy]\nlargest-share = 1\n");
    let count = count.to_string();
    let args = [&["run", "--comment", "x"], &rule[..], &["--expect", &count]].concat();
    let mut command = world.command(&args);
    let share = Outcome::from(command.env("OFFBOARD_CONFIG", file).output().unwrap());
    assert_eq!(share.code, 1, "{share:?}");
    for row in share.rows() {
        assert_ne!(row["state"], "accepted", "{row}");
    }
    assert!(world.posts().is_empty());
    // With other machines, the rule does not apply.
    for other in [&["pc-1"][..], &["--from", "-"]] {
        let both = by_rule(&world, &[&rule[..], other].concat());
        assert_eq!(both.code, 2, "{both:?}");
    }
}

#[test]
fn a_fleet_that_cannot_be_read_selects_nothing() {
    let world = world();
    world.use_token(TokenRequest::default().roles(["Machine.Offboard"]));
    let args = ["--system", "Windows*", "--yes", "-o", "json"];
    let refused = by_rule(&world, &args);
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (3, "[]\n"),
        "{refused:?}"
    );
    assert!(world.posts().is_empty());
}

/// A service that repeats a page, and one that lists a machine twice with other properties.
#[test]
fn a_list_that_may_be_incomplete_selects_nothing() {
    let machine = |platform: &str| {
        json!({
            "id": MACHINE, "computerDnsName": "pc-1", "osPlatform": platform,
            "onboardingStatus": "Onboarded", "healthStatus": "Active"
        })
    };
    let page = |platform: &str, next: bool| {
        let next = next.then_some("https://x/api/machines?$skip=1");
        json!({"value": [machine(platform)], "@odata.nextLink": next}).to_string()
    };
    let (first, repeated) = (page("Windows11", true), page("Windows11", true));
    let server = Scripted::new(move |request, _| {
        let is_list = request.starts_with("GET /api/machines?");
        let page = if request.contains("skip") {
            &repeated
        } else {
            &first
        };
        is_list.then(|| Reply::new(200, page))
    });
    let args = [
        "run",
        "--system",
        "Windows11",
        "--comment",
        "x",
        "--yes",
        "-o",
        "json",
    ];
    let refused = server.command(&args);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert_eq!(refused.stdout, "[]\n", "{refused:?}");
    assert!(refused.stderr.contains("may be incomplete"), "{refused:?}");
    let one = page("Windows11", true);
    let more = json!({"value": [machine("Linux"), {
        "id": "1".repeat(40), "onboardingStatus": "Onboarded"
    }]});
    let server = Scripted::new(move |request, _| {
        let is_list = request.starts_with("GET /api/machines?");
        let page = if request.contains("skip") {
            more.to_string()
        } else {
            one.clone()
        };
        is_list.then(|| Reply::new(200, &page))
    });
    let none = server.command(&args);
    assert_eq!((none.code, none.stdout.as_str()), (0, "[]\n"), "{none:?}");
    let words = "1 machines are not selected";
    assert!(none.stderr.contains(words), "{none:?}");
}
