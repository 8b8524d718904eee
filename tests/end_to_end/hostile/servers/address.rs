//! Names that resolve to this computer: no connection is made unless the user allows the
//! address.

use std::{
    net::{IpAddr, ToSocketAddrs},
    time::Duration,
};

use offboard::{contract::OffboardError, egress::Delivery};

use super::support::{
    Authority, Call, NEW, Server, accepted, connection, delivery, failure, ok, order,
};
use crate::support::{Outcome, Reply, Scripted, program};

/// A name other than `localhost` that resolves to 127.0.0.0/8 here: most computers have one,
/// their own name or one of these. Without one, only the unit tests cover the rules for
/// addresses.
fn name() -> Option<String> {
    let own = program("hostname").output();
    let own = own.map_or_else(
        |_| String::new(),
        |own| String::from_utf8_lossy(&own.stdout).trim().to_lowercase(),
    );
    let usual = [
        "localhost.localdomain",
        "localhost4",
        "ip4-localhost",
        "any.localhost",
        "localhost.",
    ];
    let mut names = vec![own];
    names.extend(usual.map(ToOwned::to_owned));
    names.into_iter().find(|name| {
        let found: Vec<IpAddr> = (name.as_str(), 1)
            .to_socket_addrs()
            .map(|found| found.map(|address| address.ip()).collect())
            .unwrap_or_default();
        name != "localhost"
            && !found.is_empty()
            && found
                .iter()
                .all(|address| address.is_ipv4() && address.is_loopback())
    })
}

fn server(authority: &Authority, name: &str) -> Server {
    let name = name.trim_end_matches('.');
    Server::tls(authority.signs(&[name]).config(), |mut peer| {
        peer.request();
        let body = accepted();
        let length = body.len();
        peer.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        peer.end();
    })
}

#[tokio::test]
async fn a_name_that_leads_to_the_machine_itself_is_not_connected_to() {
    let Some(name) = name() else { return };
    let authority = Authority::new();
    let server = server(&authority, &name);
    let call = Call::new(Duration::from_secs(30));
    let connection = connection(&server.tls_root(&name))
        .trusting(&authority.pem())
        .unwrap();

    for ranges in [vec![], vec!["10.0.0.0/8"], vec!["::1"], vec!["128.0.0.0/1"]] {
        let ranges = ranges.iter().map(|range| range.parse().unwrap()).collect();
        let answer = call.offboard(&connection.clone().allowing(ranges)).await;
        assert_eq!(delivery(&answer), Delivery::NotSent, "{answer:?}");
        assert!(
            matches!(answer.result, Ok(Err(OffboardError::Denied(_)))),
            "{answer:?}"
        );
        assert!(
            failure(&answer).contains("is not a public address"),
            "{answer:?}"
        );
    }
    assert_eq!(server.connections(), 0);

    let allowing = connection.allowing(vec!["127.0.0.0/8".parse().unwrap()]);
    let answer = call.offboard(&allowing).await;
    assert_eq!(ok(&answer).unwrap().id, NEW, "{answer:?}");
}

#[test]
fn the_command_connects_to_such_a_name_where_the_user_allows_it() {
    let Some(name) = name() else { return };
    let authority = Authority::new();
    let server = server(&authority, &name);
    let service = Scripted::posting(Reply::new(200, "{}"));
    std::fs::write(service.path("authority.pem"), authority.pem()).unwrap();
    let root = server.tls_root(&name);
    let run = |allowed: Option<&str>, variable: bool| -> Outcome {
        let mut command = order(&service, &root);
        command.arg("--ca-file").arg(service.path("authority.pem"));
        match (allowed, variable) {
            (Some(range), true) => command.env("OFFBOARD_ALLOW_ADDRESS", range),
            (Some(range), false) => command.args(["--allow-address", range]),
            (None, _) => &mut command,
        };
        command.output().unwrap().into()
    };
    let refused = run(None, false);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(
        refused.stdout.contains("is not a public address"),
        "{refused:?}"
    );
    assert_eq!(server.connections(), 0);

    for (range, variable) in [("127.0.0.0/8", false), ("10.1.2.3,127.0.0.0/8", true)] {
        let before = server.connections();
        run(Some(range), variable);
        assert!(server.connections() > before, "{range}");
    }
    let rubbish = run(Some("127.0.0.0/8,anywhere"), false);
    assert_eq!(rubbish.code, 2, "{rubbish:?}");
}

#[test]
fn an_address_that_is_allowed_is_still_not_spoken_to_in_the_clear() {
    let service = Scripted::posting(Reply::new(200, "{}"));
    for root in [
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://api.defender.test",
    ] {
        let mut command = order(&service, root);
        command.args(["--allow-address", "0.0.0.0/0"]);
        let outcome: Outcome = command.output().unwrap().into();
        assert_eq!(outcome.code, 2, "{root}: {outcome:?}");
        assert!(outcome.stderr.contains("plain HTTP"), "{outcome:?}");
    }
}
