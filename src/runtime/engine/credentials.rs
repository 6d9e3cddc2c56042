//! Credentials of registries, as Docker's own programs keep them: `config.json` with what `docker login`
//! wrote, or with the helper programs (`credHelpers`, `credsStore`) that are asked for them.
//!
//! Source: docker login's documentation, and the protocol of docker-credential-helpers: `get` with the
//! registry on stdin, an object on stdout. Invariant: a helper that fails or does not answer is no failure
//! of its own; what it said is told when the registry then refuses.

use base64::Engine as _;
use bollard::auth::DockerCredentials;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Longest wait for a helper: it may ask a person's key ring.
const HELPER_WAIT: Duration = Duration::from_secs(30);
/// Docker Hub, as `config.json` calls it.
const HUB: &str = "https://index.docker.io/v1/";
/// The name by which a helper says that its secret is a token.
const TOKEN: &str = "<token>";

/// What is known for the registry of the image `tag`; `Err` has a helper's complaint.
pub(super) async fn credentials(tag: &str) -> Result<Option<DockerCredentials>, String> {
    let registry = registry(tag);
    let Some(config) = config() else { return Ok(None) };
    match helper(&config, registry) {
        Some(helper) => ask(helper, registry).await,
        None => Ok(written(&config, registry)),
    }
}

/// The registry of an image's name.
fn registry(tag: &str) -> &str {
    let first = tag.split('/').next().unwrap_or_default();
    let named = tag.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    if named { first } else { HUB }
}

fn config() -> Option<Value> {
    let dir = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let dir = dir.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")))?;
    let text = std::fs::read_to_string(dir.join("config.json")).ok()?;
    serde_json::from_str(&text).ok()
}

/// The helper of this registry, else that of all.
fn helper<'c>(config: &'c Value, registry: &str) -> Option<&'c str> {
    let own = config.get("credHelpers").and_then(|all| all.get(registry));
    let name = own.or_else(|| config.get("credsStore"))?.as_str()?;
    // A name, never a way to some other program.
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// What stands in the file itself.
fn written(config: &Value, registry: &str) -> Option<DockerCredentials> {
    let auth = config.get("auths")?.get(registry)?.get("auth")?.as_str()?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(auth).ok()?;
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(known(registry, user, password))
}

fn known(registry: &str, user: &str, secret: &str) -> DockerCredentials {
    let mut credentials =
        DockerCredentials { serveraddress: Some(registry.to_owned()), ..Default::default() };
    if user == TOKEN {
        credentials.identitytoken = Some(secret.to_owned());
    } else {
        credentials.username = Some(user.to_owned());
        credentials.password = Some(secret.to_owned());
    }
    credentials
}

async fn ask(helper: &str, registry: &str) -> Result<Option<DockerCredentials>, String> {
    let program = format!("docker-credential-{helper}");
    let answer = async {
        let mut child = Command::new(&program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A helper that does not read to the end may still answer.
            let _ = input.write_all(registry.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let output = match tokio::time::timeout(HELPER_WAIT, answer).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(format!("{program}: {error}")),
        Err(_) => return Err(format!("{program} does not answer")),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        // It has none, and says so by failing: the registry may be open to all.
        let none = text.contains("credentials not found");
        return if none { Ok(None) } else { Err(format!("{program}: {}", text.trim())) };
    }
    let answer: Value =
        serde_json::from_str(&text).map_err(|_| format!("{program} answers no JSON"))?;
    let part = |name: &str| answer.get(name).and_then(Value::as_str);
    match (part("Username"), part("Secret")) {
        (Some(user), Some(secret)) => Ok(Some(known(registry, user, secret))),
        _ => Err(format!("{program} answers without a Username and a Secret")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_registry_s_own_helper_is_asked_before_that_of_all() {
        let config = json!({ "credsStore": "all", "credHelpers": { "r.example:5000": "own", "bad": "../x" } });
        assert_eq!(helper(&config, registry("r.example:5000/a/b:1")), Some("own"));
        assert_eq!(helper(&config, registry("redis:7")), Some("all"));
        assert_eq!(helper(&config, "bad"), None);
        assert_eq!(helper(&json!({}), HUB), None);
    }

    #[test]
    fn what_docker_login_wrote_and_tokens_are_understood() {
        let config = json!({ "auths": { "localhost": { "auth": "dTpwOnE=" } } });
        let found = written(&config, registry("localhost/a")).expect("credentials");
        assert_eq!(
            (found.username.as_deref(), found.password.as_deref()),
            (Some("u"), Some("p:q"))
        );
        let token = known(HUB, TOKEN, "t");
        assert_eq!((token.identitytoken.as_deref(), token.username), (Some("t"), None));
    }
}
