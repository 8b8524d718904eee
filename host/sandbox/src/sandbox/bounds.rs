//! Truncates text from the sandbox before any other code reads it: a plugin could fill
//! every string of a result with megabytes.

use crate::contract::{
    ActionPage, ActionStatus, ActionType, CancelError, ExternalIdError, FileInfo, IpAddress,
    Machine, MachineAction, MachinePage, OffboardError, ReadError, ServiceError, TagError,
    Throttled, UnknownOutcome, UnreadableAnswer,
};
use crate::cut::cut;

/// The longest text, in bytes. The longest genuine text, a cursor, is shorter.
const MAX_GUEST_TEXT: usize = 32 * 1024;
/// The longest JSON of one machine, in bytes. It is parsed and not stored.
const MAX_MACHINE: usize = 1024 * 1024;
/// The longest JSON of one action, in bytes. It is stored; the limit is that of a stored
/// answer.
const MAX_ACTION: usize = 64 * 1024;

/// A value with text in it.
pub(super) trait Bounded: Sized {
    /// Truncates every text to its limit.
    fn bound(&mut self);

    fn bounded(mut self) -> Self {
        self.bound();
        self
    }
}

/// Truncates a text to its limit, and marks the end.
pub(super) fn text(text: String) -> String {
    text.bounded()
}

impl Bounded for () {
    fn bound(&mut self) {}
}

impl Bounded for String {
    fn bound(&mut self) {
        cut(self, MAX_GUEST_TEXT);
    }
}

impl<T: Bounded> Bounded for Option<T> {
    fn bound(&mut self) {
        self.iter_mut().for_each(Bounded::bound);
    }
}

impl<T: Bounded> Bounded for Vec<T> {
    fn bound(&mut self) {
        self.iter_mut().for_each(Bounded::bound);
    }
}

impl<T: Bounded, E: Bounded> Bounded for Result<T, E> {
    fn bound(&mut self) {
        match self {
            Ok(value) => value.bound(),
            Err(error) => error.bound(),
        }
    }
}

/// A truncated JSON document is not JSON, so one that is too long is dropped.
fn bound_json(json: &mut String, bytes: usize) {
    if json.len() > bytes {
        *json = String::new();
    }
}

/// Lists every field, so that a new one cannot be forgotten.
macro_rules! record {
    ($name:ident { $($text:ident),* $(,)? } $({ $($plain:ident),* })? $(json $json:ident up to $bytes:ident)?) => {
        impl Bounded for $name {
            fn bound(&mut self) {
                let Self { $($text,)* $($($plain: _,)*)? $($json,)? } = self;
                $($text.bound();)*
                $(bound_json($json, $bytes);)?
            }
        }
    };
}

macro_rules! variant {
    ($name:ident { $($case:ident),* $(,)? } $({ $($plain:ident),* })?) => {
        impl Bounded for $name {
            fn bound(&mut self) {
                match self {
                    $(Self::$case(value) => value.bound(),)*
                    $($(Self::$plain => {})*)?
                }
            }
        }
    };
}

record!(FileInfo {
    identifier,
    identifier_type
});
record!(IpAddress {
    address,
    mac_address,
    operational_status
});
record!(ActionPage { actions, next });
record!(MachinePage { machines, next });
record!(ServiceError { code, message, target } { status });
record!(Throttled { answer } { retry_after });
record!(UnreadableAnswer { reason } { status });
record!(UnknownOutcome { reason, answer });
record!(MachineAction {
    id, action_type, status, title, requestor, requestor_comment, machine_id, computer_dns_name,
    creation_date_time_utc, last_update_date_time_utc, cancellation_requestor,
    cancellation_comment, cancellation_date_time_utc, error, scope, external_id, request_source,
    related_file_info, commands, troubleshoot_info,
} { error_hresult } json json up to MAX_ACTION);
record!(Machine {
    id, computer_dns_name, first_seen, last_seen, os_platform, version, os_architecture,
    onboarding_status, health_status, last_ip_address, last_external_ip_address, ip_addresses,
    rbac_group_id, rbac_group_name, risk_score, exposure_level, device_value, aad_device_id,
    machine_tags, agent_version, merged_into_machine_id,
} { os_build, is_potential_duplication, is_excluded } json json up to MAX_MACHINE);
variant!(ActionType { Other } {
    RunAntiVirusScan, Offboard, LiveResponse, CollectInvestigationPackage, Isolate, Unisolate,
    StopAndQuarantineFile, RestrictCodeExecution, UnrestrictCodeExecution
});
variant!(ActionStatus { Other } {
    Pending, InProgress, Succeeded, Failed, TimeOut, Cancelled
});
variant!(ReadError {
    InvalidArgument,
    NoCredential,
    Unauthorized,
    Forbidden,
    NotFound,
    Rejected,
    Throttled,
    ServiceFailure,
    Denied,
    NoAnswer,
    UnreadableAnswer,
});
variant!(OffboardError {
    InvalidMachineId,
    InvalidComment,
    NoCredential,
    Unauthorized,
    Forbidden,
    MachineNotFound,
    UnsupportedMachine,
    AlreadyInProgress,
    Rejected,
    Throttled,
    ServiceFailure,
    Denied,
    NotSent,
    OutcomeUnknown,
    UnreadableAnswer,
});
variant!(ExternalIdError {
    InvalidMachineId,
    InvalidComment,
    InvalidExternalId,
    NoCredential,
    Unauthorized,
    Forbidden,
    MachineNotFound,
    UnsupportedMachine,
    AlreadyInProgress,
    Rejected,
    Throttled,
    ServiceFailure,
    Denied,
    NotSent,
    OutcomeUnknown,
    UnreadableAnswer,
});
variant!(CancelError {
    InvalidActionId,
    InvalidComment,
    NoCredential,
    Unauthorized,
    Forbidden,
    ActionNotFound,
    Rejected,
    Throttled,
    ServiceFailure,
    Denied,
    NotSent,
    OutcomeUnknown,
    UnreadableAnswer,
});
variant!(TagError {
    InvalidMachineId,
    InvalidTag,
    NoCredential,
    Unauthorized,
    Forbidden,
    MachineNotFound,
    Rejected,
    Throttled,
    ServiceFailure,
    Denied,
    NotSent,
    OutcomeUnknown,
    UnreadableAnswer,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_truncated_at_a_character_boundary() {
        let cut = text("é".repeat(MAX_GUEST_TEXT));
        assert!(cut.len() <= MAX_GUEST_TEXT + '…'.len_utf8());
        assert!(cut.ends_with("é…"));
        assert_eq!(text("short".to_owned()), "short");
    }

    #[test]
    fn the_json_of_an_action_has_a_smaller_limit() {
        let action = |length: usize| {
            let json = "x".repeat(length);
            let action = MachineAction {
                json,
                ..MachineAction::bare("a")
            };
            action.bounded().json.len()
        };
        assert_eq!(action(MAX_ACTION), MAX_ACTION);
        assert_eq!(action(MAX_ACTION + 1), 0);
    }

    #[test]
    fn every_text_of_an_error_is_bounded() {
        let long = || Some("x".repeat(MAX_GUEST_TEXT * 2));
        let error = OffboardError::Throttled(Throttled {
            answer: ServiceError {
                status: 429,
                code: long(),
                message: long(),
                target: long(),
            },
            retry_after: Some(1),
        });
        let OffboardError::Throttled(throttled) = error.bounded() else {
            panic!("another case");
        };
        let answer = throttled.answer;
        for text in [answer.code, answer.message, answer.target] {
            assert!(text.is_some_and(|text| text.len() < MAX_GUEST_TEXT + 4));
        }
    }
}
