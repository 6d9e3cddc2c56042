//! A body on its way in: unframed, hashed as it passes, kept small in memory or streamed to a file.
//!
//! A client that leaves, a wrong checksum or a full disk leave nothing: the file is a [`NewBlob`].

use super::attributes::Promised;
use super::chunked::Chunked;
use super::head::Head;
use crate::protocol::Incoming;
use crate::protocol::sigv4::Chunks;
use crate::services::s3::checksum::{Algorithm, Checksum, Digests, Hasher};
use crate::services::s3::error::{Error, Result};
use crate::services::s3::limits::{DOCUMENT_BYTES_MAX, INLINE_BYTES_MAX, PUT_BYTES_MAX};
use crate::services::s3::model::Blob;
use crate::storage::{Blobs, NewBlob};
use bytes::{Bytes, BytesMut};
use http::Method;
use http_body_util::BodyExt;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Pieces of at least so many bytes go to the writing thread as they came; smaller ones are gathered.
const BATCH_BYTES: usize = 64 * 1024;
/// Batches that may wait for the writing thread: one, so that it never idles. The connection's own
/// buffer is what a batch keeps alive; sixteen uploads must fit into 60 MB.
const BATCHES_WAITING: usize = 1;

/// What the head says of the body.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    framed: bool,
    /// Bytes of content, where the head says.
    length: Option<u64>,
    /// SHA-256 in hex, where the payload is signed.
    payload: Option<String>,
    promised: Promised,
    algorithms: Vec<Algorithm>,
    /// For a body whose chunks are signed by a key that the gateway verified.
    chunks: Option<(Chunks, bool)>,
}

/// A body that has arrived and is what was promised.
pub(super) struct Received {
    pub(super) content: Content,
    pub(super) digests: Digests,
    /// The checksum to show: the promised one, else CRC64NVME.
    pub(super) checksum: Checksum,
    /// Whether the client chose the algorithm.
    pub(super) chosen: bool,
}

/// Where its bytes are.
pub(super) enum Content {
    Small(Bytes),
    File(NewBlob),
}

impl Content {
    /// How the state file will speak of it; `None` for no bytes.
    pub(super) fn blob(&self) -> Option<Blob> {
        match self {
            Content::Small(bytes) if bytes.is_empty() => None,
            Content::Small(bytes) => Some(Blob::Inline(bytes.clone())),
            Content::File(file) => Some(Blob::File(file.name().to_owned())),
        }
    }
}

/// The body's length, where the request says it. Who sends a body must: S3 knows no chunked transfer
/// but that of aws-chunked; only `CreateBucket` may come without a word about its body, and has none then.
fn announced_length(head: &Head, framed: bool) -> Result<Option<u64>> {
    let number = |name| head.header(name).and_then(|v| v.trim().parse::<u64>().ok());
    if framed {
        return Ok(number("x-amz-decoded-content-length"));
    }
    let http2 = !head.headers.has("host");
    let create_bucket = head.key.is_empty() && head.query.is_empty() && head.method == Method::PUT;
    match number("content-length") {
        Some(length) => Ok(Some(length)),
        None if head.headers.has("transfer-encoding") => {
            Err(Error::transfer_encoding_not_implemented())
        }
        None if http2 => Ok(None),
        None if create_bucket => Ok(Some(0)),
        None => {
            let message = "You must provide the Content-Length HTTP header.";
            Err(Error::new(411, "MissingContentLength", message))
        }
    }
}

impl Plan {
    /// Everything that can be refused before the body is asked for.
    pub(super) fn read(head: &Head) -> Result<Plan> {
        let promised = Promised::read(head)?;
        let sha256 = head.header("x-amz-content-sha256").unwrap_or_default();
        let framed = sha256.starts_with("STREAMING-")
            || head.header("content-encoding").is_some_and(|e| e.contains("aws-chunked"));
        let payload = (sha256.len() == 64).then(|| sha256.to_ascii_lowercase());
        if payload.is_none() && !["", "UNSIGNED-PAYLOAD"].contains(&sha256) && !framed {
            return Err(Error::invalid_argument(
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
                "x-amz-content-sha256",
                sha256,
            ));
        }
        let length = announced_length(head, framed)?;
        if let Some(length) = length.filter(|n| *n > PUT_BYTES_MAX) {
            return Err(Error::entity_too_large(length, PUT_BYTES_MAX));
        }
        let algorithms = promised.checksum.iter().map(|(a, _)| *a).collect();
        let chunks = head.chunks.clone();
        Ok(Plan { framed, length, payload, promised, algorithms, chunks })
    }

    /// For what S3 stores of itself.
    pub(super) fn of_own() -> Plan {
        let (framed, length, payload, chunks) = (false, None, None, None);
        let (promised, algorithms) = (Promised::default(), Vec::new());
        Plan { framed, length, payload, promised, algorithms, chunks }
    }

