//! The routes that a rule counts.

use std::fmt;
use std::str::FromStr;

use axum::http::Method;

use crate::entra::{APP_SERVICE, VIRTUAL_MACHINE};
use crate::fleet::Fleet;
use crate::paths::is_api;

/// A route, or a group of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// All routes except the simulator's own.
    Any,
    /// All routes below `/api`, including unknown ones.
    Api,
    Machines,
    Machine,
    FindByIp,
    FindByTag,
    LogonUsers,
    MachineAlerts,
    Offboard,
    Isolate,
    Unisolate,
    Tags,
    MachineActions,
    MachineAction,
    Cancel,
    Alerts,
    Alert,
    /// All routes that issue tokens.
    Token,
}

impl Route {
    const ALL: [(&'static str, Self); 18] = [
        ("any", Self::Any),
        ("api", Self::Api),
        ("machines", Self::Machines),
        ("machine", Self::Machine),
        ("findbyip", Self::FindByIp),
        ("findbytag", Self::FindByTag),
        ("logonusers", Self::LogonUsers),
        ("machinealerts", Self::MachineAlerts),
        ("offboard", Self::Offboard),
        ("isolate", Self::Isolate),
        ("unisolate", Self::Unisolate),
        ("tags", Self::Tags),
        ("machineactions", Self::MachineActions),
        ("machineaction", Self::MachineAction),
        ("cancel", Self::Cancel),
        ("alerts", Self::Alerts),
        ("alert", Self::Alert),
        ("token", Self::Token),
    ];

    /// The names of all routes, as text.
    pub(super) fn names() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }

    /// Whether its path names a machine, an action or an alert.
    pub(super) fn has_id(self) -> bool {
        matches!(
            self,
            Self::Machine
                | Self::LogonUsers
                | Self::MachineAlerts
                | Self::Offboard
                | Self::Isolate
                | Self::Unisolate
                | Self::Tags
                | Self::MachineAction
                | Self::Cancel
                | Self::Alert
        )
    }

    /// Whether its calls create an action.
    pub(super) fn creates_action(self) -> bool {
        matches!(self, Self::Offboard | Self::Isolate | Self::Unisolate)
    }

    /// The route of a request, from the path pattern that the router matched.
    fn of(method: &Method, matched: &str) -> Option<Self> {
        let api = matched
            .strip_prefix("/api/v1.0/")
            .or_else(|| matched.strip_prefix("/api/"));
        // The router also answers HEAD.
        let reads = method == Method::GET || method == Method::HEAD;
        let posts = method == Method::POST;
        match api.unwrap_or(matched) {
            "machines" if reads => Some(Self::Machines),
            "machines/{id}" if reads => Some(Self::Machine),
            "machines/findbyip{arguments}" if reads => Some(Self::FindByIp),
            "machines/findbytag" if reads => Some(Self::FindByTag),
            "machines/{id}/logonusers" if reads => Some(Self::LogonUsers),
            "machines/{id}/alerts" if reads => Some(Self::MachineAlerts),
            "machines/{id}/offboard" if posts => Some(Self::Offboard),
            "machines/{id}/isolate" if posts => Some(Self::Isolate),
            "machines/{id}/unisolate" if posts => Some(Self::Unisolate),
            "machines/{id}/tags" if posts => Some(Self::Tags),
            "machineactions" if reads => Some(Self::MachineActions),
            "machineactions/{id}" if reads => Some(Self::MachineAction),
            "machineactions/{id}/cancel" if posts => Some(Self::Cancel),
            "alerts" if reads => Some(Self::Alerts),
            "alerts/{id}" if reads => Some(Self::Alert),
            "/{tenant}/oauth2/token" | "/{tenant}/oauth2/v2.0/token" if posts => Some(Self::Token),
            VIRTUAL_MACHINE | APP_SERVICE if reads => Some(Self::Token),
            _ => None,
        }
    }
}

/// The text isn't a [`Route`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotARoute;

impl FromStr for Route {
    type Err = NotARoute;

    fn from_str(text: &str) -> Result<Self, NotARoute> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text);
        known.map(|(_, route)| *route).ok_or(NotARoute)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Self::ALL.iter().find(|(_, route)| route == self);
        f.write_str(known.map_or("any", |(name, _)| name))
    }
}

/// The properties of a call that rules use.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    route: Option<Route>,
    /// Whether its path belongs to the API.
    api: bool,
    /// The id or name in its path, and the machine with that id or name.
    id: Option<&'a str>,
    machine: Option<(&'a str, &'a str)>,
}

impl<'a> Call<'a> {
    /// A request with its method, path, the path pattern that the router matched, and the id
    /// in it.
    pub(crate) fn new(
        method: &Method,
        path: &str,
        matched: Option<&str>,
        id: Option<&'a str>,
        fleet: &'a Fleet,
    ) -> Self {
        let device = id.and_then(|id| fleet.by_id(id).or_else(|| fleet.by_name(id)));
        Self {
            route: matched.and_then(|matched| Route::of(method, matched)),
            api: is_api(path),
            id,
            machine: device.map(|device| {
                let machine = &device.machine;
                (machine.id.as_str(), machine.computer_dns_name.as_str())
            }),
        }
    }

