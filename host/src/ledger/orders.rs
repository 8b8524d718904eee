//! Orders: put on record, claimed by one session each, and settled.

use std::collections::{BTreeMap, HashSet};

use sqlx::{Row, Sqlite, SqliteConnection, Transaction, sqlite::SqliteRow};

use super::{Fault, Ledger, LedgerError, RequestId, RunId, Session, now};
use crate::{
    contract::{ActionStatus, ActionType, Comment, MachineAction, MachineId, Problem},
    order::{Look, Order, Recorded, Seen, State, Target},
};

/// An order that is to be put on record.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the user named.
    pub target: Target,
    /// Why.
    pub comment: Comment,
    /// What a list calls the machine whose id it has.
    pub called: Option<String>,
}

/// An order, as it stands in the ledger.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(super) id: i64,
    /// Its state there, when it was read or written last.
    was: State,
    /// Its number in the run, from 1.
    pub number: u64,
    /// The order.
    pub order: Order,
    /// What a list calls the machine whose id it has.
    pub called: Option<String>,
    /// How often it was sent.
    pub attempts: u32,
    /// It is not sent again before, in milliseconds since 1970.
    pub not_before: Option<i64>,
    /// When it was sent last, in milliseconds since 1970.
    pub sent: Option<i64>,
    /// The ids of the actions that were known before, in lower case; none where
    /// they could not be listed.
    pub known: Option<HashSet<String>>,
    /// The action that an answer named which could not be read.
    pub named: Option<String>,
}

/// Why an order may not be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Another process has it.
    Elsewhere,
    /// Its machine has another order, of this run, in this state.
    Machine {
        /// That run's id.
        run: String,
        /// How far that order has come.
        state: State,
        /// Its action.
        action: Option<String>,
    },
}

/// How many orders are in which state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(pub(super) BTreeMap<&'static str, u64>);

impl Counts {
    /// How many are in this state.
    #[must_use]
    pub fn of(&self, state: State) -> u64 {
        self.0.get(state.name()).copied().unwrap_or_default()
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many have more to come: to be sent, to be found out, to be followed.
    #[must_use]
    pub fn open(&self) -> u64 {
        use State::{Accepted, Pending, Planned, Sending, Unknown};
        let open = [Planned, Sending, Accepted, Pending, Unknown];
        open.into_iter().map(|state| self.of(state)).sum()
    }

    /// Each state that there is, with how many.
    pub fn each(&self) -> impl Iterator<Item = (State, u64)> {
        let there = |state| (state, self.of(state));
        State::ALL
            .into_iter()
            .map(there)
            .filter(|(_, count)| *count > 0)
    }
}

/// Orders that are put on record at once.
const PAGE: usize = 500;

/// Puts the orders of a run on record, a page of them with one statement.
pub(super) async fn insert(
    writing: &mut Transaction<'static, Sqlite>,
    session: &Session,
    run: i64,
    plans: impl IntoIterator<Item = Plan>,
) -> Result<(), Fault> {
    let mut plans = (1_u64..).zip(plans);
    loop {
        let page: Vec<(u64, Plan)> = plans.by_ref().take(PAGE).collect();
        if page.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = page
            .iter()
            .map(|(number, plan)| plan.row(*number))
            .collect();
        let rows = serde_json::to_string(&rows).map_err(|e| Fault::Other(e.to_string()))?;
        sqlx::query(
            "INSERT INTO orders \
             (run, account, number, asked, sought, called, machine, name, comment, state) \
             SELECT ?1, ?2, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
             value ->> 5, value ->> 6, ?3 FROM json_each(?4)",
        )
        .bind(run)
        .bind(session.account)
        .bind(State::Planned.name())
        .bind(rows)
        .execute(&mut **writing)
        .await?;
    }
}

/// Its number; what was asked for; of a name, what it is compared by; what a list
/// calls it; the machine; the name; and the comment.
type Planned<'a> = (
    u64,
    &'a str,
    Option<String>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    &'a str,
);

impl Plan {
    fn row(&self, number: u64) -> Planned<'_> {
        let (asked, machine, name) = match &self.target {
            Target::Id(id) => (id.as_str(), Some(id.as_str()), None),
            Target::Name(name) => (name.as_str(), None, Some(name.as_str())),
        };
        let called = self.called.as_deref();
        let comment = self.comment.as_str();
        let sought = self.target.sought();
        (number, asked, sought, called, machine, name, comment)
    }
}

