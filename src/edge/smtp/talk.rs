//! One SMTP connection from greeting to end, in the clear and within TLS. Big mails go to their file
//! as they arrive.
//!
//! Bounds: a read, a silence, a reply that is not read, and the whole time for one mail each have one.

use super::login::Logins;
use super::session::{self, Envelope, Session, Step, Tls};
use crate::protocol::Failure;
use crate::services::ses::events::Arrival;
use crate::services::ses::{Arriving, Ses};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

/// Bytes of one read.
const READ_BYTES: usize = 16 * 1024;
/// How long a client may take to read a reply.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a client may take to agree on keys.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many silences long one mail may be under way, from the reply before it to its end: whoever sends
/// a byte now and then is no mail program.
const SILENCES_MAX: u32 = 4;
/// Bytes of a header at the most: so much is held in memory.
const HEADER_BYTES_MAX: usize = 1024 * 1024;

/// What connections share.
pub(super) struct Listener {
    pub(super) ses: Arc<Ses>,
    pub(super) logins: Logins,
    pub(super) acceptor: TlsAcceptor,
    pub(super) idle: Duration,
    /// Where the gateway is: mails' links lead there.
    pub(super) endpoint: String,
}

/// How a talk ended.
enum Ending {
    Over,
    StartTls,
}

impl Listener {
    /// Serves one connection, which may begin with TLS.
    pub(super) async fn talk(
        &self,
        mut stream: TcpStream,
        begins: Tls,
        mut stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?.ip();
        let session = |tls| Session::new(self.logins.clone(), tls);
        if begins == Tls::Offered {
            say(&mut stream, session::GREETING.as_bytes()).await?;
            let talk = self.converse(&mut stream, session(Tls::Offered), peer, &mut stop);
            if let Ending::Over = talk.await? {
                return Ok(());
            }
        }
        // What was said in the clear counts no more (RFC 3207, 4.2), nor what came behind STARTTLS.
        let handshake = timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream));
        let handshake = tokio::select! {
            handshake = handshake => handshake,
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        let mut stream = handshake.map_err(io::Error::other)??;
        if begins == Tls::On {
            say(&mut stream, session::GREETING.as_bytes()).await?;
        }
        self.converse(&mut stream, session(Tls::On), peer, &mut stop).await.map(drop)
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        mut session: Session,
        peer: IpAddr,
        stop: &mut watch::Receiver<bool>,
    ) -> io::Result<Ending> {
        let mut buffer = vec![0; READ_BYTES];
        let mut arriving = None;
        let mut deadline = Instant::now() + self.idle * SILENCES_MAX;
        loop {
            let patience = self.idle.min(deadline.saturating_duration_since(Instant::now()));
            let read = tokio::select! {
                read = timeout(patience, stream.read(&mut buffer)) => Some(read),
                _ = stop.wait_for(|stop| *stop) => None,
            };
            let count = match read {
                Some(Ok(count)) => count?,
                None => return end(stream, session::STOPPING.as_bytes()).await,
                Some(Err(_)) => return end(stream, session::TOO_SLOW.as_bytes()).await,
            };
            if count == 0 {
                return Ok(Ending::Over);
            }
            let mut rest = &buffer[..count];
            let mut replies = Vec::new();
            // What arrived in one piece is answered in one piece: that is what PIPELINING promises.
            loop {
                match session.advance(&mut rest) {
                    Step::NeedsMore => break,
                    Step::Reply(text) => replies.extend_from_slice(text.as_bytes()),
                    Step::Close(text) => {
                        replies.extend_from_slice(text.as_bytes());
                        return end(stream, &replies).await;
                    }
                    Step::StartTls(text) => {
                        replies.extend_from_slice(text.as_bytes());
                        say(stream, &replies).await?;
                        return Ok(Ending::StartTls);
                    }
                    Step::Drop(text) => {
                        arriving = None;
                        replies.extend_from_slice(text.as_bytes());
                    }
                    Step::Deliver(mail) => {
                        let accepted = self.deliver(mail, peer, arriving.take()).await;
                        replies.extend_from_slice(session.delivered(accepted).as_bytes());
                    }
                }
            }
            self.hand_over(&mut session, &mut arriving);
            if !replies.is_empty() {
                say(stream, &replies).await?;
                deadline = Instant::now() + self.idle * SILENCES_MAX;
            }
        }
    }

    /// Writes what the session should not hold to the mail's file.
    fn hand_over(&self, session: &mut Session, arriving: &mut Option<Arriving>) {
        let Some(held) = session.surplus() else { return };
        let taken = match arriving {
            Some(file) => file.write(held),
            None => self.ses.begin(held).map(|begun| *arriving = begun),
        };
        match taken {
            Ok(()) if arriving.is_some() => {
                let count = held.len();
                held.clear();
                session.took(count);
            }
            Ok(()) if held.len() > HEADER_BYTES_MAX => {
                session.refuse("554 Transaction failed: Header too long.\r\n");
            }
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(error = %error.message, "smtp: a mail cannot be written");
                *arriving = None;
                session.refuse("451 Temporary Service Failure: devenv cannot write the mail\r\n");
            }
        }
    }

    async fn deliver(
        &self,
        mail: Envelope,
        peer: IpAddr,
        arriving: Option<Arriving>,
    ) -> Result<String, Failure> {
        let Envelope { mut caller, login, tls, source, recipients, content } = mail;
        caller.endpoint.clone_from(&self.endpoint);
        let arrival = Arrival { peer, tls, login };
        self.ses.accept_smtp(&caller, arrival, &source, recipients, content, arriving).await
    }
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, text: &[u8]) -> io::Result<()> {
    let said = async {
        stream.write_all(text).await?;
        stream.flush().await
    };
    timeout(WRITE_TIMEOUT, said).await.map_err(io::Error::other)?
}

async fn end<S: AsyncWrite + Unpin>(stream: &mut S, text: &[u8]) -> io::Result<Ending> {
    say(stream, text).await?;
    timeout(WRITE_TIMEOUT, stream.shutdown()).await.map_err(io::Error::other)??;
    Ok(Ending::Over)
}
