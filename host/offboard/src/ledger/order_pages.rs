//! Reads the orders of a run, a page at a time.

use super::{Ledger, LedgerError, OrderRecord, RunId};
use crate::order::State;

/// The number of orders that are read from the ledger at once.
pub(crate) const ORDERS_PAGE: u32 = 500;

/// The orders of a run, in order, a page at a time. An order that changes its state while the
/// pages are read is in the state of the time when its page is read.
#[derive(Debug)]
pub struct OrderPages<'a> {
    ledger: &'a Ledger,
    run: RunId,
    state: Option<State>,
    after: u64,
}

impl Ledger {
    /// All orders of a run.
    #[must_use]
    pub fn order_pages(&self, run: RunId) -> OrderPages<'_> {
        OrderPages {
            ledger: self,
            run,
            state: None,
            after: 0,
        }
    }

    /// The orders of a run that are in this state.
    #[must_use]
    pub fn order_pages_in(&self, run: RunId, state: State) -> OrderPages<'_> {
        OrderPages {
            state: Some(state),
            ..self.order_pages(run)
        }
    }
}

impl OrderPages<'_> {
    /// The next orders, at least one and at most 500; `None` after the last.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<OrderRecord>>, LedgerError> {
        let (ledger, run, after) = (self.ledger, self.run, self.after);
        let page = match self.state {
            None => ledger.entries(run, after, ORDERS_PAGE).await?,
            Some(state) => ledger.entries_in(run, state, after, ORDERS_PAGE).await?,
        };
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.after = last.number;
        Ok(Some(page))
    }
}
