//! Addresses of machines, places on the earth, bytes, and embeddings.

use super::letters::{Letters, mix, walk};
use super::permute::{Permutation, Span};
use super::{Beside, Mask, Reason};
use std::net::IpAddr;

/// IPv4 and IPv6 addresses and networks; the length of a prefix stays, and the bits behind it.
pub(super) struct Ip(pub(super) Permutation);

impl Mask for Ip {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        match self.address(value) {
            Some(moved) => out.push_str(&moved),
            None => {
                let is_address = |text: &str| self.address(text).is_some();
                walk(&Letters { permutation: &self.0, tweak: 7 }, value, is_address, out);
            }
        }
        Ok(())
    }
}

impl Ip {
    /// Where an address goes; `None`: it is none.
    fn address(&self, value: &str) -> Option<String> {
        let (address, prefix) = match value.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (value, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let bits = match prefix {
            Some(prefix) => prefix.parse().ok().filter(|bits| *bits <= width)?,
            None => width,
        };
        let moved = match address {
            IpAddr::V4(a) => {
                let moved = self.inside(u128::from(u32::from(a)), 32, bits, 0);
                IpAddr::V4(u32::try_from(moved).ok()?.into())
            }
            IpAddr::V6(a) => {
                // Global and local prefixes of 16 bits stay apart; what is behind them moves.
                let (first, rest) = (u128::from(a) >> 112, u128::from(a) << 16 >> 16);
                let tweak = u64::try_from(first).ok()?;
                let moved = self.inside(rest, 112, bits.saturating_sub(16), tweak);
                IpAddr::V6((first << 112 | moved).into())
            }
        };
        Some(prefix.map_or_else(|| moved.to_string(), |prefix| format!("{moved}/{prefix}")))
    }

    /// Moves the top `bits` of `width` bits and keeps the rest.
    fn inside(&self, whole: u128, width: u32, bits: u32, tweak: u64) -> u128 {
        let keep = width - bits;
        let low = whole & ((1u128 << keep) - 1);
        let tweak = mix(u64::from(bits), tweak);
        let top = self.0.forward(tweak, Span::new(1u128 << bits), whole >> keep);
        top << keep | low
    }
}

/// UUIDs: version and variant stay, the other 122 bits move.
pub(super) struct Uuid(pub(super) Permutation);

impl Mask for Uuid {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let flat: String = value.chars().filter(char::is_ascii_hexdigit).collect();
        if flat.len() != 32 {
            return Err(Reason("is no UUID"));
        }
        let number = u128::from_str_radix(&flat, 16).map_err(|_| Reason("is no UUID"))?;
        let (high, version) = (number >> 80, (number >> 76) & 0xf);
        let (middle, variant) = ((number >> 64) & 0xfff, (number >> 62) & 3);
        let low = number & ((1 << 62) - 1);
        let packed = (high << 74) | (middle << 62) | low;
        let tweak = u64::try_from(version << 2 | variant).unwrap_or(0);
        let moved = self.0.forward(tweak, Span::new(1 << 122), packed);
        let (high, middle) = (moved >> 74, (moved >> 62) & 0xfff);
        let low = moved & ((1 << 62) - 1);
        let new = (high << 80) | (version << 76) | (middle << 64) | (variant << 62) | low;
        let mut digits = format!("{new:032x}").into_bytes().into_iter();
        let upper = value.bytes().any(|b| b.is_ascii_uppercase());
        for c in value.chars() {
            let new = if c.is_ascii_hexdigit() { digits.next().map(char::from) } else { None };
            out.push(new.map_or(c, |n| if upper { n.to_ascii_uppercase() } else { n }));
        }
        Ok(())
    }
}

/// MAC addresses, UUIDs in texts and other hexadecimal texts: a hexadecimal digit becomes one.
pub(super) struct Hex(pub(super) Permutation);

/// What kinds of hexadecimal texts there are, none of which becomes another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HexCase {
    Lower,
    Upper,
    Other,
}

fn hex_case(value: &str) -> HexCase {
    let hexadecimal = value.chars().all(|c| c.is_ascii_hexdigit() || !c.is_alphanumeric());
    let upper = value.chars().any(|c| c.is_ascii_uppercase());
    match (hexadecimal, upper, value.chars().any(|c| c.is_ascii_lowercase())) {
        (true, false, _) => HexCase::Lower,
        (true, true, false) => HexCase::Upper,
        _ => HexCase::Other,
    }
}

impl Mask for Hex {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let case = hex_case(value);
        let other = |text: &str| hex_case(text) != HexCase::Other;
        if case == HexCase::Other {
            walk(&Letters { permutation: &self.0, tweak: 8 }, value, other, out);
            return Ok(());
        }
        let mut now = value.to_owned();
        loop {
            now = self.digits(&now, case)?;
            if hex_case(&now) == case {
                out.push_str(&now);
                return Ok(());
            }
        }
    }
}

