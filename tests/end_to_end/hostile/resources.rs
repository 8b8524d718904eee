//! Plugins that use up time, memory, stack, handles or the host's own memory.

use offboard::{egress::Delivery, sandbox::CallError};

use super::{
    assert_as_ordered, assert_limit, assert_nothing_left, attack, attack_briefly, report, service,
};

#[tokio::test]
async fn an_endless_loop_is_ended() {
    let server = service();
    let called = attack_briefly("resources/endless_loop", &server).await;
    assert!(
        matches!(called.result, Err(CallError::Computation(_))),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn endless_calls_of_the_host_are_ended() {
    let server = service();
    let called = attack_briefly("resources/cheap_calls", &server).await;
    assert!(
        matches!(called.result, Err(CallError::Computation(_))),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn endless_texts_from_the_host_are_ended() {
    let server = service();
    let called = attack_briefly("resources/allocating_calls", &server).await;
    assert!(
        matches!(called.result, Err(CallError::Computation(_))),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn an_endless_loop_after_sending_takes_nothing_back() {
    let server = service();
    let called = attack_briefly("resources/endless_loop_after_sending", &server).await;
    assert!(
        matches!(called.result, Err(CallError::Computation(_))),
        "{called:?}"
    );
    assert_eq!(called.record.delivery(), Delivery::Answered(200));
    assert_as_ordered(&called, &server);
}

#[tokio::test]
async fn waiting_for_centuries_is_ended() {
    let server = service();
    let called = attack_briefly("resources/waits_for_centuries", &server).await;
    assert!(
        matches!(called.result, Err(CallError::Deadline(_))),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn polling_for_centuries_is_ended() {
    let server = service();
    let called = attack_briefly("resources/polls_for_centuries", &server).await;
    assert!(
        matches!(called.result, Err(CallError::Deadline(_))),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_plugin_that_takes_all_memory_is_ended() {
    let server = service();
    let called = attack("resources/memory_bomb", &server).await;
    assert_limit(&called, "bytes of memory");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_plugin_that_calls_itself_for_ever_is_ended() {
    let server = service();
    let called = attack("resources/deep_recursion", &server).await;
    assert_limit(&called, "stack");
    // Reported as a limit, and not as a plugin that crashed.
    assert!(
        matches!(&called.result, Err(CallError::Limit(reason)) if reason.contains("stack")),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_plugin_that_keeps_a_great_many_pollables_is_ended() {
    let server = service();
    let called = attack("resources/pollable_bomb", &server).await;
    assert_limit(&called, "table");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_plugin_that_keeps_a_great_many_header_lists_is_ended() {
    let server = service();
    let called = attack("resources/fields_bomb", &server).await;
    assert_limit(&called, "table");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_plugin_that_keeps_a_great_many_requests_is_ended() {
    let server = service();
    let called = attack("resources/request_bomb", &server).await;
    assert_limit(&called, "table");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_header_list_of_more_than_the_host_takes_is_not_taken() {
    let server = service();
    let called = attack("resources/host_data_bomb", &server).await;
    assert_limit(&called, "fuel");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_path_of_megabytes_is_not_taken() {
    let server = service();
    let called = attack("resources/huge_path", &server).await;
    assert_limit(&called, "fuel");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_list_of_a_great_many_pollables_is_not_taken() {
    let server = service();
    let called = attack("resources/polls_a_huge_list", &server).await;
    assert_limit(&called, "handle");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn waiting_for_nothing_ends_the_plugin() {
    let server = service();
    let called = attack_briefly("resources/polls_nothing", &server).await;
    assert!(called.result.is_err(), "{called:?}");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn writing_more_than_there_is_room_for_ends_the_plugin() {
    let server = service();
    let called = attack_briefly("resources/writes_without_checking", &server).await;
    assert!(
        called.result.is_err() || !report(&called).contains("answered"),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn megabytes_in_each_text_of_an_action_are_not_taken() {
    let server = service();
    let called = attack("resources/huge_strings", &server).await;
    assert_limit(&called, "fuel");
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_list_of_a_great_many_texts_is_not_taken() {
    let server = service();
    let called = attack("resources/huge_list", &server).await;
    assert_limit(&called, "fuel");
    assert_nothing_left(&called, &server);
}

/// A stop takes effect while the plugin computes.
#[cfg(unix)]
#[test]
fn a_plugin_that_computes_does_not_keep_a_run_from_being_stopped() {
    use std::time::Duration;

    use rustix::process::{Pid, Signal, kill_process};

    use crate::support::{until_ended, until_running};

    let server = super::unreadable_machines(super::Reply::error(500, "x", "x"));
    let attack = super::Attack::new("resources/endless_loop");
    let file = server.path("plugin.wasm");
    std::fs::write(&file, super::component_bytes("resources")).unwrap();
    let mut child = crate::support::command(["run", crate::support::MACHINE, "--yes"])
        .args(["--comment", &attack.comment, "--limit", "deadline=10m"])
        .args(["--output", "json"])
        .args(["--plugin", file.to_str().unwrap()])
        .env("OFFBOARD_API_ROOT", server.root())
        .env("OFFBOARD_TOKEN_FILE", server.path("token"))
        .env("OFFBOARD_LEDGER", server.path("ledger.db"))
        .spawn()
        .unwrap();
    // It computes a moment after its request was recorded. Before that, a stop would take
    // effect whatever the plugin does.
    let ledger = server.path("ledger.db");
    let sending = || crate::support::read_ledger(&ledger).contains("/offboard, once");
    until_running(&mut child, "the record of the request", sending);
    std::thread::sleep(Duration::from_secs(1));
    let pid = Pid::from_child(&child);
    // Twice: more signals would end the process in any case.
    for _ in 0..2 {
        let _ = kill_process(pid, Signal::INT);
        std::thread::sleep(Duration::from_millis(500));
    }
    until_ended(&mut child);
    let outcome = crate::support::Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.code, 130, "{outcome:?}");
    // The output still reports the machine.
    assert_eq!(outcome.rows().len(), 1, "{outcome:?}");
}
