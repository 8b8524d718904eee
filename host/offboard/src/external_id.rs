//! The external id of an order: an id that its request gives to the service, and that the
//! service may return with the machine action. The service's metadata declares it, as
//! `ExternalId` of an offboarding and `externalId` of an action. Whether a tenant accepts and
//! returns it is unsourced, so nothing depends on it.

use uuid::Uuid;

use crate::{
    Keyword,
    contract::{ExternalId, Problem, ProblemKind},
};

/// How long a refusal is remembered, in milliseconds: 7 days. After that, an external id is
/// tried again.
const REMEMBERED: i64 = 7 * 24 * 3600 * 1000;

/// Whether requests have an external id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExternalIdMode {
    /// They have one, unless the account's service refuses it.
    #[default]
    Auto,
    /// They have one.
    On,
    /// They have none.
    Off,
}

impl Keyword for ExternalIdMode {
    const ALL: &'static [Self] = &[Self::Auto, Self::On, Self::Off];

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Auto => "Send it, and repeat a request without it if the service refuses it",
            Self::On => "Always send it",
            Self::Off => "Never send it",
        }
    }
}

/// What the service of an account has shown about external ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExternalIdSupport {
    /// It accepted a request with one. Whether its lists show the id is not known yet.
    Accepted,
    /// It lists the action of a request with the id.
    Echoed,
    /// It lists the action of a request without the id, or with another text.
    NotEchoed,
    /// It refused a request with one, and accepted the same request without it.
    Refused,
}

impl ExternalIdSupport {
    const ALL: [Self; 4] = [Self::Accepted, Self::Echoed, Self::NotEchoed, Self::Refused];

    /// Its name in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Echoed => "echoed",
            Self::NotEchoed => "not-echoed",
            Self::Refused => "refused",
        }
    }

    /// The support with this name in the ledger; `None` for a name of a later version.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|support| support.name() == name)
    }

    /// What is known after another observation. The newest counts, but an accepted request says
    /// nothing about lists.
    pub(crate) fn after(self, known: Option<Self>) -> Self {
        match (known, self) {
            (Some(known @ (Self::Echoed | Self::NotEchoed)), Self::Accepted) => known,
            _ => self,
        }
    }
}

/// What is known about the service of an account, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learned {
    pub(crate) support: ExternalIdSupport,
    /// In milliseconds since 1970.
    pub(crate) at: i64,
}

impl Learned {
    /// Whether the service has refused external ids in the last 7 days.
    pub(crate) fn is_refused(self, now: i64) -> bool {
        // A clock that was ahead must not prolong the 7 days.
        let is_recent = (now - self.at).abs() < REMEMBERED;
        self.support == ExternalIdSupport::Refused && is_recent
    }
}

/// The external id of an order: the ids of its run and of the order in it.
#[must_use]
pub fn of_order(run: Uuid, number: u64) -> String {
    format!("{}-{number}", run.hyphenated())
}

/// Whether two external ids are the same. They have hexadecimal digits only, so a service that
/// changes their case returns the same id.
#[must_use]
pub fn is_same(own: &ExternalId, found: &str) -> bool {
    own.as_str().eq_ignore_ascii_case(found.trim())
}

/// Whether a text is the complete external id of any order. A truncated id could be that of
/// several orders, so it does not count.
#[must_use]
pub fn is_of_an_order(text: &str) -> bool {
    let is_number = |number: &str| {
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
        is_plain && !number.starts_with('0') && number.parse::<u64>().is_ok()
    };
    let text = text.trim();
    text.split_at_checked(36).is_some_and(|(run, number)| {
        run.parse::<Uuid>().is_ok() && number.strip_prefix('-').is_some_and(is_number)
    })
}

/// Whether the external id of a request may be the reason for a 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalCause {
    /// It names the external id.
    Named,
    /// It may be about the external id.
    Possible,
    /// It is about something else.
    Other,
}

/// The codes of the service's documented table of errors that may be about a member of the body.
const BODY_CODES: [&str; 4] = [
    "BadRequest",
    "InvalidInput",
    "InvalidRequestBody",
    "MissingRequiredParameter",
];

impl RefusalCause {
    /// Reads the code and the message of a 400. The service may change both without notice, so
    /// an unknown code may be about the external id.
    pub(crate) fn of(problem: &Problem) -> Self {
        let code = problem.code.as_deref().unwrap_or_default();
        let message = problem.message.as_deref().unwrap_or_default();
        let text = [code, message].map(|text| {
            let letters = text.chars().filter(char::is_ascii_alphanumeric);
            letters.collect::<String>().to_ascii_lowercase()
        });
        if text.iter().any(|text| text.contains("externalid")) {
            return Self::Named;
        }
        // The comment is the other member of the body.
        let names_comment = text.iter().any(|text| text.contains("comment"));
        let is_documented = DOCUMENTED_CODES.contains(&code);
        let is_other = problem.kind != ProblemKind::Rejected
            || names_comment
            || (is_documented && !BODY_CODES.contains(&code));
        if is_other {
            Self::Other
        } else {
            Self::Possible
        }
    }
}

