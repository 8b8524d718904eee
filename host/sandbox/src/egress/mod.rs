//! The only way for a request to leave the sandbox. A request is sent only if the call's grant
//! permits it. The token is added here, after every check; the guest can neither set nor see
//! it. The record has what was actually sent and received.

mod answer;
mod audit;
mod call_context;
mod counted;
mod head;
mod outgoing;
mod record;
mod request_log;

use std::{
    cmp::Ordering::{Equal, Greater, Less},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header, uri::Scheme};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tokio::sync::mpsc;
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, Result, WasiBody, WasiHttpHooks,
};

use crate::{
    connection::{Connection, DialError, HttpConnection, dial},
    grant::{Grant, MAX_REQUEST_BODY, Permit, Refusal, RequestView, Route},
    identity::Issued,
};

pub use audit::{Audit, AuditedRequest, Phase};
pub use record::{CallRecord, Delivery, Exchange};

pub(crate) use audit::Auditor;
pub(crate) use call_context::Ended;

use answer::{Broken, receive, without_mark};
use call_context::CallContext;
use counted::Counted;
use head::visible;
use outgoing::{is_forbidden, outgoing};
pub(crate) use record::Recorder;
use request_log::{RequestLog, brief};

/// The most attempts of one call, requests and forbidden headers together, that are
/// recorded individually.
const MAX_RECORDED_ATTEMPTS: u64 = 256;

/// The longest reason of a failure, in characters.
const MAX_REASON: usize = 500;

/// The egress of one call.
pub(crate) struct Egress {
    context: Arc<CallContext>,
}

type Sent = (
    Response<WasiBody>,
    Box<dyn Future<Output = Result<()>> + Send>,
);

impl Egress {
    /// The egress of a call that begins now.
    pub(crate) fn new(
        connection: Connection,
        grant: Grant,
        auditor: Auditor,
        recorder: Recorder,
    ) -> (Self, Ended) {
        let (open, ended) = mpsc::channel(1);
        let egress = Self {
            context: Arc::new(CallContext {
                connection,
                call: grant.function(),
                grant: Mutex::new(grant),
                auditor,
                recorder,
                began: Instant::now(),
                attempts: AtomicU64::new(0),
                _open: open,
            }),
        };
        (egress, Ended(ended))
    }
}

impl WasiHttpHooks for Egress {
    /// Called for every header that the guest sets or deletes, and for those of an
    /// answer. `visible` leaves no forbidden header in an answer, so a forbidden one
    /// here is an attempt of the guest.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        let forbidden = is_forbidden(name);
        if forbidden {
            self.context.refuse_header(name);
        }
        forbidden
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    /// Returns `true` for every scheme: the grant refuses all but one and records the reason.
    fn is_supported_scheme(&mut self, _scheme: &Scheme) -> bool {
        true
    }

    /// Limits the buffer for a guest's body to the size that the grant reads.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_REQUEST_BODY
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _received: Box<dyn Future<Output = Result<()>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent>> + Send> {
        let context = Arc::clone(&self.context);
        Box::new(async move {
            let response = context.send(request).await?;
            let done: Box<dyn Future<Output = Result<()>> + Send> = Box::new(async { Ok(()) });
            Ok((response, done))
        })
    }
}

