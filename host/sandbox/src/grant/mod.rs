//! The rules for what one call of the plugin may send. Pure policy over plain data: no
//! network, no clock, no wasmtime.
//!
//! A new grant permits nothing; its constructors add the one route of one function. A
//! request must match it in method, authority, path, query, header names and, for a
//! POST, in the ordered comment, external id or tag. The threat is a malicious plugin: whatever it
//! tries, the token leaves only with the request that the user ordered.

mod content;
mod leave_by;
mod query;
mod route;

use std::{fmt, time::Duration};

use thiserror::Error;

pub use leave_by::{ClockReading, LeaveBy};
pub use query::MAX_QUERY;
pub use route::Route;

use crate::contract::{
    ActionFilter, ActionId, ApiRoot, Comment, ExternalId, Function, MachineId, Scheme, Tag,
};
use content::Content;
use query::Query;

/// The longest request body that is read, in bytes.
pub const MAX_REQUEST_BODY: usize = 64 * 1024;

/// How many requests a call may send on its route.
pub const COUNT: u32 = 1;

/// The longest quotation in a refusal, in characters.
const MAX_QUOTED: usize = 200;

/// The permitted header names. The runtime sets `host`. The host writes the headers
/// that are sent.
pub const HEADERS: [&str; 5] = [
    "accept",
    "content-length",
    "content-type",
    "host",
    "user-agent",
];

/// The requests that one call may send: to one authority, on its routes, a fixed number on
/// each, until its deadline.
#[derive(Debug, Clone)]
pub struct Grant {
    function: Function,
    subject: String,
    scheme: Scheme,
    /// All spellings of the authority, the shortest first.
    authorities: Vec<String>,
    permits: Vec<Permit>,
    deadline: Option<Duration>,
    leave_by: Option<LeaveBy>,
}

/// One route of a grant, its remaining count, and the permitted query and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    route: Route,
    path: String,
    query: Query,
    content: Content,
    left: u32,
}

/// A request, as the policy evaluates it.
#[derive(Debug, Clone, Copy)]
pub struct RequestView<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The scheme.
    pub scheme: &'a str,
    /// The authority, as the plugin wrote it.
    pub authority: &'a str,
    /// The path as it is sent.
    pub path: &'a str,
    /// The query, without the question mark.
    pub query: Option<&'a str>,
    /// The header names, in lower case.
    pub headers: &'a [&'a str],
    /// The whole body.
    pub body: &'a [u8],
    /// The time since the call began.
    pub elapsed: Duration,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// All requests that the grant permits were already tried.
    #[error("the call has already made its one request")]
    Spent,
    /// The call's deadline has passed.
    #[error("the call's deadline has passed")]
    Deadline,
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
    /// A query on a route without one, or a query with other options.
    #[error("the query is not granted")]
    Query,
    /// A header that is not permitted.
    #[error("the header {0:?} is not granted")]
    Header(String),
    /// A body other than the ordered one.
    #[error("the body is not the ordered one")]
    Body,
    /// A comment from an old record, which has several lines.
    #[error("the comment has a line break, and is not sent")]
    Comment,
    /// A body above the size limit.
    #[error("the body is longer than {MAX_REQUEST_BODY} bytes")]
    BodySize,
    /// The request was dropped before its end, or its time was over.
    #[error("the request was not finished")]
    Unfinished,
    /// The call made so many requests that the following ones are not recorded.
    #[error("the call made too many requests; further ones are refused and not recorded")]
    TooMany,
    /// There is no credential.
    #[error("there is no credential")]
    NoCredential,
    /// The credential cannot get a token.
    #[error("no token: {0}")]
    SignIn(String),
    /// The authority that issues tokens cannot be reached.
    #[error("no token, because the authority does not answer: {0}")]
    NoAuthority(String),
    /// An earlier request could not be recorded.
    #[error("the audit cannot be written")]
    Audit,
}

impl Permit {
    /// The route.
    #[must_use]
    pub fn route(&self) -> Route {
        self.route
    }

    /// The body that is sent: the ordered comment, external id or tag as the host writes it,
    /// regardless of how the plugin wrote it. `None` for a read.
    #[must_use]
    pub fn body(&self) -> Option<String> {
        self.content.body()
    }
}

impl Grant {
    /// One offboarding of this machine, with this comment.
    #[must_use]
    pub fn offboard(api: &ApiRoot, machine: &MachineId, comment: &Comment) -> Self {
        let content = Content::Comment(comment.clone());
        Self::one(api, Function::Offboard, machine.as_str(), content)
    }

    /// One offboarding of this machine, with this comment and this external id. A body without
    /// the external id, or with another one, is refused.
    #[must_use]
    pub fn offboard_with_external_id(
        api: &ApiRoot,
        machine: &MachineId,
        comment: &Comment,
        external_id: &ExternalId,
    ) -> Self {
        let content = Content::CommentAndId(comment.clone(), external_id.clone());
        let function = Function::OffboardWithExternalId;
        Self::one(api, function, machine.as_str(), content)
    }

    /// Adds this tag to this machine, once. A removal has the same route with another
    /// body, and is refused.
    #[must_use]
    pub fn tag(api: &ApiRoot, machine: &MachineId, tag: &Tag) -> Self {
        let content = Content::Tag(tag.clone());
        Self::one(api, Function::Tag, machine.as_str(), content)
    }

    /// One cancellation of this action, with this comment.
    #[must_use]
    pub fn cancel(api: &ApiRoot, action: &ActionId, comment: &Comment) -> Self {
        let content = Content::Comment(comment.clone());
        Self::one(api, Function::CancelAction, action.as_str(), content)
    }

