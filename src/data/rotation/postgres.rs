//! The built-in functions for Postgres: they change the password of a role, either of the one role of the
//! secret, or of two that take turns, so that one password always works. The secret is JSON as AWS has it:
//! `engine`, `host`, `port`, `username`, `password`, `dbname`, and for roles that take turns `masterarn`,
//! the secret of a superuser; without it the environment's own superuser does it.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_available-rotation-templates.html>
//!
//! Invariants: each step may be repeated; a password goes to the server only as a SCRAM verifier, so that
//! no log of statements holds it. The role with which devenv itself enters is refused: its password is the
//! profile's.

use crate::base::Caller;
use crate::data::Server;
use crate::services::Failure;
use crate::services::secretsmanager::ops::{
    DescribeSecret, GetSecretValue, PutSecretValue, UpdateSecretVersionStage,
};
use crate::services::secretsmanager::sealed::Text;
use crate::services::secretsmanager::{Called, Event, SecretsManager};
use postgres_protocol::password::scram_sha_256;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

/// How long a server may take to let somebody in.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Characters of a new password.
const PASSWORD_CHARS: u32 = 32;
/// What changes a role's password: more than that only a superuser may.
const ALTER: (&str, &str) = ("alter role", "password");
/// What makes a role.
const CREATE: (&str, &str) = ("create role", "login password");
/// Behind the name of the second role.
const CLONE: &str = "_clone";

/// One step of a rotation.
pub(super) struct Rotation<'a> {
    pub(super) secrets: &'a SecretsManager,
    pub(super) event: &'a Event,
    pub(super) caller: &'a Caller,
    /// The environment's own server and superuser.
    pub(super) own: Option<&'a Server>,
    pub(super) alternating: bool,
}

/// A secret that opens a database.
#[derive(Clone)]
struct Login {
    members: Map<String, Value>,
}

impl Login {
    fn read(text: &str) -> Result<Login, String> {
        let members = match serde_json::from_str(text) {
            Ok(Value::Object(members)) => members,
            _ => return Err("the secret is no JSON object".into()),
        };
        let login = Login { members };
        if !matches!(login.text("engine"), Some("postgres" | "postgresql" | "aurora-postgresql")) {
            return Err("the secret's `engine` is not `postgres`".into());
        }
        for key in ["host", "username", "password"] {
            login.text(key).ok_or_else(|| format!("the secret has no `{key}`"))?;
        }
        Ok(login)
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.members.get(key).and_then(Value::as_str)
    }

    fn host(&self) -> &str {
        self.text("host").unwrap_or_default()
    }

    fn user(&self) -> &str {
        self.text("username").unwrap_or_default()
    }

    fn password(&self) -> &str {
        self.text("password").unwrap_or_default()
    }

    fn port(&self) -> u16 {
        let port = self.members.get("port");
        let number = port.and_then(|p| p.as_u64().or_else(|| p.as_str()?.parse().ok()));
        number.and_then(|n| u16::try_from(n).ok()).unwrap_or(5432)
    }

    /// Enters with this login; the error has no password in it.
    async fn enter(&self) -> Result<Client, String> {
        let database = self.text("dbname").unwrap_or("postgres");
        enter(self.host(), self.port(), self.user(), self.password(), database).await
    }
}

async fn enter(
    host: &str,
    port: u16,
    user: &str,
    password: &str,
    database: &str,
) -> Result<Client, String> {
    let mut config = tokio_postgres::Config::new();
    config.host(host).port(port).user(user).password(password).dbname(database);
    config.application_name("devenv rotation").connect_timeout(CONNECT_WAIT);
    let connected = config.connect(NoTls).await;
    let (client, connection) = connected.map_err(|error| words(&error))?;
    tokio::spawn(async move {
        // Its end is seen by the client's next query.
        let _ = connection.await;
    });
    Ok(client)
}

/// A failure in Postgres' own words, which quote no statement.
fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(answer) => answer.message().to_owned(),
        None => error.to_string(),
    }
}

