//! The bytes behind DATA: dots unstuffed, the end found, and smuggling refused.
//!
//! Invariant: only CR LF dot CR LF ends a mail, and its bytes are kept as they came. Other servers take
//! a dot between bare line feeds or carriage returns for an end as well; a mail that holds such a dot
//! would be two mails to them, and is refused as a whole (<https://www.postfix.org/smtp-smuggling.html>).

/// Takes the bytes behind DATA.
#[derive(Debug)]
pub(super) struct Receiver {
    at: At,
    ambiguous: bool,
}

/// What the bytes so far end with. `ended` says whether the line before ended with CR LF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// A line's end, or nothing.
    LineStart { ended: bool },
    /// The dot that begins a line.
    Dot { ended: bool },
    /// Such a dot and a carriage return.
    DotCr { ended: bool },
    /// A carriage return.
    Cr,
    /// Anything else.
    Middle,
}

impl Receiver {
    /// Begins: the line of DATA has ended as it should.
    pub(super) fn new() -> Receiver {
        Receiver { at: At::LineStart { ended: true }, ambiguous: false }
    }

    /// Takes bytes up to the mail's end, which is left out, and says whether it has come.
    pub(super) fn take(&mut self, bytes: &mut &[u8], content: &mut Vec<u8>) -> bool {
        while let Some((byte, rest)) = bytes.split_first() {
            match (self.at, *byte) {
                (At::LineStart { ended }, b'.') => {
                    self.at = At::Dot { ended };
                    *bytes = rest;
                }
                (At::Dot { ended }, b'\r') => {
                    self.at = At::DotCr { ended };
                    *bytes = rest;
                }
                (At::DotCr { ended: true }, b'\n') => {
                    *bytes = rest;
                    return true;
                }
                // A line that is a dot, by somebody's rules.
                (At::DotCr { .. }, _) => {
                    self.ambiguous = true;
                    content.extend_from_slice(b".\r");
                    self.at = At::Cr;
                }
                (At::Dot { ended }, _) => {
                    self.ambiguous |= *byte == b'\n';
                    // Stuffing is taken out only where it was put in.
                    if !ended {
                        content.push(b'.');
                    }
                    self.at = At::Middle;
                }
                (At::Cr, b'.') => self.at = At::LineStart { ended: false },
                _ => self.line(bytes, content),
            }
        }
        false
    }

    /// Whether what was taken would be more than one mail to other servers.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.ambiguous
    }

    /// Takes bytes within a line up to its end or to a carriage return.
    fn line(&mut self, bytes: &mut &[u8], content: &mut Vec<u8>) {
        let end = memchr::memchr2(b'\r', b'\n', bytes);
        let (taken, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        let (last, before) = match taken.split_last() {
            Some((last, before)) => (*last, before),
            None => return,
        };
        let after_cr = self.at == At::Cr && before.is_empty();
        self.at = match last {
            b'\n' => At::LineStart { ended: after_cr },
            b'\r' => At::Cr,
            _ => At::Middle,
        };
        content.extend_from_slice(taken);
        *bytes = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content, what is left, and whether it was ambiguous; `None` if there is no end.
    fn read(input: &[u8], piece: usize) -> Option<(Vec<u8>, Vec<u8>, bool)> {
        let (mut receiver, mut content) = (Receiver::new(), Vec::new());
        for (n, chunk) in input.chunks(piece).enumerate() {
            let mut rest = chunk;
            if receiver.take(&mut rest, &mut content) {
                let left = [rest, &input[(n * piece + chunk.len()).min(input.len())..]].concat();
                return Some((content, left, receiver.is_ambiguous()));
            }
            assert!(rest.is_empty());
        }
        None
    }

    #[test]
    fn only_the_true_end_ends() {
        for (input, content, left) in [
            (&b".\r\nNEXT"[..], &b""[..], &b"NEXT"[..]),
            (b"a\r\n.\r\n", b"a\r\n", b""),
            (b"..\r\n.\r\n", b".\r\n", b""),
            (b"..a\r\n...b\r\n.\r\n.", b".a\r\n..b\r\n", b"."),
            (b"a.\r\nb\n\r\n.\r\n", b"a.\r\nb\n\r\n", b""),
            (b"\n.a\r\n.\r\n", b"\n.a\r\n", b""),
            (b"\r\r\n.\r\n", b"\r\r\n", b""),
        ] {
            for piece in [1, 2, 3, 100] {
                let (got, rest, ambiguous) = read(input, piece).unwrap();
                assert_eq!((&got[..], &rest[..], ambiguous), (content, left, false), "{input:?}");
            }
        }
    }

    #[test]
    fn smuggled_ends_are_seen() {
        for smuggled in [
            "\n.\n",
            "\n.\r\n",
            "\r.\r\n",
            "\r\n.\n",
            "\r\n.\r",
            "\r.\r",
            "\r.\n",
            "\n.\r",
            "\r\r.\r\n",
        ] {
            let input = format!("a{smuggled}MAIL FROM:<x@y>\r\n.\r\nQUIT\r\n");
            for piece in [1, 2, 3, 100] {
                let (content, left, ambiguous) = read(input.as_bytes(), piece).unwrap();
                assert!(ambiguous, "{smuggled:?}");
                assert_eq!(left, b"QUIT\r\n", "{smuggled:?}");
                assert!(content.ends_with(b"MAIL FROM:<x@y>\r\n"), "{smuggled:?}");
            }
        }
    }

    proptest::proptest! {
        /// Against a plain reading of the whole: split at CR LF, look at each line.
        #[test]
        fn as_a_plain_reading_has_it(input in "[a.\r\n]{0,40}", piece in 1usize..7) {
            let whole = format!("{input}\r\n.\r\n");
            let mut content = String::new();
            let mut lines = whole.split_inclusive("\r\n");
            for line in lines.by_ref() {
                if line == ".\r\n" {
                    break;
                }
                content.push_str(line.strip_prefix('.').unwrap_or(line));
            }
            let left: String = lines.collect();
            let (got, rest, ambiguous) = read(whole.as_bytes(), piece).unwrap();
            let plain = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            proptest::prop_assert_eq!(plain(&rest), left);
            if !ambiguous {
                proptest::prop_assert_eq!(plain(&got), content);
            }
        }
    }
}
