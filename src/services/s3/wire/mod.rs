//! S3 over HTTP: REST with XML documents, its own codec (`docs/decisions/003-own-s3-codec.md`).
//!
//! Order of a request: head, presigned query, owner, operation, everything that can be refused
//! without the body, the body, the commit, the answer. A body is only asked for (`100 Continue`) once
//! it is polled.

mod access;
mod annotations;
mod answer;
mod attributes;
mod buckets;
mod change;
mod chunked;
mod configuration;
mod copy;
mod cors;
mod customer;
mod deposit;
mod enforce;
pub mod fuzz;
mod head;
mod headers;
mod lent;
mod lists;
mod locks;
mod logging;
mod metadata;
mod multiform;
mod multipart;
mod names;
mod objects;
mod post;
mod presign;
mod provision;
mod receive;
mod routes;
mod sealed;
mod stream;
mod website;
mod workers;

pub use logging::LogDelivery;
pub use provision::BucketSpec;
pub use workers::{Lifecycle, Replication};

use super::access_log::AccessLogs;
use super::error::{Error, Result};
use super::index::{Look, existing};
use super::known::{ByHeart, Changes};
use super::model::Bucket;
use super::store::{Store, WIPE};
use crate::base::{Caller, Context, Ids, Problem};
use crate::protocol::{Answer, Incoming, Request, RequestHead};
use crate::services::kms::Kms;
use crate::services::sqs::Sqs;
use crate::services::{Clock, Identified, Outbox, Pending, Service};
use crate::storage::Transaction;
use crate::storage::rusqlite;
use crate::storage::{Blobs, Storage, StorageError};
use change::{Change, Outcome};
use head::Head;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The service.
pub struct S3 {
    storage: Storage,
    clock: Clock,
    blobs: Arc<Blobs>,
    ids: Mutex<Ids>,
    sqs: Arc<Sqs>,
    kms: Kms,
    outbox: Arc<Outbox>,
    known: Arc<ByHeart>,
    access_logs: Mutex<AccessLogs>,
}

impl S3 {
    /// Opens the service; bodies go to `blobs/` below `state_dir`.
    pub fn open(
        storage: &Storage,
        clock: &Clock,
        state_dir: &Path,
        sqs: &Arc<Sqs>,
        kms: &Kms,
        outbox: &Arc<Outbox>,
    ) -> std::result::Result<Self, Problem> {
        let blobs = Blobs::open(&state_dir.join("blobs"), storage, recorded)?;
        let ids = Mutex::new(storage.draws().ids("s3"));
        let (storage, clock, known) = (storage.clone(), clock.clone(), Arc::default());
        let (sqs, kms, outbox) = (sqs.clone(), kms.clone(), outbox.clone());
        let access_logs = Mutex::default();
        Ok(S3 { storage, clock, blobs, ids, sqs, kms, outbox, known, access_logs })
    }

