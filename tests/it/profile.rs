//! Profiles as a user meets them: shipped ones, mistakes with their places, merging, the schema.

use devenv::base::{Exit, Problem};
use devenv::profile::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn text(text: &str) -> Source {
    Source::Text {
        file: "devenv.toml".into(),
        text: text.into(),
        project_dir: std::env::temp_dir(),
    }
}

fn good(toml: &str) -> Profile {
    load(&text(toml)).unwrap_or_else(|m| panic!("{}", m.render()))
}

fn lines(toml: &str) -> Vec<String> {
    match load(&text(toml)) {
        Ok(profile) => panic!("no mistake found: {profile:?}"),
        Err(mistakes) => mistakes.to_string().lines().map(str::to_owned).collect(),
    }
}

#[track_caller]
fn only(toml: &str, expected: &str) {
    assert_eq!(lines(toml), [expected]);
}

fn from_shipped(name: &str) -> Profile {
    let source = Source::Shipped { name: name.into(), project_dir: std::env::temp_dir() };
    load(&source).unwrap_or_else(|m| panic!("{}", m.render()))
}

#[test]
fn ten_mistakes_are_ten_lines() {
    let toml = r#"extends = "defualt"
port = { gateway = 70000, redis = 6380 }
auth = "lenien"

[postgress]

[postgres]
version = 14
extensions = ["pgvector"]

[s3.buckets.Uploads]

[sqs.queues.jobs]
retention = "15d"
dead_letter = { queue = "job-dlq", max_receive_count = 5 }

[sqs.queues.jobs-dlq]

[secrets.both]
value = "hunter2"
generate = 20
"#;
    let expected = [
        "devenv.toml:1:11: `extends = \"defualt\"`: no profile of this name is shipped; did you mean `default`?",
        "devenv.toml:2:20: `port.gateway` must be between 1 and 65535, not 70000",
        "devenv.toml:3:8: `auth` cannot be `lenien`; did you mean `lenient`?",
        "devenv.toml:5:2: unknown key `postgress`; did you mean `postgres`?",
        "devenv.toml:8:11: `postgres.version` must be between 15 and 18, not 14",
        "devenv.toml:9:15: `postgres.extensions[0]` names no extension: `pgvector` is called `vector`; did you mean `vector`?",
        "devenv.toml:11:13: bucket name `Uploads` has capital letters; did you mean `uploads`?",
        "devenv.toml:14:13: `sqs.queues.jobs.retention` must be between 1 minute and 14 days, not 1296000 seconds",
        "devenv.toml:15:25: `sqs.queues.jobs.dead_letter.queue` names `job-dlq`, which this profile does not declare; did you mean `jobs-dlq`?",
        "devenv.toml:21:12: `secrets.both.generate` stands beside `value`; a secret has one of them",
    ];
    assert_eq!(lines(toml), expected);
    let problem = Problem::from(load(&text(toml)).unwrap_err());
    assert_eq!((problem.exit, problem.code), (Exit::Usage, "profile-mistakes"));
    assert!(
        problem.message.contains("\n 3 | auth = \"lenien\"\n   |        ^^^^^^^^"),
        "{}",
        problem.message
    );
    assert!(!problem.message.contains("hunter2"));
}

#[test]
fn minimal_is_the_gateway_alone() {
    let profile = from_shipped("minimal");
    assert_eq!(profile.name, "minimal");
    assert!(profile.postgres.is_none() && profile.redis.is_none() && profile.buckets.is_empty());
    assert_eq!(profile.ports.gateway, Port::Fixed(4566));
    assert_eq!((profile.account.as_str(), profile.region.as_str()), ("000000000000", "us-east-1"));
}

