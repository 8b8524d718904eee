//! `offboard cancel`: cancels actions that have not ended.

use anyhow::{Result, bail};

use super::{
    actions::{ActionResult, ResultView, interrupted},
    args::CancelArgs,
    connect::{connect, end, options},
    exit::Exit,
    signal::Signals,
    target::ActionReference,
    terminal::Terminal,
};
use offboard::{
    Client,
    advice::KnownToken,
    client::{Cancellable, NotCancellable, Recording},
    config::Secrets,
    contract::{ActionId, MachineAction, MachineId, Problem, ProblemKind, Retry},
    order::{State, state_of_problem},
    outputs::Files,
    run::{self, Event, unrecorded},
};

pub(super) async fn cancel(
    args: CancelArgs,
    secrets: Secrets,
    terminal: &Terminal,
) -> Result<Exit> {
    args.connect.check_no_ledger(args.no_ledger.no_ledger)?;
    let signals = Signals::listen(terminal);
    let recording = if !args.no_ledger.no_ledger {
        Recording::Ledger
    } else if args.actions.len() > 1 {
        bail!("--no-ledger is limited to one action")
    } else {
        Recording::Nowhere
    };
    let config = args.connect.config(secrets)?;
    let mut options = options("cancel", recording, Files::default(), &signals, terminal);
    options.throttling = args.timeout.timeout;
    let client = connect(&config, options, terminal).await?;
    let results = match &client {
        Some(client) => cancel_each(&args, client, &signals, terminal).await,
        None => interrupted(&args.actions),
    };
    let view = ResultView {
        comment: Some(args.comment.as_str()),
        state_of_problem,
        format: args.output.output,
        token: client
            .as_ref()
            .map_or(KnownToken::NotAtHand, Client::known_token),
    };
    // Before the end of the session, which may wait for a locked ledger.
    view.show(&results, terminal);
    if let Some(client) = &client {
        end(client, terminal).await;
    }
    if client.is_none() || signals.stopped() {
        return Ok(Exit::Interrupted);
    }
    Ok(Exit::of(results.iter().map(
        |result| match &result.action {
            _ if result.is_unrecorded => Exit::Unknown,
            Ok((_, State::Cancelled)) => Exit::Done,
            // The service accepted the request, and the action goes on.
            Ok(_) => Exit::Unknown,
            Err(_) if result.is_unknown() => Exit::Unknown,
            Err(problem) => Exit::of_problem(problem),
        },
    )))
}

/// Cancels each action.
async fn cancel_each(
    args: &CancelArgs,
    client: &Client,
    signals: &Signals,
    terminal: &Terminal,
) -> Vec<ActionResult> {
    client
        .bind_tenant_of(
            args.actions
                .iter()
                .filter_map(ActionReference::machine_reference),
        )
        .await;
    let unrecorded = client.unrecorded().map(unrecorded);
    let mut results = Vec::new();
    for reference in &args.actions {
        let mut found = Found::default();
        let cancelled = match (&unrecorded, signals.stopped()) {
            (_, true) => Err(not_sent()),
            (Some(problem), _) => Err(problem.clone()),
            (None, _) => cancel_one(args, client, signals, reference, &mut found, terminal).await,
        };
        let mut result = ActionResult::new(reference.clone(), cancelled);
        result.is_unrecorded = found.is_unrecorded;
        tokio::select! {
            () = result.find_sent_order(client, found.machine) => {}
            () = signals.at_once() => {}
        }
        result.read = found.action;
        results.push(result);
    }
    results
}

/// What was found out about an action before its cancellation.
#[derive(Default)]
struct Found {
    /// Its machine, if the user gave one.
    machine: Option<MachineId>,
    /// The action, if it could be read.
    action: Option<Box<MachineAction>>,
    /// Whether the cancellation was sent, and its outcome could not be recorded.
    is_unrecorded: bool,
}

/// Cancels an action. `found` receives what is read before.
async fn cancel_one(
    args: &CancelArgs,
    client: &Client,
    signals: &Signals,
    reference: &ActionReference,
    found: &mut Found,
    terminal: &Terminal,
) -> Result<MachineAction, Problem> {
    if let Some(problem) = client.missing_token() {
        return Err(problem.clone());
    }
    let action = tokio::select! {
        action = pending(client, reference, found) => action?,
        () = signals.stopping() => {
            return Err(not_sent());
        }
    };
    let (events, mut stream) = run::events();
    let observe = |event: Event| {
        if let Event::CancellationNotRecorded { error } = event {
            found.is_unrecorded = true;
            terminal.report_failure(&format!(
                "the cancellation was sent, but its outcome could not be recorded: {error}"
            ));
        }
    };
    let sent = client.runner().cancel(&action, &args.comment, &events);
    tokio::select! {
        cancelled = stream.during(sent, observe) => Ok(cancelled?),
        () = signals.at_once() => {
            let message = "interrupted while it was sent";
            Err(Problem::new(ProblemKind::OutcomeUnknown, Retry::AskFirst, message))
        }
    }
}

fn not_sent() -> Problem {
    Problem::new(
        ProblemKind::Interrupted,
        Retry::Safe,
        "interrupted before it was sent",
    )
}

/// The action to cancel: the given one, or the pending offboarding of the given machine.
async fn pending(
    client: &Client,
    reference: &ActionReference,
    found: &mut Found,
) -> Result<ActionId, Problem> {
    let read = match reference {
        ActionReference::Action(id) => client.cancellable(id).await,
        ActionReference::Machine(reference) => {
            let machine = client.machine_id(&reference.target).await?;
            found.machine = Some(machine.clone());
            client.pending_offboarding(&machine).await
        }
    };
    match read {
        Ok(Cancellable { id, action, .. }) => {
            found.action = action;
            Ok(id)
        }
        Err(NotCancellable {
            problem, action, ..
        }) => {
            found.action = action;
            Err(problem)
        }
    }
}
