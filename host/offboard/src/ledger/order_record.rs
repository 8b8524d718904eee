//! The record of an order: reading and writing its row.

use std::collections::HashSet;

use sqlx::{Row, Sqlite, Transaction, sqlite::SqliteRow};

use super::{clock::now, error::LedgerErrorKind, session::Session};
use crate::{
    contract::{ActionStatus, ActionType, Comment, ExternalId, MachineAction, MachineId, Problem},
    order::{DeviceSnapshot, Order, Preflight, Recorded, State, Target},
};

/// The record of an order.
#[derive(Debug, Clone)]
pub struct OrderRecord {
    pub(super) id: i64,
    /// Its state when it was last read or written.
    pub(super) was: State,
    /// The status of its action then.
    was_read: Option<String>,
    /// Its number in the run, from 1.
    pub number: u64,
    /// The order.
    pub order: Order,
    /// The machine's name in the list, if the list has its id.
    pub display_name: Option<String>,
    /// Whether it was confirmed.
    pub confirmed: bool,
    /// The session that sent it last.
    pub(super) owner: Option<i64>,
    /// The number of times it was sent.
    pub attempts: u32,
    /// The number of times it was sent that do not count as tries.
    attempts_before: u32,
    /// The earliest time of the next attempt, in milliseconds since 1970.
    pub not_before: Option<i64>,
    /// When it was last sent, in milliseconds since 1970.
    pub sent: Option<i64>,
    /// The ids of the actions that were known before the request, in lower case; `None` if
    /// they could not be listed.
    pub known: Option<HashSet<String>>,
    /// The action id in an answer that was otherwise unreadable.
    pub named: Option<String>,
}

impl OrderRecord {
    /// The number of times it was sent since it was read, without those that the service
    /// refused because of their rate.
    #[must_use]
    pub fn tries(&self) -> u32 {
        self.attempts.saturating_sub(self.attempts_before)
    }

    /// Does not count the last attempt: the service refused it because of its rate.
    pub(crate) fn discount_attempt(&mut self) {
        self.attempts_before = self.attempts.min(self.attempts_before + 1);
    }

    /// Marks the current state as recorded.
    pub(super) fn written(&mut self) {
        self.was = self.order.state();
        self.was_read = self.status();
    }

    fn status(&self) -> Option<String> {
        let action = self.order.action();
        action.map(|action| action.status.name().to_owned())
    }

    /// Writes what may have changed. Returns whether no other session changed the row before.
    /// An order that this session sent stays its own, even if another session treated it as
    /// stale.
    pub(super) async fn write(
        &self,
        writing: &mut Transaction<'static, Sqlite>,
        session: &Session,
    ) -> Result<bool, LedgerErrorKind> {
        let order = &self.order;
        let action = order.action();
        let problem = match order.problem().map(serde_json::to_string) {
            Some(Ok(problem)) => Some(problem),
            _ => None,
        };
        let seen = order.device();
        let seen =
            |of: fn(&DeviceSnapshot) -> &Option<String>| seen.and_then(|seen| of(seen).as_deref());
        let written = sqlx::query(
            "UPDATE orders SET machine = ?, name = ?, state = ?, adopted = ?, not_before = ?, \
             known_actions = ?, named_action = ?, action_id = ?, action_status = ?, action = ?, problem = ?, \
             preflight = ?, platform = ?, version = ?, health = ?, onboarding = ?, last_seen = ?, \
             merged_into = ?, external_id_sent = ? \
             WHERE id = ? AND attempts = ? \
             AND (state = ? OR (owner = ? AND state IN ('sending', 'unknown')))",
        )
        .bind(order.machine().map(MachineId::as_str))
        .bind(order.name())
        .bind(order.state().name())
        .bind(order.is_adopted())
        .bind(self.not_before)
        .bind(ids(self.known.as_ref()))
        .bind(&self.named)
        .bind(action.map(|action| &action.id))
        .bind(action.map(|action| action.status.name()))
        .bind(action.map(|action| &action.json))
        .bind(problem)
        .bind(order.preflight().map(|look| match look {
            Preflight::Found(_) => "ok",
            Preflight::Unavailable => "unavailable",
        }))
        .bind(seen(|seen| &seen.platform))
        .bind(seen(|seen| &seen.version))
        .bind(seen(|seen| &seen.health))
        .bind(seen(|seen| &seen.onboarding))
        .bind(seen(|seen| &seen.last_seen))
        .bind(seen(|seen| &seen.merged_into))
        .bind(order.sent_external_id().is_some())
        .bind(self.id)
        .bind(self.attempts)
        .bind(self.was.name())
        .bind(session.id)
        .execute(&mut **writing)
        .await?;
        if written.rows_affected() == 0 {
            return Ok(false);
        }
        let status = self.status();
        // With a new status, the answer becomes the action of the order.
        if self.was != order.state() || self.was_read != status {
            let detail = order.problem().map(|problem| problem.kind.to_string());
            let detail = detail.or(status);
            record_state_change(writing, session, self.id, order.state(), detail).await?;
        }
        Ok(true)
    }

