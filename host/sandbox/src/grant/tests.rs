#![allow(clippy::unwrap_used)]

use super::*;
use crate::contract::{ActionStatus, ActionType};

mod external_id;
mod tag;

const MACHINE: &str = "0123456789abcdef0123456789abcdef01234567";
const PATH: &str = "/api/machines/0123456789abcdef0123456789abcdef01234567/offboard";

fn grant() -> Grant {
    Grant::offboard(
        &"https://api.example.test".parse().unwrap(),
        &MACHINE.parse().unwrap(),
        &"Lost, ticket 1".parse().unwrap(),
    )
}

fn ordered() -> RequestView<'static> {
    RequestView {
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

fn spend(grant: &mut Grant, request: &RequestView<'_>) -> Result<Route, Refusal> {
    grant.spend(request).map(|permit| permit.route())
}

#[test]
fn the_ordered_request_is_permitted_once() {
    let mut grant = grant();
    assert_eq!(spend(&mut grant, &ordered()), Ok(Route::Offboard));
    assert_eq!(spend(&mut grant, &ordered()), Err(Refusal::Spent));
}

#[test]
fn a_refused_request_does_not_spend_the_grant() {
    let mut grant = grant();
    assert!(
        grant
            .spend(&RequestView {
                method: "GET",
                ..ordered()
            })
            .is_err()
    );
    assert_eq!(spend(&mut grant, &ordered()), Ok(Route::Offboard));
}

#[test]
fn the_same_authority_may_be_spelled_in_other_ways() {
    for authority in ["API.example.TEST", "api.example.test:443"] {
        assert!(
            grant()
                .spend(&RequestView {
                    authority,
                    ..ordered()
                })
                .is_ok(),
            "{authority}"
        );
    }
    let body = b" { \"Comment\" : \"Lost, ticket \\u0031\" } ";
    assert!(grant().spend(&RequestView { body, ..ordered() }).is_ok());
}

#[test]
fn a_comment_of_several_lines_from_an_old_record_is_not_sent() {
    use crate::contract::Comment;
    for several in ["a\nb", "a\tb", "a\u{2028}b"] {
        let body = serde_json::json!({ "Comment": several }).to_string();
        let mut grant = Grant::offboard(
            &"https://api.example.test".parse().unwrap(),
            &MACHINE.parse().unwrap(),
            &Comment::recorded(several).unwrap(),
        );
        let body = body.as_bytes();
        let refused = grant.spend(&RequestView { body, ..ordered() });
        assert_eq!(refused, Err(Refusal::Comment));
    }
}

#[test]
fn another_origin_is_refused() {
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
        let refused = grant().spend(&RequestView {
            authority,
            ..ordered()
        });
        assert_eq!(refused, Err(Refusal::Authority(authority.to_owned())));
    }
    for scheme in ["http", "HTTPS", "ws", ""] {
        let refused = grant().spend(&RequestView {
            scheme,
            ..ordered()
        });
        assert_eq!(refused, Err(Refusal::Scheme(scheme.to_owned())));
    }
}

