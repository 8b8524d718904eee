//! What people and auditors see of the plugin's requests: the audit file, and a
//! line each for those who want to know more.

use std::io;

use super::screen::Screen;
use crate::{
    audit::AuditFile,
    egress::{Audit, Entry},
};

/// Watches over every request.
pub(super) struct Watch {
    screen: Screen,
    file: Option<AuditFile>,
}

impl Watch {
    pub(super) fn new(screen: Screen, file: Option<AuditFile>) -> Self {
        Self { screen, file }
    }
}

impl Audit for Watch {
    fn note(&self, entry: &Entry<'_>) -> io::Result<()> {
        self.screen.detail(&words(entry));
        let Some(file) = &self.file else {
            return Ok(());
        };
        file.note(entry).inspect_err(|error| {
            self.screen.fail(&format!(
                "the audit cannot be written, so nothing more is let out: {error}"
            ));
        })
    }
}

fn words(entry: &Entry<'_>) -> String {
    let call = entry.call;
    let method = entry.method;
    let place = format!("{}://{}", entry.scheme, entry.authority);
    if let Some(refusal) = entry.refusal {
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
