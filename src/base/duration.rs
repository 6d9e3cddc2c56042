//! Durations as people type them: `500ms`, `60s`, `10m`, `2h`, `7d`, or plain seconds.

use std::time::Duration;

/// A year: far beyond any use, and far from the end of the clock's range.
const MS_MAX: u64 = 365 * 86_400_000;

/// Reads a duration.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let ms = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let ms = number.checked_mul(ms).filter(|ms| *ms <= MS_MAX).ok_or_else(wrong)?;
    Ok(Duration::from_millis(ms))
}

fn wrong() -> String {
    "a duration is a number with a unit: `500ms`, `60s`, `10m`, `2h`, `7d`".to_owned()
}

/// Says a duration shortly: `60 s`, `1.5 s`, `250 ms`.
pub fn say(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1_000 => format!("{ms} ms"),
        _ if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, ms) in
            [("500ms", 500), ("60s", 60_000), ("2", 2_000), ("10m", 600_000), ("1d", 86_400_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in
            ["", "s", "-1s", "1.5s", "1w", "366d", "99999999999999999999", "18446744073709551615d"]
        {
            assert_eq!(parse(text), Err(wrong()), "{text}");
        }
    }

    #[test]
    fn said_shortly() {
        assert_eq!(say(Duration::from_millis(250)), "250 ms");
        assert_eq!(say(Duration::from_secs(60)), "60 s");
        assert_eq!(say(Duration::from_millis(1_500)), "1.5 s");
    }
}
