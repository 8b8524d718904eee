//! Orders: recorded, read in pages, and saved.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Row, Sqlite, Transaction, query::Query, sqlite::SqliteArguments};
use uuid::Uuid;

use super::{
    database::Ledger,
    error::{LedgerError, LedgerErrorKind},
    order_record::{OrderRecord, state},
    run_id::RunId,
    session::Session,
};
use crate::{
    contract::{Comment, MachineId},
    external_id,
    order::{State, Target},
};

/// An order to be recorded.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// The machine as the user named it.
    pub target: Target,
    /// The comment.
    pub comment: Comment,
    /// The machine's name in the list, if the list has its id.
    pub display_name: Option<String>,
}

/// The number of orders in each state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderCounts(pub(super) BTreeMap<&'static str, u64>);

impl OrderCounts {
    /// The number of orders in this state.
    #[must_use]
    pub fn of(&self, state: State) -> u64 {
        self.0.get(state.name()).copied().unwrap_or_default()
    }

    /// The number of all orders.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The number of unfinished orders: those to be sent, reconciled or tracked.
    #[must_use]
    pub fn open(&self) -> u64 {
        use State::{Accepted, Pending, Planned, Sending, Unknown};
        let open = [Planned, Sending, Accepted, Pending, Unknown];
        open.into_iter().map(|state| self.of(state)).sum()
    }

    /// Each state that occurs, with its number of orders.
    pub fn each(&self) -> impl Iterator<Item = (State, u64)> {
        let there = |state| (state, self.of(state));
        State::ALL
            .into_iter()
            .map(there)
            .filter(|(_, count)| *count > 0)
    }
}

/// A query for orders of the run `?1`, in order, after the number `?2`, at most `?3`, for
/// which a condition holds.
macro_rules! page {
    ($condition:literal) => {
        concat!(
            "SELECT * FROM orders AS this WHERE run = ?1 AND number > ?2 AND ",
            $condition,
            " ORDER BY number LIMIT ?3"
        )
    };
}

/// The number of orders that are recorded with one statement.
const ORDERS_PAGE: usize = 500;

/// Records the orders of a run, a page with each statement.
pub(super) async fn insert(
    writing: &mut Transaction<'static, Sqlite>,
    session: &Session,
    (run, uuid): (i64, Uuid),
    plans: impl IntoIterator<Item = NewOrder>,
) -> Result<(), LedgerErrorKind> {
    let mut plans = (1_u64..).zip(plans);
    loop {
        let page: Vec<(u64, NewOrder)> = plans.by_ref().take(ORDERS_PAGE).collect();
        if page.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = page
            .iter()
            .map(|(number, plan)| plan.row(uuid, *number))
            .collect();
        let rows =
            serde_json::to_string(&rows).map_err(|e| LedgerErrorKind::Other(e.to_string()))?;
        sqlx::query(
            "INSERT INTO orders \
             (run, account, number, target, canonical_name, display_name, machine, name, comment, \
             external_id, state) \
             SELECT ?1, ?2, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
             value ->> 5, value ->> 6, value ->> 7, ?3 FROM json_each(?4)",
        )
        .bind(run)
        .bind(session.account)
        .bind(State::Planned.name())
        .bind(rows)
        .execute(&mut **writing)
        .await?;
    }
}

/// Its number, the target, the canonical name if the target is a name, the name in the list,
/// the machine, the name, the comment, and the external id.
type Planned<'a> = (
    u64,
    &'a str,
    Option<String>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    &'a str,
    String,
);

impl NewOrder {
    fn row(&self, run: Uuid, number: u64) -> Planned<'_> {
        let (target, machine, name) = match &self.target {
            Target::Id(id) => (id.as_str(), Some(id.as_str()), None),
            Target::Name(name) => (name.as_str(), None, Some(name.as_str())),
        };
        let display_name = self.display_name.as_deref();
        let comment = self.comment.as_str();
        let canonical = self.target.sought();
        (
            number,
            target,
            canonical,
            display_name,
            machine,
            name,
            comment,
            external_id::of_order(run, number),
        )
    }
}

