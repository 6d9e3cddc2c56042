//! Parameter Store over awsJson 1.1; its joints to KMS, which keeps the values of `SecureString`s, and
//! to Secrets Manager, whose secrets can be read as parameters.

use super::limits::REQUEST_BYTES_MAX;
use super::model;
use super::names::{self, SECRETS};
use super::ops::{Call, Expire, served};
use super::state::{State, home};
use crate::base::{Caller, Problem};
use crate::protocol::{Answer, AwsJson11, Endpoint, Failure, JsonRoutes, Names, Request, Tree};
use crate::services::kms::Kms;
use crate::services::model::{Input, read, write};
use crate::services::secretsmanager::SecretsManager;
use crate::services::secretsmanager::ops::GetSecretValue;
use crate::services::{Clock, Host, Pending, Service, read_whole};
use crate::storage::Storage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

/// The encryption context of a value: the parameter's ARN.
const CONTEXT: &str = "PARAMETER_ARN";
/// Bytes that KMS encrypts at once.
const PIECE_BYTES: usize = 4096;
/// Between the pieces of a longer value.
const PIECES: &str = ".";
/// Errors bear their bare name.
const NAMES: Names = Names { error_prefix: "", ..Names::PLAIN };

/// The service.
pub struct Ssm {
    endpoint: Endpoint,
    host: Arc<Host<State>>,
    secrets: Arc<SecretsManager>,
    kms: Kms,
}

/// What the operations work with.
struct Inner {
    host: Arc<Host<State>>,
    secrets: Arc<SecretsManager>,
    kms: Kms,
}

impl Ssm {
    /// Opens the service on its tables.
    pub fn open(
        storage: &Storage,
        clock: &Clock,
        secrets: &Arc<SecretsManager>,
        kms: &Kms,
    ) -> Result<Self, Problem> {
        let host = Host::open(storage, clock)?;
        let inner =
            Arc::new(Inner { host: host.clone(), secrets: secrets.clone(), kms: kms.clone() });
        let mut routes = JsonRoutes::<AwsJson11>::new("ssm", NAMES);
        for name in served() {
            let inner = inner.clone();
            routes = routes.add(name, move |Tree(tree): Tree, caller: Arc<Caller>| {
                let inner = inner.clone();
                async move { inner.call(name, &tree, &caller).await }
            });
        }
        static ALL: OnceLock<Vec<&'static str>> = OnceLock::new();
        let all = ALL.get_or_init(|| model().names());
        let secrets = secrets.clone();
        let endpoint = routes.by_target("AmazonSSM", all);
        Ok(Ssm { endpoint, host, secrets, kms: kms.clone() })
    }
}

impl Inner {
    async fn call(
        &self,
        name: &'static str,
        tree: &Value,
        caller: &Caller,
    ) -> Result<Value, Failure> {
        let invalid = |text| Failure::new(400, "ValidationException", text);
        let input = read(model(), name, tree).map_err(|faults| invalid(faults.text()))?;
        let input = Input(input);
        if self.host.look(|state, now| state.due(now).is_some())? {
            self.host.run(Expire, caller).await?;
        }
        let decrypt = input.flag("WithDecryption");
        let mut answer = match name {
            "GetParameter" if input.text("Name").starts_with(SECRETS) => {
                let parameter = self.secret(input.text("Name"), decrypt, caller).await?;
                return Ok(write(model(), name, json!({"Parameter": parameter})));
            }
            "GetParameters" => self.parameters(input, decrypt, caller).await?,
            "PutParameter" => {
                let sealed = self.sealed(&input, caller).await?;
                self.host.run(Call { name, input, sealed }, caller).await?
            }
            _ => self.host.run(Call { name, input, sealed: None }, caller).await?,
        };
        if decrypt {
            self.decrypt(&mut answer, caller).await?;
        }
        Ok(write(model(), name, answer))
    }

