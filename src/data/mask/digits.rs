//! What is digits with something between them: phones, which keep their country, and cards, which keep a right
//! check digit.

use super::Reason;
use super::lane::Lane;
use super::letters::{Letters, walk};
use super::permute::{Job, Permutation, Span};
use super::short::{self, SHORT_BYTES, SYMBOLS_MAX};
use smallvec::SmallVec;

/// Bytes of ASCII, few as a rule.
type Few = SmallVec<[u8; FEW_BYTES]>;
const FEW_BYTES: usize = 32;

/// The digits of a value.
fn digits(value: &str) -> Few {
    let few = |chunk: &[u8]| {
        let (mut kept, mut count) = ([0; FEW_BYTES], 0);
        for byte in chunk {
            // Without a branch for each byte: what is no digit is written over.
            kept[count % FEW_BYTES] = *byte;
            count += usize::from(byte.is_ascii_digit());
        }
        Few::from_buf_and_len(kept, count)
    };
    match value.as_bytes() {
        short if short.len() <= FEW_BYTES => few(short),
        long => long.chunks(FEW_BYTES).flat_map(few).collect(),
    }
}

fn text(few: &[u8]) -> &str {
    str::from_utf8(few).unwrap_or_default()
}

/// Appends `shape` with its digits replaced by `new`, one after the other.
fn pour(shape: &str, new: &[u8], out: &mut Vec<u8>) {
    if shape.len() == new.len() {
        return out.extend_from_slice(new);
    }
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

/// Puts the digits of `y` into those of a text, whose job's number it was.
fn put(y: u128, digits: &mut [u8]) {
    match u64::try_from(y) {
        Ok(small) if digits.len() <= SYMBOLS_MAX => short::write_digits(small, digits),
        _ => {
            let mut new = Vec::with_capacity(digits.len());
            Letters::finish(text(digits), y, &mut new);
            digits.copy_from_slice(&new);
        }
    }
}

/// The job of a text of digits.
fn job(letters: &Letters<'_>, digits: &[u8]) -> Option<Job> {
    short::digits_job(letters.tweak, digits).or_else(|| letters.job(text(digits)))
}

/// Phone numbers: a country code stays, a leading 0 stays the only one.
pub(super) struct Phone {
    permutation: Permutation,
    /// The tweaks of all country codes.
    tweaks: Vec<u64>,
}

/// Digits of a country code.
const COUNTRY_DIGITS: usize = 2;

impl Phone {
    pub(super) fn new(permutation: Permutation) -> Phone {
        let tweak = |code: u8| permutation.hash(&[b'0' + code / 10, b'0' + code % 10]);
        Phone { tweaks: (0..100).map(tweak).collect(), permutation }
    }

    /// What permutes the digits that do not stay, tweaked by those that do.
    fn letters(&self, dialled: &Dialled) -> Letters<'_> {
        let tweak = match &dialled.digits[..dialled.kept] {
            [tens, ones] => self.tweaks[usize::from((tens - b'0') * 10 + (ones - b'0'))],
            kept => self.permutation.hash(kept),
        };
        Letters { permutation: &self.permutation, tweak }
    }
}

/// The digits of a number: those that stay, and those that move.
pub(super) struct Dialled {
    digits: Few,
    kept: usize,
    /// The first of those that move may become a 0.
    free: bool,
}

impl Dialled {
    /// `None`: a name or an extension stands beside the number.
    fn read(value: &str) -> Option<Dialled> {
        let has_letters = match value.is_ascii() {
            true => value.bytes().fold(false, |any, b| any | b.is_ascii_alphabetic()),
            false => value.chars().any(char::is_alphabetic),
        };
        if has_letters {
            return None;
        }
        let digits = digits(value);
        let has_plus = value.starts_with('+') || value.trim_start().starts_with('+');
        // What is kept tells the kinds apart, and no kind is left by the permutation of the rest.
        let (kept, free) = match (has_plus, &digits[..]) {
            (true, _) => (COUNTRY_DIGITS, true),
            (_, [b'0', b'0', ..]) => (2 + COUNTRY_DIGITS, true),
            (_, [b'0', ..]) => (1, false),
            _ => (0, false),
        };
        Some(Dialled { kept: kept.min(digits.len()), digits, free })
    }

    fn tail(&self) -> &[u8] {
        &self.digits[self.kept..]
    }

    /// The tail as a number without a leading 0, and the least of as many digits.
    fn number(&self) -> Option<(u128, u128)> {
        let tail = self.tail();
        if self.free || tail.len() > 34 {
            return None;
        }
        let number = text(tail).parse::<u128>().ok().filter(|number| *number > 0)?;
        Some((number, 10u128.pow(u32::try_from(tail.len() - 1).unwrap_or(0))))
    }

    /// The one number that is permuted, where it is one.
    fn job(&self, letters: &Letters<'_>) -> Option<Job> {
        match self.number() {
            Some((number, low)) => {
                let (span, x) = (Span::new(9 * low), number.checked_sub(low)?);
                Some(Job { tweak: letters.tweak, span, x })
            }
            None => job(letters, self.tail()),
        }
    }

