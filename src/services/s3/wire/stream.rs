//! A body on its way out: small ones from memory, others by a thread that reads ahead.

use super::receive::disk;
use crate::protocol::{Body, body, streaming};
use crate::services::s3::checksum::Hasher;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::index::Look;
use crate::services::s3::model::{Blob, BlobId, Extent};
use crate::storage::{Blobs, Held};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Bytes read at once; sixteen downloads must fit into 60 MB. The connection takes pieces until it has more
/// than 400 KiB waiting (hyper's `max_buf_size`), so of these four.
const READ_BYTES: usize = 104 * 1024;
/// Reads that wait for the client.
const READS_WAITING: usize = 1;
/// Bytes up to which a body is read before the answer, without a thread.
const DIRECT_BYTES: u64 = 128 * 1024;
/// Files opened before the answer; with more parts the rest are held, and opened as they are reached.
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
    /// Of a file that is held as long as any of its kind is there.
    Named(String, Arc<Held>),
}

/// Bodies by their numbers.
pub(super) type Bodies = HashMap<BlobId, Blob>;

/// Looks up the bodies of `extents`; `None` if one is not recorded (any more).
pub(super) fn bodies(index: &impl Look, extents: &[Extent]) -> Result<Option<Bodies>> {
    let mut bodies = Bodies::with_capacity(extents.len());
    for extent in extents {
        if let Entry::Vacant(vacant) = bodies.entry(extent.blob) {
            let Some(blob) = index.blob(extent.blob)? else { return Ok(None) };
            vacant.insert(blob);
        }
    }
    Ok(Some(bodies))
}

/// The pieces that `extents` name, whose files are opened so that a delete from now on takes nothing.
/// `None` if a file is gone already: the object was replaced after it was looked up.
pub(super) fn pieces(
    blobs: &Blobs,
    extents: &[Extent],
    bodies: Bodies,
) -> Result<Option<Vec<Piece>>> {
    let files = extents.iter().filter_map(|extent| match bodies.get(&extent.blob) {
        Some(Blob::File(name)) => Some(name.clone()),
        _ => None,
    });
    let Some(held) = blobs.hold(files.skip(OPEN_MAX).collect()).map(Arc::new) else {
        return Ok(None);
    };
    let (mut pieces, mut open) = (Vec::with_capacity(extents.len()), 0);
    for extent in extents {
        let blob = bodies.get(&extent.blob);
        let source = match blob.ok_or_else(|| Error::internal("a body was not looked up"))? {
            Blob::Inline(bytes) => Source::Memory(bytes.clone()),
            Blob::File(name) if open < OPEN_MAX => match blobs.read(name) {
                Ok(file) => {
                    open += 1;
                    Source::Open(file)
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(disk(&error)),
            },
            Blob::File(name) => Source::Named(name.clone(), held.clone()),
        };
        pieces.push(Piece { source, offset: extent.offset, length: extent.length });
    }
    Ok(Some(pieces))
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
        read_all(blobs, pieces, &Arc::default(), |data| {
            whole.extend_from_slice(&data);
            true
        })
        .map_err(|e| disk(&e))?;
        return Ok(body(whole));
    }
    let (reads, arriving) = mpsc::channel::<io::Result<Bytes>>(READS_WAITING);
    let blobs = blobs.clone();
    tokio::task::spawn_blocking(move || {
        let buffers = Arc::default();
        let done = read_all(&blobs, pieces, &buffers, |data| reads.blocking_send(Ok(data)).is_ok());
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
        read_all(&blobs, pieces, &Arc::default(), |data| {
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

/// Buffers that come back when the connection has sent them, so that a transfer touches fresh memory
/// only for its first few reads.
#[derive(Default)]
struct Buffers(Mutex<Vec<Vec<u8>>>);

/// A buffer in use.
struct Chunk {
    bytes: Vec<u8>,
    length: usize,
    home: Arc<Buffers>,
}

impl Buffers {
    fn take(home: &Arc<Self>, length: usize) -> Chunk {
        let mut bytes = home.idle().pop().unwrap_or_default();
        if bytes.len() < length {
            bytes.resize(length, 0);
        }
        Chunk { bytes, length, home: home.clone() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.home.idle().push(bytes);
    }
}

/// Reads the pieces one after the other until `take` has had enough.
fn read_all(
    blobs: &Blobs,
    pieces: Vec<Piece>,
    buffers: &Arc<Buffers>,
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
            Source::Named(name, _held) => blobs.read(&name)?,
        };
        let (mut at, end) = (piece.offset, piece.offset + piece.length);
        while at < end {
            let length = READ_BYTES.min((end - at) as usize);
            let mut chunk = Buffers::take(buffers, length);
            file.read_exact_at(&mut chunk.bytes[..length], at)?;
            at += length as u64;
            if !take(Bytes::from_owner(chunk)) {
                return Ok(());
            }
        }
    }
    Ok(())
}
