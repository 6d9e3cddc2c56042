//! The fuzz targets' entry points (`fuzz/`) for a moment: random bytes, and damaged ones of the right
//! kind, which get further.

use devenv::services::s3::fuzz;
use proptest::collection::vec;
use proptest::prelude::*;

/// An entry point, and inputs of the right kind.
type Target = (fn(&[u8]), &'static [&'static [u8]]);

const TARGETS: &[Target] = &[
    (
        fuzz::chunked,
        &[
            b"\x035;chunk-signature=ab\r\nhello\r\n0;chunk-signature=ef\r\n\r\n",
            b"\x00b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n",
        ],
    ),
    (
        fuzz::xml,
        &[
            b"\x00<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>",
            b"\x03<LifecycleConfiguration><Rule><ID>&#x41;</ID><Status>Enabled</Status><Filter/><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>",
            b"\x0c<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Object><Key><![CDATA[<k>]]></Key></Object><Quiet>true</Quiet></Delete>",
        ],
    ),
    (
        fuzz::presigned,
        &[
            b"h b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20261121%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261121T101500Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00",
            b"b.s3.localhost:4566 k?Signature=a&Expires=1795256131&AWSAccessKeyId=k",
        ],
    ),
    (
        devenv::services::sqs::fuzz::query,
        &[
            b"Action=SendMessageBatch&QueueUrl=q&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=%C3%A4&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=Number&SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=1",
            b"QueueUrl=q.fifo&MessageBody=x&MessageGroupId=g&MessageDeduplicationId=e&MaxNumberOfMessages=3&AttributeName.1=All",
            b"QueueUrl=q&QueueName=new&Attribute.1.Name=RedrivePolicy&Attribute.1.Value=%7B%22deadLetterTargetArn%22%3A%22arn%3Aaws%3Asqs%3Aus-east-1%3A000000000000%3Aq%22%2C%22maxReceiveCount%22%3A1%7D&Tag.1.Key=k&Tag.1.Value=v",
        ],
    ),
    (
        devenv::services::kms::blob::fuzz,
        &[
            b"\x01\x02\x02\x00\x78\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07aaaabbbbbbbbbbbbcccccccccccccccc",
            b"bbbbbbbbbbbbcccccccccccccccccccc",
        ],
    ),
    (fuzz::ranges, &[b"\x0a\0\0\0\0\0\0\0bytes=0-9", b"\xff\xff\xff\xff\xff\xff\xff\xffbytes=-5"]),
    (
        fuzz::headers,
        &[
            b"x-amz-copy-source: /b/k%20?versionId=null\nx-amz-tagging: a=1&b=2\nif-match: \"a\", W/\"b\"",
            b"content-md5: 1B2M2Y8AsgTpgAmY7PhCfg==\nx-amz-trailer: x-amz-checksum-crc32\nx-amz-meta-a: \xff",
        ],
    ),
    (
        devenv::edge::smtp::fuzz::dialogue,
        &[
            b"\x04EHLO me\r\nMAIL FROM:<a@x.org> SIZE=9\r\nRCPT TO:<b@x.org>\r\nDATA\r\n..a\r\n\n.\r\n.\r\nQUIT\r\n",
            b"\x00EHLO me\r\nAUTH LOGIN\r\ndGVzdA==\r\ndGVzdA==\r\nRSET\r\nSTARTTLS\r\n",
        ],
    ),
    (
        devenv::services::ses::fuzz::mail,
        &[
            b"From: a@x.org\r\nBcc: c@x.org,\r\n\td@x.org\r\nSubject: =?utf-8?Q?=C3=A4?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n--b--\r\n",
            b"X-SES-MESSAGE-TAGS: a=1, b=2\nContent-Type: text/html; charset=latin1\n\n<a href=\"http://x.org/?a&amp;b\">",
        ],
    ),
];

/// Bytes that stand in a good input's place.
fn damage() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    (any::<prop::sample::Index>(), 0usize..8, vec(any::<u8>(), 0..8))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn random_bytes_break_no_promise(data in vec(any::<u8>(), 0..200)) {
        TARGETS.iter().for_each(|(target, _)| target(&data));
    }

    #[test]
    fn damaged_inputs_break_no_promise(damages in vec(damage(), 0..4)) {
        for (target, seeds) in TARGETS {
            for seed in *seeds {
                let mut data = seed.to_vec();
                for (at, length, put) in &damages {
                    let start = at.index(data.len() + 1);
                    let end = (start + length).min(data.len());
                    data.splice(start..end, put.iter().copied());
                }
                target(&data);
            }
        }
    }
}
