#![allow(clippy::unwrap_used)]

use super::*;

const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";
const PATH: &str = "/api/machines/0123456789abcdef0123456789abcdef01234567/offboard";

fn grant() -> Grant {
    Grant::offboard(
        &"https://api.example.test".parse().unwrap(),
        &MACHINE.parse().unwrap(),
        &"Lost, ticket 1".parse().unwrap(),
    )
}

fn asked() -> Asked<'static> {
    Asked {
        method: "POST",
        scheme: "https",
        authority: "api.example.test",
        path: PATH,
        query: None,
        headers: &[
            "accept",
            "content-type",
            "content-length",
            "user-agent",
            "host",
        ],
        body: br#"{"Comment":"Lost, ticket 1"}"#,
        elapsed: Duration::ZERO,
    }
}

fn spend(grant: &mut Grant, asked: &Asked<'_>) -> Result<Route, Refusal> {
    grant.spend(asked).map(|permit| permit.route())
}

#[test]
fn the_ordered_request_may_go_once() {
    let mut grant = grant();
    assert_eq!(spend(&mut grant, &asked()), Ok(Route::Offboard));
    assert_eq!(spend(&mut grant, &asked()), Err(Refusal::Spent));
}

#[test]
fn a_refused_request_does_not_spend_the_grant() {
    let mut grant = grant();
    assert!(
        grant
            .spend(&Asked {
                method: "GET",
                ..asked()
            })
            .is_err()
    );
    assert_eq!(spend(&mut grant, &asked()), Ok(Route::Offboard));
}

#[test]
fn the_same_authority_may_be_spelled_in_other_ways() {
    for authority in ["API.example.TEST", "api.example.test:443"] {
        assert!(
            grant()
                .spend(&Asked {
                    authority,
                    ..asked()
                })
                .is_ok(),
            "{authority}"
        );
    }
    let body = b" { \"Comment\" : \"Lost, ticket \\u0031\" } ";
    assert!(grant().spend(&Asked { body, ..asked() }).is_ok());
}

#[test]
fn another_place_is_refused() {
    for authority in [
        "",
        "evil.test",
        "api.example.test.",
        "api.example.test:80",
        "api.example.test:4430",
        "api.example.test@evil.test",
        "evil.test@api.example.test",
        "user:pass@api.example.test",
        "xapi.example.test",
        "api.example.test.evil.test",
        "api.example.test:443:443",
        "api.example.test\\evil.test",
    ] {
        let refused = grant().spend(&Asked {
            authority,
            ..asked()
        });
        assert_eq!(refused, Err(Refusal::Authority(authority.to_owned())));
    }
    for scheme in ["http", "HTTPS", "ws", ""] {
        let refused = grant().spend(&Asked { scheme, ..asked() });
        assert_eq!(refused, Err(Refusal::Scheme(scheme.to_owned())));
    }
}

#[test]
fn another_route_is_refused_however_it_is_spelled() {
    let other = MACHINE.replace('0', "1");
    for path in [
        String::new(),
        "/".to_owned(),
        format!("/api/machines/{other}/offboard"),
        format!("/api/machines/{MACHINE}/isolate"),
        format!("/api/machines/{MACHINE}/runliveresponse"),
        format!("/api/machines/{MACHINE}/offboard/"),
        format!("/api/machines//{MACHINE}/offboard"),
        format!("//api/machines/{MACHINE}/offboard"),
        format!("/api/machines/{MACHINE}/./offboard"),
        format!("/api/machines/{MACHINE}/x/../offboard"),
        format!("/api/machines/{MACHINE}/offboard/../isolate"),
        format!("/api/machines/{MACHINE}/%6fffboard"),
        format!("/api/machines/{MACHINE}%2foffboard"),
        format!("/API/machines/{MACHINE}/offboard"),
        format!("/api/machines/{}/offboard", MACHINE.to_uppercase()),
        format!("/api/v1.0/machines/{MACHINE}/offboard"),
        format!("{PATH};x=1"),
        format!("{PATH}%00"),
        format!("https://evil.test{PATH}"),
    ] {
        let refused = grant().spend(&Asked {
            path: &path,
            ..asked()
        });
        assert_eq!(refused, Err(Refusal::Path(path.clone())));
    }
    for method in ["GET", "PUT", "PATCH", "DELETE", "post", "CONNECT", "X"] {
        let refused = grant().spend(&Asked { method, ..asked() });
        assert_eq!(refused, Err(Refusal::Method(method.to_owned())));
    }
    for query in ["", "a=b", "$filter=x"] {
        let refused = grant().spend(&Asked {
            query: Some(query),
            ..asked()
        });
        assert_eq!(refused, Err(Refusal::Query));
    }
}

