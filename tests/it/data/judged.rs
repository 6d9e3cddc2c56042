//! SQL over rows that lie in files: masks of dumps and CSV files, by which the archives become those of the
//! database itself; and no row lies in a file of the server that evaluated it.

use super::files::dump;
use super::own::with;
use super::{Bench, no_trace, source_sql};
use std::collections::BTreeMap;
use std::path::Path;

/// One of each kind of type, with values that COPY escapes and nulls.
const MASKS: &[(&str, &str)] = &[
    ("diagnosis", "left(diagnosis, 7) -- a word"),
    ("\"two words\"", "upper(\\\"order\\\".\\\"two words\\\") || E'\\\\r\\\\\\\\'"),
    ("first_name", "mood || coalesce(users.phone, '') || users.id"),
    ("share", "share / 2"),
    ("salary", "round(salary, -2)"),
    ("home_ip", "home_ip"),
    ("preferences", "jsonb_build_object('ok', preferences->'contact'->'ok', 'n', 1.50)"),
    ("other_emails", "array['a b', null, md5(other_emails[1])]"),
    ("photo", "substr(photo, 1, 2)"),
    ("created_at", "date_trunc('month', created_at)"),
    ("owner_name", "to_jsonb(hands)->>'head_id'"),
    ("phone", "case when id % 2 = 0 then '+49' end"),
];
/// Begins the header of a frame with rows.
const ROWS: u8 = 3;
/// Bytes of a frame's header.
const HEADER: usize = 49;

/// The rows of an archive by the number of their table, in the order in which they lie there.
pub(super) fn rows(archive: &Path) -> BTreeMap<usize, Vec<String>> {
    let bytes = std::fs::read(archive).unwrap();
    let mut all: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut rest = &bytes[8..];
    while rest.len() > HEADER {
        let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
        let (table, unpacked, packed) = (number(1), number(9), number(13));
        if rest[0] == ROWS {
            let plain = zstd::bulk::decompress(&rest[HEADER..HEADER + packed], unpacked).unwrap();
            let lines = str::from_utf8(&plain).unwrap().lines().map(str::to_owned);
            all.entry(table).or_default().extend(lines);
        }
        rest = &rest[HEADER + packed..];
    }
    all
}

/// Every file of a folder and those below it, but archives and the key.
fn files_below(dir: &Path, seen: &mut dyn FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            files_below(&path, seen);
        } else if kind.is_file() {
            // Files come and go while a server runs.
            seen(&path, &std::fs::read(&path).unwrap_or_default());
        }
    }
}

/// Nothing of anybody lies in the data directory and the logs of the environment's server.
pub(super) fn nothing_kept(bench: &Bench) {
    bench.sql("app", "checkpoint");
    let (mut count, mut told) = (0, false);
    files_below(&bench.project.path().join(".devenv"), &mut |path, bytes| {
        no_trace(&path.display().to_string(), bytes);
        let statement = b"statement: CREATE DATABASE \"devenv_scratch_";
        told |= memchr::memmem::find(bytes, statement).is_some();
        count += 1;
    });
    assert!(count > 900, "{count} files are no data directory");
    assert!(told, "no log tells of the judges' databases");
    let left = "select count(*) from pg_database where datname like 'devenv_scratch%'";
    assert_eq!(bench.one("app", left), "0");
}

#[test]
fn sql_is_evaluated_over_files_and_nothing_of_them_is_kept() {
    let bench = Bench::new();
    bench.sql("source", &source_sql());
    bench.sql("source", "create function public.known(bigint) returns text stable language sql as 'select email::text from public.users where id = $1'");
    // A server that would tell everything.
    for setting in ["log_statement = 'all'", "log_min_duration_statement = 0"] {
        bench.sql("app", &format!("alter system set {setting}"));
    }
    bench.sql("app", "select pg_reload_conf()");
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| elsewhere.path().join(name).to_string_lossy().into_owned();
    dump(&bench, &["--format=plain"], Path::new(&at("plain.sql")));
    dump(&bench, &["--format=custom"], Path::new(&at("packed.dump")));
    bench.project.devenv(&["data", "plan", "--source", &bench.source]).success();
    let sources = [bench.source.clone(), at("plain.sql"), at("packed.dump")];
    masked(&bench, &sources);
    refused(&bench, &sources[1]);
    sources[..2].iter().for_each(|source| checked(&bench, source));
    csv(&bench, elsewhere.path());
    super::chosen::check(&bench, elsewhere.path());
    nothing_kept(&bench);
}

/// A pull of a source by the rules in a file.
pub(super) fn pull<'a>(source: &'a str, rules: &'a str, out: &'a str) -> [&'a str; 9] {
    ["data", "pull", "--source", source, "--rules", rules, "--out", out, "--json"]
}

