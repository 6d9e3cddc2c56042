//! Readiness by the service's own protocol: a port that accepts is not yet a service that answers.
//!
//! Source: PostgreSQL's frontend/backend protocol 3.0, "Message Formats" (StartupMessage,
//! ErrorResponse); the Redis serialization protocol (inline commands).

use crate::runtime::launch::Probe;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for one answer; the supervisor asks again.
const ANSWER_WAIT_MS: u64 = 1_000;
/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 4_096;
/// PostgreSQL protocol version 3.0.
const POSTGRES_PROTOCOL: i32 = 196_608;

impl Probe {
    /// Asks once. `Err` is the service's own answer (or the connection's failure), for people.
    pub async fn check(&self) -> Result<(), String> {
        let ask = async {
            match self {
                Probe::Postgres { host, port, user, database, pid_file } => {
                    if pid_file.as_deref().is_some_and(is_starting) {
                        return Err("Postgres is starting".into());
                    }
                    postgres(connect(host, *port).await?, user, database).await
                }
                Probe::Redis { host, port } => redis(connect(host, *port).await?).await,
                Probe::Tcp { host, port } => connect(host, *port).await.map(drop),
                Probe::Http { host, port, path } => {
                    http(connect(host, *port).await?, host, path).await
                }
            }
        };
        match tokio::time::timeout(Duration::from_millis(ANSWER_WAIT_MS), ask).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer from {} within {ANSWER_WAIT_MS} ms", self.address())),
        }
    }

    fn address(&self) -> String {
        match self {
            Probe::Postgres { host, port, .. }
            | Probe::Redis { host, port }
            | Probe::Tcp { host, port }
            | Probe::Http { host, port, .. } => format!("{host}:{port}"),
        }
    }
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| format!("{host}:{port}: {}", plain(&error)))?;
    stream.set_nodelay(true).map_err(|error| plain(&error))?;
    Ok(stream)
}

/// An I/O error without Rust's "(os error N)".
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Whether a Postgres that runs says in its lock file that it does not answer yet
/// (`LOCK_FILE_LINE_PM_STATUS`; `pg_ctl` reads the same line). Whoever left such a file and is gone keeps
/// nobody from asking: one that starts writes its own first of all.
fn is_starting(pid_file: &Path) -> bool {
    let text = std::fs::read_to_string(pid_file).unwrap_or_default();
    text.lines().nth(7).is_some_and(|status| status.trim() == "starting")
}

async fn postgres(mut stream: TcpStream, user: &str, database: &str) -> Result<(), String> {
    let mut body = Vec::with_capacity(64);
    body.extend_from_slice(&POSTGRES_PROTOCOL.to_be_bytes());
    for text in ["user", user, "database", database] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    let mut packet = ((body.len() + 4) as i32).to_be_bytes().to_vec();
    packet.append(&mut body);
    stream.write_all(&packet).await.map_err(|error| plain(&error))?;
    let answer = read_some(&mut stream).await?;
    match answer.first() {
        Some(b'R') => Ok(()),
        Some(b'E') => Err(postgres_error(&answer)),
        Some(_) => Err("the port answers, but not as Postgres does".into()),
        None => Err("Postgres closed the connection without an answer".into()),
    }
}

/// The severity and text of an ErrorResponse: fields of a type byte and a zero-terminated text.
fn postgres_error(answer: &[u8]) -> String {
    let fields = answer.get(5..).unwrap_or_default();
    let field = |kind: u8| {
        fields
            .split(|byte| *byte == 0)
            .find(|field| field.first() == Some(&kind))
            .map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
    };
    match (field(b'S'), field(b'M')) {
        (Some(severity), Some(message)) => format!("{severity}: {message}"),
        (_, Some(message)) => message,
        _ => "Postgres refuses the session".into(),
    }
}

