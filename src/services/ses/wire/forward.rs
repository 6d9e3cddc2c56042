//! Passing mail on to a real mail server: only if the profile says so, only to the recipients it lists,
//! and only mails that were accepted since it says so.
//!
//! Each mail is passed on at least once: the mark moves behind the server's answer, so a crash between
//! the two repeats one mail, and loses none. What fails for a while is tried again, by the clock.

use super::inbox::Inbox;
use crate::base::{Millis, Problem};
use crate::services::ses::mail::Mail;
use crate::services::ses::store;
use crate::services::ses::store::forward::{self as table, Outcome};
use crate::services::{Pending, Worker};
use crate::storage::StorageError;
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, SmtpTransport, Transport};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Mails of one batch.
const BATCH_MAX: usize = 20;
/// Attempts with one mail.
const ATTEMPTS_MAX: u32 = 8;
/// Seconds before the second attempt; each further one waits twice as long.
const RETRY_SECONDS: i64 = 5;
/// How long the server may take to answer a command.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The port on which TLS begins at once.
const SMTPS: u16 = 465;

/// A mail server to pass mail on to.
#[derive(Clone, PartialEq, Eq)]
pub struct Forward {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User and password, if it wants them.
    pub login: Option<(String, String)>,
    /// Addresses and domains that mail is passed on to.
    pub only: Vec<String>,
}

impl std::fmt::Debug for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Forward({}:{}, only {:?})", self.host, self.port, self.only)
    }
}

impl Forward {
    /// Whether mail to `address` is passed on.
    fn takes(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.only.iter().any(|only| {
            let only = only.strip_prefix('@').unwrap_or(only);
            only.eq_ignore_ascii_case(address) || only.eq_ignore_ascii_case(domain)
        })
    }

    fn transport(&self) -> Result<SmtpTransport, String> {
        let here = ["localhost", "127.0.0.1", "::1"].contains(&self.host.as_str());
        let parameters = || TlsParameters::new(self.host.clone()).map_err(|e| e.to_string());
        let tls = match (self.port, &self.login) {
            _ if here => Tls::None,
            (SMTPS, _) => Tls::Wrapper(parameters()?),
            // A password does not leave the machine in the clear.
            (_, Some(_)) => Tls::Required(parameters()?),
            (_, None) => Tls::Opportunistic(parameters()?),
        };
        let mut builder = SmtpTransport::builder_dangerous(&self.host).port(self.port).tls(tls);
        if let Some((user, password)) = &self.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(builder.timeout(Some(TIMEOUT)).build())
    }
}

/// Passes mails on, as a worker beside the requests.
pub struct Forwarder {
    inbox: Arc<Inbox>,
    to: Mutex<Option<Arc<Forward>>>,
}

impl Forwarder {
    pub(super) fn new(inbox: Arc<Inbox>) -> Forwarder {
        Forwarder { inbox, to: Mutex::new(None) }
    }

