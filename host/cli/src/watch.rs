//! What people and auditors see of the plugin's requests: the audit file, and a
//! line each for those who want to know more.

use std::{
    io,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::screen::Screen;
use offboard::{
    audit::AuditFile,
    egress::{Audit, AuditedRequest, Phase},
    text::clean,
};

/// More refusals than these are not told one by one; the audit has them.
const MAX_WARNINGS: u64 = 5;

/// Watches over every request.
pub(super) struct Watch {
    screen: Screen,
    file: Option<AuditFile>,
    warnings: AtomicU64,
    /// Whether it was said that the file cannot be written.
    failed: AtomicBool,
}

impl Watch {
    pub(super) fn new(screen: Screen, file: Option<AuditFile>) -> Self {
        Self {
            screen,
            file,
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

impl Audit for Watch {
    fn record(&self, entry: &AuditedRequest<'_>) -> io::Result<()> {
        match (entry.refusal, entry.phase) {
            // The plugin wanted what nobody ordered, whatever came of the rest.
            (Some(_), _) => self.warn(entry),
            (None, Phase::End) => self.screen.detail(&words(entry)),
            (None, Phase::Decision) => {}
        }
        let Some(file) = &self.file else {
            return Ok(());
        };
        file.record(entry).inspect_err(|error| {
            if !self.failed.swap(true, Ordering::Relaxed) {
                self.screen.fail(&format!(
                    "the audit cannot be written, so nothing more is let out: {error}"
                ));
            }
        })
    }
}

/// One line, whatever a server or the plugin put in.
fn words(entry: &AuditedRequest<'_>) -> String {
    clean(&told(entry))
}

fn told(entry: &AuditedRequest<'_>) -> String {
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
