//! The only way out of the sandbox. A request leaves if its call's grant says
//! so; the token is added here, after every check; the guest can neither set
//! nor see it. What really happened is recorded as it happens.

mod answer;
mod audit;
mod call_context;
mod counted;
mod head;
mod note;
mod outgoing;
mod record;

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
    identity::{Issued, SignInError},
};

pub use audit::{Audit, Entry, Phase};
pub use record::{CallRecord, Delivery, Exchange};

pub(crate) use audit::Auditor;
pub(crate) use call_context::Ended;

use answer::{Broken, receive};
use call_context::CallContext;
use counted::Counted;
use head::visible;
use note::{Note, brief};
use outgoing::{is_forbidden, outgoing};
pub(crate) use record::Recorder;

/// Requests of one call, and headers that it tried to set, that are put on
/// record one by one.
const MAX_ASKED: u64 = 256;

/// The longest reason of a failure, in characters.
const MAX_REASON: usize = 500;

/// One call's way out.
pub(crate) struct Egress {
    context: Arc<CallContext>,
}

type Sent = (
    Response<WasiBody>,
    Box<dyn Future<Output = Result<()>> + Send>,
);

impl Egress {
    /// The way out of one call, which begins now.
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
                asked: AtomicU64::new(0),
                _open: open,
            }),
        };
        (egress, Ended(ended))
    }
}

impl WasiHttpHooks for Egress {
    /// Asked for every header that the guest would set or take out, and for
    /// those of an answer that it would see. Of these, `visible` left none that
    /// is forbidden: what is found here is an attempt of the guest's.
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

    /// Every scheme comes as far as the grant, which refuses all but one, with
    /// a reason and on record.
    fn is_supported_scheme(&mut self, _scheme: &Scheme) -> bool {
        true
    }

    /// No more of a body is held for a guest than is looked at.
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
        // A plugin that asks and asks must not fill the disk with its record.
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked > MAX_ASKED {
            self.recorder.refuse(Refusal::TooMany);
            return Err(Error::HttpRequestDenied);
        }
        let (head, body) = request.into_parts();
        let mut note = Note::new(self, &head);
        if asked == MAX_ASKED {
            return Err(note.refuse(Refusal::TooMany));
        }
        // Drained before anything is decided: a guest that is still writing
        // would otherwise see a broken stream and never the refusal.
        let body = match Limited::new(body, MAX_REQUEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(note.refuse(Refusal::BodySize));
            }
            Err(_) => return Err(note.refuse(Refusal::Unfinished)),
        };
        let permit = match self.decide(&head, &body) {
            Ok(permit) => permit,
            Err(refusal) => return Err(note.refuse(refusal)),
        };
        let (issued, authorization) = match self.sign_in().await {
            Ok(signed_in) => signed_in,
            Err(refusal) => return Err(note.refuse(refusal)),
        };
        // Before anything of it leaves.
        if let Err(refusal) = note.allow(permit.route(), &issued.token) {
            return Err(note.refuse(refusal));
        }
        let request = outgoing(&head, permit.body(), authorization);
        self.exchange(permit.route(), request, &issued).await
    }

    /// Takes note that the guest tried to set a header that is not its own. It
    /// counts as a request: neither may fill the disk.
    fn refuse_header(&self, name: &HeaderName) {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let name = brief(name.as_str());
        match asked.cmp(&MAX_ASKED) {
            Less => drop(Note::header(self).refuse(Refusal::Header(name))),
            Equal => drop(Note::header(self).refuse(Refusal::TooMany)),
            Greater => self.recorder.refuse(Refusal::TooMany),
        }
    }

    /// The token, and the header that carries it.
    async fn sign_in(&self) -> Result<(Issued, HeaderValue), Refusal> {
        let credential = self.connection.credential.as_ref();
        let issued = credential.ok_or(Refusal::NoCredential)?.issue().await;
        let issued = issued.map_err(|error| match error {
            SignInError::Unreachable(reason) => Refusal::NoAuthority(reason),
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
        let asked = RequestView {
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
        self.grant().spend(&asked)
    }

    async fn exchange(
        &self,
        route: Route,
        request: Request<Full<Bytes>>,
        issued: &Issued,
    ) -> Result<Response<WasiBody>> {
        self.recorder.begin(route, issued.generation);
        let trying = |address| {
            self.recorder
                .update(|exchange| exchange.address = Some(address));
        };
        let target = self.connection.target();
        let stream = dial(&target, &self.connection.network, &trying)
            .await
            .map_err(|error| {
                self.failed(&error);
                told(&error)
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
            Err("the answer is encoded, which was not asked for".to_owned())
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
        // A certificate of a thousand names is told with all of them.
        let reason = reason.chars().take(MAX_REASON).collect();
        self.recorder
            .update(|exchange| exchange.failure = Some(reason));
    }
}

/// What the guest is told of a connection that did not come about.
fn told(error: &DialError) -> Error {
    match error {
        DialError::ToProxy(_, error) => told(error),
        DialError::Resolve(..) | DialError::NoAddress(_) => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        DialError::Prohibited(..) => Error::DestinationIpProhibited,
        DialError::Connect(..) | DialError::Proxy(..) | DialError::ProxyRefused(..) => {
            Error::ConnectionRefused
        }
        DialError::Tls(..) | DialError::TlsSetup(_) => Error::TlsCertificateError,
    }
}
