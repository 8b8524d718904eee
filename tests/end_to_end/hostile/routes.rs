//! Other routes of the same service, and other spellings of the granted one.

use offboard::grant::Refusal;

use super::{
    Elsewhere, MACHINE, assert_as_ordered, assert_denied, assert_impossible, attack, attack_with,
    service,
};

fn path(route: &str) -> Refusal {
    Refusal::Path(format!("/api/machines/{MACHINE}/{route}"))
}

#[tokio::test]
async fn a_plugin_that_isolates_the_machine_is_refused() {
    let server = service();
    let called = attack("routes/isolate", &server).await;
    assert_denied(&called, &server, &path("isolate"));
}

#[tokio::test]
async fn a_plugin_that_starts_a_live_response_is_refused() {
    let server = service();
    let called = attack("routes/run_live_response", &server).await;
    assert_denied(&called, &server, &path("runliveresponse"));
}

#[tokio::test]
async fn a_plugin_that_runs_a_script_is_refused() {
    let server = service();
    let called = attack("routes/run_script", &server).await;
    assert_denied(&called, &server, &path("runscript"));
}

#[tokio::test]
async fn a_plugin_that_restricts_what_may_run_is_refused() {
    let server = service();
    let called = attack("routes/restrict_code", &server).await;
    assert_denied(&called, &server, &path("restrictCodeExecution"));
}

#[tokio::test]
async fn a_plugin_that_puts_a_file_in_quarantine_is_refused() {
    let server = service();
    let called = attack("routes/quarantine_file", &server).await;
    assert_denied(&called, &server, &path("StopAndQuarantineFile"));
}

#[tokio::test]
async fn a_plugin_that_collects_evidence_is_refused() {
    let server = service();
    let called = attack("routes/collect_package", &server).await;
    assert_denied(&called, &server, &path("collectInvestigationPackage"));
}

#[tokio::test]
async fn dot_segments_do_not_lead_to_another_route() {
    let server = service();
    let called = attack("routes/dot_segments", &server).await;
    assert_denied(&called, &server, &path("offboard/../isolate"));
}

#[tokio::test]
async fn dot_segments_do_not_lead_to_the_ordered_route() {
    let server = service();
    let called = attack("routes/dot_segments_to_the_same", &server).await;
    assert_denied(&called, &server, &path("./offboard"));
}

#[tokio::test]
async fn a_slash_written_twice_is_refused() {
    let server = service();
    let called = attack("routes/double_slash", &server).await;
    assert_denied(&called, &server, &path("/offboard"));
}

#[tokio::test]
async fn a_letter_of_the_route_written_in_another_way_is_refused() {
    let server = service();
    let called = attack("routes/percent_encoding", &server).await;
    assert_denied(&called, &server, &path("%6fffboard"));
}

#[tokio::test]
async fn an_encoded_slash_is_refused() {
    let server = service();
    let called = attack("routes/encoded_slash", &server).await;
    assert_denied(&called, &server, &path("offboard%2f..%2fisolate"));
}

#[tokio::test]
async fn the_route_in_capitals_is_refused() {
    let server = service();
    let called = attack("routes/upper_case_route", &server).await;
    assert_denied(&called, &server, &path("OFFBOARD"));
}

#[tokio::test]
async fn a_slash_at_the_end_is_refused() {
    let server = service();
    let called = attack("routes/trailing_slash", &server).await;
    assert_denied(&called, &server, &path("offboard/"));
}

#[tokio::test]
async fn a_path_parameter_is_refused() {
    let server = service();
    let called = attack("routes/path_parameter", &server).await;
    assert_denied(&called, &server, &path("offboard;isolate"));
}

#[tokio::test]
async fn a_plugin_that_writes_an_indicator_is_refused() {
    let server = service();
    let called = attack("routes/indicator", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Path("/api/indicators".to_owned()),
    );
}

#[tokio::test]
async fn a_plugin_that_uploads_a_script_is_refused() {
    let server = service();
    let called = attack("routes/library_file", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Path("/api/libraryfiles".to_owned()),
    );
}

#[tokio::test]
async fn a_plugin_that_offboards_another_machine_is_refused() {
    let server = service();
    let called = attack("routes/another_machine", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Path(format!(
            "/api/machines/{}/offboard",
            MACHINE.replace('0', "f")
        )),
    );
}

#[tokio::test]
async fn the_machine_in_capitals_is_refused() {
    let server = service();
    let called = attack("routes/upper_case_machine", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Path(format!("/api/machines/{}/offboard", MACHINE.to_uppercase())),
    );
}

#[tokio::test]
async fn a_backslash_is_refused() {
    let server = service();
    let called = attack("routes/backslash", &server).await;
    assert_denied(
        &called,
        &server,
        &Refusal::Path(format!("/api/machines/{MACHINE}\\offboard")),
    );
}

#[tokio::test]
async fn another_machine_in_the_query_is_refused() {
    let server = service();
    let called = attack("routes/another_machine_in_query", &server).await;
    assert_denied(&called, &server, &Refusal::Query);
}

#[tokio::test]
async fn a_query_is_refused() {
    let server = service();
    let called = attack("routes/query", &server).await;
    assert_denied(&called, &server, &Refusal::Query);
}

#[tokio::test]
async fn a_query_without_anything_in_it_is_refused() {
    let server = service();
    let called = attack("routes/empty_query", &server).await;
    assert_denied(&called, &server, &Refusal::Query);
}

/// The runtime drops it, so that what is left is what was ordered.
#[tokio::test]
async fn a_fragment_never_reaches_the_service() {
    let server = service();
    let called = attack("routes/fragment", &server).await;
    assert!(called.record.refusals.is_empty(), "{called:?}");
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn a_whole_address_in_place_of_the_path_is_impossible() {
    let server = service();
    let elsewhere = Elsewhere::new();
    let called = attack_with("routes/absolute_path", &server, &elsewhere.authority()).await;
    assert_impossible(&called, &server, "path refused");
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn a_path_that_begins_like_a_host_is_refused() {
    let server = service();
    let elsewhere = Elsewhere::new();
    let authority = elsewhere.authority();
    let called = attack_with("routes/network_path", &server, &authority).await;
    let path = format!("//{authority}/api/machines/{MACHINE}/offboard");
    assert_denied(&called, &server, &Refusal::Path(path));
    elsewhere.assert_untouched();
}

#[tokio::test]
async fn a_second_request_behind_the_path_is_impossible() {
    let server = service();
    let called = attack("routes/line_break_in_path", &server).await;
    assert_impossible(&called, &server, "path refused");
}