    pub(super) fn of(row: &SqliteRow) -> Result<Self, LedgerErrorKind> {
        let damaged =
            |what: &str| LedgerErrorKind::Damaged(format!("an order's {what} cannot be read"));
        let machine: Option<String> = row.try_get("machine")?;
        let machine = machine
            .map(|id| id.parse::<MachineId>())
            .transpose()
            .map_err(|_| damaged("machine"))?;
        let text: String = row.try_get("target")?;
        let canonical: Option<String> = row.try_get("canonical_name")?;
        let target = match canonical {
            Some(_) => Target::Name(text),
            None => Target::Id(text.parse().map_err(|_| damaged("machine"))?),
        };
        let comment: String = row.try_get("comment")?;
        let comment = Comment::recorded(&comment).map_err(|_| damaged("comment"))?;
        let problem: Option<String> = row.try_get("problem")?;
        let problem: Option<Problem> = problem
            .map(|problem| serde_json::from_str(&problem))
            .transpose()
            .map_err(|_| damaged("problem"))?;
        let name: Option<String> = row.try_get("name")?;
        let known: Option<String> = row.try_get("known_actions")?;
        let known = known
            .map(|known| serde_json::from_str(&known))
            .transpose()
            .map_err(|_| damaged("known actions"))?;
        let state = state(row)?;
        let number: i64 = row.try_get("number")?;
        let external_id: Option<String> = row.try_get("external_id")?;
        let external_id = external_id
            .map(|id| id.parse::<ExternalId>())
            .transpose()
            .map_err(|_| damaged("external id"))?;
        let recorded = Recorded {
            action: action(row, machine.as_ref(), name.as_ref(), &comment)?,
            machine,
            name,
            state,
            problem,
            is_adopted: row.try_get("adopted")?,
            preflight: preflight(row)?,
            external_id,
            is_external_id_sent: row.try_get("external_id_sent")?,
        };
        Ok(Self {
            id: row.try_get("id")?,
            was: state,
            was_read: row.try_get("action_status")?,
            number: number.unsigned_abs(),
            order: Order::recorded(target, comment, recorded),
            display_name: row.try_get("display_name")?,
            confirmed: row.try_get("confirmed")?,
            owner: row.try_get("owner")?,
            attempts: row.try_get("attempts")?,
            attempts_before: row.try_get("attempts")?,
            not_before: row.try_get("not_before")?,
            sent: row.try_get("sent")?,
            known,
            named: row.try_get("named_action")?,
        })
    }
}

