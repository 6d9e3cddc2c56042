//! Declares a profile's resources in the running services, as often as one likes: what is missing is
//! made, what the profile says otherwise now is brought up to date, what only the application made stays.

use super::Facts;
use crate::base::{Caller, Problem, duration};
use crate::profile::{Profile, Queue, Secret, SecretRotation, SecretSource};
use crate::services::kms::{Declared, DeclaredKey};
use crate::services::s3::BucketSpec;
use crate::services::secretsmanager::ops::ProvisionRotation;
use crate::services::secretsmanager::rotation::Rules;
use crate::services::sqs::ops::{CreateQueue, SetQueueAttributes};
use crate::services::{Failure, Services, ses};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeMap, BTreeSet};

/// Where mail servers take mail from programs.
const FORWARD_PORT: u16 = 587;

/// What a declaration came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// What the profile says and no service carries out yet: stored and shown, for people.
    pub notes: Vec<Note>,
}

/// What people should know about one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The service's name, as the status lists it.
    pub service: &'static str,
    /// For people.
    pub text: String,
}

impl Note {
    fn new(service: &'static str, text: String) -> Note {
        Note { service, text }
    }
}

/// Declares everything that `profile` lists.
pub async fn provision(
    profile: &Profile,
    facts: &Facts,
    services: &Services,
) -> Result<Provisioned, Problem> {
    let caller = Caller::internal(&profile.account, &profile.region, &facts.endpoint);
    let mut notes = Vec::new();
    // Before what is encrypted with them.
    keys(profile, services, &caller, &mut notes).await?;
    queues(profile, services, &caller).await?;
    buckets(profile, services, &caller, &mut notes).await?;
    mail(profile, services, &caller, &mut notes).await?;
    for (name, secret) in &profile.secrets {
        provision_secret(name, secret, facts, services, &caller).await?;
        if let Some(rotation) = &secret.rotation {
            provision_rotation(name, rotation, services, &caller).await?;
        }
    }
    Ok(Provisioned { notes })
}

/// Keys of KMS, which the profile has checked.
async fn keys(
    profile: &Profile,
    services: &Services,
    caller: &Caller,
    notes: &mut Vec<Note>,
) -> Result<(), Problem> {
    for (name, key) in &profile.kms_keys {
        let text = |member: &str| key[member].as_str().map(str::to_owned);
        let what = format!("kms.keys.{name}");
        let material = text("material").map(|m| STANDARD.decode(m)).transpose();
        let wanted = DeclaredKey {
            name: name.clone(),
            alias: text("alias").unwrap_or_else(|| format!("alias/{name}")),
            spec: text("spec"),
            usage: text("usage"),
            description: text("description"),
            // The decoder's own words would quote the material.
            material: material.map_err(|_| {
                let message = format!("{what}: the material is not valid base64");
                Problem::failed("declaration-refused", message)
            })?,
        };
        let came = services.kms.declare(caller, wanted).await.map_err(|f| declared(&what, &f))?;
        if came == Declared::Differs {
            let text = format!(
                "key {name} has other material than the profile says now; `devenv reset kms` makes it anew"
            );
            notes.push(Note::new("kms", text));
        }
    }
    Ok(())
}

/// The ARN of the queue called `name` in the profile's account and region.
fn queue_arn(caller: &Caller, name: &str) -> String {
    format!("arn:aws:sqs:{}:{}:{name}", caller.region, caller.account)
}

