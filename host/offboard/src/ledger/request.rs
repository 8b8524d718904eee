//! Every POST: recorded before it leaves, and again when it is answered.

use std::{collections::HashMap, fmt};

use sqlx::{Row, Sqlite, Transaction, sqlite::SqliteRow};

use super::{
    clock::now,
    database::Ledger,
    error::{LedgerError, LedgerErrorKind},
    order_record::OrderRecord,
    session::Session,
};
use crate::{
    contract::{ExternalId, Problem},
    egress::CallRecord,
    grant::Route,
    order::State,
};

/// The part of an answer that is kept, in bytes.
const MAX_RECORDED_ANSWER: usize = 64 * 1024;

/// The id of a request in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(i64);

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The record of a POST and its answer.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    /// The route.
    pub route: String,
    /// The grant, as text.
    pub granted: String,
    /// The external id in its body.
    pub external_id: Option<String>,
    /// When it was recorded, right before it left, in milliseconds since 1970.
    pub sent: i64,
    /// When it was answered.
    pub answered: Option<i64>,
    /// The address of the connection.
    pub address: Option<String>,
    /// The number of bytes that left.
    pub bytes_sent: Option<i64>,
    /// The final status.
    pub status: Option<u16>,
    /// What failed during the exchange.
    pub failure: Option<String>,
    /// The answer, as it was delivered.
    pub answer: Option<String>,
    /// The problem in the answer.
    pub problem: Option<Problem>,
}

/// The record of a state change of an order, or of a status change of its action.
#[derive(Debug, Clone)]
pub struct StateChangeRecord {
    /// The time, in milliseconds since 1970.
    pub at: i64,
    /// The state.
    pub state: String,
    /// The service's status, or the problem.
    pub detail: Option<String>,
}

impl Session {
    pub(super) async fn insert_request(
        &self,
        writing: &mut Transaction<'static, Sqlite>,
        entry: &OrderRecord,
        route: &str,
        granted: &str,
        external_id: Option<&ExternalId>,
    ) -> Result<RequestId, LedgerErrorKind> {
        let machine = entry.order.machine().map(ToString::to_string);
        let comment = entry.order.comment().as_str();
        let subject = machine.unwrap_or_default();
        let body = (comment, external_id);
        insert(
            writing,
            self,
            Some(entry.id),
            route,
            &subject,
            body,
            granted,
        )
        .await
    }

    /// Records a POST that is about to leave and is a resend, or belongs to no order. A
    /// cancellation belongs to its action: see [`Ledger::cancellations`].
    ///
    /// # Errors
    /// The ledger cannot be written: the request must not leave.
    pub(crate) async fn request(
        &self,
        entry: Option<&OrderRecord>,
        route: &'static str,
        subject: &str,
        comment: &str,
        granted: &str,
    ) -> Result<RequestId, LedgerError> {
        let request = async {
            let mut writing = self.ledger.write_now().await?;
            self.must_live(&mut writing).await?;
            let order = entry.map(|entry| entry.id);
            let body = (comment, None);
            let id = insert(&mut writing, self, order, route, subject, body, granted).await?;
            self.ledger.commit_to_send(writing).await?;
            Ok(id)
        };
        request
            .await
            .map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Records the outcome of a POST and of its order.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(crate) async fn answered(
        &self,
        request: RequestId,
        record: &CallRecord,
        state: &str,
        problem: Option<&Problem>,
        entry: Option<&mut OrderRecord>,
    ) -> Result<(), LedgerError> {
        let exchange = record.exchange.as_ref();
        let answer = exchange.and_then(|exchange| exchange.answer.as_deref());
        let answer = answer.map(|answer| {
            let answer = &answer[..answer.len().min(MAX_RECORDED_ANSWER)];
            let mut answer = String::from_utf8_lossy(answer).into_owned();
            // Bytes that are not UTF-8 need up to three times their length.
            answer.truncate(answer.floor_char_boundary(MAX_RECORDED_ANSWER));
            answer
        });
        let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let write = async {
            let mut writing = self.ledger.write().await?;
            sqlx::query(
                "UPDATE request SET answered = ?, address = ?, bytes_sent = ?, \
                 bytes_received = ?, status = ?, failure = ?, answer = ?, state = ?, problem = ? \
                 WHERE id = ?",
            )
            .bind(now())
            .bind(
                exchange
                    .and_then(|exchange| exchange.address)
                    .map(|address| address.to_string()),
            )
            .bind(size(exchange.map_or(0, |exchange| exchange.bytes_sent)))
            .bind(size(exchange.map_or(0, |exchange| exchange.bytes_received)))
            .bind(exchange.and_then(|exchange| exchange.status))
            .bind(exchange.and_then(|exchange| exchange.failure.as_deref()))
            .bind(answer)
            .bind(state)
            .bind(problem.and_then(|problem| serde_json::to_string(problem).ok()))
            .bind(request.0)
            .execute(&mut *writing)
            .await?;
            if let Some(entry) = &entry {
                entry.write(&mut writing, self).await?;
            }
            Ok(writing.commit().await?)
        };
        write
            .await
            .map_err(|kind: LedgerErrorKind| self.error(kind))?;
        if let Some(entry) = entry {
            entry.written();
        }
        Ok(())
    }
}

/// What the ledger has recorded about the tag of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TagRecord {
    /// Neither the tag nor the offboarding was sent.
    #[default]
    None,
    /// The service accepted the tag.
    Tagged,
    /// The machine was not tagged, or it is not known. Without a problem, no request for the tag
    /// was sent.
    NotTagged(Option<Box<Problem>>),
}

