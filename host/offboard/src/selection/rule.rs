//! Selection by rule: the machines of the fleet that meet conditions. Pure: the input is plain
//! facts and the time.

use std::{cmp::Ordering, fmt, str::FromStr, time::Duration};

use glob::{MatchOptions, Pattern};
use jiff::Timestamp;
use thiserror::Error;

/// Conditions for machines. A machine is selected if it is onboarded and meets all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// The machine was not seen for at least this long.
    pub inactive_for: Option<Duration>,
    /// It has all of these tags, regardless of case.
    pub tags: Vec<String>,
    /// It belongs to one of these device groups, regardless of case.
    pub groups: Vec<String>,
    /// Its operating system, as the service names it, matches one of these patterns, regardless
    /// of case: `*` is any text, `?` any character.
    pub systems: Vec<SystemPattern>,
    /// Its sensor has an older version. Versions of different operating systems cannot be
    /// compared.
    pub older_agent_than: Option<AgentVersion>,
}

/// The facts about a machine that a rule checks; `None` if they are unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineFacts {
    /// Whether it is onboarded, as the service reports it.
    pub onboarding: Option<String>,
    /// When it last reported.
    pub last_seen: Option<Timestamp>,
    /// Its tags.
    pub tags: Option<Vec<String>>,
    /// The name of its device group.
    pub group: Option<String>,
    /// Its operating system.
    pub system: Option<String>,
    /// The version of its sensor.
    pub agent: Option<AgentVersion>,
}

/// Whether a rule selects a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleVerdict {
    /// It meets all conditions.
    Selected,
    /// It does not meet a condition.
    NotSelected,
    /// A fact is unknown, and it meets all other conditions.
    Undecided,
}

impl Rule {
    /// Whether the rule has no conditions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a machine with these facts is selected.
    #[must_use]
    pub fn evaluate(&self, facts: &MachineFacts, now: Timestamp) -> RuleVerdict {
        // It would select the whole fleet.
        if self.is_empty() {
            return RuleVerdict::NotSelected;
        }
        let conditions = [
            (
                true,
                facts
                    .onboarding
                    .as_ref()
                    .map(|found| same(found, "Onboarded")),
            ),
            (
                self.inactive_for.is_some(),
                self.is_inactive(facts.last_seen, now),
            ),
            (
                !self.tags.is_empty(),
                facts.tags.as_ref().map(|held| self.has_tags(held)),
            ),
            (
                !self.groups.is_empty(),
                facts.group.as_ref().map(|group| self.is_of_group(group)),
            ),
            (
                !self.systems.is_empty(),
                facts.system.as_ref().map(|system| self.is_system(system)),
            ),
            (
                self.older_agent_than.is_some(),
                facts.agent.as_ref().map(|agent| self.is_older(agent)),
            ),
        ];
        let conditions = conditions.into_iter().filter(|(is_set, _)| *is_set);
        let mut verdict = RuleVerdict::Selected;
        for (_, met) in conditions {
            match met {
                Some(true) => {}
                Some(false) => return RuleVerdict::NotSelected,
                None => verdict = RuleVerdict::Undecided,
            }
        }
        verdict
    }

    fn is_inactive(&self, last_seen: Option<Timestamp>, now: Timestamp) -> Option<bool> {
        let unseen = Duration::try_from(now.duration_since(last_seen?)).unwrap_or_default();
        Some(unseen >= self.inactive_for?)
    }

    fn has_tags(&self, held: &[String]) -> bool {
        let has = |tag: &String| held.iter().any(|held| same(held, tag));
        self.tags.iter().all(has)
    }

    fn is_of_group(&self, group: &str) -> bool {
        self.groups.iter().any(|of_rule| same(of_rule, group))
    }

    fn is_system(&self, system: &str) -> bool {
        self.systems.iter().any(|pattern| pattern.matches(system))
    }

    fn is_older(&self, agent: &AgentVersion) -> bool {
        self.older_agent_than
            .as_ref()
            .is_some_and(|than| agent < than)
    }
}

fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// A pattern for operating systems: `*` is any text, `?` any character. Case does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemPattern(Pattern);

/// A text that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPattern {
    /// Only white space.
    #[error("the pattern is blank")]
    Blank,
    /// A syntax error.
    #[error("this is not a pattern: {0}")]
    Syntax(&'static str),
}

impl SystemPattern {
    fn matches(&self, system: &str) -> bool {
        let options = MatchOptions {
            case_sensitive: false,
            ..MatchOptions::default()
        };
        self.0.matches_with(system.trim(), options)
    }
}

impl FromStr for SystemPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        match text.trim() {
            "" => Err(InvalidPattern::Blank),
            text => Pattern::new(text)
                .map(Self)
                .map_err(|error| InvalidPattern::Syntax(error.msg)),
        }
    }
}

/// The version of a sensor: numbers with dots between them, such as `10.8760.22621.3155`. Missing
/// numbers count as 0.
#[derive(Debug, Clone)]
pub struct AgentVersion(Vec<u64>);

