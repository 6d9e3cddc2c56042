//! Looks for fingerprints in texts: the whole value, its words, and up to six words in a row, so that an
//! address inside a sentence, a name of two words and a card number in groups are found. Pure.

use super::filter::Filter;
use super::suspects::{Lists, Suspects, prints};
use crate::base::Problem;
use crate::data::archive::FrameKind;
use crate::data::prints::{Prints, canonical};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Words that one value has at the most: an IBAN in groups of four.
const WORDS_MAX: usize = 6;
/// Forms that are looked for at once.
const SPANS_MAX: usize = 1024;
/// Places that are reported.
const PLACES_MAX: usize = 200;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Fingerprints that were looked for; one that lies in several batches counts with each.
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
        other.hits.iter().for_each(|(place, count)| self.hit(place, *count));
    }

    /// Notes hits.
    pub(super) fn hit(&mut self, place: &str, count: u64) {
        let known = self.hits.contains_key(place);
        let room = self.hits.len() < PLACES_MAX;
        let place = if known || room { place } else { "elsewhere" };
        *self.hits.entry(place.to_owned()).or_default() += count;
    }
}

/// What is looked for.
struct Known {
    prints: Prints,
    /// Which pass this is, of how many.
    pass: (u64, u64),
    filter: Filter,
    lists: Box<dyn Lists>,
}

impl Known {
    /// Whether a fingerprint may be one of those that are looked for in this pass.
    fn may_hold(&self, print: u64) -> bool {
        // The share last: few pass the filter.
        self.filter.may_hold(print) && is_of(self.pass, print)
    }
}

/// Whether a fingerprint is looked for in this pass.
fn is_of((pass, passes): (u64, u64), print: u64) -> bool {
    (print >> 32) % passes == pass
}

/// Looks, and notes what was found.
pub(crate) struct Looker {
    known: Arc<Known>,
    report: Report,
    /// What passed the filter.
    suspects: Suspects,
    /// Why what passed could not be settled.
    broken: Option<Problem>,
    /// Canonical forms, and where in them those lie that are looked for.
    forms: Vec<u8>,
    spans: Vec<(usize, usize)>,
    found: Vec<u64>,
    /// Words of a text: where they lie in it, and where in its canonical form.
    words: Vec<(usize, usize)>,
    formed: Vec<(usize, usize)>,
    joined: String,
}

impl Looker {
    /// Looks for what is in `lists`: about `count` fingerprints, or of several passes the share of one.
    pub(crate) fn new(
        prints_by: Prints,
        lists: Box<dyn Lists>,
        count: u64,
        pass: (u64, u64),
    ) -> Result<Looker, Problem> {
        let mut filter = Filter::new(count / pass.1);
        let mut fingerprints = 0;
        lists.each(&mut |kind, list| {
            if kind == FrameKind::Source {
                for print in prints(list).filter(|print| is_of(pass, *print)) {
                    filter.add(print);
                    fingerprints += 1;
                }
            }
        })?;
        let known = Known { prints: prints_by, pass, filter, lists };
        let report = Report { fingerprints, ..Report::default() };
        Ok(Looker { report, ..Looker::of(Arc::new(known)) })
    }

    fn of(known: Arc<Known>) -> Looker {
        Looker {
            known,
            report: Report::default(),
            suspects: Suspects::default(),
            broken: None,
            forms: Vec::new(),
            spans: Vec::new(),
            found: Vec::new(),
            words: Vec::new(),
            formed: Vec::new(),
            joined: String::new(),
        }
    }

    /// One more that looks for the same, and has found nothing yet.
    pub(super) fn another(&self) -> Looker {
        Looker::of(self.known.clone())
    }

    /// With what another one found elsewhere.
    pub(super) fn join(&mut self, other: Looker) {
        let Report { fingerprints: _, values, looks, coincidences, hits, file_bytes } =
            other.report;
        self.report.values += values;
        self.report.looks += looks;
        self.report.coincidences += coincidences;
        self.report.file_bytes += file_bytes;
        hits.iter().for_each(|(place, count)| self.report.hit(place, *count));
        self.broken = self.broken.take().or(other.broken);
        if self.suspects.join(other.suspects) {
            self.settle();
        }
    }

