//! The actions of the fleet, behind one lock, which prevents a race: of concurrent
//! offboardings of one machine, exactly one is carried out.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::action::{Action, ActionBody, Cancellation, Course, Ordered, Status};
use crate::action_kind::{ActionKind, IsolationType};
use crate::actions::Actions;
use crate::config::{ExternalIds, OnDuplicate};
use crate::fleet::{Device, Fleet};
use crate::machine::MachineTruth;
use crate::supported_systems::Support;
use crate::tags::Tags;
use crate::timestamp::wire;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) fleet: Fleet,
    pub(crate) tags: Tags,
    action_time: Duration,
    action_deadline: Duration,
    on_duplicate: OnDuplicate,
    external_ids: Mutex<ExternalIds>,
    actions: Mutex<Actions>,
}

/// An accepted action.
#[derive(Debug)]
pub(crate) enum Accepted {
    Created(ActionBody),
    /// One was already pending, and is returned again.
    Pending(ActionBody),
}

/// Why an action on a machine is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ActionRefusal {
    UnknownMachine,
    Platform(String),
    ClientVersion {
        platform: String,
        version: String,
    },
    NotOnboarded(String),
    /// Only a device that isn't onboarded can be contained.
    Onboarded,
    AlreadyPending,
}

/// Why a cancellation is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CancelRefusal {
    UnknownAction,
    TooLate(Status),
}

/// An offboarding that was carried out: an action that was created, not a pending one that was
/// returned again.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CarriedOut {
    machine_id: String,
    action_id: Uuid,
    time: String,
    status: Status,
    /// The external id that was kept, whether or not actions show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
}

impl State {
    pub(crate) fn new(
        fleet: Fleet,
        action_time: Duration,
        action_deadline: Duration,
        on_duplicate: OnDuplicate,
    ) -> Self {
        Self {
            fleet,
            tags: Tags::default(),
            action_time,
            action_deadline,
            on_duplicate,
            external_ids: Mutex::new(ExternalIds::Echo),
            actions: Mutex::default(),
        }
    }

    pub(crate) fn with_external_ids(self, external_ids: ExternalIds) -> Self {
        self.set_external_ids(external_ids);
        self
    }

