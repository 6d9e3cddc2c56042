//! Checksums of bodies: MD5 for the entity tag, and the five algorithms of `x-amz-checksum-*`.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>. CRCs of parts
//! combine to the CRC of the whole (`FULL_OBJECT`); `COMPOSITE` is the checksum of the parts' checksums.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// An algorithm of `x-amz-checksum-*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// CRC-32 (ISO-HDLC).
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME.
    Crc64nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// All of them, in the order in which AWS lists them.
    pub const ALL: [Algorithm; 5] = [
        Algorithm::Crc32,
        Algorithm::Crc32c,
        Algorithm::Crc64nvme,
        Algorithm::Sha1,
        Algorithm::Sha256,
    ];

    /// `CRC32`.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "CRC32",
            Algorithm::Crc32c => "CRC32C",
            Algorithm::Crc64nvme => "CRC64NVME",
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
        }
    }

    /// `crc32`.
    pub fn lower(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "crc32",
            Algorithm::Crc32c => "crc32c",
            Algorithm::Crc64nvme => "crc64nvme",
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
        }
    }

    /// `x-amz-checksum-crc32`.
    pub fn header(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "x-amz-checksum-crc32",
            Algorithm::Crc32c => "x-amz-checksum-crc32c",
            Algorithm::Crc64nvme => "x-amz-checksum-crc64nvme",
            Algorithm::Sha1 => "x-amz-checksum-sha1",
            Algorithm::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// `ChecksumCRC32`.
    pub fn element(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "ChecksumCRC32",
            Algorithm::Crc32c => "ChecksumCRC32C",
            Algorithm::Crc64nvme => "ChecksumCRC64NVME",
            Algorithm::Sha1 => "ChecksumSHA1",
            Algorithm::Sha256 => "ChecksumSHA256",
        }
    }

    /// By name, in any case.
    pub fn parse(name: &str) -> Option<Algorithm> {
        Self::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(name))
    }

    /// By header name, in lower case.
    pub fn of_header(name: &str) -> Option<Algorithm> {
        Self::ALL.into_iter().find(|a| a.header() == name)
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Algorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Algorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Algorithm::Crc64nvme => Some(CrcAlgorithm::Crc64Nvme),
            Algorithm::Sha1 | Algorithm::Sha256 => None,
        }
    }

    /// Whether the checksum of a whole follows from those of its parts.
    pub fn combines(self) -> bool {
        self.crc().is_some()
    }

    /// Bytes of a checksum.
    pub fn width(self) -> usize {
        match self {
            Algorithm::Crc32 | Algorithm::Crc32c => 4,
            Algorithm::Crc64nvme => 8,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
        }
    }

    /// Whether `text` is a checksum of this algorithm in base64.
    pub fn is_value(self, text: &str) -> bool {
        STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == self.width())
    }

    /// The checksum of `data` in base64.
    pub fn of(self, data: &[u8]) -> String {
        let mut running = Running::new(self);
        running.update(data);
        running.finish().value
    }
}

/// A checksum as S3 shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Base64; of a composite one with `-N` behind.
    pub value: String,
    /// Whether it is made of the parts' checksums.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub composite: bool,
}

impl Checksum {
    /// `FULL_OBJECT` or `COMPOSITE`.
    pub fn kind(&self) -> &'static str {
        if self.composite { "COMPOSITE" } else { "FULL_OBJECT" }
    }
}

enum Running {
    Crc(Algorithm, Box<crc_fast::Digest>),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
}

impl Running {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm.crc() {
            Some(crc) => Running::Crc(algorithm, Box::new(crc_fast::Digest::new(crc))),
            None if algorithm == Algorithm::Sha1 => Running::Sha1(Box::default()),
            None => Running::Sha256(Box::default()),
        }
    }

    fn update(&mut self, data: &[u8]) {
        match self {
            Running::Crc(_, digest) => digest.update(data),
            Running::Sha1(digest) => digest.update(data),
            Running::Sha256(digest) => digest.update(data),
        }
    }

    fn finish(self) -> Checksum {
        let (algorithm, value) = match self {
            Running::Crc(algorithm, digest) => (algorithm, crc_text(algorithm, digest.finalize())),
            Running::Sha1(digest) => (Algorithm::Sha1, STANDARD.encode(digest.finalize())),
            Running::Sha256(digest) => (Algorithm::Sha256, STANDARD.encode(digest.finalize())),
        };
        Checksum { algorithm, value, composite: false }
    }
}

fn crc_text(algorithm: Algorithm, value: u64) -> String {
    STANDARD.encode(&value.to_be_bytes()[8 - algorithm.width()..])
}

/// Everything that is computed of a body as it passes.
pub struct Hasher {
    md5: Md5,
    payload: Option<Sha256>,
    running: Vec<Running>,
    size: u64,
}

