//! Looks for fingerprints in texts: the whole value, its words, and up to six words in a row, so that an
//! address inside a sentence, a name of two words and a card number in groups are found. Pure.

use crate::data::prints::{Prints, canonical};
use std::collections::BTreeMap;

/// Words that one value has at the most: an IBAN in groups of four.
const WORDS_MAX: usize = 6;
/// Bits of the sieve that turns most looks away.
const SIEVE_BITS: usize = 1 << 24;
/// Places that are reported.
const PLACES_MAX: usize = 200;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Fingerprints that were looked for.
    pub(crate) fingerprints: u64,
    /// Texts that were looked through.
    pub(crate) values: u64,
    /// Hashes that were compared.
    pub(crate) looks: u64,
    /// Masked values that are by chance also values of the source.
    pub(crate) coincidences: u64,
    /// Values of the source, by place.
    pub(crate) hits: BTreeMap<String, u64>,
    /// Bytes of data files.
    pub(crate) file_bytes: u64,
}

impl Report {
    /// With what another pass found.
    pub(crate) fn add(&mut self, other: Report) {
        self.fingerprints += other.fingerprints;
        self.values = self.values.max(other.values);
        self.looks += other.looks;
        self.coincidences += other.coincidences;
        self.file_bytes = self.file_bytes.max(other.file_bytes);
        for (place, count) in other.hits {
            *self.hits.entry(place).or_default() += count;
        }
    }
}

/// Fingerprints, and what is found of them.
pub(crate) struct Looker {
    prints: Prints,
    /// Only fingerprints of this share are looked for.
    pass: (u64, u64),
    source: Vec<u64>,
    masked: Vec<u64>,
    sieve: Vec<u64>,
    report: Report,
    buffer: Vec<u8>,
    words: Vec<(usize, usize)>,
    joined: String,
}

impl Looker {
    pub(crate) fn new(prints: Prints, pass: u64, passes: u64) -> Looker {
        Looker {
            prints,
            pass: (pass, passes),
            source: Vec::new(),
            masked: Vec::new(),
            sieve: vec![0; SIEVE_BITS / 64],
            report: Report::default(),
            buffer: Vec::new(),
            words: Vec::new(),
            joined: String::new(),
        }
    }

    fn read(bytes: &[u8], (pass, passes): (u64, u64), all: &mut Vec<u64>) {
        let prints = bytes
            .chunks_exact(8)
            .map(|c| u64::from_le_bytes([c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]]));
        all.extend(prints.filter(|print| (print >> 32) % passes == pass));
    }

    /// Fingerprints to look for.
    pub(crate) fn source(&mut self, bytes: &[u8]) {
        Self::read(bytes, self.pass, &mut self.source);
    }

    /// Fingerprints of masked values, which are no leak where they are found.
    pub(crate) fn masked(&mut self, bytes: &[u8]) {
        Self::read(bytes, self.pass, &mut self.masked);
    }

    /// All fingerprints are here.
    pub(crate) fn ready(&mut self) {
        for all in [&mut self.source, &mut self.masked] {
            all.sort_unstable();
            all.dedup();
        }
        for print in &self.source {
            let bit = *print as usize % SIEVE_BITS;
            self.sieve[bit / 64] |= 1 << (bit % 64);
        }
        self.report.fingerprints = self.source.len() as u64;
    }

    pub(crate) fn finish(self) -> Report {
        self.report
    }

    /// Bytes of data files that were looked through.
    pub(crate) fn count_file(&mut self, bytes: u64) {
        self.report.file_bytes += bytes;
    }

    /// Looks through a value, also for addresses that no rule knew of.
    pub(crate) fn look(&mut self, place: &str, text: &str) {
        self.report.values += 1;
        self.known(place, text, true);
    }

    /// Looks through bytes that may be anything.
    pub(crate) fn fingerprints_only(&mut self, place: &str, text: &str) {
        self.known(place, text, false);
    }

    fn known(&mut self, place: &str, text: &str, addresses: bool) {
        self.whole(place, text);
        let mut words = std::mem::take(&mut self.words);
        words.clear();
        split(text, &mut words);
        for (nth, (start, end)) in words.iter().enumerate() {
            let word = &text[*start..*end];
            if word.len() < text.len() {
                self.whole(place, word);
            }
            for last in words.iter().take((nth + WORDS_MAX).min(words.len())).skip(nth + 1) {
                self.whole(place, &text[*start..last.1]);
            }
            if addresses {
                self.address(place, word);
            }
        }
        self.words = words;
    }

    /// Looks for a text as a whole.
    pub(crate) fn whole(&mut self, place: &str, text: &str) {
        self.buffer.clear();
        canonical(text, &mut self.buffer);
        let Some(print) = self.prints.of(&self.buffer) else { return };
        self.report.looks += 1;
        let bit = print as usize % SIEVE_BITS;
        if self.sieve[bit / 64] & (1 << (bit % 64)) == 0
            || self.source.binary_search(&print).is_err()
        {
            return;
        }
        match self.masked.binary_search(&print) {
            Ok(_) => self.report.coincidences += 1,
            Err(_) => self.hit(place),
        }
    }

    /// An e-mail address that no mask made is somebody's, whether or not a rule knew of it.
    fn address(&mut self, place: &str, word: &str) {
        let Some((local, domain)) = word.rsplit_once('@') else { return };
        let real =
            |t: &str| !t.is_empty() && t.chars().all(|c| c.is_alphanumeric() || "._+-".contains(c));
        let top = domain.rsplit('.').next().unwrap_or_default();
        let lettered = top.len() >= 2 && top.chars().all(char::is_alphabetic);
        let reserved = matches!(top, "test" | "example" | "invalid" | "localhost")
            || domain.ends_with("example.com")
            || domain.ends_with("example.org");
        // The first pass counts them.
        if self.pass.0 == 0
            && real(local)
            && real(domain)
            && domain.contains('.')
            && lettered
            && !reserved
        {
            self.joined.clear();
            self.joined.push_str(place);
            self.joined.push_str(" (an address that no mask made)");
            let place = std::mem::take(&mut self.joined);
            self.hit(&place);
            self.joined = place;
        }
    }

    /// Notes a hit.
    pub(crate) fn hit(&mut self, place: &str) {
        let known = self.report.hits.contains_key(place);
        let room = self.report.hits.len() < PLACES_MAX;
        let place = if known || room { place } else { "elsewhere" };
        *self.report.hits.entry(place.to_owned()).or_default() += 1;
    }
}

