//! A simulator, a token, a ledger, and commands that use them.

use std::{fs, path::PathBuf, process::Command, sync::LazyLock, time::Duration};

use offboard_simulator::{Config, MachineTruth, Simulator, TokenRequest};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{Outcome, command, request, write_secret, written_ledger};

/// The key that signs the tokens of all worlds of this process. To create it takes more time than
/// most tests.
static SIGNING_KEY: LazyLock<String> = LazyLock::new(|| {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048);
    key.unwrap().serialize_pem()
});

/// A test's own tenant.
pub struct World {
    /// The service and Entra ID.
    pub simulator: Simulator,
    /// The runtime of the simulator.
    pub runtime: Runtime,
    folder: TempDir,
}

impl World {
    /// A simulator with its defaults.
    #[allow(clippy::new_without_default)] // The simulator starts, which no default does.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A simulator with a changed configuration.
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut config = Config {
            action_time: Duration::from_millis(600),
            signing_key: Some(SIGNING_KEY.clone()),
            ..Config::default()
        };
        change(&mut config);
        let simulator = runtime.block_on(Simulator::start(config)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        write_secret(&folder.path().join("token"), simulator.token());
        if let Some(authority) = simulator.authority_certificate() {
            fs::write(folder.path().join("ca.pem"), authority).unwrap();
        }
        Self {
            simulator,
            runtime,
            folder,
        }
    }

    /// The root of the API.
    pub fn root(&self) -> &str {
        self.simulator.api_root()
    }

    /// The token of the commands, unless it was replaced.
    pub fn token(&self) -> &str {
        self.simulator.token()
    }

    /// A path in the test's own folder, which has the files `token`, `ledger.db` and, with TLS,
    /// `ca.pem`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the token of later commands.
    pub fn use_token(&self, request: TokenRequest) {
        write_secret(&self.path("token"), self.simulator.issue_token(request));
    }

    /// Sets the service and the ledger of a command, and no credential.
    pub fn connect<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("OFFBOARD_API_ROOT", self.root())
            .env("OFFBOARD_LEDGER", self.path("ledger.db"))
    }

    /// The same with the token.
    pub fn authorize<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        self.connect(command)
            .env("OFFBOARD_TOKEN_FILE", self.path("token"))
    }

    /// A command with the connection and the ledger set.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        self.authorize(&mut command);
        command
    }

    /// Runs such a command to its end.
    pub fn offboard(&self, args: &[&str]) -> Outcome {
        self.command(args).output().unwrap().into()
    }

    /// `offboard run … --yes --output json` with a comment.
    pub fn run(&self, args: &[&str]) -> Outcome {
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
    pub fn recorded_runs(&self) -> Vec<Value> {
        self.offboard(&["runs", "--output", "json"]).rows()
    }

    /// All orders in the ledger, with their requests.
    pub fn recorded(&self) -> Vec<Value> {
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
    pub fn ledger(&self) -> String {
        written_ledger(&self.path("ledger.db"))
    }

    /// All requests that the simulator received.
    pub fn requests(&self) -> Vec<Value> {
        self.get("/_simulator/requests")
    }

    /// The POSTs among them.
    pub fn posts(&self) -> Vec<Value> {
        self.requests()
            .into_iter()
            .filter(|request| request["method"] == "POST")
            .collect()
    }

    /// All offboardings that it carried out.
    pub fn offboardings(&self) -> Vec<Value> {
        self.get("/_simulator/offboardings")
    }

    /// A JSON array of the simulator's own routes.
    fn get(&self, path: &str) -> Vec<Value> {
        let authority = self.simulator.authority_certificate();
        let (_, body) = request(self.root(), authority, "GET", path, "");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    fn fleet(&self, fits: impl Fn(&MachineTruth) -> bool) -> Vec<MachineTruth> {
        let found: Vec<MachineTruth> = self.simulator.machines().into_iter().filter(fits).collect();
        assert!(!found.is_empty(), "the fleet has no such machine");
        found
    }

    /// Machines that are online and supported, with unique names.
    pub fn online(&self) -> Vec<MachineTruth> {
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
    pub fn online_ids(&self, count: usize) -> Vec<String> {
        let machines = self.online();
        assert!(machines.len() >= count);
        let machines = machines.into_iter().take(count);
        machines.map(|truth| truth.machine.id).collect()
    }

    /// A machine that is supported, onboarded and offline.
    pub fn offline(&self) -> MachineTruth {
        self.fleet(|truth| {
            !truth.online && truth.supported && truth.machine.onboarding_status == "Onboarded"
        })
        .remove(0)
    }

    /// The id of a machine with one of these versions of an operating system.
    pub fn with_version(&self, platform: &str, versions: &[&str]) -> String {
        let found = self.fleet(|truth| {
            let machine = &truth.machine;
            machine.os_platform == platform && versions.contains(&machine.version.as_str())
        });
        found[0].machine.id.clone()
    }

    /// The id of an onboarded Windows server.
    pub fn server(&self) -> String {
        let found = self.fleet(|truth| {
            truth.supported
                && truth.machine.onboarding_status == "Onboarded"
                && truth.machine.os_platform.starts_with("WindowsServer")
        });
        found[0].machine.id.clone()
    }

    /// A machine whose operating system cannot be offboarded.
    pub fn unsupported(&self) -> MachineTruth {
        self.fleet(|truth| truth.machine.os_platform == "Windows7")
            .remove(0)
    }

    /// A name that several machines have.
    pub fn shared_name(&self) -> String {
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
