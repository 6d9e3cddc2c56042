//! Rotations and copies over a virtual clock: what is called when, and what failures leave.

use super::super::state::{Key, key};
use super::super::store::tests::disk_agrees;
use super::*;
use std::collections::BTreeSet;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:rotate";

fn world() -> World {
    let mut world = with_secret();
    world.run(KnowFunctions(BTreeSet::from(["rotate".to_owned()]))).unwrap();
    world
}

fn place(world: &World) -> Key {
    key(world.caller(), "s")
}

fn rotate(world: &mut World, n: u32, more: Value) -> Result<Value, Error> {
    let mut input = json!({"SecretId": "s", "ClientRequestToken": token(n)});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.call::<RotateSecret>(input)
}

fn begin(world: &mut World) -> Option<Call> {
    let (due, _) = world.state.rotations().next()?.clone();
    if due > world.now {
        return None;
    }
    let key = place(world);
    world.run(BeginRotation { key }).unwrap()
}

fn end(world: &mut World, call: &Call, done: bool) -> Next {
    let key = place(world);
    world.run(EndStep { key, event: call.event.clone(), done }).unwrap()
}

/// Does what a function does in this step.
fn act(world: &mut World, call: &Call) {
    let id = call.event.client_request_token.clone();
    match call.event.step {
        "createSecret" => {
            let put = json!({"SecretId": "s", "ClientRequestToken": id, "SecretString": "new",
                "VersionStages": ["AWSPENDING"], "RotationToken": call.event.rotation_token});
            world.call::<PutSecretValue>(put).unwrap();
        }
        "finishSecret" => {
            let (_, secret) = world.state.find(&world.caller, "s").unwrap();
            let current = secret.at_stage(CURRENT).unwrap().id.clone();
            let shift = json!({"SecretId": "s", "VersionStage": "AWSCURRENT",
                "MoveToVersionId": id, "RemoveFromVersionId": current});
            world.call::<UpdateSecretVersionStage>(shift).unwrap();
        }
        _ => {}
    }
}

/// The steps of a rotation that succeeds.
fn whole(world: &mut World) -> Vec<&'static str> {
    let mut steps = Vec::new();
    let mut next = begin(world);
    while let Some(call) = next {
        steps.push(call.event.step);
        act(world, &call);
        next = match end(world, &call, true) {
            Next::Call(next) => Some(next),
            Next::Finished => None,
            other => panic!("{other:?}"),
        };
    }
    disk_agrees(world);
    steps
}

fn described(world: &mut World) -> Value {
    world.call::<DescribeSecret>(json!({"SecretId": "s"})).unwrap()
}

fn value(world: &mut World) -> Value {
    world.call::<GetSecretValue>(json!({"SecretId": "s"})).unwrap()["SecretString"].clone()
}

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

#[test]
fn a_rotation_has_four_steps_and_the_next_one_comes_by_the_clock() {
    let mut world = world();
    let days = json!({"RotationLambdaARN": ARN, "RotationRules": {"AutomaticallyAfterDays": 10}});
    let answer = rotate(&mut world, 2, days).unwrap();
    assert_eq!(answer["VersionId"], token(2));
    let pending = described(&mut world);
    assert_eq!(pending["VersionIdsToStages"][token(2)], json!(["AWSPENDING"]));
    assert!(pending.get("LastRotatedDate").is_none());
    // The version is there and has no value yet, as functions expect.
    let read = json!({"SecretId": "s", "VersionId": token(2), "VersionStage": "AWSPENDING"});
    let missing = world.call::<GetSecretValue>(read).unwrap_err();
    assert_eq!(missing, Error::StageNotFound("AWSPENDING".into()));
    assert_eq!(whole(&mut world), STEPS);
    assert_eq!(value(&mut world), "new");
    let after = described(&mut world);
    assert_eq!(after["LastRotatedDate"], world.now.as_seconds_f64());
    // 2026-11-21 and ten days: the last second of the day.
    assert_eq!(after["NextRotationDate"], 1_796_169_599.0);
    assert_eq!(after["RotationRules"], json!({"AutomaticallyAfterDays": 10}));
    assert_eq!(begin(&mut world), None);
    world.sleep(9 * DAY);
    assert_eq!(begin(&mut world), None);
    world.sleep(DAY);
    let rotated = world.now;
    assert_eq!(whole(&mut world), STEPS);
    assert_eq!(described(&mut world)["LastRotatedDate"], rotated.as_seconds_f64());
}

