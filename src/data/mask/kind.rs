//! The kinds of masks: their names in devenv.data.toml, and what each promises.

/// Whether different values stay different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Certainty {
    /// A bijection: unique stays unique, and keys still meet.
    Preserved,
    /// Different values may become the same one, which hardly happens.
    NotGuaranteed,
    /// Many values become one.
    Lossy,
}

impl Certainty {
    /// The word shown.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Certainty::Preserved => "preserved",
            Certainty::NotGuaranteed => "not guaranteed",
            Certainty::Lossy => "lossy",
        }
    }
}

macro_rules! kinds {
    ($($kind:ident $name:literal $certainty:ident $doc:literal)*) => {
        /// What a rule does to a value.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Kind {
            $(#[doc = $doc] $kind,)*
        }

        impl Kind {
            /// Every kind.
            pub(crate) const ALL: &[Kind] = &[$(Kind::$kind),*];

            /// Its name in a rule.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name),* }
            }

            /// What it promises of values that differ.
            pub(crate) fn certainty(self) -> Certainty {
                match self { $(Kind::$kind => Certainty::$certainty),* }
            }

            /// What it does, in a line.
            pub(crate) fn about(self) -> &'static str {
                match self { $(Kind::$kind => $doc),* }
            }
        }
    };
}

kinds! {
    Keep "keep" Preserved "left as it is"
    Null "null" Lossy "becomes null"
    Constant "constant" Lossy "becomes `value`"
    Id "id" Preserved "another integer of as many digits"
    Uuid "uuid" Preserved "another UUID of the same version"
    Email "email" Preserved "another address, of a domain that does not exist"
    Phone "phone" Preserved "another number of the same shape and country"
    Card "card" Preserved "another card number with a right check digit"
    Iban "iban" Preserved "another account of the same country with right check digits"
    Text "text" Preserved "other letters and digits in the same places"
    Token "token" Preserved "other letters and digits in the same places, known as a secret"
    Url "url" Preserved "scheme kept, other letters and digits in the same places"
    Ip "ip" Preserved "another address; networks keep their length"
    Hex "hex" Preserved "other hexadecimal digits"
    Name "name" Lossy "a made-up first and last name"
    FirstName "first-name" Lossy "a made-up first name"
    LastName "last-name" Lossy "a made-up last name"
    Company "company" Lossy "a made-up firm"
    Street "street" Lossy "a made-up street with a number"
    City "city" Lossy "a made-up town"
    Address "address" Lossy "a made-up street, number, postcode and town"
    Prose "prose" Lossy "meaningless words of the same length"
    Date "date" NotGuaranteed "moved by whole days, as many for all rows of a subject"
    Number "number" NotGuaranteed "moved by some percent, with as many digits"
    Geo "geo" NotGuaranteed "moved by some degrees, as many for all rows of a subject"
    Geometry "geometry" NotGuaranteed "moved as a whole by some degrees, as many for all rows of a subject"
    Bytes "bytes" NotGuaranteed "as many other bytes"
    Vector "vector" NotGuaranteed "rotated by the key; distances stay"
    Pattern "pattern" NotGuaranteed "the parts that its `value` names in braces, each by its mask"
    Json "json" NotGuaranteed "each leaf by the rule of its path"
    Hstore "hstore" NotGuaranteed "each value by the rule of its key"
    Xml "xml" NotGuaranteed "texts and attributes by the rule in `of`, elements stay"
    Tsvector "tsvector" NotGuaranteed "each word other letters and digits, places and weights stay"
    Sql "sql" Lossy "what the SQL expression in `value` gives, evaluated by the source"
    Command "command" Lossy "what the program in `run` answers"
    Array "array" NotGuaranteed "each element by the rule in `of`"
}

impl Kind {
    /// The kind with this name.
    pub(crate) fn named(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether its values are remembered by fingerprint while they pass, to be looked for afterwards.
    pub(crate) fn sensitive(self) -> bool {
        matches!(
            self,
            Kind::Email
                | Kind::Phone
                | Kind::Card
                | Kind::Iban
                | Kind::Token
                | Kind::Url
                | Kind::Ip
                | Kind::Name
                | Kind::Street
                | Kind::Address
                | Kind::Prose
                | Kind::Command
        )
    }

    /// Whether what it makes may by chance be somebody else's value.
    pub(crate) fn may_coincide(self) -> bool {
        self.sensitive() && !matches!(self, Kind::Email | Kind::Prose | Kind::Command)
    }
}
