//! Reading and cancelling machine actions.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::body;
use super::list::row;
use crate::api::Api;
use crate::error::ServiceError;
use crate::odata::{ACTION_SCHEMA, Row};
use crate::service::Service;
use crate::state::CancelRefusal;

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ServiceError> {
    let now = service.clock.now();
    let caller = service.admit(&headers, Api::ListActions, now)?;
    let actions = service.state.newest_actions(now);
    let rows: Vec<Row> = actions
        .iter()
        .filter(|action| service.sees_id(&caller, &action.machine_id))
        .filter_map(row)
        .collect();
    let (query, page) = service.page(&uri, &ACTION_SCHEMA, rows.iter())?;
    Ok(service.list_body(&headers, &uri, &ACTION_SCHEMA, &query, page))
}

pub(super) async fn one(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ServiceError> {
    let now = service.clock.now();
    let caller = service.admit(&headers, Api::GetAction, now)?;
    let id = parse(id)?;
    let action = service
        .state
        .action(id, now)
        .filter(|action| service.sees_id(&caller, &action.machine_id))
        .ok_or_else(|| unknown(id))?;
    Ok(service
        .entity(&headers, &ACTION_SCHEMA, action)
        .into_response())
}

/// Microsoft's API documentation doesn't mark the comment as required, so a body isn't
/// required, either.
pub(super) async fn cancel(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    body: Bytes,
) -> Result<Response, ServiceError> {
    let now = service.clock.now();
    let caller = service.admit(&headers, Api::CancelAction, now)?;
    let id = parse(id)?;
    let machine = service.state.machine_of(id);
    if !machine.is_some_and(|machine| service.sees_id(&caller, &machine)) {
        return Err(unknown(id));
    }
    let comment = if body.is_empty() {
        None
    } else {
        body::comment(&headers, &body)?
    };
    let action = service
        .state
        .cancel(id, &caller.name, comment, now)
        .map_err(|refusal| match refusal {
            CancelRefusal::UnknownAction => unknown(id),
            CancelRefusal::TooLate(status) => ServiceError::bad_request(format!(
                "Machine action {id} can't be cancelled: its status is {status:?}."
            )),
        })?;
    Ok(service
        .entity(&headers, &ACTION_SCHEMA, action)
        .into_response())
}

fn parse(id: Result<Path<String>, PathRejection>) -> Result<Uuid, ServiceError> {
    let Path(id) = id.map_err(|error| ServiceError::invalid_input(error.body_text()))?;
    Uuid::try_parse(&id)
        .map_err(|_| ServiceError::invalid_input(format!("'{id}' isn't a machine action id.")))
}

fn unknown(id: Uuid) -> ServiceError {
    ServiceError::no_resource(format!("Machine action {id} was not found."))
}
