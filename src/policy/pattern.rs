//! Patterns of actions, resources and condition values: `*`, `?`, and policy variables.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>. What a
//! variable stands for is text: a `*` in it matches only itself.

use super::Keys;

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Char(char),
    /// `*`.
    Any,
    /// `?`.
    One,
    /// `${name}` and, in quotes behind a comma, what it stands for where there is no such key.
    Variable(String, Option<String>),
}

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    pieces: Vec<Piece>,
}

/// A pattern whose variables have their values.
type Resolved = Vec<Token>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Char(char),
    Any,
    One,
}

impl Pattern {
    /// Reads a pattern; variables are known only to policies of version 2012-10-17, and wildcards
    /// only to some operators.
    pub fn new(text: &str, variables: bool, wildcards: bool) -> Pattern {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some((piece, behind)) = variables.then(|| variable(rest)).flatten() {
                pieces.push(piece);
                rest = behind;
                continue;
            }
            pieces.push(match c {
                '*' if wildcards => Piece::Any,
                '?' if wildcards => Piece::One,
                c => Piece::Char(c),
            });
            rest = &rest[c.len_utf8()..];
        }
        Pattern { text: text.to_owned(), pieces }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it stands for more than one text: a wildcard or a variable.
    pub fn is_open(&self) -> bool {
        self.pieces.iter().any(|p| !matches!(p, Piece::Char(_)))
    }

    /// Whether a variable stands in it.
    pub fn has_variables(&self) -> bool {
        self.pieces.iter().any(|p| matches!(p, Piece::Variable(..)))
    }

    /// Whether it fits the whole of `text`.
    pub fn fits(&self, text: &str, keys: &Keys) -> bool {
        self.resolve(keys).is_some_and(|tokens| match_tokens(&tokens, text))
    }

    /// The same without regard to case.
    pub fn fits_any_case(&self, text: &str, keys: &Keys) -> bool {
        let Some(mut tokens) = self.resolve(keys) else { return false };
        for token in &mut tokens {
            if let Token::Char(c) = token {
                *c = fold(*c);
            }
        }
        let folded: String = text.chars().map(fold).collect();
        match_tokens(&tokens, &folded)
    }

    /// Whether it fits an ARN, part by part: a `*` does not reach over a colon, save in the last part.
    pub fn fits_arn(&self, arn: &str, keys: &Keys) -> bool {
        let Some(tokens) = self.resolve(keys) else { return false };
        if tokens == [Token::Any] {
            return true;
        }
        let mut wanted = tokens.splitn(ARN_PARTS, |t| *t == Token::Char(':'));
        let mut given = arn.splitn(ARN_PARTS, ':');
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(tokens), Some(part)) if match_tokens(tokens, part) => {}
                _ => return false,
            }
        }
    }

    /// The text that it stands for, if it has no wildcards.
    pub fn value(&self, keys: &Keys) -> Option<String> {
        let tokens = self.resolve(keys)?;
        tokens.into_iter().map(|t| if let Token::Char(c) = t { Some(c) } else { None }).collect()
    }

    fn resolve(&self, keys: &Keys) -> Option<Resolved> {
        let mut tokens = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            match piece {
                Piece::Char(c) => tokens.push(Token::Char(*c)),
                Piece::Any => tokens.push(Token::Any),
                Piece::One => tokens.push(Token::One),
                Piece::Variable(name, default) => {
                    // A key of several values stands for none.
                    let value = match keys.get(name) {
                        Some([one]) => Some(one.as_str()),
                        _ => default.as_deref(),
                    };
                    tokens.extend(value?.chars().map(Token::Char));
                }
            }
        }
        Some(tokens)
    }
}

/// Parts of an ARN.
const ARN_PARTS: usize = 6;

/// Whether a pattern of `*` and `?`, without variables, fits `text`.
pub fn fits(pattern: &str, text: &str) -> bool {
    Pattern::new(pattern, false, true).fits(text, &Keys::default())
}

fn fold(c: char) -> char {
    c.to_ascii_lowercase()
}

/// `${name}`, `${name, 'default'}`, `${*}`, `${?}`, `${$}` at the beginning of `text`, and what follows.
fn variable(text: &str) -> Option<(Piece, &str)> {
    let inner = text.strip_prefix("${")?;
    let (inner, behind) = inner.split_once('}')?;
    if let "*" | "?" | "$" = inner {
        return Some((Piece::Char(inner.chars().next()?), behind));
    }
    let (name, default) = match inner.split_once(',') {
        None => (inner, None),
        Some((name, default)) => {
            let default = default.trim().strip_prefix('\'')?.strip_suffix('\'')?;
            (name, Some(default.to_owned()))
        }
    };
    Some((Piece::Variable(name.trim().to_owned(), default), behind))
}

/// Greedy with one point to return to: at most as many steps as `tokens` times `text`.
fn match_tokens(tokens: &[Token], text: &str) -> bool {
    let (mut at, mut rest) = (0, text);
    let mut retry: Option<(usize, &str)> = None;
    loop {
        let next = rest.chars().next();
        match (tokens.get(at), next) {
            (Some(Token::Any), _) => {
                retry = Some((at + 1, rest));
                at += 1;
            }
            (Some(Token::One), Some(c)) => {
                (at, rest) = (at + 1, &rest[c.len_utf8()..]);
            }
            (Some(Token::Char(wanted)), Some(c)) if *wanted == c => {
                (at, rest) = (at + 1, &rest[c.len_utf8()..]);
            }
            (None, None) => return true,
            _ => {
                let Some((after, from)) = retry else { return false };
                let Some(c) = from.chars().next() else { return false };
                let from = &from[c.len_utf8()..];
                retry = Some((after, from));
                (at, rest) = (after, from);
            }
        }
    }
}