/// What was computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Bytes that passed.
    pub size: u64,
    /// MD5 in hex: the entity tag.
    pub md5: String,
    /// SHA-256 in hex, if it was asked for.
    pub payload: Option<String>,
    /// Checksums, CRC64NVME among them.
    pub checksums: Vec<Checksum>,
}

impl Hasher {
    /// Computes MD5, CRC64NVME and `algorithms`; SHA-256 of the payload if `payload`.
    pub fn new(algorithms: &[Algorithm], payload: bool) -> Self {
        let mut running = vec![Running::new(Algorithm::Crc64nvme)];
        let others = algorithms.iter().filter(|a| **a != Algorithm::Crc64nvme);
        running.extend(others.map(|a| Running::new(*a)));
        Hasher { md5: Md5::new(), payload: payload.then(Sha256::new), running, size: 0 }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.size += data.len() as u64;
        self.md5.update(data);
        if let Some(payload) = &mut self.payload {
            payload.update(data);
        }
        self.running.iter_mut().for_each(|r| r.update(data));
    }

    /// The results.
    pub fn finish(self) -> Digests {
        Digests {
            size: self.size,
            md5: hex::encode(self.md5.finalize()),
            payload: self.payload.map(|p| hex::encode(p.finalize())),
            checksums: self.running.into_iter().map(Running::finish).collect(),
        }
    }
}

impl Digests {
    /// The checksum by `algorithm`, if it was computed.
    pub fn by(&self, algorithm: Algorithm) -> Option<&Checksum> {
        self.checksums.iter().find(|c| c.algorithm == algorithm)
    }
}

/// The entity tag of an object made of parts with these entity tags.
pub fn multipart_etag<'a>(etags: impl Iterator<Item = &'a str>) -> String {
    let (mut md5, mut count) = (Md5::new(), 0);
    for etag in etags {
        md5.update(hex::decode(etag).unwrap_or_default());
        count += 1;
    }
    format!("{}-{count}", hex::encode(md5.finalize()))
}

/// The `COMPOSITE` checksum of parts with these checksums.
pub fn composite(algorithm: Algorithm, parts: &[&str]) -> Checksum {
    let mut running = Running::new(algorithm);
    for part in parts {
        running.update(&STANDARD.decode(part).unwrap_or_default());
    }
    let value = format!("{}-{}", running.finish().value, parts.len());
    Checksum { algorithm, value, composite: true }
}

/// The `FULL_OBJECT` checksum of parts with these checksums and sizes.
pub fn combined(algorithm: Algorithm, parts: &[(&str, u64)]) -> Option<Checksum> {
    let crc = algorithm.crc()?;
    let number = |text: &str| {
        let bytes = STANDARD.decode(text).unwrap_or_default();
        bytes.iter().fold(0u64, |n, b| (n << 8) | u64::from(*b))
    };
    let mut parts = parts.iter();
    let first = parts.next().map(|(text, _)| number(text))?;
    let whole = parts
        .fold(first, |sum, (text, size)| crc_fast::checksum_combine(crc, sum, number(text), *size));
    Some(Checksum { algorithm, value: crc_text(algorithm, whole), composite: false })
}

/// Hex of an MD5 in base64, or `None` if it is none.
pub fn md5_hex(base64: &str) -> Option<String> {
    let bytes = STANDARD.decode(base64).ok()?;
    (bytes.len() == 16).then(|| hex::encode(bytes))
}

/// Base64 of hex.
pub fn hex_to_base64(text: &str) -> String {
    STANDARD.encode(hex::decode(text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(Algorithm::Crc32.of(b"123456789"), "y/Q5Jg==");
        assert_eq!(Algorithm::Crc32c.of(b"123456789"), "4waSgw==");
        assert_eq!(Algorithm::Crc64nvme.of(b""), "AAAAAAAAAAA=");
        assert_eq!(Algorithm::Sha1.of(b"abc"), "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");
        assert_eq!(Hasher::new(&[], false).finish().md5, "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn parts_combine_to_the_whole() {
        let (a, b, c) = (vec![1u8; 70_000], vec![2u8; 33], vec![]);
        let whole: Vec<u8> = [a.clone(), b.clone(), c.clone()].concat();
        for algorithm in Algorithm::ALL.into_iter().filter(|a| a.combines()) {
            let of: Vec<_> = [&a, &b, &c].map(|p| (algorithm.of(p), p.len() as u64)).into();
            let parts: Vec<_> = of.iter().map(|(t, n)| (t.as_str(), *n)).collect();
            assert_eq!(combined(algorithm, &parts).unwrap().value, algorithm.of(&whole));
        }
        assert_eq!(combined(Algorithm::Sha1, &[("", 0)]), None);
    }

    #[test]
    fn an_entity_tag_of_parts_counts_them() {
        // As AWS recorded it for one part of 65 bytes "upload-part-1" times five.
        let part = "3237c18681adb6a9d843c733ce249480";
        assert_eq!(multipart_etag([part].into_iter()), "e747540af6911dbc890f8d3e0b48549b-1");
    }
}
