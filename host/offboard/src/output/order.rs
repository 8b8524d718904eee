//! An order, as `docs/schema/order.json` describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{CancellationInfo, CsvRow, raw, remarks, schema};
use crate::{
    contract::{ActionType, MachineAction, Problem, Retry},
    order::{Order, Preflight, State},
};

/// One order and its result.
///
/// Times are RFC 3339 in UTC.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    title = "One order and its result: an element of the output of run, resume, show, status and cancel"
)]
pub struct OrderRow {
    /// The reference that the user gave: a machine id, a name or an action id; for a device URL,
    /// its machine id.
    pub asked: String,
    /// The machine's id: 40 lower-case hexadecimal digits; null for a name that could not be
    /// resolved.
    #[schemars(regex(pattern = "^[0-9a-f]{40}$"))]
    pub machine_id: Option<String>,
    /// The DNS name that the service reports, or the one that the user gave; null without
    /// either.
    pub name: Option<String>,
    /// The order's comment; in the output of `cancel`, the comment of the cancellation. In the
    /// output of `status`, the comment that the service recorded with the action; null without
    /// one.
    pub comment: Option<String>,
    /// The state of the order. For an action without an order, `unknown` also means that its
    /// status could not be read.
    pub state: State,
    /// The machine action as the service sent it, unedited; null without one. For an order that
    /// was rejected as `already-in-progress`, and for a planned order of a dry run: the action
    /// that is in progress, or that was carried out with the same comment. For an order that was
    /// skipped because of an earlier one: the action of that order. For `cancel` with an
    /// error: the action as it was read before, null if it could not be read.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub action: Option<Box<RawValue>>,
    /// The error, or why the order was skipped; null without an error. A succeeded action may
    /// have an error of kind `seen-since`: its machine has reported since.
    pub error: Option<OrderError>,
    /// The result of reading the machine before anything was sent; null if it was not read, or
    /// if the read was rejected.
    pub preflight: Option<PreflightResult>,
    /// A note about what the state does not mean, or why the action failed and what to do next;
    /// null without one.
    pub note: Option<String>,
    /// Warnings about a planned order: the machine is not onboarded, is not active, has an
    /// operating system that is not supported, was merged into another machine, or cannot be
    /// read. In a dry run of up to 1,000 machines also: an offboarding of it is in progress or
    /// was carried out with this comment, and whether the machine has reported since. Empty for
    /// other states.
    pub warnings: Vec<String>,
    /// The digest of the plan of the order's run (SHA-256, 64 lower-case hexadecimal digits). In
    /// a dry run, of the requests that would be sent; otherwise of the last confirmed plan. Null
    /// if no plan was confirmed, and for a machine or an action without a run.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub plan_digest: Option<String>,
    /// The recorded requests to cancel the order's action, oldest first. Only `show` and `export`
    /// have them.
    #[serde(default)]
    pub cancellations: Vec<CancellationInfo>,
    /// The external id that the requests for the order gave to the service; null if one of those
    /// that may have been carried out had none. For an action without an order: the one that the
    /// service returned with it; null without one.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The action's id, for a format that cannot contain the whole action.
    #[serde(skip)]
    pub action_id: Option<String>,
    /// The action's status, for a format that cannot contain the whole action.
    #[serde(skip)]
    pub action_status: Option<String>,
}

/// The error of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderError {
    /// The name of the contract's error case, or of a problem that this host detected
    /// (ambiguous-name, discarded, duplicate, ledger, no-offboarding, already-offboarded,
    /// seen-since, still-pending, under-way, not-listed, policy, wrong-machine).
    #[schemars(regex(pattern = "^[a-z]+(-[a-z]+)*$"))]
    pub kind: String,
    /// The service's error code; null without one.
    pub code: Option<String>,
    /// The message of the service or of this host; null without one.
    pub message: Option<String>,
    /// The service's tracking id; null without one.
    pub target: Option<String>,
    /// What to do next.
    pub hint: String,
    /// Whether the order may be repeated.
    #[schemars(with = "schema::Retry")]
    pub retry: Retry,
    /// How long to wait before that, in seconds; null if the service did not report it.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// The ids of the machines that an ambiguous name may mean, at most 10; empty for other
    /// errors.
    #[serde(default)]
    pub candidates: Vec<String>,
}

/// The result of reading a machine before anything was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PreflightResult {
    /// The machine was read.
    Ok,
    /// The token has no permission to read.
    Unavailable,
}

impl PreflightResult {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unavailable => "unavailable",
        }
    }
}

impl OrderError {
    /// The problem, with the front end's advice.
    #[must_use]
    pub fn new(problem: &Problem, hint: String) -> Self {
        Self {
            kind: problem.kind.to_string(),
            code: problem.code.clone(),
            message: problem.message.clone(),
            target: problem.target.clone(),
            hint,
            retry: problem.retry,
            retry_after: problem.retry_after,
            candidates: problem.candidates().to_vec(),
        }
    }
}

