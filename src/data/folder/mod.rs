//! `devenv data mask`: the files of a folder, masked by the same rules and the same key as the database's
//! rows, so that one person is the same fake in objects, their keys, messages, mails and fixtures.
//!
//! Invariants: a file that no rule names stops it; the folder that is made has its name only when it is
//! whole; what is not understood of a mail is left out. Fingerprints of the sensitive values that passed go
//! beside the folder (`NAME.prints`, an archive without tables), for `devenv data verify` to look for.

mod mail;

pub(crate) use mail::attached;

use super::archive::{FORMAT, FrameKind, Manifest, Writer};
use super::csv::{Record, Records};
use super::mask::{Beside, Kind, Mask, Masks, Refused, Spec};
use super::prints::{Prints, Recorder};
use super::rules::{Content, FileRules, Rules};
use super::seed_database::file;
use super::seed_services::files;
use crate::base::{Exit, Problem};
use crate::data::mask::Key;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What is wrong with a file; holds nothing of it.
type Wrong = String;

/// Fingerprints in a frame.
const PRINTS_OF_A_FRAME: usize = 1 << 20;

/// What was masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskedFolder {
    /// Files.
    pub files: usize,
    /// Fingerprints of sensitive values.
    pub fingerprints: u64,
    /// Attachments of mails that no rule names.
    pub left_out: usize,
}

/// A name with something behind it.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Where the fingerprints of a masked folder lie.
pub(crate) fn prints_of(folder: &Path) -> PathBuf {
    beside(folder, ".prints")
}

/// Masks the folder `from` into `to`.
pub(crate) fn mask(
    rules: &Rules,
    key: &Key,
    from: &Path,
    to: &Path,
) -> Result<MaskedFolder, Problem> {
    if to.exists() {
        let message = format!("{} is there already", to.display());
        return Err(Problem::new(Exit::Usage, "data-mask", message));
    }
    let part = beside(to, ".part");
    // Of a run that was killed: masked files only.
    let _ = std::fs::remove_dir_all(&part);
    let unwritable = |e: std::io::Error| {
        Problem::failed("data-mask", format!("cannot write {}: {e}", to.display()))
    };
    let done = folder(rules, key, from, &part).and_then(|(files, passed)| {
        let left_out = passed.left_out;
        // First: a masked folder is never without its fingerprints.
        let fingerprints = keep_prints(rules, key, &prints_of(to), passed)?;
        std::fs::rename(&part, to).map_err(unwritable)?;
        Ok(MaskedFolder { files, fingerprints, left_out })
    });
    if done.is_err() {
        let _ = std::fs::remove_dir_all(&part);
    }
    done
}

/// What passed: fingerprints of the source's values, and of masked ones that may be somebody's by chance.
#[derive(Default)]
struct Passed {
    source: Vec<u64>,
    masked: Vec<u64>,
    /// Attachments that no rule names.
    left_out: usize,
}

/// Writes fingerprints as an archive that has nothing else; answers how many there are of the source.
fn keep_prints(rules: &Rules, key: &Key, at: &Path, passed: Passed) -> Result<u64, Problem> {
    let mut writer = Writer::create(at)?;
    let mut count = 0;
    for (kind, mut all) in [(FrameKind::Source, passed.source), (FrameKind::Masked, passed.masked)]
    {
        all.sort_unstable();
        all.dedup();
        if kind == FrameKind::Source {
            count = all.len() as u64;
        }
        for some in all.chunks(PRINTS_OF_A_FRAME) {
            let bytes: Vec<u8> = some.iter().flat_map(|print| print.to_le_bytes()).collect();
            writer.bytes(kind, &bytes)?;
        }
    }
    let mut manifest = Manifest {
        format: FORMAT,
        devenv: env!("CARGO_PKG_VERSION").to_owned(),
        key_id: key.id(),
        rules_hash: hex::encode(Sha256::digest(rules.text.as_bytes())),
        schema_hash: hex::encode(Sha256::digest("")),
        server: String::new(),
        tables: Vec::new(),
        fingerprints: count,
        content_hash: String::new(),
    };
    writer.finish(&mut manifest).map(|()| count)
}

