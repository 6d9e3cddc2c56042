//! The operations of S3. Each is the type of its input with an `apply` over the metadata.

pub mod acl;
pub mod annotations;
pub mod buckets;
pub mod configuration;
pub mod copy;
pub mod delete;
pub mod lifecycle;
pub mod list;
pub mod list_uploads;
pub mod list_versions;
pub mod lock;
pub mod multipart;
pub mod objects;
pub mod replication;
pub mod restore;
pub mod tagging;
