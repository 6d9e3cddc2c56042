//! Reads an archive on a thread of its own, one frame ahead of whoever takes them, so that unpacking keeps no
//! server waiting.

use super::frame::{Frame, FrameKind};
use super::read::Reader;
use super::unreadable;
use crate::base::Problem;
use tokio::sync::mpsc;

/// Frames that wait to be taken: few, as one may be as large as a row.
const FRAMES_WAITING: usize = 1;

/// A frame and its bytes; `None` behind the last one.
type Next = Option<(Frame, Vec<u8>)>;

/// An archive that is read ahead.
pub(crate) struct Ahead {
    frames: mpsc::Receiver<Result<Next, Problem>>,
}

impl Ahead {
    /// Reads on from where `reader` is.
    pub(crate) fn of(mut reader: Reader) -> Result<Ahead, Problem> {
        let (send, frames) = mpsc::channel(FRAMES_WAITING);
        let read = move || {
            loop {
                let next = next(&mut reader);
                let more = matches!(next, Ok(Some(_)));
                // Whoever took them has gone when this fails.
                if send.blocking_send(next).is_err() || !more {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("archive".to_owned()).spawn(read);
        thread
            .map_err(|e| Problem::failed("threads", format!("cannot start a thread: {e}")))
            .map(|_| Ahead { frames })
    }

    /// The next frame that is no list of fingerprints; `None` once, behind the last.
    pub(crate) async fn next(&mut self) -> Result<Next, Problem> {
        // A thread that broke off must not look like an archive's end.
        let broken = || {
            let message = "reading the archive broke off by a mistake in devenv";
            Err(Problem::failed("archive-corrupt", message))
        };
        self.frames.recv().await.unwrap_or_else(broken)
    }
}

fn next(reader: &mut Reader) -> Result<Next, Problem> {
    while let Some(frame) = reader.next()? {
        if matches!(frame.kind, FrameKind::Source | FrameKind::Masked) {
            continue;
        }
        let bytes = frame.unpack().map_err(|why| unreadable(&reader.path, why))?;
        return Ok(Some((frame, bytes)));
    }
    Ok(None)
}
