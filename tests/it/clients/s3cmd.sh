#!/usr/bin/env bash
# s3cmd: buckets, files, parts, sync, metadata, signed URLs (refused). It wants the endpoint twice: for paths and for
# buckets.
set -euo pipefail

host="${AWS_ENDPOINT_URL#http://}"
s3() {
    s3cmd --config=/dev/null --no-ssl --host="$host" --host-bucket="$host" --region="$AWS_REGION" \
        --access_key="$AWS_ACCESS_KEY_ID" --secret_key="$AWS_SECRET_ACCESS_KEY" --no-progress "$@"
}

s3 mb s3://s3cmd
mkdir -p "tree/deep"
printf 'plain' >tree/plain
printf 'odd' >"tree/deep/ü +&%.txt"
head -c 17000000 /dev/urandom >tree/large
s3 put tree/plain s3://s3cmd/plain --add-header=x-amz-meta-who:me --mime-type=text/x-plain
s3 put tree/large s3://s3cmd/large --multipart-chunk-size-mb=5
s3 get s3://s3cmd/large back
cmp tree/large back
s3 info s3://s3cmd/plain | grep 'text/x-plain' >/dev/null
s3 info s3://s3cmd/plain | grep 'x-amz-meta-who: me' >/dev/null
s3 sync tree/ s3://s3cmd/tree/
[ "$(s3 ls --recursive s3://s3cmd/tree/ | wc -l)" = 3 ]
s3 sync tree/ s3://s3cmd/tree/ >again
if grep 'upload:' again; then exit 1; fi
rm tree/plain
s3 sync --delete-removed tree/ s3://s3cmd/tree/
s3 sync s3://s3cmd/tree/ copy/
diff -r tree copy
s3 cp s3://s3cmd/plain "s3://s3cmd/a copy"
s3 mv "s3://s3cmd/a copy" s3://s3cmd/moved
s3 modify --add-header=cache-control:max-age=1 s3://s3cmd/moved
[ "$(s3 get s3://s3cmd/moved - 2>/dev/null)" = plain ]
# It signs URLs by Version 2 alone, which S3 takes no more.
curl -s "$(s3 signurl s3://s3cmd/plain +60)" | grep -q "Please use AWS4-HMAC-SHA256."
s3 du s3://s3cmd | grep 'objects' >/dev/null
s3 expire s3://s3cmd --expiry-days=3 --expiry-prefix=logs/
s3 getlifecycle s3://s3cmd | grep '<Days>3</Days>' >/dev/null
s3 dellifecycle s3://s3cmd
s3 multipart s3://s3cmd
s3 del --recursive --force s3://s3cmd
[ -z "$(s3 ls s3://s3cmd)" ]
s3 rb s3://s3cmd
