//! The canonical form of a value: what it reads as, read again until reading changes nothing.
//!
//! One reading does not always end there. A text may show its form only once white space is made one, or a brackets' dot is
//! undone (`h(.\f)org:443/a` is the URL `h.org:443/a`), and a canonical form may be the text of another kind
//! (`11.100.7.51./24` is at first a host with a path, then a range). Going on until nothing changes makes "a canonical value is its own
//! canonical form" true by construction, for what is indexed and what is looked up alike. A text that does not come to rest, which none
//! in use does, has no canonical form: it is found as a name and in full text.

use base::limit::QUERY_BYTES_MAX;

use crate::exact::write_other;
use crate::fold::fold_into;
use crate::refang::refang;
use crate::value::{Shape, read};

/// Readings after the first; texts made to need many are refused one.
const READINGS_MAX: usize = 8;

/// Memory for readings, kept from one value to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// The canonical form; for [`Shape::Text`] the text as an other value.
    pub(crate) canonical: String,
    next: String,
    folded: String,
}

/// What a value is.
#[derive(Debug)]
pub(crate) struct Settled {
    /// Its form as it is written, before anything is undone.
    pub(crate) written: Form,
    /// What it comes to; `None` for a value without a canonical form.
    pub(crate) shape: Option<Shape>,
}

/// What the form of a text alone says, which is where names, accounts and domains part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An address, range, URL, hash, e-mail address, identifier or hardware address.
    Formal,
    Domain,
    Text,
}

/// Reads a value; `reading.canonical` then holds its canonical form.
pub(crate) fn settle(value: &str, reading: &mut Reading) -> Settled {
    let text = value.trim();
    let Reading { canonical, next, folded } = reading;
    let mut shape = read(text, canonical);
    let written = match shape {
        Shape::Text => Form::Text,
        Shape::Domain => Form::Domain,
        _ => Form::Formal,
    };
    if shape == Shape::Text {
        shape = read_text(text, canonical, folded);
    }
    for _ in 0..READINGS_MAX {
        if canonical.is_empty() || canonical.len() > QUERY_BYTES_MAX {
            break;
        }
        if canonical == text {
            return Settled { written, shape: Some(shape) };
        }
        let again = canonical.trim();
        shape = match read(again, next) {
            Shape::Text => read_text(again, next, folded),
            shape => shape,
        };
        if next == canonical {
            return Settled { written, shape: Some(shape) };
        }
        std::mem::swap(canonical, next);
    }
    canonical.clear();
    Settled { written, shape: None }
}

/// Reads a text that has the form of nothing as it stands: with what is made harmless undone, else as an other value.
fn read_text(text: &str, out: &mut String, folded: &mut String) -> Shape {
    let meant = refang(text);
    let shape = if meant == text { Shape::Text } else { read(&meant, out) };
    if shape == Shape::Text {
        folded.clear();
        fold_into(folded, text);
        out.clear();
        write_other(out, folded);
    }
    shape
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(value: &str) -> (String, Option<&'static str>) {
        let mut reading =
            Reading { canonical: "left over".into(), next: "left".into(), folded: "over".into() };
        let shape = settle(value, &mut reading).shape.map(|shape| match shape {
            Shape::Text => "text",
            Shape::Range(_) => "range",
            Shape::Url(_) | Shape::BareUrl(_) => "url",
            Shape::Domain => "domain",
            _ => "another",
        });
        (reading.canonical, shape)
    }

    #[test]
    fn reads_until_nothing_changes() {
        for (value, canonical, shape) in [
            ("11.100.7.51./24", "11.100.7.0/24", "range"),
            ("h(.\u{c})org:443/a/../b?q&f.)of", "h.org:443/b?q&f.)of", "url"),
            ("evil[.]com", "evil.com", "domain"),
            ("Evil.COM", "evil.com", "domain"),
            ("HKLM\\X", "hkey_local_machine\\x", "text"),
            ("Cobalt  Strike", "cobalt strike", "text"),
        ] {
            assert_eq!(of(value), (canonical.to_owned(), Some(shape)), "{value:?}");
            assert_eq!(of(canonical), (canonical.to_owned(), Some(shape)), "{canonical:?}");
        }
    }

    #[test]
    fn what_has_no_canonical_form_is_told_so() {
        assert_eq!(of(" "), (String::new(), None));
        // One letter that NFKC writes as eighteen.
        assert_eq!(of(&"\u{fdfa}".repeat(QUERY_BYTES_MAX / 4)), (String::new(), None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn a_canonical_form_is_its_own(pieces in prop::collection::vec(
            prop::sample::select(vec!["[", "]", "(", ")", ".", ":", "//", "/", "\\", " ", "\u{c}", "dot", "@", "a", "hxxp", "com", "org", "11", "4", "24", "::", "é", "\"", "HKLM", "xn--", "?q"]), 0..14))
        {
            let text = pieces.concat();
            let (canonical, shape) = of(&text);
            prop_assert_eq!(of(&canonical), (canonical.clone(), shape), "{:?}", text);
        }
    }
}
