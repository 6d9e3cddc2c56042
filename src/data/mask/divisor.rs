//! Division by numbers by which much is divided: by multiplication, which processors do far faster. Exact.

/// A divisor by which much is divided: its inverse turns each division into multiplications.
#[derive(Debug, Clone, Copy)]
pub(super) struct Divisor {
    /// At the most 2^62, so that twice of it does not overflow.
    pub(super) by: u64,
    inverse: u64,
}

impl Divisor {
    /// By one.
    pub(super) const ONE: Divisor = Divisor { by: 1, inverse: u64::MAX };

    pub(super) fn new(by: u64) -> Divisor {
        debug_assert!((1..=1 << 62).contains(&by));
        Divisor { by, inverse: u64::MAX / by }
    }

    /// How often it goes into `x`, and what remains.
    #[allow(clippy::cast_possible_truncation, reason = "the upper half of a product")]
    pub(super) fn divide(self, x: u64) -> (u64, u64) {
        // The inverse is less than one below 2^64 / by, so the quotient is right or one too small.
        let quotient = ((u128::from(x) * u128::from(self.inverse)) >> 64) as u64;
        let rest = x - quotient * self.by;
        (quotient + u64::from(rest >= self.by), less(rest, self.by))
    }
}

/// `x` without `size`, if that is no more than it. Without a branch: half of the time a processor would
/// guess wrong.
pub(super) fn less(x: u64, size: u64) -> u64 {
    x.min(x.wrapping_sub(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_divisor_divides(x: u64, by in 1u64..=1 << 62, small in 1u64..5000) {
            for by in [by, small, (x >> 2).max(1), 1 << 62] {
                for x in [x, x / by * by, (x / by * by).saturating_sub(1), u64::MAX] {
                    proptest::prop_assert_eq!(Divisor::new(by).divide(x), (x / by, x % by));
                }
            }
        }
    }
}
