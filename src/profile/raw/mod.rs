//! A profile as typed: every key of `devenv.toml`. The JSON Schema is generated from these types,
//! and the loader checks a file against that schema, so a key exists here or nowhere.
//! The doc comments are the texts that editors show.

// Keys that are only handed on (as JSON of what was typed) exist here for the schema alone.
#![allow(dead_code)]

pub(crate) mod faults;
pub(crate) mod mail;
pub(crate) mod queues;
pub(crate) mod storage;

pub(crate) use faults::{Fault, FaultKind, Faults};
pub(crate) use mail::Ses;
pub(crate) use queues::{DeadLetter, Queue, Seconds, Sqs, SqsMode};
pub(crate) use storage::{Bucket, ObjectLock, OneOrMany, S3};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// A devenv environment: which servers run and which AWS resources exist in it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "devenv.toml", rename = "Profile")]
pub(crate) struct RawProfile {
    /// The profile this one starts from: a shipped profile (`minimal`, `default`, `epicenter`) or a
    /// file relative to this one (`"../base.toml"`). Tables are merged, this file wins; `false` in place
    /// of an inherited part removes it.
    pub(crate) extends: Option<String>,
    /// Ports: `"auto"` (each default if free, else the next free port), or one by one.
    pub(crate) port: Option<Port>,
    /// How far AWS requests are authenticated. Default: `lenient`.
    pub(crate) auth: Option<Auth>,
    /// Account id of the declared resources, 12 digits. Default: `000000000000`.
    #[schemars(extend("pattern" = "^[0-9]{12}$"))]
    pub(crate) account: Option<String>,
    /// Region of the declared resources. Default: `us-east-1`.
    #[schemars(extend("pattern" = "^[a-z]{2}(-[a-z]+)+-[0-9]+$"))]
    pub(crate) region: Option<String>,
    /// The Postgres server. Without this table, none is started.
    #[schemars(with = "Option<Part<Postgres>>")]
    pub(crate) postgres: Option<Postgres>,
    /// The Redis server. Without this table, none is started.
    #[schemars(with = "Option<Part<Redis>>")]
    pub(crate) redis: Option<Redis>,
    /// S3.
    pub(crate) s3: Option<S3>,
    /// SQS.
    pub(crate) sqs: Option<Sqs>,
    /// Mail.
    pub(crate) ses: Option<Ses>,
    /// Secrets Manager: secrets by name.
    #[schemars(with = "Option<BTreeMap<String, Part<Secret>>>")]
    pub(crate) secrets: Option<BTreeMap<String, Secret>>,
    /// Rotation functions by name, called as Lambda functions are when a secret is rotated. A
    /// `RotationLambdaARN` means the one whose name it ends with.
    #[schemars(with = "Option<BTreeMap<String, Part<Rotator>>>")]
    pub(crate) rotators: Option<BTreeMap<String, Rotator>>,
    /// Services that devenv does not serve, by signing name (`dynamodb`, `lambda`, `sns`), and the
    /// emulator that answers for them: its address, or a table.
    #[schemars(with = "Option<BTreeMap<String, Part<Upstream>>>")]
    pub(crate) upstream: Option<BTreeMap<String, Upstream>>,
    /// Whether an upstream may be AWS itself. Default: false.
    pub(crate) allow_real_aws: Option<bool>,
    /// KMS.
    pub(crate) kms: Option<Kms>,
    /// The project's own containers.
    pub(crate) containers: Option<Containers>,
    /// What `devenv seed` loads: archives, then sql, fixtures, objects, messages, mails, redis.
    pub(crate) seed: Option<Seed>,
    /// What goes wrong on purpose.
    pub(crate) faults: Option<Faults>,
    /// Commands around the environment's life, run by `sh -c` with its variables.
    pub(crate) hooks: Option<Hooks>,
}

/// In the schema only: `T`, or `false` to remove what was inherited. The loader drops the `false`.
pub(crate) struct Part<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Part<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Part_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [inner, { "const": false, "description": "Removes what was inherited." }] })
    }
}

/// The word `auto`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) enum AutoWord {
    /// The default port if it is free, else the next free one.
    #[serde(rename = "auto")]
    Auto,
}

