//! The certificate for STARTTLS: self-signed for this machine's loopback names, made once for an
//! environment and kept beside its state, so that a client may be told to trust it.

use crate::base::Problem;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificate, for clients to trust.
const CERTIFICATE: &str = "smtp-certificate.pem";
/// The certificate and its key.
const BOTH: &str = "smtp-tls.pem";
/// The names that it is for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Reads what lies in `dir`, or makes it.
pub(super) fn acceptor(dir: &Path) -> Result<TlsAcceptor, Problem> {
    let kept = std::fs::read(dir.join(BOTH)).ok().and_then(|pem| configured(&pem).ok());
    match kept {
        Some(acceptor) => Ok(acceptor),
        None => configured(make(dir)?.as_bytes()).map_err(|e| unusable(&e)),
    }
}

fn configured(pem: &[u8]) -> Result<TlsAcceptor, String> {
    let certificate = CertificateDer::from_pem_slice(pem).map_err(|e| e.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|e| e.to_string())?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(|e| e.to_string())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn make(dir: &Path) -> Result<String, Problem> {
    let names = NAMES.map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).map_err(|e| unusable(&e.to_string()))?;
    let certificate = made.cert.pem();
    let both = format!("{certificate}{}", made.signing_key.serialize_pem());
    for (name, text) in [(CERTIFICATE, &certificate), (BOTH, &both)] {
        write(&dir.join(name), text).map_err(|error| {
            let path = dir.join(name);
            let message = format!("the certificate {} cannot be written: {error}", path.display());
            Problem::in_the_way("state-unwritable", message)
                .hint("check the directory's owner and mode")
        })?;
    }
    Ok(both)
}

/// Whole or not at all: another start may read meanwhile.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    // A left-over of a crash may have another mode.
    let _ = std::fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&new, path)
}

fn unusable(why: &str) -> Problem {
    Problem::failed("certificate", format!("no certificate for SMTP: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_certificate_is_made_once_and_mended_if_it_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        acceptor(dir.path()).unwrap();
        let path = dir.path().join(BOTH);
        let first = std::fs::read(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        acceptor(dir.path()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        std::fs::write(&path, "half a cert").unwrap();
        acceptor(dir.path()).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(b"-----BEGIN CERTIFICATE"));
        assert!(acceptor(Path::new("/nonexistent")).is_err());
    }
}
