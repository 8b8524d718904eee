//! Shared by the endpoints: their version, and the tenant in their path.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;

/// The version of an endpoint. The tokens are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// The tenant in a path, as written.
pub(super) type Named = Result<Path<String>, PathRejection>;
