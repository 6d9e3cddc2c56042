//! SES on the wire: v1 over awsQuery, v2 over restJson1. Every mail goes into the `inbox`, whose pages
//! show what was sent.

mod arriving;
mod asked;
mod deposits;
mod finishing;
mod forward;
mod happenings;
mod inbox;
mod pages;
mod pruning;
mod quick;
mod seeded;
mod sending;
mod waiting;

pub use arriving::Arriving;
pub use deposits::Deposits;
pub use forward::{Forward, Forwarder};
pub use pruning::{Keep, Pruner};

use super::calls::{self, Call, Declare};
use super::errands::{bulk_v1, bulk_v2, send_templated};
use super::limits::REQUEST_BYTES_MAX;
use super::model::Version;
use super::ops::*;
use super::records::Record;
use super::state::{Change, Mode, State};
use super::{Error, models};
use crate::base::{Caller, Problem};
use crate::protocol::{
    Answer, Endpoint, Failure, Names, QueryNames, QueryRoutes, Request, RequestHead, RestJson,
    RestRoutes, Routes, Tree, rest_operation,
};
use crate::services::s3::S3;
use crate::services::{Clock, Host, Identified, Operation, Pending, Service, failure, read_whole};
use crate::storage::Storage;
use inbox::Inbox;
use serde_json::Value;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock, Weak};

/// Maps of SES's results are wrapped in `entry`; see [`GetIdentityVerificationAttributes`].
const NAMES: Names = Names {
    error_prefix: "",
    query: QueryNames {
        xmlns: "http://ses.amazonaws.com/doc/2010-12-01/",
        flat: |member| (member == "entry").then_some("entry"),
    },
    ..Names::PLAIN
};

/// Where SDKs of before 2026 look for the list of identities.
const LIST_BY_GET: (&str, &str, &str) = ("ListEmailIdentitiesByGet", "GET", "/v2/email/identities");

/// The service.
pub struct Ses {
    host: Arc<Host<State>>,
    inbox: Arc<Inbox>,
    forwarder: Arc<Forwarder>,
    pruner: Arc<Pruner>,
    mode: Arc<AtomicU8>,
    buckets: Buckets,
    v1: Endpoint,
    v2: Endpoint,
}

/// The mode behind its number.
fn mode_of(number: u8) -> Mode {
    [Mode::Lenient, Mode::Strict, Mode::Sandbox]
        .into_iter()
        .find(|m| *m as u8 == number)
        .unwrap_or_default()
}

/// S3, once it is open: receipt rules name its buckets.
type Buckets = Arc<OnceLock<Weak<S3>>>;

const VERIFICATION: &str = "SendCustomVerificationEmail";

/// What the routes of both versions share.
#[derive(Clone)]
struct Handlers {
    host: Arc<Host<State>>,
    inbox: Arc<Inbox>,
    mode: Arc<AtomicU8>,
    buckets: Buckets,
}

impl Handlers {
    /// Refuses a receipt rule that names a bucket which is not there.
    fn check_buckets(&self, input: &Record) -> Result<(), Failure> {
        let Some(s3) = self.buckets.get().and_then(Weak::upgrade) else { return Ok(()) };
        let actions = input["Rule"]["Actions"].as_array().into_iter().flatten();
        let mut buckets = actions.filter_map(|a| a["S3Action"]["BucketName"].as_str());
        match buckets.find(|bucket| !s3.has_bucket(bucket)) {
            None => Ok(()),
            Some(bucket) => {
                let text = format!("Could not write to bucket: {bucket}");
                Err(Failure::new(400, "InvalidS3Configuration", text))
            }
        }
    }

    fn mode(&self) -> Mode {
        mode_of(self.mode.load(Ordering::Relaxed))
    }

    /// An operation as it comes.
    fn plain<O>(&self) -> impl Fn(O, Arc<Caller>) -> Running<O::Output> + Clone + use<O>
    where
        O: Operation<State = State, Change = Change> + Send + 'static,
        O::Output: Send,
    {
        let host = self.host.clone();
        move |operation, caller| {
            let host = host.clone();
            Box::pin(async move { host.run(operation, &caller).await })
        }
    }

