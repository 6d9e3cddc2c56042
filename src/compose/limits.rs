//! Bounds and small rules that several readers share.

/// The known word that `word` was probably meant to be.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known.iter().map(|k| (strsim::damerau_levenshtein(word, k), *k)).min()?;
    (near.0 <= 2).then_some(near.1)
}
