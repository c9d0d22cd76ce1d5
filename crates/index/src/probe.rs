//! From a value that someone looks up to the terms to ask for, and from a value that stands in an object to its term.
//!
//! Both go through [`crate::settle::settle`], so the exact term of a value is always among its probes:
//!
//! | the value is | asked for exactly | asked for besides |
//! |---|---|---|
//! | an address | the address | the ranges around it, one for each [`PrefixLengths`] in use |
//! | a range | the range | the longer ranges around it (what is inside: [`asked_range`] and the store's ranges) |
//! | a domain | the domain; the text as name and as other value | the domains above it, down to two labels |
//! | a URL | the URL | its host as domain or address, and what is asked for that |
//! | host and path or port, no scheme | the same, and with `http://` and with `https://` | as for a URL |
//! | an e-mail address | the address | its domain and the domains above |
//! | a hash, CVE or AS number, MAC address | itself | |
//! | a number of 1.0.0.0 or more in decimal | the IPv4 address that programs take it for; the text, as below | as for an address |
//! | anything else | the text as name, as other value and, without space, as reference | |
//!
//! A value that has the form of nothing is refanged and read again; names and references are asked of what was written. Without a list
//! of public suffixes `co.uk` is asked for as a parent like any other; only the bare top-level domain never is.
//!
//! Total on every text; values over [`QUERY_BYTES_MAX`] bytes are neither indexed nor found.

use std::net::{IpAddr, Ipv4Addr};

use base::limit::QUERY_BYTES_MAX;

use crate::address::{Network, bits, cleared, write_address, write_network};
use crate::domain::parents;
use crate::exact::{write_other, write_reference};
use crate::fold::fold_into;
use crate::settle::{Form, Reading, settle};
use crate::url::{Host, Scheme, write_url};
use crate::value::Shape;
use crate::{PrefixLengths, Term, TermKind};

/// How a term relates to the value that was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// It is the value.
    Exact,
    /// It is a range the value lies in.
    Range,
    /// It is a domain above the value's.
    ParentDomain,
    /// It is the host of the URL, or the domain of the e-mail address.
    Host,
    /// It is a URL on the domain or address.
    OnHost,
}

impl How {
    /// Name in answers of the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Range => "range",
            Self::ParentDomain => "parent-domain",
            Self::Host => "host",
            Self::OnHost => "on-host",
        }
    }
}

/// One term to ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Probe {
    /// The term.
    pub term: Term,
    /// What a match on it means.
    pub how: How,
}

/// Memory for reading values, kept from one to the next so that most need none of their own.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    reading: Reading,
    text: String,
    other: String,
}

/// What to ask for when someone looks `value` up, with ranges of every length; exact ones first.
///
/// # Limits
/// At most 131 probes for an address, 129 for a domain or URL, 5 for text, 39 for a number.
///
/// # Example
/// ```
/// use index::How;
/// let probes = index::probes("hxxp://www[.]evil[.]example/");
/// let asked = |value: &str| probes.iter().find(|probe| probe.term.value == value).map(|probe| probe.how);
/// assert_eq!(asked("http://www.evil.example/"), Some(How::Exact));
/// assert_eq!(asked("www.evil.example"), Some(How::Host));
/// assert_eq!(asked("evil.example"), Some(How::ParentDomain));
/// ```
#[must_use]
pub fn probes(value: &str) -> Vec<Probe> {
    let mut found: Vec<Probe> = Vec::new();
    probe_with(value, &PrefixLengths::ALL, &mut Scratch::default(), |kind, canonical, how| {
        found.push(Probe { term: Term { kind, value: canonical.to_owned() }, how });
    });
    found.sort_by_key(|probe| probe.how != How::Exact);
    found
}

/// As [`probes`], telling each term to `each` instead of collecting: the fast way for many values.
///
/// `lengths` are the prefix lengths in use. The order is that of finding; the same term is not told twice.
pub fn probe_with(
    value: &str,
    lengths: &PrefixLengths,
    scratch: &mut Scratch,
    mut each: impl FnMut(TermKind, &str, How),
) {
    let text = value.trim();
    if text.is_empty() || value.len() > QUERY_BYTES_MAX {
        return;
    }
    let settled = settle(text, &mut scratch.reading);
    if let Some(shape) = &settled.shape {
        tell(shape, lengths, scratch, &mut each);
    }
    scratch.other.clear();
    if settled.written != Form::Formal {
        tell_text(text, scratch, &mut each);
    }
    if settled.shape == Some(Shape::Text) && scratch.reading.canonical != scratch.other {
        each(TermKind::Other, &scratch.reading.canonical, How::Exact);
    }
    if settled.written == Form::Text {
        tell_reference(scratch, &mut each);
        if let Some(address) = address_in_decimal(text) {
            let canonical = address.to_string();
            each(TermKind::Address, &canonical, How::Exact);
            each(TermKind::Host, &canonical, How::OnHost);
            tell_ranges(address.into(), 32, lengths, (&mut scratch.other, &mut each));
        }
    }
}

