//! Internet addresses and ranges of them: reading, canonical text, ends, and the prefix lengths worth asking for.
//!
//! IPv4 is read in dotted decimal without leading zeros only (`010.1.1.1` is eight to one reader and ten to another);
//! IPv6 in every form of RFC 4291, a zone (`%eth0`) is dropped. An IPv4-mapped IPv6 address is the IPv4 address.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Term, TermKind};

/// A range of addresses, host bits cleared; shorter than one address' full length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

/// Longest text of an address without its zone.
const ADDRESS_CHARS_MAX: usize = 45;
const MAPPED_BITS: u8 = 96;

/// Reads one address.
pub(crate) fn read_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(IpAddr::V4(address));
    }
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    if text.len() > ADDRESS_CHARS_MAX || !text.contains(':') {
        return None;
    }
    text.parse::<Ipv6Addr>().ok().map(plain)
}

/// Reads `address/length`; the full length is one address and none of these.
pub(crate) fn read_network(text: &str) -> Option<Result<Network, IpAddr>> {
    let (address, length) = text.split_once('/')?;
    if length.is_empty() || length.len() > 3 || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mapped = address.contains(':');
    let address = read_address(address)?;
    let mut prefix: u8 = length.parse().ok()?;
    if mapped && address.is_ipv4() {
        prefix = prefix.checked_sub(MAPPED_BITS)?;
    }
    if prefix > bits(address) {
        return None;
    }
    if prefix == bits(address) {
        return Some(Err(address));
    }
    Some(Ok(Network { address: cleared(address, prefix), prefix }))
}

fn plain(address: Ipv6Addr) -> IpAddr {
    address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
}

pub(crate) const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with the bits after `prefix` cleared.
pub(crate) fn cleared(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix.into())).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix.into())).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

/// Appends the canonical text of an address (RFC 5952).
pub(crate) fn write_address(out: &mut String, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (at, octet) in address.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push('.');
                }
                write_octet(out, octet);
            }
        }
        IpAddr::V6(address) => {
            write!(out, "{address}").expect("invariant: a string takes what is written to it");
        }
    }
}

/// Appends the canonical text of a range.
pub(crate) fn write_network(out: &mut String, network: Network) {
    write_address(out, network.address);
    out.push('/');
    write_octet(out, network.prefix);
}

fn write_octet(out: &mut String, octet: u8) {
    let digit = |value: u8| char::from(b'0' + value % 10);
    if octet >= 100 {
        out.push(digit(octet / 100));
    }
    if octet >= 10 {
        out.push(digit(octet / 10));
    }
    out.push(digit(octet));
}

/// First and last address of a range in sixteen bytes, IPv4 mapped into IPv6 space: the form stores keep.
fn ends(address: IpAddr, prefix: u8) -> ([u8; 16], [u8; 16]) {
    let (low, prefix) = match address {
        IpAddr::V4(address) => (address.to_ipv6_mapped().to_bits(), prefix.saturating_add(MAPPED_BITS)),
        IpAddr::V6(address) => (address.to_bits(), prefix),
    };
    let host_bits = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
    (low.to_be_bytes(), (low | host_bits).to_be_bytes())
}

impl Term {
    /// First and last address, where the term is an address or a range: sixteen bytes each, inclusive, IPv4 mapped into IPv6
    /// space.
    #[must_use]
    pub fn ends(&self) -> Option<([u8; 16], [u8; 16])> {
        match self.kind {
            TermKind::Address => read_address(&self.value).map(|address| ends(address, bits(address))),
            TermKind::Range => match read_network(&self.value)? {
                Ok(network) => Some(ends(network.address, network.prefix)),
                Err(address) => Some(ends(address, bits(address))),
            },
            _ => None,
        }
    }
}

/// The set of prefix lengths that ranges of a store have: only those need asking for when an address is looked up.
///
/// Grows as ranges come in; a length that is no longer in use does no harm but a question without answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrefixLengths {
    /// Bit n = length n of IPv4.
    v4: u64,
    /// Bit n = length n of IPv6, lengths 0 to 127.
    v6: u128,
}

impl PrefixLengths {
    /// No length: addresses are looked up as such only.
    pub const NONE: Self = Self { v4: 0, v6: 0 };
    /// Every length shorter than an address: 32 of IPv4, 128 of IPv6.
    pub const ALL: Self = Self { v4: (1 << 32) - 1, v6: u128::MAX };

    /// Adds the length of a term, where it is a range.
    pub fn add(&mut self, term: &Term) {
        if term.kind == TermKind::Range
            && let Some(Ok(network)) = read_network(&term.value)
        {
            match network.address {
                IpAddr::V4(_) => self.v4 |= 1_u64.checked_shl(network.prefix.into()).unwrap_or(0),
                IpAddr::V6(_) => self.v6 |= 1_u128.checked_shl(network.prefix.into()).unwrap_or(0),
            }
        }
    }

