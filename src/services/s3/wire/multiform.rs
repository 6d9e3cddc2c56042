//! `multipart/form-data` as browsers send it for an upload: fields, which are held in memory and
//! bounded, then a file, which streams.
//!
//! RFC 7578; <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html>. What follows the
//! file is read and not heeded.

use crate::protocol::Incoming;
use crate::services::s3::error::{Error, Result};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

/// Bytes of all fields before the file at the most.
const FIELDS_BYTES_MAX: usize = 20 * 1024;
/// Bytes of a boundary at the most (RFC 2046).
const BOUNDARY_BYTES_MAX: usize = 70;

/// A form whose file is still arriving.
pub(super) struct Form {
    /// Names, in lower case, and values, in their order.
    pub(super) fields: Vec<(String, String)>,
    /// What the browser calls the file.
    pub(super) file_name: Option<String>,
    arriving: Arriving,
}

struct Arriving {
    body: Incoming,
    buffer: BytesMut,
    /// `\r\n--boundary`.
    delimiter: Vec<u8>,
    ended: bool,
}

/// A part's head.
#[derive(Debug, Default, PartialEq, Eq)]
struct PartHead {
    name: String,
    file_name: Option<String>,
}

fn malformed() -> Error {
    Error::new(
        400,
        "MalformedPOSTRequest",
        "The body of your POST request is not well-formed multipart/form-data.",
    )
}

/// The boundary that a content type names.
pub(super) fn boundary(content_type: &str) -> Result<String> {
    let mut parameters = content_type.split(';');
    let kind = parameters.next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return Err(Error::precondition_failed(
            "Bucket POST must be of the enclosure-type multipart/form-data",
        ));
    }
    let found = parameters.find_map(|p| p.trim().strip_prefix("boundary="));
    let found = found.map(|b| b.trim_matches('"')).unwrap_or_default();
    if found.is_empty() || found.len() > BOUNDARY_BYTES_MAX {
        return Err(malformed());
    }
    Ok(found.to_owned())
}

impl Form {
    /// Reads the fields, up to the file.
    pub(super) async fn read(body: Incoming, boundary: &str) -> Result<Form> {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first boundary has no line end before it.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        let mut arriving = Arriving { body, buffer, delimiter, ended: false };
        arriving.until_delimiter(FIELDS_BYTES_MAX).await?;
        let mut fields = Vec::new();
        let mut left = FIELDS_BYTES_MAX;
        loop {
            if arriving.is_last().await? {
                let message = "POST requires exactly one file upload per request.";
                return Err(Error::invalid_argument(message, "file", "0"));
            }
            let head = arriving.head(left).await?;
            if head.name == "file" {
                return Ok(Form { fields, file_name: head.file_name, arriving });
            }
            let value = arriving.until_delimiter(left).await?;
            left = left.saturating_sub(value.len() + head.name.len());
            let value = String::from_utf8(value.to_vec()).map_err(|_| malformed())?;
            fields.push((head.name, value));
        }
    }

    /// The file, as a body of its own.
    pub(super) fn file(self) -> Incoming {
        let pieces = stream::unfold(Some(self.arriving), |state| async {
            let mut arriving = state?;
            match arriving.piece().await {
                Ok(Some(piece)) => Some((Ok(Frame::data(piece)), Some(arriving))),
                Ok(None) => None,
                Err(error) => Some((Err(error.into()), None)),
            }
        });
        StreamBody::new(pieces).boxed_unsync()
    }
}

