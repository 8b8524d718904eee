//! What one call of the plugin may send. Pure policy over plain data: no
//! network, no clock, no wasmtime.
//!
//! A grant begins able to do nothing; its constructors name the one route of
//! one function. A request must match it in everything: method, authority,
//! path, query, header names and, for a POST, the very comment that was
//! ordered. The threat is a plugin that was replaced: whatever it tries, the
//! host's token leaves only with the request that the user asked for.

mod route;

use std::fmt;

use serde::Deserialize;
use thiserror::Error;

pub use route::Route;

use crate::contract::{ActionId, ApiRoot, Comment, MachineId, Scheme};

/// The longest request body that is looked at, in bytes.
pub const MAX_REQUEST_BODY: usize = 64 * 1024;

const MAX_QUERY: usize = 16 * 1024;

/// The header names that a request may carry. `host` is the runtime's.
const HEADERS: [&str; 5] = [
    "accept",
    "content-length",
    "content-type",
    "host",
    "user-agent",
];

/// The permission to send one request.
#[derive(Debug, Clone)]
pub struct Grant {
    scheme: Scheme,
    authorities: Vec<String>,
    route: Route,
    path: String,
    comment: Option<Comment>,
    spent: bool,
}

/// A request, as far as policy looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The scheme.
    pub scheme: &'a str,
    /// The authority, as the plugin wrote it.
    pub authority: &'a str,
    /// The path, as it would go on the wire.
    pub path: &'a str,
    /// The query, without the question mark.
    pub query: Option<&'a str>,
    /// The header names, in lower case.
    pub headers: &'a [&'a str],
    /// The whole body.
    pub body: &'a [u8],
}

/// Why a request was not let out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The grant was for one request, and that was tried already.
    #[error("this call's one request was tried already")]
    Spent,
    /// Another scheme.
    #[error("the scheme {0:?} is not the connection's")]
    Scheme(String),
    /// Another host or port.
    #[error("the authority {0:?} is not the connection's")]
    Authority(String),
    /// Another method.
    #[error("the method {0:?} is not granted")]
    Method(String),
    /// Another path.
    #[error("the path {0:?} is not granted")]
    Path(String),
    /// A query where there may be none, or one of another form.
    #[error("the query is not granted")]
    Query,
    /// A header that a request may not carry.
    #[error("the header {0:?} is not granted")]
    Header(String),
    /// A body that is not what was ordered.
    #[error("the body is not what was ordered")]
    Body,
    /// A body longer than any that is looked at.
    #[error("the body is longer than {MAX_REQUEST_BODY} bytes")]
    BodySize,
    /// There is no token to add.
    #[error("there is no credential")]
    NoCredential,
}

impl Grant {
    /// One offboarding of this machine, with this comment.
    #[must_use]
    pub fn offboard(api: &ApiRoot, machine: &MachineId, comment: &Comment) -> Self {
        Self::new(api, Route::Offboard, machine.as_str(), Some(comment))
    }

    /// One cancellation of this action, with this comment.
    #[must_use]
    pub fn cancel(api: &ApiRoot, action: &ActionId, comment: &Comment) -> Self {
        Self::new(api, Route::CancelAction, action.as_str(), Some(comment))
    }

    /// One read of this action.
    #[must_use]
    pub fn read_action(api: &ApiRoot, action: &ActionId) -> Self {
        Self::new(api, Route::ReadAction, action.as_str(), None)
    }

    /// One page of actions.
    #[must_use]
    pub fn list_actions(api: &ApiRoot) -> Self {
        Self::new(api, Route::ListActions, "", None)
    }

    /// One read of this machine.
    #[must_use]
    pub fn read_machine(api: &ApiRoot, machine: &MachineId) -> Self {
        Self::new(api, Route::ReadMachine, machine.as_str(), None)
    }

    /// One page of machines.
    #[must_use]
    pub fn list_machines(api: &ApiRoot) -> Self {
        Self::new(api, Route::ListMachines, "", None)
    }

