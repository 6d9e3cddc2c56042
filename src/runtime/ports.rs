//! Ports: claimed before anything starts, and if taken, by whom.
//!
//! Invariant: a refusal names the owner's pid and command as far as the system tells them.
//! Source: proc(5), `/proc/net/tcp` and `/proc/[pid]/fd`; elsewhere `lsof`.

use crate::base::Problem;
use crate::profile::Port;
use crate::runtime::dirs::Dirs;
use crate::runtime::process;
use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};

/// How many ports above the wanted one `auto` looks at.
const AUTO_SPAN: u16 = 500;
/// Longest command line that is shown, in characters.
const COMMAND_CHARS_MAX: usize = 120;

/// Who listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Process id.
    pub pid: u32,
    /// Its command line, shortened.
    pub command: String,
    /// Its working directory, where it may be read.
    pub directory: Option<String>,
}

/// A free port for `what` (`gateway`, `postgres`, …) by the profile's wish, added to `taken`.
pub fn claim(port: Port, what: &str, taken: &mut Vec<u16>) -> Result<u16, Problem> {
    let chosen = match port {
        Port::Fixed(wanted) => {
            if taken.contains(&wanted) {
                return Err(Problem::new(
                    crate::base::Exit::Usage,
                    "port-twice",
                    format!("port {wanted} for {what} is also the port of another part of this environment"),
                )
                .hint("give each part its own port in devenv.toml, or `port = \"auto\"`"));
            }
            free(wanted).map_err(|refusal| problem(wanted, what, &refusal))?;
            wanted
        }
        Port::Auto(first) => (first..=first.saturating_add(AUTO_SPAN))
            .find(|port| !taken.contains(port) && free(*port).is_ok())
            .ok_or_else(|| {
                Problem::in_the_way(
                    "port-taken",
                    format!(
                        "no free port for {what} from {first} to {}",
                        first.saturating_add(AUTO_SPAN)
                    ),
                )
                .hint("free one of them, or name another with `port` in devenv.toml")
            })?,
    };
    taken.push(chosen);
    Ok(chosen)
}

/// As [`claim`], but the port that a child left by a killed daemon still holds is claimed again, so
/// that the child can be adopted (or is stopped by [`crate::runtime::adopt`] before its successor starts).
pub fn claim_or_keep(
    port: Port,
    what: &str,
    dirs: &Dirs,
    taken: &mut Vec<u16>,
) -> Result<u16, Problem> {
    let held = process::left_over(dirs, what).and_then(|left| left.port());
    match (held, port) {
        (Some(held), Port::Fixed(wanted)) if held == wanted && !taken.contains(&held) => {
            taken.push(held);
            Ok(held)
        }
        (Some(held), Port::Auto(_)) if !taken.contains(&held) => {
            taken.push(held);
            Ok(held)
        }
        _ => claim(port, what, taken),
    }
}

/// Whether `port` is free, or held by a child of ours that a killed daemon left.
pub fn is_ours(port: u16, what: &str, dirs: &Dirs) -> bool {
    let held = process::left_over(dirs, what).and_then(|left| left.port());
    held == Some(port) || free(port).is_ok()
}

fn free(port: u16) -> std::io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop)
}

fn problem(port: u16, what: &str, refusal: &std::io::Error) -> Problem {
    if refusal.kind() == std::io::ErrorKind::PermissionDenied {
        return Problem::in_the_way(
            "port-forbidden",
            format!("port {port} for {what} may not be opened by this user"),
        )
        .hint("choose a port above 1023 with `port` in devenv.toml");
    }
    let key = format!(
        "`port = {{ {what} = {} }}` or `port = \"auto\"` in devenv.toml",
        port.saturating_add(1)
    );
    match owner(port) {
        Some(owner) => {
            let place = owner.directory.map(|dir| format!(" in {dir}")).unwrap_or_default();
            Problem::in_the_way(
                "port-taken",
                format!(
                    "port {port} for {what} is taken by pid {} (`{}`{place})",
                    owner.pid, owner.command
                ),
            )
            .hint(format!("stop it (`kill {}`), or set {key}", owner.pid))
        }
        None => Problem::in_the_way(
            "port-taken",
            format!("port {port} for {what} is taken by a process of another user"),
        )
        .hint(format!("find it with `sudo ss -ltnp 'sport = :{port}'` and stop it, or set {key}")),
    }
    .retryable()
}

