//! Values found in lists and texts, and the pattern that says each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::str::FromStr;

use index::{FoundValue, Term, TermKind};

use crate::produce::{Draft, Subject};
use crate::receipts::Unread;

use super::{ONE_TOO_MANY, Survey};

/// What sort of value a column or line announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// IPv4 or IPv6 address or range.
    Address,
    Domain,
    Url,
    /// A hash of any algorithm.
    Hash,
    /// A hash of this algorithm.
    HashBy(&'static str),
    Email,
    /// CVE or AS number.
    Reference,
}

impl FromStr for Sort {
    type Err = ();

    /// The usual names of value types in lists; others are no sorts of value (`phishing`, `c2`).
    fn from_str(text: &str) -> Result<Self, ()> {
        let name = text.to_ascii_lowercase().replace([' ', '-'], "_");
        Ok(match name.as_str() {
            "ip" | "ipv4" | "ipv6" | "ipv4_addr" | "ipv6_addr" | "ip_address" | "ip_dst" | "ip_src"
            | "cidr" | "address" | "range" | "subnet" | "network" | "ip:port" | "ip_port" => Self::Address,
            "domain" | "hostname" | "fqdn" | "domain_name" | "host" => Self::Domain,
            "url" | "uri" | "link" => Self::Url,
            "hash" | "file" | "filehash" => Self::Hash,
            "md5" | "md5_hash" | "filehash_md5" => Self::HashBy("MD5"),
            "sha1" | "sha_1" | "sha1_hash" | "filehash_sha1" => Self::HashBy("SHA-1"),
            "sha256" | "sha_256" | "sha256_hash" | "filehash_sha256" => Self::HashBy("SHA-256"),
            "sha512" | "sha_512" | "sha512_hash" | "filehash_sha512" => Self::HashBy("SHA-512"),
            "email" | "email_addr" | "email_address" | "mail" | "email_src" | "email_dst" => Self::Email,
            "cve" | "vulnerability" | "asn" | "as" | "autonomous_system" => Self::Reference,
            _ => return Err(()),
        })
    }
}

impl Sort {
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Address => "an address or a range",
            Self::Domain => "a domain name",
            Self::Url => "a URL",
            Self::Hash => "a hash (MD5, SHA-1, SHA-256 or SHA-512)",
            Self::HashBy("MD5") => "an MD5 hash",
            Self::HashBy("SHA-1") => "a SHA-1 hash",
            Self::HashBy("SHA-256") => "a SHA-256 hash",
            Self::HashBy(_) => "a SHA-512 hash",
            Self::Email => "an e-mail address",
            Self::Reference => "a CVE or AS number",
        }
    }

    fn takes(self, Term { kind, value }: &Term) -> bool {
        match self {
            Self::Address => matches!(kind, TermKind::Address | TermKind::Range),
            Self::Domain => matches!(kind, TermKind::Domain),
            Self::Url => matches!(kind, TermKind::Url),
            Self::Hash => matches!(kind, TermKind::Hash),
            Self::HashBy(name) => matches!(kind, TermKind::Hash) && algorithm(value) == Some(name),
            Self::Email => matches!(kind, TermKind::Email),
            Self::Reference => matches!(kind, TermKind::Reference),
        }
    }
}

/// A draft about a cell's value; `None` when the value is not of the announced sort, or of none.
pub(crate) fn about(cell: &str, sort: Option<Sort>, name: Option<&str>) -> Option<Draft> {
    let meant = index::refang(cell);
    let term = index::value_term(&meant)?;
    let term = if term.kind == TermKind::Other { index::reference_term(&meant)? } else { term };
    let (host, port) = endpoint(&term).unzip();
    if sort.is_some_and(|sort| !sort.takes(&term) && !host.as_ref().is_some_and(|host| sort.takes(host))) {
        return None;
    }
    draft(host.as_ref().unwrap_or(&term), port.flatten(), name)
}

/// The values in a text, each once, in order of appearance.
pub(crate) fn in_text(text: &str) -> impl Iterator<Item = Draft> + Send + 'static {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut places: HashMap<Subject, usize> = HashMap::new();
    for found in index::find_values(text) {
        let term = Term { kind: found.kind, value: found.value };
        let (host, port) = endpoint(&term).unzip();
        let Some(draft) = draft(host.as_ref().unwrap_or(&term), port.flatten(), None) else { continue };
        match places.entry(draft.subject.clone()) {
            Entry::Vacant(place) => {
                place.insert(drafts.len());
                drafts.push(draft);
            }
            // An address with one port here and another there is one value.
            Entry::Occupied(place) => match drafts.get_mut(*place.get()) {
                Some(known) if known.labels.len() < PORTS_MAX => join(&mut known.labels, draft.labels),
                _ => {}
            },
        }
    }
    drafts.into_iter()
}

/// Ports of one host that are kept: of one with more, which it is says little.
const PORTS_MAX: usize = 100;

