//! Postgres' text format of COPY: a row a line, fields parted by tabs, `\N` for null, backslashes before
//! what would be mistaken (<https://www.postgresql.org/docs/current/sql-copy.html>, "Text Format").

use memchr::memchr;
use std::borrow::Cow;
use std::ops::Range;

/// A field as it is on the wire; `None` is null.
pub(crate) type Field<'a> = Option<&'a [u8]>;

/// The fields of a line without its end, into `fields`.
pub(crate) fn split<'a>(line: &'a [u8], fields: &mut Vec<Field<'a>>) {
    fields.clear();
    places(line, |place| fields.push(place.map(|place| &line[place])));
}

/// Where the fields of a line are.
fn places(line: &[u8], mut found: impl FnMut(Option<Range<usize>>)) {
    let mut begin = 0;
    loop {
        let end = memchr(b'\t', &line[begin..]).map_or(line.len(), |at| begin + at);
        found((&line[begin..end] != b"\\N").then_some(begin..end));
        if end == line.len() {
            return;
        }
        begin = end + 1;
    }
}

/// The text of a field.
pub(crate) fn text(field: &[u8]) -> Result<Cow<'_, str>, std::str::Utf8Error> {
    str::from_utf8(field).map(unescaped)
}

/// The text of a field that is known to be text.
pub(crate) fn unescaped(field: &str) -> Cow<'_, str> {
    let Some(first) = memchr(b'\\', field.as_bytes()) else { return Cow::Borrowed(field) };
    let mut plain = String::with_capacity(field.len());
    plain.push_str(&field[..first]);
    let mut chars = field[first..].chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => match chars.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('v') => '\u{b}',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    Cow::Owned(plain)
}

/// Whether a text is a field as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    // To its end in any case: so several bytes are looked at at once.
    !text.bytes().fold(false, |found, b| found | matches!(b, b'\\' | 8..=13))
}

/// Bytes that are copied at once.
const PIECE_BYTES: usize = 32;

/// Appends a place of `text`. Most are short: to copy a known number of bytes takes a few instructions, any
/// other number a call, so more are copied and taken back.
pub(crate) fn append(text: &str, place: Range<usize>, out: &mut Vec<u8>) {
    let text = text.as_bytes();
    let piece = text.get(place.start..).and_then(<[u8]>::first_chunk::<PIECE_BYTES>);
    match piece.filter(|_| place.len() <= PIECE_BYTES) {
        Some(piece) => {
            let end = out.len() + place.len();
            out.extend_from_slice(piece);
            out.truncate(end);
        }
        None => out.extend_from_slice(&text[place]),
    }
}

/// Appends a text as a field.
pub(crate) fn put(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    if is_plain(text) {
        return out.extend_from_slice(bytes);
    }
    for byte in bytes {
        let letter = match byte {
            b'\\' => b'\\',
            8 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            11 => b'v',
            12 => b'f',
            b'\r' => b'r',
            other => {
                out.push(*other);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}

/// The lines of a batch, which ends with the end of a line.
pub(crate) fn lines(batch: &[u8]) -> impl Iterator<Item = &[u8]> {
    line_places(batch).map(|place| &batch[place])
}

fn line_places(batch: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut begin = 0;
    std::iter::from_fn(move || {
        let end = begin + memchr(b'\n', &batch[begin..])?;
        let place = begin..end;
        begin = end + 1;
        Some(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_and_empty_texts_are_told_apart() {
        let mut fields = Vec::new();
        split(b"\\N\t\ta", &mut fields);
        assert_eq!(fields, [None, Some(&b""[..]), Some(b"a")]);
    }

    proptest::proptest! {
        #[test]
        fn every_text_comes_back(texts in proptest::collection::vec("\\PC*|[\\\\\t\n\r\u{8}\u{b}N]*", 1..6)) {
            let mut line = Vec::new();
            for (i, text) in texts.iter().enumerate() {
                if i > 0 { line.push(b'\t'); }
                put(text, &mut line);
            }
            proptest::prop_assert!(!line.contains(&b'\n'));
            let mut fields = Vec::new();
            split(&line, &mut fields);
            let back = fields.iter().map(|f| super::text(f.expect("no null")).expect("text").into_owned());
            proptest::prop_assert_eq!(back.collect::<Vec<_>>(), texts);
        }
    }
}
