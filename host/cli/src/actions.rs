//! Actions that a user asked for: which they are, and how they are shown.

use std::collections::HashSet;

use super::{args::Format, hint, report, screen::Screen, target::Subject};
use offboard::{
    Client,
    contract::{ActionType, MachineAction, MachineId, Problem, ProblemKind, Retry},
    identity::TokenClaims,
    ledger::SentOrder,
    order::State,
    output::{OrderError, OrderRow},
    text::clean,
};

/// What is said of a success if its machine could not be read, or its times could not.
const UNSEEN: &str = "Whether the machine has reported since then is not known.";

/// One thing that was asked for, and what came of it.
pub(super) struct Asked {
    pub(super) subject: Subject,
    pub(super) found: Result<(MachineAction, State), Problem>,
    /// Why a success may no longer describe the machine.
    pub(super) doubt: Option<Problem>,
    /// An order of the machine in the ledger that what was found may not be about.
    pub(super) sent: Option<SentOrder>,
    /// Whether it is not known if the machine of a success has reported since.
    pub(super) is_unseen: bool,
}

impl Asked {
    /// Looks for an order in the ledger that the service may not list yet: an offboarding
    /// that is not listed may have been carried out all the same.
    pub(super) async fn look_into_ledger(&mut self, client: &Client, machine: Option<MachineId>) {
        let Some(machine) = machine else {
            return;
        };
        let is_listed = self.found.is_ok() || self.kind() != Some("no-offboarding");
        // A ledger that cannot be read leaves it open, as one without the order does.
        let sent = client.unlisted_order(&machine, is_listed).await;
        self.sent = sent.ok().flatten();
    }

    fn kind(&self) -> Option<&str> {
        self.found.as_ref().err().map(|problem| &*problem.kind)
    }

    /// Whether the outcome of an order of this machine is unknown.
    pub(super) fn is_unknown(&self) -> bool {
        self.sent.as_ref().is_some_and(SentOrder::is_unknown)
    }

    /// What to do next about a problem.
    fn advice(&self, problem: &Problem, claims: Option<&TokenClaims>) -> String {
        match &self.sent {
            Some(sent) => hint::of_sent(sent),
            None if problem.kind == "no-offboarding" && self.subject.named().is_none() => {
                "This command withdraws offboardings alone.".to_owned()
            }
            None => hint::hint(problem, claims),
        }
    }
}

/// What is known where a user ended the command before anything was asked.
pub(super) fn interrupted(subjects: &[Subject]) -> Vec<Asked> {
    let reason = "interrupted before it was asked";
    let asked = |subject: &Subject| Asked {
        subject: subject.clone(),
        found: Err(Problem::new(ProblemKind::Interrupted, Retry::Safe, reason)),
        doubt: None,
        sent: None,
        is_unseen: false,
    };
    subjects.iter().map(asked).collect()
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
    if format == Format::Table {
        let cells = asked.iter().map(|asked| cells(asked, state_of));
        screen.line(&report::table(&report::ORDER_HEAD, cells));
    } else {
        let rows: Vec<OrderRow> = asked
            .iter()
            .map(|asked| match &asked.found {
                Ok((action, state)) => {
                    let doubt = asked.doubt.as_ref();
                    let doubt = doubt
                        .map(|problem| OrderError::new(problem, asked.advice(problem, claims)));
                    let named = asked.subject.to_string();
                    let row = OrderRow::of_action(named, action, comment, *state, doubt);
                    if asked.is_unseen {
                        row.with_note(UNSEEN)
                    } else {
                        row
                    }
                }
                Err(problem) => {
                    let (machine_id, name) = asked.subject.machine();
                    OrderRow::of_problem(
                        asked.subject.to_string(),
                        machine_id,
                        name,
                        comment,
                        state_of(problem),
                        OrderError::new(problem, asked.advice(problem, claims)),
                    )
                }
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
            Err(problem) => {
                let advice = asked.advice(problem, claims);
                if told.insert(advice.clone()) {
                    screen.advise(&format!("{}: {advice}", problem.kind));
                }
            }
            Ok((action, State::Succeeded)) if action.action_type == ActionType::Offboard => {
                let name = action.computer_dns_name.as_deref().unwrap_or(&action.id);
                screen.say(&format!(
                    "{} was offboarded. {}",
                    clean(name),
                    match asked.is_unseen {
                        true => UNSEEN.to_owned(),
                        false => hint::aftermath(None).to_string(),
                    }
                ));
            }
            Ok(_) => {}
        }
        if wrong.is_ok()
            && let Some(sent) = &asked.sent
        {
            screen.advise(&hint::of_sent(sent));
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