impl Rotation<'_> {
    /// Does the event's step.
    pub(super) async fn call(&self) -> Called {
        match self.event.step {
            "createSecret" => self.create().await,
            "setSecret" => self.set().await,
            "testSecret" => self.test().await,
            "finishSecret" => finish(self.secrets, self.event, self.caller).await,
            step => Err(format!("there is no step `{step}`")),
        }
    }

    async fn login(&self, version: Option<&str>, stage: &str) -> Result<Login, String> {
        let id = &self.event.secret_id;
        Login::read(&read(self.secrets, id, version, stage, self.caller).await?)
    }

    async fn pending(&self) -> Result<Login, String> {
        self.login(Some(&self.event.client_request_token), "AWSPENDING").await
    }

    async fn create(&self) -> Called {
        let mut login = self.login(None, "AWSCURRENT").await?;
        if pending_exists(self.secrets, self.event, self.caller).await? {
            return Ok(());
        }
        if self.alternating {
            let other = match login.user().strip_suffix(CLONE) {
                Some(first) => first.to_owned(),
                None => format!("{}{CLONE}", login.user()),
            };
            login.members.insert("username".to_owned(), other.into());
        }
        let password = self.secrets.random_password(PASSWORD_CHARS).map_err(|f| f.message)?;
        login.members.insert("password".to_owned(), password.into());
        let text = Value::Object(login.members).to_string();
        put_pending(self.secrets, self.event, self.caller, text).await
    }

    async fn set(&self) -> Called {
        let (current, pending) = (self.login(None, "AWSCURRENT").await?, self.pending().await?);
        if (current.host(), current.port()) != (pending.host(), pending.port()) {
            return Err("the pending version names another server than the current one".into());
        }
        self.refuse_own_role(&pending)?;
        if pending.enter().await.is_ok() {
            return Ok(());
        }
        if self.alternating {
            return self.set_other_role(&current, &pending).await;
        }
        if current.user() != pending.user() {
            return Err("the pending version names another user than the current one".into());
        }
        let client = match current.enter().await {
            Ok(client) => client,
            // A rotation before this one may have ended between the server and the label.
            Err(error) => match self.login(None, "AWSPREVIOUS").await {
                Ok(previous) if previous.user() == current.user() => {
                    previous.enter().await.map_err(|_| error)?
                }
                _ => return Err(error),
            },
        };
        change(&client, &pending, ALTER).await
    }

    /// Gives the role whose turn it is its new password, and makes it where it is missing.
    async fn set_other_role(&self, current: &Login, pending: &Login) -> Called {
        let client = self.superuser(current, pending).await?;
        let known = client
            .query_opt("select 1 from pg_roles where rolname = $1", &[&pending.user()])
            .await
            .map_err(|error| words(&error))?;
        if known.is_some() {
            return change(&client, pending, ALTER).await;
        }
        change(&client, pending, CREATE).await?;
        let grant = format!("grant {} to {}", quoted(current.user()), quoted(pending.user()));
        client.batch_execute(&grant).await.map_err(|error| words(&error))
    }

    async fn superuser(&self, current: &Login, pending: &Login) -> Result<Client, String> {
        let database = pending.text("dbname").unwrap_or("postgres");
        if let Some(arn) = current.text("masterarn") {
            let master = read(self.secrets, arn, None, "AWSCURRENT", self.caller).await;
            let master = Login::read(&master.map_err(|e| format!("`masterarn`: {e}"))?)?;
            if (master.host(), master.port()) != (current.host(), current.port()) {
                return Err("the secret of `masterarn` is of another server".into());
            }
            return master.enter().await;
        }
        let own = self.own.filter(|own| is_at(own, current));
        let own = own.ok_or("the secret has no `masterarn`, the secret of a superuser")?;
        enter(&own.host, own.port, &own.user, &own.password, database).await
    }

    fn refuse_own_role(&self, pending: &Login) -> Called {
        let is_own = self.own.is_some_and(|own| is_at(own, pending) && own.user == pending.user());
        if is_own {
            return Err(format!(
                "`{}` is the role with which devenv itself enters; its password is that of `[postgres]` in the profile. Rotate the secret of another role",
                pending.user()
            ));
        }
        Ok(())
    }

    async fn test(&self) -> Called {
        // Without a rotation there is no pending value: then the current one is tried.
        let login = match self.pending().await {
            Ok(pending) => pending,
            Err(_) => self.login(None, "AWSCURRENT").await?,
        };
        let client = login.enter().await?;
        client.simple_query("select now()").await.map(drop).map_err(|error| words(&error))
    }
}

fn is_at(server: &Server, login: &Login) -> bool {
    let local = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "::1");
    let same_host = server.host == login.host() || local(&server.host) && local(login.host());
    same_host && server.port == login.port()
}

