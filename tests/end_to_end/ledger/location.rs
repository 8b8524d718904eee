//! Where a ledger may be: if two paths lead to it, each with its own log and locks,
//! everything would be sent twice.

use std::fs;
#[cfg(unix)]
use std::path::Path;

#[cfg(unix)]
use crate::support::program;
#[cfg(target_os = "linux")]
use crate::support::started_by;
use crate::support::{Outcome, World};

/// Nothing was sent, and the row has the reason.
fn assert_refused(world: &World, outcome: &Outcome, reason: &str) {
    let row = outcome.row();
    assert_eq!(
        (outcome.code, row["state"].as_str()),
        (5, Some("not-sent")),
        "{outcome:?}"
    );
    assert_eq!(row["error"]["kind"], "ledger");
    let message = row["error"]["message"].as_str().unwrap();
    assert!(message.contains(reason), "{message}");
    assert!(world.posts().is_empty());
}

#[test]
fn a_file_with_two_names_is_used_by_neither() {
    let world = World::new();
    let id = world.online_ids(1).remove(0);
    let first = world.path("ledger.db");
    fs::write(&first, "").unwrap();
    let other = world.path("other.db");
    fs::hard_link(&first, &other).unwrap();
    for ledger in [&first, &other] {
        let ledger = ledger.to_str().unwrap();
        let reason = "has more than one name (hard links)";
        assert_refused(&world, &world.run(&[&id, "--ledger", ledger]), reason);
        // Nor can it be read: its newest commits would be missing.
        let shown = world.offboard(&["runs", "--ledger", ledger]);
        assert_eq!(shown.code, 5, "{shown:?}");
        assert!(shown.stderr.contains(reason), "{shown:?}");
        let checked = world.offboard(&["check", "--ledger", ledger]);
        assert!(checked.stdout.contains(reason), "{checked:?}");
    }
    // Neither created a log.
    assert!(!world.path("ledger.db-wal").exists());
    fs::remove_file(&other).unwrap();
    assert_eq!(world.run(&[&id]).code, 0);
}

/// Whichever link is used, the log and the locks are beside the file.
#[cfg(unix)]
#[test]
fn a_symbolic_link_to_it_is_the_same_ledger() {
    use std::os::unix::fs::symlink;
    let world = World::new();
    let id = world.online_ids(1).remove(0);
    fs::create_dir(world.path("links")).unwrap();
    symlink("../ledger.db", world.path("links/file.db")).unwrap();
    symlink(".", world.path("folder")).unwrap();
    for name in ["links/file.db", "folder/ledger.db", "ledger.db"] {
        let ledger = world.path(name);
        let ledger = ledger.to_str().unwrap();
        let outcome = world.run(&[&id, "--wait", "--ledger", ledger]);
        assert_eq!(outcome.code, 0, "{name}: {outcome:?}");
        assert_eq!(world.posts().len(), 1, "{name}: {outcome:?}");
        let shown = world.offboard(&["show", "--ledger", ledger, "last", "-o", "json"]);
        assert_eq!(shown.row()["machineId"], id.as_str(), "{name}: {shown:?}");
    }
    assert!(!world.path("links/file.db-wal").exists());
}

#[cfg(unix)]
#[test]
fn a_special_file_is_not_a_ledger_and_is_not_waited_for() {
    let world = World::new();
    let id = world.online_ids(1).remove(0);
    let pipe = world.path("pipe");
    let made = program("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for ledger in [pipe.as_path(), Path::new("/dev/null")] {
        let ledger = ledger.to_str().unwrap();
        let reason = "is not a regular file";
        assert_refused(&world, &world.run(&[&id, "--ledger", ledger]), reason);
        let shown = world.offboard(&["runs", "--ledger", ledger]);
        assert!(shown.stderr.contains(reason), "{shown:?}");
    }
}

/// Mounts of a container: if the folder is mounted, it is the same ledger; if the file
/// alone is, it is refused. Needs a system that lets this user mount. How a table of
/// mounts is read is tested beside the code.
#[cfg(target_os = "linux")]
#[test]
fn a_mounted_folder_is_the_same_ledger_and_a_mounted_file_is_refused() {
    let ways: [&[&str]; 2] = [&["-m"], &["-rm"]];
    let may = |way: &&[&str]| {
        let tried = program("unshare").args(*way).arg("true").output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    let Some(way) = ways.into_iter().find(may) else {
        eprintln!("this user may not mount here: not tested");
        return;
    };
    let world = World::new();
    let id = world.online_ids(1).remove(0);
    fs::create_dir(world.path("one")).unwrap();
    fs::create_dir(world.path("two")).unwrap();
    fs::write(world.path("one/ledger.db"), "").unwrap();
    fs::write(world.path("two/ledger.db"), "").unwrap();
    let mounted = |from: &str, to: &str, args: &[&str]| {
        let ledger = world.path("two/ledger.db");
        let inner = world.command(&[args, &["--ledger", ledger.to_str().unwrap()]].concat());
        let mut command = program("unshare");
        let script = "mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"";
        command.args(way).args(["sh", "-c", script, "sh"]);
        command.args([world.path(from), world.path(to)]);
        Outcome::from(started_by(command, &inner).output().unwrap())
    };
    let run = ["run", &id, "--comment", "x", "--yes", "-o", "json"];
    let reason = "is mounted as a single file";
    let file = ("one/ledger.db", "two/ledger.db");
    assert_refused(&world, &mounted(file.0, file.1, &run), reason);
    let shown = mounted(file.0, file.1, &["runs"]);
    assert!(shown.stderr.contains(reason), "{shown:?}");

    let outcome = mounted("one", "two", &run);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(world.posts().len(), 1);
    let one = world.path("one/ledger.db");
    let outcome = world.run(&[&id, "--ledger", one.to_str().unwrap()]);
    assert_eq!(outcome.row()["state"], "skipped", "{outcome:?}");
    assert_eq!(world.posts().len(), 1);
}