/// An order's action, with the fields that the host uses; the others are in its JSON.
fn action(
    row: &SqliteRow,
    machine: Option<&MachineId>,
    name: Option<&String>,
    comment: &Comment,
) -> Result<Option<MachineAction>, LedgerErrorKind> {
    let id: Option<String> = row.try_get("action_id")?;
    let status: Option<String> = row.try_get("action_status")?;
    let json: Option<String> = row.try_get("action")?;
    let (Some(id), Some(status)) = (id, status) else {
        return Ok(None);
    };
    Ok(Some(MachineAction {
        action_type: ActionType::Offboard,
        status: ActionStatus::of(&status),
        machine_id: machine.map(ToString::to_string),
        computer_dns_name: name.cloned(),
        requestor_comment: Some(comment.to_string()),
        json: json.unwrap_or_default(),
        ..MachineAction::bare(&id)
    }))
}

fn preflight(row: &SqliteRow) -> Result<Option<Preflight>, LedgerErrorKind> {
    let preflight: Option<String> = row.try_get("preflight")?;
    Ok(match preflight.as_deref() {
        None => None,
        Some("unavailable") => Some(Preflight::Unavailable),
        Some(_) => Some(Preflight::Found(DeviceSnapshot {
            platform: row.try_get("platform")?,
            version: row.try_get("version")?,
            health: row.try_get("health")?,
            onboarding: row.try_get("onboarding")?,
            last_seen: row.try_get("last_seen")?,
            merged_into: row.try_get("merged_into")?,
        })),
    })
}

pub(super) fn state(row: &SqliteRow) -> Result<State, LedgerErrorKind> {
    let name: String = row.try_get("state")?;
    State::of(&name).ok_or_else(|| LedgerErrorKind::Damaged(format!("{name:?} is not a state")))
}

/// Records that an order entered this state.
pub(super) async fn record_state_change(
    writing: &mut Transaction<'static, Sqlite>,
    session: &Session,
    order: i64,
    state: State,
    detail: Option<String>,
) -> Result<(), LedgerErrorKind> {
    sqlx::query(
        "INSERT INTO state_change (order_id, session, at, state, detail) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(order)
    .bind(session.id)
    .bind(now())
    .bind(state.name())
    .bind(detail)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

pub(super) fn ids(known: Option<&HashSet<String>>) -> Option<String> {
    serde_json::to_string(known?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::sample::{claim, ordered, who},
        *,
    };
    use crate::{
        egress::CallRecord,
        ledger::{Ledger, RunId},
        order::Verdict,
    };

    #[tokio::test]
    async fn an_order_is_read_as_it_was_written() {
        let ledger = Ledger::in_memory().await.unwrap();
        let session = Session::begin(&ledger, &who(), "run").await.unwrap();
        let mut entry = ordered(&session).await;
        entry.known = Some(["a".to_owned(), "b".to_owned()].into());
        let request = claim(&session, &mut entry).await.unwrap();
        let action = MachineAction {
            json: "{\"id\":1}".to_owned(),
            ..MachineAction::bare("action")
        };
        entry.order.settle(Verdict::Accepted(Box::new(action)));
        let record = CallRecord::default();
        session
            .answered(request, &record, "accepted", None, Some(&mut entry))
            .await
            .unwrap();
        let read = ledger.entries(RunId(1), 0, 1).await.unwrap().remove(0);
        assert_eq!(read.order.state(), State::Accepted);
        assert_eq!(read.known, entry.known);
        let action = read.order.action().unwrap();
        assert_eq!(
            (action.id.as_str(), action.json.as_str()),
            ("action", "{\"id\":1}")
        );
        let states = ledger
            .state_changes(std::slice::from_ref(&read))
            .await
            .unwrap()
            .remove(0);
        let states: Vec<&str> = states.iter().map(|moment| moment.state.as_str()).collect();
        assert_eq!(states, ["sending", "accepted"]);
        assert_eq!(
            ledger.requests(&[read]).await.unwrap()[0][0].granted,
            "one POST"
        );
    }
}
