//! Postgres' text format of COPY: a row a line, fields parted by tabs, `\N` for null, backslashes before
//! what would be mistaken (<https://www.postgresql.org/docs/current/sql-copy.html>, "Text Format").

use memchr::memchr;
use std::borrow::Cow;

/// A field as it is on the wire; `None` is null.
pub(crate) type Field<'a> = Option<&'a [u8]>;

/// The fields of a line without its end, into `fields`.
pub(crate) fn split<'a>(line: &'a [u8], fields: &mut Vec<Field<'a>>) {
    fields.clear();
    let mut rest = line;
    loop {
        let end = memchr(b'\t', rest).unwrap_or(rest.len());
        let field = &rest[..end];
        fields.push((field != b"\\N").then_some(field));
        match rest.get(end + 1..) {
            Some(behind) => rest = behind,
            None => return,
        }
    }
}

/// The text of a field.
pub(crate) fn text(field: &[u8]) -> Result<Cow<'_, str>, std::str::Utf8Error> {
    if memchr(b'\\', field).is_none() {
        return std::str::from_utf8(field).map(Cow::Borrowed);
    }
    let mut plain = Vec::with_capacity(field.len());
    let mut bytes = field.iter().copied();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'b') => 8,
                Some(b'f') => 12,
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'v') => 11,
                Some(other) => other,
                None => b'\\',
            },
            other => other,
        });
    }
    String::from_utf8(plain).map(Cow::Owned).map_err(|e| e.utf8_error())
}

/// Appends a text as a field.
pub(crate) fn put(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let special = |b: &u8| matches!(b, b'\\' | 8..=13);
    if !bytes.iter().any(special) {
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
    let mut rest = batch;
    std::iter::from_fn(move || {
        let end = memchr(b'\n', rest)?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        Some(line)
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
