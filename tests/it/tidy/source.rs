//! What one Rust file names: resolved paths, macros called, functions and their lengths. Works on
//! tokens, so that grouped, renamed, `super::` and inline paths, and those inside macros, are all seen.
//!
//! A lint, not a wall: a name that another layer re-exports is not followed to its origin.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::HashMap;

/// A path as written, made absolute: it begins with `crate` or with an external crate's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    /// Inside an item marked `#[cfg(test)]`.
    pub(crate) in_test: bool,
}

/// A function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// From `fn` to the closing brace.
    pub(crate) lines: usize,
}

/// A macro call or an attribute by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) in_test: bool,
}

/// All that a file names.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) named: Vec<Named>,
    pub(crate) functions: Vec<Function>,
    pub(crate) macros: Vec<Mark>,
    pub(crate) attributes: Vec<Mark>,
    aliases: HashMap<String, Vec<String>>,
}

/// Reads `text`, the file of the module `module` (`["crate", "services", "sqs"]`).
pub(crate) fn read(module: &[&str], text: &str) -> Result<Source, String> {
    let tokens: TokenStream = text.parse().map_err(|e| format!("not Rust: {e}"))?;
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let module: Vec<String> = module.iter().map(|s| (*s).to_owned()).collect();
    // Once for the names that `use` brings in, once more with all of them known.
    let mut first = Source::default();
    first.walk(&tokens, &module, false);
    let mut second = Source { aliases: first.aliases, ..Source::default() };
    second.walk(&tokens, &module, false);
    Ok(second)
}

impl Source {
    fn walk(&mut self, tokens: &[TokenTree], module: &[String], in_test: bool) {
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at] {
                TokenTree::Punct(p) if p.as_char() == '#' => {
                    self.attribute(tokens, at, module, in_test)
                }
                TokenTree::Ident(word) if word == "use" => self.import(tokens, at, module, in_test),
                TokenTree::Ident(word) if word == "mod" => self.module(tokens, at, module, in_test),
                TokenTree::Ident(word) if word == "fn" => {
                    self.function(tokens, at);
                    at + 1
                }
                TokenTree::Ident(_) => self.inline_path(tokens, at, module, in_test),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    self.walk(&inner, module, in_test);
                    at + 1
                }
                _ => at + 1,
            };
        }
    }

    /// `#[…]`; after `#[cfg(test)]` the whole next item counts as test code.
    fn attribute(
        &mut self,
        tokens: &[TokenTree],
        at: usize,
        module: &[String],
        in_test: bool,
    ) -> usize {
        let Some(TokenTree::Group(group)) = tokens.get(at + 1) else { return at + 1 };
        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
        if let Some(TokenTree::Ident(name)) = inner.first() {
            let line = name.span().start().line;
            self.attributes.push(Mark { name: name.to_string(), line, in_test });
        }
        let text: String = group.stream().to_string().split_whitespace().collect();
        if text != "cfg(test)" {
            return at + 1;
        }
        let mut end = at + 2;
        while let Some(token) = tokens.get(end) {
            end += 1;
            match token {
                TokenTree::Group(g) if g.delimiter() == Delimiter::Brace => break,
                TokenTree::Punct(p) if p.as_char() == ';' => break,
                _ => {}
            }
        }
        self.walk(&tokens[at + 2..end], module, true);
        end
    }

    /// `mod name { … }` opens a module; `mod name;` is another file's.
    fn module(
        &mut self,
        tokens: &[TokenTree],
        at: usize,
        module: &[String],
        in_test: bool,
    ) -> usize {
        if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
            (tokens.get(at + 1), tokens.get(at + 2))
        {
            let inner: Vec<TokenTree> = body.stream().into_iter().collect();
            let mut nested = module.to_vec();
            nested.push(name.to_string());
            self.walk(&inner, &nested, in_test);
            return at + 3;
        }
        at + 1
    }

    fn function(&mut self, tokens: &[TokenTree], at: usize) {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else { return };
        for token in &tokens[at + 2..] {
            match token {
                TokenTree::Punct(p) if p.as_char() == ';' => return,
                TokenTree::Group(g) if g.delimiter() == Delimiter::Brace => {
                    let line = tokens[at].span().start().line;
                    let lines = g.span_close().end().line - line + 1;
                    self.functions.push(Function { name: name.to_string(), line, lines });
                    return;
                }
                _ => {}
            }
        }
    }

    fn import(
        &mut self,
        tokens: &[TokenTree],
        at: usize,
        module: &[String],
        in_test: bool,
    ) -> usize {
        let end = tokens[at..]
            .iter()
            .position(|t| matches!(t, TokenTree::Punct(p) if p.as_char() == ';'))
            .map_or(tokens.len(), |length| at + length);
        self.tree(&tokens[at + 1..end], &[], module, in_test);
        end
    }

    /// A use tree below `prefix`: `a::b`, `a as b`, `a::*`, `{a, b}`.
    fn tree(&mut self, tokens: &[TokenTree], prefix: &[String], module: &[String], in_test: bool) {
        let mut path = prefix.to_vec();
        let mut line = tokens.first().map_or(0, |t| t.span().start().line);
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(word) if word == "as" => {
                    let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else { return };
                    return self.leaf(path, Some(name.to_string()), line, module, in_test);
                }
                TokenTree::Ident(word) => {
                    path.push(word.to_string());
                    line = word.span().start().line;
                }
                TokenTree::Punct(p) if p.as_char() == '*' => path.push("*".into()),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    let is_comma =
                        |t: &TokenTree| matches!(t, TokenTree::Punct(p) if p.as_char() == ',');
                    for branch in inner.split(is_comma).filter(|b| !b.is_empty()) {
                        self.tree(branch, &path, module, in_test);
                    }
                    return;
                }
                _ => {}
            }
            at += 1;
        }
        self.leaf(path, None, line, module, in_test);
    }

    fn leaf(
        &mut self,
        mut path: Vec<String>,
        renamed: Option<String>,
        line: usize,
        module: &[String],
        in_test: bool,
    ) {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let Some(path) = self.absolute(&path, module) else { return };
        let name = renamed.or_else(|| path.last().cloned());
        if let Some(name) = name.filter(|name| name != "*" && name != "_" && name != &path[0]) {
            self.aliases.insert(name, path.clone());
        }
        self.named.push(Named { path, line, in_test });
    }

    /// `a::b::c` in the middle of code, or `name!`.
    fn inline_path(
        &mut self,
        tokens: &[TokenTree],
        at: usize,
        module: &[String],
        in_test: bool,
    ) -> usize {
        let mut path = Vec::new();
        let mut next = at;
        while let Some(TokenTree::Ident(word)) = tokens.get(next) {
            path.push(word.to_string());
            next += 1;
            if !is_double_colon(tokens, next) {
                break;
            }
            next += 2;
        }
        let line = tokens[at].span().start().line;
        if let Some(TokenTree::Punct(p)) = tokens.get(next)
            && p.as_char() == '!'
            && matches!(tokens.get(next + 1), Some(TokenTree::Group(_)))
            && let Some(name) = path.last()
        {
            self.macros.push(Mark { name: name.clone(), line, in_test });
        }
        if path.len() > 1
            && let Some(path) = self.absolute(&path, module)
        {
            self.named.push(Named { path, line, in_test });
        }
        next.max(at + 1)
    }

    fn absolute(&self, path: &[String], module: &[String]) -> Option<Vec<String>> {
        let first = path.first()?;
        match first.as_str() {
            "crate" => Some(path.to_vec()),
            "devenv" => Some([&["crate".to_owned()], &path[1..]].concat()),
            "self" => Some([module, &path[1..]].concat()),
            "Self" => None,
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                let base = module.get(..module.len().checked_sub(up)?)?;
                Some([base, &path[up..]].concat())
            }
            _ => match self.aliases.get(first) {
                Some(target) => Some([target.as_slice(), &path[1..]].concat()),
                None => Some(path.to_vec()),
            },
        }
    }
}