    /// Reads the metadata, all of one moment.
    fn look<T>(&self, view: impl FnOnce(&Store<'_>) -> Result<T>) -> Result<T> {
        let seen = self.storage.read_latest(|connection| {
            // A connection that met an error is not used again, so its snapshot needs no clean-up.
            connection.prepare_cached("BEGIN")?.execute([])?;
            let store = Store::knowing(connection, &self.known);
            let seen = view(&store);
            store.finish()?;
            connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(seen)
        });
        seen.map_err(|error| unavailable(&error))?
    }

    /// Reads the metadata of one key by one statement, which needs no transaction to be of one moment.
    fn glance_at<T>(
        &self,
        (bucket, key): (&Bucket, &str),
        view: impl FnOnce(&Store<'_>) -> Result<T>,
    ) -> Result<T> {
        if self.known.is_changing(bucket.id, key) {
            self.storage.settle().map_err(|error| unavailable(&error))?;
        }
        self.glance(view)
    }

    /// Reads by one statement what is never behind in the tables: buckets.
    fn glance<T>(&self, view: impl FnOnce(&Store<'_>) -> Result<T>) -> Result<T> {
        let seen = self.storage.read(|connection| {
            let store = Store::knowing(connection, &self.known);
            let seen = view(&store);
            store.finish()?;
            Ok(seen)
        });
        seen.map_err(|error| unavailable(&error))?
    }

    /// The bucket called `name`, or `NoSuchBucket`.
    fn bucket(&self, name: &str) -> Result<Arc<Bucket>> {
        match self.known.buckets.get(name) {
            Some(bucket) => Ok(bucket),
            None => self.glance(|index| existing(index, name)).map(Arc::new),
        }
    }

    /// Carries out a change and waits until it is durable.
    async fn change<T: Send + 'static>(
        &self,
        caller: &Arc<Caller>,
        change: impl FnOnce(&mut Store<'_>, &mut Context<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.outbox.is_full() {
            return Err(Error::new(503, "SlowDown", "Please reduce your request rate."));
        }
        let ids = {
            let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
            Ids::seeded(ids.next_u64())
        };
        let outcome = Arc::default();
        let change = Change {
            change: Some(change),
            caller: caller.clone(),
            now: self.clock.now(),
            ids,
            blobs: self.blobs.clone(),
            known: self.known.clone(),
            outcome: Arc::clone(&outcome),
            held: Changes::default(),
            noted: None,
        };
        let done = self.storage.submit_deciding(change).committed().await;
        done.map_err(|error| unavailable(&error))?;
        let given: Option<Outcome<T>> =
            outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (outcome, calls) = given.ok_or_else(|| unavailable(&StorageError::Closed))?;
        if calls {
            self.clock.call();
        }
        outcome
    }

    async fn answer(&self, request: Request) -> Answer {
        let (parts, body) = request.into_parts();
        let http1 = parts.version < http::Version::HTTP_2;
        let caller = parts.extensions.get::<Arc<Caller>>().cloned();
        let id = caller.map(|c| c.request_id.clone()).unwrap_or_default();
        let head = match Head::read(parts) {
            Ok(head) => Arc::new(head),
            Err(error) => return answer::finish(answer::refusal(&error, None, &id), &id),
        };
        let logged = self.logged(&head);
        let waits = head.headers.has("expect");
        let lender = lent::Lender::default();
        let outcome = self.serve(&head, lender.lend(body)).await;
        // Whoever waits for `100 Continue` must not be told to go on by reading, and will not send
        // the body: what comes next on this connection would be taken for it.
        let close = waits && http1 && lender.has_unread();
        if !waits && outcome.is_err() {
            lender.drain().await;
        }
        let error = outcome.as_ref().err().filter(|e| e.status >= 400).map(|e| e.code.clone());
        let answer = outcome.unwrap_or_else(|error| answer::refusal(&error, Some(&head), &id));
        let mut answer = self.with_cors(&head, answer);
        if let Some(logged) = logged {
            self.log(logged, &head, error.as_deref(), &answer);
        }
        if close {
            let close = http::HeaderValue::from_static("close");
            answer.headers_mut().insert(http::header::CONNECTION, close);
        }
        answer::finish(answer, &id)
    }

    async fn serve(&self, head: &Arc<Head>, body: Incoming) -> Result<Answer> {
        if head.method == http::Method::OPTIONS {
            return self.preflight(head);
        }
        if head.website {
            return Ok(self.website(head).await);
        }
        presign::check(head, |signed| self.clock.now_of(signed))?;
        self.check_owner(head)?;
        let operation = routes::operation(head)?;
        self.check_access(head, operation)?;
        let answer = routes::dispatch(self, operation, head, body).await;
        answer.map_err(|error| self.veiled(head, error))
    }

    /// `x-amz-expected-bucket-owner`.
    fn check_owner(&self, head: &Head) -> Result<()> {
        const SOURCE: &str = "x-amz-source-expected-bucket-owner";
        for header in ["x-amz-expected-bucket-owner", SOURCE] {
            let Some(expected) = head.header(header) else { continue };
            let bucket = match header {
                SOURCE => copy::source_bucket(head).unwrap_or_default(),
                _ => head.bucket.clone(),
            };
            if expected.len() != 12 || !expected.bytes().all(|b| b.is_ascii_digit()) {
                return Err(Error::new(
                    400,
                    "InvalidBucketOwnerAWSAccountID",
                    format!(
                        "The value of the expected bucket owner parameter must be an AWS Account ID... [{expected}]"
                    ),
                ));
            }
            let owner = self.look(|index| index.bucket(&bucket))?.map(|b| b.account);
            if owner.is_some_and(|owner| owner != expected) {
                return Err(Error::new(403, "AccessDenied", "Access Denied"));
            }
        }
        Ok(())
    }
}

fn recorded(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
    let mut known = transaction.prepare_cached("SELECT 1 FROM s3_blobs WHERE file=?1")?;
    known.exists([name])
}

fn unavailable(error: &StorageError) -> Error {
    Error::internal(&error.for_people())
}

impl Service for S3 {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn body_limit(&self) -> Option<usize> {
        None
    }

    fn call(&self, request: Request) -> Pending<'_, Answer> {
        Box::pin(self.answer(request))
    }

    fn forget<'a>(&'a self, account: &'a str) -> Pending<'a, std::result::Result<(), Problem>> {
        Box::pin(async move {
            let (blobs, known, mut changing) = (self.blobs.clone(), self.known.clone(), None);
            let account = account.to_owned();
            let done = self.storage.transact(move |transaction| {
                let mut store = Store::over(transaction);
                // What the disk refused is told by `finish`.
                if store.forget(&account).is_ok_and(|buckets| buckets > 0) {
                    changing.get_or_insert_with(|| known.everything_changes());
                }
                store.finish()?.into_iter().for_each(|file| blobs.discard(file));
                Ok(())
            });
            done.await
                .map_err(|e| Problem::failed("forget-failed", format!("s3: {}", e.for_people())))
        })
    }

    fn identify(&self, head: RequestHead) -> Option<Identified> {
        names::identified(head)
    }

    fn reset(&self) -> Pending<'_, std::result::Result<(), Problem>> {
        Box::pin(async {
            let (blobs, known, mut changing) = (self.blobs.clone(), self.known.clone(), None);
            let done = self.storage.transact(move |transaction| {
                changing.get_or_insert_with(|| known.everything_changes());
                let files = {
                    let sql = "SELECT file FROM s3_blobs WHERE file IS NOT NULL";
                    let mut files = transaction.prepare(sql)?;
                    let names = files.query_map([], |row| row.get::<_, String>(0))?;
                    names.collect::<rusqlite::Result<Vec<_>>>()?
                };
                transaction.execute_batch(WIPE)?;
                files.into_iter().for_each(|file| blobs.discard(file));
                Ok(())
            });
            *self.access_logs() = AccessLogs::default();
            done.await
                .map_err(|e| Problem::failed("reset-failed", format!("s3: {}", e.for_people())))?;
            if self.storage.draws().is_seeded() {
                let ids = self.storage.draws().ids("s3");
                *self.ids.lock().unwrap_or_else(PoisonError::into_inner) = ids;
            }
            Ok(())
        })
    }

    fn operations(&self) -> Vec<&'static str> {
        routes::SERVED.to_vec()
    }
}
