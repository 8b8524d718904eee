//! A ledger that another process holds, because it is stopped or busy: the others wait
//! for it, report that, and continue.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    time::Duration,
};

use offboard_simulator::{Config, FaultPlan};

use crate::support::{Outcome, World, program, signal, started_by, until, until_running};

/// Another process that has the ledger open, and executes one statement for each line.
struct Other {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Other {
    fn new(world: &World) -> Self {
        const LOCKING_SCRIPT: &str = "import sqlite3, sys\n\
            c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)\n\
            c.execute('SELECT count(*) FROM orders').fetchone()\n\
            print('open', flush=True)\n\
            for line in sys.stdin:\n\
            \x20   try:\n\
            \x20       c.execute(line)\n\
            \x20       print('done', flush=True)\n\
            \x20   except sqlite3.OperationalError as error:\n\
            \x20       print(error, flush=True)\n";
        let mut child = program("python3")
            .args(["-c", LOCKING_SCRIPT])
            .arg(world.path("ledger.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let mut other = Self { child, to, from };
        assert_eq!(other.line(), "open");
        other
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn execute(&mut self, statement: &str) -> String {
        writeln!(self.to, "{statement}").unwrap();
        self.line()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads what a command prints to its pipes, until a line contains these words.
fn read_until(child: &mut Child, words: &str) -> String {
    let stderr = child.stderr.as_mut().unwrap();
    let mut output = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&output).contains(words) || !output.ends_with(b"\n") {
        let read = stderr.read(&mut byte).unwrap();
        assert_eq!(
            read,
            1,
            "the command ended: {}",
            String::from_utf8_lossy(&output)
        );
        output.extend(byte);
    }
    String::from_utf8(output).unwrap()
}

fn world() -> World {
    World::with(|config: &mut Config| {
        config.machines = 1000;
        config.quota = "none".parse().unwrap();
        config.action_time = Duration::from_secs(3600);
    })
}

const RUN: [&str; 8] = [
    "run",
    "--comment",
    "x",
    "--yes",
    "-o",
    "json",
    "--quota",
    "none",
];

#[test]
fn a_run_waits_for_a_locked_ledger_reports_the_holder_and_continues() {
    let world = world();
    let ids = world.online_ids(3);
    world.run(&[&ids[0]]);
    let mut other = Other::new(&world);
    assert_eq!(other.execute("BEGIN IMMEDIATE"), "done");
    signal(&other.child, "STOP");
    let mut child = world.command(&[&RUN[..], &[&ids[1], &ids[2]]].concat());
    let mut child = child.spawn().unwrap();
    let output = read_until(&mut child, "The ledger has been locked for ");
    if cfg!(target_os = "linux") {
        let holder = format!("by process {}, which is stopped;", other.child.id());
        assert!(output.contains(&holder), "{output}");
    }
    assert_eq!(world.posts().len(), 1);
    // Commands that only read do not wait.
    for command in [
        &["runs", "-o", "json"][..],
        &["show", "last"],
        &["export", "last"],
    ] {
        let read = world.offboard(command);
        assert_eq!(read.code, 0, "{command:?}: {read:?}");
        assert!(read.stdout.contains("accepted"), "{command:?}: {read:?}");
    }
    signal(&other.child, "CONT");
    assert_eq!(other.execute("COMMIT"), "done");
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(outcome.rows().len(), 2);
    assert_eq!(world.offboardings().len(), 3);
}

/// Nothing is sent, nothing is lost, and no process waits any longer.
#[test]
fn a_run_that_waits_for_the_ledger_can_be_stopped() {
    let world = world();
    let ids = world.online_ids(3);
    world.run(&[&ids[0]]);
    let mut other = Other::new(&world);
    assert_eq!(other.execute("BEGIN IMMEDIATE"), "done");
    let mut child = world.command(&[&RUN[..], &[&ids[1], &ids[2]]].concat());
    let mut child = child.spawn().unwrap();
    read_until(&mut child, "The ledger has been locked for ");
    signal(&child, "INT");
    // The lock is held until it has ended.
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.code, 130, "{outcome:?}");
    assert_eq!(world.posts().len(), 1);
    assert_eq!(other.execute("COMMIT"), "done");
    let again = world.run(&[&ids[1], &ids[2]]);
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(world.offboardings().len(), 3);
}

/// The user has to know which machines may be offboarded, also if the ledger cannot be
/// written. After the third signal, this is known only in memory.
#[test]
fn a_run_that_is_stopped_at_once_lists_what_it_sent() {
    for signals in [2, 3] {
        let world = World::with(|config: &mut Config| {
            config.action_time = Duration::from_secs(3600);
            config.faults = FaultPlan::parse(["offboard:2:delay=1h"]).unwrap();
        });
        let ids = world.online_ids(3);
        world.run(&[&ids[0]]);
        let mut other = Other::new(&world);
        let mut child = world.command(&[&RUN[..], &[&ids[1], &ids[2]]].concat());
        let mut child = child.spawn().unwrap();
        until_running(&mut child, "a request", || world.posts().len() == 2);
        until("the lock", || other.execute("BEGIN IMMEDIATE") == "done");
        signal(&child, "INT");
        let mut shown = read_until(&mut child, "Stopping after the requests in flight");
        signal(&child, "INT");
        if signals == 3 {
            // Signals that arrive at the same time count once.
            std::thread::sleep(Duration::from_millis(500));
            signal(&child, "INT");
        }
        let outcome = Outcome::from(child.wait_with_output().unwrap());
        shown.push_str(&outcome.stderr);
        assert_eq!(outcome.code, 130, "{signals}: {outcome:?}");
        if signals == 2 {
            let rows = outcome.rows();
            let states: Vec<&str> = rows.iter().map(|r| r["state"].as_str().unwrap()).collect();
            assert_eq!(states, ["unknown", "not-sent"], "{outcome:?}");
            assert!(!shown.contains("This process sent"), "{shown}");
        } else {
            let (_, sent) = shown.split_once("This process sent").unwrap();
            assert!(sent.contains(&format!("unknown {}", ids[1])), "{shown}");
            assert!(!sent.contains(&ids[2]), "{shown}");
            assert!(
                sent.contains("help: Do not offboard these machines again"),
                "{shown}"
            );
        }
        assert_eq!(other.execute("COMMIT"), "done");
        // The next session records it, and the machine is not offboarded again.
        let again = world.run(&[&ids[1]]);
        assert_eq!(again.row()["error"]["kind"], "under-way", "{again:?}");
        assert_eq!(world.posts().len(), 2);
    }
}

/// The same if the answer to a request in flight cannot be recorded. The service is
/// queried for it later.
#[test]
fn a_run_that_waits_with_an_answer_can_be_stopped_and_loses_nothing() {
    let world = World::with(|config: &mut Config| {
        config.action_time = Duration::from_secs(3600);
        config.faults = FaultPlan::parse(["offboard:2:delay=1s"]).unwrap();
    });
    let ids = world.online_ids(3);
    world.run(&[&ids[0]]);
    let mut other = Other::new(&world);
    let mut child = world.command(&[&RUN[..], &[&ids[1], &ids[2]]].concat());
    let mut child = child.spawn().unwrap();
    until_running(&mut child, "a request", || world.posts().len() == 2);
    until("the lock", || other.execute("BEGIN IMMEDIATE") == "done");
    signal(&child, "INT");
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.code, 130, "{outcome:?}");
    assert_eq!(world.posts().len(), 2);
    let lost = "is accepted, but this could not be recorded";
    assert!(outcome.stderr.contains(lost), "{outcome:?}");
    assert_eq!(other.execute("COMMIT"), "done");
    let resumed = world.offboard(&["resume", "--yes", "--grace", "0s", "-o", "json"]);
    assert_eq!(resumed.code, 0, "{resumed:?}");
    assert_eq!(world.offboardings().len(), 3);
    assert_eq!(world.posts().len(), 3);
}

/// Ctrl-Z, at any moment: no lock is held meanwhile, and nothing is sent twice.
#[cfg(target_os = "linux")]
#[test]
fn a_process_that_is_stopped_from_the_terminal_holds_no_lock() {
    use std::os::unix::process::CommandExt;
    let world = world();
    let ids = world.online_ids(121);
    world.run(&[&ids[120]]);
    fs::write(world.path("list"), ids[..120].join("\n")).unwrap();
    let list = world.path("list").display().to_string();
    let more = ["--from", &list, "--expect", "120"];
    let mut other = Other::new(&world);
    let mut command = world.command(&[&RUN[..], &more].concat());
    // Its output does not fit into a pipe that is not read meanwhile.
    let printed = fs::File::create(world.path("printed")).unwrap();
    // Its parent is in another group, as a shell is.
    let mut child = command.process_group(0).stdout(printed).spawn().unwrap();
    let mut stops = 0;
    let mut posts = 1;
    while posts < 115 {
        let mut has_ended = false;
        until("a request, or the end", || {
            has_ended = child.try_wait().unwrap().is_some();
            has_ended || world.posts().len() > posts
        });
        if has_ended {
            break;
        }
        signal(&child, "TSTP");
        until("a stop, or the end", || {
            has_ended = child.try_wait().unwrap().is_some();
            has_ended || is_stopped(&child)
        });
        if has_ended {
            break;
        }
        stops += 1;
        assert_eq!(other.execute("BEGIN IMMEDIATE"), "done", "stop {stops}");
        assert_eq!(other.execute("ROLLBACK"), "done");
        posts = world.posts().len();
        signal(&child, "CONT");
    }
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(stops >= 10, "{stops}");
    assert_eq!(world.posts().len(), 121);
    assert_eq!(world.offboardings().len(), 121);
}

/// If no shell can continue it, as in a session of its own, it is not stopped.
#[cfg(target_os = "linux")]
#[test]
fn a_process_that_no_shell_can_continue_is_not_stopped() {
    let world = World::with(|config: &mut Config| {
        config.faults = FaultPlan::parse(["offboard:1:delay=1500ms"]).unwrap();
    });
    let id = world.online_ids(1).remove(0);
    let inner = world.command(&[&RUN[..], &[&id]].concat());
    let mut child = started_by(program("setsid"), &inner).spawn().unwrap();
    until_running(&mut child, "a request", || !world.posts().is_empty());
    signal(&child, "TSTP");
    until("the end of the command", || {
        assert!(!is_stopped(&child));
        child.try_wait().unwrap().is_some()
    });
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

#[cfg(target_os = "linux")]
fn is_stopped(child: &Child) -> bool {
    // A process that has just ended has no state.
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
    status.is_ok_and(|status| status.contains("State:\tT"))
}