impl CallContext {
    async fn send(&self, request: Request<WasiBody>) -> Result<Response<WasiBody>> {
        // A plugin that sends requests in a loop must not fill the disk with its
        // record.
        let attempts = self.attempts.fetch_add(1, Ordering::Relaxed);
        if attempts > MAX_RECORDED_ATTEMPTS {
            self.recorder.refuse(Refusal::TooMany);
            return Err(Error::HttpRequestDenied);
        }
        let (head, body) = request.into_parts();
        let mut log = RequestLog::new(self, &head);
        if attempts == MAX_RECORDED_ATTEMPTS {
            return Err(log.refuse(Refusal::TooMany));
        }
        // Drained before anything is decided: a guest that is still writing
        // would otherwise see a broken stream and never the refusal.
        let body = match Limited::new(body, MAX_REQUEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(log.refuse(Refusal::BodySize));
            }
            Err(_) => return Err(log.refuse(Refusal::Unfinished)),
        };
        let permit = match self.decide(&head, &body) {
            Ok(permit) => permit,
            Err(refusal) => return Err(log.refuse(refusal)),
        };
        let (issued, authorization) = match self.sign_in().await {
            Ok(signed_in) => signed_in,
            Err(refusal) => return Err(log.refuse(refusal)),
        };
        // Recorded before any byte of the request leaves.
        if let Err(refusal) = log.allow(permit.route(), &issued.token) {
            return Err(log.refuse(refusal));
        }
        let request = outgoing(&head, permit.body(), authorization);
        self.exchange(permit.route(), request, &issued).await
    }

    /// Records that the guest tried to set a forbidden header. The attempt counts as a
    /// request, because neither may fill the disk.
    fn refuse_header(&self, name: &HeaderName) {
        let attempts = self.attempts.fetch_add(1, Ordering::Relaxed);
        let name = brief(name.as_str());
        match attempts.cmp(&MAX_RECORDED_ATTEMPTS) {
            Less => drop(RequestLog::header(self).refuse(Refusal::Header(name))),
            Equal => drop(RequestLog::header(self).refuse(Refusal::TooMany)),
            Greater => self.recorder.refuse(Refusal::TooMany),
        }
    }

    /// The token, and the header that carries it.
    async fn sign_in(&self) -> Result<(Issued, HeaderValue), Refusal> {
        let credential = self.connection.credential.as_ref();
        let issued = credential.ok_or(Refusal::NoCredential)?.issue().await;
        let issued = issued.map_err(|error| match error {
            error if error.is_transient() => Refusal::NoAuthority(error.to_string()),
            error => Refusal::SignIn(error.to_string()),
        })?;
        let authorization = issued.token.authorization();
        let authorization = authorization.map_err(|error| Refusal::SignIn(error.to_string()))?;
        Ok((issued, authorization))
    }

    fn decide(&self, head: &http::request::Parts, body: &[u8]) -> Result<Permit, Refusal> {
        if !self.auditor.works() {
            return Err(Refusal::Audit);
        }
        let headers: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
        let request = RequestView {
            method: head.method.as_str(),
            scheme: head.uri.scheme_str().unwrap_or_default(),
            authority: head
                .uri
                .authority()
                .map_or("", |authority| authority.as_str()),
            path: head.uri.path(),
            query: head.uri.query(),
            headers: &headers,
            body,
            elapsed: self.began.elapsed(),
        };
        self.grant().spend(&request)
    }

    async fn exchange(
        &self,
        route: Route,
        request: Request<Full<Bytes>>,
        issued: &Issued,
    ) -> Result<Response<WasiBody>> {
        self.recorder.begin(route, issued.generation);
        let query = request.uri().query().map(ToOwned::to_owned);
        self.recorder.update(|exchange| exchange.query = query);
        let trying = |address| {
            self.recorder
                .update(|exchange| exchange.address = Some(address));
        };
        let target = self.connection.target();
        let stream = dial(&target, &self.connection.network, &trying)
            .await
            .map_err(|error| {
                self.failed(&error);
                guest_error(&error)
            })?;
        let lost = |error: hyper::Error| {
            self.failed(&error);
            Error::ConnectionTerminated
        };
        let counted = Counted::new(stream, self.recorder.counter(), self.grant().leave_by());
        let mut connection = HttpConnection::open(counted).await.map_err(lost)?;
        let response = connection.send(request).await.map_err(lost)?;
        let (head, body) = response.into_parts();
        let seen = visible(&head.headers, &issued.token);
        let retry_after = seen.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
        self.recorder.update(|exchange| {
            exchange.status = Some(head.status.as_u16());
            exchange.retry_after = retry_after.map(ToOwned::to_owned);
        });
        if let Some(credential) = &self.connection.credential
            && head.status != StatusCode::UNAUTHORIZED
        {
            credential.accepted(issued.generation).await;
        }
        let mut encodings = head.headers.get_all(header::CONTENT_ENCODING).iter();
        let encoded = encodings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
        let body = if encoded {
            Err("the answer is encoded, although no encoding was requested".to_owned())
        } else {
            receive(body, route.answer_limit(), &issued.token).await
        };
        let mut response = self.deliver(body);
        *response.status_mut() = head.status;
        *response.headers_mut() = seen;
        Ok(response)
    }

    fn deliver(&self, body: Result<Bytes, String>) -> Response<WasiBody> {
        Response::new(match body {
            Ok(bytes) => {
                let bytes = without_mark(bytes);
                self.recorder
                    .update(|exchange| exchange.answer = Some(bytes.to_vec()));
                Full::new(bytes)
                    .map_err(|never| match never {})
                    .boxed_unsync()
            }
            Err(reason) => {
                self.recorder
                    .update(|exchange| exchange.failure = Some(reason.clone()));
                Broken.boxed_unsync()
            }
        })
    }

    fn failed(&self, error: &dyn std::error::Error) {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            reason = format!("{reason}: {cause}");
            source = cause.source();
        }
        // A certificate error lists all names of the certificate, which may be
        // thousands.
        let reason = reason.chars().take(MAX_REASON).collect();
        self.recorder
            .update(|exchange| exchange.failure = Some(reason));
    }
}

/// The error that the guest gets if a connection fails.
fn guest_error(error: &DialError) -> Error {
    match error {
        DialError::ToProxy(_, error) => guest_error(error),
        DialError::Resolve(..) | DialError::NoAddress(_) => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        DialError::Prohibited(..) => Error::DestinationIpProhibited,
        DialError::Connect(..) | DialError::Proxy(..) | DialError::ProxyRefused(..) => {
            Error::ConnectionRefused
        }
        DialError::Tls(..) | DialError::NotTls(_) | DialError::TlsSetup(_) => {
            Error::TlsCertificateError
        }
    }
}
