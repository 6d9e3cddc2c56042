//! A frame: kind, table, rows, sizes, checksum, and bytes packed by zstd.

use sha2::{Digest, Sha256};

/// Bytes of a frame's header.
pub(super) const HEADER_BYTES: usize = 1 + 4 + 4 + 4 + 4 + 32;
/// The largest frame, unpacked, in bytes: a row of Postgres has 1 GB at the most.
pub(super) const FRAME_BYTES_MAX: u32 = 1_200_000_000;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// SQL before the rows: types, tables, functions.
    Before,
    /// SQL behind the rows: indexes, constraints, triggers.
    Behind,
    /// Rows of a table in COPY's text format.
    Rows,
    /// Sorted fingerprints of the source's values.
    Source,
    /// Sorted fingerprints of masked values.
    Masked,
    /// The manifest.
    Manifest,
}

impl FrameKind {
    fn number(self) -> u8 {
        match self {
            FrameKind::Before => 1,
            FrameKind::Behind => 2,
            FrameKind::Rows => 3,
            FrameKind::Source => 4,
            FrameKind::Masked => 5,
            FrameKind::Manifest => 6,
        }
    }

    fn of(number: u8) -> Option<FrameKind> {
        use FrameKind::{Before, Behind, Manifest, Masked, Rows, Source};
        [Before, Behind, Rows, Source, Masked, Manifest].into_iter().find(|k| k.number() == number)
    }
}

/// One frame, packed.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) kind: FrameKind,
    /// Which table of the manifest.
    pub(crate) table: u32,
    pub(crate) rows: u32,
    /// Bytes when unpacked.
    pub(crate) unpacked: u32,
    pub(crate) packed: Vec<u8>,
}

/// A header that was read.
pub(super) struct Header {
    pub(super) frame: Frame,
    pub(super) packed: u32,
    pub(super) checksum: [u8; 32],
}

impl Frame {
    /// SHA-256 of header and bytes.
    pub(super) fn checksum(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update([self.kind.number()]);
        for n in [self.table, self.rows, self.unpacked] {
            hash.update(n.to_le_bytes());
        }
        hash.update(&self.packed);
        hash.finalize().into()
    }

    pub(super) fn header(&self, checksum: &[u8; 32]) -> Vec<u8> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.push(self.kind.number());
        let packed = u32::try_from(self.packed.len()).unwrap_or(u32::MAX);
        for n in [self.table, self.rows, self.unpacked, packed] {
            header.extend_from_slice(&n.to_le_bytes());
        }
        header.extend_from_slice(checksum);
        header
    }

    /// The bytes of the frame, whose checksum was right.
    pub(crate) fn unpack(&self) -> Result<Vec<u8>, &'static str> {
        let bytes = zstd::bulk::decompress(&self.packed, self.unpacked as usize);
        let bytes = bytes.map_err(|_| "a frame cannot be unpacked")?;
        match bytes.len() == self.unpacked as usize {
            true => Ok(bytes),
            false => Err("a frame has another size than it says"),
        }
    }
}

/// Reads a header; sizes are within bounds.
pub(super) fn header(bytes: &[u8; HEADER_BYTES]) -> Result<Header, &'static str> {
    let kind = FrameKind::of(bytes[0]).ok_or("it has a frame of an unknown kind")?;
    let number =
        |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (table, rows, unpacked, packed) = (number(1), number(5), number(9), number(13));
    if unpacked > FRAME_BYTES_MAX || packed > FRAME_BYTES_MAX {
        return Err("a frame is larger than any may be");
    }
    let mut checksum = [0; 32];
    checksum.copy_from_slice(&bytes[17..]);
    Ok(Header {
        frame: Frame { kind, table, rows, unpacked, packed: Vec::new() },
        packed,
        checksum,
    })
}