/// Queues in an order in which a dead-letter queue comes before those that point to it; in a ring
/// the first is made without its redrive policy, which follows.
async fn queues(profile: &Profile, services: &Services, caller: &Caller) -> Result<(), Problem> {
    let mode = services.sqs.set_strict(profile.sqs_strict).await;
    mode.map_err(|f| declared("sqs.mode", &f))?;
    let mut made: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<(&String, &Queue)> = profile.queues.iter().collect();
    let mut owed: Vec<(&String, &Queue)> = Vec::new();
    while !left.is_empty() {
        let ready = left.iter().position(|(name, queue)| {
            let target = queue.dead_letter.as_ref().map(|d| d.queue.as_str());
            target.is_none_or(|t| made.contains(t) || t == name.as_str())
        });
        let (name, queue) = left.remove(ready.unwrap_or(0));
        let whole = ready.is_some();
        declare_queue(name, queue, whole, services, caller).await?;
        made.insert(name);
        if !whole {
            owed.push((name, queue));
        }
    }
    for (name, queue) in owed {
        declare_queue(name, queue, true, services, caller).await?;
    }
    Ok(())
}

async fn declare_queue(
    name: &str,
    queue: &Queue,
    with_redrive: bool,
    services: &Services,
    caller: &Caller,
) -> Result<(), Problem> {
    let failed = |f: Failure| declared(&format!("sqs.queues.{name}"), &f);
    let mut attributes = queue.attributes.clone();
    if queue.fifo {
        attributes.insert("FifoQueue".into(), "true".into());
    }
    if let (Some(dead), true) = (&queue.dead_letter, with_redrive) {
        let policy = serde_json::json!({
            "deadLetterTargetArn": queue_arn(caller, &dead.queue),
            "maxReceiveCount": dead.max_receive_count,
        });
        attributes.insert("RedrivePolicy".into(), policy.to_string());
    }
    let create = CreateQueue {
        queue_name: name.to_owned(),
        attributes: attributes.clone(),
        tags: queue.tags.clone().into_iter().collect::<BTreeMap<_, _>>(),
    };
    match services.sqs.run(create, caller).await {
        Ok(_) => Ok(()),
        // It is there with other attributes: the profile has changed since, and says what holds now.
        Err(failure)
            if matches!(failure.code.as_ref(), "QueueNameExists" | "QueueAlreadyExists") =>
        {
            attributes.remove("FifoQueue");
            let queue_url = format!("{}/{}/{name}", caller.endpoint, caller.account);
            let set = SetQueueAttributes { queue_url, attributes };
            services.sqs.run(set, caller).await.map(drop).map_err(failed)
        }
        Err(failure) => Err(failed(failure)),
    }
}

