//! The results of `offboard status` and `offboard cancel`: the action of each reference, and how
//! they are shown.

use std::collections::HashSet;

use super::{
    advice, args::Format, rows, table::table, target::ActionReference, terminal::Terminal,
};
use offboard::{
    Client,
    advice::KnownToken,
    contract::{ActionType, MachineAction, MachineId, Problem, ProblemKind, Retry},
    ledger::SentOrder,
    order::{State, state_of},
    output::{OrderError, OrderInRun, OrderRow},
    text::clean,
};

/// The note of a successful action if its machine, or the times of its machine, could not be
/// read.
const ACTIVITY_UNKNOWN: &str = "It is not known whether the machine has reported since then.";

/// An action that the user referred to, or the problem that prevented it.
pub(super) struct ActionResult {
    pub(super) reference: ActionReference,
    pub(super) action: Result<(MachineAction, State), Problem>,
    /// The action as it was read, if there is a problem with it.
    pub(super) read: Option<Box<MachineAction>>,
    /// Why a successful action may no longer describe the machine.
    pub(super) later_activity: Option<Problem>,
    /// An order of the machine in the ledger that may have another action.
    pub(super) sent: Option<SentOrder>,
    /// Whether the outcome of a cancellation could not be recorded.
    pub(super) is_unrecorded: bool,
    /// Whether it is unknown if the machine of a successful action has reported since.
    pub(super) is_activity_unknown: bool,
}

impl ActionResult {
    pub(super) fn new(reference: ActionReference, action: Result<MachineAction, Problem>) -> Self {
        Self {
            reference,
            action: action.map(|action| {
                let state = state_of(&action.status);
                (action, state)
            }),
            read: None,
            later_activity: None,
            sent: None,
            is_unrecorded: false,
            is_activity_unknown: false,
        }
    }

    /// Searches the ledger for an order that the service may not list yet: an offboarding that
    /// is not listed may have been carried out nevertheless.
    pub(super) async fn find_sent_order(&mut self, client: &Client, machine: Option<MachineId>) {
        let Some(machine) = machine else {
            return;
        };
        let is_missing = self.kind() == Some("no-offboarding");
        let listed = self.action.as_ref().ok().map(|(action, _)| action);
        // A ledger that cannot be read is treated like a ledger without the order.
        let sent = client.unlisted_order(&machine, listed, is_missing).await;
        self.sent = sent.ok().flatten();
    }

    fn kind(&self) -> Option<&str> {
        self.action.as_ref().err().map(|problem| &*problem.kind)
    }

    /// Whether the outcome of an order of this machine is unknown.
    pub(super) fn is_unknown(&self) -> bool {
        self.sent.as_ref().is_some_and(SentOrder::is_unknown)
    }

    /// What to do about a problem.
    fn advice(&self, problem: &Problem, token: KnownToken<'_>) -> String {
        match &self.sent {
            Some(sent) => advice::for_sent_order(sent),
            None if problem.kind == "no-offboarding"
                && self.reference.machine_reference().is_none() =>
            {
                "This command cancels only offboardings.".to_owned()
            }
            None => advice::for_problem(problem, token),
        }
    }
}

/// The results if the user interrupted the command before anything was queried.
pub(super) fn interrupted(references: &[ActionReference]) -> Vec<ActionResult> {
    let reason = "interrupted before it was queried";
    let result = |reference: &ActionReference| {
        let problem = Problem::new(ProblemKind::Interrupted, Retry::Safe, reason);
        ActionResult::new(reference.clone(), Err(problem))
    };
    references.iter().map(result).collect()
}

/// How results are shown.
pub(super) struct ResultView<'a> {
    /// The comment that was sent, if one was.
    pub(super) comment: Option<&'a str>,
    /// The state that is shown for a problem.
    pub(super) state_of_problem: fn(&Problem) -> State,
    pub(super) format: Format,
    pub(super) token: KnownToken<'a>,
}