#[test]
fn a_failed_step_begins_the_rotation_anew_and_in_the_end_it_is_given_up() {
    let mut world = world();
    rotate(
        &mut world,
        2,
        json!({"RotationLambdaARN": ARN, "RotationRules": {"ScheduleExpression": "rate(4 hours)"}}),
    )
    .unwrap();
    let mut pauses = Vec::new();
    loop {
        let call = begin(&mut world).unwrap();
        assert_eq!(call.event.step, "createSecret");
        act(&mut world, &call);
        let Next::Call(set) = end(&mut world, &call, true) else { panic!() };
        let Next::Failed(None, again) = end(&mut world, &set, false) else { panic!() };
        // Nothing changes for the application.
        assert_eq!(value(&mut world), "v1");
        let Some(again) = again else { break };
        pauses.push(again.since(world.now) / 1000);
        assert_eq!(begin(&mut world), None, "not before its time");
        world.sleep(pauses[pauses.len() - 1]);
    }
    assert_eq!(pauses, [5, 10, 20, 40]);
    assert_eq!(begin(&mut world), None, "given up");
    let left = described(&mut world);
    assert_eq!(left["VersionIdsToStages"][token(2)], json!(["AWSPENDING"]));
    assert!(left.get("LastRotatedDate").is_none());
    // Asking again is refused in AWS's words, and the old rotation is tried again.
    assert_eq!(rotate(&mut world, 3, json!({})).unwrap_err(), Error::RotationUnfinished);
    world.run(ResumeRotation { secret_id: "s".into() }).unwrap();
    assert_eq!(whole(&mut world), STEPS);
    let stages = described(&mut world)["VersionIdsToStages"].clone();
    assert_eq!(stages[token(2)], json!(["AWSCURRENT", "AWSPENDING"]));
    // The label on the current version is in nobody's way.
    rotate(&mut world, 4, json!({})).unwrap();
    assert_eq!(whole(&mut world), STEPS);
}

#[test]
fn after_it_was_given_up_the_next_window_tries_the_same_version() {
    let mut world = world();
    rotate(&mut world, 2, json!({"RotationLambdaARN": ARN, "RotationRules": {"ScheduleExpression": "cron(0 0/6 * * ? *)"}})).unwrap();
    while let Some(call) = begin(&mut world) {
        if let Next::Failed(_, Some(again)) = end(&mut world, &call, false) {
            world.sleep(again.since(world.now) / 1000);
        }
    }
    world.sleep(6 * 3600);
    let call = begin(&mut world).unwrap();
    assert_eq!(call.event.client_request_token, token(2));
    assert_eq!(whole(&mut world), STEPS);
}

#[test]
fn a_function_that_does_not_do_what_it_says_has_failed() {
    let mut world = world();
    rotate(&mut world, 2, json!({"RotationLambdaARN": ARN})).unwrap();
    let call = begin(&mut world).unwrap();
    let Next::Failed(Some(why), Some(_)) = end(&mut world, &call, true) else { panic!() };
    assert!(why.contains("was not created by Lambda"), "{why}");
    // A call that somebody answers late changes nothing.
    let late = Call { event: Event { step: "setSecret", ..call.event.clone() }, ..call };
    assert_eq!(end(&mut world, &late, true), Next::Gone);
}

#[test]
fn without_an_immediate_rotation_only_the_test_is_called() {
    let mut world = world();
    let later = json!({"RotationLambdaARN": ARN, "RotateImmediately": false,
        "RotationRules": {"ScheduleExpression": "cron(0 8 1 * ? *)", "Duration": "2h"}});
    rotate(&mut world, 2, later).unwrap();
    let call = begin(&mut world).unwrap();
    assert_eq!(call.event.step, "testSecret");
    assert_eq!(end(&mut world, &call, true), Next::Finished);
    let stages = described(&mut world);
    assert_eq!(stages["VersionIdsToStages"], json!({token(1): ["AWSCURRENT"]}));
    assert!(stages.get("LastRotatedDate").is_none());
    // 2026-12-01T09:59:59Z.
    assert_eq!(stages["NextRotationDate"], 1_796_119_199.0);
    disk_agrees(&world);
}

