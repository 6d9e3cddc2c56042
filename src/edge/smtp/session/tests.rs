//! Dialogues, in whatever pieces their bytes arrive.

use super::super::fuzz::drive;
use super::super::login::tests::{logins, password};
use super::*;
use crate::edge::Auth;

fn session(auth: Auth) -> Session {
    Session::new(logins(auth), Tls::Offered)
}

fn talk(input: &[u8], piece: usize) -> (String, Vec<Envelope>) {
    drive(session(Auth::Lenient), input, piece)
}

fn codes(said: &str) -> Vec<&str> {
    said.lines().filter(|l| l.as_bytes().get(3) == Some(&b' ')).map(|l| &l[..3]).collect()
}

const ONE: &str = "EHLO me\r\nMAIL FROM:<a@x.org> SIZE=10 BODY=8BITMIME\r\nRCPT TO:<b@x.org>\r\n\
    DATA\r\nSubject: s\r\n\r\n..dot\r\n.\r\nQUIT\r\n";

#[test]
fn a_mail_is_the_same_however_the_bytes_arrive() {
    for piece in [1, 2, 3, 7, 1000] {
        let (said, mails) = talk(ONE.as_bytes(), piece);
        assert_eq!(codes(&said), ["220", "250", "250", "250", "354", "250", "221"][1..], "{said}");
        assert_eq!(&mails[0].content[..], b"Subject: s\r\n\r\n.dot\r\n");
        assert_eq!(
            (mails[0].source.as_str(), &mails[0].recipients[..]),
            ("a@x.org", &["b@x.org".to_owned()][..])
        );
    }
}

#[test]
fn an_empty_mail_and_one_that_begins_with_a_dot_end_where_they_should() {
    let head = "EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n";
    let (_, mails) = talk(format!("{head}.\r\n").as_bytes(), 5);
    assert_eq!((mails.len(), &mails[0].content[..]), (1, &b""[..]));
    let (_, mails) = talk(format!("{head}..a\r\n\n.b\n\r\n.\r\n").as_bytes(), 5);
    assert_eq!(&mails[0].content[..], b".a\r\n\n.b\n\r\n");
}

#[test]
fn the_order_of_commands_is_kept() {
    for (input, code) in [
        ("MAIL FROM:<a@x>\r\n", "503"),
        ("EHLO me\r\nRCPT TO:<a@x>\r\n", "503"),
        ("EHLO me\r\nDATA\r\n", "503"),
        ("EHLO me\r\nMAIL FROM:<a@x.org>\r\nMAIL FROM:<a@x.org>\r\n", "503"),
        ("EHLO me\r\nMAIL FROM:<a@x.org>\r\nRSET\r\nRCPT TO:<a@x.org>\r\n", "503"),
        ("STARTTLS\r\n", "503"),
        ("EHLO me\r\nSTARTTLS\r\n", "220"),
        ("EHLO me\r\nAUTH PLAIN AHRlc3QAeA==\r\nAUTH PLAIN AHRlc3QAeA==\r\n", "503"),
        ("EHLO me\r\nFROB\r\n", "500"),
        ("EHLO me\r\nMAIL FROM:<a@x.org> SIZE=99999999\r\n", "552"),
        ("EHLO me\r\nVRFY a\r\n", "252"),
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO me\r\n", "500"),
    ] {
        let (said, _) = talk(input.as_bytes(), 100);
        assert_eq!(codes(&said).last(), Some(&code), "{input}: {said}");
    }
}

#[test]
fn credentials_name_the_account() {
    let tail = "MAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n.\r\n";
    let plain = STANDARD.encode(b"\x00123456789012\x00secret");
    let login = STANDARD.encode(b"123456789012");
    for auth in [
        format!("AUTH PLAIN {plain}\r\n"),
        format!("AUTH PLAIN\r\n{plain}\r\n"),
        format!("AUTH LOGIN\r\n{login}\r\nc2VjcmV0\r\n"),
        format!("AUTH LOGIN {login}\r\nc2VjcmV0\r\n"),
    ] {
        let (said, mails) = talk(format!("EHLO me\r\n{auth}{tail}").as_bytes(), 9);
        assert!(said.contains("235 "), "{said}");
        assert_eq!(mails[0].caller.account, "123456789012", "{auth}");
    }
    for auth in
        ["AUTH PLAIN *\r\n", "AUTH PLAIN\r\n*\r\n", "AUTH PLAIN abc\r\n", "AUTH CRAM-MD5\r\n"]
    {
        let (said, _) = talk(format!("EHLO me\r\n{auth}").as_bytes(), 100);
        assert!(codes(&said).last().unwrap().starts_with('5'), "{auth}: {said}");
    }
}