impl Hex {
    fn digits(&self, value: &str, case: HexCase) -> Result<String, Reason> {
        let digits: Vec<u8> = value.bytes().filter(u8::is_ascii_hexdigit).collect();
        let mut new = String::with_capacity(digits.len());
        for (i, chunk) in digits.chunks(28).enumerate() {
            let text = std::str::from_utf8(chunk).map_err(|_| Reason("is no text"))?;
            let number =
                u128::from_str_radix(text, 16).map_err(|_| Reason("is not hexadecimal"))?;
            let span = Span::new(1u128 << (4 * chunk.len()));
            let tweak =
                mix(i as u64 ^ (u64::from(case == HexCase::Upper) << 40), digits.len() as u64);
            let width = chunk.len();
            new.push_str(&format!("{:0width$x}", self.0.forward(tweak, span, number)));
        }
        if case == HexCase::Upper {
            new.make_ascii_uppercase();
        }
        let mut new = new.chars();
        let put = |c: char| if c.is_ascii_hexdigit() { new.next().unwrap_or(c) } else { c };
        Ok(value.chars().map(put).collect())
    }
}

/// Latitudes and longitudes, moved by up to some degrees with the same move for a subject.
pub(super) struct Geo {
    pub(super) permutation: Permutation,
    /// At the most, in degrees.
    pub(super) degrees: f64,
}

impl Mask for Geo {
    #[allow(clippy::cast_precision_loss, reason = "53 bits are taken")]
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let mut rest = value;
        let mut nth = 0u64;
        let numeral = |c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | '+' | 'e' | 'E');
        while !rest.is_empty() {
            let other = rest.find(numeral).unwrap_or(rest.len());
            out.push_str(&rest[..other]);
            rest = &rest[other..];
            let end = rest.find(|c| !numeral(c)).unwrap_or(rest.len());
            if end == 0 {
                break;
            }
            let number: f64 = rest[..end].parse().map_err(|_| Reason("is no number"))?;
            let by = beside.subject.unwrap_or(value);
            let hash = mix(self.permutation.hash(by.as_bytes()), nth);
            let unit = (hash >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0;
            let moved = number + unit * self.degrees;
            let moved = if moved.abs() > 180.0 { number - unit * self.degrees } else { moved };
            let moved = if number.abs() <= 90.0 { moved.clamp(-90.0, 90.0) } else { moved };
            let decimals = rest[..end].split_once('.').map_or(0, |(_, d)| d.len());
            out.push_str(&format!("{moved:.decimals$}"));
            rest = &rest[end..];
            nth += 1;
        }
        Ok(())
    }
}

/// Bytes: as many others.
pub(super) struct Bytes(pub(super) Permutation);

impl Mask for Bytes {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let hex = value.strip_prefix("\\x").ok_or(Reason("is no bytea in hexadecimal"))?;
        let seed = self.0.hash(hex.as_bytes());
        out.push_str("\\x");
        let mut left = hex.len();
        for i in 0u64.. {
            if left == 0 {
                break;
            }
            let mut block = [0; 16];
            block[..8].copy_from_slice(&seed.to_le_bytes());
            block[8..].copy_from_slice(&i.to_le_bytes());
            let word = format!("{:016x}", self.0.hash(&block));
            let take = left.min(16);
            out.push_str(&word[..take]);
            left -= take;
        }
        Ok(())
    }
}

/// Reflections of a rotation.
const REFLECTIONS: u64 = 6;

/// Embeddings, rotated: a product of keyed reflections keeps all distances and angles.
pub(super) struct Rotation(pub(super) Permutation);

impl Rotation {
    /// A unit vector of `n` dimensions, the same for the same key.
    #[allow(clippy::cast_precision_loss, reason = "53 bits are taken")]
    fn normal(&self, nth: u64, n: usize) -> Vec<f64> {
        let mut raw: Vec<f64> = (0..n as u64)
            .map(|i| {
                let unit = |salt: u64| {
                    let mut block = [0; 24];
                    block[..8].copy_from_slice(&nth.to_le_bytes());
                    block[8..16].copy_from_slice(&i.to_le_bytes());
                    block[16..].copy_from_slice(&salt.to_le_bytes());
                    (self.0.hash(&block) >> 11) as f64 / (1u64 << 53) as f64
                };
                // Twelve uniform numbers less six are as normal as this needs, and exact everywhere.
                (0..12).map(unit).sum::<f64>() - 6.0
            })
            .collect();
        let length = raw.iter().map(|x| x * x).sum::<f64>().sqrt();
        raw.iter_mut().for_each(|x| *x /= length.max(f64::MIN_POSITIVE));
        raw
    }
}

impl Mask for Rotation {
    #[allow(clippy::cast_possible_truncation, reason = "pgvector has 32 bits")]
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        const NOT: Reason = Reason("is no list of numbers");
        let open = value.chars().next().filter(|c| matches!(c, '[' | '{')).ok_or(NOT)?;
        let close = if open == '[' { ']' } else { '}' };
        let inner = value[1..].strip_suffix(close).ok_or(NOT)?;
        let numbers: Result<Vec<f64>, _> = inner.split(',').map(|n| n.trim().parse()).collect();
        let mut x: Vec<f64> = numbers.map_err(|_| NOT)?;
        for nth in 0..REFLECTIONS {
            let v = self.normal(nth, x.len());
            let dot: f64 = x.iter().zip(&v).map(|(a, b)| a * b).sum();
            x.iter_mut().zip(&v).for_each(|(a, b)| *a -= 2.0 * dot * b);
        }
        out.push(open);
        for (i, n) in x.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            out.push_str(&(*n as f32).to_string());
        }
        out.push(close);
        Ok(())
    }
}
