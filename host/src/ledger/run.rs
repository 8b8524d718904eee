//! Runs: what was ordered at once.

use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use super::{Counts, Fault, Ledger, LedgerError, Plan, Session, now};
use crate::contract::Tag;

/// A run's place in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId(pub(super) i64);

/// A run, as it stands in the ledger.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// Its place.
    pub id: RunId,
    /// Its name.
    pub uuid: Uuid,
    /// When it was ordered, in milliseconds since 1970.
    pub began: i64,
    /// By which key a playbook knows it.
    pub request_id: Option<String>,
    /// Whether machines that were offboarded before are offboarded again.
    pub again: bool,
    /// What each machine is tagged with before it is offboarded.
    pub tag: Option<Tag>,
    /// The tenant; none where the token did not name it.
    pub tenant: Option<String>,
    /// The application.
    pub application: Option<String>,
    /// The service's origin.
    pub api_root: String,
    /// The user of the operating system.
    pub user: Option<String>,
    /// The program's version.
    pub version: String,
    /// The plugin's digest.
    pub plugin_sha256: String,
    /// The kind of credential.
    pub auth: Option<String>,
    /// The configuration's profile.
    pub profile: Option<String>,
    /// How many of its orders are in which state.
    pub counts: Counts,
}

const RUNS: &str = "SELECT run.id, run.uuid, run.began, request_id, again, tag, tenant, application, \
     api_root, user, version, plugin_sha256, auth, profile \
     FROM run JOIN session ON session.id = run.session JOIN account ON account.id = run.account \
     WHERE NOT draft ORDER BY run.id";

impl Session {
    /// Puts a run and its orders on record, all of them or none. It is a draft
    /// until it is confirmed, and forgotten with this process.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn plan(
        &self,
        uuid: Uuid,
        request_id: Option<&str>,
        again: bool,
        tag: Option<&Tag>,
        plans: impl IntoIterator<Item = Plan>,
    ) -> Result<RunId, LedgerError> {
        let plan = async {
            let mut writing = self.ledger.write().await?;
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
            for (number, plan) in (1_i64..).zip(plans) {
                plan.insert(&mut writing, self, run, number).await?;
            }
            writing.commit().await?;
            Ok(RunId(run))
        };
        plan.await.map_err(|error: Fault| self.fault(error))
    }

    /// It is meant: whoever comes later may take it up.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn confirm(&self, run: RunId) -> Result<(), LedgerError> {
        let confirmed = sqlx::query("UPDATE run SET draft = 0 WHERE id = ?")
            .bind(run.0)
            .execute(&self.ledger.pool)
            .await;
        confirmed.map(|_| ()).map_err(|error| self.fault(error))
    }

    /// The run that has this key, if there is one, and whether it is a draft.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn run_of_request(&self, key: &str) -> Result<Option<(RunId, bool)>, LedgerError> {
        let found: Result<Option<(i64, bool)>, sqlx::Error> =
            sqlx::query_as("SELECT id, draft FROM run WHERE account = ? AND request_id = ?")
                .bind(self.account)
                .bind(key)
                .fetch_optional(&self.ledger.pool)
                .await;
        let found = found.map_err(|error| self.fault(error))?;
        Ok(found.map(|(id, draft)| (RunId(id), draft)))
    }

    /// Whether a run is of this session's tenant, application and API.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn owns(&self, run: RunId) -> Result<bool, LedgerError> {
        let account: Result<i64, sqlx::Error> =
            sqlx::query_scalar("SELECT account FROM run WHERE id = ?")
                .bind(run.0)
                .fetch_one(&self.ledger.pool)
                .await;
        Ok(account.map_err(|error| self.fault(error))? == self.account)
    }
}

impl Ledger {
    /// All runs, oldest first, without drafts.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        let read = async {
            let rows = sqlx::query(RUNS).fetch_all(&self.pool).await?;
            let mut runs = Vec::new();
            for row in &rows {
                let mut run = run(row)?;
                run.counts = self.read_counts(run.id).await?;
                runs.push(run);
            }
            Ok(runs)
        };
        read.await.map_err(|error: Fault| self.fault(error))
    }

    /// The one run whose id begins so; `last` is the newest.
    ///
    /// # Errors
    /// There is none or more than one, or the ledger cannot be read.
    pub async fn run(&self, id: &str) -> Result<RunRow, LedgerError> {
        let mut runs = self.runs().await?;
        if id == "last" {
            let none = || self.fault(Fault::NoRun(id.to_owned()));
            return runs.pop().ok_or_else(none);
        }
        let wanted = id.to_ascii_lowercase().replace('-', "");
        runs.retain(|run| run.uuid.simple().to_string().starts_with(&wanted));
        match (runs.pop(), runs.is_empty()) {
            (Some(run), true) if !wanted.is_empty() => Ok(run),
            (Some(_), false) => Err(self.fault(Fault::ManyRuns(id.to_owned()))),
            _ => Err(self.fault(Fault::NoRun(id.to_owned()))),
        }
    }

    /// The run at this place; none of a draft.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn run_at(&self, id: RunId) -> Result<Option<RunRow>, LedgerError> {
        Ok(self.runs().await?.into_iter().find(|run| run.id == id))
    }
}

fn run(row: &SqliteRow) -> Result<RunRow, Fault> {
    let or_none = |text: String| Some(text).filter(|text| !text.is_empty());
    let uuid: String = row.try_get("uuid")?;
    let tag: Option<String> = row.try_get("tag")?;
    let tag = tag.map(|tag| tag.parse()).transpose();
    Ok(RunRow {
        id: RunId(row.try_get("id")?),
        uuid: uuid
            .parse()
            .map_err(|_| Fault::Damaged(format!("{uuid:?} is no run id")))?,
        began: row.try_get("began")?,
        request_id: row.try_get("request_id")?,
        again: row.try_get("again")?,
        tag: tag.map_err(|_| Fault::Damaged("a run's tag cannot be read".to_owned()))?,
        tenant: or_none(row.try_get("tenant")?),
        application: or_none(row.try_get("application")?),
        api_root: row.try_get("api_root")?,
        user: row.try_get("user")?,
        version: row.try_get("version")?,
        plugin_sha256: row.try_get("plugin_sha256")?,
        auth: row.try_get("auth")?,
        profile: row.try_get("profile")?,
        counts: Counts::default(),
    })
}
