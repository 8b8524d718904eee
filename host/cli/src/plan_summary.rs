//! The summary of a plan: each machine of a short plan, statistics of a long one, and what the
//! plugin will be allowed to send.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{advice, rows, terminal::Terminal};
use offboard::{
    Client,
    grant::{Grant, Route},
    ledger::{LedgerError, OrderCounts, OrderGroup, OrderRecord, SessionInfo},
    order::State,
    plan::{Origin, Plan},
    run::DryRun,
    text::clean,
};

/// The most machines that are shown one by one.
pub(super) const MAX_LISTED: u32 = 25;
/// The number of names and comments that are shown of a longer plan.
const MAX_EXAMPLES: u32 = 10;
/// The most orders that are not sent and are shown one by one.
const MAX_EXCLUDED: u32 = 25;

/// Prints which orders were resent.
pub(super) fn resent(terminal: &Terminal, names: &[String]) {
    let Some(more) = names.len().checked_sub(MAX_LISTED as usize) else {
        return terminal.print(&match names {
            [] => "No order was resent.".to_owned(),
            names => format!("Resent, once each: {}", names.join(", ")),
        });
    };
    let first = names.get(..MAX_LISTED as usize).unwrap_or(names).join(", ");
    terminal.print(&format!("Resent, once each: {first}, and {more} more"));
}

/// Prints why a dry run does not know which offboardings are in progress.
pub(super) fn dry_run(terminal: &Terminal, dry_run: &DryRun) {
    match dry_run {
        DryRun::Complete => {}
        DryRun::TooMany => terminal.print(
            "note: The service is not queried for offboardings that are already in progress, \
             because the plan has more than 1000 machines.",
        ),
        DryRun::Unavailable(problem) => terminal.print(&format!(
            "note: It is unknown whether these machines are already being offboarded: {}",
            rows::words(problem)
        )),
    }
}

/// Statistics of the machines of a long plan.
#[derive(Default)]
struct PlanStatistics {
    platforms: BTreeMap<String, u64>,
    warnings: BTreeMap<String, u64>,
    first_seen: Option<String>,
    last_seen: Option<String>,
    not_seen: u64,
}

/// Shows the summary. `grace` is how long the outcome of an unanswered request is queried.
pub(super) async fn show(
    terminal: &Terminal,
    client: &Client,
    plan: &Plan,
    is_dry_run: bool,
    grace: Duration,
) -> Result<(), LedgerError> {
    let (ledger, run) = (client.ledger(), plan.run());
    let counts = ledger.counts(run).await?;
    let (to_send, resent) = (plan.machines(), plan.unresolved());
    if to_send == 0 && plan.origin() == Origin::Resumed {
        return Ok(());
    }
    show_excluded(terminal, client, plan, &counts).await?;
    if to_send == 0 {
        return Ok(());
    }
    if resent > 0 {
        let unknown = ledger
            .entries_in(run, State::Unknown, 0, MAX_LISTED)
            .await?;
        show_resent(terminal, grace, resent, &unknown);
    }
    show_planned(terminal, client, plan).await?;
    show_permissions(terminal, client, plan);
    let account = signed_in(client.who());
    let system_user = client.who().system_user();
    let system_user = system_user.map_or_else(String::new, |user| format!(" System user: {user}."));
    terminal.print(&clean(&format!("Signed in {account}.{system_user}")));
    terminal.print(if is_dry_run {
        "The plugin would be allowed to send:"
    } else {
        "The plugin will be allowed to send:"
    });
    show_grants(terminal, client, plan).await
}

/// Shows the planned machines: each of them, or statistics of many, and their comments.
async fn show_planned(
    terminal: &Terminal,
    client: &Client,
    plan: &Plan,
) -> Result<(), LedgerError> {
    let (ledger, run) = (client.ledger(), plan.run());
    let planned = plan.machines().saturating_sub(plan.unresolved());
    if planned > u64::from(MAX_LISTED) {
        let mut statistics = PlanStatistics::default();
        for group in ledger.order_groups(run).await? {
            statistics.add(group);
        }
        let first = ledger
            .entries_in(run, State::Planned, 0, MAX_EXAMPLES)
            .await?;
        let names: Vec<String> = first.iter().map(name).collect();
        let comments = ledger.comments(run, MAX_EXAMPLES + 1).await?;
        statistics.show(terminal, planned, &names, &comments);
    } else if planned > 0 {
        let entries = ledger
            .entries_in(run, State::Planned, 0, MAX_LISTED)
            .await?;
        show_each(terminal, &entries);
    }
    if let Some(tag) = plan.tag() {
        let tag = clean(tag.as_str());
        terminal.print(&format!("Tag, set before the offboarding: {tag}"));
    }
    Ok(())
}

