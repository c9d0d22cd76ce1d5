//! IPv4 and IPv6 addresses and networks, for ISSUBSET and ISSUPERSET.
//!
//! Strict: four decimal numbers or RFC 4291 text, and an optional prefix length. A plain address is the network that
//! holds only it. Bits beyond the prefix are not looked at.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A network: all addresses that share a prefix.
///
/// # Source
/// STIX 2.1, sections 6.7, 6.8 and 9.6.1
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    family: Family,
    /// The first address, bits beyond the prefix zero; IPv4 in the low 32 bits.
    first: u128,
    /// The last address.
    last: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Family {
    V4,
    V6,
}

impl Network {
    /// Reads an address or a network in CIDR notation; `None` when the text is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let (family, bits, width) = if address.contains(':') {
            (Family::V6, u128::from(address.parse::<Ipv6Addr>().ok()?), 128_u32)
        } else {
            (Family::V4, u128::from(u32::from(address.parse::<Ipv4Addr>().ok()?)), 32_u32)
        };
        let prefix = match prefix {
            None => width,
            Some(digits) => length(digits).filter(|length| *length <= width)?,
        };
        let free = width.checked_sub(prefix)?;
        let mask = 1_u128.checked_shl(free).map_or(u128::MAX, |beyond| beyond.wrapping_sub(1));
        Some(Self { family, first: bits & !mask, last: bits | mask })
    }

    /// Whether every address of this network lies in the other.
    #[must_use]
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.family == other.family && other.first <= self.first && self.last <= other.last
    }
}

/// A prefix length: decimal digits without sign or leading zero.
fn length(digits: &str) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subset(inner: &str, outer: &str) -> bool {
        Network::parse(inner).unwrap().is_subset_of(&Network::parse(outer).unwrap())
    }

    #[test]
    fn subsets_in_both_families() {
        for (inner, outer) in [
            ("198.51.100.0/27", "198.51.100.0/24"),
            ("198.51.100.0/24", "198.51.100.0/24"),
            ("198.51.100.7", "198.51.100.7/32"),
            ("198.51.100.7/32", "198.51.100.7"),
            ("1.2.3.4", "0.0.0.0/0"),
            ("255.255.255.255", "128.0.0.0/1"),
            ("198.51.100.7/24", "198.51.100.200/24"),
            ("2001:db8:1::/48", "2001:DB8::/32"),
            ("fe80::1", "::/0"),
            ("::ffff:198.51.100.7", "::ffff:0:0/96"),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"),
        ] {
            assert!(subset(inner, outer), "{inner} {outer}");
        }
        for (inner, outer) in [
            ("198.51.100.0/24", "198.51.100.0/27"),
            ("198.51.101.1", "198.51.100.0/24"),
            ("::ffff:198.51.100.7", "198.51.100.0/24"),
            ("1.2.3.4", "::/0"),
            ("2001:db8::/32", "2001:db8:1::/48"),
        ] {
            assert!(!subset(inner, outer), "{inner} {outer}");
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for bad in [
            "",
            "/",
            "1.2.3",
            "127.1",
            "0x7f.0.0.1",
            "01.2.3.4",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/+8",
            "1.2.3.4/08",
            "1.2.3.4/8/8",
            " 1.2.3.4",
            "1.2.3.4\n",
            "::1/129",
            "fe80::1%eth0",
            "::g",
            "1.2.3.4.5",
            "256.1.1.1",
            "a.example",
        ] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }
}
