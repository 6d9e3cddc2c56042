//! What tells who somebody is or where: e-mail addresses, names, firms, addresses. E-mail addresses are
//! a bijection; the others are taken from lists by a keyed hash, so the same person has the same name
//! everywhere, and two persons may share one.

use super::lane::Lane;
use super::letters::Letters;
use super::permute::{Job, Permutation};
use super::words::{Locale, Words};
use super::{Beside, Besides, Mask, Padded, Reason, Refused, Texts};
use foldhash::fast::RandomState;
use memchr::memrchr;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A top-level domain that no mail ever reaches (RFC 2606).
const NOWHERE: &str = ".test";
/// The shortest column into which an address without its shape fits.
const SHORT_MIN: usize = 16;
/// Letters and digits that no mail server tells apart by case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Domains that a thread has at hand at the most, of so many bytes, for so many permutations.
const DOMAINS_MAX: usize = 4096;
const DOMAIN_BYTES_MAX: usize = 255;
const PERMUTATIONS_MAX: usize = 16;

/// E-mail addresses; the domain goes by itself, so that colleagues stay colleagues.
pub(super) struct Email {
    pub(super) permutation: Permutation,
    /// Characters that fit into the column.
    pub(super) max: Option<usize>,
}

/// What a domain becomes, and the tweak of the names before it.
struct Domain {
    tweak: u64,
    masked: String,
}

type Domains = HashMap<String, Rc<Domain>, RandomState>;

thread_local! {
    /// Domains at hand by permutation: many addresses share a few.
    static DOMAINS: RefCell<Vec<(u64, Domains)>> = RefCell::default();
}

impl Email {
    /// What becomes of `domain`.
    fn at_hand(&self, domain: &str) -> Rc<Domain> {
        DOMAINS.with_borrow_mut(|all| {
            let at = all.iter().position(|(id, _)| *id == self.permutation.id());
            let at = at.unwrap_or_else(|| {
                all.truncate(PERMUTATIONS_MAX - 1);
                all.push((self.permutation.id(), Domains::default()));
                all.len() - 1
            });
            let known = &mut all[at].1;
            if let Some(domain) = known.get(domain) {
                return domain.clone();
            }
            if known.len() >= DOMAINS_MAX || domain.len() > DOMAIN_BYTES_MAX {
                known.clear();
            }
            let mut masked = String::with_capacity(domain.len() + NOWHERE.len());
            self.domain(domain, &mut masked);
            let tweak = self.permutation.hash(domain.to_lowercase().as_bytes());
            known.entry(domain.to_owned()).or_insert(Rc::new(Domain { tweak, masked })).clone()
        })
    }

    /// The parts of an address; `None`: it has no @.
    fn local<'v>(&self, value: &'v str) -> Option<Local<'v>> {
        let at = memrchr(b'@', value.as_bytes())?;
        Some(Local { name: &value[..at], domain: self.at_hand(&value[at + 1..]) })
    }

    /// What permutes the part before the @.
    fn letters(&self, local: &Local<'_>) -> Letters<'_> {
        Letters { permutation: &self.permutation, tweak: local.domain.tweak }
    }

    /// Whether the masked address would not fit into its column.
    fn is_too_long(&self, value: &str) -> bool {
        self.max.is_some_and(|max| value.chars().count() + NOWHERE.len() > max)
    }

    fn domain(&self, domain: &str, out: &mut String) {
        let (name, top) = domain.rsplit_once('.').unwrap_or((domain, ""));
        let tweak = self.permutation.hash(top.to_lowercase().as_bytes());
        Letters { permutation: &self.permutation, tweak }.mask(name, out);
        if !top.is_empty() {
            out.push('.');
            out.push_str(top);
        }
        out.push_str(NOWHERE);
    }

    /// An address that is not unique by construction, but by 50 bits and more.
    fn short(&self, value: &str, max: usize, out: &mut String) {
        let tail = "@x.test";
        let hash = u128::from(self.permutation.hash(value.as_bytes()))
            | (u128::from(self.permutation.hash(format!("2{value}").as_bytes())) << 64);
        let length = max.saturating_sub(tail.len()).min(20);
        out.extend((0..length).map(|i| char::from(BASE32[(hash >> (5 * i)) as usize & 31])));
        out.push_str(tail);
    }
}

/// An address with an @: what is before it, and what its domain becomes.
pub(super) struct Local<'v> {
    name: &'v str,
    domain: Rc<Domain>,
}

impl Lane for Email {
    type Read<'v> = Local<'v>;

    fn permutation(&self) -> &Permutation {
        &self.permutation
    }

