//! Points in time as milliseconds since the Unix epoch. Nothing here reads a clock: `now` comes in as a value.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub i64);

impl Millis {
    /// This instant moved by whole seconds.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Millis {
        Millis(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Seconds with a fraction, the form of timestamps in awsJson.
    pub fn as_seconds_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Milliseconds from `earlier` to this instant; 0 when it lies ahead.
    pub fn since(self, earlier: Millis) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }

    /// Year, month, day, hour, minute, second, millisecond in UTC (proleptic Gregorian calendar).
    pub fn civil(self) -> (i64, u32, u32, u32, u32, u32, u32) {
        let days = self.0.div_euclid(86_400_000);
        let in_day = self.0.rem_euclid(86_400_000) as u32;
        // Days to civil date by eras of 400 years, counted from 0000-03-01.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_shifted = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * month_shifted + 2) / 5 + 1) as u32;
        let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 } as u32;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
        (year, month, day, hour, minute, in_day / 1000 % 60, in_day % 1000)
    }

    /// `2026-11-21T10:15:30.123Z`, the form of timestamps in XML answers.
    pub fn iso8601(self) -> String {
        let (y, mo, d, h, mi, s, ms) = self.civil();
        let Ok(year @ 0..=9999) = u32::try_from(y) else {
            return format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{ms:03}Z");
        };
        // Listings write thousands of these.
        let mut text = String::with_capacity(24);
        digits(&mut text, year, 4);
        for (separator, part) in [('-', mo), ('-', d), ('T', h), (':', mi), (':', s)] {
            text.push(separator);
            digits(&mut text, part, 2);
        }
        text.push('.');
        digits(&mut text, ms, 3);
        text.push('Z');
        text
    }

    /// `2026-11-21T10:15:30Z`: the same in whole seconds.
    pub fn iso8601_seconds(self) -> String {
        let (y, mo, d, h, mi, s, _) = self.civil();
        format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
    }

    /// `Sat, 21 Nov 2026 10:15:30 GMT`, the form of HTTP headers (RFC 9110, IMF-fixdate).
    pub fn http_date(self) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (y, mo, d, h, mi, s, _) = self.civil();
        let weekday = DAYS[self.0.div_euclid(86_400_000).rem_euclid(7) as usize];
        let month = MONTHS[mo as usize - 1];
        let Ok(year @ 0..=9999) = u32::try_from(y) else {
            return format!("{weekday}, {d:02} {month} {y:04} {h:02}:{mi:02}:{s:02} GMT");
        };
        let mut text = String::with_capacity(29);
        text.push_str(weekday);
        text.push_str(", ");
        digits(&mut text, d, 2);
        text.push(' ');
        text.push_str(month);
        text.push(' ');
        digits(&mut text, year, 4);
        for (separator, part) in [(' ', h), (':', mi), (':', s)] {
            text.push(separator);
            digits(&mut text, part, 2);
        }
        text.push_str(" GMT");
        text
    }
}

/// The last `width` digits of a number, with zeros in front.
fn digits(text: &mut String, number: u32, width: u32) {
    for place in (0..width).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.push(char::from(b'0' + digit as u8));
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso8601())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants_are_written_as_aws_writes_them() {
        let t = Millis(1_795_256_130_123);
        assert_eq!(t.iso8601(), "2026-11-21T10:15:30.123Z");
        assert_eq!(t.http_date(), "Sat, 21 Nov 2026 10:15:30 GMT");
        assert_eq!(Millis(0).http_date(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(Millis(951_782_400_000).iso8601(), "2000-02-29T00:00:00.000Z");
        assert_eq!(Millis(-1).iso8601(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Millis(i64::MAX).plus_seconds(1), Millis(i64::MAX));
        assert_eq!(Millis(5).since(Millis(9)), 0);
        assert_eq!(Millis(-1500).seconds(), -2);
    }
}
