//! Masks: what makes one value of another, by a key, the same for the same value always and everywhere.
//!
//! Pure but for `command`: no file, no clock, no randomness but the key. Invariants: a mask never puts its input into an
//! error; each kind says whether different values stay different ([`Certainty`]), and those that say
//! `preserved` are bijections, which property tests hold them to.

mod command;
mod digits;
mod divisor;
mod ewkb;
mod hashes;
mod key;
mod kind;
mod lane;
mod letters;
mod lexemes;
mod marked;
mod nested;
mod net;
mod numbers;
mod paths;
mod pattern;
mod people;
mod permute;
mod short;
mod spec;
#[cfg(test)]
mod tests;
mod texts;
mod when;
mod words;

pub(crate) use digits::luhn_right;
pub(crate) use hashes::{Padded, ROOM_BYTES, Room};
pub(crate) use key::Key;
pub(crate) use kind::{Certainty, Kind};
pub(crate) use marked::hstore_document;
pub(crate) use numbers::iban_right;
pub(crate) use paths::written as written_path;
pub(crate) use permute::Permutation;
pub(crate) use spec::{Masks, Spec};
pub(crate) use texts::{Besides, Texts};
pub(crate) use words::{Locale, Words};

/// What stands in the same row, and who watches.
#[derive(Clone, Copy, Default)]
pub(crate) struct Beside<'a> {
    /// The value of the column that names the row's subject.
    pub(crate) subject: Option<&'a str>,
    /// Sees sensitive values pass, wherever they lie.
    pub(crate) witness: Option<&'a dyn Witness>,
}

/// Remembers sensitive values, so that they can be looked for afterwards.
pub(crate) trait Witness {
    /// A value became another.
    fn saw(&self, kind: Kind, value: &str, made: &str);

    /// Several values, of which some are null, became the texts from this one on.
    fn saw_all(&self, kind: Kind, values: &[Option<&str>], made: (&Texts, usize));
}

/// Why a value cannot be masked: `is no date`. Never holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reason(pub(crate) &'static str);

/// Why a value cannot be masked, with the path inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The value does not fit its rule.
    Value(Reason),
    /// A document has a path that no rule names.
    Path(String),
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Refused {
        Refused::Value(reason)
    }
}

impl Refused {
    /// The same where no path can be named.
    fn reason(self) -> Reason {
        match self {
            Refused::Value(reason) => reason,
            Refused::Path(_) => Reason("has a path without a rule"),
        }
    }
}

/// Makes one value of another.
pub(crate) trait Mask: Send + Sync {
    /// Appends what `value` becomes. The value is in Postgres' own writing, and never null.
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason>;

    /// The same, for masks of documents, which may find a path without a rule.
    fn mask_or_say(
        &self,
        value: &str,
        beside: &Beside<'_>,
        out: &mut String,
    ) -> Result<(), Refused> {
        Ok(self.mask(value, beside, out)?)
    }

    /// Appends what each of some values becomes, nothing for a null.
    fn mask_all(
        &self,
        values: &[Option<&str>],
        beside: &Besides<'_>,
        out: &mut Texts,
    ) -> Result<(), Refused> {
        for (nth, value) in values.iter().enumerate() {
            if let Some(value) = value {
                self.mask_or_say(value, &beside.nth(nth), &mut out.text)?;
            }
            out.end();
        }
        Ok(())
    }
}
