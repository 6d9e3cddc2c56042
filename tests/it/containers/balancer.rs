//! The catalogue's nginx before two services: routing by path, and TLS by the environment's own authority.

use super::life::{container, left};
use super::{docker, project};
use crate::support::{Project, Run, python, wait_for};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

/// Longest wait for a service behind nginx.
const PATIENCE: Duration = Duration::from_secs(60);

const PROFILE: &str =
    "port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\ncatalog = [\"nginx\"]\n";

/// The project's own file comes over the catalogue's: another image, ports that are the engine's choice,
/// and a name of the project's.
const COMPOSE: &str = r#"
services:
  nginx:
    image: devenv-test/nginx:1
    ports: !override ["443"]
    healthcheck: { interval: 200ms }
    x-devenv: { tls: { path: /etc/nginx/tls, names: [shop.test] } }
  api:
    image: devenv-test/busybox
    init: true
    command: sh -c 'mkdir -p /www/api/deep; echo "the api" >/www/api/index.html; echo deep >/www/api/deep/x; exec httpd -f -p 8000 -h /www'
  web:
    image: devenv-test/busybox
    init: true
    command: sh -c 'mkdir -p /www; echo "the web" >/www/index.html; echo near >/www/apiary; exec httpd -f -p 3000 -h /www'
  client:
    image: devenv-test/busybox
    init: true
    command: sleep 1000
    x-devenv: { tls: /tls }
"#;

/// The published port of TLS.
fn port(project: &Project) -> String {
    let told = docker(&["port", &container(project, "nginx"), "443/tcp"]).success().stdout;
    told.trim().rsplit(':').next().unwrap().to_owned()
}

/// What curl is told that trusts the environment's authority and nobody else.
fn curl(project: &Project, host: &str, path: &str) -> Run {
    let authority = project.path().join(".devenv/tls/ca.pem");
    let port = port(project);
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "30", "--noproxy", "*", "--cacert"]).arg(authority);
    // Every name leads here; which of them the certificate is for is the question.
    command.args(["--connect-to", &format!("::127.0.0.1:{port}")]);
    Run::of(command.arg(format!("https://{host}:{port}{path}")))
}

#[test]
fn nginx_routes_by_path_and_speaks_tls_that_one_authority_vouches_for() {
    let project = project(PROFILE);
    project.write("compose.yaml", COMPOSE);
    project.write(".env", "NGINX_API=api:8000\nNGINX_WEB=web:3000\n");
    project.up();
    let says = |host: &str, path: &str, text: &str| {
        wait_for(text, PATIENCE, || {
            (curl(&project, host, path).success().stdout.trim() == text).then_some(())
        });
    };
    says("localhost", "/", "the web");
    says("localhost", "/api/", "the api");
    says("localhost", "/api/deep/x", "deep");
    says("localhost", "/apiary", "near");
    for host in ["127.0.0.1", "[::1]", "nginx", "nginx.localhost", "shop.test"] {
        says(host, "/", "the web");
    }
    // curl takes no certificate for all names below one without a dot; others do.
    let names = "import sys; from cryptography import x509; c = x509.load_pem_x509_certificate(open(sys.argv[1], 'rb').read()); print(c.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName))";
    let mut read = Command::new(python());
    read.args(["-c", names]).arg(project.path().join(".devenv/tls/nginx/cert.pem"));
    let names = Run::of(&mut read).success().stdout;
    assert!(names.contains("'*.localhost'"), "{names}");
    let refused = curl(&project, "elsewhere.test", "/");
    assert_eq!(refused.code, Some(60), "it is for no other name: {}", refused.stderr);
    let tls = project.path().join(".devenv/tls");
    let mode = |name: &str| tls.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("ca.key"), mode("")), (0o600, 0o700));
    let inside = project.devenv(&["exec", "--in", "nginx", "--", "ls", "/etc/nginx/tls"]);
    assert!(!inside.success().stdout.contains("ca.key"), "the authority's key stays here");
    let trusted = project.devenv(&["exec", "--in", "client", "--", "cat", "/tls/ca.pem"]);
    assert_eq!(trusted.success().stdout, project.read(".devenv/tls/ca.pem"));
    // A service that is made anew, and a certificate that is: who trusts the authority sees no difference.
    docker(&["kill", &container(&project, "api")]).success();
    project.devenv(&["restart", "api"]).success();
    let (authority, before) =
        (project.read(".devenv/tls/ca.pem"), project.read(".devenv/tls/nginx/cert.pem"));
    std::fs::remove_file(tls.join("nginx/cert.pem")).unwrap();
    project.devenv(&["restart", "nginx"]).success();
    says("localhost", "/api/", "the api");
    assert_ne!(project.read(".devenv/tls/nginx/cert.pem"), before);
    project.devenv(&["down"]).success();
    project.up();
    says("localhost", "/", "the web");
    assert_eq!(project.read(".devenv/tls/ca.pem"), authority, "trust in it lasts");
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert_eq!(left(&project), "");
}
