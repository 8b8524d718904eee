//! The users who have logged on to a machine.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::list::row;
use crate::api::Api;
use crate::error::ServiceError;
use crate::logon_user::logon_users;
use crate::odata::{Row, USER_SCHEMA};
use crate::service::Service;

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    uri: Uri,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ServiceError> {
    let caller = service.admit(&headers, Api::LogonUsers, service.clock.now())?;
    let device = service.device(&caller, id)?;
    let rows: Vec<Row> = logon_users(device).iter().filter_map(row).collect();
    let (query, page) = service.page(&uri, &USER_SCHEMA, rows.iter())?;
    Ok(service.list_body(&headers, &uri, &USER_SCHEMA, &query, page))
}