/// What SQL makes of the rows of dumps is what the database itself makes of them.
fn masked(bench: &Bench, sources: &[String]) {
    let masks: Vec<(&str, String)> = MASKS
        .iter()
        .map(|(column, sql)| (*column, format!("{{ mask = \"sql\", value = \"{sql}\" }}")))
        .collect();
    let masks: Vec<(&str, &str)> = masks.iter().map(|(c, rule)| (*c, rule.as_str())).collect();
    bench.project.write("sql.toml", &with(&bench.project.read("devenv.data.toml"), &masks));
    let archives = sources.iter().enumerate().map(|(n, source)| {
        let out = format!("{n}.devseed");
        bench.project.devenv(&pull(source, "sql.toml", &out)).success();
        rows(&bench.project.path().join(out))
    });
    let archives: Vec<_> = archives.collect();
    assert_eq!(archives[0].values().map(Vec::len).sum::<usize>(), 1605);
    let users = archives[0].values().find(|rows| rows.len() == 300).unwrap();
    assert!(users[0].contains("{\"n\": 1.50, \"ok\": ") && users[0].contains("{\"a b\",NULL,"));
    for (source, archive) in sources.iter().zip(&archives) {
        assert!(archive == &archives[0], "{source}: {:?}", differing(archive, &archives[0]));
    }
    let preview = ["data", "preview", "users", "--source", &sources[1], "--rules", "sql.toml"];
    let preview = bench.project.devenv(&preview).success();
    assert!(preview.stdout.contains("\"ok\": true"), "{}", preview.stdout);
    no_trace("a preview", preview.stdout.as_bytes());
}

/// The first rows that are not the same.
fn differing<'a>(
    these: &'a BTreeMap<usize, Vec<String>>,
    those: &'a BTreeMap<usize, Vec<String>>,
) -> Option<(&'a String, &'a String)> {
    these.values().flatten().zip(those.values().flatten()).find(|(this, that)| this != that)
}

/// What cannot be evaluated over single rows is refused before a row moves, and a row that fails is not told.
fn refused(bench: &Bench, source: &str) {
    let rules = bench.project.read("devenv.data.toml");
    for (column, sql, code, why) in [
        ("diagnosis", "diagnose", 2, "column \"diagnose\" does not exist"),
        ("diagnosis", "max(diagnosis)", 2, "aggregate functions are not allowed"),
        (
            "diagnosis",
            "(select min(email::text) from public.users)",
            2,
            "it asks the table public.users",
        ),
        (
            "diagnosis",
            "(select min(diagnosis) from public.visits)",
            2,
            "it asks the table public.visits",
        ),
        ("diagnosis", "public.known(id)", 2, "it asks the function public.known(bigint)"),
        ("diagnosis", "ctid::text", 2, "column \"ctid\" does not exist"),
        ("last_name", "full_name", 2, "it reads `full_name`, which the server computes"),
        (
            "last_name",
            "to_jsonb(users)::text",
            2,
            "it reads `full_name`, which the server computes",
        ),
        ("diagnosis", "diagnosis::int::text", 1, "is not shown, because it may hold a value"),
        ("phone", "(1 / (id - 5))::text", 1, "(22012)"),
    ] {
        let rule = format!("{{ mask = \"sql\", value = \"{sql}\" }}");
        bench.project.write("no.toml", &with(&rules, &[(column, &rule)]));
        let line = bench.project.read("no.toml").lines().position(|l| l.contains(&rule)).unwrap();
        let run = bench.project.devenv(&pull(source, "no.toml", "no.devseed")).ends(code);
        let said = format!("{}{}", run.stdout, run.stderr).replace("\\\"", "\"");
        assert!(said.contains(why), "{sql}: {said}");
        assert!(code == 1 || said.contains(&format!("no.toml:{}: ", line + 1)), "{sql}: {said}");
        no_trace("an error", said.as_bytes());
        assert!(!bench.project.path().join("no.devseed").exists());
    }
}

/// What would stop a pull is told without one.
fn checked(bench: &Bench, source: &str) {
    let rules = bench.project.read("devenv.data.toml");
    for (sql, code) in [("diagnose", 2), ("diagnosis", 0)] {
        let rule = format!("{{ mask = \"sql\", value = \"{sql}\" }}");
        bench.project.write("no.toml", &with(&rules, &[("diagnosis", &rule)]));
        let check = ["data", "plan", "--check", "--source", source, "--out", "no.toml"];
        bench.project.devenv(&check).ends(code);
    }
}

/// The types are those that the values of a file fit.
fn csv(bench: &Bench, dir: &Path) {
    let rows = (1..=40)
        .map(|n| format!("{n},person{n}@secret-clinic.de,19{}-02-0{}\n", 40 + n, 1 + n % 9));
    let text = format!("id,email,born\n{}", rows.collect::<String>());
    std::fs::write(dir.join("people.csv"), text).unwrap();
    let source = dir.join("people.csv").to_string_lossy().into_owned();
    let rules = "version = 1\n[tables.\"public.people\"]\ncolumns.id = \"keep\"\ncolumns.email = { mask = \"sql\", value = \"'p' || people.id\" }\ncolumns.born = { mask = \"sql\", value = \"date_trunc('year', born)\" }\n";
    bench.project.write("csv.toml", rules);
    bench.project.devenv(&pull(&source, "csv.toml", "csv.devseed")).success();
    let all = self::rows(&bench.project.path().join("csv.devseed"));
    assert_eq!(all[&0][6], "7\tp7\t1947-01-01");
}
