//! The resolved profile: what an environment is, with every default filled in.
//! `None` and absent map entries mean "not part of this environment", never "not decided yet".

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One environment, ready to be booted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// The name shown to people: the shipped profile's name or the project directory's.
    pub name: String,
    /// The directory of `devenv.toml` (or the working directory for a shipped profile).
    pub project_dir: PathBuf,
    /// Which ports the parts listen on.
    pub ports: Ports,
    /// How far requests are authenticated.
    pub auth: Auth,
    /// Account id of resources that the profile declares; 12 digits.
    pub account: String,
    /// Region of resources that the profile declares.
    pub region: String,
    /// The database server, if the environment has one.
    pub postgres: Option<Postgres>,
    /// The cache server, if the environment has one.
    pub redis: Option<Redis>,
    /// Buckets by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// Queues by name (`.fifo` included where it applies).
    pub queues: BTreeMap<String, Queue>,
    /// Whether SQS's waits of sixty seconds hold.
    pub sqs_strict: bool,
    /// Mail settings.
    pub ses: Ses,
    /// Secrets by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Rotation functions by name.
    pub rotators: BTreeMap<String, Rotator>,
    /// Who answers for services that devenv does not serve, by signing name.
    pub upstreams: BTreeMap<String, Upstream>,
    /// KMS keys by name: stored and shown until KMS is served.
    pub kms_keys: BTreeMap<String, Value>,
    /// Containers.
    pub containers: Containers,
    /// What `devenv seed` loads, in order.
    pub seed: Vec<Value>,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// Commands around the life of the environment.
    pub hooks: Hooks,
}

/// Faults on purpose.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Faults {
    /// Whether Postgres and Redis are reached through a proxy of their own.
    pub proxy: bool,
    /// Those in force from the beginning, as `POST /_devenv/faults` takes them.
    pub rules: Vec<Value>,
}

/// A port: fixed, or the next free one at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Port {
    /// This one, or exit 5 when it is taken.
    Fixed(u16),
    /// The default if free, else the next free one.
    Auto(u16),
}

impl Port {
    /// The one that is tried first.
    pub fn first(self) -> u16 {
        match self {
            Port::Fixed(port) | Port::Auto(port) => port,
        }
    }
}

/// Listening ports; each holds its default (4566, 5432, 6379, 1025) unless the profile says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ports {
    /// The AWS endpoint.
    pub gateway: Port,
    /// Postgres.
    pub postgres: Port,
    /// Redis.
    pub redis: Port,
    /// SMTP.
    pub smtp: Port,
}

/// Authentication of AWS requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Any credentials will do.
    Lenient,
    /// Signatures are verified.
    Strict,
    /// Signatures and policies.
    Enforce,
}

/// Where a server's program comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Native.
    Auto,
    /// A process on this machine.
    Native,
    /// A container.
    Docker,
}

/// A Postgres server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Postgres {
    /// Where it comes from.
    pub provider: Provider,
    /// The major version wanted.
    pub version: PgVersion,
    /// Image for `provider = "docker"`.
    pub image: Option<String>,
    /// Databases to create; the first is the default one. Never empty.
    pub databases: Vec<String>,
    /// Extensions created in each database.
    pub extensions: Vec<String>,
    /// Server settings (`postgresql.conf` names), values as Postgres reads them.
    pub settings: BTreeMap<String, String>,
    /// Superuser name and password.
    pub user: String,
    /// Password of `user`.
    pub password: String,
    /// Whether `now()` follows the virtual clock.
    pub follow_clock: bool,
}

/// A preferred Postgres major and those accepted in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PgVersion {
    /// Production's major.
    pub prefer: u32,
    /// Majors that will do when `prefer` cannot be had, best first.
    pub accept: Vec<u32>,
}

/// A Redis server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redis {
    /// Where it comes from.
    pub provider: Provider,
    /// Image for `provider = "docker"`.
    pub image: Option<String>,
    /// `redis.conf` directives.
    pub settings: BTreeMap<String, String>,
    /// Whether keys expire by the virtual clock.
    pub follow_clock: bool,
}