    /// What was found.
    pub(crate) fn finish(mut self) -> Result<Report, Problem> {
        self.settle();
        match self.broken {
            Some(problem) => Err(problem),
            None => Ok(self.report),
        }
    }

    /// Has the lists say what passed the filter.
    fn settle(&mut self) {
        let settled = self.suspects.settle(&*self.known.lists, &mut self.report);
        self.broken = self.broken.take().or(settled.err());
    }

    /// Bytes of data files that were looked through.
    pub(crate) fn count_file(&mut self, bytes: u64) {
        self.report.file_bytes += bytes;
    }

    /// Looks through a value, also for addresses that no rule knew of.
    pub(crate) fn look(&mut self, place: &str, text: &str) {
        self.report.values += 1;
        self.through(place, text, self.known.pass.0 == 0);
    }

    /// Looks through bytes that may be anything.
    pub(crate) fn fingerprints_only(&mut self, place: &str, text: &str) {
        self.through(place, text, false);
    }

    /// Looks for texts as wholes.
    pub(crate) fn wholes<'t>(&mut self, place: &str, texts: impl Iterator<Item = &'t str>) {
        self.forms.clear();
        for text in texts {
            let begin = self.forms.len();
            canonical(text, &mut self.forms);
            self.spans.push((begin, self.forms.len()));
            if self.spans.len() == SPANS_MAX {
                self.compare(place);
                self.forms.clear();
            }
        }
        self.compare(place);
    }

    fn through(&mut self, place: &str, text: &str, addresses: bool) {
        let (mut words, mut formed) =
            (std::mem::take(&mut self.words), std::mem::take(&mut self.formed));
        words.clear();
        split(text, &mut words);
        self.form(text, &words, &mut formed);
        self.spans.push((0, self.forms.len()));
        for (nth, (start, _)) in formed.iter().enumerate() {
            // A word that is all of the text was looked for with it.
            let last = (nth + WORDS_MAX).min(formed.len());
            let first = if words[nth] == (0, text.len()) { nth + 1 } else { nth };
            self.spans.extend(formed[first..last].iter().map(|(_, end)| (*start, *end)));
            if self.spans.len() >= SPANS_MAX {
                self.compare(place);
            }
        }
        self.compare(place);
        if addresses {
            words.iter().for_each(|(start, end)| self.address(place, &text[*start..*end]));
        }
        (self.words, self.formed) = (words, formed);
    }

    /// The canonical form of a text, and where its words lie in that.
    fn form(&mut self, text: &str, words: &[(usize, usize)], formed: &mut Vec<(usize, usize)>) {
        self.forms.clear();
        formed.clear();
        let mut behind = 0;
        for (start, end) in words {
            canonical(&text[behind..*start], &mut self.forms);
            let begin = self.forms.len();
            canonical(&text[*start..*end], &mut self.forms);
            formed.push((begin, self.forms.len()));
            behind = *end;
        }
        canonical(&text[behind..], &mut self.forms);
    }

    /// Looks for the spans of the forms, several at once.
    fn compare(&mut self, place: &str) {
        let (mut found, known) = (std::mem::take(&mut self.found), self.known.clone());
        let spans = self.spans.drain(..).map(|(start, end)| &self.forms[start..end]);
        known.prints.each(spans, &mut found);
        self.report.looks += found.len() as u64;
        let mut full = false;
        for print in found.drain(..).filter(|print| known.may_hold(*print)) {
            full |= self.suspects.add(print, place);
        }
        self.found = found;
        if full {
            self.settle();
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
        if real(local) && real(domain) && domain.contains('.') && lettered && !reserved {
            self.joined.clear();
            self.joined.push_str(place);
            self.joined.push_str(" (an address that no mask made)");
            let place = std::mem::take(&mut self.joined);
            self.report.hit(&place, 1);
            self.joined = place;
        }
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
        // `mailto:` before an address, a full stop behind it.
        let ended = word.trim_end_matches(['.', ':', '!', '?']);
        let inner = ended.strip_prefix("mailto:").unwrap_or(ended);
        *from += ended.len() - inner.len();
        *to = *from + inner.len();
    }
    words.retain(|(from, to)| text[*from..*to].contains(char::is_alphanumeric));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::mask::Key;

    /// Fingerprints of the source.
    struct Source(Vec<u8>);

    impl Lists for Source {
        fn each(&self, see: &mut dyn FnMut(FrameKind, &[u8])) -> Result<(), Problem> {
            see(FrameKind::Source, &self.0);
            Ok(())
        }
    }

    fn looker(values: &[&str]) -> Looker {
        looker_of(values, (0, 1))
    }

    fn looker_of(values: &[&str], pass: (u64, u64)) -> Looker {
        let by = Prints::new(&Key::from_text("0123456789abcdef").expect("key"));
        let (mut canon, mut list) = (Vec::new(), Vec::new());
        for value in values {
            canon.clear();
            canonical(value, &mut canon);
            list.extend(by.of(&canon).expect("long enough").to_le_bytes());
        }
        let count = values.len() as u64;
        Looker::new(by, Box::new(Source(list)), count, pass).expect("read")
    }

    fn found(looker: Looker) -> Report {
        looker.finish().expect("settled")
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
            let report = found(looker);
            assert_eq!(report.hits.get("here"), Some(&1), "{value} in {text}: {report:?}");
        }
        let mut other = looker(&["anna.b@clinic.test"]);
        other.look("here", "nothing of anna or the clinic");
        assert!(found(other).hits.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn words_in_a_row_are_found_as_they_are_written(
            text in "(mailto:|[a-eA-E0-9é]{1,5}|[ ,.:!?@\"-]{1,3}){1,24}",
            first in 0..12_usize,
            more in 0..WORDS_MAX,
        ) {
            let mut words = Vec::new();
            split(&text, &mut words);
            let row = words.get(first).zip(words.get(first + more));
            let (from, to) = row.map_or((0, text.len()), |((from, _), (_, to))| (*from, *to));
            let mut form = Vec::new();
            canonical(&text[from..to], &mut form);
            proptest::prop_assume!(form.len() >= 7);
            let mut looker = looker(&[&text[from..to]]);
            looker.look("here", &text);
            proptest::prop_assert!(found(looker).hits.contains_key("here"));
        }
    }

    #[test]
    fn another_one_finds_the_same_and_what_both_found_is_joined() {
        let mut first = looker(&["anna.b@clinic.test"]);
        let mut second = first.another();
        for looker in [&mut first, &mut second] {
            looker.look("here", "mail anna.b@clinic.test");
        }
        second.look("there", "anna.b@clinic.test");
        first.join(second);
        let report = found(first);
        let hits: Vec<_> = report.hits.iter().map(|(place, n)| (place.as_str(), *n)).collect();
        assert_eq!((hits.as_slice(), report.values), ([("here", 2), ("there", 1)].as_slice(), 3));
        assert_eq!(report.fingerprints, 1);
    }

    #[test]
    fn of_several_passes_each_finds_its_share() {
        let values: Vec<String> = (0..300).map(|n| format!("anna.{n}@clinic.test")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let mut all = Report::default();
        for pass in 0..3 {
            let mut looker = looker_of(&values, (pass, 3));
            values.iter().for_each(|value| looker.look("here", value));
            let report = found(looker);
            assert!((60..140).contains(&report.fingerprints), "{}", report.fingerprints);
            assert_eq!(report.hits.get("here"), Some(&report.fingerprints));
            all.add(report);
        }
        assert_eq!((all.fingerprints, all.hits.get("here")), (300, Some(&300)));
    }

    #[test]
    fn an_address_is_told_though_no_rule_knew_it() {
        let mut looker = looker(&["some other value"]);
        looker.look("note", "write to jane@corp.io or to x@y.test");
        assert_eq!(found(looker).hits.len(), 1);
    }
}
