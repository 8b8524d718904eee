//! `offboard status`: what became of actions, and of machines' newest
//! offboardings.

use std::{ops::ControlFlow, time::Duration};

use anyhow::Result;
use tokio::sync::Mutex;

use super::{
    actions::{Asked, interrupted, show},
    args::StatusArgs,
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
    contract::{ActionId, ActionType, MachineAction, MachineId, Problem, ProblemKind, Retry},
    order::{State, state_of},
    outputs::Files,
    run::LaterActivity,
};

pub(super) async fn status(args: StatusArgs, secrets: Secrets, screen: &Screen) -> Result<Exit> {
    let signals = Signals::listen(screen);
    let config = args.connect.config(secrets)?;
    let files = Files::default();
    let options = options("status", Recording::Calls, files, &signals, screen);
    let Some(client) = connect(&config, options, screen).await? else {
        let asked = interrupted(&args.actions);
        show(&asked, None, unknown, args.output.output, None, screen);
        return Ok(Exit::Interrupted);
    };
    client
        .bind_tenant_of(args.actions.iter().filter_map(Subject::named))
        .await;
    let mut asked = Vec::new();
    for subject in &args.actions {
        let mut machine = None;
        let found = tokio::select! {
            found = newest(&client, subject, &mut machine) => found,
            () = signals.stopping() => Err(no_answer()),
        };
        let found = found.map(|action| {
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
    if let Some(patience) = args.wait.wait {
        tokio::select! {
            () = follow(&client, &mut asked, patience, screen) => {}
            () = signals.stopping() => {}
        }
        for asked in &mut asked {
            if let Ok((_, state @ State::Accepted)) = &mut asked.found {
                *state = State::Pending;
            }
        }
    }
    tokio::select! {
        () = doubt(&client, &mut asked) => {}
        () = signals.stopping() => {}
    }
    end(&client, screen).await;
    show(
        &asked,
        None,
        unknown,
        args.output.output,
        client.claims(),
        screen,
    );
    if signals.stopped() {
        return Ok(Exit::Interrupted);
    }
    Ok(Exit::of(asked.iter().map(|asked| match &asked.found {
        Ok(_) if asked.doubt.is_some() => Exit::Refused,
        Ok((_, State::Pending)) => Exit::Unknown,
        Ok((_, State::Failed | State::TimedOut | State::Cancelled)) => Exit::Refused,
        Ok(_) => Exit::Done,
        Err(_) if asked.is_unknown() => Exit::Unknown,
        Err(problem) => Exit::of_problem(problem),
    })))
}

/// Records which machines have reported since they were offboarded.
async fn doubt(client: &Client, asked: &mut [Asked]) {
    for asked in asked {
        if let Ok((action, State::Succeeded)) = &asked.found
            && action.action_type == ActionType::Offboard
        {
            match client.runner().later_activity(action).await {
                Some(LaterActivity::Silent(..)) => {}
                Some(since @ LaterActivity::Reported(..)) => {
                    let what = format!("action {} offboarded it", action.id);
                    asked.doubt = Some(since.problem(&what));
                }
                Some(_) | None => asked.is_unseen = true,
            }
        }
    }
}

/// A read that failed says nothing of what became of an offboarding.
fn unknown(_: &Problem) -> State {
    State::Unknown
}

fn no_answer() -> Problem {
    Problem::new(
        ProblemKind::Interrupted,
        Retry::Safe,
        "interrupted before the answer",
    )
}

/// The action that a user means: by its id, or a machine's newest offboarding, and then
/// which machine that is.
async fn newest(
    client: &Client,
    subject: &Subject,
    meant: &mut Option<MachineId>,
) -> Result<MachineAction, Problem> {
    let machine = match subject {
        Subject::Action(id) => return client.action(id).await,
        Subject::Machine(named) => client.machine_id(&named.target).await?,
    };
    *meant = Some(machine.clone());
    client.newest_offboarding(&machine).await
}

async fn follow(client: &Client, asked: &mut [Asked], patience: Duration, screen: &Screen) {
    let runner = client.runner();
    let asked = Mutex::new(asked);
    let ask = || async {
        let mut asked = asked.lock().await;
        let mut open = ControlFlow::Break(());
        for asked in asked.iter_mut() {
            let Ok((action, State::Accepted)) = &asked.found else {
                continue;
            };
            let Ok(id) = action.id.parse::<ActionId>() else {
                continue;
            };
            if let Ok(action) = runner.action(&id).await {
                let state = state_of(&action.status);
                screen.detail(&format!("{} {}", action.id, action.status.name()));
                asked.found = Ok((action, state));
            }
            if matches!(asked.found, Ok((_, State::Accepted))) {
                open = ControlFlow::Continue(());
            }
        }
        open
    };
    // Whether the time was over is seen in what has not ended.
    let _ = runner.poll(patience, ask).await;
}
