//! Against the signatures that AWS's documentation publishes.

use super::*;
use crate::protocol::sigv4::EMPTY_SHA256;

struct Example;

impl Credentials for Example {
    fn lookup(&self, access_key: &str, _: Option<&str>) -> Option<String> {
        match access_key {
            "AKIAIOSFODNN7EXAMPLE" => Some("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
            "AKIDEXAMPLE" => Some("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            _ => None,
        }
    }
}

const DAY: &str = "20130524T000000Z";

fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn at(timestamp: &str) -> Instants {
    let now = time::basic(timestamp).unwrap();
    Instants { real: now, virtual_now: now }
}

fn s3(
    method: &str,
    uri: &str,
    extra: &[(&str, &str)],
    signature: &str,
) -> Result<Verified, Refusal> {
    let mut headers = vec![("host", "examplebucket.s3.amazonaws.com"), ("x-amz-date", DAY)];
    headers.extend(extra);
    if !extra.iter().any(|(name, _)| *name == "x-amz-content-sha256") {
        headers.push(("x-amz-content-sha256", EMPTY_SHA256));
    }
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders={},Signature={signature}",
        names.join(";")
    );
    headers.push(("authorization", &authorization));
    verify(&parts(method, uri, &headers), Body::Arriving, "s3", &Example, at(DAY))
}

#[test]
fn s3s_published_headers_are_right() {
    let get = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    let verified = s3("GET", "/test.txt", &[("range", "bytes=0-9")], get).unwrap();
    assert_eq!(verified.payload, Payload::Sha256(EMPTY_SHA256.to_owned()));
    let sha = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    let put = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    let headers = [
        ("date", "Fri, 24 May 2013 00:00:00 GMT"),
        ("x-amz-content-sha256", sha),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
    ];
    s3("PUT", "/test%24file.text", &headers, put).unwrap();
    let lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    s3("GET", "/?lifecycle", &[], lifecycle).unwrap();
    let list = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    s3("GET", "/?max-keys=2&prefix=J", &[], list).unwrap();
    let wrong = s3("GET", "/?max-keys=3&prefix=J", &[], list).unwrap_err();
    assert!(matches!(wrong, Refusal::Mismatch { .. }), "{wrong:?}");
}

#[test]
fn s3s_published_stream_is_right_from_its_seed_on() {
    let headers = [
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", DAY),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
        ("content-length", "66824"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        ),
    ];
    let parts = parts("PUT", "/examplebucket/chunkObject.txt", &headers);
    let verified = verify(&parts, Body::Arriving, "s3", &Example, at(DAY)).unwrap();
    assert_eq!(verified.payload, Payload::Chunked { trailer: false });
    let mut chunks = verified.chunks;
    let data = sha256_hex(&vec![b'a'; 65_536]);
    let first = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";
    assert!(chunks.chunk(&data, first));
}

const PRESIGNED: &str = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

fn presigned(uri: &str, now: Instants) -> Result<Verified, Refusal> {
    let parts = parts("GET", uri, &[("host", "examplebucket.s3.amazonaws.com")]);
    verify(&parts, Body::Arriving, "s3", &Example, now)
}

#[test]
fn s3s_published_url_is_right_for_a_day() {
    let verified = presigned(PRESIGNED, at("20130525T000000Z")).unwrap();
    assert_eq!(verified.payload, Payload::Unsigned);
    let late = presigned(PRESIGNED, at("20130525T000001Z")).unwrap_err();
    assert!(matches!(late, Refusal::Expired { seconds: Some(86_400), .. }), "{late:?}");
    assert_eq!(late.for_s3().message, "Request has expired");
    // The environment's clock may run ahead of the machine's; URLs expire by the former.
    let ahead = Instants { virtual_now: at("20130601T000000Z").real, ..at(DAY) };
    assert!(matches!(presigned(PRESIGNED, ahead), Err(Refusal::Expired { .. })));
    assert_eq!(presigned(PRESIGNED, at("20130523T230000Z")).unwrap_err(), Refusal::NotYet);
}

#[test]
fn a_url_that_was_tampered_with_is_refused() {
    for (from, to) in [("test.txt", "other.txt"), ("86400", "86401"), ("d404", "d405")] {
        let refusal = presigned(&PRESIGNED.replace(from, to), at(DAY)).unwrap_err();
        assert!(matches!(refusal, Refusal::Mismatch { .. }), "{refusal:?}");
        let failure = refusal.for_s3();
        assert_eq!((failure.code.as_ref(), failure.status), ("SignatureDoesNotMatch", 403));
        let names: Vec<&str> = failure.members.iter().map(|(name, _)| *name).collect();
        assert!(names.contains(&"StringToSign") && names.contains(&"SignatureProvided"));
    }
    let weeks = presigned(&PRESIGNED.replace("86400", "604801"), at(DAY)).unwrap_err();
    assert_eq!(weeks.for_s3().code, "AuthorizationQueryParametersError");
    let part = presigned("/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256", at(DAY)).unwrap_err();
    assert!(part.for_s3().message.starts_with("Query-string authentication version 4 requires"));
}

fn iam(timestamp: &str, now: Instants, key: &str) -> Result<Verified, Refusal> {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={key}/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
    let headers = [
        ("host", "iam.amazonaws.com"),
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("x-amz-date", timestamp),
        ("authorization", authorization.as_str()),
    ];
    let parts = parts("GET", "/?Action=ListUsers&Version=2010-05-08", &headers);
    verify(&parts, Body::Whole(b""), "iam", &Example, now)
}

#[test]
fn iams_published_header_is_right_and_its_errors_are_in_each_protocols_words() {
    let signed = "20150830T123600Z";
    iam(signed, at(signed), "AKIDEXAMPLE").unwrap();
    iam(signed, at("20150830T125100Z"), "AKIDEXAMPLE").unwrap();
    let late = iam(signed, at("20150830T125101Z"), "AKIDEXAMPLE").unwrap_err();
    assert_eq!(
        late.for_query().message,
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"
    );
    assert_eq!(late.for_query().code, "SignatureDoesNotMatch");
    assert_eq!(late.for_json(400).code, "InvalidSignatureException");
    // A client signs by the machine's clock, wherever the environment's has been moved to.
    let moved = Instants { virtual_now: at("20160101T000000Z").real, ..at(signed) };
    iam(signed, moved, "AKIDEXAMPLE").unwrap();
    let stranger = iam(signed, at(signed), "AKIANOBODY").unwrap_err();
    assert_eq!(stranger.for_query().code, "InvalidClientTokenId");
    assert_eq!(stranger.for_json(400).code, "UnrecognizedClientException");
    assert_eq!(stranger.for_s3().code, "InvalidAccessKeyId");
    let other_key = iam(signed, at(signed), "AKIAIOSFODNN7EXAMPLE").unwrap_err();
    assert_eq!(other_key.for_query().code, "SignatureDoesNotMatch");
}

#[test]
fn what_is_not_signed_or_not_readable_is_told_apart() {
    let none = parts("GET", "/", &[("host", "iam.amazonaws.com")]);
    let anonymous = verify(&none, Body::Whole(b""), "iam", &Example, at(DAY)).unwrap_err();
    assert_eq!(anonymous.for_json(400).code, "MissingAuthenticationTokenException");
    assert_eq!(anonymous.for_query().code, "MissingAuthenticationToken");
    let half = [("host", "h"), ("authorization", "AWS4-HMAC-SHA256 SignedHeaders=host")];
    let half = verify(&parts("GET", "/", &half), Body::Whole(b""), "iam", &Example, at(DAY));
    let half = half.unwrap_err();
    assert_eq!(half.for_query().code, "IncompleteSignature");
    assert!(half.for_query().message.contains("'Credential'"), "{half:?}");
}

proptest::proptest! {
    #[test]
    fn no_authorization_panics(text in "(AWS4-HMAC-SHA256 )?[ -~]{0,120}", query in "[A-Za-z0-9&=%-]{0,80}") {
        let uri = format!("/?X-Amz-Signature=1&{query}");
        let Ok(uri) = uri.parse::<http::Uri>() else { return Ok(()) };
        let headers = [("host", "h"), ("x-amz-date", DAY), ("authorization", text.as_str())];
        let mut parts = parts("GET", "/", &headers);
        let _ = verify(&parts, Body::Whole(b""), "iam", &Example, at(DAY));
        parts.uri = uri;
        parts.headers.remove("authorization");
        let _ = verify(&parts, Body::Whole(b""), "s3", &Example, at(DAY));
    }
}
