//! A private registry whose credentials a helper program keeps, as `docker login` sets it up.

use super::project;
use crate::support::UP_TIMEOUT;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;

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