#[test]
fn another_body_is_refused() {
    for body in [
        "",
        "{}",
        "null",
        r#""Lost, ticket 1""#,
        r#"{"comment":"Lost, ticket 1"}"#,
        r#"{"Comment":"Lost, ticket 2"}"#,
        r#"{"Comment":"Lost, ticket 1 "}"#,
        r#"{"Comment":null}"#,
        r#"["Lost, ticket 1"]"#,
        r#" ["Lost, ticket 1"]"#,
        r#"{"Comment":"Lost, ticket 1","Comment":"Lost, ticket 1"}"#,
        r#"{"Comment":"Lost, ticket 1","IsolationType":"Full"}"#,
        r#"{"Comment":"Lost, ticket 1"}{"Comment":"x"}"#,
    ] {
        let refused = grant().spend(&Asked {
            body: body.as_bytes(),
            ..asked()
        });
        assert_eq!(refused, Err(Refusal::Body), "{body}");
    }
}

#[test]
fn another_header_is_refused() {
    for header in [
        "authorization",
        "cookie",
        "x-http-method-override",
        "transfer-encoding",
        "via",
    ] {
        let refused = grant().spend(&Asked {
            headers: &["accept", header],
            ..asked()
        });
        assert_eq!(refused, Err(Refusal::Header(header.to_owned())));
    }
}

#[test]
fn a_read_carries_no_body_and_a_page_a_query_of_its_form() {
    let api = "http://127.0.0.1:8080".parse().unwrap();
    let read = Asked {
        method: "GET",
        scheme: "http",
        authority: "127.0.0.1:8080",
        path: "/api/machines",
        query: Some("$filter=computerDnsName%20eq%20'x'&$top=100"),
        headers: &["accept"],
        body: b"",
        elapsed: Duration::ZERO,
    };
    assert_eq!(
        spend(&mut Grant::list_machines(&api), &read),
        Ok(Route::ListMachines)
    );
    assert_eq!(
        Grant::list_machines(&api).spend(&Asked { body: b"x", ..read }),
        Err(Refusal::Body)
    );
    for query in ["x", "a=b", "$top=1&evil=1", "$top=1&&"] {
        let refused = Grant::list_machines(&api).spend(&Asked {
            query: Some(query),
            ..read
        });
        assert_eq!(refused, Err(Refusal::Query), "{query}");
    }
}

#[test]
fn a_query_has_options_of_odata_alone_each_once() {
    let api = "https://api.example.test".parse().unwrap();
    let page = |query| {
        spend(
            &mut Grant::list_machines(&api),
            &Asked {
                method: "GET",
                path: "/api/machines",
                query: Some(query),
                body: b"",
                ..asked()
            },
        )
    };
    for query in [
        "$top=1",
        "%24top=1&$skip=2",
        "$skiptoken=a%26b",
        "$filter=a=b",
    ] {
        assert_eq!(page(query), Ok(Route::ListMachines), "{query}");
    }
    let long = format!("$filter={}", "x".repeat(MAX_QUERY));
    for query in [
        "$top",
        "$=1",
        "$top=1&$top=2",
        "$top=1&$TOP=2",
        "$top=1&%24top=2",
        "$top=1;$skip=1",
        "$top=1?$skip=1",
        "$top=1#x",
        "$to%70=1",
        "$top=1&",
        "&$top=1",
        "top=1",
        &long,
    ] {
        assert_eq!(page(query), Err(Refusal::Query), "{query}");
    }
}

#[test]
fn a_grant_ends_with_its_call() {
    let limit = Duration::from_secs(60);
    let mut grant = grant().within(limit);
    let late = Asked {
        elapsed: limit,
        ..asked()
    };
    assert_eq!(spend(&mut grant, &late), Err(Refusal::Deadline));
    let early = Asked {
        elapsed: limit - Duration::from_millis(1),
        ..asked()
    };
    assert_eq!(spend(&mut grant, &early), Ok(Route::Offboard));
}

#[test]
fn a_refusal_quotes_the_plugin_briefly() {
    let path = format!("/{}", "x".repeat(10_000));
    let Err(refusal) = grant().spend(&Asked {
        path: &path,
        ..asked()
    }) else {
        panic!("it was let through");
    };
    assert!(refusal.to_string().len() < 300, "{refusal}");
}
