//! Reading and tagging machines.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use super::body;
use crate::api::Api;
use crate::config::EmptyList;
use crate::entra::Caller;
use crate::error::ServiceError;
use crate::fleet::Device;
use crate::odata::{MACHINE_SCHEMA, Row};
use crate::service::Service;
use crate::tags::Tags;

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ServiceError> {
    let caller = service.admit(&headers, Api::ListMachines, service.clock.now())?;
    let state = &service.state;
    let rows: Vec<Cow<'_, Row>> = state
        .fleet
        .iter()
        .filter(|device| service.sees(&caller, &device.machine))
        .map(|device| row(device, &state.tags))
        .collect();
    let (query, page) = service.page(&uri, &MACHINE_SCHEMA, rows.iter().map(AsRef::as_ref))?;
    if page.rows.is_empty() && service.config.empty_list == EmptyList::NotFound {
        return Err(ServiceError::no_resource("No machines were found."));
    }
    Ok(service.list_body(&headers, &uri, &MACHINE_SCHEMA, &query, page))
}

/// Reads a machine by id or by name.
pub(super) async fn one(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ServiceError> {
    let caller = service.admit(&headers, Api::GetMachine, service.clock.now())?;
    let Path(id) = id.map_err(|error| ServiceError::invalid_input(error.body_text()))?;
    let fleet = &service.state.fleet;
    let device = fleet
        .by_id(&id)
        .or_else(|| fleet.by_name(&id))
        .filter(|device| service.sees(&caller, &device.machine))
        .ok_or_else(|| ServiceError::no_resource(format!("Machine {id} was not found.")))?;
    Ok(service
        .entity(
            &headers,
            &MACHINE_SCHEMA,
            service.state.tags.on(&device.machine),
        )
        .into_response())
}

/// Adds or removes a tag. Only by id, according to the documentation. Unsourced: that a device
/// which isn't onboarded can also be tagged.
pub(super) async fn tag(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    body: Bytes,
) -> Result<Response, ServiceError> {
    let caller = service.admit(&headers, Api::Tag, service.clock.now())?;
    let id = machine_id(id)?;
    let (tag, action) = body::tag(&headers, &body)?;
    let state = &service.state;
    let device = state
        .fleet
        .by_id(&id)
        .filter(|device| service.sees(&caller, &device.machine))
        .ok_or_else(|| ServiceError::no_resource(format!("Machine {id} was not found.")))?;
    let mut machine = device.machine.clone();
    machine.machine_tags = state.tags.change(&device.machine, tag, action);
    Ok(service
        .entity(&headers, &MACHINE_SCHEMA, machine)
        .into_response())
}

impl Service {
    /// The machine in the path of a `GET` that is about more than the machine: by id only,
    /// according to the documentation, and 404 for everything else.
    pub(super) fn device(
        &self,
        caller: &Caller,
        id: Result<Path<String>, PathRejection>,
    ) -> Result<&Device, ServiceError> {
        let Path(id) = id.map_err(|error| ServiceError::invalid_input(error.body_text()))?;
        let device = self.state.fleet.by_id(&id);
        device
            .filter(|device| self.sees(caller, &device.machine))
            .ok_or_else(|| ServiceError::no_resource(format!("Machine {id} was not found.")))
    }
}

/// The record as in lists, with its present tags.
pub(super) fn row<'a>(device: &'a Device, tags: &Tags) -> Cow<'a, Row> {
    match tags.of(&device.machine.id) {
        None => Cow::Borrowed(&device.row),
        Some(tags) => {
            let mut row = device.row.clone();
            row.insert("machineTags".to_owned(), tags.into());
            Cow::Owned(row)
        }
    }
}

/// The id in the path of a POST.
///
/// # Errors
///
/// It isn't 40 hexadecimal digits. Upper-case digits are well-formed, but no machine has them:
/// how the service treats them is unsourced.
pub(super) fn machine_id(id: Result<Path<String>, PathRejection>) -> Result<String, ServiceError> {
    let Path(id) = id.map_err(|error| ServiceError::invalid_input(error.body_text()))?;
    if id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(id)
    } else {
        Err(ServiceError::invalid_input(format!(
            "'{id}' isn't a machine id of 40 hexadecimal digits."
        )))
    }
}
