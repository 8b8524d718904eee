//! What a client reports in addition to the events of a run: what a user at a terminal may
//! have to act on or wait for.

use std::{io, path::Path, sync::Arc};

use crate::{
    audit::AuditFile,
    config::CredentialError,
    egress::{self, Audit},
    ledger::Waited,
    rate_limit::Wait,
};

/// Receives what a client reports. Every method may be called from several tasks at the
/// same time, and must return soon.
pub trait Observer: Send + Sync + 'static {
    /// Asks the user to open this URL and enter this code to sign in. If an observer does not
    /// show them, a sign-in by device code times out.
    fn sign_in(&self, _url: &str, _code: &str) {}

    /// A plugin from a file is compiled, which takes some seconds.
    fn compiling(&self, _plugin: &Path) {}

    /// The ledger has been locked for a while.
    fn ledger_locked(&self, _waited: Waited) {}

    /// Something was skipped because it cannot be used: an entry of a list of the service, or a
    /// certificate of a file. `what` is a sentence. The same one is reported once.
    fn skipped(&self, _what: &str) {}

    /// The next request has to wait.
    fn rate_limited(&self, _wait: Wait) {}

    /// The plugin attempted a request: it is refused, is about to be sent, or has ended.
    fn request(&self, _entry: &egress::AuditedRequest<'_>) {}

    /// The audit file cannot be written. From now on, no request is sent.
    fn audit_failed(&self, _error: &io::Error) {}

    /// The remedy for a missing credential, as sentences. [`remedy`](crate::advice::remedy) returns
    /// it for the client's [`known_token`](crate::Client::known_token).
    fn remedy(&self, _error: &CredentialError) -> Option<String> {
        None
    }

    /// The remedy if a managed identity returns no token; the environment may have named the
    /// identity. Returned as [`Observer::remedy`] is.
    fn identity_remedy(&self, _is_named: bool) -> Option<String> {
        None
    }
}

/// Ignores every report.
impl Observer for () {}

/// Records each request in the audit file, and reports it to the observer.
pub(crate) struct Recorder {
    observer: Arc<dyn Observer>,
    file: Option<AuditFile>,
}

impl Recorder {
    /// Without a file, requests are only reported.
    #[must_use]
    pub(crate) fn new(observer: Arc<dyn Observer>, file: Option<AuditFile>) -> Self {
        Self { observer, file }
    }
}

impl Audit for Recorder {
    fn record(&self, entry: &egress::AuditedRequest<'_>) -> io::Result<()> {
        self.observer.request(entry);
        let Some(file) = &self.file else {
            return Ok(());
        };
        file.record(entry)
            .inspect_err(|error| self.observer.audit_failed(error))
    }
}
