//! What the service's own words show about the cause of a 401 or a 403. Its codes are the same for
//! a missing permission and for a tenant that cannot use the API, so the message decides. It is
//! not documented and may change, so without these words the advice is the usual one.

use super::Remedy;
use crate::contract::Problem;

/// Words of messages about a tenant without an active product: "Account is not provisioned",
/// "Account mode is inactive", and messages about licences.
const NO_PRODUCT: [&str; 5] = [
    "not provisioned",
    "account mode is",
    "account is inactive",
    "licens",
    "licenc",
];

/// The remedy that follows from the service's words; `None` if they show nothing.
pub(super) fn remedy_of(problem: &Problem) -> Option<Remedy> {
    match problem.code.as_deref() {
        Some("DisabledFeature") => return Some(Remedy::EnableFeature),
        Some("DisallowedOperation") => return Some(Remedy::AskSupport),
        _ => {}
    }
    let message = problem.message.as_deref()?.to_lowercase();
    let is_about_product = NO_PRODUCT.iter().any(|words| message.contains(words));
    is_about_product.then_some(Remedy::ProvisionTenant)
}
