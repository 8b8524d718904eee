//! The description of the API's types.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// The service's own metadata, reduced to what is simulated.
const METADATA: &str = include_str!("../metadata.xml");

/// Returns the metadata. Unsourced: that it needs no token.
pub(super) async fn metadata() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/xml")], METADATA)
}
