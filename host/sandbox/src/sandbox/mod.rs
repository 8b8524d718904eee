//! Calls of the plugin. Each call has a new instance, one grant, one egress, and limits on
//! memory, computation and time. Only the result and the record of what was sent outlive a
//! call.

mod bounds;
mod calls;
mod clock;
mod exports;
mod limiter;
mod limits;
mod state;

use std::sync::Arc;

use thiserror::Error;
use wasmtime::{Store, Trap, component::Linker};

use crate::{
    component::Component,
    connection::Connection,
    contract::{IdentifierPre, Plugin, PluginPre, TaggerPre},
    egress::{Audit, Auditor, CallRecord, Egress, Recorder},
    grant::Grant,
};

use bounds::Bounded;
use exports::Exports;
pub use limits::{Limit, LimitError, Limits, Unit};
use state::State;

/// Makes the calls of one component.
pub struct Sandbox {
    plugin: PluginPre<State>,
    /// The same component, if it exports `tagging`.
    tagger: Option<TaggerPre<State>>,
    /// The same component, if it exports `external-id`.
    identifier: Option<IdentifierPre<State>>,
    limits: Limits,
    auditor: Auditor,
}

/// Why a component cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The component violates the contract.
    #[error("the component violates the contract: {}", .0.join("; "))]
    Contract(Vec<String>),
    /// A limit is outside its range.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The engine cannot be set up.
    #[error("the engine cannot be set up: {0:#}")]
    Engine(wasmtime::Error),
    /// The plugin cannot be started within the limits.
    #[error(transparent)]
    Start(CallError),
}

/// The result of a call: what the guest returned, and what egress recorded.
#[derive(Debug)]
pub struct CallOutcome<T> {
    /// The guest's result. The plugin is not trusted.
    pub result: Result<T, CallError>,
    /// What was actually sent and received.
    pub record: CallRecord,
}

/// Why a call has no result of the contract. The call's record shows whether anything was
/// sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The plugin could not be started.
    #[error("the plugin cannot be started: {0}")]
    Start(String),
    /// The plugin trapped.
    #[error("the plugin crashed: {0}")]
    Trap(String),
    /// The plugin exceeded a limit.
    #[error("the plugin exceeded a limit: {0}")]
    Limit(String),
    /// The plugin still computed at the deadline.
    #[error("the plugin was still computing after {0:?}")]
    Computation(std::time::Duration),
    /// The call took too long.
    #[error("the call took longer than {0:?}")]
    Deadline(std::time::Duration),
}

impl Sandbox {
    /// A sandbox for this component.
    ///
    /// # Errors
    /// The component violates the contract, or a limit is outside its range.
    pub fn new(component: &Component, limits: Limits) -> Result<Self, SandboxError> {
        limits.check()?;
        let violations = component.violations();
        if !violations.is_empty() {
            return Err(SandboxError::Contract(violations));
        }
        let engine = clock::engine(&limits).map_err(SandboxError::Engine)?;
        let compiled = component.load(&engine).map_err(SandboxError::Engine)?;
        let mut linker = Linker::new(&engine);
        state::add_to_linker(&mut linker).map_err(SandboxError::Engine)?;
        let unlike = |error| SandboxError::Contract(vec![format!("{error:#}")]);
        let linked = linker.instantiate_pre(&compiled).map_err(unlike)?;
        // A component that exports an optional interface must export it with the contract's
        // type.
        let tagger = if component.can_tag() {
            Some(TaggerPre::new(linked.clone()).map_err(unlike)?)
        } else {
            None
        };
        let identifier = if component.can_send_external_id() {
            Some(IdentifierPre::new(linked.clone()).map_err(unlike)?)
        } else {
            None
        };
        Ok(Self {
            plugin: PluginPre::new(linked).map_err(unlike)?,
            tagger,
            identifier,
            limits,
            auditor: Auditor::default(),
        })
    }

    /// The same sandbox with an audit that receives every request that the plugin attempts.
    #[must_use]
    pub fn audited(self, audit: Arc<dyn Audit>) -> Self {
        Self {
            auditor: Auditor::new(audit),
            ..self
        }
    }

