//! `offboard runs`, `show` and `export`: what is on record. Nothing is asked of
//! the service, and nothing is written.

use std::{cell::RefCell, path::PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    args::{ExportArgs, ExportFormat, LedgerArgs, RunsArgs, ShowArgs, explain},
    evidence,
    exit::Exit,
    outcome::Outcome,
    report::Rows,
    screen::Screen,
    sheet::Cells,
};
use offboard::{
    ledger::{Ledger, RunRow},
    mask,
    order::{Order, State},
    outputs::Files,
};

const PAGE: u32 = 500;

/// A run, as programs see it; the schema is in `docs/schema/run.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    run: String,
    began: String,
    user: Option<String>,
    tenant: Option<String>,
    application: Option<String>,
    api_root: String,
    auth: Option<String>,
    profile: Option<String>,
    version: String,
    plugin_sha256: String,
    request_id: Option<String>,
    tag: Option<String>,
    orders: u64,
    open: u64,
    states: serde_json::Map<String, serde_json::Value>,
}

impl Row {
    fn of(run: &RunRow) -> Self {
        let states = run.counts.each();
        Self {
            run: run.uuid.to_string(),
            began: time(run.began),
            user: run.user.clone(),
            tenant: run.tenant.clone(),
            application: run.application.clone(),
            api_root: run.api_root.clone(),
            auth: run.auth.clone(),
            profile: run.profile.clone(),
            version: run.version.clone(),
            plugin_sha256: run.plugin_sha256.clone(),
            request_id: run.request_id.clone(),
            tag: run.tag.as_ref().map(ToString::to_string),
            orders: run.counts.total(),
            open: run.counts.open(),
            states: states
                .map(|(state, count)| (state.name().to_owned(), count.into()))
                .collect(),
        }
    }

    fn words(&self) -> String {
        let words = self
            .states
            .iter()
            .map(|(state, count)| format!("{count} {state}"));
        words.collect::<Vec<_>>().join(", ")
    }
}

impl Cells for Row {
    const HEAD: &'static [&'static str] = &[
        "run",
        "began",
        "user",
        "tenant",
        "application",
        "apiRoot",
        "auth",
        "profile",
        "version",
        "pluginSha256",
        "requestId",
        "tag",
        "orders",
        "open",
        "states",
    ];

    fn cells(&self) -> Vec<String> {
        let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            self.run.clone(),
            self.began.clone(),
            or_nothing(&self.user),
            or_nothing(&self.tenant),
            or_nothing(&self.application),
            self.api_root.clone(),
            or_nothing(&self.auth),
            or_nothing(&self.profile),
            self.version.clone(),
            self.plugin_sha256.clone(),
            or_nothing(&self.request_id),
            or_nothing(&self.tag),
            self.orders.to_string(),
            self.open.to_string(),
            self.words(),
        ]
    }
}

/// A time of the ledger as people and programs read it.
pub(super) fn time(at: i64) -> String {
    Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |time| time.to_string())
}

/// The path of the ledger; `None` without a home folder.
fn ledger_of(args: &LedgerArgs) -> Result<Option<PathBuf>> {
    args.layers()?.ledger_path().map_err(explain)
}

async fn ledger(args: &LedgerArgs) -> Result<Ledger> {
    let path = ledger_of(args)?.context("there is no home folder: name a ledger with --ledger")?;
    // Standard output must not overwrite the ledger that is read.
    let mut files = Files::default();
    files.ledger(&path);
    files.streams();
    files.check()?;
    Ok(Ledger::view(&path).await?)
}

pub(super) async fn runs(args: RunsArgs, screen: &Screen) -> Result<Exit> {
    let format = args.output.output;
    let path = ledger_of(&args.ledger)?;
    let runs = match &path {
        // Who has never run anything has none.
        Some(path) if !path.exists() => {
            screen.say(&format!("The ledger {} does not exist.", mask::path(path)));
            Vec::new()
        }
        _ => ledger(&args.ledger).await?.runs().await?,
    };
    let runs: Vec<Row> = runs.iter().map(Row::of).collect();
    let mut rows = Rows::new(*screen, format);
    if rows.is_table() {
        let cells = runs.iter().map(|run| {
            vec![
                run.run.split('-').next().unwrap_or_default().to_owned(),
                run.began.clone(),
                run.user.clone().unwrap_or_else(|| "-".to_owned()),
                run.orders.to_string(),
                run.words(),
            ]
        });
        if !runs.is_empty() {
            rows.table(&["RUN", "BEGAN", "USER", "ORDERS", "STATES"], cells);
        } else {
            screen.say("There are no runs yet.");
        }
    } else if !runs.is_empty() {
        rows.add(&runs);
    }
    rows.end();
    Ok(Exit::Done)
}

pub(super) async fn show(args: ShowArgs, screen: &Screen) -> Result<Exit> {
    let ledger = ledger(&args.ledger).await?;
    let run = ledger.run(&args.run).await?;
    let row = Row::of(&run);
    screen.say(&format!(
        "Run {}, begun {} by {}, with offboard {} and plugin {}",
        row.run,
        row.began,
        row.user.as_deref().unwrap_or("somebody"),
        row.version,
        row.plugin_sha256
    ));
    let rows = RefCell::new(Rows::new(*screen, args.output.output));
    let mut outcome = Outcome::new(&rows, None, *screen);
    let mut waits = Exit::Done;
    let mut after = 0;
    loop {
        let entries = ledger.entries(run.id, after, PAGE).await?;
        let Some(last) = entries.last() else {
            break;
        };
        after = last.number;
        let orders = entries.iter().map(|entry| &entry.order);
        let orders: Vec<&Order> = orders
            .filter(|order| !args.failed || went_wrong(order))
            .collect();
        // Of what is on record, this was not done, and was to be.
        if orders.iter().any(|order| order.state() == State::Planned) {
            waits = Exit::NotSent;
        }
        if !orders.is_empty() {
            outcome.add(&orders);
        }
    }
    rows.borrow_mut().end();
    let exit = outcome.end();
    outcome.summarize(&run);
    Ok(Exit::of([exit, waits]))
}

fn went_wrong(order: &Order) -> bool {
    !matches!(
        order.state(),
        State::Planned | State::Accepted | State::Pending | State::Succeeded | State::Skipped
    )
}

pub(super) async fn export(args: ExportArgs, screen: &Screen) -> Result<Exit> {
    let ledger = ledger(&args.ledger).await?;
    let run = ledger.run(&args.run).await?;
    match args.output {
        ExportFormat::Jsonl => evidence::lines(&ledger, &run, screen).await?,
        ExportFormat::Csv => evidence::sheet(&ledger, &run, screen).await?,
        ExportFormat::Html => {
            evidence::page(&ledger, &run, std::io::stdout()).await?;
        }
    }
    Ok(Exit::Done)
}
