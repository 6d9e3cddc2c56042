//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>,
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateSAMLProvider.html>
//!
//! Records: nobody is asked for keys, and the metadata of a SAML provider is not read.

use super::{Done, Work, exists, no_entity, quota, shown_tags};
use crate::services::iam::limits::PROVIDERS_MAX;
use crate::services::iam::state::{Entity, Provider};
use crate::services::model::Refusal;
use serde_json::{Value, json};

/// Years for which a SAML provider's metadata are taken to be valid, in seconds.
const VALID_SECONDS: i64 = 100 * 365 * 86_400;

fn find(work: &Work<'_>) -> Result<Provider, Refusal> {
    let oidc = work.input.some("OpenIDConnectProviderArn");
    let arn = oidc.or(work.input.some("SAMLProviderArn")).unwrap_or_default();
    let found = work.account().providers.get(arn);
    // An ARN of the other kind is none.
    let found = found.filter(|p| p.url.is_some() == oidc.is_some());
    found.cloned().ok_or_else(|| {
        no_entity(match oidc {
            Some(_) => format!("OpenIDConnect Provider not found for arn {arn}"),
            None => format!("Manifest not found for arn {arn}"),
        })
    })
}

fn put(work: &mut Work<'_>, provider: Provider) {
    let arn = provider.arn.clone();
    work.put("provider", &arn, Entity::Provider(provider));
}

fn make(work: &mut Work<'_>, provider: Provider, taken: String) -> Result<(), Refusal> {
    if work.account().providers.contains_key(&provider.arn) {
        return Err(exists(taken));
    }
    if work.account().providers.len() >= PROVIDERS_MAX {
        return Err(quota("IdentityProvidersPerAccount", PROVIDERS_MAX));
    }
    put(work, provider);
    Ok(())
}

fn new(work: &Work<'_>, resource: &str) -> Result<Provider, Refusal> {
    Ok(Provider {
        arn: work.arn(resource),
        created: work.now,
        url: None,
        clients: work.input.texts("ClientIDList"),
        thumbprints: work.input.texts("ThumbprintList"),
        metadata: work.input.owned("SAMLMetadataDocument"),
        tags: work.tags()?,
    })
}

pub(super) fn create_oidc(work: &mut Work<'_>) -> Done {
    let url = work.input.text("Url").to_owned();
    let Some(bare) = url.strip_prefix("https://").filter(|bare| !bare.is_empty()) else {
        return Err(Refusal::new("ValidationError", "Invalid Open ID Connect Provider URL"));
    };
    let bare = bare.trim_end_matches('/').to_owned();
    let mut provider = new(work, &format!("oidc-provider/{bare}"))?;
    provider.url = Some(bare);
    let answer = json!({
        "OpenIDConnectProviderArn": provider.arn, "Tags": shown_tags(&provider.tags),
    });
    make(work, provider, format!("Provider with url {url} already exists."))?;
    Ok(answer)
}

pub(super) fn create_saml(work: &mut Work<'_>) -> Done {
    let name = work.input.text("Name").to_owned();
    let provider = new(work, &format!("saml-provider/{name}"))?;
    let answer = json!({"SAMLProviderArn": provider.arn, "Tags": shown_tags(&provider.tags)});
    make(work, provider, format!("SAMLProvider with name {name} already exists."))?;
    Ok(answer)
}

pub(super) fn get(work: &mut Work<'_>) -> Done {
    let provider = find(work)?;
    let tags = shown_tags(&provider.tags);
    Ok(match provider.url {
        Some(url) => json!({
            "Url": url,
            "ClientIDList": provider.clients,
            "ThumbprintList": provider.thumbprints,
            "CreateDate": provider.created,
            "Tags": tags,
        }),
        None => json!({
            "SAMLMetadataDocument": provider.metadata,
            "CreateDate": provider.created,
            "ValidUntil": provider.created + VALID_SECONDS,
            "Tags": tags,
        }),
    })
}

pub(super) fn delete(work: &mut Work<'_>) -> Done {
    let provider = find(work)?;
    work.gone("provider", &provider.arn);
    Ok(json!({}))
}

pub(super) fn list_oidc(work: &mut Work<'_>) -> Done {
    let of = work.account().providers.values().filter(|p| p.url.is_some());
    let list: Vec<Value> = of.map(|p| json!({"Arn": p.arn})).collect();
    Ok(json!({"OpenIDConnectProviderList": list}))
}

pub(super) fn list_saml(work: &mut Work<'_>) -> Done {
    let of = work.account().providers.values().filter(|p| p.url.is_none());
    let shown = |p: &Provider| json!({"Arn": p.arn, "CreateDate": p.created, "ValidUntil": p.created + VALID_SECONDS});
    let list: Vec<Value> = of.map(shown).collect();
    Ok(json!({"SAMLProviderList": list}))
}

pub(super) fn add_client(work: &mut Work<'_>) -> Done {
    let mut provider = find(work)?;
    let client = work.input.text("ClientID").to_owned();
    if !provider.clients.contains(&client) {
        provider.clients.push(client);
    }
    put(work, provider);
    Ok(json!({}))
}

pub(super) fn remove_client(work: &mut Work<'_>) -> Done {
    let mut provider = find(work)?;
    let client = work.input.text("ClientID");
    provider.clients.retain(|known| known != client);
    put(work, provider);
    Ok(json!({}))
}

pub(super) fn thumbprints(work: &mut Work<'_>) -> Done {
    let mut provider = find(work)?;
    provider.thumbprints = work.input.texts("ThumbprintList");
    put(work, provider);
    Ok(json!({}))
}

pub(super) fn update_saml(work: &mut Work<'_>) -> Done {
    let mut provider = find(work)?;
    if let Some(metadata) = work.input.owned("SAMLMetadataDocument") {
        provider.metadata = Some(metadata);
    }
    let answer = json!({"SAMLProviderArn": provider.arn});
    put(work, provider);
    Ok(answer)
}
