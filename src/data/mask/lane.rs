//! Masks that permute one number for a value, and so go through several values side by side.

use super::permute::{Job, Permutation};
use super::{Beside, Mask, Reason, Refused, Texts, Value};

/// A mask of most of whose values one number is permuted. That is all it has to say to be a [`Mask`], and
/// side by side it gives what it gives one by one, as both are made of this.
pub(super) trait Lane: Send + Sync {
    /// What was read of a value, to write what it becomes.
    type Read<'v>;

    /// What permutes the numbers.
    fn permutation(&self) -> &Permutation;

    /// Reads a value and its number; `None`: it is masked by itself.
    fn read<'v>(&self, value: &'v str) -> Option<(Self::Read<'v>, Job)>;

    /// Appends what `value` becomes when its number has become `y`.
    fn write(&self, value: &str, read: Self::Read<'_>, y: u128, out: &mut String);

    /// Masks a value that has no such number.
    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason>;
}

impl<L: Lane> Mask for L {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let Some((read, Job { tweak, span, x })) = self.read(value) else {
            return self.alone(value, out);
        };
        self.write(value, read, self.permutation().forward(tweak, span, x), out);
        Ok(())
    }

    fn mask_all(&self, values: &[Value<'_>], out: &mut Texts) -> Result<(), Refused> {
        let (mut jobs, mut all) =
            (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
        for value in values {
            let read = value.text.and_then(|text| self.read(text));
            all.push(read.map(|(read, job)| {
                jobs.push(job);
                read
            }));
        }
        self.permutation().forward_all(&mut jobs);
        let mut jobs = jobs.iter();
        for (value, read) in values.iter().zip(all) {
            match (value.text, read) {
                (Some(text), Some(read)) => {
                    let y = jobs.next().map_or(0, |job| job.x);
                    self.write(text, read, y, &mut out.text);
                }
                (Some(text), None) => self.alone(text, &mut out.text)?,
                (None, _) => {}
            }
            out.end();
        }
        Ok(())
    }
}
