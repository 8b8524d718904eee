//! Counts the machines in each state.

use std::collections::HashMap;

use offboard::{contract::MachineId, order::State};

/// The states in the sequence in which they are shown.
const SHOWN: [State; 10] = [
    State::Succeeded,
    State::Accepted,
    State::Pending,
    State::Skipped,
    State::Rejected,
    State::Failed,
    State::TimedOut,
    State::Cancelled,
    State::NotSent,
    State::Unknown,
];

/// The state of each machine, and the number of machines in each state.
#[derive(Default)]
pub(super) struct States {
    /// By the first digits of the machine ids, to save memory: there may be 100,000 machines.
    by_machine: HashMap<u128, State>,
    counts: HashMap<&'static str, u64>,
}

impl States {
    pub(super) fn set(&mut self, machine: &MachineId, state: State) {
        let digits = machine.as_str().get(..32).unwrap_or_default();
        let key = u128::from_str_radix(digits, 16).unwrap_or_default();
        if let Some(before) = self.by_machine.insert(key, state)
            && let Some(count) = self.counts.get_mut(before.name())
        {
            *count -= 1;
        }
        *self.counts.entry(state.name()).or_default() += 1;
    }

    pub(super) fn count(&self, states: &[State]) -> u64 {
        let count = |state: &State| self.counts.get(state.name()).copied();
        states.iter().filter_map(count).sum()
    }

    /// The number of machines in each state, with the name of the state, unless it is 0.
    pub(super) fn in_words(&self) -> Vec<String> {
        SHOWN
            .iter()
            .map(|state| (state, self.count(&[*state])))
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| format!("{count} {state}"))
            .collect()
    }

    /// The number of orders, at least `announced`. Orders of an earlier process are known only
    /// when they change.
    pub(super) fn total(&self, announced: u64) -> u64 {
        announced.max(self.by_machine.len() as u64)
    }

    /// The number of orders with an answer; or with a final action, if actions are tracked.
    pub(super) fn settled(&self, is_tracking: bool) -> u64 {
        let open = if is_tracking {
            self.count(&[State::Accepted, State::Pending])
        } else {
            0
        };
        (self.by_machine.len() as u64).saturating_sub(open)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_total_includes_every_settled_order() {
        let id = |number: u32| {
            format!("{number:08x}{:032x}", 0)
                .parse::<MachineId>()
                .unwrap()
        };
        let mut states = States::default();
        states.set(&id(1), State::Unknown);
        for number in 1..=24 {
            states.set(&id(number), State::Accepted);
        }
        assert_eq!((states.settled(false), states.total(23)), (24, 24));
        assert_eq!((states.settled(true), states.total(30)), (0, 30));
        states.set(&id(1), State::Succeeded);
        assert_eq!(states.settled(true), 1);
    }

    /// A cancelled action did not fail.
    #[test]
    fn states_have_their_documented_names() {
        let id = |number: u32| format!("{number:08x}{:032x}", 0).parse().unwrap();
        let mut states = States::default();
        for (number, state) in (0..).zip([
            State::Cancelled,
            State::TimedOut,
            State::Succeeded,
            State::NotSent,
            State::Succeeded,
        ]) {
            states.set(&id(number), state);
        }
        let words = ["2 succeeded", "1 timed-out", "1 cancelled", "1 not-sent"];
        assert_eq!(states.in_words(), words);
    }
}
