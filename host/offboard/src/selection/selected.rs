//! The machines that are to be offboarded: each once, with its comment.

use std::{collections::HashMap, slice, vec};

use uuid::Uuid;

use super::{MachineComment, MachineList, MachineReference};
use crate::contract::{Comment, InvalidComment};

/// A machine that is to be offboarded, and the reason.
#[derive(Debug, Clone)]
pub struct SelectedMachine {
    /// The machine.
    pub machine: MachineReference,
    /// The machine's name in a list that also has its id. If the service reports another
    /// name for that id, nothing is sent.
    pub display_name: Option<String>,
    /// The reason for the offboarding.
    pub comment: MachineComment,
}

impl SelectedMachine {
    /// The comment, followed by the ids of the run and of the order in it, so that the
    /// service's record leads to the ledger's. Orders are numbered from 1.
    ///
    /// # Errors
    /// The comment is invalid, or too long with the ids.
    pub fn correlated_comment(&self, run: Uuid, order: usize) -> Result<Comment, InvalidComment> {
        let comment = self.comment.comment()?;
        format!("{comment} [offboard {}/{order}]", run.simple()).parse()
    }
}

/// The machines that are to be offboarded: each once, in the order of the caller.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    machines: Vec<SelectedMachine>,
}

impl Selection {
    /// Selects these machines, all with this comment. A machine that is repeated is
    /// selected once. Two references with different tenants are different machines.
    pub fn of(machines: impl IntoIterator<Item = MachineReference>, comment: &Comment) -> Self {
        let mut selected: Vec<SelectedMachine> = Vec::new();
        let mut positions: HashMap<String, Vec<usize>> = HashMap::new();
        for machine in machines {
            let same_key = positions.entry(machine.key()).or_default();
            let is_repeated = same_key
                .iter()
                .any(|&position: &usize| selected[position].machine.merge(&machine));
            if is_repeated {
                continue;
            }
            same_key.push(selected.len());
            selected.push(SelectedMachine {
                machine,
                display_name: None,
                comment: comment.clone().into(),
            });
        }
        Self { machines: selected }
    }

    /// Selects the machines of a list, in which each machine is once.
    #[must_use]
    pub fn from_list(list: MachineList) -> Self {
        let machines = list.entries.into_iter().map(|entry| SelectedMachine {
            machine: entry.machine,
            display_name: entry.display_name,
            comment: entry.comment,
        });
        Self {
            machines: machines.collect(),
        }
    }

    /// The number of machines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.machines.len()
    }

    /// Whether no machine is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.machines.is_empty()
    }

    /// The machines, in the order of the caller.
    pub fn iter(&self) -> slice::Iter<'_, SelectedMachine> {
        self.machines.iter()
    }
}

impl FromIterator<SelectedMachine> for Selection {
    /// Selects these machines. Each must be there once.
    fn from_iter<I: IntoIterator<Item = SelectedMachine>>(machines: I) -> Self {
        Self {
            machines: machines.into_iter().collect(),
        }
    }
}

impl From<MachineList> for Selection {
    fn from(list: MachineList) -> Self {
        Self::from_list(list)
    }
}

impl IntoIterator for Selection {
    type Item = SelectedMachine;
    type IntoIter = vec::IntoIter<SelectedMachine>;

    fn into_iter(self) -> Self::IntoIter {
        self.machines.into_iter()
    }
}

impl<'a> IntoIterator for &'a Selection {
    type Item = &'a SelectedMachine;
    type IntoIter = slice::Iter<'a, SelectedMachine>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::selection::ListOptions;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";
    const TENANT: &str = "11111111-2222-3333-4444-555555555555";

    fn of(machines: &[&str]) -> Selection {
        let machines = machines.iter().map(|text| text.parse().unwrap());
        Selection::of(machines, &"Retired".parse().unwrap())
    }

    #[test]
    fn a_repeated_machine_is_selected_once() {
        let url = format!("https://security.microsoft.com/machines/{ID}?tid={TENANT}");
        let found = of(&["pc-1", ID, "PC-1", &url, &ID.to_uppercase()]);
        let machines: Vec<String> = found
            .iter()
            .map(|selected| selected.machine.target.to_string())
            .collect();
        assert_eq!(machines, ["pc-1", ID]);
        // The URL names the tenant of the id before it.
        let tenant = found.into_iter().nth(1).unwrap().machine.tenant;
        assert_eq!(tenant, Some(TENANT.parse().unwrap()));
        let other = url.replace(TENANT, &TENANT.replace('1', "2"));
        assert_eq!(of(&[&url, &other, &url, &other, ID]).len(), 2);
        assert!(of(&[]).is_empty());
    }

    #[test]
    fn a_list_is_selected_with_its_names_and_comments() {
        let text = format!("machineId,name,comment\n{ID},pc-1,Lost\n,pc-2,\n");
        let options = ListOptions {
            comment: Some("Retired".parse().unwrap()),
            ..ListOptions::default()
        };
        let found = Selection::from(MachineList::parse(&text, &options).unwrap());
        let found: Vec<(String, Option<&str>, String)> = found
            .iter()
            .map(|selected| {
                (
                    selected.machine.target.to_string(),
                    selected.display_name.as_deref(),
                    selected.comment.comment().unwrap().to_string(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (ID.to_owned(), Some("pc-1"), "Lost".to_owned()),
                ("pc-2".to_owned(), None, "Retired".to_owned()),
            ]
        );
    }

    #[test]
    fn a_correlated_comment_ends_with_the_ids() {
        let run = TENANT.parse().unwrap();
        let selected = of(&["pc-1"]).into_iter().next().unwrap();
        let comment = selected.correlated_comment(run, 7).unwrap();
        assert_eq!(
            comment.as_str(),
            "Retired [offboard 11111111222233334444555555555555/7]"
        );
        let longest: Comment = "x".repeat(2000).parse().unwrap();
        let longest = SelectedMachine {
            comment: longest.into(),
            ..selected
        };
        assert!(longest.correlated_comment(run, 7).is_err());
    }

    #[test]
    fn a_selection_can_be_sent_to_another_task() {
        fn is_send<T: Send + Sync + 'static>() {}
        is_send::<Selection>();
    }
}
