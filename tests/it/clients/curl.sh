#!/usr/bin/env bash
# curl: HTTP/2 without negotiation, `Expect: 100-continue`, its own SigV4 signatures, bodies of unknown length.
# (Many requests on one HTTP/2 connection are http2.mjs: curl 7.88 cannot reuse one by prior knowledge.)
set -euo pipefail

url="$AWS_ENDPOINT_URL/curl"
# Version 7.88 signs no header but these; S3 wants the body's hash.
signed=(--silent --show-error --fail-with-body --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
    --aws-sigv4 "aws:amz:$AWS_REGION:s3" --header "x-amz-content-sha256: UNSIGNED-PAYLOAD")
head -c 3000000 /dev/urandom >large

[ "$(curl "${signed[@]}" --http2-prior-knowledge -X PUT --output created --write-out '%{http_version} %{http_code}' "$url")" = "2 200" ]
[ "$(curl "${signed[@]}" --http2-prior-knowledge --upload-file large --write-out '%{http_version} %{http_code}' "$url/two")" = "2 200" ]
[ "$(curl "${signed[@]}" --http2-prior-knowledge --output back --write-out '%{http_version} %{http_code}' "$url/two")" = "2 200" ]
cmp large back

# The client sends the body only after `100 Continue`; a bucket that is not there is refused before that.
curl "${signed[@]}" --verbose --expect100-timeout 20 --header "Expect: 100-continue" --upload-file large "$url/expected" 2>expected
grep -q '^< HTTP/1.1 100 Continue' expected
grep -q '^< HTTP/1.1 200 OK' expected
curl "${signed[@]}" --verbose --expect100-timeout 20 --header "Expect: 100-continue" --upload-file large \
    "$AWS_ENDPOINT_URL/absent/key" --output refusal 2>refused && exit 1
grep -q '^< HTTP/1.1 404' refused
[ "$(grep -c '100 Continue' refused)" = 0 ]
grep -q '<Code>NoSuchBucket</Code>' refusal

# Chunks and no length: S3 itself refuses that. A bucket needs no word about a body.
curl "${signed[@]}" --header "Transfer-Encoding: chunked" --upload-file - "$url/chunked" <large --output chunked && exit 1
grep -q '<Code>NotImplemented</Code>.*<Header>Transfer-Encoding</Header>' chunked
curl "${signed[@]}" -X PUT "$AWS_ENDPOINT_URL/bodyless"

[ "$(curl "${signed[@]}" --range 10-19 "$url/two" | wc -c)" = 10 ]
curl "${signed[@]}" --head "$url/two" | tr -d '\r' | grep -i '^content-length: 3000000$' >/dev/null
# A bucket is virtual-hosted by its host alone.
curl "${signed[@]}" --resolve "curl.s3.localhost:${AWS_ENDPOINT_URL##*:}:127.0.0.1" \
    "http://curl.s3.localhost:${AWS_ENDPOINT_URL##*:}/two" | cmp - large
# The awsJson and Query protocols are one POST each.
curl "${signed[@]}" --http2-prior-knowledge --aws-sigv4 "aws:amz:$AWS_REGION:sqs" --header "X-Amz-Target: AmazonSQS.CreateQueue" \
    --header "Content-Type: application/x-amz-json-1.0" --data '{"QueueName": "curl"}' "$AWS_ENDPOINT_URL/" | grep '/curl"' >/dev/null
curl "${signed[@]}" --aws-sigv4 "aws:amz:$AWS_REGION:sts" --data 'Action=GetCallerIdentity&Version=2011-06-15' \
    "$AWS_ENDPOINT_URL/" | grep '<Account>000000000000</Account>' >/dev/null