    /// Whether the call is of this route and, with an id, about that entity: a machine by its
    /// id or name, an action by its id.
    pub(super) fn is(&self, route: Route, id: Option<&str>) -> bool {
        let on_route = match route {
            Route::Any => true,
            Route::Api => self.api,
            one => self.route == Some(one),
        };
        on_route
            && id.is_none_or(|wanted| {
                self.id.is_some_and(|id| id.eq_ignore_ascii_case(wanted))
                    || self
                        .machine
                        .is_some_and(|(id, name)| id == wanted || name == wanted)
            })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn names_go_both_ways() {
        for (name, route) in Route::ALL {
            assert_eq!(name.parse(), Ok(route));
            assert_eq!(route.to_string(), name);
        }
        for text in ["", "Offboard", "machines/", "offboards", "requests"] {
            assert_eq!(text.parse::<Route>(), Err(NotARoute), "{text:?}");
        }
    }

    #[test]
    fn requests_have_the_route_of_their_path_and_method() {
        for (method, matched, expected) in [
            (Method::GET, "/api/machines", Some(Route::Machines)),
            (Method::GET, "/api/v1.0/machines", Some(Route::Machines)),
            (Method::HEAD, "/api/machines", Some(Route::Machines)),
            (Method::POST, "/api/machines", None),
            (Method::GET, "/api/machines/{id}", Some(Route::Machine)),
            (
                Method::POST,
                "/api/v1.0/machines/{id}/offboard",
                Some(Route::Offboard),
            ),
            (Method::GET, "/api/machines/{id}/offboard", None),
            (Method::POST, "/api/machines/{id}/tags", Some(Route::Tags)),
            (Method::GET, "/api/machines/{id}/tags", None),
            (
                Method::GET,
                "/api/machines/findbyip{arguments}",
                Some(Route::FindByIp),
            ),
            (
                Method::GET,
                "/api/machines/findbytag",
                Some(Route::FindByTag),
            ),
            (
                Method::GET,
                "/api/machines/{id}/logonusers",
                Some(Route::LogonUsers),
            ),
            (
                Method::GET,
                "/api/machines/{id}/alerts",
                Some(Route::MachineAlerts),
            ),
            (
                Method::POST,
                "/api/machines/{id}/isolate",
                Some(Route::Isolate),
            ),
            (
                Method::POST,
                "/api/v1.0/machines/{id}/unisolate",
                Some(Route::Unisolate),
            ),
            (Method::GET, "/api/alerts", Some(Route::Alerts)),
            (Method::GET, "/api/alerts/{id}", Some(Route::Alert)),
            (Method::GET, "/api/$metadata", None),
            (
                Method::GET,
                "/api/machineactions",
                Some(Route::MachineActions),
            ),
            (
                Method::GET,
                "/api/machineactions/{id}",
                Some(Route::MachineAction),
            ),
            (
                Method::POST,
                "/api/machineactions/{id}/cancel",
                Some(Route::Cancel),
            ),
            (
                Method::POST,
                "/{tenant}/oauth2/v2.0/token",
                Some(Route::Token),
            ),
            (Method::POST, "/{tenant}/oauth2/token", Some(Route::Token)),
            (Method::GET, APP_SERVICE, Some(Route::Token)),
            (Method::GET, VIRTUAL_MACHINE, Some(Route::Token)),
            (Method::GET, "/federation/keys", None),
        ] {
            assert_eq!(Route::of(&method, matched), expected, "{method} {matched}");
        }
    }

    #[test]
    fn calls_belong_to_their_route_and_to_what_holds_it() {
        let fleet = Fleet::new(3, 1, Timestamp::UNIX_EPOCH);
        let machine = &fleet.iter().next().unwrap().machine;
        let (id, name) = (machine.id.as_str(), machine.computer_dns_name.as_str());
        let call = |id| {
            Call::new(
                &Method::GET,
                "/api/machines/x",
                Some("/api/machines/{id}"),
                Some(id),
                &fleet,
            )
        };
        for (route, wanted, expected) in [
            (Route::Any, None, true),
            (Route::Api, None, true),
            (Route::Machine, None, true),
            (Route::Machine, Some(id), true),
            (Route::Machine, Some(name), true),
            (Route::Machine, Some("other"), false),
            (Route::Offboard, Some(id), false),
            (Route::Machines, None, false),
            (Route::Token, None, false),
        ] {
            assert_eq!(call(id).is(route, wanted), expected, "{route} {wanted:?}");
            assert_eq!(call(name).is(route, wanted), expected, "{route} {wanted:?}");
        }
        let unknown = Call::new(&Method::GET, "/api/machine", None, None, &fleet);
        assert!(unknown.is(Route::Api, None) && unknown.is(Route::Any, None));
        assert!(!unknown.is(Route::Machine, None));
        let sign_in = Call::new(&Method::GET, "/msi/token", Some(APP_SERVICE), None, &fleet);
        assert!(sign_in.is(Route::Token, None) && sign_in.is(Route::Any, None));
        assert!(!sign_in.is(Route::Api, None));
    }
}
