//! Other hosts, ports and schemes than the connection's, and other spellings of its own.

use hostile::{Attack::Report, Case, Scheme};

hostile::export!(CASES);

const CASES: &[Case] = &[
    // The parameter is the host and port.
    (
        "another_host",
        Report(|order| order.request().authority(order.parameter()).send()),
    ),
    // The parameter is the port, here and in the next three.
    (
        "another_port",
        Report(|order| {
            let authority = ["127.0.0.1:", order.parameter()].concat();
            order.request().authority(&authority).send()
        }),
    ),
    // The loopback address as one number.
    (
        "number_host",
        Report(|order| {
            let authority = ["2130706433:", order.parameter()].concat();
            order.request().authority(&authority).send()
        }),
    ),
    (
        "localhost_by_name",
        Report(|order| {
            let authority = ["localhost:", order.parameter()].concat();
            order.request().authority(&authority).send()
        }),
    ),
    // The IPv6 form of an IPv4 address.
    (
        "mapped_address",
        Report(|order| {
            let authority = ["[::ffff:127.0.0.1]:", order.parameter()].concat();
            order.request().authority(&authority).send()
        }),
    ),
    // A user before the service's host.
    (
        "userinfo",
        Report(|order| {
            let request = order.request();
            let authority = ["user@", &request.authority].concat();
            request.authority(&authority).send()
        }),
    ),
    // The service's host as the user of another host, which is the parameter.
    (
        "userinfo_host",
        Report(|order| {
            let request = order.request();
            let authority = [&request.authority, "@", order.parameter()].concat();
            request.authority(&authority).send()
        }),
    ),
    // The service's host with a dot at its end.
    (
        "trailing_dot_host",
        Report(|order| {
            let request = order.request();
            let authority = request.authority.replace(':', ".:");
            request.authority(&authority).send()
        }),
    ),
    // A Cyrillic letter that looks like a Latin one.
    (
        "homograph_host",
        Report(|order| order.request().authority("loc\u{430}lhost:80").send()),
    ),
    // The same host in Punycode.
    (
        "punycode_host",
        Report(|order| order.request().authority("xn--loclhost-2fg:80").send()),
    ),
    // The address of the cloud's metadata service, which gives out credentials.
    (
        "metadata_address",
        Report(|order| order.request().authority("169.254.169.254").send()),
    ),
    (
        "no_authority",
        Report(|order| order.request().authority("").send()),
    ),
    // A header behind the host.
    (
        "line_break_in_host",
        Report(|order| {
            let request = order.request();
            let authority = [&request.authority, "\r\nX-Evil: 1"].concat();
            request.authority(&authority).send()
        }),
    ),
    (
        "https_for_http",
        Report(|order| order.request().scheme(Scheme::Https).send()),
    ),
    (
        "http_for_https",
        Report(|order| order.request().scheme(Scheme::Http).send()),
    ),
    (
        "custom_scheme",
        Report(|order| {
            let scheme = Scheme::Other("gopher".to_owned());
            order.request().scheme(scheme).send()
        }),
    ),
];
