//! `extends`: merging, removing, and chains that lead nowhere.

use super::*;
use std::collections::BTreeMap;

#[test]
fn the_nearer_file_wins_and_false_removes() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write(
        "base.toml",
        "extends = \"default\"\n[postgres]\nversion = { prefer = 15, accept = [16] }\nsettings = { log_statement = \"all\", fsync = \"off\" }\n[secrets.k]\ngenerate = 10\n",
    );
    write(
        "devenv.toml",
        "extends = \"./base.toml\"\nredis = false\n[postgres]\nversion = { prefer = 17 }\nsettings = { fsync = \"on\" }\n[s3.buckets]\nuploads = false\n[sqs.queues.jobs]\ndead_letter = false\ndelay = 1\n[secrets.k]\nvalue = \"v\"\n",
    );
    let profile = load(&Source::File(dir.path().join("devenv.toml")))
        .unwrap_or_else(|m| panic!("{}", m.render()));
    assert_eq!(profile.project_dir, dir.path().canonicalize().unwrap());
    assert_eq!(profile.name, dir.path().file_name().unwrap().to_string_lossy());
    assert!(profile.redis.is_none() && profile.buckets.is_empty());
    let postgres = profile.postgres.unwrap();
    assert_eq!(postgres.version, PgVersion { prefer: 17, accept: vec![] });
    assert_eq!(
        postgres.settings,
        BTreeMap::from([("fsync".into(), "on".into()), ("log_statement".into(), "all".into())])
    );
    assert_eq!(postgres.extensions, ["vector"]);
    let jobs = &profile.queues["jobs"];
    assert_eq!(
        (jobs.attributes["DelaySeconds"].as_str(), jobs.attributes["VisibilityTimeout"].as_str()),
        ("1", "30")
    );
    assert!(jobs.dead_letter.is_none());
    assert_eq!(profile.secrets["k"].source, SecretSource::Value("v".into()));
}

#[test]
fn chains_that_lead_nowhere_are_told_where_they_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let said = |name: &str| load(&Source::File(path(name))).unwrap_err().to_string();
    std::fs::write(path("a.toml"), "extends = \"b.toml\"\n").unwrap();
    std::fs::write(path("b.toml"), "extends = \"./a.toml\"\nfoo = 1\n").unwrap();
    let circle = said("a.toml");
    assert!(
        circle.contains("b.toml:1:11: `extends` goes round in a circle")
            && circle.contains("b.toml:2:1: unknown key `foo`"),
        "{circle}"
    );
    std::fs::write(path("c.toml"), "extends = \"gone.toml\"\nauth = 1\n").unwrap();
    let gone = said("c.toml");
    assert!(
        gone.contains("c.toml:1:11: cannot read")
            && gone.contains("there is no such file")
            && gone.contains("c.toml:2:8:"),
        "{gone}"
    );
    for i in 0..20 {
        std::fs::write(path(&format!("d{i}.toml")), format!("extends = \"d{}.toml\"\n", i + 1))
            .unwrap();
    }
    assert!(said("d0.toml").contains("more than 16 profiles extend one another"));
    assert!(said("none.toml").ends_with("none.toml: there is no such file"));
    assert!(
        load(&Source::File(dir.path().into()))
            .unwrap_err()
            .to_string()
            .ends_with("this is a directory")
    );
    std::fs::write(path("big.toml"), vec![b'\n'; (1 << 20) + 1]).unwrap();
    assert!(said("big.toml").ends_with("larger than 1048576 bytes"));
    std::fs::write(path("latin.toml"), b"a = \"\xe9\"").unwrap();
    assert!(said("latin.toml").ends_with("not UTF-8 at byte 5"));
    let unknown = load(&Source::named("epicentre", dir.path())).unwrap_err().to_string();
    assert_eq!(unknown, "epicentre: no profile of this name is shipped; did you mean `epicenter`?");
}

#[test]
fn what_needs_a_removed_part_says_how_to_be_rid_of_it() {
    let removed = lines("extends = \"default\"\npostgres = false\n");
    assert_eq!(removed.len(), 1, "{removed:#?}");
    let cure = "but this profile has no `[postgres]`; if it is not wanted, write `secrets.\"app/database\" = false`";
    assert!(removed[0].starts_with("profiles/default.toml:") && removed[0].ends_with(cure));
    let rid = "extends = \"default\"\npostgres = false\nsecrets.\"app/database\" = false\n";
    assert!(good(rid).postgres.is_none());
}
