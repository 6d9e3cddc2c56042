//! Mails as their recipients get them (see [`super::super::finish`]), and what comes back from those who
//! open them and follow their links: `/_devenv/ses/I0/MAIL/SIGNATURE`, `/_devenv/ses/L0/N/MAIL/SIGNATURE`.
//!
//! A link's signature follows from a key of this environment and the mail's id, so nobody can make one
//! up, and where it leads stands in the mail alone.

use super::inbox::Inbox;
use super::pages::{answer, problem};
use crate::base::Caller;
use crate::protocol::{Answer, Failure};
use crate::services::ses::events::{Cause, Raise};
use crate::services::ses::finish::dkim::{self, Key};
use crate::services::ses::finish::track::{Tracker, links};
use crate::services::ses::finish::{Finish, Signer, Tracking};
use crate::services::ses::mail::Mail;
use crate::services::ses::store;
use crate::services::ses::store::keys::{self, Name};
use crate::services::unavailable;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderValue, StatusCode, header};
use rsa::pkcs8::EncodePrivateKey;
use sha2::Sha256;
use std::sync::Arc;

/// A picture of one transparent point.
const PIXEL: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x00\x00\
    \x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";
/// Bytes of the key of links.
const LINKS_KEY_BYTES: usize = 32;
/// Bytes of a link's signature: as many as nobody guesses.
const SIGNATURE_BYTES: usize = 16;

/// What a recipient did.
pub(super) struct Deed {
    /// With which mail.
    pub(super) id: String,
    /// The signature of the address that was asked for.
    pub(super) signature: String,
    /// The number of the link that was followed; none for the pixel.
    pub(super) link: Option<usize>,
    /// `User-Agent`.
    pub(super) agent: String,
}

impl Inbox {
    /// The mail with what is done to it; `endpoint` is where its reader has found the gateway. Blocks.
    pub(super) fn finished(
        &self,
        mail: &Mail,
        mut bytes: Vec<u8>,
        finish: &Finish,
        endpoint: Option<&str>,
    ) -> Result<Vec<u8>, Failure> {
        if let Some(track) = &finish.track {
            let tracker = self.tracker(mail, track, endpoint)?;
            bytes = tracker.rewrite(&bytes).into_owned();
        }
        let Some(signer) = &finish.sign else { return Ok(bytes) };
        let Some(key) = self.signing_key(mail, signer)? else { return Ok(bytes) };
        if let Some(field) = dkim::sign(&bytes, signer, &key, mail.received) {
            bytes.splice(0..0, field.into_bytes());
        }
        Ok(bytes)
    }

    fn tracker(
        &self,
        mail: &Mail,
        track: &Tracking,
        endpoint: Option<&str>,
    ) -> Result<Tracker, Failure> {
        let base = format!("{}/_devenv/ses", endpoint.unwrap_or(&track.endpoint));
        let signature = self.mac(&mail.id)?.finalize().into_bytes();
        let behind = format!("{}/{}", mail.id, hex::encode(&signature[..SIGNATURE_BYTES]));
        Ok(Tracker {
            pixel: track.opens.then(|| format!("{base}/I0/{behind}")),
            link: track.clicks.then(|| format!("{base}/L0")),
            behind,
        })
    }

