//! Random passwords. Where the bytes come from is the caller's matter; they must be unpredictable.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html>

use super::error::Error;
use super::limits::{PASSWORD_CHARS_DEFAULT, PASSWORD_CHARS_MAX};
use super::validate;
use serde::{Deserialize, Serialize};

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// `GetRandomPassword`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetRandomPassword {
    /// Characters.
    pub password_length: Option<i64>,
    /// Characters to leave out.
    pub exclude_characters: Option<String>,
    /// Leaves out `0` to `9`.
    pub exclude_numbers: bool,
    /// Leaves out punctuation.
    pub exclude_punctuation: bool,
    /// Leaves out `A` to `Z`.
    pub exclude_uppercase: bool,
    /// Leaves out `a` to `z`.
    pub exclude_lowercase: bool,
    /// Takes in the space.
    pub include_space: bool,
    /// At least one of each type; `true` unless asked otherwise.
    pub require_each_included_type: Option<bool>,
}

/// What it answers.
#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RandomPassword {
    /// The password.
    pub random_password: String,
}

/// A source of unpredictable bytes: fills the slice or fails.
pub type Entropy<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), Error>;

impl GetRandomPassword {
    /// Makes a password.
    pub fn generate(self, entropy: Entropy<'_>) -> Result<RandomPassword, Error> {
        let range = (1, PASSWORD_CHARS_MAX);
        let at = "passwordLength";
        let length = validate::number(self.password_length, at, range, PASSWORD_CHARS_DEFAULT)?;
        let excluded = self.exclude_characters.as_deref().unwrap_or_default();
        validate::length(excluded, "excludeCharacters", 0, PASSWORD_CHARS_MAX as usize)?;
        let types: Vec<Vec<char>> = [
            (LOWER, !self.exclude_lowercase),
            (UPPER, !self.exclude_uppercase),
            (DIGITS, !self.exclude_numbers),
            (PUNCTUATION, !self.exclude_punctuation),
            (" ", self.include_space),
        ]
        .into_iter()
        .filter(|(_, included)| *included)
        .map(|(all, _)| all.chars().filter(|c| !excluded.contains(*c)).collect())
        .filter(|left: &Vec<char>| !left.is_empty())
        .collect();
        if types.is_empty() {
            return Err(Error::InvalidParameter(
                "The password can't be generated because every character is excluded.".into(),
            ));
        }
        let each = self.require_each_included_type.unwrap_or(true);
        if each && length < types.len() {
            return Err(Error::InvalidParameter(
                "The password length is too short based on the required types.".into(),
            ));
        }
        let mut dice = Dice { entropy, pool: Vec::new() };
        let mut password = Vec::with_capacity(length);
        if each {
            for characters in &types {
                password.push(characters[dice.below(characters.len())?]);
            }
        }
        let all: Vec<char> = types.concat();
        while password.len() < length {
            password.push(all[dice.below(all.len())?]);
        }
        // The required characters must not always come first.
        for at in (1..password.len()).rev() {
            password.swap(at, dice.below(at + 1)?);
        }
        Ok(RandomPassword { random_password: password.into_iter().collect() })
    }
}

/// Unbiased numbers from bytes.
struct Dice<'a> {
    entropy: Entropy<'a>,
    pool: Vec<u8>,
}

impl Dice<'_> {
    /// A number below `bound`, each as likely as the other; `bound` is at most 65,536.
    fn below(&mut self, bound: usize) -> Result<usize, Error> {
        let whole = 65_536 / bound * bound;
        loop {
            if self.pool.len() < 2 {
                self.pool.resize(256, 0);
                (self.entropy)(&mut self.pool)?;
            }
            let drawn = self.pool.split_off(self.pool.len() - 2);
            let number = usize::from(u16::from_le_bytes([drawn[0], drawn[1]]));
            if number < whole {
                return Ok(number % bound);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Ids;

    fn password(json: &str) -> Result<String, Error> {
        let request: GetRandomPassword = serde_json::from_str(json).unwrap();
        let mut ids = Ids::seeded(3);
        let mut fill = |bytes: &mut [u8]| {
            ids.fill(bytes);
            Ok(())
        };
        request.generate(&mut fill).map(|p| p.random_password)
    }

    #[test]
    fn each_type_is_there_by_default() {
        let made = password("{}").unwrap();
        assert_eq!(made.len(), 32);
        for characters in [LOWER, UPPER, DIGITS, PUNCTUATION] {
            assert!(made.chars().any(|c| characters.contains(c)), "{made}");
        }
        assert!(!made.contains(' '));
    }

    #[test]
    fn what_is_excluded_stays_out() {
        let made = password(
            r#"{"PasswordLength":4096,"ExcludePunctuation":true,"ExcludeCharacters":"abcXYZ0","IncludeSpace":true}"#,
        )
        .unwrap();
        assert_eq!(made.len(), 4096);
        assert!(!made.chars().any(|c| "abcXYZ0".contains(c) || PUNCTUATION.contains(c)));
        assert!(made.contains(' '));
        let digits = password(
            r#"{"ExcludePunctuation":true,"ExcludeUppercase":true,"ExcludeLowercase":true,"PasswordLength":1}"#,
        );
        assert!(digits.unwrap().parse::<u8>().is_ok());
    }

    #[test]
    fn impossible_wishes_are_refused() {
        assert!(matches!(password(r#"{"PasswordLength":3}"#), Err(Error::InvalidParameter(_))));
        assert_eq!(
            password(r#"{"PasswordLength":3,"RequireEachIncludedType":false}"#).unwrap().len(),
            3
        );
        assert!(matches!(password(r#"{"PasswordLength":5000}"#), Err(Error::Constraint { .. })));
        assert!(matches!(password(r#"{"PasswordLength":0}"#), Err(Error::Constraint { .. })));
        let nothing = r#"{"ExcludePunctuation":true,"ExcludeUppercase":true,"ExcludeLowercase":true,"ExcludeNumbers":true}"#;
        assert!(matches!(password(nothing), Err(Error::InvalidParameter(_))));
    }
}
