//! The simulator's Entra ID with Microsoft's library for Python: an independent check that
//! the simulator accepts what Entra ID accepts.

use std::io::{BufRead, BufReader};

use super::{Running, World};
use crate::support::{command, python};

#[test]
fn python_signs_in_with_every_credential_of_an_app_and_with_a_code() {
    let world = World::new();
    let certificate = world.secret("app.pem", super::Certificate::new().both());
    let assertion = world.path("assertion");
    let mut simulator = command(["simulate", "--tls", "--quiet", "--listen", "127.0.0.1:0"]);
    simulator
        .arg("--client-certificate")
        .arg(&certificate)
        .arg("--write-federated-token")
        .arg(&assertion);
    let mut running = Running::start(&mut simulator);
    let mut ready = String::new();
    let stdout = running.child.stdout.as_mut().unwrap();
    BufReader::new(stdout).read_line(&mut ready).unwrap();
    let files = [certificate.as_os_str(), assertion.as_os_str()];
    let output = python::run("sign_in.py", &files, &[], &ready);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(
        lines,
        [
            "ClientSecretCredential: signed in, 1 machine read",
            "CertificateCredential: signed in, 1 machine read",
            "ClientAssertionCredential: signed in, 1 machine read",
            "DeviceCodeCredential: signed in, 1 machine read",
        ]
    );
}
