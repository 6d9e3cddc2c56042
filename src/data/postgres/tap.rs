//! A wire to Postgres off which the rows of a `COPY … TO STDOUT` are taken as they come. The server's messages
//! are told apart here: those that hold rows go into batches, all others on to tokio-postgres, which would
//! make a value of each row and hand them from task to task.
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>
//!
//! Invariants: messages keep their order; the end of a COPY is passed on after its last batch was; a batch
//! waits for the one before it to be fetched, and nothing is read meanwhile.

use futures_channel::mpsc;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read at a time.
const ROOM_BYTES: usize = 128 * 1024;
/// Bytes of a message's header: its kind, and its length without the kind.
const HEADER_BYTES: usize = 5;

/// Whole rows in COPY's text format.
type Batch = Vec<u8>;

/// Where the rows of the next COPY go.
struct Taker {
    send: mpsc::Sender<Batch>,
    /// Of a batch, about.
    bytes: usize,
}

#[derive(Default)]
struct Shared {
    begun: AtomicBool,
    taker: Mutex<Option<Taker>>,
}

/// By which rows are taken off a wire.
#[derive(Clone, Default)]
pub(super) struct Tap(Arc<Shared>);

impl Tap {
    /// From now on the wire holds messages: the session has begun, and what it began with was read.
    pub(super) fn begin(&self) {
        self.0.begun.store(true, Ordering::Release);
    }

    /// The rows of the COPY that is asked for next, in batches of about `bytes`. They end with it, whether it
    /// came to its end or not.
    pub(super) fn take(&self, bytes: usize) -> mpsc::Receiver<Batch> {
        let (send, receive) = mpsc::channel(0);
        *self.taker() = Some(Taker { send, bytes });
        receive
    }

    fn taker(&self) -> MutexGuard<'_, Option<Taker>> {
        self.0.taker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wire's end of a tap: with the wire goes who would bring rows.
struct End(Tap);

impl Drop for End {
    fn drop(&mut self) {
        *self.0.taker() = None;
    }
}

/// Where in the stream of messages the next byte is.
#[derive(Debug, Clone, Copy)]
enum At {
    Header,
    /// In a message of which so many bytes are to be passed on.
    Passed(usize),
    /// In a row of which so many bytes are to come.
    Row(usize),
}

/// A wire with a tap.
pub(super) struct Tapped<S> {
    inner: S,
    end: End,
    /// What was read; of it, what is between the places is not told apart yet.
    room: Box<[u8]>,
    held: (usize, usize),
    at: At,
    /// Bytes of a batch while a COPY is taken.
    taken: Option<usize>,
    batch: Batch,
}

impl<S> Tapped<S> {
    pub(super) fn new(inner: S, tap: Tap) -> Tapped<S> {
        Tapped {
            inner,
            end: End(tap),
            room: vec![0; ROOM_BYTES].into(),
            held: (0, 0),
            at: At::Header,
            taken: None,
            batch: Batch::new(),
        }
    }

    /// The same tap at another wire, made of this one's.
    pub(super) async fn over<T>(
        self,
        wire: impl AsyncFnOnce(S) -> io::Result<T>,
    ) -> io::Result<Tapped<T>> {
        let inner = wire(self.inner).await?;
        Ok(Tapped {
            inner,
            end: self.end,
            room: self.room,
            held: self.held,
            at: self.at,
            taken: self.taken,
            batch: self.batch,
        })
    }

