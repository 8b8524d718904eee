//! What will happen, before it does: each machine where they are few, and what
//! they are together where they are many.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    connect::Connected,
    drive::Course,
    hint,
    report::{self},
    screen::Screen,
};
use crate::{
    grant::{Grant, Route},
    ledger::{Entry, LedgerError, RunId},
    order::State,
    text::clean,
};

/// Up to so many machines are shown one by one.
const FEW: u64 = 25;
/// Of more, so many are named.
const NAMED: usize = 10;
/// Refusals that are told one by one.
const REFUSED: usize = 25;
const PAGE: u32 = 500;

/// The question, and what has to be typed to go ahead.
pub(super) fn question(planned: u64, max_devices: u64) -> (String, String) {
    match planned {
        1 => (
            "Offboard this machine? It is hard to undo.".to_owned(),
            "yes".to_owned(),
        ),
        count if count <= max_devices => (
            format!("Offboard these {count} machines? It is hard to undo."),
            "yes".to_owned(),
        ),
        count => (
            format!("Offboard these {count} machines? It is hard to undo."),
            count.to_string(),
        ),
    }
}

/// What is known of many machines together.
#[derive(Default)]
struct Together {
    platforms: BTreeMap<String, u64>,
    doubts: BTreeMap<String, u64>,
    comments: BTreeSet<String>,
    more_comments: bool,
    names: Vec<String>,
    first_seen: Option<String>,
    last_seen: Option<String>,
    not_seen: u64,
}

/// Shows it.
pub(super) async fn announce(
    course: &Course<'_>,
    screen: &Screen,
    connected: &Connected,
    run: RunId,
) -> Result<(), LedgerError> {
    let ledger = connected.runner.session.ledger();
    let counts = ledger.counts(run).await?;
    let planned = counts.of(State::Planned);
    if planned == 0 && course.is_resumed {
        return Ok(());
    }
    refused(screen, connected, run).await?;
    if planned == 0 {
        return Ok(());
    }
    if planned <= FEW {
        let entries = ledger.entries_in(run, State::Planned, 0, PAGE).await?;
        few(screen, &entries);
    } else {
        let mut together = Together::default();
        let mut after = 0;
        loop {
            let entries = ledger.entries_in(run, State::Planned, after, PAGE).await?;
            let Some(last) = entries.last() else {
                break;
            };
            after = last.number;
            entries.iter().for_each(|entry| together.add(entry));
        }
        together.tell(screen, planned);
    }
    if let Some(tag) = course.tag {
        let tag = clean(tag.as_str());
        screen.say(&format!("The tag, set right before: {tag}"));
    }
    if let Some(claims) = &connected.claims {
        if !claims.may_offboard() {
            screen
                .say("note: the token does not carry Machine.Offboard: the service will refuse it");
        }
        if course.tag.is_some() && !claims.may_tag() {
            screen.say(
                "note: the token does not carry Machine.ReadWrite.All: the service will refuse \
                 the tag, and the machines are offboarded without it",
            );
        }
    }
    screen.say(&format!("Signed in {}.", clean(&connected.signed_in())));
    screen.say(match course.dry {
        true => "The plugin would be allowed to send:",
        false => "The plugin will be allowed to send:",
    });
    let api = &connected.runner.connection.api_root;
    if planned > FEW {
        let root = api.as_str().trim_end_matches('/');
        let each = |route: Route, with: &str| {
            let path = route.template();
            screen.say(&format!(
                "  POST {root}{path}, once for each of the {planned}, with exactly {with}"
            ));
        };
        if course.tag.is_some() {
            each(Route::TagMachine, "this tag");
        }
        each(Route::Offboard, "its comment");
        return Ok(());
    }
    for entry in ledger.entries_in(run, State::Planned, 0, PAGE).await? {
        if let Some(machine) = entry.order.machine() {
            let tag = course.tag.map(|tag| Grant::tag(api, machine, tag));
            let offboard = Grant::offboard(api, machine, entry.order.comment());
            for grant in tag.into_iter().chain([offboard]) {
                screen.say(&format!("  {grant}"));
            }
        }
    }
    Ok(())
}

