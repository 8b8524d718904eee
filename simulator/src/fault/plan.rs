//! A whole plan, as plain data.

use super::rule::{FaultRule, FaultSyntaxError};

/// What goes wrong: rules, and what their shares are drawn from. The same plan
/// and the same calls in the same order give the same faults.
///
/// Several rules can meet one call, and each does its part. Of those that want
/// the same part, such as two that decide the answer, the first has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultPlan {
    /// What shares are drawn from, for each rule separately.
    pub seed: u64,
    /// In the order of their precedence.
    pub rules: Vec<FaultRule>,
}

/// Nothing goes wrong.
impl Default for FaultPlan {
    fn default() -> Self {
        Self {
            seed: 1,
            rules: Vec::new(),
        }
    }
}

impl FaultPlan {
    /// A plan of these rules, each written as [`FaultRule`] says, with the
    /// default seed.
    ///
    /// ```
    /// use offboard_simulator::{Config, FaultPlan};
    ///
    /// let config = Config {
    ///     faults: FaultPlan::parse(["offboard:1:drop-after-commit", "any:5%:status=503"])?,
    ///     ..Config::default()
    /// };
    /// # Ok::<(), offboard_simulator::FaultSyntaxError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// For the first text that isn't a rule.
    pub fn parse<I>(rules: I) -> Result<Self, FaultSyntaxError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let rules = rules.into_iter().map(|rule| rule.as_ref().parse());
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
            ..Self::default()
        })
    }
}
