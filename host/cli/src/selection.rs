//! The machines of a run: those on the command line, or those of a list. Errors of a list are
//! shown with the option or the command that helps.

use std::io;

use anyhow::{Context, Error, Result};
use offboard::{
    input_file::InputFile,
    selection::{
        InvalidReference, LineError, ListError, ListOptions, MachineList, RowError, Selection,
    },
    text::clean,
};

use super::{
    advice::error_with_help,
    args::{ListSource, RunArgs},
    terminal::Terminal,
};

/// The most lines of a list that are shown as unusable.
const MAX_SHOWN: usize = 50;

/// The machines that the user selected.
///
/// # Errors
/// The list cannot be read, or has lines that cannot be used. These are shown.
pub(super) fn selection(args: &RunArgs, terminal: &Terminal) -> Result<Selection> {
    let Some(source) = &args.from else {
        let comment = args.comment.as_ref().context("--comment is missing")?;
        return Ok(Selection::of(args.machines.iter().cloned(), comment));
    };
    let options = ListOptions {
        comment: args.comment.clone(),
        id_column: args.id_column.clone(),
        name_column: args.name_column.clone(),
    };
    let list = match source {
        ListSource::Stdin => MachineList::read(io::stdin().lock(), &options),
        ListSource::File(path) => match InputFile::open(path) {
            Ok(file) => MachineList::read(file, &options),
            Err(error) => Err(error.into()),
        },
    };
    let list = list.map_err(|error| {
        if let ListError::Lines(errors) = &error {
            show(errors, terminal);
        }
        let help = help(&error, &options);
        let error = format!("{source}: {error}. Nothing was sent");
        match help {
            Some(help) => error_with_help(error, help),
            None => Error::msg(error),
        }
    })?;
    terminal.print(&summary(&list));
    Ok(Selection::from_list(list))
}

fn show(errors: &[LineError], terminal: &Terminal) {
    let terminal = terminal.unmuted();
    for LineError { line, error } in errors.iter().take(MAX_SHOWN) {
        let more = match error {
            RowError::Machine {
                error: InvalidReference::Name,
                ..
            } => "; `offboard find` also accepts names that are not DNS names",
            RowError::NoComment => ", and --comment is not set",
            _ => "",
        };
        terminal.print(&clean(&format!("line {line}: {error}{more}")));
    }
    if let more @ 1.. = errors.len().saturating_sub(MAX_SHOWN) {
        terminal.print(&format!("and {more} more"));
    }
}

/// The remedy for a list that cannot be used.
fn help(error: &ListError, options: &ListOptions) -> Option<String> {
    Some(match error {
        ListError::UnusedIds { column, used, .. } => {
            let other = used.as_ref().map_or_else(String::new, |used| {
                format!(", or --id-column {} to use those ids", quoted(used))
            });
            format!(
                "Add --id-column {}{other}, or remove the column.",
                quoted(column)
            )
        }
        ListError::TwoNames { column, other, .. } => format!(
            "Add --name-column {} or --name-column {}.",
            quoted(column),
            quoted(other)
        ),
        ListError::Guids { names, .. } => {
            let column = options.name_column.as_ref().or(names.as_ref());
            let by_name = match column {
                Some(column) => format!("--name-column {}", quoted(column)),
                None => "--name-column with the column of the DNS names".to_owned(),
            };
            match (&options.id_column, &options.name_column) {
                (Some(_), Some(_)) => {
                    format!("Remove --id-column: {by_name} selects the machines by name.")
                }
                (Some(_), None) => {
                    format!("Replace --id-column with {by_name}, to select the machines by name.")
                }
                (None, _) => format!("Add {by_name}, to select the machines by name."),
            }
        }
        ListError::NoIds(_) => {
            "Give the column of the ids with --id-column, or the column of the DNS names with \
             --name-column."
                .to_owned()
        }
        ListError::Columns(_) => "Give the column with --id-column or --name-column.".to_owned(),
        ListError::NoHeader(_) => "Add a header line such as machineId,name.".to_owned(),
        _ => return None,
    })
}

/// The column as an argument in a shell.
fn quoted(column: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if column.chars().all(is_plain) {
        column.to_owned()
    } else {
        format!("{column:?}")
    }
}

/// A summary of what was read of a list.
fn summary(list: &MachineList) -> String {
    let count = |count: usize, noun: &str| {
        if count == 1 {
            format!("1 {noun}")
        } else {
            format!("{count} {noun}s")
        }
    };
    let mut text = format!(
        "read {}, {}",
        count(list.rows, "row"),
        count(list.entries.len(), "machine")
    );
    let repeated = (list.repeated > 0).then(|| format!("{} repeated", list.repeated));
    let remarks = (list.remarks > 0)
        .then(|| format!("{} beginning with # skipped", count(list.remarks, "line")));
    let more: Vec<String> = repeated.into_iter().chain(remarks).collect();
    if !more.is_empty() {
        text.push_str(&format!(" ({})", more.join(", ")));
    }
    text
}
