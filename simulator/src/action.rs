//! A machine action, as the service stores it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::action_kind::ActionKind;
use crate::timestamp::{after, ceil_to_micros, wire};

/// The status of an action. Only a fault leads to `Failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Status {
    Pending,
    InProgress,
    Succeeded,
    Failed,
    TimeOut,
    Cancelled,
}

impl Status {
    pub(crate) fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress)
    }

    /// The `errorHResult`. Those of a timeout (an HTTP request timeout) and of a cancellation
    /// (aborted) were captured from actions of other types. That of a failure is the general
    /// one of Windows, which is unsourced here.
    fn error_code(self) -> i32 {
        match self {
            Self::TimeOut => -2_145_844_840,
            Self::Cancelled => -2_147_467_260,
            Self::Failed => -2_147_467_259,
            Self::Pending | Self::InProgress | Self::Succeeded => 0,
        }
    }
}

/// The final status of an action that doesn't succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Failed,
    TimeOut,
}

impl From<End> for Status {
    fn from(end: End) -> Self {
        match end {
            End::Failed => Self::Failed,
            End::TimeOut => Self::TimeOut,
        }
    }
}

/// The faults of the action that a call creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Course {
    /// How long lists and reads don't show it.
    pub(crate) visible_after: Option<Duration>,
    /// Its final status, also on an offline device.
    pub(crate) end: Option<End>,
}

/// One action on a machine. Its status isn't stored: it follows from the time.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) id: Uuid,
    pub(crate) kind: ActionKind,
    pub(crate) machine_id: String,
    pub(crate) computer_dns_name: String,
    pub(crate) requestor: String,
    pub(crate) ordered: Ordered,
    pub(crate) created: Timestamp,
    /// How long the device takes; `None` for an offline device, whose action stays pending
    /// until the deadline.
    pub(crate) takes: Option<Duration>,
    /// How long it may stay pending.
    pub(crate) deadline: Duration,
    pub(crate) course: Course,
    pub(crate) cancellation: Option<Cancellation>,
}

/// What the body of an action orders.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ordered {
    pub(crate) comment: String,
    pub(crate) external_id: Option<String>,
    pub(crate) title: Option<String>,
}

impl From<String> for Ordered {
    fn from(comment: String) -> Self {
        Self {
            comment,
            ..Self::default()
        }
    }
}

/// A cancellation: the user, the comment and the time.
#[derive(Debug, Clone)]
pub(crate) struct Cancellation {
    pub(crate) requestor: String,
    pub(crate) comment: Option<String>,
    pub(crate) time: Timestamp,
}

impl Action {
    pub(crate) fn status(&self, now: Timestamp) -> Status {
        self.status_since(now).0
    }

    /// Whether lists and reads show it yet.
    pub(crate) fn is_visible(&self, now: Timestamp) -> bool {
        self.course
            .visible_after
            .is_none_or(|hidden| now >= after(self.created, hidden))
    }

    fn status_since(&self, now: Timestamp) -> (Status, Timestamp) {
        if let Some(cancellation) = &self.cancellation {
            return (Status::Cancelled, cancellation.time);
        }
        // The answer that creates an action always says `Pending`, even if actions take no
        // time at all.
        let deadline = after(self.created, self.deadline);
        if self.takes.is_none() && now >= deadline {
            return (Status::TimeOut, deadline);
        }
        if let Some(takes) = self.takes.filter(|_| now > self.created) {
            let (begun, done) = (after(self.created, takes / 2), after(self.created, takes));
            if now >= done {
                let end = self.course.end.map_or(Status::Succeeded, Status::from);
                return (end, done);
            }
            if now >= begun {
                return (Status::InProgress, begun);
            }
        }
        (Status::Pending, self.created)
    }

