//! From an HTTP request to the service that answers it: guard, caller, service, bounded body.

use super::auth::Gate;
use super::classify::{self, Target};
use super::enforce::{self, Stopped};
use super::faults::{Faults, Short, Strike};
use super::guard;
use super::journal::{Entry, Journal, Note, View};
use super::proxy::Told;
use super::request_ids::RequestIds;
use super::upstream::Upstreams;
use crate::base::{Caller, DEFAULT_REGION};
use crate::protocol::{
    Answer, AwsJson10, AwsQuery, BoxError, Credential, Failure, Form, Incoming, Names, Protocol,
    body, sigv4,
};
use crate::services::{Clock, Pending, Service, read_whole};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// The request's id in every answer but S3's, and in S3's.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
static S3_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
/// Bytes of a form whose service is not yet known, at the most.
const FORM_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The services by name, as the edge calls them.
pub(super) struct Dispatch {
    services: HashMap<&'static str, Arc<dyn Service>>,
    gate: Gate,
    upstreams: Upstreams,
    journal: Journal,
    faults: Faults,
    request_ids: RequestIds,
}

/// A request body as a server or devenv's own pages hand it over.
pub(super) trait Arriving:
    http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static
{
}

impl<B> Arriving for B where B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static
{}

impl Dispatch {
    pub(super) fn new(
        services: Vec<Arc<dyn Service>>,
        gate: Gate,
        upstreams: Upstreams,
        faults: Faults,
        request_ids: RequestIds,
    ) -> Self {
        Dispatch {
            services: services.into_iter().map(|s| (s.name(), s)).collect(),
            gate,
            upstreams,
            journal: Journal::default(),
            faults,
            request_ids,
        }
    }

    /// The last requests.
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// All services have forgotten everything, so that a seed's requests are counted anew.
    pub(super) fn begin_again(&self) {
        self.request_ids.begin_again();
    }

    /// The faults in force.
    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// A remembered request as it is read.
    pub(super) fn view(&self, entry: &Entry) -> View {
        View::of(entry, |name| self.services.get(name))
    }

    pub(super) fn services(&self) -> impl Iterator<Item = &Arc<dyn Service>> {
        self.services.values()
    }

    pub(super) fn clock(&self) -> &Clock {
        self.gate.clock()
    }

    /// Answers an AWS request. Only the body and the service are waited for: all between them is done
    /// by plain functions, since each level of futures is moved as a whole before it runs.
    pub(super) async fn answer(&self, request: Request<impl Arriving>) -> Answer {
        let (parts, body) = request.into_parts();
        let mut credential = credential_of(&parts);
        let request_id = self.request_ids.next();
        let caller = Arc::new(caller_of(&parts, credential.as_mut(), &self.gate, request_id));
        let trace = Trace::begin(&parts);
        let mut note = self.journal.begin(&parts, &caller);
        let arrival = self.arrival(parts, credential.as_ref(), caller.clone());
        if let Some(target) = &arrival.known {
            note.service(self.name_of(target));
            self.upstreams.address(&target.service).into_iter().for_each(|to| note.forwarded(to));
        }
        let body = match arrival.limit {
            // The service reads the body itself, as it arrives.
            None => Ok(Taken::Arriving(body)),
            Some(limit) => collect(body, limit).await.map(Taken::Whole),
        };
        if let Ok(Taken::Whole(bytes)) = &body {
            note.body(bytes);
        }
        let strike = self.strike(&mut note);
        if let Some(wait) = strike.as_ref().map(|s| s.wait).filter(|wait| !wait.is_zero()) {
            tokio::time::sleep(wait).await;
        }
        let stopped = strike.as_ref().and_then(|s| stopped(s, arrival.known.as_ref(), &caller));
        let answering = match (stopped, body) {
            (Some(answer), _) => Err(answer),
            (None, Ok(Taken::Arriving(body))) => self.pass_on(arrival, body),
            (None, Ok(Taken::Whole(bytes))) => self.hand_over(arrival, bytes),
            (None, Err(failure)) => Err(fail(arrival.known.as_ref(), &failure, &caller)),
        };
        let mut answer = match answering {
            Ok(answering) => answering.await,
            Err(answer) => answer,
        };
        if let Some(trace) = trace {
            trace.end(&answer, &caller);
        }
        note.end(&answer);
        if let Some(cut) = strike.and_then(|strike| strike.cut) {
            return cut_off(answer, cut);
        }
        let id = HeaderValue::from_str(&caller.request_id);
        // An upstream has given its own.
        let has_id = answer.headers().contains_key(&S3_REQUEST_ID)
            || !self.upstreams.is_empty() && answer.headers().contains_key(&REQUEST_ID);
        if let (Ok(id), false) = (id, has_id) {
            answer.headers_mut().insert(&REQUEST_ID, id);
        }
        answer
    }