fn is_double_colon(tokens: &[TokenTree], at: usize) -> bool {
    let colon =
        |t: Option<&TokenTree>| matches!(t, Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(tokens.get(at)) && colon(tokens.get(at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let source = read(&["crate", "services", "sqs", "state"], text).unwrap();
        source.named.iter().map(|n| n.path.join("::")).collect()
    }

    #[test]
    fn every_way_of_naming_is_seen() {
        for (text, named) in [
            ("use crate::storage::Storage;", "crate::storage::Storage"),
            ("use crate::{base::Millis, storage::{self, Ticket}};", "crate::storage"),
            ("use crate::storage as disk;", "crate::storage"),
            ("use crate as c; type T = c::storage::Ticket;", "crate::storage::Ticket"),
            ("use crate::{self as c}; fn f() { c::storage::open() }", "crate::storage::open"),
            ("use super::super::super::storage::Ticket;", "crate::storage::Ticket"),
            ("fn f() -> super::super::super::storage::Ticket { g() }", "crate::storage::Ticket"),
            ("mod inner { use super::super::super::super::storage; }", "crate::storage"),
            ("fn f() { println!(\"{}\", crate::storage::NAME) }", "crate::storage::NAME"),
            ("macro_rules! m { () => { $crate::storage::x() } }", "crate::storage::x"),
            ("fn f(x: ::tokio::sync::Notify) {}", "tokio::sync::Notify"),
            ("use std::time; fn f() { time::SystemTime::now(); }", "std::time::SystemTime::now"),
            ("use std::time::{Duration, SystemTime as T};", "std::time::SystemTime"),
            ("use crate::*;", "crate::*"),
            ("fn f() { <crate::edge::Gateway as X>::start() }", "crate::edge::Gateway"),
            ("fn f() { let x = { use crate::edge; edge::x() }; }", "crate::edge::x"),
        ] {
            assert!(paths(text).contains(&named.to_owned()), "{text}: {:?}", paths(text));
        }
    }

    #[test]
    fn words_in_texts_and_comments_are_not_names() {
        assert_eq!(
            paths("/// crate::storage::X\nconst A: &str = \"crate::storage::X\"; // tokio::x"),
            [""; 0]
        );
    }

    #[test]
    fn test_items_are_marked() {
        let text = "use a::b;\n#[cfg(test)]\nmod tests { use crate::storage::X; }\nuse c::d;";
        let source = read(&["crate", "base"], text).unwrap();
        let marked: Vec<_> = source.named.iter().map(|n| (n.path[0].as_str(), n.in_test)).collect();
        assert_eq!(marked, [("a", false), ("crate", true), ("c", false)]);
    }

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        let source =
            read(&["crate"], "trait T { fn a(); }\nfn b() {\n}\nfn c() where X: Y {\n\n\n}")
                .unwrap();
        let measured: Vec<_> =
            source.functions.iter().map(|f| (f.name.as_str(), f.lines)).collect();
        assert_eq!(measured, [("b", 2), ("c", 4)]);
    }
}