    /// For the file of a form: how long it is shows when it has ended.
    pub(super) fn of_form(put: &Head) -> Result<Plan> {
        let promised = Promised::read(put)?;
        let algorithms = promised.checksum.iter().map(|(a, _)| *a).collect();
        let (framed, length, payload, chunks) = (false, None, None, None);
        Ok(Plan { framed, length, payload, promised, algorithms, chunks })
    }

    /// Bytes of content, where the head says.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The algorithm that the client chose.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.promised.checksum.as_ref().map(|(a, _)| *a)
    }

    /// Computes one more checksum.
    pub(super) fn also(&mut self, algorithm: Algorithm) {
        if !self.algorithms.contains(&algorithm) {
            self.algorithms.push(algorithm);
        }
    }

    fn hasher(&self) -> Hasher {
        Hasher::new(&self.algorithms, self.payload.is_some())
    }

    fn check(&self, digests: &Digests, trailers: &[(String, String)]) -> Result<()> {
        if self.length.is_some_and(|length| length != digests.size) {
            return Err(Error::incomplete_body());
        }
        if let (Some(said), Some(computed)) = (&self.payload, &digests.payload)
            && said != computed
        {
            return Err(Error::new(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
            .with("ClientComputedContentSHA256", said.as_str())
            .with("S3ComputedContentSHA256", computed.as_str()));
        }
        self.promised.check(digests, trailers)
    }
}

/// Takes the whole body in.
pub(super) async fn receive(blobs: &Arc<Blobs>, body: Incoming, plan: &Plan) -> Result<Received> {
    let mut sink = Sink::Small(BytesMut::new());
    let mut arriving = Arriving::new(body, plan, PUT_BYTES_MAX);
    while let Some(data) = arriving.next().await? {
        sink.take(blobs, plan, data).await?;
        sink.ready().await;
    }
    let trailers = arriving.trailers()?;
    let (content, digests) = sink.finish(plan).await?;
    plan.check(&digests, &trailers)?;
    let algorithm = plan.algorithm();
    let checksum = digests.by(algorithm.unwrap_or(Algorithm::Crc64nvme)).cloned();
    let checksum = checksum.ok_or_else(|| Error::internal("a checksum was not computed"))?;
    Ok(Received { content, digests, checksum, chosen: algorithm.is_some() })
}

/// A body that is at hand already. Blocks.
pub(super) fn unprompted(blobs: &Arc<Blobs>, body: Bytes) -> io::Result<Received> {
    let mut hasher = Hasher::new(&[Algorithm::Crc64nvme], false);
    hasher.update(&body);
    let digests = hasher.finish();
    let content = if body.len() <= INLINE_BYTES_MAX {
        Content::Small(body)
    } else {
        let mut file = blobs.create()?;
        file.write_all(&body)?;
        Content::File(file)
    };
    let checksum = digests.by(Algorithm::Crc64nvme).cloned();
    let checksum = checksum.ok_or_else(|| io::Error::other("a checksum was not computed"))?;
    Ok(Received { content, digests, checksum, chosen: false })
}

/// Takes in a document, which is held in memory and bounded.
pub(super) async fn receive_document(body: Incoming, plan: &Plan) -> Result<Bytes> {
    let mut document = BytesMut::new();
    let mut hasher = plan.hasher();
    let mut arriving = Arriving::new(body, plan, DOCUMENT_BYTES_MAX as u64);
    while let Some(data) = arriving.next().await? {
        hasher.update(&data);
        document.extend_from_slice(&data);
    }
    let trailers = arriving.trailers()?;
    plan.check(&hasher.finish(), &trailers)?;
    Ok(document.freeze())
}

/// The content of a body, piece by piece.
struct Arriving {
    body: Incoming,
    chunked: Option<Chunked>,
    pieces: VecDeque<Bytes>,
    seen: u64,
    limit: u64,
}

impl Arriving {
    fn new(body: Incoming, plan: &Plan, limit: u64) -> Self {
        let chunked = plan.framed.then(|| match plan.chunks.clone() {
            Some((chunks, trailer)) => Chunked::signed(chunks, trailer),
            None => Chunked::new(),
        });
        Arriving { body, chunked, pieces: VecDeque::new(), seen: 0, limit }
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                self.seen += piece.len() as u64;
                if self.seen > self.limit {
                    return Err(Error::entity_too_large(self.seen, self.limit));
                }
                return Ok(Some(piece));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|_| Error::incomplete_body())?;
            let Ok(data) = frame.into_data() else { continue };
            let pieces = &mut self.pieces;
            match &mut self.chunked {
                Some(chunked) => chunked.decode(data, |piece| pieces.push_back(piece))?,
                None => pieces.push_back(data),
            }
        }
    }

    fn trailers(self) -> Result<Vec<(String, String)>> {
        self.chunked.map_or_else(|| Ok(Vec::new()), Chunked::finish)
    }
}

enum Sink {
    Small(BytesMut),
    Large(Writing),
}

