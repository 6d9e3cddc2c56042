//! Compose files in the shapes that projects have, read by devenv and by Debian's docker-compose.

use crate::support::{Run, script};
use devenv::compose::{Request, Stack, load};
use devenv::control::catalog;
use std::path::Path;
use std::process::Command;

/// As docker-compose finds them: the file, and the override beside it.
pub(super) fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let names = ["docker-compose.yml", "docker-compose.override.yml"];
    names.iter().map(|name| directory.join(name)).filter(|file| file.exists()).collect()
}

/// The files of a directory as devenv reads them.
fn read(directory: &Path) -> Stack {
    let request = Request {
        files: files(directory),
        project: directory.to_owned(),
        variables: Default::default(),
        replaced: Default::default(),
        read: &|path| std::fs::read_to_string(path),
    };
    load(&request).unwrap_or_else(|mistakes| panic!("{}: {mistakes:?}", directory.display()))
}

/// Compares every directory of `corpus` as devenv and as docker-compose read it.
pub(super) fn compare(corpus: &Path, ours: &Path) {
    std::fs::create_dir_all(ours).unwrap();
    for entry in std::fs::read_dir(corpus).unwrap() {
        let directory = entry.unwrap().path();
        let name = directory.file_name().unwrap().to_str().unwrap();
        let json = serde_json::to_string(&read(&directory)).unwrap();
        std::fs::write(ours.join(format!("{name}.json")), json).unwrap();
    }
    let mut command = Command::new("/usr/bin/python3");
    command.arg(script("containers/compare.py")).arg(corpus).arg(ours);
    // Variables of the tester's would stand in the files.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    Run::of(&mut command).success();
}

#[test]
fn the_corpus_means_what_docker_compose_says() {
    let corpus = script("containers/corpus");
    assert!(std::fs::read_dir(&corpus).unwrap().count() >= 30);
    compare(&corpus, &Path::new(env!("CARGO_TARGET_TMPDIR")).join("compose-corpus"));
}

#[test]
fn the_catalogue_means_what_docker_compose_says_and_is_pinned_and_explained() {
    let places = tempfile::tempdir().unwrap();
    let corpus = places.path().join("corpus");
    for entry in catalog() {
        // Debian's docker-compose does not know what stands in the place of a Dockerfile.
        let newer = entry.text.contains("dockerfile_inline");
        let directory = places.path().join(if newer { "newer" } else { "corpus" }).join(entry.name);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("docker-compose.yml"), entry.text).unwrap();
        assert!(entry.text.contains("healthcheck:"), "{}", entry.name);
        assert!(entry.text.starts_with("# ") && entry.text.contains("what of"), "{}", entry.name);
        let image = |line: &'static str| {
            let line = line.trim();
            line.strip_prefix("image: ").or_else(|| line.strip_prefix("FROM "))
        };
        for image in entry.text.lines().filter_map(image) {
            let tag = image.rsplit_once(':').map(|(_, tag)| tag);
            assert!(tag.is_some_and(|tag| tag != "latest" && tag.contains('.')), "{image}");
        }
    }
    // devenv itself is no service of its own catalogue.
    let drop_in = corpus.join("devenv");
    std::fs::create_dir_all(&drop_in).unwrap();
    std::fs::copy(script("../../compose/devenv.yaml"), drop_in.join("docker-compose.yml")).unwrap();
    let shipped = std::fs::read_dir(script("../../compose")).unwrap().count();
    assert_eq!(catalog().len() + 1, shipped, "every file of compose/ is in the catalogue");
    compare(&corpus, &places.path().join("ours"));
    let built = &read(&places.path().join("newer/aws-emulator")).services["aws-emulator"];
    let text = built.build.as_ref().unwrap().dockerfile_inline.as_ref().unwrap();
    assert!(text.contains("/aws-emulator-${ARCH}.rpm"), "{text}");
}