impl Session {
    /// Writes what became of an order, unless another process was there before:
    /// then it is read again.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn save(&self, entry: &mut Entry) -> Result<(), LedgerError> {
        self.save_all(std::slice::from_mut(entry)).await
    }

    /// The same for many, in one transaction.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn save_all(&self, entries: &mut [Entry]) -> Result<(), LedgerError> {
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
        let lost = save.await.map_err(|error: Fault| self.fault(error))?;
        for (at, entry) in entries.iter_mut().enumerate() {
            match lost.binary_search(&at).is_ok() {
                true => *entry = self.ledger.entry(entry.id).await?,
                false => entry.written(),
            }
        }
        Ok(())
    }

    /// Claims an order: it is being sent from now on, and its request is on
    /// record. Of two that want one machine's, one gets it. Machines that were
    /// offboarded before are taken, but for those of `again`; one that is being
    /// sent, or of which nobody knows, is always taken.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn claim(
        &self,
        entry: &mut Entry,
        again: bool,
        route: &'static str,
        granted: &str,
    ) -> Result<Result<RequestId, Taken>, LedgerError> {
        let claim = async {
            let mut writing = self.ledger.write().await?;
            if let Some(taken) = other_order(&mut writing, entry, again).await? {
                return Ok(Err(taken));
            }
            let now = now();
            let claimed = sqlx::query(
                "UPDATE orders SET state = ?, owner = ?, sent = ?, attempts = attempts + 1, \
                 known = ?, named = NULL, not_before = NULL, problem = NULL \
                 WHERE id = ? AND state = ?",
            )
            .bind(State::Sending.name())
            .bind(self.id)
            .bind(now)
            .bind(ids(entry.known.as_ref()))
            .bind(entry.id)
            .bind(State::Planned.name())
            .execute(&mut *writing)
            .await?;
            if claimed.rows_affected() == 0 {
                return Ok(Err(Taken::Elsewhere));
            }
            moment(&mut writing, self, entry.id, State::Sending, None).await?;
            let request = self
                .insert_request(&mut writing, entry, route, granted)
                .await?;
            writing.commit().await?;
            Ok(Ok((request, now)))
        };
        let claimed = claim.await.map_err(|error: Fault| self.fault(error))?;
        Ok(claimed.map(|(request, now)| {
            entry.order.sending();
            entry.was = State::Sending;
            entry.sent = Some(now);
            entry.attempts += 1;
            entry.named = None;
            entry.not_before = None;
            request
        }))
    }

    /// What of this run is to be sent, in order, after this number.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn planned(
        &self,
        run: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        self.ledger
            .entries_in(run, State::Planned, after, limit)
            .await
    }

    /// Whether a machine's order may be sent: the same question that a claim
    /// asks, for whoever is to be told before.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn taken(&self, entry: &Entry, again: bool) -> Result<Option<Taken>, LedgerError> {
        let look = async {
            let mut reading = self.ledger.pool.acquire().await?;
            other_order(&mut reading, entry, again).await
        };
        look.await.map_err(|error: Fault| self.fault(error))
    }
}