/// Words: what stands between spaces and what documents, arrays and sentences put around values.
fn split(text: &str, words: &mut Vec<(usize, usize)>) {
    let parts = |c: char| c.is_whitespace() || "\"'<>()[]{},;|=\\`".contains(c);
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (parts(c), start) {
            (false, None) => start = Some(at),
            (true, Some(from)) => {
                words.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|from| (from, text.len())));
    for (from, to) in words.iter_mut() {
        let word = &text[*from..*to];
        // `mail:` before an address, a full stop behind it.
        let inner = word.trim_end_matches(['.', ':', '!', '?']);
        let inner = inner.strip_prefix("mailto:").unwrap_or(inner);
        let skipped = word.len() - word.trim_start_matches("mailto:").len();
        (*from, *to) = (*from + skipped, *from + skipped + inner.len());
    }
    words.retain(|(from, to)| text[*from..*to].contains(char::is_alphanumeric));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::mask::Key;

    fn looker(values: &[&str]) -> Looker {
        let prints = Prints::new(&Key::from_text("0123456789abcdef").expect("key"));
        let mut looker = Looker::new(prints.clone(), 0, 1);
        let mut canon = Vec::new();
        for value in values {
            canon.clear();
            canonical(value, &mut canon);
            looker.source(&prints.of(&canon).expect("long enough").to_le_bytes());
        }
        looker.ready();
        looker
    }

    #[test]
    fn a_value_is_found_wherever_it_lies() {
        let cases = [
            ("anna.b@clinic.test", "Mail anna.b@clinic.test."),
            ("anna.b@clinic.test", r#"{"a":{"b":["ANNA.B@clinic.test"]}}"#),
            ("anna.b@clinic.test", "{x,anna.b@clinic.test,NULL}"),
            ("Anna Berger", "seen by Anna  Berger, on Monday"),
            ("+49 170 1234567", "call 49-170-1234567 now"),
            ("4111 1111 1111 1111", "card: 4111 1111 1111 1111"),
            ("4111111111111111", "card 4111-1111-1111-1111;"),
        ];
        for (value, text) in cases {
            let mut looker = looker(&[value]);
            looker.look("here", text);
            let report = looker.finish();
            assert_eq!(report.hits.get("here"), Some(&1), "{value} in {text}: {report:?}");
        }
        let mut other = looker(&["anna.b@clinic.test"]);
        other.look("here", "nothing of anna or the clinic");
        assert!(other.finish().hits.is_empty());
    }

    #[test]
    fn an_address_is_told_though_no_rule_knew_it() {
        let mut looker = looker(&["some other value"]);
        looker.look("note", "write to jane@corp.io or to x@y.test");
        assert_eq!(looker.finish().hits.len(), 1);
    }
}
