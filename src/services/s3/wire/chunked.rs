//! `aws-chunked`: the framing in which SDKs send bodies whose signature or checksum follows them.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>. A chunk is
//! `size-in-hex[;chunk-signature=…]\r\n`, its bytes, `\r\n`; after the chunk of size 0 come trailers.

use crate::protocol::sigv4::Chunks;
use crate::services::s3::error::{Error, Result};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Bytes of a chunk's first line at the most; a signature takes 85.
const LINE_BYTES_MAX: usize = 1024;
/// Bytes of all trailers at the most.
const TRAILERS_BYTES_MAX: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the line before a chunk.
    Size,
    /// In a chunk that has this many bytes to come.
    Data(u64),
    /// Between a chunk and its line end.
    AfterData,
    /// In a trailer's line.
    Trailer,
    /// Behind the empty line.
    Done,
}

/// Takes the framing off, however the bytes are cut.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    line: Vec<u8>,
    trailer_bytes: usize,
    trailers: Vec<(String, String)>,
    signatures: Option<Signatures>,
}

/// What is known of the signatures of a body whose chunks are signed.
#[derive(Debug)]
struct Signatures {
    chunks: Chunks,
    /// Whether the trailers are signed.
    trailer: bool,
    /// Of the chunk that is arriving.
    signature: String,
    hash: Sha256,
}

impl Signatures {
    /// The chunk is whole: its signature must be the next one.
    fn check(&mut self) -> Result<()> {
        let sha256 = hex::encode(std::mem::take(&mut self.hash).finalize());
        if self.chunks.chunk(&sha256, &self.signature) { Ok(()) } else { Err(mismatch()) }
    }

    fn check_trailers(&mut self, trailers: &[(String, String)]) -> Result<()> {
        const NAME: &str = "x-amz-trailer-signature";
        if !self.trailer {
            return Ok(());
        }
        let mut lines = String::new();
        for (name, value) in trailers.iter().filter(|(name, _)| name != NAME) {
            lines.push_str(&format!("{name}:{value}\n"));
        }
        let signature = trailers.iter().find(|(name, _)| name == NAME).map(|(_, value)| value);
        let right = signature.is_some_and(|signature| self.chunks.trailer(&lines, signature));
        if right { Ok(()) } else { Err(mismatch()) }
    }
}

fn mismatch() -> Error {
    Error::new(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    )
}

impl Chunked {
    pub(super) fn new() -> Self {
        Chunked {
            state: State::Size,
            line: Vec::new(),
            trailer_bytes: 0,
            trailers: Vec::new(),
            signatures: None,
        }
    }

    /// The same, and each chunk must have the signature that follows from the one before.
    pub(super) fn signed(chunks: Chunks, trailer: bool) -> Self {
        let (signature, hash) = (String::new(), Sha256::new());
        let signatures = Some(Signatures { chunks, trailer, signature, hash });
        Chunked { signatures, ..Chunked::new() }
    }

    /// Takes the next bytes and hands on what of them is content.
    pub(super) fn decode(&mut self, mut data: Bytes, mut take: impl FnMut(Bytes)) -> Result<()> {
        while !data.is_empty() {
            match self.state {
                State::Data(left) => {
                    let now = left.min(data.len() as u64);
                    let piece = data.split_to(now as usize);
                    if let Some(signatures) = &mut self.signatures {
                        signatures.hash.update(&piece);
                        if left == now {
                            signatures.check()?;
                        }
                    }
                    take(piece);
                    self.state =
                        if left == now { State::AfterData } else { State::Data(left - now) };
                }
                State::Done => return Ok(()),
                State::Size | State::AfterData | State::Trailer => self.collect(&mut data)?,
            }
        }
        Ok(())
    }

    /// The trailers, once the body has ended.
    pub(super) fn finish(mut self) -> Result<Vec<(String, String)>> {
        if self.state == State::Trailer {
            // Some clients leave out the last line end.
            self.line_ended()?;
        }
        match self.state {
            State::Done | State::Trailer => {
                if let Some(signatures) = &mut self.signatures {
                    signatures.check_trailers(&self.trailers)?;
                }
                Ok(self.trailers)
            }
            _ => Err(Error::incomplete_body()),
        }
    }

    fn collect(&mut self, data: &mut Bytes) -> Result<()> {
        let end = data.iter().position(|b| *b == b'\n');
        let part = data.split_to(end.map_or(data.len(), |at| at + 1));
        if self.line.len() + part.len() > LINE_BYTES_MAX {
            return Err(malformed());
        }
        self.line.extend_from_slice(&part);
        if end.is_some() { self.line_ended() } else { Ok(()) }
    }