/// The address that a plain number is to programs: `3325256711` is 198.51.100.7. Numbers below 1.0.0.0 are numbers.
fn address_in_decimal(text: &str) -> Option<Ipv4Addr> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let number = digits.then(|| text.parse::<u32>().ok()).flatten()?;
    (number >= 1 << 24).then(|| Ipv4Addr::from_bits(number))
}

/// The terms of what has been read into `scratch.reading`.
fn tell(
    shape: &Shape,
    lengths: &PrefixLengths,
    scratch: &mut Scratch,
    each: &mut impl FnMut(TermKind, &str, How),
) {
    let canonical = scratch.reading.canonical.as_str();
    match shape {
        Shape::Text => {}
        Shape::Mac => each(TermKind::Other, canonical, How::Exact),
        Shape::Hash => each(TermKind::Hash, canonical, How::Exact),
        Shape::Reference => each(TermKind::Reference, canonical, How::Exact),
        Shape::Address(address) => {
            each(TermKind::Address, canonical, How::Exact);
            each(TermKind::Host, canonical, How::OnHost);
            tell_ranges(*address, bits(*address), lengths, (&mut scratch.other, each));
        }
        Shape::Range(network) => {
            each(TermKind::Range, canonical, How::Exact);
            tell_ranges(network.address, network.prefix, lengths, (&mut scratch.other, each));
        }
        Shape::Domain => {
            each(TermKind::Domain, canonical, How::Exact);
            each(TermKind::Host, canonical, How::OnHost);
            tell_parents(canonical, each);
        }
        Shape::Email(at) => {
            each(TermKind::Email, canonical, How::Exact);
            tell_host_domain(canonical.get(*at..).unwrap_or_default(), each);
        }
        Shape::Url(host) => {
            each(TermKind::Url, canonical, How::Exact);
            tell_host(host, canonical, lengths, (&mut scratch.other, each));
        }
        Shape::BareUrl(host) => {
            each(TermKind::Url, canonical, How::Exact);
            for scheme in ["http", "https"] {
                scratch.other.clear();
                if write_url(&mut scratch.other, Scheme::Given(scheme), canonical).is_some() {
                    each(TermKind::Url, &scratch.other, How::Exact);
                }
            }
            tell_host(host, canonical, lengths, (&mut scratch.other, each));
        }
    }
}

fn tell_host(
    host: &Host,
    canonical: &str,
    lengths: &PrefixLengths,
    (buffer, each): (&mut String, &mut impl FnMut(TermKind, &str, How)),
) {
    match host {
        Host::Other => {}
        Host::Domain(place) => tell_host_domain(canonical.get(place.clone()).unwrap_or_default(), each),
        Host::Address(address) => {
            buffer.clear();
            write_address(buffer, *address);
            each(TermKind::Address, buffer, How::Host);
            tell_ranges(*address, bits(*address), lengths, (buffer, each));
        }
    }
}

fn tell_host_domain(name: &str, each: &mut impl FnMut(TermKind, &str, How)) {
    each(TermKind::Domain, name, How::Host);
    tell_parents(name, each);
}

fn tell_parents(name: &str, each: &mut impl FnMut(TermKind, &str, How)) {
    parents(name).for_each(|parent| each(TermKind::Domain, parent, How::ParentDomain));
}

fn tell_ranges(
    address: IpAddr,
    below: u8,
    lengths: &PrefixLengths,
    (buffer, each): (&mut String, &mut impl FnMut(TermKind, &str, How)),
) {
    for prefix in lengths.shorter(address, below) {
        buffer.clear();
        write_network(buffer, Network { address: cleared(address, prefix), prefix });
        each(TermKind::Range, buffer, How::Range);
    }
}

/// The text as name and as other value; leaves its folded form in `scratch.text` and the other value in `scratch.other`.
fn tell_text(text: &str, scratch: &mut Scratch, each: &mut impl FnMut(TermKind, &str, How)) {
    scratch.text.clear();
    fold_into(&mut scratch.text, text);
    if scratch.text.is_empty() {
        return;
    }
    each(TermKind::Name, &scratch.text, How::Exact);
    scratch.other.clear();
    write_other(&mut scratch.other, &scratch.text);
    each(TermKind::Other, &scratch.other, How::Exact);
}

fn tell_reference(scratch: &mut Scratch, each: &mut impl FnMut(TermKind, &str, How)) {
    scratch.other.clear();
    if write_reference(&mut scratch.other, &scratch.text).is_some() {
        each(TermKind::Reference, &scratch.other, How::Exact);
    }
}

/// First and last address of the range that `value` is, for asking what lies inside it; sixteen bytes each, inclusive, IPv4
/// mapped into IPv6 space. `None` for all other values.
#[must_use]
pub fn asked_range(value: &str) -> Option<([u8; 16], [u8; 16])> {
    let mut value_term = None;
    probe_with(value, &PrefixLengths::NONE, &mut Scratch::default(), |kind, canonical, _| {
        if kind == TermKind::Range {
            value_term = Some(Term { kind, value: canonical.to_owned() });
        }
    });
    value_term?.ends()
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
