//! What is mounted into a pod, and the objects behind it.

use super::super::files::gather;
use super::{Writer, name_of};
use crate::compose::{Mount, Placed, Service};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::path::Path;

/// All mounts of a service.
#[derive(Default)]
pub(super) struct Mounts {
    /// Of the pod.
    pub(super) volumes: Vec<Value>,
    /// Of the container.
    pub(super) mounts: Vec<Value>,
    /// Names of claims that belong to the service alone.
    pub(super) own: Vec<String>,
    /// What the files hold.
    pub(super) contents: Vec<Value>,
}

impl Writer<'_> {
    pub(super) fn mounts(&mut self, key: &str, name: &str, service: &Service) -> Mounts {
        let mut all = Mounts::default();
        for (i, mount) in service.mounts.iter().enumerate() {
            match mount.kind.as_str() {
                "volume" => self.volume(key, i, mount, &mut all),
                "tmpfs" => {
                    let volume = format!("tmp-{i}");
                    all.volumes.push(memory(&volume, mount.size));
                    all.mounts.push(json!({ "name": volume, "mountPath": mount.target }));
                }
                _ => self.bind(key, name, i, mount, &mut all),
            }
        }
        if let Some(size) = service.host.shm_size {
            all.volumes.push(memory("shm", Some(size)));
            all.mounts.push(json!({ "name": "shm", "mountPath": "/dev/shm" }));
        }
        for (i, placed) in service.files.iter().enumerate() {
            self.placed(key, name, i, placed, &mut all);
        }
        all
    }

    fn volume(&mut self, key: &str, i: usize, mount: &Mount, all: &mut Mounts) {
        let mut one = json!({ "mountPath": mount.target });
        if mount.read_only {
            one["readOnly"] = json!(true);
        }
        let Some(source) = &mount.source else {
            let volume = format!("scratch-{i}");
            all.volumes.push(json!({ "name": volume, "emptyDir": {} }));
            one["name"] = json!(volume);
            return all.mounts.push(one);
        };
        let volume = name_of(source);
        one["name"] = json!(volume);
        all.mounts.push(one);
        let is_external = self.stack.volumes.get(source).is_some_and(|v| v.external);
        let is_own = !is_external && self.users(source).len() == 1;
        let there = all.volumes.iter().any(|v| v["name"] == volume.as_str());
        match () {
            () if is_own && self.jobs.contains(key) => {
                if !there {
                    all.volumes.push(json!({ "name": volume, "emptyDir": {} }));
                }
                all.own.push(volume);
            }
            () if is_own => {
                if !all.own.contains(&volume) {
                    all.own.push(volume);
                }
            }
            () if !there => {
                let claim = json!({ "claimName": volume });
                all.volumes.push(json!({ "name": volume, "persistentVolumeClaim": claim }));
            }
            () => {}
        }
    }

    /// A file or a directory of this machine goes along as a ConfigMap, where it is small enough.
    fn bind(&mut self, key: &str, name: &str, i: usize, mount: &Mount, all: &mut Mounts) {
        let source = mount.source.as_deref().unwrap_or_default();
        let volume = format!("files-{i}");
        let files = match gather(Path::new(source)) {
            Ok(files) => files,
            Err(why) => {
                let target = &mount.target;
                self.note(key, format!("`{source}` is an empty directory at {target}: {why}"));
                all.volumes.push(json!({ "name": volume, "emptyDir": {} }));
                return all.mounts.push(json!({ "name": volume, "mountPath": mount.target }));
            }
        };
        let is_file = matches!(files.as_slice(), [(path, _)] if path.is_empty());
        let mut items = Vec::new();
        let mut contents = Vec::new();
        for (at, (path, bytes)) in files.into_iter().enumerate() {
            let own = format!("f{at}");
            let path = if is_file { "file".to_owned() } else { path };
            items.push(json!({ "key": own, "path": path }));
            contents.push((own, bytes));
        }
        let map = format!("{name}-{volume}");
        self.file_object("ConfigMap", &map, name, contents, all);
        all.volumes.push(json!({ "name": volume, "configMap": { "name": map, "items": items } }));
        let mut one = json!({ "name": volume, "mountPath": mount.target });
        if is_file {
            one["subPath"] = json!("file");
        }
        all.mounts.push(one);
    }

    /// A secret or a config.
    fn placed(&mut self, key: &str, name: &str, i: usize, placed: &Placed, all: &mut Mounts) {
        let bytes = match (&placed.file, &placed.content) {
            (Some(file), _) => match gather(file).map(|files| files.into_iter().next()) {
                Ok(Some((_, bytes))) => bytes,
                Ok(None) => Vec::new(),
                Err(why) => return self.note(key, format!("{} is left out: {why}", placed.target)),
            },
            (None, content) => content.clone().unwrap_or_default().into_bytes(),
        };
        let (volume, own) = (format!("placed-{i}"), format!("{name}-placed-{i}"));
        self.file_object("Secret", &own, name, vec![("file".to_owned(), bytes)], all);
        let mode = placed.mode.unwrap_or(0o444);
        let secret = json!({ "secretName": own, "defaultMode": mode });
        all.volumes.push(json!({ "name": volume, "secret": secret }));
        all.mounts.push(json!({
            "name": volume, "mountPath": placed.target, "subPath": "file", "readOnly": true,
        }));
    }

    /// A ConfigMap or a Secret of these files.
    fn file_object(
        &mut self,
        kind: &str,
        own: &str,
        part: &str,
        files: Vec<(String, Vec<u8>)>,
        all: &mut Mounts,
    ) {
        let (mut texts, mut binary) = (Map::new(), Map::new());
        for (key, bytes) in files {
            match String::from_utf8(bytes) {
                Ok(text) => texts.insert(key, json!(text)),
                Err(error) => binary.insert(key, json!(STANDARD.encode(error.as_bytes()))),
            };
        }
        let (text_key, binary_key) =
            if kind == "Secret" { ("stringData", "data") } else { ("data", "binaryData") };
        let mut rest = Map::new();
        if !texts.is_empty() {
            rest.insert(text_key.to_owned(), Value::Object(texts));
        }
        if !binary.is_empty() {
            rest.insert(binary_key.to_owned(), Value::Object(binary));
        }
        let rest = Value::Object(rest);
        all.contents.push(rest.clone());
        let metadata = self.metadata(own, part);
        self.put("v1", kind, metadata, rest);
    }
}

fn memory(name: &str, size: Option<i64>) -> Value {
    let mut empty = json!({ "medium": "Memory" });
    if let Some(size) = size {
        empty["sizeLimit"] = json!(size.to_string());
    }
    json!({ "name": name, "emptyDir": empty })
}
