//! What will happen, before it does: each machine where they are few, and what
//! they are together where they are many.

use std::collections::{BTreeMap, BTreeSet};

use super::{drive::Course, hint, report, screen::Screen};
use offboard::{
    Client,
    grant::{Grant, Route},
    ledger::{LedgerError, OrderCounts, OrderGroup, OrderRecord, SessionInfo},
    order::State,
    plan::{Origin, Plan},
    run::DryRun,
    text::clean,
};

/// Up to so many machines are shown one by one.
const FEW: u32 = 25;
/// Of more, so many are named.
const NAMED: u32 = 10;
/// Refusals that are told one by one.
const REFUSED: u32 = 25;

/// The question, and what has to be typed to go ahead.
pub(super) fn question(plan: &Plan, max_devices: u64) -> (String, String) {
    let (question, answer) = question_of(plan.machines(), max_devices);
    let unresolved = plan.unresolved();
    if unresolved == 0 {
        return (question, answer);
    }
    let second = format!("{question} {unresolved} of them may be offboarded a second time.");
    (second, answer)
}

fn question_of(planned: u64, max_devices: u64) -> (String, String) {
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

/// Which orders were resent.
pub(super) fn resent(screen: &Screen, names: &[String]) {
    let Some(more) = names.len().checked_sub(FEW as usize) else {
        return screen.say(&match names {
            [] => "No order was resent.".to_owned(),
            names => format!("Resent, once each: {}", names.join(", ")),
        });
    };
    let first = names.get(..FEW as usize).unwrap_or(names).join(", ");
    screen.say(&format!("Resent, once each: {first}, and {more} more"));
}

/// Why a dry run does not know what is in progress.
pub(super) fn dry_run(screen: &Screen, dry_run: &DryRun) {
    let why = match dry_run {
        DryRun::Complete => return,
        DryRun::TooMany => "is not queried for more than 1000 machines".to_owned(),
        DryRun::Unavailable(problem) => format!("is unknown: {}", report::words(problem)),
    };
    screen.say(&format!(
        "note: whether offboardings of these machines are under way already {why}"
    ));
}

/// What is known of many machines together.
#[derive(Default)]
struct Together {
    platforms: BTreeMap<String, u64>,
    doubts: BTreeMap<String, u64>,
    first_seen: Option<String>,
    last_seen: Option<String>,
    not_seen: u64,
}

/// Shows it.
pub(super) async fn announce(
    course: &Course<'_>,
    screen: &Screen,
    client: &Client,
    plan: &Plan,
) -> Result<(), LedgerError> {
    let (ledger, run) = (client.ledger(), plan.run());
    let counts = ledger.counts(run).await?;
    let (to_send, resent) = (plan.machines(), plan.unresolved());
    let planned = to_send.saturating_sub(resent);
    if to_send == 0 && plan.origin() == Origin::Resumed {
        return Ok(());
    }
    refused(screen, client, plan, &counts).await?;
    if to_send == 0 {
        return Ok(());
    }
    if resent > 0 {
        let unknown = ledger.entries_in(run, State::Unknown, 0, FEW).await?;
        to_resend(course, screen, resent, &unknown);
    }
    if planned > u64::from(FEW) {
        let mut together = Together::default();
        for alike in ledger.order_groups(run).await? {
            together.add(alike);
        }
        let first = ledger.entries_in(run, State::Planned, 0, NAMED).await?;
        let names: Vec<String> = first.iter().map(name).collect();
        let comments = ledger.comments(run, NAMED + 1).await?;
        together.tell(screen, planned, &names, &comments);
    } else if planned > 0 {
        let entries = ledger.entries_in(run, State::Planned, 0, FEW).await?;
        few(screen, &entries);
    }
    if let Some(tag) = plan.tag() {
        let tag = clean(tag.as_str());
        screen.say(&format!("The tag, set right before: {tag}"));
    }
    if let Some(claims) = client.claims() {
        if !claims.may_offboard() {
            screen
                .say("note: the token does not carry Machine.Offboard: the service will refuse it");
        }
        if plan.tag().is_some() && !claims.may_tag() {
            screen.say(
                "note: the token does not carry Machine.ReadWrite.All: the service will refuse \
                 the tag, and the machines are offboarded without it",
            );
        }
    }
    screen.say(&format!("Signed in {}.", clean(&signed_in(client.who()))));
    screen.say(match course.dry {
        true => "The plugin would be allowed to send:",
        false => "The plugin will be allowed to send:",
    });
    let api = client.api_root();
    if to_send > u64::from(FEW) {
        let root = api.as_str().trim_end_matches('/');
        let each = |route: Route, with: &str| {
            let path = route.template();
            screen.say(&format!(
                "  POST {root}{path}, once for each of the {to_send}, with exactly {with}"
            ));
        };
        if plan.tag().is_some() {
            each(Route::TagMachine, "this tag");
        }
        each(Route::Offboard, "its comment");
        return Ok(());
    }
    let mut entries = ledger.entries_in(run, State::Planned, 0, FEW).await?;
    if resent > 0 {
        entries.extend(ledger.entries_in(run, State::Unknown, 0, FEW).await?);
    }
    for entry in entries {
        if let Some(machine) = entry.order.machine() {
            let tag = plan.tag().map(|tag| Grant::tag(api, machine, tag));
            let offboard = Grant::offboard(api, machine, entry.order.comment());
            for grant in tag.into_iter().chain([offboard]) {
                screen.say(&format!("  {grant}"));
            }
        }
    }
    Ok(())
}

/// What is left out, and why.
async fn refused(
    screen: &Screen,
    client: &Client,
    plan: &Plan,
    counts: &OrderCounts,
) -> Result<(), LedgerError> {
    let (ledger, run) = (client.ledger(), plan.run());
    let mut left = REFUSED;
    let mut more = 0;
    for state in [State::Rejected, State::NotSent, State::Skipped] {
        let entries = ledger.entries_in(run, state, 0, left).await?;
        // What was sent was told then.
        for entry in entries.iter().filter(|entry| entry.attempts == 0) {
            let words = entry.order.problem().map(report::words);
            screen.say(&format!(
                "{state}: {}: {}",
                clean(&entry.order.target().to_string()),
                words.unwrap_or_default()
            ));
        }
        let told = u32::try_from(entries.len()).unwrap_or(left);
        left = left.saturating_sub(told);
        more += counts.of(state).saturating_sub(told.into());
    }
    if more > 0 && plan.origin() != Origin::Resumed {
        screen.say(&format!("and {more} more that are left out"));
    }
    Ok(())
}

/// The machines whose orders are unknown and resent, or the first of them.
fn to_resend(course: &Course<'_>, screen: &Screen, resent: u64, unknown: &[OrderRecord]) {
    let grace = humantime::format_duration(course.send.grace);
    screen.say(&format!(
        "{resent} machines may be offboarded already: their orders were sent, and their outcome is \
         unknown. Each of these orders is sent a second time, unless the service lists its action \
         within the grace time of {grace}:"
    ));
    screen.say(&report::planned(&unknown.iter().collect::<Vec<_>>()));
    comments(screen, unknown);
    let more = resent.saturating_sub(unknown.len() as u64);
    if more > 0 {
        screen.say(&format!("and {more} more"));
    }
}

fn few(screen: &Screen, entries: &[OrderRecord]) {
    let seen: Vec<&OrderRecord> = entries
        .iter()
        .filter(|entry| entry.order.device().is_some())
        .collect();
    if !seen.is_empty() {
        screen.say(&report::planned(&seen));
    }
    for entry in seen {
        for doubt in hint::warnings(&entry.order) {
            screen.say(&format!("note: {}: {}", name(entry), clean(&doubt)));
        }
    }
    comments(screen, entries);
}

fn comments(screen: &Screen, entries: &[OrderRecord]) {
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

pub(super) fn name(entry: &OrderRecord) -> String {
    let order = &entry.order;
    let id = order.machine().map(|id| id.as_str());
    clean(order.name().or(id).unwrap_or_default())
}

impl Together {
    fn add(&mut self, alike: OrderGroup) {
        let OrderGroup {
            seen,
            orders,
            not_seen,
            last_seen,
        } = alike;
        for doubt in seen.as_ref().map(hint::doubts).unwrap_or_default() {
            // Each of those names another machine.
            let doubt = match doubt.starts_with("it was merged") {
                true => "it was merged into another machine".to_owned(),
                false => doubt,
            };
            *self.doubts.entry(doubt).or_default() += orders;
        }
        let platform = seen.and_then(|seen| seen.platform);
        let platform = platform.unwrap_or_else(|| "system not known".to_owned());
        *self.platforms.entry(platform).or_default() += orders;
        self.not_seen += not_seen;
        if let Some((first, last)) = last_seen {
            let known = self.first_seen.take();
            self.first_seen = Some(known.map_or(first.clone(), |known| known.min(first)));
            self.last_seen = self.last_seen.take().max(Some(last));
        }
    }

    fn tell(&self, screen: &Screen, planned: u64, names: &[String], comments: &[String]) {
        let each = |counts: &BTreeMap<String, u64>| {
            let words = counts
                .iter()
                .map(|(word, count)| format!("{count} {}", clean(word)));
            words.collect::<Vec<_>>().join(", ")
        };
        let more = planned.saturating_sub(names.len() as u64);
        screen.say(&format!(
            "{planned} machines: {} and {more} more",
            names.join(", ")
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
        for comment in comments.iter().take(NAMED as usize) {
            screen.say(&format!("  {}", clean(comment)));
        }
        if comments.len() > NAMED as usize {
            screen.say("  and more");
        }
    }
}

/// Whom the service takes the user for, according to the token.
fn signed_in(who: &SessionInfo) -> String {
    let with = who.auth.as_deref().unwrap_or("nothing");
    let profile = who.profile.as_ref();
    let profile = profile.map_or_else(String::new, |profile| format!(" of profile {profile}"));
    let tenant = match &who.tenant {
        Some(tenant) => format!("to tenant {tenant}"),
        None => "to a tenant that the token does not name".to_owned(),
    };
    let application = who.application.as_ref();
    let application = application.map_or_else(String::new, |id| format!(", as application {id}"));
    format!("{tenant}{application}, with {with}{profile}")
}
