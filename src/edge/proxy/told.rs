//! What the first bytes of a request to Postgres or Redis tell of it: a word and what it is about.
//!
//! Sources: <https://www.postgresql.org/docs/current/protocol-message-formats.html>,
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use super::Kind;
use serde_json::{Map, Value};

/// Longest text of a request that is kept.
const TEXT_BYTES_MAX: usize = 512;
/// Redis' commands whose first argument is a secret or no key.
const KEYLESS: &[&str] = &["AUTH", "HELLO", "ACL", "CONFIG", "EVAL", "EVALSHA", "CLIENT"];

/// A request as faults and the journal know it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::edge) struct Told {
    /// `SELECT`, `GET`; `Connect` for a new connection; empty where the bytes do not say.
    pub(in crate::edge) operation: String,
    /// `Query` of Postgres, without what stands in quotes; `Key` of Redis.
    pub(in crate::edge) parameters: Map<String, Value>,
}

impl Told {
    /// A new connection.
    pub(super) fn connect() -> Told {
        Told { operation: "Connect".to_owned(), parameters: Map::new() }
    }

    /// What it takes to keep, about.
    pub(in crate::edge) fn bytes(&self) -> usize {
        let texts = self.parameters.values().filter_map(Value::as_str).map(str::len);
        self.operation.len() + texts.sum::<usize>() + 100
    }

    /// A request that begins with `bytes`; none for what belongs to the connection's beginning or end.
    pub(super) fn read(kind: Kind, bytes: &[u8]) -> Option<Told> {
        match kind {
            Kind::Postgres => of_postgres(bytes),
            Kind::Redis => Some(of_redis(bytes)),
        }
    }
}

/// The first message: `Q` holds a query, `P` a statement's name and then its query; `B` and `E` carry out
/// one that is known. Messages without a type begin with a zero, passwords with `p`.
fn of_postgres(bytes: &[u8]) -> Option<Told> {
    let text = match bytes.first()? {
        0 | b'p' | b'X' => return None,
        b'Q' => bytes.get(5..).map(until_zero),
        b'P' => bytes.get(5..).and_then(|rest| rest.splitn(2, |b| *b == 0).nth(1)).map(until_zero),
        _ => None,
    };
    let Some(text) = text else {
        return Some(Told { operation: "Execute".to_owned(), parameters: Map::new() });
    };
    let text = String::from_utf8_lossy(&text[..text.len().min(TEXT_BYTES_MAX)]).into_owned();
    let word: String = text.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    let parameters = Map::from_iter([("Query".to_owned(), without_quoted(&text).into())]);
    Some(Told { operation: word.to_ascii_uppercase(), parameters })
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// What stands in single quotes, or begins there, reads `'?'`: it may be a secret.
fn without_quoted(text: &str) -> String {
    let parts = text.split('\'').enumerate();
    parts.map(|(n, part)| if n % 2 == 0 { part } else { "'?'" }).collect()
}

/// The command's word and its first argument, of an array or of an inline command.
fn of_redis(bytes: &[u8]) -> Told {
    let head = &bytes[..bytes.len().min(2 * TEXT_BYTES_MAX)];
    let text = String::from_utf8_lossy(head);
    let mut words: Vec<&str> = match text.starts_with('*') {
        // `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`: every second line is a length.
        true => text.split("\r\n").skip(1).step_by(2).zip(text.split("\r\n").skip(2).step_by(2)),
        false => return inline(&text),
    }
    .take_while(|(length, _)| length.starts_with('$'))
    .map(|(_, word)| word)
    .collect();
    words.truncate(2);
    of_words(&words)
}

fn inline(text: &str) -> Told {
    let line = text.split("\r\n").next().unwrap_or_default();
    of_words(&line.split_whitespace().take(2).collect::<Vec<_>>())
}

fn of_words(words: &[&str]) -> Told {
    let is_word = |word: &&&str| word.bytes().all(|b| b.is_ascii_alphabetic());
    let operation = words.first().filter(is_word).map_or(String::new(), |w| w.to_ascii_uppercase());
    let key = words.get(1).filter(|_| !KEYLESS.contains(&operation.as_str()));
    let key = key.filter(|key| key.len() <= TEXT_BYTES_MAX);
    let parameters = key.map(|key| ("Key".to_owned(), Value::from(*key))).into_iter().collect();
    Told { operation, parameters }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: Kind, bytes: &[u8]) -> (String, Option<String>) {
        let told = Told::read(kind, bytes).unwrap();
        let about = told.parameters.values().next().and_then(Value::as_str).map(str::to_owned);
        (told.operation, about)
    }

    #[test]
    fn postgres_tells_its_query_without_what_is_quoted() {
        let simple = b"Q\0\0\0\x20 alter role a password 'p''w' valid\0";
        let words = "alter role a password '?''?' valid".to_owned();
        assert_eq!(told(Kind::Postgres, simple), ("ALTER".into(), Some(format!(" {words}"))));
        let parsed = b"P\0\0\0\x20name\0select 1\0\0\0";
        assert_eq!(told(Kind::Postgres, parsed), ("SELECT".into(), Some("select 1".into())));
        assert_eq!(told(Kind::Postgres, b"B\0\0\0\x05\0"), ("Execute".into(), None));
        for beginning in [&[0, 0, 0, 8, 4, 210, 22, 47][..], b"p\0\0\0\x05x", b"X\0\0\0\x04", b""] {
            assert_eq!(Told::read(Kind::Postgres, beginning), None);
        }
        // Cut where it may be.
        (0..parsed.len()).for_each(|n| drop(Told::read(Kind::Postgres, &parsed[..n])));
    }

    #[test]
    fn redis_tells_its_command_and_key_but_no_password() {
        let get = b"*2\r\n$3\r\nget\r\n$7\r\nuser:17\r\n";
        assert_eq!(told(Kind::Redis, get), ("GET".into(), Some("user:17".into())));
        assert_eq!(told(Kind::Redis, b"*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n"), ("AUTH".into(), None));
        assert_eq!(told(Kind::Redis, b"PING\r\n"), ("PING".into(), None));
        assert_eq!(told(Kind::Redis, b"\x16\x03\x01"), (String::new(), None));
        (0..get.len()).for_each(|n| drop(Told::read(Kind::Redis, &get[..n])));
    }
}
