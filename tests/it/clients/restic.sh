#!/usr/bin/env bash
# restic: a repository in S3; backup twice, check every byte, restore, forget and prune.
set -euo pipefail

export RESTIC_REPOSITORY="s3:$AWS_ENDPOINT_URL/restic/repository" RESTIC_PASSWORD=secret
export RESTIC_CACHE_DIR="$PWD/cache"

mkdir -p "tree/ümläut dir"
head -c 9000000 /dev/urandom >tree/large
printf 'first' >"tree/ümläut dir/a +&%.txt"
restic init
restic backup --quiet tree
printf 'second' >"tree/ümläut dir/a +&%.txt"
restic backup --quiet tree
restic check --read-data
restic restore latest --target back
diff -r tree "back/tree"
[ "$(restic snapshots --json | grep -o '"short_id"' | wc -l)" = 2 ]
restic forget --quiet --keep-last 1 --prune
restic check
[ "$(restic snapshots --json | grep -o '"short_id"' | wc -l)" = 1 ]
