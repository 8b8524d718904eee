//! The service's API.

mod access;
mod actions;
mod body;
mod date;
mod fault;
mod list;
mod machines;
mod offboard;
mod record;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::{get, post};

use crate::entra;
use crate::error::ServiceError;
use crate::own_routes;
use crate::service::Service;

/// All routes: the API with and without its version, Entra ID's, and the
/// simulator's own.
pub(crate) fn router(service: Arc<Service>) -> Router {
    let mut router = own_routes::router().merge(entra::routes::router());
    for root in ["/api", "/api/v1.0"] {
        router = router
            .route(&format!("{root}/machines"), get(machines::list))
            .route(&format!("{root}/machines/{{id}}"), get(machines::one))
            .route(
                &format!("{root}/machines/{{id}}/offboard"),
                post(offboard::offboard),
            )
            .route(&format!("{root}/machines/{{id}}/tags"), post(machines::tag))
            .route(&format!("{root}/machineactions"), get(actions::list))
            .route(&format!("{root}/machineactions/{{id}}"), get(actions::one))
            .route(
                &format!("{root}/machineactions/{{id}}/cancel"),
                post(actions::cancel),
            );
    }
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_route)
        .layer(axum::middleware::from_fn_with_state(
            service.clone(),
            fault::fault,
        ))
        .layer(axum::middleware::from_fn_with_state(
            service.clone(),
            record::record,
        ))
        .layer(axum::middleware::from_fn_with_state(
            service.clone(),
            date::date,
        ))
        .with_state(service)
}

async fn no_route(method: Method, uri: Uri) -> ServiceError {
    ServiceError::no_route(method.as_str(), uri.path())
}