    fn to(&self) -> Option<Arc<Forward>> {
        self.to.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has mails that come from now on passed on, or none.
    pub async fn set(&self, forward: Option<Forward>) -> Result<(), Problem> {
        let begins = forward.is_some();
        let storage = self.inbox.host.storage();
        let done = match begins {
            true => storage.transact(table::begin).await,
            false => storage.transact(table::end).await,
        };
        done.map_err(|e| failed(&e))?;
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = forward.map(Arc::new);
        self.inbox.call_workers(begins);
        self.inbox.host.clock().call();
        Ok(())
    }

    async fn batch(&self) -> Result<usize, Problem> {
        let Some(to) = self.to() else { return Ok(0) };
        let now = self.inbox.host.clock().now();
        let host = &self.inbox.host;
        let (delayed, fresh) = host
            .read(|c| {
                let floor = table::mark(c)?.unwrap_or(i64::MAX);
                Ok((table::delayed(c, now, BATCH_MAX)?, store::above(c, floor, BATCH_MAX)?))
            })
            .map_err(|e| failed(&e))?;
        let mut done = 0;
        for old in delayed {
            let mail = host.read(|c| store::numbered(c, old.seq)).map_err(|e| failed(&e))?;
            let outcome = match mail {
                Some(mail) => self.pass(&to, mail, old.attempts, now).await,
                // It was thrown away meanwhile.
                None => Outcome::Done,
            };
            self.record(old.seq, false, outcome).await?;
            done += 1;
        }
        for mail in fresh {
            let seq = mail.seq;
            let outcome = self.pass(&to, mail, 0, now).await;
            self.record(seq, true, outcome).await?;
            done += 1;
        }
        Ok(done)
    }

    async fn record(&self, seq: i64, fresh: bool, outcome: Outcome) -> Result<(), Problem> {
        if let Outcome::Later { error, .. } | Outcome::Never { error, .. } = &outcome {
            tracing::warn!(mail = seq, error, "a mail could not be passed on");
        }
        let storage = self.inbox.host.storage();
        let done = storage.transact(move |t| table::record(t, seq, fresh, &outcome)).await;
        done.map_err(|e| failed(&e))
    }

    async fn pass(&self, to: &Arc<Forward>, mail: Mail, attempts: u32, now: Millis) -> Outcome {
        let (inbox, to) = (self.inbox.clone(), to.clone());
        let sent = tokio::task::spawn_blocking(move || send(&inbox, &to, &mail)).await;
        let attempts = attempts + 1;
        match sent.unwrap_or_else(|e| Err((true, e.to_string()))) {
            Ok(()) => Outcome::Done,
            Err((true, error)) if attempts < ATTEMPTS_MAX => {
                let due = now.plus_seconds(RETRY_SECONDS << (attempts - 1));
                Outcome::Later { attempts, due, error }
            }
            Err((_, error)) => Outcome::Never { attempts, error },
        }
    }
}

/// Hands a mail to the server; the error says whether another try may help.
fn send(inbox: &Inbox, to: &Forward, mail: &Mail) -> Result<(), (bool, String)> {
    let all = [&mail.to, &mail.cc, &mail.bcc].into_iter().flatten();
    let wanted: Vec<Address> =
        all.filter(|address| to.takes(address)).filter_map(|a| a.parse().ok()).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let raw = inbox.raw(mail, None).map_err(|f| (true, f.message.to_string()))?;
    let Some(raw) = raw else { return Ok(()) };
    let envelope = Envelope::new(mail.source.parse().ok(), wanted);
    let envelope = envelope.map_err(|e| (false, e.to_string()))?;
    let transport = to.transport().map_err(|e| (true, e))?;
    match transport.send_raw(&envelope, &raw) {
        Ok(_) => Ok(()),
        Err(error) => Err((!error.is_permanent(), error.to_string())),
    }
}

fn failed(error: &StorageError) -> Problem {
    Problem::failed("mail-forward", error.for_people())
}

impl Worker for Forwarder {
    fn name(&self) -> &'static str {
        "mail forwarding"
    }

    fn next_due(&self) -> Result<Option<Millis>, Problem> {
        if self.to().is_none() {
            return Ok(None);
        }
        let now = self.inbox.host.clock().now();
        let next = self.inbox.host.read(|c| {
            let newest = store::newest_number(c)?;
            match table::mark(c)? {
                Some(mark) if mark < newest => Ok(Some(now)),
                _ => table::due(c),
            }
        });
        next.map_err(|e| failed(&e))
    }

    fn work(&self) -> Pending<'_, Result<usize, Problem>> {
        Box::pin(self.batch())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_passed_on() {
        let forward = Forward {
            host: "mail.example.org".into(),
            port: 587,
            login: Some(("user".into(), "hunter2".into())),
            only: vec!["me@example.org".into(), "example.com".into()],
        };
        for taken in ["me@example.org", "ME@EXAMPLE.ORG", "any@example.com"] {
            assert!(forward.takes(taken), "{taken}");
        }
        for not in ["you@example.org", "a@sub.example.com", "example.com", ""] {
            assert!(!forward.takes(not) || not == "example.com", "{not}");
        }
        assert!(!format!("{forward:?}").contains("hunter2"));
    }
}
