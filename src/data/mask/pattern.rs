//! Values put together of others, by a template: `invoices/{email}/{id}.pdf`. What stands between the braces
//! is masked, what stands outside must be there. A value that does not fit the template is refused.

use super::{Beside, Kind, Mask, Reason};

/// One part of a template.
enum Part {
    Fixed(String),
    Masked(Box<dyn Mask>),
    /// `{*}`: stays as it is.
    Any,
}

/// A template, ready to run.
pub(super) struct Pattern(Vec<Part>);

impl Pattern {
    /// Reads a template; `make` makes the masks of its kinds.
    pub(super) fn read(
        template: &str,
        make: &dyn Fn(Kind) -> Result<Box<dyn Mask>, String>,
    ) -> Result<Pattern, String> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((fixed, behind)) = rest.split_once('{') {
            let (kind, behind) = behind
                .split_once('}')
                .ok_or_else(|| format!("`{template}` never closes a brace"))?;
            match (fixed, parts.last()) {
                ("", None | Some(Part::Fixed(_))) => {}
                ("", Some(_)) => {
                    return Err(format!(
                        "`{template}` has two parts without anything between them"
                    ));
                }
                (fixed, _) => parts.push(Part::Fixed(fixed.to_owned())),
            }
            parts.push(match kind {
                "*" => Part::Any,
                name => {
                    let known = Kind::named(name).filter(|k| *k != Kind::Pattern);
                    Part::Masked(make(known.ok_or_else(|| format!("`{name}` is no mask"))?)?)
                }
            });
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Fixed(rest.to_owned()));
        }
        Ok(Pattern(parts))
    }
}

impl Mask for Pattern {
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        const NOT: Reason = Reason("does not fit its pattern");
        let mut rest = value;
        for (nth, part) in self.0.iter().enumerate() {
            if let Part::Fixed(fixed) = part {
                rest = rest.strip_prefix(fixed.as_str()).ok_or(NOT)?;
                out.push_str(fixed);
                continue;
            }
            // Up to what follows; of the last such place where nothing else is masked behind it.
            let end = match self.0.get(nth + 1) {
                Some(Part::Fixed(next)) if nth + 2 == self.0.len() => {
                    rest.strip_suffix(next.as_str()).ok_or(NOT)?.len()
                }
                Some(Part::Fixed(next)) => rest.find(next.as_str()).ok_or(NOT)?,
                _ => rest.len(),
            };
            let (own, behind) = rest.split_at(end);
            match part {
                _ if own.is_empty() => return Err(NOT),
                Part::Masked(mask) => mask.mask(own, beside, out)?,
                _ => out.push_str(own),
            }
            rest = behind;
        }
        if rest.is_empty() { Ok(()) } else { Err(NOT) }
    }
}