/// The other codes of that table with status 400.
const DOCUMENTED_CODES: [&str; 9] = [
    "ODataError",
    "InvalidHashValue",
    "InvalidDomainName",
    "InvalidIpAddress",
    "InvalidUrl",
    "MaximumBatchSizeExceeded",
    "OsPlatformNotSupported",
    "ClientVersionNotSupported",
    "ActiveRequestAlreadyExists",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::contract::Retry;

    const RUN: Uuid = Uuid::from_u128(0x7e4a_4700_0000_4000_8000_0000_0000_00ab);

    #[test]
    fn the_id_of_an_order_is_an_external_id_whatever_its_number() {
        for number in [1, 12, u64::MAX] {
            let id = of_order(RUN, number);
            assert!(
                id.parse::<ExternalId>().is_ok() && is_of_an_order(&id),
                "{id}"
            );
            let own = id.parse().unwrap();
            assert!(is_same(&own, &id.to_uppercase()) && is_same(&own, &format!(" {id}\n")));
            assert!(is_of_an_order(&id.to_uppercase()), "{id}");
            // A truncated id belongs to no order.
            assert!(!is_same(&own, &id[..36]) && !is_of_an_order(&id[..36]));
        }
        let other = of_order(RUN, 12).parse().unwrap();
        assert!(!is_same(&other, &of_order(RUN, 1)));
        assert!(!is_same(&other, &of_order(RUN, 123)));
    }

    #[test]
    fn an_id_of_another_client_is_not_an_order_s() {
        let run = RUN.to_string();
        for text in [
            "",
            "INC-1234",
            &run,
            &format!("{run}-"),
            &format!("{run}-0"),
            &format!("{run}-01"),
            &format!("{run}-+1"),
            &format!("{run}-x"),
            &format!("{run}/1"),
            &"é".repeat(20),
        ] {
            assert!(!is_of_an_order(text), "{text}");
        }
    }

    #[test]
    fn a_refusal_is_forgotten_after_a_week_also_if_a_clock_was_wrong() {
        let learned = |support| Learned { support, at: 0 };
        let refused = learned(ExternalIdSupport::Refused);
        for (now, is_refused) in [
            (0, true),
            (REMEMBERED - 1, true),
            (REMEMBERED, false),
            (-REMEMBERED, false),
        ] {
            assert_eq!(refused.is_refused(now), is_refused, "{now}");
        }
        assert!(!learned(ExternalIdSupport::NotEchoed).is_refused(0));
    }

    #[test]
    fn the_newest_observation_counts_but_an_acceptance_says_nothing_about_lists() {
        use ExternalIdSupport::{Accepted, Echoed, NotEchoed, Refused};
        for (known, seen, then) in [
            (None, Accepted, Accepted),
            (Some(Refused), Accepted, Accepted),
            (Some(Echoed), Accepted, Echoed),
            (Some(NotEchoed), Accepted, NotEchoed),
            (Some(Echoed), NotEchoed, NotEchoed),
            (Some(NotEchoed), Echoed, Echoed),
            (Some(Echoed), Refused, Refused),
        ] {
            assert_eq!(seen.after(known), then, "{known:?} {seen:?}");
        }
        for support in ExternalIdSupport::ALL {
            assert_eq!(ExternalIdSupport::of(support.name()), Some(support));
        }
        assert_eq!(ExternalIdSupport::of("later"), None);
    }

    #[test]
    fn a_refusal_that_names_something_else_is_not_about_the_external_id() {
        let cause = |kind: &'static str, code: &str, message: &str| {
            RefusalCause::of(&Problem {
                code: Some(code.to_owned()),
                ..Problem::new(kind, Retry::Never, message)
            })
        };
        let rejected = "rejected";
        for (kind, code, message, expected) in [
            (
                rejected,
                "InvalidRequestBody",
                "Request body is incorrect",
                RefusalCause::Possible,
            ),
            (rejected, "BadRequest", "", RefusalCause::Possible),
            (rejected, "SomethingNew", "", RefusalCause::Possible),
            (rejected, "", "", RefusalCause::Possible),
            (
                rejected,
                "InvalidInput",
                "ExternalId is too long",
                RefusalCause::Named,
            ),
            (
                rejected,
                "BadRequest",
                "The external id is not a GUID",
                RefusalCause::Named,
            ),
            (
                rejected,
                "BadRequest",
                "Comment and external_id",
                RefusalCause::Named,
            ),
            (
                rejected,
                "MissingRequiredParameter",
                "Comment is missing",
                RefusalCause::Other,
            ),
            (
                rejected,
                "InvalidInput",
                "The comment is too long",
                RefusalCause::Other,
            ),
            (rejected, "InvalidUrl", "", RefusalCause::Other),
            ("already-in-progress", "BadRequest", "", RefusalCause::Other),
            (
                "unsupported-machine",
                "OsPlatformNotSupported",
                "",
                RefusalCause::Other,
            ),
        ] {
            assert_eq!(cause(kind, code, message), expected, "{code} {message}");
        }
    }
}
