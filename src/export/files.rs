//! Files of this machine that an export takes along.

use std::path::Path;

/// Bytes of all files of one mount at the most: what a ConfigMap or a Secret holds, with room to spare.
const MOUNT_BYTES_MAX: u64 = 900 * 1024;
/// Files of one mount at the most.
const MOUNT_FILES_MAX: usize = 200;
/// Directories in one another at the most.
const DEPTH_MAX: usize = 16;

/// A file or a whole directory: each file by its path below `path` (empty for a file itself). `Err`
/// says why it cannot be taken along.
pub(super) fn gather(path: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut found = Vec::new();
    let mut bytes = 0;
    walk(path, String::new(), 0, &mut bytes, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(
    path: &Path,
    name: String,
    depth: usize,
    bytes: &mut u64,
    found: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let facts = std::fs::metadata(path).map_err(told)?;
    if facts.is_file() {
        *bytes += facts.len();
        if *bytes > MOUNT_BYTES_MAX || found.len() == MOUNT_FILES_MAX {
            return Err(format!(
                "it holds more than {MOUNT_FILES_MAX} files or {} KB",
                MOUNT_BYTES_MAX / 1024
            ));
        }
        found.push((name, std::fs::read(path).map_err(told)?));
        return Ok(());
    }
    if !facts.is_dir() {
        return Err(format!("{} is neither a file nor a directory", path.display()));
    }
    if depth == DEPTH_MAX {
        return Err(format!("it is more than {DEPTH_MAX} directories deep"));
    }
    for entry in std::fs::read_dir(path).map_err(told)? {
        let entry = entry.map_err(told)?;
        let own = entry.file_name().to_string_lossy().into_owned();
        let name = if name.is_empty() { own } else { format!("{name}/{own}") };
        walk(&entry.path(), name, depth + 1, bytes, found)?;
    }
    Ok(())
}
