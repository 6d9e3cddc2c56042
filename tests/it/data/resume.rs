//! Pulls that broke off, taken up again: the pull itself is killed, the network is cut, the disk is full. What
//! was brought stays as far as the source is unchanged, and the archive is byte for byte that of a pull that
//! nothing broke.

use super::broken::{Ending, through_a_wire};
use super::{Bench, no_trace};
use crate::support::{Project, Run, wait_for};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// More bytes in the second table than a wire lets through; nothing of them gets into the archive.
const SOURCE: &str = "
create table a_people (id bigint primary key, email text not null, name text);
create table b_visits (id bigint primary key, person bigint references a_people, note text);
create table c_pets (id bigint primary key, owner bigint references a_people, name text);
insert into a_people select i, 'person' || i || '@secret-clinic.de', 'Kunigunde Musterfrau' || i from generate_series(1, 500) i;
insert into b_visits select i, 1 + i % 490, repeat('Kunigunde Hohenfels was here ', 20) from generate_series(1, 12000) i;
insert into c_pets select i, 1 + i % 490, 'Rex of Musterfrau' || i from generate_series(1, 300) i;
";
const RULES: &str = "version = 1
[tables.\"public.a_people\"]
columns = { id = \"id\", email = \"email\", name = \"name\" }
[tables.\"public.b_visits\"]
columns = { id = \"id\", person = \"id\", note = \"null\" }
[tables.\"public.c_pets\"]
columns = { id = \"id\", owner = \"id\", name = \"prose\" }
";
/// Bytes of a frame's header: kind, table, rows, sizes, checksum.
const HEADER: usize = 49;

/// Whatever lies there of an archive holds masked rows only, packed or not.
pub(super) fn masked_only(part: &Path) {
    let Ok(bytes) = std::fs::read(part) else { return };
    no_trace("a part of an archive", &bytes);
    let mut rest = bytes.get(8..).unwrap_or_default();
    while rest.len() > HEADER {
        let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
        let (unpacked, packed) = (number(9), number(13));
        let Some(frame) = rest.get(HEADER..HEADER + packed) else { return };
        let plain = zstd::bulk::decompress(frame, unpacked).unwrap();
        no_trace("a frame of an archive", &plain);
        rest = &rest[HEADER + packed..];
    }
}

fn pull<'a>(source: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let all = ["data", "pull", "--json", "--rules", "rules.toml", "--source", source, "--out", out];
    [&all, more].concat()
}

/// What a command told of its failure, as JSON or in words.
fn said(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

/// A pull ends as it ends when nothing broke it, and leaves nothing beside the archive.
fn resumed(project: &Project, source: &str, out: &str, there: u64) {
    let told = project.devenv(&pull(source, out, &["--resume"])).success().json();
    assert_eq!(told["resumed"], there, "{told}");
    let whole = project.devenv(&pull(source, "whole.devseed", &[])).success().json();
    assert_eq!((&whole["resumed"], &whole["rows"]), (&0.into(), &told["rows"]));
    let read = |name: &str| std::fs::read(project.path().join(name)).unwrap();
    assert!(read(out) == read("whole.devseed"), "{out} is another archive than an unbroken pull's");
    for ending in ["part", "resume"] {
        assert!(!project.path().join(format!("{out}.{ending}")).exists(), "{out}.{ending}");
    }
}

#[test]
fn a_pull_that_broke_off_is_taken_up_again() {
    let bench = Bench::new();
    bench.sql("source", SOURCE);
    bench.project.write("rules.toml", RULES);
    killed(&bench);
    bench.project.devenv(&["data", "verify", "k.devseed"]).success();
    bench.project.devenv(&["seed", "k.devseed"]).success();
    assert_eq!(
        bench.one("app", "select count(*) from b_visits join a_people p on p.id = person"),
        "12000"
    );
    for (change, there) in [
        // What was read whole is as it was, whatever becomes of the others.
        ("insert into c_pets values (999, 1, 'Rex')", 500),
        // Another version of a row, one less, others instead, the same in another file.
        ("update a_people set name = name where id = 1", 0),
        ("delete from a_people where id = 500", 0),
        (
            "delete from a_people where id = 499; insert into a_people values (499, 'x@secret-clinic.de', null)",
            0,
        ),
        ("vacuum full a_people", 0),
    ] {
        let told = said(&cut(&bench));
        assert!(told.contains("rows are kept, masked: the same command with --resume"), "{told}");
        bench.sql("source", change);
        resumed(&bench.project, &bench.source, "n.devseed", there);
    }
    // Without --resume a pull begins anew, and there is nothing to take up for one that ended.
    cut(&bench);
    bench.project.devenv(&pull(&bench.source, "n.devseed", &[])).success();
    resumed(&bench.project, &bench.source, "n.devseed", 0);
    files(&bench);
}

/// The network is cut in the middle of the second table.
fn cut(bench: &Bench) -> Run {
    let wire = through_a_wire(&bench.source, Ending::Cut);
    // Of the round before.
    let _ = std::fs::remove_file(bench.project.path().join("n.devseed"));
    let run = bench.project.devenv(&pull(&wire, "n.devseed", &[])).ends(1);
    assert!(said(&run).contains("reading the source broke off"), "{}", said(&run));
    no_trace("an error", said(&run).as_bytes());
    left(&bench.project, "n.devseed");
    run
}

/// What a pull leaves that broke off holds nobody.
fn left(project: &Project, out: &str) {
    assert!(!project.path().join(out).exists());
    let part = project.path().join(format!("{out}.part"));
    assert!(part.exists());
    masked_only(&part);
    no_trace("a journal", project.read(&format!("{out}.resume")).as_bytes());
}

/// The pull is killed in the middle of the second table; by another key or other rules nothing is taken up.
fn killed(bench: &Bench) {
    let wire = through_a_wire(&bench.source, Ending::Still);
    let mut command = bench.project.command(env!("CARGO_BIN_EXE_devenv"));
    command.args(pull(&wire, "k.devseed", &[])).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = command.spawn().unwrap();
    let journal = bench.project.path().join("k.devseed.resume");
    wait_for("a table to be whole", Duration::from_secs(120), || {
        let text = std::fs::read_to_string(&journal).unwrap_or_default();
        text.contains("\"Table\"").then_some(())
    });
    let busy = bench.project.devenv(&pull(&bench.source, "k.devseed", &["--resume"])).ends(5);
    assert!(said(&busy).contains("another devenv is writing"), "{}", said(&busy));
    running.kill().unwrap();
    running.wait().unwrap();
    // The wire holds its session, and so its locks.
    let ours = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'devenv data'";
    bench.sql("source", ours);
    left(&bench.project, "k.devseed");
    let resume = pull(&bench.source, "k.devseed", &["--resume"]);
    let mut other = bench.project.command(env!("CARGO_BIN_EXE_devenv"));
    let run = Run::of(other.args(&resume).env("DEVENV_DATA_KEY", "another key of enough length"));
    assert!(said(&run.ends(2)).contains("the key of the masks is another one"));
    bench.project.write("rules.toml", &RULES.replacen("\"null\"", "\"prose\"", 1));
    let run = bench.project.devenv(&resume).ends(2);
    assert!(said(&run).contains("the rules are other ones"), "{}", said(&run));
    bench.project.write("rules.toml", RULES);
    bench.sql("source", "create index pets_of on c_pets (owner)");
    let run = bench.project.devenv(&resume).ends(2);
    assert!(said(&run).contains("the source's tables are other ones"), "{}", said(&run));
    bench.sql("source", "drop index pets_of");
    resumed(&bench.project, &bench.source, "k.devseed", 500);
}

/// The disk is full while files are pulled: the same files are taken up where the archive ended.
fn files(bench: &Bench) {
    let (project, folder) = (&bench.project, tempfile::tempdir().unwrap());
    let write = |name: &str, rows: usize, note: &str| {
        let rows = (1..=rows).map(|n| format!("{n},person{n}@secret-clinic.de,{note}{n}\n"));
        let text = format!("id,email,note\n{}", rows.collect::<String>());
        std::fs::write(folder.path().join(name), text).unwrap();
    };
    write("people.csv", 400, "");
    write("visits.csv", 4000, &"Musterfrau ".repeat(20));
    let rules = "columns = { id = \"id\", email = \"email\", note = \"text\" }";
    project.write("rules.toml", &format!("version = 1\n[tables.\"public.people\"]\n{rules}\n[tables.\"public.visits\"]\n{rules}\n"));
    let source = folder.path().to_string_lossy().into_owned();
    let full = || {
        let mut full = project.command("sh");
        full.args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"]);
        full.arg(env!("CARGO_BIN_EXE_devenv")).args(pull(&source, "f.devseed", &[]));
        let run = Run::of(&mut full).ends(1);
        assert!(
            said(&run).contains("cannot write") && said(&run).contains("400 rows are kept"),
            "{}",
            said(&run)
        );
        left(project, "f.devseed");
    };
    full();
    resumed(project, &source, "f.devseed", 400);
    std::fs::remove_file(project.path().join("f.devseed")).unwrap();
    full();
    // Other numbers of the same type.
    write("people.csv", 400, "9");
    let run = project.devenv(&pull(&source, "f.devseed", &["--resume"])).ends(2);
    assert!(
        said(&run).contains("the source is not what it was when the pull broke off"),
        "{}",
        said(&run)
    );
    project.devenv(&pull(&source, "f.devseed", &[])).success();
}
