//! Wording shared by all checks: lists, quoted paths, "did you mean".

/// The candidate that was probably meant, if one is near enough.
pub(crate) fn nearest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let fold = |s: &str| s.to_lowercase().replace('-', "_");
    let typed = fold(typed);
    let allowed = (typed.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&typed, &fold(c)), c))
        .filter(|(distance, c)| *distance <= allowed || extends(&typed, &fold(c)))
        .min_by_key(|(distance, c)| (*distance, *c))
        .map(|(_, c)| c)
}

/// One is the other with a few letters more (`dead_letter_queue`, `visibility`).
fn extends(a: &str, b: &str) -> bool {
    a.len().min(b.len()) >= 4 && (a.starts_with(b) || b.starts_with(a))
}

/// "; did you mean `x`?", or what there is to choose from, or nothing.
pub(crate) fn suggestion(typed: &str, known: &[&str], kind: &str) -> String {
    match nearest(typed, known.iter().copied()) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None if known.is_empty() => format!("; there are no {kind}"),
        None if known.len() <= 16 => format!("; {kind}: {}", ticked(known)),
        None => String::new(),
    }
}

/// "`a`, `b`".
pub(crate) fn ticked(words: &[&str]) -> String {
    words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}

/// "a, b or c".
pub(crate) fn or(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A path as it would be typed: `secrets."prod/db".value`.
pub(crate) fn path(segments: &[String]) -> String {
    let mut out = String::new();
    for segment in segments {
        if let Some(index) = segment.strip_prefix('\0') {
            out.push_str(&format!("[{index}]"));
            continue;
        }
        if !out.is_empty() {
            out.push('.');
        }
        match !segment.is_empty()
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        {
            true => out.push_str(segment),
            false => out.push_str(&format!("{segment:?}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let keys = ["visibility_timeout", "delay", "retention", "dead_letter"];
        assert_eq!(nearest("visibilty_timeout", keys), Some("visibility_timeout"));
        assert_eq!(nearest("dead-letter", keys), Some("dead_letter"));
        assert_eq!(nearest("dead_letter_queue", keys), Some("dead_letter"));
        assert_eq!(nearest("Delay", keys), Some("delay"));
        assert_eq!(nearest("colour", keys), None);
    }

    #[test]
    fn paths_read_as_typed() {
        let p: Vec<String> =
            ["secrets", "prod/db", "tags", "\u{0}2", "k"].map(str::to_owned).to_vec();
        assert_eq!(path(&p), "secrets.\"prod/db\".tags[2].k");
    }
}
