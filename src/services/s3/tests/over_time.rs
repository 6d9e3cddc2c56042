//! What S3 does by itself: lifecycle rules by the virtual clock, replication, events. Each script runs
//! in memory; a day passes by moving a number.

use super::*;
use crate::services::Call;
use crate::services::s3::lifecycle::expiration;
use crate::services::s3::ops::multipart::CreateUpload;
use crate::services::s3::ops::replication::replicate;
use crate::services::s3::ops::tagging::PutObjectTagging;
use crate::services::s3::ops::{lifecycle, replication};
use serde_json::Value;

const DAY: i64 = 86_400_000;
/// 2026-03-01T00:00:00Z
const MARCH: i64 = 1_772_323_200_000;

impl Script {
    fn at(day: i64) -> Self {
        Script { now: MARCH + day * DAY + 1, ..Script::new() }
    }

    fn document(&mut self, index: &mut impl Index, kind: &str, text: &str) {
        let kind = crate::services::s3::documents::Kind::of(kind).unwrap();
        let accepted = kind.accept(text.as_bytes()).unwrap();
        let setting = Setting::Put(kind.name.into(), accepted.document());
        let configure = Configure { bucket: "bucket".into(), setting };
        configure.apply(index, &mut self.context()).unwrap();
    }

    fn rules(&mut self, index: &mut impl Index, rules: &str) {
        let text = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
        self.document(index, "lifecycle", &text);
    }

    /// Lets the clock stand at `day` and the worker do what is due by then, `page` rows at a time.
    fn sweep(&mut self, index: &mut impl Index, day: i64, page: usize) -> usize {
        self.now = MARCH + day * DAY + 1;
        let mut rounds = 0;
        while let Some((name, sweep)) = index.next_sweep().unwrap() {
            if sweep.due > self.now {
                break;
            }
            rounds += 1;
            assert!(rounds < 10_000, "a sweep does not end: {sweep:?}");
            let bucket = index.bucket(&name).unwrap().unwrap();
            let found = lifecycle::look(index, &bucket, &sweep, 2, page).unwrap();
            lifecycle::carry_out(&found, index, &mut self.context()).unwrap();
        }
        rounds
    }
}

/// Keys and ids, newest first; a delete marker has a minus.
fn shown(index: &impl Look) -> Vec<String> {
    let bucket = index.bucket("bucket").unwrap().unwrap();
    let versions = index.versions(bucket.id, &Place::at(""), 1000).unwrap();
    versions.iter().map(|v| format!("{}{}", if v.marker { "-" } else { "" }, v.key)).collect()
}

fn rule(filter: &str, actions: &str) -> String {
    format!("<Rule><Filter>{filter}</Filter><Status>Enabled</Status>{actions}</Rule>")
}

const EXPIRE_3: &str = "<Expiration><Days>3</Days></Expiration>";

#[test]
fn objects_expire_at_the_midnight_behind_their_days() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    script.bucket(&mut index);
    script.rules(&mut index, &rule("<Prefix>logs/</Prefix>", EXPIRE_3));
    script.put(&mut index, "logs/a", "x");
    let kept = script.put(&mut index, "kept", "x");
    let bucket = index.bucket("bucket").unwrap().unwrap();
    let dying = index.newest(bucket.id, "logs/a").unwrap().unwrap();
    let header = expiration(&bucket, &dying).unwrap();
    assert_eq!(header, "expiry-date=\"Thu, 05 Mar 2026 00:00:00 GMT\", rule-id=\"devenv-rule-1\"");
    assert_eq!(expiration(&bucket, &kept), None);
    script.sweep(&mut index, 3, 10);
    assert_eq!(shown(&index), ["kept", "logs/a"], "three days and not the midnight behind them");
    script.sweep(&mut index, 4, 10);
    assert_eq!(shown(&index), ["kept"]);
    assert_eq!(index.bodies(), 1);
    // One written later is not forgotten.
    script.now = MARCH + 6 * DAY;
    script.put(&mut index, "logs/b", "x");
    script.sweep(&mut index, 9, 10);
    assert_eq!(shown(&index), ["kept", "logs/b"]);
    script.sweep(&mut index, 11, 10);
    assert_eq!(shown(&index), ["kept"]);
}