    fn mac(&self, id: &str) -> Result<Hmac<Sha256>, Failure> {
        let key = self.key(&Name::of_links(), || {
            let mut key = vec![0; LINKS_KEY_BYTES];
            getrandom::fill(&mut key).map_err(|e| unmade(&e))?;
            Ok(key)
        })?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|e| unmade(&e))?;
        mac.update(id.as_bytes());
        Ok(mac)
    }

    /// The key of the mail's signer; none if its owner brought one that is none.
    fn signing_key(&self, mail: &Mail, signer: &Signer) -> Result<Option<Key>, Failure> {
        let home = (mail.account.clone(), mail.region.clone());
        let name = Name::of(&home, &signer.domain, &signer.selector);
        let der = match signer.bits {
            None => self.read(|c| keys::get(c, &name))?,
            Some(bits) => Some(self.key(&name, || made(bits))?),
        };
        Ok(der.and_then(|der| Key::read(&der)))
    }

    /// A key that is kept, or made now. Blocks.
    fn key(
        &self,
        name: &Name,
        make: impl FnOnce() -> Result<Vec<u8>, Failure>,
    ) -> Result<Vec<u8>, Failure> {
        if let Some(key) = self.read(|c| keys::get(c, name))? {
            return Ok(key);
        }
        let (key, add) = (make()?, name.clone());
        let kept = self.host.storage().transact(move |t| {
            keys::add(t, &add, &key)?;
            // Somebody else may have been first.
            keys::get(t, &add)
        });
        let kept = tokio::runtime::Handle::current().block_on(kept).map_err(|e| unavailable(&e))?;
        kept.ok_or_else(|| unmade(&"it was not kept"))
    }

    /// What a domain's TXT record would say of a key that has signed.
    pub(super) fn dkim_record(&self, path: [&str; 4]) -> Result<Answer, Failure> {
        let [account, region, domain, selector] = path;
        let name = Name::of(&(account.to_owned(), region.to_owned()), domain, selector);
        let key = self.read(|c| keys::get(c, &name))?.and_then(|der| Key::read(&der));
        Ok(match key.and_then(|key| key.record()) {
            Some(record) => answer(StatusCode::OK, "text/plain; charset=utf-8", record),
            None => problem(StatusCode::NOT_FOUND, "not-found", "no mail was signed by such a key"),
        })
    }

    /// Somebody opened a mail or followed one of its links.
    pub(super) async fn follow(self: &Arc<Self>, deed: Deed) -> Result<Answer, Failure> {
        let found = self.aside(move |inbox| inbox.found(deed)).await?;
        let Some((raise, url)) = found else {
            return Ok(problem(StatusCode::NOT_FOUND, "not-found", "no such link"));
        };
        let caller = Caller::internal(&raise.mail.account, &raise.mail.region, "");
        self.host.run(raise, &caller).await?;
        self.host.clock().call();
        let mut answer = match &url {
            None => answer(StatusCode::OK, "image/gif", PIXEL),
            Some(_) => answer(StatusCode::FOUND, "text/plain; charset=utf-8", Bytes::new()),
        };
        let headers = answer.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(url) = url.and_then(|url| HeaderValue::from_str(&url).ok()) {
            headers.insert(header::LOCATION, url);
        }
        Ok(answer)
    }

    /// What follows from a deed, and where it leads; none if nobody was sent such an address. Blocks.
    fn found(&self, deed: Deed) -> Result<Option<(Raise, Option<String>)>, Failure> {
        let signature = hex::decode(&deed.signature).unwrap_or_default();
        let right = signature.len() == SIGNATURE_BYTES
            && self.mac(&deed.id)?.verify_truncated_left(&signature).is_ok();
        if !right {
            return Ok(None);
        }
        let Some(mail) = self.read(|c| store::one(c, &deed.id))? else { return Ok(None) };
        let Some((raw, finish)) = self.kept(&mail)? else { return Ok(None) };
        let Some(track) = finish.and_then(|finish| finish.track) else { return Ok(None) };
        let agent = deed.agent;
        let (by, url) = match deed.link {
            None if track.opens => (Cause::Opened { agent }, None),
            Some(n) if track.clicks => match links(&raw).into_iter().nth(n) {
                Some(link) => {
                    let url = link.url.clone();
                    (Cause::Clicked { agent, link: link.url, tags: link.tags }, Some(url))
                }
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some((Raise { mail, head: raw, by }, url)))
    }
}

/// A fresh RSA key in DER.
fn made(bits: usize) -> Result<Vec<u8>, Failure> {
    let mut random = rand_core::UnwrapErr(getrandom::SysRng);
    let key = rsa::RsaPrivateKey::new(&mut random, bits).map_err(|e| unmade(&e))?;
    let der = key.to_pkcs8_der().map_err(|e| unmade(&e))?;
    Ok(der.as_bytes().to_vec())
}

fn unmade(why: &dyn std::fmt::Display) -> Failure {
    Failure::new(500, "InternalFailure", format!("a key could not be made: {why}"))
}
