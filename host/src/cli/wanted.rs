//! Which machines a run is for: those that are named, or those of a list; each
//! once, with its comment.

use anyhow::{Context, Result};
use uuid::Uuid;

use super::{
    args::RunArgs,
    list::{self, ListError, Wording},
    screen::Screen,
    target::Named,
};
use crate::{ledger::Plan, text::clean};

/// Faults of a list that are told one by one.
const MAX_FAULTS: usize = 50;

/// A machine that is to be offboarded, and why.
pub(super) struct Wanted {
    pub(super) named: Named,
    /// What a list calls the machine whose id it has.
    pub(super) called: Option<String>,
    pub(super) comment: Wording,
}

/// The machines that a user wants offboarded.
///
/// # Errors
/// A list that cannot be read, or has faults, which are told.
pub(super) fn wanted(args: &RunArgs, screen: &Screen) -> Result<Vec<Wanted>> {
    let Some(from) = &args.from else {
        let comment = args.comment.as_ref().context("--comment is missing")?;
        let mut wanted: Vec<Wanted> = Vec::new();
        for named in &args.machines {
            let mut known = wanted.iter_mut().map(|wanted| &mut wanted.named);
            if known.any(|known| known.takes(named)) {
                continue;
            }
            wanted.push(Wanted {
                named: named.clone(),
                called: None,
                comment: Wording::Own(comment.clone()),
            });
        }
        return Ok(wanted);
    };
    let list = list::read(from, args.comment.as_ref()).inspect_err(|error| {
        if let ListError::Faults(_, faults) = error {
            let screen = screen.insisting();
            for fault in faults.iter().take(MAX_FAULTS) {
                screen.say(&clean(&fault.to_string()));
            }
            if let more @ 1.. = faults.len().saturating_sub(MAX_FAULTS) {
                screen.say(&format!("and {more} more"));
            }
        }
    })?;
    if list.again > 0 {
        let again = list.again;
        screen.say(&format!(
            "note: {again} of the lines name a machine again, which is one order"
        ));
    }
    if list.remarks > 0 {
        let remarks = list.remarks;
        screen.say(&format!(
            "note: {remarks} lines begin with # and are passed over"
        ));
    }
    let entries = list.entries.into_iter();
    Ok(entries
        .map(|entry| Wanted {
            named: entry.named,
            called: entry.called,
            comment: entry.comment,
        })
        .collect())
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
