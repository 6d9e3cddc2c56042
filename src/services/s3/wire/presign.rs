//! Presigned URLs: whether their query is whole, and whether they have expired.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>. Lenient: the
//! signature itself is not verified, since any credentials will do. Signature Version 2 is refused: AWS
//! takes it no more for buckets made since June 2020
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html>).

use super::head::Head;
use crate::base::Millis;
use crate::protocol::Credential;
use crate::protocol::sigv4::ONLY_VERSION_4;
use crate::services::s3::error::{Error, Result};
use crate::services::s3::limits::PRESIGNED_SECONDS_MAX;

/// Whether the request is signed by Signature Version 2, in its head or its query.
fn is_version_2(head: &Head) -> bool {
    head.header("authorization").is_some_and(|a| a.starts_with("AWS "))
        || head.has("Signature")
        || head.has("AWSAccessKeyId")
}

/// Refuses a presigned request that is malformed or has expired, and Signature Version 2. `now_of` gives
/// the present as it is to who signed at an instant.
pub(super) fn check(head: &Head, now_of: impl Fn(Millis) -> Millis) -> Result<()> {
    let presigned = head.has("X-Amz-Signature") || head.has("Signature");
    if presigned && let Some(authorization) = head.header("authorization") {
        return Err(Error::invalid_argument(
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
            "Authorization",
            authorization,
        ));
    }
    let v4 = |name: &str| name.starts_with("X-Amz-") && name != "X-Amz-Content-Sha256";
    const V4: [&str; 6] = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Signature",
        "X-Amz-Date",
        "X-Amz-SignedHeaders",
        "X-Amz-Expires",
    ];
    if head.query.iter().any(|(name, _)| v4(name) && V4.contains(&name.as_str())) {
        return check_v4(head, now_of, &V4);
    }
    if is_version_2(head) {
        return Err(Error::invalid_request(ONLY_VERSION_4));
    }
    Ok(())
}

fn query_error(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(400, "AuthorizationQueryParametersError", message)
}

fn check_v4(head: &Head, now_of: impl Fn(Millis) -> Millis, all: &[&str; 6]) -> Result<()> {
    if all.iter().any(|name| head.param(name).is_none_or(str::is_empty)) {
        return Err(query_error(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ));
    }
    let given = |name: &str| head.param(name).unwrap_or_default();
    if given("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" {
        return Err(query_error("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
    }
    if Credential::parse(given("X-Amz-Credential")).is_none() {
        return Err(query_error(
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ));
    }
    let Some(date) = compact_date(given("X-Amz-Date")) else {
        return Err(query_error(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
        ));
    };
    let expires = given("X-Amz-Expires");
    let seconds: i64 =
        expires.parse().map_err(|_| query_error("X-Amz-Expires should be a number"))?;
    if seconds < 0 {
        return Err(query_error("X-Amz-Expires must be non-negative"));
    }
    if seconds > PRESIGNED_SECONDS_MAX {
        return Err(query_error(format!(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than {PRESIGNED_SECONDS_MAX} seconds"
        )));
    }
    let end = date.plus_seconds(seconds);
    let now = now_of(date);
    if now > end {
        return Err(expired()
            .with("X-Amz-Expires", expires)
            .with("Expires", second(end))
            .with("ServerTime", second(now)));
    }
    Ok(())
}

fn expired() -> Error {
    Error::new(403, "AccessDenied", "Request has expired")
}

/// `2026-11-21T10:15:30Z`.
fn second(at: Millis) -> String {
    let text = at.iso8601();
    format!("{}Z", &text[..text.len() - 5])
}

/// `20261121T101530Z` as an instant.
pub(super) fn compact_date(text: &str) -> Option<Millis> {
    let digits = text.strip_suffix('Z')?;
    let (date, time) = digits.split_once('T')?;
    if date.len() != 8 || time.len() != 6 || !digits.is_ascii() {
        return None;
    }
    let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse::<i64>().ok())?;
    let (year, month, day) = (number(&date[..4])?, number(&date[4..6])?, number(&date[6..])?);
    let (hour, minute, second) = (number(&time[..2])?, number(&time[2..4])?, number(&time[4..])?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 {
        return None;
    }
    Some(civil(year, month, day).plus_seconds(hour * 3600 + minute * 60 + second))
}

/// Midnight of a day (proleptic Gregorian calendar), by eras of 400 years.
pub(super) fn civil(year: i64, month: i64, day: i64) -> Millis {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_shifted = (month + 9) % 12;
    let day_of_year = (153 * month_shifted + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Millis((era * 146_097 + day_of_era - 719_468) * 86_400_000)
}

/// An HTTP date (`Sat, 21 Nov 2026 10:15:30 GMT`) or an ISO 8601 one, as an instant.
pub(super) fn http_date(text: &str) -> Option<Millis> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    if text.len() >= 20 && text.as_bytes().get(10) == Some(&b'T') && text.is_ascii() {
        return compact_date(&format!("{}Z", text[..19].replace(['-', ':'], "")));
    }
    let mut words = text.split([' ', '-']).filter(|w| !w.is_empty());
    words.next()?;
    let day: i64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|m| name.eq_ignore_ascii_case(m))? as i64 + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut time = words.next()?.split(':').map(|n| n.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    Some(civil(year, month, day).plus_seconds(hour * 3600 + minute * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        let at = Millis(1_795_256_130_000);
        assert_eq!(compact_date("20261121T101530Z"), Some(at));
        assert_eq!(http_date("Sat, 21 Nov 2026 10:15:30 GMT"), Some(at));
        assert_eq!(http_date("2026-11-21T10:15:30.123Z"), Some(at));
        for bad in ["", "20261121", "20261321T101530Z", "2026ä121T101530Z", "x"] {
            assert_eq!(compact_date(bad), None, "{bad}");
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    fn verdict(query: &str, now: i64) -> std::result::Result<(), Error> {
        let uri = format!("/b/k?{query}");
        let request = http::Request::builder().uri(uri).header("host", "h").body(()).unwrap();
        check(&Head::read(request.into_parts().0).unwrap(), |_| Millis(now))
    }

    const URL: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20261121%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261121T101530Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00";

    #[test]
    fn a_url_lives_as_long_as_it_says() {
        let begun = 1_795_256_130_000;
        assert_eq!(verdict(URL, begun + 60_000), Ok(()));
        let error = verdict(URL, begun + 60_001).unwrap_err();
        assert_eq!(
            (error.code.as_ref(), error.message.as_ref()),
            ("AccessDenied", "Request has expired")
        );
        assert_eq!(error.members[1], ("Expires".into(), "2026-11-21T10:16:30Z".into()));
    }

    #[test]
    fn a_malformed_url_is_refused() {
        for bad in [
            URL.replace("&X-Amz-Signature=00", ""),
            URL.replace("%2Faws4_request", ""),
            URL.replace("=60", "=soon"),
            URL.replace("=60", "=604801"),
            URL.replace("=60", "=-1"),
            URL.replace("101530Z", "Z"),
            URL.replace("HMAC-SHA256", "X"),
        ] {
            let error = verdict(&bad, 0).unwrap_err();
            assert_eq!(error.code, "AuthorizationQueryParametersError", "{bad}");
        }
    }

    #[test]
    fn version_2_is_refused() {
        for old in ["Signature=a&Expires=9999999999&AWSAccessKeyId=k", "Signature=a"] {
            let error = verdict(old, 0).unwrap_err();
            assert_eq!((error.status, error.code.as_ref()), (400, "InvalidRequest"));
            assert!(error.message.ends_with("Please use AWS4-HMAC-SHA256."));
        }
    }
}
