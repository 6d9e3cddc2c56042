//! A container for one piece of work: made, started, and removed by whoever had it made.

use super::Engine;
use super::container::Wanted;
use crate::base::Problem;
use crate::compose::{Attachment, Port, Service};
use crate::runtime::Silent;
use std::time::Duration;

/// How long an image may take to come.
const PULL_WAIT: Duration = Duration::from_secs(15 * 60);

/// What is to run.
#[derive(Debug, Clone)]
pub struct Once {
    /// Its name at the engine.
    pub name: String,
    /// The environment that it belongs to.
    pub project: String,
    /// What people call it.
    pub part: String,
    /// The image's name.
    pub image: String,
    /// A port of TCP inside, published on a free one of loopback.
    pub port: u16,
    /// Variables, complete.
    pub environment: Vec<String>,
    /// The network, by its name at the engine.
    pub network: String,
    /// `name:address` of other machines.
    pub hosts: Vec<String>,
}

impl Engine {
    /// Starts it, pulling its image first where that is missing; its id. What fails leaves nothing
    /// behind; should devenv end before the removal, the next start finds it by its labels.
    pub async fn run_once(&self, once: &Once) -> Result<String, Problem> {
        let service = Service {
            replicas: 1,
            ports: vec![Port { target: once.port, protocol: "tcp".to_owned(), ..Port::default() }],
            ..Service::default()
        };
        let image = self.image(&once.part, &once.image, &service, &Silent);
        let image = tokio::time::timeout(PULL_WAIT, image).await.unwrap_or_else(|_| {
            let minutes = PULL_WAIT.as_secs() / 60;
            let message = format!("the image `{}` has not come after {minutes} min", once.image);
            Err(Problem::failed("image-missing", message).retryable())
        })?;
        let wanted = Wanted {
            name: once.name.clone(),
            project: once.project.clone(),
            part: once.part.clone(),
            image,
            service,
            environment: once.environment.clone(),
            networks: vec![(once.network.clone(), Attachment::default())],
            hosts: once.hosts.clone(),
            files: vec![],
            volumes: vec![],
            ports_may_move: true,
        };
        let made = self.make(&wanted).await?;
        if let Err(problem) = self.start(&made.id, &wanted).await {
            let _ = self.remove(&made.id).await;
            return Err(problem);
        }
        Ok(made.id)
    }
}
