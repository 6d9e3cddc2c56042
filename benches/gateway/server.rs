//! The servers under measurement, each in a process of its own: this program again, in another role.

use crate::bare;
use devenv::edge::smtp::{Smtp, SmtpConfig};
use devenv::edge::{Gateway, GatewayConfig};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The variable that says which part this process plays.
pub(crate) const ROLE: &str = "DEVENV_BENCH_ROLE";
/// The directory of its state.
const STATE: &str = "DEVENV_BENCH_STATE";

/// A server's process; dropped, it ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Where it takes SMTP; the gateway does.
    pub(crate) smtp: Option<SocketAddr>,
    process: Child,
}

impl Server {
    /// Starts one and waits until it listens.
    pub(crate) fn start(role: &str, state: &Path) -> Server {
        let own = std::env::current_exe().expect("this program's path");
        let mut process = Command::new(own)
            .env(ROLE, role)
            .env(STATE, state.join(role))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("its stdout");
        BufReader::new(stdout).read_line(&mut line).expect("its address");
        let mut addresses = line.split_whitespace().map(|a| a.parse().expect("an address"));
        let address = addresses.next().expect("an address");
        Server { address, smtp: addresses.next(), process }
    }

    /// Ends it in order: its log is folded into the state file.
    pub(crate) fn stop(mut self) {
        drop(self.process.stdin.take());
        self.process.wait().expect("the server ends");
    }

    /// The most memory that was resident since the last call, in MiB.
    pub(crate) fn resident_peak_mib(&self) -> u64 {
        let pid = self.process.id();
        let peak = status_mib(pid, "VmHWM:");
        // Writing 5 sets the peak back; where it cannot, the peak is that of the whole run.
        let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
        peak
    }

    /// Resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> u64 {
        resident_mib(self.process.id())
    }
}

/// Resident memory of a process, in MiB; 0 where `/proc` does not say.
pub(crate) fn resident_mib(pid: u32) -> u64 {
    status_mib(pid, "VmRSS:")
}

fn status_mib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

impl Drop for Server {
    fn drop(&mut self) {
        // It also ends by itself when its stdin closes.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Plays `role` until stdin closes.
pub(crate) fn play(role: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let free: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    runtime.block_on(async {
        match role {
            "bare" => {
                let listener = tokio::net::TcpListener::bind(free).await.expect("a port");
                println!("{}", listener.local_addr().expect("its address"));
                let state = std::env::var_os(STATE).expect("the state's directory");
                tokio::spawn(async move { bare::serve(listener, state.as_ref()).await });
                until_stdin_closes().await;
            }
            _ => {
                let state = std::env::var_os(STATE).expect("the state's directory");
                let config = GatewayConfig::new(free, state.clone().into());
                let gateway = Gateway::start(config).await.expect("the gateway starts");
                let config = SmtpConfig::new(free, state.into());
                let smtp = Smtp::start(config, gateway.services()).expect("SMTP starts");
                println!("{} {}", gateway.address(), smtp.address());
                until_stdin_closes().await;
                smtp.shutdown().await;
                gateway.shutdown().await;
            }
        }
    });
}

async fn until_stdin_closes() {
    // Whatever ends the reading ends the server.
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
}
