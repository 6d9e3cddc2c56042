//! Several lookers at once, as many as there are processors: pieces are handed to whoever is free, and what
//! all found is put together at the end. Invariant: no more pieces wait than there are lookers, so that the
//! memory stays the same however much there is to look through.

use super::looker::Looker;
use crate::base::Problem;
use crate::data::copy;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Lookers at once at the most.
const THREADS_MAX: usize = 16;

/// Something to look through.
type Piece = Box<dyn FnOnce(&mut Looker) -> Result<(), Problem> + Send>;

/// Lookers at work.
pub(super) struct Crew {
    pieces: SyncSender<Piece>,
    threads: Vec<JoinHandle<Result<Looker, Problem>>>,
}

impl Crew {
    /// Others that look for what `looker` looks for.
    pub(super) fn of(looker: &Looker) -> Crew {
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let (pieces, handed) = sync_channel(count);
        let handed = Arc::new(Mutex::new(handed));
        let thread = |_| {
            let (handed, looker) = (handed.clone(), looker.another());
            std::thread::spawn(move || work(&handed, looker))
        };
        Crew { pieces, threads: (0..count).map(thread).collect() }
    }

    /// Hands over a piece; waits while all are busy. Once something failed there is nobody to take it.
    pub(super) fn hand(
        &self,
        piece: impl FnOnce(&mut Looker) -> Result<(), Problem> + Send + 'static,
    ) {
        // Why they ended is told by `finish`.
        let _ = self.pieces.send(Box::new(piece));
    }

    /// Adds to `looker` what was found, or says why it could not all be looked through.
    pub(super) fn finish(self, looker: &mut Looker) -> Result<(), Problem> {
        drop(self.pieces);
        let mut done = Ok(());
        for thread in self.threads {
            match thread.join() {
                Ok(Ok(other)) => looker.join(other),
                Ok(Err(problem)) => done = done.and(Err(problem)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    }
}

fn work(handed: &Mutex<Receiver<Piece>>, mut looker: Looker) -> Result<Looker, Problem> {
    loop {
        let piece = handed.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match piece {
            Ok(piece) => piece(&mut looker)?,
            Err(_) => return Ok(looker),
        }
    }
}

/// Looks through rows as `COPY` writes them: `places` are those of the columns.
pub(super) fn rows(bytes: &[u8], places: &[String], looker: &mut Looker) {
    let mut fields = Vec::new();
    for line in copy::lines(bytes) {
        copy::split(line, &mut fields);
        for (place, field) in places.iter().zip(&fields) {
            if let Some(text) = field.and_then(|f| copy::text(f).ok()) {
                looker.look(place, &text);
            }
        }
    }
}