#[test]
fn cancelling_stops_a_rotation_and_leaves_its_labels() {
    let mut world = world();
    rotate(
        &mut world,
        2,
        json!({"RotationLambdaARN": ARN, "RotationRules": {"AutomaticallyAfterDays": 1}}),
    )
    .unwrap();
    let call = begin(&mut world).unwrap();
    let answer = world.call::<CancelRotateSecret>(json!({"SecretId": "s"})).unwrap();
    assert_eq!(answer["VersionId"], token(2));
    assert_eq!(end(&mut world, &call, true), Next::Gone);
    let after = described(&mut world);
    assert_eq!(after["RotationEnabled"], false);
    assert!(after.get("NextRotationDate").is_none());
    world.sleep(3 * DAY);
    assert_eq!(begin(&mut world), None);
    disk_agrees(&world);
}

#[test]
fn a_value_that_is_put_counts_as_a_rotation_by_days() {
    let mut world = world();
    rotate(
        &mut world,
        2,
        json!({"RotationLambdaARN": ARN, "RotationRules": {"AutomaticallyAfterDays": 2}}),
    )
    .unwrap();
    whole(&mut world);
    world.sleep(DAY);
    world.put(3, &["AWSCURRENT"]).unwrap();
    world.sleep(DAY);
    assert_eq!(begin(&mut world), None);
    world.sleep(DAY);
    assert_eq!(whole(&mut world), STEPS);
}

#[test]
fn rotate_secret_is_refused_as_on_aws() {
    let mut world = world();
    assert_eq!(rotate(&mut world, 2, json!({})).unwrap_err(), Error::NoFunction);
    let unknown = json!({"RotationLambdaARN": ARN.replace("rotate", "nowhere")});
    assert_eq!(rotate(&mut world, 2, unknown).unwrap_err(), Error::FunctionUnknown);
    let bare = world.call::<RotateSecret>(json!({"SecretId": "s"})).unwrap_err();
    assert_eq!(bare, Error::RotationTokenMissing);
    let both = json!({"RotationLambdaARN": ARN,
        "RotationRules": {"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(1 day)"}});
    assert!(matches!(rotate(&mut world, 2, both), Err(Error::InvalidParameter(_))));
    assert_eq!(described(&mut world).get("RotationEnabled"), None);
    assert!(rotate(&mut world, 2, json!({"RotationLambdaARN": format!("{ARN}:live")})).is_ok());
}

#[test]
fn copies_follow_their_primary_and_can_be_promoted() {
    let mut world = world();
    let to = json!({"SecretId": "s", "AddReplicaRegions": [{"Region": "eu-west-1"}, {"Region": "eu-north-1"}]});
    let status = world.call::<ReplicateSecretToRegions>(to.clone()).unwrap();
    assert_eq!(status["ReplicationStatus"][0]["Status"], "InSync");
    assert!(world.call::<ReplicateSecretToRegions>(to).is_ok(), "as often as one likes");
    world.put(2, &["AWSCURRENT"]).unwrap();
    world
        .call::<TagResource>(json!({"SecretId": "s", "Tags": [{"Key": "a", "Value": "b"}]}))
        .unwrap();
    let home = world.caller.clone();
    let elsewhere = Caller { region: "eu-west-1".into(), ..home.clone() };
    world.caller = elsewhere.clone();
    assert_eq!(value(&mut world), "v2");
    let copy = described(&mut world);
    assert_eq!(copy["PrimaryRegion"], "us-east-1");
    assert_eq!(copy["Tags"], json!([{"Key": "a", "Value": "b"}]));
    assert_eq!(world.put(3, &["AWSCURRENT"]).unwrap_err(), Error::ReplicaReadOnly);
    let delete = json!({"SecretId": "s", "ForceDeleteWithoutRecovery": true});
    assert_eq!(world.call::<DeleteSecret>(delete.clone()).unwrap_err(), Error::ReplicaReadOnly);
    disk_agrees(&world);
    world.call::<StopReplicationToReplica>(json!({"SecretId": "s"})).unwrap();
    world.put(3, &["AWSCURRENT"]).unwrap();
    disk_agrees(&world);
    world.caller = home;
    assert_eq!(value(&mut world), "v2");
    let refused = world.call::<DeleteSecret>(delete.clone()).unwrap_err();
    assert!(matches!(refused, Error::StillReplicated { regions, .. } if regions == ["eu-north-1"]));
    let remove = json!({"SecretId": "s", "RemoveReplicaRegions": ["eu-north-1"]});
    let left = world.call::<RemoveRegionsFromReplication>(remove).unwrap();
    assert_eq!(left["ReplicationStatus"], json!([]));
    world.call::<DeleteSecret>(delete).unwrap();
    world.caller = elsewhere;
    assert_eq!(value(&mut world), "v3");
}

