//! Access keys: AWS writes the account into them.
//!
//! Ten bytes in base32 follow the four letters of the kind; bits 1 to 40 of the first six bytes are the account.

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ACCOUNT_BITS: u64 = (1 << 40) - 1;

/// An access key of `account`, made of ten random bytes: `kind` is `ASIA` for a temporary one and `AKIA`
/// for a user's.
pub fn access_key(kind: &str, account: &str, random: [u8; 10]) -> String {
    let account: u64 = account.parse().unwrap_or_default();
    let mut bytes = [0; 16];
    bytes[6..].copy_from_slice(&random);
    let mut word = u128::from_be_bytes(bytes);
    word &= !(u128::from(ACCOUNT_BITS) << 39);
    word |= u128::from(account & ACCOUNT_BITS) << 39;
    let letters = (0..16).rev().map(|at| ALPHABET[((word >> (5 * at)) & 31) as usize] as char);
    kind.chars().chain(letters).collect()
}

/// The account in an access key of AWS's form.
pub fn account_in(access_key: &str) -> Option<String> {
    let rest = access_key.strip_prefix("ASIA").or_else(|| access_key.strip_prefix("AKIA"))?;
    if rest.len() != 16 {
        return None;
    }
    let mut word: u128 = 0;
    for letter in rest.bytes() {
        let at = ALPHABET.iter().position(|known| *known == letter)?;
        word = word << 5 | at as u128;
    }
    Some(format!("{:012}", (word >> 39) as u64 & ACCOUNT_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_comes_out_of_the_key() {
        // A key and its account as published with the description of the format.
        assert_eq!(account_in("ASIAQNZGKIQY56JQ7WML").as_deref(), Some("029608264753"));
        for random in [[0; 10], [255; 10]] {
            let key = access_key("ASIA", "123456789012", random);
            assert_eq!((key.len(), account_in(&key).as_deref()), (20, Some("123456789012")));
        }
        assert_eq!(account_in("test"), None);
        assert_eq!(account_in("ASIA0000000000000000"), None);
    }
}
