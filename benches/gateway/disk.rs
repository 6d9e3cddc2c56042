//! The baseline of large uploads: as many threads as there are clients write the same bytes to the same
//! disk, each into a new file, and compute what S3 computes of them: MD5 and CRC64NVME.

use crate::cases::{Case, LARGE_BYTES};
use crate::client::{Measured, connections, length};
use md5::{Digest, Md5};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Bytes hashed and written at once.
const WRITE_BYTES: usize = 256 * 1024;

/// Writes for a while.
pub(crate) fn run(dir: &Path, case: &Case) -> Measured {
    std::fs::create_dir_all(dir).expect("a directory on the same disk");
    let data = vec![b'x'; LARGE_BYTES];
    let started = Instant::now();
    let mut all = Measured::default();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..connections(case))
            .map(|n| {
                let (path, data) = (dir.join(format!("large-{n}")), data.as_slice());
                scope.spawn(move || {
                    let mut times = Vec::new();
                    while started.elapsed() < length() {
                        let begun = Instant::now();
                        write(&path, data).expect("the disk takes it");
                        times.push(begun.elapsed());
                    }
                    times
                })
            })
            .collect();
        for writer in writers {
            all.latencies.extend(writer.join().expect("a writer"));
        }
    });
    all.seconds = started.elapsed().as_secs_f64();
    all.latencies.sort_unstable();
    all
}

fn write(path: &Path, data: &[u8]) -> std::io::Result<()> {
    // Like the gateway, which frees the object that a new one replaces.
    let _ = std::fs::remove_file(path);
    let mut file = File::create_new(path)?;
    let (mut md5, mut crc) = (Md5::new(), crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme));
    for piece in data.chunks(WRITE_BYTES) {
        md5.update(piece);
        crc.update(piece);
        file.write_all(piece)?;
    }
    std::hint::black_box((md5.finalize(), crc.finalize()));
    Ok(())
}
