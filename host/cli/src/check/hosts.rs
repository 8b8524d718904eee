//! Both hosts: whether they are there and trusted, and what time it is there.

use std::time::Duration;

use super::steps::{Report, words};
use crate::hint;
use offboard::{
    config::Config,
    connection::{Connection, Probe, ProbeError, Skew},
    identity::cloud::{Issuer, Service},
    output::CheckStep,
};

/// A clock that is off by more is refused by Entra ID and by the service.
const WRONG: Duration = Duration::from_secs(300);
/// One that is off by more will be.
const LATE: Duration = Duration::from_secs(60);

/// Both hosts, and what time it is there.
pub(super) async fn network(
    config: &Config,
    service: &Service,
    connection: &Connection,
    report: &mut Report,
) {
    let mut skews = Vec::new();
    if config.issuer() == Issuer::Authority {
        let mut discovery = service.authority.clone();
        let tenant = config.tenant();
        let tenant = tenant.map_or("common", |tenant| tenant.value.as_str());
        discovery.set_path(&format!("{tenant}/v2.0/.well-known/openid-configuration"));
        let seen = connection.probe(&discovery).await;
        skews.extend(reached("authority", seen.as_ref(), report));
    }
    let seen = connection.probe_api().await;
    skews.extend(reached("api", seen.as_ref(), report));
    report.add(match skews.into_iter().max() {
        None => CheckStep::skipped("clock", "no host said what time it is"),
        Some(skew) if skew.by > WRONG => CheckStep::failed(
            "clock",
            off(skew),
            "Set this machine's clock: tokens and signed statements hold for minutes.",
        ),
        Some(skew) if skew.by > LATE => CheckStep::warning(
            "clock",
            off(skew),
            "Set this machine's clock before it is off by more.",
        ),
        Some(_) => CheckStep::passed("clock", "it agrees with the hosts'"),
    });
}

fn off(skew: Skew) -> String {
    let way = match skew.ahead {
        true => "ahead of",
        false => "behind",
    };
    format!("it is off by {}, {way} the hosts'", words(skew.by))
}

fn reached(
    step: &'static str,
    seen: Result<&Probe, &ProbeError>,
    report: &mut Report,
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
                format!("it answers{address}{proxy}"),
            ));
            probe.skew
        }
        Err(error) => {
            report.add(CheckStep::failed(step, error.to_string(), hint::NETWORK));
            None
        }
    }
}