fn folder(rules: &Rules, key: &Key, from: &Path, part: &Path) -> Result<(usize, Passed), Problem> {
    let masks = Masks { key, locale: rules.locale };
    let prints = Prints::new(key);
    let mut passed = Passed::default();
    let unwritable =
        |e: std::io::Error| Problem::failed("data-mask", format!("cannot write a file: {e}"));
    let mut dirs = std::fs::DirBuilder::new();
    dirs.recursive(true).mode(0o700);
    dirs.create(part).map_err(unwritable)?;
    let mut made = BTreeSet::new();
    for (path, name) in files(from)? {
        let found = rules.files.iter().find(|r| fits(&r.glob, &name));
        let found = found.ok_or_else(|| {
            let message = format!("{}: {name} has no rule", rules.file);
            Problem::new(Exit::Usage, "data-rules", message).hint(format!(
                "nothing was kept; for instance:\n\n[files.\"{name}\"]\nbody = \"prose\""
            ))
        })?;
        let wrong = |why: Wrong| {
            let message = format!("{}:{}: {name} {why}", rules.file, found.line);
            Problem::new(Exit::Usage, "data-rules", message)
        };
        let recorder = Recorder::new(&prints);
        let left_out = Cell::new(0);
        let shop = Shop { masks: &masks, recorder: &recorder, left_out: &left_out };
        let masked = shop.renamed(found, &name).map_err(wrong)?;
        let climbs = masked.split('/').any(|step| matches!(step, "" | "." | ".."));
        if climbs || !made.insert(masked.clone()) {
            return Err(wrong("would get a name that another file has, or none".into()));
        }
        let text = file(&path)?;
        let content = shop.content(&found.content, &text).map_err(wrong)?;
        let to = part.join(&masked);
        dirs.create(to.parent().unwrap_or(part)).map_err(unwritable)?;
        let mut options = std::fs::OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(&to);
        opened.and_then(|mut f| f.write_all(content.as_bytes())).map_err(unwritable)?;
        let (source, masked) = recorder.finish();
        passed.source.extend(source);
        passed.masked.extend(masked);
        passed.left_out += left_out.get();
    }
    Ok((made.len(), passed))
}

/// Whether a name fits a glob.
fn fits(glob: &str, name: &str) -> bool {
    if let Some(rest) = glob.strip_prefix("**") {
        return (0..=name.len()).any(|at| {
            name.is_char_boundary(at) && fits(rest.trim_start_matches('/'), &name[at..])
        });
    }
    let mut chars = glob.chars();
    match chars.next() {
        None => name.is_empty(),
        Some('*') => {
            let end = name.find('/').unwrap_or(name.len());
            (0..=end).any(|at| name.is_char_boundary(at) && fits(chars.as_str(), &name[at..]))
        }
        Some(c) => name.strip_prefix(c).is_some_and(|rest| fits(chars.as_str(), rest)),
    }
}

/// Where one file is masked, and what sees its values pass.
#[derive(Clone, Copy)]
struct Shop<'a> {
    masks: &'a Masks<'a>,
    recorder: &'a Recorder<'a>,
    left_out: &'a Cell<usize>,
}

impl Shop<'_> {
    fn renamed(&self, rules: &FileRules, name: &str) -> Result<String, Wrong> {
        match &rules.name {
            None => Ok(name.to_owned()),
            Some(template) => {
                let spec = Spec { value: Some(template.clone()), ..Spec::of(Kind::Pattern) };
                self.one(self.masks.make(&spec)?.as_ref(), name)
            }
        }
    }

    /// One value through a mask.
    fn one(&self, mask: &dyn Mask, value: &str) -> Result<String, Wrong> {
        let mut out = String::new();
        let beside = Beside { subject: None, witness: Some(self.recorder) };
        mask.mask_or_say(value, &beside, &mut out).map_err(|refused| match refused {
            Refused::Value(reason) => format!("holds a value that {}", reason.0),
            Refused::Path(path) => format!("holds a document with {path}, which has no rule"),
        })?;
        Ok(out)
    }

    fn ready(&self, spec: &Spec) -> Result<Ready<'_>, Wrong> {
        let action = match spec.kind {
            Kind::Keep => Action::Keep,
            Kind::Null => Action::Empty,
            _ => Action::Mask(self.masks.make(spec)?),
        };
        Ok(Ready { shop: *self, action })
    }
}

