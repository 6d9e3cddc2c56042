//! The model's rules for single members, all mistakes of a request in one refusal, as AWS answers.

use super::bytes::Blob;
use super::error::Error;
use super::limits::*;
use std::collections::BTreeMap;

/// Collects what is wrong with a request.
#[derive(Debug, Default)]
pub struct Check(Vec<String>);

impl Check {
    /// Nothing is wrong yet.
    pub fn new() -> Check {
        Check::default()
    }

    /// Refuses if anything was wrong.
    pub fn done(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Constraints(self.0)) }
    }

    fn broken(&mut self, value: Option<&str>, at: &str, rule: impl std::fmt::Display) {
        let value = value.map(|v| format!(" '{v}'")).unwrap_or_default();
        self.0.push(format!("Value{value} at '{at}' failed to satisfy constraint: {rule}"));
    }

    /// A member that must be there.
    pub fn there<T>(&mut self, at: &str, member: Option<&T>) {
        if member.is_none() {
            self.0.push(format!(
                "Value null at '{at}' failed to satisfy constraint: Member must not be null"
            ));
        }
    }

    /// A text between `min` and `max` characters, if it is there.
    pub fn length(&mut self, at: &str, text: Option<&String>, (min, max): (usize, usize)) {
        let Some(text) = text else { return };
        let chars = text.chars().count();
        if chars < min {
            let rule = format!("Member must have length greater than or equal to {min}");
            self.broken(Some(text), at, rule);
        } else if chars > max {
            let rule = format!("Member must have length less than or equal to {max}");
            self.broken(Some(text), at, rule);
        }
    }

    /// A text of allowed characters, if it is there; `pattern` is AWS's way to say so.
    pub fn chars(
        &mut self,
        at: &str,
        text: Option<&String>,
        pattern: &str,
        allowed: fn(char) -> bool,
    ) {
        if let Some(text) = text.filter(|text| !text.is_empty() && !text.chars().all(allowed)) {
            let rule = format!("Member must satisfy regular expression pattern: {pattern}");
            self.broken(Some(text), at, rule);
        }
    }

    /// One of `names`, if it is there.
    pub fn one_of(&mut self, at: &str, text: Option<&String>, names: &[&str]) {
        if let Some(text) = text.filter(|text| !names.contains(&text.as_str())) {
            let rule = format!("Member must satisfy enum value set: [{}]", names.join(", "));
            self.broken(Some(text), at, rule);
        }
    }

    /// A number between `min` and `max`, if it is there.
    pub fn range(&mut self, at: &str, number: Option<i64>, (min, max): (i64, i64)) {
        let Some(number) = number else { return };
        if number < min {
            let rule = format!("Member must have value greater than or equal to {min}");
            self.broken(Some(&number.to_string()), at, rule);
        } else if number > max {
            let rule = format!("Member must have value less than or equal to {max}");
            self.broken(Some(&number.to_string()), at, rule);
        }
    }

    /// Between 1 and `max` bytes, if they are there. A secret one is not described.
    pub fn bytes(&mut self, at: &str, blob: Option<&Blob>, max: usize, secret: bool) {
        let Some(Blob(bytes)) = blob else { return };
        let length = bytes.len();
        let shown = format!("java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]");
        let shown = Some(shown.as_str()).filter(|_| !secret);
        if length == 0 {
            self.broken(shown, at, "Member must have length greater than or equal to 1");
        } else if length > max {
            let rule = format!("Member must have length less than or equal to {max}");
            self.broken(shown, at, rule);
        }
    }

    /// A key id, which must be there.
    pub fn key_id(&mut self, at: &str, id: Option<&String>) {
        self.there(at, id);
        self.length(at, id, (1, KEY_ID_CHARS_MAX));
    }

    /// Grant tokens.
    pub fn grant_tokens(&mut self, tokens: Option<&Vec<String>>) {
        let Some(tokens) = tokens else { return };
        if tokens.len() > GRANT_TOKENS_MAX {
            let shown = format!("[{}]", tokens.join(", "));
            let rule = format!("Member must have length less than or equal to {GRANT_TOKENS_MAX}");
            self.broken(Some(&shown), "grantTokens", rule);
        }
        for token in tokens {
            self.length("grantTokens.member", Some(token), (1, GRANT_TOKEN_CHARS_MAX));
        }
    }

    /// A page's limit and marker.
    pub fn page(&mut self, limit: Option<i64>, marker: Option<&String>) {
        self.range("limit", limit, (1, PAGE_MAX));
        self.length("marker", marker, (1, MARKER_CHARS_MAX));
    }
}

/// An encryption context of bearable size.
pub fn context(context: Option<&BTreeMap<String, String>>) -> Result<(), Error> {
    let bytes: usize = context.into_iter().flatten().map(|(k, v)| k.len() + v.len()).sum();
    if bytes > CONTEXT_BYTES_MAX {
        return Err(Error::invalid(format!(
            "The encryption context must not be larger than {CONTEXT_BYTES_MAX} bytes."
        )));
    }
    Ok(())
}

/// A member that [`Check`] has seen.
pub fn given<T>(member: Option<T>) -> Result<T, Error> {
    member.ok_or(Error::Internal("a member was not checked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_come_at_once_and_secrets_are_not_quoted() {
        use crate::services::ServiceError;
        let mut check = Check::new();
        check.key_id("keyId", None);
        check.bytes("plaintext", Some(&Blob(vec![7; 5000])), PLAINTEXT_BYTES_MAX, true);
        let message = check.done().unwrap_err().message();
        assert_eq!(
            message,
            "2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: \
             Member must not be null; Value at 'plaintext' failed to satisfy constraint: Member \
             must have length less than or equal to 4096"
        );
        let mut check = Check::new();
        check.range("numberOfBytes", Some(0), (1, 1024));
        check.length("marker", Some(&"m".into()), (1, 10));
        assert_eq!(
            check.done().unwrap_err().message(),
            "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy \
             constraint: Member must have value greater than or equal to 1"
        );
    }
}
