//! One rule of a plan.

use std::fmt;
use std::str::FromStr;

use super::effect::{Effect, NotAnEffect};
use super::route::{Call, Route};
use super::when::When;

/// A fault for some calls: `ROUTE:WHEN:WHAT`.
///
/// `ROUTE` is `any`, `api`, `machines`, `machine`, `findbyip`, `findbytag`, `logonusers`,
/// `machinealerts`, `offboard`, `isolate`, `unisolate`, `tags`, `machineactions`,
/// `machineaction`, `cancel`, `alerts`, `alert` or `token`. A route for one machine, action or
/// alert can include its id, or the machine's name: `offboard/ID`. A rule counts the calls of
/// its route, from 1.
///
/// `WHEN` is `always`, the number of a call (`3`), a range (`1-4`, `5-`), `every=5`, or a
/// share of the calls that is drawn with the plan's seed (`10%`).
///
/// `WHAT` is one of
///
/// - `delay=TIME`, `delay-after-commit=TIME`
/// - `drop-before-commit`, `drop-after-commit`
/// - `status=CODE`, `status-after-commit=CODE`, each also with `,retry-after=TIME`
/// - `garbage`, `slow-body=TIME`, `reset-in-body`, all after the commit
/// - only on `offboard`, `isolate` and `unisolate`: `visible-after=TIME`, `ends=Failed`, `ends=TimeOut`
///
/// ```
/// use offboard_simulator::FaultRule;
///
/// let rule: FaultRule = "offboard:3:drop-after-commit".parse()?;
/// assert_eq!(rule.to_string(), "offboard:3:drop-after-commit");
/// # Ok::<(), offboard_simulator::FaultSyntaxError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    route: Route,
    id: Option<String>,
    pub(super) when: When,
    pub(super) effect: Effect,
}

/// Why a text isn't a [`FaultRule`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultSyntaxError {
    /// It doesn't have three parts.
    #[error("{0:?} isn't ROUTE:WHEN:WHAT, such as offboard:3:drop-after-commit")]
    Parts(String),
    /// The route is unknown.
    #[error("{0:?} isn't a route: it is one of {names}", names = Route::names())]
    Route(String),
    /// The route has no id, or the id is empty.
    #[error(
        "{0:?} has no valid id: only routes for one machine, action or alert have one, such as \
         machine/ID, offboard/ID or cancel/ID"
    )]
    Id(String),
    /// It is not a number of a call, a range, or a share.
    #[error(
        "{0:?} doesn't select calls: write always, a call's number (3), several (1-4 or 5-), \
         every=5, or a share with four decimal places at most (10%)"
    )]
    When(String),
    /// The fault is unknown.
    #[error("{0}")]
    What(String),
    /// The fault applies to actions, which only some routes create.
    #[error(
        "{what} needs the route offboard, isolate or unisolate, since calls of {route} create no \
         action"
    )]
    CreatesNoAction {
        /// The fault.
        what: String,
        /// The route of the rule.
        route: String,
    },
}

impl From<NotAnEffect> for FaultSyntaxError {
    fn from(error: NotAnEffect) -> Self {
        Self::What(error.to_string())
    }
}

impl FaultRule {
    /// Whether the rule counts a call.
    pub(super) fn counts(&self, call: &Call<'_>) -> bool {
        call.is(self.route, self.id.as_deref())
    }
}

impl FromStr for FaultRule {
    type Err = FaultSyntaxError;

    fn from_str(text: &str) -> Result<Self, FaultSyntaxError> {
        let parts: Vec<&str> = text.split(':').collect();
        let [whose, when, what] = parts[..] else {
            return Err(FaultSyntaxError::Parts(text.to_owned()));
        };
        let (name, id) = match whose.split_once('/') {
            Some((name, id)) => (name, Some(id)),
            None => (whose, None),
        };
        let route: Route = name
            .parse()
            .map_err(|_| FaultSyntaxError::Route(name.to_owned()))?;
        if id.is_some_and(|id| id.is_empty() || !route.has_id()) {
            return Err(FaultSyntaxError::Id(whose.to_owned()));
        }
        let when = when
            .parse()
            .map_err(|_| FaultSyntaxError::When(when.to_owned()))?;
        let effect = what.parse()?;
        if matches!(effect, Effect::VisibleAfter(_) | Effect::Ends(_)) && !route.creates_action() {
            return Err(FaultSyntaxError::CreatesNoAction {
                what: effect.to_string(),
                route: route.to_string(),
            });
        }
        Ok(Self {
            route,
            id: id.map(str::to_owned),
            when,
            effect,
        })
    }
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.route)?;
        if let Some(id) = &self.id {
            write!(f, "/{id}")?;
        }
        write!(f, ":{}:{}", self.when, self.effect)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_goes_both_ways() {
        for text in [
            "offboard:3:drop-after-commit",
            "offboard:10%:status=503",
            "machineactions:every=5:delay=2s",
            "any:1-4:status=429,retry-after=5s",
            "token:always:garbage",
            "offboard/0123456789abcdef0123456789abcdef01234567:always:ends=Failed",
            "machine/lis-fin-00003.corp.contoso.test:5-:slow-body=20ms",
            "machine/Ana's phone 00012:1:reset-in-body",
            "cancel/00000000-0000-0000-0000-000000000001:1:drop-before-commit",
            "offboard:1:visible-after=5s",
            "isolate:1:ends=Failed",
            "unisolate:1:visible-after=5s",
            "alert/da637000000000000010_-1:1:garbage",
        ] {
            assert_eq!(text.parse::<FaultRule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("", "\"\" isn't ROUTE:WHEN:WHAT"),
            ("offboard", "isn't ROUTE:WHEN:WHAT"),
            ("offboard:3", "isn't ROUTE:WHEN:WHAT"),
            ("offboard:3:garbage:1", "isn't ROUTE:WHEN:WHAT"),
            (
                "offboards:3:garbage",
                "\"offboards\" isn't a route: it is one of any, api",
            ),
            (":3:garbage", "\"\" isn't a route"),
            ("offboard/:3:garbage", "\"offboard/\" has no valid id"),
            ("machines/x:3:garbage", "\"machines/x\" has no valid id"),
            ("any/x:3:garbage", "\"any/x\" has no valid id"),
            ("offboard:0:garbage", "\"0\" doesn't select calls"),
            (
                "offboard:sometimes:garbage",
                "\"sometimes\" doesn't select calls",
            ),
            ("offboard:3:rubbish", "\"rubbish\" isn't a fault"),
            ("offboard:3:status=200", "\"200\" isn't an error status"),
            (
                "machines:3:ends=Failed",
                "ends=Failed needs the route offboard",
            ),
            ("any:3:visible-after=1s", "calls of any create no action"),
        ] {
            let error = text.parse::<FaultRule>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }
}
