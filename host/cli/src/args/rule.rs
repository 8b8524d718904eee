//! The arguments that select machines by rule.

use std::time::Duration;

use clap::Args;

use offboard::selection::{AgentVersion, Rule, SystemPattern};

use super::duration;

/// The names of the arguments, for conflicts with other ones.
pub(super) const RULE_ARGUMENTS: [&str; 5] = [
    "inactive_for",
    "tagged",
    "group",
    "system",
    "older_agent_than",
];

#[derive(Debug, Args)]
#[command(next_help_heading = "Selection by rule (onboarded machines that meet all conditions)")]
pub(crate) struct RuleArgs {
    /// Select machines that have not reported for this long, such as 30d
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    inactive_for: Option<Duration>,
    /// Select machines with this tag. If repeated, with all of these tags
    #[arg(long, value_name = "NAME", value_parser = text)]
    tagged: Vec<String>,
    /// Select machines of this device group. If repeated, of one of these groups
    #[arg(long, value_name = "NAME", value_parser = text)]
    group: Vec<String>,
    /// Select machines with this operating system, as the service names it, such as Windows10 or
    /// 'WindowsServer*'. If repeated, with one of these systems
    #[arg(long, value_name = "PATTERN")]
    system: Vec<SystemPattern>,
    /// Select machines whose sensor has an older version. Needs --system: the versions of different
    /// operating systems cannot be compared
    #[arg(long, value_name = "VERSION", requires = "system")]
    older_agent_than: Option<AgentVersion>,
}

impl RuleArgs {
    /// The rule; `None` without conditions.
    pub(crate) fn rule(&self) -> Option<Rule> {
        let rule = Rule {
            inactive_for: self.inactive_for,
            tags: self.tagged.clone(),
            groups: self.group.clone(),
            systems: self.system.clone(),
            older_agent_than: self.older_agent_than.clone(),
        };
        (!rule.is_empty()).then_some(rule)
    }
}

fn text(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("the name is blank".to_owned()),
        text => Ok(text.to_owned()),
    }
}
