//! Entry point for fuzzing mails: `fuzz/` drives it with libFuzzer, `tests/it/fuzz.rs` with proptest.

use super::draft::{Draft, header_length};
use super::mail::{Mail, Via};
use super::view::{Which, detail, localstack, part};
use crate::base::Millis;
use bytes::Bytes;

/// A mail as it came by SMTP: it is taken, its body's bytes stay as they are, and whatever it holds is shown.
pub fn mail(data: &[u8]) {
    let raw = Bytes::copy_from_slice(data);
    let _ = Draft::of_raw(raw.clone(), None, &[]);
    if let Some(length) = header_length(data) {
        assert!(length <= data.len());
    }
    let Ok(draft) = Draft::of_smtp(raw, "a@x.org", vec!["b@x.org".into()]) else { return };
    assert!(draft.body.held().is_some_and(|body| data.ends_with(body)));
    let kept = [&draft.head[..], b"\r\n", draft.body.held().map_or(&[][..], |b| b)].concat();
    let mail = Mail {
        seq: 1,
        id: "id".into(),
        received: Millis(0),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        via: Via::Smtp,
        source: draft.source,
        to: draft.to,
        cc: draft.cc,
        bcc: draft.bcc,
        subject: draft.subject,
        config_set: None,
        tags: Vec::new(),
        size: kept.len(),
    };
    let shown = detail(&mail, &kept);
    let _ = localstack(&mail, &kept);
    let count = shown["attachments"].as_array().map_or(0, Vec::len);
    for n in 0..count.min(4) {
        assert!(part(&kept, Which::Attachment(n)).is_some());
    }
    for which in [Which::Text, Which::Html, Which::Attachment(count), Which::Inline("x")] {
        let _ = part(&kept, which);
    }
}
