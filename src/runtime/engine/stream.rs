//! What a container says and how it ends, as long as it runs.

use super::{Engine, reason};
use bollard::errors::Error;
use bollard::query_parameters::{LogsOptions, WaitContainerOptions};
use futures_util::StreamExt;

/// Longer lines are cut into pieces of this size.
const LINE_BYTES_MAX: usize = 16 * 1024;

impl Engine {
    /// Waits for the container's end: its exit code, or why that cannot be known.
    pub async fn ended(&self, id: &str) -> Result<i64, String> {
        let options = WaitContainerOptions { condition: "not-running".to_owned() };
        let mut stream = Box::pin(self.docker.wait_container(id, Some(options)));
        match stream.next().await {
            Some(Ok(response)) => Ok(response.status_code),
            Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(reason(&error)),
            None => Err("the engine does not tell".to_owned()),
        }
    }

    /// Hands every line that the container writes to `line`, until it ends. With `since` (seconds of
    /// the Unix epoch) only what it wrote from then on.
    pub async fn lines(&self, id: &str, since: Option<i64>, mut line: impl FnMut(&str)) {
        let options = LogsOptions {
            follow: true,
            stdout: true,
            stderr: true,
            since: since.and_then(|since| i32::try_from(since).ok()).unwrap_or_default(),
            tail: "all".to_owned(),
            ..Default::default()
        };
        let mut stream = Box::pin(self.docker.logs(id, Some(options)));
        // stdout and stderr come in pieces of their own.
        let mut open: [Vec<u8>; 2] = [vec![], vec![]];
        while let Some(Ok(piece)) = stream.next().await {
            let buffer = &mut open
                [usize::from(matches!(piece, bollard::container::LogOutput::StdErr { .. }))];
            buffer.extend_from_slice(&piece.into_bytes());
            while let Some(end) = end_of_line(buffer) {
                let taken: Vec<u8> = buffer.drain(..end).collect();
                line(String::from_utf8_lossy(&taken).trim_end_matches(['\r', '\n']));
            }
        }
        for rest in open.iter().filter(|rest| !rest.is_empty()) {
            line(&String::from_utf8_lossy(rest));
        }
    }

    /// Whether the engine still answers.
    pub async fn answers(&self) -> Result<(), String> {
        let ping = tokio::time::timeout(super::ANSWER_WAIT, self.docker.ping()).await;
        match ping {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                Err(format!("the container engine does not answer: {}", reason(&error)))
            }
            Err(_) => Err("the container engine does not answer in time".to_owned()),
        }
    }
}

fn end_of_line(buffer: &[u8]) -> Option<usize> {
    let newline = memchr::memchr(b'\n', buffer).map(|at| at + 1);
    newline.or_else(|| (buffer.len() >= LINE_BYTES_MAX).then_some(LINE_BYTES_MAX))
}
