//! Plugins that report falsely what they did, or whose reports do harm.

use std::{sync::Arc, time::Duration};

use offboard::{
    Client,
    client::PlanRequest,
    contract::Retry,
    ledger::{Ledger, Session, SessionInfo},
    order::{Order, Preflight, State},
    plan::Confirmation,
    rate_limit::{Quota, RateLimiter},
    run::{Events, Runner},
    sandbox::CallError,
    selection::Selection,
};

use super::{
    Attack, MACHINE, Reply, Scripted, action_json, assert_nothing_left, attack, component_bytes,
    connection, service, unreadable_machines,
};
use crate::support::Outcome;

/// Lets the guest carry out an order in the real runner, and returns the order.
async fn run(attack: Attack, server: &Scripted) -> Order {
    let ledger = Ledger::in_memory().await.unwrap();
    let who = SessionInfo::new(None, "0", server.root());
    let session = Arc::new(Session::begin(&ledger, &who, "run").await.unwrap());
    let limiter = RateLimiter::new(Quota::default(), Arc::clone(&session), |_| {});
    let writer = Arc::clone(&session);
    let stopped = tokio_util::sync::CancellationToken::new();
    let connection = connection(server.root());
    let runner = Runner::new(attack.sandbox, connection, limiter, session, stopped);
    let client = Client::from_parts(runner, who);
    let request = PlanRequest {
        selection: Selection::of(
            [attack.machine.as_str().parse().unwrap()],
            &attack.comment.parse().unwrap(),
        ),
        ..PlanRequest::default()
    };
    let draft = client.record(request).await.unwrap();
    let run = draft.run();
    // The guest answers the preflight, too: here, its answer does not matter.
    let mut entry = ledger.entries(run, 0, 1).await.unwrap().remove(0);
    entry.order.record_preflight(Preflight::Unavailable);
    writer.save(&mut entry).await.unwrap();
    let plan = client.preflight(draft, &Events::none()).await.unwrap();
    let confirmed = plan.confirm(Confirmation::consent()).unwrap();
    client.execute(confirmed, None).finish().await.unwrap();
    ledger.entries(run, 0, 1).await.unwrap().remove(0).order
}

/// An attack with a deadline for guests that never end.
fn limited(name: &str) -> Attack {
    Attack::limited(name, |limits| limits.deadline = Duration::from_secs(3))
}

/// One offboarding was sent and accepted. The guest's report of it is not believed, and the
/// order is not reported as safe to repeat.
async fn assert_not_believed(name: &str) {
    assert_not_believed_of(name, &service()).await;
}

/// The same with this service.
async fn assert_not_believed_of(name: &str, server: &Scripted) {
    let order = run(limited(name), server).await;
    assert_eq!(order.state(), State::Unknown, "{order:?}");
    assert_eq!(
        order.problem().map(|problem| problem.retry),
        Some(Retry::AskFirst)
    );
    assert!(order.action().is_none(), "{order:?}");
    assert_eq!(server.posts(), 1, "{:?}", server.seen());
}

/// Nothing was sent, and nothing is believed.
async fn assert_not_sent(attack: Attack) {
    let server = service();
    let order = run(attack, &server).await;
    assert_eq!(order.state(), State::NotSent, "{order:?}");
    assert!(order.action().is_none(), "{order:?}");
    assert_eq!(server.posts(), 0, "{:?}", server.seen());
}

#[tokio::test]
async fn an_action_that_the_service_did_not_send_is_not_believed() {
    assert_not_believed("results/claims_another_action").await;
}

#[tokio::test]
async fn an_action_of_another_machine_is_not_believed() {
    assert_not_believed("results/claims_another_machine").await;
    // Not even if the service reports the same.
    let other = action_json("claims_another_machine").replace(MACHINE, &MACHINE.replace('0', "f"));
    let server = Scripted::posting(Reply::new(200, &other));
    assert_not_believed_of("results/claims_another_machine", &server).await;
}

#[tokio::test]
async fn an_end_that_the_service_did_not_report_is_not_believed() {
    assert_not_believed("results/claims_the_end").await;
}

#[tokio::test]
async fn an_end_beside_the_proof_of_a_beginning_is_not_believed() {
    assert_not_believed("results/claims_the_end_beside_the_proof").await;
}

#[tokio::test]
async fn a_denial_after_sending_is_not_believed() {
    assert_not_believed("results/claims_a_denial").await;
}

