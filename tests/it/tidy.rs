//! The rules of this repository that a program can check, as tests: layers, sizes, headers, banned
//! words, links of the documentation.

mod layers;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file at the most.
const FILE_LINES_MAX: usize = 700;
/// Lines of a function at the most.
const FUNCTION_LINES_MAX: usize = 70;
/// Macros that mark unfinished work or forgotten diagnosis.
const BANNED_MACROS: &[&str] = &["todo", "unimplemented", "dbg"];
/// Words that mark unfinished work; put together here so that this file does not hold them.
const BANNED_WORDS: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X"), concat!("TO", "DO")];
/// Paths that exist on one machine only.
const FOREIGN_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/ho", "me/")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below `dir` (or `dir` itself) whose names end with one of `endings`, as paths from the root.
fn files(dir: &str, endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![root().join(dir)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name == "__pycache__" || name == ".devenv") {
                continue;
            }
            let entries = fs::read_dir(&path).unwrap();
            waiting.extend(entries.map(|entry| entry.unwrap().path()));
        } else if let Ok(relative) = path.strip_prefix(root()) {
            let relative = relative.to_string_lossy().into_owned();
            if path.exists() && endings.iter().any(|ending| relative.ends_with(ending)) {
                found.push(relative);
            }
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<String> {
    ["src", "tests", "benches"].iter().flat_map(|dir| files(dir, &[".rs"])).collect()
}

/// Every text of the repository that people read or run.
fn texts() -> Vec<String> {
    let dirs = [
        "src",
        "tests",
        "benches",
        "docs",
        "profiles",
        "compose",
        ".ci",
        "README.md",
        "CHANGELOG.md",
        "install.sh",
        "Cargo.toml",
    ];
    dirs.iter().flat_map(|dir| files(dir, &[""])).filter(|path| read(path).is_some()).collect()
}

/// `None` for files that are not text.
fn read(path: &str) -> Option<String> {
    fs::read(root().join(path)).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

fn dependencies() -> Vec<String> {
    let manifest: toml::Table = read("Cargo.toml").unwrap().parse().unwrap();
    let table = manifest["dependencies"].as_table().unwrap();
    table.keys().map(|name| name.replace('-', "_")).collect()
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} mistakes:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_layer_names_only_what_the_table_allows() {
    let dependencies = dependencies();
    let wrong: Vec<String> = files("src", &[".rs"])
        .iter()
        .flat_map(|path| layers::check(path, &read(path).unwrap(), &dependencies))
        .collect();
    none(&wrong);
}

#[test]
fn files_and_functions_are_short() {
    let mut wrong = Vec::new();
    for path in rust_files() {
        let text = read(&path).unwrap();
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{path}: {lines} lines, {FILE_LINES_MAX} at the most"));
        }
        let source = source::read(&["crate"], &text).unwrap();
        for f in source.functions.iter().filter(|f| f.lines > FUNCTION_LINES_MAX) {
            let (name, line, lines) = (&f.name, f.line, f.lines);
            wrong.push(format!(
                "{path}:{line}: {name} has {lines} lines, {FUNCTION_LINES_MAX} at the most"
            ));
        }
    }
    none(&wrong);
}

#[test]
fn each_file_says_what_it_is() {
    let headless = |path: &String| !read(path).unwrap().starts_with("//!");
    let wrong: Vec<String> = rust_files().into_iter().filter(headless).collect();
    none(&wrong);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut wrong = Vec::new();
    for path in rust_files() {
        let source = source::read(&["crate"], &read(&path).unwrap()).unwrap();
        for m in source.macros.iter().filter(|m| BANNED_MACROS.contains(&m.name.as_str())) {
            wrong.push(format!("{path}:{}: {}!", m.line, m.name));
        }
        for a in source.attributes.iter().filter(|a| a.name == "ignore") {
            wrong.push(format!("{path}:{}: a test is ignored", a.line));
        }
    }
    for path in texts() {
        for (number, line) in read(&path).unwrap().lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            if let Some(word) = words.find(|word| BANNED_WORDS.contains(word)) {
                wrong.push(format!("{path}:{}: {word}", number + 1));
            }
        }
    }
    none(&wrong);
}

#[test]
fn no_text_names_a_path_of_one_machine() {
    let mut wrong = Vec::new();
    for path in texts() {
        for (number, line) in read(&path).unwrap().lines().enumerate() {
            if let Some(foreign) = FOREIGN_PATHS.iter().find(|foreign| names_path(line, foreign)) {
                wrong.push(format!("{path}:{}: {foreign}", number + 1));
            }
        }
    }
    none(&wrong);
}

/// Whether `foreign` stands in `line` as the beginning of a path.
fn names_path(line: &str, foreign: &str) -> bool {
    line.match_indices(foreign).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| {
            !(c.is_ascii_alphanumeric() || matches!(c, '_' | '}' | '.' | '-' | '/'))
        })
    })
}

/// Targets of `[text](target)` in Markdown, without those on the web and without fragments.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local =
        targets.filter(|t| !t.contains("://") && !t.starts_with('#') && !t.starts_with("mailto:"));
    local.map(|t| t.split('#').next().unwrap_or(t).to_owned()).collect()
}

#[test]
fn links_of_the_documentation_lead_somewhere() {
    let mut wrong = Vec::new();
    let pages = ["README.md", "CHANGELOG.md", "docs"];
    for page in pages.iter().flat_map(|dir| files(dir, &[".md"])) {
        let dir = root().join(&page).parent().unwrap().to_owned();
        for link in links(&read(&page).unwrap()).iter().filter(|link| !dir.join(link).exists()) {
            wrong.push(format!("{page}: {link}"));
        }
    }
    none(&wrong);
}

#[test]
fn each_page_is_reached_from_the_index() {
    let index = read("docs/index.md").unwrap();
    let pages = files("docs", &[".md"]);
    let linked = links(&index);
    let wrong: Vec<String> = pages
        .into_iter()
        .filter(|page| page != "docs/index.md")
        .filter(|page| !linked.iter().any(|link| Path::new("docs").join(link) == Path::new(page)))
        .collect();
    none(&wrong);
}

/// The first words of `devenv --help`'s list of commands.
fn commands_of_the_binary() -> Vec<String> {
    let help =
        std::process::Command::new(env!("CARGO_BIN_EXE_devenv")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_readme_lists_the_commands_that_there_are() {
    let readme = read("README.md").unwrap();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `devenv "));
    let listed: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(listed, commands_of_the_binary());
}

#[test]
fn planted_paths_and_links_are_found() {
    let home = FOREIGN_PATHS[3];
    assert!(names_path(&format!("cd {home}anna"), home));
    assert!(names_path(&format!("x = \"{home}anna\""), home));
    assert!(!names_path(&format!("$HOME{home}x"), home));
    assert!(!names_path(&format!("{{project}}{home}x"), home));
    assert_eq!(links("[a](b.md#c), [d](https://e), [f](#g) and ![h](i.png)"), ["b.md", "i.png"]);
}
