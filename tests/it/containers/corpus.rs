//! Compose files in the shapes that projects have, read by devenv and by Debian's docker-compose.

use crate::support::{Run, script};
use devenv::compose::{Request, load};
use std::path::Path;
use std::process::Command;

/// As docker-compose finds them: the file, and the override beside it.
fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let names = ["docker-compose.yml", "docker-compose.override.yml"];
    names.iter().map(|name| directory.join(name)).filter(|file| file.exists()).collect()
}

#[test]
fn the_corpus_means_what_docker_compose_says() {
    let corpus = script("containers/corpus");
    let ours = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compose-corpus");
    std::fs::create_dir_all(&ours).unwrap();
    for entry in std::fs::read_dir(&corpus).unwrap() {
        let directory = entry.unwrap().path();
        let name = directory.file_name().unwrap().to_str().unwrap();
        let request = Request {
            files: files(&directory),
            project: directory.clone(),
            variables: Default::default(),
            replaced: Default::default(),
            read: &|path| std::fs::read_to_string(path),
        };
        let stack = load(&request).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:?}"));
        let json = serde_json::to_string(&stack).unwrap();
        std::fs::write(ours.join(format!("{name}.json")), json).unwrap();
    }
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script("containers/compare.py")).arg(&corpus).arg(&ours);
    Run::of(command.env_remove("COMPOSE_PROFILES")).success();
}
