//! What may become of a mail, as profiles and tests ask for it.

/// An outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Delivered.
    Delivery,
    /// Refused for good; the address is suppressed from then on.
    Bounce,
    /// Refused for now, and given up.
    TransientBounce,
    /// Delivered and reported as spam; the address is suppressed from then on.
    Complaint,
    /// Refused by SES itself.
    Reject,
    /// Delivered late.
    Delay,
    /// Delivered and opened.
    Open,
    /// Delivered, opened, and a link followed.
    Click,
}

impl Outcome {
    /// All of them, as profiles spell them.
    pub const NAMES: [(&'static str, Outcome); 8] = [
        ("delivery", Outcome::Delivery),
        ("bounce", Outcome::Bounce),
        ("transient-bounce", Outcome::TransientBounce),
        ("complaint", Outcome::Complaint),
        ("reject", Outcome::Reject),
        ("delay", Outcome::Delay),
        ("open", Outcome::Open),
        ("click", Outcome::Click),
    ];

    /// The outcome called `name`.
    pub fn named(name: &str) -> Option<Outcome> {
        Outcome::NAMES.iter().find(|(known, _)| *known == name).map(|(_, outcome)| *outcome)
    }

    /// As profiles spell it.
    pub fn name(self) -> &'static str {
        // Every outcome stands in the table: a test holds it to that.
        Outcome::NAMES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_found_by_its_name() {
        for n in 0..Outcome::NAMES.len() {
            let (name, outcome) = Outcome::NAMES[n];
            assert_eq!((outcome.name(), Outcome::named(name)), (name, Some(outcome)));
            assert_eq!(outcome as usize, n);
        }
        assert_eq!(
            (Outcome::Click as usize + 1, Outcome::named("rain")),
            (Outcome::NAMES.len(), None)
        );
    }
}