/// Another order of this machine that stands in the way. In one run there is but
/// one for a machine, also where it is offboarded again.
async fn other_order(
    reading: &mut SqliteConnection,
    entry: &Entry,
    again: bool,
) -> Result<Option<Taken>, Fault> {
    let Some(machine) = entry.order.machine() else {
        return Ok(None);
    };
    // What is on its way, or may be, stands before what has ended.
    let row = sqlx::query(
        "SELECT run.uuid, other.state, other.action_id FROM orders AS this \
         JOIN orders AS other ON other.account = this.account AND other.machine = ?1 \
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
    Ok(Some(Taken::Machine {
        run: row.try_get("uuid")?,
        state: state(&row)?,
        action: row.try_get("action_id")?,
    }))
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
    ) -> Result<Vec<Entry>, LedgerError> {
        let read = async {
            let rows = sqlx::query(
                "SELECT * FROM orders WHERE run = ? AND number > ? ORDER BY number LIMIT ?",
            )
            .bind(run.0)
            .bind(signed(after))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(Entry::of).collect::<Result<_, _>>()
        };
        read.await.map_err(|error: Fault| self.fault(error))
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
    ) -> Result<Vec<Entry>, LedgerError> {
        let read = async {
            let rows = sqlx::query(
                "SELECT * FROM orders WHERE run = ? AND state = ? AND number > ? \
                 ORDER BY number LIMIT ?",
            )
            .bind(run.0)
            .bind(state.name())
            .bind(signed(after))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(Entry::of).collect::<Result<_, _>>()
        };
        read.await.map_err(|error: Fault| self.fault(error))
    }

    /// Orders of a run that a look may have meant, in order: those of these
    /// names, and those of these ids.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn entries_of(
        &self,
        run: RunId,
        machines: &[String],
        names: &[String],
    ) -> Result<Vec<Entry>, LedgerError> {
        let json = |texts: &[String]| serde_json::to_string(texts).unwrap_or_default();
        let read = async {
            let rows = sqlx::query(
                "SELECT * FROM orders WHERE run = ?1 AND sought IS NULL \
                 AND machine IN (SELECT value FROM json_each(?2)) \
                 AND account = (SELECT account FROM run WHERE id = ?1) \
                 UNION ALL SELECT * FROM orders WHERE run = ?1 \
                 AND sought IN (SELECT value FROM json_each(?3)) ORDER BY number",
            )
            .bind(run.0)
            .bind(json(machines))
            .bind(json(names))
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(Entry::of).collect::<Result<_, _>>()
        };
        read.await.map_err(|error: Fault| self.fault(error))
    }

    /// Planned orders of a run that were not looked at, in order, after this
    /// number.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn unseen(
        &self,
        run: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        let read = async {
            let rows = sqlx::query(
                "SELECT * FROM orders WHERE run = ? AND state = 'planned' AND number > ? \
                 AND preflight IS NULL ORDER BY number LIMIT ?",
            )
            .bind(run.0)
            .bind(signed(after))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(Entry::of).collect::<Result<_, _>>()
        };
        read.await.map_err(|error: Fault| self.fault(error))
    }

    /// Planned orders of a run whose machine has another order, of whatever run
    /// and in whatever state, in order, after this number.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn rivals(
        &self,
        run: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        let read = async {
            let rows = sqlx::query(
                "SELECT * FROM orders AS this WHERE run = ? AND state = 'planned' AND number > ? \
                 AND EXISTS (SELECT 1 FROM orders AS other WHERE other.account = this.account \
                 AND other.machine = this.machine AND other.id <> this.id) \
                 ORDER BY number LIMIT ?",
            )
            .bind(run.0)
            .bind(signed(after))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(Entry::of).collect::<Result<_, _>>()
        };
        read.await.map_err(|error: Fault| self.fault(error))
    }

    /// The comment of an order before this one, of the same run, that has the same
    /// machine.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn twin(&self, run: RunId, entry: &Entry) -> Result<Option<Comment>, LedgerError> {
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
            let read = |comment: String| comment.parse().ok();
            Ok(comment.and_then(read))
        };
        read.await.map_err(|error: Fault| self.fault(error))
    }

    /// How many planned orders of a run were not looked at.
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
        Ok(count.map_err(|error| self.fault(error))?.unsigned_abs())
    }

    /// How many orders of a run are in which state.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn counts(&self, run: RunId) -> Result<Counts, LedgerError> {
        let read = self.read_counts(run).await;
        read.map_err(|error| self.fault(error))
    }

    pub(super) async fn read_counts(&self, run: RunId) -> Result<Counts, Fault> {
        let rows = sqlx::query("SELECT state, count(*) FROM orders WHERE run = ? GROUP BY state")
            .bind(run.0)
            .fetch_all(&self.pool)
            .await?;
        let mut counts = Counts::default();
        for row in &rows {
            let count: i64 = row.try_get(1)?;
            counts.0.insert(state(row)?.name(), count.unsigned_abs());
        }
        Ok(counts)
    }

    async fn entry(&self, id: i64) -> Result<Entry, LedgerError> {
        let read = async {
            let row = sqlx::query("SELECT * FROM orders WHERE id = ?")
                .bind(id)
                .fetch_one(&self.pool)
                .await?;
            Entry::of(&row)
        };
        read.await.map_err(|error: Fault| self.fault(error))
    }
}

impl Entry {
    /// What it is now is on record.
    pub(super) fn written(&mut self) {
        self.was = self.order.state();
    }

    /// Writes what may have changed; whether nobody else was there before. What
    /// this session sent is its own, also where another took it for dead.
    pub(super) async fn write(
        &self,
        writing: &mut Transaction<'static, Sqlite>,
        session: &Session,
    ) -> Result<bool, Fault> {
        let order = &self.order;
        let action = order.action();
        let problem = match order.problem().map(serde_json::to_string) {
            Some(Ok(problem)) => Some(problem),
            _ => None,
        };
        let seen = order.seen();
        let seen = |of: fn(&Seen) -> &Option<String>| seen.and_then(|seen| of(seen).as_deref());
        let written = sqlx::query(
            "UPDATE orders SET machine = ?, name = ?, state = ?, joined = ?, not_before = ?, \
             known = ?, named = ?, action_id = ?, action_status = ?, action = ?, problem = ?, \
             preflight = ?, platform = ?, version = ?, health = ?, onboarding = ?, last_seen = ?, \
             merged_into = ? \
             WHERE id = ? AND (state = ? OR (owner = ? AND state IN ('sending', 'unknown')))",
        )
        .bind(order.machine().map(MachineId::as_str))
        .bind(order.name())
        .bind(order.state().name())
        .bind(order.is_joined())
        .bind(self.not_before)
        .bind(ids(self.known.as_ref()))
        .bind(&self.named)
        .bind(action.map(|action| &action.id))
        .bind(action.map(|action| action.status.name()))
        .bind(action.map(|action| &action.json))
        .bind(problem)
        .bind(order.look().map(|look| match look {
            Look::Seen(_) => "ok",
            Look::Unavailable => "unavailable",
        }))
        .bind(seen(|seen| &seen.platform))
        .bind(seen(|seen| &seen.version))
        .bind(seen(|seen| &seen.health))
        .bind(seen(|seen| &seen.onboarding))
        .bind(seen(|seen| &seen.last_seen))
        .bind(seen(|seen| &seen.merged_into))
        .bind(self.id)
        .bind(self.was.name())
        .bind(session.id)
        .execute(&mut **writing)
        .await?;
        if written.rows_affected() == 0 {
            return Ok(false);
        }
        let status = action.map(|action| action.status.name().to_owned());
        if self.was != order.state() {
            let detail = order.problem().map(|problem| problem.kind.clone());
            let detail = detail.map(std::borrow::Cow::into_owned).or(status);
            moment(writing, session, self.id, order.state(), detail).await?;
        }
        Ok(true)
    }