#[test]
fn a_leap_of_the_clock_does_each_day_on_its_day() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    script.bucket(&mut index);
    script.versioning(&mut index, Versioning::Enabled);
    let noncurrent = "<NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays></NoncurrentVersionExpiration>";
    let marker =
        "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
    let rules = rule("", &format!("{EXPIRE_3}{noncurrent}")) + &rule("", marker);
    script.rules(&mut index, &rules);
    script.put(&mut index, "a", "x");
    script.sweep(&mut index, 4, 1);
    assert_eq!(shown(&index), ["-a", "a"], "covered, not deleted");
    script.sweep(&mut index, 5, 1);
    assert_eq!(shown(&index), ["-a", "a"]);
    // The marker came at midnight of day 4; two days later the version goes, and then the marker.
    script.sweep(&mut index, 30, 1);
    assert_eq!(shown(&index), Vec::<String>::new());
    assert_eq!(index.bodies(), 0);
    // The same in one leap.
    script.put(&mut index, "b", "x");
    script.sweep(&mut index, 60, 7);
    assert_eq!(shown(&index), Vec::<String>::new());
}

#[test]
fn the_newest_noncurrent_versions_are_kept() {
    for page in [1, 2, 3, 100] {
        let (mut index, mut script) = (Memory::default(), Script::at(0));
        script.bucket(&mut index);
        script.versioning(&mut index, Versioning::Enabled);
        let keeps = "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>";
        script.rules(&mut index, &rule("<Prefix>k</Prefix>", keeps));
        for n in 0..6 {
            script.put(&mut index, "k", &format!("{n}"));
            script.put(&mut index, "other", &format!("{n}"));
        }
        script.sweep(&mut index, 3, page);
        let left: Vec<String> = shown(&index).into_iter().filter(|k| k == "k").collect();
        assert_eq!(left.len(), 3, "the current one and two others, {page} a page");
        assert_eq!(shown(&index).len(), 9);
    }
}

#[test]
fn classes_only_grow_colder_and_small_objects_stay() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    script.bucket(&mut index);
    let moves = "<Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition><Transition><Days>40</Days><StorageClass>GLACIER</StorageClass></Transition>";
    script.rules(&mut index, &rule("", moves));
    let large = "x".repeat(128 * 1024);
    script.put(&mut index, "large", &large);
    script.put(&mut index, "small", "x");
    let class = |index: &Memory, key: &str| {
        let bucket = index.bucket("bucket").unwrap().unwrap();
        index.newest(bucket.id, key).unwrap().unwrap().storage_class().to_owned()
    };
    script.sweep(&mut index, 31, 10);
    assert_eq!(class(&index, "large"), "STANDARD_IA");
    script.sweep(&mut index, 41, 10);
    assert_eq!(class(&index, "large"), "GLACIER");
    assert_eq!(class(&index, "small"), "STANDARD");
}

#[test]
fn filters_join_prefix_tags_and_size() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    script.bucket(&mut index);
    let filter = "<And><Prefix>t/</Prefix><Tag><Key>a</Key><Value>1</Value></Tag><ObjectSizeGreaterThan>2</ObjectSizeGreaterThan></And>";
    script.rules(&mut index, &rule(filter, EXPIRE_3));
    for (key, text) in [("t/yes", "xxx"), ("t/small", "xx"), ("t/untagged", "xxx"), ("u", "xxx")] {
        script.put(&mut index, key, text);
        if key != "t/untagged" {
            let tags = [("a".to_owned(), "1".to_owned())].into();
            let (bucket, key) = ("bucket".to_owned(), key.to_owned());
            let tag = PutObjectTagging { bucket, key, version: None, tags, delete: false };
            tag.apply(&mut index, &mut script.context()).unwrap();
        }
    }
    script.sweep(&mut index, 9, 2);
    assert_eq!(shown(&index), ["t/small", "t/untagged", "u"]);
}

#[test]
fn uploads_that_nobody_completes_are_given_up() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    let bucket = script.bucket(&mut index);
    let abort = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>";
    script.rules(&mut index, &rule("<Prefix>up</Prefix>", abort));
    for key in ["up/1", "up/2", "stays"] {
        let create = CreateUpload {
            bucket: "bucket".into(),
            key: key.into(),
            attributes: Attributes::default(),
            encrypted_by_header: false,
            checksum: None,
        };
        create.apply(&mut index, &mut script.context()).unwrap();
    }
    let behind = UploadPlace { key: String::new(), initiated: i64::MIN, id: String::new() };
    script.sweep(&mut index, 2, 1);
    assert_eq!(index.uploads(bucket.id, &behind, 10).unwrap().len(), 3);
    script.sweep(&mut index, 3, 1);
    let left = index.uploads(bucket.id, &behind, 10).unwrap();
    assert_eq!(left.iter().map(|u| u.key.as_str()).collect::<Vec<_>>(), ["stays"]);
}

#[test]
fn a_bucket_is_looked_through_when_something_can_be_due_and_not_before() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    script.bucket(&mut index);
    script.rules(&mut index, &rule("", "<Expiration><Days>365</Days></Expiration>"));
    for n in 0..50 {
        script.put(&mut index, &format!("{n}"), "x");
    }
    assert_eq!(script.sweep(&mut index, 0, 1000), 1, "once, because the rules are new");
    assert_eq!(script.sweep(&mut index, 300, 1000), 0, "nothing can be due for a year");
    assert!(script.sweep(&mut index, 366, 1000) <= 4);
    assert!(shown(&index).is_empty());
}

