//! Server access logs: which requests are logged, and the worker that delivers the lines.

use super::S3;
use super::buckets::canonical_id;
use super::head::Head;
use super::receive::{Content, Plan, receive};
use super::workers::problem;
use crate::base::{Caller, Ids, Millis, Problem};
use crate::protocol::{Answer, Incoming};
use crate::services::s3::access_log::{self, AccessLogs, Line, Target, Waiting};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::Look;
use crate::services::s3::model::Attributes;
use crate::services::s3::names::{host_id, short_id};
use crate::services::s3::ops::objects::{Cause, PutObject};
use crate::services::{Pending, Worker};
use http::header;
use http_body::Body;
use http_body_util::{BodyExt, Full};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

/// A request that is logged.
pub(super) struct Logged {
    target: Target,
    owner: String,
    at: Millis,
    begun: Instant,
}

impl S3 {
    pub(super) fn access_logs(&self) -> MutexGuard<'_, AccessLogs> {
        // Lines are added and taken in one step each: what a panicked holder leaves is whole.
        self.access_logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request is logged. A bucket that nobody knows by heart has not been asked for lately,
    /// so only then is the disk asked.
    pub(super) fn logged(&self, head: &Head) -> Option<Logged> {
        if head.bucket.is_empty() {
            return None;
        }
        let bucket = self.bucket(&head.bucket).ok()?;
        let target = Target::of(&bucket)?;
        let (at, begun) = (self.clock.now(), Instant::now());
        Some(Logged { target, owner: canonical_id(&bucket.account), at, begun })
    }

    /// Notes how a request ended.
    pub(super) fn log(&self, logged: Logged, head: &Head, error: Option<&str>, answer: &Answer) {
        let number = |name| answer.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
        let sent = number(header::CONTENT_LENGTH).or_else(|| answer.body().size_hint().exact());
        let range = answer.headers().get(header::CONTENT_RANGE).and_then(|r| r.to_str().ok());
        let of_range = range.and_then(|range| range.rsplit('/').next()?.parse().ok());
        let of_request = || head.header("content-length")?.parse().ok();
        let size = match (head.method.as_str(), head.key.is_empty()) {
            _ if error.is_some() => None,
            ("GET" | "HEAD", false) => of_range.or(sent),
            ("PUT", false) => of_request(),
            _ => None,
        };
        let authentication = match () {
            () if head.anonymous => None,
            () if head.headers.has("authorization") => Some("AuthHeader"),
            () => Some("QueryString"),
        };
        let id = &head.caller.request_id;
        let method = head.method.as_str();
        let (of_object, copy) = (!head.key.is_empty(), head.is_copy());
        let has = |name: &str| head.has(name);
        let line = Line {
            owner: logged.owner,
            bucket: &head.bucket,
            at: logged.at,
            requester: (!head.anonymous).then(|| canonical_id(&head.caller.account)),
            request: short_id(id),
            operation: access_log::operation(method, of_object, copy, head.website, has),
            key: &head.key,
            uri: format!("{method} {} {:?}", head.target, head.version),
            status: answer.status().as_u16(),
            error: error.map(str::to_owned),
            sent: if method == "HEAD" { None } else { sent },
            size,
            millis: logged.begun.elapsed().as_millis(),
            referer: head.header("referer"),
            agent: head.header("user-agent"),
            version: head.param("versionId"),
            host_id: host_id(id),
            authentication,
            host: head.header("host"),
        };
        if self.access_logs().add(logged.target, &line) {
            self.clock.call();
        }
    }

    async fn deliver(&self, waiting: Waiting) -> Result<()> {
        let Waiting { target, text, .. } = waiting;
        let Some(bucket) = self.look(|index| index.bucket(&target.bucket))? else {
            tracing::warn!(bucket = target.bucket, "access logs have lost their target");
            return Ok(());
        };
        let seed = {
            let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
            ids.next_u64()
        };
        let key = target.key(self.clock.now(), &mut Ids::seeded(seed));
        let received = receive(&self.blobs, own(text), &Plan::of_own()).await?;
        let headers = [("content-type".to_owned(), "text/plain".to_owned())];
        let put = PutObject {
            bucket: target.bucket,
            key,
            body: received.content.blob(),
            size: received.digests.size,
            md5: received.digests.md5,
            attributes: Attributes {
                headers: headers.into(),
                checksum: Some(received.checksum),
                ..Attributes::default()
            },
            encrypted_by_header: false,
            conditions: Default::default(),
            cause: Cause::Put,
        };
        let caller = Arc::new(Caller::internal(&bucket.account, &bucket.region, ""));
        self.change(&caller, move |i, c| put.apply(i, c)).await?;
        if let Content::File(file) = received.content {
            file.kept();
        }
        Ok(())
    }
}

/// A text as a body that came in.
fn own(text: String) -> Incoming {
    Full::from(text).map_err(|never| match never {}).boxed_unsync()
}

/// Delivers server access logs. What waits lies in memory alone: delivery is by best effort, as on AWS.
pub struct LogDelivery(pub Arc<S3>);

impl Worker for LogDelivery {
    fn name(&self) -> &'static str {
        "s3 access logs"
    }

    fn next_due(&self) -> std::result::Result<Option<Millis>, Problem> {
        Ok(self.0.access_logs().next_due())
    }

    fn work(&self) -> Pending<'_, std::result::Result<usize, Problem>> {
        Box::pin(async {
            let due = self.0.access_logs().take(self.0.clock.now());
            let count = due.len();
            let mut failed: Option<Error> = None;
            for waiting in due {
                failed = self.0.deliver(waiting).await.err().or(failed);
            }
            failed.map_or(Ok(count), |error| Err(problem(&error)))
        })
    }
}
