//! What a verification says, signed with a key that is derived from the masks': whoever knows the public
//! key can see that nobody without the secret wrote it.

use super::looker::Report;
use crate::data::archive::Manifest;
use crate::data::mask::Key;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

/// A signed report.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) report: Report,
    /// The certificate as it is written.
    pub(crate) json: Value,
}

impl Certificate {
    pub(crate) fn new(
        manifest: &Manifest,
        key: &Key,
        scanned: &[&str],
        report: Report,
    ) -> Certificate {
        // The chance that a look hits by accident, for as many looks as there were.
        #[allow(clippy::cast_precision_loss, reason = "an estimate")]
        let rate = report.fingerprints as f64 / 2f64.powi(64) * report.looks as f64;
        let mut json = json!({
            "schema": 1,
            "content_hash": manifest.content_hash,
            "schema_hash": manifest.schema_hash,
            "rules_hash": manifest.rules_hash,
            "key_id": manifest.key_id,
            "rows": manifest.tables.iter().map(|t| t.rows).sum::<u64>(),
            "scanned": scanned,
            "fingerprints": report.fingerprints,
            "values": report.values,
            "looks": report.looks,
            "file_bytes": report.file_bytes,
            "coincidences": report.coincidences,
            "hits": report.hits.values().sum::<u64>(),
            "places": report.hits,
            "false_positives_expected": rate,
        });
        if let Ok(pair) = Ed25519KeyPair::from_seed_unchecked(&key.derive("certificate")) {
            json["public_key"] = hex::encode(pair.public_key().as_ref()).into();
            // Over the text of the object as it stands without its signature.
            let signature = pair.sign(json.to_string().as_bytes());
            json["signature"] = hex::encode(signature.as_ref()).into();
        }
        Certificate { report, json }
    }

    /// How many values of the source were found.
    pub(crate) fn hits(&self) -> u64 {
        self.report.hits.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    #[test]
    fn a_certificate_is_what_was_signed() {
        let key = Key::from_text("0123456789abcdef").expect("key");
        let manifest = Manifest {
            format: 1,
            devenv: "0".into(),
            key_id: key.id(),
            rules_hash: "r".into(),
            schema_hash: "s".into(),
            server: "17".into(),
            tables: Vec::new(),
            fingerprints: 0,
            content_hash: "c".into(),
        };
        let mut json = Certificate::new(&manifest, &key, &["archive"], Report::default()).json;
        let take = |json: &mut Value, name: &str| {
            let member = json.as_object_mut().and_then(|o| o.remove(name)).expect("member");
            hex::decode(member.as_str().expect("text")).expect("hex")
        };
        let signature = take(&mut json, "signature");
        let public = hex::decode(json["public_key"].as_str().expect("text")).expect("hex");
        let public = UnparsedPublicKey::new(&ED25519, public);
        assert!(public.verify(json.to_string().as_bytes(), &signature).is_ok());
        json["hits"] = 7.into();
        assert!(public.verify(json.to_string().as_bytes(), &signature).is_err());
    }
}