fn events(index: &mut Memory) -> Vec<Value> {
    let calls = std::mem::take(&mut index.posted);
    let body = |call: Call| match call {
        Call::SendMessage { body, .. } => serde_json::from_str::<Value>(&body).unwrap(),
        other => panic!("no message: {other:?}"),
    };
    calls.into_iter().map(body).map(|mut body| body["Records"][0].take()).collect()
}

fn names(index: &mut Memory) -> Vec<String> {
    events(index).iter().map(|e| e["eventName"].as_str().unwrap().to_owned()).collect()
}

fn watch(script: &mut Script, index: &mut impl Index, filter: &str) {
    let events: String = [
        "ObjectCreated:*",
        "ObjectRemoved:*",
        "ObjectTagging:*",
        "LifecycleExpiration:*",
        "LifecycleTransition",
        "Replication:*",
    ]
    .map(|event| format!("<Event>s3:{event}</Event>"))
    .concat();
    let text = format!(
        "<NotificationConfiguration><QueueConfiguration><Id>mine</Id><Queue>arn:aws:sqs:us-east-1:000000000000:q</Queue>{events}{filter}</QueueConfiguration></NotificationConfiguration>"
    );
    script.document(index, "notification", &text);
}

#[test]
fn events_tell_what_happened_in_awss_form() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    script.bucket(&mut index);
    watch(&mut script, &mut index, "");
    script.put(&mut index, "a b@c/ü", "text");
    let told = events(&mut index);
    let event = &told[0];
    assert_eq!(event["eventVersion"], "2.1");
    assert_eq!(event["eventName"], "ObjectCreated:Put");
    assert_eq!(event["awsRegion"], "us-east-1");
    assert_eq!(event["s3"]["configurationId"], "mine");
    assert_eq!(event["s3"]["bucket"]["arn"], "arn:aws:s3:::bucket");
    let object = event["s3"]["object"].as_object().unwrap();
    assert_eq!(object.keys().collect::<Vec<_>>(), ["key", "size", "eTag", "sequencer"]);
    assert_eq!((&object["key"], &object["size"]), (&"a+b%40c/%C3%BC".into(), &4.into()));
    script.delete(&mut index, "a b@c/ü", None);
    let told = events(&mut index);
    assert_eq!(told[0]["eventName"], "ObjectRemoved:Delete");
    let gone = told[0]["s3"]["object"].as_object().unwrap();
    assert_eq!(gone.keys().collect::<Vec<_>>(), ["key", "sequencer"]);
    assert!(gone["sequencer"].as_str() > object["sequencer"].as_str());
    script.delete(&mut index, "never was", None);
    assert!(events(&mut index).is_empty());
    script.versioning(&mut index, Versioning::Enabled);
    let version = script.put(&mut index, "v", "x");
    script.delete(&mut index, "v", None);
    script.delete(&mut index, "v", Some(&version.id));
    let told = events(&mut index);
    let shown: Vec<_> = told.iter().map(|e| (&e["eventName"], &e["s3"]["object"])).collect();
    assert_eq!(shown[0].1["versionId"], version.id.as_str());
    assert_eq!(shown[1].0, "ObjectRemoved:DeleteMarkerCreated");
    assert_eq!(shown[1].1["eTag"], "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(shown[2].0, "ObjectRemoved:Delete");
    assert_eq!(shown[2].1["versionId"], version.id.as_str());
    assert!(shown[2].1.get("eTag").is_none());
}

#[test]
fn filters_choose_by_prefix_and_suffix() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    script.bucket(&mut index);
    let filter = "<Filter><S3Key><FilterRule><Name>prefix</Name><Value>in/</Value></FilterRule><FilterRule><Name>Suffix</Name><Value>.txt</Value></FilterRule></S3Key></Filter>";
    watch(&mut script, &mut index, filter);
    for key in ["in/a.txt", "in/a.bin", "out/a.txt", "in/.txt"] {
        script.put(&mut index, key, "x");
    }
    let keys: Vec<Value> =
        events(&mut index).into_iter().map(|e| e["s3"]["object"]["key"].clone()).collect();
    assert_eq!(keys, ["in/a.txt", "in/.txt"]);
}

#[test]
fn lifecycle_tells_of_itself() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    script.bucket(&mut index);
    watch(&mut script, &mut index, "");
    let moves = "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>";
    script.rules(
        &mut index,
        &rule("<ObjectSizeGreaterThan>0</ObjectSizeGreaterThan>", &format!("{moves}{EXPIRE_3}")),
    );
    script.put(&mut index, "a", "x");
    script.sweep(&mut index, 9, 10);
    assert_eq!(
        names(&mut index),
        ["ObjectCreated:Put", "LifecycleTransition", "LifecycleExpiration:Delete"]
    );
}

