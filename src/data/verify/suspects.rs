//! Fingerprints that passed the filter: whether they are the source's is told by the lists in the archive,
//! which are read once for many of them. Invariant: their number is bounded, however much passes.

use super::looker::Report;
use crate::base::Problem;
use crate::data::archive::FrameKind;
use std::collections::HashMap;
use std::sync::Arc;

/// Suspects that wait at the most.
const SUSPECTS_MAX: usize = 1 << 18;

/// The fingerprints themselves, as the archive has them.
pub(crate) trait Lists: Send + Sync {
    /// Hands over all lists, one after the other: of the source ([`FrameKind::Source`]), and of what masks
    /// made ([`FrameKind::Masked`]).
    fn each(&self, see: &mut dyn FnMut(FrameKind, &[u8])) -> Result<(), Problem>;
}

/// The fingerprints of a list.
pub(super) fn prints(list: &[u8]) -> impl Iterator<Item = u64> {
    list.chunks_exact(8)
        .map(|c| u64::from_le_bytes([c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]]))
}

/// One that was met so many times at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Suspect {
    print: u64,
    place: u32,
    times: u64,
}

/// What is to be settled.
#[derive(Default)]
pub(super) struct Suspects {
    all: Vec<Suspect>,
    places: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

/// What a list says of a fingerprint.
#[derive(Clone, Copy, Default)]
struct Said {
    source: bool,
    masked: bool,
}

impl Suspects {
    /// Notes one that was met; `true`: so many wait now that they must be settled.
    pub(super) fn add(&mut self, print: u64, place: &str) -> bool {
        let place = self.number(place);
        self.all.push(Suspect { print, place, times: 1 });
        self.is_full()
    }

    /// Where folding leaves more than half they are to be settled: else they would soon be folded anew.
    fn is_full(&mut self) -> bool {
        if self.all.len() < SUSPECTS_MAX {
            return false;
        }
        self.fold();
        self.all.len() > SUSPECTS_MAX / 2
    }

    /// The number of a place.
    fn number(&mut self, place: &str) -> u32 {
        if let Some(number) = self.numbers.get(place) {
            return *number;
        }
        let number = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        let place: Arc<str> = place.into();
        self.places.push(place.clone());
        self.numbers.insert(place, number);
        number
    }

    /// Those that are the same become one.
    fn fold(&mut self) {
        self.all.sort_unstable();
        self.all.dedup_by(|one, before| {
            let same = (one.print, one.place) == (before.print, before.place);
            before.times += if same { one.times } else { 0 };
            same
        });
    }

    /// Takes over what another one waits for; `true`: so many wait now that they must be settled.
    pub(super) fn join(&mut self, other: Suspects) -> bool {
        let numbers: Vec<u32> = other.places.iter().map(|place| self.number(place)).collect();
        let moved = other.all.into_iter();
        self.all.extend(moved.map(|s| Suspect { place: numbers[s.place as usize], ..s }));
        self.is_full()
    }

    /// Adds to a report what each of them is, and forgets them.
    pub(super) fn settle(&mut self, lists: &dyn Lists, report: &mut Report) -> Result<(), Problem> {
        self.fold();
        if self.all.is_empty() {
            return Ok(());
        }
        let mut said = vec![Said::default(); self.all.len()];
        lists.each(&mut |kind, list| {
            mark(&self.all, &mut said, list, |said| match kind {
                FrameKind::Source => said.source = true,
                _ => said.masked = true,
            });
        })?;
        for (suspect, said) in self.all.drain(..).zip(said) {
            match said {
                Said { source: false, .. } => {}
                Said { masked: true, .. } => report.coincidences += suspect.times,
                Said { masked: false, .. } => {
                    report.hit(&self.places[suspect.place as usize], suspect.times);
                }
            }
        }
        Ok(())
    }
}

/// Marks those suspects, which are sorted, that a list has.
fn mark(all: &[Suspect], said: &mut [Said], list: &[u8], mut found: impl FnMut(&mut Said)) {
    let mut list: Vec<u64> = prints(list).collect();
    // It is, unless somebody else wrote it.
    if !list.is_sorted() {
        list.sort_unstable();
    }
    let mut list = list.into_iter().peekable();
    for (suspect, said) in all.iter().zip(said) {
        while list.next_if(|print| *print < suspect.print).is_some() {}
        if list.peek() == Some(&suspect.print) {
            found(said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Lists in memory, which count how often they are read.
    pub(in super::super) struct Known {
        pub(in super::super) source: Vec<u64>,
        pub(in super::super) masked: Vec<u64>,
        pub(in super::super) read: AtomicU32,
    }

    impl Lists for Known {
        fn each(&self, see: &mut dyn FnMut(FrameKind, &[u8])) -> Result<(), Problem> {
            self.read.fetch_add(1, Ordering::Relaxed);
            let bytes =
                |list: &[u64]| list.iter().flat_map(|p| p.to_le_bytes()).collect::<Vec<_>>();
            // Several lists, of which one is not in its order.
            for part in self.source.chunks(3) {
                see(FrameKind::Source, &bytes(part));
            }
            see(FrameKind::Masked, &bytes(&self.masked));
            Ok(())
        }
    }

    fn known() -> Known {
        let source = vec![9, 5, 7, 1000, 2000, 3000, 8];
        Known { source, masked: vec![7, 4], read: AtomicU32::new(0) }
    }

    #[test]
    fn the_lists_tell_a_leak_from_a_coincidence_and_from_chance() {
        let (mut suspects, mut report) = (Suspects::default(), Report::default());
        for (print, place) in [(5, "a"), (6, "a"), (5, "b"), (7, "b"), (5, "a"), (8, "b"), (4, "a")]
        {
            assert!(!suspects.add(print, place));
        }
        let mut other = Suspects::default();
        for (print, place) in [(3000, "c"), (9, "b")] {
            other.add(print, place);
        }
        suspects.join(other);
        suspects.settle(&known(), &mut report).expect("settled");
        let hits: Vec<_> = report.hits.iter().map(|(place, n)| (place.as_str(), *n)).collect();
        assert_eq!(hits, [("a", 2), ("b", 3), ("c", 1)]);
        assert_eq!(report.coincidences, 1);
    }

    #[test]
    fn much_of_the_same_is_folded_and_much_else_is_settled() {
        let (mut suspects, mut report, lists) = (Suspects::default(), Report::default(), known());
        for n in 0..SUSPECTS_MAX as u64 * 3 {
            assert!(!suspects.add(5 + n % 4, "a"), "{n}");
        }
        let mut settled = 0;
        for n in 0..SUSPECTS_MAX as u64 * 3 {
            if suspects.add(10_000 + n, "b") {
                suspects.settle(&lists, &mut report).expect("settled");
                settled += 1;
            }
            assert!(suspects.all.len() <= SUSPECTS_MAX);
        }
        suspects.settle(&lists, &mut report).expect("settled");
        assert!((2..=8).contains(&settled), "{settled}");
        assert_eq!(lists.read.load(Ordering::Relaxed), settled + 1);
        // 5, 7 and 8 are the source's, and 7 what a mask made.
        let each = SUSPECTS_MAX as u64 * 3 / 4;
        assert_eq!((report.hits.get("a"), report.coincidences), (Some(&(each * 2)), each));
        assert_eq!(report.hits.get("b"), None);
    }
}
