//! The engine behind `ssh://[user@]host[:port][/socket]`, reached as Docker's own client reaches it: every
//! connection is the user's own `ssh`, with the user's configuration, agent and known hosts, and runs
//! `docker system dial-stdio` there (<https://docs.docker.com/engine/security/protect-access/>).
//!
//! bollard has such a way too, but one that takes no port. Nobody can be asked for a password.

use super::{API_DEFAULT_VERSION, Docker};
use bollard::BollardRequest;
use bollard::errors::Error;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::future::{Future, Ready, ready};
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use url::Url;

/// How long a connection is kept for the next request: each costs a login.
const IDLE: Duration = Duration::from_secs(30);
/// Idle connections kept.
const IDLE_MAX: usize = 4;
/// Seconds in which the host must answer.
const CONNECT_WAIT_S: u32 = 10;
/// Bytes of what `ssh` says that are kept.
const WORDS_MAX: u64 = 4096;

/// Dials on the first request.
pub(super) fn connect(url: &str, wait_s: u64) -> Result<Docker, Error> {
    let (place, address) = Place::read(url).map_err(io::Error::other)?;
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_max_idle_per_host(IDLE_MAX).pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
    let client = builder.build(Connector(Arc::new(place)));
    let send = move |request: BollardRequest| {
        let sent = client.request(request);
        async move { sent.await.map_err(Error::from) }
    };
    Docker::connect_with_custom_transport(send, Some(address), wait_s, API_DEFAULT_VERSION)
}

/// Where the engine is.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    user: Option<String>,
    host: String,
    port: Option<u16>,
    /// Another socket than the usual one.
    socket: Option<String>,
}

impl Place {
    /// Reads it; what stands before the path of requests is the second.
    fn read(url: &str) -> Result<(Place, String), String> {
        let parsed = Url::parse(url).map_err(|e| format!("{url}: {e}"))?;
        if parsed.password().is_some() {
            return Err("a password in the address of an engine is not used: use a key".to_owned());
        }
        let host = parsed.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| format!("{url} names no host"))?;
        let socket = Some(parsed.path()).filter(|path| !matches!(*path, "" | "/"));
        // A shell reads it there.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        if socket.is_some_and(|path| !path.chars().all(is_plain)) {
            return Err(format!("the socket's path in {url} has characters that no socket's has"));
        }
        let user = Some(parsed.username()).filter(|user| !user.is_empty());
        let address = match parsed.port() {
            Some(port) => format!("ssh://{host}:{port}"),
            None => format!("ssh://{host}"),
        };
        let place = Place {
            user: user.map(str::to_owned),
            host: host.trim_matches(['[', ']']).to_owned(),
            port: parsed.port(),
            socket: socket.map(str::to_owned),
        };
        Ok((place, address))
    }

    fn arguments(&self) -> Vec<String> {
        let wait = format!("ConnectTimeout={CONNECT_WAIT_S}");
        let mut all: Vec<String> = ["-T", "-o", "BatchMode=yes", "-o"].map(String::from).into();
        all.push(wait);
        if let Some(user) = &self.user {
            all.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.port {
            all.extend(["-p".to_owned(), port.to_string()]);
        }
        all.extend(["--".to_owned(), self.host.clone(), "docker".to_owned()]);
        if let Some(socket) = &self.socket {
            all.extend(["--host".to_owned(), format!("unix://{socket}")]);
        }
        all.extend(["system", "dial-stdio"].map(String::from));
        all
    }

    fn dial(&self) -> io::Result<Stream> {
        let mut command = Command::new("ssh");
        command.args(self.arguments()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|e| io::Error::new(e.kind(), format!("ssh cannot be started: {e}")))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stderr = child.stderr.take();
        let (Some(output), Some(stderr)) = (stdout, stderr) else {
            return Err(io::Error::other("ssh was started without pipes"));
        };
        let words = tokio::spawn(async move {
            let (mut words, mut stderr) = (Vec::new(), stderr);
            let _ = (&mut stderr).take(WORDS_MAX).read_to_end(&mut words).await;
            // What is said beyond that must not fill the pipe.
            let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
            String::from_utf8_lossy(&words).trim().to_owned()
        });
        Ok(Stream { _child: child, input: stdin, output, words: Some(words) })
    }
}

#[derive(Clone)]
struct Connector(Arc<Place>);

impl tower::Service<http::Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Stream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        ready(self.0.dial().map(TokioIo::new))
    }
}

/// The pipes of an `ssh`, which ends with them.
struct Stream {
    _child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    /// What it says, until the engine says something.
    words: Option<JoinHandle<String>>,
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.output).poll_read(context, into);
        if !matches!(read, Poll::Ready(Ok(()))) {
            return read;
        }
        if into.filled().len() > before {
            self.words = None;
            return read;
        }
        // It ended before the engine answered: `ssh` has said why.
        let Some(words) = &mut self.words else { return read };
        Pin::new(words).poll(context).map(|words| match words {
            Ok(words) if !words.is_empty() => Err(io::Error::other(words)),
            _ => Ok(()),
        })
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Only a pipe that is dropped is closed.
        self.input = None;
        Poll::Ready(Ok(()))
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(url: &str) -> String {
        let (place, address) = Place::read(url).unwrap();
        format!("{address} {}", place.arguments()[5..].join(" "))
    }

    #[test]
    fn addresses_are_read_as_dockers_client_reads_them() {
        for (url, expected) in [
            ("ssh://box", "ssh://box -- box docker system dial-stdio"),
            ("ssh://me@box:2222", "ssh://box:2222 -l me -p 2222 -- box docker system dial-stdio"),
            ("ssh://me@[::1]:22/", "ssh://[::1]:22 -l me -p 22 -- ::1 docker system dial-stdio"),
            (
                "ssh://box/run/user/1000/docker.sock",
                "ssh://box -- box docker --host unix:///run/user/1000/docker.sock system dial-stdio",
            ),
        ] {
            assert_eq!(arguments(url), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (url, why) in [
            ("ssh://me:secret@box", "use a key"),
            ("ssh:///run/docker.sock", "host"),
            ("ssh://box/run/a%20b", "characters"),
            ("ssh://box/run/;reboot", "characters"),
        ] {
            let refused = Place::read(url).unwrap_err();
            assert!(refused.contains(why) && !refused.contains("secret"), "{url}: {refused}");
        }
    }
}