/// A rule ready to run on whole values.
struct Ready<'a> {
    shop: Shop<'a>,
    action: Action,
}

enum Action {
    Keep,
    Empty,
    Mask(Box<dyn Mask>),
}

impl Ready<'_> {
    fn run(&self, value: &str) -> Result<String, Wrong> {
        match &self.action {
            Action::Keep => Ok(value.to_owned()),
            Action::Empty => Ok(String::new()),
            Action::Mask(mask) => self.shop.one(mask.as_ref(), value),
        }
    }
}

impl Shop<'_> {
    fn content(&self, content: &Content, text: &str) -> Result<String, Wrong> {
        match content {
            Content::Body(spec) => self.ready(spec)?.run(text),
            Content::Lines(spec) => {
                let mask = self.ready(spec)?;
                let masked = text.lines().map(|line| match line.is_empty() {
                    true => Ok("\n".to_owned()),
                    false => Ok(mask.run(line)? + "\n"),
                });
                masked.collect()
            }
            Content::Csv(columns) => {
                let mut records = Records::new(text.as_bytes());
                let heading = records.next()?.ok_or("has no heading")?;
                let mut ready = Vec::new();
                for name in heading.iter().map(|name| name.clone().unwrap_or_default()) {
                    let spec = columns.get(&name);
                    let spec =
                        spec.ok_or_else(|| format!("has the column {name}, without a rule"))?;
                    ready.push(self.ready(spec)?);
                }
                let mut out = String::new();
                put(&heading, &mut out);
                while let Some(record) = records.next()? {
                    if record.len() != ready.len() {
                        return Err(
                            "has a row with another number of fields than the heading".into()
                        );
                    }
                    let masked = record.iter().zip(&ready).map(|(field, mask)| {
                        match (field, &mask.action) {
                            (None, _) | (_, Action::Empty) => Ok(None),
                            (Some(value), _) => mask.run(value).map(Some),
                        }
                    });
                    put(&masked.collect::<Result<Record, Wrong>>()?, &mut out);
                }
                Ok(out)
            }
            Content::Mail(attachments) => self.mail(text, attachments),
        }
    }
}

