//! Texts of the same shape: a digit becomes a digit, a letter a letter of the same case and script, all
//! else stays. A bijection of the texts of each shape, so what was unique stays unique, also without
//! regard to case: the letters of ASCII are permuted caseless and get their case back.

use super::permute::{Permutation, Span};

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

    fn go(&self, text: &str, back: bool, out: &mut String) {
        let mut symbols: Vec<Symbol> = Vec::with_capacity(text.len());
        for c in text.chars() {
            if let Some(class) = class(c) {
                let code = if class.upper { u32::from(c) + 32 } else { u32::from(c) };
                symbols.push(Symbol { class, value: code - class.base });
            }
        }
        let chunks = chunks(&symbols);
        self.pass(&mut symbols, &chunks, back);
        let mut symbols = symbols.iter();
        for c in text.chars() {
            let new = class(c).and_then(|_| symbols.next()).and_then(|s| {
                let code = s.class.base + s.value - if s.class.upper { 32 } else { 0 };
                char::from_u32(code)
            });
            out.push(new.unwrap_or(c));
        }
    }

    /// Forwards each chunk tweaked by the one before it, then backwards by the one behind it, so that
    /// every symbol depends on all. The way back does the same in reverse.
    fn pass(&self, symbols: &mut [Symbol], chunks: &[Chunk], back: bool) {
        let last = chunks.len();
        let mut steps: Vec<(usize, Option<usize>, u64)> =
            (0..last).map(|i| (i, i.checked_sub(1), 1)).collect();
        if last > 1 {
            steps.extend((0..last).rev().map(|i| (i, (i + 1 < last).then_some(i + 1), 2)));
        }
        if back {
            steps.reverse();
        }
        for (i, beside, seed) in steps {
            let beside = beside.map_or(0, |b| fold(number(symbols, &chunks[b])));
            let chunk = &chunks[i];
            let tweak = mix(self.tweak ^ chunk.shape, beside ^ seed);
            let (span, x) = (Span::new(chunk.size), number(symbols, chunk));
            let y = match back {
                false => self.permutation.forward(tweak, span, x),
                true => self.permutation.backward(tweak, span, x),
            };
            write(symbols, chunk, y);
        }
    }
}

fn chunks(symbols: &[Symbol]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
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
    chunks
}

fn number(symbols: &[Symbol], chunk: &Chunk) -> u128 {
    symbols[chunk.from..chunk.to]
        .iter()
        .fold(0, |n, s| n * u128::from(s.class.radix) + u128::from(s.value))
}

#[allow(clippy::cast_possible_truncation, reason = "a remainder of a radix, which fits")]
fn write(symbols: &mut [Symbol], chunk: &Chunk, mut number: u128) {
    for s in symbols[chunk.from..chunk.to].iter_mut().rev() {
        let radix = u128::from(s.class.radix);
        // Most numbers are small, and a division of 128 bits is not.
        (number, s.value) = match u64::try_from(number) {
            Ok(small) => (
                u128::from(small / u64::from(s.class.radix)),
                (small % u64::from(s.class.radix)) as u32,
            ),
            Err(_) => (number / radix, (number % radix) as u32),
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
