//! The reader by itself: forms, variables, merging, mistakes with their places; and that no text
//! makes it panic.

use super::*;
use proptest::prelude::*;

/// Reads `files` (name, text) of which `compose` are the Compose files.
fn read(
    files: &[(&str, &str)],
    compose: &[&str],
    variables: &[(&str, &str)],
) -> Result<Stack, Vec<String>> {
    let at = |path: &Path| {
        let name = path.strip_prefix("/p").unwrap_or(path);
        files
            .iter()
            .find(|(file, _)| Path::new(file) == name)
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))
    };
    let request = Request {
        files: compose.iter().map(|file| Path::new("/p").join(file)).collect(),
        project: "/p".into(),
        variables: variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        replaced: BTreeSet::from(["db".to_owned()]),
        read: &at,
    };
    load(&request).map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

fn one(text: &str) -> Result<Stack, Vec<String>> {
    read(&[("c.yaml", text)], &["c.yaml"], &[("HOME", "/root")])
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let text = "services:\n  api:\n    image: a\n    comand: x\n    ports: [\"99999\"]\n    depends_on: [gone]\n  web:\n    restart: sometimes\nvolums: {}\n";
    let told = one(text).unwrap_err();
    let all = [
        "c.yaml:4: `services.api.comand` is no key of a service; did you mean `command`?",
        "c.yaml:5: `99999` is no port: [[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]",
        "c.yaml:6: the service `api` waits for `gone`, which is not there",
        "c.yaml:8: `restart` is no, always, on-failure[:N] or unless-stopped, not `sometimes`",
        "c.yaml:8: the service `web` has neither `image` nor `build`",
        "c.yaml:9: `volums` is no section of a Compose file",
    ];
    assert_eq!(told, all);
}

#[test]
fn a_schedule_is_read_and_its_mistakes_are_told() {
    let stack =
        one("services:\n  a: { image: i, x-devenv: { schedule: '*/5 * * * *' } }\n").unwrap();
    let expected = Schedule { times: "*/5 * * * *".to_owned(), overlap: false };
    assert_eq!(stack.services["a"].schedule, Some(expected));
    let told = one("services:\n  a:\n    image: i\n    restart: always\n    scale: 2\n    x-devenv: { schedule: '0 4 * * *', every: x }\n  b:\n    image: i\n    x-devenv:\n      schedule: 61 * * * *\n  c:\n    image: i\n    depends_on: { a: { condition: service_completed_successfully } }\n").unwrap_err();
    let all = [
        "c.yaml:6: `x-devenv.every` is neither `schedule`, `overlap` nor `tls`",
        "c.yaml:6: the service `a` has a schedule and `restart`: it runs at its times alone",
        "c.yaml:6: the service `a` has a schedule and cannot run 2 times",
        "c.yaml:6: the service `c` waits for the end of `a`, which has a schedule",
    ];
    for line in all {
        assert!(told.contains(&line.to_owned()), "{line}: {told:?}");
    }
    let wrong = "c.yaml:10: `61 * * * *` is no schedule (MINUTE HOUR DAY MONTH WEEKDAY [ZONE]): ";
    assert!(
        told.iter().any(|line| line.starts_with(wrong) && line.len() > wrong.len()),
        "{told:?}"
    );
    assert_eq!(told.len(), 5, "{told:?}");
}

#[test]
fn a_certificate_is_asked_for_by_its_directory() {
    let stack = one("services:\n  a: { image: i, x-devenv: { tls: /tls } }\n  b: { image: i, x-devenv: { tls: { path: /tls, names: [b.localhost] } } }\n").unwrap();
    let tls = |name: &str| stack.services[name].tls.clone().unwrap();
    assert_eq!((tls("a").path, tls("a").names.len()), ("/tls".to_owned(), 0));
    assert_eq!(tls("b").names, ["b.localhost"]);
    let told = one("services:\n  a: { image: i, x-devenv: { tls: tls } }\n  b: { image: i, x-devenv: { tls: { name: b, path: /tls, names: ['a b'] } } }\n  c: { image: i, x-devenv: { tls: { names: [c] } } }\n").unwrap_err();
    let all = [
        "c.yaml:2: `tls` is a directory in the container, from `/` on, not `tls`",
        "c.yaml:3: `a b` is no name of a host",
        "c.yaml:3: `x-devenv.tls.name` is neither `path` nor `names`",
        "c.yaml:4: `tls` has a `path`, the directory of the certificate",
    ];
    assert_eq!(told, all);
}

