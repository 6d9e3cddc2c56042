//! Values of `hstore` and `xml`: what they hold is masked, how they are built stays.

use super::nested::Json;
use super::{Beside, Mask, Reason, Refused};
use quick_xml::escape::{escape, unescape};
use serde_json::{Map, Value};

/// `"key"=>"value", "other"=>NULL`: each value by the rule of its key, as in documents.
pub(super) struct Hstore(pub(super) Json);

impl Mask for Hstore {
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        self.mask_or_say(value, beside, out).map_err(Refused::reason)
    }

    fn mask_or_say(
        &self,
        value: &str,
        beside: &Beside<'_>,
        out: &mut String,
    ) -> Result<(), Refused> {
        let document = hstore_document(value).ok_or(Reason("is no hstore"))?;
        let mut masked = String::new();
        self.0.mask_or_say(&document, beside, &mut masked)?;
        let masked: Map<String, Value> =
            serde_json::from_str(&masked).map_err(|_| Reason("is no hstore"))?;
        for (nth, (key, value)) in masked.iter().enumerate() {
            out.push_str(if nth > 0 { ", " } else { "" });
            quote(key, out);
            out.push_str("=>");
            match value {
                Value::Null => out.push_str("NULL"),
                Value::String(text) => quote(text, out),
                other => quote(&other.to_string(), out),
            }
        }
        Ok(())
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(&text.replace('\\', "\\\\").replace('"', "\\\""));
    out.push('"');
}

/// A value of `hstore` as the document that it stands for.
pub(crate) fn hstore_document(text: &str) -> Option<String> {
    pairs(text).map(|pairs| Value::Object(pairs).to_string())
}

/// The pairs, as Postgres writes them: keys and values always quoted, but NULL.
fn pairs(text: &str) -> Option<Map<String, Value>> {
    let mut pairs = Map::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, behind) = quoted(rest)?;
        let behind = behind.strip_prefix("=>")?;
        let (value, behind) = match behind.strip_prefix("NULL") {
            Some(behind) => (Value::Null, behind),
            None => quoted(behind).map(|(text, behind)| (Value::String(text), behind))?,
        };
        pairs.insert(key, value);
        rest = match behind.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if behind.is_empty() => behind,
            None => return None,
        };
    }
    Some(pairs)
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut chars = inner.char_indices();
    let mut found = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => found.push(chars.next()?.1),
            '"' => return Some((found, &inner[at + 1..])),
            c => found.push(c),
        }
    }
    None
}

/// XML: texts and the values of attributes by one rule; names of elements stay. Comments, instructions and
/// declarations of types, in which anything may stand, are refused.
pub(super) struct Xml(pub(super) Box<dyn Mask>);

impl Mask for Xml {
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let mut rest = value;
        while let Some(at) = rest.find('<') {
            self.text(&rest[..at], beside, out)?;
            rest = &rest[at..];
            if rest.starts_with("<!") || rest.starts_with("<?") && !rest.starts_with("<?xml ") {
                return Err(Reason("holds XML with a comment, CDATA or an instruction"));
            }
            rest = self.tag(rest, beside, out)?;
        }
        self.text(rest, beside, out)
    }
}

impl Xml {
    fn text(&self, raw: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        if raw.trim().is_empty() {
            out.push_str(raw);
            return Ok(());
        }
        let text = unescape(raw).map_err(|_| Reason("is no XML"))?;
        let mut masked = String::new();
        self.0.mask(&text, beside, &mut masked)?;
        out.push_str(&escape(masked.as_str()));
        Ok(())
    }

    /// A tag with its attributes; answers what stands behind it.
    fn tag<'a>(
        &self,
        text: &'a str,
        beside: &Beside<'_>,
        out: &mut String,
    ) -> Result<&'a str, Reason> {
        const NOT: Reason = Reason("is no XML");
        let declaration = text.starts_with("<?xml ");
        let mut rest = text;
        loop {
            let at = rest.find(['>', '"', '\'']).ok_or(NOT)?;
            let mark = rest[at..].chars().next().ok_or(NOT)?;
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            if mark == '>' {
                return Ok(rest);
            }
            let end = rest.find(mark).ok_or(NOT)?;
            match declaration || rest[..end].is_empty() {
                true => out.push_str(&rest[..end]),
                false => self.text(&rest[..end], beside, out)?,
            }
            out.push(mark);
            rest = &rest[end + 1..];
        }
    }
}
