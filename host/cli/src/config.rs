//! `offboard config show`: shows each effective setting and its source. Secrets are masked, and
//! nothing is sent.

use anyhow::Result;
use serde_json::Value;

use super::{
    args::{ConfigArgs, Format, explain},
    csv_output::print_csv,
    exit::Exit,
    table::{Column, table},
    terminal::Terminal,
};
use offboard::{
    config::{Row, Secrets},
    output::{CsvRow, EffectiveSettings, SettingRow},
    text::clean_json,
};

/// A setting as a row of a table.
struct Line<'a>(&'a Row);

pub(super) fn show(args: ConfigArgs, secrets: Secrets, terminal: &Terminal) -> Result<Exit> {
    let config = args.connect.config(secrets)?;
    let rows = config.rows().map_err(explain)?;
    let lines: Vec<Line<'_>> = rows.iter().map(Line).collect();
    match args.output.output {
        Format::Table => terminal.print_data(&table(
            terminal,
            &[
                Column::Word("SETTING"),
                Column::Text("VALUE"),
                Column::Text("SOURCE"),
            ],
            lines.iter().map(CsvRow::cells),
        )),
        Format::Csv => print_csv(terminal, &lines, true),
        Format::Json => {
            let json = serde_json::to_string_pretty(&object(&rows)?)?;
            let lines: Vec<String> = json.lines().map(clean_json).collect();
            terminal.print_data(&lines.join("\n"));
        }
        Format::Jsonl => terminal.print_data(&clean_json(&serde_json::to_string(&object(&rows)?)?)),
    }
    Ok(Exit::Done)
}

/// The settings in the shape that `docs/schema/config.json` promises.
fn object(rows: &[Row]) -> Result<EffectiveSettings> {
    let setting = |row: &Row| {
        let setting = SettingRow {
            value: &row.value,
            source: row.source.to_string(),
        };
        Ok((camel(row.key), serde_json::to_value(setting)?))
    };
    let settings = rows.iter().map(setting).collect::<Result<_>>()?;
    Ok(serde_json::from_value(Value::Object(settings))?)
}

/// The JSON member of a setting, in camel case.
fn camel(key: &str) -> String {
    let mut name = String::new();
    let mut begins_word = false;
    for letter in key.chars() {
        if letter == '-' {
            begins_word = true;
        } else if std::mem::take(&mut begins_word) {
            name.push(letter.to_ascii_uppercase());
        } else {
            name.push(letter);
        }
    }
    name
}

/// The name of a setting in the configuration file, in kebab case.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

/// A value as text.
fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", "),
        value => value.to_string(),
    }
}

impl CsvRow for Line<'_> {
    fn columns() -> Vec<&'static str> {
        vec!["setting", "value", "source"]
    }

    fn cells(&self) -> Vec<String> {
        let Self(row) = self;
        let value = match &row.value {
            None => String::new(),
            Some(Value::Object(values)) => values
                .iter()
                .map(|(name, value)| format!("{}={}", kebab(name), value_text(value)))
                .collect::<Vec<_>>()
                .join(", "),
            Some(value) => value_text(value),
        };
        vec![row.key.to_owned(), value, row.source.to_string()]
    }
}

#[cfg(test)]
mod tests {
    use offboard::{Keyword, config::Auth, output::AUTH_METHODS};

    #[test]
    fn the_schema_has_every_way_to_sign_in() {
        let names: Vec<_> = Auth::ALL.iter().map(|auth| auth.name()).collect();
        assert_eq!(names, AUTH_METHODS);
    }
}