/// The process that listens on `port`, if it can be seen.
#[cfg(target_os = "linux")]
pub fn owner(port: u16) -> Option<Owner> {
    let mut inodes = HashSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        inodes.extend(text.lines().skip(1).filter_map(|line| listening_inode(line, port)));
    }
    if inodes.is_empty() {
        return None;
    }
    let wanted: HashSet<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = std::fs::read_dir("/proc").ok()?;
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| holds(*pid, &wanted))
        .map(describe)
}

/// The process that listens on `port`, if it can be seen.
#[cfg(not(target_os = "linux"))]
pub fn owner(port: u16) -> Option<Owner> {
    let output = std::process::Command::new("lsof")
        .args(["-nP", &format!("-iTCP:{port}"), "-sTCP:LISTEN", "-Fpc"])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let field = |kind: char| text.lines().find_map(|line| line.strip_prefix(kind));
    Some(Owner { pid: field('p')?.parse().ok()?, command: field('c')?.to_owned(), directory: None })
}

/// The inode of a `/proc/net/tcp` line if it listens (state 0A) on `port`.
fn listening_inode(line: &str, port: u16) -> Option<u64> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let local = u16::from_str_radix(fields.get(1)?.rsplit(':').next()?, 16).ok()?;
    (local == port && *fields.get(3)? == "0A").then(|| fields.get(9)?.parse().ok()).flatten()
}

#[cfg(target_os = "linux")]
fn holds(pid: u32, sockets: &HashSet<String>) -> bool {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    entries
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .any(|target| target.to_str().is_some_and(|text| sockets.contains(text)))
}

#[cfg(target_os = "linux")]
fn describe(pid: u32) -> Owner {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&line).replace('\0', " ");
    let directory = std::fs::read_link(format!("/proc/{pid}/cwd")).ok();
    Owner {
        pid,
        command: text.trim_end().chars().take(COMMAND_CHARS_MAX).collect(),
        directory: directory.map(|dir| dir.display().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("free port");
        let port = listener.local_addr().expect("address").port();
        (listener, port)
    }

    #[test]
    fn a_taken_port_names_its_owner_and_the_way_out() {
        let (_held, port) = listener();
        let problem = claim(Port::Fixed(port), "postgres", &mut Vec::new()).expect_err("taken");
        assert_eq!((problem.code, problem.exit.code(), problem.retryable), ("port-taken", 5, true));
        let pid = std::process::id().to_string();
        assert!(
            problem.message.contains(&format!("port {port} for postgres is taken by pid {pid}")),
            "{problem}"
        );
        let hint = problem.hint.expect("hint");
        assert!(
            hint.contains(&format!("kill {pid}")) && hint.contains("port = \"auto\""),
            "{hint}"
        );
    }

    #[test]
    fn auto_takes_the_next_free_one_and_never_the_same_twice() {
        let (_held, port) = listener();
        let mut taken = vec![];
        let first = claim(Port::Auto(port), "redis", &mut taken).expect("a port");
        let second = claim(Port::Auto(port), "smtp", &mut taken).expect("a port");
        assert!(first > port && second > first, "{port} {first} {second}");
        assert_eq!(taken, [first, second]);
    }

    #[test]
    fn one_port_for_two_parts_is_a_mistake_in_the_profile() {
        let problem = claim(Port::Fixed(1), "redis", &mut vec![1]).expect_err("twice");
        assert_eq!((problem.code, problem.exit.code()), ("port-twice", 2));
    }

    #[test]
    fn only_listening_sockets_of_that_port_count() {
        let listening = "0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4242 1 0 100 0 0 10 0";
        assert_eq!(listening_inode(listening, 0x1538), Some(4242));
        assert_eq!(listening_inode(listening, 80), None);
        assert_eq!(listening_inode(&listening.replace(" 0A ", " 01 "), 0x1538), None);
    }
}
