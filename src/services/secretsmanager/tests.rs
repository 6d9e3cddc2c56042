//! Scripts over a virtual clock: what AWS was recorded to answer, and invariants under random calls.

use super::error::Error;
use super::ops::*;
use super::state::{CURRENT, Change, State};
use crate::base::{Caller, Context, Ids, Millis};
use crate::services::Operation;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

mod rotation;

const DAY: i64 = 86_400;

/// A state, a clock and a caller.
pub(super) struct World {
    pub(super) state: State,
    ids: Ids,
    now: Millis,
    caller: Caller,
    /// All that was recorded for the disk.
    pub(super) changes: Vec<Change>,
}

impl World {
    pub(super) fn new() -> World {
        World {
            state: State::default(),
            ids: Ids::seeded(1),
            now: Millis(1_795_256_130_123),
            caller: Caller::internal("000000000000", "us-east-1", "http://127.0.0.1:4566"),
            changes: Vec::new(),
        }
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    fn sleep(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
        self.run(Purge).unwrap();
    }

    pub(super) fn run<O>(&mut self, operation: O) -> Result<O::Output, Error>
    where
        O: Operation<State = State, Change = Change, Error = Error>,
    {
        let mut context = Context { now: self.now, ids: &mut self.ids, caller: &self.caller };
        let mut changes = Vec::new();
        let output = Tended(operation).apply(&mut self.state, &mut context, &mut changes)?;
        self.changes.append(&mut changes);
        Ok(output)
    }

    pub(super) fn call<O>(&mut self, input: Value) -> Result<Value, Error>
    where
        O: Operation<State = State, Change = Change, Error = Error> + DeserializeOwned,
        O::Output: Serialize,
    {
        let operation: O = serde_json::from_value(input).unwrap();
        Ok(serde_json::to_value(self.run(operation)?).unwrap())
    }

    fn put(&mut self, n: u32, stages: &[&str]) -> Result<Value, Error> {
        self.call::<PutSecretValue>(json!({
            "SecretId": "s", "ClientRequestToken": token(n), "SecretString": format!("v{n}"),
            "VersionStages": stages,
        }))
    }

    /// `n:AWSCURRENT,…` of each version that is listed.
    fn versions(&mut self, deprecated: bool) -> Vec<String> {
        let input = json!({"SecretId": "s", "IncludeDeprecated": deprecated});
        let listed = self.call::<ListSecretVersionIds>(input).unwrap();
        let text = |version: &Value| {
            let stages = version["VersionStages"].as_array().cloned().unwrap_or_default();
            let stages: Vec<&str> = stages.iter().map(|s| s.as_str().unwrap()).collect();
            let id = version["VersionId"].as_str().unwrap().trim_start_matches('0');
            format!("{id}:{}", stages.join(","))
        };
        listed["Versions"].as_array().unwrap().iter().map(text).collect()
    }
}

fn token(n: u32) -> String {
    format!("{n:032}")
}

fn with_secret() -> World {
    let mut world = World::new();
    let input = json!({"Name": "s", "ClientRequestToken": token(1), "SecretString": "v1"});
    world.call::<CreateSecret>(input).unwrap();
    world
}

#[test]
fn labels_move_as_aws_moved_them() {
    // test_update_secret_version_stages_current_pending of the recordings.
    let mut world = with_secret();
    world.put(2, &["AWSPENDING"]).unwrap();
    assert_eq!(world.versions(false), ["1:AWSCURRENT", "2:AWSPENDING"]);
    let move_current = json!({"SecretId": "s", "VersionStage": CURRENT,
        "MoveToVersionId": token(2), "RemoveFromVersionId": token(1)});
    world.call::<UpdateSecretVersionStage>(move_current).unwrap();
    assert_eq!(world.versions(false), ["1:AWSPREVIOUS", "2:AWSCURRENT,AWSPENDING"]);
    world.put(3, &["AWSCURRENT"]).unwrap();
    assert_eq!(world.versions(false), ["2:AWSPREVIOUS", "3:AWSCURRENT"]);
    // test_non_versioning_version_stages_no_replacement.
    world.put(4, &["one", "two", "three"]).unwrap();
    world.put(5, &["one", "two", "four"]).unwrap();
    assert_eq!(
        world.versions(true),
        ["1:", "2:AWSPREVIOUS", "3:AWSCURRENT", "4:three", "5:four,one,two"]
    );
}

#[test]
fn a_label_elsewhere_moves_only_when_its_place_is_named() {
    let mut world = with_secret();
    world.put(2, &["x"]).unwrap();
    let mut update = |stage: &str, from: Option<u32>, to: Option<u32>| {
        let input = json!({"SecretId": "s", "VersionStage": stage,
            "RemoveFromVersionId": from.map(token), "MoveToVersionId": to.map(token)});
        world.call::<UpdateSecretVersionStage>(input).map(drop)
    };
    let here = |stage: &str, n| Error::StageElsewhere { stage: stage.into(), version: token(n) };
    assert_eq!(update(CURRENT, None, Some(2)), Err(here(CURRENT, 1)));
    assert_eq!(update(CURRENT, Some(1), None), Err(Error::CurrentMustStay));
    assert_eq!(update("x", None, Some(1)), Err(here("x", 2)));
    assert_eq!(update("x", Some(9), None), Err(Error::NotAVersion(token(9))));
    let not_there = Error::StageNotThere { stage: "x".into(), version: token(1) };
    assert_eq!(update("x", Some(1), None), Err(not_there));
    assert_eq!(update("x", None, None), Err(Error::NothingToMove));
    assert_eq!(update("x", Some(2), None), Ok(()));
    assert_eq!(update("y", None, Some(1)), Ok(()));
    assert_eq!(world.versions(true), ["1:AWSCURRENT,y", "2:"]);
}

#[test]
fn a_repetition_with_the_same_token_is_no_second_version() {
    let mut world = with_secret();
    let create =
        |value: &str| json!({"Name": "s", "ClientRequestToken": token(1), "SecretString": value});
    assert_eq!(world.call::<CreateSecret>(create("v1")).unwrap()["VersionId"], token(1));
    let taken = world.call::<CreateSecret>(create("other")).unwrap_err();
    assert!(matches!(taken, Error::TokenInUse { .. }));
    world.put(2, &["AWSCURRENT"]).unwrap();
    world.put(3, &["AWSCURRENT"]).unwrap();
    let again = world.put(2, &["AWSCURRENT"]).unwrap();
    assert_eq!(again["VersionStages"], json!(["AWSPREVIOUS"]), "the repetition moves nothing");
    let update = json!({"SecretId": "s", "ClientRequestToken": token(3), "SecretString": "v3"});
    let refused = world.call::<UpdateSecret>(update).unwrap_err();
    assert!(matches!(refused, Error::TokenInUse { .. }), "versions cannot be modified");
    let none = json!({"Name": "t", "SecretString": "v"});
    assert_eq!(world.call::<CreateSecret>(none), Err(Error::TokenMissing));
}

#[test]
fn the_recovery_window_ends_by_the_clock() {
    let mut world = with_secret();
    let delete = json!({"SecretId": "s", "RecoveryWindowInDays": 7});
    let deleted = world.call::<DeleteSecret>(delete.clone()).unwrap();
    assert_eq!(deleted["DeletionDate"], json!(world.now.plus_seconds(7 * DAY).as_seconds_f64()));
    assert_eq!(world.call::<DeleteSecret>(delete), Err(Error::MarkedForDeletion));
    world.sleep(7 * DAY - 1);
    let id = json!({"SecretId": "s"});
    world.call::<RestoreSecret>(id.clone()).unwrap();
    world.sleep(DAY);
    assert!(world.call::<DescribeSecret>(id.clone()).unwrap().get("DeletedDate").is_none());
    world.call::<DeleteSecret>(id.clone()).unwrap();
    world.sleep(30 * DAY - 1);
    assert_eq!(world.call::<GetSecretValue>(id.clone()), Err(Error::MarkedForDeletion));
    world.sleep(1);
    assert_eq!(world.call::<GetSecretValue>(id), Err(Error::SecretNotFound));
    let create = json!({"Name": "s", "ClientRequestToken": token(1), "SecretString": "new"});
    world.call::<CreateSecret>(create).unwrap();
}

#[test]
fn only_the_first_read_of_a_day_is_written_down() {
    let mut world = with_secret();
    let id = json!({"SecretId": "s"});
    let writes = |world: &mut World| {
        let before = world.changes.len();
        world.call::<GetSecretValue>(id.clone()).unwrap();
        world.changes.len() - before
    };
    assert!(writes(&mut world) > 0);
    assert_eq!(writes(&mut world), 0);
    world.sleep(DAY);
    assert!(writes(&mut world) > 0);
    let accessed = world.call::<DescribeSecret>(id.clone()).unwrap()["LastAccessedDate"].clone();
    assert_eq!(accessed.as_f64().unwrap() % DAY as f64, 0.0);
}

#[test]
fn old_versions_without_label_go_when_a_hundred_have_come_after_them() {
    let mut world = with_secret();
    for n in 2..=120 {
        world.put(n, &["AWSCURRENT"]).unwrap();
    }
    let secret = || json!({"SecretId": "s", "VersionId": token(1)});
    world.call::<GetSecretValue>(secret()).unwrap();
    world.sleep(DAY);
    world.put(121, &["AWSCURRENT"]).unwrap();
    assert_eq!(world.call::<GetSecretValue>(secret()), Err(Error::VersionNotFound(token(1))));
    let kept = world.state.find(&world.caller, "s").unwrap().1.versions.len();
    assert_eq!(kept, super::limits::VERSIONS_KEPT);
}

#[test]
fn partial_arns_find_and_wrong_ones_do_not() {
    let mut world = World::new();
    for name in ["app/db", "app/db-abc123"] {
        let create = json!({"Name": name, "ClientRequestToken": token(1), "SecretString": name});
        world.call::<CreateSecret>(create).unwrap();
    }
    let mut read = |id: &str| {
        let got = world.call::<GetSecretValue>(json!({"SecretId": id}));
        got.map(|value| value["SecretString"].as_str().unwrap().to_owned())
    };
    let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:";
    assert_eq!(read(&format!("{arn}app/db")).unwrap(), "app/db");
    // What looks complete is taken for complete: AWS warns of such names.
    assert_eq!(read(&format!("{arn}app/db-abc123")), Err(Error::SecretNotFound));
    assert_eq!(read("app/db-abc123").unwrap(), "app/db-abc123");
    assert_eq!(read(&arn.replace("us-east-1", "eu-west-1")), Err(Error::SecretNotFound));
    assert_eq!(read("a b"), Err(Error::InvalidName));
}

#[test]
fn lists_are_sorted_filtered_and_paged() {
    let mut world = World::new();
    for (name, description) in [("b", "Blue one"), ("a", "red"), ("c", "blue two")] {
        let create = json!({"Name": name, "ClientRequestToken": token(1), "SecretString": "v",
            "Description": description, "Tags": [{"Key": "team", "Value": name}]});
        world.call::<CreateSecret>(create).unwrap();
        world.sleep(1);
    }
    let mut list = |input: Value| {
        let listed = world.call::<ListSecrets>(input)?;
        let names = listed["SecretList"].as_array().unwrap().iter();
        let names: String = names.map(|s| s["Name"].as_str().unwrap()).collect();
        Ok::<_, Error>((names, listed["NextToken"].as_str().map(str::to_owned)))
    };
    let mut names = |input: Value| list(input).unwrap().0;
    assert_eq!(names(json!({})), "bac");
    assert_eq!(names(json!({"SortOrder": "desc"})), "cab");
    assert_eq!(names(json!({"SortBy": "name"})), "abc");
    let filter = |key: &str, values: &[&str]| json!({"Filters": [{"Key": key, "Values": values}]});
    assert_eq!(names(filter("description", &["blue"])), "bc");
    assert_eq!(names(filter("tag-value", &["a", "c"])), "ac");
    assert_eq!(names(filter("name", &["!a"])), "bc");
    assert_eq!(names(filter("all", &["two BLUE"])), "c");
    assert_eq!(names(filter("tag-key", &["Team"])), "");
    assert_eq!(names(filter("owning-service", &["rds"])), "");
    let (first, token) = list(json!({"MaxResults": 2})).unwrap();
    assert_eq!(first, "ba");
    assert_eq!(list(json!({"MaxResults": 2, "NextToken": token})).unwrap(), ("c".into(), None));
    assert!(matches!(list(filter("colour", &["x"])), Err(Error::Constraint { .. })));
    assert!(matches!(list(filter("name", &[])), Err(Error::InvalidParameter(_))));
}

#[test]
fn tags_have_rules() {
    let mut world = with_secret();
    let mut tag = |tags: Value| world.call::<TagResource>(json!({"SecretId": "s", "Tags": tags}));
    let reserved = tag(json!([{"Key": "AWS:x", "Value": ""}]));
    assert_eq!(reserved, Err(Error::ReservedTag("AWS:x".into())));
    let twice = tag(json!([{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]));
    assert_eq!(twice, Err(Error::DuplicateTag("k".into())));
    assert!(tag(json!([{"Key": "k".repeat(129), "Value": ""}])).is_err());
    let many = |from: u32| (from..from + 26).map(|n| json!({"Key": n.to_string(), "Value": ""}));
    tag(many(0).collect()).unwrap();
    assert_eq!(tag(many(26).collect()), Err(Error::TooManyTags));
}

/// A call that may or may not make sense.
fn random_call(world: &mut World, (what, n, m): (u8, u32, u32)) -> Result<Value, Error> {
    let stages = ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "x", "y"];
    let stage = stages[m as usize % stages.len()];
    let id = json!({"SecretId": "s"});
    match what {
        0 => world.call::<CreateSecret>(
            json!({"Name": "s", "ClientRequestToken": token(n), "SecretString": format!("v{n}")}),
        ),
        1 | 2 => world.put(n, &[stage]),
        3 | 4 => world.call::<UpdateSecretVersionStage>(json!({"SecretId": "s",
            "VersionStage": stage, "MoveToVersionId": (n % 3 > 0).then(|| token(n)),
            "RemoveFromVersionId": (m % 4 > 0).then(|| token(m))})),
        5 => world.call::<UpdateSecret>(json!({"SecretId": "s", "ClientRequestToken": token(n),
            "Description": "d", "SecretString": (m % 2 > 0).then_some("u")})),
        6 => world.call::<DeleteSecret>(json!({"SecretId": "s",
            "ForceDeleteWithoutRecovery": m % 3 == 0})),
        7 => world.call::<RestoreSecret>(id),
        8 => world.call::<GetSecretValue>(id),
        9 => world
            .call::<TagResource>(json!({"SecretId": "s", "Tags": [{"Key": stage, "Value": "v"}]})),
        _ => {
            world.sleep(i64::from(n) * DAY);
            Ok(Value::Null)
        }
    }
}

proptest! {
    #[test]
    fn labels_are_unique_and_a_refusal_changes_nothing(
        calls in proptest::collection::vec((0u8..11, 0u32..8, 0u32..8), 1..60),
    ) {
        let mut world = with_secret();
        for call in calls {
            let before = world.state.clone();
            let recorded = world.changes.len();
            if random_call(&mut world, call).is_err() {
                prop_assert_eq!(&world.state, &before);
                prop_assert_eq!(world.changes.len(), recorded);
            }
            let Ok((_, secret)) = world.state.find(&world.caller, "s") else { continue };
            let mut labels: Vec<&String> = secret.versions.iter().flat_map(|v| &v.stages).collect();
            let all = labels.len();
            labels.sort_unstable();
            labels.dedup();
            prop_assert_eq!(labels.len(), all);
            prop_assert!(secret.versions.is_empty() || secret.at_stage(CURRENT).is_some());
        }
        super::store::tests::disk_agrees(&world);
    }
}
