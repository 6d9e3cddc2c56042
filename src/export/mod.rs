//! What an environment comes to on an engine or a cluster without devenv's daemon.
//!
//! [`platform`] adds devenv itself, Postgres and Redis to the project's Compose files, as services that
//! answer to the names that were replaced; [`compose`] writes the whole as one Compose file (or as one
//! that Swarm takes), [`kubernetes`] as objects, [`devcontainer`] as a
//! dev container. What a target cannot carry out is a note, never silent.

mod compose;
mod devcontainer;
mod files;
mod kubernetes;
mod platform;
#[cfg(test)]
mod tests;
mod yaml;

pub use compose::{ComposeFile, Dialect, compose};
pub use devcontainer::devcontainer;
pub use kubernetes::kubernetes;
pub use platform::{DEVENV, Wishes, platform};
pub use yaml::to_yaml;

use serde_json::{Map, Value};

/// Puts a member that says something: not nothing, `false`, or an empty list or object.
fn put(map: &mut Map<String, Value>, key: &str, value: Value) {
    let empty = match &value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    if !empty {
        map.insert(key.to_owned(), value);
    }
}