/// A record in CSV.
fn put(record: &Record, out: &mut String) {
    for (nth, field) in record.iter().enumerate() {
        if nth > 0 {
            out.push(',');
        }
        if let Some(value) = field {
            let plain = !value.is_empty() && !value.contains(['"', ',', '\n', '\r']);
            match plain {
                true => out.push_str(value),
                false => out.push_str(&format!("\"{}\"", value.replace('"', "\"\""))),
            }
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::rules::read;

    const RULES: &str = r#"version = 1
[files."in/**"]
name = "in/{email}/{id}.json"
body = { mask = "json", paths = { "$.email" = "email", "$.user.{email}" = "id" } }
[files."people.csv"]
csv = { id = "id", email = "email", city = "keep" }
[files."jobs.txt"]
lines = { mask = "json", paths = { "$.to" = "email" } }
[files."cache.txt"]
lines = { mask = "pattern", value = "session:{email} {*}" }
[files."mails/*.eml"]
mail = true
"#;

    /// What came of masking files by rules, and the files that were made.
    type Ran = (MaskedFolder, Vec<(String, String)>);

    pub(super) fn run_by(rules: &str, files: &[(&str, &str)]) -> Result<Ran, Problem> {
        let dir = tempfile::tempdir().expect("dir");
        let (from, to) = (dir.path().join("raw"), dir.path().join("masked"));
        for (name, text) in files {
            let path = from.join(name);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("dir");
            std::fs::write(path, text).expect("file");
        }
        let key = Key::from_text("a key for tests only").expect("key");
        let done = mask(&read("r.toml", rules).expect("rules"), &key, &from, &to);
        assert!(!dir.path().join("masked.part").exists());
        assert_eq!(prints_of(&to).exists(), done.is_ok());
        let done = done?;
        let all = super::files(&to).expect("files").into_iter();
        let text = |path: PathBuf| std::fs::read_to_string(path).expect("text");
        Ok((done, all.map(|(path, name)| (name, text(path))).collect()))
    }

    fn run(files: &[(&str, &str)]) -> Result<Vec<(String, String)>, Problem> {
        run_by(RULES, files).map(|(_, files)| files)
    }

    /// The pinned fake of the masks' own tests.
    pub(super) const ANNA: &str = "Anna.Schmidt@clinic.de";
    pub(super) const FAKE: &str = "Rrtb.Fntcskj@dsvngr.de.test";

    #[test]
    fn one_person_has_one_mask_in_keys_bodies_messages_mails_and_caches() {
        let files = [
            (
                &*format!("in/{ANNA}/4711.json"),
                &*format!(r#"{{"email":"{ANNA}","user":{{"{ANNA}":4711}}}}"#),
            ),
            ("people.csv", &*format!("id,email,city\n4711,{ANNA},Bonn\n1,,\n")),
            ("jobs.txt", &*format!("{{\"to\":\"{ANNA}\"}}\n\n")),
            ("cache.txt", &*format!("session:{ANNA} open\n")),
            (
                "mails/1.eml",
                &*format!(
                    "From: Anna Schmidt <{ANNA}>\r\nTo: {ANNA}\r\nX-Who: {ANNA}\r\nSubject: My results\r\n\r\nDear doctor, it is me, {ANNA}.\r\n"
                ),
            ),
        ];
        let masked = run(&files).expect("masked");
        let of = |name: &str| {
            let found = masked.iter().find(|(n, _)| n == name);
            found.map(|(_, text)| text.clone()).unwrap_or_else(|| panic!("{name}: {masked:?}"))
        };
        assert_eq!(
            of(&format!("in/{FAKE}/7123.json")),
            format!(r#"{{"email":"{FAKE}","user":{{"{FAKE}":7123}}}}"#)
        );
        assert!(of("people.csv").starts_with(&format!("id,email,city\n7123,{FAKE},Bonn\n")));
        assert_eq!(of("jobs.txt"), format!("{{\"to\":\"{FAKE}\"}}\n\n"));
        assert_eq!(of("cache.txt"), format!("session:{FAKE} open\n"));
        let mail = of("mails/1.eml");
        assert!(mail.contains(&format!("<{FAKE}>\r\nTo: {FAKE}\r\n")), "{mail}");
        assert!(!masked.iter().any(|(n, t)| format!("{n}{t}").contains("clinic")), "{masked:?}");
    }

    #[test]
    fn what_no_rule_knows_stops_everything() {
        for (name, text, why) in [
            ("other.bin", "x", "other.bin has no rule"),
            ("people.csv", "id,phone\n1,2\n", "the column phone, without a rule"),
            ("jobs.txt", "{\"from\":\"x\"}\n", "$.from, which has no rule"),
            ("cache.txt", "user:anna\n", "does not fit its pattern"),
            ("in/anna@x.de/1.txt", "{}", "does not fit its pattern"),
        ] {
            let problem = run(&[(name, text)]).expect_err(name);
            assert!(problem.message.contains(why), "{}", problem.message);
            assert!(!problem.message.contains("user:anna"));
        }
    }

    #[test]
    fn globs_know_stars() {
        assert!(fits("a/*.json", "a/b.json") && !fits("a/*.json", "a/b/c.json"));
        assert!(
            fits("a/**", "a/b/c") && fits("**/x.csv", "x.csv") && fits("**/x.csv", "a/b/x.csv")
        );
    }
}
