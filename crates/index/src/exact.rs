//! The term under which a value of an object is indexed: the counterpart of [`crate::probes`].
//!
//! One function for each place a value can stand in, because the same text means different things there: `update.com` is a
//! domain in a `domain-name` and a file in a `file`, and only the domain is to be found as a parent of others. A text that has the
//! form of an address, hash, URL or e-mail address is that wherever it stands.
//!
//! Invariant: whatever one of these returns for a text is among the exact probes of that text; of a URL's host ([`host_term`]), among
//! the probes of that host.

use base::limit::QUERY_BYTES_MAX;

use crate::address::write_address;
use crate::fold::fold_into;
use crate::settle::{Form, Reading, settle};
use crate::url::Host;
use crate::value::Shape;
use crate::{Term, TermKind};

/// Longest reference, in bytes of its folded form.
const REFERENCE_BYTES_MAX: usize = 64;

/// The term of a network value: address, range, domain, URL, e-mail address, hash; other text is an other value.
#[must_use]
pub fn value_term(value: &str) -> Option<Term> {
    let text = asked(value)?;
    let mut reading = Reading::default();
    let shape = settle(text, &mut reading).shape?;
    Some(settled_term(&shape, reading))
}

/// The term of a value that is compared as text: mutex, registry key, file name, account.
#[must_use]
pub fn other_term(value: &str) -> Option<Term> {
    let text = asked(value)?;
    let mut reading = Reading::default();
    let settled = settle(text, &mut reading);
    if settled.written == Form::Formal {
        return Some(settled_term(&settled.shape?, reading));
    }
    let (mut folded, mut value) = (String::new(), String::new());
    fold_into(&mut folded, text);
    write_other(&mut value, &folded);
    (!value.is_empty()).then_some(Term { kind: TermKind::Other, value })
}

/// The term of a name or alias.
#[must_use]
pub fn name_term(value: &str) -> Option<Term> {
    let text = asked(value)?;
    let mut reading = Reading::default();
    let settled = settle(text, &mut reading);
    if settled.written == Form::Formal {
        return Some(settled_term(&settled.shape?, reading));
    }
    let mut folded = String::new();
    fold_into(&mut folded, text);
    (!folded.is_empty()).then_some(Term { kind: TermKind::Name, value: folded })
}

/// The term of an identifier given by an authority; one with spaces or over 64 bytes is a name.
#[must_use]
pub fn reference_term(value: &str) -> Option<Term> {
    let text = asked(value)?;
    if settle(text, &mut Reading::default()).written == Form::Text {
        let (mut folded, mut value) = (String::new(), String::new());
        fold_into(&mut folded, text);
        if write_reference(&mut value, &folded).is_some() {
            return Some(Term { kind: TermKind::Reference, value });
        }
    }
    name_term(text)
}

/// The host of a URL in its canonical form, under which the URL is found besides.
pub(crate) fn host_term(url: &str) -> Option<Term> {
    let mut reading = Reading::default();
    let (Shape::Url(host) | Shape::BareUrl(host)) = settle(url, &mut reading).shape? else { return None };
    let mut value = String::new();
    match host {
        Host::Address(address) => write_address(&mut value, address),
        Host::Domain(place) => value.push_str(reading.canonical.get(place)?),
        Host::Other => return None,
    }
    Some(Term { kind: TermKind::Host, value })
}

fn asked(value: &str) -> Option<&str> {
    let text = value.trim();
    (!text.is_empty() && value.len() <= QUERY_BYTES_MAX).then_some(text)
}

fn settled_term(shape: &Shape, reading: Reading) -> Term {
    Term { kind: kind_of(shape), value: reading.canonical }
}

const fn kind_of(shape: &Shape) -> TermKind {
    match shape {
        Shape::Address(_) => TermKind::Address,
        Shape::Range(_) => TermKind::Range,
        Shape::Domain => TermKind::Domain,
        Shape::Url(_) | Shape::BareUrl(_) => TermKind::Url,
        Shape::Hash => TermKind::Hash,
        Shape::Email(_) => TermKind::Email,
        Shape::Reference => TermKind::Reference,
        Shape::Mac | Shape::Text => TermKind::Other,
    }
}

/// Appends a folded text as an other value: registry hives in full.
pub(crate) fn write_other(out: &mut String, folded: &str) {
    const HIVES: [(&str, &str); 5] = [
        ("hklm\\", "hkey_local_machine\\"),
        ("hkcu\\", "hkey_current_user\\"),
        ("hkcr\\", "hkey_classes_root\\"),
        ("hku\\", "hkey_users\\"),
        ("hkcc\\", "hkey_current_config\\"),
    ];
    let hive = HIVES.iter().find_map(|(short, long)| folded.strip_prefix(short).map(|rest| (*long, rest)));
    let (front, rest) = hive.unwrap_or(("", folded));
    out.push_str(front);
    out.push_str(rest);
}

/// Appends a folded text as a reference, ASCII letters as capitals; on `None` nothing was appended.
pub(crate) fn write_reference(out: &mut String, folded: &str) -> Option<()> {
    if folded.is_empty() || folded.len() > REFERENCE_BYTES_MAX || folded.contains(char::is_whitespace) {
        return None;
    }
    let start = out.len();
    out.push_str(folded);
    out.get_mut(start..)?.make_ascii_uppercase();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(term: Option<Term>) -> String {
        term.map_or("-".into(), |term| format!("{} {}", term.kind.name(), term.value))
    }

    #[test]
    fn the_place_decides_where_the_form_does_not() {
        assert_eq!(shown(value_term("Update.com")), "domain update.com");
        assert_eq!(shown(other_term("Update.com")), "other update.com");
        assert_eq!(shown(name_term("Update.com")), "name update.com");
        assert_eq!(shown(reference_term("Update.com")), "name update.com");
        for term in [value_term, other_term, name_term, reference_term] {
            assert_eq!(shown(term(" 1.2.3.4 ")), "address 1.2.3.4");
            assert_eq!(shown(term("CVE-2024-1234")), "reference CVE-2024-1234");
            assert_eq!(shown(term(" ")), "-");
            assert_eq!(shown(term(&"a".repeat(QUERY_BYTES_MAX + 1))), "-");
        }
    }

    #[test]
    fn texts_are_folded() {
        assert_eq!(shown(other_term("HKLM\\Software\\X")), "other hkey_local_machine\\software\\x");
        assert_eq!(
            shown(other_term("HKEY_LOCAL_MACHINE\\Software\\X")),
            "other hkey_local_machine\\software\\x"
        );
        assert_eq!(shown(name_term("Cobalt  Strike")), "name cobalt strike");
        assert_eq!(shown(reference_term("t1059.001")), "reference T1059.001");
        assert_eq!(shown(reference_term("two words")), "name two words");
        assert_eq!(shown(value_term("evil[.]com")), "domain evil.com");
        assert_eq!(shown(other_term("evil[.]com")), "other evil[.]com");
    }
}
