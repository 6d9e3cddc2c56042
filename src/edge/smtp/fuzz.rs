//! Entry point for fuzzing the SMTP dialogue: what a stranger's bytes reach first. `fuzz/` drives it with
//! libFuzzer, `tests/it/fuzz.rs` with proptest for a moment.

use super::login::Logins;
use super::session::{Envelope, Session, Step, Tls};
use crate::edge::Auth;
use crate::protocol::sigv4::TestCredentials;
use std::sync::Arc;

/// A dialogue: it is the same however its bytes arrive, every reply is a line with a code, and no mail is
/// longer than what was sent. The first byte says in which pieces the others come.
pub fn dialogue(data: &[u8]) {
    let Some((piece, input)) = data.split_first() else { return };
    let whole = talk(input, input.len());
    assert_eq!(whole, talk(input, usize::from(*piece) + 1), "the pieces matter");
    let (said, mails) = whole;
    assert!(said.is_empty() || said.ends_with("\r\n"));
    for line in said.lines() {
        let (code, rest) = line.split_at(3.min(line.len()));
        assert!(code.bytes().all(|b| b.is_ascii_digit()) && code.len() == 3, "{line:?}");
        assert!(rest.starts_with([' ', '-']) && line.len() <= 510, "{line:?}");
    }
    assert!(mails.iter().map(Vec::len).sum::<usize>() <= input.len());
}

/// What is said to `input`, and the content of each mail.
fn talk(input: &[u8], piece: usize) -> (String, Vec<Vec<u8>>) {
    let logins = Logins::new(Auth::Lenient, Arc::new(TestCredentials));
    let (said, mails) = drive(Session::new(logins, Tls::Offered), input, piece);
    (said, mails.into_iter().map(|mail| mail.content.to_vec()).collect())
}

/// Feeds `input` in pieces of `piece` bytes; mails are accepted as `1`, `2`, ….
pub(super) fn drive(mut session: Session, input: &[u8], piece: usize) -> (String, Vec<Envelope>) {
    let (mut said, mut mails) = (String::new(), Vec::new());
    for chunk in input.chunks(piece.max(1)) {
        let mut rest = chunk;
        loop {
            match session.advance(&mut rest) {
                Step::NeedsMore => break,
                Step::Reply(text) | Step::Drop(text) => said.push_str(&text),
                Step::Close(text) | Step::StartTls(text) => {
                    said.push_str(&text);
                    return (said, mails);
                }
                Step::Deliver(mail) => {
                    mails.push(mail);
                    said.push_str(&session.delivered(Ok(mails.len().to_string())));
                }
            }
        }
    }
    (said, mails)
}
