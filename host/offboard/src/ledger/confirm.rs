//! The plan of a run, and its confirmation. Both are read and written in one transaction,
//! which prevents a race: what is confirmed is what is recorded.

use sqlx::{AssertSqlSafe, Row, Sqlite, Transaction};

use super::{
    clock::now,
    database::Ledger,
    error::{LedgerError, LedgerErrorKind},
    run_id::RunId,
    session::Session,
};
use crate::{
    contract::{Comment, MachineId, Tag},
    order::State,
    plan::{Confirmation, PlanDigest, PlanHasher},
};

/// What a run will send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanRow {
    /// The digest of the plan.
    pub digest: PlanDigest,
    /// The number of machines in it.
    pub machines: u64,
    /// Whether each of its orders was confirmed before.
    pub(crate) is_confirmed: bool,
}

/// A recorded confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmationRow {
    /// The time, in milliseconds since 1970, UTC.
    pub at: i64,
    /// The method: see [`crate::plan::Method::name`].
    pub method: String,
    /// The person: the front end's name for them, or the user of the session.
    pub by: Option<String>,
    /// The digest of the plan that was confirmed.
    pub digest: String,
    /// The number of machines in that plan.
    pub machines: u64,
}

impl Session {
    /// What a run will send now: the planned orders whose machine is known and, if
    /// `resend_unknown`, those with an unknown outcome.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn plan_of(
        &self,
        run: RunId,
        resend_unknown: bool,
    ) -> Result<PlanRow, LedgerError> {
        let plan = async {
            let mut reading = self.ledger.pool.begin().await?;
            self.read_plan(&mut reading, run, resend_unknown).await
        };
        plan.await.map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    /// Confirms a run: from now on it can be resumed. With `all`, every order of it is
    /// confirmed. Otherwise, an answer confirms exactly the orders in its digest, and a
    /// consent in advance confirms no order: each must have been confirmed before.
    ///
    /// # Errors
    /// The ledger cannot be written, the run belongs to another account, or the plan is not
    /// the one that was confirmed. (A plan without machines may belong to another account of
    /// the tenant: its result is only read.) Also if a consent in advance covers fewer machines, or if
    /// another process has planned an unconfirmed order again (a race).
    pub(crate) async fn confirm(
        &self,
        run: RunId,
        all: bool,
        confirmation: &Confirmation,
    ) -> Result<(), LedgerError> {
        let confirm = async {
            let mut writing = self.ledger.write_now().await?;
            self.must_live(&mut writing).await?;
            let plan = self
                .read_plan(&mut writing, run, confirmation.resend_unknown)
                .await?;
            if !covers(confirmation, all, &plan) {
                return Err(LedgerErrorKind::PlanChanged);
            }
            let updated = sqlx::query(
                "UPDATE run SET draft = 0 WHERE id = ?1 AND (NOT draft OR session = ?2) \
                 AND (account = ?3 OR ?4 = 0 AND account IN (SELECT their.id FROM account AS own \
                 JOIN account AS their ON their.tenant = own.tenant \
                 AND (own.tenant <> '' OR their.api_root = own.api_root) WHERE own.id = ?3))",
            )
            .bind(run.0)
            .bind(self.id)
            .bind(self.account)
            .bind(i64::try_from(plan.machines).unwrap_or(i64::MAX))
            .execute(&mut *writing)
            .await?;
            if updated.rows_affected() != 1 {
                return Err(LedgerErrorKind::Ended);
            }
            if all || confirmation.digest.is_some() {
                let confirmed = if all {
                    "true"
                } else {
                    condition(confirmation.resend_unknown)
                };
                let update =
                    format!("UPDATE orders SET confirmed = 1 WHERE run = ? AND {confirmed}");
                sqlx::query(AssertSqlSafe(update))
                    .bind(run.0)
                    .execute(&mut *writing)
                    .await?;
            }
            // A plan without machines asks for nothing, and hides no earlier confirmation.
            if plan.machines == 0 && !all {
                return Ok(writing.commit().await?);
            }
            sqlx::query(
                "INSERT INTO confirmation \
                 (run, session, at, method, confirmed_by, plan_digest, machines) \
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(run.0)
            .bind(self.id)
            .bind(now())
            .bind(confirmation.method.name())
            .bind(&confirmation.by)
            .bind(plan.digest.to_string())
            .bind(i64::try_from(plan.machines).unwrap_or(i64::MAX))
            .execute(&mut *writing)
            .await?;
            Ok(writing.commit().await?)
        };
        confirm
            .await
            .map_err(|kind: LedgerErrorKind| self.error(kind))
    }

    async fn read_plan(
        &self,
        reading: &mut Transaction<'static, Sqlite>,
        run: RunId,
        resend_unknown: bool,
    ) -> Result<PlanRow, LedgerErrorKind> {
        let damaged =
            |what: &str| LedgerErrorKind::Damaged(format!("an order's {what} cannot be read"));
        let head = sqlx::query(
            "SELECT tenant, plugin_sha256, (SELECT tag FROM run WHERE id = ?) AS tag, \
             (SELECT again FROM run WHERE id = ?) AS again \
             FROM session JOIN account ON account.id = session.account WHERE session.id = ?",
        )
        .bind(run.0)
        .bind(run.0)
        .bind(self.id)
        .fetch_one(&mut **reading)
        .await?;
        let tenant: String = head.try_get("tenant")?;
        let tenant = Some(tenant.as_str()).filter(|tenant| !tenant.is_empty());
        let plugin: String = head.try_get("plugin_sha256")?;
        let tag: Option<String> = head.try_get("tag")?;
        let tag: Option<Tag> = tag
            .map(|tag| tag.parse())
            .transpose()
            .map_err(|_| damaged("tag"))?;
        let mut hasher = PlanHasher::new(tenant, &plugin, tag.as_ref());
        if head.try_get("again")? {
            hasher.again();
        }
        let in_plan = condition(resend_unknown);
        let sql = format!(
            "SELECT number, machine, comment, state, confirmed FROM orders WHERE run = ? AND number > ? \
             AND {in_plan} ORDER BY number LIMIT {PLAN_PAGE}"
        );
        let (mut after, mut machines, mut is_confirmed) = (0_i64, 0, true);
        loop {
            // In pages: a run may have a hundred thousand orders.
            let rows = sqlx::query(AssertSqlSafe(sql.as_str()))
                .bind(run.0)
                .bind(after)
                .fetch_all(&mut **reading)
                .await?;
            for row in &rows {
                let machine: String = row.try_get("machine")?;
                let machine: MachineId = machine.parse().map_err(|_| damaged("machine"))?;
                let comment: String = row.try_get("comment")?;
                let comment = Comment::recorded(&comment).map_err(|_| damaged("comment"))?;
                let state: String = row.try_get("state")?;
                if state == State::Unknown.name() {
                    hasher.add_resend(&machine, &comment);
                } else {
                    hasher.add(&machine, &comment);
                }
                after = row.try_get("number")?;
                machines += 1;
                is_confirmed &= row.try_get::<bool, _>("confirmed")?;
            }
            if rows.len() < PLAN_PAGE {
                break;
            }
        }
        Ok(PlanRow {
            digest: hasher.finish(),
            machines,
            is_confirmed,
        })
    }
}

/// Whether a confirmation covers a plan. An answer covers exactly its digest. A consent in
/// advance has a number of machines, and for a run that is resumed it covers only orders that
/// were confirmed before.
fn covers(confirmation: &Confirmation, all: bool, plan: &PlanRow) -> bool {
    match confirmation.digest {
        Some(digest) => digest == plan.digest,
        None => plan.machines <= confirmation.machines && (all || plan.is_confirmed),
    }
}

/// The SQL condition for the orders in the plan of a run. The digest and the confirmation use
/// the same one, so that exactly what was shown is confirmed.
fn condition(resend_unknown: bool) -> &'static str {
    if resend_unknown {
        "machine IS NOT NULL AND state IN ('planned', 'unknown')"
    } else {
        "machine IS NOT NULL AND state = 'planned'"
    }
}