    fn new(api: &ApiRoot, route: Route, id: &str, comment: Option<&Comment>) -> Self {
        let host = api.host().to_string();
        let with_port = format!("{host}:{}", api.port());
        let default_port = match api.scheme() {
            Scheme::Https => 443,
            Scheme::Http => 80,
        };
        let authorities = match api.port() == default_port {
            true => vec![host, with_port],
            false => vec![with_port],
        };
        Self {
            scheme: api.scheme(),
            authorities,
            route,
            path: route.path(id),
            comment: comment.cloned(),
            spent: false,
        }
    }

    /// The route that is granted.
    #[must_use]
    pub fn route(&self) -> Route {
        self.route
    }

    /// The body as it goes on the wire: the ordered comment in the host's own
    /// words, whatever form the plugin gave it; none for a read.
    #[must_use]
    pub fn body(&self) -> Option<String> {
        let comment = self.comment.as_ref()?;
        Some(serde_json::json!({ "Comment": comment.as_str() }).to_string())
    }

    /// Decides on a request, and spends the grant if it may go. What was spent
    /// is never given back, whatever becomes of the request.
    ///
    /// # Errors
    /// The first reason why it may not go.
    pub fn spend(&mut self, asked: &Asked<'_>) -> Result<Route, Refusal> {
        self.check(asked)?;
        if std::mem::replace(&mut self.spent, true) {
            return Err(Refusal::Spent);
        }
        Ok(self.route)
    }

    fn check(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        let scheme = match self.scheme {
            Scheme::Https => "https",
            Scheme::Http => "http",
        };
        if asked.scheme != scheme {
            return Err(Refusal::Scheme(asked.scheme.to_owned()));
        }
        if !self
            .authorities
            .iter()
            .any(|known| known.eq_ignore_ascii_case(asked.authority))
        {
            return Err(Refusal::Authority(asked.authority.to_owned()));
        }
        if asked.method != self.route.method() {
            return Err(Refusal::Method(asked.method.to_owned()));
        }
        // Letter by letter: a path that would only mean the same is refused.
        if asked.path != self.path {
            return Err(Refusal::Path(asked.path.to_owned()));
        }
        if !self.query_fits(asked.query) {
            return Err(Refusal::Query);
        }
        if let Some(name) = asked.headers.iter().find(|name| !HEADERS.contains(name)) {
            return Err(Refusal::Header((*name).to_owned()));
        }
        if self.body_fits(asked.body) {
            Ok(())
        } else {
            Err(Refusal::Body)
        }
    }

    fn query_fits(&self, query: Option<&str>) -> bool {
        match query {
            None => true,
            Some(query) => {
                self.route.takes_query()
                    && query.len() <= MAX_QUERY
                    && query.split('&').all(|pair| {
                        (pair.starts_with('$') || pair.starts_with("%24")) && pair.contains('=')
                    })
            }
        }
    }

    fn body_fits(&self, body: &[u8]) -> bool {
        /// Two members of one name, or another member, do not parse.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Body {
            #[serde(rename = "Comment")]
            comment: String,
        }
        match &self.comment {
            None => body.is_empty(),
            // Only an object: serde would take an array for a struct, too.
            Some(ordered) => {
                body.trim_ascii_start().starts_with(b"{")
                    && serde_json::from_slice::<Body>(body)
                        .is_ok_and(|body| body.comment == ordered.as_str())
            }
        }
    }
}

/// As people read it: the method, the authority and the path, and how often.
impl fmt::Display for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Https => "https",
            Scheme::Http => "http",
        };
        let authority = self.authorities.first().map_or("", String::as_str);
        write!(
            formatter,
            "{} {scheme}://{authority}{}, once",
            self.route.method(),
            self.path
        )?;
        if self.comment.is_some() {
            formatter.write_str(", with exactly this comment")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
