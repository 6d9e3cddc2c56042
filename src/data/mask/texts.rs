//! Several values at once: what goes into a mask, and what comes of it.

use super::{Beside, Witness};
use std::ops::Range;

/// What stands in the same rows as several values, and who watches.
#[derive(Clone, Copy, Default)]
pub(crate) struct Besides<'a> {
    /// The values of the column that names the rows' subjects; empty: there is none.
    pub(crate) subjects: &'a [Option<&'a str>],
    pub(crate) witness: Option<&'a dyn Witness>,
}

impl<'a> Besides<'a> {
    /// What stands beside one of them.
    pub(crate) fn nth(&self, number: usize) -> Beside<'a> {
        let subject = self.subjects.get(number).copied().flatten();
        Beside { subject, witness: self.witness }
    }
}

/// Where pieces end that lie one behind the other.
#[derive(Default)]
pub(crate) struct Ends(Vec<usize>);

impl Ends {
    /// Forgets all of them, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What was appended since the last one is a piece: as much as this lies there now.
    pub(crate) fn end(&mut self, length: usize) {
        self.0.push(length);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Where the piece with this number lies, which is there.
    pub(crate) fn nth(&self, number: usize) -> Range<usize> {
        let begin = number.checked_sub(1).map_or(0, |before| self.0[before]);
        begin..self.0[number]
    }
}

/// Texts one behind the other.
#[derive(Default)]
pub(crate) struct Texts {
    pub(crate) text: String,
    ends: Ends,
}

impl Texts {
    /// Forgets all of them, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// What was appended since the last one is a text.
    pub(crate) fn end(&mut self) {
        self.ends.end(self.text.len());
    }

    /// Appends several texts that lie one behind the other in `text`.
    pub(crate) fn append(&mut self, text: &str, ends: &Ends) {
        let begin = self.text.len();
        self.text.push_str(text);
        self.ends.0.extend(ends.0.iter().map(|end| begin + end));
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.ends.count()
    }

    /// Where the one with this number lies, which is there.
    pub(crate) fn place(&self, number: usize) -> Range<usize> {
        self.ends.nth(number)
    }

    /// The one with this number, which is there.
    pub(crate) fn nth(&self, number: usize) -> &str {
        &self.text[self.place(number)]
    }
}
