//! The service's API.

mod access;
mod actions;
mod alerts;
mod body;
mod date;
mod fault;
mod find;
mod isolation;
mod list;
mod logon_users;
mod machines;
mod metadata;
mod offboard;
mod record;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::entra;
use crate::error::ServiceError;
use crate::own_routes;
use crate::paths::{Routes, rewrite};
use crate::service::Service;

/// All routes: the API with and without its version, Entra ID's, and the
/// simulator's own.
pub(crate) fn router(service: Arc<Service>) -> Router {
    let mut routes = entra::routes::add(own_routes::add(Routes::default()));
    for root in ["/api", "/api/v1.0"] {
        routes = add(routes, root);
    }
    let (router, paths) = routes.split();
    let router = router
        .fallback(no_route)
        .method_not_allowed_fallback(no_route)
        .layer(from_fn_with_state(service.clone(), fault::fault))
        .with_state(service.clone());
    // Layers of a router run after it has matched the path, so the path is rewritten around
    // another router. Requests are recorded with the path as it was sent.
    Router::new()
        .fallback_service(router)
        .layer(from_fn_with_state(paths, rewrite))
        .layer(from_fn_with_state(service.clone(), record::record))
        .layer(from_fn_with_state(service, date::date))
}

/// Adds the API's routes below `root`.
fn add(routes: Routes, root: &str) -> Routes {
    let at = |path: &str| format!("{root}/{path}");
    routes
        .add(&at("machines"), get(machines::list))
        .add(&at("machines/findbyip{arguments}"), get(find::by_ip))
        .add(&at("machines/findbytag"), get(find::by_tag))
        .add(&at("machines/{id}"), get(machines::one))
        .add(&at("machines/{id}/alerts"), get(alerts::of_machine))
        .add(&at("machines/{id}/isolate"), post(isolation::isolate))
        .add(&at("machines/{id}/logonusers"), get(logon_users::list))
        .add(&at("machines/{id}/offboard"), post(offboard::offboard))
        .add(&at("machines/{id}/tags"), post(machines::tag))
        .add(&at("machines/{id}/unisolate"), post(isolation::unisolate))
        .add(&at("machineactions"), get(actions::list))
        .add(&at("machineactions/{id}"), get(actions::one))
        .add(&at("machineactions/{id}/cancel"), post(actions::cancel))
        .add(&at("alerts"), get(alerts::list))
        .add(&at("alerts/{id}"), get(alerts::one))
        .add(&at("$metadata"), get(metadata::metadata))
        .add(&at("%24metadata"), get(metadata::metadata))
}

async fn no_route(method: Method, uri: Uri) -> ServiceError {
    ServiceError::no_route(method.as_str(), uri.path())
}
