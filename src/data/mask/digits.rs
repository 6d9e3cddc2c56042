//! What is digits with something between them: phones, which keep their country, and cards, which keep a right
//! check digit. As many digits as a number of 64 bits takes go by arithmetic, more of them one by one.

use super::Reason;
use super::lane::Lane;
use super::letters::{Letters, walk};
use super::permute::{Job, Permutation, Span};
use super::short::{self, SHORT_BYTES, SYMBOLS_MAX, power};

/// A value, looked through once.
struct Scan {
    /// Of all its digits, right if they are not more than [`SYMBOLS_MAX`].
    number: u64,
    count: usize,
    /// Of its first two digits.
    head: u64,
    has_letters: bool,
    is_ascii: bool,
}

impl Scan {
    fn of(value: &str) -> Scan {
        let (mut number, mut count, mut head) = (0u64, 0, 0);
        let (mut has_letters, mut is_ascii) = (false, true);
        for byte in value.bytes() {
            match byte {
                b'0'..=b'9' => {
                    number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
                    count += 1;
                    if count <= 2 {
                        head = number;
                    }
                }
                _ => {
                    has_letters |= byte.is_ascii_alphabetic();
                    is_ascii &= byte.is_ascii();
                }
            }
        }
        Scan { number, count, head, has_letters, is_ascii }
    }

    fn is_short(&self) -> bool {
        (1..=SYMBOLS_MAX).contains(&self.count)
    }
}

/// The digits of a value.
fn digits(value: &str) -> Vec<u8> {
    value.bytes().filter(u8::is_ascii_digit).collect()
}

fn text(digits: &[u8]) -> &str {
    str::from_utf8(digits).unwrap_or_default()
}

/// Appends `shape` with its digits replaced by `new`, one after the other.
fn pour(shape: &str, new: &[u8], out: &mut Vec<u8>) {
    let mut count = 0;
    let mut next = |old: u8| {
        let is_digit = old.is_ascii_digit();
        let digit = new.get(count).copied().unwrap_or(old);
        count += usize::from(is_digit);
        if is_digit { digit } else { old }
    };
    if shape.len() > SHORT_BYTES {
        return out.extend(shape.bytes().map(next));
    }
    let mut room = [0; SHORT_BYTES];
    room.iter_mut().zip(shape.bytes()).for_each(|(new, old)| *new = next(old));
    short::append(&room, shape.len(), out);
}

/// The same with the digits of `number`, which are `count`.
fn pour_number(shape: &str, number: u64, count: usize, out: &mut Vec<u8>) {
    if shape.len() == count {
        return short::put_digits(count, number, out);
    }
    let mut digits = [0; SYMBOLS_MAX];
    short::write_digits(number, &mut digits[..count]);
    pour(shape, &digits[..count], out);
}

/// The same as [`pour`] into a text.
fn poured(shape: &str, new: &str, out: &mut String) {
    let mut bytes = Vec::with_capacity(shape.len());
    pour(shape, new.as_bytes(), &mut bytes);
    // Digits take the places of digits, so what was a text stays one.
    out.push_str(text(&bytes));
}

/// Phone numbers: a country code stays, a leading 0 stays the only one.
pub(super) struct Phone {
    permutation: Permutation,
    /// The tweaks of all country codes.
    countries: Vec<u64>,
    /// Those of a leading 0, and of none.
    zero: u64,
    none: u64,
}

/// Digits of a country code.
const COUNTRY_DIGITS: usize = 2;

/// What stays of a number, and what becomes of the rest.
#[derive(Clone, Copy)]
struct Kept {
    digits: usize,
    /// The first of those that move may become a 0.
    free: bool,
}

impl Kept {
    /// Of a number that begins with these two digits. What is kept tells the kinds apart, and no kind is left by
    /// the permutation of the rest.
    fn of(value: &str, first: Option<u8>, second: Option<u8>, count: usize) -> Kept {
        let has_plus = value.starts_with('+') || value.trim_start().starts_with('+');
        let (digits, free) = match (has_plus, first, second) {
            (true, ..) => (COUNTRY_DIGITS, true),
            (_, Some(b'0'), Some(b'0')) => (2 + COUNTRY_DIGITS, true),
            (_, Some(b'0'), _) => (1, false),
            _ => (0, false),
        };
        Kept { digits: digits.min(count), free }
    }
}

/// A number of few digits.
pub(super) struct Dialled {
    /// What the digits that stay are, with zeros in the places of those that move.
    stays: u64,
    count: usize,
    /// What is added to what the others become.
    least: u64,
}

