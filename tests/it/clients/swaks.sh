#!/usr/bin/env bash
# swaks, the testers' SMTP client: in the clear and pipelined, within STARTTLS with a login, with TLS from the
# first byte, with a file, and refused.
set -euo pipefail

say() { swaks --server "$SMTP_HOST" --port "$SMTP_PORT" --from a@x.org --helo me.x.org "$@"; }
trusted=(--tls-verify --tls-ca-path "$DEVENV_STATE_DIR/smtp-certificate.pem")
shown() { "$DEVENV" mail show latest --json | python -c "import json, sys; mail = json.load(sys.stdin); print($1)"; }
expect() {
    local got
    got=$(shown "$1")
    [ "$got" = "$2" ] || { printf '%s is %s, not %s\n' "$1" "$got" "$2" >&2; exit 1; }
}

say --to b@x.org,c@x.org --pipeline --header "Subject: plain" --body $'one\n.two' >said
grep -q "250 Ok 01" said
expect 'mail["subject"], mail["to"], mail["bcc"]' "plain ['b@x.org', 'c@x.org'] []"
expect 'repr(mail["text"].strip())' "'one\\n.two'"

say --to b@x.org --auth LOGIN --auth-user 123456789012 --auth-password any --tls "${trusted[@]}" \
    --header "Subject: within STARTTLS" >/dev/null
expect 'mail["subject"], mail["account"]' "within STARTTLS 123456789012"

say --port "$SMTPS_PORT" --to b@x.org --auth PLAIN --auth-user test --auth-password any --tls-on-connect \
    "${trusted[@]}" --header "Subject: within TLS" >/dev/null
expect 'mail["subject"]' "within TLS"

head -c 300000 /dev/urandom >"Anhang ü.bin"
say --to b@x.org --attach-type application/octet-stream --attach-name "Anhang.bin" --attach "@Anhang ü.bin" \
    --header "Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=" >/dev/null
expect 'mail["subject"], mail["attachments"][-1]["name"], mail["attachments"][-1]["size"]' "Grüße Anhang.bin 300000"
id=$(shown 'mail["id"]')
curl -sf "$AWS_ENDPOINT_URL/_devenv/mail/$id/attachments/0" | cmp - "Anhang ü.bin" \
    || curl -sf "$AWS_ENDPOINT_URL/_devenv/mail/$id/attachments/1" | cmp - "Anhang ü.bin"

# Three recipients are no mail's limit, fifty-one are; swaks ends with 26 when the content is refused.
many=$(printf 'u%s@x.org,' {1..51})
code=0
say --to "${many%,}" >refused || code=$?
[ "$code" = 26 ] && grep -q "554 Transaction failed: Recipient count exceeds 50." refused