    /// A request that becomes a mail.
    fn sending<I: Send + 'static>(
        &self,
        mail: fn(I, Mode) -> Result<AcceptMail, Error>,
    ) -> impl Fn(I, Arc<Caller>) -> Running<Accepted> + Clone + use<I> {
        let handlers = self.clone();
        move |input, caller| {
            let handlers = handlers.clone();
            Box::pin(async move {
                let mail = mail(input, handlers.mode()).map_err(|error| failure(&error))?;
                handlers.inbox.accept(mail, &caller).await
            })
        }
    }

    /// A look at the account.
    fn account<T: Send + 'static>(
        &self,
        of: fn(&State, &Caller, crate::base::Millis, Mode) -> T,
    ) -> impl Fn(serde::de::IgnoredAny, Arc<Caller>) -> Running<T> + Clone + use<T> {
        let handlers = self.clone();
        move |_, caller| {
            let handlers = handlers.clone();
            Box::pin(async move {
                let mode = handlers.mode();
                handlers.host.look(|state, now| of(state, &caller, now, mode))
            })
        }
    }

    /// An operation of the tables.
    fn by_model(
        &self,
        version: Version,
        name: &'static str,
    ) -> impl Fn(Tree, Arc<Caller>) -> Running<Value> + Clone + use<> {
        let handlers = self.clone();
        move |Tree(mut input), caller| {
            // Where SDKs of before 2026 ask for the list by `GET`, the number comes as text.
            if let Some(size) = input["PageSize"].as_str().and_then(|text| text.parse::<i64>().ok())
                && name == "ListEmailIdentities"
            {
                input["PageSize"] = size.into();
            }
            let handlers = handlers.clone();
            Box::pin(async move {
                let rule = matches!(name, "CreateReceiptRule" | "UpdateReceiptRule");
                if rule {
                    handlers.check_buckets(&Handlers::input(version, name, &input)?)?;
                }
                let call = Call { version, name, input, mode: handlers.mode() };
                let answer = handlers.host.run(call, &caller).await?;
                if rule || name == "CreateConfigurationSetEventDestination" {
                    // A topic or a bucket hears that it was found.
                    handlers.host.clock().call();
                }
                Ok(answer)
            })
        }
    }

    fn v1(&self) -> Endpoint {
        let routes = QueryRoutes::new("ses", NAMES)
            .add("SendEmail", self.sending(SendEmail::mail))
            .add("SendRawEmail", self.sending(SendRawEmail::mail))
            .add(
                "SendTemplatedEmail",
                self.errand(Version::V1, "SendTemplatedEmail", send_templated),
            )
            .add(
                "SendBulkTemplatedEmail",
                self.errand(Version::V1, "SendBulkTemplatedEmail", bulk_v1),
            )
            .add("SendBounce", self.bounce())
            .add(VERIFICATION, self.verification(Version::V1))
            .add("GetSendQuota", self.account(GetSendQuota::of))
            .add(GetSendStatistics::NAME, self.plain::<GetSendStatistics>())
            .add(VerifyEmailIdentity::NAME, self.plain::<VerifyEmailIdentity>())
            .add(VerifyEmailAddress::NAME, self.plain::<VerifyEmailAddress>())
            .add(VerifyDomainIdentity::NAME, self.plain::<VerifyDomainIdentity>())
            .add(ListIdentities::NAME, self.plain::<ListIdentities>())
            .add(DeleteIdentity::NAME, self.plain::<DeleteIdentity>())
            .add(
                GetIdentityVerificationAttributes::NAME,
                self.plain::<GetIdentityVerificationAttributes>(),
            );
        let by_model = models::V1.iter().filter(|name| calls::row(Version::V1, name).is_some());
        let routes = by_model
            .fold(routes, |routes, name| routes.add(name, self.by_model(Version::V1, name)));
        routes.by_action(models::V1)
    }

    fn v2(&self) -> Endpoint {
        let routes = Routes::<RestJson>::new("ses", NAMES)
            .add("SendEmail", self.sending_v2())
            .add("SendBulkEmail", self.errand(Version::V2, "SendBulkEmail", bulk_v2))
            .add(VERIFICATION, self.verification(Version::V2))
            .add("GetMessageInsights", self.insights())
            .add(LIST_BY_GET.0, self.by_model(Version::V2, "ListEmailIdentities"));
        let names = models::V2.iter().map(|(name, ..)| *name);
        let routes = names
            .filter(|name| calls::row(Version::V2, name).is_some())
            .fold(routes, |routes, name| routes.add(name, self.by_model(Version::V2, name)));
        let mut model = models::V2.to_vec();
        model.push(LIST_BY_GET);
        // Once a process: the routers want tables that live as long as they do.
        RestRoutes::bind(routes, Box::leak(model.into_boxed_slice())).endpoint()
    }
}

