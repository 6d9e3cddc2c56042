//! The SMTP listener: mail that programs send by SMTP lands where SES's mail lands. `250` after the
//! content leaves only when the mail is committed. What is said is decided in `session`; here are the
//! sockets, and `talk` carries one connection.

mod content;
pub mod fuzz;
mod login;
mod session;
mod talk;
mod tls;

use super::Auth;
use crate::base::Problem;
use crate::services::Services;
use login::Logins;
use session::Tls;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use talk::Listener;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// Connections that the kernel keeps for us while we are busy.
const BACKLOG: u32 = 256;
/// Connections at once at the most; one more is told so and closed.
const CONNECTIONS_MAX: usize = 1024;
/// How long a client may be silent (RFC 5321, 4.5.3.2.7).
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// What connections get to finish when the listener stops.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);
/// What a client too many gets to hear why.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// What a listener needs.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where it listens for clients that begin with TLS, as on port 465.
    pub listen_tls: Option<SocketAddr>,
    /// Where the gateway is, as links in mails name it.
    pub endpoint: String,
    /// Whether mail needs a login with an SMTP password of SES.
    pub auth: Auth,
    /// The directory in which the certificate for STARTTLS is kept.
    pub state_dir: PathBuf,
    /// How long a client may be silent.
    pub idle: Duration,
}

impl SmtpConfig {
    /// A listener at `listen` that believes everybody.
    pub fn new(listen: SocketAddr, state_dir: PathBuf) -> Self {
        SmtpConfig {
            listen,
            listen_tls: None,
            endpoint: String::new(),
            auth: Auth::default(),
            state_dir,
            idle: IDLE_TIMEOUT,
        }
    }
}

/// A running SMTP listener.
pub struct Smtp {
    address: SocketAddr,
    address_tls: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Smtp {
    /// Binds the port, or both, and serves. Call it on the runtime.
    pub fn start(config: SmtpConfig, services: &Services) -> Result<Smtp, Problem> {
        let (socket, address) = bound(config.listen)?;
        let wrapped = config.listen_tls.map(bound).transpose()?;
        let logins = Logins::new(config.auth, services.sts.credentials());
        let acceptor = tls::acceptor(&config.state_dir)?;
        let (ses, idle, endpoint) = (services.ses.clone(), config.idle, config.endpoint);
        let listener = Arc::new(Listener { ses, logins, acceptor, idle, endpoint });
        let (stop, stopped) = watch::channel(false);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let address_tls = wrapped.as_ref().map(|(_, address)| *address);
        let mut doors = vec![(socket, Tls::Offered)];
        doors.extend(wrapped.map(|(socket, _)| (socket, Tls::On)));
        let doors = doors.into_iter().map(|(socket, begins)| {
            serve(socket, begins, listener.clone(), places.clone(), stopped.clone())
        });
        let doors: Vec<_> = doors.collect();
        let serving = tokio::spawn(async move {
            futures_util::future::join_all(doors).await;
        });
        Ok(Smtp { address, address_tls, stop, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for clients that begin with TLS.
    pub fn address_tls(&self) -> Option<SocketAddr> {
        self.address_tls
    }

    /// Stops accepting and lets mails under way be committed.
    pub async fn shutdown(self) {
        let _ = self.stop.send(true);
        let _ = self.serving.await;
    }
}

/// A listening socket and its address, or why there is none.
fn bound(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), Problem> {
    let taken = |error: std::io::Error| {
        Problem::in_the_way("port-taken", format!("SMTP cannot listen on {listen}: {error}"))
            .hint("stop what listens there, or set `port = \"auto\"` in devenv.toml")
    };
    let socket = bind(listen).map_err(taken)?;
    let address = socket.local_addr().map_err(taken)?;
    Ok((socket, address))
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn serve(
    socket: TcpListener,
    begins: Tls,
    listener: Arc<Listener>,
    places: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, mostly: wait for some to be given back.
                tracing::warn!(%error, "smtp: accept failed");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            turn_away(stream, begins);
            continue;
        };
        let (listener, stop) = (listener.clone(), stop.clone());
        connections.spawn(async move {
            if let Err(error) = listener.talk(stream, begins, stop).await {
                tracing::debug!(%error, "smtp: a connection ended early");
            }
            drop(place);
        });
    }
    drop(socket);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(DRAIN_TIMEOUT, all).await;
}

/// Says why there is no place, if that can be said at once.
fn turn_away(stream: TcpStream, begins: Tls) {
    if begins == Tls::On {
        return;
    }
    // A fresh socket's buffer has room for a line; where it has not, the client sees the end alone.
    let _ = stream.try_write(session::TOO_MANY.as_bytes());
    tokio::spawn(async move {
        // Closing with unread bytes would take the line back from the client.
        let _ = timeout(FAREWELL_TIMEOUT, stream.readable()).await;
    });
}