    /// Carries out a remembered request once more, as the caller who sent it, whose signature was of
    /// its time and is not asked for.
    pub(super) async fn again(&self, request: Request<Full<Bytes>>, entry: &Entry) -> Answer {
        let (mut parts, body) = request.into_parts();
        let caller =
            Caller { request_id: self.request_ids.next(), ..entry.caller.as_ref().clone() };
        let caller = Arc::new(caller);
        parts.extensions.insert(caller.clone());
        let mut note = self.journal.begin(&parts, &caller);
        let view = self.view(entry);
        let query = !view.operation.is_empty() && view.is_form;
        let known = Some(Target { service: view.service.into(), query });
        known.iter().for_each(|target| note.service(self.name_of(target)));
        let limit = Some(FORM_BYTES_MAX);
        let arrival = Arrival { parts, caller: caller.clone(), known, is_page: true, limit };
        let Ok(bytes) = collect(body, FORM_BYTES_MAX).await else {
            return fail(arrival.known.as_ref(), &Failure::new(400, "IncompleteBody", ""), &caller);
        };
        note.body(&bytes);
        let answer = match self.hand_over(arrival, bytes) {
            Ok(answering) => answering.await,
            Err(answer) => answer,
        };
        note.end(&answer);
        answer
    }

    /// A service's name, without a copy where it is one of ours.
    fn name_of(&self, target: &Target) -> Cow<'static, str> {
        match self.services.get_key_value(target.service.as_ref()) {
            Some((name, _)) => Cow::Borrowed(*name),
            None => target.service.clone(),
        }
    }

    /// What is done to the request on purpose, if anything.
    fn strike(&self, note: &mut Note) -> Option<Strike> {
        if !self.faults.any() {
            return None;
        }
        let strike = self.faults.strike(&self.view(&note.so_far()))?;
        note.fault(strike.told.clone());
        Some(strike)
    }

    /// What is done on purpose to a request to a server behind a proxy, and its line of the journal.
    pub(super) fn strike_wire(&self, service: &'static str, told: &Told) -> Option<(Strike, Note)> {
        if !self.faults.any() {
            return None;
        }
        let strike = self.faults.strike(&View::unwritten(service, told))?;
        let note = self.journal.begin_wire(service, told, strike.told.clone());
        Some((strike, note))
    }

    /// What the head of a request tells.
    fn arrival(
        &self,
        mut parts: Parts,
        credential: Option<&Credential>,
        caller: Arc<Caller>,
    ) -> Arrival {
        parts.extensions.insert(caller.clone());
        let page = self.by_page(parts.uri.path());
        let is_page = page.is_some();
        let known = page.or_else(|| classify::by_head(&parts, credential));
        let service = known.as_ref().and_then(|t| self.services.get(t.service.as_ref()));
        let limit = match (&known, service) {
            (Some(_), Some(service)) => service.body_limit(),
            _ => Some(FORM_BYTES_MAX),
        };
        Arrival { parts, caller, known, is_page, limit }
    }

    fn pass_on(
        &self,
        arrival: Arrival,
        body: impl Arriving,
    ) -> Result<Pending<'_, Answer>, Answer> {
        let Arrival { mut parts, caller, known, is_page, .. } = arrival;
        let target = known.ok_or_else(|| unknown_form(&caller))?;
        if !is_page {
            self.admit(&mut parts, sigv4::Body::Arriving, &target, &caller)?;
            self.authorize(&mut parts, None, &target, &caller)?;
        }
        let body = body.map_err(Into::into).boxed_unsync();
        self.call(&target, Request::from_parts(parts, body), &caller)
    }

    fn hand_over(&self, arrival: Arrival, bytes: Bytes) -> Result<Pending<'_, Answer>, Answer> {
        let Arrival { mut parts, caller, known, is_page, .. } = arrival;
        let target = self.with_form(known, &mut parts, &bytes, &caller)?;
        if !is_page {
            self.admit(&mut parts, sigv4::Body::Whole(&bytes), &target, &caller)?;
            self.authorize(&mut parts, Some(&bytes), &target, &caller)?;
        }
        let body: Incoming = Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
        self.call(&target, Request::from_parts(parts, body), &caller)
    }

    fn admit(
        &self,
        parts: &mut Parts,
        body: sigv4::Body<'_>,
        target: &Target,
        caller: &Caller,
    ) -> Result<(), Answer> {
        let admitted = self.gate.admit(parts, body, target);
        admitted.map_err(|failure| {
            tracing::debug!(code = %failure.code, service = %target.service, "signature refused");
            fail(Some(target), &failure, caller)
        })
    }

    /// Under `auth = "enforce"`, asks the policies.
    fn authorize(
        &self,
        parts: &mut Parts,
        body: Option<&Bytes>,
        target: &Target,
        caller: &Caller,
    ) -> Result<(), Answer> {
        if self.gate.judge().is_none() {
            return Ok(());
        }
        let Some(service) = self.services.get(target.service.as_ref()) else { return Ok(()) };
        let asked = self.gate.authorize(service.as_ref(), target, parts, body, caller);
        asked.map_err(|stopped| match stopped {
            Stopped::Failed(failure) => fail(Some(target), &failure, caller),
            Stopped::Denied(denial) => {
                tracing::debug!(service = %target.service, "a policy denies");
                let mut answer =
                    fail(Some(target), &enforce::denied(target, parts, &denial), caller);
                if let Ok(message) = HeaderValue::from_str(&denial.encoded) {
                    answer.headers_mut().insert(enforce::MESSAGE, message);
                }
                answer
            }
        })
    }

    /// The service whose own page a path is.
    fn by_page(&self, path: &str) -> Option<Target> {
        if !path.starts_with("/_") {
            return None;
        }
        let owner = self.services.values().find(|s| s.pages().iter().any(|p| path.starts_with(p)));
        owner.map(|s| Target { service: s.name().into(), query: false })
    }

    /// Reads the form of an awsQuery request, which may still have to say which service is meant.
    fn with_form(
        &self,
        known: Option<Target>,
        parts: &mut Parts,
        bytes: &Bytes,
        caller: &Caller,
    ) -> Result<Target, Answer> {
        if known.as_ref().is_some_and(|t| !t.query) {
            return Ok(known.unwrap_or_else(|| Target { service: "s3".into(), query: false }));
        }
        let text: &[u8] =
            if bytes.is_empty() { parts.uri.query().unwrap_or_default().as_bytes() } else { bytes };
        let form = Form::parse(text).map_err(|e| {
            fail(known.as_ref(), &Failure::new(400, "MalformedQueryString", e.0), caller)
        })?;
        let target = match known {
            Some(target) => target,
            None => match classify::by_form(&form) {
                Some(service) => Target { service: service.into(), query: true },
                None if form.get("Action").is_some() => return Err(unknown_form(caller)),
                // A form that is no awsQuery call: an object or a form upload for S3.
                None => return Ok(Target { service: "s3".into(), query: false }),
            },
        };
        parts.extensions.insert(Arc::new(form));
        Ok(target)
    }

    fn call(
        &self,
        target: &Target,
        request: crate::protocol::Request,
        caller: &Caller,
    ) -> Result<Pending<'_, Answer>, Answer> {
        match self.services.get(target.service.as_ref()) {
            Some(service) => Ok(service.call(request)),
            None if self.upstreams.address(&target.service).is_some() => {
                let (target, caller) = (target.clone(), caller.clone());
                Ok(Box::pin(async move {
                    let request = read_whole(request).await;
                    let sent = self.upstreams.forward(&target.service, request, &caller).await;
                    sent.unwrap_or_else(|failure| fail(Some(&target), &failure, &caller))
                }))
            }
            None => {
                let operation = operation_of(&request);
                let failure = Failure::no_such_service(&target.service, &operation);
                Err(fail(Some(target), &failure, caller))
            }
        }
    }
}