    /// `GetParameters`, whose names may mean secrets.
    async fn parameters(
        &self,
        mut input: Input,
        decrypt: bool,
        caller: &Caller,
    ) -> Result<Value, Failure> {
        let names = input.texts("Names");
        let (secrets, own): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| name.starts_with(SECRETS));
        input.0.insert("Names".into(), own.into());
        let call = Call { name: "GetParameters", input, sealed: None };
        let mut answer = self.host.run(call, caller).await?;
        for name in secrets {
            let (list, entry) = match self.secret(&name, decrypt, caller).await {
                Ok(parameter) => ("Parameters", parameter),
                Err(failure) if failure.code == "ParameterNotFound" => {
                    ("InvalidParameters", name.into())
                }
                Err(failure) => return Err(failure),
            };
            if let Some(list) = answer[list].as_array_mut() {
                list.push(entry);
            }
        }
        Ok(answer)
    }

    /// What KMS makes of the value, if the parameter is a `SecureString`.
    async fn sealed(&self, input: &Input, caller: &Caller) -> Result<Option<String>, Failure> {
        let name = input.text("Name");
        let wanted = names::wanted(name);
        let old = self.host.look(|state, _| {
            let found = state.find(&home(caller), &wanted);
            found.and_then(|(_, p)| p.newest().map(|v| (v.kind.clone(), v.key_id.clone())))
        })?;
        let kind = input.some("Type").or(old.as_ref().map(|(kind, _)| kind.as_str()));
        if kind != Some("SecureString") || names::check(name).is_err() {
            return Ok(None);
        }
        let kept = old.as_ref().and_then(|(_, key)| key.as_deref());
        let key = input.some("KeyId").or(kept).unwrap_or("alias/aws/ssm");
        let arn = names::arn_of(caller, name);
        let sealed = seal(&self.kms, caller, key, &arn, input.text("Value")).await?;
        Ok(Some(sealed))
    }

    /// Replaces what is kept of `SecureString`s by their values.
    async fn decrypt(&self, answer: &mut Value, caller: &Caller) -> Result<(), Failure> {
        let list = answer.get_mut("Parameters").and_then(Value::as_array_mut).map(std::mem::take);
        let mut several = list.unwrap_or_default();
        let one = answer.get_mut("Parameter");
        for parameter in several.iter_mut().chain(one) {
            // Version 0 is a secret's, which is open already.
            if parameter["Type"] == "SecureString" && parameter["Version"] != 0 {
                let arn = names::arn_of(caller, parameter["Name"].as_str().unwrap_or_default());
                let sealed = parameter["Value"].as_str().unwrap_or_default();
                parameter["Value"] = open(&self.kms, caller, &arn, sealed).await?.into();
            }
        }
        if let Some(list) = answer.get_mut("Parameters") {
            *list = several.into();
        }
        Ok(())
    }

    /// A secret as a parameter.
    /// <https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html>
    async fn secret(&self, name: &str, decrypt: bool, caller: &Caller) -> Result<Value, Failure> {
        if !decrypt {
            return Err(Failure::new(
                400,
                "ValidationException",
                "WithDecryption flag must be True for retrieving a Secret Manager secret.",
            ));
        }
        let rest = name.strip_prefix(SECRETS).unwrap_or_default();
        let (id, selector) = match rest.split_once(':') {
            Some((id, selector)) if !rest.starts_with("arn:") => (id, Some(selector.to_owned())),
            _ => (rest, None),
        };
        // A version's id is a UUID as a rule; labels are shorter.
        let (version_id, version_stage) = match selector.clone() {
            Some(selector) if selector.len() >= 32 => (Some(selector), None),
            selector => (None, selector),
        };
        let get = GetSecretValue { secret_id: Some(id.to_owned()), version_id, version_stage };
        let secret = self.secrets.run(get, caller).await.map_err(|failure| {
            let text = match failure.code.as_ref() {
                "ResourceNotFoundException" => format!("Secret {name} not found."),
                _ => failure.message,
            };
            Failure::new(
                400,
                "ParameterNotFound",
                format!(
                    "An error occurred (ParameterNotFound) when referencing Secrets Manager: {text}"
                ),
            )
        })?;
        let source = json!({
            "ARN": secret.arn,
            "name": secret.name,
            "versionId": secret.version_id,
            "secretString": secret.secret_string,
            "secretBinary": secret.secret_binary,
            "versionStages": secret.version_stages,
            "createdDate": secret.created_date,
        });
        let value = secret.secret_string.as_ref().map(|text| text.0.to_string());
        Ok(json!({
            "Name": name.strip_suffix(&format!(":{}", selector.as_deref().unwrap_or("\0"))).unwrap_or(name),
            "Type": "SecureString",
            "Value": value.map_or_else(|| json!(secret.secret_binary), Value::from),
            "Version": 0,
            "Selector": selector.map(|selector| format!(":{selector}")),
            "SourceResult": source.to_string(),
            "LastModifiedDate": secret.created_date,
            "ARN": secret.arn,
            "DataType": "text",
        }))
    }
}

