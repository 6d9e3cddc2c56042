//! Profiles as a user meets them; one file a subject, the helpers here.

mod chains;
mod mistakes;
mod never_panics;
mod schema;
mod shipped;

use devenv::profile::*;

fn text(text: &str) -> Source {
    Source::Text {
        file: "devenv.toml".into(),
        text: text.into(),
        project_dir: std::env::temp_dir(),
    }
}

fn good(toml: &str) -> Profile {
    load(&text(toml)).unwrap_or_else(|m| panic!("{}", m.render()))
}

fn lines(toml: &str) -> Vec<String> {
    match load(&text(toml)) {
        Ok(profile) => panic!("no mistake found: {profile:?}"),
        Err(mistakes) => mistakes.to_string().lines().map(str::to_owned).collect(),
    }
}

#[track_caller]
fn only(toml: &str, expected: &str) {
    assert_eq!(lines(toml), [expected]);
}

fn from_shipped(name: &str) -> Profile {
    let source = Source::Shipped { name: name.into(), project_dir: std::env::temp_dir() };
    load(&source).unwrap_or_else(|m| panic!("{}", m.render()))
}

/// `[x]` headers and keys of the template, uncommented.
fn uncommented(template: &str) -> String {
    let opened = template.lines().map(|l| match l.strip_prefix("# ") {
        Some(rest)
            if rest.starts_with('[')
                || rest.split_once(" = ").is_some_and(|(k, _)| !k.contains(' ')) =>
        {
            rest
        }
        _ => l,
    });
    // The port is shown in two ways; the first one is enough here.
    opened.filter(|l| !l.starts_with("port = \"auto\"")).collect::<Vec<_>>().join("\n")
}

/// The example of the command line's contract.
const DOCUMENTED: &str = include_str!("../../docs/profile-example.toml");