    /// The action as the service shows it at `now`.
    pub(crate) fn body(&self, now: Timestamp) -> ActionBody {
        let (status, since) = self.status_since(now);
        let cancellation = self.cancellation.as_ref();
        ActionBody {
            id: self.id,
            r#type: self.kind.name(),
            title: self.ordered.title.clone(),
            requestor: self.requestor.clone(),
            requestor_comment: self.ordered.comment.clone(),
            status,
            machine_id: self.machine_id.clone(),
            computer_dns_name: self.computer_dns_name.clone(),
            creation_date_time_utc: wire(self.created),
            last_update_date_time_utc: wire(ceil_to_micros(since)),
            cancellation_requestor: cancellation.map(|by| by.requestor.clone()),
            cancellation_comment: cancellation.and_then(|by| by.comment.clone()),
            cancellation_date_time_utc: cancellation.map(|by| wire(by.time)),
            error_h_result: status.error_code(),
            scope: self.kind.scope(),
            external_id: self.ordered.external_id.clone(),
            request_source: "PublicApi",
            related_file_info: None,
            commands: [],
            troubleshoot_info: None,
        }
    }
}

/// The entity, with the members, their order and their nulls as captured from
/// the service for an offboarding.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionBody {
    pub(crate) id: Uuid,
    r#type: &'static str,
    title: Option<String>,
    requestor: String,
    requestor_comment: String,
    pub(crate) status: Status,
    pub(crate) machine_id: String,
    computer_dns_name: String,
    creation_date_time_utc: String,
    last_update_date_time_utc: String,
    cancellation_requestor: Option<String>,
    cancellation_comment: Option<String>,
    cancellation_date_time_utc: Option<String>,
    error_h_result: i32,
    scope: Option<&'static str>,
    pub(crate) external_id: Option<String>,
    request_source: &'static str,
    related_file_info: Option<String>,
    commands: [(); 0],
    troubleshoot_info: Option<String>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn action(takes: Option<u64>) -> Action {
        Action {
            id: Uuid::from_u128(1),
            kind: ActionKind::Offboard,
            machine_id: "m".to_owned(),
            computer_dns_name: "host1.example.test".to_owned(),
            requestor: "my-app".to_owned(),
            ordered: "why".to_owned().into(),
            created: "2030-01-02T03:04:05.1234567Z".parse().unwrap(),
            takes: takes.map(Duration::from_millis),
            deadline: Duration::from_secs(60),
            course: Course::default(),
            cancellation: None,
        }
    }

    fn later(action: &Action, millis: u64) -> Timestamp {
        after(action.created, Duration::from_millis(millis))
    }

    #[test]
    fn an_online_device_goes_through_all_stages() {
        let action = action(Some(2000));
        for (millis, status, updated) in [
            (0, Status::Pending, "2030-01-02T03:04:05.123457Z"),
            (999, Status::Pending, "2030-01-02T03:04:05.123457Z"),
            (1000, Status::InProgress, "2030-01-02T03:04:06.123457Z"),
            (1999, Status::InProgress, "2030-01-02T03:04:06.123457Z"),
            (2000, Status::Succeeded, "2030-01-02T03:04:07.123457Z"),
            (9_000_000, Status::Succeeded, "2030-01-02T03:04:07.123457Z"),
        ] {
            let body = action.body(later(&action, millis));
            assert_eq!(
                (body.status, body.last_update_date_time_utc.as_str()),
                (status, updated),
                "{millis}"
            );
        }
    }

    #[test]
    fn an_offline_device_stays_pending_until_the_deadline() {
        let action = action(None);
        for (millis, status, error, updated) in [
            (0, Status::Pending, 0, "2030-01-02T03:04:05.123457Z"),
            (59_999, Status::Pending, 0, "2030-01-02T03:04:05.123457Z"),
            (
                60_000,
                Status::TimeOut,
                -2_145_844_840,
                "2030-01-02T03:05:05.123457Z",
            ),
            (
                9_000_000,
                Status::TimeOut,
                -2_145_844_840,
                "2030-01-02T03:05:05.123457Z",
            ),
        ] {
            let body = action.body(later(&action, millis));
            assert_eq!(
                (
                    body.status,
                    body.error_h_result,
                    &*body.last_update_date_time_utc
                ),
                (status, error, updated),
                "{millis}"
            );
        }
    }

    #[test]
    fn an_action_that_a_device_has_begun_does_not_time_out() {
        let action = action(Some(200_000));
        for (millis, status) in [
            (60_000, Status::Pending),
            (100_000, Status::InProgress),
            (200_000, Status::Succeeded),
        ] {
            assert_eq!(action.status(later(&action, millis)), status, "{millis}");
        }
    }

    #[test]
    fn even_without_any_time_the_first_answer_is_pending() {
        let action = action(Some(0));
        assert_eq!(action.status(action.created), Status::Pending);
        assert_eq!(action.status(later(&action, 1)), Status::Succeeded);
    }

    #[test]
    fn an_action_can_end_otherwise() {
        for (end, status, error) in [
            (End::Failed, Status::Failed, -2_147_467_259),
            (End::TimeOut, Status::TimeOut, -2_145_844_840),
        ] {
            let mut action = action(Some(2000));
            action.course.end = Some(end);
            for (millis, expected) in [
                (0, Status::Pending),
                (1000, Status::InProgress),
                (2000, status),
            ] {
                assert_eq!(action.status(later(&action, millis)), expected, "{millis}");
            }
            assert!(status.is_final());
            assert_eq!(action.body(later(&action, 1999)).error_h_result, 0);
            assert_eq!(action.body(later(&action, 2000)).error_h_result, error);
        }
    }

    #[test]
    fn an_action_can_be_there_before_it_shows() {
        let mut action = action(Some(2000));
        assert!(action.is_visible(action.created));
        action.course.visible_after = Some(Duration::from_secs(5));
        assert!(!action.is_visible(later(&action, 4999)));
        assert!(action.is_visible(later(&action, 5000)));
        assert_eq!(action.status(later(&action, 2000)), Status::Succeeded);
    }

    #[test]
    fn a_cancelled_action_says_by_whom() {
        let mut action = action(Some(2000));
        let time = later(&action, 500);
        action.cancellation = Some(Cancellation {
            requestor: "x".to_owned(),
            comment: None,
            time,
        });
        let body = action.body(later(&action, 5000));
        assert_eq!(body.status, Status::Cancelled);
        assert_eq!(body.error_h_result, -2_147_467_260);
        assert_eq!(body.cancellation_requestor.as_deref(), Some("x"));
        assert_eq!(
            body.cancellation_date_time_utc.as_deref(),
            Some("2030-01-02T03:04:05.6234567Z")
        );
        assert_eq!(
            body.last_update_date_time_utc,
            "2030-01-02T03:04:05.623457Z"
        );
    }

    #[test]
    fn the_body_is_as_captured() {
        let action = action(Some(2000));
        let body = serde_json::to_string_pretty(&action.body(action.created)).unwrap();
        assert_eq!(
            body,
            r#"{
  "id": "00000000-0000-0000-0000-000000000001",
  "type": "Offboard",
  "title": null,
  "requestor": "my-app",
  "requestorComment": "why",
  "status": "Pending",
  "machineId": "m",
  "computerDnsName": "host1.example.test",
  "creationDateTimeUtc": "2030-01-02T03:04:05.1234567Z",
  "lastUpdateDateTimeUtc": "2030-01-02T03:04:05.123457Z",
  "cancellationRequestor": null,
  "cancellationComment": null,
  "cancellationDateTimeUtc": null,
  "errorHResult": 0,
  "scope": null,
  "externalId": null,
  "requestSource": "PublicApi",
  "relatedFileInfo": null,
  "commands": [],
  "troubleshootInfo": null
}"#
        );
    }
}
