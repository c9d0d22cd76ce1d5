//! Objects that say nothing which handling asks of them, told without reading them: most that are exchanged are such.
//!
//! Of an object's text handling asks for its markings ([`crate::marking::tlp_of`], granular ones too) and whom it is about
//! ([`crate::Subject`]). All of these stand under certain names, or in objects of certain types; where none of the names stands in the
//! text as JSON writes it, there is nothing to be found. A name written with escapes is another text, so that a backslash anywhere
//! is answered with "it may".
//!
//! Invariant: of what [`is_bare`] says yes to, a reader of the whole finds no marking and no person, or that it is no JSON.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Names and types as JSON writes them without escapes, under or in which markings and persons stand.
const TELLING: [&str; 8] = [
    "\"object_marking_refs\"",
    "\"granular_markings\"",
    "\"labels\"",
    "\"extensions\"",
    "\"identity\"",
    "\"user-account\"",
    "\"email-addr\"",
    "\"observed-data\"",
];

static FINDERS: LazyLock<[Finder<'static>; 8]> = LazyLock::new(|| TELLING.map(Finder::new));

/// Whether this has the form of an object in whose text nothing can be a marking or make it one about a person. No is no statement.
///
/// # Limits
/// Linear in the text.
#[must_use]
pub fn is_bare(object: &[u8]) -> bool {
    let form = object.first() == Some(&b'{') && object.last() == Some(&b'}');
    form && memchr::memchr(b'\\', object).is_none() && FINDERS.iter().all(|name| name.find(object).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marking::tlp_of;
    use crate::{Json, Subject};

    /// What handling asks, of one text.
    fn says_something(text: &str) -> bool {
        let json = Json::parse(text.as_bytes()).unwrap();
        json.get("granular_markings").is_some()
            || tlp_of(&json).is_some()
            || Subject::of(&json) != Subject::Nobody
    }

    #[test]
    fn what_says_something_is_never_bare() {
        let red = crate::TlpLevel::Red.id();
        let extension = crate::person::EXTENSION;
        for text in [
            &*format!(r#"{{"type":"indicator","object_marking_refs":["{red}"]}}"#),
            &*format!(r#"{{"type":"indicator","object\u005fmarking_refs":["{red}"]}}"#),
            r#"{"type":"indicator","granular_markings":[{"marking_ref":"x"}]}"#,
            r#"{"type":"indicator","labels":["data-subject:minor"]}"#,
            &*format!(r#"{{"type":"report","extensions":{{"{extension}":{{"data_subject":"person"}}}}}}"#),
            r#"{"type":"identity","identity_class":"individual"}"#,
            r#"{"type":"ident\u0069ty","identity_class":"individual"}"#,
            r#"{"type" : "user-account"}"#,
            r#"{"type":"email-addr","display_name":"J. Doe"}"#,
            r#"{"type":"observed-data","objects":{"0":{"type":"user-account"}}}"#,
        ] {
            assert!(says_something(text), "{text}");
            assert!(!is_bare(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn an_indicator_without_markings_is_bare() {
        let text = r#"{"type":"indicator","created_by_ref":"identity--7d0c3a7e-6e3e-4b0e-9f61-3d1f5f2f9a10","name":"the identity of labels",
            "pattern":"[email-addr:value = 'j@example.com']"}"#;
        assert!(is_bare(text.as_bytes()) && !says_something(text));
        assert!(!is_bare(br#"{"name":"a\\b"}"#), "which may be an escaped name");
        for none in ["", "[]", "null", "{", "\"identity\""] {
            assert!(!is_bare(none.as_bytes()), "{none:?} is no object");
        }
    }

    proptest::proptest! {
        /// Members of every kind that tells something, in any order, with and without escapes.
        #[test]
        fn never_both(parts in proptest::collection::vec(proptest::sample::select(vec![
            r#""type":"identity""#, r#""type":"indicator""#, r#""identity_class":"individual""#, r#""labels":["data-subject:person"]"#,
            r#""l\u0061bels":["data-subject:person"]"#, r#""name":"labels""#, r#""name":"\"labels\"""#,
            r#""object_marking_refs":["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]"#, r#""granular_markings":[]"#,
        ]), 0..5)) {
            let text = format!("{{{}}}", parts.join(","));
            if Json::parse(text.as_bytes()).is_ok() {
                proptest::prop_assert!(!(is_bare(text.as_bytes()) && says_something(&text)), "{}", text);
            }
        }
    }
}
