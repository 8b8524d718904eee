//! Runs: orders that were made together.

use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    clock::now,
    confirm::ConfirmationRow,
    database::Ledger,
    error::{LedgerError, LedgerErrorKind},
    orders::{NewOrder, OrderCounts, insert},
    request_key,
    run_id::RunId,
    session::Session,
};
use crate::{contract::Tag, user};

/// A run in the ledger.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// Its id in the ledger.
    pub id: RunId,
    /// Its id.
    pub uuid: Uuid,
    /// When it was ordered, in milliseconds since 1970.
    pub began: i64,
    /// The caller's key for the run.
    pub request_id: Option<String>,
    /// Whether machines that were offboarded before are offboarded again.
    pub again: bool,
    /// The tag that each machine gets before its offboarding.
    pub tag: Option<Tag>,
    /// The tenant; `None` if the token does not name it.
    pub tenant: Option<String>,
    /// The application.
    pub application: Option<String>,
    /// The service's origin.
    pub api_root: String,
    /// The user of the operating system.
    pub user: Option<String>,
    /// The user id of the operating system, if it has user ids.
    pub uid: Option<u32>,
    /// The user that the token was issued to, by name.
    pub signed_in_user: Option<String>,
    /// The object id of that user.
    pub signed_in_user_id: Option<String>,
    /// The program's version.
    pub version: String,
    /// The plugin's digest.
    pub plugin_sha256: String,
    /// The kind of credential.
    pub auth: Option<String>,
    /// The configuration's profile.
    pub profile: Option<String>,
    /// The number of its orders in each state.
    pub counts: OrderCounts,
    /// The number of its orders that a resume would send, query or track.
    pub unfinished: u64,
    /// The comment of its first order.
    pub comment: Option<String>,
    /// Whether another of its orders has another comment.
    pub has_several_comments: bool,
    /// Its confirmations, oldest first; a run that is resumed is confirmed again. A run of an
    /// older version has none.
    pub confirmations: Vec<ConfirmationRow>,
}

impl RunRow {
    /// The user of the operating system, with the number: names can be set freely.
    #[must_use]
    pub fn system_user(&self) -> Option<String> {
        user::with_number(self.user.as_deref(), self.uid)
    }

    /// The user that the token was issued to, with the object id.
    #[must_use]
    pub fn signed_in(&self) -> Option<String> {
        user::with_id(
            self.signed_in_user.as_deref(),
            self.signed_in_user_id.as_deref(),
        )
    }

    /// The digest of the plan that was confirmed last.
    #[must_use]
    pub fn plan_digest(&self) -> Option<String> {
        let last = self.confirmations.last()?;
        Some(last.digest.clone())
    }
}

/// Which runs are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only runs with orders that a resume would send, query or track.
    pub is_unfinished: bool,
    /// Only runs that were ordered at this time or later, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Only this many runs: the newest.
    pub limit: Option<usize>,
}

/// The orders that a resume would send, query or track.
macro_rules! unfinished {
    ($select:literal) => {
        concat!(
            $select,
            " FROM orders WHERE run = ? AND (state IN ",
            "('planned', 'sending', 'accepted', 'pending', 'unknown', 'not-sent') ",
            "OR (state = 'rejected' AND problem ->> 'kind' = 'already-in-progress'))"
        )
    };
}

const RUNS: &str = "SELECT run.id, run.uuid, run.began, request_id, again, tag, tenant, application, \
     api_root, coalesce(user, 'uid ' || uid) AS user, uid, signed_in_user, signed_in_user_id, version, plugin_sha256, auth, profile \
     FROM run JOIN session ON session.id = run.session JOIN account ON account.id = run.account \
     WHERE NOT draft ORDER BY run.id";

