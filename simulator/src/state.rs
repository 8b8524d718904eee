//! The actions of the fleet, behind one lock, which prevents a race: of concurrent
//! offboardings of one machine, exactly one is carried out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::action::{Action, ActionBody, Cancellation, Course, Ordered, Status};
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
    on_duplicate: OnDuplicate,
    external_ids: Mutex<ExternalIds>,
    actions: Mutex<Actions>,
}

#[derive(Debug, Default)]
struct Actions {
    in_order: Vec<Action>,
    by_id: HashMap<Uuid, usize>,
    /// The actions of each machine, in order.
    by_machine: HashMap<String, Vec<usize>>,
}

impl Actions {
    fn of_machine(&self, id: &str) -> impl Iterator<Item = &Action> {
        self.by_machine
            .get(id)
            .into_iter()
            .flatten()
            .filter_map(|index| self.in_order.get(*index))
    }

    fn by_id(&self, id: Uuid) -> Option<&Action> {
        self.in_order.get(*self.by_id.get(&id)?)
    }

    /// Only the last action of a machine can be non-final.
    fn pending(&self, machine: &str, now: Timestamp) -> Option<&Action> {
        self.of_machine(machine)
            .last()
            .filter(|action| !action.status(now).is_final())
    }

    fn add(&mut self, action: Action) {
        let index = self.in_order.len();
        self.by_id.insert(action.id, index);
        self.by_machine
            .entry(action.machine_id.clone())
            .or_default()
            .push(index);
        self.in_order.push(action);
    }
}

/// An accepted offboarding.
#[derive(Debug)]
pub(crate) enum Offboarding {
    Created(ActionBody),
    /// One was already pending, and is returned again.
    Pending(ActionBody),
}

/// Why an offboarding is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OffboardRefusal {
    UnknownMachine,
    Platform(String),
    ClientVersion { platform: String, version: String },
    NotOnboarded(String),
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
    pub(crate) fn new(fleet: Fleet, action_time: Duration, on_duplicate: OnDuplicate) -> Self {
        Self {
            fleet,
            tags: Tags::default(),
            action_time,
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
    ) -> Result<Offboarding, OffboardRefusal> {
        let device = self
            .fleet
            .by_id(machine_id)
            .ok_or(OffboardRefusal::UnknownMachine)?;
        let machine = &device.machine;
        match device.support {
            Support::Platform => {
                return Err(OffboardRefusal::Platform(machine.os_platform.clone()));
            }
            Support::ClientVersion => {
                return Err(OffboardRefusal::ClientVersion {
                    platform: machine.os_platform.clone(),
                    version: machine.version.clone(),
                });
            }
            Support::Supported => {}
        }
        if machine.onboarding_status != "Onboarded" {
            return Err(OffboardRefusal::NotOnboarded(
                machine.onboarding_status.clone(),
            ));
        }
        let mut actions = self.actions();
        if let Some(pending) = actions.pending(machine_id, now) {
            return match self.on_duplicate {
                OnDuplicate::Return => Ok(Offboarding::Pending(self.body(pending, now))),
                OnDuplicate::Refuse => Err(OffboardRefusal::AlreadyPending),
            };
        }
        let action = Action {
            id: Uuid::new_v4(),
            machine_id: machine_id.to_owned(),
            computer_dns_name: machine.computer_dns_name.clone(),
            requestor: requestor.to_owned(),
            ordered: ordered.into(),
            created: now,
            takes: (device.online || course.end.is_some()).then_some(self.action_time),
            course,
            cancellation: None,
        };
        let body = self.body(&action, now);
        actions.add(action);
        Ok(Offboarding::Created(body))
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
        let index = *actions.by_id.get(&id).ok_or(CancelRefusal::UnknownAction)?;
        let action = actions
            .in_order
            .get_mut(index)
            .ok_or(CancelRefusal::UnknownAction)?;
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
            .in_order
            .iter()
            .rev()
            .filter(|action| action.is_visible(now))
            .map(|action| self.body(action, now))
            .collect()
    }

    /// All offboardings that were carried out, oldest first.
    pub(crate) fn carried_out(&self, now: Timestamp) -> Vec<CarriedOut> {
        let actions = self.actions();
        let carried_out = actions.in_order.iter().map(|action| CarriedOut {
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
            offboarded: actions
                .of_machine(id)
                .any(|action| action.status(now) == Status::Succeeded),
            pending_action_id: actions.pending(id, now).map(|action| action.id),
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