/// An S3 bucket. Settings are kept as the JSON form of the profile's TOML; the S3 service
/// honours those that it knows and stores and shows the others.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Bucket {
    /// Versioning enabled.
    pub versioning: bool,
    /// Readable by anyone.
    pub public: bool,
    /// Object lock enabled at creation.
    pub object_lock: bool,
    /// All other settings by key, in the shapes of `docs/profile.md` with short forms written out:
    /// `encryption` is `{algorithm, key?, bucket_key?}`, `lifecycle` a list of `{id?, prefix?, tags?,
    /// enabled?, transitions?: [{days, storage_class}], expire_days?, …}`, `cors` a list of `{origins,
    /// methods, headers?, expose?, max_age?}` with `max_age` in seconds, `notifications` a list of
    /// `{queue, events, prefix?, suffix?}`, `replication` `{bucket, prefix?, storage_class?,
    /// delete_markers?}`, `object_lock` `{mode, days | years}`, `seed` a list of paths, `tags` a table.
    pub settings: BTreeMap<String, Value>,
}

/// An SQS queue: attributes as `CreateQueue` takes them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Queue {
    /// A FIFO queue.
    pub fifo: bool,
    /// Attribute name to value, in AWS's names (`VisibilityTimeout`, `DelaySeconds`, …).
    pub attributes: BTreeMap<String, String>,
    /// Dead-letter queue by name.
    pub dead_letter: Option<DeadLetter>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A redrive policy by queue name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Name of a queue of the same profile.
    pub queue: String,
    /// Receives before a message moves.
    pub max_receive_count: u32,
}

/// Mail.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Ses {
    /// Verified addresses and domains.
    pub identities: Vec<String>,
    /// `true` when unverified senders are refused.
    pub strict: bool,
    /// `true` when unverified recipients are refused too.
    pub sandbox: bool,
    /// What becomes of mail, by address or domain.
    pub outcomes: BTreeMap<String, String>,
    /// Queues by the names of SNS topics.
    pub subscriptions: BTreeMap<String, String>,
    /// The port of SMTP within TLS.
    pub smtps: Option<Port>,
    /// `templates`, `forward` and `keep` as typed.
    pub settings: BTreeMap<String, Value>,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Secret {
    /// Its first value.
    pub source: SecretSource,
    /// Description.
    pub description: Option<String>,
    /// When it is rotated, and by what.
    pub rotation: Option<SecretRotation>,
}

/// When a secret is rotated, and by what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SecretRotation {
    /// Days between two rotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// `rate(…)` or `cron(…)` instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// How long the rotation window is open (`3h`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// The function's name: one of the profile's or a built-in one.
    pub lambda: String,
}

/// Where requests of a service go that devenv does not serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upstream {
    /// `http://127.0.0.1:5000`, without a slash at the end.
    pub url: String,
    /// Requests are signed anew by this key; without it they go as they came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The environment variable that holds the secret key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_access_key_env: Option<String>,
    /// A file of certificates that vouch for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// The names of the built-in rotation functions.
pub const ROTATORS_BUILT_IN: [&str; 3] =
    ["random-password", "postgres-single-user", "postgres-alternating-users"];

/// A rotation function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rotator {
    /// What is called.
    #[serde(flatten)]
    pub kind: RotatorKind,
    /// How long a step may take, in seconds when shown.
    #[serde(serialize_with = "seconds")]
    pub timeout: std::time::Duration,
}

/// What is called for a step of a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RotatorKind {
    /// A program with its arguments.
    Command(Vec<String>),
    /// An address.
    Url(String),
    /// A container image.
    Container(String),
    /// A built-in function.
    #[serde(rename = "rotate")]
    BuiltIn(String),
}

fn seconds<S: serde::Serializer>(
    duration: &std::time::Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

/// Where a secret's first value comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// This text. A table in the profile becomes its JSON text. `${postgres.host}`, `${postgres.port}`,
    /// `${postgres.user}`, `${postgres.password}`, `${postgres.database}`, `${redis.host}`, `${redis.port}`
    /// and `${gateway.endpoint}` are replaced at boot.
    Value(String),
    /// A random password of this many characters, made once.
    Generate {
        /// Characters.
        length: u32,
    },
}

/// The project's containers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Containers {
    /// Compose files, relative to the project.
    pub compose: Vec<String>,
    /// Compose service name to the part of devenv that stands for it (`postgres`, `redis`, `gateway`).
    pub replace: BTreeMap<String, String>,
    /// Names of shipped fragments.
    pub catalog: Vec<String>,
}

/// Commands run through `sh -c` with the environment in place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hooks {
    /// Before anything starts.
    pub before_up: Vec<String>,
    /// When every part answers.
    pub after_ready: Vec<String>,
    /// Before anything stops.
    pub before_down: Vec<String>,
}