impl ResultView<'_> {
    /// Shows the results, and what to do next.
    pub(super) fn show(&self, results: &[ActionResult], terminal: &Terminal) {
        if self.format == Format::Table {
            let cells = results.iter().map(|result| self.cells(result));
            terminal.print_data(&table(terminal, &rows::ORDER_COLUMNS, cells));
        } else {
            let rows = results.iter().map(|result| self.row(result));
            let rows: Vec<OrderInRun> = rows.map(OrderInRun::from).collect();
            rows::data(terminal, self.format, &rows);
        }
        let mut shown = HashSet::new();
        for result in results {
            self.print_remarks(result, &mut shown, terminal);
        }
    }

    fn row(&self, result: &ActionResult) -> OrderRow {
        let named = result.reference.to_string();
        let error =
            |problem: &Problem| OrderError::new(problem, result.advice(problem, self.token));
        match &result.action {
            Ok((action, state)) => {
                let later = result.later_activity.as_ref().map(error);
                let row = OrderRow::of_action(named, action, self.comment, *state, later);
                if result.is_activity_unknown {
                    row.with_note(ACTIVITY_UNKNOWN)
                } else {
                    row
                }
            }
            Err(problem) => {
                let state = (self.state_of_problem)(problem);
                if let Some(action) = &result.read {
                    let error = Some(error(problem));
                    return OrderRow::of_action(named, action, self.comment, state, error);
                }
                let (machine_id, name) = result.reference.id_and_name();
                OrderRow::of_problem(named, machine_id, name, self.comment, state, error(problem))
            }
        }
    }

    /// Prints advice that is not in `shown` yet, or a note about a success.
    fn print_remarks(
        &self,
        result: &ActionResult,
        shown: &mut HashSet<String>,
        terminal: &Terminal,
    ) {
        let action = match &result.later_activity {
            Some(problem) => Err(problem),
            None => result.action.as_ref(),
        };
        match action {
            Err(problem) => {
                let advice = result.advice(problem, self.token);
                if shown.insert(advice.clone()) {
                    terminal.print_advice(&format!("{}: {advice}", problem.kind));
                }
                return;
            }
            Ok((action, State::Succeeded)) if action.action_type == ActionType::Offboard => {
                let name = action.computer_dns_name.as_deref().unwrap_or(&action.id);
                let note = if result.is_activity_unknown {
                    ACTIVITY_UNKNOWN
                } else {
                    advice::aftermath(None)
                };
                terminal.print(&format!("{} was offboarded. {note}", clean(name)));
            }
            Ok((action, state)) if action.action_type == ActionType::Offboard => {
                let advice = advice::for_state(*state);
                if let Some(advice) = advice.filter(|advice| shown.insert(advice.clone())) {
                    terminal.print_advice(&format!("{state}: {advice}"));
                }
            }
            Ok(_) => {}
        }
        if let Some(sent) = &result.sent {
            terminal.print_advice(&advice::for_sent_order(sent));
        }
    }

    fn cells(&self, result: &ActionResult) -> Vec<String> {
        let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let (action, state, detail) = match (&result.action, &result.read) {
            (Ok((action, state)), _) => {
                let detail = rows::detail(Some(action), result.later_activity.as_ref());
                (action, *state, detail)
            }
            (Err(problem), Some(action)) => {
                let state = (self.state_of_problem)(problem);
                (&**action, state, rows::words(problem))
            }
            (Err(problem), None) => {
                let (machine, name) = result.reference.id_and_name();
                let action = match &result.reference {
                    ActionReference::Action(id) => Some(id.as_str()),
                    ActionReference::Machine(_) => None,
                };
                return vec![
                    or_dash(name),
                    or_dash(machine),
                    (self.state_of_problem)(problem).to_string(),
                    or_dash(action),
                    rows::words(problem),
                ];
            }
        };
        vec![
            or_dash(action.computer_dns_name.as_deref()),
            or_dash(action.machine_id.as_deref()),
            state.to_string(),
            action.id.clone(),
            detail,
        ]
    }
}