impl OrderRow {
    /// An order. `hint` returns the front end's advice on a problem.
    #[must_use]
    pub fn new(order: &Order, hint: &dyn Fn(&Problem) -> String) -> Self {
        let action = order.action();
        let other = order.problem().and_then(Problem::other_action);
        let other_json = || other.and_then(|other| other.json.as_deref());
        let json = action.map(|action| action.json.as_str());
        Self {
            asked: order.target().to_string(),
            machine_id: order.machine().map(ToString::to_string),
            name: order.name().map(ToOwned::to_owned),
            comment: Some(order.comment().to_string()),
            state: order.state(),
            action: json.or_else(other_json).and_then(raw),
            error: order
                .problem()
                .map(|problem| OrderError::new(problem, hint(problem))),
            preflight: order.preflight().map(|preflight| match preflight {
                Preflight::Found(_) => PreflightResult::Ok,
                Preflight::Unavailable => PreflightResult::Unavailable,
            }),
            note: remarks::note(order),
            warnings: remarks::warnings(order),
            plan_digest: None,
            cancellations: Vec::new(),
            external_id: order.sent_external_id().map(ToString::to_string),
            action_id: action
                .map(|action| &action.id)
                .or_else(|| other.map(|other| &other.id))
                .cloned(),
            action_status: action.map(|action| action.status.name().to_owned()),
        }
    }

    /// An action without an order in this run. `error` is the problem with it, if
    /// there is one.
    #[must_use]
    pub fn of_action(
        asked: String,
        action: &MachineAction,
        comment: Option<&str>,
        state: State,
        error: Option<OrderError>,
    ) -> Self {
        let comment = comment.or(action.requestor_comment.as_deref());
        // The error is more specific.
        let note = match &error {
            Some(_) => None,
            None if action.action_type == ActionType::Offboard => {
                remarks::note_of(state, Some(action), None)
            }
            None => Some(remarks::note_of_other(action)),
        };
        Self {
            asked,
            machine_id: action.machine_id.clone(),
            name: action.computer_dns_name.clone(),
            comment: comment.map(ToOwned::to_owned),
            state,
            action: raw(&action.json),
            error,
            preflight: None,
            note,
            warnings: Vec::new(),
            plan_digest: None,
            cancellations: Vec::new(),
            external_id: action.external_id.clone(),
            action_id: Some(action.id.clone()),
            action_status: Some(action.status.name().to_owned()),
        }
    }

    /// The same row with the digest of its run's plan.
    #[must_use]
    pub fn in_plan(self, digest: Option<String>) -> Self {
        Self {
            plan_digest: digest,
            ..self
        }
    }

    /// The same row with the requests to cancel its action.
    #[must_use]
    pub fn with_cancellations(self, cancellations: Vec<CancellationInfo>) -> Self {
        Self {
            cancellations,
            ..self
        }
    }

    /// The same row with one more warning, if the order is planned.
    #[must_use]
    pub fn with_warning(mut self, warning: &str) -> Self {
        if self.state == State::Planned {
            self.warnings.push(warning.to_owned());
        }
        self
    }

    /// The same row with another note.
    #[must_use]
    pub fn with_note(self, note: &str) -> Self {
        Self {
            note: Some(note.to_owned()),
            ..self
        }
    }

    /// A machine or an action that the user gave, with the problem that prevents showing it.
    #[must_use]
    pub fn of_problem(
        asked: String,
        machine_id: Option<&str>,
        name: Option<&str>,
        comment: Option<&str>,
        state: State,
        error: OrderError,
    ) -> Self {
        Self {
            asked,
            machine_id: machine_id.map(ToOwned::to_owned),
            name: name.map(ToOwned::to_owned),
            comment: comment.map(ToOwned::to_owned),
            state,
            action: None,
            error: Some(error),
            preflight: None,
            note: None,
            warnings: Vec::new(),
            plan_digest: None,
            cancellations: Vec::new(),
            external_id: None,
            action_id: None,
            action_status: None,
        }
    }
}

impl CsvRow for OrderRow {
    fn columns() -> Vec<&'static str> {
        vec![
            "asked",
            "machineId",
            "name",
            "comment",
            "state",
            "actionId",
            "actionStatus",
            "errorKind",
            "errorCode",
            "errorMessage",
            "errorTarget",
            "retry",
            "preflight",
            "note",
            "warnings",
            "cancelledBy",
            "cancellationSent",
            "cancellationComment",
            "cancellationState",
            "externalId",
        ]
    }

    fn cells(&self) -> Vec<String> {
        let error = self.error.as_ref();
        let warnings = self.warnings.join("; ");
        [
            Some(self.asked.as_str()),
            self.machine_id.as_deref(),
            self.name.as_deref(),
            self.comment.as_deref(),
            Some(self.state.name()),
            self.action_id.as_deref(),
            self.action_status.as_deref(),
            error.map(|error| error.kind.as_str()),
            error.and_then(|error| error.code.as_deref()),
            error.and_then(|error| error.message.as_deref()),
            error.and_then(|error| error.target.as_deref()),
            error.map(|error| error.retry.name()),
            self.preflight.map(PreflightResult::name),
            self.note.as_deref(),
            Some(&warnings),
        ]
        .map(|cell| cell.unwrap_or_default().to_owned())
        .into_iter()
        .chain(CancellationInfo::last_cells(&self.cancellations))
        .chain([self.external_id.clone().unwrap_or_default()])
        .collect()
    }
}
