//! Which machines a run is for: those that are named, or those of a list; each
//! once, with its comment.

use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use uuid::Uuid;

use super::{args::RunArgs, screen::Screen};
use offboard::{
    ledger::Plan,
    selection::{
        EntryComment, InvalidReference, LineError, ListError, ListOptions, MachineList,
        MachineReference, RowError,
    },
    text::clean,
};

/// The most faults of a list that are shown.
const MAX_FAULTS: usize = 50;

/// A machine that is to be offboarded, and why.
pub(super) struct Wanted {
    pub(super) named: MachineReference,
    /// What a list calls the machine whose id it has.
    pub(super) called: Option<String>,
    pub(super) comment: EntryComment,
}

/// Where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListSource {
    Stdin,
    File(PathBuf),
}

impl fmt::Display for ListSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => formatter.write_str("standard input"),
            Self::File(path) => formatter.write_str(&offboard::mask::path(path)),
        }
    }
}

/// A file, or `-` for standard input.
pub(super) fn source(text: &str) -> Result<ListSource, String> {
    Ok(match text {
        "" => return Err("it is blank".to_owned()),
        "-" => ListSource::Stdin,
        path => ListSource::File(Path::new(path).to_owned()),
    })
}

/// The machines that a user wants offboarded.
///
/// # Errors
/// The list cannot be read, or it has faults, which are shown.
pub(super) fn wanted(args: &RunArgs, screen: &Screen) -> Result<Vec<Wanted>> {
    let Some(from) = &args.from else {
        let comment = args.comment.as_ref().context("--comment is missing")?;
        let mut wanted: Vec<Wanted> = Vec::new();
        for named in &args.machines {
            let mut known = wanted.iter_mut().map(|wanted| &mut wanted.named);
            if known.any(|known| known.merge(named)) {
                continue;
            }
            wanted.push(Wanted {
                named: named.clone(),
                called: None,
                comment: comment.clone().into(),
            });
        }
        return Ok(wanted);
    };
    let options = ListOptions {
        comment: args.comment.clone(),
        id_column: args.id_column.clone(),
        name_column: args.name_column.clone(),
    };
    let list = match from {
        ListSource::Stdin => MachineList::read(io::stdin().lock(), &options),
        ListSource::File(path) => match File::open(path) {
            Ok(file) => MachineList::read(file, &options),
            Err(error) => Err(error.into()),
        },
    };
    let list = list.map_err(|error| {
        if let ListError::Lines(errors) = &error {
            show(errors, screen);
        }
        let help = help(&error, &options);
        anyhow!("{from}: {error}, and nothing was sent{help}")
    })?;
    screen.say(&summary(&list));
    let entries = list.entries.into_iter();
    Ok(entries
        .map(|entry| Wanted {
            named: entry.machine,
            called: entry.display_name,
            comment: entry.comment,
        })
        .collect())
}

fn show(errors: &[LineError], screen: &Screen) {
    let screen = screen.insisting();
    for LineError { line, error } in errors.iter().take(MAX_FAULTS) {
        let more = match error {
            RowError::Machine {
                error: InvalidReference::Name,
                ..
            } => "; `offboard find` finds devices with other names",
            RowError::NoComment => ", and there is no --comment",
            _ => "",
        };
        screen.say(&clean(&format!("line {line}: {error}{more}")));
    }
    if let more @ 1.. = errors.len().saturating_sub(MAX_FAULTS) {
        screen.say(&format!("and {more} more"));
    }
}

/// What the user can do about a list that cannot be used.
fn help(error: &ListError, options: &ListOptions) -> String {
    match error {
        ListError::UnusedIds { column, used, .. } => {
            let other = used.as_ref().map_or_else(String::new, |used| {
                format!(", or --id-column {} if those ids are meant", quoted(used))
            });
            format!(
                ": add --id-column {}{other}, or remove the column",
                quoted(column)
            )
        }
        ListError::TwoNames { column, other, .. } => format!(
            ": add --name-column {} or --name-column {}",
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
                    format!(": leave out --id-column; {by_name} selects the machines by name")
                }
                (Some(_), None) => {
                    format!(": replace --id-column by {by_name}, to select the machines by name")
                }
                (None, _) => format!(": add {by_name}, to select the machines by name"),
            }
        }
        ListError::NoIds(_) => {
            ": name the column of the ids with --id-column, or the column of the DNS names with \
             --name-column"
                .to_owned()
        }
        ListError::Columns(_) => ": name the column with --id-column or --name-column".to_owned(),
        ListError::NoHeader(_) => ": add a header line such as machineId,name".to_owned(),
        _ => String::new(),
    }
}

/// The column's name as an argument in a shell.
fn quoted(column: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match column.chars().all(is_plain) {
        true => column.to_owned(),
        false => format!("{column:?}"),
    }
}

/// A summary of what was read of a list.
fn summary(list: &MachineList) -> String {
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let mut words = format!(
        "read {}, {}",
        count(list.rows, "row"),
        count(list.entries.len(), "machine")
    );
    let repeated = (list.repeated > 0).then(|| format!("{} repeated", list.repeated));
    let remarks = (list.remarks > 0)
        .then(|| format!("{} beginning with # skipped", count(list.remarks, "line")));
    let more: Vec<String> = repeated.into_iter().chain(remarks).collect();
    if !more.is_empty() {
        words.push_str(&format!(" ({})", more.join(", ")));
    }
    words
}

impl Wanted {
    /// The order for it, the one with this number in its run.
    ///
    /// # Errors
    /// With the ids of run and order the comment is too long.
    pub(super) fn plan(&self, correlate: bool, run: Uuid, number: usize) -> Result<Plan> {
        let comment = self.comment.comment()?;
        let comment = match correlate {
            true => format!("{comment} [offboard {}/{number}]", run.simple()).parse()?,
            false => comment,
        };
        Ok(Plan {
            target: self.named.target.clone(),
            comment,
            called: self.called.clone(),
        })
    }
}