#[test]
fn a_name_that_is_taken_fails_unless_it_is_overwritten() {
    let mut world = world();
    let home = world.caller.clone();
    world.caller = Caller { region: "eu-west-1".into(), ..home.clone() };
    world
        .call::<CreateSecret>(
            json!({"Name": "s", "SecretString": "own", "ClientRequestToken": token(9)}),
        )
        .unwrap();
    let there = world.caller.clone();
    world.caller = home.clone();
    let mut to = json!({"SecretId": "s", "AddReplicaRegions": [{"Region": "eu-west-1"}]});
    let status = world.call::<ReplicateSecretToRegions>(to.clone()).unwrap();
    assert_eq!(status["ReplicationStatus"][0]["Status"], "Failed");
    let text = status["ReplicationStatus"][0]["StatusMessage"].as_str().unwrap();
    assert!(text.contains("already exists in region eu-west-1"), "{text}");
    world.caller = there.clone();
    assert_eq!(value(&mut world), "own");
    world.caller = home;
    to["ForceOverwriteReplicaSecret"] = true.into();
    world.call::<ReplicateSecretToRegions>(to).unwrap();
    world.caller = there;
    assert_eq!(value(&mut world), "v1");
    disk_agrees(&world);
}

#[test]
fn a_copy_in_another_account_follows_once_it_is_associated() {
    let mut world = world();
    let primary = described(&mut world)["ARN"].clone();
    let home = world.caller.clone();
    let there = Caller { account: "123456789012".into(), ..home.clone() };
    world.caller = there.clone();
    let create = json!({"Name": "mine", "CrossAccountPrimaryARN": primary, "KmsKeyId": "k", "ClientRequestToken": token(7)});
    let copy = world.call::<CreateSecret>(create).unwrap()["ARN"].clone();
    world.caller = home.clone();
    let both = json!({"SecretId": "s", "CrossAccountReplicaARN": copy});
    let answer = world.call::<AssociateCrossAccountReplica>(both.clone()).unwrap();
    assert_eq!(answer["ReplicationStatus"], "InSync");
    world.put(2, &["AWSCURRENT"]).unwrap();
    assert_eq!(described(&mut world)["CrossAccountReplicas"][0]["ReplicaSecretARN"], copy);
    world.caller = there.clone();
    let read = json!({"SecretId": "mine"});
    assert_eq!(world.call::<GetSecretValue>(read.clone()).unwrap()["SecretString"], "v2");
    world.caller = home;
    world.call::<DisassociateCrossAccountReplica>(both).unwrap();
    world.put(3, &["AWSCURRENT"]).unwrap();
    world.caller = there;
    assert_eq!(world.call::<GetSecretValue>(read.clone()).unwrap()["SecretString"], "v2");
    let shown = world.call::<DescribeSecret>(read.clone()).unwrap();
    assert_eq!(shown["CrossAccountPrimary"]["ReplicationStatus"], "Detached");
    world.call::<StopReplicationToReplica>(read).unwrap();
    disk_agrees(&world);
}
