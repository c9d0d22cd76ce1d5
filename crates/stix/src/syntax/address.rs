//! IPv4, IPv6 and MAC addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::must;
use crate::code;
use crate::schema::Fault;

/// An address or a block in CIDR notation (section 6.8).
pub(crate) fn check_ipv4(text: &str) -> Result<(), Fault> {
    let (address, length) = split(text);
    if address.parse::<Ipv4Addr>().is_err() {
        return Err(must(code::IPV4, "is not an IPv4 address in dotted decimals"));
    }
    if length.is_some_and(|length| !is_length(length, 32)) {
        return Err(must(code::IPV4, "has a prefix length that is not 0 to 32"));
    }
    Ok(())
}

/// An address or a block in CIDR notation (section 6.9).
pub(crate) fn check_ipv6(text: &str) -> Result<(), Fault> {
    let (address, length) = split(text);
    if address.parse::<Ipv6Addr>().is_err() {
        return Err(must(code::IPV6, "is not an IPv6 address"));
    }
    if length.is_some_and(|length| !is_length(length, 128)) {
        return Err(must(code::IPV6, "has a prefix length that is not 0 to 128"));
    }
    Ok(())
}

/// Six lower-case octets with colons (section 6.10).
pub(crate) fn check_mac(text: &str) -> Result<(), Fault> {
    let good = text.len() == 17
        && text.bytes().enumerate().all(|(at, byte)| match at % 3 {
            2 => byte == b':',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        });
    if good { Ok(()) } else { Err(must(code::MAC, "is not six lower-case octets with colons")) }
}

fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)))
}

fn is_length(text: &str, max: u8) -> bool {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    plain && text.parse::<u8>().is_ok_and(|length| length <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_addresses_and_blocks() {
        for good in ["192.0.2.1", "192.0.2.0/24", "0.0.0.0/0", "192.0.2.1/32"] {
            assert!(check_ipv4(good).is_ok(), "{good}");
        }
        for good in ["::", "2001:db8::1", "2001:0DB8::/32", "::ffff:1.2.3.4", "::/0", "::1/128"] {
            assert!(check_ipv6(good).is_ok(), "{good}");
        }
        assert!(check_mac("d2:fb:49:24:37:18").is_ok());
    }

    #[test]
    fn refuses_others() {
        for bad in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.256",
            "1.2.3.4/33",
            "1.2.3.4/08",
            "1.2.3.4/",
            "1.2.3.4/+8",
            " 1.2.3.4",
            "1.2.3.4\n",
            "::1",
        ] {
            assert!(check_ipv4(bad).is_err(), "{bad:?}");
        }
        for bad in ["", ":::", "2001:db8:::1", "fe80::1%eth0", "::/129", "1.2.3.4", "[::1]", "12345::"] {
            assert!(check_ipv6(bad).is_err(), "{bad:?}");
        }
        for bad in [
            "",
            "D2:FB:49:24:37:18",
            "d2-fb-49-24-37-18",
            "d2:fb:49:24:37",
            "d2:fb:49:24:37:1",
            "d2:fb:49:24:37:1g",
        ] {
            assert!(check_mac(bad).is_err(), "{bad:?}");
        }
    }
}
