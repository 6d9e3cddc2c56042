//! Certificates for servers in containers: an authority of the environment's own, which people trust once,
//! and for each server one that it signed.
//!
//! They lie in `tls` of the state directory: `ca.pem` and its key, and a directory for each server, which is
//! put into its container. Invariant: the authority's key is nobody else's to read and is put into no
//! container; the authority stays until it is too old to sign, so that trust in it lasts. Dates are those
//! of the machine's own time, by which clients judge.

use crate::base::Problem;
use crate::runtime::Dirs;
use crate::runtime::dirs::private_dir;
use jiff::civil::Date;
use jiff::{Span, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Days for which the authority is good.
const AUTHORITY_DAYS: i64 = 3650;
/// Days for which a server's certificate is good: browsers take none of more than 398.
const SERVER_DAYS: i64 = 397;
/// With fewer days left, a server gets another one.
const RENEWAL_DAYS: i64 = 30;
/// The names of this machine for itself.
const HERE: [&str; 4] = ["localhost", "*.localhost", "127.0.0.1", "::1"];

/// One at a time makes the authority.
static TURN: Mutex<()> = Mutex::new(());

/// A day, counted from the first of 1970 on.
type Day = i64;

/// What is known of a certificate beside it, so that none has to be taken apart.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Facts {
    /// The authority's subject, or the signer's hash.
    by: String,
    /// Its names.
    names: Vec<String>,
    from: Day,
    until: Day,
}

/// The authority's certificate of an environment, once there is one.
pub fn authority(dirs: &Dirs) -> PathBuf {
    dirs.state.join("tls/ca.pem")
}

/// The directory with `cert.pem`, `key.pem` and `ca.pem` of a server that is reached by `names` beside
/// those of this machine; they are made where they are missing, about to end, or for other names.
pub fn server(
    dirs: &Dirs,
    server: &str,
    names: &[String],
    now: Timestamp,
) -> Result<PathBuf, Problem> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let today: Day = now.as_second().div_euclid(86_400);
    let root = dirs.state.join("tls");
    private_dir(&root)?;
    let signer = Authority::at(&root, today)?;
    let mut names: Vec<String> =
        HERE.iter().map(|name| (*name).to_owned()).chain(names.iter().cloned()).collect();
    names.sort();
    names.dedup();
    let dir = root.join(server);
    let by = hex::encode(Sha256::digest(&signer.certificate));
    let kept: Option<Facts> = facts(&dir.join("facts.json"));
    let good = kept.is_some_and(|kept| {
        (&kept.by, &kept.names) == (&by, &names) && kept.until - today >= RENEWAL_DAYS
    });
    let there = || ["cert.pem", "key.pem", "ca.pem"].iter().all(|name| dir.join(name).is_file());
    if good && there() {
        return Ok(dir);
    }
    let facts = Facts { by, names, from: today - 1, until: today + SERVER_DAYS };
    let (certificate, key) = signer.sign(server, &facts).map_err(|why| unusable(&why))?;
    // Whoever runs inside may read them; the directory above is nobody else's.
    let made = DirBuilder::new().recursive(true).mode(0o755).create(&dir);
    made.map_err(|error| unwritable(&dir, &error))?;
    let _ = fs::remove_file(dir.join("facts.json"));
    write(&dir.join("key.pem"), &key, 0o444)?;
    write(&dir.join("cert.pem"), &certificate, 0o444)?;
    write(&dir.join("ca.pem"), &signer.certificate, 0o444)?;
    write(&dir.join("facts.json"), &serde_json::json!(facts).to_string(), 0o600)?;
    Ok(dir)
}

struct Authority {
    certificate: String,
    key: KeyPair,
    facts: Facts,
}

impl Authority {
    /// The one that is kept, if it can still sign for as long as a server's certificate lasts; else another.
    fn at(root: &Path, today: Day) -> Result<Authority, Problem> {
        let kept = || {
            let facts: Facts = facts(&root.join("ca.json"))?;
            let key = KeyPair::from_pem(&fs::read_to_string(root.join("ca.key")).ok()?).ok()?;
            let certificate = fs::read_to_string(root.join("ca.pem")).ok()?;
            (facts.until - today > SERVER_DAYS).then_some(Authority { certificate, key, facts })
        };
        match kept() {
            Some(kept) => Ok(kept),
            None => Authority::make(root, today),
        }
    }

