//! The gateway as a stranger meets it: guards, protocol errors, HTTP details. Raw bytes over a socket,
//! so that nothing a client library mends is hidden.

use devenv::edge::{Gateway, GatewayConfig};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A gateway on a free port with empty state, and the runtime that it lives on.
pub(crate) struct Edge {
    runtime: tokio::runtime::Runtime,
    gateway: Option<Gateway>,
    pub(crate) address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Edge {
    pub(crate) fn start() -> Edge {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let free = "127.0.0.1:0".parse().unwrap();
        let config = GatewayConfig::new(free, dir.path().join("state"));
        let gateway = runtime.block_on(Gateway::start(config)).unwrap();
        let address = gateway.address();
        Edge { runtime, gateway: Some(gateway), address, _dir: dir }
    }

    /// Sends `raw` and reads until the peer closes.
    fn exchange(&self, raw: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(raw.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// One request with `headers` and `body`; `Host` is ours unless given.
    fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut raw = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            raw.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            raw.push_str(&format!("{name}: {value}\r\n"));
        }
        raw.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.exchange(&raw)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            self.runtime.block_on(gateway.shutdown());
        }
    }
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const WHO_AM_I: &str = "Action=GetCallerIdentity&Version=2011-06-15";

#[test]
fn an_unsigned_query_call_is_answered_with_a_request_id() {
    let edge = Edge::start();
    let answer = edge.send("POST /", &[FORM], WHO_AM_I);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("<Account>000000000000</Account>"), "{answer}");
    let id = answer.split("x-amzn-requestid: ").nth(1).unwrap().lines().next().unwrap();
    assert!(answer.contains(&format!("<RequestId>{id}</RequestId>")), "{answer}");
}

#[test]
fn the_account_is_in_the_access_key() {
    let edge = Edge::start();
    let authorization = "AWS4-HMAC-SHA256 Credential=123456789012/20261121/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=00";
    let answer = edge.send("POST /", &[FORM, ("Authorization", authorization)], WHO_AM_I);
    assert!(answer.contains("arn:aws:iam::123456789012:root"), "{answer}");
}

#[test]
fn a_rebound_host_and_a_foreign_page_are_refused_everywhere() {
    let edge = Edge::start();
    let foreign: [&[(&str, &str)]; 4] = [
        &[("Host", "evil.example")],
        &[("Origin", "https://evil.example")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "null")],
    ];
    for headers in foreign {
        for line in
            ["POST /", "GET /_devenv/health", "POST /_devenv/reset", "PUT /bucket", "OPTIONS /b/k"]
        {
            let answer = edge.send(line, headers, "");
            assert!(answer.starts_with("HTTP/1.1 403"), "{line} {headers:?}: {answer}");
            assert!(!answer.to_ascii_lowercase().contains("access-control-allow"), "{answer}");
        }
    }
}

#[test]
fn a_simple_form_post_of_another_site_changes_nothing() {
    let edge = Edge::start();
    let from_page = [FORM, ("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")];
    let answer = edge.send("POST /", &from_page, WHO_AM_I);
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[test]
fn unknown_and_unserved_operations_are_told_apart() {
    let edge = Edge::start();
    let unknown = edge.send("POST /", &[FORM], "Action=Nonsense&Version=2011-06-15");
    assert!(unknown.starts_with("HTTP/1.1 400"), "{unknown}");
    assert!(unknown.contains("<Code>InvalidAction</Code>"), "{unknown}");
    let unserved = edge.send("POST /", &[FORM], "Action=GetWebIdentityToken&Version=2011-06-15");
    assert!(unserved.starts_with("HTTP/1.1 501"), "{unserved}");
    assert!(unserved.contains("<Code>NotImplemented</Code>"), "{unserved}");
    let other = edge.send("POST /", &[("X-Amz-Target", "DynamoDB_20120810.ListTables")], "{}");
    assert!(other.starts_with("HTTP/1.1 501"), "{other}");
    assert!(other.contains("dynamodb (ListTables)"), "{other}");
    assert!(other.contains("docs/index.md"), "{other}");
}

#[test]
fn malformed_input_gets_each_protocols_own_error() {
    let edge = Edge::start();
    let form = edge.send("POST /", &[FORM], "Action=%ff&Version=2011-06-15");
    assert!(form.contains("<Code>MalformedQueryString</Code>"), "{form}");
    let nothing = edge.send("POST /", &[FORM], "Action=GetCallerIdentity&Version=1999-01-01");
    assert!(nothing.contains("<Code>InvalidAction</Code>"), "{nothing}");
}

#[test]
fn a_body_beyond_the_bound_is_refused_and_the_gateway_lives() {
    let edge = Edge::start();
    let large = "x".repeat(300 * 1024);
    let authorization = "AWS4-HMAC-SHA256 Credential=a/20261121/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=00";
    let answer = edge.send("POST /", &[FORM, ("Authorization", authorization)], &large);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(edge.send("GET /_devenv/health", &[], "").starts_with("HTTP/1.1 200"));
}

#[test]
fn expect_100_continue_is_honoured() {
    let edge = Edge::start();
    let mut stream = TcpStream::connect(edge.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        edge.address,
        FORM.1,
        WHO_AM_I.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(WHO_AM_I.as_bytes()).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("200 OK") && rest.contains("<Account>"), "{rest}");
}

#[test]
fn http2_by_prior_knowledge_is_spoken() {
    let edge = Edge::start();
    let address = edge.address;
    let answer = edge.runtime.block_on(async move {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(executor, io).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::get(format!("http://{address}/_devenv/health"))
            .body(http_body_util::Empty::<bytes::Bytes>::new())
            .unwrap();
        sender.send_request(request).await.unwrap()
    });
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
}

#[test]
fn a_taken_port_is_a_problem_and_not_a_panic() {
    let edge = Edge::start();
    let dir = tempfile::tempdir().unwrap();
    let config = GatewayConfig::new(edge.address, dir.path().to_owned());
    let problem = edge.runtime.block_on(Gateway::start(config)).err().unwrap();
    assert_eq!((problem.code, problem.exit.code()), ("port-taken", 5));
    assert!(problem.hint.is_some());
    assert!(!dir.path().join("state.db").exists(), "a refused start leaves no state behind");
}
