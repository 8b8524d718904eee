//! Claims: of all processes that want to send for a machine, only one may. A machine belongs
//! to its tenant, regardless of the application and the API host of an order.

use std::collections::HashSet;

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    clock::now,
    database::Ledger,
    error::{LedgerError, LedgerErrorKind},
    order_record::{OrderRecord, ids, record_state_change, state},
    request::RequestId,
    run_id::RunId,
    session::{Session, SessionInfo},
};
use crate::{
    contract::{ExternalId, MachineAction, MachineId},
    external_id::ExternalIdSupport,
    order::State,
};

/// The detail of the state change to `sending` if the outcome of an earlier
/// request is unknown.
const RESENT: &str = "resent";

/// Why an order may not be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimConflict {
    /// Another process has claimed it.
    Elsewhere,
    /// This process is to stop, and another one held the ledger.
    Interrupted,
    /// The machine has another order, of this run and in this state.
    Machine {
        /// The id of the other order's run.
        run: String,
        /// The state of the other order.
        state: State,
        /// The id of its action.
        action: Option<String>,
        /// The action, as the service last reported it.
        answer: Option<String>,
        /// Whether a later order of the machine failed on the device.
        failed_later: bool,
    },
}

/// An order of a machine that may have been carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentOrder {
    /// The id of its run.
    pub run: String,
    /// Its state.
    pub state: State,
    /// How the listed action of the machine relates to it.
    pub listed: ListedAction,
    /// The id of its action, if the service has named it.
    pub action: Option<String>,
}

/// How the action that the service lists for a machine relates to an order for the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListedAction {
    /// The service lists none.
    None,
    /// An action that was known before the order was sent.
    Earlier,
    /// Probably the order's own: it is newer, and has the order's external id or, unless that
    /// decides, its comment.
    Own,
    /// Any other: it has another external id or comment, or the actions could not be listed before the order
    /// was sent.
    Other,
}

impl SentOrder {
    /// Whether its outcome is unknown.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self.state, State::Sending | State::Unknown)
    }
}

