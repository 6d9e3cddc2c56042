//! A rule's mask as it is written down, and the masks made of it.

use super::command::Program;
use super::kind::{Certainty, Kind};
use super::lane::Lane;
use super::letters::Letters;
use super::paths::{Action, Paths};
use super::pattern::Pattern;
use super::people::{Email, MadeUp, Part, Prose, Url};
use super::permute::{Job, Permutation};
use super::words::Locale;
use super::{
    Beside, Besides, Key, Mask, Reason, Refused, Texts, digits, ewkb, lexemes, marked, nested, net,
    numbers, when,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// How far dates move when a rule does not say.
const DAYS: u32 = 180;
/// How far amounts move when a rule does not say, in percent.
const PERCENT: f64 = 10.0;
/// How far places move when a rule does not say: about five kilometres.
const DEGREES: f64 = 0.05;

/// How long a program may take for a value when a rule does not say.
const COMMAND_SECONDS: u32 = 30;

/// What a rule says: `email`, or a table with more.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spec {
    pub(crate) kind: Kind,
    /// For `constant`.
    pub(crate) value: Option<String>,
    /// Characters that fit.
    pub(crate) max: Option<usize>,
    pub(crate) locale: Option<Locale>,
    /// Values of one domain are masked alike; by default all values of a kind.
    pub(crate) domain: Option<String>,
    pub(crate) days: Option<u32>,
    pub(crate) percent: Option<f64>,
    pub(crate) degrees: Option<f64>,
    /// The least and the greatest number.
    pub(crate) bounds: (Option<f64>, Option<f64>),
    /// For `json`: each path's rule.
    pub(crate) paths: BTreeMap<String, Spec>,
    /// For `json`: the rule of paths that are not listed.
    pub(crate) rest: Option<Box<Spec>>,
    /// For `array`.
    pub(crate) of: Option<Box<Spec>>,
    /// For `command`: the program and its arguments, and how many seconds an answer may take.
    pub(crate) run: Vec<String>,
    pub(crate) seconds: Option<u32>,
    /// For `command`: the column of the same row whose masked value it gets instead of the own one.
    pub(crate) from: Option<String>,
}

impl Spec {
    /// A rule with a name and nothing else.
    pub(crate) fn of(kind: Kind) -> Spec {
        Spec {
            kind,
            value: None,
            max: None,
            locale: None,
            domain: None,
            days: None,
            percent: None,
            degrees: None,
            bounds: (None, None),
            paths: BTreeMap::new(),
            rest: None,
            of: None,
            run: Vec::new(),
            seconds: None,
            from: None,
        }
    }

    /// What it promises of values that differ.
    pub(crate) fn certainty(&self) -> Certainty {
        match (&self.of, self.kind) {
            (Some(of), Kind::Array) => of.certainty(),
            _ => self.kind.certainty(),
        }
    }

    /// Whether a value goes through two rules in the same way.
    pub(crate) fn agrees(&self, other: &Spec) -> bool {
        let bare = |spec: &Spec| Spec { max: None, ..spec.clone() };
        bare(self) == bare(other)
    }
}

/// Makes masks under one key.
pub(crate) struct Masks<'a> {
    pub(crate) key: &'a Key,
    pub(crate) locale: Locale,
}

/// The same for every value.
struct Constant(String);

impl Mask for Constant {
    fn mask(&self, _: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        out.push_str(&self.0);
        Ok(())
    }
}

struct Keep;

impl Mask for Keep {
    fn mask(&self, value: &str, _: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        out.push_str(value);
        Ok(())
    }
}

struct Text(Permutation);

impl Text {
    fn letters(&self) -> Letters<'_> {
        Letters { permutation: &self.0, tweak: 0 }
    }
}

impl Lane for Text {
    type Read<'v> = ();

    fn permutation(&self) -> &Permutation {
        &self.0
    }

    fn read(&self, value: &str) -> Option<((), Job)> {
        Some(((), self.letters().job(value)?))
    }

    fn write(&self, value: &str, (): (), y: u128, out: &mut Vec<u8>) {
        Letters::finish(value, y, out);
    }

    fn alone(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        self.letters().mask(value, out);
        Ok(())
    }
}

/// A mask whose values are witnessed.
struct Watched {
    kind: Kind,
    inner: Box<dyn Mask>,
}

impl Mask for Watched {
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let begin = out.len();
        self.inner.mask(value, beside, out)?;
        if let Some(witness) = beside.witness {
            witness.saw(self.kind, value, &out[begin..]);
        }
        Ok(())
    }

    fn mask_all(
        &self,
        values: &[Option<&str>],
        beside: &Besides<'_>,
        out: &mut Texts,
    ) -> Result<(), Refused> {
        let begin = out.count();
        self.inner.mask_all(values, beside, out)?;
        if let Some(witness) = beside.witness {
            witness.saw_all(self.kind, values, (out, begin));
        }
        Ok(())
    }
}

