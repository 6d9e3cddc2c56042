//! What must not lie on disk in clear is sealed under the environment's master key: AES-256-GCM, the
//! key 32 random bytes in the file `master.key` of the state directory, mode 0600.
//!
//! Invariant: a sealed text opens only with the master key and the place that it was sealed for, so a
//! row that was copied or moved to another place does not open. Whoever copies the state without the
//! master key has nothing.

use crate::base::Problem;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// The master key's file in the state directory.
const FILE: &str = "master.key";
/// Bytes of the master key.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce, which stands before what is sealed with it.
const NONCE_BYTES: usize = 12;

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Sealer(Arc<RandomizedNonceKey>);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// With the master key of `state_dir`, which is made if it is not there.
    pub fn open(state_dir: &Path) -> Result<Sealer, Problem> {
        let path = state_dir.join(FILE);
        let key = read_or_make(&path).map_err(|error| {
            let message = format!("the master key {} cannot be had: {error}", path.display());
            Problem::in_the_way("master-key", message)
                .hint("check the file's owner and mode; without it the keys of KMS cannot be read")
        })?;
        Sealer::new(&key)
            .ok_or_else(|| Problem::failed("master-key", "the master key cannot be used"))
    }

    /// With this key of 32 bytes.
    pub fn new(key: &[u8]) -> Option<Sealer> {
        RandomizedNonceKey::new(&AES_256_GCM, key).ok().map(|key| Sealer(Arc::new(key)))
    }

    /// Seals `clear` for `place`.
    pub fn seal(&self, place: &[u8], clear: &[u8]) -> Option<Vec<u8>> {
        let mut text = clear.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(place), &mut text).ok()?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Some(sealed)
    }

    /// Opens what was sealed for `place`.
    pub fn unseal(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let length = self.0.open_in_place(nonce, Aad::from(place), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

fn read_or_make(path: &Path) -> std::io::Result<Vec<u8>> {
    match fs::File::open(path) {
        Ok(file) => {
            let mut key = Vec::with_capacity(KEY_BYTES);
            file.take(KEY_BYTES as u64 + 1).read_to_end(&mut key)?;
            match key.len() {
                KEY_BYTES => Ok(key),
                // The power went before it was forced out: nothing sealed with it is on the disk.
                0 => make(path),
                _ => Err(std::io::Error::other("it is damaged")),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(path),
        Err(error) => Err(error),
    }
}

/// Forces the master key beside the state file `state` to the disk, if there is one. To be called before
/// anything that was sealed with it is forced out; a start would wait longer for this than for all else.
pub(super) fn force(state: &Path) -> std::io::Result<()> {
    match fs::File::open(state.with_file_name(FILE)) {
        Ok(file) => file.sync_all(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whole, or not at all. The keeper forces it to the disk (`force`).
fn make(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut key = vec![0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|_| std::io::Error::other("no randomness"))?;
    let new = path.with_extension("new");
    // A left-over of a crash may have another mode.
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(&key)?;
    fs::rename(&new, path)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_master_key_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let sealed = Sealer::open(dir.path()).unwrap().seal(b"here", b"secret").unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Sealer::open(dir.path()).unwrap();
        assert_eq!(again.unseal(b"here", &sealed).unwrap(), b"secret");
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
        fs::write(&path, "").unwrap();
        let anew = Sealer::open(dir.path()).unwrap();
        assert!(anew.unseal(b"here", &sealed).is_none(), "an empty file is no key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "short").unwrap();
        assert_eq!(Sealer::open(dir.path()).unwrap_err().code, "master-key");
    }

    #[test]
    fn only_the_right_key_and_place_open() {
        let sealer = Sealer::new(&[1; 32]).unwrap();
        let mut sealed = sealer.seal(b"a", b"secret").unwrap();
        assert!(sealer.unseal(b"b", &sealed).is_none());
        assert!(Sealer::new(&[2; 32]).unwrap().unseal(b"a", &sealed).is_none());
        assert_ne!(sealed, sealer.seal(b"a", b"secret").unwrap(), "never twice the same");
        sealed[13] ^= 1;
        assert!(sealer.unseal(b"a", &sealed).is_none());
        assert!(sealer.unseal(b"a", b"short").is_none());
    }
}
