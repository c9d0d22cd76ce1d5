//! Values found in lists and texts, and the pattern that says each.

use std::collections::HashSet;
use std::str::FromStr;

use index::{Term, TermKind};

use crate::produce::{Draft, Subject};

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
            | "cidr" | "address" | "range" | "subnet" | "network" => Self::Address,
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

/// What an object about a cell's value is about; `None` when the value is not of the announced sort, or of none.
pub(crate) fn subject(cell: &str, sort: Option<Sort>, name: Option<&str>) -> Option<Subject> {
    let meant = index::refang(cell);
    let term = index::value_term(&meant)?;
    let term = if term.kind == TermKind::Other { index::reference_term(&meant)? } else { term };
    if sort.is_some_and(|sort| !sort.takes(&term)) {
        return None;
    }
    subject_of(&term, name)
}

/// The values in a text, each once, in order of appearance.
pub(crate) fn in_text(text: &str) -> impl Iterator<Item = Draft> + Send + 'static {
    let mut seen = HashSet::new();
    let found = index::find_values(text).into_iter();
    let terms = found.map(|found| Term { kind: found.kind, value: found.value });
    let subjects = terms.filter_map(|term| subject_of(&term, None));
    subjects.filter(move |subject| seen.insert(subject.clone())).map(Draft::about)
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
    let literal = value.replace('\\', "\\\\").replace('\'', "\\'");
    let version = if value.contains(':') { "ipv6-addr" } else { "ipv4-addr" };
    let pattern = match term.kind {
        TermKind::Address => format!("[{version}:value = '{literal}']"),
        TermKind::Range => format!("[{version}:value ISSUBSET '{literal}']"),
        TermKind::Domain => format!("[domain-name:value = '{literal}']"),
        TermKind::Url => format!("[url:value = '{literal}']"),
        TermKind::Email => format!("[email-addr:value = '{literal}']"),
        TermKind::Hash => format!("[file:hashes.'{}' = '{literal}']", algorithm(value)?),
        TermKind::Reference if value.starts_with("CVE-") => {
            return is_cve(value).then(|| Subject::Vulnerability(value.to_owned()));
        }
        TermKind::Reference => {
            let number: u32 = value.strip_prefix("AS")?.parse().ok()?;
            format!("[autonomous-system:number = {number}]")
        }
        TermKind::Name | TermKind::Other => return None,
    };
    let name = name.unwrap_or(value).to_owned();
    Some(Subject::Pattern { name, pattern })
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
        let of = |digits: usize, name: &str| subject(&"a".repeat(digits), name.parse().ok(), None).is_some();
        for (digits, name) in [(32, "md5"), (40, "sha1"), (64, "SHA-256"), (128, "sha512"), (64, "hash")] {
            assert!(of(digits, name), "{name}");
        }
        for (digits, name) in [(32, "sha256"), (64, "md5"), (40, "sha512"), (64, "sha1_hash"), (64, "url")] {
            assert!(!of(digits, name), "{name}");
        }
    }

    #[test]
    fn a_half_cve_number_is_no_vulnerability() {
        let of = |cell| subject(cell, Some(Sort::Reference), None);
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
