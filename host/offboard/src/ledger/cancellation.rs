//! Cancellations: every request to cancel an action, and the orders of that action. A request
//! belongs to an action, not to an order: this ledger may have no order of the action, or
//! several.

use std::collections::HashMap;

use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    database::Ledger,
    error::{LedgerError, LedgerErrorKind},
    order_record::OrderRecord,
    request::{RequestRecord, evidence},
    session::Session,
};
use crate::{grant::Route, order::State};

/// The record of a request to cancel an action.
#[derive(Debug, Clone)]
pub struct CancellationRecord {
    /// Its number in the ledger. Later ones have higher numbers.
    pub number: i64,
    /// The id of the action, in lower case.
    pub action: String,
    /// The user of the operating system who cancelled it.
    pub by: Option<String>,
    /// The reason, which the service records.
    pub comment: Option<String>,
    /// The outcome. [`State::Unknown`] also if its process ended before the answer, or has no
    /// answer yet.
    pub state: State,
    /// The request and its answer.
    pub request: RequestRecord,
    /// The run and the number of the first order of the action; `None` if this ledger has no
    /// order of it.
    pub order: Option<(Uuid, u64)>,
}

/// A query for cancellations, with the first order of each action. Orders of the whole tenant
/// count. An order that was rejected or skipped only names an action of another order.
macro_rules! cancellations {
    ($condition:literal) => {
        concat!(
            "SELECT request.*, coalesce(session.user, 'uid ' || session.uid) AS user, ",
            "run.uuid AS run, orders.number AS number FROM request ",
            "JOIN session ON session.id = request.session ",
            "JOIN account AS own ON own.id = session.account ",
            "LEFT JOIN orders ON orders.id = (SELECT min(ordered.id) FROM orders AS ordered ",
            "JOIN account AS their ON their.id = ordered.account AND their.tenant = own.tenant ",
            "AND (own.tenant <> '' OR their.api_root = own.api_root) ",
            "WHERE lower(ordered.action_id) = request.subject AND ordered.action_id IS NOT NULL ",
            "AND ordered.state IN ('accepted', 'pending', 'succeeded', 'failed', 'timed-out', ",
            "'cancelled')) ",
            "LEFT JOIN run ON run.id = orders.run ",
            "WHERE request.order_id IS NULL AND request.route = ?1 AND ",
            $condition
        )
    };
}