/// An answer of another server.
pub(super) fn with_body(head: http::response::Parts, bytes: Vec<u8>) -> Answer {
    http::Response::from_parts(head, crate::protocol::body(bytes))
}

/// A body that its service reads, or one that has been read.
enum Taken<B> {
    Arriving(B),
    Whole(Bytes),
}

/// The connection that this answer would go out on is to be cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut;

/// The answer of a fault that keeps a request from its service.
fn stopped(strike: &Strike, target: Option<&Target>, caller: &Caller) -> Option<Answer> {
    if strike.drop_before {
        return Some(cut_off(http::Response::new(crate::protocol::body(Bytes::new())), None));
    }
    let (status, code, message) = strike.error.clone()?;
    Some(fail(target, &Failure::new(status, code, message), caller))
}

/// The answer with no more than so many bytes of its body, or only the wish to cut its connection.
fn cut_off(mut answer: Answer, bytes: Option<u64>) -> Answer {
    match bytes {
        None => drop(answer.extensions_mut().insert(Cut)),
        Some(bytes) => {
            return answer.map(|body| crate::protocol::streaming(Short::new(body, bytes)));
        }
    }
    answer
}

/// A request before its body is read.
struct Arrival {
    parts: Parts,
    caller: Arc<Caller>,
    known: Option<Target>,
    is_page: bool,
    /// Bytes of its body at the most; none if the service reads it.
    limit: Option<usize>,
}