#[test]
fn strict_mode_wants_a_login_with_a_derived_password() {
    let of = |input: &str| drive(session(Auth::Strict), input.as_bytes(), 9);
    let mail = "MAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n.\r\n";
    let (said, mails) = of(&format!("EHLO me\r\n{mail}"));
    assert!(said.contains("530 Authentication required\r\n") && mails.is_empty(), "{said}");
    let plain = |password: &str| STANDARD.encode(format!("\0test\0{password}"));
    let (said, _) = of(&format!("EHLO me\r\nAUTH PLAIN {}\r\n{mail}", plain("test")));
    assert!(said.contains("535 Authentication Credentials Invalid\r\n"), "{said}");
    let right = plain(&password("eu-west-1"));
    let (said, mails) = of(&format!("EHLO me\r\nAUTH PLAIN {right}\r\n{mail}"));
    assert!(said.contains("235 ") && said.ends_with("250 Ok 1\r\n"), "{said}");
    assert_eq!(mails[0].caller.region, "eu-west-1");
}

#[test]
fn a_smuggled_mail_is_refused_as_a_whole() {
    let mut input = String::from("EHLO me\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n");
    input.push_str("Subject: one\r\n\r\nhi\n.\r\nMAIL FROM:<evil@x.org>\r\nRCPT TO:<b@x.org>\r\n");
    input.push_str("DATA\r\nSubject: two\r\n\r\nhi\r\n.\r\nNOOP\r\n");
    for piece in [1, 5, 1000] {
        let (said, mails) = talk(input.as_bytes(), piece);
        assert_eq!(codes(&said), ["250", "250", "250", "354", "554", "250"], "{said}");
        assert!(mails.is_empty());
    }
}

#[test]
fn what_exceeds_memory_is_handed_over() {
    let mut session = session(Auth::Lenient);
    let mut head = &b"EHLO me\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n"[..];
    while !matches!(session.advance(&mut head), Step::NeedsMore) {}
    let (line, mut taken) = (vec![b'x'; HELD_BYTES_MAX / 2 + 1], 0);
    for _ in 0..5 {
        assert!(matches!(session.advance(&mut &line[..]), Step::NeedsMore));
        if let Some(held) = session.surplus() {
            let held = std::mem::take(held).len();
            session.took(held);
            taken += held;
        }
    }
    let Step::Deliver(mail) = session.advance(&mut &b"\r\n.\r\n"[..]) else { panic!("no mail") };
    assert_eq!(taken + mail.content.len(), 5 * line.len() + 2);
}

#[test]
fn bounds_hold() {
    let long = format!("EHLO {}\r\nEHLO me\r\n", "x".repeat(LINE_BYTES_MAX));
    assert_eq!(codes(&talk(long.as_bytes(), 4096).0), ["500", "250"]);
    let noise = format!("EHLO me\r\n{}", "FROB\r\n".repeat(MISTAKES_MAX + 1));
    assert!(talk(noise.as_bytes(), 100).0.ends_with("421 Too many mistakes\r\n"));
    let idle = format!("EHLO me\r\n{}", "NOOP\r\n".repeat(COMMANDS_MAX));
    assert!(talk(idle.as_bytes(), 1000).0.contains("421 Too many commands"));
    let mut many = String::from("EHLO me\r\nMAIL FROM:<a@x.org>\r\n");
    many.push_str(&"RCPT TO:<b@x.org>\r\n".repeat(RECIPIENTS_MAX + 1));
    assert_eq!(codes(&talk(many.as_bytes(), 1000).0).last(), Some(&"452"));
}

#[test]
fn a_mail_beyond_the_bound_is_refused_and_the_connection_lives() {
    let mut input = b"EHLO me\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n".to_vec();
    input.extend_from_slice(&vec![b'x'; MAIL_BYTES_MAX + 1]);
    input.extend_from_slice(b"\r\n.\r\nNOOP\r\n");
    let (said, mails) = talk(&input, 1 << 16);
    assert_eq!((codes(&said), mails.len()), (vec!["250", "250", "250", "354", "552", "250"], 0));
}

#[test]
fn refusals_stay_one_line() {
    let failure = Failure::new(400, "BadRequestException", format!("a\r\nb{}", "x".repeat(900)));
    let said = session(Auth::Lenient).delivered(Err(failure));
    assert!(said.starts_with("554 Transaction failed: a  bx") && said.len() <= 512);
    assert_eq!(said.matches('\n').count(), 1);
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), piece in 1usize..50) {
        talk(&bytes, piece);
        let mut mail = b"EHLO me\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n".to_vec();
        mail.extend_from_slice(&bytes);
        talk(&mail, piece);
    }

    #[test]
    fn no_command_panics(
        text in "((EHLO|HELO|MAIL FROM:|RCPT TO:|AUTH|DATA|BDAT|VRFY|RSET|QUIT)[ -~é]{0,30}\r?\n){0,6}",
        piece in 1usize..50,
    ) {
        talk(text.as_bytes(), piece);
    }

    #[test]
    fn content_comes_through_stuffing(text in "([.a]{0,5}\r\n){0,8}", piece in 1usize..9) {
        let stuffed: String = text.split_inclusive("\r\n")
            .map(|l| if l.starts_with('.') { format!(".{l}") } else { l.to_owned() }).collect();
        let input = format!("EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n{stuffed}.\r\nNOOP\r\n");
        let (said, mails) = talk(input.as_bytes(), piece);
        proptest::prop_assert_eq!(&mails[0].content[..], text.as_bytes());
        proptest::prop_assert!(said.ends_with("250 Ok\r\n"));
    }
}
