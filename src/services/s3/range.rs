//! `Range: bytes=…` of a read, and of the source of a part.

use super::error::{Error, Result};

/// The bytes `first..=last` that a `Range` header asks of `size` bytes. `None` means all of them: S3
/// answers what it does not understand, and several ranges at once, with the whole object.
pub fn read(header: &str, size: u64) -> Result<Option<(u64, u64)>> {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
        return Ok(None);
    };
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        text if text.bytes().all(|b| b.is_ascii_digit()) => {
            Some(Some(text.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    let outside = || Error::invalid_range(header, size);
    match (number(first), number(last)) {
        (Some(None), Some(Some(0))) => Err(outside()),
        (Some(None), Some(Some(_))) if size == 0 => Err(outside()),
        (Some(None), Some(Some(count))) => Ok(Some((size.saturating_sub(count), size - 1))),
        (Some(Some(first)), Some(Some(last))) if last < first => Ok(None),
        (Some(Some(first)), Some(_)) if first >= size => Err(outside()),
        (Some(Some(first)), Some(last)) => {
            Ok(Some((first, last.unwrap_or(u64::MAX).min(size - 1))))
        }
        _ => Ok(None),
    }
}

/// The bytes `first..=last` of `x-amz-copy-source-range`, which must lie inside the source.
pub fn of_source(header: &str, size: u64) -> Result<(u64, u64)> {
    const NAME: &str = "x-amz-copy-source-range";
    let parsed = header.strip_prefix("bytes=").and_then(|r| r.split_once('-'));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse::<u64>().ok());
    let parsed = parsed.and_then(|(a, b)| Some((digits(a)??, digits(b)??)));
    let Some((first, last)) = parsed.filter(|(first, last)| first <= last) else {
        return Err(Error::invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
            NAME,
            header,
        ));
    };
    if first >= size {
        return Err(Error::invalid_request(
            "The specified copy range is invalid for the source object size",
        ));
    }
    if last >= size {
        let message = format!("Range specified is not valid for source object of size: {size}");
        return Err(Error::invalid_argument(message, NAME, header));
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_aws_recorded_them() {
        let of = |header| read(header, 10).map_err(|e| e.code.into_owned());
        assert_eq!(of("bytes=0-8"), Ok(Some((0, 8))));
        assert_eq!(of("bytes=1-"), Ok(Some((1, 9))));
        assert_eq!(of("bytes=-2"), Ok(Some((8, 9))));
        assert_eq!(of("bytes=-15"), Ok(Some((0, 9))));
        assert_eq!(of("bytes=0-100"), Ok(Some((0, 9))));
        for whole in ["bytes=1-0", "bytes=-1-", "bytes=0--1", "bytes=0-1,3-4,7-9", "0-9", "bytes=-"]
        {
            assert_eq!(of(whole), Ok(None), "{whole}");
        }
        for outside in ["bytes=-0", "bytes=100-200", "bytes=10-"] {
            assert_eq!(of(outside), Err("InvalidRange".into()), "{outside}");
        }
        assert!(read("bytes=0-", 0).is_err() && read("bytes=-1", 0).is_err());
    }

    #[test]
    fn ranges_of_sources_as_aws_recorded_them() {
        let of = |header| of_source(header, 10).map_err(|e| e.code.into_owned());
        assert_eq!(of("bytes=0-8"), Ok((0, 8)));
        for bad in
            ["0-8", "bytes=1-0", "bytes=-1-", "bytes=0--1", "bytes=-", "bytes=-2", "bytes=1-"]
        {
            assert_eq!(of(bad), Err("InvalidArgument".into()), "{bad}");
        }
        assert_eq!(of("bytes=0-100"), Err("InvalidArgument".into()));
        assert_eq!(of("bytes=100-200"), Err("InvalidRequest".into()));
    }
}
