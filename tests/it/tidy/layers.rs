//! The layer table of `docs/decisions/001-layer-table.md`: which layer may name which, which crates
//! stay in which room, and what pure code may not know.

use super::source::{Named, Source, read};

/// The layers and those that each may name, its own aside.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("policy", &["base"]),
    ("compose", &["base"]),
    ("profile", &["base"]),
    ("protocol", &["base"]),
    ("storage", &["base"]),
    ("services", &["base", "policy", "protocol", "storage", "profile"]),
    ("edge", &["base", "policy", "profile", "protocol", "storage", "services"]),
    ("supervisor", &["base", "profile"]),
    ("export", &["base", "profile", "compose"]),
    ("runtime", &["base", "profile", "compose", "supervisor"]),
    ("data", &["base", "profile", "protocol", "services", "runtime", "storage"]),
    (
        "control",
        &["base", "profile", "compose", "services", "edge", "supervisor", "runtime", "data"],
    ),
    ("dashboard", &["base", "profile", "services", "edge", "supervisor", "runtime", "data"]),
    (
        "cli",
        &[
            "base",
            "policy",
            "profile",
            "compose",
            "protocol",
            "storage",
            "services",
            "edge",
            "supervisor",
            "runtime",
            "data",
            "control",
            "dashboard",
            "export",
        ],
    ),
];

/// What the pure files of a service, and the supervisor, may not name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::os",
    "std::io::stdout",
    "std::io::stderr",
    "std::io::stdin",
    "http",
    "http_body",
    "http_body_util",
    "hyper",
    "hyper_util",
    "axum",
    "tower",
    "tokio",
    "rusqlite",
    "ureq",
    "tokio_postgres",
    "aws_smithy_http_server",
    "rustix",
    "getrandom",
    "tempfile",
    "tracing",
];

/// Crates that stay in their rooms.
const ROOMS: &[(&str, &[&str])] = &[
    ("axum", &["edge"]),
    ("aws_smithy_http_server", &["protocol", "edge"]),
    ("rusqlite", &["storage"]),
    ("bollard", &["runtime"]),
    ("saphyr_parser", &["compose", "data"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("comfy_table", &["cli"]),
    ("indicatif", &["cli"]),
];

/// Macros that print, for `cli` alone.
const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln"];

/// What looks like a breach and is none: file, path, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "src/control/detach.rs",
    "std::io::stdout",
    "a daemon's stdout is the pipe by which it tells the command that started it how the boot goes",
)];

/// Layers that the pure files of a service may name.
const OPEN: &[&str] = &["base", "policy"];

/// Pure modules of `services/` that every service may name.
const SHARED: &[&str] = &["access", "model"];

/// Files of `services/` and of a service that join the pure core to protocol and storage.
const JOINTS: &[&str] = &["wire", "store", "clock", "host", "registry", "background", "outbox"];

/// What is wrong with the file at `path` (`src/services/sqs/state.rs`) as one line a mistake.
pub(crate) fn check(path: &str, text: &str, dependencies: &[String]) -> Vec<String> {
    let Some(place) = Place::of(path) else { return Vec::new() };
    let module: Vec<&str> = place.module.iter().map(String::as_str).collect();
    let source = match read(&module, text) {
        Ok(source) => source,
        Err(error) => return vec![format!("{path}: {error}")],
    };
    let Some((_, may)) = LAYERS.iter().find(|(name, _)| *name == place.layer) else {
        return vec![format!("{path}: `{}` is no layer of decision 001", place.layer)];
    };
    let excepted = |named: &Named| {
        EXCEPTIONS.iter().any(|(file, name, _)| *file == path && named.path.join("::") == *name)
    };
    let named = source.named.iter().filter(|named| !named.in_test && !excepted(named));
    let mut wrong: Vec<String> = named
        .filter_map(|named| {
            let why = place.refuses(named, may, dependencies)?;
            Some(format!("{path}:{}: `{}`: {why}", named.line, named.path.join("::")))
        })
        .collect();
    wrong.extend(printing(path, &place, &source));
    wrong
}

