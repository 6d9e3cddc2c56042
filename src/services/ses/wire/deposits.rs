//! Mails on their way into buckets: what receipt rules post to the outbox, put by S3.

use super::Ses;
use super::inbox::Inbox;
use crate::base::Caller;
use crate::protocol::Failure;
use crate::services::Pending;
use crate::services::outbox::{Objects, PutObject};
use crate::services::s3::S3;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::{Arc, Weak};

/// Puts mails into buckets. S3 posts to the outbox, which calls this: it holds S3 weakly.
pub struct Deposits {
    s3: Weak<S3>,
    inbox: Arc<Inbox>,
}

impl Deposits {
    /// From the mails of `ses` to `s3`.
    pub fn new(s3: &Arc<S3>, ses: &Ses) -> Deposits {
        Deposits { s3: Arc::downgrade(s3), inbox: ses.inbox.clone() }
    }
}

impl Objects for Deposits {
    fn put<'a>(&'a self, object: &'a PutObject) -> Pending<'a, Result<(), Failure>> {
        Box::pin(async move {
            let closed = || Failure::new(500, "InternalFailure", "S3 is closed".to_owned());
            let s3 = self.s3.upgrade().ok_or_else(closed)?;
            let unreadable = |_| Failure::new(400, "InvalidArgument", "no base64".to_owned());
            let mut content = STANDARD.decode(&object.content).map_err(unreadable)?;
            if let Some(file) = object.mail.clone() {
                let inbox = self.inbox.clone();
                let read = tokio::task::spawn_blocking(move || inbox.file(&file));
                // Whoever threw the mail away meanwhile wanted it gone.
                content.extend(
                    read.await.unwrap_or_else(|e| Err(std::io::Error::other(e))).map_err(
                        |error| {
                            Failure::new(400, "NoSuchMail", format!("the mail is gone: {error}"))
                        },
                    )?,
                );
            }
            let caller = Caller::internal(&object.account, &object.region, "");
            s3.deposit(&caller, &object.bucket, &object.key, content.into()).await
        })
    }
}