fn replicating(script: &mut Script, index: &mut impl Index, rule: &str) {
    script.versioning(index, Versioning::Enabled);
    let text = format!(
        "<ReplicationConfiguration><Role>role</Role><Rule><ID>r</ID><Status>Enabled</Status>{rule}<Destination><Bucket>arn:aws:s3:::target</Bucket><StorageClass>STANDARD_IA</StorageClass></Destination></Rule></ReplicationConfiguration>"
    );
    script.document(index, "replication", &text);
}

fn work_off(script: &mut Script, index: &mut impl Index) {
    for pending in index.pending(100).unwrap() {
        replicate(&pending, index, &mut script.context()).unwrap();
    }
}

#[test]
fn replicas_have_the_id_the_date_and_the_bytes_of_their_source() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    script.bucket(&mut index);
    let create = CreateBucket { name: "target".into(), ..CreateBucket::default() };
    create.apply(&mut index, &mut script.context()).unwrap();
    let filter = "<Priority>1</Priority><Filter><Prefix>r/</Prefix></Filter><DeleteMarkerReplication><Status>Enabled</Status></DeleteMarkerReplication>";
    replicating(&mut script, &mut index, filter);
    let source = script.put(&mut index, "r/a", "x");
    assert_eq!(source.attributes.replication, replication::PENDING);
    let other = script.put(&mut index, "other", "x");
    assert_eq!(other.attributes.replication, "");
    // The target has no versions yet.
    work_off(&mut script, &mut index);
    let status = |index: &Memory, name: &str, key: &str| {
        let bucket = index.bucket(name).unwrap().unwrap();
        index.newest(bucket.id, key).unwrap().map(|v| v.attributes.replication)
    };
    assert_eq!(status(&index, "bucket", "r/a").as_deref(), Some(replication::FAILED));
    let setting = Setting::Versioning(Versioning::Enabled, None);
    let configure = Configure { bucket: "target".into(), setting };
    configure.apply(&mut index, &mut script.context()).unwrap();
    let source = script.put(&mut index, "r/a", "y");
    script.delete(&mut index, "r/a", None);
    work_off(&mut script, &mut index);
    assert!(index.pending(1).unwrap().is_empty());
    let target = index.bucket("target").unwrap().unwrap();
    let replica = index.version(target.id, "r/a", &source.id).unwrap().unwrap();
    assert_eq!((replica.modified, &replica.etag), (source.modified, &source.etag));
    assert_eq!(replica.attributes.replication, replication::REPLICA);
    assert_eq!(replica.storage_class(), "STANDARD_IA");
    assert!(index.newest(target.id, "r/a").unwrap().unwrap().marker);
    // The bytes are shared: they stay while one of the two has them.
    let bodies = index.bodies();
    script.delete(&mut index, "r/a", Some(&source.id));
    assert_eq!(index.bodies(), bodies);
    assert!(index.blob(replica.extents[0].blob).unwrap().is_some());
}

#[test]
fn rules_delete_nothing_that_a_lock_protects() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    let bucket = script.bucket(&mut index);
    script.versioning(&mut index, Versioning::Enabled);
    let noncurrent = "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>";
    script.rules(&mut index, &rule("<Prefix></Prefix>", noncurrent));
    let mut held = script.put(&mut index, "k", "held");
    held.attributes.legal_hold = Some(true);
    index.update_version(&held).unwrap();
    script.put(&mut index, "k", "new");
    script.sweep(&mut index, 9, 10);
    assert_eq!(shown(&index), ["k", "k"]);
    held.attributes.legal_hold = Some(false);
    index.update_version(&held).unwrap();
    script.sweep(&mut index, 11, 10);
    assert_eq!(shown(&index), ["k"]);
    assert_ne!(index.newest(bucket.id, "k").unwrap().unwrap().id, held.id);
}

#[test]
fn what_is_written_while_a_sweep_looks_is_not_forgotten() {
    let (mut index, mut script) = (Memory::default(), Script::at(0));
    script.bucket(&mut index);
    script.rules(&mut index, &rule("", EXPIRE_3));
    let (name, sweep) = index.next_sweep().unwrap().unwrap();
    let bucket = index.bucket(&name).unwrap().unwrap();
    let found = lifecycle::look(&index, &bucket, &sweep, 2, 10).unwrap();
    script.put(&mut index, "late", "x");
    lifecycle::carry_out(&found, &mut index, &mut script.context()).unwrap();
    script.sweep(&mut index, 4, 10);
    assert!(shown(&index).is_empty());
}
