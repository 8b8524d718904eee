//! Checks both hosts: whether they can be reached and trusted, and whether the clocks agree.

use std::time::Duration;

use super::{Finding, Obstacle, Steps, whole_seconds};
use crate::{
    config::Config,
    connection::{Connection, Probe, ProbeError, Skew},
    identity::cloud::{Issuer, Service},
    output::CheckStep,
    problem::OutcomeClass,
};

/// Entra ID and the service reject clocks that differ by more than this.
const CLOCK_WRONG: Duration = Duration::from_secs(300);
/// A larger difference is a warning: the clock may soon be rejected.
const CLOCK_WARNING: Duration = Duration::from_secs(60);

/// Checks both hosts and the clock. Returns whether the API can be reached.
pub(super) async fn network(
    config: &Config,
    service: &Service,
    connection: &Connection,
    report: &mut Steps<'_>,
) -> bool {
    let mut skews = Vec::new();
    if config.issuer() == Issuer::Authority {
        let mut discovery = service.authority.clone();
        let tenant = config.tenant();
        let tenant = tenant.map_or("common", |tenant| &*tenant.value);
        discovery.set_path(&format!("{tenant}/v2.0/.well-known/openid-configuration"));
        let seen = connection.probe(&discovery).await;
        skews.extend(reached("authority", seen.as_ref(), report));
    }
    let seen = connection.probe_api().await;
    let is_reachable = seen.is_ok();
    skews.extend(reached("api", seen.as_ref(), report));
    let step = match skews.into_iter().max() {
        None => CheckStep::skipped("clock", "no host reported its time"),
        Some(skew) if skew.by > CLOCK_WRONG => {
            // If a sign-in or a request fails because of it, a later step shows that.
            CheckStep::warning("clock", off(skew), report.hint(&Finding::ClockWrong))
        }
        Some(skew) if skew.by > CLOCK_WARNING => {
            CheckStep::warning("clock", off(skew), report.hint(&Finding::ClockLate))
        }
        Some(_) => CheckStep::passed("clock", "in sync with the service"),
    };
    report.add(step);
    is_reachable
}

fn off(skew: Skew) -> String {
    let way = if skew.ahead { "ahead of" } else { "behind" };
    format!("{} {way} the service", whole_seconds(skew.by))
}

fn reached(
    step: &'static str,
    seen: Result<&Probe, &ProbeError>,
    report: &mut Steps<'_>,
) -> Option<Skew> {
    match seen {
        Ok(probe) => {
            let address = probe
                .address
                .map_or_else(String::new, |address| format!(" at {address}"));
            let proxy = probe.proxy.as_ref();
            let proxy =
                proxy.map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
            report.add(CheckStep::passed(
                step,
                format!("reachable{address}{proxy}"),
            ));
            probe.skew
        }
        Err(error) => {
            let hint = report.hint(&Finding::Unreachable);
            let step = CheckStep::failed(step, error.to_string(), hint);
            report.fail(step, Obstacle::Problem(OutcomeClass::NotSent));
            None
        }
    }
}
