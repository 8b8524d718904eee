//! The record on disk: a line before each POST and one after, never a token.

use crate::support::{World, offboard};

#[test]
fn each_post_is_on_record_before_and_after() {
    let world = World::new();
    let machines = world.online();
    let ids: Vec<&str> = machines
        .iter()
        .take(2)
        .map(|truth| truth.machine.id.as_str())
        .collect();
    world.run(&ids);
    let lines = world.journal();
    let events: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["event"].as_str().unwrap(),
                line["id"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        events,
        [
            ("sending", ids[0]),
            ("answered", ids[0]),
            ("sending", ids[1]),
            ("answered", ids[1])
        ]
    );
    let plugin = offboard(["inspect", "--output", "json"]);
    let plugin: serde_json::Value = serde_json::from_str(&plugin.stdout).unwrap();
    for line in &lines {
        assert_eq!(line["apiRoot"], world.root());
        assert_eq!(line["pluginSha256"], plugin["sha256"]);
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(lines[0]["comment"], "Retired, INC-1");
    assert_eq!(lines[1]["status"], 200);
    assert_eq!(lines[1]["actionId"], world.offboardings()[0]["actionId"]);
}

#[test]
fn a_cancellation_is_on_record_too() {
    let world = World::new();
    let id = world.offline().machine.id.clone();
    world.run(&[&id]);
    world.offboard(&["cancel", &id, "--comment", "A mistake"]);
    let lines = world.journal();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(lines[2]["route"], "/api/machineactions/{id}/cancel");
    assert_eq!(lines[2]["comment"], "A mistake");
}

#[test]
fn what_cannot_be_put_on_record_is_not_sent() {
    let world = World::new();
    let id = world.online()[0].machine.id.clone();
    let folder = world.path("folder");
    std::fs::create_dir(&folder).unwrap();
    // A dry run finds that out, too, before anybody is asked anything.
    for more in [&[][..], &["--dry-run"]] {
        let args = [&[id.as_str(), "--journal", folder.to_str().unwrap()], more].concat();
        let outcome = world.run(&args);
        let row = outcome.row();
        assert_eq!((outcome.code, row["state"].as_str()), (5, Some("not-sent")));
        assert_eq!(row["error"]["kind"], "journal");
        assert!(world.requests().is_empty());
    }
}

#[test]
fn runs_append() {
    let world = World::new();
    let machines = world.online();
    world.run(&[&machines[0].machine.id]);
    world.run(&[&machines[1].machine.id]);
    let lines = world.journal();
    assert_eq!(lines.len(), 4);
    assert_ne!(lines[0]["run"], lines[2]["run"]);
}

#[test]
fn a_line_that_a_crash_tore_does_not_swallow_the_next() {
    let world = World::new();
    let path = world.path("journal.jsonl");
    std::fs::write(&path, r#"{"time":"2030-01-02T03:04:05Z","event":"send"#).unwrap();
    world.run(&[&world.online()[0].machine.id]);
    let journal = std::fs::read_to_string(&path).unwrap();
    let events: Vec<_> = journal
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .map(|line| line.map(|line| line["event"].clone()))
        .collect();
    assert_eq!(
        events,
        [None, Some("sending".into()), Some("answered".into())]
    );
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.run(&[&world.online()[0].machine.id]);
    let mode = std::fs::metadata(world.path("journal.jsonl"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0);
}

#[test]
fn trap_last_characters_of_the_token_logged() {
    let world = World::new();
    let machines = world.online();
    let outcome = world.run(&[&machines[0].machine.id, "-v", "--wait"]);
    let journal = std::fs::read_to_string(world.path("journal.jsonl")).unwrap();
    let signature = world.token().rsplit('.').next().unwrap();
    for text in [&outcome.stdout, &outcome.stderr, &journal] {
        assert!(!text.contains(&signature[signature.len() - 6..]), "{text}");
    }
}

#[test]
fn one_file_is_not_journal_and_audit_at_once() {
    let world = World::new();
    let journal = world.path("journal.jsonl");
    let id = world.online()[0].machine.id.clone();
    let outcome = world.run(&[&id, "--audit", journal.to_str().unwrap()]);
    let row = outcome.row();
    assert_eq!((outcome.code, row["state"].as_str()), (5, Some("not-sent")));
    assert_eq!(row["error"]["kind"], "journal");
    let message = row["error"]["message"].as_str().unwrap();
    assert!(message.contains("it is the audit file"), "{message}");
    assert!(world.posts().is_empty());
}