/// A text that is not the version of a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a version is numbers with dots between them, such as 10.8760.22621.3155")]
pub struct InvalidVersion;

impl FromStr for AgentVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_number)
        };
        let numbers: Option<Vec<u64>> = text.trim().split('.').map(number).collect();
        numbers.map(Self).ok_or(InvalidVersion)
    }
}

impl fmt::Display for AgentVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&numbers.join("."))
    }
}

impl Ord for AgentVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |version: &Self, at| version.0.get(at).copied().unwrap_or_default();
        let numbers = 0..self.0.len().max(other.0.len());
        let mut orders = numbers.map(|at| number(self, at).cmp(&number(other, at)));
        orders
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for AgentVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for AgentVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for AgentVersion {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn now() -> Timestamp {
        "2026-11-28T12:00:00Z".parse().unwrap()
    }

    fn facts() -> MachineFacts {
        MachineFacts {
            onboarding: Some("Onboarded".to_owned()),
            last_seen: Some("2026-10-29T12:00:00Z".parse().unwrap()),
            tags: Some(vec!["Retired".to_owned(), "Lab".to_owned()]),
            group: Some("Workstations".to_owned()),
            system: Some("Windows10".to_owned()),
            agent: Some("10.8760.19045.1".parse().unwrap()),
        }
    }

    fn rule() -> Rule {
        Rule {
            inactive_for: Some(30 * DAY),
            tags: vec!["retired".to_owned()],
            groups: vec!["Servers".to_owned(), "workstations".to_owned()],
            systems: vec!["windows1?".parse().unwrap()],
            older_agent_than: Some("10.8760.19045.2".parse().unwrap()),
        }
    }

    #[test]
    fn a_machine_is_selected_if_it_meets_every_condition() {
        assert_eq!(rule().evaluate(&facts(), now()), RuleVerdict::Selected);
        let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        for other in [
            Rule {
                inactive_for: Some(31 * DAY),
                ..rule()
            },
            Rule {
                tags: tags(&["Retired", "Gone"]),
                ..rule()
            },
            Rule {
                groups: tags(&["Work"]),
                ..rule()
            },
            Rule {
                systems: vec!["windows".parse().unwrap()],
                ..rule()
            },
            Rule {
                older_agent_than: Some("10.8760.19045.1".parse().unwrap()),
                ..rule()
            },
        ] {
            let verdict = other.evaluate(&facts(), now());
            assert_eq!(verdict, RuleVerdict::NotSelected, "{other:?}");
        }
        // It reports now, or its clock is ahead.
        let seen = MachineFacts {
            last_seen: Some("2026-11-29T12:00:00Z".parse().unwrap()),
            ..facts()
        };
        assert_eq!(rule().evaluate(&seen, now()), RuleVerdict::NotSelected);
        let offboarded = MachineFacts {
            onboarding: Some("CanBeOnboarded".to_owned()),
            ..facts()
        };
        assert_eq!(
            rule().evaluate(&offboarded, now()),
            RuleVerdict::NotSelected
        );
    }

    #[test]
    fn a_machine_without_a_fact_is_not_selected() {
        for unknown in [
            MachineFacts {
                onboarding: None,
                ..facts()
            },
            MachineFacts {
                last_seen: None,
                ..facts()
            },
            MachineFacts {
                tags: None,
                ..facts()
            },
            MachineFacts {
                group: None,
                ..facts()
            },
            MachineFacts {
                system: None,
                ..facts()
            },
            MachineFacts {
                agent: None,
                ..facts()
            },
        ] {
            let verdict = rule().evaluate(&unknown, now());
            assert_eq!(verdict, RuleVerdict::Undecided, "{unknown:?}");
            let other = Rule {
                tags: vec!["other".to_owned()],
                groups: vec!["other".to_owned()],
                ..rule()
            };
            let verdict = other.evaluate(&unknown, now());
            assert_eq!(verdict, RuleVerdict::NotSelected, "{unknown:?}");
        }
        let none = Rule::default().evaluate(&facts(), now());
        assert_eq!(none, RuleVerdict::NotSelected);
        // Facts that no condition needs do not matter.
        let rule = Rule {
            tags: vec!["lab".to_owned()],
            ..Rule::default()
        };
        let known = MachineFacts {
            last_seen: None,
            agent: None,
            ..facts()
        };
        assert_eq!(rule.evaluate(&known, now()), RuleVerdict::Selected);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let version = |text: &str| text.parse::<AgentVersion>().unwrap();
        assert!(version("10.9") < version("10.10"));
        assert!(version("10") < version("10.0.1"));
        assert_eq!(version("10"), version("10.0.0"));
        for text in [
            "",
            "10.",
            "10.x",
            "v10",
            "+1",
            "1..2",
            "99999999999999999999999",
        ] {
            assert!(text.parse::<AgentVersion>().is_err(), "{text}");
        }
    }
}
