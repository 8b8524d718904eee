//! Checks a host without a token: whether it answers, whether its certificate is
//! trusted, and what its clock says.

use std::{
    net::SocketAddr,
    sync::Mutex,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Empty;
use thiserror::Error;
use url::Url;

use super::{api_connection::Connection, dial::dial, http1::HttpConnection, target::Target};

/// Timeout of one probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// What a probe found about a host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// The address that answered; with a proxy, the proxy's address.
    pub address: Option<SocketAddr>,
    /// The proxy in use, without its credential.
    pub proxy: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// How far this computer's clock differed from the host's when the answer arrived.
    pub skew: Option<Skew>,
}

/// The difference between two clocks, in whole seconds, because a `Date` header has no
/// fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Skew {
    /// The absolute difference.
    pub by: Duration,
    /// Whether this computer's clock is ahead.
    pub ahead: bool,
}

/// Why a probe failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ProbeError(String);

impl Connection {
    /// Probes the API host.
    ///
    /// # Errors
    /// The host cannot be reached, or its certificate is not trusted.
    pub async fn probe_api(&self) -> Result<Probe, ProbeError> {
        self.probe_target(&self.target(), "/").await
    }

    /// Probes the host of this `https` URL.
    ///
    /// # Errors
    /// The host cannot be reached, or its certificate is not trusted.
    pub async fn probe(&self, url: &Url) -> Result<Probe, ProbeError> {
        let target =
            Target::service(url).ok_or_else(|| ProbeError(format!("{url} is not an https URL")))?;
        self.probe_target(&target, url.path()).await
    }

    async fn probe_target(&self, target: &Target, path: &str) -> Result<Probe, ProbeError> {
        let probe = tokio::time::timeout(PROBE_TIMEOUT, self.exchange(target, path)).await;
        let silent = |_| {
            let authority = target.authority();
            Err(ProbeError(format!(
                "{authority} did not answer within {PROBE_TIMEOUT:?}"
            )))
        };
        probe.unwrap_or_else(silent)
    }

    async fn exchange(&self, target: &Target, path: &str) -> Result<Probe, ProbeError> {
        let lost = |error: hyper::Error| {
            let authority = target.authority();
            ProbeError(format!("{authority} sent an invalid answer: {error}"))
        };
        let address = Mutex::new(None);
        let trying = |tried| {
            if let Ok(mut address) = address.lock() {
                *address = Some(tried);
            }
        };
        let stream = dial(target, &self.network, &trying)
            .await
            .map_err(|error| ProbeError(error.to_string()))?;
        let mut connection = HttpConnection::open(stream).await.map_err(lost)?;
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = path.parse().unwrap_or_default();
        if let Ok(host) = target.authority().parse() {
            request.headers_mut().insert(header::HOST, host);
        }
        let answer = connection.send(request).await.map_err(lost)?;
        let now = SystemTime::now();
        let date = answer.headers().get(header::DATE);
        let date = date.and_then(|date| date.to_str().ok());
        Ok(Probe {
            address: address.into_inner().unwrap_or_default(),
            proxy: self.network.proxy_for(target).map(ToString::to_string),
            status: answer.status().as_u16(),
            skew: date
                .and_then(|date| httpdate::parse_http_date(date).ok())
                .map(|date| skew(now, date)),
        })
    }
}

/// A `Date` header has whole seconds, so any time within that second is in sync.
fn skew(now: SystemTime, date: SystemTime) -> Skew {
    match now.duration_since(date) {
        Ok(ahead) => Skew {
            by: ahead.saturating_sub(Duration::from_secs(1)),
            ahead: true,
        },
        Err(behind) => Skew {
            by: behind.duration(),
            ahead: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_outside_the_second_of_the_date_header() {
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let seconds = Duration::from_secs_f64;
        let found = |now| {
            let Skew { by, ahead } = skew(now, date);
            (by, ahead)
        };
        assert_eq!(found(date), (Duration::ZERO, true));
        assert_eq!(found(date + seconds(0.9)), (Duration::ZERO, true));
        assert_eq!(found(date + seconds(301.0)), (seconds(300.0), true));
        assert_eq!(found(date - seconds(300.0)), (seconds(300.0), false));
    }
}