async fn redis(mut stream: TcpStream) -> Result<(), String> {
    stream.write_all(b"PING\r\n").await.map_err(|error| plain(&error))?;
    let answer = read_some(&mut stream).await?;
    let text = String::from_utf8_lossy(&answer);
    match text.trim_end() {
        "+PONG" => Ok(()),
        "" => Err("Redis closed the connection without an answer".into()),
        other => Err(other.trim_start_matches('-').to_owned()),
    }
}

async fn http(mut stream: TcpStream, host: &str, path: &str) -> Result<(), String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| plain(&error))?;
    let answer = read_some(&mut stream).await?;
    let text = String::from_utf8_lossy(&answer);
    let line = text.lines().next().unwrap_or_default();
    match line.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()) {
        Some(status) if status < 400 => Ok(()),
        Some(_) => Err(format!("GET {path} answered {line}")),
        None => Err("the port answers, but not in HTTP".into()),
    }
}

async fn read_some(stream: &mut TcpStream) -> Result<Vec<u8>, String> {
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    let count = stream.read(&mut buffer).await.map_err(|error| plain(&error))?;
    buffer.truncate(count);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A server that answers every connection with `answer`.
    async fn server(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("free port");
        let port = listener.local_addr().expect("address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut question = [0; 512];
                let _ = stream.read(&mut question).await;
                let _ = stream.write_all(answer).await;
            }
        });
        port
    }

    fn postgres_at(port: u16) -> Probe {
        let text = "postgres".to_owned();
        Probe::Postgres {
            host: "127.0.0.1".into(),
            port,
            user: text.clone(),
            database: text,
            pid_file: None,
        }
    }

    #[tokio::test]
    async fn postgres_is_ready_when_it_asks_for_authentication() {
        let port = server(b"R\0\0\0\x08\0\0\0\0").await;
        assert_eq!(postgres_at(port).check().await, Ok(()));
    }

    #[tokio::test]
    async fn postgres_own_words_are_passed_on_while_it_starts() {
        let port =
            server(b"E\0\0\0\x30SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0")
                .await;
        let answer = postgres_at(port).check().await;
        assert_eq!(answer, Err("FATAL: the database system is starting up".into()));
    }

    #[tokio::test]
    async fn postgres_is_not_spoken_to_while_it_says_that_it_starts() {
        let port = server(b"R\0\0\0\x08\0\0\0\0").await;
        let dir = tempfile::tempdir().expect("a directory");
        let pid_file = dir.path().join("postmaster.pid");
        let mut probe = postgres_at(port);
        let Probe::Postgres { pid_file: asked, .. } = &mut probe else { unreachable!() };
        *asked = Some(pid_file.clone());
        let says = |status: &str| {
            let lines = format!("1\n/data\n1\n5432\n/tmp\n127.0.0.1\n  1 2\n{status}\n");
            std::fs::write(&pid_file, lines).expect("written");
        };
        assert_eq!(probe.check().await, Ok(()), "no file");
        says("starting");
        assert_eq!(probe.check().await, Err("Postgres is starting".into()));
        says("ready   ");
        assert_eq!(probe.check().await, Ok(()));
    }

    #[tokio::test]
    async fn another_server_on_the_port_is_told_apart() {
        let port = server(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let answer = postgres_at(port).check().await;
        assert_eq!(answer, Err("the port answers, but not as Postgres does".into()));
        let http = Probe::Http { host: "127.0.0.1".into(), port, path: "/".into() };
        assert_eq!(http.check().await, Ok(()));
    }

    #[tokio::test]
    async fn redis_says_why_it_is_not_ready() {
        let port = server(b"-LOADING Redis is loading the dataset in memory\r\n").await;
        let probe = Probe::Redis { host: "127.0.0.1".into(), port };
        assert_eq!(
            probe.check().await,
            Err("LOADING Redis is loading the dataset in memory".into())
        );
    }

    #[tokio::test]
    async fn a_closed_port_is_refused_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("free port");
        let port = listener.local_addr().expect("address").port();
        drop(listener);
        let probe = Probe::Tcp { host: "127.0.0.1".into(), port };
        assert_eq!(probe.check().await, Err(format!("127.0.0.1:{port}: connection refused")));
    }
}
