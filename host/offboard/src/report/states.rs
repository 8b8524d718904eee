//! The states of an order as the page shows them: as a word, with a mark that does not need
//! colour, and in groups by what the reader has to do.

use serde::Serialize;

use super::text::{escape, shown};

/// The groups, by what a reader has to do.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Group {
    Offboarded,
    UnderWay,
    Unknown,
    Refused,
    NotSent,
}

/// A state, as the page shows it.
#[derive(Serialize)]
pub(super) struct Shown {
    pub name: &'static str,
    pub mark: char,
    pub group: Group,
    #[serde(skip)]
    pub meaning: &'static str,
}

/// All states, in the order in which tables sort them: those that need action are in the
/// middle, and unsent ones last. The last one is for unknown states.
#[rustfmt::skip]
pub(super) const STATES: [Shown; 13] = [
    state("succeeded", '●', Group::Offboarded, "The device was offboarded."),
    state("accepted", '◑', Group::UnderWay, "The service accepted it, and it has not ended."),
    state("pending", '◔', Group::UnderWay, "Accepted, and not ended when tracking stopped."),
    state("sending", '◌', Group::UnderWay, "The request may be in flight."),
    state("unknown", '?', Group::Unknown, "Sent, but not answered: it may have been carried out."),
    state("failed", '■', Group::Refused, "The device could not carry it out."),
    state("timed-out", '▲', Group::Refused, "The device did not fetch it in time."),
    state("cancelled", '◇', Group::Refused, "It was cancelled."),
    state("rejected", '◆', Group::Refused, "It was refused; nothing was done. No resume sends it."),
    state("not-sent", '□', Group::NotSent, "Nothing was done; safe to repeat."),
    state("skipped", '–', Group::NotSent, "Skipped intentionally."),
    state("planned", '○', Group::NotSent, "Nothing was sent yet."),
    state("other", '*', Group::Unknown, "An unknown state."),
];

const fn state(name: &'static str, mark: char, group: Group, meaning: &'static str) -> Shown {
    Shown {
        name,
        mark,
        group,
        meaning,
    }
}

impl Group {
    /// The groups, in the order in which they are listed.
    pub(super) const ALL: [Self; 5] = [
        Self::Offboarded,
        Self::UnderWay,
        Self::Unknown,
        Self::Refused,
        Self::NotSent,
    ];

    /// The text.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Offboarded => "offboarded",
            Self::UnderWay => "in progress",
            Self::Unknown => "unknown",
            Self::Refused => "refused or failed",
            Self::NotSent => "not sent",
        }
    }

    /// The CSS class, which sets its colour.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Offboarded => "offboarded",
            Self::UnderWay => "under-way",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::NotSent => "not-sent",
        }
    }
}

/// The position of a state in `STATES`.
pub(super) fn place(name: &str) -> usize {
    let last = STATES.len() - 1;
    STATES[..last]
        .iter()
        .position(|state| state.name == name)
        .unwrap_or(last)
}

/// A state's mark and word. The CSS class is never external text.
pub(super) fn html(name: &str) -> String {
    let state = &STATES[place(name)];
    format!(
        "<span class=\"state {}\"><span aria-hidden=\"true\">{}</span> {}</span>",
        state.group.class(),
        state.mark,
        escape(&shown(name))
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::order::State;

    #[test]
    fn every_state_of_an_order_is_known() {
        for state in [
            State::Planned,
            State::Sending,
            State::Accepted,
            State::Succeeded,
            State::Failed,
            State::TimedOut,
            State::Cancelled,
            State::Pending,
            State::Rejected,
            State::NotSent,
            State::Skipped,
            State::Unknown,
        ] {
            assert_eq!(STATES[place(state.name())].name, state.name());
        }
    }

    #[test]
    fn no_two_states_share_a_mark() {
        let marks: HashSet<char> = STATES.iter().map(|state| state.mark).collect();
        assert_eq!(marks.len(), STATES.len());
    }

    #[test]
    fn a_state_that_is_not_known_is_shown_as_it_is() {
        let html = html("\"><b onclick=x>");
        assert!(html.contains("class=\"state unknown\""), "{html}");
        assert!(html.contains("&quot;&gt;&lt;b onclick=x&gt;"), "{html}");
        assert_eq!(STATES[place("other")].name, "other");
    }

    #[test]
    fn the_script_knows_a_group_by_its_class() {
        for group in Group::ALL {
            assert_eq!(
                serde_json::to_string(&group).ok(),
                Some(format!("\"{}\"", group.class()))
            );
        }
    }
}
