//! Connections to the authority: unreachable, untrusted, and through a proxy.

use std::net::SocketAddr;

use super::{
    CHECK, World, assert_contains, assert_not_sent, assert_offboarded, outcome,
    proxies::{Proxy, front},
    run, step, steps, text,
};
use crate::support::ClosedPort;

/// The URL of a closed port.
fn over_tls(closed: &ClosedPort) -> String {
    format!("https://{}", closed.address())
}

#[test]
fn an_unreachable_authority_is_reported_and_nothing_is_sent() {
    let world = World::new();
    let machine = world.machine();
    let closed = ClosedPort::new();
    let nowhere = over_tls(&closed);
    let mut command = world.with_secret(&run(&machine));
    let error = assert_not_sent(&world, command.env("OFFBOARD_AUTHORITY", &nowhere), 5);
    assert_eq!(error["kind"], "no-authority");
    assert_contains(text(&error, "message"), &["does not answer"]);
    assert_contains(
        text(&error, "hint"),
        &[
            "--authority",
            "offboard config show",
            "The request was not sent",
        ],
    );

    // A port without TLS is reported as such.
    let plain = crate::support::World::new();
    let mut command = world.with_secret(&CHECK);
    let root = plain.root().replace("http:", "https:");
    let checked = outcome(command.env("OFFBOARD_API_ROOT", root));
    assert_contains(
        text(&step(&checked, "api"), "reason"),
        &["it did not answer with TLS", "http"],
    );

    let mut command = world.with_secret(&CHECK);
    let checked = outcome(command.env("OFFBOARD_AUTHORITY", &nowhere));
    assert_eq!(checked.code, 5, "{checked:?}");
    assert_eq!(steps(&checked, "failed"), ["authority", "token"]);
    assert_contains(text(&step(&checked, "authority"), "hint"), &["--authority"]);
    assert_eq!(world.posts(), 0);
}

#[test]
fn an_unreachable_api_is_reported() {
    let world = World::new();
    let mut command = world.with_secret(&CHECK);
    let closed = ClosedPort::new();
    let checked = outcome(command.env("OFFBOARD_API_ROOT", over_tls(&closed)));
    assert_eq!(checked.code, 5, "{checked:?}");
    assert_eq!(steps(&checked, "failed"), ["api", "answer"]);
    assert_contains(
        text(&step(&checked, "api"), "hint"),
        &["--api-root", "--ca-file"],
    );
}

#[test]
fn a_name_that_does_not_resolve_is_reported() {
    let world = World::new();
    let mut command = world.with_secret(&CHECK);
    let checked = outcome(command.env("OFFBOARD_AUTHORITY", "https://login.nowhere.invalid"));
    assert_eq!(checked.code, 5, "{checked:?}");
    let authority = step(&checked, "authority");
    assert_contains(
        text(&authority, "reason"),
        &["login.nowhere.invalid cannot be resolved"],
    );
}

#[test]
fn an_authority_with_an_untrusted_certificate_gets_nothing() {
    let world = World::new();
    // Valid in every other way: it would accept the secret, and issue a token.
    let secret = world.simulator.client_secret().to_owned();
    let untrusted = World::with(|config| config.client_secret = Some(secret));
    let machine = world.machine();
    let mut command = world.with_secret(&run(&machine));
    let error = assert_not_sent(
        &world,
        command.env("OFFBOARD_AUTHORITY", untrusted.simulator.authority()),
        5,
    );
    assert_eq!(error["kind"], "no-authority");
    assert_contains(text(&error, "message"), &["no trusted TLS connection"]);
    assert_contains(text(&error, "hint"), &["--ca-file"]);
    let mut command = world.with_secret(&CHECK);
    let checked = outcome(command.env("OFFBOARD_AUTHORITY", untrusted.simulator.authority()));
    assert_eq!(checked.code, 5, "{checked:?}");
    let authority = step(&checked, "authority");
    assert_contains(text(&authority, "reason"), &["no trusted TLS connection"]);
    assert_eq!(untrusted.issued(), 0);
    assert!(untrusted.requests().is_empty());
}

#[test]
fn a_private_authority_is_trusted_if_it_is_configured() {
    let world = World::new();
    let machine = world.machine();
    let mut command = world.with_secret(&run(&machine));
    assert_not_sent(&world, command.env_remove("OFFBOARD_CA_FILE"), 5);
    assert!(world.requests().is_empty());
    let file = world.path("ca.pem");
    let mut args = run(&machine).to_vec();
    args.extend(["--ca-file", file.to_str().unwrap()]);
    let mut command = world.with_secret(&args);
    assert_offboarded(&world, command.env_remove("OFFBOARD_CA_FILE"));
}

/// A simulator behind TLS for two names that only a proxy can resolve.
fn world_behind_names() -> (World, SocketAddr) {
    let world = World::with(|config| config.tls = false);
    let behind = world.simulator.api_root()["http://".len()..].parse();
    let names = ["login.contoso.test", "api.contoso.test"];
    let (address, authority) = front(&world.runtime, &names, behind.unwrap());
    std::fs::write(world.path("ca.pem"), authority).unwrap();
    (world, address)
}

#[test]
fn a_proxy_leads_to_both_hosts_and_sees_no_more_than_their_names() {
    let (world, address) = world_behind_names();
    let proxy = Proxy::to(&world.runtime, address);
    let machine = world.machine();
    let through = |args: &[&str]| {
        let mut command = world.with_secret(args);
        command
            .env("OFFBOARD_AUTHORITY", "https://login.contoso.test")
            .env("OFFBOARD_API_ROOT", "https://api.contoso.test")
            .env("HTTPS_PROXY", &proxy.root);
        command
    };
    let checked = outcome(&mut through(&CHECK));
    assert_eq!(checked.code, 0, "{checked:?}");
    for host in ["authority", "api"] {
        let reason = format!("through the proxy {}", proxy.root);
        assert_contains(text(&step(&checked, host), "reason"), &[&reason]);
    }
    assert_eq!(world.posts(), 0);
    assert_offboarded(&world, &mut through(&run(&machine)));
    let request_heads = proxy.request_heads();
    let connects = |host: &str| {
        let line = format!("CONNECT {host}:443 HTTP/1.1\r\n");
        request_heads
            .iter()
            .filter(|head| head.starts_with(&line))
            .count()
    };
    let (login, api) = (connects("login.contoso.test"), connects("api.contoso.test"));
    assert!(login >= 3 && api >= 4, "{request_heads:?}");
    assert_eq!(login + api, request_heads.len());
    assert!(
        !request_heads
            .concat()
            .to_lowercase()
            .contains("authorization")
    );
}

#[test]
fn a_proxy_that_connects_to_another_host_is_not_trusted() {
    let (world, _) = world_behind_names();
    let untrusted = World::new();
    let target = untrusted.simulator.api_root()["https://".len()..].parse();
    let proxy = Proxy::to(&world.runtime, target.unwrap());
    let machine = world.machine();
    let mut command = world.with_secret(&run(&machine));
    command
        .env("OFFBOARD_AUTHORITY", "https://login.contoso.test")
        .env("OFFBOARD_API_ROOT", "https://api.contoso.test")
        .env("HTTPS_PROXY", &proxy.root);
    let error = assert_not_sent(&world, &mut command, 5);
    assert_contains(text(&error, "message"), &["no trusted TLS connection"]);
    assert!(untrusted.requests().is_empty());
}
