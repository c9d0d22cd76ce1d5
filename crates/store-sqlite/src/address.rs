//! Address terms as sixteen-byte ends, IPv4 mapped into IPv6 space.

use std::net::{IpAddr, Ipv6Addr};

use index::{Term, TermKind};

/// The lowest and the highest address of a term, where it is an address or a range of addresses.
pub(crate) fn ends(term: &Term) -> Option<([u8; 16], [u8; 16])> {
    match term.kind {
        TermKind::Address => {
            let (address, _) = wide(&term.value)?;
            Some((address.to_be_bytes(), address.to_be_bytes()))
        }
        TermKind::Range => {
            let (address, prefix) = term.value.split_once('/')?;
            let (address, offset) = wide(address)?;
            let prefix: u32 = prefix.parse().ok()?;
            let prefix = prefix.checked_add(offset).filter(|prefix| *prefix <= 128)?;
            let host = u128::MAX.checked_shr(prefix).unwrap_or(0);
            Some(((address & !host).to_be_bytes(), (address | host).to_be_bytes()))
        }
        _ => None,
    }
}

/// The address, and by how many bits its prefix lengths are shorter than those of IPv6.
fn wide(text: &str) -> Option<(u128, u32)> {
    match text.parse().ok()? {
        IpAddr::V4(address) => Some((Ipv6Addr::to_bits(address.to_ipv6_mapped()), 96)),
        IpAddr::V6(address) => Some((address.to_bits(), 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: TermKind, value: &str) -> Option<(String, String)> {
        let (low, high) = ends(&Term { kind, value: value.into() })?;
        Some((Ipv6Addr::from(low).to_string(), Ipv6Addr::from(high).to_string()))
    }

    #[test]
    fn ranges_have_two_ends() {
        let pair = |low: &str, high: &str| Some((low.to_owned(), high.to_owned()));
        assert_eq!(of(TermKind::Address, "192.0.2.1"), pair("::ffff:192.0.2.1", "::ffff:192.0.2.1"));
        assert_eq!(of(TermKind::Range, "192.0.2.0/24"), pair("::ffff:192.0.2.0", "::ffff:192.0.2.255"));
        assert_eq!(of(TermKind::Range, "0.0.0.0/0"), pair("::ffff:0.0.0.0", "::ffff:255.255.255.255"));
        assert_eq!(of(TermKind::Range, "2001:db8::/127"), pair("2001:db8::", "2001:db8::1"));
        assert_eq!(of(TermKind::Range, "::/0").unwrap().0, "::");
    }

    #[test]
    fn what_is_no_address_has_none() {
        for (kind, value) in [
            (TermKind::Domain, "192.0.2.1"),
            (TermKind::Address, "192.0.2"),
            (TermKind::Range, "192.0.2.0"),
            (TermKind::Range, "192.0.2.0/33"),
            (TermKind::Range, "::/129"),
            (TermKind::Range, "::/4294967295"),
        ] {
            assert_eq!(of(kind, value), None, "{value}");
        }
    }
}