    fn put(mut self, value: &str, y: u128, out: &mut Vec<u8>) {
        let moved = self.number().map_or(y, |(_, low)| y + low);
        put(moved, &mut self.digits[self.kept..]);
        pour(value, &self.digits, out);
    }
}

impl Lane for Phone {
    type Read<'v> = Dialled;

    fn permutation(&self) -> &Permutation {
        &self.permutation
    }

    fn read(&self, value: &str) -> Option<(Dialled, Job)> {
        let dialled = Dialled::read(value)?;
        let job = dialled.job(&self.letters(&dialled))?;
        Some((dialled, job))
    }

    fn write(&self, value: &str, dialled: Dialled, y: u128, out: &mut Vec<u8>) {
        dialled.put(value, y, out);
    }

    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        let Some(dialled) = Dialled::read(value) else {
            Letters { permutation: &self.permutation, tweak: 1 }.mask(value, out);
            return Ok(());
        };
        let mut new = text(&dialled.digits[..dialled.kept]).to_owned();
        self.letters(&dialled).mask(text(dialled.tail()), &mut new);
        poured(value, new.as_bytes(), out);
        Ok(())
    }
}

/// The same as [`pour`] into a text.
fn poured(shape: &str, new: &[u8], out: &mut String) {
    let mut bytes = Vec::with_capacity(shape.len());
    pour(shape, new, &mut bytes);
    // Digits take the places of digits, so what was a text stays one.
    out.push_str(text(&bytes));
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

/// Card numbers: the issuer's first digit stays, a right check digit stays right.
pub(super) struct Card(pub(super) Permutation);

/// What a value in a column of cards is.
pub(super) enum Paid {
    /// The digits of a card.
    Card(Few),
    /// Other digits, as many as one number takes, and no letters.
    Digits(Few),
    Other,
}

impl Paid {
    fn read(value: &str) -> Paid {
        let digits = digits(value);
        let is_bare =
            || value.bytes().fold(true, |all, b| all & b.is_ascii() & !b.is_ascii_alphabetic());
        match () {
            () if is_card(&digits) => Paid::Card(digits),
            () if (1..=SYMBOLS_MAX).contains(&digits.len()) && is_bare() => Paid::Digits(digits),
            () => Paid::Other,
        }
    }
}

/// The digits between the issuer's and the check digit.
fn body(card: &mut [u8]) -> &mut [u8] {
    match card {
        [_, body @ .., _] => body,
        _ => &mut [],
    }
}

impl Card {
    /// What permutes the letters and digits of values that are no cards.
    fn others(&self) -> Letters<'_> {
        Letters { permutation: &self.0, tweak: 2 }
    }

    /// What permutes the digits of a card between the issuer's and the check digit.
    fn letters(&self, card: &[u8]) -> Letters<'_> {
        Letters { permutation: &self.0, tweak: card.first().copied().unwrap_or(0).into() }
    }
}

/// Gives a card the check digit that its other digits want.
fn check(card: &mut [u8]) {
    if let Some((check, others)) = card.split_last_mut() {
        *check = b'0' + luhn(others);
    }
}

impl Lane for Card {
    type Read<'v> = Paid;

    fn permutation(&self) -> &Permutation {
        &self.0
    }

    fn read(&self, value: &str) -> Option<(Paid, Job)> {
        let mut paid = Paid::read(value);
        let job = match &mut paid {
            Paid::Card(card) => job(&self.letters(card), body(card)),
            Paid::Digits(digits) => job(&self.others(), digits),
            Paid::Other => self.others().job(value),
        };
        Some((paid, job?))
    }

    fn goes_on(&self, value: &str, paid: &Paid, y: u128) -> bool {
        match paid {
            Paid::Card(_) => false,
            Paid::Digits(old) => {
                let mut new = old.clone();
                put(y, &mut new);
                is_card(&new)
            }
            Paid::Other => {
                let mut new = Vec::with_capacity(value.len());
                Letters::finish(value, y, &mut new);
                is_card(&digits(text(&new)))
            }
        }
    }

    fn write(&self, value: &str, paid: Paid, y: u128, out: &mut Vec<u8>) {
        match paid {
            Paid::Card(mut card) => {
                put(y, body(&mut card));
                check(&mut card);
                pour(value, &card, out);
            }
            Paid::Digits(mut digits) => {
                put(y, &mut digits);
                pour(value, &digits, out);
            }
            Paid::Other => Letters::finish(value, y, out),
        }
    }

    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        let Paid::Card(mut card) = Paid::read(value) else {
            walk(&self.others(), value, |new| is_card(&digits(new)), out);
            return Ok(());
        };
        let mut new = String::with_capacity(card.len());
        self.letters(&card).mask(text(body(&mut card)), &mut new);
        body(&mut card).copy_from_slice(new.as_bytes());
        check(&mut card);
        poured(value, &card, out);
        Ok(())
    }
}
