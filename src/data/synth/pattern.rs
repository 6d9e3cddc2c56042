//! Texts that a regular expression matches, made out of the expression itself.

use crate::data::dice::Dice;
use regex_syntax::hir::{Class, Hir, HirKind};

/// How often something is repeated when the expression sets no end.
const REPEAT_MAX: u32 = 8;
/// Characters of a made text at the most.
const CHARS_MAX: usize = 2_000;

/// A text that matches `pattern`, if the expression can be read. Look-around that Postgres has and we have
/// not makes it none.
pub(super) fn matching(pattern: &str, dice: &mut Dice) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut text = String::new();
    walk(&hir, dice, &mut text);
    Some(text)
}

fn walk(hir: &Hir, dice: &mut Dice, out: &mut String) {
    if out.len() > CHARS_MAX {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => out.extend(one_of(class, dice)),
        HirKind::Repetition(repeat) => {
            let most = repeat.max.unwrap_or(repeat.min + REPEAT_MAX).min(repeat.min + REPEAT_MAX);
            let times = dice.between(i64::from(repeat.min), i64::from(most));
            (0..times).for_each(|_| walk(&repeat.sub, dice, out));
        }
        HirKind::Capture(capture) => walk(&capture.sub, dice, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| walk(part, dice, out)),
        HirKind::Alternation(ways) => walk(dice.one(ways), dice, out),
    }
}

/// A character of a class: a letter or a digit of ASCII if the class has any.
fn one_of(class: &Class, dice: &mut Dice) -> Option<char> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => {
            class.iter().map(|r| (u32::from(r.start()), u32::from(r.end()))).collect()
        }
        Class::Bytes(class) => {
            class.iter().map(|r| (u32::from(r.start()), u32::from(r.end()))).collect()
        }
    };
    let within = |least: u32, most: u32| {
        let cut = ranges.iter().map(move |(a, b)| ((*a).max(least), (*b).min(most)));
        cut.filter(|(a, b)| a <= b).collect::<Vec<_>>()
    };
    let plain: Vec<(u32, u32)> = [(b'a', b'z'), (b'A', b'Z'), (b'0', b'9')]
        .into_iter()
        .flat_map(|(least, most)| within(u32::from(least), u32::from(most)))
        .collect();
    let visible = within(0x21, 0x7e);
    let from = [plain, visible, ranges.clone()].into_iter().find(|list| !list.is_empty())?;
    let (least, most) = *dice.one(&from);
    char::from_u32(u32::try_from(dice.between(least.into(), most.into())).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_matches() {
        let mut dice = Dice::of(3);
        for pattern in
            [r"^[0-9]{5}$", r"^[^@ ]+@[^@ ]+\.[a-z]{2,4}$", r"^(A|B-\d+)?[A-Z]{2}$", "x*"]
        {
            let known = regex::Regex::new(pattern).expect("pattern");
            for _ in 0..200 {
                let text = matching(pattern, &mut dice).expect("made");
                assert!(known.is_match(&text), "{text} for {pattern}");
            }
        }
        assert_eq!(matching("(?=a)", &mut dice), None);
    }
}