/// A request's line for the log, when somebody reads it.
struct Trace {
    method: http::Method,
    path: String,
    started: std::time::Instant,
}

impl Trace {
    fn begin(parts: &Parts) -> Option<Trace> {
        tracing::enabled!(tracing::Level::DEBUG).then(|| Trace {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            started: std::time::Instant::now(),
        })
    }

    fn end(self, answer: &Answer, caller: &Caller) {
        tracing::debug!(
            method = %self.method, path = self.path, status = answer.status().as_u16(),
            took = ?self.started.elapsed(), request = caller.request_id, "request"
        );
    }
}

fn operation_of(request: &crate::protocol::Request) -> String {
    let target = request.headers().get(&classify::TARGET).and_then(|t| t.to_str().ok());
    let form = request.extensions().get::<Arc<Form>>();
    target
        .and_then(|t| t.split('.').nth(1))
        .or_else(|| form.and_then(|f| f.get("Action")))
        .map_or_else(|| format!("{} {}", request.method(), request.uri().path()), str::to_owned)
}

async fn collect(body: impl Arriving, limit: usize) -> Result<Bytes, Failure> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(Failure::new(
            413,
            "RequestEntityTooLarge",
            format!("The request body is larger than {limit} bytes."),
        )),
        Err(error) => Err(Failure::new(
            400,
            "IncompleteBody",
            format!("The request body could not be read: {error}"),
        )),
    }
}

fn unknown_form(caller: &Caller) -> Answer {
    let failure = Failure::new(
        400,
        "InvalidAction",
        "The form's Action and Version name no service that devenv knows; sign the request or send Version.",
    );
    fail(Some(&Target { service: "".into(), query: true }), &failure, caller)
}

/// An error before any service was reached, in the protocol that the caller speaks.
fn fail(target: Option<&Target>, failure: &Failure, caller: &Caller) -> Answer {
    let failure = failure.clone().of_request(&caller.request_id);
    match target {
        Some(target) if target.service == "s3" => s3_error(&failure),
        Some(target) if !target.query => {
            let query_compatible = target.service == "sqs";
            AwsJson10::fail(Names { query_compatible, ..Names::PLAIN }, &failure)
        }
        _ => AwsQuery::fail(Names::PLAIN, &failure),
    }
}

fn s3_error(failure: &Failure) -> Answer {
    let text = crate::base::xml_text;
    let members: String = failure
        .members
        .iter()
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("<{name}>{}</{name}>", text(&value))
        })
        .collect();
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>{members}<RequestId>{}</RequestId></Error>",
        text(&failure.code),
        text(&failure.message),
        failure.request_id
    );
    let mut answer = http::Response::new(body(document));
    *answer.status_mut() =
        StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let xml = HeaderValue::from_static("application/xml");
    answer.headers_mut().insert(header::CONTENT_TYPE, xml);
    answer
}

/// Turns away what the guard refuses: `403` and a reason, in words that fit no protocol's success.
pub(super) fn guarded(parts: &Parts) -> Result<(), Answer> {
    guard::check(parts).map_err(|refusal| {
        tracing::warn!(path = parts.uri.path(), reason = refusal.0, "request refused");
        let failure = Failure::new(403, "AccessDenied", format!("devenv: {}", refusal.0));
        s3_error(&failure)
    })
}

fn credential_of(parts: &Parts) -> Option<Credential> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    header
        .and_then(Credential::from_authorization)
        .or_else(|| parts.uri.query().and_then(Credential::from_query))
        .or_else(|| {
            let legacy = parts.uri.query().and_then(sigv4::LegacyQuery::from_query)?;
            Some(legacy.credential())
        })
}

/// The caller takes the key and the region; what stays in `credential` tells the service.
fn caller_of(
    parts: &Parts,
    credential: Option<&mut Credential>,
    gate: &Gate,
    request_id: String,
) -> Caller {
    let (access_key, region) = credential.map_or_else(Default::default, |credential| {
        (std::mem::take(&mut credential.access_key), std::mem::take(&mut credential.region))
    });
    let host = parts.uri.authority().map(|a| a.as_str());
    let host = host.or_else(|| parts.headers.get(header::HOST).and_then(|h| h.to_str().ok()));
    Caller {
        account: gate.account(&access_key),
        region: if region.is_empty() { DEFAULT_REGION.to_owned() } else { region },
        access_key,
        endpoint: ["http://", host.unwrap_or("127.0.0.1")].concat(),
        request_id,
    }
}