/// Ports, all at once or one by one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Port {
    Auto(AutoWord),
    Each(Ports),
}

/// A port for each part; a part left out keeps its default.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ports {
    /// The AWS endpoint. Default: 4566.
    pub(crate) gateway: Option<PortNumber>,
    /// Postgres. Default: 5432.
    pub(crate) postgres: Option<PortNumber>,
    /// Redis. Default: 6379.
    pub(crate) redis: Option<PortNumber>,
    /// SMTP. Default: 1025.
    pub(crate) smtp: Option<PortNumber>,
}

/// A port, or `"auto"`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum PortNumber {
    Auto(AutoWord),
    Number(#[schemars(range(min = 1))] u16),
}

/// Authentication of AWS requests.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Auth {
    /// Any credentials will do.
    Lenient,
    /// Signatures are verified.
    Strict,
    /// Signatures are verified and policies are enforced.
    Enforce,
}

/// Where a server's program comes from.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    /// Native.
    Auto,
    /// A process on this machine; missing programs are fetched.
    Native,
    /// A container.
    Docker,
}

/// A value of a server's setting.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
}

/// A Postgres server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Postgres {
    /// Where the server comes from. Default: `auto`.
    pub(crate) provider: Option<Provider>,
    /// Major version, 15 to 18: `17`, or `{ prefer = 15, accept = [16, 17] }`. Default: 17.
    pub(crate) version: Option<PgVersion>,
    /// Image when the server runs in Docker, as `pgvector/pgvector:pg17`.
    pub(crate) image: Option<String>,
    /// Databases to create; the first is the default one. Default: `["app"]`.
    #[schemars(length(min = 1))]
    pub(crate) databases: Option<Vec<String>>,
    /// Extensions created in each database. pgvector's name is `vector`.
    pub(crate) extensions: Option<Vec<String>>,
    /// Settings by their `postgresql.conf` names, as `log_statement = "all"`.
    pub(crate) settings: Option<BTreeMap<String, Scalar>>,
    /// Superuser. Default: `postgres`.
    pub(crate) user: Option<String>,
    /// The superuser's password. Default: `postgres`.
    pub(crate) password: Option<String>,
    /// Whether `now()` in the databases follows `devenv clock`. Default: false.
    pub(crate) follow_clock: Option<bool>,
}

/// A Postgres major, or a preferred one and those that will do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum PgVersion {
    Major(#[schemars(range(min = 15, max = 18))] u32),
    Range(PgRange),
}

/// A preferred Postgres major and those accepted in its place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PgRange {
    /// Production's major.
    #[schemars(range(min = 15, max = 18))]
    pub(crate) prefer: u32,
    /// Majors that will do when `prefer` cannot be had, best first.
    #[schemars(inner(range(min = 15, max = 18)))]
    pub(crate) accept: Option<Vec<u32>>,
}

/// A Redis server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redis {
    /// Where the server comes from. Default: `auto`.
    pub(crate) provider: Option<Provider>,
    /// Image when the server runs in Docker, as `redis:7`.
    pub(crate) image: Option<String>,
    /// Directives by their `redis.conf` names, as `maxmemory-policy = "volatile-lru"`.
    pub(crate) settings: Option<BTreeMap<String, Scalar>>,
    /// Whether keys expire earlier when `devenv clock` is moved on. Default: false.
    pub(crate) follow_clock: Option<bool>,
}

/// A secret: `value` or `generate`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    /// The secret's text, or a table that becomes its JSON text. `${postgres.host}`, `.port`, `.user`,
    /// `.password`, `.database`, `${redis.host}`, `.port` and `${gateway.endpoint}` are replaced at boot.
    pub(crate) value: Option<SecretValue>,
    /// A random password made once: its length, `true` for 32 characters, or `{ length = 40 }`.
    pub(crate) generate: Option<Generate>,
    /// What the secret is for.
    pub(crate) description: Option<String>,
    /// When it is rotated, and by what.
    pub(crate) rotation: Option<Rotation>,
}

