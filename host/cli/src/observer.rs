//! What a client reports, at the terminal: waits, sign-ins, and the plugin's requests.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use super::{args::flag, sent_orders::SentOrders, terminal::Terminal, waiting};
use offboard::{
    client::Observer,
    config::{CredentialError, CredentialFileError},
    egress::{AuditedRequest, Phase},
    identity::sign_in::InvalidCertificate,
    ledger::Waited,
    mask,
    rate_limit::Wait,
    text::clean,
};

/// More refusals than these are not printed one by one; the audit has them.
const MAX_WARNINGS: u64 = 5;

/// The advice for an urgent order.
const GO_FIRST: &str = "For an urgent order, use --quota none: it does not wait for the quota or for \
    a recorded pause, and the service may reject it. To end instead of waiting, use --timeout.";

/// Prints what a client reports.
pub(super) struct TerminalObserver {
    terminal: Terminal,
    warnings: AtomicU64,
    /// Whether the failure of the audit was already printed.
    failed: AtomicBool,
    /// Whether the advice for an urgent order was already printed.
    explained: AtomicBool,
    sent: SentOrders,
}

impl TerminalObserver {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            warnings: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            explained: AtomicBool::new(false),
            sent: SentOrders::default(),
        }
    }

    /// The same observer, which also keeps the orders that are sent.
    pub(super) fn keeping(self, sent: &SentOrders) -> Self {
        Self {
            sent: sent.clone(),
            ..self
        }
    }

    fn warn(&self, entry: &AuditedRequest<'_>) {
        match self.warnings.fetch_add(1, Ordering::Relaxed) {
            ..MAX_WARNINGS => self.terminal.warn(&request_line(entry)),
            MAX_WARNINGS => self
                .terminal
                .warn("more requests were refused; --audit FILE records them"),
            _ => {}
        }
    }
}

impl Observer for TerminalObserver {
    fn sign_in(&self, url: &str, code: &str) {
        let text = format!("To sign in, open {url} and enter the code {code}");
        self.terminal.unmuted().print(&text);
    }

    fn compiling(&self, plugin: &Path) {
        self.terminal
            .print(&format!("Compiling {}", mask::path(plugin)));
    }

    fn ledger_locked(&self, waited: Waited) {
        let holder = waited.holder;
        let holder = holder.map_or_else(|| "another process".to_owned(), |by| by.to_string());
        let seconds =
            |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs()));
        self.terminal.print(&format!(
            "The ledger has been locked for {} by {holder}; waiting up to {} for it.",
            seconds(waited.time),
            seconds(waited.longest)
        ));
    }

    fn skipped(&self, what: &str) {
        self.terminal.warn(&clean(what));
    }

    fn rate_limited(&self, wait: Wait) {
        let reason = match wait {
            Wait::Quota(_) => "The quota is used up",
            Wait::Requested(_) => "The service requests a pause",
            Wait::Recorded(_) => "The service requests a pause, as another run has recorded",
        };
        let left = wait.length();
        let text = format!(
            "{reason}. The next call is sent in {}.",
            waiting::in_words(left)
        );
        waiting::show(&self.terminal, &text, left);
        let is_others = matches!(wait, Wait::Recorded(_)) || waiting::is_long(left);
        if is_others && !self.explained.swap(true, Ordering::Relaxed) {
            self.terminal.help(GO_FIRST);
        }
    }

    fn request(&self, entry: &AuditedRequest<'_>) {
        self.sent.request(entry);
        match (entry.refusal, entry.phase) {
            // The plugin attempted a request that the grant does not allow.
            (Some(_), _) => self.warn(entry),
            (None, Phase::End) => self.terminal.print_detail(&request_line(entry)),
            (None, Phase::Decision) => {}
        }
    }

    fn audit_failed(&self, error: &io::Error) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            self.terminal.report_failure(&format!(
                "the audit cannot be written, and nothing more is sent: {error}"
            ));
        }
    }

    fn remedy(&self, error: &CredentialError) -> Option<String> {
        match error {
            CredentialError::NotGiven => Some(
                "Give --token-file FILE, or --tenant, --client-id and --client-secret-file FILE. docs/connect.md describes every sign-in method."
                    .to_owned(),
            ),
            CredentialError::Missing { setting, .. } => {
                let argument = flag(setting)?;
                let mut needed = format!("Give {argument} {}", setting.value_name);
                if !setting.others.is_empty() {
                    needed.push_str(&format!(" (or {})", setting.others.join(", ")));
                }
                needed.push('.');
                Some(needed)
            }
            CredentialError::NoToken => {
                Some("Set OFFBOARD_TOKEN, or choose another credential than --auth token.".to_owned())
            }
            CredentialError::NoClientSecret => {
                Some("Give --client-secret-file FILE, or set AZURE_CLIENT_SECRET.".to_owned())
            }
            CredentialError::File {
                source: CredentialFileError::Certificate(error),
                ..
            } => certificate_remedy(error).map(ToOwned::to_owned),
            _ => None,
        }
    }

    fn identity_remedy(&self, is_named: bool) -> Option<String> {
        let remedy = if is_named {
            "--identity system selects the system-assigned identity."
        } else {
            "--identity selects another identity."
        };
        Some(remedy.to_owned())
    }
}

/// What to do about a file with a certificate that cannot be used.
fn certificate_remedy(error: &InvalidCertificate) -> Option<&'static str> {
    const PASSWORD: &str = "Give --certificate-password-file FILE.";
    const CONVERT: &str = "Convert the file to PEM with `openssl pkcs12 -nodes`.";
    Some(match error {
        InvalidCertificate::OtherKey => "Export the certificate and its key together.",
        InvalidCertificate::Encrypted => {
            "Use a PFX file with its password, or a key without a password."
        }
        InvalidCertificate::NoPassword => {
            "Give --certificate-password-file FILE. If the file has no password, convert it to PEM \
             with `openssl pkcs12 -nodes`."
        }
        InvalidCertificate::EmptyPassword => PASSWORD,
        InvalidCertificate::Password | InvalidCertificate::KeyPassword => {
            "Check the password in the file that --certificate-password-file names."
        }
        InvalidCertificate::Damaged => "Export it again.",
        InvalidCertificate::Algorithm | InvalidCertificate::Contents => CONVERT,
        InvalidCertificate::NoPasswordMode => "Export it with a password.",
        _ => return None,
    })
}

/// A request on one line, without control characters from a server or the plugin.
fn request_line(entry: &AuditedRequest<'_>) -> String {
    clean(&request_text(entry))
}

fn request_text(entry: &AuditedRequest<'_>) -> String {
    let call = entry.call;
    let method = entry.method;
    let origin = format!("{}://{}", entry.scheme, entry.authority);
    if let Some(refusal) = entry.refusal {
        if method.is_empty() {
            return format!("{call}: refused: {refusal}");
        }
        return format!("{call}: refused {method} {origin}: {refusal}");
    }
    let route = entry.route.map_or("", |route| route.template());
    let mut text = format!("{call}: {method} {origin}{route}");
    if let Some(proxy) = entry.proxy {
        text.push_str(&format!(" through {proxy}"));
    }
    if let Some(exchange) = entry.exchange {
        match (exchange.status, &exchange.failure) {
            (Some(status), _) => text.push_str(&format!(", {status}")),
            (None, Some(failure)) => text.push_str(&format!(", {failure}")),
            (None, None) => text.push_str(", no answer"),
        }
    }
    format!("{text}, {} ms", entry.duration.as_millis())
}
