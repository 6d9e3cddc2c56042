//! Scripts over a virtual clock: what AWS was recorded to answer, and what must hold of keys.

use super::error::Error;
use super::material::{Clear, Fresh, MaterialId, Vault};
use super::ops::*;
use super::state::{Change, State};
use crate::base::{Caller, Context, Ids, Millis};
use crate::services::Operation;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

/// A vault that only turns bytes over: enough to see that nothing is read without it.
struct Box;

impl Vault for Box {
    fn open(&self, _: &MaterialId, sealed: &[u8]) -> Result<Clear, Error> {
        Ok(Clear::new(sealed.iter().map(|b| !b).collect()))
    }

    fn close(&self, _: &MaterialId, clear: &[u8]) -> Result<Arc<[u8]>, Error> {
        Ok(clear.iter().map(|b| !b).collect())
    }
}

/// A state, a clock and a caller.
pub(super) struct World {
    pub(super) state: State,
    ids: Ids,
    now: Millis,
    caller: Caller,
    /// All that was recorded for the disk.
    pub(super) changes: Vec<Change>,
}

/// New material for the key `id`.
fn fresh(spec: super::spec::Spec, id: &str) -> Fresh {
    let made = super::crypto::make(spec).unwrap();
    let material = MaterialId::of(id, &made.clear);
    let sealed = Box.close(&material, &made.clear).unwrap();
    Fresh { id: material, sealed, public: made.public.map(Arc::from) }
}

impl World {
    fn new() -> World {
        World {
            state: State::default(),
            ids: Ids::seeded(1),
            now: Millis(1_795_256_130_123),
            caller: Caller::internal("000000000000", "us-east-1", "http://127.0.0.1:4566"),
            changes: Vec::new(),
        }
    }

    fn run<O>(&mut self, operation: O) -> Result<O::Output, Error>
    where
        O: Operation<State = State, Change = Change, Error = Error>,
    {
        while let Some(due) = Due::of(&self.state, self.now) {
            let fresh = match &due {
                Due::Rotation { at, spec } => Some(fresh(*spec, &at.id)),
                _ => None,
            };
            self.apply(Tend { due, fresh })?;
        }
        self.apply(operation)
    }

    fn apply<O>(&mut self, operation: O) -> Result<O::Output, Error>
    where
        O: Operation<State = State, Change = Change, Error = Error>,
    {
        let before = self.state.clone();
        let mut context = Context { now: self.now, ids: &mut self.ids, caller: &self.caller };
        let mut changes = Vec::new();
        let output = operation.apply(&mut self.state, &mut context, &mut changes);
        match &output {
            Ok(_) => self.changes.append(&mut changes),
            Err(_) => assert_eq!(self.state, before, "a refusal changes nothing"),
        }
        output
    }

    fn call<O>(&mut self, input: Value) -> Result<Value, Error>
    where
        O: Operation<State = State, Change = Change, Error = Error> + DeserializeOwned,
        O::Output: Serialize,
    {
        let operation: O = serde_json::from_value(input).unwrap();
        Ok(serde_json::to_value(self.run(operation)?).unwrap())
    }

    /// A cryptographic operation, as the wire carries it out.
    fn work<O>(&mut self, input: Value) -> Result<Value, Error>
    where
        O: Cryptic + DeserializeOwned,
        O::Output: Serialize,
    {
        let operation: O = serde_json::from_value(input).unwrap();
        let keys = self.run(Permits(operation.permits()?))?;
        operation.fits(&keys)?;
        if operation.dry_run() {
            return Err(Error::DryRun);
        }
        let used = keys.iter().map(|key| key.at.clone()).collect();
        let output = operation.carry_out(&keys, &Box)?;
        self.run(NoteUse { operation: O::NAME, keys: used })?;
        Ok(serde_json::to_value(output).unwrap())
    }

