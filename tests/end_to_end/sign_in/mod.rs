//! Sign-in and its failures: the real command against a simulator of Entra ID and Defender
//! for Endpoint over TLS, whose certificate authority is trusted only because a setting
//! names it.

mod app_registration;
mod authority;
mod check;
mod clouds;
mod credential_choice;
mod device_code;
mod device_groups;
mod faults;
mod given_tokens;
mod https;
mod identity_shown;
mod managed_identity;
mod network;
mod python;
mod renewal;
mod secrets;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use offboard_simulator::{Config, MachineTruth, Simulator, TokenRequest};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{Outcome, command, until as wait_until, write_secret, written_ledger};

/// A test's own tenant, behind TLS.
struct World {
    simulator: Simulator,
    folder: TempDir,
    runtime: Runtime,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// A simulator with a changed configuration.
    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut config = Config {
            tls: true,
            action_time: Duration::from_millis(600),
            device_code_interval: Duration::from_secs(1),
            ..Config::default()
        };
        change(&mut config);
        let simulator = runtime.block_on(Simulator::start(config)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        if let Some(authority) = simulator.authority_certificate() {
            fs::write(folder.path().join("ca.pem"), authority).unwrap();
        }
        Self {
            simulator,
            folder,
            runtime,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of this name that other users cannot read.
    fn secret(&self, name: &str, secret: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        write_secret(&path, secret);
        path
    }

    /// A file with the app's secret.
    fn secret_file(&self) -> PathBuf {
        self.secret("client-secret", self.simulator.client_secret())
    }

    fn tenant(&self) -> String {
        self.simulator.tenant_id().to_string()
    }

    fn client(&self) -> String {
        self.simulator.client_id().to_string()
    }

    /// A command with both hosts and the certificate authority, without a credential.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command
            .env("OFFBOARD_API_ROOT", self.simulator.api_root())
            .env("OFFBOARD_AUTHORITY", self.simulator.authority())
            .env("OFFBOARD_CA_FILE", self.path("ca.pem"))
            .env("OFFBOARD_LEDGER", self.path("ledger.db"));
        command
    }

    /// The same with the app's tenant and client id, without a credential.
    fn app(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        command
            .env("OFFBOARD_TENANT", self.tenant())
            .env("OFFBOARD_CLIENT_ID", self.client());
        command
    }

    /// The same with the app's secret.
    fn with_secret(&self, args: &[&str]) -> Command {
        let mut command = self.app(args);
        command.env("OFFBOARD_CLIENT_SECRET_FILE", self.secret_file());
        command
    }

    /// Machines that are online and supported.
    fn machines(&self) -> Vec<MachineTruth> {
        let mut machines = self.simulator.machines();
        machines.retain(|truth| {
            truth.online
                && truth.supported
                && truth.machine.onboarding_status == "Onboarded"
                && truth.machine.os_platform.starts_with("Windows1")
        });
        assert!(machines.len() > 3, "the fleet is too small");
        machines
    }

    fn machine(&self) -> String {
        self.machines().remove(0).machine.id
    }

    /// A token that was issued before.
    fn token(&self, request: TokenRequest) -> String {
        self.simulator.issue_token(request)
    }

    /// The number of tokens of any kind that Entra ID issued.
    fn issued(&self) -> u64 {
        let issued = self.simulator.issued_tokens();
        issued.client_credentials
            + issued.device_code
            + issued.refresh_token
            + issued.managed_identity
    }

    /// All requests that the simulator received, as itself or as Entra ID.
    fn requests(&self) -> Vec<Value> {
        match self.get("/_simulator/requests") {
            Value::Array(requests) => requests,
            other => panic!("{other}"),
        }
    }

    /// Those to the API.
    fn calls(&self) -> Vec<Value> {
        let mut requests = self.requests();
        requests.retain(|request| request["path"].as_str().unwrap().starts_with("/api/"));
        requests
    }

    /// The number of calls that were answered with this status.
    fn answered(&self, status: u16) -> usize {
        let calls = self.calls();
        calls.iter().filter(|call| call["status"] == status).count()
    }

    /// The number of POSTs to the API.
    fn posts(&self) -> usize {
        let calls = self.calls();
        calls.iter().filter(|call| call["method"] == "POST").count()
    }

    /// The number of offboardings.
    fn offboarded(&self) -> usize {
        let machines = self.get("/_simulator/offboardings");
        machines.as_array().unwrap().len()
    }

    fn get(&self, path: &str) -> Value {
        https::get(
            self.simulator.api_root(),
            self.simulator.authority_certificate(),
            path,
        )
    }

    /// The contents of a file, empty if there is none.
    fn written(&self, name: &str) -> String {
        match name {
            "ledger.db" => written_ledger(&self.path(name)),
            _ => fs::read_to_string(self.path(name)).unwrap_or_default(),
        }
    }

    /// Registers a new certificate for the app.
    fn certificate(&self) -> Certificate {
        let certificate = Certificate::new();
        let registered = self.simulator.register_certificate(&certificate.pem);
        registered.unwrap();
        certificate
    }
}

/// A certificate with an RSA key.
struct Certificate {
    pem: String,
    key: KeyPair,
    der: Vec<u8>,
}

impl Certificate {
    fn new() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = CertificateParams::new(vec!["app.test".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().to_vec(),
            key,
        }
    }