impl Session {
    /// Writes the state of an order. If another process changed it before, the order is read
    /// again instead.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn save(&self, entry: &mut OrderRecord) -> Result<(), LedgerError> {
        self.save_all(std::slice::from_mut(entry)).await
    }

    /// The same for several orders, in one transaction.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(crate) async fn save_all(&self, entries: &mut [OrderRecord]) -> Result<(), LedgerError> {
        let save = async {
            let mut writing = self.ledger.write().await?;
            let mut lost = Vec::new();
            for (at, entry) in entries.iter().enumerate() {
                if !entry.write(&mut writing, self).await? {
                    lost.push(at);
                }
            }
            writing.commit().await?;
            Ok(lost)
        };
        let lost = save
            .await
            .map_err(|kind: LedgerErrorKind| self.error(kind))?;
        for (at, entry) in entries.iter_mut().enumerate() {
            if lost.binary_search(&at).is_ok() {
                *entry = self.ledger.entry(entry.id).await?;
            } else {
                entry.written();
            }
        }
        Ok(())
    }

    /// The planned orders of a run, in order, after this number.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn planned(
        &self,
        run: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, LedgerError> {
        self.ledger
            .entries_in(run, State::Planned, after, limit)
            .await
    }
}

impl Ledger {
    /// Orders of a run, in order, after this number.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn entries(
        &self,
        run: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, LedgerError> {
        self.page(page!("TRUE"), run, after, limit).await
    }

    /// Orders of a run that are in this state, in order, after this number.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn entries_in(
        &self,
        run: RunId,
        state: State,
        after: u64,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, LedgerError> {
        let query = sqlx::query(page!("state = ?4"));
        let query = query
            .bind(run.0)
            .bind(signed(after))
            .bind(limit)
            .bind(state.name());
        self.read_orders(query).await
    }

