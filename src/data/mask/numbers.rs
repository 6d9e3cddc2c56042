//! Numbers: ids as a bijection within their number of digits, cards with a right Luhn digit, IBANs with
//! right check digits, phones, and amounts that keep their distribution.

use super::lane::Lane;
use super::letters::{Letters, mix, walk};
use super::permute::{Job, Permutation, Span};
use super::{Beside, Mask, Reason};
use smallvec::SmallVec;
use std::fmt::Write as _;

/// Ranges that ids never leave: all numbers of as many digits, cut where an integer type of Postgres ends,
/// so that a key and what refers to it agree whatever their types are.
fn range(magnitude: u128) -> (u128, u128) {
    const ENDS: [u128; 3] = [i16::MAX as u128, i32::MAX as u128, i64::MAX as u128];
    let first = 10u128.pow(magnitude.checked_ilog10().unwrap_or(0).min(35));
    let (mut low, mut high) = (first, first * 10 - 1);
    for end in ENDS {
        if low <= end && end < high {
            if magnitude <= end { high = end } else { low = end + 1 }
        }
    }
    (low, high)
}

/// Integer keys.
pub(super) struct Id(pub(super) Permutation);

/// What stays of an integer key whose digits move.
pub(super) struct Moving {
    negative: bool,
    low: u128,
}

impl Id {
    /// `None`: zero, which stays.
    fn number(value: &str) -> Result<Option<(Moving, Job)>, Reason> {
        let digits = value.strip_prefix('-').unwrap_or(value);
        let number: u128 = match digits.parse::<u64>() {
            Ok(small) => small.into(),
            Err(_) => digits.parse().map_err(|_| Reason("is no integer"))?,
        };
        if number == 0 {
            return Ok(None);
        }
        if number >= 10u128.pow(35) {
            return Err(Reason("has more than 35 digits"));
        }
        let (low, high) = range(number);
        let span = Span::new(high - low + 1);
        let job = Job { tweak: mix(low as u64, high as u64), span, x: number - low };
        Ok(Some((Moving { negative: digits.len() != value.len(), low }, job)))
    }
}

impl Lane for Id {
    type Read<'v> = Moving;

    fn permutation(&self) -> &Permutation {
        &self.0
    }

    fn read(&self, value: &str) -> Option<(Moving, Job)> {
        Self::number(value).ok()?
    }

    fn write(&self, _: &str, Moving { negative, low }: Moving, y: u128, out: &mut String) {
        if negative {
            out.push('-');
        }
        // Writing to a string does not fail.
        let _ = match u64::try_from(y + low) {
            Ok(small) => write!(out, "{small}"),
            Err(_) => write!(out, "{}", y + low),
        };
    }

    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        // Whatever else is a number moves.
        let moving = Self::number(value)?;
        debug_assert!(moving.is_none());
        out.push_str(if value.starts_with('-') { "-0" } else { "0" });
        Ok(())
    }
}

/// Bytes of ASCII, few as a rule.
type Few = SmallVec<[u8; FEW_BYTES]>;
const FEW_BYTES: usize = 32;

/// The digits of a value.
fn digits(value: &str) -> Few {
    let mut few = Few::new();
    for chunk in value.as_bytes().chunks(FEW_BYTES) {
        let (mut kept, mut count) = ([0; FEW_BYTES], 0);
        for byte in chunk {
            // Without a branch for each byte: what is no digit is written over.
            kept[count % FEW_BYTES] = *byte;
            count += usize::from(byte.is_ascii_digit());
        }
        few.extend_from_slice(&kept[..count]);
    }
    few
}

fn text(few: &[u8]) -> &str {
    str::from_utf8(few).unwrap_or_default()
}