async fn buckets(
    profile: &Profile,
    services: &Services,
    caller: &Caller,
    notes: &mut Vec<Note>,
) -> Result<(), Problem> {
    let mut idle: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, bucket) in &profile.buckets {
        let spec = BucketSpec {
            versioning: bucket.versioning,
            public: bucket.public,
            object_lock: bucket.object_lock,
            settings: bucket.settings.clone(),
        };
        let kept = services.s3.provision(caller, name, spec).await;
        let kept = kept.map_err(|f| declared(&format!("s3.buckets.{name}"), &f))?;
        for key in kept {
            let names = idle.entry(key).or_default();
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    for (key, names) in idle {
        let names = names.join(", ");
        let text = format!("{key} of {names} is stored and shown, and not carried out yet");
        notes.push(Note::new("s3", text));
    }
    Ok(())
}

async fn mail(
    profile: &Profile,
    services: &Services,
    caller: &Caller,
    notes: &mut Vec<Note>,
) -> Result<(), Problem> {
    services.ses.set_mode(match (profile.ses.strict, profile.ses.sandbox) {
        (_, true) => ses::Mode::Sandbox,
        (true, false) => ses::Mode::Strict,
        _ => ses::Mode::Lenient,
    });
    let templates = profile.ses.settings.get("templates").and_then(|t| t.as_object());
    let part =
        |template: &serde_json::Value, name: &str| template[name].as_str().map(str::to_owned);
    let templates = templates.into_iter().flatten().map(|(name, template)| {
        let (subject, text, html) =
            (part(template, "subject"), part(template, "text"), part(template, "html"));
        (name.clone(), ses::render::Parts { subject, text, html })
    });
    let declared_mail = ses::calls::Declare {
        templates: templates.collect(),
        outcomes: profile.ses.outcomes.clone(),
        subscriptions: profile.ses.subscriptions.clone(),
    };
    let done = services.ses.declare(caller, declared_mail).await;
    done.map_err(|f| declared("ses.templates", &f))?;
    for identity in &profile.ses.identities {
        let verified = services.ses.verify_identity(caller, identity).await;
        verified.map_err(|f| declared(&format!("ses.identities \"{identity}\""), &f))?;
    }
    let settings = &profile.ses.settings;
    services.ses.forwarder().set(settings.get("forward").map(forward)).await?;
    services.ses.pruner().set(settings.get("keep").map(keep).unwrap_or_default());
    for key in
        settings.keys().filter(|key| !["forward", "keep", "templates"].contains(&key.as_str()))
    {
        let text = format!("ses.{key} is kept in the profile and not carried out yet");
        notes.push(Note::new("ses", text));
    }
    if let Some(to) = settings.get("forward") {
        let only = strings(&to["only"]).join(", ");
        let text =
            format!("mail to {only} is passed on to {}", to["host"].as_str().unwrap_or_default());
        notes.push(Note::new("ses", text));
    }
    Ok(())
}

/// `ses.forward`, which the profile has checked.
fn forward(value: &serde_json::Value) -> ses::Forward {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let port = value["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    ses::Forward {
        host: text("host").unwrap_or_default(),
        port: port.unwrap_or(FORWARD_PORT),
        login: text("user").zip(text("password")),
        only: strings(&value["only"]),
    }
}

/// `ses.keep`, which the profile has checked.
fn keep(value: &serde_json::Value) -> ses::Keep {
    let age = value["age"].as_str().and_then(|text| duration::parse(text).ok());
    ses::Keep { count: value["count"].as_u64(), age_ms: age.map(|age| age.as_millis() as i64) }
}

fn strings(list: &serde_json::Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|s| s.as_str().map(str::to_owned)).collect()
}

async fn provision_secret(
    name: &str,
    secret: &Secret,
    facts: &Facts,
    services: &Services,
    caller: &Caller,
) -> Result<(), Problem> {
    let what = format!("secrets.\"{name}\"");
    let failed = |f: Failure| declared(&what, &f);
    let manager = &services.secretsmanager;
    let value = match &secret.source {
        SecretSource::Value(text) => facts.fill_in(&what, &bare_ports(text))?,
        SecretSource::Generate { length } => {
            // Made once: whoever holds it already keeps it.
            if manager.holds(caller, name).await.map_err(failed)? {
                return Ok(());
            }
            manager.random_password(*length).map_err(failed)?
        }
    };
    let description = secret.description.as_deref();
    manager.provision(caller, name, value, description).await.map(drop).map_err(failed)
}

/// Has a secret rotated as the profile says, unless somebody has set its rotation otherwise since.
async fn provision_rotation(
    name: &str,
    rotation: &SecretRotation,
    services: &Services,
    caller: &Caller,
) -> Result<(), Problem> {
    let (account, region) = (&caller.account, &caller.region);
    let provision = ProvisionRotation {
        name: name.to_owned(),
        function: format!("arn:aws:lambda:{region}:{account}:function:{}", rotation.lambda),
        rules: Rules {
            automatically_after_days: rotation.days.map(i64::from),
            duration: rotation.window.clone(),
            schedule_expression: rotation.schedule.clone(),
        },
    };
    let done = services.secretsmanager.run(provision, caller).await;
    done.map_err(|f| declared(&format!("secrets.\"{name}\".rotation"), &f))
}

/// In a JSON text a port is a number, as in the secrets that RDS makes.
fn bare_ports(text: &str) -> String {
    let text = text.replace("\"${postgres.port}\"", "${postgres.port}");
    text.replace("\"${redis.port}\"", "${redis.port}")
}

