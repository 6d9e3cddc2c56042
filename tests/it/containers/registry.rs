//! Registries: a real one that an image is pulled from, and a private one whose credentials a helper program
//! keeps, as `docker login` sets it up.

use super::life::{left, service};
use super::{docker, project};
use crate::support::{UP_TIMEOUT, wait_for};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;
use std::time::Duration;

/// A registry that lets nobody in without a name and has nothing for those who have one; what the
/// engine says of itself comes out.
fn registry() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let said = head.iter().find_map(|line| line.strip_prefix("Authorization: "));
            let answer = match said {
                Some(_) => "HTTP/1.1 404 Not Found\r\n",
                None => "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"shop\"\r\n",
            };
            let _ = said.map(|said| told.send(said.to_owned()));
            let _ = write!(stream, "{answer}Connection: close\r\nContent-Length: 0\r\n\r\n");
        }
    });
    (port, heard)
}

#[test]
fn a_helper_is_asked_for_a_private_registry_s_credentials() {
    let (port, heard) = registry();
    let mut project = project("port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n");
    let bin = project.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let helper = bin.join("docker-credential-shop");
    // Says the registry that it was asked for as the secret.
    let script = "#!/bin/sh\n[ \"$1\" = get ] && read -r server; printf '{\"ServerURL\":\"%s\",\"Username\":\"me\",\"Secret\":\"of-%s\"}' \"$server\" \"$server\"\n";
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, PermissionsExt::from_mode(0o755)).unwrap();
    let config = format!("{{\"credHelpers\": {{\"127.0.0.1:{port}\": \"shop\"}}}}");
    project.write("bin/config.json", &config);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    project = project.variable("PATH", &path).variable("DOCKER_CONFIG", bin.to_str().unwrap());
    project.write(
        "compose.yaml",
        &format!("services: {{ shop: {{ image: '127.0.0.1:{port}/shop:1' }} }}"),
    );
    let up = project.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).ends(5);
    assert!(up.stderr.contains("shop:1"), "{}", up.stderr);
    let said = heard.try_iter().next().unwrap_or_default();
    use base64::Engine as _;
    let wanted =
        base64::engine::general_purpose::STANDARD.encode(format!("me:of-127.0.0.1:{port}"));
    assert_eq!(said, format!("Basic {wanted}"));
    // A helper that is not there is named.
    std::fs::remove_file(&helper).unwrap();
    let up = project.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).ends(5);
    assert!(up.stderr.contains("docker-credential-shop"), "{}", up.stderr);
}

/// A container that goes with its volumes, and an image that goes, whatever happens.
struct Gone(String, String);

impl Drop for Gone {
    fn drop(&mut self) {
        docker(&["rm", "-f", "-v", &self.0]);
        docker(&["rmi", "-f", &self.1]);
    }
}

#[test]
fn an_image_is_pulled_from_its_registry_with_progress_and_only_once() {
    let run = ["run", "-d", "-p", "127.0.0.1::5000", "devenv-test/registry:2"];
    let registry = docker(&run).success().stdout.trim().to_owned();
    let at = docker(&["port", &registry, "5000/tcp"]).success().stdout;
    // Engines take a registry on loopback without TLS.
    let at = at.lines().find(|line| line.starts_with("127.")).unwrap().to_owned();
    let image = format!("{at}/shop:1");
    let gone = Gone(registry, image.clone());
    wait_for("the registry", Duration::from_secs(60), || {
        let mut stream = std::net::TcpStream::connect(&at).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(stream, "GET /v2/ HTTP/1.0\r\n\r\n").ok()?;
        let line = BufReader::new(stream).lines().next()?.ok()?;
        line.contains(" 200 ").then_some(())
    });
    // Something that no other image has, so that it has to come.
    let place = tempfile::tempdir().unwrap();
    let own: Vec<u8> =
        std::iter::repeat_with(|| gone.0.bytes()).flatten().take(3_000_000).collect();
    std::fs::write(place.path().join("own"), own).unwrap();
    std::fs::write(place.path().join("Dockerfile"), "FROM devenv-test/busybox\nCOPY own /own\n")
        .unwrap();
    docker(&["build", "-q", "-t", &image, place.path().to_str().unwrap()]).success();
    docker(&["push", &image]).success();
    docker(&["rmi", &image]).success();
    let project = project("port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n");
    let compose = |policy: &str| {
        format!(
            "services: {{ shop: {{ image: '{image}', init: true, command: sh -c 'wc -c /own; exec sleep 1000', pull_policy: {policy} }} }}"
        )
    };
    project.write("compose.yaml", &compose("missing"));
    let up = project.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).success();
    assert!(up.stderr.contains(&format!("shop: pulling {image}")), "{}", up.stderr);
    wait_for("what is in the image", Duration::from_secs(60), || {
        project.devenv(&["logs", "shop"]).stdout.contains("3000000 /own").then_some(())
    });
    assert_eq!(service(&project, "shop")["version"], image);
    project.devenv(&["down"]).success();
    // What is there is not asked for again, unless that is wished: the registry is gone.
    docker(&["kill", &gone.0]).success();
    let up = project.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).success();
    assert!(!up.stderr.contains("pulling"), "{}", up.stderr);
    project.devenv(&["down"]).success();
    project.write("compose.yaml", &compose("always"));
    let up = project.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).ends(5);
    assert!(up.stderr.contains("cannot be pulled"), "{}", up.stderr);
    project.devenv(&["down", "--volumes", "--yes"]);
    assert_eq!(left(&project), "");
}
