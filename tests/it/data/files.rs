//! Dumps and CSV files as sources: planned, pulled and loaded like the database itself, with the same masks.

use super::{Bench, everything_in, no_trace};
use crate::support::cache_dir;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes a dump of the source, by a pg_dump on PATH or by the one that devenv fetched.
pub(super) fn dump(bench: &Bench, arguments: &[&str], to: &Path) {
    let clients = std::fs::read_dir(cache_dir().join("clients")).into_iter().flatten().flatten();
    let fetched = clients.map(|entry| entry.path().join("bin/pg_dump")).filter(|p| p.is_file());
    let mut programs = vec![PathBuf::from("pg_dump")];
    programs.extend(fetched);
    let made = programs.iter().any(|program| {
        let mut command = Command::new(program);
        command.args(arguments).arg("-f").arg(to).arg(&bench.source);
        command.output().is_ok_and(|output| output.status.success())
    });
    assert!(made, "no pg_dump is new enough: {programs:?}");
}

/// Blocks of a file at the most, as the shell counts them: some tables of the archive, and not all.
const DISK_BLOCKS: u32 = 60;
const USERS: &str =
    "select md5(string_agg(u::text, ',' order by id)) from users u where email <> 'x@y.test'";

pub(super) fn check(bench: &Bench) {
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| elsewhere.path().join(name);
    let live = bench.one("app", USERS);
    for (arguments, name) in [
        (&["--format=plain"][..], "plain.sql"),
        (&["--format=custom"][..], "packed.dump"),
        (&["--format=directory"][..], "directory"),
        (&["--format=plain", "--compress=6"][..], "plain.sql.gz"),
        (&["--format=tar"][..], "packed.tar"),
    ] {
        dump(bench, arguments, &at(name));
        let source = at(name).to_string_lossy().into_owned();
        bench.project.devenv(&["data", "plan", "--check", "--source", &source]).success();
        let pull = ["data", "pull", "--source", &source, "--out", "d.devseed", "--json"];
        let pulled = bench.project.devenv(&pull).success().json();
        assert_eq!(pulled["rows"], 1605, "{name}");
        assert!(pulled["fingerprints"].as_u64().unwrap() > 2000, "{name}: {pulled}");
        bench.project.devenv(&["data", "verify", "d.devseed"]).success();
        let seeded = bench.project.devenv(&["seed", "d.devseed", "--json"]).success().json();
        let how = seeded["seeded"][0]["how"].as_str().unwrap();
        assert!(how.ends_with("1605 rows of 6 tables"), "{name}: {how}");
        assert_eq!(bench.one("app", USERS), live, "{name}: the masks of the database itself");
        if matches!(name, "plain.sql" | "packed.dump") {
            taken_up(bench, &source);
        }
    }
    // What is sampled and shown works as with a database.
    let source = at("packed.dump").to_string_lossy().into_owned();
    let preview = bench.project.devenv(&["data", "preview", "users", "--source", &source]);
    no_trace("a preview", preview.success().stdout.as_bytes());
    refused(bench, elsewhere.path());
    csv(bench, elsewhere.path());
    no_trace("the project", &everything_in(bench.project.path()));
    let left = "select count(*) from pg_database where datname like 'devenv_scratch%'";
    assert_eq!(bench.one("app", left), "0");
}

/// The disk was full in the middle of a dump: taken up, it becomes the archive that it would have been.
fn taken_up(bench: &Bench, source: &str) {
    let script = format!("trap '' XFSZ; ulimit -f {DISK_BLOCKS}; exec \"$@\"");
    let mut full = bench.project.command("sh");
    full.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_devenv")]);
    let pull = ["data", "pull", "--source", source, "--out", "r.devseed", "--json"];
    assert_eq!(full.args(pull).output().unwrap().status.code(), Some(1));
    let at = |name: &str| bench.project.path().join(name);
    assert!(!at("r.devseed").exists() && at("r.devseed.part").exists());
    super::resume::masked_only(&at("r.devseed.part"));
    let told = bench.project.devenv(&[&pull[..], &["--resume"]].concat()).success().json();
    let (rows, resumed) = (told["rows"].as_u64().unwrap(), told["resumed"].as_u64().unwrap());
    assert!(resumed > 0 && resumed < rows, "{told}");
    let read = |name: &str| std::fs::read(at(name)).unwrap();
    assert!(read("r.devseed") == read("d.devseed"), "{source}");
    std::fs::remove_file(at("r.devseed")).unwrap();
}

/// What cannot be read whole is told, and leaves no archive.
fn refused(bench: &Bench, dir: &Path) {
    dump(bench, &["--inserts"], &dir.join("inserts.sql"));
    let plain = std::fs::read(dir.join("plain.sql")).unwrap();
    let rows = memchr::memmem::find(&plain, b"FROM stdin;").unwrap();
    std::fs::write(dir.join("cut.sql"), &plain[..rows + 200]).unwrap();
    let packed = std::fs::read(dir.join("packed.dump")).unwrap();
    std::fs::write(dir.join("cut.dump"), &packed[..packed.len() - 300]).unwrap();
    for name in ["inserts.sql", "cut.sql", "cut.dump"] {
        let source = dir.join(name).to_string_lossy().into_owned();
        let pull = ["data", "pull", "--source", &source, "--out", "no.devseed"];
        let output =
            bench.project.command(env!("CARGO_BIN_EXE_devenv")).args(pull).output().unwrap();
        assert!(!output.status.success(), "{name}");
        no_trace("an error", &output.stderr);
        assert!(!bench.project.path().join("no.devseed").exists(), "{name}");
        super::resume::masked_only(&bench.project.path().join("no.devseed.part"));
    }
}

/// A table of its own, whose people have the masks that they have in the database.
fn csv(bench: &Bench, dir: &Path) {
    let mut text = String::from("id,email,note\n");
    for n in 1..=60 {
        text.push_str(&format!("{n},alias{n}@secret-clinic.de,\"said \"\"no\"\",\nthen Kunigunde Musterfrau{n} left the house\"\n"));
    }
    std::fs::write(dir.join("aliases.csv"), text).unwrap();
    let source = dir.join("aliases.csv").to_string_lossy().into_owned();
    bench.project.devenv(&["data", "plan", "--source", &source, "--out", "csv.toml"]).success();
    let rules = bench.project.read("csv.toml");
    assert!(rules.contains("columns.email = \"email\"") && rules.contains("columns.id = \"id\""));
    let pull = ["data", "pull", "--source", &source, "--rules", "csv.toml", "--out", "csv.devseed"];
    bench.project.devenv(&pull).success();
    bench.project.devenv(&["data", "verify", "csv.devseed"]).success();
    bench.project.devenv(&["seed", "csv.devseed"]).success();
    let same = "select count(*) from aliases a join users u on u.other_emails[1] = a.email";
    assert_eq!(bench.one("app", same), "60", "one person, one mask");
    bench.sql("app", "drop table aliases");
}
