//! Entry point for fuzzing the SMTP dialogue: what a stranger's bytes reach first. `fuzz/` drives it with
//! libFuzzer, `tests/it/fuzz.rs` with proptest for a moment.

use super::login::Logins;
use super::session::{Session, Step, Tls};
use crate::edge::Auth;
use crate::protocol::sigv4::TestCredentials;
use std::sync::Arc;

/// What was said, and the content of each mail.
type Talk = (String, Vec<Vec<u8>>);

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

fn talk(input: &[u8], piece: usize) -> Talk {
    let logins = Logins::new(Auth::Lenient, Arc::new(TestCredentials));
    let mut session = Session::new(logins, Tls::Offered);
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
                    mails.push(mail.content.to_vec());
                    said.push_str(&session.delivered(Ok("id".to_owned())));
                }
            }
        }
    }
    (said, mails)
}
