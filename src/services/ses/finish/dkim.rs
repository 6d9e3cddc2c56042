//! DKIM signatures as SES makes them: `rsa-sha256`, `relaxed/simple`, over the fields that SES signs.
//!
//! <https://www.rfc-editor.org/rfc/rfc6376>,
//! <https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim.html>

use super::Signer;
use crate::base::Millis;
use crate::services::ses::draft::Split;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::signature::{SignatureEncoding, Signer as _};
use rsa::{RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};

/// Fields that are signed, where a mail has them.
const SIGNED: [&str; 10] = [
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "MIME-Version",
    "Content-Type",
    "Message-ID",
    "Date",
    "Feedback-ID",
];
/// Bits that a key may have (`DomainSigningPrivateKey`).
const BITS: std::ops::RangeInclusive<u32> = 1024..=2048;

/// A key that signs.
#[derive(Clone)]
pub struct Key(RsaPrivateKey);

impl Key {
    /// From DER, by PKCS#1 or PKCS#8; `None` if it is no RSA key of a length that SES takes.
    pub fn read(der: &[u8]) -> Option<Key> {
        use rsa::traits::PublicKeyParts;
        let key = RsaPrivateKey::from_pkcs8_der(der).ok();
        let key = key.or_else(|| RsaPrivateKey::from_pkcs1_der(der).ok())?;
        BITS.contains(&key.n().bits()).then_some(Key(key))
    }

    /// What the domain's TXT record would say.
    pub fn record(&self) -> Option<String> {
        let public = RsaPublicKey::from(&self.0).to_public_key_der().ok()?;
        Some(format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public.as_bytes())))
    }
}

/// The field that signs `mail`, with its line end.
pub fn sign(mail: &[u8], signer: &Signer, key: &Key, at: Millis) -> Option<String> {
    let split = Split::new(mail);
    // Of fields that a mail has twice the last is signed: verifiers take them from below.
    let last = |name: &str| {
        split.fields.iter().rfind(|field| field.name.eq_ignore_ascii_case(name)).map(|f| f.whole)
    };
    let names: Vec<&str> = SIGNED.into_iter().filter(|name| last(name).is_some()).collect();
    let end = split.line_end;
    let (names_text, seconds) = (names.join(":"), at.0.div_euclid(1000));
    let body = STANDARD.encode(Sha256::digest(simple_body(&mail[split.body_at..])));
    let field = format!(
        "DKIM-Signature: v=1; a=rsa-sha256; q=dns/txt; c=relaxed/simple;{end}\ts={}; d={}; t={seconds};{end}\
         \th={names_text};{end}\tbh={body};{end}\tb=",
        signer.selector, signer.domain
    );
    let mut signed = String::new();
    for field in names.iter().filter_map(|name| last(name)) {
        signed.push_str(&relaxed(field));
        signed.push_str("\r\n");
    }
    signed.push_str(&relaxed(field.as_bytes()));
    let signature = SigningKey::<Sha256>::new(key.0.clone()).try_sign(signed.as_bytes()).ok()?;
    let signature = STANDARD.encode(signature.to_bytes());
    let folded = signature.as_bytes().chunks(72).map(|part| String::from_utf8_lossy(part));
    let folded = folded.collect::<Vec<_>>().join(&format!("{end}\t "));
    Some(format!("{field}{folded}{end}"))
}

/// A field, `relaxed` (RFC 6376, 3.4.2), without a line end.
fn relaxed(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    let (name, value) = text.split_once(':').unwrap_or((&text, ""));
    let words: Vec<&str> = value.split([' ', '\t', '\r', '\n']).filter(|w| !w.is_empty()).collect();
    format!("{}:{}", name.trim().to_ascii_lowercase(), words.join(" "))
}

/// A body, `simple` (3.4.3): empty lines at its end do not count, and every line ends with CR LF.
fn simple_body(body: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = body.split(|b| *b == b'\n').collect();
    // Behind the last line's end is no line.
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    let whole: Vec<&[u8]> = lines.iter().map(|l| l.strip_suffix(b"\r").unwrap_or(l)).collect();
    let count = whole.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let mut canonical = Vec::with_capacity(body.len() + 2);
    for line in &whole[..count] {
        canonical.extend_from_slice(line);
        canonical.extend_from_slice(b"\r\n");
    }
    if canonical.is_empty() { b"\r\n".to_vec() } else { canonical }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6376, 3.4.5 and 3.4.3.
    #[test]
    fn canonical_forms_are_those_of_the_standard() {
        assert_eq!(relaxed(b"A: X\r\n"), "a:X");
        assert_eq!(relaxed(b"B : Y\t\r\n\tZ  \r\n"), "b:Y Z");
        for (body, canonical) in [
            (&b" C \r\nD \t E\r\n\r\n\r\n"[..], &b" C \r\nD \t E\r\n"[..]),
            (b"", b"\r\n"),
            (b"\r\n\r\n", b"\r\n"),
            (b"x", b"x\r\n"),
            (b"\r\nx\n", b"\r\nx\r\n"),
        ] {
            assert_eq!(simple_body(body), canonical, "{body:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        assert!(Key::read(b"").is_none() && Key::read(&[0x30, 0x82, 1, 2, 3]).is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            proptest::prop_assert!(simple_body(&body).ends_with(b"\r\n"));
            relaxed(&body);
        }
    }
}
