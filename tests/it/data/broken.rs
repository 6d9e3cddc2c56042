//! Pulls that cannot end: the network is cut, the disk is full. Each fails cleanly, and nothing is left of it
//! but rows that are masked (`resume` takes those up again). And archives that are damaged.

use super::Bench;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes that the server may send before the network is cut: more than a schema, less than all rows.
const CUT_BYTES: u64 = 4_000_000;
/// Blocks of a file at the most, as the shell counts them: far fewer than the archive needs.
const DISK_BLOCKS: u32 = 100;

pub(super) fn check(bench: &Bench) {
    let cut = bench
        .project
        .command(env!("CARGO_BIN_EXE_devenv"))
        .args(["data", "pull", "--out", "n.devseed", "--source"])
        .arg(through_a_wire(&bench.source, Ending::Cut))
        .output();
    failed(bench, "the network is cut", &cut.unwrap(), "n.devseed", "reading the source broke off");
    let script = format!("trap '' XFSZ; ulimit -f {DISK_BLOCKS}; exec \"$@\"");
    let mut full: Command = bench.project.command("sh");
    full.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_devenv")]);
    full.args(["data", "pull", "--source", &bench.source, "--out", "f.devseed"]);
    failed(bench, "the disk is full", &full.output().unwrap(), "f.devseed", "cannot write");
    damaged(bench);
}

/// Of an archive with a wrong byte, or without its end, nothing is loaded.
fn damaged(bench: &Bench) {
    // Another content than what is known already.
    bench.sql("source", "update \"order\" set amount = amount % 1000 + 1");
    let pull = ["data", "pull", "--source", &bench.source, "--out", "d.devseed"];
    bench.project.devenv(&pull).success();
    let whole = std::fs::read(bench.project.path().join("d.devseed")).unwrap();
    let mut wrong = whole.clone();
    wrong[whole.len() * 2 / 3] ^= 1;
    let cut = whole[..whole.len() * 2 / 3].to_vec();
    for (bytes, why) in [(wrong, "a frame's checksum is wrong"), (cut, "its end is missing")] {
        std::fs::write(bench.project.path().join("bad.devseed"), bytes).unwrap();
        let mut seed = bench.project.command(env!("CARGO_BIN_EXE_devenv"));
        let output = seed.args(["seed", "--fresh", "bad.devseed"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{why}: {said}");
        let tables = "select count(*) from pg_tables where schemaname = 'public'";
        assert!(["0", "6"].contains(&&*bench.one("app", tables)), "{why}: a part was loaded");
        if bench.one("app", tables) == "6" {
            assert_eq!(bench.one("app", "select count(*) from users"), "300", "{why}");
        }
    }
}

fn failed(bench: &Bench, what: &str, output: &Output, archive: &str, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(why), "{what}: {said}");
    assert!(!bench.project.path().join(archive).exists(), "{what}");
    super::resume::masked_only(&bench.project.path().join(format!("{archive}.part")));
    super::no_trace(what, &output.stderr);
    super::no_trace(what, &super::everything_in(bench.project.path()));
}

/// What becomes of a wire through which [`CUT_BYTES`] went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Both ends are told.
    Cut,
    /// Nothing comes any more, and nobody is told.
    Still,
}

/// The source's address behind a wire that breaks.
pub(super) fn through_a_wire(source: &str, ending: Ending) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let (head, tail) = source.split_once('@').unwrap();
    let (address, database) = tail.split_once('/').unwrap();
    let address = address.replace("localhost", "127.0.0.1");
    let open = Arc::new(AtomicU64::new(0));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(&address)) else { return };
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || carry(from, to, None, ending));
            // Each session for itself: that of the rows is cut, when those of pg_dump have ended.
            let open = open.clone();
            open.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                carry(server, client, Some(&open), ending);
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    format!("{head}@127.0.0.1:{own}/{database}")
}

/// Carries what `from` sends; what a server sends breaks off, `open` sessions of which there are.
fn carry(mut from: TcpStream, mut to: TcpStream, open: Option<&AtomicU64>, ending: Ending) {
    let (mut buffer, mut sent) = ([0; 16 * 1024], 0);
    while let Ok(got @ 1..) = from.read(&mut buffer) {
        if let Some(open) = open.filter(|_| sent > CUT_BYTES) {
            while open.load(Ordering::SeqCst) > 1 {
                std::thread::sleep(Duration::from_millis(2));
            }
            match ending {
                Ending::Still => loop {
                    std::thread::park();
                },
                Ending::Cut => break,
            }
        }
        if to.write_all(&buffer[..got]).is_err() {
            break;
        }
        sent += got as u64;
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
