//! What is on record of each order of a run: its requests, its answers, how it
//! came to be what it is. For programs, for a spreadsheet, and as a page.

use std::io::{self, Write};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    args::Format,
    page,
    records::time,
    report::{self, Row, Rows},
    screen::Screen,
    sheet::Cells,
};
use offboard::{
    contract::Problem,
    grant::Route,
    ledger::{Entry, Evidence, Ledger, LedgerError, Moment, RunRow},
    order::{Order, State},
};

/// Orders that are read at once, with all that belongs to them.
const PAGE: u32 = 100;

/// An order with its evidence; the schema is in `docs/schema/export.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported<'a> {
    run: String,
    number: u64,
    attempts: u32,
    #[serde(flatten)]
    order: Row<'a>,
    requests: Vec<Request>,
    moments: Vec<Came>,
    /// When the service showed the action as it is there.
    action_read: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    route: String,
    grant: String,
    sent: String,
    answered: Option<String>,
    address: Option<String>,
    bytes_sent: Option<i64>,
    status: Option<u16>,
    failure: Option<String>,
    error: Option<Problem>,
    answer: Option<String>,
}

#[derive(Serialize)]
struct Came {
    at: String,
    state: String,
    detail: Option<String>,
}

impl Cells for Exported<'_> {
    const HEAD: &'static [&'static str] = &[
        "run",
        "number",
        "attempts",
        "sent",
        "answered",
        "status",
        "asked",
        "machineId",
        "name",
        "comment",
        "state",
        "actionId",
        "actionStatus",
        "errorKind",
        "errorCode",
        "errorMessage",
        "errorTarget",
        "retry",
        "preflight",
        "note",
        "warnings",
        "actionRead",
    ];

    fn cells(&self) -> Vec<String> {
        // A tag that was set before is no offboarding.
        let offboard = Route::Offboard.template();
        let mut requests = self.requests.iter();
        let last = requests.rfind(|request| request.route == offboard);
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let mut cells = vec![
            self.run.clone(),
            self.number.to_string(),
            self.attempts.to_string(),
            text(last.map(|last| &last.sent)),
            text(last.and_then(|last| last.answered.as_ref())),
            last.and_then(|last| last.status)
                .map_or_else(String::new, |status| status.to_string()),
        ];
        cells.extend(self.order.cells());
        cells.push(text(self.action_read.as_ref()));
        cells
    }
}

/// One JSON object an order.
pub(super) async fn lines(ledger: &Ledger, run: &RunRow, screen: &Screen) -> Result<()> {
    export(ledger, run, Rows::new(*screen, Format::Jsonl)).await
}

/// One line of a spreadsheet an order.
pub(super) async fn sheet(ledger: &Ledger, run: &RunRow, screen: &Screen) -> Result<()> {
    export(ledger, run, Rows::new(*screen, Format::Csv)).await
}

async fn export(ledger: &Ledger, run: &RunRow, mut rows: Rows) -> Result<()> {
    let mut after = 0;
    loop {
        let entries = ledger.entries(run.id, after, PAGE).await?;
        let Some(last) = entries.last() else {
            break;
        };
        after = last.number;
        let mut exported = Vec::new();
        for entry in &entries {
            let requests = ledger.evidence(entry).await?;
            let moments = ledger.moments(entry).await?;
            exported.push(Exported {
                run: run.uuid.to_string(),
                number: entry.number,
                attempts: entry.attempts,
                order: Row::new(&entry.order, None),
                action_read: action_read(&entry.order, &moments).map(time),
                requests: requests.into_iter().map(Request::of).collect(),
                moments: moments.into_iter().map(Came::of).collect(),
            });
        }
        rows.add(&exported);
    }
    rows.end();
    Ok(())
}

/// When the service showed an action with this status first: with each new one,
/// its answer takes the place of the one before. That the wait was over, or that
/// nothing is read any more, is no answer.
fn action_read(order: &Order, moments: &[Moment]) -> Option<i64> {
    let status = order.action()?.status.name();
    let is_answer = |moment: &&Moment| {
        moment.detail.as_deref() == Some(status) && moment.state != State::Pending.name()
    };
    moments.iter().rfind(is_answer).map(|moment| moment.at)
}

impl Request {
    fn of(evidence: Evidence) -> Self {
        Self {
            route: evidence.route,
            grant: evidence.granted,
            sent: time(evidence.sent),
            answered: evidence.answered.map(time),
            address: evidence.address,
            bytes_sent: evidence.bytes_sent,
            status: evidence.status,
            failure: evidence.failure,
            error: evidence.problem,
            answer: evidence.answer,
        }
    }
}