/// A secret's value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum SecretValue {
    Text(String),
    Table(serde_json::Map<String, serde_json::Value>),
}

/// A password to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Generate {
    Yes(bool),
    Length(#[schemars(range(min = 1, max = 4096))] u32),
    Table(GenerateTable),
}

/// A password to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerateTable {
    /// Characters. Default: 32.
    #[schemars(range(min = 1, max = 4096))]
    pub(crate) length: Option<u32>,
}

/// How a secret is rotated.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// Days between two rotations.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) days: Option<u32>,
    /// A schedule instead, as `rate(10 days)` or `cron(0 8 1 * ? *)`.
    pub(crate) schedule: Option<String>,
    /// How long the rotation window is open, in hours, as `3h`. Default: until the end of the day.
    #[schemars(extend("pattern" = "^[0-9]{1,2}h$"))]
    pub(crate) window: Option<String>,
    /// The function: the name of one of `rotators`, or an ARN that ends with it.
    pub(crate) lambda: Option<String>,
    /// A built-in function instead.
    pub(crate) rotate: Option<BuiltInRotator>,
}

/// A rotation function: one of `command`, `url`, `container` and `rotate`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotator {
    /// A program and its arguments, or a text for `sh -c`, run in the project's directory with the
    /// variables of `devenv env`. The event comes on standard input; 0 means done.
    pub(crate) command: Option<Command>,
    /// An address to which the event is posted, such as that of a Lambda runtime emulator.
    pub(crate) url: Option<String>,
    /// A container image. Not served yet: each call fails and says so.
    pub(crate) container: Option<String>,
    /// A built-in function under a name of your own.
    pub(crate) rotate: Option<BuiltInRotator>,
    /// How long a step may take: 1 second to 15 minutes. Default: 1 minute.
    pub(crate) timeout: Option<Seconds>,
}

/// Who answers for a service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Upstream {
    /// Its address. Requests go there as they came.
    Address(String),
    /// Its address and how to call it.
    Table(UpstreamTable),
}

/// Where requests of a service go.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamTable {
    /// `http://127.0.0.1:5000`, `https://…`.
    pub(crate) url: String,
    /// With it requests are signed anew, by this key.
    pub(crate) access_key_id: Option<String>,
    /// The environment variable of `devenv up` that holds the secret key.
    pub(crate) secret_access_key_env: Option<String>,
    /// A file of certificates (PEM) that vouch for it instead of the machine's.
    pub(crate) ca: Option<String>,
}

/// A program and its arguments, or a text for `sh -c`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Command {
    Text(String),
    Words(Vec<String>),
}

/// A built-in rotation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BuiltInRotator {
    /// A new random value, for secrets that nobody else must be told of.
    RandomPassword,
    /// A new password for the role of the secret.
    PostgresSingleUser,
    /// A new password for one of two roles that take turns.
    PostgresAlternatingUsers,
}

impl BuiltInRotator {
    /// As typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            BuiltInRotator::RandomPassword => "random-password",
            BuiltInRotator::PostgresSingleUser => "postgres-single-user",
            BuiltInRotator::PostgresAlternatingUsers => "postgres-alternating-users",
        }
    }
}

/// KMS.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kms {
    /// Keys by name, made at the first boot. Their ids follow from account, region and alias.
    #[schemars(with = "Option<BTreeMap<String, Part<KmsKey>>>")]
    pub(crate) keys: Option<BTreeMap<String, KmsKey>>,
}

/// A KMS key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KmsKey {
    /// Its alias, without or with the leading `alias/`. Default: the key's name.
    pub(crate) alias: Option<String>,
    /// Key spec. Default: `SYMMETRIC_DEFAULT`.
    #[schemars(with = "Option<KeySpec>")]
    pub(crate) spec: Option<String>,
    /// What the key may be used for. Default: `ENCRYPT_DECRYPT` for symmetric and RSA keys, else the
    /// first that keys of its spec are for.
    #[schemars(with = "Option<KeyUsage>")]
    pub(crate) usage: Option<String>,
    /// What the key is for, in words.
    pub(crate) description: Option<String>,
    /// Key material in base64, so that what was encrypted elsewhere can be read: as many bytes as a
    /// symmetric or HMAC key has, or a private key in PKCS #8 DER.
    pub(crate) material: Option<String>,
}

