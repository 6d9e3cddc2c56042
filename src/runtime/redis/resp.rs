//! Answers in the Redis protocol, version 2, with bounds
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).

use std::io::{self, BufRead, Read};

/// Bytes of a line, and answers within answers.
const LINE_BYTES_MAX: u64 = 64 * 1024;
const DEPTH_MAX: u32 = 4;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// A text of either form; the null one is empty.
    Text(Vec<u8>),
    /// A number.
    Number(i64),
    /// The server's refusal.
    Refused(String),
    /// Several answers.
    Many(Vec<Reply>),
}

/// Reads one answer whose texts have up to `bytes_max` bytes each.
pub(super) fn read(from: &mut impl BufRead, bytes_max: u64) -> io::Result<Reply> {
    nested(from, bytes_max, DEPTH_MAX)
}

fn nested(from: &mut impl BufRead, bytes_max: u64, depth: u32) -> io::Result<Reply> {
    let mut line = String::new();
    from.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
    let line = line.trim_end();
    let wrong = || io::Error::other(format!("it said {line:?}"));
    let (kind, rest) = line.split_at_checked(1).unwrap_or_default();
    let number = || rest.parse::<i64>().map_err(|_| wrong());
    match kind {
        "+" => Ok(Reply::Text(rest.as_bytes().to_vec())),
        "-" => Ok(Reply::Refused(rest.to_owned())),
        ":" => number().map(Reply::Number),
        "$" => {
            let Ok(bytes) = u64::try_from(number()?) else { return Ok(Reply::Text(Vec::new())) };
            if bytes > bytes_max {
                return Err(io::Error::other(format!("it answers {bytes} bytes")));
            }
            let mut text = Vec::new();
            from.by_ref().take(bytes + 2).read_to_end(&mut text)?;
            if text.len() as u64 != bytes + 2 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            text.truncate(text.len() - 2);
            Ok(Reply::Text(text))
        }
        "*" if depth > 0 => {
            let count = number()?;
            (0..count)
                .map(|_| nested(from, bytes_max, depth - 1))
                .collect::<io::Result<_>>()
                .map(Reply::Many)
        }
        _ => Err(wrong()),
    }
}

/// A command of any bytes.
pub(super) fn command<T: AsRef<[u8]>>(words: impl ExactSizeIterator<Item = T>) -> Vec<u8> {
    let mut all = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        all.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        all.extend_from_slice(word);
        all.extend_from_slice(b"\r\n");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> io::Result<Reply> {
        read(&mut &bytes[..], 8)
    }

    #[test]
    fn answers_of_every_form_are_read_and_none_is_believed_its_length() {
        let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
        assert_eq!(of(b"+OK\r\n").unwrap(), text("OK"));
        assert_eq!(of(b"-ERR no\r\n").unwrap(), Reply::Refused("ERR no".into()));
        assert_eq!(of(b"$4\r\na\r\nb\r\n").unwrap(), text("a\r\nb"));
        assert_eq!(of(b"$-1\r\n").unwrap(), text(""));
        let many = of(b"*2\r\n:-3\r\n*1\r\n$1\r\nx\r\n").unwrap();
        assert_eq!(many, Reply::Many(vec![Reply::Number(-3), Reply::Many(vec![text("x")])]));
        for wrong in [
            &b""[..],
            b"$9\r\n123456789\r\n",
            b"$4\r\nab",
            b":x\r\n",
            b"*9\r\n",
            b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        ] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn commands_hold_any_bytes() {
        assert_eq!(
            command([&b"GET"[..], b"\r\n\0"].iter()),
            b"*2\r\n$3\r\nGET\r\n$3\r\n\r\n\0\r\n"
        );
    }
}
