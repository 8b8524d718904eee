//! The rows of a run in execution, each as soon as its order has its result.

use std::{cell::RefCell, collections::BTreeSet, future, time::Duration};

use super::{records::recorded_tags, rows::Rows, run_summary::RunSummary, terminal::Terminal};
use offboard::{
    Client,
    ledger::{LedgerError, RunId},
    order::State,
    run::Event,
};

/// How long a record may take after its event.
const RECORD_PAUSE: Duration = Duration::from_millis(50);

/// Prints rows whose results have been recorded after their events. Does not end if no row waits
/// for its record.
pub(super) async fn record(streamed: Option<&StreamedRows<'_>>) {
    let Some(streamed) = streamed.filter(|streamed| streamed.has_waiting()) else {
        return future::pending().await;
    };
    tokio::time::sleep(RECORD_PAUSE).await;
    streamed.print_recorded().await;
}

/// Prints rows during the execution of a run.
pub(super) struct StreamedRows<'a> {
    client: &'a Client,
    summary: RunSummary<'a>,
    rows: &'a RefCell<Rows>,
    run: RunId,
    /// Whether the actions are tracked to their end.
    is_tracked: bool,
    /// The numbers of the orders that have a result, which may not be recorded yet.
    waiting: RefCell<BTreeSet<u64>>,
}

impl<'a> StreamedRows<'a> {
    /// Rows of a run; `None` if the format has no separate rows, the ledger cannot be read, or
    /// the run is not recorded as confirmed yet.
    pub(super) async fn new(
        client: &'a Client,
        rows: &'a RefCell<Rows>,
        run: RunId,
        is_tracked: bool,
        terminal: Terminal,
    ) -> Option<Self> {
        if !rows.borrow().can_stream() || client.ledger().is_in_memory() {
            return None;
        }
        let row = client.ledger().run_at(run).await.ok().flatten()?;
        let token = client.known_token();
        let summary = RunSummary::new(rows, token, row.plan_digest(), terminal);
        Some(Self {
            client,
            summary: summary.of_run(Some(&row)),
            rows,
            run,
            is_tracked,
            waiting: RefCell::default(),
        })
    }

    /// Prints the rows of orders that have their results in the ledger. An event may come before
    /// its record: see [`record`]. A row that changes later, or that was not printed, is printed
    /// at the end of the run.
    pub(super) async fn observe(&self, event: &Event) {
        if let Event::Changed { order } = event
            && self.has_result(order.order.state())
        {
            self.waiting.borrow_mut().insert(order.number);
        }
        self.print_recorded().await;
    }

    fn has_waiting(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    async fn print_recorded(&self) {
        let waiting: Vec<u64> = self.waiting.borrow().iter().copied().collect();
        for number in waiting {
            if let Ok(true) = self.print(number).await {
                self.waiting.borrow_mut().remove(&number);
            }
        }
    }

    fn has_result(&self, state: State) -> bool {
        match state {
            State::Accepted => !self.is_tracked,
            State::Succeeded
            | State::Failed
            | State::TimedOut
            | State::Cancelled
            | State::Rejected => true,
            _ => false,
        }
    }

    /// Prints the row of an order. Returns whether its result is recorded.
    async fn print(&self, number: u64) -> Result<bool, LedgerError> {
        let ledger = self.client.ledger();
        let entries = ledger.entries(self.run, number - 1, 1).await?;
        let (Some(run), Some(entry)) = (self.summary.run(), entries.first()) else {
            return Ok(true);
        };
        if !self.has_result(entry.order.state()) {
            return Ok(false);
        }
        let requests = recorded_tags(ledger, run, &entries).await?;
        for (entry, requests) in entries.iter().zip(requests) {
            let row = self.summary.row(&entry.order, requests);
            self.rows.borrow_mut().stream(&row);
        }
        Ok(true)
    }
}
