//! The machines of a run: those on the command line, those of a list, or those that a rule
//! selects. Errors of a list are shown with the option or the command that helps.

use std::io;

use anyhow::{Context, Error, Result};
use offboard::{
    Client,
    client::SelectError,
    contract::{Comment, Problem},
    input_file::InputFile,
    run::Events,
    selection::{
        EntraDeviceList, InvalidReference, LineError, ListEncoding, ListError, ListOptions,
        MachineList, RowError, Rule, Selection,
    },
    text::clean,
};

use super::{
    advice::error_with_help,
    args::{ListSource, RunArgs},
    target::OTHER_NAMES,
    terminal::Terminal,
};

/// The most lines of a list that are shown as unusable.
const MAX_SHOWN: usize = 50;

/// The machines of a run, before the client connects.
pub(super) enum Selected {
    /// They are known.
    Machines(Selection),
    /// Their Entra device ids are known.
    EntraDevices(EntraDeviceList, ListSource),
    /// The rule that selects them, and their comment.
    Rule(Rule, Comment),
}

/// Why the machines of a run are not known.
pub(super) enum Unselected {
    /// The fleet could not be read.
    Fleet(Problem),
    /// The user stopped it.
    Interrupted,
    /// The user can correct the cause.
    Usage(Error),
}

impl Selected {
    /// The number of machines, if it is known.
    pub(super) fn count(&self) -> Option<u64> {
        match self {
            Self::Machines(selection) => Some(selection.len() as u64),
            Self::EntraDevices(list, _) => Some(list.entries.len() as u64),
            Self::Rule(..) => None,
        }
    }

    /// Looks up the machines in the fleet, if they are not known.
    ///
    /// # Errors
    /// The fleet could not be read, or devices do not have exactly one machine.
    pub(super) async fn resolve(
        self,
        client: &Client,
        events: &Events,
        terminal: &Terminal,
    ) -> Result<Selection, Unselected> {
        match self {
            Self::Machines(selection) => Ok(selection),
            Self::EntraDevices(list, source) => {
                let devices = client.entra_devices(events).await?;
                let machines = list.resolve(&devices);
                let machines = machines
                    .map_err(|error| explain(&error, &source, &ListOptions::default(), terminal));
                Ok(Selection::from_list(machines?))
            }
            Self::Rule(rule, comment) => {
                let selected = client.select(&rule, &comment, events).await?;
                let (count, fleet) = (selected.selection.len(), selected.fleet);
                let text = format!("the rule selects {count} of {fleet} machines");
                if count == 0 {
                    // A misspelled group or tag selects nothing either.
                    terminal.warn(&text);
                } else {
                    terminal.print(&text);
                }
                if selected.undecided > 0 {
                    terminal.print(&format!(
                        "note: {} machines are not selected because the service does not report \
                         a property that the rule needs.",
                        selected.undecided
                    ));
                }
                Ok(selected.selection)
            }
        }
    }
}

impl From<SelectError> for Unselected {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Fleet(problem) => Self::Fleet(problem),
            SelectError::Clock => Self::Usage(error_with_help(
                error,
                "Correct this computer's clock. Nothing was sent.",
            )),
            error => Self::Usage(error.into()),
        }
    }
}

impl From<Error> for Unselected {
    fn from(error: Error) -> Self {
        Self::Usage(error)
    }
}

/// The machines that the user selected.
///
/// # Errors
/// The list cannot be read, or has lines that cannot be used. These are shown.
pub(super) fn selection(args: &RunArgs, terminal: &Terminal) -> Result<Selected> {
    let Some(source) = &args.from else {
        let comment = args.comment.as_ref().context("--comment is missing")?;
        return Ok(match args.rule.rule() {
            Some(rule) => Selected::Rule(rule, comment.clone()),
            None => Selected::Machines(Selection::of(args.machines.iter().cloned(), comment)),
        });
    };
    let options = ListOptions {
        comment: args.comment.clone(),
        id_column: args.id_column.clone(),
        entra_id_column: args.entra_id_column.clone(),
        name_column: args.name_column.clone(),
    };
    if options.entra_id_column.is_some() {
        let list = match source {
            ListSource::Stdin => EntraDeviceList::read_devices(io::stdin().lock(), &options),
            ListSource::File(path) => match InputFile::open(path) {
                Ok(file) => EntraDeviceList::read_devices(file, &options),
                Err(error) => Err(error.into()),
            },
        };
        let list = list.map_err(|error| explain(&error, source, &options, terminal))?;
        show_summary(&list, terminal);
        return Ok(Selected::EntraDevices(list, source.clone()));
    }
    let list = match source {
        ListSource::Stdin => MachineList::read(io::stdin().lock(), &options),
        ListSource::File(path) => match InputFile::open(path) {
            Ok(file) => MachineList::read(file, &options),
            Err(error) => Err(error.into()),
        },
    };
    let list = list.map_err(|error| explain(&error, source, &options, terminal))?;
    show_summary(&list, terminal);
    Ok(Selected::Machines(Selection::from_list(list)))
}

