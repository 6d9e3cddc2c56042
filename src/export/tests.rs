//! What is written reads back as what it was.

use super::*;
use crate::compose::{Request, Stack, load};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn read(text: &str) -> Stack {
    let request = Request {
        files: vec![PathBuf::from("/p/compose.yaml")],
        project: "/p".into(),
        variables: BTreeMap::new(),
        replaced: Default::default(),
        read: &|path| match path == Path::new("/p/compose.yaml") {
            true => Ok(text.to_owned()),
            false => Err(std::io::ErrorKind::NotFound.into()),
        },
    };
    load(&request).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"))
}

const NASTY: [&str; 14] = [
    "yes",
    "1e3",
    "0x10",
    "22:22",
    "~",
    "- a",
    "a: b #c",
    "${HOME} $$ $x",
    " leading",
    "trailing ",
    "two\nlines\n",
    "two\n\n  lines",
    "tab\tand \u{7f} and \u{e9}",
    "\n",
];

proptest::proptest! {
    #[test]
    fn any_text_comes_back(text in "[ -~\\n\\t\\u{e9}\\u{2028}\\u{feff}\\u{1f600}$#:-]{0,40}") {
        comes_back(&text);
    }
}

#[test]
fn what_readers_take_for_something_else_comes_back() {
    NASTY.iter().for_each(|text| comes_back(text));
}

fn comes_back(text: &str) {
    let mut stack = read("services: { a: { image: b } }");
    let service = stack.services.get_mut("a").unwrap();
    service.environment.insert("X".to_owned(), text.to_owned());
    service.command = Some(vec![text.to_owned(), "end".to_owned()]);
    let file = compose(&stack, Dialect::Compose, Path::new("/p"));
    assert_eq!(read(&to_yaml(&file.document)), stack);
}

#[test]
fn what_runs_at_times_is_a_cron_job_or_is_not_started() {
    let stack = read(
        "services:\n  a: { image: i, x-devenv: { schedule: '0 4 * * * Europe/Berlin' } }\n  b: { image: i, x-devenv: { schedule: '*/5 * * * *', overlap: true } }\n",
    );
    let (objects, _) = kubernetes(&stack, "p", None);
    assert_eq!(kinds(&objects), ["CronJob/a", "CronJob/b"]);
    let of = |i: usize| {
        let spec = &objects[i]["spec"];
        ["schedule", "timeZone", "concurrencyPolicy"].map(|key| spec[key].as_str().unwrap())
    };
    assert_eq!(of(0), ["0 4 * * *", "Europe/Berlin", "Forbid"]);
    assert_eq!(of(1), ["*/5 * * * *", "Etc/UTC", "Allow"]);
    let pod = &objects[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never");
    let file = compose(&stack, Dialect::Compose, Path::new("/p"));
    assert_eq!(file.document["services"]["a"]["profiles"], json!(["scheduled"]));
    let file = compose(&stack, Dialect::Swarm, Path::new("/p"));
    assert_eq!(file.document["services"]["a"]["deploy"]["replicas"], json!(0));
}

fn kinds(objects: &[Value]) -> Vec<String> {
    let name = |object: &Value| {
        format!(
            "{}/{}",
            object["kind"].as_str().unwrap(),
            object["metadata"]["name"].as_str().unwrap()
        )
    };
    objects.iter().map(name).collect()
}

#[test]
fn a_service_is_what_its_life_asks_for() {
    let stack = read(
        "services:\n  web: { image: w, ports: ['80'], depends_on: { once: { condition: service_completed_successfully }, db: { condition: service_started } } }\n  once: { image: o }\n  db: { image: d, volumes: ['data:/d', 'both:/b'], environment: { DB_PASSWORD: x, MODE: y } }\n  other: { image: d, volumes: ['both:/b'] }\nvolumes: { data: , both: }\n",
    );
    let (objects, notes) = kubernetes(&stack, "My_Project", Some("preview"));
    assert_eq!(
        kinds(&objects),
        [
            "ConfigMap/db-env",
            "Secret/db-env",
            "StatefulSet/db",
            "Job/once",
            "Deployment/other",
            "Deployment/web",
            "Service/web",
            "PersistentVolumeClaim/both",
        ]
    );
    assert!(objects.iter().all(|object| object["metadata"]["namespace"] == "preview"));
    assert_eq!(objects[1]["stringData"], json!({ "DB_PASSWORD": "x" }));
    assert!(notes.iter().any(|note| note.starts_with("db: no port is named")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("`both` is shared")), "{notes:?}");
}

#[test]
fn addresses_with_a_password_are_secrets_and_others_are_not() {
    let environment = "{ DATABASE_URL: 'postgresql://u:p@h/d', AWS_ENDPOINT_URL: 'http://devenv:4566', X: 'http://h/a:b@c' }";
    let stack = read(&format!("services: {{ a: {{ image: b, environment: {environment} }} }}"));
    let (objects, _) = kubernetes(&stack, "p", None);
    assert_eq!(objects[0]["data"].as_object().unwrap().len(), 2, "{}", objects[0]);
    assert_eq!(objects[1]["stringData"], json!({ "DATABASE_URL": "postgresql://u:p@h/d" }));
}
