//! Turns a selection of machines into a plan: recorded and read, but not sent.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use uuid::Uuid;

use super::{Client, PlanError, request_wait::Waiting};
use crate::{
    contract::{Comment, InvalidComment, Tag},
    external_id::ExternalIdMode,
    grant::ClockReading,
    ledger::{self, LedgerErrorKind, OrderCounts, RunId, RunRow},
    order::{State, Verdict},
    plan::{Draft, Guards, Origin, Plan},
    run::{Event, Events},
    selection::{SelectedMachine, Selection},
};

/// What to plan.
#[derive(Debug, Clone, Default)]
pub struct PlanRequest {
    /// The machines, with their comments.
    pub selection: Selection,
    /// Whether the ids of run and order are appended to each comment, so that the
    /// service's record leads to the ledger.
    pub correlate: bool,
    /// The tag that each machine gets right before its offboarding.
    pub tag: Option<Tag>,
    /// Whether machines are offboarded again that this ledger has offboarded before.
    pub again: bool,
    /// The caller's key for this request, from 1 to 200 bytes. It belongs to the tenant. A
    /// second request with the same key waits while another process executes the run of the first
    /// one, and plans what that one did not finish.
    pub request_id: Option<String>,
    /// Limits on the number of machines.
    pub guards: Guards,
    /// Whether a user will see the plan before it is confirmed. Otherwise a repeated request
    /// plans only orders that were confirmed before.
    pub will_be_shown: bool,
}

impl Client {
    /// Records a run and reads its machines: [`Client::record`], then
    /// [`Client::preflight`].
    ///
    /// # Errors
    /// See [`PlanError`].
    pub async fn plan(&self, request: PlanRequest, events: &Events) -> Result<Plan, PlanError> {
        let draft = self.record(request).await?;
        self.preflight(draft, events).await
    }

