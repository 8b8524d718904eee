//! One typed call for each function of the contract: its grant, and the plugin's
//! export.

use wasmtime::Store;

use super::{CallError, CallOutcome, Sandbox, state::State};
use crate::{
    connection::Connection,
    contract::{
        ActionFilter, ActionId, ActionPage, CancelError, Comment, ExternalId, Identifier, Machine,
        MachineAction, MachineId, MachinePage, OffboardError, Plugin, ReadError, Tag, TagError,
        Tagger,
    },
    egress::Recorder,
    grant::{Grant, LeaveBy},
};

impl Sandbox {
    /// Offboards one machine.
    pub async fn offboard(
        &self,
        connection: &Connection,
        machine: &MachineId,
        comment: &Comment,
    ) -> CallOutcome<Result<MachineAction, OffboardError>> {
        self.offboard_by(connection, machine, comment, None).await
    }

    /// Offboards one machine if the request leaves in time. Otherwise nothing is sent, which
    /// the record shows.
    pub async fn offboard_by(
        &self,
        connection: &Connection,
        machine: &MachineId,
        comment: &Comment,
        leave_by: Option<LeaveBy>,
    ) -> CallOutcome<Result<MachineAction, OffboardError>> {
        let grant = Grant::offboard(&connection.api_root, machine, comment).leaving_by(leave_by);
        let call = async |plugin: &Plugin, store: &mut Store<State>| {
            let offboarding = plugin.defender_offboard_offboarding();
            offboarding
                .call_offboard(store, machine.as_str(), comment.as_str())
                .await
        };
        self.call(&self.plugin, connection, grant, call).await
    }

    /// Offboards one machine with an external id, as [`Sandbox::offboard_by`] does without one.
    /// If the component cannot send an external id, nothing is started or sent.
    pub async fn offboard_with_external_id(
        &self,
        connection: &Connection,
        machine: &MachineId,
        comment: &Comment,
        external_id: &ExternalId,
        leave_by: Option<LeaveBy>,
    ) -> CallOutcome<Result<MachineAction, OffboardError>> {
        let Some(identifier) = &self.identifier else {
            return unsupported("external-id");
        };
        let api = &connection.api_root;
        let grant = Grant::offboard_with_external_id(api, machine, comment, external_id)
            .leaving_by(leave_by);
        let call = async |identifier: &Identifier, store: &mut Store<State>| {
            let (machine, comment) = (machine.as_str(), comment.as_str());
            identifier
                .defender_offboard_external_id()
                .call_offboard_with_external_id(store, machine, comment, external_id.as_str())
                .await
        };
        let CallOutcome { result, record } = self.call(identifier, connection, grant, call).await;
        CallOutcome {
            result: result.map(|result| result.map_err(Into::into)),
            record,
        }
    }

    /// Reads one action.
    pub async fn get_action(
        &self,
        connection: &Connection,
        action: &ActionId,
    ) -> CallOutcome<Result<MachineAction, ReadError>> {
        let grant = Grant::read_action(&connection.api_root, action);
        let call = async |plugin: &Plugin, store: &mut Store<State>| {
            let tracking = plugin.defender_offboard_tracking();
            tracking.call_get_action(store, action.as_str()).await
        };
        self.call(&self.plugin, connection, grant, call).await
    }

    /// Lists one page of actions, newest first.
    pub async fn list_actions(
        &self,
        connection: &Connection,
        filter: &ActionFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> CallOutcome<Result<ActionPage, ReadError>> {
        let grant = Grant::list_actions(&connection.api_root, filter, cursor, limit);
        let call = async |plugin: &Plugin, store: &mut Store<State>| {
            let tracking = plugin.defender_offboard_tracking();
            tracking
                .call_list_actions(store, filter, cursor, limit)
                .await
        };
        self.call(&self.plugin, connection, grant, call).await
    }

    /// Cancels one action.
    pub async fn cancel_action(
        &self,
        connection: &Connection,
        action: &ActionId,
        comment: &Comment,
    ) -> CallOutcome<Result<MachineAction, CancelError>> {
        let grant = Grant::cancel(&connection.api_root, action, comment);
        let call = async |plugin: &Plugin, store: &mut Store<State>| {
            let tracking = plugin.defender_offboard_tracking();
            tracking
                .call_cancel_action(store, action.as_str(), comment.as_str())
                .await
        };
        self.call(&self.plugin, connection, grant, call).await
    }

    /// Reads one machine.
    pub async fn get_machine(
        &self,
        connection: &Connection,
        machine: &MachineId,
    ) -> CallOutcome<Result<Machine, ReadError>> {
        let grant = Grant::read_machine(&connection.api_root, machine);
        let call = async |plugin: &Plugin, store: &mut Store<State>| {
            let inventory = plugin.defender_offboard_inventory();
            inventory.call_get_machine(store, machine.as_str()).await
        };
        self.call(&self.plugin, connection, grant, call).await
    }

    /// Finds one page of machines by name.
    pub async fn find_machines(
        &self,
        connection: &Connection,
        name: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> CallOutcome<Result<MachinePage, ReadError>> {
        let grant = Grant::find_machines(&connection.api_root, cursor);
        let call = async |plugin: &Plugin, store: &mut Store<State>| {
            let inventory = plugin.defender_offboard_inventory();
            inventory
                .call_find_machines(store, name, cursor, limit)
                .await
        };
        self.call(&self.plugin, connection, grant, call).await
    }

    /// Lists one page of the fleet.
    pub async fn list_machines(
        &self,
        connection: &Connection,
        cursor: Option<&str>,
        limit: u32,
    ) -> CallOutcome<Result<MachinePage, ReadError>> {
        let grant = Grant::list_machines(&connection.api_root, cursor, limit);
        let call = async |plugin: &Plugin, store: &mut Store<State>| {
            let inventory = plugin.defender_offboard_inventory();
            inventory.call_list_machines(store, cursor, limit).await
        };
        self.call(&self.plugin, connection, grant, call).await
    }

    /// Adds a tag to one machine. If the component cannot tag, nothing is started or sent.
    pub async fn tag_machine(
        &self,
        connection: &Connection,
        machine: &MachineId,
        tag: &Tag,
    ) -> CallOutcome<Result<(), TagError>> {
        let Some(tagger) = &self.tagger else {
            return unsupported("tagging");
        };
        let grant = Grant::tag(&connection.api_root, machine, tag);
        let call = async |tagger: &Tagger, store: &mut Store<State>| {
            let tagging = tagger.defender_offboard_tagging();
            tagging
                .call_tag(store, machine.as_str(), tag.as_str())
                .await
        };
        self.call(tagger, connection, grant, call).await
    }
}

/// A call of an optional interface that the component does not export.
fn unsupported<T>(interface: &str) -> CallOutcome<T> {
    CallOutcome {
        result: Err(CallError::Start(format!("it does not export {interface}"))),
        record: Recorder::default().finish(),
    }
}