/// The number of orders that are read at once.
const PLAN_PAGE: usize = 5000;

impl Ledger {
    /// The confirmations of a run, oldest first. A run from an older version has none.
    pub(super) async fn read_confirmations(
        &self,
        run: RunId,
    ) -> Result<Vec<ConfirmationRow>, LedgerErrorKind> {
        // A ledger of an older version is not migrated if it is only read.
        let table = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'confirmation')";
        if !sqlx::query_scalar(table).fetch_one(&self.pool).await? {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "SELECT at, method, coalesce(confirmed_by, user, 'uid ' || uid) AS by, plan_digest, machines \
             FROM confirmation JOIN session ON session.id = confirmation.session \
             WHERE run = ? ORDER BY confirmation.id",
        )
        .bind(run.0)
        .fetch_all(&self.pool)
        .await?;
        let row = |row: &sqlx::sqlite::SqliteRow| {
            let machines: i64 = row.try_get("machines")?;
            Ok(ConfirmationRow {
                at: row.try_get("at")?,
                method: row.try_get("method")?,
                by: row.try_get("by")?,
                digest: row.try_get("plan_digest")?,
                machines: machines.unsigned_abs(),
            })
        };
        rows.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::sample::{ordered, plan, who},
        *,
    };
    use crate::{
        contract::{Problem, Retry},
        plan::Method,
    };

    #[tokio::test]
    async fn what_is_confirmed_is_the_plan_that_was_shown() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let run = session
            .plan(uuid::Uuid::new_v4(), None, false, None, [plan()])
            .await
            .unwrap();
        let shown = session.plan_of(run, false).await.unwrap();
        assert_eq!(shown.machines, 1);
        let mut confirmation = Confirmation {
            digest: Some(shown.digest),
            method: Method::Answer,
            by: Some("ada".to_owned()),
            ..Confirmation::consent()
        };
        // Another process completed the order in the meantime.
        let mut entry = ledger.entries(run, 0, 1).await.unwrap().remove(0);
        let skipped = Problem::new("already-offboarded", Retry::Never, "by another one");
        entry.order.skip(skipped);
        session.save(&mut entry).await.unwrap();
        let refused = session.confirm(run, true, &confirmation).await;
        assert!(matches!(
            refused.unwrap_err().kind(),
            LedgerErrorKind::PlanChanged
        ));
        assert!(ledger.run_at(run).await.unwrap().is_none());

        let now = session.plan_of(run, false).await.unwrap();
        confirmation.digest = Some(now.digest);
        session.confirm(run, true, &confirmation).await.unwrap();
        let recorded = ledger.run_at(run).await.unwrap().unwrap().confirmations;
        assert_eq!(recorded.len(), 1);
        assert_eq!(recorded[0].method, "answer");
        assert_eq!(recorded[0].by.as_deref(), Some("ada"));
        assert_eq!(recorded[0].digest, now.digest.to_string());
        assert_eq!(recorded[0].machines, 0);
    }

    #[tokio::test]
    async fn a_consent_in_advance_does_not_grow_with_the_plan() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let plans = [plan(), plan()];
        let run = session.plan(uuid::Uuid::new_v4(), None, false, None, plans);
        let run = run.await.unwrap();
        let consent = |machines| Confirmation {
            machines,
            ..Confirmation::consent()
        };
        let refused = session.confirm(run, true, &consent(1)).await.unwrap_err();
        assert!(matches!(refused.kind(), LedgerErrorKind::PlanChanged));
        session.confirm(run, true, &consent(2)).await.unwrap();
    }

    /// Another process may plan orders again between a plan and its confirmation.
    #[tokio::test]
    async fn only_orders_in_the_plan_are_confirmed_and_a_later_consent_confirms_none() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let mut by_name = plan();
        by_name.target = crate::order::Target::Name("pc-1".parse().unwrap());
        let run = session.plan(uuid::Uuid::new_v4(), None, false, None, [plan(), by_name]);
        let run = run.await.unwrap();
        let shown = session.plan_of(run, false).await.unwrap();
        assert_eq!(shown.machines, 1);
        let answer = Confirmation::answer(shown.digest);
        session.confirm(run, false, &answer).await.unwrap();
        let orders = ledger.entries(run, 0, 2).await.unwrap();
        assert_eq!([true, false], [orders[0].confirmed, orders[1].confirmed]);

        // The machine of the second order is found later.
        sqlx::query("UPDATE orders SET machine = 'b' || substr(machine, 2) WHERE number = 1")
            .execute(&ledger.pool)
            .await
            .unwrap();
        let machine = "a".repeat(40);
        sqlx::query("UPDATE orders SET machine = ? WHERE number = 2")
            .bind(machine)
            .execute(&ledger.pool)
            .await
            .unwrap();
        let consent = Confirmation::consent();
        let refused = session.confirm(run, false, &consent).await.unwrap_err();
        assert!(matches!(refused.kind(), LedgerErrorKind::PlanChanged));
        let orders = ledger.entries(run, 0, 2).await.unwrap();
        assert!(!orders[1].confirmed);
    }

    #[tokio::test]
    async fn a_run_of_another_account_is_not_confirmed() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let run = session.plan(uuid::Uuid::new_v4(), None, false, None, [plan()]);
        let run = run.await.unwrap();
        let consent = Confirmation::consent();
        session.confirm(run, true, &consent).await.unwrap();
        let mut other = who();
        other.tenant = Some("another".to_owned());
        let other = Session::begin(&ledger, &other, "run").await.unwrap();
        let refused = other.confirm(run, true, &consent).await.unwrap_err();
        assert!(matches!(refused.kind(), LedgerErrorKind::Ended));
        session.confirm(run, true, &consent).await.unwrap();
    }

    /// Its request id returns its result to every account of the tenant.
    #[tokio::test]
    async fn a_finished_run_of_another_account_of_the_tenant_is_only_read() {
        let application = |name: &str| crate::ledger::SessionInfo {
            tenant: Some("contoso".to_owned()),
            application: Some(name.to_owned()),
            ..who()
        };
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &application("one"), "run").await;
        let session = session.unwrap();
        let mut entry = ordered(&session).await;
        let run = ledger.runs().await.unwrap().remove(0).id;
        let other = Session::begin(&ledger, &application("other"), "run").await;
        let other = other.unwrap();
        let consent = Confirmation::consent();
        let refused = other.confirm(run, false, &consent).await.unwrap_err();
        assert!(matches!(refused.kind(), LedgerErrorKind::Ended));
        let problem = crate::contract::Problem::new("x", crate::contract::Retry::Never, "x");
        entry.order.skip(problem);
        session.save(&mut entry).await.unwrap();
        other.confirm(run, false, &consent).await.unwrap();
    }
}
