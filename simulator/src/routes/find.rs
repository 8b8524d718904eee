//! Finding machines by tag and by address.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use jiff::Timestamp;

use super::machines::row;
use crate::api::Api;
use crate::entra::Caller;
use crate::error::ServiceError;
use crate::fleet::Device;
use crate::odata::{MACHINE_SCHEMA, Row};
use crate::service::Service;
use crate::timestamp::{after, before};

/// How long before and after a time a machine may have been seen.
const RANGE: Duration = Duration::from_secs(15 * 60);

/// How old a time may be.
const OLDEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Finds the machines that have a tag: `findbytag?tag=x&useStartsWithFilter=true`.
pub(super) async fn by_tag(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ServiceError> {
    let caller = service.admit(&headers, Api::FindByTag, service.clock.now())?;
    let wanted = parameter(&uri, "tag").filter(|tag| !tag.is_empty());
    let wanted = wanted.ok_or_else(|| ServiceError::missing_parameter("tag"))?;
    let by_start = match parameter(&uri, "useStartsWithFilter") {
        None => false,
        Some(text) => text.to_ascii_lowercase().parse().map_err(|_| {
            ServiceError::invalid_input(format!(
                "'{text}' isn't a value of useStartsWithFilter: true or false."
            ))
        })?,
    };
    service.found(&caller, &headers, &uri, |device| {
        let changed = service.state.tags.of(&device.machine.id);
        let tags = changed.as_ref().unwrap_or(&device.machine.machine_tags);
        tags.iter().any(|tag| {
            if by_start {
                tag.starts_with(&*wanted)
            } else {
                *tag == wanted
            }
        })
    })
}

/// A parameter of a query, whose name is not case-sensitive (which is unsourced).
fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.into_owned())
}

/// Finds the machines that were seen with an internal address at a time:
/// `findbyip(ip='10.0.0.1',timestamp=2030-01-02T03:04:05Z)`.
///
/// Unsourced: that a machine always has the address of its record; and that a time may be
/// ahead of the service's clock by 15 minutes.
pub(super) async fn by_ip(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    uri: Uri,
    arguments: Result<Path<String>, PathRejection>,
) -> Result<Response, ServiceError> {
    let now = service.clock.now();
    let caller = service.admit(&headers, Api::FindByIp, now)?;
    let Path(text) = arguments.map_err(|error| ServiceError::invalid_input(error.body_text()))?;
    let (ip, time) = arguments_of(&text).ok_or_else(|| {
        ServiceError::invalid_input(format!(
            "'findbyip{text}' isn't findbyip(ip='ADDRESS',timestamp=TIME)."
        ))
    })?;
    let ip: IpAddr = ip
        .parse()
        .map_err(|_| ServiceError::invalid_ip_address(ip))?;
    let time: Timestamp = time
        .parse()
        .map_err(|_| ServiceError::invalid_input(format!("'{time}' isn't a time.")))?;
    if time < before(now, OLDEST) || time > after(now, RANGE) {
        return Err(ServiceError::bad_request(
            "The timestamp must be in the past 30 days.",
        ));
    }
    service.found(&caller, &headers, &uri, |device| {
        has_address(device, ip) && was_seen(device, time, now)
    })
}

/// The address and the time, in any order.
fn arguments_of(text: &str) -> Option<(&str, &str)> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    let (mut ip, mut time) = (None, None);
    for argument in inner.split(',') {
        let (name, value) = argument.split_once('=')?;
        let known = match name.trim().to_ascii_lowercase().as_str() {
            "ip" => &mut ip,
            "timestamp" => &mut time,
            _ => return None,
        };
        if known.replace(value.trim()).is_some() {
            return None;
        }
    }
    let ip = ip?.strip_prefix('\'')?.strip_suffix('\'')?;
    Some((ip, time?))
}

fn has_address(device: &Device, ip: IpAddr) -> bool {
    let mut interfaces = device.machine.ip_addresses.iter();
    interfaces.any(|interface| interface.ip_address.parse() == Ok(ip))
}

/// Whether a machine was seen around a time. A device that is online is seen all the time: its
/// record only has its last full report.
fn was_seen(device: &Device, time: Timestamp, now: Timestamp) -> bool {
    let parse = |text: &str| text.parse::<Timestamp>().ok();
    let last = if device.online {
        Some(now)
    } else {
        parse(&device.machine.last_seen)
    };
    let first = parse(&device.machine.first_seen);
    first.is_some_and(|first| before(first, RANGE) <= time)
        && last.is_some_and(|last| time <= after(last, RANGE))
}

impl Service {
    /// The machines that fit, of those that a caller can see.
    fn found(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        uri: &Uri,
        fits: impl Fn(&Device) -> bool,
    ) -> Result<Response, ServiceError> {
        let rows: Vec<Cow<'_, Row>> = self
            .state
            .fleet
            .iter()
            .filter(|device| self.sees(caller, &device.machine) && fits(device))
            .map(|device| row(device, &self.state.tags))
            .collect();
        let (query, page) = self.page(uri, &MACHINE_SCHEMA, rows.iter().map(AsRef::as_ref))?;
        Ok(self.list_body(headers, uri, &MACHINE_SCHEMA, &query, page))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fleet::Fleet;

    #[test]
    fn arguments_are_an_address_and_a_time() {
        for (text, expected) in [
            ("(ip='10.1.2.3',timestamp=T)", Some(("10.1.2.3", "T"))),
            ("( Timestamp = T , IP = '::1' )", Some(("::1", "T"))),
            ("(ip='',timestamp=T)", Some(("", "T"))),
            ("(ip=10.1.2.3,timestamp=T)", None),
            ("(ip='10.1.2.3')", None),
            ("(timestamp=T)", None),
            ("(ip='a',ip='b',timestamp=T)", None),
            ("(ip='a',timestamp=T,x=y)", None),
            ("()", None),
            ("ip='a',timestamp=T", None),
            ("", None),
        ] {
            assert_eq!(arguments_of(text), expected, "{text}");
        }
    }

    #[test]
    fn a_machine_is_seen_from_the_first_time_to_the_last() {
        let now: Timestamp = "2030-01-02T03:04:05Z".parse().unwrap();
        let fleet = Fleet::new(30, 1, now);
        let within = |time: Timestamp, seconds: i64| {
            time.checked_add(jiff::SignedDuration::from_secs(seconds))
                .unwrap()
        };
        for device in fleet.iter() {
            let first: Timestamp = device.machine.first_seen.parse().unwrap();
            let last = if device.online {
                now
            } else {
                device.machine.last_seen.parse().unwrap()
            };
            for (time, seen) in [
                (within(first, -901), false),
                (within(first, -899), true),
                (first, true),
                (last, true),
                (within(last, 899), true),
                (within(last, 901), false),
            ] {
                assert_eq!(was_seen(device, time, now), seen, "{device:?} {time}");
            }
        }
    }
}
