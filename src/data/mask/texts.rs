//! Several values at once: what goes into a mask, and what comes of it.

use super::Beside;
use std::ops::Range;

/// A value in its row; one without text is null.
#[derive(Clone, Copy, Default)]
pub(crate) struct Value<'a> {
    pub(crate) text: Option<&'a str>,
    pub(crate) beside: Beside<'a>,
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

    /// Where each lies.
    pub(crate) fn all(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.count()).map(|number| self.nth(number))
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

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.ends.count()
    }

    /// The one with this number, which is there.
    pub(crate) fn nth(&self, number: usize) -> &str {
        &self.text[self.ends.nth(number)]
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.ends.all().map(|piece| &self.text[piece])
    }
}