/// Gives a role its password, as a verifier: letters, digits and `$:=+/-` and no quote.
async fn change(client: &Client, login: &Login, (what, with): (&str, &str)) -> Called {
    let verifier = scram_sha_256(login.password().as_bytes());
    let statement = format!("{what} {} with {with} '{verifier}'", quoted(login.user()));
    client.batch_execute(&statement).await.map_err(|error| words(&error))
}

/// An SQL identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text_of(failure: Failure) -> String {
    format!("{}: {}", failure.code, failure.message)
}

/// The text of a version of a secret.
pub(super) async fn read(
    secrets: &SecretsManager,
    id: &str,
    version: Option<&str>,
    stage: &str,
    caller: &Caller,
) -> Result<String, String> {
    let read = GetSecretValue {
        secret_id: Some(id.to_owned()),
        version_id: version.map(str::to_owned),
        version_stage: Some(stage.to_owned()),
    };
    let value = secrets.run(read, caller).await.map_err(text_of)?;
    value.secret_string.map(|t| t.0.to_string()).ok_or_else(|| "the secret is binary".into())
}

/// Whether the version of this rotation has its value.
pub(super) async fn pending_exists(
    secrets: &SecretsManager,
    event: &Event,
    caller: &Caller,
) -> Result<bool, String> {
    let token = Some(event.client_request_token.as_str());
    match read(secrets, &event.secret_id, token, "AWSPENDING", caller).await {
        Ok(_) => Ok(true),
        Err(why) if why.starts_with("ResourceNotFoundException") => Ok(false),
        Err(why) => Err(why),
    }
}

/// Puts the value of this rotation's version.
pub(super) async fn put_pending(
    secrets: &SecretsManager,
    event: &Event,
    caller: &Caller,
    value: String,
) -> Called {
    let put = PutSecretValue {
        secret_id: Some(event.secret_id.clone()),
        client_request_token: Some(event.client_request_token.clone()),
        secret_string: Some(Text(value.into())),
        version_stages: Some(vec!["AWSPENDING".to_owned()]),
        ..PutSecretValue::default()
    };
    secrets.run(put, caller).await.map(drop).map_err(text_of)
}

/// Moves `AWSCURRENT` to this rotation's version, and takes `AWSPENDING` from it.
pub(super) async fn finish(secrets: &SecretsManager, event: &Event, caller: &Caller) -> Called {
    let token = &event.client_request_token;
    let describe = DescribeSecret { secret_id: Some(event.secret_id.clone()) };
    let described = secrets.run(describe, caller).await.map_err(text_of)?;
    let bears = |stage: &str| {
        let mut all = described.version_ids_to_stages.iter();
        all.find(|(_, stages)| stages.contains(stage)).map(|(id, _)| id.clone())
    };
    let shift = |stage: &str, from: Option<String>, to: Option<String>| UpdateSecretVersionStage {
        secret_id: Some(event.secret_id.clone()),
        version_stage: Some(stage.to_owned()),
        remove_from_version_id: from,
        move_to_version_id: to,
    };
    let current = bears("AWSCURRENT");
    if current.as_ref() != Some(token) {
        let moved = shift("AWSCURRENT", current, Some(token.clone()));
        secrets.run(moved, caller).await.map_err(text_of)?;
    }
    if bears("AWSPENDING").as_ref() == Some(token) {
        let cleared = shift("AWSPENDING", Some(token.clone()), None);
        secrets.run(cleared, caller).await.map_err(text_of)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_read_as_aws_writes_them() {
        let text = |port: &str| {
            format!(
                r#"{{"engine":"postgres","host":"h","username":"u","password":"p","port":{port}}}"#
            )
        };
        assert_eq!(Login::read(&text("5433")).unwrap().port(), 5433);
        assert_eq!(Login::read(&text("\"5434\"")).unwrap().port(), 5434);
        assert_eq!(Login::read(&text("null")).unwrap().port(), 5432);
        for wrong in ["hunter2", "[]", "{}", &text("1").replace("postgres", "mysql")] {
            let why = Login::read(wrong).err().unwrap();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn a_verifier_needs_no_quoting() {
        let verifier = scram_sha_256(b"it's '' \\ a \"password\"");
        assert!(verifier.bytes().all(|b| b.is_ascii_alphanumeric() || b"-$:=+/".contains(&b)));
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
