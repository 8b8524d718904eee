//! Reading machines.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use super::Service;
use super::access::Api;
use crate::config::EmptyList;
use crate::error::ServiceError;
use crate::odata::MACHINES;

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ServiceError> {
    let caller = service.admit(&headers, Api::ListMachines, service.clock.now())?;
    let rows = service
        .state
        .fleet
        .iter()
        .filter(|device| service.sees(&caller, &device.machine))
        .map(|device| &device.row);
    let (query, page) = service.page(&uri, &MACHINES, rows)?;
    if page.rows.is_empty() && service.config.empty_list == EmptyList::NotFound {
        return Err(ServiceError::no_resource("No machines were found."));
    }
    Ok(service.list_body(&headers, &uri, &MACHINES, &query, page))
}

/// By id or by name.
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
        .entity(&headers, &MACHINES, &device.machine)
        .into_response())
}