/// The error of a list, after its lines that cannot be used were shown.
fn explain(
    error: &ListError,
    source: &ListSource,
    options: &ListOptions,
    terminal: &Terminal,
) -> Error {
    if let ListError::Lines(errors) = error {
        show(errors, terminal);
    }
    let help = help(error, options);
    let error = format!("{source}: {error}. Nothing was sent");
    match help {
        Some(help) => error_with_help(error, help),
        None => Error::msg(error),
    }
}

fn show(errors: &[LineError], terminal: &Terminal) {
    let terminal = terminal.unmuted();
    for LineError { line, error } in errors.iter().take(MAX_SHOWN) {
        let more = match error {
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
        ListError::Lines(errors) => errors.iter().find_map(line_help)?.to_owned(),
        ListError::Encoding => "Save it as \"CSV UTF-8\", or as plain text in UTF-8.".to_owned(),
        ListError::Array => {
            "Write one object per line, as `jq -c '.[]'` prints them, or one array \
            of objects."
                .to_owned()
        }
        ListError::NextPage => "Save the other pages, too, and put them into one file.".to_owned(),
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
        ListError::Guids {
            column,
            names,
            entra_devices,
        } => guids(
            column.is_some(),
            names.as_ref(),
            entra_devices.as_ref(),
            options,
        ),
        ListError::NoIds(_) => {
            "Give the column of the ids with --id-column, or the column of the DNS names with \
             --name-column."
                .to_owned()
        }
        ListError::Columns(_) => {
            "Give the column with --id-column, --entra-id-column or --name-column.".to_owned()
        }
        ListError::NoHeader(_) => "Add a header line such as machineId,name.".to_owned(),
        _ => return None,
    })
}

/// The remedy for a line that cannot be used.
fn line_help(line: &LineError) -> Option<&'static str> {
    match &line.error {
        RowError::Machine {
            error: InvalidReference::Name,
            ..
        } => Some(OTHER_NAMES),
        RowError::Swallowed(_) => Some("Remove the line breaks or the column."),
        RowError::AfterQuote(_) | RowError::StrayQuote => Some(
            "Enclose the cell in quotation marks, and write each quotation mark inside it twice.",
        ),
        _ => None,
    }
}

/// The remedy for a list with GUIDs in the place of machine ids.
fn guids(
    has_columns: bool,
    names: Option<&String>,
    entra_devices: Option<&String>,
    options: &ListOptions,
) -> String {
    if !has_columns {
        return "If they are Entra device ids, add the header line entraDeviceId and \
            --entra-id-column entraDeviceId, to look up their machines."
            .to_owned();
    }
    let by_device = match entra_devices {
        Some(column) => format!("--entra-id-column {}", quoted(column)),
        None => "--entra-id-column with the column of the Entra device ids".to_owned(),
    };
    let by_name = match options.name_column.as_ref().or(names) {
        Some(column) => format!("--name-column {}", quoted(column)),
        None => "--name-column with the column of the DNS names".to_owned(),
    };
    match (&options.id_column, &options.name_column) {
        (Some(_), Some(_)) => {
            format!("Remove --id-column: {by_name} selects the machines by name.")
        }
        (Some(_), None) => format!(
            "Replace --id-column with {by_name}, to select the machines by name, or with \
             {by_device}, to look up the machines of these devices."
        ),
        (None, _) => format!(
            "Add {by_name}, to select the machines by name, or {by_device}, to look up the \
             machines of these devices."
        ),
    }
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

/// Shows what was read of a list.
fn show_summary<M>(list: &MachineList<M>, terminal: &Terminal) {
    terminal.print(&summary(list));
    if list.encoding != ListEncoding::Utf8 {
        let caution = if list.encoding == ListEncoding::Windows1252 {
            " Letters that are not ASCII may be wrong."
        } else {
            ""
        };
        terminal.print(&format!(
            "note: The list was read as {}, because it is not UTF-8.{caution}",
            list.encoding.name()
        ));
    }
}

/// A summary of what was read of a list.
fn summary<M>(list: &MachineList<M>) -> String {
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
