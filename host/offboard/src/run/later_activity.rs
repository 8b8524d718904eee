//! Whether a machine has reported since it was offboarded. If it has, it may have been
//! onboarded again: the earlier offboarding does not show its present state.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::runner::Runner;
use crate::{
    contract::{ActionStatus, ActionType, MachineAction, Problem, Retry},
    ledger::{LedgerError, RunId},
    order::{DeviceSnapshot, SEEN_SINCE, State},
    verify::{device_snapshot, time, updated},
};

/// How long after the end of its offboarding a machine may still seem to report: reports that
/// its sensor sent before may be recorded later. Unsourced: Microsoft documents that a machine
/// reports about every 24 hours, but not how late a report is recorded.
const RECORDED_LATE: SignedDuration = SignedDuration::from_hours(1);

/// The service marks a machine that does not report as inactive after 7 days (Microsoft's
/// documentation). The extra day allows for a late mark, and for this computer's clock.
const INACTIVE: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Whether a machine has reported since its offboarding succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaterActivity {
    /// It has not been seen since, except for reports within the margin: when the offboarding
    /// ended, and when the machine was last seen.
    Silent(Timestamp, Timestamp),
    /// It has been seen since: when the offboarding ended, and the evidence.
    Reported(Option<Timestamp>, String),
    /// Unknown: when the offboarding ended, if that can be read.
    Unknown(Option<Timestamp>),
}

impl LaterActivity {
    /// Compares the properties of a machine with the end of its offboarding. `action` is
    /// the JSON of an action that succeeded, as it was delivered.
    #[must_use]
    pub fn of(device: Option<&DeviceSnapshot>, action: &str) -> Self {
        Self::at(device, action, Timestamp::now())
    }

    fn at(device: Option<&DeviceSnapshot>, action: &str, now: Timestamp) -> Self {
        // A device that was onboarded again has a new record, and possibly only that one.
        let merged = device.and_then(|device| device.merged_into.as_deref());
        let merged = merged.map(|other| format!("the service has merged it into {other}"));
        Self::by_time(device, action, now).unless(merged)
    }

    fn by_time(device: Option<&DeviceSnapshot>, action: &str, now: Timestamp) -> Self {
        let Some(ended) = updated(action) else {
            return Self::Unknown(None);
        };
        let last_seen = last_seen(device);
        if let Some(last_seen) = last_seen.filter(|at| is_after(*at, ended)) {
            let what = format!("the service saw it after that, at {last_seen}");
            return Self::Reported(Some(ended), what);
        }
        let health = device.and_then(|device| device.health.as_deref());
        if health.is_some_and(|health| health.eq_ignore_ascii_case("Active"))
            && now.duration_since(ended) > INACTIVE
        {
            let what = "the service still lists it as Active, more than 8 days after that";
            return Self::Reported(Some(ended), what.to_owned());
        }
        match last_seen {
            Some(last_seen) => Self::Silent(ended, last_seen),
            None => Self::Unknown(Some(ended)),
        }
    }

    /// If a later offboarding failed, the machine has reported since: it rejected that
    /// offboarding.
    #[must_use]
    pub fn but_failed(self, failed: bool) -> Self {
        let what = "an offboarding that was ordered later failed on the machine";
        self.unless(failed.then(|| what.to_owned()))
    }

    /// Reported, if there is other evidence (`what`) that the machine is in use.
    fn unless(self, what: Option<String>) -> Self {
        match (self, what) {
            (Self::Silent(ended, _), Some(what)) => Self::Reported(Some(ended), what),
            (Self::Unknown(ended), Some(what)) => Self::Reported(ended, what),
            (since, _) => since,
        }
    }

    /// The reason why an order is not sent if its machine was offboarded before. `what`
    /// names the order or the action.
    #[must_use]
    pub fn problem(&self, what: &str) -> Problem {
        let (kind, rest) = match self {
            Self::Silent(ended, last_seen) if last_seen > ended => (
                "already-offboarded",
                format!(
                    "; the action ended at {ended}, and the machine was last seen at {last_seen}, \
                     within the hour that late reports may take"
                ),
            ),
            Self::Silent(ended, _) => (
                "already-offboarded",
                format!(
                    "; the action ended at {ended}, and when the machine was read, the service had \
                     not seen it since"
                ),
            ),
            Self::Unknown(Some(ended)) => (
                "already-offboarded",
                format!(
                    "; the action ended at {ended}, and whether the machine has reported since is \
                     not known"
                ),
            ),
            Self::Unknown(None) => (
                "already-offboarded",
                "; whether the machine has reported since is not known".to_owned(),
            ),
            Self::Reported(Some(ended), how) => (
                SEEN_SINCE,
                format!("; the action ended at {ended}, and {how}"),
            ),
            Self::Reported(None, how) => (SEEN_SINCE, format!("; {how}")),
        };
        Problem::new(kind, Retry::Never, format!("{what}{rest}"))
    }
}

