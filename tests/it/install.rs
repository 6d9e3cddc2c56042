//! `install.sh` as a stranger runs it: an empty HOME, a PATH of its own, and a cargo that hands over a
//! program built before, so that only the script itself is on trial.

use crate::support::{Project, Run};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What stands in for the built program: like ours it tells its version as JSON.
const OURS: &str = "#!/bin/sh\necho '{\"schema\":1,\"version\":\"0.0.0\"}'\n";
/// Another program of the same name, as cachix's answers.
const CACHIX: &str = "#!/bin/sh\necho 'devenv 1.9.1 (x86_64-linux)'\n";
/// A cargo that "builds" by writing `OURS`; refuses anything but the release build.
const CARGO: &str = r#"#!/bin/sh
[ "$*" = "build --release --locked" ] || exit 9
mkdir -p "$CARGO_TARGET_DIR/release"
cp "$(dirname "$0")/../ours" "$CARGO_TARGET_DIR/release/devenv"
"#;

struct Stranger {
    project: Project,
}

impl Stranger {
    fn new() -> Stranger {
        let stranger = Stranger { project: Project::new() };
        stranger.program("tools/cargo", CARGO);
        stranger.program("ours", OURS);
        stranger
    }

    fn program(&self, name: &str, text: &str) -> PathBuf {
        self.project.write(name, text);
        let path = self.project.path().join(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Runs the script with `path` before the system's own directories.
    fn install(&self, path: &[&Path], variables: &[(&str, &str)]) -> Run {
        let tools = self.project.path().join("tools");
        let system = ["/usr/bin", "/bin"].map(Path::new);
        let all = path.iter().copied().chain([tools.as_path()]).chain(system);
        let mut command = self.project.command(repository().join("install.sh"));
        command.env("PATH", std::env::join_paths(all).unwrap());
        command.env("CARGO_TARGET_DIR", self.project.path().join("target"));
        Run::of(command.envs(variables.iter().copied()))
    }

    fn bin(&self) -> PathBuf {
        self.project.path().join("home/.local/bin")
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn it_installs_for_the_user_and_says_what_comes_next() {
    let stranger = Stranger::new();
    let bin = stranger.bin();
    let run = stranger.install(&[&bin], &[]).success();
    assert!(run.stdout.ends_with("next: devenv up\n"), "{}", run.stdout);
    assert!(!run.stdout.contains("another program"), "{}", run.stdout);
    let mode = std::fs::metadata(bin.join("devenv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    // A second time it replaces itself.
    stranger.install(&[&bin], &[]).success();
}

#[test]
fn a_directory_that_is_not_on_path_is_said() {
    let stranger = Stranger::new();
    let run = stranger.install(&[], &[]).success();
    let bin = stranger.bin();
    let export = format!("export PATH=\"{}:$PATH\"", bin.display());
    assert!(run.stdout.contains(&export), "{}", run.stdout);
    let next = format!("next: {}/devenv up\n", bin.display());
    assert!(run.stdout.ends_with(&next), "{}", run.stdout);
}

#[test]
fn cachixs_devenv_is_noticed_and_lived_beside() {
    let stranger = Stranger::new();
    let cachix = stranger.program("nix/devenv", CACHIX);
    let (nix, bin) = (cachix.parent().unwrap(), stranger.bin());
    let run = stranger.install(&[nix, &bin], &[]).success();
    assert!(run.stdout.contains(&cachix.display().to_string()), "{}", run.stdout);
    assert!(run.stdout.contains("still means that one"), "{}", run.stdout);
    assert!(run.stdout.contains("DEVENV_NAME=awsdev ./install.sh"), "{}", run.stdout);
    assert!(run.stdout.ends_with(&format!("next: {}/devenv up\n", bin.display())));
    let run = stranger.install(&[nix, &bin], &[("DEVENV_NAME", "awsdev")]).success();
    assert!(run.stdout.ends_with("next: awsdev up\n"), "{}", run.stdout);
    assert!(!run.stdout.contains("another program"), "{}", run.stdout);
    assert_eq!(std::fs::read_to_string(cachix).unwrap(), CACHIX);
}

#[test]
fn another_program_in_its_place_is_left_alone() {
    let stranger = Stranger::new();
    let theirs = stranger.program("home/.local/bin/devenv", CACHIX);
    let run = stranger.install(&[&stranger.bin()], &[]).ends(1);
    assert!(run.stderr.contains("is another program"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: DEVENV_NAME=awsdev"), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(theirs).unwrap(), CACHIX);
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let stranger = Stranger::new();
    // A PATH that surely holds no cargo, Debian's own included.
    let bare = stranger.project.path().join("bare");
    stranger.program("bare/dirname", "#!/bin/sh\necho \"${1%/*}\"\n");
    let run = stranger.install(&[], &[("PATH", bare.to_str().unwrap())]).ends(1);
    assert!(run.stderr.contains("cargo is missing"), "{}", run.stderr);
    let stranger = Stranger::new();
    let run = stranger.install(&[], &[("DEVENV_NAME", "../up")]).ends(1);
    assert!(run.stderr.contains("no name for a program"), "{}", run.stderr);
    stranger.project.write("file", "");
    let prefix = stranger.project.path().join("file");
    let run = stranger.install(&[], &[("PREFIX", prefix.to_str().unwrap())]).ends(1);
    assert!(run.stderr.contains("cannot be made"), "{}", run.stderr);
    let prefix = stranger.project.path().join("elsewhere");
    stranger.install(&[], &[("PREFIX", prefix.to_str().unwrap())]).success();
    assert!(prefix.join("bin/devenv").exists());
}
