//! `offboard inspect`: what a plugin is, and what it may reach.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use super::{
    args::{Format, InspectArgs},
    connect,
    exit::Exit,
    report,
    screen::Screen,
    sheet::{Cells, csv},
};
use offboard::{
    config::{PluginSettings, format_limit},
    contract::{self, Function},
    grant::{COUNT, HEADERS, MAX_REQUEST_BODY, Route},
    mask,
    outputs::{Files, SharedFile},
    sandbox::{Limit, Limits, Sandbox, Unit},
    text::clean_json,
};

/// The name of the contract's file.
const CONTRACT: &str = "offboard.wit";

/// What is known about a component; the schema is in
/// `docs/schema/component.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    sha256: &'a str,
    size: usize,
    contract: Option<&'a str>,
    imports: &'a [String],
    exports: &'a [String],
    conforms: bool,
    violations: &'a [String],
    limits: [LimitRow; Limit::ALL.len()],
    grants: [GrantRow; Function::ALL.len()],
}

/// One bound of every call.
#[derive(Serialize)]
struct LimitRow {
    name: &'static str,
    value: u64,
    ceiling: u64,
    unit: &'static str,
    #[serde(skip)]
    words: [String; 2],
}

/// What a call of one function may send.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GrantRow {
    function: &'static str,
    method: &'static str,
    path: &'static str,
    count: u32,
    query: bool,
    body: Option<&'static str>,
    #[serde(skip)]
    ordered: Option<&'static str>,
    headers: [&'static str; HEADERS.len()],
    request_limit: usize,
    answer_limit: usize,
}

impl LimitRow {
    fn new(limit: Limit, limits: &Limits) -> Self {
        let (value, ceiling, unit) = (limits.get(limit), limit.ceiling(), limit.unit());
        Self {
            name: limit.name(),
            value,
            ceiling,
            unit: unit.name(),
            words: [value, ceiling].map(|value| format_limit(unit, value)),
        }
    }

    fn words(&self) -> String {
        let [value, ceiling] = &self.words;
        format!("{} {value}, at most {ceiling}", self.name)
    }
}

impl GrantRow {
    fn new(function: Function) -> Self {
        let route = Route::of(function);
        Self {
            function: function.name(),
            method: route.method(),
            path: route.template(),
            count: COUNT,
            query: route.takes_query(),
            body: route.body(),
            ordered: route.takes(),
            headers: HEADERS,
            request_limit: MAX_REQUEST_BODY,
            answer_limit: route.answer_limit(),
        }
    }

    fn words(&self) -> String {
        let mut words = format!("{}: {} {}, once", self.function, self.method, self.path);
        if let Some(ordered) = self.ordered {
            words.push_str(&format!(", with exactly the {ordered} that was ordered"));
        }
        if self.query {
            words.push_str(", with OData's options");
        }
        let answer = format_limit(Unit::Bytes, self.answer_limit as u64);
        format!("{words}; an answer of at most {answer}")
    }
}

pub(super) fn inspect(args: &InspectArgs, screen: &Screen) -> Result<Exit> {
    let plugin = args.plugin.settings()?;
    check_files(args, &plugin)?;
    let component = connect::component(&plugin, screen)?;
    let limits = plugin.limits;
    // Names first, then types: the sandbox is the judge of both.
    let mut violations = component.violations();
    if violations.is_empty()
        && let Err(error) = Sandbox::new(&component, limits.clone())
    {
        violations.push(error.to_string());
    }
    let contract = component.contract();
    let row = Row {
        sha256: component.digest().as_str(),
        size: component.bytes().len(),
        contract: contract.as_deref(),
        imports: component.imports(),
        exports: component.exports(),
        conforms: violations.is_empty(),
        violations: &violations,
        limits: Limit::ALL.map(|limit| LimitRow::new(limit, &limits)),
        grants: Function::ALL.map(GrantRow::new),
    };
    if let Some(file) = &args.extract {
        fs::write(file, component.bytes())
            .with_context(|| format!("{} cannot be written", mask::path(file)))?;
        screen.say(&format!("wrote the component to {}", mask::path(file)));
    }
    if let Some(folder) = &args.wit {
        write_contract(folder)?;
        screen.say(&format!("wrote the contract to {}", mask::path(folder)));
    }
    match args.output.output {
        Format::Table => screen.line(&table(&row)),
        Format::Json => screen.line(&pretty(&row)?),
        Format::Csv => csv(screen, &rows(&row), true),
        Format::Jsonl => screen.line(&clean_json(&serde_json::to_string(&row)?)),
    }
    Ok(if row.conforms {
        Exit::Done
    } else {
        Exit::Refused
    })
}

/// Checks that the files to write are not the plugin and not the same file.
fn check_files(args: &InspectArgs, plugin: &PluginSettings) -> Result<(), SharedFile> {
    let mut files = Files::default();
    if let Some(file) = &args.extract {
        files.writes("the component", file);
    }
    if let Some(folder) = &args.wit {
        files.writes("the contract", &folder.join(CONTRACT));
    }
    if let Some(file) = &plugin.file {
        files.reads("the plugin", &file.value);
    }
    files.streams();
    files.check()
}

fn pretty(row: &Row<'_>) -> Result<String> {
    let json = serde_json::to_string_pretty(row)?;
    Ok(json.lines().map(clean_json).collect::<Vec<_>>().join("\n"))
}

fn write_contract(folder: &Path) -> Result<()> {
    let file = folder.join(CONTRACT);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, contract::WIT))
        .with_context(|| format!("{} cannot be written", mask::path(&file)))
}

/// One property, as people read it.
struct Property(&'static str, String);

impl Cells for Property {
    const HEAD: &'static [&'static str] = &["property", "value"];

    fn cells(&self) -> Vec<String> {
        vec![self.0.to_owned(), self.1.clone()]
    }
}

fn table(row: &Row<'_>) -> String {
    let rows = rows(row);
    report::table(&["", "COMPONENT"], rows.iter().map(Cells::cells))
}

fn rows(row: &Row<'_>) -> Vec<Property> {
    let mut rows = vec![
        Property("sha256", row.sha256.to_owned()),
        Property("size", format!("{} bytes", row.size)),
        Property("contract", row.contract.unwrap_or("none").to_owned()),
        Property(
            "conforms",
            if row.conforms { "yes" } else { "no" }.to_owned(),
        ),
    ];
    let mut many = |name: &'static str, values: &[String]| {
        rows.extend(values.iter().map(|value| Property(name, value.clone())));
    };
    many("violation", row.violations);
    many("imports", row.imports);
    many("exports", row.exports);
    many("grant", &row.grants.each_ref().map(GrantRow::words));
    many("limit", &row.limits.each_ref().map(LimitRow::words));
    rows
}
