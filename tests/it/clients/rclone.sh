#!/usr/bin/env bash
# rclone: a tree with odd names there, checked, changed, back, and gone. What rclone asks for is only that
# the provider is named; endpoint, region and credentials are the environment's.
set -euo pipefail

export RCLONE_CONFIG_DEV_TYPE=s3 RCLONE_CONFIG_DEV_PROVIDER=Other RCLONE_CONFIG_DEV_ENV_AUTH=true
export RCLONE_CONFIG_DEV_ENDPOINT="$AWS_ENDPOINT_URL" RCLONE_CONFIG_DEV_REGION="$AWS_REGION"
export RCLONE_S3_CHUNK_SIZE=5M RCLONE_S3_UPLOAD_CUTOFF=6M RCLONE_RETRIES=1

names=("plain" "with space" " leading" "plus+and&" "per%cent%20" "ümläut/日本.txt" "deep/er/still" "a'quote\"" "qu?ery#frag"
    "star*" "semi;colon" "[brackets]{braces}" "~tilde" "back\\slash" "e=mc^2" "dotted..name." $'new\nline' "-dash")
mkdir tree
for name in "${names[@]}"; do
    mkdir -p "$(dirname "tree/$name")"
    printf '%s' "$name" >"tree/$name"
done
: >tree/empty
head -c 13000000 /dev/urandom >tree/large

rclone mkdir dev:rclone
rclone copy tree dev:rclone/t
rclone check tree dev:rclone/t
rclone check --download tree dev:rclone/t
[ "$(rclone size --json dev:rclone | sed 's/.*"count":\([0-9]*\).*/\1/')" = $((${#names[@]} + 2)) ]
[ "$(rclone cat dev:rclone/t/deep/er/still)" = "deep/er/still" ]

# Times of modification are kept as metadata: nothing to copy.
touch -d '2001-02-03 04:05:06 UTC' tree/plain
rclone sync tree dev:rclone/t
rclone lsl dev:rclone/t/plain | grep '2001-02-03' >/dev/null
rclone sync -v tree dev:rclone/t 2>again
if grep 'Copied' again; then exit 1; fi

rm "tree/star*"
rclone sync tree dev:rclone/t
rclone moveto dev:rclone/t/plain "dev:rclone/t/moved & renamed"
rclone copyto dev:rclone/t/large dev:rclone/t/copy
mv tree/plain "tree/moved & renamed"
cp tree/large tree/copy
rclone copy dev:rclone/t back
diff -r tree back
head -c 7000000 tree/large | rclone rcat dev:rclone/piped
rclone cat dev:rclone/piped | cmp - <(head -c 7000000 tree/large)
rclone purge dev:rclone
if rclone lsf dev:rclone; then exit 1; fi