/// Adds labels to others, each once.
pub(crate) fn join(labels: &mut Vec<String>, more: Vec<String>) {
    labels.extend(more);
    labels.sort_unstable();
    labels.dedup();
}

/// An address or domain with a port, or with nothing behind it but a slash: the host, and the port.
fn endpoint(term: &Term) -> Option<(Term, Option<&str>)> {
    if term.kind != TermKind::Url || term.value.contains("://") {
        return None;
    }
    let authority = term.value.strip_suffix('/').filter(|authority| !authority.contains(['/', '?']))?;
    let end = authority.find(']').map_or(0, |at| at.saturating_add(1));
    let (host, port) = match authority.get(end..)?.rfind(':') {
        Some(at) => {
            let (host, port) = authority.split_at_checked(end.saturating_add(at))?;
            (host, port.strip_prefix(':'))
        }
        None => (authority, None),
    };
    let host = index::value_term(host.trim_matches(['[', ']']))?;
    matches!(host.kind, TermKind::Address | TermKind::Domain).then_some((host, port))
}

/// The port becomes a label: no property of an address or a domain holds one, and a pattern that asked for it would not match where
/// the port was not seen.
fn draft(term: &Term, port: Option<&str>, name: Option<&str>) -> Option<Draft> {
    let labels = port.map(|port| format!("port:{port}")).into_iter().collect();
    Some(Draft { labels, ..Draft::about(subject_of(term, name)?) })
}

/// How many values a text holds, and its lines in which none is recognised.
pub(crate) fn survey(text: &str) -> Survey {
    let mut survey = Survey { values: in_text(text).take(ONE_TOO_MANY).count(), unread: Unread::default() };
    // A value is found where it is first mentioned: what stands in a line again is looked for there.
    let is_value = |found: &FoundValue| {
        subject_of(&Term { kind: found.kind, value: found.value.clone() }, None).is_some()
    };
    let mut found =
        index::find_values(text).into_iter().filter(is_value).map(|found| found.offset).peekable();
    let mut end = 0_usize;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        end = end.saturating_add(line.len());
        let mut holds = false;
        while found.next_if(|offset| *offset < end).is_some() {
            holds = true;
        }
        let line = line.trim_start_matches('\u{feff}').trim();
        let says_nothing = line.is_empty() || line.starts_with('#');
        if !holds && !says_nothing && !index::find_values(line).iter().any(is_value) {
            survey.unread.without_value.note(number);
        }
    }
    survey
}

/// Whether it is `CVE-`, a year and a number, and nothing more: terms of references may be only the beginning of one.
fn is_cve(value: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = value.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(year, number)| year.len() == 4 && number.len() >= 4 && digits(year) && digits(number))
}

/// What an object about this term is about; `None` for terms that are no observable values.
pub(crate) fn subject_of(term: &Term, name: Option<&str>) -> Option<Subject> {
    let value = term.value.as_str();
    let literal = literal(value);
    let version = if value.contains(':') { "ipv6-addr" } else { "ipv4-addr" };
    let pattern = match term.kind {
        TermKind::Address => format!("[{version}:value = '{literal}']"),
        TermKind::Range => format!("[{version}:value ISSUBSET '{literal}']"),
        TermKind::Domain => format!("[domain-name:value = '{literal}']"),
        TermKind::Url => url_pattern(value),
        TermKind::Email => format!("[email-addr:value = '{literal}']"),
        TermKind::Hash => format!("[file:hashes.'{}' = '{literal}']", algorithm(value)?),
        TermKind::Reference if value.starts_with("CVE-") => {
            return is_cve(value).then(|| Subject::Vulnerability(value.to_owned()));
        }
        TermKind::Reference => {
            let number: u32 = value.strip_prefix("AS")?.parse().ok()?;
            format!("[autonomous-system:number = {number}]")
        }
        TermKind::Name | TermKind::Other | TermKind::Host => return None,
    };
    let name = name.unwrap_or(value).to_owned();
    Some(Subject::Pattern { name, pattern })
}

/// A text as it stands in a pattern's string.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// A URL is compared letter for letter, so the pattern names each way in which it may have been seen: where nobody wrote a scheme, with
/// either of the two; where there is no path, with and without the slash that stands for none.
fn url_pattern(url: &str) -> String {
    let with_scheme = if url.contains("://") {
        vec![url.to_owned()]
    } else {
        let schemes =
            ["http", "https"].iter().filter_map(|scheme| index::value_term(&format!("{scheme}://{url}")));
        schemes.map(|term| term.value).collect()
    };
    let mut ways: Vec<String> = Vec::new();
    for url in with_scheme {
        ways.extend(without_slash(&url));
        ways.push(url);
    }
    let literals: Vec<String> = ways.iter().map(|way| format!("'{}'", literal(way))).collect();
    match literals.as_slice() {
        [only] => format!("[url:value = {only}]"),
        several => format!("[url:value IN ({})]", several.join(", ")),
    }
}

