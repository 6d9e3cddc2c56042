//! Dates and instants, moved by whole days: by as many for all rows of one subject, so that intervals,
//! weekday distances and the time of day stay.

use super::permute::Permutation;
use super::{Beside, Mask, Reason};

/// Dates and instants as Postgres writes them with `DateStyle = ISO`.
pub(super) struct Shift {
    pub(super) permutation: Permutation,
    /// At the most, in either direction.
    pub(super) days: u32,
}

impl Shift {
    /// Days to move by; never none.
    fn by(&self, beside: &Beside<'_>) -> i64 {
        let days = u64::from(self.days.max(1));
        let hash = self.permutation.hash(beside.subject.unwrap_or_default().as_bytes());
        let moved = i64::try_from(hash % (2 * days)).unwrap_or(0) - self.days.cast_signed() as i64;
        if moved >= 0 { moved + 1 } else { moved }
    }
}

impl Mask for Shift {
    fn mask(&self, value: &str, beside: &Beside<'_>, out: &mut String) -> Result<(), Reason> {
        if matches!(value, "infinity" | "-infinity") {
            out.push_str(value);
            return Ok(());
        }
        const NOT: Reason = Reason("is no date between the years 1 and 9999");
        let (date, rest) = value.split_at_checked(10).ok_or(NOT)?;
        if !date.is_ascii()
            || rest.ends_with("BC")
            || rest.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(NOT);
        }
        let date: jiff::civil::Date = date.parse().map_err(|_| NOT)?;
        let moved = date
            .checked_add(jiff::Span::new().days(self.by(beside)))
            .ok()
            .filter(|d| d.year() >= 1)
            .ok_or(NOT)?;
        out.push_str(&moved.to_string());
        out.push_str(rest);
        Ok(())
    }
}
