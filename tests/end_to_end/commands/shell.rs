//! Completions and manual pages.

use std::{fs, process::Command};

use crate::support::{Outcome, World, offboard, program, started_by};

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let outcome = offboard(["completions", shell]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert!(outcome.stdout.contains("OFFBOARD_COMPLETE"), "{shell}");
    }
}

/// What bash offers after these words, the last of which is not complete.
fn completed(command: &Command, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "command=$0
         offboard() {{ \"$command\" \"$@\"; }}
         eval \"$(offboard completions bash)\"
         COMP_WORDS=({}); COMP_CWORD={}; COMP_TYPE=9
         _clap_complete_offboard offboard '{}'
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len() - 1,
        words.last().unwrap()
    );
    let mut bash = program("bash");
    bash.args(["--norc", "-c", &script]);
    let mut command = started_by(bash, command);
    let outcome = Outcome::from(command.output().unwrap());
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (0, ""),
        "{words:?}"
    );
    outcome.stdout.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn bash_completes_commands_runs_and_profiles() {
    let world = World::new();
    let mut command = world.command(&[]);
    let configuration = world.path("offboard.toml");
    command.env("OFFBOARD_CONFIG", &configuration);
    assert_eq!(completed(&command, &["offboard", "dis"]), ["discard"]);
    // Neither a missing ledger nor a missing configuration is an error.
    assert!(!completed(&command, &["offboard", "show", ""]).contains(&"last".to_owned()));
    let profile = ["offboard", "check", "--profile", ""];
    assert!(!completed(&command, &profile).contains(&"contoso".to_owned()));
    fs::write(&configuration, "[profiles.contoso]\n[profiles.fabrikam]\n").unwrap();
    assert_eq!(completed(&command, &profile), ["contoso", "fabrikam"]);
    let ids = world.online_ids(1);
    world.run(&[&ids[0]]);
    let id = world.recorded_runs()[0]["run"].as_str().unwrap()[..8].to_owned();
    // The ledger of the world, not that of a profile.
    command.env_remove("OFFBOARD_CONFIG");
    let offered = completed(&command, &["offboard", "show", ""]);
    assert!(offered.contains(&"last".to_owned()), "{offered:?}");
    assert!(offered.contains(&id), "{offered:?}");
    assert_eq!(completed(&command, &["offboard", "show", &id[..4]]), [id]);
}

#[test]
fn manual_pages_are_written_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let shown = offboard(["man"]);
    assert!(shown.stdout.contains(".TH offboard 1"), "{shown:?}");
    let path = folder.path().to_str().unwrap();
    for _ in 0..2 {
        let written = offboard(["man", "--write", path]);
        assert_eq!(written.code, 0, "{written:?}");
    }
    let page = fs::read_to_string(folder.path().join("offboard-run.1")).unwrap();
    assert!(page.contains("offboard\\-run"), "{page}");
    assert!(folder.path().join("offboard-config-show.1").exists());
    let missing = folder.path().join("missing");
    let refused = offboard(["man", "--write", missing.to_str().unwrap()]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("\nhelp: Create the folder"),
        "{refused:?}"
    );
}