/// `shape` with its digits replaced by `new`, one after the other.
fn pour(shape: &str, new: &[u8], out: &mut String) {
    let mut new = new.iter();
    let mut next = |old: &u8| match old.is_ascii_digit() {
        true => *new.next().unwrap_or(old),
        false => *old,
    };
    // Digits take the places of digits, so what was a text stays one.
    let mut poured = Few::with_capacity(shape.len());
    poured.extend(shape.as_bytes().iter().map(&mut next));
    out.push_str(text(&poured));
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

    /// What the digits that stay tweak the others by.
    fn tweak(&self, dialled: &Dialled) -> u64 {
        match &dialled.digits[..dialled.kept] {
            [tens, ones] => self.tweaks[usize::from((tens - b'0') * 10 + (ones - b'0'))],
            kept => self.permutation.hash(kept),
        }
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
        // What is kept tells the kinds apart, and no kind is left by the permutation of the rest.
        let (kept, free) = match (value.trim_start().starts_with('+'), &digits[..]) {
            (true, _) => (COUNTRY_DIGITS, true),
            (_, [b'0', b'0', ..]) => (2 + COUNTRY_DIGITS, true),
            (_, [b'0', ..]) => (1, false),
            _ => (0, false),
        };
        Some(Dialled { kept: kept.min(digits.len()), digits, free })
    }

    fn tail(&self) -> &str {
        text(&self.digits[self.kept..])
    }

    /// The tail as a number without a leading 0, and the least of as many digits.
    fn number(&self) -> Option<(u128, u128)> {
        let tail = self.tail();
        if self.free || tail.len() > 34 {
            return None;
        }
        let number = tail.parse::<u128>().ok().filter(|number| *number > 0)?;
        Some((number, 10u128.pow(u32::try_from(tail.len() - 1).unwrap_or(0))))
    }

    /// The one number that is permuted, where it is one.
    fn job(&self, permutation: &Permutation, tweak: u64) -> Option<Job> {
        match self.number() {
            Some((number, low)) => {
                Some(Job { tweak, span: Span::new(9 * low), x: number.checked_sub(low)? })
            }
            None => Letters { permutation, tweak }.job(self.tail()),
        }
    }

    fn put(&self, value: &str, y: u128, out: &mut String) {
        let mut new = String::with_capacity(self.digits.len());
        new.push_str(text(&self.digits[..self.kept]));
        match self.number() {
            Some((_, low)) => new.push_str(&(y + low).to_string()),
            None => Letters::finish(self.tail(), y, &mut new),
        }
        pour(value, new.as_bytes(), out);
    }
}

impl Lane for Phone {
    type Read<'v> = Dialled;

    fn permutation(&self) -> &Permutation {
        &self.permutation
    }

    fn read(&self, value: &str) -> Option<(Dialled, Job)> {
        let dialled = Dialled::read(value)?;
        let job = dialled.job(&self.permutation, self.tweak(&dialled))?;
        Some((dialled, job))
    }

    fn write(&self, value: &str, dialled: Dialled, y: u128, out: &mut String) {
        dialled.put(value, y, out);
    }

    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        let Some(dialled) = Dialled::read(value) else {
            Letters { permutation: &self.permutation, tweak: 1 }.mask(value, out);
            return Ok(());
        };
        let mut new = text(&dialled.digits[..dialled.kept]).to_owned();
        let letters = Letters { permutation: &self.permutation, tweak: self.tweak(&dialled) };
        letters.mask(dialled.tail(), &mut new);
        pour(value, new.as_bytes(), out);
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

/// Whether the last of `digits` is the one that Luhn's formula wants.
pub(crate) fn luhn_right(digits: &[u8]) -> bool {
    let check = digits.split_last();
    check.is_some_and(|(check, body)| check.is_ascii_digit() && check - b'0' == luhn(body))
}

/// Card numbers: the issuer's first digit stays, a right check digit stays right.
pub(super) struct Card(pub(super) Permutation);

/// The digits of a card.
pub(super) struct CardDigits(Few);

impl CardDigits {
    /// `None`: the value is no card.
    fn read(value: &str) -> Option<CardDigits> {
        let digits = digits(value);
        (digits.len() >= 8 && luhn_right(&digits)).then_some(CardDigits(digits))
    }

    /// The digits between the issuer's and the check digit.
    fn body(&self) -> &str {
        text(&self.0[1..self.0.len() - 1])
    }

    /// What permutes them.
    fn letters<'p>(&self, permutation: &'p Permutation) -> Letters<'p> {
        Letters { permutation, tweak: u64::from(self.0[0]) }
    }

    /// Appends `value` with another body, which `put` appends.
    fn put(&self, value: &str, put: impl FnOnce(&mut String), out: &mut String) {
        let mut new = String::with_capacity(self.0.len());
        new.push(char::from(self.0[0]));
        put(&mut new);
        new.push(char::from(b'0' + luhn(new.as_bytes())));
        pour(value, new.as_bytes(), out);
    }
}

impl Card {
    /// What permutes the letters and digits of values that are no cards.
    fn others(&self) -> Letters<'_> {
        Letters { permutation: &self.0, tweak: 2 }
    }
}

impl Lane for Card {
    /// The card, if it is one.
    type Read<'v> = Option<CardDigits>;

    fn permutation(&self) -> &Permutation {
        &self.0
    }

    fn read(&self, value: &str) -> Option<(Option<CardDigits>, Job)> {
        let card = CardDigits::read(value);
        let job = match &card {
            Some(card) => card.letters(&self.0).job(card.body()),
            None => self.others().job(value),
        };
        Some((card, job?))
    }