    /// Orders of a run that may be about these machines, in order: those with these names, and
    /// those with these ids.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn entries_of(
        &self,
        run: RunId,
        machines: &[String],
        names: &[String],
    ) -> Result<Vec<OrderRecord>, LedgerError> {
        let json = |texts: &[String]| serde_json::to_string(texts).unwrap_or_default();
        let query = sqlx::query(
            "SELECT * FROM orders WHERE run = ?1 AND canonical_name IS NULL \
             AND machine IN (SELECT value FROM json_each(?2)) \
             AND account = (SELECT account FROM run WHERE id = ?1) \
             UNION ALL SELECT * FROM orders WHERE run = ?1 \
             AND canonical_name IN (SELECT value FROM json_each(?3)) ORDER BY number",
        );
        let query = query.bind(run.0).bind(json(machines)).bind(json(names));
        self.read_orders(query).await
    }

    /// The number of orders of a run that are accepted or pending, and when the first of them
    /// was sent, in milliseconds since 1970; `None` if none of them was sent: all were adopted.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn open_orders(&self, run: RunId) -> Result<(u64, Option<i64>), LedgerError> {
        let read: Result<(i64, Option<i64>), sqlx::Error> = sqlx::query_as(
            "SELECT count(*), min(sent) FROM orders \
             WHERE run = ? AND state IN ('accepted', 'pending')",
        )
        .bind(run.0)
        .fetch_one(&self.pool)
        .await;
        let (count, first_sent) = read.map_err(|error| self.error(error))?;
        Ok((count.unsigned_abs(), first_sent))
    }

    /// The orders of a run that are accepted or pending and have these actions, in order. The
    /// ids are in lower case.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn open_orders_with(
        &self,
        run: RunId,
        actions: &BTreeSet<String>,
    ) -> Result<Vec<OrderRecord>, LedgerError> {
        let query = sqlx::query(
            // `CROSS JOIN` and `+` make SQLite search by action, and not read the whole run.
            "SELECT orders.* FROM json_each(?2) AS listed CROSS JOIN orders \
             ON lower(orders.action_id) = listed.value AND orders.action_id IS NOT NULL \
             WHERE +orders.run = ?1 AND orders.state IN ('accepted', 'pending') \
             ORDER BY orders.number",
        );
        let actions = serde_json::to_string(actions).unwrap_or_default();
        self.read_orders(query.bind(run.0).bind(actions)).await
    }

    /// Planned orders of a run without a preflight, in order, after this number.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn unseen(
        &self,
        run: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, LedgerError> {
        let query = page!("state = 'planned' AND preflight IS NULL");
        self.page(query, run, after, limit).await
    }

    /// Planned orders of a run whose machine has another order, of any run of the tenant and in
    /// any state, in order, after this number.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn rivals(
        &self,
        run: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, LedgerError> {
        let query = page!(
            "state = 'planned' AND EXISTS (SELECT 1 FROM account AS own \
             JOIN account AS their ON their.tenant = own.tenant \
             AND (own.tenant <> '' OR their.api_root = own.api_root) \
             JOIN orders AS other ON other.account = their.id AND other.machine = this.machine \
             AND other.id <> this.id WHERE own.id = this.account)"
        );
        self.page(query, run, after, limit).await
    }

    /// A page of a run's orders, by a query of [`page!`].
    async fn page(
        &self,
        query: &'static str,
        run: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, LedgerError> {
        let query = sqlx::query(query);
        let query = query.bind(run.0).bind(signed(after)).bind(limit);
        self.read_orders(query).await
    }

    async fn read_orders(
        &self,
        query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<Vec<OrderRecord>, LedgerError> {
        let read = async {
            let rows = query.fetch_all(&self.pool).await?;
            rows.iter().map(OrderRecord::of).collect::<Result<_, _>>()
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// The comment of an earlier order of the same run for the same machine.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn twin(
        &self,
        run: RunId,
        entry: &OrderRecord,
    ) -> Result<Option<Comment>, LedgerError> {
        let read = async {
            let comment: Option<String> = sqlx::query_scalar(
                "SELECT comment FROM orders WHERE account = (SELECT account FROM run WHERE id = ?1) \
                 AND machine = ?2 AND run = ?1 AND number < ?3 \
                 AND state NOT IN ('rejected', 'skipped') ORDER BY number LIMIT 1",
            )
            .bind(run.0)
            .bind(entry.order.machine().map(MachineId::as_str))
            .bind(signed(entry.number))
            .fetch_optional(&self.pool)
            .await?;
            let read = |comment: String| Comment::recorded(&comment).ok();
            Ok(comment.and_then(read))
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// The number of planned orders of a run without a preflight.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn not_looked_at(&self, run: RunId) -> Result<u64, LedgerError> {
        let count: Result<i64, sqlx::Error> = sqlx::query_scalar(
            "SELECT count(*) FROM orders WHERE run = ? AND state = 'planned' AND preflight IS NULL",
        )
        .bind(run.0)
        .fetch_one(&self.pool)
        .await;
        Ok(count.map_err(|error| self.error(error))?.unsigned_abs())
    }

    /// The number of orders of a run in each state.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn counts(&self, run: RunId) -> Result<OrderCounts, LedgerError> {
        let read = self.read_counts(run).await;
        read.map_err(|error| self.error(error))
    }

    pub(super) async fn read_counts(&self, run: RunId) -> Result<OrderCounts, LedgerErrorKind> {
        let rows = sqlx::query("SELECT state, count(*) FROM orders WHERE run = ? GROUP BY state")
            .bind(run.0)
            .fetch_all(&self.pool)
            .await?;
        let mut counts = OrderCounts::default();
        for row in &rows {
            let count: i64 = row.try_get(1)?;
            counts.0.insert(state(row)?.name(), count.unsigned_abs());
        }
        Ok(counts)
    }

    async fn entry(&self, id: i64) -> Result<OrderRecord, LedgerError> {
        let read = async {
            let row = sqlx::query("SELECT * FROM orders WHERE id = ?")
                .bind(id)
                .fetch_one(&self.pool)
                .await?;
            OrderRecord::of(&row)
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
