//! Texts of the same shape: a digit becomes a digit, a letter a letter of the same case and script, all
//! else stays. A bijection of the texts of each shape, so what was unique stays unique, also without
//! regard to case: the letters of ASCII are permuted caseless and get their case back.

use super::permute::{Job, Permutation, Span};
use super::short::{self, SHORT_BYTES};
use std::cell::RefCell;

/// Above this the symbols of a chunk are permuted as one number.
const CHUNK_MAX: u128 = 1 << 110;

/// A character's class: its characters are `radix` many from `base`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class {
    base: u32,
    radix: u32,
    upper: bool,
}

/// The class of `c`; `None`: it stays as it is. Every class maps onto itself, characters that stay
/// belong to none.
fn class(c: char) -> Option<Class> {
    let of = |base, radix, upper| Some(Class { base, radix, upper });
    match u32::from(c) {
        0x30..=0x39 => of(0x30, 10, false),
        0x61..=0x7a => of(0x61, 26, false),
        0x41..=0x5a => of(0x61, 26, true),
        0..0xc0 => None,
        // Scripts of many characters as one class, the rest by blocks of 64, which keep the bytes of
        // UTF-8; punctuation, symbols and emoji stay.
        0x2000..=0x2bff | 0xd800..=0xdfff | 0xfe00..=0xfe3f | 0x1_f000..=0x1_faff => None,
        0x4e00..=0x9fbf => of(0x4e00, 0x51c0, false),
        0xac00..=0xd77f => of(0xac00, 0x2b80, false),
        0xe000..=0xf8ff | 0xffc0..=0xffff => None,
        other => of(other & !63, 64, false),
    }
}

struct Symbol {
    class: Class,
    value: u32,
}

/// One run of symbols that is permuted as a number.
struct Chunk {
    from: usize,
    to: usize,
    size: u128,
    shape: u64,
}

/// Permutes the letters and digits of texts.
pub(crate) struct Letters<'a> {
    pub(crate) permutation: &'a Permutation,
    /// What the text stands beside: the same text beside another becomes another.
    pub(crate) tweak: u64,
}