/// Whether an action had ended before the machine was last seen, according to the preflight.
pub(super) fn ended_before(device: Option<&DeviceSnapshot>, action: &str) -> bool {
    let times = updated(action).zip(last_seen(device));
    times.is_some_and(|(ended, last_seen)| is_after(last_seen, ended))
}

fn last_seen(device: Option<&DeviceSnapshot>) -> Option<Timestamp> {
    device?.last_seen.as_deref().and_then(time)
}

fn is_after(last_seen: Timestamp, ended: Timestamp) -> bool {
    last_seen.duration_since(ended) > RECORDED_LATE
}

/// Whether a successful action ended long enough ago that its machine may show a later report.
/// If its end is unknown, it may.
fn is_long_over(action: &MachineAction) -> bool {
    updated(&action.json).is_none_or(|ended| Timestamp::now().duration_since(ended) > RECORDED_LATE)
}

/// The number of orders that are read from the ledger at once.
const SUCCEEDED_PAGE: u32 = 100;

impl Runner {
    /// The numbers of a run's succeeded orders.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn succeeded(&self, run: RunId) -> Result<HashSet<u64>, LedgerError> {
        let (mut numbers, mut after) = (HashSet::new(), 0);
        loop {
            let ledger = self.session.ledger();
            let page = ledger
                .entries_in(run, State::Succeeded, after, SUCCEEDED_PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(numbers);
            };
            after = last.number;
            numbers.extend(page.iter().map(|entry| entry.number));
        }
    }

    /// Reads the machines of a run's succeeded orders, except these, if their offboardings
    /// ended a while ago. Records which machines have reported since.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub(crate) async fn check_succeeded(
        &self,
        run: RunId,
        except: &HashSet<u64>,
    ) -> Result<(), LedgerError> {
        let mut after = 0;
        loop {
            let ledger = self.session.ledger();
            let page = ledger
                .entries_in(run, State::Succeeded, after, SUCCEEDED_PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.number;
            for mut entry in page {
                let action = entry.order.action().filter(|action| is_long_over(action));
                let Some(action) = action.filter(|_| !except.contains(&entry.number)) else {
                    continue;
                };
                if self.stopped() {
                    return Ok(());
                }
                if let Some(since @ LaterActivity::Reported(..)) = self.later_activity(action).await
                {
                    let what = format!("action {} offboarded it", action.id);
                    entry.order.record_report_since(since.problem(&what));
                    self.session.save(&mut entry).await?;
                }
            }
        }
    }

    /// Reads the machine of a successful offboarding, and compares. `None` for any other
    /// action, or if the machine cannot be read.
    pub async fn later_activity(&self, action: &MachineAction) -> Option<LaterActivity> {
        let is_done =
            action.action_type == ActionType::Offboard && action.status == ActionStatus::Succeeded;
        let id = action.machine_id.as_deref().filter(|_| is_done)?;
        let machine = self.machine(&id.parse().ok()?).await.ok()?;
        Some(LaterActivity::of(
            Some(&device_snapshot(&machine)),
            &action.json,
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn since(last_seen: Option<&str>, health: Option<&str>, action: &str) -> LaterActivity {
        let device = DeviceSnapshot {
            last_seen: last_seen.map(ToOwned::to_owned),
            health: health.map(ToOwned::to_owned),
            ..DeviceSnapshot::default()
        };
        let now = "2026-11-22T00:00:00Z".parse().unwrap();
        LaterActivity::at(Some(&device), action, now)
    }

    const ENDED: &str = r#"{"lastUpdateDateTimeUtc": "2026-11-20T10:00:00.1234567Z"}"#;

    fn kind(since: &LaterActivity) -> &'static str {
        match since {
            LaterActivity::Silent(..) => "silent",
            LaterActivity::Reported(..) => "reported",
            LaterActivity::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn a_report_after_the_end_and_a_margin_counts_in_every_form_of_a_time() {
        for (last_seen, expected) in [
            (Some("2026-11-20T09:59:59Z"), "silent"),
            (Some("2026-11-20T11:00:00.1234567Z"), "silent"),
            (Some("2026-11-20T11:00:00.1234568Z"), "reported"),
            (Some("2026-11-20T11:00:01Z"), "reported"),
            // The same time, in another zone, and without a zone.
            (Some("2026-11-20T13:00:00.1234567+02:00"), "silent"),
            (Some("2026-11-20T13:00:01+02:00"), "reported"),
            (Some("2026-11-20T10:30:00-08:00"), "reported"),
            (Some("2026-11-20T11:00:01"), "reported"),
            (Some(" 2026-11-20 11:00:01Z "), "reported"),
            (Some("9999-12-01T00:00:00Z"), "reported"),
            // An unreadable time does not prove that the machine was silent.
            (Some("9999-12-31T23:59:59.9999999Z"), "unknown"),
            (Some("0001-01-01T00:00:00Z"), "unknown"),
            (Some("yesterday"), "unknown"),
            (Some(""), "unknown"),
            (None, "unknown"),
        ] {
            let found = since(last_seen, None, ENDED);
            assert_eq!(kind(&found), expected, "{last_seen:?} {found:?}");
        }
        assert_eq!(kind(&LaterActivity::of(None, ENDED)), "unknown");
    }

    /// The message is evidence: it must not deny a report within the margin.
    #[test]
    fn a_report_within_the_margin_is_named() {
        for (last_seen, is_named) in [
            ("2026-11-20T10:00:00Z", false),
            ("2026-11-20T10:00:00.1234567Z", false),
            ("2026-11-20T10:00:00.1234568Z", true),
            ("2026-11-20T11:00:00Z", true),
        ] {
            let problem = since(Some(last_seen), None, ENDED).problem("run 1 offboarded it");
            assert_eq!(problem.kind, "already-offboarded", "{last_seen}");
            let message = problem.message.unwrap();
            let named = format!("last seen at {last_seen}, within the hour");
            assert_eq!(message.contains(&named), is_named, "{message}");
            let denied = message.contains("had not seen it since");
            assert_eq!(denied, !is_named, "{message}");
        }
    }

    #[test]
    fn an_end_that_cannot_be_read_proves_nothing() {
        let seen = Some("2026-11-21T10:00:00Z");
        for (action, expected) in [
            (
                r#"{"lastUpdateTimeUtc": "2026-11-20T10:00:00Z"}"#,
                "reported",
            ),
            (
                r#"{"LASTUPDATEDATETIMEUTC": "2026-11-20T10:00:00"}"#,
                "reported",
            ),
            (r#"{"lastUpdateDateTimeUtc": null}"#, "unknown"),
            (
                r#"{"lastUpdateDateTimeUtc": "0001-01-01T00:00:00Z"}"#,
                "unknown",
            ),
            (r#"{"lastUpdateDateTimeUtc": 1}"#, "unknown"),
            (
                r#"{"lastUpdateDateTimeUtc": "2026-11-20T10:00:00Z",
                    "lastUpdateDateTimeUtc": "2026-11-22T10:00:00Z"}"#,
                "unknown",
            ),
            ("{}", "unknown"),
            ("", "unknown"),
        ] {
            let found = since(seen, None, action);
            assert_eq!(kind(&found), expected, "{action} {found:?}");
        }
    }

    #[test]
    fn a_machine_that_is_active_long_after_has_reported() {
        let ended = |at: &str| format!(r#"{{"lastUpdateDateTimeUtc": "2026-11-{at}T00:00:00Z"}}"#);
        let before = Some("2026-11-01T00:00:00Z");
        for (health, at, last_seen, expected) in [
            ("Active", "13", before, "reported"),
            ("active", "13", None, "reported"),
            ("Active", "14", before, "silent"),
            ("Active", "14", None, "unknown"),
            ("Inactive", "02", before, "silent"),
            ("Unknown", "02", None, "unknown"),
        ] {
            let found = since(last_seen, Some(health), &ended(at));
            assert_eq!(kind(&found), expected, "{health} {at} {found:?}");
        }
    }

    #[test]
    fn a_machine_that_was_merged_into_another_is_in_use() {
        for (last_seen, action) in [("2026-11-01T00:00:00Z", ENDED), ("", ENDED), ("", "{}")] {
            let device = DeviceSnapshot {
                last_seen: Some(last_seen.to_owned()),
                merged_into: Some("f".repeat(40)),
                ..DeviceSnapshot::default()
            };
            let problem = LaterActivity::of(Some(&device), action).problem("run 1 offboarded it");
            assert_eq!(problem.kind, SEEN_SINCE, "{problem:?}");
        }
    }

    #[test]
    fn what_failed_later_was_there_to_refuse() {
        for found in [
            since(Some("2026-11-01T00:00:00Z"), None, ENDED),
            since(None, None, "{}"),
        ] {
            let problem = found
                .clone()
                .but_failed(true)
                .problem("run 1 offboarded it");
            assert_eq!(problem.kind, SEEN_SINCE, "{problem:?}");
            let problem = found.but_failed(false).problem("run 1 offboarded it");
            assert_eq!(problem.kind, "already-offboarded", "{problem:?}");
        }
    }
}
