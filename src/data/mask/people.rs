//! What tells who somebody is or where: e-mail addresses, names, firms, addresses. E-mail addresses are
//! a bijection; the others are taken from lists by a keyed hash, so the same person has the same name
//! everywhere, and two persons may share one.

use super::letters::Letters;
use super::permute::{Job, Permutation};
use super::words::{Locale, Words};
use super::{Beside, Mask, Reason};
use std::cell::RefCell;
use std::collections::HashMap;

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
#[derive(Clone)]
struct Domain {
    tweak: u64,
    masked: String,
}

thread_local! {
    /// Domains at hand by permutation: many addresses share a few.
    static DOMAINS: RefCell<Vec<(u64, HashMap<String, Domain>)>> = RefCell::default();
}

impl Email {
    /// Gives `then` what becomes of `domain`.
    fn with_domain<T>(&self, domain: &str, then: impl FnOnce(&Domain) -> T) -> T {
        DOMAINS.with_borrow_mut(|all| {
            let at = all.iter().position(|(id, _)| *id == self.permutation.id());
            let at = at.unwrap_or_else(|| {
                all.truncate(PERMUTATIONS_MAX - 1);
                all.push((self.permutation.id(), HashMap::new()));
                all.len() - 1
            });
            let known = &mut all[at].1;
            if let Some(domain) = known.get(domain) {
                return then(domain);
            }
            if known.len() >= DOMAINS_MAX || domain.len() > DOMAIN_BYTES_MAX {
                known.clear();
            }
            let mut masked = String::with_capacity(domain.len() + NOWHERE.len());
            self.domain(domain, &mut masked);
            let tweak = self.permutation.hash(domain.to_lowercase().as_bytes());
            then(known.entry(domain.to_owned()).or_insert(Domain { tweak, masked }))
        })
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

impl Mask for Email {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let Some((local, domain)) = value.rsplit_once('@') else {
            Letters { permutation: &self.permutation, tweak: 4 }.mask(value, out);
            return Ok(());
        };
        if let Some(max) = self.max.filter(|_| self.is_too_long(value)) {
            let folded = value.to_lowercase();
            match max >= SHORT_MIN {
                true => self.short(&folded, max, out),
                false => Letters { permutation: &self.permutation, tweak: 4 }.mask(value, out),
            }
            return Ok(());
        }
        self.with_domain(domain, |domain| {
            let letters = Letters { permutation: &self.permutation, tweak: domain.tweak };
            letters.mask(local, out);
            out.push('@');
            out.push_str(&domain.masked);
        });
        Ok(())
    }

    fn permutation(&self) -> Option<&Permutation> {
        Some(&self.permutation)
    }

    fn job(&self, value: &str) -> Option<Job> {
        let (local, domain) = value.rsplit_once('@')?;
        if self.is_too_long(value) {
            return None;
        }
        let tweak = self.with_domain(domain, |domain| domain.tweak);
        Letters { permutation: &self.permutation, tweak }.job(local)
    }

    fn finish(
        &self,
        value: &str,
        y: u128,
        beside: &Beside<'_>,
        out: &mut String,
    ) -> Result<(), Reason> {
        let Some((local, domain)) = value.rsplit_once('@') else {
            return self.mask(value, beside, out);
        };
        Letters::finish(local, y, out);
        out.push('@');
        self.with_domain(domain, |domain| out.push_str(&domain.masked));
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

impl Mask for MadeUp {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let canonical = value.trim().to_lowercase();
        let mut words = Words::of(self.locale, self.permutation.hash(canonical.as_bytes()));
        let made = match self.part {
            Part::Name if canonical.contains(',') => {
                let first = words.first_name();
                format!("{}, {first}", words.last_name())
            }
            Part::Name => {
                let first = words.first_name();
                format!("{first} {}", words.last_name())
            }
            Part::FirstName => words.first_name().to_owned(),
            Part::LastName => words.last_name(),
            Part::Company => words.company(),
            Part::Street => words.street(),
            Part::City => words.city(),
            Part::Address => words.address(),
        };
        match self.max {
            Some(max) => out.extend(made.chars().take(max)),
            None => out.push_str(&made),
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