impl Masks<'_> {
    /// The mask of a rule; `null` has none, because nulls are the column's matter.
    pub(crate) fn make(&self, spec: &Spec) -> Result<Box<dyn Mask>, String> {
        if spec.from.is_some() {
            return Err("`from` is for the rule of a column".into());
        }
        let inner = self.bare(spec)?;
        Ok(match spec.kind.sensitive() {
            true => Box::new(Watched { kind: spec.kind, inner }),
            false => inner,
        })
    }

    /// The mask of a rule whose values are masked already: nobody watches them.
    pub(crate) fn bare(&self, spec: &Spec) -> Result<Box<dyn Mask>, String> {
        let purpose = spec.domain.as_deref().unwrap_or(spec.kind.name());
        let p = Permutation::new(self.key, &format!("mask {} {purpose}", spec.kind.name()));
        let made = |part| MadeUp {
            permutation: p.clone(),
            part,
            locale: spec.locale.unwrap_or(self.locale),
            max: spec.max,
        };
        Ok(match spec.kind {
            Kind::Keep => Box::new(Keep),
            Kind::Null => return Err("`null` is no rule inside a value".into()),
            Kind::Constant => {
                let value = spec.value.clone().ok_or("`constant` needs a `value`")?;
                Box::new(Constant(value))
            }
            Kind::Id => Box::new(numbers::Id(p)),
            Kind::Uuid => Box::new(net::Uuid(p)),
            Kind::Email => Box::new(Email { permutation: p, max: spec.max }),
            Kind::Phone => Box::new(digits::Phone::new(p)),
            Kind::Card => Box::new(digits::Card(p)),
            Kind::Iban => Box::new(numbers::Iban(p)),
            Kind::Text | Kind::Token => Box::new(Text(p)),
            Kind::Url => Box::new(Url(p)),
            Kind::Ip => Box::new(net::Ip(p)),
            Kind::Hex => Box::new(net::Hex(p)),
            Kind::Name => Box::new(made(Part::Name)),
            Kind::FirstName => Box::new(made(Part::FirstName)),
            Kind::LastName => Box::new(made(Part::LastName)),
            Kind::Company => Box::new(made(Part::Company)),
            Kind::Street => Box::new(made(Part::Street)),
            Kind::City => Box::new(made(Part::City)),
            Kind::Address => Box::new(made(Part::Address)),
            Kind::Prose => Box::new(Prose { permutation: p, max: spec.max }),
            Kind::Date => Box::new(when::Shift { permutation: p, days: spec.days.unwrap_or(DAYS) }),
            Kind::Number => Box::new(numbers::Amount {
                permutation: p,
                percent: spec.percent.unwrap_or(PERCENT),
                bounds: spec.bounds,
            }),
            Kind::Geo => {
                Box::new(net::Geo { permutation: p, degrees: spec.degrees.unwrap_or(DEGREES) })
            }
            Kind::Geometry => {
                let degrees = spec.degrees.unwrap_or(DEGREES);
                Box::new(ewkb::Geometry { permutation: p, degrees })
            }
            Kind::Bytes => Box::new(net::Bytes(p)),
            Kind::Vector => Box::new(net::Rotation(p)),
            Kind::Sql => return Err("`sql` is for columns of a database that is the source".into()),
            Kind::Command => {
                let seconds = spec.seconds.unwrap_or(COMMAND_SECONDS);
                let wait = Duration::from_secs(u64::from(seconds));
                Box::new(Program::new(&spec.run, wait))
            }
            Kind::Pattern
            | Kind::Array
            | Kind::Json
            | Kind::Hstore
            | Kind::Xml
            | Kind::Tsvector => self.of_parts(spec)?,
        })
    }

    /// The mask of a rule whose values have parts, each with a mask of its own.
    fn of_parts(&self, spec: &Spec) -> Result<Box<dyn Mask>, String> {
        Ok(match spec.kind {
            Kind::Pattern => {
                let template = spec.value.as_deref().ok_or("`pattern` needs a `value`")?;
                Box::new(Pattern::read(template, &|kind| self.make(&Spec::of(kind)))?)
            }
            Kind::Array => {
                let of =
                    spec.of.as_deref().ok_or("`array` needs `of`, the rule of its elements")?;
                Box::new(nested::Array(self.make(of)?))
            }
            Kind::Json => Box::new(nested::Json(self.paths(spec)?)),
            Kind::Hstore => Box::new(marked::Hstore(nested::Json(self.paths(spec)?))),
            Kind::Tsvector => Box::new(lexemes::Lexemes {
                words: self.make(&Spec::of(Kind::Text))?,
                addresses: self.make(&Spec::of(Kind::Email))?,
            }),
            Kind::Xml => {
                let of = spec.of.as_deref().cloned().unwrap_or_else(|| Spec::of(Kind::Text));
                Box::new(marked::Xml(self.make(&of)?))
            }
            _ => return Err(format!("`{}` has no parts", spec.kind.name())),
        })
    }

    fn paths(&self, spec: &Spec) -> Result<Paths, String> {
        let mut paths = Paths::default();
        let by_name = |name: &str| {
            let kind = Kind::named(name).ok_or_else(|| format!("`{name}` is no mask"))?;
            self.make(&Spec::of(kind))
        };
        for (path, spec) in &spec.paths {
            paths.add(path, self.action(spec)?, &by_name)?;
        }
        if let Some(rest) = &spec.rest {
            paths.rest(self.action(rest)?);
        }
        Ok(paths)
    }

    fn action(&self, spec: &Spec) -> Result<Action, String> {
        Ok(match spec.kind {
            Kind::Keep => Action::Keep,
            Kind::Null => Action::Null,
            _ => Action::Mask(self.make(spec)?),
        })
    }
}
