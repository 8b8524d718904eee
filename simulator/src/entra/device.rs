//! Device codes: what a program shows, what the user types, and whether the user has approved.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::error::EntraError;
use super::target::Target;
use crate::timestamp::after;

/// The characters of user codes, of which no two look alike.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Entra ID's user codes have nine characters.
const LENGTH: usize = 9;

/// The user's decision on a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Decision {
    Pending,
    Approved,
    Declined,
}

#[derive(Debug)]
struct Code {
    user_code: String,
    target: Target,
    expires: Timestamp,
    polled: Option<Timestamp>,
    decision: Decision,
}

/// A code as observers see it: with the user code, but never with the secret device code that
/// the program polls with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CodeShown {
    user_code: String,
    decision: Decision,
}

#[derive(Debug)]
pub(crate) struct DeviceCodes {
    lifetime: Duration,
    interval: Duration,
    codes: Mutex<HashMap<String, Code>>,
}

impl DeviceCodes {
    pub(super) fn new(lifetime: Duration, interval: Duration) -> Self {
        Self {
            lifetime,
            interval,
            codes: Mutex::default(),
        }
    }

    fn codes(&self) -> MutexGuard<'_, HashMap<String, Code>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lifetime(&self) -> u64 {
        self.lifetime.as_secs()
    }

    /// In whole seconds, rounded up, so that a client that waits for it isn't too fast.
    pub(super) fn interval(&self) -> u64 {
        self.interval
            .as_millis()
            .div_ceil(1000)
            .try_into()
            .unwrap_or(u64::MAX)
    }

    /// A new pair: the device code that the program polls with, and the user code.
    pub(super) fn begin(&self, target: Target, now: Timestamp) -> (String, String) {
        let device_code = opaque();
        let user_code: String = Uuid::new_v4()
            .as_bytes()
            .iter()
            .take(LENGTH)
            .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
            .collect();
        let code = Code {
            user_code: user_code.clone(),
            target,
            expires: after(now, self.lifetime),
            polled: None,
            decision: Decision::Pending,
        };
        self.codes().insert(device_code.clone(), code);
        (device_code, user_code)
    }

    /// Records the user's decision. Returns whether the code exists.
    pub(crate) fn decide(&self, user_code: &str, decision: Decision, now: Timestamp) -> bool {
        let typed = user_code.trim().to_ascii_uppercase();
        let mut codes = self.codes();
        let code = codes.values_mut().find(|code| {
            code.user_code == typed && code.decision == Decision::Pending && now < code.expires
        });
        if let Some(code) = code {
            code.decision = decision;
            return true;
        }
        false
    }

    /// The grant of an approved code, which can be redeemed once.
    pub(super) fn redeem(&self, device_code: &str, now: Timestamp) -> Result<Target, EntraError> {
        let mut codes = self.codes();
        let code = codes
            .get_mut(device_code)
            .ok_or(EntraError::UnknownDeviceCode)?;
        if now >= code.expires {
            return Err(EntraError::DeviceCodeExpired);
        }
        match code.decision {
            Decision::Declined => Err(EntraError::Declined),
            Decision::Pending => {
                let last = code.polled.replace(now);
                if last.is_some_and(|last| now < after(last, self.interval)) {
                    return Err(EntraError::SlowDown);
                }
                Err(EntraError::Pending)
            }
            Decision::Approved => codes
                .remove(device_code)
                .map(|code| code.target)
                .ok_or(EntraError::UnknownDeviceCode),
        }
    }

    /// All codes that weren't redeemed, oldest first.
    pub(crate) fn list(&self) -> Vec<CodeShown> {
        let codes = self.codes();
        let mut ordered: Vec<&Code> = codes.values().collect();
        ordered.sort_by_key(|code| code.expires);
        let shown = ordered.into_iter().map(|code| CodeShown {
            user_code: code.user_code.clone(),
            decision: code.decision,
        });
        shown.collect()
    }
}

/// A random text that can't be guessed.
pub(super) fn opaque() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(seconds: u64) -> Timestamp {
        after(BEGUN, Duration::from_secs(seconds))
    }

    fn begun() -> (DeviceCodes, String, String) {
        let codes = DeviceCodes::new(Duration::from_secs(900), Duration::from_secs(5));
        let (device, user) = codes.begin(Target::resource("https://api.test"), BEGUN);
        (codes, device, user)
    }

    #[test]
    fn a_code_is_good_once_and_after_approval() {
        let (codes, device, user) = begun();
        assert_eq!(codes.redeem(&device, at(0)), Err(EntraError::Pending));
        assert_eq!(codes.redeem(&device, at(4)), Err(EntraError::SlowDown));
        assert_eq!(codes.redeem(&device, at(9)), Err(EntraError::Pending));
        assert!(!codes.decide("x", Decision::Approved, at(9)));
        let typed = format!(" {} ", user.to_lowercase());
        assert!(codes.decide(&typed, Decision::Approved, at(9)));
        assert!(!codes.decide(&user, Decision::Declined, at(9)));
        let target = codes.redeem(&device, at(10));
        assert_eq!(target, Ok(Target::resource("https://api.test")));
        assert_eq!(
            codes.redeem(&device, at(10)),
            Err(EntraError::UnknownDeviceCode)
        );
    }

    #[test]
    fn declined_stays_declined() {
        let (codes, device, user) = begun();
        assert!(codes.decide(&user, Decision::Declined, at(1)));
        for second in [1, 1, 100] {
            let answer = codes.redeem(&device, at(second));
            assert_eq!(answer, Err(EntraError::Declined));
        }
    }

    #[test]
    fn a_code_ends_with_its_time() {
        let (codes, device, user) = begun();
        assert_eq!(codes.redeem(&device, at(899)), Err(EntraError::Pending));
        assert!(!codes.decide(&user, Decision::Approved, at(900)));
        assert_eq!(
            codes.redeem(&device, at(900)),
            Err(EntraError::DeviceCodeExpired)
        );
    }

    #[test]
    fn user_codes_can_be_read_out() {
        let (_, _, user) = begun();
        assert_eq!(user.len(), LENGTH);
        assert!(
            user.bytes().all(|letter| LETTERS.contains(&letter)),
            "{user}"
        );
    }
}
