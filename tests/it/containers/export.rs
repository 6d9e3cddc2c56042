//! Exports: a Compose file that Debian's docker-compose and Swarm take, objects that Kubernetes' schemas
//! allow; and the exported environment running where no devenv daemon does.

use super::image::devenv_image;
use super::{corpus, docker, engine_host, project};
use crate::support::{Project, Run, python, script, wait_for};
use devenv::compose::{Request, Stack, load};
use devenv::export::{Dialect, compose, kubernetes, to_yaml};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Longest wait for anything that a container does: four start, from nothing.
const PATIENCE: Duration = Duration::from_secs(180);

fn read(directory: &Path) -> Stack {
    let request = Request {
        files: corpus::files(directory),
        project: directory.to_owned(),
        variables: Default::default(),
        replaced: Default::default(),
        read: &|path| std::fs::read_to_string(path),
    };
    load(&request).unwrap_or_else(|mistakes| panic!("{}: {mistakes:?}", directory.display()))
}

/// What an export may leave behind: texts become files, old readers know no `start_interval`.
fn comparable(mut stack: Stack) -> Stack {
    stack.name = None;
    stack.notes.clear();
    for service in stack.services.values_mut() {
        for placed in &mut service.files {
            (placed.file, placed.content) = (None, None);
        }
        service.healthcheck.iter_mut().for_each(|check| check.start_interval_ms = None);
        service.profiles.clear();
        service.watch.clear();
    }
    stack
}

#[test]
fn the_corpus_comes_back_from_its_exports_and_both_readers_agree_on_them() {
    let places = tempfile::tempdir().unwrap();
    let corpus = places.path().join("corpus");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(script("containers/corpus")).unwrap() {
        let from = entry.unwrap().path();
        let name = from.file_name().unwrap().to_str().unwrap().to_owned();
        let stack = read(&from);
        let to = corpus.join(&name);
        std::fs::create_dir_all(&to).unwrap();
        let file = compose(&stack, Dialect::Compose, &to);
        for (name, text) in &file.files {
            std::fs::write(to.join(name), text).unwrap();
        }
        std::fs::write(to.join("docker-compose.yml"), to_yaml(&file.document)).unwrap();
        assert_eq!(comparable(read(&to)), comparable(stack.clone()), "{name}");
        let (objects, _) = kubernetes(&stack, &name, None);
        let path = places.path().join(format!("{name}.yaml"));
        let texts: Vec<String> = objects.iter().map(to_yaml).collect();
        std::fs::write(&path, texts.join("---\n")).unwrap();
        all.push(path);
    }
    corpus::compare(&corpus, &places.path().join("ours"));
    let mut validate = Command::new(python());
    let run = Run::of(validate.arg(script("containers/kubernetes.py")).args(all)).success();
    for kind in ["ConfigMap", "Deployment", "Job", "Secret", "Service", "StatefulSet"] {
        assert!(run.stdout.contains(kind), "{kind}: {}", run.stdout);
    }
}

/// A project with all three servers, whose one service asks each of them by the name it always had.
fn everything() -> Project {
    let project = project(
        "port = \"auto\"\n[postgres]\nimage = \"devenv-test/postgres:17-pgvector\"\ndatabases = [\"shop\"]\nextensions = [\"vector\"]\n[redis]\nimage = \"devenv-test/redis:7\"\n[s3.buckets.uploads]\n[secrets.dsn]\nvalue = \"${postgres.host}\"\n[containers]\ncompose = [\"compose.yaml\"]\nreplace = { db = \"postgres\", cache = \"redis\", localstack = \"gateway\" }\n",
    );
    project.write(
        "compose.yaml",
        r#"
services:
  db: { image: "postgres:17" }
  cache: { image: "redis:7" }
  localstack: { image: "localstack/localstack:3" }
  api:
    image: devenv-test/busybox
    init: true
    command: >-
      sh -ec 'nc -w 5 db 5432 </dev/null; printf "PING\r\n" | nc -w 5 cache 6379;
      wget -q -O- http://localstack:4566/_devenv/health; wget -q -O- --header "$$AUTH" $$AWS_ENDPOINT_URL/uploads;
      cat /run/secrets/token; echo "all there for $$DATABASE_URL"; sleep 1000'
    environment: { AUTH: 'Authorization: AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x' }
    depends_on: [db, cache, localstack]
    secrets: [token]
    volumes: ['both:/both']
  other: { image: devenv-test/busybox, command: sleep 1000, init: true, volumes: ['both:/both'] }
  invoices: { image: devenv-test/busybox, command: 'true', x-devenv: { schedule: '0 4 * * MON-FRI Europe/Berlin' }, secrets: [token] }
  report: { image: devenv-test/busybox, command: 'true', x-devenv: { schedule: '*/5 * * * *', overlap: true }, volumes: ['both:/both'], depends_on: [db] }
volumes: { both: }
secrets: { token: { file: ./token } }
"#,
    );
    project.write("token", "opensesame\n");
    project
}