/// Shows which permissions the token lacks.
fn show_permissions(terminal: &Terminal, client: &Client, plan: &Plan) {
    let Some(claims) = client.claims() else {
        return;
    };
    if !claims.may_offboard() {
        terminal.print(
            "note: The token does not have the permission Machine.Offboard. The service will \
             reject the requests.",
        );
    }
    if plan.tag().is_some() && !claims.may_tag() {
        terminal.print(
            "note: The token does not have the permission Machine.ReadWrite.All. The service \
             will reject the tag, and the machines will be offboarded without it.",
        );
    }
}

/// Shows what the plugin may send: each request, or the form of many.
async fn show_grants(terminal: &Terminal, client: &Client, plan: &Plan) -> Result<(), LedgerError> {
    let (ledger, run, api) = (client.ledger(), plan.run(), client.api_root());
    let to_send = plan.machines();
    if to_send > u64::from(MAX_LISTED) {
        let root = api.as_str().trim_end_matches('/');
        let print = |route: Route, content: &str| {
            let path = route.template();
            terminal.print(&format!(
                "  POST {root}{path}, once for each of the {to_send} machines, with exactly \
                 {content}"
            ));
        };
        if plan.tag().is_some() {
            print(Route::TagMachine, "this tag");
        }
        print(Route::Offboard, "its comment");
        return Ok(());
    }
    let mut entries = ledger
        .entries_in(run, State::Planned, 0, MAX_LISTED)
        .await?;
    if plan.unresolved() > 0 {
        let unknown = ledger.entries_in(run, State::Unknown, 0, MAX_LISTED);
        entries.extend(unknown.await?);
    }
    for entry in entries {
        if let Some(machine) = entry.order.machine() {
            let tag = plan.tag().map(|tag| Grant::tag(api, machine, tag));
            let offboard = Grant::offboard(api, machine, entry.order.comment());
            for grant in tag.into_iter().chain([offboard]) {
                terminal.print(&format!("  {grant}"));
            }
        }
    }
    Ok(())
}

/// Shows the orders that are not sent, and why.
async fn show_excluded(
    terminal: &Terminal,
    client: &Client,
    plan: &Plan,
    counts: &OrderCounts,
) -> Result<(), LedgerError> {
    let (ledger, run) = (client.ledger(), plan.run());
    let mut left = MAX_EXCLUDED;
    let mut more = 0;
    for state in [State::Rejected, State::NotSent, State::Skipped] {
        let entries = ledger.entries_in(run, state, 0, left).await?;
        // Orders that were sent were shown then.
        for entry in entries.iter().filter(|entry| entry.attempts == 0) {
            let words = entry.order.problem().map(rows::words);
            terminal.print(&format!(
                "{state}: {}: {}",
                clean(&entry.order.target().to_string()),
                words.unwrap_or_default()
            ));
        }
        let shown = u32::try_from(entries.len()).unwrap_or(left);
        left = left.saturating_sub(shown);
        more += counts.of(state).saturating_sub(shown.into());
    }
    if more > 0 && plan.origin() != Origin::Resumed {
        terminal.print(&format!("and {more} more that are not sent"));
    }
    Ok(())
}

/// Shows the machines whose orders are unknown and resent, or the first of them.
fn show_resent(terminal: &Terminal, grace: Duration, resent: u64, unknown: &[OrderRecord]) {
    let grace = humantime::format_duration(grace);
    terminal.print(&if resent == 1 {
        format!(
            "1 machine may already be offboarded: its order was sent, but the outcome is unknown. \
             The order will be sent a second time, unless the service lists its action within the \
             grace time of {grace}:"
        )
    } else {
        format!(
            "{resent} machines may already be offboarded: their orders were sent, but the outcome \
             is unknown. Each order will be sent a second time, unless the service lists its \
             action within the grace time of {grace}:"
        )
    });
    terminal.print(&rows::planned(
        terminal,
        &unknown.iter().collect::<Vec<_>>(),
    ));
    show_comments(terminal, unknown);
    let more = resent.saturating_sub(unknown.len() as u64);
    if more > 0 {
        terminal.print(&format!("and {more} more"));
    }
}

