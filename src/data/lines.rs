//! The fields of many rows of COPY's text format, found together.

use super::copy;
use memchr::memchr;
use std::borrow::Cow;
use std::ops::Range;

/// Bytes that are looked at together.
const WORD_BYTES: usize = 8;
/// After so many of them without an end of a field, the next one is looked for far ahead.
const EMPTY_WORDS: usize = 4;
/// A byte in each place of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The top bit in each of them.
const TOPS: u64 = ONES << 7;

/// Rows of a batch, some at a time.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Fields of a row; a row without one has an end nevertheless.
    width: usize,
    /// Where the rows at hand begin.
    begin: usize,
    /// Where their fields end.
    ends: Vec<usize>,
    /// The next backslash that is known of.
    backslash: usize,
    /// Of each row at hand, whether no field has a backslash.
    plain: Vec<bool>,
}

/// A row has another number of fields than its table has columns.
pub(super) struct Uneven;

impl<'a> Lines<'a> {
    /// The rows of a batch, which ends with the end of a row.
    pub(super) fn of(text: &'a str, columns: usize) -> Lines<'a> {
        let (width, ends, plain) = (columns.max(1), Vec::new(), Vec::new());
        let mut lines = Lines { text, width, begin: 0, ends, backslash: 0, plain };
        lines.backslash = lines.backslash_from(0);
        lines
    }

    fn backslash_from(&self, begin: usize) -> usize {
        memchr(b'\\', &self.text.as_bytes()[begin..]).map_or(usize::MAX, |at| begin + at)
    }

    /// Takes the next rows to hand, at the most `rows`; how many they are.
    pub(super) fn next(&mut self, rows: usize) -> Result<usize, Uneven> {
        self.begin = self.ends.last().map_or(0, |end| end + 1);
        self.ends.clear();
        let all = self.text.as_bytes();
        let count = ends(all, (self.begin, rows), self.width, &mut self.ends).ok_or(Uneven)?;
        self.plain.clear();
        for row in 0..count {
            let last = self.ends[(row + 1) * self.width - 1];
            self.plain.push(last < self.backslash);
            if self.backslash < last {
                self.backslash = self.backslash_from(last);
            }
        }
        Ok(count)
    }

    /// Whether no row at hand has a backslash.
    pub(super) fn all_plain(&self) -> bool {
        self.plain.iter().fold(true, |all, plain| all & plain)
    }

    /// Where some fields of a row lie, with what is between them.
    pub(super) fn place(&self, row: usize, fields: Range<usize>) -> Range<usize> {
        let first = row * self.width;
        let begin = (first + fields.start).checked_sub(1).map_or(self.begin, |n| self.ends[n] + 1);
        begin..self.ends[first + fields.end - 1]
    }

    /// A field as it is on the wire; `None` is null.
    pub(super) fn field(&self, row: usize, field: usize) -> Option<&'a str> {
        let text = &self.text[self.place(row, field..field + 1)];
        (self.plain[row] || text != "\\N").then_some(text)
    }

    /// The text of a field.
    pub(super) fn value(&self, row: usize, field: usize) -> Option<Cow<'a, str>> {
        let text = self.field(row, field)?;
        Some(if self.plain[row] { Cow::Borrowed(text) } else { copy::unescaped(text) })
    }

    /// The rows at hand.
    pub(super) fn count(&self) -> usize {
        self.plain.len()
    }
}

/// Where fields of at the most `rows` rows end, from `begin` on; how many rows they are, if each has as many
/// fields.
fn ends(
    all: &[u8],
    (begin, rows): (usize, usize),
    width: usize,
    ends: &mut Vec<usize>,
) -> Option<usize> {
    let (mut at, mut count, mut empty) = (begin, 0, 0);
    while count < rows && at < all.len() {
        let (word, bytes) = word(&all[at..]);
        let mut found = same(word, b'\t') | same(word, b'\n');
        empty = if found == 0 { empty + 1 } else { 0 };
        while found != 0 && count < rows {
            let end = at + found.trailing_zeros() as usize / 8;
            ends.push(end);
            if all[end] == b'\n' {
                count += 1;
                if ends.len() != count * width {
                    return None;
                }
            }
            found &= found - 1;
        }
        at += bytes;
        if empty == EMPTY_WORDS {
            at += memchr::memchr2(b'\t', b'\n', &all[at..]).unwrap_or(all.len() - at);
            empty = 0;
        }
    }
    (ends.len() == count * width).then_some(count)
}

/// The first bytes as a number, and how many they are.
fn word(bytes: &[u8]) -> (u64, usize) {
    match bytes.first_chunk::<WORD_BYTES>() {
        Some(word) => (u64::from_le_bytes(*word), WORD_BYTES),
        None => {
            let mut word = [0; WORD_BYTES];
            word[..bytes.len()].copy_from_slice(bytes);
            (u64::from_le_bytes(word), bytes.len())
        }
    }
}

/// The top bit of each byte of `word` that is this one, no other bit.
fn same(word: u64, byte: u8) -> u64 {
    let differs = word ^ (ONES * u64::from(byte));
    !(((differs & !TOPS) + !TOPS) | differs) & TOPS
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn fields_are_those_between_tabs(
            rows in proptest::collection::vec(proptest::collection::vec("[a-zä\\\\N]{0,12}|x{60}", 3), 0..40),
            some in 1usize..9,
        ) {
            let text: String = rows.iter().map(|row| row.join("\t") + "\n").collect();
            let (mut lines, mut found) = (Lines::of(&text, 3), Vec::new());
            while let Ok(count) = lines.next(some) && count > 0 {
                for row in 0..count {
                    proptest::prop_assert_eq!(lines.plain[row], !rows[found.len()].concat().contains('\\'));
                    found.push((0..3).map(|f| lines.field(row, f)).collect::<Vec<_>>());
                }
            }
            let field = |text| Some(text).filter(|text| *text != "\\N");
            let expected = rows.iter().map(|row| row.iter().map(|f| field(f.as_str())).collect());
            proptest::prop_assert_eq!(found, expected.collect::<Vec<Vec<_>>>());
        }
    }

    #[test]
    fn rows_of_another_length_are_refused() {
        for text in ["a\n", "a\tb\tc\n", "a\tb\nc\n", "a\nb\tc\td\n", "a\tb"] {
            let mut lines = Lines::of(text, 2);
            assert!((0..3).any(|_| lines.next(10).is_err()), "{text}");
        }
        let mut none = Lines::of("\n\n", 0);
        assert!(matches!(none.next(10), Ok(2)));
        assert!(matches!(none.next(10), Ok(0)));
    }
}