/// The ciphertext of `plain` under a key of KMS, bound to the parameter's ARN: pieces of 4096 bytes in
/// base64, for KMS takes no more at once.
async fn seal(
    kms: &Kms,
    caller: &Caller,
    key: &str,
    arn: &str,
    plain: &str,
) -> Result<String, Failure> {
    let context = [(CONTEXT.to_owned(), arn.to_owned())].into();
    let mut pieces = Vec::new();
    for piece in plain.as_bytes().chunks(PIECE_BYTES) {
        let sealed = kms.encrypt(caller, key, &context, piece).await.map_err(in_words)?;
        pieces.push(STANDARD.encode(sealed.blob));
    }
    Ok(pieces.join(PIECES))
}

/// The text behind a ciphertext.
async fn open(kms: &Kms, caller: &Caller, arn: &str, sealed: &str) -> Result<String, Failure> {
    let context = [(CONTEXT.to_owned(), arn.to_owned())].into();
    let broken = || Failure::new(500, "InternalServerError", "a kept value cannot be read");
    let mut plain = Vec::new();
    for piece in sealed.split(PIECES) {
        let blob = STANDARD.decode(piece).map_err(|_| broken())?;
        plain.extend(kms.decrypt(caller, &context, &blob).await.map_err(in_words)?.plaintext);
    }
    String::from_utf8(plain).map_err(|_| broken())
}

/// What KMS refuses, as Parameter Store says it: all of it is `InvalidKeyId`.
fn in_words(failure: Failure) -> Failure {
    if failure.status >= 500 {
        return failure;
    }
    let text = format!(
        "{} (Service: AWSKMS; Status Code: 400; Error Code: {})",
        failure.message, failure.code
    );
    Failure::new(400, "InvalidKeyId", text)
}

impl Service for Ssm {
    fn name(&self) -> &'static str {
        "ssm"
    }

    fn body_limit(&self) -> Option<usize> {
        Some(REQUEST_BYTES_MAX)
    }

    fn call(&self, request: Request) -> Pending<'_, Answer> {
        Box::pin(async move { self.endpoint.call(read_whole(request).await).await })
    }

    fn asks(
        &self,
        asked: &crate::services::access::Asked<'_>,
    ) -> Result<Vec<crate::services::access::Ask>, Failure> {
        let look =
            |state: &State| (super::asks::asks(state, asked), super::asks::key_uses(state, asked));
        let (mut all, uses) = self.host.look(|state, _| look(state))?;
        all.extend(self.kms.asks_for(asked.caller, &uses)?);
        for id in super::asks::secrets(asked) {
            let input = json!({"SecretId": id});
            let (operation, input) = ("GetSecretValue", &input);
            let read = crate::services::access::Asked { operation, input, ..*asked };
            all.extend(self.secrets.asks(&read)?);
        }
        Ok(all)
    }

    fn reset(&self) -> Pending<'_, Result<(), Problem>> {
        Box::pin(self.host.wipe())
    }

    fn forget<'a>(&'a self, account: &'a str) -> Pending<'a, Result<(), Problem>> {
        Box::pin(self.host.forget(account))
    }

    fn operations(&self) -> Vec<&'static str> {
        served()
    }
}
