//! Files into a container, running or not.
//!
//! Source: Docker Engine API, `PUT /containers/{id}/archive`: directories that are missing are made.

use super::{Engine, reason};
use crate::base::Problem;
use bollard::query_parameters::UploadToContainerOptions;
use bytes::Bytes;
use std::path::{Path, PathBuf};

impl Engine {
    /// Copies each file of this machine to its place in the container.
    pub async fn put(&self, id: &str, files: Vec<(PathBuf, String)>) -> Result<(), Problem> {
        let failed = |why: String| Problem::failed("copy", why);
        let packed = tokio::task::spawn_blocking(move || pack(&files)).await;
        let packed = packed
            .map_err(|error| failed(error.to_string()))?
            .map_err(|e| failed(e.to_string()))?;
        let options = UploadToContainerOptions { path: "/".to_owned(), ..Default::default() };
        let body = bollard::body_full(Bytes::from(packed));
        let sent = self.docker.upload_to_container(id, Some(options), body).await;
        sent.map_err(|error| failed(reason(&error)))
    }
}

fn pack(files: &[(PathBuf, String)]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (here, inside) in files {
        // A file that went meanwhile is told of by its own change.
        match tar.append_path_with_name(here, Path::new(inside.trim_start_matches('/'))) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            result => result?,
        }
    }
    tar.into_inner()
}
