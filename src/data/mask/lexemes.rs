//! Values of `tsvector`: each word is masked, its places and weights stay.
//! Source: <https://www.postgresql.org/docs/current/datatype-textsearch.html>.

use super::{Beside, Mask, Reason};

/// `'dog':1A,3 'o''hara':2`: each word by a rule, those that are addresses by that of addresses.
pub(super) struct Lexemes {
    pub(super) words: Box<dyn Mask>,
    pub(super) addresses: Box<dyn Mask>,
}

const NOT: Reason = Reason("is no tsvector");

impl Mask for Lexemes {
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        let mut rest = value;
        let mut masked = String::new();
        while !rest.is_empty() {
            let (word, behind) = quoted(rest).ok_or(NOT)?;
            let by = if is_address(&word) { &self.addresses } else { &self.words };
            masked.clear();
            by.mask(&word, beside, &mut masked)?;
            out.push('\'');
            out.push_str(&masked.replace('\\', "\\\\").replace('\'', "''"));
            out.push('\'');
            let end = behind.find(' ').unwrap_or(behind.len());
            if !places(&behind[..end]) {
                return Err(NOT);
            }
            out.push_str(&behind[..end]);
            rest = &behind[end..];
            if let Some(next) = rest.strip_prefix(' ').filter(|next| !next.is_empty()) {
                out.push(' ');
                rest = next;
            } else if !rest.is_empty() {
                return Err(NOT);
            }
        }
        Ok(())
    }
}

/// A word in quotes, as Postgres always writes it, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('\'')?;
    let mut chars = inner.char_indices().peekable();
    let mut word = String::new();
    while let Some((at, c)) = chars.next() {
        match (c, chars.peek()) {
            ('\'', Some((_, '\''))) | ('\\', Some((_, '\\'))) => {
                chars.next();
                word.push(c);
            }
            ('\'', _) => return (!word.is_empty()).then_some((word, &inner[at + 1..])),
            ('\\', _) => return None,
            (c, _) => word.push(c),
        }
    }
    None
}

/// Nothing, or `:1A,3`.
fn places(text: &str) -> bool {
    let Some(list) = text.strip_prefix(':') else { return text.is_empty() };
    list.split(',').all(|place| {
        let digits = place.strip_suffix(['A', 'B', 'C']).unwrap_or(place);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The parser of text search leaves addresses whole.
fn is_address(word: &str) -> bool {
    word.split_once('@').is_some_and(|(who, at)| {
        !who.is_empty() && at.contains('.') && !at.contains('@') && !word.contains(' ')
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Key, Kind, Locale, Masks, Spec};
    use super::*;
    use proptest::prelude::*;

    fn by(kind: Kind, value: &str) -> Result<String, Reason> {
        let key = Key::from_text("a key for tests only").expect("key");
        let masks = Masks { key: &key, locale: Locale::En };
        let mut out = String::new();
        let made = masks.make(&Spec::of(kind)).expect("mask");
        made.mask(value, &Beside::default(), &mut out).map(|()| out)
    }

    #[test]
    fn words_are_masked_and_their_places_stay() {
        let masked = by(Kind::Tsvector, r"'anna@clinic.de':2 'back\\slash' 'o''hara':1A,3B")
            .expect("masked");
        let email = by(Kind::Email, "anna@clinic.de").expect("email");
        let quote = |text: &str| text.replace('\\', r"\\").replace('\'', "''");
        let text = |word: &str| quote(&by(Kind::Text, word).expect("text"));
        let expected = format!("'{email}':2 '{}' '{}':1A,3B", text(r"back\slash"), text("o'hara"));
        assert_eq!(masked, expected);
        assert_eq!(by(Kind::Tsvector, "").expect("none"), "");
        for wrong in [
            "anna", "'anna", "'':1", "'a':", "'a':1x", "'a':1A,", "'a' ", "'a'  'b'", r"'a\b'",
            "'a'b", " 'a'",
        ] {
            assert_eq!(by(Kind::Tsvector, wrong), Err(NOT), "{wrong}");
        }
    }

    proptest! {
        /// Whatever words there are, the same number comes out, with the same places.
        #[test]
        fn every_vector_stays_one(words in prop::collection::vec(("[^\\x00]{1,12}", "(:[0-9]{1,4}[ABC]?(,[0-9]{1,4}){0,3})?"), 0..6)) {
            let written: Vec<String> = words
                .iter()
                .map(|(word, places)| format!("'{}'{places}", word.replace('\\', r"\\").replace('\'', "''")))
                .collect();
            let masked = by(Kind::Tsvector, &written.join(" ")).expect("masked");
            let mut rest = masked.as_str();
            for (_, places) in &words {
                let (_, behind) = quoted(rest).expect("a word");
                rest = behind.strip_prefix(places.as_str()).expect("its places");
                rest = rest.strip_prefix(' ').unwrap_or(rest);
            }
            prop_assert_eq!(rest, "");
        }

        #[test]
        fn nothing_makes_it_panic(text in "['a:1A, \\\\]{0,24}") {
            let _ = by(Kind::Tsvector, &text);
        }
    }
}