#[test]
fn another_route_is_refused_in_any_spelling() {
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
        let refused = grant().spend(&RequestView {
            path: &path,
            ..ordered()
        });
        assert_eq!(refused, Err(Refusal::Path(path.clone())));
    }
    for method in ["GET", "PUT", "PATCH", "DELETE", "post", "CONNECT", "X"] {
        let refused = grant().spend(&RequestView {
            method,
            ..ordered()
        });
        assert_eq!(refused, Err(Refusal::Method(method.to_owned())));
    }
    for query in ["", "a=b", "$filter=x"] {
        let refused = grant().spend(&RequestView {
            query: Some(query),
            ..ordered()
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
        let refused = grant().spend(&RequestView {
            body: body.as_bytes(),
            ..ordered()
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
        let refused = grant().spend(&RequestView {
            headers: &["accept", header],
            ..ordered()
        });
        assert_eq!(refused, Err(Refusal::Header(header.to_owned())));
    }
}

/// A request for a page with this query.
fn page(grant: Grant, path: &str, query: &str) -> Result<Route, Refusal> {
    spend(
        &mut { grant },
        &RequestView {
            method: "GET",
            path,
            query: Some(query).filter(|query| !query.is_empty()),
            body: b"",
            ..ordered()
        },
    )
}

fn api() -> ApiRoot {
    "https://api.example.test".parse().unwrap()
}

#[test]
fn a_read_carries_no_body() {
    let read = RequestView {
        method: "GET",
        path: "/api/machines",
        query: Some("$top=100"),
        body: b"",
        ..ordered()
    };
    let list = || Grant::list_machines(&api(), None, 100);
    assert_eq!(spend(&mut list(), &read), Ok(Route::ListMachines));
    assert_eq!(
        list().spend(&RequestView { body: b"x", ..read }),
        Err(Refusal::Body)
    );
}

#[test]
fn the_fleet_is_listed_only_with_the_host_s_query() {
    let fleet = |query: &str| {
        page(
            Grant::list_machines(&api(), None, 1),
            "/api/machines",
            query,
        )
    };
    for query in ["$top=1", "%24top=1", "$top=%31"] {
        assert_eq!(fleet(query), Ok(Route::ListMachines), "{query}");
    }
    for query in [
        "",
        "$top",
        "$=1",
        "$top=2",
        "$top=1&$top=1",
        "$top=1&$TOP=1",
        "$top=1&%24top=1",
        "$top=1&$skip=1",
        "$top=1&$filter=id%20ne%20'x'",
        "$top=1;$skip=1",
        "$top=1?$skip=1",
        "$top=1#x",
        "$to%70=1",
        "$top=1&",
        "&$top=1",
        "top=1",
        "x",
        "a=b",
        "$top=+1",
    ] {
        assert_eq!(fleet(query), Err(Refusal::Query), "{query}");
    }
}

/// Lists before and after an order are evidence, so the plugin must not leave entries
/// out.
#[test]
fn actions_are_listed_only_with_the_host_s_query() {
    let filter = ActionFilter {
        machine_ids: vec!["AB".to_owned(), "cd".to_owned()],
        action_type: Some(ActionType::Offboard),
        statuses: Vec::new(),
        created_after: None,
    };
    let actions = |query: &str| {
        let grant = Grant::list_actions(&api(), &filter, None, 10);
        page(grant, "/api/machineactions", query)
    };
    let terms =
        "(machineId%20eq%20'ab'%20or%20machineId%20eq%20'cd')%20and%20type%20eq%20'Offboard'";
    let order = "$orderby=creationDateTimeUtc%20desc";
    for query in [
        format!("$filter={terms}&{order}&$top=10"),
        format!("$top=10&%24filter={}&{order}", terms.replace('\'', "%27")),
    ] {
        assert_eq!(actions(&query), Ok(Route::ListActions), "{query}");
    }
    for query in [
        format!("$filter={terms}&$top=10"),
        format!("{order}&$top=10"),
        format!("$filter={terms}&{order}&$top=10&$skip=1"),
        format!("$filter={terms}&{order}&$top=10&$select=id"),
        format!("$filter={terms}&{order}&$top=1"),
        format!("$filter={terms}&$orderby=creationDateTimeUtc&$top=10"),
        format!("$filter={terms}%20and%20status%20eq%20'Failed'&{order}&$top=10"),
        format!("$filter={}&{order}&$top=10", terms.replace("cd", "ef")),
    ] {
        assert_eq!(actions(&query), Err(Refusal::Query), "{query}");
    }
}

#[test]
fn a_filter_is_written_as_the_service_reads_it() {
    let list = |filter: &ActionFilter, query: &str| {
        let grant = Grant::list_actions(&api(), filter, None, 1);
        let query = format!("{query}$orderby=creationDateTimeUtc%20desc&$top=1");
        page(grant, "/api/machineactions", &query)
    };
    let mut filter = ActionFilter {
        machine_ids: Vec::new(),
        action_type: None,
        statuses: Vec::new(),
        created_after: None,
    };
    assert!(list(&filter, "").is_ok());
    filter.statuses = vec![
        ActionStatus::Pending,
        ActionStatus::Other("it's".to_owned()),
    ];
    filter.created_after = Some("2030-01-02T03:04:05Z".to_owned());
    let terms = "(status%20eq%20'Pending'%20or%20status%20eq%20'it''s')%20and%20creationDateTimeUtc%20gt%202030-01-02T03:04:05Z";
    assert!(list(&filter, &format!("$filter={terms}&")).is_ok());
}

#[test]
fn a_cursor_permits_only_its_own_page() {
    let on = "$filter=a%20eq%20'b'&$skiptoken=x+y;z";
    let lists = [
        (Grant::list_machines(&api(), Some(on), 1), "/api/machines"),
        (
            Grant::find_machines(&api(), Some(&format!("2:{on}"))),
            "/api/machines",
        ),
    ];
    for (grant, path) in lists {
        assert!(page(grant.clone(), path, on).is_ok());
        for query in ["", "$top=1", "$filter=a%20eq%20'b'&$skiptoken=x+y"] {
            assert_eq!(
                page(grant.clone(), path, query),
                Err(Refusal::Query),
                "{query}"
            );
        }
    }
    let bad = Grant::list_machines(&api(), Some("$top=1#x"), 1);
    assert_eq!(page(bad, "/api/machines", "$top=1#x"), Err(Refusal::Query));
}

#[test]
fn a_search_by_name_permits_only_filter_and_top() {
    let find = |cursor: Option<&str>, query: &str| {
        page(Grant::find_machines(&api(), cursor), "/api/machines", query)
    };
    let long = format!("$filter={}", "x".repeat(MAX_QUERY));
    for cursor in [None, Some("1:")] {
        assert!(find(cursor, "$filter=computerDnsName%20eq%20'x'&$top=200").is_ok());
        for query in [
            "$top=1&$skip=2",
            "$compute=a",
            "$filter=a&$apply=b",
            "$filter=a+b",
            &long,
        ] {
            assert_eq!(find(cursor, query), Err(Refusal::Query), "{query}");
        }
    }
}

#[test]
fn a_grant_ends_with_its_call() {
    let limit = Duration::from_secs(60);
    let mut grant = grant().within(limit);
    let late = RequestView {
        elapsed: limit,
        ..ordered()
    };
    assert_eq!(spend(&mut grant, &late), Err(Refusal::Deadline));
    let early = RequestView {
        elapsed: limit - Duration::from_millis(1),
        ..ordered()
    };
    assert_eq!(spend(&mut grant, &early), Ok(Route::Offboard));
}

#[test]
fn a_refusal_quotes_the_plugin_briefly() {
    let path = format!("/{}", "x".repeat(10_000));
    let Err(refusal) = grant().spend(&RequestView {
        path: &path,
        ..ordered()
    }) else {
        panic!("it was let through");
    };
    assert!(refusal.to_string().len() < 300, "{refusal}");
}
