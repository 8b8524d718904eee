//! `offboard cancel`: withdraw actions that have not ended.

use anyhow::{Result, bail};

use super::{
    actions::{Asked, interrupted, show},
    args::CancelArgs,
    connect::{connect, end, options},
    exit::Exit,
    screen::Screen,
    signal::Signals,
    target::Subject,
};
use offboard::{
    Client,
    client::Recording,
    config::Secrets,
    contract::{ActionId, MachineAction, MachineId, Problem, ProblemKind, Retry},
    order::{state_of, state_of_problem},
    outputs::Files,
    run::{self, Event, unrecorded},
};

pub(super) async fn cancel(args: CancelArgs, secrets: Secrets, screen: &Screen) -> Result<Exit> {
    args.connect.check_no_ledger(args.no_ledger.no_ledger)?;
    let signals = Signals::listen(screen);
    let recording = match args.no_ledger.no_ledger {
        false => Recording::Ledger,
        true if args.actions.len() > 1 => bail!("--no-ledger is for one action alone"),
        true => Recording::Nowhere,
    };
    let config = args.connect.config(secrets)?;
    let options = options("cancel", recording, Files::default(), &signals, screen);
    let Some(client) = connect(&config, options, screen).await? else {
        let asked = interrupted(&args.actions);
        let (comment, format) = (Some(args.comment.as_str()), args.output.output);
        show(&asked, comment, state_of_problem, format, None, screen);
        return Ok(Exit::Interrupted);
    };
    client
        .bind_tenant_of(args.actions.iter().filter_map(Subject::named))
        .await;
    let unrecorded = client.unrecorded().map(unrecorded);
    let mut asked = Vec::new();
    for subject in &args.actions {
        let mut machine = None;
        let cancelled = match (&unrecorded, signals.stopped()) {
            (_, true) => Err(Problem::new(
                ProblemKind::Interrupted,
                Retry::Safe,
                "interrupted before its turn",
            )),
            (Some(problem), _) => Err(problem.clone()),
            (None, _) => {
                let one = one(&args, &client, &signals, subject, &mut machine, screen);
                one.await
            }
        };
        let found = cancelled.map(|action| {
            let state = state_of(&action.status);
            (action, state)
        });
        let mut one = Asked {
            subject: subject.clone(),
            found,
            doubt: None,
            sent: None,
            is_unseen: false,
        };
        one.look_into_ledger(&client, machine).await;
        asked.push(one);
    }
    end(&client, screen).await;
    let comment = args.comment.as_str();
    show(
        &asked,
        Some(comment),
        state_of_problem,
        args.output.output,
        client.claims(),
        screen,
    );
    if signals.stopped() {
        return Ok(Exit::Interrupted);
    }
    Ok(Exit::of(asked.iter().map(|asked| match &asked.found {
        Ok(_) => Exit::Done,
        Err(_) if asked.is_unknown() => Exit::Unknown,
        Err(problem) => Exit::of_problem(problem),
    })))
}

async fn one(
    args: &CancelArgs,
    client: &Client,
    signals: &Signals,
    subject: &Subject,
    meant: &mut Option<MachineId>,
    screen: &Screen,
) -> Result<MachineAction, Problem> {
    if let Some(problem) = client.missing_token() {
        return Err(problem.clone());
    }
    let action = tokio::select! {
        action = pending(client, subject, meant) => action?,
        () = signals.stopping() => {
            return Err(Problem::new(ProblemKind::Interrupted, Retry::Safe, "interrupted before it was sent"));
        }
    };
    let (events, mut stream) = run::events();
    let observe = |event: Event| {
        if let Event::CancellationNotRecorded { error } = event {
            screen.fail(&format!("this was done, and is not on record: {error}"));
        }
    };
    let sent = client.runner().cancel(&action, &args.comment, &events);
    tokio::select! {
        cancelled = stream.during(sent, observe) => Ok(cancelled?),
        () = signals.at_once() => {
            Err(Problem::new(ProblemKind::OutcomeUnknown, Retry::AskFirst, "interrupted on its way"))
        }
    }
}

/// The action that a user means: by its id, or the machine's offboarding that
/// has not ended, and then which machine that is.
async fn pending(
    client: &Client,
    subject: &Subject,
    meant: &mut Option<MachineId>,
) -> Result<ActionId, Problem> {
    let machine = match subject {
        Subject::Action(id) => {
            client.check_is_offboarding(id).await?;
            return Ok(id.clone());
        }
        Subject::Machine(named) => client.machine_id(&named.target).await?,
    };
    *meant = Some(machine.clone());
    client.pending_offboarding(&machine).await
}
