//! The simulator's own routes, which show data that no API of the service reports. They need
//! no token: only local processes can reach them, and all data is simulated.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::routing::get;
use serde_json::{Value, json};

use crate::entra::{CodeShown, IssuedTokens};
use crate::error::ServiceError;
use crate::journal::Entry;
use crate::machine::MachineTruth;
use crate::paths::Routes;
use crate::service::Service;
use crate::state::CarriedOut;

const OWN_ROUTES: &str = "/_simulator";

pub(crate) fn add(routes: Routes) -> Routes {
    routes
        .add("/_simulator/requests", get(requests))
        .add("/_simulator/offboardings", get(offboardings))
        .add("/_simulator/tokens", get(tokens))
        .add("/_simulator/devicecodes", get(device_codes))
        .add("/_simulator/application", get(application))
        .add("/_simulator/machines", get(machines))
        .add("/_simulator/machines/{id}", get(machine))
}

/// Whether a path is one of the simulator's own routes, which aren't recorded.
pub(crate) fn is_own(path: &str) -> bool {
    path.split_at_checked(OWN_ROUTES.len())
        .is_some_and(|(root, rest)| {
            root.eq_ignore_ascii_case(OWN_ROUTES) && (rest.is_empty() || rest.starts_with('/'))
        })
}

async fn requests(State(service): State<Arc<Service>>) -> Json<Vec<Entry>> {
    Json(service.journal.list())
}

async fn offboardings(State(service): State<Arc<Service>>) -> Json<Vec<CarriedOut>> {
    Json(service.state.carried_out(service.clock.now()))
}

async fn tokens(State(service): State<Arc<Service>>) -> Json<IssuedTokens> {
    Json(service.entra.issued.read())
}

async fn device_codes(State(service): State<Arc<Service>>) -> Json<Vec<CodeShown>> {
    Json(service.entra.devices.list())
}

/// The application's data, as an administrator's portal would show it.
async fn application(State(service): State<Arc<Service>>) -> Json<Value> {
    let (config, entra) = (&service.config, &service.entra);
    Json(json!({
        "tenantId": config.tenant,
        "clientId": config.client_id,
        "displayName": config.app_name,
        "roles": entra.application.roles(),
        "scopes": config.scopes,
        "user": config.user,
        "federatedIssuer": entra.federation.issuer(),
        "managedIdentities": entra.identities,
    }))
}

async fn machines(State(service): State<Arc<Service>>) -> Json<Vec<MachineTruth>> {
    Json(service.state.truths(service.clock.now()))
}

async fn machine(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<MachineTruth>, ServiceError> {
    let truth = service.state.truth(&id, service.clock.now());
    truth
        .map(Json)
        .ok_or_else(|| ServiceError::no_resource(format!("Machine {id} was not found.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_paths_are_distinguished_from_others() {
        for (path, own) in [
            ("/_simulator", true),
            ("/_simulator/", true),
            ("/_simulator/requests", true),
            ("/_Simulator/Requests", true),
            ("/_simulators", false),
            ("/api/_simulator", false),
            ("/", false),
        ] {
            assert_eq!(is_own(path), own, "{path}");
        }
    }
}
