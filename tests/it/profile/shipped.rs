//! Shipped profiles, the template of `devenv init`, and what is shown of a profile.

use super::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

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

#[test]
fn what_is_shown_hides_what_is_secret() {
    let toml = "[postgres]\npassword = \"hunter2\"\n[secrets.a]\nvalue = \"hunter2\"\n[secrets.b]\nvalue = { k = \"hunter2\" }\n[secrets.value]\ngenerate = 5\n[kms.keys.k]\nmaterial = \"hunter2hunter2hunter2hunter2hunter2hunter2A=\"\n[ses]\nforward = { host = \"h\", password = \"hunter2\", only = [\"a@b.c\"] }\n";
    let profile = good(toml);
    for shown in [show_toml(&profile), show_json(&profile).to_string()] {
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("(hidden)"));
    }
    assert_eq!(show_json(&profile)["secrets"]["value"]["generate"], 5);
}