#[test]
fn rules_of_develop_watch_are_read_and_what_is_not_served_is_named() {
    let text = |rule: &str| {
        format!("services:\n  a:\n    image: i\n    develop:\n      watch:\n        - {rule}\n")
    };
    let rule = "{ path: src, target: /src, action: sync+exec, include: '*.py', initial_sync: true, exec: { command: kill -HUP 1, user: root, environment: [A=b] } }";
    let stack = one(&text(rule)).unwrap();
    let watch = &stack.services["a"].watch[0];
    let exec = watch.exec.as_ref().unwrap();
    assert_eq!(exec.command, ["kill", "-HUP", "1"]);
    assert_eq!((exec.user.as_deref(), exec.environment["A"].as_str()), (Some("root"), "b"));
    assert_eq!((watch.include.len(), watch.initial_sync), (1, true));
    let lone = "{ path: src, target: /src, action: sync+exec }";
    let together = "c.yaml:6: `sync+exec` and `exec` with its `command` belong together";
    assert_eq!(one(&text(lone)).unwrap_err(), [together]);
    let stack = one(&text("{ path: src, action: rebuild, wait: 5s }")).unwrap();
    let notes: Vec<String> = stack.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["c.yaml:6: `develop.watch.wait` is not served"]);
}

#[test]
fn keys_that_are_not_served_are_named_and_nothing_else_suffers() {
    let stack = one("services:\n  a:\n    image: i\n    logging: { driver: none }\n").unwrap();
    let notes: Vec<_> = stack.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["c.yaml:4: `services.a.logging` is not served"]);
}

#[test]
fn variables_have_defaults_errors_alternatives_and_nest() {
    let text = "services:\n  a:\n    image: ${X:-${Y:-deep}}\n    environment: { A: '${E:+set}', B: '${E+set}', C: '$$X', D: \"${E-none}\" }\n";
    let stack = read(&[("c.yaml", text)], &["c.yaml"], &[("E", "")]).unwrap();
    let service = &stack.services["a"];
    assert_eq!(service.image.as_deref(), Some("deep"));
    let environment: Vec<&str> = service.environment.values().map(String::as_str).collect();
    assert_eq!(environment, ["", "set", "$X", ""]);
    let told = one("services:\n  a:\n    image: ${T:?say which}\n").unwrap_err();
    assert_eq!(told[0], "c.yaml:3: the variable `T` is required: say which");
    let told = one("services:\n  a:\n    image: ${T\n").unwrap_err();
    assert!(told[0].starts_with("c.yaml:3: `${T` is no valid use of variables"), "{told:?}");
}

#[test]
fn dotenv_stands_behind_the_surroundings() {
    let files = [
        (".env", "TAG=1\nexport NAME='n $x'\nBOTH=\"${TAG}-x\" # note\n"),
        ("c.yaml", "services: { a: { image: 'i:${TAG}', hostname: $NAME, user: $BOTH } }"),
    ];
    let stack = read(&files, &["c.yaml"], &[("TAG", "2")]).unwrap();
    let service = &stack.services["a"];
    assert_eq!(service.image.as_deref(), Some("i:2"));
    assert_eq!(service.host.hostname.as_deref(), Some("n $x"));
    assert_eq!(service.host.user.as_deref(), Some("2-x"));
}

#[test]
fn later_files_are_merged_by_each_keys_rule() {
    let base = "services:\n  a:\n    image: i\n    command: [x, y]\n    environment: [A=1, B=1]\n    ports: ['80']\n    volumes: ['./one:/data', 'v:/v']\nvolumes: { v: }\n";
    let over = "services:\n  a:\n    command: z\n    environment: { B: 2 }\n    ports: ['80', '81']\n    volumes: ['./two:/data']\n";
    let stack = read(&[("b.yaml", base), ("o.yaml", over)], &["b.yaml", "o.yaml"], &[]).unwrap();
    let a = &stack.services["a"];
    assert_eq!(a.command.as_deref(), Some(&["z".to_owned()][..]));
    assert_eq!((a.environment["A"].as_str(), a.environment["B"].as_str()), ("1", "2"));
    assert_eq!(a.ports.iter().map(|p| p.target).collect::<Vec<_>>(), [80, 81]);
    let sources: Vec<_> = a.mounts.iter().filter_map(|m| m.source.as_deref()).collect();
    assert_eq!(sources, ["/p/two", "v"]);
}

#[test]
fn reset_and_override_are_honoured() {
    let over = "services:\n  a:\n    ports: !override ['81']\n    command: !reset null\n";
    let base = "services: { a: { image: i, ports: ['80'], command: x } }";
    let stack = read(&[("b.yaml", base), ("o.yaml", over)], &["b.yaml", "o.yaml"], &[]).unwrap();
    let a = &stack.services["a"];
    assert_eq!((a.ports.len(), a.ports[0].target, a.command.clone()), (1, 81, None));
}

