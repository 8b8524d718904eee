//! The orders, as JSON in blocks that a browser does not execute. They are written one by one,
//! and the totals for the page are counted meanwhile.

use std::io::{self, Write};

use super::{
    ActionRead, ReportOrder, ReportedChange, ReportedRequest,
    outcomes::StateCounts,
    rows::PlainTable,
    text::{json, shown, shown_json},
    timeline::Timeline,
};

/// The most orders and bytes of a block. The script parses a block again when an order is
/// unfolded, and browsers limit the length of a text.
const MAX_ORDERS: usize = 500;
const MAX_SCRIPT_BYTES: usize = 4 << 20;

const SCRIPT_BEGIN: &[u8] = b"<script type=\"application/json\" class=\"orders\">[\n";
const SCRIPT_END: &[u8] = b"\n]</script>\n";

/// The totals, known after all orders were written.
#[derive(Default)]
pub(super) struct Totals {
    pub outcomes: StateCounts,
    pub timeline: Timeline,
    pub rows: PlainTable,
}

/// Writes the orders.
pub(super) fn write<E: From<io::Error>>(
    out: &mut impl Write,
    entries: impl Iterator<Item = Result<ReportOrder, E>>,
) -> Result<Totals, E> {
    let mut totals = Totals::default();
    let (mut orders, mut bytes) = (0, 0);
    for entry in entries {
        let entry = visible(entry?);
        totals.outcomes.add(&entry.state);
        totals.timeline.add(&entry);
        totals.rows.add(&entry);
        let text = json(&entry)?;
        if orders > 0 && (orders == MAX_ORDERS || bytes + text.len() > MAX_SCRIPT_BYTES) {
            out.write_all(SCRIPT_END)?;
            (orders, bytes) = (0, 0);
        }
        out.write_all(if orders == 0 { SCRIPT_BEGIN } else { b",\n" })?;
        out.write_all(text.as_bytes())?;
        orders += 1;
        bytes += text.len();
    }
    if orders > 0 {
        out.write_all(SCRIPT_END)?;
    }
    Ok(totals)
}

/// The order with every invisible character made visible. Every text of it is listed here, so
/// that a new one cannot be forgotten.
fn visible(entry: ReportOrder) -> ReportOrder {
    let ReportOrder {
        number,
        asked,
        machine,
        name,
        platform,
        last_seen,
        comment,
        state,
        action,
        external_id,
        read,
        detail,
        moments,
        requests,
    } = entry;
    let some = |text: Option<String>| text.map(|text| shown(&text));
    let moment = |ReportedChange { at, state, detail }| ReportedChange {
        at,
        state: shown(&state),
        detail: shown(&detail),
    };
    let request = |evidence: ReportedRequest| {
        let ReportedRequest {
            grant,
            sent,
            answered,
            bytes_sent,
            status,
            tracking,
            failure,
            answer,
            address,
        } = evidence;
        ReportedRequest {
            grant: shown(&grant),
            sent,
            answered,
            bytes_sent,
            status,
            tracking: some(tracking),
            failure: some(failure),
            answer: answer.map(|answer| shown_json(&answer)),
            address: some(address),
        }
    };
    ReportOrder {
        number,
        asked: shown(&asked),
        machine: some(machine),
        name: some(name),
        platform: some(platform),
        last_seen: some(last_seen),
        comment: shown(&comment),
        state: shown(&state),
        action: some(action),
        external_id: some(external_id),
        read: read.map(|ActionRead { at, answer }| ActionRead {
            at,
            answer: shown_json(&answer),
        }),
        detail: shown(&detail),
        moments: moments.into_iter().map(moment).collect(),
        requests: requests.into_iter().map(request).collect(),
    }
}
