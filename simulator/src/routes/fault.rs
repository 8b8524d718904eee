//! Applies planned faults to calls, around the routes. The routes themselves only know the
//! faults of an action.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, MatchedPath, RawPathParams, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, RequestPartsExt};
use tokio::time::sleep;

use crate::connection::Switch;
use crate::entra::EntraError;
use crate::error::{ServiceError, set_retry_after};
use crate::fault::{BrokenBody, Call, Ending, Met, Refusal, SlowBody, Spoilt};
use crate::journal::Position;
use crate::own_routes;
use crate::paths::is_api;
use crate::service::Service;

/// A page that a proxy in between might send.
const GARBAGE: &str = "<!DOCTYPE html>\n<html><body><h1>Please wait</h1></body></html>\n";

/// Marks an answer that is never sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unsent;

pub(super) async fn fault(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    if service.faults.is_empty() || own_routes::is_own(request.uri().path()) {
        return next.run(request).await;
    }
    let (mut head, body) = request.into_parts();
    let met = meet(&service, &mut head).await;
    if met.rules.is_empty() {
        return next.run(Request::from_parts(head, body)).await;
    }
    if let Some(position) = head.extensions.get::<Position>() {
        service.journal.met(*position, met.rules);
    }
    let client = Client::of(&head);
    if let Some(time) = met.delay {
        sleep(time).await;
    }
    if let Some(ending) = met.before_commit {
        return client.end(ending, &service);
    }
    head.extensions.insert(met.course);
    let response = next.run(Request::from_parts(head, body)).await;
    if let Some(time) = met.delay_after_commit {
        sleep(time).await;
    }
    match (met.after_commit, met.body) {
        (Some(ending), _) => client.end(ending, &service),
        (None, Some(spoilt)) => client.spoil(spoilt, response).await,
        (None, None) => response,
    }
}

async fn meet(service: &Service, head: &mut Parts) -> Met {
    // As the routes will receive them: decoded, or `None` for an unknown path.
    let parameters = head.extract::<RawPathParams>().await.ok();
    let id = parameters.as_ref().and_then(|parameters| {
        let mut named = parameters.iter().filter(|(name, _)| *name == "id");
        named.next().map(|(_, id)| id)
    });
    let matched = head.extensions.get::<MatchedPath>();
    let call = Call::new(
        &head.method,
        head.uri.path(),
        matched.map(MatchedPath::as_str),
        id,
        &service.state.fleet,
    );
    service.faults.meet(&call)
}

/// The client of a call, and its connection.
struct Client {
    switch: Switch,
    /// Whether it called the API rather than Entra ID.
    api: bool,
    headers: HeaderMap,
}

impl Client {
    fn of(head: &Parts) -> Self {
        let connection = head.extensions.get::<ConnectInfo<Switch>>();
        Self {
            switch: connection.map_or_else(Switch::default, |info| info.0.clone()),
            api: is_api(head.uri.path()),
            headers: head.headers.clone(),
        }
    }

    fn end(&self, ending: Ending, service: &Service) -> Response {
        match ending {
            Ending::Dropped => {
                self.switch.close();
                (StatusCode::NO_CONTENT, Extension(Unsent)).into_response()
            }
            Ending::Refused(refusal) => self.refuse(refusal, service),
        }
    }

    fn refuse(&self, refusal: Refusal, service: &Service) -> Response {
        let Refusal {
            status,
            retry_after,
        } = refusal;
        if self.api {
            return ServiceError::fault(status, retry_after).into_response();
        }
        let now = service.clock.now();
        let mut answer = EntraError::Transient(status).answer(&self.headers, now);
        set_retry_after(&mut answer, retry_after);
        answer
    }

    async fn spoil(&self, spoilt: Spoilt, response: Response) -> Response {
        let (mut head, body) = response.into_parts();
        let body = match spoilt {
            Spoilt::Garbage => {
                head.headers.remove(CONTENT_LENGTH);
                Body::from(GARBAGE)
            }
            // Bodies of this server are in memory, so reading them never fails.
            Spoilt::Slow(pause) => {
                let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
                Body::new(SlowBody::new(whole, pause))
            }
            Spoilt::Reset => {
                let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
                Body::new(BrokenBody::new(whole, self.switch.clone()))
            }
        };
        Response::from_parts(head, body)
    }
}