#[test]
fn extends_and_include_bring_paths_of_their_own_directory() {
    let files = [
        (
            "c.yaml",
            "include: [sub/inc.yaml]\nservices:\n  a:\n    extends: { file: sub/base.yaml, service: base }\n    image: own\n",
        ),
        (
            "sub/base.yaml",
            "services:\n  base:\n    extends: root\n    build: .\n    environment: { A: 1 }\n  root: { image: r, volumes: ['./data:/d'], environment: { A: 0, B: 0 } }\n",
        ),
        ("sub/inc.yaml", "services: { b: { image: 'b:${T}', env_file: b.env } }"),
        ("sub/.env", "T=7"),
        ("sub/b.env", "X=y"),
    ];
    let stack = read(&files, &["c.yaml"], &[]).unwrap();
    let a = &stack.services["a"];
    assert_eq!(a.image.as_deref(), Some("own"));
    assert_eq!(a.build.as_ref().unwrap().context, Path::new("/p/sub"));
    assert_eq!(a.mounts[0].source.as_deref(), Some("/p/sub/data"));
    assert_eq!(a.environment.values().collect::<Vec<_>>(), ["1", "0"]);
    let b = &stack.services["b"];
    assert_eq!((b.image.as_deref(), b.environment["X"].as_str()), (Some("b:7"), "y"));
}

#[test]
fn rings_of_files_and_services_end() {
    let told = read(&[("c.yaml", "include: c.yaml\nservices: {}\n")], &["c.yaml"], &[]);
    assert!(told.unwrap_err()[0].contains("includes itself"));
    let text = "services:\n  a: { image: i, extends: b }\n  b: { image: i, extends: a }\n";
    assert!(one(text).unwrap_err()[0].contains("extends itself"));
    let text =
        "services:\n  a: { image: i, depends_on: [b] }\n  b: { image: i, depends_on: [a] }\n";
    assert!(one(text).unwrap_err()[0].contains("wait for each other: a → b"));
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..9 {
        let alias = format!("*a{}", i - 1);
        text.push_str(&format!("a{i}: &a{i} [{}]\n", [alias.as_str(); 9].join(", ")));
    }
    assert!(one(&text).unwrap_err()[0].contains("nodes"));
    let deep = format!("x: {}", "[".repeat(5000));
    assert!(!one(&deep).unwrap_err().is_empty());
}

#[test]
fn replaced_services_are_left_out_and_may_be_waited_for() {
    let text = "services:\n  db: { image: postgres }\n  a: { image: i, depends_on: { db: { condition: service_healthy } } }\n";
    let stack = one(text).unwrap();
    assert_eq!(stack.services.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(stack.services["a"].depends_on["db"].condition, Condition::ServiceHealthy);
}

#[test]
fn profiles_choose_services() {
    let text = "services:\n  a: { image: i }\n  t: { image: i, profiles: [tools] }\n";
    assert_eq!(one(text).unwrap().services.len(), 1);
    let all = read(&[("c.yaml", text)], &["c.yaml"], &[("COMPOSE_PROFILES", "x,tools")]).unwrap();
    assert_eq!(all.services.len(), 2);
}

#[test]
fn sizes_and_durations_are_read_as_compose_writes_them() {
    assert_eq!(values::bytes("1.5gb"), Some(1_610_612_736));
    assert_eq!(values::bytes("64m"), Some(64 << 20));
    assert_eq!(values::bytes("64x"), None);
    assert_eq!(values::duration_ms("1m30s"), Some(90_000));
    assert_eq!(values::duration_ms("1.5s"), Some(1_500));
    assert_eq!(values::duration_ms("10"), None);
    assert_eq!(
        values::split(r#"a "b c" d\ e 'f"g' #h"#).unwrap(),
        ["a", "b c", "d e", "f\"g", "#h"]
    );
    assert_eq!(values::split("a 'b"), None);
}

/// Pieces that Compose files are made of, put together in any order.
fn soup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "services:",
        "\n",
        "\n  ",
        "\n    ",
        "a:",
        "image: i",
        "ports: ['80:80']",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "&x ",
        "*x",
        "<<: ",
        "${X:-",
        "}",
        "$",
        "!reset ",
        "extends: a",
        "volumes:",
        "'",
        "\"",
        ": ",
        "null",
        "healthcheck:",
        "test: ",
        "build: .",
        "depends_on: ",
        "include: c.yaml",
        "environment:",
        "A=1",
        "-1",
        "1-99999",
        "|\n",
        ">",
        "#",
        "\t",
        "é",
        "deploy: {replicas: 2}",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,400}") {
        let _ = read(&[("c.yaml", &text), (".env", &text)], &["c.yaml"], &[]);
    }

    #[test]
    fn no_soup_of_pieces_makes_it_panic(text in soup(), over in soup()) {
        let text = format!("services:\n  a:\n    {text}");
        let _ = read(&[("c.yaml", &text), ("o.yaml", &over), (".env", &over)], &["c.yaml", "o.yaml"], &[]);
    }
}