impl Phone {
    pub(super) fn new(permutation: Permutation) -> Phone {
        let tweak = |code: u8| permutation.hash(&[b'0' + code / 10, b'0' + code % 10]);
        Phone {
            countries: (0..100).map(tweak).collect(),
            zero: permutation.hash(b"0"),
            none: permutation.hash(b""),
            permutation,
        }
    }

    /// What permutes the digits that do not stay, tweaked by those that do.
    fn letters(&self, kept: &[u8]) -> Letters<'_> {
        Letters { permutation: &self.permutation, tweak: self.permutation.hash(kept) }
    }

    /// A number of few digits, and the job of those that move; `None`: it goes the long way.
    fn short(&self, value: &str) -> Option<(Dialled, Job)> {
        let scan = Scan::of(value);
        if !scan.is_short() || !scan.is_ascii || scan.has_letters {
            return None;
        }
        let Scan { number, count, head, .. } = scan;
        let digit = |number: u64| Some(b'0' + u8::try_from(number).ok()?);
        let (first, second) = match count {
            1 => (digit(head), None),
            _ => (digit(head / 10), digit(head % 10)),
        };
        let kept = Kept::of(value, first, second, count);
        let tweak = match kept.digits {
            0 => self.none,
            1 if first == Some(b'0') => self.zero,
            COUNTRY_DIGITS => *self.countries.get(usize::try_from(head).ok()?)?,
            kept => {
                let mut digits = [0; 2 + COUNTRY_DIGITS];
                short::write_digits(number / power(count - kept), digits.get_mut(..kept)?);
                self.permutation.hash(&digits[..kept])
            }
        };
        let moving = count - kept.digits;
        let stays = number / power(moving) * power(moving);
        let tail = number - stays;
        if kept.free || tail == 0 {
            let job = short::digits_job(tweak, moving, tail)?;
            return Some((Dialled { stays, count, least: 0 }, job));
        }
        // Without a leading 0: numbers of as many digits.
        let least = power(moving.checked_sub(1)?);
        let job =
            Job { tweak, span: Span::new((9 * least).into()), x: tail.checked_sub(least)?.into() };
        Some((Dialled { stays, count, least }, job))
    }

    /// Appends what becomes of digits without letters beside them, by their own.
    fn long(&self, value: &str, out: &mut String) {
        let digits = digits(value);
        let (first, second) = (digits.first().copied(), digits.get(1).copied());
        let kept = Kept::of(value, first, second, digits.len());
        let (stays, tail) = digits.split_at(kept.digits);
        let letters = self.letters(stays);
        let mut new = text(stays).to_owned();
        let number = text(tail).parse::<u128>().ok().filter(|number| *number > 0);
        match number.filter(|_| !kept.free && tail.len() <= 34) {
            // Without a leading 0: numbers of as many digits.
            Some(number) if tail.first() != Some(&b'0') => {
                let least = 10u128.pow(u32::try_from(tail.len() - 1).unwrap_or(0));
                let span = Span::new(9 * least);
                let y = self.permutation.forward(letters.tweak, span, number - least);
                new.push_str(&(y + least).to_string());
            }
            _ => letters.mask(text(tail), &mut new),
        }
        poured(value, &new, out);
    }
}

impl Lane for Phone {
    type Read<'v> = Dialled;

    fn permutation(&self) -> &Permutation {
        &self.permutation
    }

    fn read(&self, value: &str) -> Option<(Dialled, Job)> {
        self.short(value)
    }

    fn write(&self, value: &str, dialled: Dialled, y: u128, out: &mut Vec<u8>) {
        // Fewer digits than a number of 64 bits takes.
        let moved = u64::try_from(y).unwrap_or(0) + dialled.least;
        pour_number(value, dialled.stays + moved, dialled.count, out);
    }

    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        match value.chars().any(char::is_alphabetic) {
            // A name or an extension stands beside the number.
            true => Letters { permutation: &self.permutation, tweak: 1 }.mask(value, out),
            false => self.long(value, out),
        }
        Ok(())
    }
}

