//! SES's numbers. Source unless said otherwise: <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>.

/// Recipients (to, cc and bcc together) of one mail at the most.
pub const RECIPIENTS_MAX: usize = 50;
/// Bytes of a mail sent through v1 at the most.
pub const MAIL_BYTES_MAX_V1: usize = 10 * 1024 * 1024;
/// Bytes of a mail sent through v2 or SMTP at the most.
pub const MAIL_BYTES_MAX_V2: usize = 40 * 1024 * 1024;
/// Bytes of a request: base64 makes 56 MB of 40, and JSON or a form adds its escapes.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Characters of a message tag's name or value at the most (the API reference's `MessageTag`).
pub const TAG_CHARS_MAX: usize = 255;
/// Bytes of an address at the most (the API reference's `Destination`).
pub const ADDRESS_BYTES_MAX: usize = 320;
/// Headers that a v2 message may bring along (the API reference's `Message`).
pub const HEADERS_MAX: usize = 15;
/// Identities in one `GetIdentityVerificationAttributes` at the most.
pub const IDENTITIES_ASKED_MAX: usize = 100;
/// Identities on one page of v1's list at the most, also the default.
pub const PAGE_MAX_V1: usize = 1000;

/// Mails in 24 hours and a second that accounts outside the sandbox start with. Told, not enforced.
pub const QUOTA_PRODUCTION: (f64, f64) = (50_000.0, 14.0);
/// The sandbox's quota.
pub const QUOTA_SANDBOX: (f64, f64) = (200.0, 1.0);

/// Milliseconds of one data point of the send statistics (`GetSendStatistics`: 15 minutes).
pub const SLOT_MS: i64 = 15 * 60 * 1000;
/// Milliseconds that the statistics reach back (two weeks).
pub const STATISTICS_MS: i64 = 14 * 24 * 60 * 60 * 1000;
/// Milliseconds of a day, for the send quota.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Mails on one page of devenv's own listing at the most (ours).
pub const LISTING_MAX: usize = 200;
/// Mails in one answer of the LocalStack-shaped listing, newest kept (ours).
pub const LOCALSTACK_LISTING_MAX: usize = 1000;
/// Bytes of raw mail in one answer of the LocalStack-shaped listing (ours).
pub const LOCALSTACK_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of a body that lie in the mail's row; longer ones get a file of their own (ours).
pub const BODY_INLINE_MAX: usize = 64 * 1024;
/// Seconds that one request may wait for a mail (ours).
pub const WAIT_SECONDS_MAX: u64 = 600;
/// Seconds that it waits if it does not say (ours).
pub const WAIT_SECONDS_DEFAULT: u64 = 10;
/// Mails that are taken apart at once: each may be 40 MiB (ours).
pub const READING_MAX: usize = 4;

/// Bytes of a template's parts together at the most.
pub const TEMPLATE_BYTES_MAX: usize = 500 * 1024;
/// Destinations of one bulk mail at the most.
pub const DESTINATIONS_MAX: usize = 50;
/// Events in one answer of devenv's page (ours).
pub const EVENTS_SHOWN_MAX: usize = 1000;