    /// One read of this action.
    #[must_use]
    pub fn read_action(api: &ApiRoot, action: &ActionId) -> Self {
        Self::one(api, Function::GetAction, action.as_str(), Content::None)
    }

    /// One page of the actions that match this filter, or the page at this cursor.
    #[must_use]
    pub fn list_actions(
        api: &ApiRoot,
        filter: &ActionFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Self {
        let query = Query::actions(filter, cursor, limit);
        Self::list(api, Function::ListActions, query)
    }

    /// One read of this machine.
    #[must_use]
    pub fn read_machine(api: &ApiRoot, machine: &MachineId) -> Self {
        Self::one(api, Function::GetMachine, machine.as_str(), Content::None)
    }

    /// One page of the fleet, or the page at this cursor.
    #[must_use]
    pub fn list_machines(api: &ApiRoot, cursor: Option<&str>, limit: u32) -> Self {
        let query = Query::machines(cursor, limit);
        Self::list(api, Function::ListMachines, query)
    }

    /// One page of a search by name. The plugin chooses the filter.
    #[must_use]
    pub fn find_machines(api: &ApiRoot, cursor: Option<&str>) -> Self {
        Self::list(api, Function::FindMachines, Query::names(cursor))
    }

    /// A request about one machine or one action.
    fn one(api: &ApiRoot, function: Function, id: &str, content: Content) -> Self {
        Self::new(api, function, id, Query::None, content)
    }

    /// One page of a list.
    fn list(api: &ApiRoot, function: Function, query: Query) -> Self {
        Self::new(api, function, "", query, Content::None)
    }

    fn new(api: &ApiRoot, function: Function, id: &str, query: Query, content: Content) -> Self {
        let host = api.host().to_string();
        let with_port = format!("{host}:{}", api.port());
        let default_port = match api.scheme() {
            Scheme::Https => 443,
            Scheme::Http => 80,
        };
        let authorities = if api.port() == default_port {
            vec![host, with_port]
        } else {
            vec![with_port]
        };
        let route = Route::of(function);
        let permit = Permit {
            route,
            path: route.path(id),
            query,
            content,
            left: COUNT,
        };
        Self {
            function,
            subject: id.to_owned(),
            scheme: api.scheme(),
            authorities,
            permits: vec![permit],
            deadline: None,
            leave_by: None,
        }
    }

    /// The function of the contract that the grant is for.
    #[must_use]
    pub fn function(&self) -> Function {
        self.function
    }

    /// The id of the machine or the action that the grant is about; empty for a list.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The external id that the request must have; `None` if it must have none.
    #[must_use]
    pub fn external_id(&self) -> Option<&ExternalId> {
        let mut permits = self.permits.iter();
        permits.find_map(|permit| permit.content.external_id())
    }

    /// The same grant with a deadline, counted from the call's beginning.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self {
            deadline: Some(deadline),
            ..self
        }
    }

    /// The same grant with a deadline for the first byte. Egress checks it last, when
    /// no step that takes time is left.
    #[must_use]
    pub fn leaving_by(self, leave_by: Option<LeaveBy>) -> Self {
        Self { leave_by, ..self }
    }

    /// The latest time at which a request may leave, if there is one.
    #[must_use]
    pub fn leave_by(&self) -> Option<LeaveBy> {
        self.leave_by
    }

    /// Evaluates a request, and spends its permit if it is permitted. A spent permit is
    /// never returned, whatever happens to the request.
    ///
    /// # Errors
    /// Returns the first reason for a refusal.
    pub fn spend(&mut self, request: &RequestView<'_>) -> Result<Permit, Refusal> {
        self.check(request)?;
        // Compared byte for byte: an equivalent path is refused.
        let permit = self
            .permits
            .iter_mut()
            .find(|permit| permit.path == request.path)
            .ok_or_else(|| Refusal::Path(brief(request.path)))?;
        permit.check(request)?;
        permit.left = permit.left.checked_sub(1).ok_or(Refusal::Spent)?;
        Ok(permit.clone())
    }

    fn check(&self, request: &RequestView<'_>) -> Result<(), Refusal> {
        if self
            .deadline
            .is_some_and(|deadline| request.elapsed >= deadline)
        {
            return Err(Refusal::Deadline);
        }
        if request.scheme != self.scheme.as_str() {
            return Err(Refusal::Scheme(brief(request.scheme)));
        }
        if !self
            .authorities
            .iter()
            .any(|known| known.eq_ignore_ascii_case(request.authority))
        {
            return Err(Refusal::Authority(brief(request.authority)));
        }
        match request.headers.iter().find(|name| !HEADERS.contains(name)) {
            Some(name) => Err(Refusal::Header(brief(name))),
            None => Ok(()),
        }
    }
}

impl Permit {
    fn check(&self, request: &RequestView<'_>) -> Result<(), Refusal> {
        if request.method != self.route.method() {
            return Err(Refusal::Method(brief(request.method)));
        }
        if !self.query.permits(request.query) {
            return Err(Refusal::Query);
        }
        if self.content.has_line_break() {
            return Err(Refusal::Comment);
        }
        if self.content.matches(request.body) {
            Ok(())
        } else {
            Err(Refusal::Body)
        }
    }
}

/// A text of the plugin, truncated for the error.
fn brief(text: &str) -> String {
    text.chars().take(MAX_QUOTED).collect()
}

/// Displays the method, the authority, the path and the count.
impl fmt::Display for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.as_str();
        let authority = self.authorities.first().map_or("", String::as_str);
        for (at, permit) in self.permits.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            let method = permit.route.method();
            let path = &permit.path;
            write!(
                formatter,
                "{separator}{method} {scheme}://{authority}{path}, once"
            )?;
            if let Some(ordered) = self.function.takes() {
                write!(formatter, ", with exactly this {ordered}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