    /// Tells apart what was read, until `out` is full or more must be read.
    fn sort(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<()> {
        loop {
            let held = &self.room[self.held.0..self.held.1];
            match self.at {
                At::Passed(0) => self.at = At::Header,
                At::Row(0) => {
                    let whole = self.taken.is_some_and(|bytes| self.batch.len() >= bytes);
                    if whole && self.batch.ends_with(b"\n") {
                        ready!(self.hand_on(cx));
                    }
                    self.at = At::Header;
                }
                At::Passed(left) => {
                    let count = left.min(held.len()).min(out.remaining());
                    if count == 0 {
                        return Poll::Ready(());
                    }
                    out.put_slice(&held[..count]);
                    self.held.0 += count;
                    self.at = At::Passed(left - count);
                }
                At::Row(left) => {
                    let count = left.min(held.len());
                    if count == 0 {
                        return Poll::Ready(());
                    }
                    self.batch.extend_from_slice(&held[..count]);
                    self.held.0 += count;
                    self.at = At::Row(left - count);
                }
                At::Header => {
                    let Some(header) = held.first_chunk() else { return Poll::Ready(()) };
                    let header = *header;
                    ready!(self.message(header, cx));
                }
            }
        }
    }

    /// A message begins.
    fn message(&mut self, header: [u8; HEADER_BYTES], cx: &mut Context<'_>) -> Poll<()> {
        let [kind, length @ ..] = header;
        let length = u32::from_be_bytes(length) as usize;
        match kind {
            b'd' if self.taken.is_some() => {
                self.held.0 += HEADER_BYTES;
                self.at = At::Row(length.saturating_sub(size_of::<u32>()));
                return Poll::Ready(());
            }
            // CopyOutResponse: only what comes after it is of the COPY that was asked for.
            b'H' => {
                self.taken = self.end.0.taker().as_ref().map(|taker| taker.bytes);
                self.batch = self.fresh();
            }
            // CopyDone, ErrorResponse.
            b'c' | b'E' if self.taken.is_some() => {
                ready!(self.hand_on(cx));
                self.taken = None;
                *self.end.0.taker() = None;
            }
            _ => {}
        }
        self.at = At::Passed(length + 1);
        Poll::Ready(())
    }

    fn fresh(&self) -> Batch {
        // A batch ends with a row, which is mostly much shorter.
        self.taken.map_or_else(Batch::new, |bytes| Batch::with_capacity(bytes + bytes / 4))
    }

    /// Hands on the batch as it is, as soon as the one before it was fetched.
    fn hand_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.batch.is_empty() {
            return Poll::Ready(());
        }
        let tap = self.end.0.clone();
        let mut taker = tap.taker();
        if let Some(to) = taker.as_mut()
            && ready!(to.send.poll_ready(cx)).is_ok()
        {
            let fresh = self.fresh();
            // Who has just gone does not want it.
            let _ = to.send.start_send(std::mem::replace(&mut self.batch, fresh));
        }
        self.batch.clear();
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.end.0.0.begun.load(Ordering::Acquire) {
            return Pin::new(&mut this.inner).poll_read(cx, out);
        }
        let before = out.filled().len();
        loop {
            let sorted = this.sort(cx, out);
            if out.filled().len() > before || out.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            ready!(sorted);
            // What is left is the beginning of a header, if anything.
            this.room.copy_within(this.held.0..this.held.1, 0);
            let left = this.held.1 - this.held.0;
            this.held = (0, left);
            let mut room = ReadBuf::new(&mut this.room[left..]);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut room))?;
            let got = room.filled().len();
            this.held.1 += got;
            if got == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("short");
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    /// A session with a COPY of `rows`, which a notice interrupts, and what of it is passed on.
    fn session(rows: &[Vec<u8>], last: u8) -> (Vec<u8>, Vec<u8>) {
        let (mut all, mut passed) = (Vec::new(), Vec::new());
        let mut other = |all: &mut Vec<u8>, kind, body: &[u8]| {
            all.extend(message(kind, body));
            passed.extend(message(kind, body));
        };
        other(&mut all, b'1', b"");
        other(&mut all, b'Z', b"T");
        other(&mut all, b'H', &[0; 7]);
        for (nth, row) in rows.iter().enumerate() {
            if nth == 1 {
                other(&mut all, b'N', b"a notice");
            }
            all.extend(message(b'd', row));
        }
        other(&mut all, last, b"");
        other(&mut all, b'Z', b"T");
        (all, passed)
    }

    /// Sends `sent` in pieces of `piece` bytes; what was taken, in batches, and what was passed on.
    async fn through(sent: Vec<u8>, piece: usize, bytes: usize) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (mut server, wire) = duplex(piece.max(1));
        let tap = Tap::default();
        let mut tapped = Tapped::new(wire, tap.clone());
        tap.begin();
        let batches = tap.take(bytes).collect::<Vec<_>>();
        let serve = async move {
            server.write_all(&sent).await.expect("sent");
        };
        let read = async move {
            let mut passed = Vec::new();
            tapped.read_to_end(&mut passed).await.expect("read");
            passed
        };
        let ((), passed, batches) = tokio::join!(serve, read, batches);
        (batches, passed)
    }

    proptest::proptest! {
        #[test]
        fn rows_are_taken_and_all_else_goes_on(
            rows in proptest::collection::vec(0usize..90, 0..40), piece in 1usize..300, bytes in 1usize..200, failed: bool,
        ) {
            let rows: Vec<Vec<u8>> = rows.iter().map(|n| [vec![b'x'; *n], b"\n".to_vec()].concat()).collect();
            let (sent, expected) = session(&rows, if failed { b'E' } else { b'c' });
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let (batches, passed) = runtime.block_on(through(sent, piece, bytes));
            proptest::prop_assert_eq!(passed, expected);
            proptest::prop_assert!(batches.iter().all(|b| b.ends_with(b"\n")));
            let (last, others) = batches.split_last().map_or((&[][..], &[][..]), |(l, o)| (l.as_slice(), o));
            proptest::prop_assert!(others.iter().all(|b| b.len() >= bytes) && last.len() < bytes + 100);
            proptest::prop_assert_eq!(batches.concat(), rows.concat());
        }
    }

    #[tokio::test]
    async fn rows_that_nobody_takes_are_no_hindrance_and_a_wire_that_ends_ends_them() {
        let rows = vec![b"a row\n".to_vec(); 100];
        let (sent, expected) = session(&rows, b'c');
        // The first COPY is asked for by somebody who goes; of the second the wire ends before it does.
        let (mut server, wire) = duplex(1 << 20);
        let tap = Tap::default();
        let mut tapped = Tapped::new(wire, tap.clone());
        tap.begin();
        drop(tap.take(10));
        server.write_all(&sent).await.expect("sent");
        let mut passed = vec![0; expected.len()];
        tapped.read_exact(&mut passed).await.expect("read");
        assert_eq!(passed, expected);
        let batches = tap.take(50);
        server.write_all(&sent[..sent.len() / 2]).await.expect("sent");
        drop(server);
        let read = tokio::spawn(async move { tapped.read_to_end(&mut Vec::new()).await });
        let batches: Vec<Vec<u8>> = batches.collect().await;
        assert!(!batches.is_empty() && batches.len() < 100 * 6 / 50);
        assert!(batches.iter().all(|b| b.ends_with(b"\n")), "a part of a row");
        read.await.expect("the reader").expect("an end");
    }
}