#[tokio::test]
async fn what_was_sent_is_never_called_not_sent() {
    assert_not_believed("results/claims_not_sent").await;
}

#[tokio::test]
async fn an_answer_that_did_not_come_does_not_make_it_safe_to_repeat() {
    assert_not_believed("results/claims_throttling").await;
}

#[tokio::test]
async fn a_trap_after_sending_leaves_the_outcome_open() {
    assert_not_believed("results/traps_after_sending").await;
}

#[tokio::test]
async fn an_endless_loop_after_sending_leaves_the_outcome_open() {
    assert_not_believed("resources/endless_loop_after_sending").await;
}

#[tokio::test]
async fn a_list_that_leaves_the_newest_out_is_not_asked_for() {
    // What was there before would look new afterwards.
    assert_not_sent(limited("results/lists_all_but_the_newest").of_numbered_machine()).await;
}

#[tokio::test]
async fn a_list_without_its_comments_is_not_asked_for() {
    assert_not_sent(limited("results/lists_without_comments").of_numbered_machine()).await;
}

#[tokio::test]
async fn a_success_without_a_request_is_not_believed() {
    assert_not_sent(limited("results/claims_without_a_request")).await;
}

#[tokio::test]
async fn an_answer_without_a_request_is_not_believed() {
    assert_not_sent(limited("results/claims_an_answer")).await;
}

#[tokio::test]
async fn a_plugin_that_breaks_has_sent_nothing() {
    assert_not_sent(limited("results/traps")).await;
}

#[tokio::test]
async fn a_panic_is_the_plugin_s_alone() {
    let server = service();
    let called = attack("results/panics", &server).await;
    assert!(
        matches!(called.result, Err(CallError::Trap(_))),
        "{called:?}"
    );
    assert!(
        !format!("{called:?}").contains("this text goes nowhere"),
        "{called:?}"
    );
    assert_nothing_left(&called, &server);
}

#[tokio::test]
async fn a_trap_is_the_plugin_s_alone() {
    let server = service();
    let attack = Attack::new("results/traps");
    for _ in 0..3 {
        let called = attack.offboard(&connection(server.root())).await;
        assert!(
            matches!(called.result, Err(CallError::Trap(_))),
            "{called:?}"
        );
    }
    assert!(server.seen().is_empty());
}

/// The output of the real command: a plugin's text neither controls the terminal nor
/// fills it.
#[track_caller]
fn assert_harmless(outcome: &Outcome) {
    let text = format!("{}{}", outcome.stdout, outcome.stderr);
    let obeyed = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    let at = text.find(obeyed);
    assert!(
        at.is_none(),
        "{:?}",
        at.map(|at| text[at..].chars().take(80).collect::<String>())
    );
    assert!(text.len() < 64 * 1024, "{} bytes", text.len());
}

fn command(attack: &Attack, server: &Scripted, output: &str) -> Outcome {
    let file = server.path("plugin.wasm");
    std::fs::write(&file, component_bytes("results")).unwrap();
    let plugin = file.to_str().unwrap();
    let run = ["run", MACHINE, "--comment", &attack.comment, "--yes"];
    let options = ["--grace=0s", "--plugin", plugin, "--output", output];
    server.command(&[run, options].concat())
}

/// The command shows of an action only what the service sent. So the service sends the
/// sequences here, some escaped for JSON and some not.
#[test]
fn escape_sequences_in_an_action_reach_no_terminal() {
    let status = "\\u001b]0;owned\\u0007\\u001b[2J\u{9b}31m\\r\\b\u{202e}";
    let attack = Attack::new("results/escapes_in_a_success");
    let action = action_json(&attack.comment).replace("Pending", status);
    for output in ["table", "json"] {
        let server = unreadable_machines(Reply::new(200, &action));
        let outcome = command(&attack, &server, output);
        assert_harmless(&outcome);
        assert!(outcome.stdout.contains("owned"), "{outcome:?}");
        assert_eq!((outcome.code, server.posts()), (0, 1), "{outcome:?}");
    }
}

#[test]
fn escape_sequences_and_megabytes_in_an_error_reach_no_terminal() {
    let server = unreadable_machines(Reply::error(400, "BadRequest", "no"));
    let outcome = command(
        &Attack::new("results/escapes_in_an_error"),
        &server,
        "table",
    );
    assert_harmless(&outcome);
    assert_eq!((outcome.code, server.posts()), (1, 1), "{outcome:?}");
}