    fn read<'v>(&self, value: &'v str) -> Option<(Local<'v>, Job)> {
        if self.is_too_long(value) {
            return None;
        }
        let local = self.local(value)?;
        let job = self.letters(&local).job(local.name)?;
        Some((local, job))
    }

    fn write(&self, _: &str, Local { name, domain }: Local<'_>, y: u128, out: &mut Vec<u8>) {
        Letters::finish(name, y, out);
        out.push(b'@');
        out.extend_from_slice(domain.masked.as_bytes());
    }

    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        let plain = Letters { permutation: &self.permutation, tweak: 4 };
        match self.max.filter(|_| self.is_too_long(value)) {
            Some(max) if max >= SHORT_MIN && value.contains('@') => {
                self.short(&value.to_lowercase(), max, out);
            }
            Some(_) => plain.mask(value, out),
            None => match self.local(value) {
                Some(local) => {
                    self.letters(&local).mask(local.name, out);
                    out.push('@');
                    out.push_str(&local.domain.masked);
                }
                None => plain.mask(value, out),
            },
        }
        Ok(())
    }
}

/// Addresses of pages: the scheme stays, host and path keep their shape.
pub(super) struct Url(pub(super) Permutation);

impl Mask for Url {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let Some((scheme, rest)) = value.split_once("://") else {
            Letters { permutation: &self.0, tweak: 5 }.mask(value, out);
            return Ok(());
        };
        out.push_str(scheme);
        out.push_str("://");
        Letters { permutation: &self.0, tweak: 0 }.mask(rest, out);
        Ok(())
    }
}

/// What of a person or place is made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// First and last name.
    Name,
    FirstName,
    LastName,
    Company,
    /// Street and number.
    Street,
    City,
    /// Street, number, postcode and city.
    Address,
}

/// Made-up names.
pub(super) struct MadeUp {
    pub(super) permutation: Permutation,
    pub(super) part: Part,
    pub(super) locale: Locale,
    pub(super) max: Option<usize>,
}

impl MadeUp {
    /// Appends by what a value is known, however it is written.
    fn known(value: &str, out: &mut String) {
        let (value, begin) = (value.trim(), out.len());
        match value.is_ascii() {
            true => {
                out.push_str(value);
                out[begin..].make_ascii_lowercase();
            }
            false => out.push_str(&value.to_lowercase()),
        }
    }

    /// Appends what becomes of a value with this hash.
    fn put(&self, value: &str, hash: u64, out: &mut String) {
        let begin = out.len();
        let mut words = Words::of(self.locale, hash);
        match self.part {
            Part::Name if value.contains(',') => {
                let first = words.first_name();
                words.put_last_name(out);
                out.push_str(", ");
                out.push_str(first);
            }
            Part::Name => {
                out.push_str(words.first_name());
                out.push(' ');
                words.put_last_name(out);
            }
            Part::FirstName => out.push_str(words.first_name()),
            Part::LastName => words.put_last_name(out),
            Part::Company => out.push_str(&words.company()),
            Part::Street => out.push_str(&words.street()),
            Part::City => out.push_str(&words.city()),
            Part::Address => out.push_str(&words.address()),
        }
        let end = self.max.and_then(|max| out[begin..].char_indices().nth(max));
        if let Some((end, _)) = end {
            out.truncate(begin + end);
        }
    }
}

impl Mask for MadeUp {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let mut known = String::with_capacity(value.len());
        Self::known(value, &mut known);
        self.put(value, self.permutation.hash(known.as_bytes()), out);
        Ok(())
    }

    fn mask_all(
        &self,
        values: &[Option<&str>],
        _: &Besides<'_>,
        out: &mut Texts,
    ) -> Result<(), Refused> {
        let (mut all, mut known) = (Padded::default(), String::new());
        let mut hashes = Vec::with_capacity(values.len());
        for value in values {
            known.clear();
            Self::known(value.unwrap_or_default(), &mut known);
            all.add(known.as_bytes());
        }
        self.permutation.hash_all(&all, &mut hashes);
        for (value, hash) in values.iter().zip(hashes) {
            if let Some(text) = value {
                self.put(text, hash, &mut out.text);
            }
            out.end();
        }
        Ok(())
    }
}

/// Prose of about the same length, of words that mean nothing.
pub(super) struct Prose {
    pub(super) permutation: Permutation,
    pub(super) max: Option<usize>,
}

impl Mask for Prose {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let length = value.chars().count().min(self.max.unwrap_or(usize::MAX));
        let mut words = Words::of(Locale::En, self.permutation.hash(value.as_bytes()));
        let begin = out.len();
        words.prose(length, out);
        debug_assert!(out.len() - begin <= length.max(1));
        Ok(())
    }
}
