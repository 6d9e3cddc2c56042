//! A body on its way out: small ones from memory, others by a thread that reads ahead.

use super::receive::disk;
use crate::protocol::{Body, body, streaming};
use crate::services::s3::checksum::Hasher;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::Look;
use crate::services::s3::model::{Blob, Extent};
use crate::storage::Blobs;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// Reads that wait for the client.
const READS_WAITING: usize = 3;
/// Bytes up to which a body is read before the answer, without a thread.
const DIRECT_BYTES: u64 = 128 * 1024;
/// Files opened before the answer; with more parts the rest are opened as they are reached.
const OPEN_MAX: usize = 64;

/// Bytes of a body that is ready to be read.
pub(super) struct Piece {
    source: Source,
    offset: u64,
    length: u64,
}

enum Source {
    Memory(Bytes),
    Open(File),
    Named(String),
}

/// Looks up the bodies of `extents`, and opens their files so that a delete in between takes nothing.
pub(super) fn pieces(index: &impl Look, blobs: &Blobs, extents: &[Extent]) -> Result<Vec<Piece>> {
    let mut pieces = Vec::with_capacity(extents.len());
    for extent in extents {
        let blob = index.blob(extent.blob)?;
        let blob = blob.ok_or_else(|| Error::internal("the object's bytes are not recorded"))?;
        let source = match blob {
            Blob::Inline(bytes) => Source::Memory(bytes),
            Blob::File(name) if pieces.len() < OPEN_MAX => {
                Source::Open(blobs.read(&name).map_err(|e| disk(&e))?)
            }
            Blob::File(name) => Source::Named(name),
        };
        pieces.push(Piece { source, offset: extent.offset, length: extent.length });
    }
    Ok(pieces)
}

/// The pieces as the body of an answer.
pub(super) fn body_of(blobs: &Arc<Blobs>, pieces: Vec<Piece>) -> Result<Body> {
    if let [Piece { source: Source::Memory(bytes), offset, length }] = pieces.as_slice() {
        let start = *offset as usize;
        return Ok(body(bytes.slice(start..start + *length as usize)));
    }
    let size: u64 = pieces.iter().map(|p| p.length).sum();
    if size <= DIRECT_BYTES {
        let mut whole = Vec::with_capacity(size as usize);
        read_all(blobs, pieces, |data| {
            whole.extend_from_slice(&data);
            true
        })
        .map_err(|e| disk(&e))?;
        return Ok(body(whole));
    }
    let (reads, arriving) = mpsc::channel::<io::Result<Bytes>>(READS_WAITING);
    let blobs = blobs.clone();
    tokio::task::spawn_blocking(move || {
        let done = read_all(&blobs, pieces, |data| reads.blocking_send(Ok(data)).is_ok());
        if let Err(error) = done {
            tracing::warn!(%error, "an object's bytes could not be read");
            // The client sees the connection end before the length that was announced.
            let _ = reads.blocking_send(Err(error));
        }
    });
    let frames = futures_util::stream::unfold(arriving, |mut arriving| async move {
        let next = arriving.recv().await?;
        Some((next.map(Frame::data), arriving))
    });
    Ok(streaming(StreamBody::new(frames)))
}

/// Hashes the pieces on a thread.
pub(super) async fn hash(
    blobs: &Arc<Blobs>,
    pieces: Vec<Piece>,
    mut hasher: Hasher,
) -> Result<crate::services::s3::checksum::Digests> {
    let blobs = blobs.clone();
    let hashing = tokio::task::spawn_blocking(move || {
        read_all(&blobs, pieces, |data| {
            hasher.update(&data);
            true
        })?;
        Ok(hasher.finish())
    });
    match hashing.await {
        Ok(Ok(digests)) => Ok(digests),
        Ok(Err(error)) => Err(disk(&error)),
        Err(_) => Err(Error::internal("the reading thread failed")),
    }
}

/// Reads the pieces one after the other until `take` has had enough.
fn read_all(
    blobs: &Blobs,
    pieces: Vec<Piece>,
    mut take: impl FnMut(Bytes) -> bool,
) -> io::Result<()> {
    for piece in pieces {
        let file = match piece.source {
            Source::Memory(bytes) => {
                let start = piece.offset as usize;
                if !take(bytes.slice(start..start + piece.length as usize)) {
                    return Ok(());
                }
                continue;
            }
            Source::Open(file) => file,
            Source::Named(name) => blobs.read(&name)?,
        };
        let (mut at, end) = (piece.offset, piece.offset + piece.length);
        while at < end {
            let mut chunk = vec![0; READ_BYTES.min((end - at) as usize)];
            file.read_exact_at(&mut chunk, at)?;
            at += chunk.len() as u64;
            if !take(chunk.into()) {
                return Ok(());
            }
        }
    }
    Ok(())
}
