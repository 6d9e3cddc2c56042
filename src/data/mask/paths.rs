//! Paths into JSON documents: `$.contact.email`, `$.tags[*]`, `$.people.*.name`; a key in braces is data
//! itself and masked: `$.by_address.{email}.count`. A key with other characters than letters, digits, `_`
//! and `-` is quoted: `$."two words"`.

use super::Mask;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    AnyKey,
    /// Any key, masked.
    Masked(String),
    Items,
}

/// Makes the mask of a name.
pub(crate) type Maker<'a> = dyn Fn(&str) -> Result<Box<dyn Mask>, String> + 'a;

/// What is done at a path.
pub(crate) enum Action {
    Keep,
    Null,
    Mask(Box<dyn Mask>),
}

/// What a path's rule says.
pub(crate) enum Found<'a> {
    Keep,
    Null,
    Mask(&'a dyn Mask),
    Nothing,
}

struct Rule {
    steps: Vec<Step>,
    action: Action,
    /// Masks of the keys in braces, by step.
    keys: Vec<Option<Box<dyn Mask>>>,
}

/// The rules of one column's documents.
#[derive(Default)]
pub(crate) struct Paths {
    rules: Vec<Rule>,
    rest: Option<Action>,
}

impl Paths {
    /// Adds a rule; `masks` makes the masks of keys in braces.
    pub(crate) fn add(
        &mut self,
        path: &str,
        action: Action,
        masks: &Maker<'_>,
    ) -> Result<(), String> {
        let steps = read(path)?;
        let keys = steps.iter().map(|step| match step {
            Step::Masked(kind) => masks(kind).map(Some),
            _ => Ok(None),
        });
        let keys = keys.collect::<Result<Vec<_>, String>>()?;
        self.rules.push(Rule { steps, action, keys });
        // The more exact rule is asked first.
        self.rules.sort_by_key(|rule| rule.steps.iter().map(vagueness).sum::<usize>());
        Ok(())
    }

    /// What is done with paths that no rule names; without it they are refused.
    pub(crate) fn rest(&mut self, action: Action) {
        self.rest = Some(action);
    }

    /// The action for the leaf at `path`.
    pub(crate) fn find(&self, path: &[String]) -> Found<'_> {
        let rule = self.rules.iter().find(|rule| {
            rule.steps.len() == path.len() && rule.steps.iter().zip(path).all(|(s, p)| fits(s, p))
        });
        match rule.map(|r| &r.action).or(self.rest.as_ref()) {
            Some(Action::Keep) => Found::Keep,
            Some(Action::Null) => Found::Null,
            Some(Action::Mask(mask)) => Found::Mask(mask.as_ref()),
            None => Found::Nothing,
        }
    }

    /// The mask of the last key of `path`, if it is data.
    pub(crate) fn key(&self, path: &[String]) -> Option<&dyn Mask> {
        let at = path.len().checked_sub(1)?;
        let rule = self.rules.iter().find(|rule| {
            rule.steps.len() > at && rule.steps.iter().zip(path).all(|(s, p)| fits(s, p))
        });
        rule.and_then(|rule| rule.keys[at].as_deref())
    }
}

fn vagueness(step: &Step) -> usize {
    usize::from(!matches!(step, Step::Key(_) | Step::Items))
}

fn fits(step: &Step, key: &str) -> bool {
    match step {
        Step::Key(name) => name == key,
        Step::AnyKey | Step::Masked(_) => key != "[*]",
        Step::Items => key == "[*]",
    }
}

/// The path as it is written in a rule.
pub(crate) fn written(path: &[String]) -> String {
    let mut text = String::from("$");
    for key in path {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        match key.as_str() {
            "[*]" => text.push_str("[*]"),
            key if !key.is_empty() && key.chars().all(plain) => {
                text.push('.');
                text.push_str(key);
            }
            key => {
                text.push_str(".\"");
                text.push_str(&key.replace('\\', "\\\\").replace('"', "\\\""));
                text.push('"');
            }
        }
    }
    text
}

fn read(path: &str) -> Result<Vec<Step>, String> {
    let wrong = || format!("`{path}` is no path such as `$.contact.email` or `$.tags[*]`");
    let mut rest = path.strip_prefix('$').ok_or_else(wrong)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix("[*]") {
            steps.push(Step::Items);
            rest = behind;
            continue;
        }
        rest = rest.strip_prefix('.').ok_or_else(wrong)?;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut key = String::new();
            let mut chars = quoted.char_indices();
            let end = loop {
                match chars.next() {
                    Some((_, '\\')) => key.extend(chars.next().map(|(_, c)| c)),
                    Some((at, '"')) => break at + 1,
                    Some((_, c)) => key.push(c),
                    None => return Err(wrong()),
                }
            };
            steps.push(Step::Key(key));
            rest = &quoted[end..];
        } else if let Some(kind) = rest.strip_prefix('{') {
            let (kind, behind) = kind.split_once('}').ok_or_else(wrong)?;
            steps.push(Step::Masked(kind.to_owned()));
            rest = behind;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            match &rest[..end] {
                "" => return Err(wrong()),
                "*" => steps.push(Step::AnyKey),
                key => steps.push(Step::Key(key.to_owned())),
            }
            rest = &rest[end..];
        }
    }
    Ok(steps)
}
