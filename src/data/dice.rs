//! Numbers that look drawn by chance and are the same for the same seed, on every machine: SplitMix64, and
//! only such arithmetic behind it as IEEE 754 makes the same everywhere.

/// A row of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// The numbers of a seed.
    pub(crate) fn of(seed: u64) -> Dice {
        Dice { state: seed }
    }

    /// The numbers of a place under a seed: a row, an attempt.
    pub(crate) fn at(seed: u64, row: u64, attempt: u32) -> Dice {
        let mut dice = Dice::of(seed ^ row.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let mixed = dice.next() ^ u64::from(attempt).wrapping_mul(0xa076_1d64_78bd_642f);
        Dice::of(mixed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is above 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let wide = (u128::from(self.next()) * u128::from(n)) >> 64;
        u64::try_from(wide).unwrap_or(0)
    }

    /// A place in a list of `n`.
    pub(crate) fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n.max(1) as u64)).unwrap_or(0)
    }

    /// One of a list, which is not empty.
    pub(crate) fn one<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.index(list.len())]
    }

    /// From 0 to below 1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something happens that does in `share` of all cases.
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// From 0 to below 1, small ones much more often: as amounts and popularity are.
    pub(crate) fn skewed(&mut self) -> f64 {
        let unit = self.unit();
        unit * unit * unit
    }

    /// A number from `least` to `most`, both included, low ones more often.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a draw")]
    pub(crate) fn amount(&mut self, least: i64, most: i64) -> i64 {
        let width = most.saturating_sub(least).max(0);
        let step = (self.skewed() * (width as f64 + 1.0)) as i64;
        least.saturating_add(step.min(width))
    }

    /// A number from `least` to `most`, both included, all alike.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        let width = most.saturating_sub(least).max(0).cast_unsigned();
        least.saturating_add_unsigned(self.below(width.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fixed for ever: masks and made-up rows rest on it.
    #[test]
    fn the_numbers_do_not_change() {
        let mut dice = Dice::of(1);
        assert_eq!([dice.next(), dice.next()], [0x910a_2dec_8902_5cc1, 0xbeeb_8da1_658e_ec67]);
    }

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut dice = Dice::of(7);
        for _ in 0..2000 {
            assert!(
                (3..=9).contains(&dice.amount(3, 9)) && (-2..=2).contains(&dice.between(-2, 2))
            );
            assert!(dice.unit() < 1.0 && dice.below(5) < 5);
        }
        assert_eq!(dice.amount(i64::MAX, i64::MAX), i64::MAX);
    }
}