type Running<T> = std::pin::Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

impl Ses {
    /// Opens the state; senders need no verification until [`Ses::set_mode`] says so.
    /// Big mails go to files below `state_dir`.
    pub fn open(storage: &Storage, clock: &Clock, state_dir: &Path) -> Result<Self, Problem> {
        let host = Host::open(storage, clock)?;
        let inbox = Inbox::open(host.clone(), storage, state_dir)?;
        let handlers = Handlers { host, inbox, mode: Arc::default(), buckets: Arc::default() };
        let (v1, v2) = (handlers.v1(), handlers.v2());
        let Handlers { host, inbox, mode, buckets } = handlers;
        let forwarder = Arc::new(Forwarder::new(inbox.clone()));
        let pruner = Arc::new(Pruner::new(inbox.clone()));
        Ok(Ses { host, inbox, forwarder, pruner, mode, buckets, v1, v2 })
    }

    /// Says where the buckets of receipt rules are; once, when all services are open.
    pub fn deposit_to(&self, s3: &Arc<S3>) {
        // A second time would say the same.
        let _ = self.buckets.set(Arc::downgrade(s3));
    }

    /// Passes mail on to a real mail server, when told to.
    pub fn forwarder(&self) -> Arc<Forwarder> {
        self.forwarder.clone()
    }

    /// Throws old mail away, when told to.
    pub fn pruner(&self) -> Arc<Pruner> {
        self.pruner.clone()
    }

    /// Sets how strictly senders are checked.
    pub fn set_mode(&self, mode: Mode) {
        self.mode.store(mode as u8, Ordering::Relaxed);
    }

    /// How strictly senders are checked.
    pub fn mode(&self) -> Mode {
        mode_of(self.mode.load(Ordering::Relaxed))
    }

    /// Does what the profile says of templates, outcomes and topics.
    pub async fn declare(&self, caller: &Caller, declared: Declare) -> Result<(), Failure> {
        self.host.run(declared, caller).await
    }

    /// Makes an address or a domain that may send; one that is there stays as it is.
    pub async fn verify_identity(&self, caller: &Caller, identity: &str) -> Result<(), Failure> {
        if identity.contains('@') {
            let email_address = identity.to_owned();
            return self.host.run(VerifyEmailIdentity { email_address }, caller).await.map(drop);
        }
        let domain = identity.to_owned();
        self.host.run(VerifyDomainIdentity { domain }, caller).await.map(drop)
    }
}

impl Service for Ses {
    fn name(&self) -> &'static str {
        "ses"
    }

    fn body_limit(&self) -> Option<usize> {
        Some(REQUEST_BYTES_MAX)
    }

    fn call(&self, request: Request) -> Pending<'_, Answer> {
        Box::pin(async move {
            let request = read_whole(request).await;
            let path = request.uri().path();
            if path.starts_with("/_devenv/ses/") {
                return self.inbox.happenings(request).await;
            }
            if path.starts_with("/_") {
                return self.inbox.page(request).await;
            }
            if let Some(answer) = quick::answer(self, &request).await {
                return answer;
            }
            let rest = path.starts_with("/v2/email/");
            (if rest { &self.v2 } else { &self.v1 }).call(request).await
        })
    }

    fn pages(&self) -> &'static [&'static str] {
        &["/_aws/ses", "/_devenv/mail", "/_devenv/ses"]
    }

    fn stopping(&self) {
        self.inbox.stop();
    }

    fn asks(
        &self,
        asked: &crate::services::access::Asked<'_>,
    ) -> Result<Vec<crate::services::access::Ask>, Failure> {
        self.host.look(|state, _| super::asks::asks(state, asked))
    }

    fn reset(&self) -> Pending<'_, Result<(), Problem>> {
        Box::pin(self.inbox.wipe())
    }

    fn forget<'a>(&'a self, account: &'a str) -> Pending<'a, Result<(), Problem>> {
        Box::pin(self.inbox.forget(account))
    }

    fn identify(&self, head: RequestHead) -> Option<Identified> {
        let model = models::V2.iter().chain(std::iter::once(&LIST_BY_GET));
        let (operation, members) = rest_operation(model, &head)?;
        Some(Identified { operation: operation.into(), members })
    }

    fn operations(&self) -> Vec<&'static str> {
        models::V1.iter().copied().chain(models::V2.iter().map(|(name, ..)| *name)).collect()
    }
}
