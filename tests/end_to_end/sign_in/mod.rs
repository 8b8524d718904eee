//! Sign-in and its failures: the real command against a simulator of Entra ID and Defender
//! for Endpoint over TLS, whose certificate authority is trusted only because a setting
//! names it.

mod app_registration;
mod authority_errors;
mod check;
mod clouds;
mod credential_choice;
mod device_code;
mod device_groups;
mod encodings;
mod faults;
mod given_tokens;
mod hostile_authority;
mod identity_shown;
mod managed_identity;
mod network;
mod proxies;
mod python;
mod renewal;
mod secrets;

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use offboard_simulator::{Config, TokenRequest};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::Value;

use crate::support::{self, Outcome, Running, command, until as wait_until, write_secret};

/// A test's own tenant, behind TLS. Its commands have no credential unless a test adds one.
struct World(support::World);

impl Deref for World {
    type Target = support::World;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// A simulator with a changed configuration.
    fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self(support::World::with(|config| {
            config.tls = true;
            config.device_code_interval = Duration::from_secs(1);
            change(config);
        }))
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
        self.connect(&mut command)
            .env("OFFBOARD_AUTHORITY", self.simulator.authority())
            .env("OFFBOARD_CA_FILE", self.path("ca.pem"));
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

    fn machine(&self) -> String {
        self.online_ids(1).remove(0)
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

    /// The requests to the API.
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
        self.offboardings().len()
    }

    /// The contents of a file, empty if there is none.
    fn written(&self, name: &str) -> String {
        match name {
            "ledger.db" => self.ledger(),
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