fn printing(path: &str, place: &Place, source: &Source) -> Vec<String> {
    if place.layer == "cli" {
        return Vec::new();
    }
    let calls = source.macros.iter().filter(|m| !m.in_test && PRINTING.contains(&m.name.as_str()));
    calls.map(|m| format!("{path}:{}: `{}!`: only cli prints", m.line, m.name)).collect()
}

/// Where a file stands.
struct Place {
    layer: String,
    /// `["crate", "services", "sqs", "state"]`.
    module: Vec<String>,
    pure: bool,
    /// The service whose pure core this file belongs to.
    service: Option<String>,
}

impl Place {
    /// `None` for the crate's roots and for files that are only tests.
    fn of(path: &str) -> Option<Place> {
        let inner = path.strip_prefix("src/")?.strip_suffix(".rs")?;
        let mut module: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if module == ["lib"] || module == ["main"] || module.iter().skip(1).any(|m| m == "tests") {
            return None;
        }
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let layer = module[0].clone();
        let is_joint = module.len() == 1 || module.iter().any(|m| JOINTS.contains(&m.as_str()));
        let in_service = layer == "services" && !is_joint;
        let pure =
            in_service || ["supervisor", "base", "policy", "compose"].contains(&layer.as_str());
        let service = in_service.then(|| module[1].clone());
        module.insert(0, "crate".into());
        Some(Place { layer, module, pure, service })
    }

    fn refuses(&self, named: &Named, may: &[&str], dependencies: &[String]) -> Option<String> {
        let path: Vec<&str> = named.path.iter().map(String::as_str).collect();
        if path[0] == "crate" {
            return self.refuses_own(&path, may);
        }
        if self.layer == "base" && dependencies.iter().any(|d| d == path[0]) {
            return Some("base names only std".into());
        }
        if let Some((_, rooms)) = ROOMS.iter().find(|(name, _)| *name == path[0])
            && !rooms.contains(&self.layer.as_str())
        {
            return Some(format!("this crate stays in {}", rooms.join(" and ")));
        }
        let prints = self.layer != "cli" && touches(&path, "std::io::stdout");
        let impure = self.pure && IMPURE.iter().any(|forbidden| touches(&path, forbidden));
        match (prints, impure) {
            (true, _) => Some("only cli prints".into()),
            (_, true) => Some("pure code gets time, ids and input as values".into()),
            _ => None,
        }
    }

    fn refuses_own(&self, path: &[&str], may: &[&str]) -> Option<String> {
        let layer = path.get(1)?;
        if *layer == "*" {
            return Some("this brings every layer into reach".into());
        }
        if *layer != self.layer && LAYERS.iter().any(|(name, _)| name == layer) {
            let allowed =
                may.contains(layer) && self.service.as_ref().is_none_or(|_| OPEN.contains(layer));
            return (!allowed).then(|| format!("{} may not name {layer}", self.called()));
        }
        let own = self.service.as_deref()?;
        // Inside services: a pure file may name its own service's pure files and the traits.
        let other = path.get(2).filter(|next| is_module(next) && **next != own);
        if let Some(other) = other.filter(|other| !SHARED.contains(other)) {
            return Some(format!("the pure files of {own} may not name {other}"));
        }
        let joint = path.get(3).filter(|next| JOINTS.contains(next) && self.module.len() > 3);
        joint.map(|joint| format!("a pure file may not name its {joint}"))
    }

    fn called(&self) -> String {
        match &self.service {
            Some(service) => format!("a pure file of {service}"),
            None => self.layer.clone(),
        }
    }
}

