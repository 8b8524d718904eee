//! What a client reports, at the terminal: waits, sign-ins, and the plugin's requests.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use super::{args::flag, screen::Screen};
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

/// Prints what a client reports.
pub(super) struct Terminal {
    screen: Screen,
    warnings: AtomicU64,
    /// Whether it was printed that the audit cannot be written.
    failed: AtomicBool,
}

impl Terminal {
    pub(super) fn new(screen: Screen) -> Self {
        Self {
            screen,
            warnings: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        }
    }

    fn warn(&self, entry: &AuditedRequest<'_>) {
        match self.warnings.fetch_add(1, Ordering::Relaxed) {
            ..MAX_WARNINGS => self.screen.warn(&words(entry)),
            MAX_WARNINGS => self.screen.warn("and more was refused"),
            _ => {}
        }
    }
}

impl Observer for Terminal {
    fn sign_in(&self, url: &str, code: &str) {
        let words = format!("To sign in, open {url} and type the code {code}");
        self.screen.insisting().say(&words);
    }

    fn compiling(&self, plugin: &Path) {
        self.screen
            .say(&format!("compiling {}", mask::path(plugin)));
    }

    fn ledger_locked(&self, waited: Waited) {
        let holder = waited.holder;
        let holder = holder.map_or_else(|| "another process".to_owned(), |by| by.to_string());
        let whole =
            |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs()));
        self.screen.say(&format!(
            "The ledger has been locked for {} by {holder}; waiting up to {} for it.",
            whole(waited.time),
            whole(waited.longest)
        ));
    }

    fn rate_limited(&self, wait: Wait) {
        let (why, wait) = match wait {
            Wait::Quota(wait) => ("the quota is used up", wait),
            Wait::Asked(wait) => ("the service wants a pause", wait),
        };
        // To the second: it is an estimate.
        let wait = Duration::from_secs(wait.as_secs().saturating_add(1));
        let wait = humantime::format_duration(wait);
        self.screen
            .progress(&format!("{why}: the next call leaves in {wait}"));
    }

    fn request(&self, entry: &AuditedRequest<'_>) {
        match (entry.refusal, entry.phase) {
            // The plugin tried what the grant does not allow.
            (Some(_), _) => self.warn(entry),
            (None, Phase::End) => self.screen.detail(&words(entry)),
            (None, Phase::Decision) => {}
        }
    }

    fn audit_failed(&self, error: &io::Error) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            self.screen.fail(&format!(
                "the audit cannot be written, so nothing more is let out: {error}"
            ));
        }
    }

    fn remedy(&self, error: &CredentialError) -> Option<String> {
        match error {
            CredentialError::NotGiven => Some(
                "give --token-file FILE, or --tenant, --client-id and --client-secret-file FILE; \
                 `offboard config show` has all that is in force"
                    .to_owned(),
            ),
            CredentialError::Missing { setting, .. } => {
                let argument = flag(setting)?;
                let mut needed = format!("give {argument} {}", setting.value_name);
                if !setting.others.is_empty() {
                    needed.push_str(&format!(" (or {})", setting.others.join(", ")));
                }
                Some(needed)
            }
            CredentialError::NoToken => {
                Some("set it, or choose another credential than --auth token".to_owned())
            }
            CredentialError::NoClientSecret => {
                Some("give --client-secret-file FILE, or set AZURE_CLIENT_SECRET".to_owned())
            }
            CredentialError::File {
                source: CredentialFileError::Certificate(InvalidCertificate::Password),
                ..
            } => Some("give --certificate-password-file FILE".to_owned()),
            _ => None,
        }
    }

    fn identity_remedy(&self, is_named: bool) -> Option<String> {
        let remedy = if is_named {
            "--identity system uses the resource's own"
        } else {
            "--identity names another identity"
        };
        Some(remedy.to_owned())
    }
}

/// One line, whatever a server or the plugin put into it.
fn words(entry: &AuditedRequest<'_>) -> String {
    clean(&request_words(entry))
}

fn request_words(entry: &AuditedRequest<'_>) -> String {
    let call = entry.call;
    let method = entry.method;
    let place = format!("{}://{}", entry.scheme, entry.authority);
    if let Some(refusal) = entry.refusal {
        if method.is_empty() {
            return format!("{call}: refused: {refusal}");
        }
        return format!("{call}: refused {method} {place}: {refusal}");
    }
    let route = entry.route.map_or("", |route| route.template());
    let mut words = format!("{call}: {method} {place}{route}");
    if let Some(proxy) = entry.proxy {
        words.push_str(&format!(" through {proxy}"));
    }
    if let Some(exchange) = entry.exchange {
        match (exchange.status, &exchange.failure) {
            (Some(status), _) => words.push_str(&format!(", {status}")),
            (None, Some(failure)) => words.push_str(&format!(", {failure}")),
            (None, None) => words.push_str(", no answer"),
        }
    }
    format!("{words}, {} ms", entry.duration.as_millis())
}
