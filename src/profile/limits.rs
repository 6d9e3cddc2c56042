//! The numbers of a profile: devenv's own bounds, and AWS's limits with their sources.
//! SQS: API reference, `SetQueueAttributes` and `CreateQueue`. S3: user guide, "Bucket naming rules".
//! Secrets Manager: API reference, `CreateSecret` and `GetRandomPassword`.

/// Bytes of one profile file. A profile is typed by hand; anything larger is another file by mistake.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 20;
/// Files in one `extends` chain.
pub(crate) const EXTENDS_DEPTH_MAX: usize = 16;
/// Mistakes reported at once; the rest are counted.
pub(crate) const MISTAKES_MAX: usize = 200;

/// Mistakes kept at all.
pub(crate) const MISTAKES_KEPT_MAX: usize = 1_000;

/// Postgres majors that devenv can run.
pub(crate) const POSTGRES_MAJORS: std::ops::RangeInclusive<u32> = 15..=18;
/// Default Postgres major.
pub(crate) const POSTGRES_MAJOR_DEFAULT: u32 = 17;
/// Bytes of a Postgres identifier (`NAMEDATALEN - 1`).
pub(crate) const POSTGRES_NAME_BYTES_MAX: usize = 63;

/// Default ports: gateway, Postgres, Redis, SMTP.
pub(crate) const PORTS_DEFAULT: [u16; 4] = [4566, 5432, 6379, 1025];
/// Port of SMTP within TLS where `smtps = "auto"` begins to look.
pub(crate) const SMTPS_PORT_DEFAULT: u16 = 1465;

/// Characters of a bucket's name.
pub(crate) const BUCKET_NAME: std::ops::RangeInclusive<usize> = 3..=63;
/// Days before which S3 refuses a transition to an infrequent-access class.
pub(crate) const INFREQUENT_ACCESS_DAYS_MIN: u32 = 30;
/// Rules of one bucket's CORS configuration.
pub(crate) const CORS_RULES_MAX: usize = 100;
/// Tags of one bucket or queue.
pub(crate) const TAGS_MAX: usize = 50;
/// Characters of a tag's key.
pub(crate) const TAG_KEY_MAX: usize = 128;
/// Characters of a tag's value.
pub(crate) const TAG_VALUE_MAX: usize = 256;

/// Characters of a queue's name, `.fifo` included.
pub(crate) const QUEUE_NAME_MAX: usize = 80;
/// Seconds of `VisibilityTimeout`: up to 12 hours.
pub(crate) const VISIBILITY_SECONDS: std::ops::RangeInclusive<u64> = 0..=43_200;
/// Seconds of `DelaySeconds`: up to 15 minutes.
pub(crate) const DELAY_SECONDS: std::ops::RangeInclusive<u64> = 0..=900;
/// Seconds of `MessageRetentionPeriod`: one minute to 14 days.
pub(crate) const RETENTION_SECONDS: std::ops::RangeInclusive<u64> = 60..=1_209_600;
/// Seconds of `ReceiveMessageWaitTimeSeconds`.
pub(crate) const RECEIVE_WAIT_SECONDS: std::ops::RangeInclusive<u64> = 0..=20;
/// Bytes of `MaximumMessageSize`: 1 KiB to 1 MiB.
pub(crate) const MESSAGE_BYTES: std::ops::RangeInclusive<u64> = 1_024..=1_048_576;

/// Characters of a secret's name.
pub(crate) const SECRET_NAME_MAX: usize = 512;
/// Bytes of a secret's value.
pub(crate) const SECRET_VALUE_BYTES_MAX: usize = 65_536;
/// Characters of a generated password unless said otherwise.
pub(crate) const GENERATED_DEFAULT: u32 = 32;

/// Characters of a rotation function's name, as Lambda has them.
pub(crate) const ROTATOR_NAME_MAX: usize = 64;
/// Seconds that a step of a rotation may take: as long as Lambda lets a function run.
pub(crate) const ROTATOR_SECONDS: std::ops::RangeInclusive<u64> = 1..=900;
/// The same unless said otherwise.
pub(crate) const ROTATOR_SECONDS_DEFAULT: u64 = 60;
