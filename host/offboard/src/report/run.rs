//! The report of a run, from the ledger.

use std::io::{self, Write};

use thiserror::Error;
use tokio::{
    sync::mpsc,
    task::{JoinError, spawn_blocking},
};

use super::{ActionRead, Heading, ReportOrder, ReportedChange, ReportedRequest, write};
use crate::{
    ledger::{
        CancellationRecord, Ledger, LedgerError, OrderRecord, RequestRecord, RunRow,
        StateChangeRecord,
    },
    order::Order,
    output::{ConfirmationInfo, action_read, remarks, time},
};

/// The number of orders that are read at once, with their requests and history.
const BATCH: u32 = 100;

/// The most orders that wait to be written.
const QUEUE: usize = 64;

/// A report ended early; the page is incomplete.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The output cannot be written.
    #[error("the report cannot be written")]
    Write(#[from] io::Error),
    /// The thread that writes the report failed.
    #[error(transparent)]
    Thread(#[from] JoinError),
}

/// Writes a run as one HTML page, for an auditor or a change ticket. Memory stays bounded,
/// regardless of the number of orders. A separate thread writes to `out`, which may block.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use offboard::{ledger::Ledger, report};
///
/// let ledger = Ledger::view("offboard.db".as_ref()).await?;
/// let run = ledger.run("last").await?;
/// report::write_run(&ledger, &run, std::fs::File::create("run.html")?).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The ledger cannot be read, or `out` cannot be written.
pub async fn write_run(
    ledger: &Ledger,
    run: &RunRow,
    mut out: impl Write + Send + 'static,
) -> Result<(), ReportError> {
    let heading = heading(run);
    let (sender, mut receiver) = mpsc::channel::<ReportOrder>(QUEUE);
    let writer = spawn_blocking(move || {
        let orders = std::iter::from_fn(|| receiver.blocking_recv().map(Ok));
        write::<io::Error>(&mut out, &heading, orders)
    });
    let mut after = 0;
    'all: loop {
        let entries = ledger.entries(run.id, after, BATCH).await?;
        let Some(last) = entries.last() else {
            break;
        };
        after = last.number;
        let cancellations = ledger.cancellations(&entries).await?;
        let requests = ledger.requests(&entries).await?;
        let changes = ledger.state_changes(&entries).await?;
        let recorded = requests.into_iter().zip(changes).zip(cancellations);
        for (entry, ((requests, changes), cancellations)) in entries.iter().zip(recorded) {
            let order = order_of(entry, requests, changes, cancellations);
            if sender.send(order).await.is_err() {
                break 'all;
            }
        }
    }
    drop(sender);
    Ok(writer.await??)
}

fn heading(run: &RunRow) -> Heading {
    let fact = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut facts = vec![
        fact("Run", &run.uuid.to_string()),
        fact("Ordered", &time(run.began)),
        fact("By", &or_dash(&run.system_user())),
        fact("Tenant", &or_dash(&run.tenant)),
        fact("Application", &or_dash(&run.application)),
        fact("Signed in with", &or_dash(&run.auth)),
        fact("Service", &run.api_root),
        fact("offboard", &run.version),
        fact("Plugin (SHA-256)", &run.plugin_sha256),
    ];
    if let Some(user) = run.signed_in() {
        facts.push(fact("Signed-in user", &user));
    }
    if let Some(profile) = &run.profile {
        facts.push(fact("Profile", profile));
    }
    if let Some(key) = &run.request_id {
        facts.push(fact("Request id", key));
    }
    if let Some(tag) = &run.tag {
        facts.push(fact("Tag, set before each offboarding", tag.as_str()));
    }
    for confirmation in &run.confirmations {
        let words = ConfirmationInfo::from(confirmation).in_words();
        facts.push(fact("Confirmed", &words));
    }
    Heading {
        title: format!("Offboarding, {}", time(run.began)),
        facts,
        notes: vec![
            "An offboarding only stops the sensor. Windows keeps its onboarding data, and other \
             systems keep their agent. The device becomes inactive after 7 days and stays listed \
             for up to 180 days. The portal has no label for offboarded devices."
                .to_owned(),
        ],
    }
}

/// The action as it was last read, unless a request has the same answer.
fn read_later(
    order: &Order,
    moments: &[StateChangeRecord],
    requests: &[RequestRecord],
) -> Option<ActionRead> {
    let json = &order.action()?.json;
    let at = action_read(order, moments)?;
    let is_answer = |request: &RequestRecord| request.answer.as_ref() == Some(json);
    (!requests.iter().any(is_answer)).then(|| ActionRead {
        at,
        answer: json.clone(),
    })
}

fn order_of(
    entry: &OrderRecord,
    mut requests: Vec<RequestRecord>,
    moments: Vec<StateChangeRecord>,
    cancellations: Vec<CancellationRecord>,
) -> ReportOrder {
    let order = &entry.order;
    let seen = order.device();
    for cancellation in cancellations {
        let by = cancellation.by.as_deref().unwrap_or("an unknown user");
        let comment = cancellation.comment.as_deref().unwrap_or_default();
        let mut request = cancellation.request;
        request.granted = format!("{}, by {by}: {comment}", request.granted);
        requests.push(request);
    }
    ReportOrder {
        number: entry.number,
        asked: order.target().to_string(),
        machine: order.machine().map(ToString::to_string),
        name: order.name().map(ToOwned::to_owned),
        platform: seen.and_then(|seen| seen.platform.clone()),
        last_seen: seen.and_then(|seen| seen.last_seen.clone()),
        comment: order.comment().to_string(),
        state: order.state().name().to_owned(),
        action: order.action().map(|action| action.id.clone()),
        external_id: order.sent_external_id().map(ToString::to_string),
        read: read_later(order, &moments, &requests),
        detail: remarks::detail(order.action(), order.problem()),
        moments: moments
            .into_iter()
            .map(|moment| ReportedChange {
                at: moment.at,
                state: moment.state,
                detail: moment.detail.unwrap_or_default(),
            })
            .collect(),
        requests: requests
            .into_iter()
            .map(|evidence| ReportedRequest {
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
    }
}
