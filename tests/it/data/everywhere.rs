//! One person has one mask everywhere: in the database's rows, in objects and their keys, in messages, mails
//! and keys of Redis, which are masked as files and put where they belong by the profile's `[seed]`.

use super::{Bench, everything_in, no_trace};
use crate::support::{python, script};
use serde_json::{Value, json};
use std::path::Path;

/// A person of the source, as she stands in its rows.
const ADDRESS: &str = "person7@secret-clinic.de";

const RULES: &str = r#"version = 1
[files."in/**"]
name = "in/{email}/{id}.json"
body = { mask = "json", paths = { "$.contact.email" = "email", "$.user" = "id", "$.seen.{email}" = "keep" } }
[files."jobs.txt"]
lines = { mask = "json", paths = { "$.to" = "email", "$.user" = "id" } }
[files."sessions.txt"]
lines = { mask = "pattern", value = "session:{email} {*}" }
[files."keys.json"]
body = { mask = "json", paths = { "$.profile.hash.email" = "email", "$.profile.expires" = "keep", "$.recent.list[*]" = "email" } }
[files."mails/*.eml"]
mail = true
"#;

/// What the profile puts where.
pub(super) const SEED: &str = "
[redis]
[s3.buckets.uploads]
[sqs.queues.jobs]
[seed]
objects = [{ bucket = 'uploads', path = 'masked/in' }]
messages = [{ queue = 'jobs', file = 'masked/jobs.txt' }]
mails = 'masked/mails'
redis = ['masked/sessions.txt', 'masked/keys.json']
";

/// The real files, outside of the project.
fn raw(dir: &Path) {
    let write = |name: &str, text: String| {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let document = json!({"contact": {"email": ADDRESS}, "user": 7, "seen": {ADDRESS: true}});
    write(&format!("in/{ADDRESS}/7.json"), document.to_string());
    write("jobs.txt", format!("{}\n", json!({"to": ADDRESS, "user": 7})));
    write("sessions.txt", format!("session:{ADDRESS} open\n"));
    let keys = json!({
        "profile": {"hash": {"email": ADDRESS}, "expires": 86_400}, "recent": {"list": [ADDRESS]},
    });
    write("keys.json", keys.to_string());
    let mail = "Subject: The results of Kunigunde Musterfrau7\r\n\r\nDear Kunigunde Musterfrau7, your results are in the house.\r\n";
    write(
        "mails/1.eml",
        format!("From: {ADDRESS}\r\nTo: Kunigunde Musterfrau7 <{ADDRESS}>\r\n{mail}"),
    );
}

pub(super) fn check(bench: &Bench) {
    let elsewhere = tempfile::tempdir().unwrap();
    raw(elsewhere.path());
    let project = &bench.project;
    project.write("files.toml", RULES);
    let folder = elsewhere.path().to_string_lossy().into_owned();
    let mask = ["data", "mask", &folder, "--out", "masked", "--rules", "files.toml", "--json"];
    let masked = project.devenv(&mask).success().json();
    assert_eq!((&masked["files"], &masked["fingerprints"]), (&json!(5), &json!(4)), "{masked}");
    project.devenv(&["seed"]).success();
    let again = project.devenv(&["seed", "--json"]).success().json();
    let how = |nth: usize| again["seeded"][nth]["how"].as_str().unwrap();
    let there = "everything was there already";
    assert_eq!([how(0), how(1), how(2)], [there; 3], "{again}");
    assert_eq!([how(3), how(4)], ["1 keys", "2 keys"], "{again}");
    found(bench);
    verified(bench);
    no_trace("the project", &everything_in(project.path()));
}

/// Everywhere the fake that the person has in the database.
fn found(bench: &Bench) {
    let python = python().to_string_lossy().into_owned();
    let program = script("data/everywhere.py").to_string_lossy().into_owned();
    let run = bench.project.devenv(&["exec", "--", &python, &program]).success();
    no_trace("the environment", run.stdout.as_bytes());
    let held: Value = serde_json::from_str(&run.stdout).unwrap();
    let fake = held["messages"][0]["to"].as_str().unwrap().to_owned();
    let row = format!("select id from users where email = '{fake}'");
    let id: i64 = bench.one("app", &row).parse().expect("the database has the person too");
    let expected = json!({
        "keys": [format!("{fake}/{id}.json")],
        "bodies": [{"contact": {"email": fake}, "user": id, "seen": {&fake: true}}],
        "messages": [{"to": fake, "user": id}],
        "mails": [{"from": fake, "to": [fake]}],
        "sessions": [format!("session:{fake}")],
        "profile": [fake],
        "list": [fake],
        "expires": true,
    });
    assert_eq!(held, expected);
}

/// Fingerprints that somebody took out are missed: else nothing would be found.
fn without_a_list(bench: &Bench) {
    let at = bench.project.path().join("masked.prints");
    let whole = std::fs::read(&at).unwrap();
    // Behind the eight bytes that every archive begins with: its packed size, and its end.
    let packed = u32::from_le_bytes(whole[8 + 13..8 + 17].try_into().unwrap());
    let end = 8 + 49 + packed as usize;
    let mut less = [&whole[..8], &whole[end..]].concat();
    let place = less.len() - 16;
    let manifest = u64::from_le_bytes(less[place..place + 8].try_into().unwrap());
    less[place..place + 8].copy_from_slice(&(manifest - (end as u64 - 8)).to_le_bytes());
    std::fs::write(&at, less).unwrap();
    let run = bench.project.devenv(&["data", "verify", "masked"]).ends(1);
    assert!(run.stderr.contains("frames are missing or were added"), "{}", run.stderr);
    std::fs::write(&at, whole).unwrap();
}

/// A masked folder is looked through as an archive is: names of files, and what they hold.
fn verified(bench: &Bench) {
    let project = &bench.project;
    let verify = ["data", "verify", "masked", "--certificate", "m.json", "--json"];
    let certificate = project.devenv(&verify).success().json();
    assert_eq!(certificate["scanned"], json!(["names", "contents"]), "{certificate}");
    assert_eq!(certificate["fingerprints"], 4, "{certificate}");
    without_a_list(bench);
    let jobs = project.read("masked/jobs.txt");
    project.write("masked/jobs.txt", &format!("{jobs}{{\"to\":\"{ADDRESS}\"}}\n"));
    project.write(&format!("masked/in/{ADDRESS}"), "{}");
    // Packed, as mails have it: `person7@secret-clinic.de`.
    let packed = "cGVyc29uN0BzZWNyZXQtY2xpbmljLmRl";
    project.write("masked/told.eml", &format!("From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\n{packed}\r\n--x--\r\n"));
    let run = project.devenv(&["data", "verify", "masked"]).ends(1);
    let name = format!("folder: the name of in/{ADDRESS}");
    assert!(
        run.stderr.contains("folder: jobs.txt") && run.stderr.contains(&name),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("folder: an attachment of told.eml"), "{}", run.stderr);
    std::fs::remove_file(project.path().join("masked/told.eml")).unwrap();
    std::fs::remove_file(project.path().join("masked/in").join(ADDRESS)).unwrap();
    project.write("masked/jobs.txt", &jobs);
    let mut other = project.command(env!("CARGO_BIN_EXE_devenv"));
    let other = other.args(["data", "verify", "masked"]);
    let other = other.env("DEVENV_DATA_KEY", "another key of enough length").output().unwrap();
    assert!(String::from_utf8_lossy(&other.stderr).contains("masked with another key"));
}