impl Session {
    /// Claims an order that is planned, or unknown and resent by the user's choice. From now
    /// on its state is `sending`, and its request is recorded. Prevents a race: if two
    /// sessions claim orders of one machine, one of them succeeds. The copy of the other
    /// session is then out of date, even if the first one already has its answer. A machine
    /// that was offboarded before cannot be claimed, except with `again`. A machine with
    /// another order that is `sending` or `unknown` can never be claimed.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(crate) async fn claim(
        &self,
        entry: &mut OrderRecord,
        again: bool,
        route: &'static str,
        granted: &str,
        external_id: Option<&ExternalId>,
    ) -> Result<Result<RequestId, ClaimConflict>, LedgerError> {
        // An unknown order has an earlier request that may have been carried out.
        let has_earlier = entry.was == State::Unknown;
        let is_sent =
            external_id.is_some() && (!has_earlier || entry.order.sent_external_id().is_some());
        let claim = async {
            let Some(mut writing) = self.ledger.write_to_send().await? else {
                return Ok(Err(ClaimConflict::Interrupted));
            };
            self.must_live(&mut writing).await?;
            if let Some(conflict) = other_order(&mut writing, entry, again).await? {
                return Ok(Err(conflict));
            }
            let now = now();
            // The number of attempts is the version of the row. It prevents a race: a session
            // that read the order before another session sent it must not send it again.
            let claimed = sqlx::query(
                "UPDATE orders SET state = ?, owner = ?, sent = ?, attempts = attempts + 1, \
                 known_actions = ?, named_action = NULL, not_before = NULL, problem = NULL, \
                 external_id_sent = ? \
                 WHERE id = ? AND state = ? AND attempts = ?",
            )
            .bind(State::Sending.name())
            .bind(self.id)
            .bind(now)
            .bind(ids(entry.known.as_ref()))
            .bind(is_sent)
            .bind(entry.id)
            .bind(entry.was.name())
            .bind(entry.attempts)
            .execute(&mut *writing)
            .await?;
            if claimed.rows_affected() == 0 {
                return Ok(Err(ClaimConflict::Elsewhere));
            }
            let detail = (entry.was == State::Unknown).then(|| RESENT.to_owned());
            record_state_change(&mut writing, self, entry.id, State::Sending, detail).await?;
            let request = self
                .insert_request(&mut writing, entry, route, granted, external_id)
                .await?;
            self.ledger.commit_to_send(writing).await?;
            Ok(Ok((request, now)))
        };
        let claimed = claim
            .await
            .map_err(|kind: LedgerErrorKind| self.error(kind))?;
        Ok(claimed.map(|(request, now)| {
            entry.order.plan_resend();
            entry.order.mark_sending();
            entry.order.record_external_id_sent(is_sent);
            entry.was = State::Sending;
            entry.owner = Some(self.id);
            entry.sent = Some(now);
            entry.attempts += 1;
            entry.named = None;
            entry.not_before = None;
            request
        }))
    }

    /// Checks whether an order may be sent, as a claim does, without claiming it.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn conflict(
        &self,
        entry: &OrderRecord,
        again: bool,
    ) -> Result<Option<ClaimConflict>, LedgerError> {
        let look = async {
            let mut reading = self.ledger.pool.acquire().await?;
            other_order(&mut reading, entry, again).await
        };
        look.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Whether another session is sending this order.
    #[must_use]
    pub fn is_elsewhere(&self, entry: &OrderRecord) -> bool {
        entry.order.state() == State::Sending && entry.owner != Some(self.id)
    }

    /// Whether this session sent this order last.
    #[must_use]
    pub fn is_its_own(&self, entry: &OrderRecord) -> bool {
        entry.owner == Some(self.id)
    }

    /// Whether another session is sending orders of this run.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn is_busy_elsewhere(&self, run: RunId) -> Result<bool, LedgerError> {
        let found: Result<bool, sqlx::Error> = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM orders WHERE run = ? AND state = 'sending' AND owner <> ?)",
        )
        .bind(run.0)
        .bind(self.id)
        .fetch_one(&self.ledger.pool)
        .await;
        found.map_err(|error| self.error(error))
    }

    /// Whether another live session executes this run: it is sending an order, or has confirmed
    /// the run and has not sent all of it.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn is_unfinished_elsewhere(&self, run: RunId) -> Result<bool, LedgerError> {
        let found: Result<bool, sqlx::Error> = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM orders WHERE run = ?1 AND state = 'sending' \
             AND owner <> ?2) OR (EXISTS (SELECT 1 FROM orders WHERE run = ?1 \
             AND state = 'planned' AND confirmed) AND EXISTS (SELECT 1 FROM confirmation \
             JOIN session ON session.id = confirmation.session WHERE confirmation.run = ?1 \
             AND session.id <> ?2 AND session.ended IS NULL))",
        )
        .bind(run.0)
        .bind(self.id)
        .fetch_one(&self.ledger.pool)
        .await;
        found.map_err(|error| self.error(error))
    }

    /// The numbers of the run's orders that were unknown and that this session resent. Orders
    /// whose request did not leave do not count.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn resent(&self, run: RunId) -> Result<HashSet<u64>, LedgerError> {
        let numbers: Result<Vec<i64>, sqlx::Error> = sqlx::query_scalar(
            "SELECT orders.number FROM orders JOIN state_change ON state_change.order_id = orders.id \
             WHERE orders.run = ?1 AND state_change.session = ?2 AND state_change.detail = ?3 \
             AND EXISTS (SELECT 1 FROM request WHERE request.order_id = orders.id \
             AND request.session = ?2 AND request.route LIKE '%/offboard' \
             AND request.state IS NOT 'not-sent')",
        )
        .bind(run.0)
        .bind(self.id)
        .bind(RESENT)
        .fetch_all(&self.ledger.pool)
        .await;
        let numbers = numbers.map_err(|error| self.error(error))?;
        Ok(numbers.into_iter().map(i64::unsigned_abs).collect())
    }
}

