//! The SMTP listener: mail that programs send by SMTP lands where SES's mail lands. `250` after the
//! content leaves only when the mail is committed. What is said is decided in `session`; here are the
//! sockets.

mod session;

use crate::base::Problem;
use crate::services::ses::Ses;
use session::{Session, Step};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// Connections that the kernel keeps for us while we are busy.
const BACKLOG: u32 = 256;
/// Connections at once at the most; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 256;
/// How long a client may be silent (RFC 5321, 4.5.3.2.7).
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a client may take to read a reply.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// What connections get to finish when the listener stops.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);
/// Bytes of one read.
const READ_BYTES: usize = 32 * 1024;

/// A running SMTP listener.
pub struct Smtp {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Smtp {
    /// Binds the port and serves; port 0 takes a free one. Call it on the runtime.
    pub fn start(listen: SocketAddr, ses: Arc<Ses>) -> Result<Smtp, Problem> {
        let taken = |error: std::io::Error| {
            Problem::in_the_way("port-taken", format!("SMTP cannot listen on {listen}: {error}"))
                .hint("stop what listens there, or set `port = \"auto\"` in devenv.toml")
        };
        let listener = bind(listen).map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, ses, stopped));
        Ok(Smtp { address, stop, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting and lets mails under way be committed.
    pub async fn shutdown(self) {
        let _ = self.stop.send(true);
        let _ = self.serving.await;
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn serve(listener: TcpListener, ses: Arc<Ses>, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: wait for some to be given back.
                tracing::warn!(%error, "smtp: accept failed");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let (ses, stop) = (ses.clone(), stop.clone());
        connections.spawn(async move {
            if let Err(error) = talk(stream, &ses, stop).await {
                tracing::debug!(%error, "smtp: a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(DRAIN_TIMEOUT, all).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// One connection from greeting to end.
async fn talk(
    mut stream: TcpStream,
    ses: &Ses,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut session = Session::new();
    say(&mut stream, session::GREETING.as_bytes()).await?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = tokio::select! {
            read = timeout(IDLE_TIMEOUT, stream.read(&mut buffer)) => Some(read),
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let count = match read {
            Some(Ok(count)) => count?,
            None => return say(&mut stream, session::STOPPING.as_bytes()).await,
            Some(Err(_)) => return say(&mut stream, session::TOO_SLOW.as_bytes()).await,
        };
        if count == 0 {
            return Ok(());
        }
        let mut rest = &buffer[..count];
        let mut replies = Vec::new();
        let mut over = false;
        // What arrived in one piece is answered in one piece: that is what PIPELINING promises.
        while !over {
            match session.advance(&mut rest) {
                Step::NeedsMore => break,
                Step::Reply(text) => replies.extend_from_slice(text.as_bytes()),
                Step::Close(text) => {
                    replies.extend_from_slice(text.as_bytes());
                    over = true;
                }
                Step::Deliver(mail) => {
                    let accepted =
                        ses.accept_smtp(&mail.caller, &mail.source, mail.recipients, mail.content);
                    let reply = session.delivered(accepted.await);
                    replies.extend_from_slice(reply.as_bytes());
                }
            }
        }
        if !replies.is_empty() {
            say(&mut stream, &replies).await?;
        }
        if over {
            return stream.shutdown().await;
        }
    }
}

async fn say(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<()> {
    timeout(WRITE_TIMEOUT, stream.write_all(text)).await.map_err(std::io::Error::other)?
}