impl Session {
    /// Records a run and its orders, in one transaction. It is a draft until it is confirmed,
    /// and is deleted when this process ends.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(crate) async fn plan(
        &self,
        uuid: Uuid,
        request_id: Option<&str>,
        again: bool,
        tag: Option<&Tag>,
        plans: impl IntoIterator<Item = NewOrder>,
    ) -> Result<RunId, LedgerError> {
        let plan = async {
            let mut writing = self.ledger.write_now().await?;
            request_key::check_unused(&mut writing, self.account, request_id).await?;
            let run: i64 = sqlx::query_scalar(
                "INSERT INTO run (uuid, account, session, began, request_id, again, tag, draft) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, 1) RETURNING id",
            )
            .bind(uuid.to_string())
            .bind(self.account)
            .bind(self.id)
            .bind(now())
            .bind(request_id)
            .bind(again)
            .bind(tag.map(Tag::as_str))
            .fetch_one(&mut *writing)
            .await?;
            insert(&mut writing, self, (run, uuid), plans).await?;
            writing.commit().await?;
            Ok(RunId(run))
        };
        plan.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Deletes a draft of this session, with its orders. A confirmed run stays.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(crate) async fn discard(&self, run: RunId) -> Result<(), LedgerError> {
        let discard = async {
            let mut writing = self.ledger.write().await?;
            sqlx::query("DELETE FROM run WHERE id = ? AND draft AND session = ?")
                .bind(run.0)
                .bind(self.id)
                .execute(&mut *writing)
                .await?;
            Ok(writing.commit().await?)
        };
        discard
            .await
            .map_err(|error: LedgerErrorKind| self.error(error))
    }

    /// Whether a run belongs to this session's tenant, application and API.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn owns(&self, run: RunId) -> Result<bool, LedgerError> {
        let account: Result<i64, sqlx::Error> =
            sqlx::query_scalar("SELECT account FROM run WHERE id = ?")
                .bind(run.0)
                .fetch_one(&self.ledger.pool)
                .await;
        Ok(account.map_err(|error| self.error(error))? == self.account)
    }
}

impl Ledger {
    /// All runs, oldest first, without drafts.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        self.runs_where(RunFilter::default()).await
    }

    /// Runs with unfinished or unsent orders.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn unfinished(&self) -> Result<Vec<RunRow>, LedgerError> {
        self.runs_where(RunFilter {
            is_unfinished: true,
            ..RunFilter::default()
        })
        .await
    }

    /// The runs that a filter selects, oldest first, without drafts.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn runs_where(&self, filter: RunFilter) -> Result<Vec<RunRow>, LedgerError> {
        let read = async {
            let mut runs = Vec::new();
            let heads = self.heads().await?.into_iter().rev();
            // The newest first, so that with a limit the older ones are not read.
            for mut run in heads.filter(|run| filter.since.is_none_or(|since| run.began >= since)) {
                if filter.limit.is_some_and(|limit| runs.len() >= limit) {
                    break;
                }
                if !filter.is_unfinished || self.is_unfinished(run.id).await? {
                    self.complete(&mut run).await?;
                    runs.push(run);
                }
            }
            runs.reverse();
            Ok(runs)
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Searches for the first such order, so that finished runs take no time, however long
    /// they are.
    async fn is_unfinished(&self, run: RunId) -> Result<bool, LedgerErrorKind> {
        let found: bool =
            sqlx::query_scalar(concat!("SELECT EXISTS (", unfinished!("SELECT 1"), ")"))
                .bind(run.0)
                .fetch_one(&self.pool)
                .await?;
        Ok(found)
    }

    /// The run whose id begins with this text; `last` is the newest.
    ///
    /// # Errors
    /// No run or more than one matches, or the ledger cannot be read.
    pub async fn run(&self, id: &str) -> Result<RunRow, LedgerError> {
        let read = async {
            let mut runs = self.heads().await?;
            let wanted = id.to_ascii_lowercase().replace('-', "");
            if id != "last" {
                runs.retain(|run| run.uuid.simple().to_string().starts_with(&wanted));
            }
            let mut run = match (runs.pop(), runs.is_empty()) {
                (Some(run), _) if id == "last" => run,
                (Some(run), true) if !wanted.is_empty() => run,
                (Some(_), false) => return Err(LedgerErrorKind::ManyRuns(id.to_owned())),
                _ => return Err(LedgerErrorKind::NoRun(id.to_owned())),
            };
            self.complete(&mut run).await?;
            Ok(run)
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// The run with this ledger id; `None` if it is a draft.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn run_at(&self, id: RunId) -> Result<Option<RunRow>, LedgerError> {
        let read = async {
            let runs = self.heads().await?;
            let Some(mut run) = runs.into_iter().find(|run| run.id == id) else {
                return Ok(None);
            };
            self.complete(&mut run).await?;
            Ok(Some(run))
        };
        read.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Adds the data of other tables to a run.
    async fn complete(&self, run: &mut RunRow) -> Result<(), LedgerErrorKind> {
        run.counts = self.read_counts(run.id).await?;
        run.confirmations = self.read_confirmations(run.id).await?;
        let unfinished: i64 = sqlx::query_scalar(unfinished!("SELECT count(*)"))
            .bind(run.id.0)
            .fetch_one(&self.pool)
            .await?;
        run.unfinished = unfinished.unsigned_abs();
        run.comment =
            sqlx::query_scalar("SELECT comment FROM orders WHERE run = ? ORDER BY number LIMIT 1")
                .bind(run.id.0)
                .fetch_optional(&self.pool)
                .await?;
        run.has_several_comments = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM orders WHERE run = ? AND comment <> ?)",
        )
        .bind(run.id.0)
        .bind(&run.comment)
        .fetch_one(&self.pool)
        .await?;
        Ok(())
    }

    /// All runs, without the data of other tables.
    async fn heads(&self) -> Result<Vec<RunRow>, LedgerErrorKind> {
        let rows = sqlx::query(RUNS).fetch_all(&self.pool).await?;
        rows.iter().map(run).collect()
    }
}