impl Letters<'_> {
    /// Appends the masked text.
    pub(crate) fn mask(&self, text: &str, out: &mut String) {
        self.go(text, false, out);
    }

    /// Appends the text that [`Self::mask`] made `text` of.
    #[cfg(test)]
    fn unmask(&self, text: &str, out: &mut String) {
        self.go(text, true, out);
    }

    /// The one number that masking `text` permutes; `None`: there are several, or none.
    pub(crate) fn job(&self, text: &str) -> Option<Job> {
        let short = short::job(self.tweak, text.as_bytes());
        if short.is_some() {
            return short;
        }
        SCRATCH.with_borrow_mut(|Scratch { symbols, chunks }| {
            read(text, symbols);
            cut(symbols, chunks);
            match chunks.as_slice() {
                [chunk] => Some(Job {
                    tweak: self.tweak(chunk, 0, 1),
                    span: Span::new(chunk.size),
                    x: number(symbols, chunk),
                }),
                _ => None,
            }
        })
    }

    /// Appends the masked text, whose job's number has become `y`.
    pub(crate) fn finish(text: &str, y: u128, out: &mut Vec<u8>) {
        if let (true, Ok(y)) = (text.is_ascii(), u64::try_from(y))
            && text.len() <= SHORT_BYTES
        {
            return short::finish(text.as_bytes(), y, out);
        }
        SCRATCH.with_borrow_mut(|Scratch { symbols, .. }| {
            read(text, symbols);
            write(symbols, y);
            let mut new = String::new();
            put(text, symbols, &mut new);
            out.extend_from_slice(new.as_bytes());
        });
    }

    fn go(&self, text: &str, back: bool, out: &mut String) {
        SCRATCH.with_borrow_mut(|Scratch { symbols, chunks }| {
            read(text, symbols);
            cut(symbols, chunks);
            self.pass(symbols, chunks, back);
            put(text, symbols, out);
        });
    }

    fn tweak(&self, chunk: &Chunk, beside: u64, seed: u64) -> u64 {
        mix(self.tweak ^ chunk.shape, beside ^ seed)
    }

    /// Forwards each chunk tweaked by the one before it, then backwards by the one behind it, so that
    /// every symbol depends on all. The way back does the same in reverse.
    fn pass(&self, symbols: &mut [Symbol], chunks: &[Chunk], back: bool) {
        let last = chunks.len();
        let mut there = |i: usize| self.step(symbols, chunks, i, i.checked_sub(1), 1, back);
        if !back {
            (0..last).for_each(&mut there);
        }
        if last > 1 {
            let mut again = |i: usize| {
                self.step(symbols, chunks, i, (i + 1 < last).then_some(i + 1), 2, back);
            };
            match back {
                false => (0..last).rev().for_each(&mut again),
                true => (0..last).for_each(&mut again),
            }
        }
        if back {
            let mut there = |i: usize| self.step(symbols, chunks, i, i.checked_sub(1), 1, back);
            (0..last).rev().for_each(&mut there);
        }
    }

    fn step(
        &self,
        symbols: &mut [Symbol],
        chunks: &[Chunk],
        i: usize,
        beside: Option<usize>,
        seed: u64,
        back: bool,
    ) {
        let beside = beside.map_or(0, |b| fold(number(symbols, &chunks[b])));
        let chunk = &chunks[i];
        let tweak = self.tweak(chunk, beside, seed);
        let (span, x) = (Span::new(chunk.size), number(symbols, chunk));
        let y = match back {
            false => self.permutation.forward(tweak, span, x),
            true => self.permutation.backward(tweak, span, x),
        };
        write(&mut symbols[chunk.from..chunk.to], y);
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Room that the next text uses again.
#[derive(Default)]
struct Scratch {
    symbols: Vec<Symbol>,
    chunks: Vec<Chunk>,
}

/// The symbols of a text.
fn read(text: &str, symbols: &mut Vec<Symbol>) {
    symbols.clear();
    for c in text.chars() {
        if let Some(class) = class(c) {
            let code = if class.upper { u32::from(c) + 32 } else { u32::from(c) };
            symbols.push(Symbol { class, value: code - class.base });
        }
    }
}

/// Appends `text` with other symbols in the places of its own.
fn put(text: &str, symbols: &[Symbol], out: &mut String) {
    out.reserve(text.len());
    let mut symbols = symbols.iter();
    for c in text.chars() {
        let new = class(c).and_then(|_| symbols.next()).and_then(|s| {
            let code = s.class.base + s.value - if s.class.upper { 32 } else { 0 };
            char::from_u32(code)
        });
        out.push(new.unwrap_or(c));
    }
}

fn cut(symbols: &[Symbol], chunks: &mut Vec<Chunk>) {
    chunks.clear();
    let (mut from, mut size, mut shape) = (0, 1u128, symbols.len() as u64);
    for (i, symbol) in symbols.iter().enumerate() {
        let grown = size * u128::from(symbol.class.radix);
        if grown > CHUNK_MAX {
            chunks.push(Chunk { from, to: i, size, shape });
            (from, size) = (i, u128::from(symbol.class.radix));
        } else {
            size = grown;
        }
        shape = mix(shape, u64::from(symbol.class.base));
    }
    if from < symbols.len() {
        chunks.push(Chunk { from, to: symbols.len(), size, shape });
    }
}

/// The number that a chunk's symbols are.
fn number(symbols: &[Symbol], chunk: &Chunk) -> u128 {
    let symbols = &symbols[chunk.from..chunk.to];
    // Most numbers are small, and products of 128 bits are not.
    match u64::try_from(chunk.size) {
        Ok(_) => u128::from(
            symbols.iter().fold(0, |n: u64, s| n * u64::from(s.class.radix) + u64::from(s.value)),
        ),
        Err(_) => {
            symbols.iter().fold(0, |n: u128, s| n * u128::from(s.class.radix) + u128::from(s.value))
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a remainder of a radix, which fits")]
fn write(symbols: &mut [Symbol], mut number: u128) {
    for s in symbols.iter_mut().rev() {
        (number, s.value) = match (u64::try_from(number), s.class.radix) {
            // Divisors that the compiler knows are multiplications.
            (Ok(small), 10) => (u128::from(small / 10), (small % 10) as u32),
            (Ok(small), 26) => (u128::from(small / 26), (small % 26) as u32),
            (Ok(small), radix) => {
                (u128::from(small / u64::from(radix)), (small % u64::from(radix)) as u32)
            }
            (Err(_), radix) => (number / u128::from(radix), (number % u128::from(radix)) as u32),
        };
    }
}

#[allow(clippy::cast_possible_truncation, reason = "both halves are taken")]
fn fold(number: u128) -> u64 {
    (number as u64) ^ mix((number >> 64) as u64, 1)
}

/// Permutes `value` until it is not `special` any more, which it was not either: what is special has a
/// permutation of its own, and the two must not meet.
pub(super) fn walk(
    letters: &Letters<'_>,
    value: &str,
    special: impl Fn(&str) -> bool,
    out: &mut String,
) {
    let mut now = value.to_owned();
    loop {
        let mut next = String::with_capacity(now.len());
        letters.mask(&now, &mut next);
        if !special(&next) {
            return out.push_str(&next);
        }
        now = next;
    }
}

/// Mixes two numbers well enough to tell tweaks apart; secrecy is the cipher's part.
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b;
    x ^= x >> 32;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::mask::key::Key;

    fn masked(text: &str) -> String {
        let p = Permutation::new(&Key::from_text("0123456789abcdef").expect("key"), "text");
        let mut out = String::new();
        Letters { permutation: &p, tweak: 0 }.mask(text, &mut out);
        out
    }

    fn unmasked(text: &str) -> String {
        let p = Permutation::new(&Key::from_text("0123456789abcdef").expect("key"), "text");
        let mut out = String::new();
        Letters { permutation: &p, tweak: 0 }.unmask(text, &mut out);
        out
    }

    #[test]
    fn the_shape_stays_and_case_does_not_tell_texts_apart() {
        let out = masked("Anna-Lena 42, Straße!");
        let shape = |t: &str| {
            t.chars().map(|c| class(c).map(|c| c.base).unwrap_or(c.into())).collect::<Vec<_>>()
        };
        assert_eq!(shape(&out), shape("Anna-Lena 42, Straße!"));
        assert!(!out.contains("Anna"));
        assert_eq!(masked("ANNA").to_lowercase(), masked("anna"));
    }

    #[test]
    fn two_letters_are_permuted_without_a_collision() {
        let all = (b'a'..=b'z')
            .flat_map(|a| (b'a'..=b'z').map(move |b| format!("{}{}", a as char, b as char)));
        let mut seen: Vec<String> = all.map(|t| masked(&t)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 26 * 26);
    }

    proptest::proptest! {
        #[test]
        fn a_short_text_has_the_job_that_its_chunk_has(text in "[a-zA-Z0-9 .-]{0,24}") {
            let p = Permutation::new(&Key::from_text("0123456789abcdef").expect("key"), "test");
            let letters = Letters { permutation: &p, tweak: 7 };
            let (mut symbols, mut chunks) = (Vec::new(), Vec::new());
            read(&text, &mut symbols);
            cut(&symbols, &mut chunks);
            let Some(job) = short::job(7, text.as_bytes()) else { return Ok(()) };
            proptest::prop_assert_eq!(chunks.len(), 1);
            proptest::prop_assert_eq!(job.tweak, letters.tweak(&chunks[0], 0, 1));
            proptest::prop_assert_eq!(job.x, number(&symbols, &chunks[0]));
        }

        #[test]
        fn every_text_comes_back(text in ".{0,80}") {
            let there = masked(&text);
            proptest::prop_assert_eq!(there.len(), text.len());
            proptest::prop_assert_eq!(there.chars().count(), text.chars().count());
            proptest::prop_assert_eq!(unmasked(&there), text);
        }

        #[test]
        fn long_texts_depend_on_each_letter(text in "[a-z]{60,90}", at in 0usize..60) {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'a' { b'b' } else { b'a' };
            let other = masked(std::str::from_utf8(&other).expect("text"));
            let one = masked(&text);
            let same = one.bytes().zip(other.bytes()).filter(|(a, b)| a == b).count();
            proptest::prop_assert!(same < text.len() / 2, "{} {}", one, other);
        }
    }
}
