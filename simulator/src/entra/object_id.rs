//! The ids of the simulated directory's objects.

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

/// The id of an object, derived from its name.
pub(super) fn object_id(of: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest(&SHA256, of.as_bytes()).as_ref()[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