/// The URL without the slash of an empty path; `None` where there is a path.
fn without_slash(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, behind) = rest.split_once('/')?;
    let is_empty = behind.is_empty() || behind.starts_with('?');
    is_empty.then(|| format!("{scheme}://{authority}{behind}"))
}

/// The algorithm whose hashes have this length.
fn algorithm(hash: &str) -> Option<&'static str> {
    match hash.len() {
        32 => Some("MD5"),
        40 => Some("SHA-1"),
        64 => Some("SHA-256"),
        128 => Some("SHA-512"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_the_algorithm_that_the_list_names() {
        let of = |digits: usize, name: &str| about(&"a".repeat(digits), name.parse().ok(), None).is_some();
        for (digits, name) in [(32, "md5"), (40, "sha1"), (64, "SHA-256"), (128, "sha512"), (64, "hash")] {
            assert!(of(digits, name), "{name}");
        }
        for (digits, name) in [(32, "sha256"), (64, "md5"), (40, "sha512"), (64, "sha1_hash"), (64, "url")] {
            assert!(!of(digits, name), "{name}");
        }
    }

    fn pattern(draft: &Draft) -> &str {
        match &draft.subject {
            Subject::Pattern { pattern, .. } => pattern,
            Subject::Vulnerability(cve) => cve,
        }
    }

    #[test]
    fn a_port_does_not_make_a_url_of_a_host() {
        let text = "192.0.2.61:443, bad[.]example:8443, [2001:db8::1]:443 and other[.]example/ too";
        let read: Vec<Draft> = in_text(text).collect();
        let expected = [
            ("[ipv4-addr:value = '192.0.2.61']", &["port:443"][..]),
            ("[domain-name:value = 'bad.example']", &["port:8443"]),
            ("[ipv6-addr:value = '2001:db8::1']", &["port:443"]),
            ("[domain-name:value = 'other.example']", &[]),
        ];
        let said: Vec<_> = read.iter().map(|draft| (pattern(draft), &draft.labels)).collect();
        assert_eq!(said.len(), expected.len(), "{said:?}");
        for ((pattern, labels), (due, ports)) in said.into_iter().zip(expected) {
            assert_eq!(pattern, due);
            assert_eq!(*labels, *ports, "{due}");
        }
        let twice: Vec<Draft> = in_text("192.0.2.61:8080 192.0.2.61 192.0.2.61:443").collect();
        assert_eq!(twice.len(), 1);
        assert_eq!(twice[0].labels, ["port:443", "port:8080"]);
    }

    #[test]
    fn a_list_reads_hosts_with_ports_as_a_text_does() {
        let cell = |cell, sort: Option<&str>| about(cell, sort.and_then(|sort| sort.parse().ok()), None);
        for (value, sort) in [
            ("192.0.2.42:443", Some("ip")),
            ("192.0.2.42:443", Some("ip:port")),
            ("192.0.2.42:443", None),
            ("bad[.]example:8443", Some("domain")),
            ("[2001:db8::1]:443", Some("ipv6")),
            ("192.0.2.42:443", Some("url")),
            ("drop[.]example/x.bin", Some("url")),
        ] {
            let listed = cell(value, sort).unwrap_or_else(|| panic!("{value} is refused as {sort:?}"));
            assert_eq!(Some(listed), in_text(value).next(), "{value}");
        }
        assert_eq!(cell("192.0.2.42:443", Some("domain")), None);
        assert_eq!(cell("drop.example/x.bin", Some("domain")), None);
    }

    #[test]
    fn a_url_is_compared_as_it_may_have_been_seen() {
        for (text, due) in [
            ("hxxp://drop[.]example/x.bin", "[url:value = 'http://drop.example/x.bin']"),
            ("http://drop.example", "[url:value IN ('http://drop.example', 'http://drop.example/')]"),
            (
                "drop[.]example/x.bin",
                "[url:value IN ('http://drop.example/x.bin', 'https://drop.example/x.bin')]",
            ),
            ("192.0.2.61:443/a", "[url:value IN ('http://192.0.2.61:443/a', 'https://192.0.2.61/a')]"),
            (
                "https://drop.example?q='a",
                r"[url:value IN ('https://drop.example?q=\'a', 'https://drop.example/?q=\'a')]",
            ),
        ] {
            let draft = about(text, None, None).unwrap();
            assert_eq!(pattern(&draft), due, "{text}");
            assert!(stix::pattern::parse(pattern(&draft)).is_ok(), "{text}");
            assert!(draft.labels.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_half_cve_number_is_no_vulnerability() {
        let of = |cell| about(cell, Some(Sort::Reference), None).map(|draft| draft.subject);
        assert!(matches!(of("CVE-2024-1234"), Some(Subject::Vulnerability(_))));
        for half in [
            "CVE-2024-",
            "CVE-2024-\u{c3}1234",
            "CVE-2024-\u{fffd}\u{fffd}\u{fffd}1234",
            "CVE-24-12345",
            "CVE-2024-123",
        ] {
            assert_eq!(of(half), None, "{half}");
        }
    }
}