    /// A new key's metadata.
    fn create(&mut self, input: Value) -> Result<Value, Error> {
        let create: CreateKey = serde_json::from_value(input).unwrap();
        let plan = create.plan()?;
        let id = self.ids.uuid();
        let id = if plan.multi_region { format!("mrk-{}", id.replace('-', "")) } else { id };
        let fresh = (plan.origin == super::spec::Origin::Aws).then(|| fresh(plan.spec, &id));
        let made = self.run(MakeKey { create, id, fresh })?;
        Ok(serde_json::to_value(made).unwrap()["KeyMetadata"].clone())
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn what_was_encrypted_is_decrypted_under_its_key_and_context_only() {
    let mut world = World::new();
    let key = world.create(json!({})).unwrap();
    let context = json!({"purpose": "test", "a": "b"});
    let encrypt =
        json!({"KeyId": key["KeyId"], "Plaintext": "aGVsbG8=", "EncryptionContext": context});
    let made = world.work::<Encrypt>(encrypt).unwrap();
    assert_eq!(made["KeyId"], key["Arn"]);
    let blob = made["CiphertextBlob"].clone();
    assert!(text(&blob).starts_with("AQICAH"), "{blob}");
    let opened = world
        .work::<Decrypt>(
            json!({"CiphertextBlob": blob, "EncryptionContext": {"a": "b", "purpose": "test"}}),
        )
        .unwrap();
    assert_eq!(opened["Plaintext"], "aGVsbG8=");
    assert_eq!(opened["KeyMaterialId"], key["CurrentKeyMaterialId"]);
    let refused = world.work::<Decrypt>(json!({"CiphertextBlob": blob}));
    assert_eq!(refused, Err(Error::InvalidCiphertext));
    let other = world.create(json!({})).unwrap();
    let wrong =
        json!({"CiphertextBlob": blob, "KeyId": other["KeyId"], "EncryptionContext": context});
    assert_eq!(world.work::<Decrypt>(wrong), Err(Error::IncorrectKey));
    super::store::tests::disk_agrees(&world);
}

/// The id of a new key.
fn key(world: &mut World, input: Value) -> Value {
    world.create(input).unwrap()["KeyId"].clone()
}

fn message(refused: Result<Value, Error>) -> (&'static str, String) {
    use crate::services::ServiceError;
    let error = refused.unwrap_err();
    (error.code(), error.message())
}

fn sleep(world: &mut World, days: i64) {
    world.now = Millis(world.now.0 + days * super::limits::DAY_MS);
}

#[test]
fn a_key_is_created_as_aws_was_recorded_to_create_it() {
    let mut world = World::new();
    let mut made = world.create(json!({"Description": "test key 123"})).unwrap();
    for volatile in ["KeyId", "Arn", "CurrentKeyMaterialId", "CreationDate"] {
        assert!(made.as_object_mut().unwrap().remove(volatile).is_some(), "{volatile}");
    }
    let recorded = json!({
        "AWSAccountId": "000000000000", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "Description": "test key 123", "Enabled": true,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "KeyManager": "CUSTOMER",
        "KeySpec": "SYMMETRIC_DEFAULT", "KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT",
        "MultiRegion": false, "Origin": "AWS_KMS",
    });
    assert_eq!(made, recorded);
    let hmac = world.create(json!({"KeySpec": "HMAC_256"}));
    assert!(message(hmac).1.starts_with("You must specify a KeyUsage value for all KMS keys"));
    let mismatch = world.create(json!({"KeySpec": "RSA_2048", "KeyUsage": "KEY_AGREEMENT"}));
    assert_eq!(
        message(mismatch).1,
        "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"
    );
    let sm2 = world.create(json!({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}));
    assert_eq!(message(sm2).0, "UnsupportedOperationException");
}

#[test]
fn names_lead_to_keys_and_refusals_are_aws_own() {
    let mut world = World::new();
    let made = world.create(json!({})).unwrap();
    let describe = |world: &mut World, id: &str| world.call::<DescribeKey>(json!({"KeyId": id}));
    let (id, arn) = (text(&made["KeyId"]), text(&made["Arn"]));
    world.call::<CreateAlias>(json!({"AliasName": "alias/a", "TargetKeyId": id})).unwrap();
    let alias_arn = "arn:aws:kms:us-east-1:000000000000:alias/a";
    for name in [id, arn, "alias/a", alias_arn] {
        assert_eq!(describe(&mut world, name).unwrap()["KeyMetadata"]["Arn"], *arn, "{name}");
    }
    let absent = "12345678-1234-1234-1234-123456789012";
    for (name, code, words) in [
        ("fake-key-id", "NotFoundException", "Invalid keyId 'fake-key-id'".to_owned()),
        (
            absent,
            "NotFoundException",
            format!("Key 'arn:aws:kms:us-east-1:000000000000:key/{absent}' does not exist"),
        ),
        (
            "arn:aws:kms:eu-west-1:000000000000:key/12345678-1234-1234-1234-123456789012",
            "NotFoundException",
            "Invalid arn eu-west-1".to_owned(),
        ),
        (
            "alias/b",
            "NotFoundException",
            "Alias arn:aws:kms:us-east-1:000000000000:alias/b is not found.".to_owned(),
        ),
        ("arn:aws:s3:::b", "InvalidArnException", "Invalid arn arn:aws:s3:::b".to_owned()),
    ] {
        assert_eq!(message(describe(&mut world, name)), (code, words), "{name}");
    }
    let bare = world.call::<CreateAlias>(json!({"AliasName": "a", "TargetKeyId": id}));
    assert!(message(bare).1.starts_with("Alias must start with the prefix \"alias/\"."));
    let again = world.call::<CreateAlias>(json!({"AliasName": "alias/a", "TargetKeyId": id}));
    assert_eq!(message(again).0, "AlreadyExistsException");
    super::store::tests::disk_agrees(&world);
}

#[test]
fn states_forbid_what_they_forbid_on_aws() {
    let mut world = World::new();
    let made = world.create(json!({})).unwrap();
    let (id, arn) = (&made["KeyId"], text(&made["Arn"]));
    let of = json!({"KeyId": id});
    let encrypt = json!({"KeyId": id, "Plaintext": "aGk="});
    let blob = world.work::<Encrypt>(encrypt.clone()).unwrap()["CiphertextBlob"].clone();
    world.call::<DisableKey>(of.clone()).unwrap();
    let refused = message(world.work::<Encrypt>(encrypt.clone()));
    assert_eq!(refused, ("DisabledException", format!("{arn} is disabled.")));
    assert_eq!(message(world.work::<Decrypt>(json!({"CiphertextBlob": blob}))), refused);
    world.call::<EnableKey>(of.clone()).unwrap();
    let window = json!({"KeyId": id, "PendingWindowInDays": 7});
    let scheduled = world.call::<ScheduleKeyDeletion>(window).unwrap();
    assert_eq!((text(&scheduled["KeyState"]), text(&scheduled["KeyId"])), ("PendingDeletion", arn));
    let pending = format!("{arn} is pending deletion.");
    for refused in [
        world.work::<Encrypt>(encrypt.clone()),
        world.call::<EnableKey>(of.clone()),
        world.call::<ScheduleKeyDeletion>(of.clone()),
        world.call::<TagResource>(json!({"KeyId": id, "Tags": []})),
    ] {
        assert_eq!(message(refused), ("KMSInvalidStateException", pending.clone()));
    }
    world.call::<CancelKeyDeletion>(of.clone()).unwrap();
    let refused = message(world.call::<CancelKeyDeletion>(of.clone()));
    assert_eq!(refused.1, format!("{arn} is not pending deletion."));
    assert_eq!(message(world.work::<Encrypt>(encrypt)).0, "DisabledException");
    world.call::<ScheduleKeyDeletion>(json!({"KeyId": id, "PendingWindowInDays": 7})).unwrap();
    sleep(&mut world, 6);
    world.call::<DescribeKey>(of.clone()).unwrap();
    sleep(&mut world, 1);
    assert!(message(world.call::<DescribeKey>(of)).1.ends_with("does not exist"));
    let refused = message(world.work::<Decrypt>(json!({"CiphertextBlob": blob})));
    assert_eq!(refused.0, "AccessDeniedException");
    super::store::tests::disk_agrees(&world);
}

#[test]
fn rotation_goes_by_the_clock_and_old_ciphertexts_decrypt() {
    let mut world = World::new();
    let id = key(&mut world, json!({}));
    let encrypt = json!({"KeyId": id, "Plaintext": "aGk="});
    let mut blobs = vec![world.work::<Encrypt>(encrypt.clone()).unwrap()];
    let enable = json!({"KeyId": id, "RotationPeriodInDays": 90});
    world.call::<EnableKeyRotation>(enable).unwrap();
    for (days, rotations) in [(89, 0), (1, 1), (180, 3)] {
        sleep(&mut world, days);
        let listed = world.call::<ListKeyRotations>(json!({"KeyId": id})).unwrap();
        assert_eq!(listed["Rotations"].as_array().unwrap().len(), rotations);
        blobs.push(world.work::<Encrypt>(encrypt.clone()).unwrap());
    }
    world
        .run(RotateKeyOnDemand {
            of: serde_json::from_value(json!({"KeyId": id})).unwrap(),
            fresh: Some(fresh(super::spec::Spec::Symmetric, text(&id))),
        })
        .unwrap();
    let all = json!({"KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"});
    let listed = world.call::<ListKeyRotations>(all).unwrap();
    let states = listed["Rotations"].as_array().unwrap().iter();
    let states: Vec<&str> = states.map(|r| text(&r["KeyMaterialState"])).collect();
    assert_eq!(states, ["NON_CURRENT", "NON_CURRENT", "NON_CURRENT", "NON_CURRENT", "CURRENT"]);
    assert_eq!(listed["Rotations"][4]["RotationType"], "ON_DEMAND");
    for blob in blobs {
        let opened = world.work::<Decrypt>(json!({"CiphertextBlob": blob["CiphertextBlob"]}));
        assert_eq!(opened.unwrap()["Plaintext"], "aGk=");
    }
    let ecc = key(&mut world, json!({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}));
    let refused = message(world.call::<EnableKeyRotation>(json!({"KeyId": ecc})));
    assert_eq!(refused, ("UnsupportedOperationException", String::new()));
    super::store::tests::disk_agrees(&world);
}

/// `length` bytes in base64.
fn bytes(length: usize) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(vec![7; length])
}

/// Signs and verifies by every algorithm of a kind, messages and digests.
fn signs(world: &mut World, spec: super::spec::Spec, id: &Value) {
    for how in spec.signing_algorithms().iter().map(|how| how.name()) {
        let raw = json!({"KeyId": id, "Message": "aGk=", "SigningAlgorithm": how});
        if how == "ED25519_PH_SHA_512" {
            assert_eq!(message(world.work::<Sign>(raw)).0, "NotImplemented");
            continue;
        }
        let signed = world.work::<Sign>(raw.clone()).unwrap();
        let mut verify = raw;
        verify["Signature"] = signed["Signature"].clone();
        assert_eq!(world.work::<Verify>(verify.clone()).unwrap()["SignatureValid"], true);
        verify["Message"] = "aGo=".into();
        assert_eq!(message(world.work::<Verify>(verify)).0, "KMSInvalidSignatureException");
        if !how.starts_with("RSA") && !how.starts_with("ECDSA") {
            continue;
        }
        let length = how[how.len() - 3..].parse::<usize>().unwrap() / 8;
        let of_digest = |length| {
            json!({"KeyId": id, "Message": bytes(length), "MessageType": "DIGEST",
                "SigningAlgorithm": how})
        };
        assert!(world.work::<Sign>(of_digest(length)).is_ok(), "{how}");
        let refused = message(world.work::<Sign>(of_digest(length - 1))).1;
        assert_eq!(refused, format!("Digest is invalid length for algorithm {how}."));
    }
}

/// Encrypts and decrypts by every algorithm of a kind.
fn encrypts(world: &mut World, spec: super::spec::Spec, id: &Value) {
    for how in spec.encryption_algorithms().iter().map(|how| how.name()) {
        let encrypt = json!({"KeyId": id, "Plaintext": "aGk=", "EncryptionAlgorithm": how});
        let blob = world.work::<Encrypt>(encrypt).unwrap()["CiphertextBlob"].clone();
        let decrypt = json!({"KeyId": id, "CiphertextBlob": blob, "EncryptionAlgorithm": how});
        assert_eq!(world.work::<Decrypt>(decrypt).unwrap()["Plaintext"], "aGk=");
    }
}

/// Authenticates messages.
fn authenticates(world: &mut World, spec: super::spec::Spec, id: &Value) {
    for how in spec.mac_algorithms().iter().map(|how| how.name()) {
        let mut mac = json!({"KeyId": id, "Message": "aGk=", "MacAlgorithm": how});
        mac["Mac"] = world.work::<GenerateMac>(mac.clone()).unwrap()["Mac"].clone();
        assert_eq!(world.work::<VerifyMac>(mac.clone()).unwrap()["MacValid"], true);
        mac["Message"] = "aGo=".into();
        assert_eq!(message(world.work::<VerifyMac>(mac)).0, "KMSInvalidMacException");
    }
}

/// Comes to the same secret from both sides.
fn agrees(world: &mut World, spec: super::spec::Spec, id: &Value) {
    let other = key(world, json!({"KeySpec": spec.name(), "KeyUsage": "KEY_AGREEMENT"}));
    let secret = |world: &mut World, own: &Value, peer: &Value| {
        let public = world.call::<GetPublicKey>(json!({"KeyId": peer})).unwrap();
        let derive = json!({"KeyId": own, "PublicKey": public["PublicKey"],
            "KeyAgreementAlgorithm": "ECDH"});
        world.work::<DeriveSharedSecret>(derive).unwrap()["SharedSecret"].clone()
    };
    assert_eq!(secret(world, id, &other), secret(world, &other, id));
}

/// Encapsulates and decapsulates.
fn encapsulates(world: &mut World, _: super::spec::Spec, id: &Value) {
    let how = json!({"KeyId": id, "EncapsulationAlgorithm": "ML_KEM"});
    let made = world.work::<Encapsulate>(how.clone()).unwrap();
    let mut back = how;
    back["SharedSecretCiphertextBlob"] = made["SharedSecretCiphertextBlob"].clone();
    let opened = world.work::<Decapsulate>(back).unwrap();
    assert_eq!(opened["SharedSecret"], made["SharedSecret"]);
}

#[test]
fn every_kind_of_key_does_what_it_is_for_and_nothing_else() {
    use super::spec::{Spec, Usage};
    let mut world = World::new();
    for spec in Spec::ALL {
        // Larger RSA keys differ in nothing but the time that they take to make.
        if matches!(spec, Spec::Sm2 | Spec::Rsa3072 | Spec::Rsa4096) {
            continue;
        }
        for usage in spec.usages() {
            let id = key(&mut world, json!({"KeySpec": spec.name(), "KeyUsage": usage.name()}));
            let does = match usage {
                Usage::SignVerify => signs,
                Usage::EncryptDecrypt => encrypts,
                Usage::GenerateVerifyMac => authenticates,
                Usage::KeyAgreement => agrees,
                Usage::EncapsulateDecapsulate => encapsulates,
            };
            does(&mut world, *spec, &id);
            let mac = json!({"KeyId": id, "Message": "aGk=", "MacAlgorithm": "HMAC_SHA_256"});
            let sign = json!({"KeyId": id, "Message": "aGk=", "SigningAlgorithm": "ECDSA_SHA_256"});
            let other = match usage {
                Usage::GenerateVerifyMac => world.work::<Sign>(sign),
                _ => world.work::<GenerateMac>(mac),
            };
            let (code, words) = message(other);
            assert_eq!(code, "InvalidKeyUsageException");
            assert!(words.contains(&format!("key usage is {} which", usage.name())), "{words}");
        }
    }
    super::store::tests::disk_agrees(&world);
}

#[test]
fn a_multi_region_set_shares_its_material_and_outlives_its_replicas() {
    let mut world = World::new();
    let made = world.create(json!({"MultiRegion": true})).unwrap();
    let id = made["KeyId"].clone();
    assert!(text(&id).starts_with("mrk-"));
    let encrypt = json!({"KeyId": id, "Plaintext": "aGk="});
    let blob = world.work::<Encrypt>(encrypt).unwrap()["CiphertextBlob"].clone();
    let replicate = json!({"KeyId": id, "ReplicaRegion": "eu-west-1"});
    let replica = world.call::<ReplicateKey>(replicate.clone()).unwrap();
    assert_eq!(replica["ReplicaKeyMetadata"]["KeyState"], "Creating");
    assert_eq!(message(world.call::<ReplicateKey>(replicate.clone())).0, "AlreadyExistsException");
    let scheduled = json!({"KeyId": id, "PendingWindowInDays": 7});
    let waits = world.call::<ScheduleKeyDeletion>(scheduled.clone()).unwrap();
    assert_eq!(waits["KeyState"], "PendingReplicaDeletion");
    assert!(waits["DeletionDate"].is_null());
    world.call::<CancelKeyDeletion>(json!({"KeyId": id})).unwrap();
    world.call::<EnableKey>(json!({"KeyId": id})).unwrap();
    world.call::<UpdatePrimaryRegion>(json!({"KeyId": id, "PrimaryRegion": "eu-west-1"})).unwrap();
    world.caller.region = "eu-west-1".into();
    let opened = world.work::<Decrypt>(json!({"CiphertextBlob": blob})).unwrap();
    assert_eq!(opened["Plaintext"], "aGk=");
    assert!(text(&opened["KeyId"]).starts_with("arn:aws:kms:eu-west-1:"));
    let described = world.call::<DescribeKey>(json!({"KeyId": id})).unwrap();
    let set = &described["KeyMetadata"]["MultiRegionConfiguration"];
    assert_eq!(
        (text(&set["MultiRegionKeyType"]), &set["ReplicaKeys"][0]["Region"]),
        ("PRIMARY", &json!("us-east-1"))
    );
    world.call::<ScheduleKeyDeletion>(scheduled.clone()).unwrap();
    world.caller.region = "us-east-1".into();
    let refused = message(world.call::<ReplicateKey>(replicate)).1;
    assert!(refused.ends_with("is not a multi-region primary key."), "{refused}");
    world.call::<ScheduleKeyDeletion>(scheduled).unwrap();
    sleep(&mut world, 7);
    assert!(world.call::<DescribeKey>(json!({"KeyId": id})).is_err());
    world.caller.region = "eu-west-1".into();
    let state = |world: &mut World| {
        let described = world.call::<DescribeKey>(json!({"KeyId": id}))?;
        Ok::<_, Error>(described["KeyMetadata"]["KeyState"].clone())
    };
    assert_eq!(state(&mut world).unwrap(), "PendingDeletion", "its own window begins");
    sleep(&mut world, 7);
    assert!(state(&mut world).is_err());
    super::store::tests::disk_agrees(&world);
}

#[test]
fn grants_are_found_again_retired_and_revoked() {
    let mut world = World::new();
    let id = key(&mut world, json!({}));
    let create = json!({"KeyId": id, "GranteePrincipal": "arn:aws:iam::000000000000:user/a", "RetiringPrincipal": "arn:aws:iam::000000000000:user/b", "Operations": ["Encrypt"], "Name": "g"});
    let granted = world.call::<CreateGrant>(create.clone()).unwrap();
    assert_eq!(world.call::<CreateGrant>(create.clone()).unwrap(), granted, "once by its name");
    let mut dry = create;
    dry["DryRun"] = true.into();
    assert_eq!(world.call::<CreateGrant>(dry), Err(Error::DryRun));
    let token = granted["GrantToken"].clone();
    let encrypt = |token: &Value| json!({"KeyId": id, "Plaintext": "aGk=", "GrantTokens": [token]});
    assert!(world.work::<Encrypt>(encrypt(&token)).is_ok());
    let foreign = world.work::<Encrypt>(encrypt(&json!("AAAA")));
    assert_eq!(foreign, Err(Error::InvalidGrantToken));
    let retirable = json!({"RetiringPrincipal": "arn:aws:iam::000000000000:user/b"});
    let listed = world.call::<ListRetirableGrants>(retirable).unwrap();
    assert_eq!(listed["Grants"][0]["GrantId"], granted["GrantId"]);
    world.call::<RetireGrant>(json!({"GrantToken": token})).unwrap();
    assert_eq!(world.work::<Encrypt>(encrypt(&token)), Err(Error::InvalidGrantToken));
    let revoke = json!({"KeyId": id, "GrantId": granted["GrantId"]});
    assert_eq!(message(world.call::<RevokeGrant>(revoke)).0, "NotFoundException");
    super::store::tests::disk_agrees(&world);
}

#[test]
fn a_page_goes_on_where_the_one_before_ended() {
    let mut world = World::new();
    let id = key(&mut world, json!({}));
    let tags: Vec<Value> =
        (0..7).map(|n| json!({"TagKey": format!("k{}", 9 - n), "TagValue": "v"})).collect();
    world.call::<TagResource>(json!({"KeyId": id, "Tags": tags})).unwrap();
    let (mut seen, mut marker) = (Vec::new(), Value::Null);
    loop {
        let page = json!({"KeyId": id, "Limit": 3, "Marker": marker});
        let page = world.call::<ListResourceTags>(page).unwrap();
        seen.extend(page["Tags"].as_array().unwrap().clone());
        marker = page["NextMarker"].clone();
        assert_eq!(page["Truncated"], !marker.is_null());
        if marker.is_null() {
            break;
        }
    }
    assert_eq!(seen, tags);
    let bad = world.call::<ListResourceTags>(json!({"KeyId": id, "Marker": "%"}));
    assert_eq!(bad, Err(Error::InvalidMarker));
    for (tags, words) in [
        (json!([{"TagKey": "AWS:a", "TagValue": ""}]), "Tags beginning with aws: are reserved"),
        (
            json!([{"TagKey": "a", "TagValue": ""}, {"TagKey": "a", "TagValue": ""}]),
            "Duplicate tag keys",
        ),
    ] {
        let refused = message(world.call::<TagResource>(json!({"KeyId": id, "Tags": tags})));
        assert_eq!(refused, ("TagException", words.to_owned()));
    }
}

#[test]
fn a_policy_leaves_somebody_who_may_change_it_unless_asked_otherwise() {
    let mut world = World::new();
    let policy = |action: &str| {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action,
            "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Resource": "*"}]})
        .to_string()
    };
    let id = key(&mut world, json!({"Policy": policy("kms:*")}));
    let all_but = policy("kms:ScheduleKeyDeletion").replace("Action", "NotAction");
    key(&mut world, json!({"Policy": all_but}));
    let closed = policy("kms:Decrypt");
    for refused in [
        world.create(json!({"Policy": closed})),
        world.call::<PutKeyPolicy>(json!({"KeyId": id, "Policy": closed})),
    ] {
        assert_eq!(message(refused).0, "MalformedPolicyDocumentException");
    }
    let bypass = json!({"Policy": closed, "BypassPolicyLockoutSafetyCheck": true});
    let other = key(&mut world, bypass);
    let held = world.call::<GetKeyPolicy>(json!({"KeyId": other})).unwrap();
    assert_eq!((text(&held["Policy"]), text(&held["PolicyName"])), (closed.as_str(), "default"));
    let refused = message(world.call::<GetKeyPolicy>(json!({"KeyId": id, "PolicyName": "x"})));
    assert_eq!(refused, ("NotFoundException", "No such policy exists".to_owned()));
    super::store::tests::disk_agrees(&world);
}

#[test]
fn what_is_kept_of_a_key_never_prints_its_material() {
    let mut world = World::new();
    key(&mut world, json!({}));
    let clear = super::material::Clear::new(b"hunter2".to_vec());
    let blob = super::bytes::Blob(b"hunter2".to_vec());
    assert_eq!(format!("{clear:?} {blob:?}"), "[redacted] [redacted]");
    let bad = serde_json::from_str::<super::bytes::Blob>("\"hunter2!\"").unwrap_err();
    assert!(!bad.to_string().contains("hunter"), "{bad}");
}