impl Ledger {
    /// The requests to cancel the actions of these orders of one run: for each order, oldest
    /// first. Empty for an order that has no action of its own.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn cancellations(
        &self,
        entries: &[OrderRecord],
    ) -> Result<Vec<Vec<CancellationRecord>>, LedgerError> {
        let actions: Vec<Option<String>> = entries.iter().map(own_action).collect();
        let named: Vec<&String> = actions.iter().flatten().collect();
        let (Some(first), false) = (entries.first(), named.is_empty()) else {
            return Ok(entries.iter().map(|_| Vec::new()).collect());
        };
        let query = sqlx::query(cancellations!(
            "request.subject IN (SELECT value FROM json_each(?2)) AND EXISTS (SELECT 1 \
             FROM orders AS this JOIN account AS its ON its.id = this.account WHERE this.id = ?3 \
             AND its.tenant = own.tenant AND (own.tenant <> '' OR its.api_root = own.api_root)) \
             ORDER BY request.id"
        ));
        let read = async {
            let rows = query
                .bind(Route::CancelAction.template())
                .bind(serde_json::to_string(&named).unwrap_or_default())
                .bind(first.id)
                .fetch_all(&self.pool)
                .await?;
            let mut of_action: HashMap<String, Vec<CancellationRecord>> = HashMap::new();
            for row in &rows {
                let record = cancellation(row)?;
                let records = of_action.entry(record.action.clone()).or_default();
                records.push(record);
            }
            let of = |action: &Option<String>| {
                let records = action.as_ref().and_then(|action| of_action.get(action));
                records.cloned().unwrap_or_default()
            };
            Ok(actions.iter().map(of).collect())
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// All requests to cancel an action, oldest first, after this number.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn all_cancellations(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<CancellationRecord>, LedgerError> {
        let query = sqlx::query(cancellations!(
            "request.id > ?2 ORDER BY request.id LIMIT ?3"
        ));
        let read = async {
            let rows = query
                .bind(Route::CancelAction.template())
                .bind(after)
                .bind(limit)
                .fetch_all(&self.pool)
                .await?;
            rows.iter().map(cancellation).collect::<Result<_, _>>()
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }
}

impl Session {
    /// The orders of an action whose status may still change: those that are accepted or
    /// pending. Orders of the whole tenant count. An order that a process is sending is not
    /// one of them.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn open_orders_of(
        &self,
        action: &str,
    ) -> Result<Vec<OrderRecord>, LedgerError> {
        let read = async {
            let rows = sqlx::query(
                "SELECT orders.* FROM account AS own \
                 JOIN account AS their ON their.tenant = own.tenant \
                 AND (own.tenant <> '' OR their.api_root = own.api_root) \
                 JOIN orders ON orders.account = their.id AND lower(orders.action_id) = ?1 \
                 AND orders.action_id IS NOT NULL AND orders.state IN ('accepted', 'pending') \
                 WHERE own.id = ?2 ORDER BY orders.id",
            )
            .bind(action.to_ascii_lowercase())
            .bind(self.account)
            .fetch_all(&self.ledger.pool)
            .await?;
            rows.iter().map(OrderRecord::of).collect::<Result<_, _>>()
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }
}

/// The id of an order's own action, in lower case. An order that was not accepted only names
/// the action of another order.
fn own_action(entry: &OrderRecord) -> Option<String> {
    let order = &entry.order;
    let is_foreign = matches!(
        order.state(),
        State::Planned | State::Sending | State::Rejected | State::Skipped | State::NotSent
    );
    let action = order.action().filter(|_| !is_foreign);
    action.map(|action| action.id.to_ascii_lowercase())
}

fn cancellation(row: &SqliteRow) -> Result<CancellationRecord, LedgerErrorKind> {
    let damaged = |what: &str| LedgerErrorKind::Damaged(format!("{what} cannot be read"));
    let state: Option<String> = row.try_get("state")?;
    let state = match state {
        Some(name) => State::of(&name).ok_or_else(|| damaged("a cancellation's state"))?,
        None => State::Unknown,
    };
    let run: Option<String> = row.try_get("run")?;
    let run = run.map(|run| run.parse()).transpose();
    let run: Option<Uuid> = run.map_err(|_| damaged("a run's id"))?;
    let number: Option<i64> = row.try_get("number")?;
    Ok(CancellationRecord {
        number: row.try_get("id")?,
        action: row.try_get("subject")?,
        by: row.try_get("user")?,
        comment: row.try_get("comment")?,
        state,
        request: evidence(row)?,
        order: run.zip(number.map(i64::unsigned_abs)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::sample::{claim, ordered, who},
        *,
    };
    use crate::{
        contract::MachineAction,
        egress::CallRecord,
        ledger::{RunId, SessionInfo},
        order::Verdict,
    };

    const ACTION: &str = "11111111-2222-3333-4444-55555555555A";

    async fn cancel(session: &Session) {
        let (route, action) = (Route::CancelAction.template(), ACTION.to_lowercase());
        let request = session.request(None, route, &action, "A mistake", "one POST");
        request.await.unwrap();
    }

    async fn of_each(ledger: &Ledger, entries: &[OrderRecord]) -> Vec<Vec<CancellationRecord>> {
        ledger.cancellations(entries).await.unwrap()
    }

    /// A ledger with an accepted order, whose action has this id.
    async fn accepted() -> (Ledger, Session, OrderRecord) {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let mut entry = ordered(&session).await;
        let request = claim(&session, &mut entry).await.unwrap();
        let action = MachineAction::bare(ACTION);
        entry.order.settle(Verdict::Accepted(Box::new(action)));
        let record = CallRecord::default();
        let answered = session.answered(request, &record, "accepted", None, Some(&mut entry));
        answered.await.unwrap();
        (ledger, session, entry)
    }

    #[tokio::test]
    async fn a_cancellation_belongs_to_the_orders_of_its_action() {
        let (ledger, session, entry) = accepted().await;
        let entries = [entry.clone(), entry];
        assert!(of_each(&ledger, &entries).await.iter().all(Vec::is_empty));
        cancel(&session).await;
        let [both, cancelled] = &of_each(&ledger, &entries).await[..] else {
            panic!("there are two orders");
        };
        assert_eq!(both.len(), 1);
        let [cancelled] = &cancelled[..] else {
            panic!("there is one cancellation");
        };
        assert_eq!(cancelled.state, State::Unknown);
        assert_eq!(cancelled.comment.as_deref(), Some("A mistake"));
        let run = ledger.runs().await.unwrap().remove(0).uuid;
        assert_eq!(cancelled.order, Some((run, 1)));
        let all = ledger.all_cancellations(0, 9).await.unwrap();
        assert_eq!(all.len(), 1);
        let after = ledger.all_cancellations(all[0].number, 9).await.unwrap();
        assert!(after.is_empty());
    }

    #[tokio::test]
    async fn a_cancellation_of_another_tenant_belongs_to_no_order_of_this_one() {
        let (ledger, _session, entry) = accepted().await;
        let tenant = Some("another".to_owned());
        let who = SessionInfo { tenant, ..who() };
        let other = Session::begin(&ledger, &who, "cancel").await.unwrap();
        assert!(other.open_orders_of(ACTION).await.unwrap().is_empty());
        cancel(&other).await;
        assert!(of_each(&ledger, &[entry]).await[0].is_empty());
        let all = ledger.all_cancellations(0, 9).await.unwrap();
        assert_eq!(all[0].order, None);
    }

    /// Another session may be sending it: its action is then the one that blocked it.
    #[tokio::test]
    async fn an_order_that_is_being_sent_is_not_open() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let mut entry = ordered(&session).await;
        let action = MachineAction::bare(ACTION);
        entry.order.record_blocking_action(action);
        session.save(&mut entry).await.unwrap();
        claim(&session, &mut entry).await.unwrap();
        let other = Session::begin(&ledger, &who(), "status").await.unwrap();
        let read = ledger.entries(RunId(1), 0, 1).await.unwrap().remove(0);
        assert!(other.is_elsewhere(&read) && read.order.action().is_some());
        assert!(other.open_orders_of(ACTION).await.unwrap().is_empty());
    }
}