/// A swarm of this engine alone, for as long as this lives; one that is there already (`tests/run` makes
/// one, since containers of other tests lose their networks at that moment) stays.
struct Swarm(bool);

impl Swarm {
    fn start() -> Swarm {
        let state = docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]).success().stdout;
        let is_new = state.trim() != "active";
        if is_new {
            // An address of loopback of its own: swarms have fixed ports.
            let [.., high, low] = std::process::id().to_be_bytes();
            let address = format!("127.121.{high}.{low}:2377");
            let at = ["--listen-addr", &address, "--advertise-addr", &address];
            docker(&[&["swarm", "init"], &at[..]].concat()).success();
        }
        Swarm(is_new)
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        docker(&["stack", "rm", "devenv-it"]);
        // Its containers end a while after; their volumes are nobody's.
        let filter = "label=com.docker.stack.namespace=devenv-it";
        for _ in 0..600 {
            if docker(&["ps", "-aq", "--filter", filter]).stdout.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        for volume in docker(&["volume", "ls", "-q", "--filter", filter]).stdout.lines() {
            docker(&["volume", "rm", volume]);
        }
        if self.0 {
            docker(&["swarm", "leave", "--force"]);
        }
    }
}

#[test]
fn an_exported_environment_runs_in_a_swarm() {
    let image = devenv_image();
    let project = everything();
    let export = ["export", "compose", "--swarm", "--image", &image, "--out", "preview"];
    project.devenv(&export).success();
    let swarm = Swarm::start();
    let file = project.path().join("preview/compose.yaml");
    let deploy =
        ["stack", "deploy", "--resolve-image", "never", "-c", file.to_str().unwrap(), "devenv-it"];
    docker(&deploy).success();
    let logs = wait_for("the service's words", PATIENCE, || {
        let logs = docker(&["service", "logs", "--raw", "devenv-it_api"]).stdout;
        logs.contains("all there").then_some(logs)
    });
    for part in [
        "+PONG",
        "ListBucketResult",
        "opensesame",
        "postgresql://postgres:postgres@postgres:5432/shop",
    ] {
        assert!(logs.contains(part), "{part}: {logs}");
    }
    drop(swarm);
}

#[test]
fn exports_say_the_same_on_stdout_and_in_a_directory_and_name_what_is_left_out() {
    let project = everything();
    let objects = project.devenv(&["export", "kubernetes", "--namespace", "preview"]).success();
    project.devenv(&["export", "kubernetes", "--namespace", "preview", "--out", "k"]).success();
    let file = std::fs::read_to_string(project.path().join("k/kubernetes.yaml")).unwrap();
    assert_eq!(file.trim_end(), objects.stdout.trim_end());
    let mut validate = Command::new(python());
    validate.arg(script("containers/kubernetes.py")).arg(project.path().join("k/kubernetes.yaml"));
    let kinds = Run::of(&mut validate).success().stdout;
    let all = "ConfigMap CronJob Deployment PersistentVolumeClaim Secret Service StatefulSet";
    let missing: Vec<&str> = all.split(' ').filter(|kind| !kinds.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?} of {kinds}");
    a_wrong_schedule_would_be_found(&project, &file);
    // The platform's names, those that were replaced, and a service that names no port.
    for part in [
        "name: devenv",
        "kind: PersistentVolumeClaim",
        "name: localstack",
        "name: db",
        "name: cache",
        "value = \\\"postgres\\\"",
    ] {
        assert!(
            file.replace("value = \"postgres\"", "value = \\\"postgres\\\"").contains(part),
            "{part}: {file}"
        );
    }
    project.devenv(&["export", "compose", "--out", "c"]).success();
    let mut config = Command::new("docker-compose");
    config.arg("-f").arg(project.path().join("c/compose.yaml")).arg("config");
    config.env("DOCKER_HOST", engine_host());
    let config = Run::of(&mut config).success().stdout;
    for part in ["service_healthy", "- localstack", "POSTGRES_PASSWORD", "/run/secrets/token"] {
        assert!(config.contains(part), "{part}: {config}");
    }
}

/// The published schemas know a CronJob by its parts: what is not theirs is refused.
fn a_wrong_schedule_would_be_found(project: &Project, file: &str) {
    assert!(
        file.contains("concurrencyPolicy: Forbid") && file.contains("concurrencyPolicy: Allow")
    );
    project.write("k/wrong.yaml", &file.replace("concurrencyPolicy:", "concurrency:"));
    let mut validate = Command::new(python());
    validate.arg(script("containers/kubernetes.py")).arg(project.path().join("k/wrong.yaml"));
    let run = Run::of(&mut validate);
    assert!(run.code != Some(0) && run.stderr.contains("concurrency"), "{}", run.stderr);
}
