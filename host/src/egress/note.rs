//! One request's entry in the audit, made when the request ends, also where it
//! is dropped half-way.

use std::time::{Instant, SystemTime};

use wasmtime_wasi_http::Error;

use super::{Entry, Exit};
use crate::grant::{Refusal, Route};

/// One request on its way.
pub(super) struct Note<'a> {
    exit: &'a Exit,
    time: SystemTime,
    began: Instant,
    method: String,
    scheme: String,
    authority: String,
    decision: Decision,
}

enum Decision {
    Open,
    Allowed(Route),
    Refused(Refusal),
}

impl<'a> Note<'a> {
    pub(super) fn new(exit: &'a Exit, head: &http::request::Parts) -> Self {
        let authority = head.uri.authority();
        Self {
            exit,
            time: SystemTime::now(),
            began: Instant::now(),
            method: head.method.to_string(),
            scheme: head.uri.scheme_str().unwrap_or_default().to_owned(),
            authority: authority.map_or_else(String::new, ToString::to_string),
            decision: Decision::Open,
        }
    }

    pub(super) fn allow(&mut self, route: Route) {
        self.decision = Decision::Allowed(route);
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) -> Error {
        self.exit.recorder.refuse(refusal.clone());
        self.decision = Decision::Refused(refusal);
        Error::HttpRequestDenied
    }
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if matches!(self.decision, Decision::Open) {
            self.refuse(Refusal::Unfinished);
        }
        let exit = self.exit;
        let (route, refusal) = match &self.decision {
            Decision::Allowed(route) => (Some(*route), None),
            Decision::Refused(refusal) => (None, Some(refusal)),
            Decision::Open => (None, None),
        };
        let exchange = route.and_then(|_| exit.recorder.exchange());
        exit.auditor.note(&Entry {
            time: self.time,
            call: exit.call,
            grant: &exit.grant().to_string(),
            method: &self.method,
            scheme: &self.scheme,
            authority: &self.authority,
            route,
            refusal,
            exchange: exchange.as_ref(),
            proxy: route.and_then(|_| exit.connection.proxy()),
            duration: self.began.elapsed(),
        });
    }
}
