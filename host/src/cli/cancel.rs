//! `offboard cancel`: withdraw actions that have not ended.

use std::time::Duration;

use anyhow::Result;

use super::{
    args::{CancelArgs, Format},
    connect::Connected,
    exit::Exit,
    hint,
    report::{self, Row},
    signal::Signals,
    status::{ids, machine, problem_state},
    target::Subject,
    text::Screen,
};
use crate::{
    contract::{ActionId, MachineAction, Problem, Retry},
    journal::Journal,
    order::state_of,
};

pub(super) async fn cancel(args: CancelArgs, screen: &Screen) -> Result<Exit> {
    let signals = Signals::listen(screen);
    let connected = args.connect.connect(Duration::ZERO, signals.stop.clone())?;
    let mut journal = connected
        .journal(&args.journal)
        .map_err(|error| Problem::new("journal", Retry::Safe, error.to_string()));
    let mut results = Vec::new();
    for subject in &args.actions {
        let result = match (&mut journal, signals.stopped()) {
            (_, true) => Err(Problem::new(
                "not-sent",
                Retry::Safe,
                "interrupted before its turn",
            )),
            (Err(problem), _) => Err(problem.clone()),
            (Ok(journal), _) => one(&args, &connected, subject, journal).await,
        };
        results.push((subject, result));
    }
    show(&args, screen, &results, &connected);
    if signals.stopped() {
        return Ok(Exit::Interrupted);
    }
    Ok(Exit::of(results.iter().map(|(_, result)| match result {
        Ok(_) => Exit::Done,
        Err(problem) => Exit::of_kind(problem.kind),
    })))
}

async fn one(
    args: &CancelArgs,
    connected: &Connected,
    subject: &Subject,
    journal: &mut Journal,
) -> Result<MachineAction, Problem> {
    if let Some(problem) = &connected.missing {
        return Err(problem.clone());
    }
    let action = pending(connected, subject).await?;
    connected
        .runner
        .cancel(&action, &args.comment, journal)
        .await
        .unwrap_or_else(|error| Err(Problem::new("journal", Retry::Safe, error.to_string())))
}

/// The action that a user means: by its id, or the machine's offboarding that
/// has not ended.
async fn pending(connected: &Connected, subject: &Subject) -> Result<ActionId, Problem> {
    let machine = match subject {
        Subject::Action(id) => return Ok(id.clone()),
        Subject::Machine(target) => machine(connected, target).await?,
    };
    let actions = connected.runner.offboardings(&[&machine]).await?;
    actions
        .iter()
        .find(|action| !action.status.is_final())
        .and_then(|action| action.id.parse().ok())
        .ok_or_else(|| {
            let message = format!("no offboarding of {machine} is under way");
            Problem::new("not-found", Retry::Never, message)
        })
}

fn show(
    args: &CancelArgs,
    screen: &Screen,
    results: &[(&Subject, Result<MachineAction, Problem>)],
    connected: &Connected,
) {
    let advice = |problem: &Problem| hint::hint(problem, connected.claims.as_ref());
    if args.output.output == Format::Table {
        screen.line(&report::table(
            &["MACHINE", "NAME", "STATE", "ACTION", "DETAIL"],
            results.iter().map(|(subject, result)| match result {
                Ok(action) => vec![
                    action.machine_id.clone().unwrap_or_else(|| "-".to_owned()),
                    action
                        .computer_dns_name
                        .clone()
                        .unwrap_or_else(|| "-".to_owned()),
                    state_of(&action.status).to_string(),
                    action.id.clone(),
                    action.status.name().to_owned(),
                ],
                Err(problem) => {
                    let (machine, name) = ids(subject);
                    vec![
                        machine.unwrap_or("-").to_owned(),
                        name.unwrap_or("-").to_owned(),
                        problem_state(problem).to_string(),
                        match subject {
                            Subject::Action(id) => id.to_string(),
                            Subject::Machine(_) => "-".to_owned(),
                        },
                        report::words(problem),
                    ]
                }
            }),
        ));
    } else {
        let rows: Vec<Row<'_>> = results
            .iter()
            .map(|(subject, result)| match result {
                Ok(action) => Row::of_action(
                    action,
                    Some(args.comment.as_str()),
                    state_of(&action.status),
                ),
                Err(problem) => Row::of_problem(
                    ids(subject),
                    problem,
                    problem_state(problem),
                    advice(problem),
                ),
            })
            .collect();
        report::json(screen, args.output.output, &rows);
    }
    for (_, result) in results {
        if let Err(problem) = result {
            screen.say(&format!("hint: {}: {}", problem.kind, advice(problem)));
        }
    }
}
