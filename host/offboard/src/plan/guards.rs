//! Limits on the number of machines of one order. They protect against a list that is longer
//! than its author assumes.

use thiserror::Error;

/// Limits on the number of machines of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    /// The most machines that can be confirmed in advance without an expected number.
    pub max_devices: u64,
    /// The number of machines that the caller expects; another number is an error.
    pub expected: Option<u64>,
}

impl Default for Guards {
    /// At most 25 machines, and no expected number.
    fn default() -> Self {
        Self {
            max_devices: 25,
            expected: None,
        }
    }
}

/// The number of machines is not what the caller allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GuardError {
    /// It is not the expected number.
    #[error(
        "the number of selected machines is {count}, and the expected number is {expected}: nothing was sent"
    )]
    Unexpected {
        /// The expected number.
        expected: u64,
        /// The actual number.
        count: u64,
    },
    /// It exceeds the limit, and the caller gave no expected number.
    #[error("the number of machines ({count}) exceeds the limit of {limit}: nothing was sent")]
    TooMany {
        /// The number of machines.
        count: u64,
        /// The limit.
        limit: u64,
    },
}

impl Guards {
    /// Checks the expected number, if there is one.
    ///
    /// # Errors
    /// [`GuardError::Unexpected`].
    pub fn check(&self, count: u64) -> Result<(), GuardError> {
        match self.expected {
            Some(expected) if expected != count => Err(GuardError::Unexpected { expected, count }),
            _ => Ok(()),
        }
    }

    /// Checks whether this many machines may be confirmed in advance, without anyone seeing
    /// the plan.
    ///
    /// # Errors
    /// As [`Guards::check`], and [`GuardError::TooMany`].
    pub fn check_consent(&self, count: u64) -> Result<(), GuardError> {
        self.check(count)?;
        if count > self.max_devices && self.expected.is_none() {
            return Err(GuardError::TooMany {
                count,
                limit: self.max_devices,
            });
        }
        Ok(())
    }

    /// Whether an answer to a question about this many machines must state their number. A
    /// `yes` is enough only if each of them was shown (`shown`), and the limit permits it.
    #[must_use]
    pub fn requires_number(&self, count: u64, shown: u64) -> bool {
        count > shown.min(self.max_devices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_number_than_the_expected_one_is_an_error() {
        let guards = Guards {
            expected: Some(3),
            ..Guards::default()
        };
        assert_eq!(guards.check(3), Ok(()));
        let error = GuardError::Unexpected {
            expected: 3,
            count: 2,
        };
        assert_eq!(guards.check(2), Err(error));
        assert_eq!(guards.check_consent(2), Err(error));
    }

    /// A raised limit does not let a user confirm machines without having seen them.
    #[test]
    fn a_yes_confirms_only_machines_that_were_shown() {
        let guards = |max_devices| Guards {
            max_devices,
            expected: None,
        };
        assert!(!guards(25).requires_number(25, 25));
        assert!(guards(25).requires_number(26, 26));
        assert!(guards(5).requires_number(6, 6));
        assert!(!guards(500).requires_number(25, 25));
        assert!(guards(500).requires_number(26, 25));
    }

    #[test]
    fn consent_in_advance_to_many_machines_needs_their_number() {
        let guards = Guards::default();
        assert_eq!(guards.check_consent(25), Ok(()));
        let error = GuardError::TooMany {
            count: 26,
            limit: 25,
        };
        assert_eq!(guards.check_consent(26), Err(error));
        // A user who sees the plan may confirm it.
        assert_eq!(guards.check(26), Ok(()));
        let expected = Guards {
            expected: Some(26),
            ..guards
        };
        assert_eq!(expected.check_consent(26), Ok(()));
    }
}
