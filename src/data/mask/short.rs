//! The letters and digits of short texts of ASCII, as most values are: one number of 64 bits that is read and
//! written without room of its own. It gives what [`super::letters`] gives for texts of any length.

use super::letters::mix;
use super::permute::{Job, Span};
use std::cell::RefCell;
use std::sync::OnceLock;

/// Longest text that is short.
pub(super) const SHORT_BYTES: usize = 64;
/// Symbols at the most whose numbers are sure to fit into 64 bits, if they are digits.
pub(super) const SYMBOLS_MAX: usize = 19;
/// Shapes that a thread has at hand: a power of two.
const SHAPES: usize = 256;
/// Digits that are read and written at once.
const EIGHT: usize = 8;
/// Numbers with as many digits.
const EIGHT_DIGITS: u64 = 100_000_000;

/// What texts have in common whose letters and digits stand in the same places.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Which of the symbols are letters, the last one lowest, and how many symbols there are.
    places: (u32, u32),
    mixed: u64,
    span: Span,
}

thread_local! {
    static SHAPES_AT_HAND: RefCell<Vec<Option<Shape>>> = const { RefCell::new(Vec::new()) };
}

impl Shape {
    /// `None`: there is no symbol, or their numbers do not fit into 64 bits.
    fn of(letters: u32, count: u32) -> Option<Shape> {
        if !(1..=SYMBOLS_MAX).contains(&(count as usize)) {
            return None;
        }
        let hash = mix(letters.into(), count.into());
        #[allow(clippy::cast_possible_truncation, reason = "the lowest bits")]
        let at = hash as usize % SHAPES;
        SHAPES_AT_HAND.with_borrow_mut(|all| {
            if all.is_empty() {
                all.resize(SHAPES, None);
            }
            if let Some(known) = all[at].filter(|shape| shape.places == (letters, count)) {
                return Some(known);
            }
            all[at] = Some(Shape::new(letters, count)?);
            all[at]
        })
    }

    /// Of as many digits.
    fn digits(count: usize) -> Option<Shape> {
        static ALL: OnceLock<[Option<Shape>; SYMBOLS_MAX + 1]> = OnceLock::new();
        let all = ALL.get_or_init(|| {
            std::array::from_fn(|count| {
                Shape::new(0, u32::try_from(count).ok().filter(|n| *n > 0)?)
            })
        });
        *all.get(count)?
    }

    fn new(letters: u32, count: u32) -> Option<Shape> {
        let (mut size, mut mixed) = (1u64, u64::from(count));
        for nth in (0..count).rev() {
            let (radix, base) = if letters >> nth & 1 == 1 { (26, b'a') } else { (10, b'0') };
            size = size.checked_mul(radix)?;
            mixed = mix(mixed, base.into());
        }
        Some(Shape { places: (letters, count), mixed, span: Span::new(size.into()) })
    }

    /// The job of a text of this shape, whose number is `x`.
    fn job(&self, tweak: u64, x: u64) -> Job {
        Job { tweak: mix(tweak ^ self.mixed, 1), span: self.span, x: x.into() }
    }
}

/// The one number that masking `text` permutes; `None`: it is no short text of ASCII, or has no symbol.
pub(super) fn job(tweak: u64, text: &[u8]) -> Option<Job> {
    let (mut x, mut letters, mut count) = (0u64, 0u32, 0u32);
    for byte in text {
        let (radix, base, letter) = match byte {
            b'0'..=b'9' => (10, b'0', 0),
            b'a'..=b'z' | b'A'..=b'Z' => (26, b'a', 1),
            128.. => return None,
            _ => continue,
        };
        // Setting this bit lowers a letter and leaves a digit as it is. More symbols than a number has
        // are refused below.
        x = x.wrapping_mul(radix).wrapping_add(u64::from((byte | 0x20) - base));
        (letters, count) = (letters << 1 | letter, count + 1);
    }
    Some(Shape::of(letters, count)?.job(tweak, x))
}

/// The same of a text of `count` digits, which are this number.
pub(super) fn digits_job(tweak: u64, count: usize, number: u64) -> Option<Job> {
    Some(Shape::digits(count)?.job(tweak, number))
}

