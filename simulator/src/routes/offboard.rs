//! Offboarding a machine.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::body;
use super::machines::machine_id;
use crate::action::Course;
use crate::api::Api;
use crate::config::{ExternalIds, SuccessStatus};
use crate::error::ServiceError;
use crate::odata::ACTION_SCHEMA;
use crate::service::Service;
use crate::state::{OffboardRefusal, Offboarding};

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
    let mut ordered = body::order(&headers, &body)?;
    match service.state.external_ids() {
        ExternalIds::Refuse if ordered.external_id.is_some() => {
            return Err(ServiceError::invalid_body("Request body is incorrect."));
        }
        ExternalIds::Ignore => ordered.external_id = None,
        _ => {}
    }
    let Extension(course) = course.unwrap_or_default();
    if !service.sees_id(&caller, &id) {
        return Err(refused(&id, OffboardRefusal::UnknownMachine));
    }
    let offboarding = service
        .state
        .offboard(&id, &caller.name, ordered, course, now)
        .map_err(|error| refused(&id, error))?;
    let (status, action) = match offboarding {
        Offboarding::Created(action) if service.config.success_status == SuccessStatus::Created => {
            (StatusCode::CREATED, action)
        }
        Offboarding::Created(action) | Offboarding::Pending(action) => (StatusCode::OK, action),
    };
    Ok((status, service.entity(&headers, &ACTION_SCHEMA, action)).into_response())
}

fn refused(id: &str, refusal: OffboardRefusal) -> ServiceError {
    match refusal {
        OffboardRefusal::UnknownMachine => {
            ServiceError::no_resource(format!("Machine {id} was not found."))
        }
        OffboardRefusal::Platform(platform) => ServiceError::platform(&platform),
        OffboardRefusal::ClientVersion { platform, version } => {
            ServiceError::client_version(&platform, &version)
        }
        OffboardRefusal::NotOnboarded(status) => ServiceError::bad_request(format!(
            "Machine {id} is not onboarded: its onboarding status is {status}."
        )),
        OffboardRefusal::AlreadyPending => ServiceError::already_exists(),
    }
}