    fn goes_on(&self, value: &str, card: &Option<CardDigits>, y: u128) -> bool {
        card.is_none() && {
            let mut new = String::with_capacity(value.len());
            Letters::finish(value, y, &mut new);
            is_card(&new)
        }
    }

    fn write(&self, value: &str, card: Option<CardDigits>, y: u128, out: &mut String) {
        match card {
            Some(card) => card.put(value, |new| Letters::finish(card.body(), y, new), out),
            None => Letters::finish(value, y, out),
        }
    }

    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        match CardDigits::read(value) {
            Some(card) => {
                card.put(value, |new| card.letters(&self.0).mask(card.body(), new), out);
            }
            None => walk(&self.others(), value, is_card, out),
        }
        Ok(())
    }
}

fn is_card(value: &str) -> bool {
    CardDigits::read(value).is_some()
}

/// The check digits of an IBAN of this country and account (ISO 13616: 98 less the remainder by 97).
pub(crate) fn iban_check(country: &str, account: &str) -> u32 {
    let letters = account.chars().chain(country.chars()).chain("00".chars());
    let remainder = letters.fold(0u32, |r, c| match c.to_digit(36) {
        Some(d) if d < 10 => (r * 10 + d) % 97,
        Some(d) => (r * 100 + d) % 97,
        None => r,
    });
    98 - remainder
}

/// Whether a text without spaces is an IBAN with right check digits.
pub(crate) fn iban_right(flat: &str) -> bool {
    let shaped = (10..=34).contains(&flat.len())
        && flat.bytes().all(|b| b.is_ascii_alphanumeric())
        && flat[..2].bytes().all(|b| b.is_ascii_alphabetic())
        && flat[2..4].bytes().all(|b| b.is_ascii_digit());
    shaped && {
        let upper = flat.to_ascii_uppercase();
        flat[2..4] == format!("{:02}", iban_check(&upper[..2], &upper[4..]))
    }
}

fn without_spaces(value: &str) -> String {
    value.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Account numbers: the country stays, the check digits are right again.
pub(super) struct Iban(pub(super) Permutation);

impl Mask for Iban {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let flat = without_spaces(value);
        if !iban_right(&flat) {
            let is_iban = |value: &str| iban_right(&without_spaces(value));
            walk(&Letters { permutation: &self.0, tweak: 3 }, value, is_iban, out);
            return Ok(());
        }
        let mut new = String::with_capacity(flat.len());
        let tweak = self.0.hash(flat[..2].to_ascii_uppercase().as_bytes());
        Letters { permutation: &self.0, tweak }.mask(&flat[4..], &mut new);
        let check = iban_check(&flat[..2].to_ascii_uppercase(), &new.to_ascii_uppercase());
        let mut whole = format!("{}{check:02}{new}", &flat[..2]).into_bytes().into_iter();
        for c in value.chars() {
            out.push(if c.is_whitespace() { c } else { whole.next().map_or(c, char::from) });
        }
        Ok(())
    }
}

/// Amounts, moved by up to some percent: sign, digits before and behind the point stay, and so do mean
/// and spread as far as people see.
pub(super) struct Amount {
    pub(super) permutation: Permutation,
    /// At the most, in percent.
    pub(super) percent: f64,
    /// Bounds that the column has.
    pub(super) bounds: (Option<f64>, Option<f64>),
}

impl Mask for Amount {
    #[allow(clippy::cast_precision_loss, reason = "an amount that is moved has no exact digits")]
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        if matches!(value, "NaN" | "Infinity" | "-Infinity") {
            out.push_str(value);
            return Ok(());
        }
        let number: f64 = value.parse().map_err(|_| Reason("is no number"))?;
        let subject = beside.subject.map_or(0, |s| self.permutation.hash(s.as_bytes()));
        let unit = self.permutation.hash(value.as_bytes()) ^ subject;
        let unit = (unit >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0;
        let moved = number * (1.0 + unit * self.percent / 100.0);
        let magnitude = number.abs().max(1.0).log10().floor();
        let (low, high) = (10f64.powf(magnitude), 10f64.powf(magnitude + 1.0));
        let decimals = value.split_once('.').map_or(0, |(_, d)| d.len());
        let step = 10f64.powi(-(i32::try_from(decimals).unwrap_or(0)));
        let mut size = moved.abs();
        if number.abs() >= 1.0 {
            size = size.clamp(low, high - step);
        }
        let mut moved = size.copysign(number);
        if let Some(least) = self.bounds.0 {
            moved = moved.max(least);
        }
        if let Some(most) = self.bounds.1 {
            moved = moved.min(most);
        }
        match value.contains(['e', 'E']) {
            true => out.push_str(&format!("{moved:e}")),
            false => out.push_str(&format!("{moved:.decimals$}")),
        }
        Ok(())
    }
}
