//! Reading alerts.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::list::row;
use crate::alert::{Alert, alert};
use crate::api::Api;
use crate::entra::Caller;
use crate::error::ServiceError;
use crate::fleet::Device;
use crate::odata::{ALERT_SCHEMA, Row};
use crate::service::Service;

/// Lists all alerts, newest first (which is unsourced).
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ServiceError> {
    let caller = service.admit(&headers, Api::ListAlerts, service.clock.now())?;
    let alerts = service.alerts(&caller, service.state.fleet.iter());
    service.list_alerts(&headers, &uri, alerts)
}

/// Lists the alerts of a machine.
pub(super) async fn of_machine(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    uri: Uri,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ServiceError> {
    let caller = service.admit(&headers, Api::MachineAlerts, service.clock.now())?;
    let device = service.device(&caller, id)?;
    let alerts = service.alerts(&caller, std::iter::once(device));
    service.list_alerts(&headers, &uri, alerts)
}

/// Reads one alert, with its evidence.
pub(super) async fn one(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ServiceError> {
    let caller = service.admit(&headers, Api::GetAlert, service.clock.now())?;
    let Path(id) = id.map_err(|error| ServiceError::invalid_input(error.body_text()))?;
    let alerts = service.alerts(&caller, service.state.fleet.iter());
    let alert = alerts.into_iter().find(|alert| alert.id == id);
    let alert =
        alert.ok_or_else(|| ServiceError::no_resource(format!("Alert {id} was not found.")))?;
    Ok(service
        .entity(&headers, &ALERT_SCHEMA, alert)
        .into_response())
}

impl Service {
    /// The alerts of those machines that a caller can see.
    fn alerts<'a>(&self, caller: &Caller, devices: impl Iterator<Item = &'a Device>) -> Vec<Alert> {
        devices
            .filter(|device| self.sees(caller, &device.machine))
            .filter_map(|device| alert(device, self.config.tenant))
            .collect()
    }

    fn list_alerts(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        mut alerts: Vec<Alert>,
    ) -> Result<Response, ServiceError> {
        alerts.sort_by_key(|alert| Reverse(alert.created));
        let rows: Vec<Row> = alerts.iter().filter_map(row).collect();
        let (query, mut page) = self.page(uri, &ALERT_SCHEMA, rows.iter())?;
        for name in ALERT_SCHEMA.expandable {
            if query.expand.contains(name) {
                continue;
            }
            let values = page.rows.iter_mut().filter_map(|row| row.get_mut(*name));
            values.for_each(|value| *value = Value::Array(Vec::new()));
        }
        Ok(self.list_body(headers, uri, &ALERT_SCHEMA, &query, page))
    }
}