    /// All lengths of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self { v4: self.v4 | other.v4, v6: self.v6 | other.v6 }
    }

    /// Lengths for this family that are shorter than `below`, longest first.
    pub(crate) fn shorter(self, address: IpAddr, below: u8) -> impl Iterator<Item = u8> {
        let set = if address.is_ipv4() { u128::from(self.v4) } else { self.v6 };
        let mut left = set & !u128::MAX.checked_shl(below.into()).unwrap_or(0);
        std::iter::from_fn(move || {
            let top = left.checked_ilog2()?;
            left &= !(1 << top);
            u8::try_from(top).ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(address: IpAddr) -> String {
        let mut out = String::new();
        write_address(&mut out, address);
        out
    }

    #[test]
    fn addresses_have_one_text() {
        for (given, canonical) in [
            ("1.2.3.4", "1.2.3.4"),
            ("255.100.99.0", "255.100.99.0"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("::FFFF:102:304", "1.2.3.4"),
            ("fe80::1%eth0", "fe80::1"),
            ("::", "::"),
        ] {
            assert_eq!(text(read_address(given).unwrap()), canonical, "{given}");
        }
        for bad in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.256",
            "0x1.2.3.4",
            ":::",
            "1::2::3",
            "%",
            "1.2.3.4 ",
            "1.2.3.4%1",
        ] {
            assert_eq!(read_address(bad), None, "{bad}");
        }
    }

    #[test]
    fn ranges_have_no_host_bits_and_full_lengths_are_addresses() {
        for (given, canonical) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
            ("1.2.3.4/31", "1.2.3.4/31"),
        ] {
            let mut out = String::new();
            write_network(&mut out, read_network(given).unwrap().unwrap());
            assert_eq!(out, canonical);
        }
        assert_eq!(read_network("1.2.3.4/32"), Some(Err(IpAddr::from([1, 2, 3, 4]))));
        assert!(matches!(read_network("::1/128"), Some(Err(_))));
        for bad in
            ["1.2.3.4", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/+8", "::1/129", "::ffff:1.2.3.4/8", "1.2.3.4/0008"]
        {
            assert_eq!(read_network(bad), None, "{bad}");
        }
    }

    #[test]
    fn ends_are_mapped_and_inclusive() {
        let ends = |kind, value: &str| {
            let (low, high) = Term { kind, value: value.into() }.ends()?;
            Some((Ipv6Addr::from(low).to_string(), Ipv6Addr::from(high).to_string()))
        };
        let both = |low: &str, high: &str| Some((low.to_owned(), high.to_owned()));
        assert_eq!(ends(TermKind::Address, "1.2.3.4"), both("::ffff:1.2.3.4", "::ffff:1.2.3.4"));
        assert_eq!(ends(TermKind::Range, "10.0.0.0/8"), both("::ffff:10.0.0.0", "::ffff:10.255.255.255"));
        assert_eq!(ends(TermKind::Range, "0.0.0.0/0"), both("::ffff:0.0.0.0", "::ffff:255.255.255.255"));
        assert_eq!(ends(TermKind::Range, "::/0"), both("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
        assert_eq!(ends(TermKind::Domain, "1.2.3.4"), None);
        assert_eq!(ends(TermKind::Range, "junk"), None);
    }

    #[test]
    fn only_lengths_in_use_are_asked_longest_first() {
        let mut lengths = PrefixLengths::NONE;
        for value in ["10.0.0.0/8", "192.168.0.0/16", "0.0.0.0/0", "::/0", "2001:db8::/127"] {
            lengths.add(&Term { kind: TermKind::Range, value: value.into() });
        }
        lengths.add(&Term { kind: TermKind::Address, value: "1.2.3.4".into() });
        let [v4, v6] = [IpAddr::from([1, 2, 3, 4]), IpAddr::from([0_u8; 16])];
        assert_eq!(lengths.shorter(v4, 32).collect::<Vec<_>>(), [16, 8, 0]);
        assert_eq!(lengths.shorter(v4, 16).collect::<Vec<_>>(), [8, 0]);
        assert_eq!(lengths.shorter(v6, 128).collect::<Vec<_>>(), [127, 0]);
        assert_eq!(PrefixLengths::ALL.shorter(v4, 32).count(), 32);
        assert_eq!(PrefixLengths::ALL.shorter(v6, 128).count(), 128);
        assert_eq!(PrefixLengths::NONE.shorter(v6, 128).count(), 0);
    }
}
