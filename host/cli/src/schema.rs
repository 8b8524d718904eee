//! `offboard schema`: prints the JSON schemas of the output.

use anyhow::Result;

use super::{advice, args::SchemaArgs, exit::Exit, terminal::Terminal};
use offboard::output::schemas;

/// Prints the schema with this name; without a name, the names.
///
/// # Errors
/// No schema has this name.
pub(super) fn schema(args: &SchemaArgs, terminal: &Terminal) -> Result<Exit> {
    let Some(name) = &args.name else {
        for (name, schema) in schemas() {
            let title = schema.get("title").and_then(|title| title.as_str());
            let line = format!("{name:<13} {}", title.unwrap_or_default());
            terminal.print_data(line.trim_end());
        }
        return Ok(Exit::Done);
    };
    let name = name.strip_suffix(".json").unwrap_or(name);
    let Some((_, schema)) = schemas().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = schemas().map(|(name, _)| name).collect();
        return Err(advice::error_with_help(
            "no schema has this name",
            format!("The schemas are {}.", names.join(", ")),
        ));
    };
    terminal.print_data(&serde_json::to_string_pretty(&schema)?);
    Ok(Exit::Done)
}
