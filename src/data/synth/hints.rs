//! What the SQL expression of a `CHECK` or of a partition's bounds says of one column: the values, numbers and
//! regular expressions that it names. Only hints: whether a row fulfils it is asked of Postgres.

use regex::Regex;
use std::sync::LazyLock;

/// What expressions name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Hints {
    pub(super) texts: Vec<String>,
    pub(super) numbers: Vec<f64>,
    pub(super) patterns: Vec<String>,
}

impl Hints {
    /// Takes others in.
    pub(super) fn add(&mut self, other: Hints) {
        self.texts.extend(other.texts);
        self.numbers.extend(other.numbers);
        self.patterns.extend(other.patterns);
    }

    /// The least and the greatest number.
    pub(super) fn span(&self) -> Option<(f64, f64)> {
        let least = self.numbers.iter().copied().reduce(f64::min)?;
        let most = self.numbers.iter().copied().reduce(f64::max)?;
        Some((least, most))
    }
}

/// One token of an expression.
#[derive(Debug, PartialEq)]
enum Token<'a> {
    Text(String),
    Number(f64),
    Word(&'a str),
    Sign(&'a str),
}

static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    let written = r#"(?P<text>E?'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)|(?P<word>"(?:[^"]|"")*"|\p{Alphabetic}[\p{Alphabetic}\d_$]*|_[\p{Alphabetic}\d_$]*)|(?P<sign>[~!<>=]+\*?|::|[^\s])"#;
    Regex::new(written).unwrap_or_else(|_| unreachable!("the expression is constant"))
});

fn tokens(expression: &str) -> Vec<Token<'_>> {
    let all = TOKENS.captures_iter(expression).filter_map(|found| {
        let part = |name: &str| found.name(name).map(|m| m.as_str());
        if let Some(text) = part("text") {
            let escaped = text.starts_with('E');
            let inner = text.trim_start_matches('E');
            let inner = inner[1..inner.len() - 1].replace("''", "'");
            return Some(Token::Text(if escaped { inner.replace("\\\\", "\\") } else { inner }));
        }
        if let Some(number) = part("number") {
            return number.parse().ok().map(Token::Number);
        }
        part("word").map(Token::Word).or_else(|| part("sign").map(Token::Sign))
    });
    all.collect()
}

fn unquoted(word: &str) -> String {
    match word.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => word.to_owned(),
    }
}

/// What `expression` says of `column`; nothing if it does not name it.
pub(super) fn hints(expression: &str, column: &str) -> Hints {
    let tokens = tokens(expression);
    let mut found = Hints::default();
    let names = |t: &Token<'_>| matches!(t, Token::Word(word) if unquoted(word) == column);
    if !tokens.iter().any(names) {
        return found;
    }
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|i| tokens.get(i));
        match token {
            Token::Text(text) => match before {
                Some(Token::Sign("~" | "~*")) => found.patterns.push(text.clone()),
                Some(Token::Sign("!~" | "!~*" | "!~~" | "!~~*")) => {}
                Some(Token::Sign("~~" | "~~*")) => {
                    found.patterns.push(format!("^{}$", like(text)));
                }
                _ => {
                    found.numbers.extend(text.parse::<f64>().ok());
                    // An array written as one text: `'{a,b}'::text[]`.
                    let list = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
                    match list {
                        Some(list) => found.texts.extend(list.split(',').map(str::to_owned)),
                        None => found.texts.push(text.clone()),
                    }
                }
            },
            Token::Number(number) => {
                let negative = matches!(before, Some(Token::Sign("-")));
                found.numbers.push(if negative { -number } else { *number });
            }
            Token::Word(_) | Token::Sign(_) => {}
        }
    }
    found
}

/// A pattern of `LIKE` as a regular expression.
fn like(pattern: &str) -> String {
    let of = |c: char| match c {
        '%' => "[a-z]{0,6}".to_owned(),
        '_' => "[a-z]".to_owned(),
        c => regex::escape(&c.to_string()),
    };
    pattern.chars().map(of).collect()
}

/// A domain's expression with `column` in the place of `VALUE`.
pub(super) fn with_value(expression: &str, column: &str) -> String {
    let mut text = String::new();
    let mut end = 0;
    for found in TOKENS.captures_iter(expression) {
        let Some(word) = found.name("word").filter(|w| w.as_str() == "VALUE") else { continue };
        text.push_str(&expression[end..word.start()]);
        text.push_str(column);
        end = word.end();
    }
    text.push_str(&expression[end..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_check_names_is_found() {
        let of = |expression: &str| hints(expression, "code");
        let numbers = of("((code >= 1) AND (code <= 1000))");
        assert_eq!(numbers.span(), Some((1.0, 1000.0)));
        assert_eq!(of("(code >= '-5'::integer)").numbers, [-5.0]);
        let texts = of("(code = ANY (ARRAY['new'::text, 'it''s'::text]))");
        assert_eq!(texts.texts, ["new", "it's"]);
        assert_eq!(of("(code ~ '^[A-Z]{2}$'::text)").patterns, ["^[A-Z]{2}$"]);
        assert_eq!(of("(code !~ 'x'::text)"), Hints::default());
        assert_eq!(of("(other > 5)"), Hints::default());
        assert_eq!(hints("((\"two words\")::text = 'a'::text)", "two words").texts, ["a"]);
        assert_eq!(of("(code ~~ 'A_%'::text)").patterns, ["^A[a-z][a-z]{0,6}$"]);
    }

    #[test]
    fn a_domain_is_written_for_its_column() {
        let written = with_value("(VALUE ~ 'VALUE'::text) AND VALUE <> ''", "\"e\"");
        assert_eq!(written, "(\"e\" ~ 'VALUE'::text) AND \"e\" <> ''");
    }
}
