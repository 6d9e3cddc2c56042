//! Signatures of the chunks of an `aws-chunked` body, each over the one before.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html> and, for trailers,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>.

use super::{EMPTY_SHA256, is_hmac, sha256_hex};

/// Checks chunk after chunk. Starts from the signature of the request's head.
#[derive(Clone)]
pub struct Chunks {
    key: [u8; 32],
    timestamp: String,
    scope: String,
    previous: String,
}

impl std::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key signs for a whole day.
        f.debug_struct("Chunks").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Chunks {
    pub(super) fn new(key: [u8; 32], timestamp: &str, scope: String, seed: &str) -> Self {
        Chunks { key, timestamp: timestamp.to_owned(), scope, previous: seed.to_owned() }
    }

    /// Whether `signature` is that of the next chunk, whose data have the SHA-256 `sha256` (hex).
    /// The last chunk, of no data, is checked too.
    pub fn chunk(&mut self, sha256: &str, signature: &str) -> bool {
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{EMPTY_SHA256}\n{sha256}",
            self.timestamp, self.scope, self.previous
        );
        self.follows(&text, signature)
    }

    /// Whether `signature` (`x-amz-trailer-signature`) is that of the trailers, given as the lines
    /// `name:value\n` in their order, names in lower case.
    pub fn trailer(&mut self, lines: &str, signature: &str) -> bool {
        let text = format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}",
            self.timestamp,
            self.scope,
            self.previous,
            sha256_hex(lines.as_bytes())
        );
        self.follows(&text, signature)
    }

    fn follows(&mut self, text: &str, signature: &str) -> bool {
        let right = is_hmac(&self.key, text.as_bytes(), signature);
        if right {
            signature.clone_into(&mut self.previous);
        }
        right
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Credential, signing_key};
    use super::*;

    fn chunks(seed: &str) -> Chunks {
        let text = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
        let scope = Credential::parse(text).unwrap();
        let key = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &scope);
        Chunks::new(key, "20130524T000000Z", scope.scope(), seed)
    }

    fn letters(count: usize) -> String {
        sha256_hex(&vec![b'a'; count])
    }

    #[test]
    fn the_documentations_chunks_are_right() {
        let mut chunks = chunks("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
        let first = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";
        let second = "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497";
        let last = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9";
        assert!(!chunks.chunk(&letters(65_535), first));
        assert!(chunks.chunk(&letters(65_536), first));
        assert!(!chunks.chunk(&letters(1024), last));
        assert!(chunks.chunk(&letters(1024), second));
        assert!(chunks.chunk(EMPTY_SHA256, last));
    }

    #[test]
    fn the_documentations_trailer_is_right() {
        let mut chunks = chunks("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
        let signatures = [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ];
        for (size, signature) in [65_536, 1024, 0].into_iter().zip(signatures) {
            assert!(chunks.chunk(&letters(size), signature), "{size}");
        }
        let right = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
        assert!(!chunks.trailer("x-amz-checksum-crc32c:wrong\n", right));
        assert!(chunks.trailer("x-amz-checksum-crc32c:sOO8/Q==\n", right));
    }
}