    /// Records a run. If an earlier request has the same request id, returns that run, and
    /// plans its unfinished orders again.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub async fn record(&self, request: PlanRequest) -> Result<Draft, PlanError> {
        let count = request.selection.len() as u64;
        request.guards.check(count)?;
        self.expect_tagging(request.tag.as_ref())?;
        self.expect_external_id()?;
        self.bind_tenant_of(request.selection.iter().map(|one| &one.machine))
            .await;
        let id = self.next_run_id();
        let (run, earlier) = self.record_once(&request, id).await?;
        if earlier.is_some() {
            self.put_back(run, request.will_be_shown).await?;
            let none = HashSet::new();
            self.runner().check_succeeded(run, &none).await?;
        } else if let Some(problem) = self.problem() {
            let verdict = Verdict::NotSent(problem);
            self.runner().settle_planned(run, &verdict).await?;
        }
        let machines = self.ledger().counts(run).await?.of(State::Planned);
        Ok(Draft {
            run,
            id: earlier.unwrap_or(id),
            tag: request.tag,
            again: request.again,
            resend_unknown: false,
            origin: if earlier.is_some() {
                Origin::Repeated
            } else {
                Origin::New
            },
            guards: request.guards,
            guarded: count,
            machines,
            read_at: Arc::default(),
            session: self.who().session,
        })
    }

    /// Deletes a draft that will not be confirmed. Its request id can be used again.
    /// A confirmed run stays.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn discard(&self, draft: &Draft) -> Result<(), PlanError> {
        if draft.session != self.who().session {
            return Err(PlanError::AnotherClient);
        }
        Ok(self.session().discard(draft.run).await?)
    }

    fn has_requested(&self, key: &str) -> bool {
        let requested = self.0.requested.lock();
        requested
            .unwrap_or_else(PoisonError::into_inner)
            .contains(key)
    }

    fn note_request(&self, key: Option<String>) {
        let requested = self.0.requested.lock();
        requested
            .unwrap_or_else(PoisonError::into_inner)
            .extend(key);
    }

    /// The id of the session for its first run, because the audit file has that id, too.
    fn next_run_id(&self) -> Uuid {
        if self.0.has_planned.swap(true, Ordering::Relaxed) {
            Uuid::new_v4()
        } else {
            self.0.who.session
        }
    }

    /// Checks that the plugin can set the tag, before the first request: the tag applies to
    /// every machine.
    fn expect_tagging(&self, tag: Option<&Tag>) -> Result<(), PlanError> {
        if tag.is_some() && !self.runner().sandbox.can_tag() {
            return Err(PlanError::TaggingUnsupported);
        }
        Ok(())
    }

    /// Checks that the plugin can send external ids if every request must have one.
    fn expect_external_id(&self) -> Result<(), PlanError> {
        let runner = self.runner();
        let is_required = runner.external_id == ExternalIdMode::On;
        if is_required && !runner.sandbox.can_send_external_id() {
            return Err(PlanError::ExternalIdUnsupported);
        }
        Ok(())
    }

    /// Records the run, unless an earlier request with its key already did.
    async fn record_once(
        &self,
        request: &PlanRequest,
        id: Uuid,
    ) -> Result<(RunId, Option<Uuid>), PlanError> {
        let session = self.session();
        let key = request.request_id.as_deref();
        // An in-memory ledger has no earlier requests.
        let asks = self.problem().is_none();
        let mut waiting = Waiting::default();
        loop {
            if let Some(key) = key.filter(|_| asks) {
                match session.run_of_request(key).await? {
                    Some((run, false)) => {
                        let known = self.known(request, run, key).await?;
                        if known.unfinished > 0 && !session.owns(run).await? {
                            return Err(PlanError::RequestIdElsewhere {
                                key: key.to_owned(),
                                run: Box::new(known),
                            });
                        }
                        if !session.is_unfinished_elsewhere(run).await? {
                            return Ok((run, Some(known.uuid)));
                        }
                        waiting.observe(Some(known.counts));
                        self.wait_for_execution(key, &mut waiting).await?;
                        continue;
                    }
                    // The other process is about to send. This client does not wait for its
                    // own plan.
                    Some((_, true)) => {
                        waiting.observe(None);
                        let is_own = self.has_requested(key);
                        self.wait_for_confirmation(key, &mut waiting, is_own)
                            .await?;
                        continue;
                    }
                    None => {}
                }
            }
            let mut invalid = None;
            let orders = orders(&request.selection, request.correlate, id)
                .map_while(|order| order.map_err(|error| invalid = Some(error)).ok());
            let tag = request.tag.as_ref();
            let planned = session.plan(id, key, request.again, tag, orders).await;
            if let Some(error) = invalid {
                // The draft will not be confirmed.
                return Err(error.into());
            }
            match planned {
                // Another process recorded the key after the query (a race).
                Err(error) if asks && matches!(error.kind(), LedgerErrorKind::Requested) => {}
                planned => {
                    let run = planned?;
                    self.note_request(request.request_id.clone());
                    return Ok((run, None));
                }
            }
        }
    }

    /// The run with this key, if it has the same machines and comments.
    async fn known(
        &self,
        request: &PlanRequest,
        run: RunId,
        key: &str,
    ) -> Result<RunRow, PlanError> {
        let known = self.ledger().run_at(run).await?;
        let known = known.ok_or_else(|| PlanError::RequestIdBusy {
            key: key.to_owned(),
        })?;
        let orders = orders(&request.selection, request.correlate, known.uuid);
        let count = request.selection.len() as u64;
        let is_same = self.has_orders(run, count, orders).await?
            && known.tag == request.tag
            && known.again == request.again;
        if !is_same {
            return Err(PlanError::RequestIdConflict {
                key: key.to_owned(),
                run: known.uuid,
            });
        }
        Ok(known)
    }

    /// Whether a run has exactly these orders.
    async fn has_orders(
        &self,
        run: RunId,
        count: u64,
        mut orders: impl Iterator<Item = Result<ledger::NewOrder, InvalidComment>>,
    ) -> Result<bool, PlanError> {
        let ledger = self.ledger();
        if ledger.counts(run).await?.total() != count {
            return Ok(false);
        }
        let mut pages = ledger.order_pages(run);
        while let Some(entries) = pages.next().await? {
            for entry in &entries {
                let recorded = &entry.order;
                let order = orders.next().transpose()?;
                let is_same = order.is_some_and(|order| {
                    // Correlated comments contain the ids of the run.
                    order.target == *recorded.target() && order.comment == *recorded.comment()
                });
                if !is_same {
                    return Ok(false);
                }
            }
        }
        Ok(orders.next().is_none())
    }

    /// Reads the machines of a draft, and computes its plan. The events are those of the
    /// preflight.
    ///
    /// # Errors
    /// The ledger cannot be used, or the plugin cannot set the tag.
    /// [`PlanError::Interrupted`] if the client was stopped before all machines were read:
    /// there is no plan of a part of the machines. The orders stay planned.
    pub async fn preflight(&self, draft: Draft, events: &Events) -> Result<Plan, PlanError> {
        if draft.session != self.who().session {
            return Err(PlanError::AnotherClient);
        }
        let ledger = self.ledger();
        let before = ledger.counts(draft.run).await?;
        let resends = |counts: &OrderCounts| {
            if draft.resend_unknown {
                counts.of(State::Unknown)
            } else {
                0
            }
        };
        if before.of(State::Planned) + resends(&before) > 0 {
            self.expect_tagging(draft.tag.as_ref())?;
            self.expect_external_id()?;
        }
        let mut problem = self.problem();
        let now = ClockReading::now();
        // A second preflight of a new draft does not read the machines again.
        let read_at = if draft.origin == Origin::New {
            *draft.read_at.get_or_init(|| now)
        } else {
            now
        };
        if problem.is_none() && before.of(State::Planned) > 0 {
            if draft.origin != Origin::New {
                self.forget_preflights(draft.run).await?;
            }
            let runner = self.runner();
            problem = runner.preflight(draft.run, draft.again, events).await?;
            if let Some(problem) = problem.clone() {
                // Every machine would have the same problem, and the policy was not applied to
                // all of them.
                events.send(Event::Stopped { problem });
            }
            // Some machines were not read, so the plan would be incomplete.
            if self.stop_token().is_cancelled() {
                return Err(PlanError::Interrupted);
            }
        }
        let counts = ledger.counts(draft.run).await?;
        let unresolved = resends(&counts);
        let session = self.session();
        let row = session.plan_of(draft.run, draft.resend_unknown).await?;
        Ok(Plan {
            digest: row.digest,
            orders: counts.total(),
            machines: if problem.is_some() {
                0
            } else {
                counts.of(State::Planned) + unresolved
            },
            unresolved,
            tracked: before.of(State::Accepted) + before.of(State::Pending),
            open: counts.open(),
            problem,
            read_at,
            draft,
        })
    }
}

/// The orders of a run, read in pages: they need not all fit into memory.
fn orders(
    selection: &Selection,
    correlate: bool,
    run: Uuid,
) -> impl Iterator<Item = Result<ledger::NewOrder, InvalidComment>> {
    (1..).zip(selection).map(move |(number, selected)| {
        let comment = if correlate {
            selected.correlated_comment(run, number)?
        } else {
            selected.comment.comment()?
        };
        Ok(order(selected, comment))
    })
}

/// The order for a machine.
fn order(selected: &SelectedMachine, comment: Comment) -> ledger::NewOrder {
    ledger::NewOrder {
        target: selected.machine.target.clone(),
        comment,
        display_name: selected.display_name.clone(),
    }
}
