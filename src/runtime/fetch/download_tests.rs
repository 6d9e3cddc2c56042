//! Downloads against a server in this process: refused checksums, resumed transfers, dead ends.

use super::super::pins::{Pin, Platform, Registry};
use super::super::source::{Settings, Sources};
use super::*;
use crate::runtime::progress::Silent;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const BODY: &[u8] = b"0123456789";

fn pin(checksum: Checksum) -> Pin {
    Pin {
        platform: Platform::LinuxX64,
        major: 17,
        registry: Registry::Npm,
        package: "@x/y",
        version: "1",
        file: "",
        bytes: BODY.len() as u64,
        checksum,
        inside: "",
    }
}

/// sha256 of `BODY`.
const RIGHT: Checksum =
    Checksum::Sha256("84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882");
const WRONG: Checksum =
    Checksum::Sha256("0000000000000000000000000000000000000000000000000000000000000000");

fn sources(registry: &str) -> Sources {
    let registry = registry.to_owned();
    Sources::read(&Settings {
        variable: &|key| (key == "NPM_CONFIG_REGISTRY").then(|| registry.clone()),
        file: &|_| None,
    })
}

/// A server that answers request N with `answer(N, Range header)`.
fn server(
    answer: impl Fn(usize, Option<String>) -> Vec<u8> + Send + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("free port");
    let address = format!("http://{}/", listener.local_addr().expect("address"));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let mut range = None;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                if let Some(value) = line.to_lowercase().strip_prefix("range: ") {
                    range = Some(value.trim().to_owned());
                }
                line.clear();
            }
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let _ = reader.get_mut().write_all(&answer(number, range));
        }
    });
    (address, count)
}

fn whole() -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n".as_slice(), BODY]
        .concat()
}

fn fetch(registry: &str, checksum: Checksum) -> (tempfile::TempDir, Result<PathBuf, Problem>) {
    let cache = tempfile::tempdir().expect("temporary directory");
    let fetcher = Fetcher::with(sources(registry), cache.path(), &Silent);
    let result = fetcher.fetch(&pin(checksum), "test").map(|archive| archive.path().to_owned());
    (cache, result)
}

#[test]
fn what_has_the_checksum_is_kept_and_not_fetched_twice() {
    let (address, count) = server(|_, _| whole());
    let (cache, result) = fetch(&address, RIGHT);
    let path = result.expect("fetched");
    assert_eq!(fs::read(&path).expect("file"), BODY);
    let fetcher = Fetcher::with(sources(&address), cache.path(), &Silent);
    let again = fetcher.fetch(&pin(RIGHT), "test").map(|archive| archive.path().to_owned());
    assert_eq!((again, count.load(Ordering::SeqCst)), (Ok(path), 1));
}

#[test]
fn another_checksum_is_refused_and_nothing_stays() {
    let (address, _) = server(|_, _| whole());
    let (cache, result) = fetch(&address, WRONG);
    let problem = result.expect_err("refused");
    assert_eq!((problem.code, problem.exit.code()), ("checksum-refused", 5));
    assert!(
        problem.message.contains(&address) && problem.message.contains("84d89877"),
        "{problem}"
    );
    let left = fs::read_dir(cache.path().join("downloads")).expect("directory").count();
    assert_eq!(left, 0);
}

#[test]
fn a_broken_transfer_is_resumed_where_it_broke() {
    let (address, count) = server(|number, range| {
        match (number, range.as_deref()) {
        (0, None) => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123".to_vec(),
        (1, Some("bytes=4-")) => {
            b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\nConnection: close\r\n\r\n456789".to_vec()
        }
        _ => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(),
    }
    });
    let (_cache, result) = fetch(&address, RIGHT);
    assert_eq!(fs::read(result.expect("fetched")).expect("file"), BODY);
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_busy_registry_is_asked_again_and_a_missing_file_is_not() {
    let (address, count) = server(|number, _| match number {
        0 => b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        _ => whole(),
    });
    assert!(fetch(&address, RIGHT).1.is_ok());
    assert_eq!(count.load(Ordering::SeqCst), 2);
    let (address, count) = server(|_, _| {
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
    });
    let problem = fetch(&address, RIGHT).1.expect_err("missing");
    assert!(problem.message.ends_with("answers 404") && !problem.retryable, "{problem}");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn more_bytes_than_published_are_not_read_on() {
    let (address, _) = server(|_, _| {
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".as_slice(), &[b'x'; 4096]].concat()
    });
    let problem = fetch(&address, RIGHT).1.expect_err("too large");
    assert!(problem.message.contains("larger than the 10 bytes"), "{problem}");
}

#[test]
fn a_registry_that_is_not_there_is_named_with_three_ways_out() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("free port");
    let address = format!("http://{}/", listener.local_addr().expect("address"));
    drop(listener);
    let problem = fetch(&address, RIGHT).1.expect_err("unreachable");
    assert_eq!(
        (problem.code, problem.exit.code(), problem.retryable),
        ("registry-unreachable", 5, true)
    );
    assert!(problem.message.contains(&address), "{problem}");
    let hint = problem.hint.expect("hint");
    for word in ["HTTPS_PROXY", "NPM_CONFIG_REGISTRY", "DEVENV_POSTGRES_ARCHIVE"] {
        assert!(hint.contains(word), "{hint}");
    }
}

#[test]
fn a_directory_serves_as_a_registry() {
    let mirror = tempfile::tempdir().expect("temporary directory");
    let dir = mirror.path().join("@x/y/-");
    fs::create_dir_all(&dir).expect("directory");
    fs::write(dir.join("y-1.tgz"), BODY).expect("file");
    let address = format!("file://{}", mirror.path().display());
    assert!(fetch(&address, RIGHT).1.is_ok());
    let problem = fetch("file:///no/such/mirror", RIGHT).1.expect_err("missing");
    assert!(problem.message.contains("/no/such/mirror/"), "{problem}");
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let file = dir.path().join("file");
    fs::write(&file, "").expect("file");
    let problem = Fetcher::with(sources("file:///x"), &file, &Silent)
        .fetch(&pin(RIGHT), "test")
        .expect_err("no directory");
    assert_eq!((problem.code, problem.exit.code()), ("not-writable", 5));
    assert!(problem.message.contains("/file/"), "{problem}");
}

#[test]
fn a_full_disk_is_said_with_the_way_out() {
    // /dev/full refuses every write as a full disk does.
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let cache = tempfile::tempdir().expect("temporary directory");
    let (address, _) = server(|_, _| whole());
    let fetcher = Fetcher::with(sources(&address), cache.path(), &Silent);
    let mut to = File::options().write(true).open(full).expect("device");
    let failure = fetcher.stream(&pin(RIGHT), BODY, &mut to, 0, full);
    let Err(Failure::Ours(problem)) = failure else { panic!("a full disk was not noticed") };
    assert!(problem.hint.expect("hint").contains("DEVENV_CACHE_DIR"));
}
