//! Records every request to the API in the journal.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::fault::Unsent;
use crate::error::ServiceError;
use crate::own_routes;
use crate::service::Service;

/// The largest body that is read, in bytes. The service's own limit is unsourced.
const MAX_RECEIVED_BODY: usize = 1024 * 1024;

/// Records a request. Also limits its body, which it has to read in any case.
pub(super) async fn record(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    if own_routes::is_own(request.uri().path()) {
        return next.run(request).await;
    }
    let (mut head, body) = request.into_parts();
    let position =
        service
            .journal
            .arrived(&head.method, &head.uri, &head.headers, service.clock.now());
    head.extensions.insert(position);
    let response = match to_bytes(body, MAX_RECEIVED_BODY).await {
        Ok(body) => {
            service
                .journal
                .body(position, &head.uri, &head.headers, &body);
            next.run(Request::from_parts(head, Body::from(body))).await
        }
        Err(_) => ServiceError::invalid_body(format!(
            "The request body couldn't be read, up to {MAX_RECEIVED_BODY} bytes of it."
        ))
        .into_response(),
    };
    if response.extensions().get::<Unsent>().is_none() {
        service.journal.answered(position, response.status());
    }
    response
}
