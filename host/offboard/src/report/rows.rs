//! The orders as a plain table, for browsers without scripts: only the first orders, so that
//! memory stays bounded.

use std::fmt::Write as _;

use super::{
    ReportOrder, ReportedRequest, states,
    text::{count, counted, html},
    time::{duration, exactly, seconds},
};

/// The most rows, and their most bytes.
const MAX_ROWS: u64 = 500;
const MAX_ROWS_BYTES: usize = 8 << 20;

/// The rows, up to the limits.
#[derive(Default)]
pub(super) struct PlainTable {
    html: String,
    rows: u64,
    full: bool,
}

impl PlainTable {
    pub(super) fn add(&mut self, entry: &ReportOrder) {
        if self.full {
            return;
        }
        row(&mut self.html, entry);
        self.rows += 1;
        self.full = self.rows >= MAX_ROWS || self.html.len() >= MAX_ROWS_BYTES;
    }

    pub(super) fn html(&self) -> &str {
        &self.html
    }

    /// Which orders the table lacks, for browsers without scripts.
    pub(super) fn note(&self, total: u64) -> String {
        if self.rows < total {
            format!(
                "These are the first {} of {} orders. All of them are in this file, and its script \
                 shows them if the browser runs scripts.",
                count(self.rows),
                count(total)
            )
        } else {
            format!(
                "{}. If the browser runs scripts, they can be sorted and filtered.",
                counted(total, "order")
            )
        }
    }
}

/// The rows of an order: one for the order, and one for its evidence.
fn row(out: &mut String, entry: &ReportOrder) {
    let title = entry.name.as_ref().unwrap_or(&entry.asked);
    let last = entry.moments.last().map(|moment| seconds(moment.at));
    let _ = write!(
        out,
        "<tr class=\"has-more\"><td class=\"number\">{}</td><th scope=\"row\"><bdi>{}</bdi>",
        entry.number,
        html(title)
    );
    if let Some(machine) = entry.machine.as_ref().filter(|machine| *machine != title) {
        let _ = write!(out, " <code>{}</code>", html(machine));
    }
    let _ = write!(
        out,
        "</th><td>{}</td><td data-label=\"Comment\"><bdi>{}</bdi></td><td data-label=\"Detail\">\
         <bdi>{}</bdi></td><td data-label=\"Last change\" class=\"time\">{}</td></tr>\n\
         <tr class=\"more\"><td colspan=\"6\"><details class=\"unfold\"><summary>Evidence: {}, {}\
         </summary>",
        states::html(&entry.state),
        html(&entry.comment),
        html(&entry.detail),
        last.unwrap_or_default(),
        counted(entry.moments.len() as u64, "step"),
        counted(entry.requests.len() as u64, "request"),
    );
    evidence(out, entry);
    out.push_str("</details></td></tr>\n");
}

fn evidence(out: &mut String, entry: &ReportOrder) {
    out.push_str("<div class=\"evidence\"><dl>");
    let facts = [
        ("Selected as", Some(&entry.asked)),
        ("Machine", entry.machine.as_ref()),
        ("Platform", entry.platform.as_ref()),
        ("Last seen", entry.last_seen.as_ref()),
        ("Action", entry.action.as_ref()),
        ("External id", entry.external_id.as_ref()),
    ];
    for (label, value) in facts {
        fact(out, label, value.map(String::as_str));
    }
    out.push_str("</dl>");
    if !entry.moments.is_empty() {
        out.push_str("<ol class=\"moments\">");
        for moment in &entry.moments {
            let _ = write!(
                out,
                "<li><span class=\"time\">{}</span> {} <bdi>{}</bdi></li>",
                exactly(moment.at),
                states::html(&moment.state),
                html(&moment.detail)
            );
        }
        out.push_str("</ol>");
    }
    for request in &entry.requests {
        self::request(out, request);
    }
    if let Some(read) = &entry.read {
        out.push_str("<dl class=\"request\">");
        fact(out, "Action read", Some(&exactly(read.at)));
        fact(out, "Answer", Some(&read.answer));
        out.push_str("</dl>");
    }
    out.push_str("</div>");
}

fn request(out: &mut String, request: &ReportedRequest) {
    let answered = request.answered.map_or_else(
        || "no answer".to_owned(),
        |at| {
            format!(
                "{}, after {}",
                exactly(at),
                duration(at.saturating_sub(request.sent))
            )
        },
    );
    out.push_str("<dl class=\"request\">");
    fact(out, "Request", Some(&request.grant));
    fact(out, "Sent", Some(&exactly(request.sent)));
    fact(out, "Answered", Some(&answered));
    fact(
        out,
        "Status",
        request.status.map(|status| status.to_string()).as_deref(),
    );
    fact(out, "Bytes sent", Some(&count(request.bytes_sent)));
    fact(out, "Address", request.address.as_deref());
    fact(out, "Tracking id", request.tracking.as_deref());
    fact(out, "Failure", request.failure.as_deref());
    // Truncated like any other text here.
    fact(out, "Answer", request.answer.as_deref());
    out.push_str("</dl>");
}

fn fact(out: &mut String, label: &str, value: Option<&str>) {
    if let Some(value) = value {
        let _ = write!(
            out,
            "<div><dt>{label}</dt><dd><bdi>{}</bdi></dd></div>",
            html(value)
        );
    }
}