/// Modules are lower case, the traits and types that `services` offers are not.
fn is_module(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Whether `path` is `forbidden`, below it, or a glob that brings it in.
fn touches(path: &[&str], forbidden: &str) -> bool {
    let forbidden: Vec<&str> = forbidden.split("::").collect();
    match path.split_last() {
        Some((&"*", prefix)) => forbidden.starts_with(prefix) || prefix.starts_with(&forbidden),
        _ => path.starts_with(&forbidden),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(path: &str, text: &str) -> Vec<String> {
        check(path, text, &["serde".to_owned(), "tokio".to_owned()])
    }

    /// Mistakes that the checker must find, one a line.
    const PLANTED: &[(&str, &str)] = &[
        ("src/base/time.rs", "use serde::Serialize;"),
        ("src/base/time.rs", "fn now() { std::time::SystemTime::now(); }"),
        ("src/base/time.rs", "use crate::storage::Storage;"),
        ("src/protocol/form.rs", "use crate::services::Service;"),
        ("src/protocol/form.rs", "use crate::{base::Ids, storage::Storage};"),
        ("src/storage/open.rs", "use crate::protocol as wire;"),
        ("src/storage/open.rs", "use axum::Router;"),
        ("src/services/sqs/state.rs", "use crate::protocol::Failure;"),
        ("src/services/sqs/state.rs", "use super::super::super::storage::Ticket;"),
        ("src/services/sqs/state.rs", "use super::super::s3::State;"),
        ("src/services/sqs/state.rs", "use super::super::{sts, Operation};"),
        ("src/services/sqs/state.rs", "use super::store::Change;"),
        ("src/services/sqs/state.rs", "use crate::services::host::Clock;"),
        ("src/services/sqs/ops/send_message.rs", "use super::super::wire::Sqs;"),
        ("src/services/sqs/ops/send_message.rs", "fn f() { std::fs::read(\"x\"); }"),
        ("src/services/sqs/ops/send_message.rs", "use std::{env, fmt};"),
        ("src/services/sqs/ops/send_message.rs", "use std::time::*;"),
        ("src/services/sqs/ops/send_message.rs", "use std as s; fn f() { s::env::var(\"x\"); }"),
        ("src/services/sqs/limits.rs", "use http::StatusCode as S;"),
        ("src/services/sqs/error.rs", "fn f(_: tokio::time::Sleep) {}"),
        ("src/services/sqs/mod.rs", "use crate::storage;"),
        ("src/services/sqs/wire.rs", "use crate::edge::Gateway;"),
        ("src/services/mod.rs", "use crate::runtime;"),
        ("src/edge/serve.rs", "use crate::runtime;"),
        ("src/edge/serve.rs", "use crate as all; use all::control::x;"),
        ("src/supervisor/machine.rs", "use crate::runtime::Launch;"),
        ("src/supervisor/machine.rs", "use tokio::time::sleep;"),
        ("src/runtime/logs.rs", "use crate::*;"),
        ("src/runtime/logs.rs", "fn f() { std::println!(\"x\"); }"),
        ("src/runtime/logs.rs", "use std::io::{self, Write}; fn f() { io::stdout().flush(); }"),
        ("src/runtime/logs.rs", "use clap::Parser;"),
        ("src/control/mod.rs", "mod a { mod b { use super::super::super::cli; } }"),
        ("src/unheard/mod.rs", "struct S;"),
    ];

    #[test]
    fn planted_violations_are_found() {
        for (path, text) in PLANTED {
            assert!(!verdict(path, text).is_empty(), "{path}: not found: {text}");
        }
    }

    #[test]
    fn what_the_table_allows_is_left_alone() {
        for (path, text) in [
            ("src/base/time.rs", "use std::fmt; use super::Ids; use crate::base::Millis;"),
            (
                "src/services/sqs/state.rs",
                "use crate::base::Millis; use super::limits; use super::ops::Send;",
            ),
            ("src/services/sqs/state.rs", "use crate::services::{Operation, ServiceError};"),
            ("src/services/sqs/state.rs", "use std::time::Duration; use std::collections::*;"),
            ("src/services/sqs/mod.rs", "mod wire; pub use wire::Sqs; use self::wire::Sqs as S;"),
            ("src/services/sqs/wire.rs", "use crate::protocol::Answer; use tokio::sync::Notify;"),
            ("src/services/sqs/wire/json.rs", "use crate::{protocol, storage};"),
            ("src/services/sqs/state.rs", "#[cfg(test)] mod tests { use crate::storage; }"),
            ("src/services/sqs/tests.rs", "use crate::storage::Storage;"),
            ("src/supervisor/machine.rs", "use crate::profile::Profile; use super::Event;"),
            ("src/cli/up.rs", "use crate::{edge, storage}; fn f() { println!(\"x\") }"),
            ("src/edge/serve.rs", "use axum::Router; use crate::services::Services;"),
        ] {
            assert_eq!(verdict(path, text), [""; 0], "{path}: {text}");
        }
    }
}
