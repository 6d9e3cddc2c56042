//! Mail by SMTP, and looking at many mails: what has no counterpart in a bare HTTP server.

use crate::client::{Measured, setting};
use crate::server::Server;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Mails in the inbox when its pages are measured.
const MAILS: u64 = 100_000;
/// Looks at each page; the middle one counts.
const LOOKS: usize = 21;

/// Prints mails a second over SMTP, each acknowledged before the next of its connection.
pub(crate) fn smtp(runtime: &tokio::runtime::Runtime) {
    let state = tempfile::tempdir().expect("a directory for the state");
    let server = Server::start("gateway", state.path());
    let address = server.smtp.expect("the gateway takes SMTP");
    let connections = setting("BENCH_CONNECTIONS", 16);
    let length = Duration::from_secs(setting("BENCH_SECONDS", 3).into());
    let measured = runtime.block_on(send(address, connections, Instant::now() + length, None));
    println!(
        "SMTP over {connections} connections: {:.1} k mails/s, p50 {:.2} ms, p99 {:.2} ms, failed {}",
        measured.rate() / 1000.0,
        measured.percentile(50).as_secs_f64() * 1000.0,
        measured.percentile(99).as_secs_f64() * 1000.0,
        measured.failed
    );
}

/// Prints how long pages take in an inbox of many mails.
pub(crate) fn pages(runtime: &tokio::runtime::Runtime) {
    let state = tempfile::tempdir().expect("a directory for the state");
    let server = Server::start("gateway", state.path());
    let smtp = server.smtp.expect("the gateway takes SMTP");
    let far = Instant::now() + Duration::from_secs(600);
    runtime.block_on(send(smtp, 16, far, Some(MAILS / 16)));
    for (what, query) in [
        ("newest page of 50", "limit=50"),
        ("page of 50 in the depth", "limit=50&after=200"),
        ("first search, which fills the index", "limit=50&to=b42%40example"),
        ("search for one recipient of a thousand", "limit=50&to=b42%40example"),
        ("search that finds nothing", "limit=50&subject=nowhere"),
    ] {
        let looks = if what.starts_with("first") { 1 } else { LOOKS };
        let mut times: Vec<Duration> =
            (0..looks).map(|_| runtime.block_on(get(server.address, query))).collect();
        times.sort_unstable();
        let middle = times[looks / 2].as_secs_f64() * 1000.0;
        println!("inbox of {MAILS} mails, {what}: {middle:.2} ms");
    }
}

async fn get(address: SocketAddr, query: &str) -> Duration {
    let request = format!(
        "GET /_devenv/mail?{query} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
    );
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    begun.elapsed()
}

/// Sends until `end`, or so many mails on each connection.
async fn send(address: SocketAddr, connections: u32, end: Instant, count: Option<u64>) -> Measured {
    let begun = Instant::now();
    let tasks: Vec<_> =
        (0..connections).map(|n| tokio::spawn(connection(address, n, end, count))).collect();
    let mut all = Measured::default();
    for task in tasks {
        all.add(task.await.expect("a connection's task").expect("a dialogue"));
    }
    all.seconds = begun.elapsed().as_secs_f64();
    all.latencies.sort_unstable();
    all
}

async fn connection(
    address: SocketAddr,
    number: u32,
    end: Instant,
    count: Option<u64>,
) -> std::io::Result<Measured> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    reply(&mut stream).await?;
    stream.write_all(b"EHLO bench\r\n").await?;
    reply(&mut stream).await?;
    let mut measured = Measured::default();
    let mut sent = 0;
    while Instant::now() < end && count.is_none_or(|count| sent < count) {
        let to = (sent * 16 + u64::from(number)) % 1000;
        sent += 1;
        let begun = Instant::now();
        let envelope =
            format!("MAIL FROM:<a@example.com>\r\nRCPT TO:<b{to}@example.com>\r\nDATA\r\n");
        stream.write_all(envelope.as_bytes()).await?;
        for _ in 0..3 {
            reply(&mut stream).await?;
        }
        let mail = format!(
            "From: a@example.com\r\nTo: b{to}@example.com\r\nSubject: Number {sent}\r\n\r\n{}\r\n.\r\n",
            "A line of text as mails have them, and another one.\r\n".repeat(20)
        );
        stream.write_all(mail.as_bytes()).await?;
        match reply(&mut stream).await?.as_str() {
            line if line.starts_with("250 ") => measured.latencies.push(begun.elapsed()),
            line => {
                measured.failed += 1;
                measured.failure.get_or_insert(line.to_owned());
            }
        }
    }
    Ok(measured)
}

async fn reply(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes().get(3) == Some(&b' ') {
            return Ok(line);
        }
    }
}