    fn make(root: &Path, today: Day) -> Result<Authority, Problem> {
        let key = KeyPair::generate().map_err(|error| unusable(&error.to_string()))?;
        let print = hex::encode(&Sha256::digest(key.public_key_raw())[..4]);
        let project = root.parent().and_then(Path::parent).and_then(Path::file_name);
        let project = project.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let facts = Facts {
            by: format!("devenv {project} {print}"),
            names: vec![],
            from: today - 1,
            until: today + AUTHORITY_DAYS,
        };
        let made = params_of_authority(&facts).self_signed(&key);
        let certificate = made.map_err(|error| unusable(&error.to_string()))?.pem();
        let _ = fs::remove_file(root.join("ca.json"));
        write(&root.join("ca.key"), &key.serialize_pem(), 0o600)?;
        write(&root.join("ca.pem"), &certificate, 0o600)?;
        write(&root.join("ca.json"), &serde_json::json!(facts).to_string(), 0o600)?;
        Ok(Authority { certificate, key, facts })
    }

    /// A server's certificate and its key.
    fn sign(&self, server: &str, facts: &Facts) -> Result<(String, String), String> {
        let mut params = CertificateParams::new(facts.names.clone()).map_err(|e| e.to_string())?;
        params.distinguished_name = subject(server);
        set_times(&mut params, facts);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(|error| error.to_string())?;
        let issuer = Issuer::new(params_of_authority(&self.facts), &self.key);
        let signed = params.signed_by(&key, &issuer).map_err(|error| error.to_string())?;
        Ok((signed.pem(), key.serialize_pem()))
    }
}

fn params_of_authority(facts: &Facts) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject(&facts.by);
    set_times(&mut params, facts);
    // It signs servers, and no other authority.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn subject(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "devenv");
    subject.push(DnType::CommonName, name);
    subject
}

fn set_times(params: &mut CertificateParams, facts: &Facts) {
    let part = |part: i8| u8::try_from(part).unwrap_or(1);
    let time = |day: Day| {
        let date = Date::constant(1970, 1, 1).saturating_add(Span::new().days(day));
        date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    (params.not_before, params.not_after) = (time(facts.from), time(facts.until));
}

fn facts(path: &Path) -> Option<Facts> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// Whole or not at all: a server may read meanwhile.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Problem> {
    let new = path.with_extension("new");
    let written = || -> std::io::Result<()> {
        // A left-over of a crash may have another mode.
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&new, path)
    };
    written().map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::in_the_way("not-writable", format!("cannot write {}: {error}", path.display()))
}

fn unusable(why: &str) -> Problem {
    Problem::failed("certificate", format!("no certificate can be made: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn read(dir: &Path, name: &str) -> String {
        fs::read_to_string(dir.join(name)).expect("file")
    }

    #[test]
    fn an_authority_stays_and_its_certificates_are_renewed_in_time() {
        let project = tempfile::tempdir().expect("directory");
        let dirs =
            Dirs::create_with_cache(project.path(), project.path().join("cache")).expect("dirs");
        let at = |text: &str| -> Timestamp { text.parse().expect("time") };
        let names = ["shop".to_owned()];
        let issue = |now: &str, names: &[String]| {
            let dir = server(&dirs, "lb", names, at(now)).expect("certificate");
            (read(&dir, "cert.pem"), read(&dir, "ca.pem"))
        };
        let first = issue("2026-01-01T12:00:00Z", &names);
        assert_eq!(issue("2026-12-31T12:00:00Z", &names), first, "more than 30 days are left");
        let renewed = issue("2027-01-05T12:00:00Z", &names);
        assert!(renewed.0 != first.0 && renewed.1 == first.1);
        let renamed = issue("2027-01-05T12:00:00Z", &["desk".to_owned()]);
        assert!(renamed.0 != renewed.0 && renamed.1 == first.1, "other names");
        // An authority that would end before what it signs makes room for another.
        let old = issue("2034-11-01T00:00:00Z", &names);
        assert_eq!(old.1, first.1);
        assert_ne!(issue("2034-12-15T00:00:00Z", &names).1, first.1);
        let mode = |name: &str| {
            let metadata = fs::metadata(dirs.state.join("tls").join(name)).expect("file");
            metadata.permissions().mode() & 0o777
        };
        assert_eq!((mode("ca.key"), mode(""), mode("lb/key.pem")), (0o600, 0o700, 0o444));
        // What is damaged is made anew.
        fs::write(dirs.state.join("tls/ca.key"), "half a key").expect("file");
        let mended = issue("2034-12-15T00:00:00Z", &names);
        assert_eq!(issue("2034-12-15T00:00:00Z", &names), mended);
    }
}
