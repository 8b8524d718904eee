//! Other methods than the granted one, and more requests than one.

use std::time::Duration;

use offboard::{contract::OffboardError, egress::Delivery, grant::Refusal};

use super::{
    Elsewhere, MACHINE, Offboarding, Reply, Scripted, assert_as_ordered, assert_denied,
    assert_impossible, assert_nothing_left, attack, attack_with, report, service,
};

#[tokio::test]
async fn get_in_place_of_post_is_refused() {
    let server = service();
    let called = attack("requests/get", &server).await;
    assert_denied(&called, &server, &Refusal::Method("GET".to_owned()));
}

#[tokio::test]
async fn head_in_place_of_post_is_refused() {
    let server = service();
    let called = attack("requests/head", &server).await;
    assert_denied(&called, &server, &Refusal::Method("HEAD".to_owned()));
}

#[tokio::test]
async fn put_in_place_of_post_is_refused() {
    let server = service();
    let called = attack("requests/put", &server).await;
    assert_denied(&called, &server, &Refusal::Method("PUT".to_owned()));
}

#[tokio::test]
async fn delete_in_place_of_post_is_refused() {
    let server = service();
    let called = attack("requests/delete", &server).await;
    assert_denied(&called, &server, &Refusal::Method("DELETE".to_owned()));
}

#[tokio::test]
async fn options_in_place_of_post_is_refused() {
    let server = service();
    let called = attack("requests/options", &server).await;
    assert_denied(&called, &server, &Refusal::Method("OPTIONS".to_owned()));
}

#[tokio::test]
async fn trace_in_place_of_post_is_refused() {
    let server = service();
    let called = attack("requests/trace", &server).await;
    assert_denied(&called, &server, &Refusal::Method("TRACE".to_owned()));
}

#[tokio::test]
async fn patch_in_place_of_post_is_refused() {
    let server = service();
    let called = attack("requests/patch", &server).await;
    assert_denied(&called, &server, &Refusal::Method("PATCH".to_owned()));
}

#[tokio::test]
async fn connect_in_place_of_post_is_refused() {
    let server = service();
    let called = attack("requests/connect", &server).await;
    assert_denied(&called, &server, &Refusal::Method("CONNECT".to_owned()));
}

#[tokio::test]
async fn post_in_small_letters_is_refused() {
    let server = service();
    let called = attack("requests/lower_case_post", &server).await;
    assert_denied(&called, &server, &Refusal::Method("post".to_owned()));
}

#[tokio::test]
async fn a_second_request_behind_the_method_is_impossible() {
    let server = service();
    let called = attack("requests/line_break_in_method", &server).await;
    assert_impossible(&called, &server, "method refused");
}

/// The host keeps one for each request that a guest holds.
#[tokio::test]
async fn a_method_of_megabytes_is_not_taken() {
    let server = service();
    let called = attack("requests/huge_method", &server).await;
    assert_impossible(&called, &server, "method refused");
}

/// The report of each request of a guest that sends several.
fn each(called: &Offboarding) -> Vec<&str> {
    report(called).split("\n--\n").collect()
}

#[track_caller]
fn assert_one_of(called: &Offboarding, count: usize) {
    let reports = each(called);
    let (answered, denied): (Vec<&str>, Vec<&str>) = reports
        .iter()
        .partition(|text| text.starts_with("answered:"));
    assert_eq!((reports.len(), answered.len()), (count, 1), "{reports:?}");
    assert!(
        denied.iter().all(|text| *text == "HttpRequestDenied"),
        "{reports:?}"
    );
    assert_eq!(called.record.refusals, vec![Refusal::Spent; count - 1]);
}

#[tokio::test]
async fn the_same_machine_is_offboarded_once() {
    let server = service();
    let called = attack("requests/same_machine_twice", &server).await;
    assert_one_of(&called, 2);
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn what_is_left_of_a_grant_is_good_for_nothing() {
    let server = service();
    let called = attack("requests/isolate_after_offboarding", &server).await;
    assert_eq!(each(&called)[1], "HttpRequestDenied");
    let path = format!("/api/machines/{MACHINE}/isolate");
    assert_eq!(called.record.refusals, [Refusal::Path(path)]);
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn of_many_requests_at_once_one_leaves() {
    let server = service();
    let called = attack("requests/many_at_once", &server).await;
    assert_one_of(&called, 8);
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn of_two_requests_in_a_race_one_leaves() {
    let server = service();
    let called = attack("requests/two_in_a_race", &server).await;
    assert_one_of(&called, 2);
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn requests_that_nobody_waits_for_do_not_leave_behind_the_record() {
    let server = service();
    let called = attack("requests/fire_and_forget", &server).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        matches!(called.result, Ok(Err(OffboardError::NotSent(_)))),
        "{called:?}"
    );
    // Each of them is what was ordered. Whether one left before the call ended
    // is open; if so, it is on record.
    let left = server.posts();
    assert!(left <= 1, "{:?}", server.received());
    assert!(
        left == 0 || called.record.delivery() != Delivery::NotSent,
        "{called:?}"
    );
}

#[tokio::test]
async fn a_plugin_that_asks_a_thousand_times_is_not_listened_to_any_more() {
    let server = service();
    let called = attack("requests/refused_attempts", &server).await;
    // Not even with the request that was ordered.
    assert_eq!(report(&called), "HttpRequestDenied");
    assert_eq!(called.record.refused, 1001);
    // The first ones are kept, and no more: a plugin does not fill the record.
    assert_eq!(called.record.refusals.len(), 16);
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_redirect_cannot_be_followed_by_hand() {
    let elsewhere = Elsewhere::new();
    let location = format!(
        "http://{}/api/machines/{MACHINE}/offboard",
        elsewhere.authority()
    );
    let server = Scripted::posting(Reply::with(302, &[("Location", &location)], ""));
    let called = attack_with("requests/redirect_by_hand", &server, &elsewhere.authority()).await;
    // The guest does not see the location, and every other request is refused.
    assert_eq!(
        each(&called),
        ["answered:\n", "HttpRequestDenied", "HttpRequestDenied"]
    );
    assert_eq!(
        called.record.refusals,
        [Refusal::Authority(elsewhere.authority()), Refusal::Spent]
    );
    assert_as_ordered(&called, &server);
    elsewhere.assert_untouched();
}
