//! Sets the `Date` of every answer, by the simulator's own clock.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::middleware::Next;
use axum::response::Response;

use crate::service::Service;

pub(super) async fn date(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let now = service.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    if let Ok(date) = HeaderValue::from_str(&now.to_string()) {
        response.headers_mut().insert(DATE, date);
    }
    response
}
