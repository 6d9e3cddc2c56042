//! A dev container (containers.dev): a workspace with the environment beside it, as a Compose file of its own.
//!
//! The project's own services are not in it: they are what is worked on, in the workspace. Services of the
//! catalogue are. Paths are relative, so that the directory can be checked in.

use super::compose::{ComposeFile, Dialect, compose};
use super::platform::{DEVENV, Wishes, platform};
use crate::base::Problem;
use crate::compose::{Mount, Service, Stack};
use crate::profile::Profile;
use serde_json::{Value, json};
use std::path::Path;

/// The service that is worked in.
const WORKSPACE: &str = "workspace";

/// `devcontainer.json`, and the Compose file beside it. `stack` holds what is there besides the servers.
pub fn devcontainer(
    profile: &Profile,
    mut stack: Stack,
    wishes: &Wishes,
    base: &str,
) -> Result<(Value, ComposeFile), Problem> {
    let folder = format!("/workspaces/{}", wishes.project);
    let workspace = Mount {
        kind: "bind".to_owned(),
        source: Some("..".to_owned()),
        target: folder.clone(),
        create: true,
        ..Mount::default()
    };
    let mut service = Service {
        image: Some(base.to_owned()),
        // What is worked in has nothing to do by itself.
        command: Some(["sleep", "infinity"].map(str::to_owned).to_vec()),
        mounts: vec![workspace],
        replicas: 1,
        ..Service::default()
    };
    service.host.init = Some(true);
    service.networks.insert("default".to_owned(), crate::compose::Attachment::default());
    stack.services.insert(WORKSPACE.to_owned(), service);
    let stack = platform(profile, stack, wishes)?;
    let forwarded =
        stack.services.iter().filter(|(name, _)| *name != WORKSPACE).flat_map(|(name, service)| {
            service.expose.iter().map(move |port| format!("{name}:{port}"))
        });
    let forwarded: Vec<String> = forwarded.collect();
    let file = json!({
        "name": profile.name,
        "dockerComposeFile": "compose.yaml",
        "service": WORKSPACE,
        "runServices": stack.services.keys().collect::<Vec<_>>(),
        "workspaceFolder": folder,
        "overrideCommand": false,
        "shutdownAction": "stopCompose",
        "forwardPorts": forwarded,
        "portsAttributes": {
            format!("{DEVENV}:4566"): { "label": "AWS (devenv)", "onAutoForward": "silent" },
        },
        "remoteEnv": wishes.variables,
    });
    Ok((file, compose(&stack, Dialect::Compose, Path::new("./files"))))
}