/// This power of ten, below that of 20.
pub(super) fn power(exponent: usize) -> u64 {
    const ALL: [u64; SYMBOLS_MAX + 1] = {
        let mut all = [1; SYMBOLS_MAX + 1];
        let mut n = 1;
        while n < all.len() {
            all[n] = all[n - 1] * 10;
            n += 1;
        }
        all
    };
    ALL[exponent]
}

/// The last eight digits of a number.
pub(super) fn eight_digits(y: u64) -> [u8; EIGHT] {
    let rest = y % EIGHT_DIGITS;
    // Twice four, four times two, eight times one: side by side in one number.
    let fours = (rest / 10_000) | ((rest % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | ((twos - tens * 10) << 8);
    (ones | 0x3030_3030_3030_3030).to_le_bytes()
}

/// Puts the last digits of `y` into `digits`, as many as there are, at the most [`SYMBOLS_MAX`].
pub(super) fn write_digits(mut y: u64, digits: &mut [u8]) {
    let (rest, eights) = digits.as_rchunks_mut::<EIGHT>();
    for eight in eights.iter_mut().rev() {
        *eight = eight_digits(y);
        y /= EIGHT_DIGITS;
    }
    if !rest.is_empty() {
        rest.copy_from_slice(&eight_digits(y)[EIGHT - rest.len()..]);
    }
}

/// Appends the last `count` digits of `y`.
pub(super) fn put_digits(count: usize, y: u64, out: &mut Vec<u8>) {
    let mut room = [b'0'; SHORT_BYTES];
    write_digits(y, &mut room[..count]);
    append(&room, count, out);
}

/// Appends a short text of ASCII with the digits of `y` in the places of its letters and digits.
#[allow(clippy::cast_possible_truncation, reason = "remainders of small numbers")]
pub(super) fn finish(text: &[u8], mut y: u64, out: &mut Vec<u8>) {
    let is_digits = text.iter().fold(true, |all, byte| all & byte.is_ascii_digit());
    if is_digits && text.len() <= SYMBOLS_MAX {
        return put_digits(text.len(), y, out);
    }
    let mut room = [0; SHORT_BYTES];
    for (new, old) in room[..text.len()].iter_mut().zip(text).rev() {
        *new = match old {
            b'0'..=b'9' => {
                let digit = (y % 10) as u8;
                y /= 10;
                b'0' + digit
            }
            b'a'..=b'z' | b'A'..=b'Z' => {
                let letter = (y % 26) as u8;
                y /= 26;
                // An upper-case letter lacks this bit.
                (b'a' + letter) & (*old | !0x20)
            }
            other => *other,
        };
    }
    append(&room, text.len(), out);
}

/// Appends the first `count` bytes of `room`. To copy a known number of them takes a few instructions, any
/// other number a call: so more are copied, and taken back.
pub(super) fn append(room: &[u8; SHORT_BYTES], count: usize, out: &mut Vec<u8>) {
    let end = out.len() + count;
    match count {
        0..=16 => out.extend_from_slice(&room[..16]),
        17..=32 => out.extend_from_slice(&room[..32]),
        _ => out.extend_from_slice(room),
    }
    out.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn digits_are_those_of_the_number(y: u64, few in 0..1_000_000u64) {
            for y in [y % 10_000_000_000_000_000_000, few] {
                for count in y.max(1).ilog10() as usize + 1..=SYMBOLS_MAX {
                    let mut out = Vec::new();
                    put_digits(count, y, &mut out);
                    proptest::prop_assert_eq!(&out, &format!("{y:0count$}").into_bytes());
                }
            }
        }

        #[test]
        fn digits_have_the_job_that_any_text_has(number in 1..10_000_000_000_000_000_000u64, tweak: u64) {
            let text = number.to_string();
            let (one, other) = (digits_job(tweak, text.len(), number), job(tweak, text.as_bytes()));
            proptest::prop_assert_eq!(one.map(|j| (j.tweak, j.x)), other.map(|j| (j.tweak, j.x)));
        }
    }
}