#[test]
fn default_has_each_part_once() {
    let profile = from_shipped("default");
    let postgres = profile.postgres.unwrap();
    assert_eq!(postgres.version, PgVersion { prefer: 17, accept: vec![] });
    assert_eq!(
        (postgres.databases, postgres.extensions),
        (vec!["app".to_owned()], vec!["vector".to_owned()])
    );
    assert!(profile.redis.is_some());
    assert!(profile.buckets.contains_key("uploads"));
    let jobs = &profile.queues["jobs"];
    assert_eq!(
        jobs.dead_letter,
        Some(DeadLetter { queue: "jobs-dlq".into(), max_receive_count: 5 })
    );
    assert_eq!(jobs.attributes["VisibilityTimeout"], "30");
    assert_eq!(profile.queues["jobs-dlq"].attributes["MessageRetentionPeriod"], "1209600");
    let SecretSource::Value(value) = &profile.secrets["app/database"].source else {
        panic!("not a value")
    };
    assert_eq!(serde_json::from_str::<Value>(value).unwrap()["host"], "${postgres.host}");
}

#[test]
fn epicenter_is_the_clinic_platform() {
    let profile = from_shipped("epicenter");
    let postgres = profile.postgres.unwrap();
    assert_eq!(postgres.version, PgVersion { prefer: 15, accept: vec![16, 17] });
    assert_eq!(postgres.extensions, ["vector"]);
    assert_eq!(postgres.settings, BTreeMap::from([("log_statement".into(), "all".into())]));
    let redis = profile.redis.unwrap().settings;
    assert_eq!(redis["maxmemory-policy"], "volatile-lru");
    assert_eq!(redis["notify-keyspace-events"], "Ex");
    let bucket = |name: &str| profile.buckets[&format!("epicenter-{name}")].clone();
    let algorithm = |b: &Bucket| b.settings["encryption"]["algorithm"].clone();

    let documents = bucket("medical-documents");
    assert!(documents.versioning && !documents.public && !documents.settings.contains_key("cors"));
    assert_eq!(algorithm(&documents), "aws:kms");
    let days: Vec<&Value> = documents.settings["lifecycle"][0]["transitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["days"])
        .collect();
    assert_eq!(days, [&json!(90), &json!(365)]);

    let uploads = bucket("user-uploads");
    assert!(uploads.versioning && uploads.settings.contains_key("cors"));
    assert_eq!(
        (algorithm(&uploads), &uploads.settings["lifecycle"][0]["expire_days"]),
        (json!("aws:kms"), &json!(90))
    );
    assert_eq!(uploads.settings["cors"][0]["max_age"], 3600);

    let assets = bucket("static-assets");
    assert!(assets.public && assets.settings.contains_key("cors"));
    assert_eq!(algorithm(&assets), "AES256");

    let backups = bucket("backups");
    assert!(backups.versioning && backups.settings.contains_key("replication"));
    assert_eq!(
        (algorithm(&backups), &backups.settings["lifecycle"][0]["expire_days"]),
        (json!("aws:kms"), &json!(2555))
    );

    assert_eq!(profile.queues.values().filter(|q| q.dead_letter.is_some()).count(), 2);
    assert!(profile.queues.contains_key("epicenter-dead-letter"));
    assert!(profile.ses.identities.len() >= 2);
    assert!(profile.secrets.contains_key("epicenter/database"));
    assert!(profile.secrets.keys().any(|k| k.contains("third-party")));
}

/// `[x]` headers and keys of the template, uncommented.
fn uncommented(template: &str) -> String {
    let opened = template.lines().map(|l| match l.strip_prefix("# ") {
        Some(rest)
            if rest.starts_with('[')
                || rest.split_once(" = ").is_some_and(|(k, _)| !k.contains(' ')) =>
        {
            rest
        }
        _ => l,
    });
    // The port is shown in two ways; the first one is enough here.
    opened.filter(|l| !l.starts_with("port = \"auto\"")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_template_loads_as_written_and_uncommented() {
    for shipped in shipped() {
        let template = template(shipped.name);
        let mut plain = good(&template);
        plain.name = shipped.name.into();
        assert_eq!(plain, from_shipped(shipped.name), "{}", shipped.name);
        let all = good(&uncommented(&template));
        assert!(all.queues.contains_key("orders.fifo") && all.kms_keys.contains_key("documents"));
        assert_eq!((all.seed.len(), all.hooks.before_up.len()), (3, 1));
        assert_eq!(all.ports.smtp, Port::Fixed(1025));
    }
}