/// Names the profile's key that a service refused.
fn declared(what: &str, failure: &Failure) -> Problem {
    let message = format!("{what} could not be declared: {}: {}", failure.code, failure.message);
    let problem = Problem::failed("declaration-refused", message);
    if failure.status >= 500 {
        return problem.retryable();
    }
    problem.hint("change it in devenv.toml; `devenv profile show` prints the profile as it is read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Server;
    use crate::profile::DeadLetter;
    use crate::services::{Clock, schemas};
    use crate::storage::Storage;

    fn facts() -> Facts {
        let server = Server {
            host: "127.0.0.1".into(),
            port: 5433,
            user: "app".into(),
            password: "pw".into(),
            database: "app".into(),
        };
        Facts { endpoint: "http://127.0.0.1:1".into(), postgres: Some(server), redis: None }
    }

    fn services(dir: &tempfile::TempDir) -> Services {
        let storage = Storage::open(&dir.path().join("state.db"), &schemas()).unwrap();
        Services::open(&storage, &Clock::default(), dir.path()).unwrap()
    }

    fn empty() -> Profile {
        let source =
            crate::profile::Source::Shipped { name: "minimal".into(), project_dir: ".".into() };
        let mut profile = crate::profile::load(&source).unwrap();
        profile.queues.clear();
        profile.buckets.clear();
        profile.secrets.clear();
        profile
    }

    #[tokio::test]
    async fn rings_of_dead_letter_queues_and_changed_attributes_are_declared() {
        let dir = tempfile::tempdir().unwrap();
        let services = services(&dir);
        let mut profile = empty();
        for (name, dead) in [("a", "b"), ("b", "a"), ("c", "a")] {
            let dead_letter = Some(DeadLetter { queue: dead.into(), max_receive_count: 3 });
            profile.queues.insert(name.into(), Queue { dead_letter, ..Queue::default() });
        }
        provision(&profile, &facts(), &services).await.unwrap();
        provision(&profile, &facts(), &services).await.unwrap();
        if let Some(queue) = profile.queues.get_mut("c") {
            queue.attributes.insert("VisibilityTimeout".into(), "7".into());
        }
        provision(&profile, &facts(), &services).await.unwrap();
        let visibility = services
            .sqs
            .look(|state, _| {
                let id = state.find("000000000000", "us-east-1", "c")?;
                state.queue(id).map(|q| i64::from(q.record.settings.visibility_s))
            })
            .unwrap();
        assert_eq!(visibility, Some(7));
    }

    #[tokio::test]
    async fn a_generated_secret_is_made_once_and_a_port_is_a_number() {
        let dir = tempfile::tempdir().unwrap();
        let services = services(&dir);
        let mut profile = empty();
        let secret = |source| Secret { source, description: None, rotation: None };
        let text = r#"{"port":"${postgres.port}","user":"${postgres.user}"}"#;
        profile.secrets.insert("db".into(), secret(SecretSource::Value(text.into())));
        profile.secrets.insert("key".into(), secret(SecretSource::Generate { length: 40 }));
        provision(&profile, &facts(), &services).await.unwrap();
        let caller = Caller::internal("000000000000", "us-east-1", "");
        let read = async |name: &str| value_of(&services, &caller, name).await;
        let first = read("key").await;
        assert_eq!(first.len(), 40);
        assert_eq!(read("db").await, r#"{"port":5433,"user":"app"}"#);
        provision(&profile, &facts(), &services).await.unwrap();
        assert_eq!(read("key").await, first);
    }

    /// The current value, over the wire as an application would read it.
    async fn value_of(services: &Services, caller: &Caller, name: &str) -> String {
        use crate::services::Service;
        use http_body_util::{BodyExt, Full};
        let body = Full::new(bytes::Bytes::from(format!("{{\"SecretId\":\"{name}\"}}")));
        let mut request = http::Request::post("/")
            .header("x-amz-target", "secretsmanager.GetSecretValue")
            .body(body.map_err(|never| match never {}).boxed_unsync())
            .unwrap();
        request.extensions_mut().insert(std::sync::Arc::new(caller.clone()));
        let answer = services.secretsmanager.call(request).await;
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        value["SecretString"].as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
    }
}
