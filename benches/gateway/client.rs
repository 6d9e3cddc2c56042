//! A load client: as many keep-alive connections as asked for, each with one request under way. Raw
//! HTTP/1.1, so that the client costs little and both servers get the same bytes.

use crate::cases::Case;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;

/// A request: head and body as they go over the wire.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Bytes,
}

/// What a measurement gave.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) seconds: f64,
    pub(crate) latencies: Vec<Duration>,
    /// Answers that were no success.
    pub(crate) failed: u64,
    /// The first of them.
    pub(crate) failure: Option<String>,
}

impl Measured {
    /// Successes a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds.max(f64::EPSILON)
    }

    /// The time within which so many per cent of the successes came.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, other: Measured) {
        self.latencies.extend(other.latencies);
        self.failed += other.failed;
        self.failure = self.failure.take().or(other.failure);
    }
}

/// A number from the environment.
pub(crate) fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// How long a measurement takes.
pub(crate) fn length() -> Duration {
    Duration::from_secs(setting("BENCH_SECONDS", 3).into())
}

/// How many clients a measurement has.
pub(crate) fn connections(case: &Case) -> u32 {
    case.connections.unwrap_or_else(|| connections_of(16))
}

/// How many clients there are where `default` are usual.
pub(crate) fn connections_of(default: u32) -> u32 {
    setting("BENCH_CONNECTIONS", default)
}

/// Sends the case's requests for a while.
pub(crate) async fn run(address: SocketAddr, case: &Case) -> Measured {
    let length = length();
    let connections = connections(case);
    let started = Instant::now();
    let numbers = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            tokio::spawn(connection(
                address,
                case.request.clone(),
                numbers.clone(),
                started + length,
            ))
        })
        .collect();
    let mut all = Measured::default();
    for task in tasks {
        all.add(task.await.expect("a connection's task"));
    }
    all.seconds = started.elapsed().as_secs_f64();
    all.latencies.sort_unstable();
    all
}

async fn connection(
    address: SocketAddr,
    make: Arc<dyn Fn(u64) -> Request + Send + Sync>,
    numbers: Arc<AtomicU64>,
    end: Instant,
) -> Measured {
    let mut measured = Measured::default();
    let mut wire = Wire::open(address).await;
    while Instant::now() < end {
        let request = make(numbers.fetch_add(1, Ordering::Relaxed));
        let sent = Instant::now();
        match wire.exchange(&request).await {
            Ok(answer) if answer.status < 300 => measured.latencies.push(sent.elapsed()),
            Ok(answer) => {
                measured.failed += 1;
                measured.failure.get_or_insert(format!("{} {}", answer.status, answer.beginning));
            }
            Err(error) => {
                measured.failed += 1;
                measured.failure.get_or_insert(error.to_string());
                wire = Wire::open(address).await;
            }
        }
    }
    measured
}

/// Status and the first bytes of the body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) beginning: String,
}

/// A connection.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Wire {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Wire { stream, buffer: vec![0; READ_BYTES] }
    }

    /// One request and its whole answer.
    pub(crate) async fn exchange(&mut self, request: &Request) -> std::io::Result<Answer> {
        if request.body.len() < 16 * 1024 {
            let whole = [request.head.as_bytes(), &request.body].concat();
            self.stream.write_all(&whole).await?;
        } else {
            self.stream.write_all(request.head.as_bytes()).await?;
            self.stream.write_all(&request.body).await?;
        }
        let mut filled = 0;
        let head = loop {
            if let Some(end) = self.buffer[..filled].windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            match self.stream.read(&mut self.buffer[filled..]).await? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                more => filled += more,
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).into_owned();
        let status = text.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0);
        let mut left = content_length(&text, status)?.saturating_sub(filled - head);
        let beginning =
            String::from_utf8_lossy(&self.buffer[head..filled.min(head + 200)]).into_owned();
        while left > 0 {
            let wanted = left.min(READ_BYTES);
            match self.stream.read(&mut self.buffer[..wanted]).await? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                more => left -= more,
            }
        }
        Ok(Answer { status, beginning })
    }
}

fn content_length(head: &str, status: u16) -> std::io::Result<usize> {
    let of = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    };
    match head.lines().find_map(of) {
        Some(length) => Ok(length),
        None if status == 204 => Ok(0),
        None => Err(std::io::Error::other("an answer without Content-Length")),
    }
}