/// KMS's key specs.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum KeySpec {
    SymmetricDefault,
    #[schemars(rename = "RSA_2048")]
    Rsa2048,
    #[schemars(rename = "RSA_3072")]
    Rsa3072,
    #[schemars(rename = "RSA_4096")]
    Rsa4096,
    #[schemars(rename = "ECC_NIST_P256")]
    EccNistP256,
    #[schemars(rename = "ECC_NIST_P384")]
    EccNistP384,
    #[schemars(rename = "ECC_NIST_P521")]
    EccNistP521,
    #[schemars(rename = "ECC_SECG_P256K1")]
    EccSecgP256k1,
    #[schemars(rename = "HMAC_224")]
    Hmac224,
    #[schemars(rename = "HMAC_256")]
    Hmac256,
    #[schemars(rename = "HMAC_384")]
    Hmac384,
    #[schemars(rename = "HMAC_512")]
    Hmac512,
    #[schemars(rename = "ML_DSA_44")]
    MlDsa44,
    #[schemars(rename = "ML_DSA_65")]
    MlDsa65,
    #[schemars(rename = "ML_DSA_87")]
    MlDsa87,
    #[schemars(rename = "ECC_NIST_EDWARDS25519")]
    EccNistEdwards25519,
    #[schemars(rename = "ML_KEM_512")]
    MlKem512,
    #[schemars(rename = "ML_KEM_768")]
    MlKem768,
    #[schemars(rename = "ML_KEM_1024")]
    MlKem1024,
}

/// KMS's key usages.
#[derive(JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum KeyUsage {
    SignVerify,
    EncryptDecrypt,
    GenerateVerifyMac,
    KeyAgreement,
    EncapsulateDecapsulate,
}

/// The project's containers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Containers {
    /// Compose files, relative to the project.
    pub(crate) compose: Option<Vec<String>>,
    /// Compose services that a part of devenv stands for, as `db = "postgres"`.
    pub(crate) replace: Option<BTreeMap<String, Replacement>>,
    /// Shipped container fragments by name.
    pub(crate) catalog: Option<Vec<String>>,
}

/// A part that can stand for a compose service.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Replacement {
    /// devenv's Postgres.
    Postgres,
    /// devenv's Redis.
    Redis,
    /// devenv's AWS endpoint.
    Gateway,
}

/// What `devenv seed` loads, in this order. Paths are relative to the project.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seed {
    /// Archives made by `devenv data pull`.
    pub(crate) archives: Option<OneOrMany<String>>,
    /// SQL files, run in the default database.
    pub(crate) sql: Option<OneOrMany<String>>,
    /// Fixture files.
    pub(crate) fixtures: Option<OneOrMany<String>>,
    /// Files put into buckets.
    pub(crate) objects: Option<Vec<SeedObjects>>,
    /// Messages sent to queues.
    pub(crate) messages: Option<Vec<SeedMessage>>,
    /// Mails (RFC 5322), or directories of them, put into the inbox.
    pub(crate) mails: Option<OneOrMany<String>>,
    /// Files of keys for Redis.
    pub(crate) redis: Option<OneOrMany<String>>,
}

/// Files for a bucket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeedObjects {
    /// A bucket of this profile.
    pub(crate) bucket: String,
    /// A file or directory.
    pub(crate) path: String,
    /// Put before each key.
    pub(crate) prefix: Option<String>,
}

/// A message for a queue: `body` or `file`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeedMessage {
    /// A queue of this profile.
    pub(crate) queue: String,
    /// The message.
    pub(crate) body: Option<String>,
    /// A file with one message a line.
    pub(crate) file: Option<String>,
}

/// Commands around the environment's life; each a command or several in order.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hooks {
    /// Before anything starts.
    pub(crate) before_up: Option<OneOrMany<String>>,
    /// When every part answers.
    pub(crate) after_ready: Option<OneOrMany<String>>,
    /// Before anything stops.
    pub(crate) before_down: Option<OneOrMany<String>>,
}
