//! Numbers: ids as a bijection within their number of digits, IBANs with right check digits, and amounts that
//! keep their distribution.

use super::lane::Lane;
use super::letters::{Letters, mix, walk};
use super::permute::{Job, Permutation, Span};
use super::short::{SYMBOLS_MAX, put_digits};
use super::{Beside, Mask, Reason};
use std::sync::OnceLock;

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

/// Numbers of 64 bits have so many digits at the most.
const DIGITS_MAX: usize = 20;

/// Numbers that become each other.
#[derive(Clone, Copy)]
struct Known {
    low: u128,
    high: u128,
    digits: usize,
    span: Span,
    tweak: u64,
}

impl Known {
    /// Those among which a number is.
    #[allow(clippy::cast_possible_truncation, reason = "tells ranges apart nevertheless")]
    fn new(magnitude: u128) -> Known {
        let (low, high) = range(magnitude);
        let (span, digits) = (Span::new(high - low + 1), low.ilog10() as usize + 1);
        Known { low, high, digits, span, tweak: mix(low as u64, high as u64) }
    }

    /// The same, of what is worked out once for all numbers of 64 bits.
    fn of(number: u64) -> Known {
        static ALL: OnceLock<[[Known; 2]; DIGITS_MAX]> = OnceLock::new();
        let all = ALL.get_or_init(|| {
            std::array::from_fn(|digits| {
                let first = 10u128.pow(u32::try_from(digits).unwrap_or(0));
                [Known::new(first), Known::new(first * 10 - 1)]
            })
        });
        let [lower, upper] = all[number.checked_ilog10().unwrap_or(0) as usize];
        if u128::from(number) <= lower.high { lower } else { upper }
    }
}

/// Integer keys.
pub(super) struct Id(pub(super) Permutation);

/// What stays of an integer key whose digits move.
pub(super) struct Moving {
    negative: bool,
    low: u128,
    digits: usize,
}

impl Id {
    /// `None`: zero, which stays.
    fn number(value: &str) -> Result<Option<(Moving, Job)>, Reason> {
        let digits = value.strip_prefix('-').unwrap_or(value);
        let (number, known) = match digits.parse::<u64>() {
            Ok(small) => (small.into(), Known::of(small)),
            Err(_) => {
                let large: u128 = digits.parse().map_err(|_| Reason("is no integer"))?;
                if large >= 10u128.pow(35) {
                    return Err(Reason("has more than 35 digits"));
                }
                (large, Known::new(large))
            }
        };
        if number == 0 {
            return Ok(None);
        }
        let job = Job { tweak: known.tweak, span: known.span, x: number - known.low };
        let negative = digits.len() != value.len();
        Ok(Some((Moving { negative, low: known.low, digits: known.digits }, job)))
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

    fn write(&self, _: &str, moving: Moving, y: u128, out: &mut Vec<u8>) {
        let Moving { negative, low, digits } = moving;
        if negative {
            out.push(b'-');
        }
        match u64::try_from(y + low) {
            Ok(small) if digits <= SYMBOLS_MAX => put_digits(digits, small, out),
            _ => out.extend_from_slice((y + low).to_string().as_bytes()),
        }
    }

    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        // Whatever else is a number moves.
        let moving = Self::number(value)?;
        debug_assert!(moving.is_none());
        out.push_str(if value.starts_with('-') { "-0" } else { "0" });
        Ok(())
    }
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
