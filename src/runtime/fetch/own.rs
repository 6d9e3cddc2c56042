//! Archives that users bring themselves, by environment variable: a path or a `file://` URL, with
//! `#sha256=<hex>` behind it if it is to be checked.

use crate::base::Problem;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// An archive (or, for Postgres, an installation's directory) named by a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) path: PathBuf,
    /// Changes with the file.
    pub(crate) key: String,
}

/// What `variable` names, if it is set.
pub(crate) fn own_archive(variable: &str) -> Result<Option<Own>, Problem> {
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => named(variable, &value).map(Some),
        _ => Ok(None),
    }
}

fn named(variable: &str, value: &str) -> Result<Own, Problem> {
    let problem = |why: String| {
        Problem::in_the_way("own-archive", format!("{variable}={value}: {why}"))
            .hint(format!("correct {variable} or unset it; docs/native.md says what it may name"))
    };
    let (place, sum) = match value.split_once("#sha256=") {
        Some((place, sum)) => (place, Some(sum)),
        None => (value, None),
    };
    let path = if place.starts_with("file:") {
        let url = url::Url::parse(place).map_err(|error| problem(error.to_string()))?;
        url.to_file_path().map_err(|()| problem("this URL names no file of this machine".into()))?
    } else if place.contains("://") {
        return Err(problem("only a path or a file:// URL can be named here".into()));
    } else {
        PathBuf::from(place)
    };
    let meta = fs::metadata(&path).map_err(|error| problem(error.to_string()))?;
    if let Some(wanted) = sum {
        let bytes = fs::read(&path).map_err(|error| problem(error.to_string()))?;
        let found = hex::encode(Sha256::digest(&bytes));
        if !found.eq_ignore_ascii_case(wanted) {
            return Err(Problem {
                code: "checksum-refused",
                ..problem(format!("the file has sha256 {found}"))
            });
        }
    }
    let mut hash = Sha256::new();
    hash.update(path.as_os_str().as_encoded_bytes());
    hash.update(format!("{} {} {}", meta.len(), meta.mtime(), meta.mtime_nsec()));
    Ok(Own { path, key: hex::encode(&hash.finalize()[..8]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_file_urls_are_taken_and_checked() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("a.tgz");
        fs::write(&path, "0123456789").expect("file");
        let text = path.display().to_string();
        let sum = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
        assert_eq!(named("V", &text).map(|own| own.path), Ok(path.clone()));
        assert_eq!(
            named("V", &format!("file://{text}#sha256={sum}")).map(|own| own.path),
            Ok(path)
        );
        let problem = named("V", &format!("{text}#sha256=00")).expect_err("another sum");
        assert_eq!((problem.code, problem.exit.code()), ("checksum-refused", 5));
    }

    #[test]
    fn what_cannot_be_taken_is_named_with_its_variable() {
        for value in ["/no/such/file.tgz", "https://example.org/a.tgz", "file://host/a"] {
            let problem = named("DEVENV_REDIS_ARCHIVE", value).expect_err(value);
            assert!(
                problem.message.starts_with(&format!("DEVENV_REDIS_ARCHIVE={value}: ")),
                "{problem}"
            );
        }
    }
}
