//! A simulator, a token, a ledger, and commands that use them.

use std::{path::PathBuf, process::Command};

use offboard_simulator::{Config, MachineTruth, Simulator, TokenRequest};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Outcome, command, get_json, write_secret, written_ledger};

/// A test's own tenant.
pub(crate) struct World {
    simulator: Simulator,
    folder: TempDir,
    _runtime: Runtime,
}

impl World {
    /// A simulator with its defaults.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A simulator with a changed configuration.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut config = Config {
            action_time: std::time::Duration::from_millis(600),
            ..Config::default()
        };
        change(&mut config);
        let simulator = runtime.block_on(Simulator::start(config)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        write_secret(&folder.path().join("token"), simulator.token());
        Self {
            simulator,
            folder,
            _runtime: runtime,
        }
    }

    pub(crate) fn root(&self) -> &str {
        self.simulator.api_root()
    }

    pub(crate) fn token(&self) -> &str {
        self.simulator.token()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the token of later commands.
    pub(crate) fn use_token(&self, request: TokenRequest) {
        write_secret(&self.path("token"), self.simulator.issue_token(request));
    }

    /// A command with the connection and the ledger set.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command
            .env("OFFBOARD_API_ROOT", self.root())
            .env("OFFBOARD_TOKEN_FILE", self.path("token"))
            .env("OFFBOARD_LEDGER", self.path("ledger.db"));
        command
    }

    /// Runs such a command to its end.
    pub(crate) fn offboard(&self, args: &[&str]) -> Outcome {
        self.command(args).output().unwrap().into()
    }

    /// `offboard run … --yes --output json` with a comment.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        let fixed = [
            "run",
            "--comment",
            "Retired, INC-1",
            "--yes",
            "--output",
            "json",
        ];
        self.offboard(&[&fixed, args].concat())
    }

    /// The runs in the ledger.
    pub(crate) fn recorded_runs(&self) -> Vec<Value> {
        self.offboard(&["runs", "--output", "json"]).rows()
    }

    /// All orders in the ledger, with their requests.
    pub(crate) fn recorded(&self) -> Vec<Value> {
        let orders = |run: Value| {
            let exported = self.offboard(&["export", run["run"].as_str().unwrap()]);
            assert_eq!(exported.code, 0, "{exported:?}");
            let lines = exported.stdout.lines();
            lines
                .map(|line| serde_json::from_str(line).unwrap())
                .collect::<Vec<Value>>()
        };
        self.recorded_runs().into_iter().flat_map(orders).collect()
    }

    /// The contents of the ledger's files, as text.
    pub(crate) fn ledger(&self) -> String {
        written_ledger(&self.path("ledger.db"))
    }

    /// All requests that the simulator received.
    pub(crate) fn requests(&self) -> Vec<Value> {
        as_array(get_json(self.root(), "/_simulator/requests"))
    }

    /// The POSTs among them.
    pub(crate) fn posts(&self) -> Vec<Value> {
        self.requests()
            .into_iter()
            .filter(|request| request["method"] == "POST")
            .collect()
    }

    /// All offboardings that it carried out.
    pub(crate) fn offboardings(&self) -> Vec<Value> {
        as_array(get_json(self.root(), "/_simulator/offboardings"))
    }

    fn fleet(&self, fits: impl Fn(&MachineTruth) -> bool) -> Vec<MachineTruth> {
        let found: Vec<MachineTruth> = self.simulator.machines().into_iter().filter(fits).collect();
        assert!(!found.is_empty(), "the fleet has no such machine");
        found
    }

    /// Machines that are online and supported, with unique names.
    pub(crate) fn online(&self) -> Vec<MachineTruth> {
        let all = self.simulator.machines();
        self.fleet(|truth| {
            truth.machine.health_status == "Active"
                && truth.machine.onboarding_status == "Onboarded"
                && ["Windows10", "Windows11"].contains(&truth.machine.os_platform.as_str())
                && all
                    .iter()
                    .filter(|other| {
                        other.machine.computer_dns_name == truth.machine.computer_dns_name
                    })
                    .count()
                    == 1
        })
    }

    /// The ids of this many machines that are online.
    pub(crate) fn online_ids(&self, count: usize) -> Vec<String> {
        let machines = self.online();
        assert!(machines.len() >= count);
        let machines = machines.into_iter().take(count);
        machines.map(|truth| truth.machine.id).collect()
    }

    /// A machine that is supported, onboarded and offline.
    pub(crate) fn offline(&self) -> MachineTruth {
        self.fleet(|truth| {
            !truth.online && truth.supported && truth.machine.onboarding_status == "Onboarded"
        })
        .remove(0)
    }

    /// The id of a machine with one of these versions of an operating system.
    pub(crate) fn with_version(&self, platform: &str, versions: &[&str]) -> String {
        let found = self.fleet(|truth| {
            let machine = &truth.machine;
            machine.os_platform == platform && versions.contains(&machine.version.as_str())
        });
        found[0].machine.id.clone()
    }

    /// A machine whose operating system cannot be offboarded.
    pub(crate) fn unsupported(&self) -> MachineTruth {
        self.fleet(|truth| truth.machine.os_platform == "Windows7")
            .remove(0)
    }

    /// A name that several machines have.
    pub(crate) fn shared_name(&self) -> String {
        let all = self.simulator.machines();
        let name = |truth: &MachineTruth| truth.machine.computer_dns_name.clone();
        let shared = self.fleet(|truth| {
            all.iter()
                .filter(|other| name(other) == name(truth))
                .count()
                > 1
        });
        name(&shared[0])
    }
}

fn as_array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        other => panic!("not an array: {other}"),
    }
}