impl Ledger {
    /// The order of this machine that may have been carried out: one with an unknown outcome,
    /// otherwise the newest. Orders of the whole tenant of `who` count. `listed` is the action that the
    /// service lists for the machine.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn sent_order(
        &self,
        who: &SessionInfo,
        machine: &MachineId,
        listed: Option<&MachineAction>,
    ) -> Result<Option<SentOrder>, LedgerError> {
        let read = async {
            let row = sqlx::query(
                "SELECT run.uuid, orders.*, \
                 (SELECT support FROM external_id_support AS known \
                 WHERE known.account = orders.account) AS support FROM account \
                 JOIN orders ON orders.account = account.id AND orders.machine = ?1 \
                 JOIN run ON run.id = orders.run WHERE account.tenant = ?2 \
                 AND (?2 <> '' OR account.api_root = ?3) AND orders.state IN \
                 ('sending', 'unknown', 'accepted', 'pending', 'succeeded') \
                 ORDER BY orders.state IN ('sending', 'unknown') DESC, orders.id DESC LIMIT 1",
            )
            .bind(machine.as_str())
            .bind(who.tenant_key())
            .bind(&who.api_root)
            .fetch_optional(&self.pool)
            .await?;
            let order = |row: SqliteRow| {
                let entry = OrderRecord::of(&row)?;
                let support: Option<String> = row.try_get("support")?;
                let support = support.as_deref().and_then(ExternalIdSupport::of);
                let relation = |action| relation(&entry, action, support);
                Ok(SentOrder {
                    run: row.try_get("uuid")?,
                    state: entry.order.state(),
                    listed: listed.map_or(ListedAction::None, relation),
                    action: entry.order.action().map(|action| action.id.clone()),
                })
            };
            row.map(order).transpose()
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }
}

/// How an action of an order's machine relates to the order.
fn relation(
    entry: &OrderRecord,
    action: &MachineAction,
    support: Option<ExternalIdSupport>,
) -> ListedAction {
    let id = action.id.to_ascii_lowercase();
    let is_own = entry.order.owns(action, support)
        && entry
            .named
            .as_deref()
            .is_none_or(|named| named.eq_ignore_ascii_case(&id));
    match &entry.known {
        Some(known) if known.contains(&id) => ListedAction::Earlier,
        Some(_) if is_own => ListedAction::Own,
        Some(_) | None => ListedAction::Other,
    }
}

/// Another order that blocks this one. A run has only one order for a machine, even if the
/// machine is offboarded again.
async fn other_order(
    reading: &mut SqliteConnection,
    entry: &OrderRecord,
    again: bool,
) -> Result<Option<ClaimConflict>, LedgerErrorKind> {
    let Some(machine) = entry.order.machine() else {
        return Ok(None);
    };
    // Orders that are in flight or unknown come before finished ones.
    let row = sqlx::query(
        "SELECT run.uuid, other.state, other.action_id, other.action, \
         EXISTS (SELECT 1 FROM account AS its JOIN orders AS later ON later.account = its.id \
         AND later.machine = other.machine AND later.id > other.id AND later.state = 'failed' \
         WHERE its.tenant = own.tenant AND (own.tenant <> '' OR its.api_root = own.api_root)) \
         AS failed_later FROM orders AS this \
         JOIN account AS own ON own.id = this.account \
         JOIN account AS their ON their.tenant = own.tenant \
         AND (own.tenant <> '' OR their.api_root = own.api_root) \
         JOIN orders AS other ON other.account = their.id AND other.machine = ?1 \
         JOIN run ON run.id = other.run \
         WHERE this.id = ?2 AND other.id <> this.id AND (other.state IN ('sending', 'unknown') \
         OR ((NOT ?3 OR other.run = this.run) \
         AND other.state IN ('accepted', 'pending', 'succeeded'))) \
         ORDER BY other.state IN ('sending', 'unknown') DESC, other.id DESC LIMIT 1",
    )
    .bind(machine.as_str())
    .bind(entry.id)
    .bind(again)
    .fetch_optional(reading)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(ClaimConflict::Machine {
        run: row.try_get("uuid")?,
        state: state(&row)?,
        action: row.try_get("action_id")?,
        answer: row.try_get("action")?,
        failed_later: row.try_get("failed_later")?,
    }))
}

#[cfg(test)]
#[path = "claim_tests.rs"]
mod tests;
