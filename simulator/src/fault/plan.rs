//! A fault plan, as plain data.

use super::rule::{FaultRule, FaultSyntaxError};

/// A fault plan: rules, and the random seed of their shares. The same plan and the same calls
/// in the same order give the same faults.
///
/// Several rules can match one call, and each has its effect. If two of them have the same
/// kind of effect, such as a different answer, the first one is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultPlan {
    /// The random seed of the shares, for each rule separately.
    pub seed: u64,
    /// The rules, in order of precedence.
    pub rules: Vec<FaultRule>,
}

/// The default has no faults.
impl Default for FaultPlan {
    fn default() -> Self {
        Self {
            seed: 1,
            rules: Vec::new(),
        }
    }
}

impl FaultPlan {
    /// A plan with these rules, in the syntax of [`FaultRule`], with the default seed.
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
