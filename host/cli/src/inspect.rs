//! `offboard inspect`: shows what a plugin is and what it can access.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    args::{Format, InspectArgs},
    csv_output::print_csv,
    exit::Exit,
    new_file,
    observer::TerminalObserver,
    table::{Column, table},
    terminal::Terminal,
};
use offboard::{
    client::component,
    config::{PluginSettings, format_limit},
    contract::{self, Function},
    grant::Route,
    mask,
    output::{ComponentInfo, CsvRow},
    outputs::{Files, SharedFile},
    sandbox::{Limit, Limits, Unit},
    text::clean_json,
};

/// The name of the contract's file.
const CONTRACT: &str = "offboard.wit";

fn limit_text(limit: Limit, limits: &Limits) -> String {
    let text = |value| format_limit(limit.unit(), value);
    let (value, ceiling) = (text(limits.get(limit)), text(limit.ceiling()));
    format!("{} {value}, at most {ceiling}", limit.name())
}

fn grant_text(function: Function) -> String {
    let route = Route::of(function);
    let (method, path) = (route.method(), route.template());
    let mut text = format!("{function}: {method} {path}, once");
    if let Some(ordered) = function.takes() {
        text.push_str(&format!(", with exactly the {ordered} of the order"));
    }
    if route.takes_query() {
        text.push_str(", with OData query options");
    }
    let answer = format_limit(Unit::Bytes, route.answer_limit() as u64);
    format!("{text}; response of at most {answer}")
}

pub(super) fn inspect(args: &InspectArgs, terminal: &Terminal) -> Result<Exit> {
    let plugin = args.plugin.settings()?;
    check_files(args, &plugin)?;
    let component = component(&plugin, &TerminalObserver::new(*terminal))?;
    let limits = plugin.limits;
    let info = ComponentInfo::of(&component, &limits);
    if let Some(file) = &args.extract {
        new_file::write(file, component.bytes(), args.force)?;
        terminal.print(&format!("Wrote the component to {}", mask::path(file)));
    }
    if let Some(folder) = &args.wit {
        write_contract(folder, args.force)?;
        terminal.print(&format!("Wrote the contract to {}", mask::path(folder)));
    }
    match args.output.output {
        Format::Table => terminal.print_data(&properties_table(terminal, &info, &limits)),
        Format::Json => terminal.print_data(&pretty(&info)?),
        Format::Csv => print_csv(terminal, &rows(&info, &limits), true),
        Format::Jsonl => terminal.print_data(&clean_json(&serde_json::to_string(&info)?)),
    }
    Ok(if info.conforms {
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

fn pretty(info: &ComponentInfo) -> Result<String> {
    let json = serde_json::to_string_pretty(info)?;
    Ok(json.lines().map(clean_json).collect::<Vec<_>>().join("\n"))
}

fn write_contract(folder: &Path, force: bool) -> Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("{} cannot be created", mask::path(folder)))?;
    new_file::write(&folder.join(CONTRACT), contract::WIT.as_bytes(), force)
}

/// A property and its value, as text.
struct Property(&'static str, String);

impl CsvRow for Property {
    fn columns() -> Vec<&'static str> {
        vec!["property", "value"]
    }

    fn cells(&self) -> Vec<String> {
        vec![self.0.to_owned(), self.1.clone()]
    }
}

fn properties_table(terminal: &Terminal, info: &ComponentInfo, limits: &Limits) -> String {
    let rows = rows(info, limits);
    let columns = [Column::Word(""), Column::Text("COMPONENT")];
    table(terminal, &columns, rows.iter().map(CsvRow::cells))
}

fn rows(info: &ComponentInfo, limits: &Limits) -> Vec<Property> {
    let mut rows = vec![
        Property("sha256", info.sha256.clone()),
        Property("size", format!("{} bytes", info.size)),
        Property(
            "contract",
            info.contract.as_deref().unwrap_or("none").to_owned(),
        ),
        Property(
            "conforms",
            if info.conforms { "yes" } else { "no" }.to_owned(),
        ),
    ];
    let mut many = |name: &'static str, values: &[String]| {
        rows.extend(values.iter().map(|value| Property(name, value.clone())));
    };
    many("violation", &info.violations);
    many("imports", &info.imports);
    many("exports", &info.exports);
    many("grant", &Function::ALL.map(grant_text));
    many("limit", &Limit::ALL.map(|limit| limit_text(limit, limits)));
    rows
}
