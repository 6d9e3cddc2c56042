//! Mail addresses as SES reads them: which it takes, and the texts for those it does not, which are
//! the ones SES took over from JavaMail's strict parser.
//!
//! <https://docs.aws.amazon.com/ses/latest/APIReference/API_Destination.html>

use super::limits::ADDRESS_BYTES_MAX;
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

/// An address with the name before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Decoded display name.
    pub name: Option<String>,
    /// `user@example.com`.
    pub address: String,
}

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum AddressFault {
    DomainControl,
    DomainDots,
    DomainIllegal,
    DomainMissing,
    DomainStartsWithDot,
    FinalDomainMissing,
    LocalControl,
    LocalDots,
    LocalIllegal,
    LocalMissing,
    LocalStartsWithDot,
    TooLong,
}

impl AddressFault {
    /// AWS's text.
    pub fn text(self) -> &'static str {
        match self {
            AddressFault::DomainControl => "Domain contains control or whitespace",
            AddressFault::DomainDots => "Domain contains dot-dot",
            AddressFault::DomainIllegal => "Domain contains illegal character",
            AddressFault::DomainMissing => "Missing domain",
            AddressFault::DomainStartsWithDot => "Domain starts with dot",
            AddressFault::FinalDomainMissing => "Missing final '@domain'",
            AddressFault::LocalControl => "Local address contains control or whitespace",
            AddressFault::LocalDots => "Local address contains dot-dot",
            AddressFault::LocalIllegal => "Local address contains illegal character",
            AddressFault::LocalMissing => "Missing local name",
            AddressFault::LocalStartsWithDot => "Local address starts with dot",
            AddressFault::TooLong => "Address length is more than 320 characters long",
        }
    }
}

/// Checks a bare address.
pub fn check(address: &str) -> Result<(), AddressFault> {
    if address.len() > ADDRESS_BYTES_MAX {
        return Err(AddressFault::TooLong);
    }
    let (local, domain) = match address.rsplit_once('@') {
        Some((local, domain)) => (local, Some(domain)),
        None => (address, None),
    };
    check_local(local, domain.is_some())?;
    check_domain(domain.ok_or(AddressFault::FinalDomainMissing)?)
}

fn check_local(local: &str, has_domain: bool) -> Result<(), AddressFault> {
    if local.is_empty() {
        return if has_domain { Err(AddressFault::LocalMissing) } else { Ok(()) };
    }
    // A byte beyond ASCII counts as a control character, as AWS has it.
    if local.len() >= 2 && local.starts_with('"') && local.ends_with('"') {
        let plain = local.bytes().all(|b| (0x20..0x7f).contains(&b) || b == b'\t');
        return if plain { Ok(()) } else { Err(AddressFault::LocalControl) };
    }
    if local.bytes().any(|b| !(0x21..0x7f).contains(&b)) {
        return Err(AddressFault::LocalControl);
    }
    if local.contains(|c| "()<>,;:\\\"[]@".contains(c)) {
        return Err(AddressFault::LocalIllegal);
    }
    if local.starts_with('.') {
        return Err(AddressFault::LocalStartsWithDot);
    }
    if local.contains("..") { Err(AddressFault::LocalDots) } else { Ok(()) }
}

/// Checks what stands behind the `@`, or a domain by itself.
pub fn check_domain(domain: &str) -> Result<(), AddressFault> {
    if domain.is_empty() {
        return Err(AddressFault::DomainMissing);
    }
    if domain.bytes().any(|b| b <= 0x20 || b == 0x7f) {
        return Err(AddressFault::DomainControl);
    }
    let literal = domain.starts_with('[') && domain.ends_with(']');
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
    if !literal && !domain.bytes().all(allowed) {
        return Err(AddressFault::DomainIllegal);
    }
    if domain.starts_with('.') {
        return Err(AddressFault::DomainStartsWithDot);
    }
    if domain.contains("..") { Err(AddressFault::DomainDots) } else { Ok(()) }
}

