//! Refresh tokens.
//!
//! Each use issues a new one. The old one stays valid, as Microsoft's documentation says about
//! Entra ID: clients should delete it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::device::opaque;
use super::error::EntraError;
use super::target::Target;
use crate::timestamp::after;

/// Ninety days, as Microsoft's documentation says.
const REFRESH_TOKEN_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);

#[derive(Debug, Default)]
pub(crate) struct RefreshTokens(Mutex<HashMap<String, (Target, Timestamp)>>);

impl RefreshTokens {
    fn tokens(&self) -> MutexGuard<'_, HashMap<String, (Target, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn issue(&self, target: Target, now: Timestamp) -> String {
        let token = opaque();
        let kept = (target, after(now, REFRESH_TOKEN_LIFETIME));
        self.tokens().insert(token.clone(), kept);
        token
    }

    pub(super) fn redeem(&self, token: &str, now: Timestamp) -> Result<Target, EntraError> {
        match self.tokens().get(token) {
            None => Err(EntraError::UnknownRefreshToken),
            Some((_, expires)) if now >= *expires => Err(EntraError::RefreshTokenExpired),
            Some((target, _)) => Ok(target.clone()),
        }
    }

    pub(crate) fn revoke_all(&self) {
        self.tokens().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_last_ninety_days_unless_revoked() {
        let (tokens, now) = (RefreshTokens::default(), Timestamp::UNIX_EPOCH);
        let target = Target::resource("https://api.test");
        let token = tokens.issue(target.clone(), now);
        let end = after(now, REFRESH_TOKEN_LIFETIME);
        assert_eq!(tokens.redeem(&token, now), Ok(target.clone()));
        assert_eq!(tokens.redeem(&token, now), Ok(target));
        assert_eq!(
            tokens.redeem(&token, end),
            Err(EntraError::RefreshTokenExpired)
        );
        tokens.revoke_all();
        assert_eq!(
            tokens.redeem(&token, now),
            Err(EntraError::UnknownRefreshToken)
        );
    }
}