impl Ledger {
    /// What is recorded about the tags of these orders of a run that has a tag.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn tags(&self, entries: &[OrderRecord]) -> Result<Vec<TagRecord>, LedgerError> {
        let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        let read = async {
            let rows = sqlx::query(
                "SELECT order_id, state, problem FROM request WHERE route = ?1 \
                 AND order_id IN (SELECT value FROM json_each(?2)) ORDER BY id",
            )
            .bind(Route::TagMachine.template())
            .bind(serde_json::to_string(&ids).unwrap_or_default())
            .fetch_all(&self.pool)
            .await?;
            let mut last: HashMap<i64, TagRecord> = HashMap::new();
            for row in &rows {
                let problem: Option<String> = row.try_get("problem")?;
                let state: Option<String> = row.try_get("state")?;
                let record = if state.as_deref() == Some(State::Succeeded.name()) {
                    TagRecord::Tagged
                } else {
                    let problem = problem.and_then(|problem| serde_json::from_str(&problem).ok());
                    TagRecord::NotTagged(problem)
                };
                // A second tag changes nothing: one success is enough.
                let order = row.try_get("order_id")?;
                if last.get(&order) != Some(&TagRecord::Tagged) {
                    last.insert(order, record);
                }
            }
            let record = |entry: &OrderRecord| match last.remove(&entry.id) {
                Some(record) => record,
                None if entry.attempts > 0 => TagRecord::NotTagged(None),
                None => TagRecord::None,
            };
            Ok(entries.iter().map(record).collect())
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// The POSTs of these orders: for each order, oldest first. One query reads them all, so
    /// that the export of a long run is as fast as the disk.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn requests(
        &self,
        entries: &[OrderRecord],
    ) -> Result<Vec<Vec<RequestRecord>>, LedgerError> {
        let query = "SELECT * FROM request WHERE order_id IN (SELECT value FROM json_each(?)) \
                     ORDER BY order_id, id";
        self.of_each(query, entries, evidence).await
    }

    /// The state changes of these orders: for each order, oldest first.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn state_changes(
        &self,
        entries: &[OrderRecord],
    ) -> Result<Vec<Vec<StateChangeRecord>>, LedgerError> {
        let query = "SELECT order_id, at, state, detail FROM state_change \
                     WHERE order_id IN (SELECT value FROM json_each(?)) ORDER BY order_id, id";
        self.of_each(query, entries, state_change).await
    }

    /// The rows of a query whose parameter is the ids of these orders, by their `order_id`.
    async fn of_each<T>(
        &self,
        query: &'static str,
        entries: &[OrderRecord],
        record: fn(&SqliteRow) -> Result<T, LedgerErrorKind>,
    ) -> Result<Vec<Vec<T>>, LedgerError> {
        let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        let read = async {
            let rows = sqlx::query(query)
                .bind(serde_json::to_string(&ids).unwrap_or_default())
                .fetch_all(&self.pool)
                .await?;
            let mut of_order: HashMap<i64, Vec<T>> = HashMap::new();
            for row in &rows {
                let records = of_order.entry(row.try_get("order_id")?).or_default();
                records.push(record(row)?);
            }
            let of = |id: &i64| of_order.remove(id).unwrap_or_default();
            Ok(ids.iter().map(of).collect())
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }
}

fn state_change(row: &SqliteRow) -> Result<StateChangeRecord, LedgerErrorKind> {
    Ok(StateChangeRecord {
        at: row.try_get("at")?,
        state: row.try_get("state")?,
        detail: row.try_get("detail")?,
    })
}

async fn insert(
    writing: &mut Transaction<'static, Sqlite>,
    session: &Session,
    order: Option<i64>,
    route: &str,
    subject: &str,
    (comment, external_id): (&str, Option<&ExternalId>),
    granted: &str,
) -> Result<RequestId, LedgerErrorKind> {
    let id = sqlx::query_scalar(
        "INSERT INTO request \
         (session, order_id, route, subject, comment, external_id, granted, sent) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(session.id)
    .bind(order)
    .bind(route)
    .bind(subject)
    .bind(comment)
    .bind(external_id.map(ExternalId::as_str))
    .bind(granted)
    .bind(now())
    .fetch_one(&mut **writing)
    .await?;
    Ok(RequestId(id))
}

pub(super) fn evidence(row: &SqliteRow) -> Result<RequestRecord, LedgerErrorKind> {
    let problem: Option<String> = row.try_get("problem")?;
    Ok(RequestRecord {
        route: row.try_get("route")?,
        granted: row.try_get("granted")?,
        external_id: row.try_get("external_id")?,
        sent: row.try_get("sent")?,
        answered: row.try_get("answered")?,
        address: row.try_get("address")?,
        bytes_sent: row.try_get("bytes_sent")?,
        status: row.try_get("status")?,
        failure: row.try_get("failure")?,
        answer: row.try_get("answer")?,
        problem: problem.and_then(|problem| serde_json::from_str(&problem).ok()),
    })
}
