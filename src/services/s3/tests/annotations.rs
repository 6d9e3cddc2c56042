//! Annotations go with their version: in copies, and when it goes.

use super::super::checksum::Checksum;
use super::super::limits::ANNOTATIONS_MAX;
use super::super::ops::annotations::{Of, PutAnnotation};
use super::super::ops::copy::{CopyObject, Source};
use super::*;

both! {
    annotations_go_with_their_version: with_their_version;
    a_version_has_a_thousand_at_the_most: a_thousand;
}

fn of(key: &str, name: &str) -> Of {
    Of { bucket: "bucket".into(), key: key.into(), name: name.into(), ..Of::default() }
}

/// How many the version has then.
fn annotate(
    script: &mut Script,
    index: &mut impl Index,
    key: &str,
    name: &str,
    text: &str,
) -> Result<u32> {
    let algorithm = Algorithm::Crc32;
    let value = algorithm.of(text.as_bytes());
    let put = PutAnnotation {
        of: of(key, name),
        body: Blob::Inline(text.to_owned().into()),
        size: text.len() as u64,
        md5: String::new(),
        checksum: Checksum { algorithm, value, composite: false },
    };
    put.apply(index, &mut script.context()).map(|(version, _)| version.attributes.annotations)
}

fn payload(index: &impl Look, key: &str) -> Result<String> {
    let (_, annotation) = of(key, "a").get(index)?;
    let Some(Blob::Inline(data)) = index.blob(annotation.extents[0].blob)? else {
        panic!("no payload")
    };
    Ok(String::from_utf8(data.to_vec()).unwrap())
}

fn with_their_version(index: &mut impl Index) {
    let mut script = Script::new();
    let bucket = script.bucket(index);
    script.put(index, "k", "text");
    assert_eq!(annotate(&mut script, index, "k", "a", "one"), Ok(1));
    assert_eq!(annotate(&mut script, index, "k", "a", "two"), Ok(1));
    assert_eq!(annotate(&mut script, index, "k", "b", "three"), Ok(2));
    assert_eq!(payload(index, "k").unwrap(), "two");
    // A copy shares the payloads, which stay when the original goes.
    let expected = index.newest(bucket.id, "k").unwrap().unwrap();
    let copy = CopyObject {
        source: Source { bucket: "bucket".into(), key: "k".into(), version: None },
        source_conditions: ReadConditions::default(),
        expected,
        digests: None,
        bucket: "bucket".into(),
        key: "copy".into(),
        replace: None,
        tags: None,
        storage_class: None,
        encryption: None,
        acl: String::new(),
        lock: (None, None),
        redirect: None,
        annotations: true,
        conditions: WriteConditions::default(),
    };
    copy.apply(index, &mut script.context()).unwrap().unwrap();
    script.put(index, "k", "anew");
    assert_eq!(code(of("k", "a").get(index)), "NoSuchAnnotation");
    assert_eq!(payload(index, "copy").unwrap(), "two");
    script.delete(index, "copy", None);
    assert_eq!(code(of("copy", "a").get(index)), "NoSuchKey");
    script.put(index, "copy", "anew");
    assert_eq!(code(of("copy", "a").get(index)), "NoSuchAnnotation");
}

fn a_thousand(index: &mut impl Index) {
    let mut script = Script::new();
    script.bucket(index);
    script.put(index, "k", "text");
    for n in 1..=ANNOTATIONS_MAX {
        assert_eq!(annotate(&mut script, index, "k", &format!("n{n}"), "x"), Ok(n));
    }
    assert_eq!(code(annotate(&mut script, index, "k", "more", "x")), "AnnotationLimitExceeded");
    assert_eq!(annotate(&mut script, index, "k", "n7", "in place"), Ok(ANNOTATIONS_MAX));
}
