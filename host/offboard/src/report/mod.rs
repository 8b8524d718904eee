//! The report: a recorded run as one HTML page that an auditor can keep. The page loads
//! nothing and sends nothing, and its content security policy forbids both. The names of
//! devices, comments and answers are hostile text: all of it goes through the module `text`,
//! and inserted text is never parsed again.

mod data;
mod outcomes;
mod plot;
mod rows;
mod run;
mod states;
mod text;
mod ticks;
mod time;
mod timeline;

use std::io::{self, BufWriter, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use run::{ReportError, write_run};
use states::STATES;
use text::{html, json};

const PAGE_HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The head of the page, about the whole run.
struct Heading {
    /// The page's title.
    pub title: String,
    /// Labels and values: user, time, service.
    pub facts: Vec<(String, String)>,
    /// Notes for the reader, one paragraph each.
    pub notes: Vec<String>,
}

/// One order.
#[derive(Serialize)]
struct ReportOrder {
    pub number: u64,
    /// The machine as the user named it.
    pub asked: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
    pub comment: String,
    /// The name of its state. An unknown one is shown as it is.
    pub state: String,
    /// The machine action's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The external id that its requests gave to the service, if all of them did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The action, as it was read after the requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<ActionRead>,
    pub detail: String,
    /// Its state changes, oldest first.
    pub moments: Vec<ReportedChange>,
    pub requests: Vec<ReportedRequest>,
}

/// A state change of an order.
#[derive(Serialize)]
struct ReportedChange {
    /// The time, in milliseconds since 1970.
    pub at: i64,
    pub state: String,
    pub detail: String,
}

/// The action, as the service last reported it.
#[derive(Serialize)]
struct ActionRead {
    /// The time, in milliseconds since 1970.
    pub at: i64,
    /// Its JSON, unedited.
    pub answer: String,
}

/// A request that egress permitted for an order, and its answer.
#[derive(Serialize)]
struct ReportedRequest {
    /// The grant, as text.
    pub grant: String,
    /// The time, in milliseconds since 1970.
    pub sent: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<i64>,
    pub bytes_sent: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The service's tracking id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The answer's JSON, unedited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The address of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Writes the page. The entries are never all in memory. The first error among them ends it,
/// and leaves an incomplete page.
fn write<E: From<io::Error>>(
    out: &mut impl Write,
    head: &Heading,
    entries: impl Iterator<Item = Result<ReportOrder, E>>,
) -> Result<(), E> {
    let (style, script) = (unix(STYLE), unix(SCRIPT));
    let mut out = BufWriter::new(out);
    let mut entries = Some(entries);
    let mut totals = data::Totals::default();
    let mut rest = PAGE_HTML;
    // Inserted text is never scanned for slots: a device with the name of a slot stays text.
    while let Some((text, (slot, after))) = next_slot(rest) {
        out.write_all(text.as_bytes())?;
        match slot {
            "policy" => out.write_all(policy(&style, &script).as_bytes())?,
            "style" => out.write_all(style.as_bytes())?,
            "script" => out.write_all(script.as_bytes())?,
            "title" => out.write_all(html(&head.title).as_bytes())?,
            "facts" => out.write_all(facts(&head.facts).as_bytes())?,
            "notes" => out.write_all(notes(&head.notes).as_bytes())?,
            "states" => out.write_all(json(&STATES)?.as_bytes())?,
            // The slots below need the totals of all orders.
            "data" => {
                if let Some(entries) = entries.take() {
                    totals = data::write(&mut out, entries)?;
                }
            }
            "outcomes" => out.write_all(totals.outcomes.html().as_bytes())?,
            "timeline" => out.write_all(plot::html(&totals.timeline).as_bytes())?,
            "plain" => out.write_all(totals.rows.note(totals.outcomes.total()).as_bytes())?,
            "rows" => out.write_all(totals.rows.html().as_bytes())?,
            _ => {}
        }
        rest = after;
    }
    out.write_all(rest.as_bytes())?;
    Ok(out.flush()?)
}

/// The text before the next slot, the slot's name, and the text after it.
fn next_slot(page: &str) -> Option<(&str, (&str, &str))> {
    let (text, rest) = page.split_once("{{")?;
    Some((text, rest.split_once("}}")?))
}

/// Unix line ends, as the browser hashes them, regardless of the checkout.
fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// The content security policy: nothing is loaded or sent, and only this style and this script
/// are allowed.
fn policy(style: &str, script: &str) -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'; require-trusted-types-for 'script'",
        hash(script),
        hash(style)
    )
}

fn facts(facts: &[(String, String)]) -> String {
    let facts: Vec<_> = facts
        .iter()
        .map(|(label, value)| {
            format!(
                "<div><dt>{}</dt><dd><bdi>{}</bdi></dd></div>\n",
                html(label),
                html(value)
            )
        })
        .collect();
    if facts.is_empty() {
        String::new()
    } else {
        format!("<dl class=\"facts\">\n{}</dl>\n", facts.concat())
    }
}

fn notes(notes: &[String]) -> String {
    let note = |note: &String| format!("<p class=\"remark\">{}</p>\n", html(note));
    notes.iter().map(note).collect()
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
