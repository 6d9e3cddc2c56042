#!/usr/bin/env bash
# msmtp, what mutt and cron send by: its configuration file, recipients from the header, STARTTLS and TLS from
# the first byte with the certificate checked, and mails as mutt writes them.
set -euo pipefail

cat >msmtprc <<RC
defaults
host localhost
auth plain
user 123456789012
password any
from a@x.org
tls on
tls_trust_file $DEVENV_STATE_DIR/smtp-certificate.pem
account starttls
port $SMTP_PORT
account wrapped
port $SMTPS_PORT
tls_starttls off
account clear
port $SMTP_PORT
tls off
auth off
RC
chmod 600 msmtprc
shown() { "$DEVENV" mail show latest --json | python -c "import json, sys; mail = json.load(sys.stdin); print($1)"; }
expect() {
    local got
    got=$(shown "$1")
    [ "$got" = "$2" ] || { printf '%s is %s, not %s\n' "$1" "$got" "$2" >&2; exit 1; }
}

for account in starttls wrapped clear; do
    printf 'From: a@x.org\nTo: Ann <ann@x.org>\nCc: c@x.org\nBcc: hidden@x.org\nSubject: by %s\n\nhi\n.\nend\n' \
        "$account" | msmtp --file=msmtprc --account="$account" --read-recipients
    expect 'mail["subject"], mail["to"], mail["cc"], mail["bcc"]' \
        "by $account ['ann@x.org'] ['c@x.org'] ['hidden@x.org']"
    expect 'repr(mail["text"])' "'hi\\n.\\nend'"
done
expect 'mail["account"]' "000000000000"

# As mutt writes it: signed as a whole, within it text, HTML and a file whose name is of RFC 2231, and an
# inline mail with a header of RFC 2047.
cat >mutt.eml <<'MAIL'
Date: Sat, 21 Nov 2026 10:00:00 +0100
From: =?utf-8?B?SsO2cmc=?= <a@x.org>
To: =?iso-8859-1?Q?=C4nn?= <ann@x.org>
Subject: =?utf-8?Q?Unterlagen_f=C3=BCr?= =?utf-8?Q?_Montag?=
Message-ID: <20261121090000.GA1@x.org>
MIME-Version: 1.0
Content-Type: multipart/signed; micalg=pgp-sha512;
	protocol="application/pgp-signature"; boundary="outer"
Content-Disposition: inline
User-Agent: Mutt/2.2.13

--outer
Content-Type: multipart/mixed; boundary="inner"
Content-Disposition: inline

--inner
Content-Type: multipart/alternative; boundary="texts"

--texts
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe,=20
-- =20
J=F6rg
--texts
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 8bit

<p>Grüße <a href="https://x.org/montag">Montag</a></p>
--texts--

--inner
Content-Type: text/csv; charset=us-ascii
Content-Disposition: attachment; filename*=utf-8''%C3%9Cbersicht%20%E2%82%AC.csv
Content-Transfer-Encoding: base64

YSxiCjEsMgo=
--inner
Content-Type: message/rfc822
Content-Disposition: inline

From: b@y.org
Subject: =?utf-8?Q?weitergeleitet_=E2=9C=93?=

within
--inner--

--outer
Content-Type: application/pgp-signature; name="signature.asc"

-----BEGIN PGP SIGNATURE-----

iQ==
-----END PGP SIGNATURE-----
--outer--
MAIL
msmtp --file=msmtprc --account=starttls ann@x.org <mutt.eml
expect 'mail["subject"], mail["links"]' "Unterlagen für Montag ['https://x.org/montag']"
expect 'mail["text"].splitlines()[0].strip(), mail["html"].strip()' \
    'Grüße, <p>Grüße <a href="https://x.org/montag">Montag</a></p>'
expect '[a["name"] or a["content_type"] for a in mail["attachments"]]' \
    "['Übersicht €.csv', 'message/rfc822', 'signature.asc']"
# What is signed keeps every byte, but for the line ends of SMTP.
"$DEVENV" mail show latest --raw | tr -d '\r' | sed -n '/^--outer$/,$p' >kept
sed -n '/^--outer$/,$p' mutt.eml | cmp - kept