    pub(crate) fn external_ids(&self) -> ExternalIds {
        let external_ids = self.external_ids.lock();
        *external_ids.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_external_ids(&self, external_ids: ExternalIds) {
        let known = self.external_ids.lock();
        *known.unwrap_or_else(PoisonError::into_inner) = external_ids;
    }

    /// The action as the service shows it, with what it shows of the external id.
    fn body(&self, action: &Action, now: Timestamp) -> ActionBody {
        let mut body = action.body(now);
        let external_ids = self.external_ids();
        body.external_id = body.external_id.and_then(|id| external_ids.shown(id));
        body
    }

    /// No step under the lock leaves the actions inconsistent, so they are usable after a
    /// panic.
    fn actions(&self) -> MutexGuard<'_, Actions> {
        self.actions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offboards a machine.
    ///
    /// Unsourced: that a device which isn't onboarded is refused; that an
    /// inactive one is accepted and stays pending; and that after a success a
    /// second offboarding is a new action, carried out again.
    pub(crate) fn offboard(
        &self,
        machine_id: &str,
        requestor: &str,
        ordered: impl Into<Ordered>,
        course: Course,
        now: Timestamp,
    ) -> Result<Accepted, ActionRefusal> {
        let device = self.managed(machine_id)?;
        self.begin(
            device,
            ActionKind::Offboard,
            requestor,
            ordered,
            course,
            now,
        )
    }

    /// Isolates a machine. Microsoft's API documentation limits selective isolation to Windows
    /// 10 and 11, and containment to devices that are not onboarded.
    ///
    /// Unsourced: that a machine that is isolated already is isolated again; and that all
    /// systems that can be offboarded can be isolated.
    pub(crate) fn isolate(
        &self,
        machine_id: &str,
        isolation: IsolationType,
        requestor: &str,
        ordered: impl Into<Ordered>,
        course: Course,
        now: Timestamp,
    ) -> Result<Accepted, ActionRefusal> {
        let device = match isolation {
            IsolationType::UnManagedDevice => {
                let device = self.known(machine_id)?;
                if device.is_onboarded() {
                    return Err(ActionRefusal::Onboarded);
                }
                device
            }
            IsolationType::Full => self.managed(machine_id)?,
            IsolationType::Selective => {
                let device = self.managed(machine_id)?;
                let platform = &device.machine.os_platform;
                if !platform.starts_with("Windows1") {
                    return Err(ActionRefusal::Platform(platform.clone()));
                }
                device
            }
        };
        let kind = ActionKind::Isolate(isolation);
        self.begin(device, kind, requestor, ordered, course, now)
    }

    /// Releases a machine from isolation. Unsourced: that one that isn't isolated is released,
    /// too.
    pub(crate) fn unisolate(
        &self,
        machine_id: &str,
        requestor: &str,
        ordered: impl Into<Ordered>,
        course: Course,
        now: Timestamp,
    ) -> Result<Accepted, ActionRefusal> {
        let known = self.known(machine_id)?;
        let device = if known.is_onboarded() {
            self.managed(machine_id)?
        } else {
            known
        };
        self.begin(
            device,
            ActionKind::Unisolate,
            requestor,
            ordered,
            course,
            now,
        )
    }

    fn known(&self, machine_id: &str) -> Result<&Device, ActionRefusal> {
        self.fleet
            .by_id(machine_id)
            .ok_or(ActionRefusal::UnknownMachine)
    }

    /// A device whose system supports actions, and that is onboarded.
    fn managed(&self, machine_id: &str) -> Result<&Device, ActionRefusal> {
        let device = self.known(machine_id)?;
        let machine = &device.machine;
        match device.support {
            Support::Platform => {
                return Err(ActionRefusal::Platform(machine.os_platform.clone()));
            }
            Support::ClientVersion => {
                return Err(ActionRefusal::ClientVersion {
                    platform: machine.os_platform.clone(),
                    version: machine.version.clone(),
                });
            }
            Support::Supported => {}
        }
        if !device.is_onboarded() {
            return Err(ActionRefusal::NotOnboarded(
                machine.onboarding_status.clone(),
            ));
        }
        Ok(device)
    }

    /// Creates an action, unless one of its type is pending. Unsourced: that pending actions of
    /// other types don't matter.
    fn begin(
        &self,
        device: &Device,
        kind: ActionKind,
        requestor: &str,
        ordered: impl Into<Ordered>,
        course: Course,
        now: Timestamp,
    ) -> Result<Accepted, ActionRefusal> {
        let machine = &device.machine;
        let mut actions = self.actions();
        if let Some(pending) = actions.pending(&machine.id, kind, now) {
            return match self.on_duplicate {
                OnDuplicate::Return => Ok(Accepted::Pending(self.body(pending, now))),
                OnDuplicate::Refuse => Err(ActionRefusal::AlreadyPending),
            };
        }
        // Other devices contain one that isn't onboarded, so it need not be online.
        let begins = device.online || !device.is_onboarded() || course.end.is_some();
        let action = Action {
            id: Uuid::new_v4(),
            kind,
            machine_id: machine.id.clone(),
            computer_dns_name: machine.computer_dns_name.clone(),
            requestor: requestor.to_owned(),
            ordered: ordered.into(),
            created: now,
            takes: begins.then_some(self.action_time),
            deadline: self.action_deadline,
            course,
            cancellation: None,
        };
        let body = self.body(&action, now);
        actions.add(action);
        Ok(Accepted::Created(body))
    }

    /// Cancels an action that no device has begun, even one that isn't visible yet. Whether
    /// the service stops one that is in progress is unsourced; here it doesn't.
    pub(crate) fn cancel(
        &self,
        id: Uuid,
        requestor: &str,
        comment: Option<String>,
        now: Timestamp,
    ) -> Result<ActionBody, CancelRefusal> {
        let mut actions = self.actions();
        let action = actions.by_id_mut(id).ok_or(CancelRefusal::UnknownAction)?;
        match action.status(now) {
            Status::Pending => {}
            late => return Err(CancelRefusal::TooLate(late)),
        }
        action.cancellation = Some(Cancellation {
            requestor: requestor.to_owned(),
            comment,
            time: now,
        });
        Ok(self.body(action, now))
    }

    /// An action, if it is visible.
    pub(crate) fn action(&self, id: Uuid, now: Timestamp) -> Option<ActionBody> {
        let actions = self.actions();
        let action = actions.by_id(id).filter(|action| action.is_visible(now));
        action.map(|action| self.body(action, now))
    }

    /// The machine of an action, visible or not.
    pub(crate) fn machine_of(&self, id: Uuid) -> Option<String> {
        let actions = self.actions();
        actions.by_id(id).map(|action| action.machine_id.clone())
    }

    /// All visible actions, newest first.
    pub(crate) fn newest_actions(&self, now: Timestamp) -> Vec<ActionBody> {
        self.actions()
            .iter()
            .rev()
            .filter(|action| action.is_visible(now))
            .map(|action| self.body(action, now))
            .collect()
    }

    /// All offboardings that were carried out, oldest first.
    pub(crate) fn carried_out(&self, now: Timestamp) -> Vec<CarriedOut> {
        let actions = self.actions();
        let offboardings = actions
            .iter()
            .filter(|action| action.kind == ActionKind::Offboard);
        let carried_out = offboardings.map(|action| CarriedOut {
            machine_id: action.machine_id.clone(),
            action_id: action.id,
            time: wire(action.created),
            status: action.status(now),
            external_id: action.ordered.external_id.clone(),
        });
        carried_out.collect()
    }

    pub(crate) fn truths(&self, now: Timestamp) -> Vec<MachineTruth> {
        let actions = self.actions();
        self.fleet
            .iter()
            .map(|device| self.truth_of(device, &actions, now))
            .collect()
    }

    pub(crate) fn truth(&self, machine: &str, now: Timestamp) -> Option<MachineTruth> {
        let device = self.fleet.by_id(machine)?;
        Some(self.truth_of(device, &self.actions(), now))
    }

    fn truth_of(&self, device: &Device, actions: &Actions, now: Timestamp) -> MachineTruth {
        let id = &device.machine.id;
        MachineTruth {
            machine: self.tags.on(&device.machine),
            online: device.online,
            supported: device.support == Support::Supported,
            offboarded: actions.of_machine(id).any(|action| {
                action.kind == ActionKind::Offboard && action.status(now) == Status::Succeeded
            }),
            pending_action_id: actions
                .pending(id, ActionKind::Offboard, now)
                .map(|action| action.id),
            isolated: is_isolated(actions.of_machine(id), now),
        }
    }
}

/// Whether the last successful isolation or release of a machine was an isolation.
fn is_isolated<'a>(actions: impl Iterator<Item = &'a Action>, now: Timestamp) -> bool {
    let done = actions.filter(|action| {
        action.kind != ActionKind::Offboard && action.status(now) == Status::Succeeded
    });
    done.last()
        .is_some_and(|action| action.kind != ActionKind::Unisolate)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
