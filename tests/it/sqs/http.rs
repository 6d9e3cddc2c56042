//! A client as plain as can be: awsJson over one kept connection, so that what a test measures or kills
//! is the server alone.

use serde_json::Value;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection that is made when it is needed.
pub(crate) struct Client {
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

/// A status and a body.
pub(crate) type Reply = (u16, Value);

impl Client {
    pub(crate) fn new(address: &str) -> Client {
        Client { address: address.to_owned(), stream: None }
    }

    /// An operation of SQS. `Err`: it is not known whether it was carried out.
    pub(crate) fn sqs(&mut self, operation: &str, input: &Value) -> Result<Reply> {
        let target = format!("X-Amz-Target: AmazonSQS.{operation}\r\n");
        self.post("/", &target, &input.to_string())
    }

    /// One that must succeed.
    #[track_caller]
    pub(crate) fn must(&mut self, operation: &str, input: &Value) -> Value {
        let (status, body) = self.sqs(operation, input).unwrap();
        assert_eq!(status, 200, "{operation} {input}: {body}");
        body
    }

    pub(crate) fn post(&mut self, path: &str, headers: &str, body: &str) -> Result<Reply> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let done = self.exchange(&[head.as_bytes(), body.as_bytes()].concat());
        if done.is_err() {
            self.stream = None;
        }
        done
    }

    /// Sends a request and does not read the answer.
    pub(crate) fn send_only(&mut self, operation: &str, input: &Value) -> Result<()> {
        let body = input.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: AmazonSQS.{operation}\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.connected()?.get_mut().write_all(request.as_bytes())
    }

    /// Ends the connection.
    pub(crate) fn hang_up(&mut self) {
        self.stream = None;
    }

    fn connected(&mut self) -> Result<&mut BufReader<TcpStream>> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            self.stream = Some(BufReader::new(stream));
        }
        self.stream.as_mut().ok_or_else(|| Error::from(ErrorKind::NotConnected))
    }

    fn exchange(&mut self, request: &[u8]) -> Result<Reply> {
        let stream = self.connected()?;
        stream.get_mut().write_all(request)?;
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Err(Error::from(ErrorKind::UnexpectedEof));
            }
            let text = line.trim_end().to_ascii_lowercase();
            if text.starts_with("http/1.1 ") {
                status = text[9..12].parse().unwrap_or(0);
            } else if let Some(n) = text.strip_prefix("content-length: ") {
                length = n.parse().unwrap_or(0);
            } else if text.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }
}