    fn of(row: &SqliteRow) -> Result<Self, Fault> {
        let damaged = |what: &str| Fault::Damaged(format!("an order's {what} cannot be read"));
        let machine: Option<String> = row.try_get("machine")?;
        let machine = machine
            .map(|id| id.parse::<MachineId>())
            .transpose()
            .map_err(|_| damaged("machine"))?;
        let asked: String = row.try_get("asked")?;
        let sought: Option<String> = row.try_get("sought")?;
        let target = match sought {
            Some(_) => Target::Name(asked),
            None => Target::Id(asked.parse().map_err(|_| damaged("machine"))?),
        };
        let comment: String = row.try_get("comment")?;
        let comment = comment.parse().map_err(|_| damaged("comment"))?;
        let problem: Option<String> = row.try_get("problem")?;
        let problem: Option<Problem> = problem
            .map(|problem| serde_json::from_str(&problem))
            .transpose()
            .map_err(|_| damaged("problem"))?;
        let name: Option<String> = row.try_get("name")?;
        let known: Option<String> = row.try_get("known")?;
        let known = known
            .map(|known| serde_json::from_str(&known))
            .transpose()
            .map_err(|_| damaged("known actions"))?;
        let state = state(row)?;
        let number: i64 = row.try_get("number")?;
        let recorded = Recorded {
            action: action(row, machine.as_ref(), name.as_ref(), &comment)?,
            machine,
            name,
            state,
            problem,
            joined: row.try_get("joined")?,
            look: look(row)?,
        };
        Ok(Self {
            id: row.try_get("id")?,
            was: state,
            number: number.unsigned_abs(),
            order: Order::recorded(target, comment, recorded),
            called: row.try_get("called")?,
            attempts: row.try_get("attempts")?,
            not_before: row.try_get("not_before")?,
            sent: row.try_get("sent")?,
            known,
            named: row.try_get("named")?,
        })
    }
}

/// An order's action, as far as the host looks at it; the rest is in its JSON.
fn action(
    row: &SqliteRow,
    machine: Option<&MachineId>,
    name: Option<&String>,
    comment: &Comment,
) -> Result<Option<MachineAction>, Fault> {
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

fn look(row: &SqliteRow) -> Result<Option<Look>, Fault> {
    let preflight: Option<String> = row.try_get("preflight")?;
    Ok(match preflight.as_deref() {
        None => None,
        Some("unavailable") => Some(Look::Unavailable),
        Some(_) => Some(Look::Seen(Seen {
            platform: row.try_get("platform")?,
            version: row.try_get("version")?,
            health: row.try_get("health")?,
            onboarding: row.try_get("onboarding")?,
            last_seen: row.try_get("last_seen")?,
            merged_into: row.try_get("merged_into")?,
        })),
    })
}

fn state(row: &SqliteRow) -> Result<State, Fault> {
    let name: String = row.try_get("state")?;
    State::of(&name).ok_or_else(|| Fault::Damaged(format!("{name:?} is no state")))
}

/// Puts on record that an order came to this state.
async fn moment(
    writing: &mut Transaction<'static, Sqlite>,
    session: &Session,
    order: i64,
    state: State,
    detail: Option<String>,
) -> Result<(), Fault> {
    sqlx::query("INSERT INTO moment (order_id, session, at, state, detail) VALUES (?, ?, ?, ?, ?)")
        .bind(order)
        .bind(session.id)
        .bind(now())
        .bind(state.name())
        .bind(detail)
        .execute(&mut **writing)
        .await?;
    Ok(())
}

fn ids(known: Option<&HashSet<String>>) -> Option<String> {
    serde_json::to_string(known?).ok()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
