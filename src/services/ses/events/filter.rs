//! Receipt filters: from which addresses mail may come. An address that is allowed is let in although
//! a range that holds it is blocked.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-ip-filtering-console-walkthrough.html>

use crate::services::ses::calls::kinds::FILTER;
use crate::services::ses::state::{Home, State};
use std::net::IpAddr;

/// Whether mail from `peer` is turned away.
pub fn blocked(state: &State, home: &Home, peer: IpAddr) -> bool {
    let mut blocked = false;
    for (_, record) in state.records.range(home, FILTER.name, "", None) {
        let filter = &record.get("IpFilter").cloned().unwrap_or_default();
        if filter["Cidr"].as_str().is_some_and(|cidr| holds(cidr, peer)) {
            match filter["Policy"] == "Allow" {
                true => return false,
                false => blocked = true,
            }
        }
    }
    blocked
}

/// Whether `cidr`, an address or a range, holds `peer`.
fn holds(cidr: &str, peer: IpAddr) -> bool {
    let (address, bits) = cidr.split_once('/').map_or((cidr, None), |(a, bits)| (a, Some(bits)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let (whole, address, peer) = match (address, peer.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (32, u128::from(a.to_bits()), u128::from(b.to_bits())),
        (IpAddr::V6(a), IpAddr::V6(b)) => (128, a.to_bits(), b.to_bits()),
        _ => return false,
    };
    let Ok(bits) = bits.map_or(Ok(whole), str::parse::<u32>) else { return false };
    // A shift by all bits is none: every address is in a range of no bits.
    bits <= whole && (address ^ peer).checked_shr(whole - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranges_hold_their_addresses_and_no_others() {
        for (cidr, peer, held) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("0.0.0.0/0", "127.0.0.1", true),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
            ("::/0", "::1", true),
            ("::/0", "127.0.0.1", false),
            ("fd00::/8", "fd12::1", true),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("nonsense", "10.0.0.0", false),
        ] {
            assert_eq!(holds(cidr, peer.parse().unwrap()), held, "{cidr} {peer}");
        }
    }

    #[test]
    fn who_is_allowed_comes_in_through_a_blocked_range() {
        let home: Home = ("0".into(), "r".into());
        let mut state = State::default();
        let peer = "10.0.0.7".parse().unwrap();
        assert!(!blocked(&state, &home, peer));
        for (name, policy, cidr) in [("z", "Block", "10.0.0.0/8"), ("a", "Allow", "10.0.0.7/32")] {
            let filter = json!({"Name": name, "IpFilter": {"Policy": policy, "Cidr": cidr}});
            let name = (FILTER.name.to_owned(), name.to_owned());
            state.records.put(&home, name, filter.as_object().unwrap().clone());
        }
        assert!(!blocked(&state, &home, peer));
        assert!(blocked(&state, &home, "10.0.0.8".parse().unwrap()));
        assert!(!blocked(&state, &("1".into(), "r".into()), "10.0.0.8".parse().unwrap()));
    }
}
