//! Masks that permute one number for a value, and so go through several values side by side.

use super::permute::{Job, Permutation};
use super::texts::Ends;
use super::{Beside, Besides, Mask, Reason, Refused, Texts};

/// Room for what is copied beyond the end of a value, and taken back.
const SPARE_BYTES: usize = 64;
/// What never happens: bytes of a text took the places of others in the middle of a character.
const NO_TEXT: Reason = Reason("does not become a text");

/// A mask of most of whose values one number is permuted. That is all it has to say to be a [`Mask`], and
/// side by side it gives what it gives one by one, as both are made of this.
pub(super) trait Lane: Send + Sync {
    /// What was read of a value, to write what it becomes.
    type Read<'v>;

    /// What permutes the numbers.
    fn permutation(&self) -> &Permutation;

    /// Reads a value and its number; `None`: it is masked by itself.
    fn read<'v>(&self, value: &'v str) -> Option<(Self::Read<'v>, Job)>;

    /// Whether `value` may not become what it becomes when its number has become `y`: then that is permuted
    /// on. What it may not become has a permutation of its own, and the two must not meet.
    fn goes_on(&self, _value: &str, _read: &Self::Read<'_>, _y: u128) -> bool {
        false
    }

    /// Appends the text that `value` becomes when its number has become `y`.
    fn write(&self, value: &str, read: Self::Read<'_>, y: u128, out: &mut Vec<u8>);

    /// Masks a value that has no such number.
    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason>;
}

impl<L: Lane> Mask for L {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let Some((read, Job { tweak, span, x })) = self.read(value) else {
            return self.alone(value, out);
        };
        let mut y = self.permutation().forward(tweak, span, x);
        while self.goes_on(value, &read, y) {
            y = self.permutation().forward(tweak, span, y);
        }
        let mut new = Vec::with_capacity(value.len() + SPARE_BYTES);
        self.write(value, read, y, &mut new);
        out.push_str(str::from_utf8(&new).map_err(|_| NO_TEXT)?);
        Ok(())
    }

    fn mask_all(
        &self,
        values: &[Option<&str>],
        _: &Besides<'_>,
        out: &mut Texts,
    ) -> Result<(), Refused> {
        let (mut jobs, mut all) =
            (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
        for value in values {
            let read = value.and_then(|text| Some((text, self.read(text)?)));
            all.push(read.map(|(text, (read, job))| {
                jobs.push(job);
                (text, read)
            }));
        }
        self.permutation().forward_all(&mut jobs);
        go_on(self, &all, &mut jobs);
        let mut jobs = jobs.iter();
        let mut new = Vec::with_capacity(values.len() * SPARE_BYTES);
        let mut ends = Ends::default();
        for (value, read) in values.iter().zip(all) {
            match (value, read) {
                (_, Some((text, read))) => {
                    let y = jobs.next().map_or(0, |job| job.x);
                    self.write(text, read, y, &mut new);
                }
                (Some(text), None) => {
                    let mut one = String::new();
                    self.alone(text, &mut one)?;
                    new.extend_from_slice(one.as_bytes());
                }
                (None, None) => {}
            }
            ends.end(new.len());
        }
        // Seen to be text once for all of them, which takes less time than one by one.
        out.append(str::from_utf8(&new).map_err(|_| NO_TEXT)?, &ends);
        Ok(())
    }
}

/// A value that was read.
type Read<'v, L> = (&'v str, <L as Lane>::Read<'v>);

/// Permutes the numbers on that may not stay what they became.
fn go_on<L: Lane>(lane: &L, all: &[Option<Read<'_, L>>], jobs: &mut [Job]) {
    let on = |(value, read): &Read<'_, L>, job: &Job| lane.goes_on(value, read, job.x);
    let mut left: Vec<_> = all.iter().flatten().zip(jobs).filter(|(r, j)| on(r, j)).collect();
    while !left.is_empty() {
        let mut again: Vec<Job> = left.iter().map(|(_, job)| **job).collect();
        lane.permutation().forward_all(&mut again);
        left.iter_mut().zip(again).for_each(|((_, job), new)| **job = new);
        left.retain(|(read, job)| on(read, job));
    }
}