    fn line_ended(&mut self) -> Result<()> {
        let line = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(&line).map_err(|_| malformed())?;
        let text = text.trim_end_matches(['\r', '\n']);
        self.state = match self.state {
            State::Size => {
                let size = size_of(text)?;
                if let Some(signatures) = &mut self.signatures {
                    let given = text.split_once(";chunk-signature=").ok_or_else(mismatch)?.1;
                    given.trim().clone_into(&mut signatures.signature);
                    if size == 0 {
                        signatures.check()?;
                    }
                }
                if size == 0 { State::Trailer } else { State::Data(size) }
            }
            State::AfterData if text.is_empty() => State::Size,
            State::AfterData => return Err(malformed()),
            State::Trailer if text.is_empty() => State::Done,
            State::Trailer => {
                self.trailer_bytes += line.len();
                let (name, value) = text.split_once(':').ok_or_else(malformed)?;
                if self.trailer_bytes > TRAILERS_BYTES_MAX {
                    return Err(malformed());
                }
                self.trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                State::Trailer
            }
            other => other,
        };
        Ok(())
    }
}

fn size_of(line: &str) -> Result<u64> {
    let digits = line.split(';').next().unwrap_or_default().trim();
    if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(malformed());
    }
    u64::from_str_radix(digits, 16).map_err(|_| malformed())
}

fn malformed() -> Error {
    Error::new(
        400,
        "InvalidRequest",
        "The body is not in the aws-chunked encoding that its headers announce.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    type Decoded = (Vec<u8>, Vec<(String, String)>);

    fn decode(pieces: &[&[u8]]) -> Result<Decoded> {
        let (mut chunked, mut out) = (Chunked::new(), Vec::new());
        for piece in pieces {
            let piece = Bytes::copy_from_slice(piece);
            chunked.decode(piece, |data| out.extend_from_slice(&data))?;
        }
        Ok((out, chunked.finish()?))
    }

    const SIGNED: &[u8] = b"5;chunk-signature=ab\r\nhello\r\n6;chunk-signature=cd\r\n world\r\n\
        0;chunk-signature=ef\r\n\r\n";
    const TRAILING: &[u8] =
        b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\nX-Amz-Trailer-Signature:ab\r\n\r\n";

    #[test]
    fn both_forms_are_decoded() {
        assert_eq!(decode(&[SIGNED]).unwrap(), (b"hello world".to_vec(), vec![]));
        let (data, trailers) = decode(&[TRAILING]).unwrap();
        assert_eq!(data, b"hello world");
        assert_eq!(trailers[0], ("x-amz-checksum-crc32".into(), "DUoRhQ==".into()));
        assert_eq!(trailers[1].0, "x-amz-trailer-signature");
    }

    #[test]
    fn an_end_that_is_missing_is_noticed() {
        for cut in [1, 6, 10, 27, 30, 40] {
            assert!(decode(&[&SIGNED[..cut]]).is_err(), "{cut}");
        }
        // Without the very last line end the content is whole all the same.
        assert!(decode(&[&SIGNED[..SIGNED.len() - 2]]).is_ok());
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [&b"zz\r\n"[..], b"-1\r\n", b"ffffffffffffffff\r\n", b"1\r\nab\r\n", b"\r\n"] {
            assert!(decode(&[bad]).is_err(), "{bad:?}");
        }
        assert!(decode(&[&vec![b'1'; 4096]]).is_err());
        let long = [b"0\r\n".to_vec(), b"a:b\r\n".repeat(5000)].concat();
        assert!(decode(&[&long]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn cuts_do_not_matter(
            sizes in proptest::collection::vec(1usize..300, 0..12),
            cuts in proptest::collection::vec(1usize..40, 1..50),
        ) {
            let mut framed = Vec::new();
            let mut content = Vec::new();
            for (n, size) in sizes.iter().enumerate() {
                let data = vec![n as u8; *size];
                framed.extend_from_slice(format!("{size:x};chunk-signature=00\r\n").as_bytes());
                framed.extend_from_slice(&data);
                framed.extend_from_slice(b"\r\n");
                content.extend_from_slice(&data);
            }
            framed.extend_from_slice(b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n");
            let mut pieces = Vec::new();
            let mut rest = framed.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            let (data, trailers) = decode(&pieces).unwrap();
            proptest::prop_assert_eq!(data, content);
            proptest::prop_assert_eq!(trailers.len(), 1);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = decode(&[&bytes]);
        }
    }
}
