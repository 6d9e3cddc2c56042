//! Services that devenv does not serve, answered by another emulator, or by AWS where the profile says so.
//! Requests go there as they came, or signed anew by the upstream's key.

use super::dispatch::with_body;
use crate::base::{Caller, Millis, Problem};
use crate::profile::Upstream as Declared;
use crate::protocol::{Answer, Failure, sigv4};
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Request, Uri};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Longest wait for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(300);
/// Longest wait for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// Bytes of an answer at the most.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Requests under way at once; more wait.
const AT_ONCE_MAX: usize = 64;

/// Headers that belong to one connection, or to what is written anew.
const HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "expect",
    "accept-encoding",
];

/// Who answers for what devenv does not serve, by signing name.
pub(super) struct Upstreams {
    by_service: HashMap<String, Arc<Upstream>>,
    places: Arc<Semaphore>,
}

struct Upstream {
    url: String,
    /// Access key id and secret.
    key: Option<(String, String)>,
    client: Client,
}

/// What speaks with an upstream.
struct Client {
    /// The file of certificates that vouch for it, instead of the machine's. An emulator may make another one
    /// with each start, so it is read again when it has changed.
    ca: Option<PathBuf>,
    made: Mutex<Option<(Stamp, ureq::Agent)>>,
}

/// By which a file that changed is known: when it was written, and its length.
type Stamp = Option<(SystemTime, u64)>;

impl Upstreams {
    /// Those that a profile declares; `project` is where relative paths begin.
    pub(super) fn open(
        declared: &BTreeMap<String, Declared>,
        project: &Path,
    ) -> Result<Upstreams, Problem> {
        let opened = declared.iter().map(|(service, declared)| {
            Ok((service.clone(), Arc::new(Upstream::open(service, declared, project)?)))
        });
        Ok(Upstreams {
            by_service: opened.collect::<Result<_, Problem>>()?,
            places: Arc::new(Semaphore::new(AT_ONCE_MAX)),
        })
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.by_service.is_empty()
    }

    /// Where requests for `service` go.
    pub(super) fn address(&self, service: &str) -> Option<&str> {
        if self.is_empty() {
            return None;
        }
        self.by_service.get(service).map(|upstream| upstream.url.as_str())
    }

    /// Forwards a request for `service`.
    pub(super) async fn forward(
        &self,
        service: &str,
        request: Request<Bytes>,
        caller: &Caller,
    ) -> Result<Answer, Failure> {
        let Some(upstream) = self.by_service.get(service).cloned() else {
            return Err(Failure::no_such_service(service, request.method().as_str()));
        };
        let unreachable = |why: String| {
            let message = format!("devenv: {} does not answer for {service}: {why}", upstream.url);
            Failure::new(502, "UpstreamUnavailable", message)
        };
        let place = self.places.clone().acquire_owned().await;
        let request = upstream.address(service, request, caller).map_err(&unreachable)?;
        let sender = upstream.clone();
        let sent = tokio::task::spawn_blocking(move || {
            let _place = place;
            let mut answer = sender.client.agent()?.run(request).map_err(|e| e.to_string())?;
            let read = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
            Ok::<_, String>((answer.into_parts().0, read.map_err(|e| e.to_string())?))
        });
        let (mut head, body) =
            sent.await.map_err(|e| e.to_string()).flatten().map_err(&unreachable)?;
        HOP.iter().for_each(|name| drop(head.headers.remove(*name)));
        Ok(with_body(head, body))
    }
}

impl Upstream {
    fn open(service: &str, declared: &Declared, project: &Path) -> Result<Upstream, Problem> {
        let wrong =
            |what: String| Problem::in_the_way("upstream", format!("[upstream] {service}: {what}"));
        let key = match (&declared.access_key_id, &declared.secret_access_key_env) {
            (Some(id), Some(variable)) => {
                let secret = std::env::var(variable).map_err(|_| {
                    wrong(format!("the environment variable {variable} is not set"))
                        .hint("set it where `devenv up` is run")
                })?;
                Some((id.clone(), secret))
            }
            _ => None,
        };
        let ca = declared.ca.as_ref().map(|file| project.join(file));
        let client = Client { ca, made: Mutex::default() };
        // One that is not there yet may come with the upstream.
        if client.ca.as_ref().is_none_or(|file| file.exists()) {
            client.agent().map_err(wrong)?;
        }
        Ok(Upstream { url: declared.url.clone(), key, client })
    }

    /// The request as it goes out.
    fn address(
        &self,
        service: &str,
        request: Request<Bytes>,
        caller: &Caller,
    ) -> Result<Request<Vec<u8>>, String> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        parts.uri = format!("{}{path}", self.url).parse::<Uri>().map_err(|e| e.to_string())?;
        parts.extensions.clear();
        HOP.iter().for_each(|name| drop(parts.headers.remove(*name)));
        if let Some((id, secret)) = &self.key {
            let host = parts.uri.authority().map(|a| a.as_str()).unwrap_or_default();
            let host = HeaderValue::from_str(host).map_err(|e| e.to_string())?;
            parts.headers.insert(header::HOST, host);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let scope = (caller.region.as_str(), service);
            let at = Millis(now.as_millis() as i64);
            sigv4::sign(&mut parts, &body, id, secret, scope, at).map_err(|e| e.to_string())?;
        }
        parts
            .headers
            .insert(HeaderName::from_static("x-forwarded-by"), HeaderValue::from_static("devenv"));
        Ok(Request::from_parts(parts, body.to_vec()))
    }
}

impl Client {
    /// The client of now. May read a file.
    fn agent(&self) -> Result<ureq::Agent, String> {
        let unreadable =
            |file: &Path, e: std::io::Error| format!("{} cannot be read: {e}", file.display());
        let stamp = match &self.ca {
            None => None,
            Some(file) => {
                let found = std::fs::metadata(file).and_then(|f| Ok((f.modified()?, f.len())));
                Some(found.map_err(|e| unreadable(file, e))?)
            }
        };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, agent)) = made.as_ref().filter(|(of, _)| *of == stamp) {
            return Ok(agent.clone());
        }
        let roots = match &self.ca {
            None => RootCerts::PlatformVerifier,
            Some(file) => {
                let pem = std::fs::read(file).map_err(|e| unreadable(file, e))?;
                let found = certificates(&pem)
                    .ok_or_else(|| format!("{} holds no certificate (PEM)", file.display()))?;
                RootCerts::Specific(Arc::new(found))
            }
        };
        let agent = agent(roots);
        *made = Some((stamp, agent.clone()));
        Ok(agent)
    }
}

fn agent(roots: RootCerts) -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .accept_encoding("identity")
        .user_agent("")
        .timeout_global(Some(ANSWER_WAIT))
        .timeout_connect(Some(CONNECT_WAIT))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .allow_non_standard_methods(true)
        .build()
        .new_agent()
}

fn certificates(pem: &[u8]) -> Option<Vec<Certificate<'static>>> {
    let found: Vec<_> = parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    (!found.is_empty()).then_some(found)
}
