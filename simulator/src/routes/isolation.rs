//! Isolating a machine, and releasing it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::body;
use super::machines::machine_id;
use super::offboard::{accepted_order, refused};
use crate::action::Course;
use crate::api::Api;
use crate::error::ServiceError;
use crate::odata::ACTION_SCHEMA;
use crate::service::Service;
use crate::state::{Accepted, ActionRefusal};

pub(super) async fn isolate(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    course: Option<Extension<Course>>,
    body: Bytes,
) -> Result<Response, ServiceError> {
    let now = service.clock.now();
    let caller = service.admit(&headers, Api::Isolate, now)?;
    let id = machine_id(id)?;
    let (ordered, isolation) = body::isolation(&headers, &body)?;
    let ordered = accepted_order(&service, ordered)?;
    let Extension(course) = course.unwrap_or_default();
    if !service.sees_id(&caller, &id) {
        return Err(refused(&id, ActionRefusal::UnknownMachine));
    }
    let accepted = service
        .state
        .isolate(&id, isolation, &caller.name, ordered, course, now)
        .map_err(|error| refused(&id, error))?;
    Ok(answer(&service, &headers, accepted))
}

pub(super) async fn unisolate(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    course: Option<Extension<Course>>,
    body: Bytes,
) -> Result<Response, ServiceError> {
    let now = service.clock.now();
    let caller = service.admit(&headers, Api::Unisolate, now)?;
    let id = machine_id(id)?;
    let ordered = accepted_order(&service, body::order(&headers, &body)?)?;
    let Extension(course) = course.unwrap_or_default();
    if !service.sees_id(&caller, &id) {
        return Err(refused(&id, ActionRefusal::UnknownMachine));
    }
    let accepted = service
        .state
        .unisolate(&id, &caller.name, ordered, course, now)
        .map_err(|error| refused(&id, error))?;
    Ok(answer(&service, &headers, accepted))
}

/// 201 for a new action, as documented for both routes. Unsourced: 200 for a pending one.
fn answer(service: &Service, headers: &HeaderMap, accepted: Accepted) -> Response {
    let (status, action) = match accepted {
        Accepted::Created(action) => (StatusCode::CREATED, action),
        Accepted::Pending(action) => (StatusCode::OK, action),
    };
    (status, service.entity(headers, &ACTION_SCHEMA, action)).into_response()
}