fn run(row: &SqliteRow) -> Result<RunRow, LedgerErrorKind> {
    let or_none = |text: String| Some(text).filter(|text| !text.is_empty());
    let uuid: String = row.try_get("uuid")?;
    let tag: Option<String> = row.try_get("tag")?;
    let tag = tag.map(|tag| tag.parse()).transpose();
    Ok(RunRow {
        id: RunId(row.try_get("id")?),
        uuid: uuid
            .parse()
            .map_err(|_| LedgerErrorKind::Damaged(format!("{uuid:?} is not a run id")))?,
        began: row.try_get("began")?,
        request_id: row.try_get("request_id")?,
        again: row.try_get("again")?,
        tag: tag.map_err(|_| LedgerErrorKind::Damaged("a run's tag cannot be read".to_owned()))?,
        tenant: or_none(row.try_get("tenant")?),
        application: or_none(row.try_get("application")?),
        api_root: row.try_get("api_root")?,
        user: row.try_get("user")?,
        uid: row.try_get("uid")?,
        signed_in_user: row.try_get("signed_in_user")?,
        signed_in_user_id: row.try_get("signed_in_user_id")?,
        version: row.try_get("version")?,
        plugin_sha256: row.try_get("plugin_sha256")?,
        auth: row.try_get("auth")?,
        profile: row.try_get("profile")?,
        counts: OrderCounts::default(),
        unfinished: 0,
        comment: None,
        has_several_comments: false,
        confirmations: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::sample::{ordered, who},
        *,
    };
    use crate::{
        contract::{Problem, Retry},
        order::State,
    };

    #[tokio::test]
    async fn a_run_that_has_ended_is_not_unfinished() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let mut entry = ordered(&session).await;
        let unfinished = ledger.unfinished().await.unwrap();
        assert_eq!(unfinished[0].counts.of(State::Planned), 1);
        let problem = |kind| Problem::new(kind, Retry::Never, "x");
        entry.order.skip(problem("duplicate"));
        session.save(&mut entry).await.unwrap();
        assert!(ledger.unfinished().await.unwrap().is_empty());
        assert_eq!(ledger.runs().await.unwrap().len(), 1);
    }
    /// The sessions of earlier versions have no name if the environment had none.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_user_without_a_name_is_shown_by_number() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        ordered(&session).await;
        let runs = ledger.runs().await.unwrap();
        let user = format!("uid {}", crate::user::id().unwrap());
        assert_eq!(runs[0].user.as_ref(), Some(&user));
        assert_eq!(runs[0].confirmations[0].by.as_ref(), Some(&user));
    }
}