/// The digit that makes `digits` right by Luhn's formula.
pub(crate) fn luhn(digits: &[u8]) -> u8 {
    // What twice a digit adds.
    const TWICE: [u32; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let value = |b: &u8| u32::from(b.wrapping_sub(b'0')).min(9);
    let mut pairs = digits.rchunks_exact(2);
    let mut sum: u32 = pairs.by_ref().map(|p| TWICE[value(&p[1]) as usize] + value(&p[0])).sum();
    sum += pairs.remainder().iter().map(|b| TWICE[value(b) as usize]).sum::<u32>();
    u8::try_from((10 - sum % 10) % 10).unwrap_or(0)
}

/// The same for the digits of a number.
fn luhn_of(number: u64) -> u64 {
    let (mut rest, mut sum) = (number, 0);
    while rest > 0 {
        sum += luhn_sum(short::eight_digits(rest));
        rest /= power(8);
    }
    (10 - sum % 10) % 10
}

/// What eight digits add to the sum, the last of which counts twice.
fn luhn_sum(digits: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const SECOND: u64 = 0xff00_ff00_ff00_ff00;
    let digits = u64::from_le_bytes(digits) & (ONES * 15);
    // From 5 on twice a digit has two of them, whose sum is less by 9; the top bit of a byte says it.
    let large = ((digits + ONES * 123) >> 7) & ONES & SECOND;
    let all = digits + (digits & SECOND) - large * 9;
    all.wrapping_mul(ONES) >> 56
}

/// Whether the last of `digits` is the one that Luhn's formula wants.
pub(crate) fn luhn_right(digits: &[u8]) -> bool {
    let check = digits.split_last();
    check.is_some_and(|(check, body)| check.is_ascii_digit() && check - b'0' == luhn(body))
}

/// Digits of a card at the least.
const CARD_DIGITS_MIN: usize = 8;

/// Whether digits are those of a card.
fn is_card(digits: &[u8]) -> bool {
    digits.len() >= CARD_DIGITS_MIN && luhn_right(digits)
}

/// The same of a number of so many digits.
fn is_card_number(number: u64, count: usize) -> bool {
    count >= CARD_DIGITS_MIN && luhn_of(number / 10) == number % 10
}

/// Card numbers: the issuer's first digit stays, a right check digit stays right.
pub(super) struct Card(pub(super) Permutation);

/// What a value in a column of cards is.
pub(super) enum Paid {
    /// A card with this first digit and so many.
    Card { first: u64, count: usize },
    /// So many digits that are no card, and no letters.
    Digits { count: usize },
    /// Something else.
    Other,
}

impl Card {
    /// What permutes the letters and digits of values that are no cards.
    fn others(&self) -> Letters<'_> {
        Letters { permutation: &self.0, tweak: OTHERS }
    }

    /// What permutes the digits of a card between the issuer's and the check digit.
    fn tweak(first: u64) -> u64 {
        u64::from(b'0') + first
    }
}

/// The tweak of values that are no cards.
const OTHERS: u64 = 2;

impl Lane for Card {
    type Read<'v> = Paid;

    fn permutation(&self) -> &Permutation {
        &self.0
    }

    fn read(&self, value: &str) -> Option<(Paid, Job)> {
        let scan = Scan::of(value);
        if scan.count > SYMBOLS_MAX {
            return None;
        }
        let Scan { number, count, .. } = scan;
        if is_card_number(number, count) {
            let first = scan.head / 10;
            let body = number / 10 - first * power(count - 2);
            let job = short::digits_job(Self::tweak(first), count - 2, body)?;
            return Some((Paid::Card { first, count }, job));
        }
        if scan.is_short() && scan.is_ascii && !scan.has_letters {
            return Some((Paid::Digits { count }, short::digits_job(OTHERS, count, number)?));
        }
        Some((Paid::Other, self.others().job(value)?))
    }

    fn goes_on(&self, value: &str, paid: &Paid, y: u128) -> bool {
        match paid {
            Paid::Card { .. } => false,
            Paid::Digits { count } => u64::try_from(y).is_ok_and(|y| is_card_number(y, *count)),
            Paid::Other => {
                let mut new = Vec::with_capacity(value.len());
                Letters::finish(value, y, &mut new);
                is_card(&digits(text(&new)))
            }
        }
    }

    fn write(&self, value: &str, paid: Paid, y: u128, out: &mut Vec<u8>) {
        // Fewer digits than a number of 64 bits takes.
        let moved = || u64::try_from(y).unwrap_or(0);
        match paid {
            Paid::Card { first, count } => {
                let others = first * power(count - 2) + moved();
                pour_number(value, others * 10 + luhn_of(others), count, out);
            }
            Paid::Digits { count } => pour_number(value, moved(), count, out),
            Paid::Other => Letters::finish(value, y, out),
        }
    }

    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        let all = digits(value);
        let ([first, body @ .., _], true) = (all.as_slice(), is_card(&all)) else {
            walk(&self.others(), value, |new| is_card(&digits(new)), out);
            return Ok(());
        };
        let mut new = char::from(*first).to_string();
        let tweak = Self::tweak(u64::from(first - b'0'));
        Letters { permutation: &self.0, tweak }.mask(text(body), &mut new);
        new.push(char::from(b'0' + luhn(new.as_bytes())));
        poured(value, &new, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn luhns_digit_is_the_same_of_a_number(number in 0..1_000_000_000_000_000_000u64) {
            let digits = number.to_string();
            proptest::prop_assert_eq!(luhn_of(number), u64::from(luhn(digits.as_bytes())));
        }
    }
}
