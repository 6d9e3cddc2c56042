//! The built-in function for secrets that nobody but their readers knows of: a new random password of the
//! same length. In a JSON object with a `password`, only that member is made anew.

use super::postgres::{finish, pending_exists, put_pending, read};
use crate::base::Caller;
use crate::services::secretsmanager::{Called, Event, SecretsManager};
use serde_json::Value;

pub(super) async fn call(secrets: &SecretsManager, event: &Event, caller: &Caller) -> Called {
    match event.step {
        "createSecret" if pending_exists(secrets, event, caller).await? => Ok(()),
        "createSecret" => {
            let current = read(secrets, &event.secret_id, None, "AWSCURRENT", caller).await?;
            let new = renewed(secrets, &current)?;
            put_pending(secrets, event, caller, new).await
        }
        "finishSecret" => finish(secrets, event, caller).await,
        _ => Ok(()),
    }
}

fn renewed(secrets: &SecretsManager, current: &str) -> Result<String, String> {
    let password = |like: &str| {
        let length = u32::try_from(like.chars().count()).unwrap_or(u32::MAX).clamp(1, 4096);
        secrets.random_password(length).map_err(|failure| failure.message)
    };
    if let Ok(Value::Object(mut members)) = serde_json::from_str(current)
        && let Some(old) = members.get("password").and_then(Value::as_str)
    {
        let new = password(old)?;
        members.insert("password".to_owned(), new.into());
        return Ok(Value::Object(members).to_string());
    }
    password(current)
}