/// What is left out, and why.
async fn refused(screen: &Screen, connected: &Connected, run: RunId) -> Result<(), LedgerError> {
    let ledger = connected.runner.session.ledger();
    let mut told = 0;
    let mut more = 0;
    for state in [State::Rejected, State::NotSent, State::Skipped] {
        let mut after = 0;
        loop {
            let entries = ledger.entries_in(run, state, after, PAGE).await?;
            let Some(last) = entries.last() else {
                break;
            };
            after = last.number;
            // What was sent was told then.
            for entry in entries.iter().filter(|entry| entry.attempts == 0) {
                let Some(problem) = entry.order.problem() else {
                    continue;
                };
                if told == REFUSED {
                    more += 1;
                    continue;
                }
                told += 1;
                screen.say(&format!(
                    "{state}: {}: {}",
                    clean(&entry.order.target().to_string()),
                    report::words(problem)
                ));
            }
        }
    }
    if more > 0 {
        screen.say(&format!("and {more} more that are left out"));
    }
    Ok(())
}

fn few(screen: &Screen, entries: &[Entry]) {
    let seen: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.order.seen().is_some())
        .collect();
    if !seen.is_empty() {
        screen.say(&report::planned(&seen));
    }
    for entry in seen {
        for doubt in entry.order.seen().map(hint::doubts).unwrap_or_default() {
            screen.say(&format!("note: {}: {}", name(entry), clean(&doubt)));
        }
    }
    let comments: BTreeSet<&str> = entries
        .iter()
        .map(|entry| entry.order.comment().as_str())
        .collect();
    if comments.len() == 1 {
        let comment = comments.into_iter().next().unwrap_or_default();
        screen.say(&format!(
            "The comment, kept by the service: {}",
            clean(comment)
        ));
        return;
    }
    screen.say("The comments, kept by the service:");
    for entry in entries {
        let comment = clean(entry.order.comment().as_str());
        let asked = clean(&entry.order.target().to_string());
        screen.say(&format!("  {asked}: {comment}"));
    }
}

fn name(entry: &Entry) -> String {
    let order = &entry.order;
    let id = order.machine().map(|id| id.as_str());
    clean(order.name().or(id).unwrap_or_default())
}

impl Together {
    fn add(&mut self, entry: &Entry) {
        let seen = entry.order.seen();
        let platform = seen.and_then(|seen| seen.platform.clone());
        *self
            .platforms
            .entry(platform.unwrap_or_else(|| "system not known".to_owned()))
            .or_default() += 1;
        for doubt in seen.map(hint::doubts).unwrap_or_default() {
            // Each of those names another machine.
            let doubt = match doubt.starts_with("it was merged") {
                true => "it was merged into another machine".to_owned(),
                false => doubt,
            };
            *self.doubts.entry(doubt).or_default() += 1;
        }
        match seen.and_then(|seen| seen.last_seen.clone()) {
            Some(at) => {
                let first = self.first_seen.take().unwrap_or_else(|| at.clone());
                self.first_seen = Some(first.min(at.clone()));
                self.last_seen = self.last_seen.take().max(Some(at));
            }
            None => self.not_seen += 1,
        }
        if self.names.len() < NAMED {
            self.names.push(name(entry));
        }
        match self.comments.len() {
            ..NAMED => {
                self.comments.insert(entry.order.comment().to_string());
            }
            _ => self.more_comments |= !self.comments.contains(entry.order.comment().as_str()),
        }
    }

    fn tell(&self, screen: &Screen, planned: u64) {
        let each = |counts: &BTreeMap<String, u64>| {
            let words = counts
                .iter()
                .map(|(word, count)| format!("{count} {}", clean(word)));
            words.collect::<Vec<_>>().join(", ")
        };
        let more = planned.saturating_sub(self.names.len() as u64);
        screen.say(&format!(
            "{planned} machines: {} and {more} more",
            self.names.join(", ")
        ));
        screen.say(&format!("Systems: {}", each(&self.platforms)));
        if let (Some(first), Some(last)) = (&self.first_seen, &self.last_seen) {
            screen.say(&format!(
                "Last seen: from {} to {}",
                clean(first),
                clean(last)
            ));
        }
        if self.not_seen > 0 {
            screen.say(&format!("Not known when last seen: {}", self.not_seen));
        }
        for (doubt, count) in &self.doubts {
            screen.say(&format!("note: {count} of them: {}", clean(doubt)));
        }
        screen.say("The comments, kept by the service:");
        for comment in &self.comments {
            screen.say(&format!("  {}", clean(comment)));
        }
        if self.more_comments {
            screen.say("  and more");
        }
    }
}
