//! `offboard status`: shows the status of actions, and of the newest offboardings of machines.

use std::{ops::ControlFlow, time::Duration};

use anyhow::Result;
use tokio::sync::Mutex;

use super::{
    actions::{ActionResult, ResultView, interrupted},
    args::StatusArgs,
    connect::{connect, end, options},
    exit::Exit,
    request_status,
    signal::Signals,
    target::ActionReference,
    terminal::Terminal,
};
use offboard::{
    Client,
    advice::KnownToken,
    client::Recording,
    config::Secrets,
    contract::{ActionId, ActionType, MachineAction, MachineId, Problem, ProblemKind, Retry},
    order::{State, state_of},
    outputs::Files,
    run::LaterActivity,
};

pub(super) async fn status(
    args: StatusArgs,
    secrets: Secrets,
    terminal: &Terminal,
) -> Result<Exit> {
    let signals = Signals::listen(terminal);
    let config = args.connect.config(secrets)?;
    let files = Files::default();
    let mut options = options("status", Recording::Calls, files, &signals, terminal);
    options.throttling = args.timeout.timeout;
    let client = connect(&config, options, terminal).await?;
    if let Some(key) = &args.request_id {
        return request_status::show(key, &args, client.as_ref(), &signals, terminal).await;
    }
    let results = match &client {
        Some(client) => {
            let results = query_all(&args.actions, &args, client, &signals, terminal).await;
            end(client, terminal).await;
            results
        }
        None => interrupted(&args.actions),
    };
    let view = ResultView {
        comment: None,
        state_of_problem: |_| State::Unknown,
        format: args.output.output,
        token: client
            .as_ref()
            .map_or(KnownToken::NotAtHand, Client::known_token),
    };
    view.show(&results, terminal);
    if client.is_none() || signals.stopped() {
        return Ok(Exit::Interrupted);
    }
    Ok(Exit::of(results.iter().map(exit_of)))
}

pub(super) fn exit_of(result: &ActionResult) -> Exit {
    match &result.action {
        Ok(_) if result.later_activity.is_some() => Exit::Refused,
        Ok((_, State::Pending)) => Exit::Unknown,
        Ok((_, State::Failed | State::TimedOut | State::Cancelled)) => Exit::Refused,
        Ok(_) => Exit::Done,
        Err(_) if result.is_unknown() => Exit::Unknown,
        Err(problem) => Exit::of_problem(problem),
    }
}

/// Queries each action, and tracks them if the user waits for their end.
pub(super) async fn query_all(
    actions: &[ActionReference],
    args: &StatusArgs,
    client: &Client,
    signals: &Signals,
    terminal: &Terminal,
) -> Vec<ActionResult> {
    client
        .bind_tenant_of(
            actions
                .iter()
                .filter_map(ActionReference::machine_reference),
        )
        .await;
    let mut results = Vec::new();
    for reference in actions {
        let mut machine = None;
        let action = tokio::select! {
            action = find_action(client, reference, &mut machine) => action,
            () = signals.stopping() => Err(no_answer()),
        };
        let mut result = ActionResult::new(reference.clone(), action);
        result.find_sent_order(client, machine).await;
        results.push(result);
    }
    if let Some(timeout) = args.wait.wait {
        tokio::select! {
            () = track(client, &mut results, timeout, terminal) => {}
            () = signals.stopping() => {}
        }
        for result in &mut results {
            if let Ok((_, state @ State::Accepted)) = &mut result.action {
                *state = State::Pending;
            }
        }
    }
    tokio::select! {
        () = find_later_activity(client, &mut results) => {}
        () = signals.stopping() => {}
    }
    results
}

/// Finds out which machines have reported since they were offboarded.
async fn find_later_activity(client: &Client, results: &mut [ActionResult]) {
    for result in results {
        if let Ok((action, State::Succeeded)) = &result.action
            && action.action_type == ActionType::Offboard
        {
            match client.runner().later_activity(action).await {
                Some(LaterActivity::Silent(..)) => {}
                Some(since @ LaterActivity::Reported(..)) => {
                    let what = format!("action {} offboarded it", action.id);
                    result.later_activity = Some(since.problem(&what));
                }
                Some(_) | None => result.is_activity_unknown = true,
            }
        }
    }
}

fn no_answer() -> Problem {
    Problem::new(
        ProblemKind::Interrupted,
        Retry::Safe,
        "interrupted before the answer",
    )
}

/// The given action, or the newest offboarding of the given machine. `machine` receives the
/// machine if the user gave one.
async fn find_action(
    client: &Client,
    reference: &ActionReference,
    machine: &mut Option<MachineId>,
) -> Result<MachineAction, Problem> {
    let id = match reference {
        ActionReference::Action(id) => return client.action(id).await,
        ActionReference::Machine(reference) => client.machine_id(&reference.target).await?,
    };
    *machine = Some(id.clone());
    client.newest_offboarding(&id).await
}

/// Tracks the accepted actions until all have ended, for at most `timeout`.
async fn track(
    client: &Client,
    results: &mut [ActionResult],
    timeout: Duration,
    terminal: &Terminal,
) {
    let runner = client.runner();
    let results = Mutex::new(results);
    let query = || async {
        let mut results = results.lock().await;
        let mut flow = ControlFlow::Break(());
        for result in results.iter_mut() {
            let Ok((action, State::Accepted)) = &result.action else {
                continue;
            };
            let Ok(id) = action.id.parse::<ActionId>() else {
                continue;
            };
            if let Ok(action) = client.action(&id).await {
                let state = state_of(&action.status);
                terminal.print_detail(&format!("{} {}", action.id, action.status.name()));
                result.action = Ok((action, state));
            }
            if matches!(result.action, Ok((_, State::Accepted))) {
                flow = ControlFlow::Continue(());
            }
        }
        flow
    };
    // After the timeout, the remaining actions are still accepted.
    let _ = runner.poll(timeout, query).await;
}
