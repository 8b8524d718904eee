//! `offboard inspect`: what a plugin is, and what it may reach.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use super::{
    args::{Format, InspectArgs},
    exit::Exit,
    report,
    text::{Screen, clean, clean_json},
};
use crate::{
    component::Component,
    contract,
    sandbox::{Limits, Sandbox},
};

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
}

pub(super) fn inspect(args: &InspectArgs, screen: &Screen) -> Result<Exit> {
    let component = match &args.plugin {
        Some(file) => Component::from_file(file).with_context(|| file.display().to_string())?,
        None => Component::embedded()?,
    };
    // Names first, then types: the sandbox is the judge of both.
    let mut violations = component.violations();
    if violations.is_empty()
        && let Err(error) = Sandbox::new(&component, Limits::default())
    {
        violations.push(error.to_string());
    }
    let contract = component.contract();
    let row = Row {
        sha256: component.sha256(),
        size: component.bytes().len(),
        contract: contract.as_deref(),
        imports: component.imports(),
        exports: component.exports(),
        conforms: violations.is_empty(),
        violations: &violations,
    };
    if let Some(file) = &args.extract {
        fs::write(file, component.bytes())
            .with_context(|| format!("{} cannot be written", file.display()))?;
        screen.say(&format!("wrote the component to {}", file.display()));
    }
    if let Some(folder) = &args.wit {
        write_contract(folder)?;
        screen.say(&format!("wrote the contract to {}", folder.display()));
    }
    match args.output.output {
        Format::Table => screen.line(&table(&row)),
        Format::Json => screen.line(&pretty(&row)?),
        Format::Jsonl => screen.line(&clean_json(&serde_json::to_string(&row)?)),
    }
    Ok(if row.conforms {
        Exit::Done
    } else {
        Exit::Refused
    })
}

fn pretty(row: &Row<'_>) -> Result<String> {
    let json = serde_json::to_string_pretty(row)?;
    Ok(json.lines().map(clean_json).collect::<Vec<_>>().join("\n"))
}

fn write_contract(folder: &Path) -> Result<()> {
    let file = folder.join("offboard.wit");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, contract::WIT))
        .with_context(|| format!("{} cannot be written", file.display()))
}

fn table(row: &Row<'_>) -> String {
    let mut rows = vec![
        vec!["sha256".to_owned(), row.sha256.to_owned()],
        vec!["size".to_owned(), format!("{} bytes", row.size)],
        vec![
            "contract".to_owned(),
            row.contract.unwrap_or("none").to_owned(),
        ],
        vec![
            "conforms".to_owned(),
            if row.conforms { "yes" } else { "no" }.to_owned(),
        ],
    ];
    let many = |label: &str, values: &[String]| {
        let label = label.to_owned();
        values
            .iter()
            .map(move |value| vec![label.clone(), clean(value)])
            .collect::<Vec<_>>()
    };
    rows.extend(many("violation", row.violations));
    rows.extend(many("imports", row.imports));
    rows.extend(many("exports", row.exports));
    report::table(&["", "COMPONENT"], rows)
}
