//! Runs the examples against the simulator, each in its own process.

#![allow(clippy::unwrap_used)]

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use offboard_simulator::{Config, FaultPlan, Simulator};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than any step of an example takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A simulator, and a folder for the token and the ledger.
struct World {
    simulator: Simulator,
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            action_time: Duration::from_millis(100),
            ..Config::default()
        };
        change(&mut config);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let simulator = runtime.block_on(Simulator::start(config)).unwrap();
        let folder = TempDir::new().unwrap();
        let token = folder.path().join("token");
        fs::write(&token, simulator.token()).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self {
            simulator,
            folder,
            runtime,
        }
    }

    /// Machines that can be offboarded.
    fn machines(&self, count: usize) -> Vec<String> {
        let machines = self.simulator.machines().into_iter();
        let online = machines.filter(|one| {
            one.online && one.supported && one.machine.onboarding_status == "Onboarded"
        });
        let ids: Vec<String> = online.map(|one| one.machine.id).take(count).collect();
        assert_eq!(ids.len(), count);
        ids
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn example(&self, name: &str, arguments: &[&str]) -> Child {
        let test = env::current_exe().unwrap();
        let target = test.parent().unwrap().parent().unwrap();
        let program = target.join("examples").join(name);
        assert!(
            program.exists(),
            "build the examples: cargo build --examples"
        );
        Command::new(program)
            .args(arguments)
            .env("OFFBOARD_API_ROOT", self.simulator.api_root())
            .env("OFFBOARD_TOKEN_FILE", self.path("token"))
            .env("OFFBOARD_LEDGER", self.path("ledger.db"))
            .env_remove("OFFBOARD_CONFIG")
            .env_remove("OFFBOARD_PROFILE")
            .env("XDG_CONFIG_HOME", self.path("config"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// The machines that were offboarded.
    fn offboarded(&self) -> Vec<String> {
        let (_, body) = http(
            self.simulator.api_root(),
            "GET",
            "/_simulator/offboardings",
            "",
        );
        let offboardings: Vec<Value> = serde_json::from_str(&body).unwrap();
        let machine = |one: &Value| one["machineId"].as_str().unwrap().to_owned();
        offboardings.iter().map(machine).collect()
    }

    /// The requests that were sent.
    fn posts(&self) -> usize {
        let (_, body) = http(self.simulator.api_root(), "GET", "/_simulator/requests", "");
        let requests: Vec<Value> = serde_json::from_str(&body).unwrap();
        requests
            .iter()
            .filter(|one| one["method"] == "POST")
            .count()
    }

    fn end(self) {
        self.runtime.block_on(self.simulator.stop());
    }
}

/// The status and the body of an answer.
fn http(root: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let address = root.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    // A chunked body has the sizes on separate lines.
    let body = if head.to_lowercase().contains("chunked") {
        body.lines().skip(1).step_by(2).collect()
    } else {
        body.to_owned()
    };
    (status, body)
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn outcome(child: Child) -> (bool, String, String) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn one_machine_is_offboarded_after_a_yes_and_not_before() {
    let world = World::new(|_| {});
    let machine = world.machines(1).remove(0);
    for (answer, count) in [("no\n", 0), ("yes\n", 1)] {
        let mut child = world.example("one_machine", &[&machine, "Stolen, INC-1"]);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(answer.as_bytes()).unwrap();
        drop(stdin);
        let (succeeded, stdout, stderr) = outcome(child);
        assert!(succeeded, "{stdout} {stderr}");
        assert!(stdout.contains("1 machine, plan "), "{stdout} {stderr}");
        assert_eq!(stdout.contains("1 accepted"), count == 1, "{stdout}");
        assert_eq!(world.offboarded().len(), count, "{stdout} {stderr}");
    }
    world.end();
}

#[test]
fn a_list_is_offboarded_with_its_progress_if_its_length_is_the_expected_one() {
    let world = World::new(|_| {});
    let machines = world.machines(3);
    let list = world.path("list");
    fs::write(&list, machines.join("\n")).unwrap();
    let list = list.to_str().unwrap();
    let (succeeded, stdout, stderr) = outcome(world.example("list", &[list, "Retired", "2"]));
    assert!(!succeeded, "{stdout}");
    assert!(stderr.contains("Unexpected"), "{stderr}");
    assert!(world.offboarded().is_empty());

    let (succeeded, stdout, stderr) = outcome(world.example("list", &[list, "Retired", "3"]));
    assert!(succeeded, "{stdout} {stderr}");
    // Several requests are in flight at once: they arrive in any order.
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(world.offboarded()), sorted(machines));
    let events: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| events.iter().filter(|one| one["event"] == name).count();
    assert_eq!(of("sending"), 1, "{stdout}");
    assert!(of("changed") >= 6, "{stdout}");
    assert!(stderr.contains("has ended"), "{stderr}");
    world.end();
}

#[test]
fn a_web_server_executes_what_a_person_approved() {
    let world = World::new(|_| {});
    let machine = world.machines(1).remove(0);
    let mut child = world.example("axum", &[]);
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let root = line.trim();
    let body = format!(r#"["{machine}", ""]"#);
    let (status, answer) = http(root, "POST", "/offboardings/ada", &body);
    assert_eq!(status, 422, "{answer}");
    let body = format!(r#"["{machine}", "Retired, CHG-7"]"#);
    let (status, answer) = http(root, "POST", "/offboardings/ada", &body);
    assert_eq!((status, answer.len()), (200, 36), "{answer}");
    until("the machine is offboarded", || {
        world.offboarded() == [machine.as_str()]
    });
    child.kill().unwrap();
    child.wait().unwrap();
    world.end();
}

#[test]
fn after_a_crash_the_rest_is_offboarded_and_nothing_twice() {
    let world = World::new(|config| {
        // Four requests are in flight at the same time, and get no answer.
        config.faults = FaultPlan::parse(["offboard:2-5:delay=1h"]).unwrap();
    });
    let machines = world.machines(8);
    let list = world.path("list");
    fs::write(&list, machines.join("\n")).unwrap();
    let mut child = world.example("list", &[list.to_str().unwrap(), "Retired", "8"]);
    until("four requests are in flight", || world.posts() == 5);
    child.kill().unwrap();
    child.wait().unwrap();
    world.simulator.set_faults(FaultPlan::default());
    let (succeeded, stdout, stderr) = outcome(world.example("resume", &["1"]));
    assert!(succeeded, "{stdout} {stderr}");
    // Their outcomes are reconciled or stay unknown; only the other three are sent.
    assert_eq!(world.posts(), 8, "{stdout} {stderr}");
    let offboarded = world.offboarded();
    for machine in &machines {
        let times = offboarded.iter().filter(|one| *one == machine).count();
        let was_in_flight = machines[1..5].contains(machine);
        let is_right = if was_in_flight {
            times <= 1
        } else {
            times == 1
        };
        assert!(is_right, "{machine}: {times}: {stdout} {stderr}");
    }
    world.end();
}
