//! Exports a recorded run: each order with its requests, answers and history; or all
//! cancellations. As JSON Lines or CSV. Reads only the ledger; a front end chooses the file.

use std::io::{self, Write};

use thiserror::Error;

use crate::{
    contract::Problem,
    ledger::{Ledger, LedgerError, RunRow},
    output::{CancellationInfo, ExportedOrder, write_csv},
    text::clean_json,
};

/// The number of orders that are read at once, with their requests and history.
const BATCH: u32 = 100;

/// An export ended early; the output is incomplete.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The output cannot be written.
    #[error("the export cannot be written")]
    Write(#[from] io::Error),
}

/// Writes a run as JSON Lines: one [`ExportedOrder`] per line, in the order of the run. `hint`
/// returns the front end's advice on a problem.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use offboard::{export, ledger::Ledger};
///
/// let ledger = Ledger::view("offboard.db".as_ref()).await?;
/// let run = ledger.run("last").await?;
/// let mut out = std::fs::File::create("run.jsonl")?;
/// export::json_lines(&ledger, &run, &|_| String::new(), &mut out).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The ledger cannot be read, or `out` cannot be written.
pub async fn json_lines(
    ledger: &Ledger,
    run: &RunRow,
    hint: &(dyn Fn(&Problem) -> String + Sync),
    out: &mut (impl Write + Send),
) -> Result<(), ExportError> {
    let mut after = 0;
    while let Some(orders) = read(ledger, run, hint, &mut after).await? {
        let mut lines = String::new();
        for order in &orders {
            let json = serde_json::to_string(order).map_err(io::Error::from)?;
            lines.push_str(&clean_json(&json));
            lines.push('\n');
        }
        out.write_all(lines.as_bytes())?;
    }
    Ok(())
}

/// Writes a run as CSV (RFC 4180): a header, and one line for each order. Cells that a
/// spreadsheet would treat as a formula are marked as text.
///
/// # Errors
/// The ledger cannot be read, or `out` cannot be written.
pub async fn csv(
    ledger: &Ledger,
    run: &RunRow,
    out: &mut (impl Write + Send),
) -> Result<(), ExportError> {
    let (mut after, mut with_head) = (0, true);
    while let Some(orders) = read(ledger, run, &|_| String::new(), &mut after).await? {
        write_csv(out, &orders, with_head)?;
        with_head = false;
    }
    Ok(())
}

/// Writes all cancellations of a ledger as JSON Lines, oldest first: one [`CancellationInfo`]
/// per line. They include those of actions without an order in the ledger.
///
/// # Errors
/// The ledger cannot be read, or `out` cannot be written.
pub async fn cancellations_json_lines(
    ledger: &Ledger,
    out: &mut (impl Write + Send),
) -> Result<(), ExportError> {
    let mut after = 0;
    while let Some(cancellations) = read_cancellations(ledger, &mut after).await? {
        let mut lines = String::new();
        for cancellation in &cancellations {
            let json = serde_json::to_string(cancellation).map_err(io::Error::from)?;
            lines.push_str(&clean_json(&json));
            lines.push('\n');
        }
        out.write_all(lines.as_bytes())?;
    }
    Ok(())
}

/// The same as CSV: a header, and one line for each cancellation.
///
/// # Errors
/// The ledger cannot be read, or `out` cannot be written.
pub async fn cancellations_csv(
    ledger: &Ledger,
    out: &mut (impl Write + Send),
) -> Result<(), ExportError> {
    let mut after = 0;
    write_csv::<CancellationInfo>(out, &[], true)?;
    while let Some(cancellations) = read_cancellations(ledger, &mut after).await? {
        write_csv(out, &cancellations, false)?;
    }
    Ok(())
}

/// The next cancellations; `None` after the last.
async fn read_cancellations(
    ledger: &Ledger,
    after: &mut i64,
) -> Result<Option<Vec<CancellationInfo>>, LedgerError> {
    let records = ledger.all_cancellations(*after, BATCH).await?;
    let Some(last) = records.last() else {
        return Ok(None);
    };
    *after = last.number;
    Ok(Some(records.into_iter().map(Into::into).collect()))
}

/// The next orders; `None` after the last.
async fn read(
    ledger: &Ledger,
    run: &RunRow,
    hint: &(dyn Fn(&Problem) -> String + Sync),
    after: &mut u64,
) -> Result<Option<Vec<ExportedOrder>>, LedgerError> {
    let entries = ledger.entries(run.id, *after, BATCH).await?;
    let Some(last) = entries.last() else {
        return Ok(None);
    };
    *after = last.number;
    let cancellations = ledger.cancellations(&entries).await?;
    let requests = ledger.requests(&entries).await?;
    let changes = ledger.state_changes(&entries).await?;
    let recorded = requests.into_iter().zip(changes).zip(cancellations);
    let order = |(entry, ((requests, changes), cancellations))| {
        ExportedOrder::new(run, entry, requests, changes, cancellations, hint)
    };
    let orders = entries.iter().zip(recorded).map(order).collect();
    Ok(Some(orders))
}