/// A thread that hashes and writes.
struct Writing {
    batch: BytesMut,
    batches: mpsc::Sender<Bytes>,
    done: JoinHandle<io::Result<(NewBlob, Digests)>>,
}

impl Sink {
    async fn take(&mut self, blobs: &Arc<Blobs>, plan: &Plan, data: Bytes) -> Result<()> {
        if let Sink::Small(small) = self {
            if small.len() + data.len() <= INLINE_BYTES_MAX {
                small.extend_from_slice(&data);
                return Ok(());
            }
            let batch = std::mem::take(small);
            *self = Sink::Large(Writing::begin(blobs, plan, batch));
        }
        match self {
            Sink::Large(writing) => writing.take(data).await,
            Sink::Small(_) => Ok(()),
        }
    }

    /// Waits until the next piece can be handed on at once, so that none is read to wait for its turn.
    async fn ready(&self) {
        if let Sink::Large(writing) = self {
            // A thread that ended early says why with the next piece.
            let _ = writing.batches.reserve().await;
        }
    }

    async fn finish(self, plan: &Plan) -> Result<(Content, Digests)> {
        match self {
            Sink::Small(small) => {
                let mut hasher = plan.hasher();
                hasher.update(&small);
                Ok((Content::Small(small.freeze()), hasher.finish()))
            }
            Sink::Large(writing) => {
                let (file, digests) = writing.finish().await?;
                Ok((Content::File(file), digests))
            }
        }
    }
}

impl Writing {
    fn begin(blobs: &Arc<Blobs>, plan: &Plan, batch: BytesMut) -> Writing {
        let (batches, mut arriving) = mpsc::channel::<Bytes>(BATCHES_WAITING);
        let (blobs, mut hasher) = (blobs.clone(), plan.hasher());
        let done = tokio::task::spawn_blocking(move || {
            let mut file = blobs.create()?;
            while let Some(batch) = arriving.blocking_recv() {
                hasher.update(&batch);
                file.write_all(&batch)?;
            }
            Ok((file, hasher.finish()))
        });
        Writing { batch, batches, done }
    }

    async fn take(&mut self, data: Bytes) -> Result<()> {
        if data.len() >= BATCH_BYTES {
            self.flush().await?;
            return self.send(data).await;
        }
        self.batch.extend_from_slice(&data);
        if self.batch.len() < BATCH_BYTES { Ok(()) } else { self.flush().await }
    }

    /// Sends what was gathered.
    async fn flush(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.batch, BytesMut::with_capacity(BATCH_BYTES * 2));
        self.send(batch.freeze()).await
    }

    async fn send(&mut self, batch: Bytes) -> Result<()> {
        if self.batches.send(batch).await.is_ok() {
            return Ok(());
        }
        // The thread ended early: it says why.
        match (&mut self.done).await {
            Ok(Err(error)) => Err(disk(&error)),
            _ => Err(Error::internal("the writing thread ended")),
        }
    }

    async fn finish(mut self) -> Result<(NewBlob, Digests)> {
        self.flush().await?;
        let Writing { batches, done, .. } = self;
        drop(batches);
        match done.await {
            Ok(Ok(written)) => Ok(written),
            Ok(Err(error)) => Err(disk(&error)),
            Err(_) => Err(Error::internal("the writing thread failed")),
        }
    }
}

/// Why the disk refused, for people.
pub(super) fn disk(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::internal("the disk that holds devenv's state is full")
        }
        _ => Error::internal(&format!("the object's bytes could not be kept: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(method: Method, uri: &str, headers: &[(&str, &str)]) -> Result<Option<u64>> {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = Head::read(request.body(()).unwrap().into_parts().0).unwrap();
        Plan::read(&head).map(|plan| plan.length)
    }

    #[test]
    fn a_body_must_say_its_length() {
        let host = ("host", "h");
        let chunked = ("transfer-encoding", "chunked");
        let put = |headers: &[(&str, &str)]| planned(Method::PUT, "/b/k", headers);
        assert_eq!(put(&[host, ("content-length", "5")]).unwrap(), Some(5));
        assert_eq!(put(&[host]).unwrap_err().code, "MissingContentLength");
        assert_eq!(put(&[host, chunked]).unwrap_err().code, "NotImplemented");
        assert_eq!(put(&[]).unwrap(), None, "HTTP/2 ends a body by a flag");
        let framed = ("content-encoding", "aws-chunked");
        let length = ("x-amz-decoded-content-length", "7");
        assert_eq!(put(&[host, chunked, framed, length]).unwrap(), Some(7));
    }

    #[test]
    fn a_bucket_may_be_made_without_a_word_about_a_body() {
        let host = [("host", "h")];
        assert_eq!(planned(Method::PUT, "/b", &host).unwrap(), Some(0));
        let refused = planned(Method::PUT, "/b?versioning", &host).unwrap_err();
        assert_eq!(refused.code, "MissingContentLength");
    }
}