fn show_each(terminal: &Terminal, entries: &[OrderRecord]) {
    let known: Vec<&OrderRecord> = entries
        .iter()
        .filter(|entry| entry.order.device().is_some())
        .collect();
    if !known.is_empty() {
        terminal.print(&rows::planned(terminal, &known));
    }
    for entry in known {
        for warning in advice::warnings(&entry.order) {
            terminal.print(&format!("note: {}: {}", name(entry), clean(&warning)));
        }
    }
    show_comments(terminal, entries);
}

fn show_comments(terminal: &Terminal, entries: &[OrderRecord]) {
    let comments: BTreeSet<&str> = entries
        .iter()
        .map(|entry| entry.order.comment().as_str())
        .collect();
    if comments.len() == 1 {
        let comment = comments.into_iter().next().unwrap_or_default();
        terminal.print(&format!(
            "Comment, recorded by the service: {}",
            clean(comment)
        ));
        return;
    }
    terminal.print("Comments, recorded by the service:");
    for entry in entries {
        let comment = clean(entry.order.comment().as_str());
        let target = clean(&entry.order.target().to_string());
        terminal.print(&format!("  {target}: {comment}"));
    }
}

/// The name of an order's machine, or else its id.
pub(super) fn name(entry: &OrderRecord) -> String {
    let order = &entry.order;
    let id = order.machine().map(|id| id.as_str());
    clean(order.name().or(id).unwrap_or_default())
}

impl PlanStatistics {
    fn add(&mut self, group: OrderGroup) {
        let OrderGroup {
            mut seen,
            orders,
            not_seen,
            last_seen,
        } = group;
        // Each machine was merged into another one. One warning counts them all.
        if let Some(other) = seen.as_mut().and_then(|seen| seen.merged_into.as_mut()) {
            "another machine".clone_into(other);
        }
        for warning in seen
            .as_ref()
            .map(advice::device_warnings)
            .unwrap_or_default()
        {
            *self.warnings.entry(warning).or_default() += orders;
        }
        let platform = seen.and_then(|seen| seen.platform);
        let platform = platform.unwrap_or_else(|| "unknown".to_owned());
        *self.platforms.entry(platform).or_default() += orders;
        self.not_seen += not_seen;
        if let Some((first, last)) = last_seen {
            let known = self.first_seen.take();
            self.first_seen = Some(known.map_or(first.clone(), |known| known.min(first)));
            self.last_seen = self.last_seen.take().max(Some(last));
        }
    }

    fn show(&self, terminal: &Terminal, planned: u64, names: &[String], comments: &[String]) {
        let list = |counts: &BTreeMap<String, u64>| {
            let texts = counts
                .iter()
                .map(|(text, count)| format!("{count} {}", clean(text)));
            texts.collect::<Vec<_>>().join(", ")
        };
        let more = planned.saturating_sub(names.len() as u64);
        terminal.print(&format!(
            "{planned} machines: {} and {more} more",
            names.join(", ")
        ));
        terminal.print(&format!("Operating systems: {}", list(&self.platforms)));
        if let (Some(first), Some(last)) = (&self.first_seen, &self.last_seen) {
            terminal.print(&format!(
                "Last seen: from {} to {}",
                clean(first),
                clean(last)
            ));
        }
        if self.not_seen > 0 {
            terminal.print(&format!("Last seen unknown: {}", self.not_seen));
        }
        for (warning, count) in &self.warnings {
            terminal.print(&format!("note: {count} of them: {}", clean(warning)));
        }
        terminal.print("Comments, recorded by the service:");
        for comment in comments.iter().take(MAX_EXAMPLES as usize) {
            terminal.print(&format!("  {}", clean(comment)));
        }
        if comments.len() > MAX_EXAMPLES as usize {
            terminal.print("  and more");
        }
    }
}

/// The account, as the token names it.
fn signed_in(session: &SessionInfo) -> String {
    let auth = session.auth.as_deref();
    let auth = auth.map_or_else(String::new, |auth| format!(", with {auth}"));
    let profile = session.profile.as_ref();
    let profile = profile.map_or_else(String::new, |profile| format!(" of profile {profile}"));
    let tenant = match &session.tenant {
        Some(tenant) => format!("to tenant {tenant}"),
        None => "to a tenant that the token does not name".to_owned(),
    };
    let user = session.signed_in();
    let role = if user.is_some() { "with" } else { "as" };
    let user = user.map_or_else(String::new, |user| format!(", as user {user}"));
    let application = session.application.as_ref();
    let application =
        application.map_or_else(String::new, |id| format!(", {role} application {id}"));
    format!("{tenant}{user}{application}{auth}{profile}")
}
