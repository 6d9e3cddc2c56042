//! AWS's SDK for Rust against a running environment: plain and conditional requests, checksums, parts,
//! listings, presigned URLs, errors.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart, Delete,
    ObjectIdentifier,
};
use std::time::Duration;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const BUCKET: &str = "sdk-for-rust";

fn client() -> Outcome<Client> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let (key, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(variable("AWS_ENDPOINT_URL")?)
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(Credentials::new(key, secret, None, None, "environment"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Ok(Client::from_conf(config))
}

async fn objects(s3: &Client) -> Outcome<()> {
    let put = s3.put_object().bucket(BUCKET).key("ü/a +b").metadata("who", "me");
    let put = put.body(ByteStream::from_static(b"text")).send().await?;
    assert!(put.checksum_crc32().is_some(), "the SDK computes a checksum by itself: {put:?}");
    let get = s3.get_object().bucket(BUCKET).key("ü/a +b").checksum_mode(ChecksumMode::Enabled);
    let get = get.send().await?;
    assert_eq!(get.metadata().and_then(|m| m.get("who")).map(String::as_str), Some("me"));
    assert_eq!(get.body.collect().await?.to_vec(), b"text");
    let range = s3.get_object().bucket(BUCKET).key("ü/a +b").range("bytes=1-2").send().await?;
    assert_eq!(range.body.collect().await?.to_vec(), b"ex");
    let copy = s3
        .copy_object()
        .bucket(BUCKET)
        .key("copy")
        .copy_source(format!("{BUCKET}/%C3%BC/a%20%2Bb"));
    copy.send().await?;
    Ok(())
}

async fn refusals(s3: &Client) -> Outcome<()> {
    let again = s3.put_object().bucket(BUCKET).key("ü/a +b").if_none_match("*");
    let refused = again.body(ByteStream::from_static(b"no")).send().await.unwrap_err();
    assert_eq!(refused.raw_response().map(|r| r.status().as_u16()), Some(412));
    let missing = s3.get_object().bucket(BUCKET).key("missing").send().await.unwrap_err();
    assert!(missing.into_service_error().is_no_such_key());
    assert!(
        s3.head_object()
            .bucket(BUCKET)
            .key("missing")
            .send()
            .await
            .unwrap_err()
            .into_service_error()
            .is_not_found()
    );
    Ok(())
}

async fn parts(s3: &Client) -> Outcome<()> {
    let large: Vec<u8> = (0..12 << 20).map(|n: u32| n.wrapping_mul(2_654_435_761) as u8).collect();
    let begin = s3.create_multipart_upload().bucket(BUCKET).key("large");
    let begin = begin.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await?;
    let id = begin.upload_id().ok_or("no upload id")?;
    let mut done = Vec::new();
    for (number, bytes) in (1..).zip(large.chunks(5 << 20)) {
        let part = s3.upload_part().bucket(BUCKET).key("large").upload_id(id).part_number(number);
        let part = part.checksum_algorithm(ChecksumAlgorithm::Sha256);
        let part = part.body(ByteStream::from(bytes.to_vec())).send().await?;
        let sha256 = part.checksum_sha256().ok_or("no checksum")?;
        let tag = part.e_tag().ok_or("no entity tag")?;
        let named = CompletedPart::builder().part_number(number).e_tag(tag).checksum_sha256(sha256);
        done.push(named.build());
    }
    let all = CompletedMultipartUpload::builder().set_parts(Some(done)).build();
    let complete = s3.complete_multipart_upload().bucket(BUCKET).key("large").upload_id(id);
    let complete = complete.multipart_upload(all).send().await?;
    assert!(complete.checksum_sha256().is_some_and(|c| c.ends_with("-3")), "{complete:?}");
    let back = s3.get_object().bucket(BUCKET).key("large").send().await?;
    assert!(back.body.collect().await?.to_vec() == large, "12 MiB come back as they went");
    Ok(())
}

async fn presigned(s3: &Client) -> Outcome<()> {
    let minute = PresigningConfig::expires_in(Duration::from_secs(60))?;
    let url = s3.get_object().bucket(BUCKET).key("copy").presigned(minute).await?;
    // The SDK's own connector fetches it without signing it again.
    let path = url.uri().split_once("?").map(|(path, _)| path).ok_or("no query")?;
    assert!(path.ends_with("/copy") && url.uri().contains("X-Amz-Signature="), "{}", url.uri());
    let fetched = std::process::Command::new("curl").args(["-sf", url.uri()]).output()?;
    assert_eq!(fetched.stdout, b"text", "{}", url.uri());
    Ok(())
}

async fn listing(s3: &Client) -> Outcome<()> {
    let mut keys = Vec::new();
    let mut pages = s3.list_objects_v2().bucket(BUCKET).max_keys(1).into_paginator().send();
    while let Some(page) = pages.next().await {
        keys.extend(page?.contents().iter().filter_map(|o| o.key().map(str::to_owned)));
    }
    assert_eq!(keys, ["copy", "large", "ü/a +b"]);
    let named = |key: &String| ObjectIdentifier::builder().key(key).build();
    let all = keys.iter().map(named).collect::<Result<Vec<_>, _>>()?;
    let delete = Delete::builder().set_objects(Some(all)).build()?;
    let deleted = s3.delete_objects().bucket(BUCKET).delete(delete).send().await?;
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (3, 0));
    s3.delete_bucket().bucket(BUCKET).send().await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let s3 = client()?;
    s3.create_bucket().bucket(BUCKET).send().await?;
    objects(&s3).await?;
    refusals(&s3).await?;
    parts(&s3).await?;
    presigned(&s3).await?;
    listing(&s3).await
}
