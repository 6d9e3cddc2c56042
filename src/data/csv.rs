//! CSV as RFC 4180 has it, read record by record: fields in quotation marks may hold commas, line ends and
//! doubled quotation marks; an empty field without them is null, as Postgres' own COPY reads it.

use std::io::BufRead;

/// Bytes of a record at the most.
const RECORD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A record's fields.
pub(crate) type Record = Vec<Option<String>>;

/// Reads records one after the other.
pub(crate) struct Records<R> {
    input: R,
    line: Vec<u8>,
}

impl<R: BufRead> Records<R> {
    pub(crate) fn new(input: R) -> Records<R> {
        Records { input, line: Vec::new() }
    }

    /// The next record.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, &'static str> {
        self.line.clear();
        // A record ends with the first line end outside of quotation marks.
        loop {
            let got = self.input.read_until(b'\n', &mut self.line).map_err(|_| "cannot be read")?;
            let whole = self.line.iter().filter(|b| **b == b'"').count() % 2 == 0;
            match (got, whole) {
                (0, _) if self.line.is_empty() => return Ok(None),
                (0, false) => return Err("a quotation mark is never closed"),
                (_, false) if self.line.len() > RECORD_BYTES_MAX => {
                    return Err("a row is too long");
                }
                (_, false) => {}
                _ => break,
            }
        }
        let text = std::str::from_utf8(&self.line).map_err(|_| "is no UTF-8")?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Ok(Some(fields(text)))
    }
}

fn fields(record: &str) -> Record {
    let (mut fields, mut field): (Record, Option<String>) = (Vec::new(), None);
    let mut chars = record.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.get_or_insert_default().push('"');
            }
            '"' => {
                quoted = !quoted;
                field.get_or_insert_default();
            }
            ',' if !quoted => fields.push(field.take()),
            c => field.get_or_insert_default().push(c),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_records_and_nulls_are_told_apart() {
        let mut records = Records::new("a,\"b \"\"x\"\", c\n2\",\"\",\r\n1,2\n".as_bytes());
        let some = |t: &str| Some(t.to_owned());
        let first = vec![some("a"), some("b \"x\", c\n2"), some(""), None];
        assert_eq!(records.next(), Ok(Some(first)));
        assert_eq!(records.next(), Ok(Some(vec![some("1"), some("2")])));
        assert_eq!(records.next(), Ok(None));
        assert!(Records::new("a,\"b".as_bytes()).next().is_err());
    }
}
