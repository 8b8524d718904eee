//! `offboard status`: what became of actions, and of machines' newest
//! offboardings.

use std::{ops::ControlFlow, time::Duration};

use anyhow::Result;

use super::{
    args::{Format, StatusArgs},
    connect::Connected,
    exit::Exit,
    hint,
    report::{self, Row},
    signal::Signals,
    target::Subject,
    text::{Screen, clean},
};
use crate::{
    contract::{ActionId, MachineAction, MachineId, Problem, Retry},
    order::{State, Target, state_of},
};

/// One thing that was asked for.
struct Asked {
    subject: Subject,
    found: Result<(MachineAction, State), Problem>,
}

pub(super) async fn status(args: StatusArgs, screen: &Screen) -> Result<Exit> {
    let signals = Signals::listen(screen);
    let connected = args.connect.connect(Duration::ZERO, signals.stop.clone())?;
    let mut asked = Vec::new();
    for subject in &args.actions {
        let found = newest(&connected, subject).await.map(|action| {
            let state = state_of(&action.status);
            (action, state)
        });
        asked.push(Asked {
            subject: subject.clone(),
            found,
        });
    }
    if let Some(patience) = args.wait.wait {
        tokio::select! {
            () = follow(&connected, &mut asked, patience, screen) => {}
            () = signals.at_once() => {}
        }
    }
    show(&args, screen, &asked, &connected);
    if signals.stopped() {
        return Ok(Exit::Interrupted);
    }
    Ok(Exit::of(asked.iter().map(|asked| match &asked.found {
        Ok((_, State::Pending)) => Exit::Unknown,
        Ok((_, State::Failed | State::TimedOut | State::Cancelled)) => Exit::Refused,
        Ok(_) => Exit::Done,
        Err(problem) => Exit::of_kind(problem.kind),
    })))
}

/// The action that a user means: by its id, or a machine's newest offboarding.
pub(super) async fn newest(
    connected: &Connected,
    subject: &Subject,
) -> Result<MachineAction, Problem> {
    let machine = match subject {
        Subject::Action(id) => {
            if let Some(problem) = &connected.missing {
                return Err(problem.clone());
            }
            return connected.runner.action(id).await;
        }
        Subject::Machine(target) => machine(connected, target).await?,
    };
    let actions = connected.runner.offboardings(&[&machine]).await?;
    actions.into_iter().next().ok_or_else(|| {
        let message = format!("the service knows no offboarding of {machine}");
        Problem::new("not-found", Retry::Never, message)
    })
}

/// The one machine that a user means.
pub(super) async fn machine(connected: &Connected, target: &Target) -> Result<MachineId, Problem> {
    if let Some(problem) = &connected.missing {
        return Err(problem.clone());
    }
    match target {
        Target::Id(id) => Ok(id.clone()),
        Target::Name(name) => {
            let machines = connected.runner.find(name).await?;
            match machines.as_slice() {
                [machine] => {
                    machine
                        .id
                        .parse()
                        .map_err(|error: crate::contract::InvalidMachineId| {
                            Problem::new("unreadable-answer", Retry::Never, error.to_string())
                        })
                }
                [] => {
                    let message = format!("no machine has the name {name}");
                    Err(Problem::new("not-found", Retry::Never, message))
                }
                several => {
                    let ids: Vec<&str> =
                        several.iter().map(|machine| machine.id.as_str()).collect();
                    let message = format!(
                        "{} machines have the name {name}: {}",
                        ids.len(),
                        ids.join(", ")
                    );
                    Err(Problem::new("ambiguous-name", Retry::Never, message))
                }
            }
        }
    }
}

async fn follow(connected: &Connected, asked: &mut [Asked], patience: Duration, screen: &Screen) {
    let runner = &connected.runner;
    let ask = async || {
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
    if runner.poll(patience, ask).await.is_err() {
        for asked in asked {
            if let Ok((_, state @ State::Accepted)) = &mut asked.found {
                *state = State::Pending;
            }
        }
    }
}

fn show(args: &StatusArgs, screen: &Screen, asked: &[Asked], connected: &Connected) {
    let advice = |problem: &Problem| hint::hint(problem, connected.claims.as_ref());
    if args.output.output == Format::Table {
        screen.line(&report::table(
            &["MACHINE", "NAME", "STATE", "ACTION", "DETAIL"],
            asked.iter().map(|asked| cells(asked)),
        ));
    } else {
        let rows: Vec<Row<'_>> = asked
            .iter()
            .map(|asked| match &asked.found {
                Ok((action, state)) => Row::of_action(action, None, *state),
                Err(problem) => {
                    let state = problem_state(problem);
                    Row::of_problem(ids(&asked.subject), problem, state, advice(problem))
                }
            })
            .collect();
        report::json(screen, args.output.output, &rows);
    }
    for asked in asked {
        match &asked.found {
            Err(problem) => {
                screen.say(&format!("hint: {}: {}", problem.kind, advice(problem)));
            }
            Ok((action, State::Succeeded)) => {
                let name = action.computer_dns_name.as_deref().unwrap_or(&action.id);
                screen.say(&format!(
                    "{} is offboarded. {}",
                    clean(name),
                    hint::aftermath(None)
                ));
            }
            Ok(_) => {}
        }
    }
}

/// What could not be read was not refused: nothing was asked of the service
/// that it could refuse but the permission.
pub(super) fn problem_state(problem: &Problem) -> State {
    match problem.kind {
        "outcome-unknown" | "service-failure" | "unreadable-answer" => State::Unknown,
        "no-answer" | "not-sent" | "no-credential" | "throttled" | "journal" => State::NotSent,
        _ => State::Rejected,
    }
}

/// The machine id and the name, as far as the user gave them.
pub(super) fn ids(subject: &Subject) -> (Option<&str>, Option<&str>) {
    match subject {
        Subject::Action(_) => (None, None),
        Subject::Machine(Target::Id(id)) => (Some(id.as_str()), None),
        Subject::Machine(Target::Name(name)) => (None, Some(name)),
    }
}

fn cells(asked: &Asked) -> Vec<String> {
    let dash = || "-".to_owned();
    match &asked.found {
        Ok((action, state)) => vec![
            action.machine_id.clone().unwrap_or_else(dash),
            action.computer_dns_name.clone().unwrap_or_else(dash),
            state.to_string(),
            action.id.clone(),
            action.status.name().to_owned(),
        ],
        Err(problem) => {
            let (machine, name) = ids(&asked.subject);
            let action = match &asked.subject {
                Subject::Action(id) => id.to_string(),
                Subject::Machine(_) => dash(),
            };
            vec![
                machine.unwrap_or("-").to_owned(),
                name.unwrap_or("-").to_owned(),
                problem_state(problem).to_string(),
                action,
                report::words(problem),
            ]
        }
    }
}