    /// The limits of every call.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the component can tag machines, which is optional in the contract.
    #[must_use]
    pub fn can_tag(&self) -> bool {
        self.tagger.is_some()
    }

    /// Whether the component can send an external id, which is optional in the contract.
    #[must_use]
    pub fn can_send_external_id(&self) -> bool {
        self.identifier.is_some()
    }

    /// Starts an instance and ends it again, without a call, unless the limits are the defaults:
    /// a limit that is too low for the plugin is found before the first call.
    ///
    /// # Errors
    /// The plugin cannot be started within the limits on memory, tables and instances. If it
    /// takes too long, that is not an error here.
    pub async fn start(&self, connection: &Connection) -> Result<(), SandboxError> {
        let defaults = Limits {
            deadline: self.limits.deadline,
            ..Limits::default()
        };
        if self.limits == defaults {
            return Ok(());
        }
        let grant = Grant::find_machines(&connection.api_root, None);
        let nothing = async |_: &Plugin, _: &mut Store<State>| Ok(());
        match self.call(&self.plugin, connection, grant, nothing).await {
            CallOutcome {
                result: Err(error @ (CallError::Start(_) | CallError::Limit(_))),
                ..
            } => Err(SandboxError::Start(error)),
            _ => Ok(()),
        }
    }

    /// Makes one call in a new instance, within its grant.
    async fn call<E: Exports, T: Bounded>(
        &self,
        exports: &E,
        connection: &Connection,
        grant: Grant,
        call: impl AsyncFnOnce(&E::Instance, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> CallOutcome<T> {
        let deadline = self.limits.deadline;
        let recorder = Recorder::default();
        let (egress, ended) = Egress::new(
            connection.clone(),
            grant.within(deadline),
            self.auditor.clone(),
            recorder.clone(),
        );
        let api_root = connection.api_root.as_str();
        let has_credential = connection.credential.is_some();
        let state = State::new(api_root, has_credential, egress, &self.limits);
        let mut store = Store::new(self.plugin.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(limiter::size(self.limits.host_data));
        store.set_max_component_handles(limiter::size(self.limits.handles));
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(clock::on_tick(deadline));

        // The engine's clock ends a guest that computes, and this timeout ends one that
        // waits in the host. Both start with the call.
        let called = tokio::time::timeout(deadline, async {
            let plugin = exports
                .instantiate(&mut store)
                .await
                .map_err(|error| self.classify(&error, &store, CallError::Start))?;
            call(&plugin, &mut store)
                .await
                .map_err(|error| self.classify(&error, &store, CallError::Trap))
        })
        .await;
        let result = called.unwrap_or(Err(CallError::Deadline(deadline)));
        drop(store);
        ended.wait().await;
        CallOutcome {
            result: result.map(Bounded::bounded),
            record: recorder.finish(),
        }
    }

    fn classify(
        &self,
        error: &wasmtime::Error,
        store: &Store<State>,
        otherwise: fn(String) -> CallError,
    ) -> CallError {
        if let Some(reason) = store.data().exceeded() {
            return CallError::Limit(reason.to_owned());
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => return CallError::Computation(self.limits.deadline),
            Some(Trap::StackOverflow) => {
                let stack = self.limits.stack;
                return CallError::Limit(format!("the stack has more than {stack} bytes"));
            }
            _ => {}
        }
        let reason = error.root_cause().to_string();
        // wasmtime has no error types for these.
        if EXHAUSTED.iter().any(|words| reason.contains(words)) {
            CallError::Limit(reason)
        } else {
            otherwise(bounds::text(reason))
        }
    }
}

/// Messages of wasmtime for an exceeded limit: handles of the host and of the
/// component, data, instances, tables and memories.
const EXHAUSTED: [&str; 4] = [
    "resource table has no free keys",
    "store handle limit exceeded",
    "fuel allocated for hostcalls has been exhausted",
    "resource limit exceeded",
];
