//! Other hosts, ports and schemes, and other spellings of the connection's own.

use std::net::{IpAddr, ToSocketAddrs};

use offboard::{egress::Delivery, grant::Refusal};

use super::{
    Attack, Elsewhere, Scripted, assert_denied, assert_impossible, attack, attack_with, connection,
    report, service, shorten,
};
use crate::support::program;

fn authority(server: &Scripted) -> &str {
    server.root().strip_prefix("http://").unwrap()
}

#[tokio::test]
async fn a_plugin_that_asks_another_host_is_refused() {
    let server = service();
    let elsewhere = Elsewhere::new();
    let authority = elsewhere.authority();
    let called = attack_with("addresses/another_host", &server, &authority).await;
    assert_denied(&called, &server, &Refusal::Authority(authority));
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn a_plugin_that_asks_another_port_is_refused() {
    let server = service();
    let elsewhere = Elsewhere::new();
    let port = elsewhere.port();
    let called = attack_with("addresses/another_port", &server, &port.to_string()).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Authority(format!("127.0.0.1:{port}")),
    );
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn an_address_written_as_one_number_is_refused() {
    let server = service();
    let elsewhere = Elsewhere::new();
    let port = elsewhere.port();
    let called = attack_with("addresses/number_host", &server, &port.to_string()).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Authority(format!("2130706433:{port}")),
    );
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn an_address_written_as_a_name_is_refused() {
    let server = service();
    let elsewhere = Elsewhere::new();
    let port = elsewhere.port();
    let called = attack_with("addresses/localhost_by_name", &server, &port.to_string()).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Authority(format!("localhost:{port}")),
    );
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn an_ipv4_address_in_the_clothes_of_ipv6_is_refused() {
    let server = service();
    let elsewhere = Elsewhere::new();
    let port = elsewhere.port();
    let called = attack_with("addresses/mapped_address", &server, &port.to_string()).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Authority(format!("[::ffff:127.0.0.1]:{port}")),
    );
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn a_user_before_the_service_s_name_is_refused() {
    let server = service();
    let called = attack("addresses/userinfo", &server).await;
    let authority = format!("user@{}", authority(&server));
    assert_denied(&called, &server, &Refusal::Authority(authority));
}

#[tokio::test]
async fn the_service_s_name_as_a_user_of_another_host_is_refused() {
    let server = service();
    let elsewhere = Elsewhere::new();
    let called = attack_with("addresses/userinfo_host", &server, &elsewhere.authority()).await;
    let authority = format!("{}@{}", authority(&server), elsewhere.authority());
    assert_denied(&called, &server, &Refusal::Authority(authority));
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn a_dot_behind_the_host_is_refused() {
    let server = service();
    let called = attack("addresses/trailing_dot_host", &server).await;
    let authority = authority(&server).replace(':', ".:");
    assert_denied(&called, &server, &Refusal::Authority(authority));
}

#[tokio::test]
async fn a_host_with_a_letter_that_looks_the_same_is_impossible() {
    let server = service();
    let called = attack("addresses/homograph_host", &server).await;
    assert_impossible(&called, &server, "authority refused");
}

#[tokio::test]
async fn a_host_that_is_shown_with_such_a_letter_is_refused() {
    let server = service();
    let called = attack("addresses/punycode_host", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Authority("xn--loclhost-2fg:80".to_owned()),
    );
}

#[tokio::test]
async fn the_address_where_clouds_keep_credentials_is_refused() {
    let server = service();
    let called = attack("addresses/metadata_address", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Authority("169.254.169.254".to_owned()),
    );
}

#[tokio::test]
async fn a_request_without_a_host_is_impossible() {
    let server = service();
    let called = attack("addresses/no_authority", &server).await;
    assert_impossible(&called, &server, "authority refused");
}

#[tokio::test]
async fn a_header_behind_the_host_s_name_is_impossible() {
    let server = service();
    let called = attack("addresses/line_break_in_host", &server).await;
    assert_impossible(&called, &server, "authority refused");
}

#[tokio::test]
async fn tls_where_the_connection_has_none_is_refused() {
    let server = service();
    let called = attack("addresses/https_for_http", &server).await;
    assert_denied(&called, &server, &Refusal::Scheme("https".to_owned()));
}

#[tokio::test]
async fn a_connection_with_tls_is_never_used_without() {
    let elsewhere = Elsewhere::new();
    let connection = connection(&format!("https://{}", elsewhere.authority()));
    let called = Attack::limited("addresses/http_for_https", shorten)
        .offboard(&connection)
        .await;
    assert_eq!(called.record.refusals, [Refusal::Scheme("http".to_owned())]);
    assert_eq!(report(&called), "HttpRequestDenied");
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn a_scheme_of_one_s_own_is_refused() {
    let server = service();
    let called = attack("addresses/custom_scheme", &server).await;
    assert_denied(&called, &server, &Refusal::Scheme("gopher".to_owned()));
}

/// A name of this machine that leads to an address that is not public. Every
/// machine has one, and it needs no network.
fn name_of_this_machine() -> (String, std::net::IpAddr) {
    let own = program("hostname").output().map(|output| {
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .to_ascii_lowercase()
    });
    let known = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let known = known
        .lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(|line| line.split_whitespace().skip(1))
        .map(str::to_ascii_lowercase);
    own.into_iter()
        .chain(known)
        .filter(|name| name != "localhost" && !name.is_empty())
        .find_map(|name| {
            let addresses: Vec<_> = (name.as_str(), 0).to_socket_addrs().ok()?.collect();
            let private = |address: &std::net::SocketAddr| match address.ip() {
                IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
                IpAddr::V6(ip) => ip.is_loopback(),
            };
            let first = addresses.first()?.ip();
            addresses.iter().all(private).then_some((name, first))
        })
        .expect("this machine has a name that leads to itself")
}

/// The plugin sends the ordered request; the attack is the name.
#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_connected_to() {
    let (name, address) = name_of_this_machine();
    let elsewhere = Elsewhere::at((address, 0));
    let connection = connection(&format!("https://{name}:{}", elsewhere.port()));
    let called = Attack::limited("credential/reads_the_answer", shorten)
        .offboard(&connection)
        .await;
    assert_eq!(report(&called), "DestinationIpProhibited", "{called:?}");
    assert_eq!(called.record.delivery(), Delivery::NotSent);
    elsewhere.assert_untouched();
}
