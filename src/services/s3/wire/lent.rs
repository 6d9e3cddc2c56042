//! A body that can be had back: what a refused client still sends is read off, within bounds, so that it
//! sees the refusal instead of a connection that breaks while it writes.

use crate::protocol::{BoxError, Incoming};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes read off at the most; AWS too hangs up on longer ones.
const DRAIN_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long reading off may take.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// Where the body comes back to.
#[derive(Clone, Default)]
pub(super) struct Lender(Arc<Mutex<Option<Incoming>>>);

struct Lent {
    body: Option<Incoming>,
    lender: Lender,
}

impl Lender {
    /// Lends the body; an empty one need not come back.
    pub(super) fn lend(&self, body: Incoming) -> Incoming {
        if body.is_end_stream() {
            return body;
        }
        Lent { body: Some(body), lender: self.clone() }.boxed_unsync()
    }

    /// Whether the body was given back before its end.
    pub(super) fn has_unread(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Reads off what is left of a body that was given back.
    pub(super) async fn drain(&self) {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = body else { return };
        let reading = async {
            let mut seen = 0;
            while let Some(Ok(frame)) = body.frame().await {
                seen += frame.data_ref().map_or(0, Bytes::len);
                if seen > DRAIN_BYTES_MAX {
                    return;
                }
            }
        };
        // A client that stops sending is hung up on.
        let _ = tokio::time::timeout(DRAIN_TIME_MAX, reading).await;
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let unread = self.body.take().filter(|body| !body.is_end_stream());
        *self.lender.0.lock().unwrap_or_else(PoisonError::into_inner) = unread;
    }
}