/// Reads and checks `a@b`, `Name <a@b>` or several of them with commas between.
pub fn parse(text: &str) -> Result<Vec<Mailbox>, AddressFault> {
    if text.bytes().any(|b| b < 0x20 && b != b'\t') {
        return Err(AddressFault::LocalControl);
    }
    // What has neither a name nor a list is checked as it stands, so that the text fits the fault.
    let bare = text.trim();
    let checked = check(bare);
    if checked.is_ok() || !bare.contains(['<', ',', '"', '(', ';']) || !bare.contains('@') {
        return checked.map(|()| vec![Mailbox { name: None, address: bare.to_owned() }]);
    }
    let found = read_header(bare.as_bytes());
    if found.is_empty() {
        return Err(AddressFault::FinalDomainMissing);
    }
    found.iter().try_for_each(|mailbox| check(&mailbox.address))?;
    Ok(found)
}

/// The same for a field that has to hold one address.
pub fn parse_one(text: &str) -> Result<Mailbox, AddressFault> {
    let mut all = parse(text)?;
    if all.len() > 1 { Err(AddressFault::LocalIllegal) } else { Ok(all.remove(0)) }
}

/// The mailboxes of an address header's value, unchecked.
pub fn read_header(value: &[u8]) -> Vec<Mailbox> {
    let mut line = value.to_vec();
    line.push(b'\n');
    let HeaderValue::Address(list) = MessageStream::new(&line).parse_address() else {
        return Vec::new();
    };
    let found = list.iter().filter_map(|entry| {
        let address = entry.address().or(entry.name())?.trim().to_owned();
        let name = entry.address().and(entry.name()).map(str::to_owned);
        Some(Mailbox { name: name.filter(|n| !n.is_empty()), address })
    });
    found.collect()
}

/// The form in which identities are compared: the domain in lower case.
pub fn normal(identity: &str) -> String {
    match identity.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
        None => identity.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> &'static str {
        parse(text).map_or_else(AddressFault::text, |_| "fine")
    }

    #[test]
    fn addresses_that_aws_takes_are_taken() {
        for text in ["a@example.com", "a+b@localhost", "\"a b\"@example.com", "a@[127.0.0.1]"] {
            assert_eq!(fault(text), "fine", "{text}");
        }
        let both = parse("\"Doe, Jane\" <jane@example.com>, bob@example.com").unwrap();
        assert_eq!(both[0].name.as_deref(), Some("Doe, Jane"));
        assert_eq!((both[0].address.as_str(), both.len()), ("jane@example.com", 2));
        let encoded = parse_one("=?UTF-8?B?w4RyenRlIE5vcmQ=?= <praxis@example.com>").unwrap();
        assert_eq!(encoded.name.as_deref(), Some("Ärzte Nord"));
    }

    #[test]
    fn the_texts_are_those_of_aws() {
        assert_eq!(fault(""), "Missing final '@domain'");
        assert_eq!(fault("nobody"), "Missing final '@domain'");
        assert_eq!(fault("github:nobody"), "Local address contains illegal character");
        assert_eq!(fault("@example.com"), "Missing local name");
        assert_eq!(fault("a@"), "Missing domain");
        assert_eq!(fault("dån@example.com"), "Local address contains control or whitespace");
        assert_eq!(fault("a b@example.com"), "Local address contains control or whitespace");
        assert_eq!(fault("a@exämple.com"), "Domain contains illegal character");
        assert_eq!(fault("a@example..com"), "Domain contains dot-dot");
        assert_eq!(fault("a@x\r\nBcc: b@y"), "Local address contains control or whitespace");
    }

    #[test]
    fn identities_differ_in_the_local_part_only() {
        assert_eq!(normal("Jane@Example.COM"), "Jane@example.com");
        assert_eq!(normal("Example.COM"), "example.com");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = parse(&text);
            let _ = read_header(text.as_bytes());
        }
    }
}