    /// The certificate and its key as PEM.
    fn both(&self) -> String {
        format!("{}{}", self.pem, self.key.serialize_pem())
    }

    /// The certificate and its key as PKCS#12.
    fn pfx(&self, password: &str) -> Vec<u8> {
        use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
        let mut store = KeyStore::new();
        let chain = PrivateKeyChain::new(
            "1",
            PrivateKey::from_der(&self.key.serialize_der()).unwrap(),
            [Certificate::from_der(&self.der).unwrap()],
        );
        store.add_entry("app", KeyStoreEntry::PrivateKeyChain(chain));
        store.writer(password).write().unwrap()
    }
}

/// `offboard run` for one machine.
fn run(machine: &str) -> [&str; 7] {
    [
        "run",
        machine,
        "--comment",
        "Retired, INC-1",
        "--yes",
        "--output",
        "json",
    ]
}

const CHECK: [&str; 3] = ["check", "--output", "json"];

/// Runs a command to its end.
fn outcome(command: &mut Command) -> Outcome {
    command.output().unwrap().into()
}

/// The order is accepted, and it is the only one that the simulator carried out.
#[track_caller]
fn assert_offboarded(world: &World, command: &mut Command) -> Outcome {
    let outcome = outcome(command);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(outcome.row()["state"], "accepted", "{outcome:?}");
    assert_eq!(world.offboarded(), 1);
    outcome
}

/// The order is not sent, because there is no token. Returns its error.
#[track_caller]
fn assert_not_sent(world: &World, command: &mut Command, code: i32) -> Value {
    let outcome = outcome(command);
    assert_eq!(outcome.code, code, "{outcome:?}");
    let row = outcome.row();
    assert_eq!(row["state"], "not-sent", "{outcome:?}");
    assert_eq!(row["error"]["retry"], "safe", "{outcome:?}");
    assert!(world.calls().is_empty(), "{:?}", world.calls());
    row["error"].clone()
}

/// A string member of an error or a step.
#[track_caller]
fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member]
        .as_str()
        .unwrap_or_else(|| panic!("no {member}: {value}"))
}

/// The text contains each of these.
#[track_caller]
fn assert_contains(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

/// The only step of a check with this name.
#[track_caller]
fn step(outcome: &Outcome, name: &str) -> Value {
    let mut steps = outcome.rows();
    steps.retain(|step| step["step"] == name);
    assert_eq!(steps.len(), 1, "{name}: {outcome:?}");
    steps.remove(0)
}

/// The names of the steps with this status.
fn steps(outcome: &Outcome, status: &str) -> Vec<String> {
    let steps = outcome.rows();
    let with = steps.iter().filter(|step| step["status"] == status);
    with.map(|step| text(step, "step").to_owned()).collect()
}

/// The output of `config show`.
fn shown(command: &mut Command) -> Value {
    let outcome = outcome(command);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Writes an executable shell script.
#[cfg(unix)]
fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A command that runs while the test continues.
struct Running {
    child: Child,
    /// Its standard error so far.
    stderr: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        Self {
            child: command.stdin(Stdio::null()).spawn().unwrap(),
            stderr: String::new(),
        }
    }

    /// Reads standard error until these words. Returns the rest of their line.
    fn read_until(&mut self, words: &str) -> String {
        let stderr = self.child.stderr.as_mut().unwrap();
        let mut byte = [0];
        loop {
            let rest = self.stderr.split_once(words).map(|(_, rest)| rest);
            if let Some((line, _)) = rest.and_then(|rest| rest.split_once('\n')) {
                return line.to_owned();
            }
            let count = stderr.read(&mut byte).unwrap();
            assert_eq!(count, 1, "{words:?} is not in: {}", self.stderr);
            self.stderr.push(byte[0].into());
        }
    }

    fn end(mut self) -> Outcome {
        let (mut stdout, mut stderr) = (String::new(), std::mem::take(&mut self.stderr));
        let out = self.child.stdout.as_mut().unwrap();
        out.read_to_string(&mut stdout).unwrap();
        let err = self.child.stderr.as_mut().unwrap();
        err.read_to_string(&mut stderr).unwrap();
        Outcome {
            code: self.child.wait().unwrap().code().unwrap_or(-1),
            stdout,
            stderr,
        }
    }
}

/// Ends the command with the test, also if the test fails.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
