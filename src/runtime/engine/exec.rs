//! Another command in a running container.

use super::container::{PART, PROJECT};
use super::{Engine, reason};
use crate::base::Problem;
use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

/// What a command wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// To its standard output.
    Out(&'a [u8]),
    /// To its standard error.
    Err(&'a [u8]),
}

/// A command and how it is run.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// Its words.
    pub words: Vec<String>,
    /// As whom, where that is not the container's user.
    pub user: Option<String>,
    /// Where, where that is not the container's directory.
    pub directory: Option<String>,
    /// With all capabilities.
    pub privileged: bool,
    /// `NAME=value` beside the container's.
    pub variables: Vec<String>,
}

impl Command {
    /// These words, run as everything in the container is.
    pub fn of(words: Vec<String>) -> Command {
        Command { words, ..Command::default() }
    }
}

impl Engine {
    /// The id of the running container of a part.
    pub async fn running(&self, project: &str, part: &str) -> Result<Option<String>, Problem> {
        let filters = vec![format!("{PROJECT}={project}"), format!("{PART}={part}")];
        let options = bollard::query_parameters::ListContainersOptions {
            filters: Some(std::collections::HashMap::from([("label".to_owned(), filters)])),
            ..Default::default()
        };
        let all = self.docker.list_containers(Some(options)).await;
        let all = all.map_err(|error| Problem::failed("engine", reason(&error)).retryable())?;
        Ok(all.into_iter().find_map(|container| container.id))
    }

    /// Runs a command in a container to its end, with `input` as its standard input where there is
    /// one; its exit code.
    pub async fn exec(
        &self,
        id: &str,
        command: Command,
        input: Option<mpsc::Receiver<Vec<u8>>>,
        mut said: impl FnMut(Said<'_>),
    ) -> Result<i64, Problem> {
        let failed = |error| Problem::failed("exec", reason(&error));
        let config = ExecConfig {
            attach_stdin: Some(input.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.words),
            user: command.user,
            working_dir: command.directory,
            privileged: command.privileged.then_some(true),
            env: (!command.variables.is_empty()).then_some(command.variables),
            ..Default::default()
        };
        let made = self.docker.create_exec(id, config).await.map_err(failed)?;
        let started = self.docker.start_exec(&made.id, None::<StartExecOptions>).await;
        if let StartExecResults::Attached { mut output, input: mut to } = started.map_err(failed)? {
            let feed = async move {
                let Some(mut from) = input else { return };
                while let Some(piece) = from.recv().await {
                    if to.write_all(&piece).await.is_err() {
                        return;
                    }
                }
                // The end of the input is told; the output goes on.
                let _ = to.shutdown().await;
            };
            let feeding = tokio::spawn(feed);
            while let Some(piece) = output.next().await {
                match piece.map_err(failed)? {
                    LogOutput::StdErr { message } => said(Said::Err(&message)),
                    other => said(Said::Out(&other.into_bytes())),
                }
            }
            feeding.abort();
        }
        let ended = self.docker.inspect_exec(&made.id).await.map_err(failed)?;
        Ok(ended.exit_code.unwrap_or_default())
    }
}
