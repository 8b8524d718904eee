//! Actions that a user asked for: which they are, and how they are shown.

use std::collections::HashSet;

use super::{
    args::Format,
    connect::Connected,
    hint,
    report::{self, Row},
    screen::Screen,
    target::Subject,
};
use offboard::{
    connection::TokenClaims,
    contract::{
        ActionType, InvalidMachineId, MachineAction, MachineId, Problem, ProblemKind, Retry,
    },
    order::{State, Target},
    text::clean,
};

/// One thing that was asked for, and what came of it.
pub(super) struct Asked {
    pub(super) subject: Subject,
    pub(super) found: Result<(MachineAction, State), Problem>,
    /// Why a success may no longer describe the machine.
    pub(super) doubt: Option<Problem>,
}

/// What is known where a user ended the command before anything was asked.
pub(super) fn interrupted(subjects: &[Subject]) -> Vec<Asked> {
    let reason = "interrupted before it was asked";
    let asked = |subject: &Subject| Asked {
        subject: subject.clone(),
        found: Err(Problem::new(ProblemKind::Interrupted, Retry::Safe, reason)),
        doubt: None,
    };
    subjects.iter().map(asked).collect()
}

/// The one machine that a user means.
pub(super) async fn machine(connected: &Connected, target: &Target) -> Result<MachineId, Problem> {
    let name = match target {
        Target::Id(id) => return Ok(id.clone()),
        Target::Name(name) => name,
    };
    let machines = connected.runner.find(name).await?;
    match machines.as_slice() {
        [machine] => machine.id.parse().map_err(|error: InvalidMachineId| {
            Problem::new(
                ProblemKind::UnreadableAnswer,
                Retry::Never,
                error.to_string(),
            )
        }),
        [] => {
            let message = format!("no machine has the name {name}");
            Err(Problem::new(ProblemKind::NotFound, Retry::Never, message))
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|machine| machine.id.as_str()).collect();
            let message = format!(
                "{} machines have the name {name}: {}",
                ids.len(),
                ids.join(", ")
            );
            Err(Problem::new(
                ProblemKind::AmbiguousName,
                Retry::Never,
                message,
            ))
        }
    }
}

/// A read that finds nothing, where an action was asked for.
pub(super) fn unknown_action(problem: Problem) -> Problem {
    match problem.kind {
        ProblemKind::NotFound => Problem {
            kind: ProblemKind::ActionNotFound,
            ..problem
        },
        _ => problem,
    }
}

/// Shows them all, and what to do next. The comment is the one that was sent,
/// if one was; `state_of` says what a problem means for what was asked.
pub(super) fn show(
    asked: &[Asked],
    comment: Option<&str>,
    state_of: fn(&Problem) -> State,
    format: Format,
    claims: Option<&TokenClaims>,
    screen: &Screen,
) {
    let advice = |problem: &Problem| hint::hint(problem, claims);
    if format == Format::Table {
        let cells = asked.iter().map(|asked| cells(asked, state_of));
        screen.line(&report::table(&report::ORDER_HEAD, cells));
    } else {
        let rows: Vec<Row<'_>> = asked
            .iter()
            .map(|asked| match &asked.found {
                Ok((action, state)) => {
                    let doubt = asked.doubt.as_ref();
                    let doubt = doubt.map(|problem| (problem, advice(problem)));
                    Row::of_action(&asked.subject, action, comment, *state, doubt)
                }
                Err(problem) => Row::of_problem(
                    &asked.subject,
                    comment,
                    problem,
                    state_of(problem),
                    advice(problem),
                ),
            })
            .collect();
        report::data(screen, format, &rows);
    }
    let mut told = HashSet::new();
    for asked in asked {
        let wrong = match &asked.doubt {
            Some(problem) => Err(problem),
            None => asked.found.as_ref(),
        };
        match wrong {
            Err(problem) if !told.insert(advice(problem)) => {}
            Err(problem) => screen.say(&format!("hint: {}: {}", problem.kind, advice(problem))),
            Ok((action, State::Succeeded)) if action.action_type == ActionType::Offboard => {
                let name = action.computer_dns_name.as_deref().unwrap_or(&action.id);
                screen.say(&format!(
                    "{} was offboarded. {}",
                    clean(name),
                    hint::aftermath(None)
                ));
            }
            Ok(_) => {}
        }
    }
}

fn cells(asked: &Asked, state_of: fn(&Problem) -> State) -> Vec<String> {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    match &asked.found {
        Ok((action, state)) => vec![
            or_dash(action.machine_id.as_deref()),
            or_dash(action.computer_dns_name.as_deref()),
            state.to_string(),
            action.id.clone(),
            report::detail(Some(action), asked.doubt.as_ref()),
        ],
        Err(problem) => {
            let (machine, name) = asked.subject.machine();
            let action = match &asked.subject {
                Subject::Action(id) => Some(id.as_str()),
                Subject::Machine(_) => None,
            };
            vec![
                or_dash(machine),
                or_dash(name),
                state_of(problem).to_string(),
                or_dash(action),
                report::words(problem),
            ]
        }
    }
}
