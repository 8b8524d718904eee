//! Offboarding a machine.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::body;
use super::machines::machine_id;
use crate::action::{Course, Ordered};
use crate::api::Api;
use crate::config::{ExternalIds, SuccessStatus};
use crate::error::ServiceError;
use crate::odata::ACTION_SCHEMA;
use crate::service::Service;
use crate::state::{Accepted, ActionRefusal};

/// Offboards a machine by id. It isn't documented that a name is accepted here, as it is for
/// reading.
pub(super) async fn offboard(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    course: Option<Extension<Course>>,
    body: Bytes,
) -> Result<Response, ServiceError> {
    let now = service.clock.now();
    let caller = service.admit(&headers, Api::Offboard, now)?;
    let id = machine_id(id)?;
    let ordered = accepted_order(&service, body::order(&headers, &body)?)?;
    let Extension(course) = course.unwrap_or_default();
    if !service.sees_id(&caller, &id) {
        return Err(refused(&id, ActionRefusal::UnknownMachine));
    }
    let offboarding = service
        .state
        .offboard(&id, &caller.name, ordered, course, now)
        .map_err(|error| refused(&id, error))?;
    let (status, action) = match offboarding {
        Accepted::Created(action) if service.config.success_status == SuccessStatus::Created => {
            (StatusCode::CREATED, action)
        }
        Accepted::Created(action) | Accepted::Pending(action) => (StatusCode::OK, action),
    };
    Ok((status, service.entity(&headers, &ACTION_SCHEMA, action)).into_response())
}

/// The order of an action, with its external id as configured.
pub(super) fn accepted_order(
    service: &Service,
    mut ordered: Ordered,
) -> Result<Ordered, ServiceError> {
    match service.state.external_ids() {
        ExternalIds::Refuse if ordered.external_id.is_some() => {
            return Err(ServiceError::invalid_body("Request body is incorrect."));
        }
        ExternalIds::Ignore => ordered.external_id = None,
        _ => {}
    }
    Ok(ordered)
}

pub(super) fn refused(id: &str, refusal: ActionRefusal) -> ServiceError {
    match refusal {
        ActionRefusal::UnknownMachine => {
            ServiceError::no_resource(format!("Machine {id} was not found."))
        }
        ActionRefusal::Platform(platform) => ServiceError::platform(&platform),
        ActionRefusal::ClientVersion { platform, version } => {
            ServiceError::client_version(&platform, &version)
        }
        ActionRefusal::NotOnboarded(status) => ServiceError::bad_request(format!(
            "Machine {id} is not onboarded: its onboarding status is {status}."
        )),
        ActionRefusal::Onboarded => ServiceError::bad_request(format!(
            "Machine {id} is onboarded: isolation type UnManagedDevice is for other devices."
        )),
        ActionRefusal::AlreadyPending => ServiceError::already_exists(),
    }
}
