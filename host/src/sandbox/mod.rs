//! Calls of the plugin: a fresh instance for each, with one grant, one way
//! out, and bounds on memory, computation and time. Nothing survives a call
//! but its result and the record of what it sent.

mod limits;
mod state;

use wasmtime::{Store, Trap, component::Linker};

use thiserror::Error;

use crate::{
    component::{Component, ComponentError, TICK},
    connection::Connection,
    contract::{
        ActionFilter, ActionId, ActionPage, CancelError, Comment, Machine, MachineAction,
        MachineId, MachinePage, OffboardError, Plugin, PluginPre, ReadError,
    },
    egress::{CallRecord, Recorder},
    grant::Grant,
};

pub use limits::Limits;
use state::State;

/// Where calls of one component are made.
pub struct Sandbox {
    plugin: PluginPre<State>,
    limits: Limits,
}

/// What became of a call: what the guest says, and what egress saw.
#[derive(Debug)]
#[non_exhaustive]
pub struct Called<T> {
    /// The guest's word.
    pub result: Result<T, CallError>,
    /// What really left and came back.
    pub record: CallRecord,
}

/// Why a call has no result of the contract's. Whether anything was sent is in
/// the call's record.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The plugin could not be started.
    #[error("the plugin cannot be started: {0}")]
    Start(String),
    /// The plugin broke.
    #[error("the plugin broke: {0}")]
    Trap(String),
    /// The plugin wanted more than it may have.
    #[error("the plugin exceeded a limit: {0}")]
    Limit(String),
    /// The plugin still computed at the deadline.
    #[error("the plugin still computed after {0:?}")]
    Computation(std::time::Duration),
    /// The call took too long.
    #[error("the call took longer than {0:?}")]
    Deadline(std::time::Duration),
}

impl Sandbox {
    /// A sandbox for this component.
    ///
    /// # Errors
    /// The component does not keep to the contract.
    pub fn new(component: &Component, limits: Limits) -> Result<Self, ComponentError> {
        let violations = component.violations();
        if !violations.is_empty() {
            return Err(ComponentError::Contract(violations));
        }
        let mut linker = Linker::new(component.engine());
        state::add_to_linker(&mut linker).map_err(ComponentError::Engine)?;
        let plugin = linker
            .instantiate_pre(component.compiled())
            .and_then(PluginPre::new)
            .map_err(|error| ComponentError::Contract(vec![format!("{error:#}")]))?;
        Ok(Self { plugin, limits })
    }

    /// Offboards one machine.
    pub async fn offboard(
        &self,
        connection: &Connection,
        machine: &MachineId,
        comment: &Comment,
    ) -> Called<Result<MachineAction, OffboardError>> {
        let grant = Grant::offboard(&connection.api_root, machine, comment);
        self.call(connection, grant, async |plugin: &Plugin, store| {
            plugin
                .defender_offboard_offboarding()
                .call_offboard(store, machine.as_str(), comment.as_str())
                .await
        })
        .await
    }

    /// Reads one action.
    pub async fn get_action(
        &self,
        connection: &Connection,
        action: &ActionId,
    ) -> Called<Result<MachineAction, ReadError>> {
        let grant = Grant::read_action(&connection.api_root, action);
        self.call(connection, grant, async |plugin: &Plugin, store| {
            plugin
                .defender_offboard_tracking()
                .call_get_action(store, action.as_str())
                .await
        })
        .await
    }

    /// Lists one page of actions, newest first.
    pub async fn list_actions(
        &self,
        connection: &Connection,
        filter: &ActionFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Called<Result<ActionPage, ReadError>> {
        let grant = Grant::list_actions(&connection.api_root);
        self.call(connection, grant, async |plugin: &Plugin, store| {
            plugin
                .defender_offboard_tracking()
                .call_list_actions(store, filter, cursor, limit)
                .await
        })
        .await
    }

    /// Cancels one action.
    pub async fn cancel_action(
        &self,
        connection: &Connection,
        action: &ActionId,
        comment: &Comment,
    ) -> Called<Result<MachineAction, CancelError>> {
        let grant = Grant::cancel(&connection.api_root, action, comment);
        self.call(connection, grant, async |plugin: &Plugin, store| {
            plugin
                .defender_offboard_tracking()
                .call_cancel_action(store, action.as_str(), comment.as_str())
                .await
        })
        .await
    }

    /// Reads one machine.
    pub async fn get_machine(
        &self,
        connection: &Connection,
        machine: &MachineId,
    ) -> Called<Result<Machine, ReadError>> {
        let grant = Grant::read_machine(&connection.api_root, machine);
        self.call(connection, grant, async |plugin: &Plugin, store| {
            plugin
                .defender_offboard_inventory()
                .call_get_machine(store, machine.as_str())
                .await
        })
        .await
    }

    /// Finds one page of machines by name.
    pub async fn find_machines(
        &self,
        connection: &Connection,
        name: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Called<Result<MachinePage, ReadError>> {
        let grant = Grant::list_machines(&connection.api_root);
        self.call(connection, grant, async |plugin: &Plugin, store| {
            plugin
                .defender_offboard_inventory()
                .call_find_machines(store, name, cursor, limit)
                .await
        })
        .await
    }

    /// Lists one page of the fleet.
    pub async fn list_machines(
        &self,
        connection: &Connection,
        cursor: Option<&str>,
        limit: u32,
    ) -> Called<Result<MachinePage, ReadError>> {
        let grant = Grant::list_machines(&connection.api_root);
        self.call(connection, grant, async |plugin: &Plugin, store| {
            plugin
                .defender_offboard_inventory()
                .call_list_machines(store, cursor, limit)
                .await
        })
        .await
    }

    async fn call<T>(
        &self,
        connection: &Connection,
        grant: Grant,
        call: impl AsyncFnOnce(&Plugin, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Called<T> {
        let recorder = Recorder::default();
        let state = State::new(connection.clone(), grant, recorder.clone(), &self.limits);
        let mut store = Store::new(self.plugin.engine(), state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(self.limits.host_data);
        let ticks = self.limits.deadline.as_millis() / TICK.as_millis();
        store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX).max(1));

        // Epochs end a guest that computes; one that waits in the host is ended
        // from outside. Both count from the call's beginning.
        let called = tokio::time::timeout(self.limits.deadline, async {
            let plugin = self
                .plugin
                .instantiate_async(&mut store)
                .await
                .map_err(|error| self.explain(&error, &mut store, CallError::Start))?;
            call(&plugin, &mut store)
                .await
                .map_err(|error| self.explain(&error, &mut store, CallError::Trap))
        })
        .await;
        let result = called.unwrap_or(Err(CallError::Deadline(self.limits.deadline)));
        drop(store);
        Called {
            result,
            record: recorder.finish(),
        }
    }

    fn explain(
        &self,
        error: &wasmtime::Error,
        store: &mut Store<State>,
        otherwise: fn(String) -> CallError,
    ) -> CallError {
        if let Some(reason) = store.data_mut().meter.exceeded.take() {
            CallError::Limit(reason)
        } else if let Some(Trap::Interrupt) = error.downcast_ref::<Trap>() {
            CallError::Computation(self.limits.deadline)
        } else {
            otherwise(error.root_cause().to_string())
        }
    }
}
