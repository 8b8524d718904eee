//! A connection to one service: its origin, the credential for it, and the network
//! settings.

use std::sync::Arc;

use super::{
    address_range::AddressRange,
    network::{InvalidCertificates, Network},
    proxy::{Proxies, Proxy},
    target::Target,
};
use crate::{contract::ApiRoot, identity::Credential};

/// The service's origin, the credential for it, and the network settings.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Connection {
    /// The service's origin.
    pub api_root: ApiRoot,
    /// The credential. If `None`, nothing is sent.
    pub credential: Option<Credential>,
    pub(crate) network: Arc<Network>,
}

impl Connection {
    /// A direct connection to this service, to public addresses only, with the
    /// platform's trust store. The credential is a token or signs in when it is first
    /// needed.
    #[must_use]
    pub fn new<C: Into<Credential>>(api_root: ApiRoot, credential: Option<C>) -> Self {
        Self {
            api_root,
            credential: credential.map(Into::into),
            network: Arc::default(),
        }
    }

    /// The same connection, which may also use these addresses, public or not.
    #[must_use]
    pub fn allowing(mut self, addresses: Vec<AddressRange>) -> Self {
        Arc::make_mut(&mut self.network).allow(addresses);
        self
    }

    /// The same connection that also trusts these certification authorities. A certificate that
    /// cannot be used does not prevent the use of the others: see
    /// [`unusable_authorities`](Self::unusable_authorities).
    ///
    /// # Errors
    /// The file is neither PEM nor DER, or has no certificate.
    pub fn trusting(mut self, file: &[u8]) -> Result<Self, InvalidCertificates> {
        Arc::make_mut(&mut self.network).trust(file)?;
        Ok(self)
    }

    /// Why certificates of the text for [`trusting`](Self::trusting) are not used, one text for
    /// each, with its number from 1.
    #[must_use]
    pub fn unusable_authorities(&self) -> &[String] {
        self.network.unusable()
    }

    /// The same connection through a proxy. A service on loopback is reached directly.
    #[must_use]
    pub fn through(mut self, proxies: Proxies) -> Self {
        Arc::make_mut(&mut self.network).set_proxies(proxies);
        self
    }

    /// The proxy that the connection uses, if there is one.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        self.network.proxy_for(&self.target())
    }

    pub(crate) fn target(&self) -> Target {
        Target::from(&self.api_root)
    }
}
