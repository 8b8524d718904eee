//! The audit entries of one request. A permitted request has one before any of it is
//! sent, and one when it ends, also if it is cancelled. A refused request has one. Long
//! requests fill neither memory nor the disk.

use std::time::{Instant, SystemTime};

use wasmtime_wasi_http::Error;

use super::{
    audit::{AuditedRequest, Phase},
    call_context::CallContext,
};
use crate::{
    contract::ExternalId,
    grant::{Refusal, Route},
    identity::Token,
};

/// The longest recorded method, scheme or authority, in characters.
const MAX_WORDS: usize = 200;

/// The longest recorded query, in characters.
const MAX_LOGGED_QUERY: usize = 2000;

/// One request in progress.
pub(super) struct RequestLog<'a> {
    context: &'a CallContext,
    time: SystemTime,
    began: Instant,
    method: String,
    scheme: String,
    authority: String,
    query: Option<String>,
    decision: Decision,
}

enum Decision {
    Open,
    Allowed(Route),
    Refused(Refusal),
}

impl<'a> RequestLog<'a> {
    pub(super) fn new(context: &'a CallContext, head: &http::request::Parts) -> Self {
        let authority = head.uri.authority();
        let mut log = Self::header(context);
        log.method = brief(head.method.as_str());
        log.scheme = brief(head.uri.scheme_str().unwrap_or_default());
        log.authority = authority.map_or_else(String::new, |name| brief(name.as_str()));
        log.query = head.uri.query().map(|query| cut(query, MAX_LOGGED_QUERY));
        log
    }

    /// The log of a forbidden header, which the guest set before there was a request.
    pub(super) fn header(context: &'a CallContext) -> Self {
        Self {
            context,
            time: SystemTime::now(),
            began: Instant::now(),
            method: String::new(),
            scheme: String::new(),
            authority: String::new(),
            query: None,
            decision: Decision::Open,
        }
    }

    /// Records that the request is permitted. It must not be sent before that.
    pub(super) fn allow(&mut self, route: Route, token: &Token) -> Result<(), Refusal> {
        // The guest never had the token, so this is a second line of defence: a record
        // outlives the process.
        let query = self.query.take();
        self.query = query.map(|query| {
            let clean = token.redact(query.into_bytes());
            String::from_utf8_lossy(&clean).into_owned()
        });
        self.record(Phase::Decision, Some(route), None)?;
        self.decision = Decision::Allowed(route);
        Ok(())
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) -> Error {
        self.context.recorder.refuse(refusal.clone());
        self.decision = Decision::Refused(refusal);
        Error::HttpRequestDenied
    }

    fn record(
        &self,
        phase: Phase,
        route: Option<Route>,
        refusal: Option<&Refusal>,
    ) -> Result<(), Refusal> {
        let context = self.context;
        let exchange = match phase {
            Phase::Decision => None,
            Phase::End => context.recorder.exchange(),
        };
        // Locked once: a second lock in this statement would be a deadlock.
        let grant = context.grant();
        context.auditor.record(&AuditedRequest {
            time: self.time,
            phase,
            call: context.call,
            grant: &grant.to_string(),
            subject: grant.subject(),
            external_id: grant.external_id().map(ExternalId::as_str),
            method: &self.method,
            scheme: &self.scheme,
            authority: &self.authority,
            query: self.query.as_deref(),
            route,
            refusal,
            exchange: exchange.as_ref(),
            proxy: route.and_then(|_| context.connection.proxy()),
            duration: self.began.elapsed(),
        })
    }
}

impl Drop for RequestLog<'_> {
    fn drop(&mut self) {
        if matches!(self.decision, Decision::Open) {
            self.refuse(Refusal::Unfinished);
        }
        // If this entry cannot be recorded, the auditor refuses all later requests.
        let _ = match &self.decision {
            Decision::Allowed(route) => self.record(Phase::End, Some(*route), None),
            Decision::Refused(refusal) => self.record(Phase::Decision, None, Some(refusal)),
            Decision::Open => Ok(()),
        };
    }
}

/// Text of the plugin, truncated for the record.
pub(super) fn brief(text: &str) -> String {
    cut(text, MAX_WORDS)
}

/// The beginning of a text. The rest is not copied.
fn cut(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}