impl Came {
    fn of(moment: Moment) -> Self {
        Self {
            at: time(moment.at),
            state: moment.state,
            detail: moment.detail,
        }
    }
}

/// A page for an auditor or a change ticket.
pub(super) async fn page(
    ledger: &Ledger,
    run: &RunRow,
    out: impl Write + Send + 'static,
) -> Result<()> {
    let head = head(run);
    // The page is written by a thread of its own, an order at a time.
    let (sender, mut receiver) = mpsc::channel::<page::Entry>(64);
    let writer = spawn_blocking(move || {
        let mut out = out;
        let entries = std::iter::from_fn(|| receiver.blocking_recv().map(Ok));
        page::write::<io::Error>(&mut out, &head, entries)
    });
    let mut after = 0;
    'all: loop {
        let entries = ledger.entries(run.id, after, PAGE).await?;
        let Some(last) = entries.last() else {
            break;
        };
        after = last.number;
        for entry in &entries {
            if sender.send(shown(ledger, entry).await?).await.is_err() {
                break 'all;
            }
        }
    }
    drop(sender);
    writer.await?.context("the report cannot be written")
}

fn head(run: &RunRow) -> page::Head {
    let fact = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut facts = vec![
        fact("Run", &run.uuid.to_string()),
        fact("Ordered", &time(run.began)),
        fact("By", &or_dash(&run.user)),
        fact("Tenant", &or_dash(&run.tenant)),
        fact("Application", &or_dash(&run.application)),
        fact("Signed in with", &or_dash(&run.auth)),
        fact("Service", &run.api_root),
        fact("offboard", &run.version),
        fact("Plugin (SHA-256)", &run.plugin_sha256),
    ];
    if let Some(profile) = &run.profile {
        facts.push(fact("Profile", profile));
    }
    if let Some(key) = &run.request_id {
        facts.push(fact("Request id", key));
    }
    if let Some(tag) = &run.tag {
        facts.push(fact("Tag, set right before", tag.as_str()));
    }
    page::Head {
        title: format!("Offboarding, {}", time(run.began)),
        facts,
        notes: vec![
            "An offboarding stops the sensor and no more. Windows keeps its onboarding data, other \
             systems their agent; a device shows as inactive after 7 days and stays listed for up \
             to 180; the portal has no label for it."
                .to_owned(),
        ],
    }
}

/// The action as it was read last, where that is not what a request was answered.
fn read_later(order: &Order, moments: &[Moment], requests: &[Evidence]) -> Option<page::Read> {
    let json = &order.action()?.json;
    let at = action_read(order, moments)?;
    let is_answer = |request: &Evidence| request.answer.as_ref() == Some(json);
    (!requests.iter().any(is_answer)).then(|| page::Read {
        at,
        answer: json.clone(),
    })
}

async fn shown(ledger: &Ledger, entry: &Entry) -> Result<page::Entry, LedgerError> {
    let order = &entry.order;
    let seen = order.seen();
    let moments = ledger.moments(entry).await?;
    let requests = ledger.evidence(entry).await?;
    Ok(page::Entry {
        number: entry.number,
        asked: order.target().to_string(),
        machine: order.machine().map(ToString::to_string),
        name: order.name().map(ToOwned::to_owned),
        platform: seen.and_then(|seen| seen.platform.clone()),
        last_seen: seen.and_then(|seen| seen.last_seen.clone()),
        comment: order.comment().to_string(),
        state: order.state().name().to_owned(),
        action: order.action().map(|action| action.id.clone()),
        read: read_later(order, &moments, &requests),
        detail: report::detail(order.action(), order.problem()),
        moments: moments
            .into_iter()
            .map(|moment| page::Moment {
                at: moment.at,
                state: moment.state,
                detail: moment.detail.unwrap_or_default(),
            })
            .collect(),
        requests: requests
            .into_iter()
            .map(|evidence| page::Evidence {
                grant: evidence.granted,
                sent: evidence.sent,
                answered: evidence.answered,
                bytes_sent: evidence.bytes_sent.unwrap_or_default().unsigned_abs(),
                status: evidence.status,
                tracking: evidence.problem.and_then(|problem| problem.target),
                failure: evidence.failure,
                answer: evidence.answer,
                address: evidence.address,
            })
            .collect(),
    })
}
