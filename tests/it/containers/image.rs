//! devenv's own image, made from its Dockerfile: what is tested is the file, its stages, user and health
//! check; the compiler in it is a stand-in that hands out the program under test.

use super::docker;
use crate::support::{Run, script};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Stands for `rust` in the first stage.
const CARGO: &str = "#!/bin/sh
set -eu
[ \"$*\" = 'build --release --locked --bin devenv' ]
[ -f Cargo.toml ] && [ -f Cargo.lock ] && [ -f src/main.rs ] && [ ! -e target ] && [ ! -e .git ]
mkdir -p target/release
cp /prebuilt/devenv target/release/devenv
";

/// The image of the program under test; made once.
pub(super) fn devenv_image() -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_devenv"));
    let facts = binary.metadata().unwrap();
    let changed = facts.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    let tag = format!("devenv-test/devenv:{}-{}", changed.as_millis(), facts.len());
    // Tests run side by side, each in its process.
    let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join("devenv-image.lock");
    let lock = std::fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    if docker(&["image", "inspect", &tag]).code != Some(0) {
        make(binary, &tag);
    }
    tag
}

fn make(binary: &Path, tag: &str) {
    let place = tempfile::tempdir().unwrap();
    let (base, rust) = (format!("{tag}-base"), format!("{tag}-rust"));
    let usr = place.path().join("usr");
    for library in libraries(binary) {
        let to = usr.join(library.trim_start_matches("/usr").trim_start_matches('/'));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(&library, to).unwrap();
    }
    let cargo = place.path().join("cargo");
    std::fs::write(&cargo, CARGO).unwrap();
    std::fs::set_permissions(&cargo, PermissionsExt::from_mode(0o755)).unwrap();
    let mut strip = Command::new("strip");
    Run::of(strip.arg("-o").arg(place.path().join("devenv")).arg(binary)).success();
    let file = |name: &str, text: String| std::fs::write(place.path().join(name), text).unwrap();
    file("base", "FROM devenv-test/busybox\nCOPY usr /usr\n".to_owned());
    file("rust", format!("FROM {base}\nCOPY cargo /usr/bin/cargo\nCOPY devenv /prebuilt/devenv\n"));
    build(&["-f", place.path().join("base").to_str().unwrap(), "-t", &base], place.path());
    build(&["-f", place.path().join("rust").to_str().unwrap(), "-t", &rust], place.path());
    let (base, rust) = (format!("BASE_IMAGE={base}"), format!("RUST_IMAGE={rust}"));
    let repository = script("../..").canonicalize().unwrap();
    build(&["--build-arg", &base, "--build-arg", &rust, "-t", tag], &repository);
}

/// The classic builder, which every engine has.
fn build(arguments: &[&str], context: &Path) {
    let mut command = Command::new("docker");
    command.arg("build").args(arguments).arg(context);
    command.env("DOCKER_HOST", super::engine_host()).env("DOCKER_BUILDKIT", "0");
    Run::of(&mut command).success();
}

/// What the program is linked with.
fn libraries(binary: &Path) -> Vec<String> {
    let linked = Run::of(Command::new("ldd").arg(binary)).success().stdout;
    let paths =
        linked.lines().filter_map(|line| line.split_whitespace().find(|w| w.starts_with('/')));
    paths.map(str::to_owned).collect()
}
