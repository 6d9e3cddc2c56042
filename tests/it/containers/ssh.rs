//! The engine behind a real server of OpenSSH.

use super::engine::{boxed, finding, is_spoken_to};
use super::engine_host;
use crate::support::{Project, Run};
use std::process::{Child, Command};

/// A real server of OpenSSH on a port of its own, and a client that knows its key; whoever logs in finds
/// the engine of the tests.
struct Ssh {
    dir: tempfile::TempDir,
    url: String,
    server: Child,
}

impl Ssh {
    fn start() -> Ssh {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        for key in ["host", "user"] {
            let mut make = Command::new("ssh-keygen");
            make.args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]);
            Run::of(&mut make).success();
        }
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let host = std::fs::read_to_string(at("host.pub")).unwrap();
        write("known", &format!("[127.0.0.1]:{port} {host}"));
        let engine = engine_host();
        write(
            "sshd.conf",
            &format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\n\
                 PidFile none\nUsePAM no\nStrictModes no\nSetEnv DOCKER_HOST={engine}\n",
                at("host"),
                at("user.pub")
            ),
        );
        write(
            "client.conf",
            &format!(
                "IdentityFile {}\nIdentitiesOnly yes\nUserKnownHostsFile {}\nStrictHostKeyChecking yes\n",
                at("user"),
                at("known")
            ),
        );
        write("ssh", &format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", at("client.conf")));
        std::fs::set_permissions(at("ssh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        // Where a server of root's puts its unprivileged half.
        let _ = std::fs::create_dir("/run/sshd");
        let server = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", &at("sshd.conf")])
            .stderr(std::fs::File::create(at("log")).unwrap())
            .spawn()
            .unwrap();
        let user = docker_user();
        Ssh { url: format!("ssh://{user}@127.0.0.1:{port}"), dir, server }
    }

    /// The project, with the engine behind the server, and `ssh` as the client.
    fn reach(&self, project: Project) -> Project {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.dir.path().display());
        project.variable("DOCKER_HOST", &self.url).variable("PATH", &path)
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Who runs the tests: a server that is not root's lets in nobody else.
fn docker_user() -> String {
    let mut who = Command::new("id");
    Run::of(who.arg("-un")).success().stdout.trim().to_owned()
}

#[test]
fn by_ssh_an_engine_is_spoken_to_as_by_its_socket_and_a_stranger_is_not_let_in() {
    let ssh = Ssh::start();
    is_spoken_to(&ssh.reach(boxed()), &ssh.url);
    std::fs::write(ssh.dir.path().join("user.pub"), "").unwrap();
    let found = finding(&ssh.reach(boxed()));
    assert_eq!(found["ok"], false, "{found}");
    assert!(found["detail"].as_str().unwrap().contains("Permission denied"), "{found}");
}