impl Arriving {
    /// Reads more; `false` at the end of the body.
    async fn more(&mut self) -> Result<bool> {
        loop {
            match self.body.frame().await {
                None => return Ok(false),
                Some(Err(_)) => return Err(Error::incomplete_body()),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// What stands before the next delimiter, which is taken off.
    async fn until_delimiter(&mut self, limit: usize) -> Result<Bytes> {
        loop {
            if let Some(at) = find(&self.buffer, &self.delimiter) {
                let value = self.buffer.split_to(at).freeze();
                let _ = self.buffer.split_to(self.delimiter.len());
                return if value.len() > limit { Err(too_long()) } else { Ok(value) };
            }
            if self.buffer.len() > limit + self.delimiter.len() {
                return Err(too_long());
            }
            if !self.more().await? {
                return Err(malformed());
            }
        }
    }

    /// Whether the delimiter that was taken off was the last.
    async fn is_last(&mut self) -> Result<bool> {
        while self.buffer.len() < 2 {
            if !self.more().await? {
                return Err(malformed());
            }
        }
        Ok(self.buffer.starts_with(b"--"))
    }

    async fn head(&mut self, limit: usize) -> Result<PartHead> {
        const END: &[u8] = b"\r\n\r\n";
        loop {
            if let Some(at) = find(&self.buffer, END) {
                let head = self.buffer.split_to(at + END.len());
                return PartHead::read(&head);
            }
            if self.buffer.len() > limit + END.len() {
                return Err(too_long());
            }
            if !self.more().await? {
                return Err(malformed());
            }
        }
    }

    /// The next bytes of the file.
    async fn piece(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.ended {
                // What follows the file is read, so that the client gets to the end of sending.
                self.buffer.clear();
                if self.more().await? {
                    continue;
                }
                return Ok(None);
            }
            if let Some(at) = find(&self.buffer, &self.delimiter) {
                self.ended = true;
                if at > 0 {
                    return Ok(Some(self.buffer.split_to(at).freeze()));
                }
                continue;
            }
            // The end may be the beginning of a delimiter.
            let safe = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            if safe > 0 {
                return Ok(Some(self.buffer.split_to(safe).freeze()));
            }
            if !self.more().await? {
                return Err(malformed());
            }
        }
    }
}

fn too_long() -> Error {
    Error::new(
        400,
        "MaxPostPreDataLengthExceeded",
        "Your POST request fields preceding the upload file were too large.",
    )
    .with("MaxPostPreDataLengthBytes", FIELDS_BYTES_MAX.to_string())
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

impl PartHead {
    fn read(head: &[u8]) -> Result<PartHead> {
        let text = std::str::from_utf8(head).map_err(|_| malformed())?;
        let disposition = text.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
        });
        let disposition = disposition.ok_or_else(malformed)?;
        let name = parameter(disposition, "name").ok_or_else(malformed)?;
        Ok(PartHead {
            name: name.to_ascii_lowercase(),
            file_name: parameter(disposition, "filename"),
        })
    }
}

/// `name="value"` in a header; browsers write a quote as `%22`, others with a backslash.
fn parameter(header: &str, name: &str) -> Option<String> {
    let mut rest = header;
    loop {
        let (_, behind) = rest.split_once(';')?;
        let (found, value) = behind.split_once('=')?;
        if let Some(quoted) = value.strip_prefix('"') {
            let mut text = String::new();
            let mut chars = quoted.char_indices();
            let end = loop {
                match chars.next()? {
                    (at, '"') => break at,
                    (_, '\\') if quoted.contains("\\\"") => text.push(chars.next()?.1),
                    (_, c) => text.push(c),
                }
            };
            if found.trim().eq_ignore_ascii_case(name) {
                return Some(text.replace("%22", "\""));
            }
            rest = &quoted[end..];
        } else {
            let end = value.find(';').unwrap_or(value.len());
            if found.trim().eq_ignore_ascii_case(name) {
                return Some(value[..end].trim().to_owned());
            }
            rest = &value[end..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] =
        b"--x\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\na/${filename}\r\n\
        --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b \\\"c\\\".txt\"\r\n\
        Content-Type: text/plain\r\n\r\nline\r\n--y\r\n\r\n--x--\r\n";

    type Read = (Vec<(String, String)>, Option<String>, Vec<u8>);

    async fn read(pieces: Vec<Bytes>) -> Result<Read> {
        let frames = pieces.into_iter().map(|p| Ok::<_, crate::protocol::BoxError>(Frame::data(p)));
        let body = StreamBody::new(stream::iter(frames)).boxed_unsync();
        let form = Form::read(body, "x").await?;
        let (fields, name) = (form.fields.clone(), form.file_name.clone());
        let file = form.file().collect().await.map_err(|_| malformed())?.to_bytes();
        Ok((fields, name, file.to_vec()))
    }

    fn run(pieces: Vec<Bytes>) -> Result<Read> {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(read(pieces))
    }

    #[test]
    fn fields_and_file_are_read_however_they_are_cut() {
        for size in [1, 2, 3, 7, 50, 1000] {
            let pieces = FORM.chunks(size).map(Bytes::copy_from_slice).collect();
            let (fields, name, file) = run(pieces).unwrap();
            assert_eq!(fields, [("key".to_owned(), "a/${filename}".to_owned())]);
            assert_eq!(name.as_deref(), Some("b \"c\".txt"));
            assert_eq!(file, b"line\r\n--y\r\n", "{size}");
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let code = |text: &[u8]| run(vec![Bytes::copy_from_slice(text)]).unwrap_err().code;
        assert_eq!(code(b""), "MalformedPOSTRequest");
        assert_eq!(code(b"--x--\r\n"), "InvalidArgument");
        assert_eq!(code(&FORM[..FORM.len() - 8]), "MalformedPOSTRequest");
        let long = [&FORM[..60], &vec![b'a'; 30_000], b"\r\n--x--"].concat();
        assert_eq!(code(&long), "MaxPostPreDataLengthExceeded");
        assert_eq!(boundary("text/plain").unwrap_err().code, "PreconditionFailed");
        assert_eq!(boundary("multipart/form-data").unwrap_err().code, "MalformedPOSTRequest");
        assert_eq!(boundary("multipart/form-data; boundary=\"a b\"").unwrap(), "a b");
    }
}
