//! From an examined object to the entry that is stored: the one place where an [`Entry`] is derived.
//!
//! Used when an object is accepted and when a store is rebuilt, so both give the same. Everything comes from the object's own
//! bytes; who may see it is for the caller to say ([`Entry::rules`]).

use bytes::Bytes;
use stix::json::Members;
use stix::{Finding, Json, Severity, Timestamp, TlpLevel, Valid};

use crate::{Edge, Entry, Facts, Sighting, Text};

impl Entry {
    /// The entry of an examined object, for all who read its collection.
    ///
    /// `bytes` are the bytes that `valid` was made of; an entry keeps them as they are.
    ///
    /// # Limits
    /// Time linear in the object. Memory: the bytes are shared, terms and words are bounded by [`base::limit`].
    #[must_use]
    pub fn from_valid(valid: &Valid<'_>, bytes: Bytes) -> Self {
        debug_assert_eq!(valid.bytes(), bytes, "invariant: the bytes that were examined");
        let indexed = index::of_object(valid);
        Self {
            facts: Facts {
                confidence: indexed.confidence,
                starts: indexed.starts,
                expires: indexed.expires,
                label: indexed.label,
                tlp: indexed.tlp.map(TlpLevel::number),
                ..facts_of(valid)
            },
            bytes,
            terms: indexed.terms,
            edges: indexed.references.into_iter().map(edge).collect(),
            text: Text(indexed.words),
            pattern: indexed.pattern,
            sighting: indexed.seen.map(|seen| Sighting {
                of: seen.of,
                count: seen.count,
                last_seen: seen.last_seen,
            }),
            rules: None,
            view_of: None,
            maker: None,
        }
    }
}

/// What the object says of itself; the rest is empty.
fn facts_of(valid: &Valid<'_>) -> Facts {
    let created = valid.created();
    let modified = valid.modified().or(created);
    let text = |time: Option<&Timestamp>| time.map(|time| time.as_str().to_owned());
    let key = |time: Option<&Timestamp>| time.map(|time| time.sort_key().to_owned());
    Facts {
        id: valid.id().clone(),
        spec_version: match valid.spec_version() {
            "2.1" => "2.1".into(),
            other => other.to_owned().into(),
        },
        created: text(created),
        modified: text(modified),
        created_key: key(created),
        modified_key: key(modified),
        creator: valid.created_by_ref().map(str::to_owned),
        revoked: valid.revoked(),
        starts: None,
        expires: None,
        confidence: None,
        digest: valid.digest(),
        content_digest: valid.canonical_digest(),
        label: String::new(),
        findings: findings_of(valid.findings()),
        tlp: None,
        subject: stix::Subject::of(valid.json()),
    }
}

fn edge(reference: index::Reference) -> Edge {
    Edge { name: reference.name, source: reference.source, target: reference.target }
}

/// Findings as a JSON list of objects with `severity`, `code`, `path` and `message`; `None` when there are none.
///
/// Warnings are left out: an object with findings is never acted on, and a missing description is no reason for that.
fn findings_of(findings: &[Finding]) -> Option<String> {
    let kept: Vec<&Finding> = findings.iter().filter(|finding| finding.severity >= Severity::Error).collect();
    if kept.is_empty() {
        return None;
    }
    let rows = kept.into_iter().map(|finding| {
        let mut row = Members::default();
        for (key, value) in [
            ("severity", finding.severity.name()),
            ("code", finding.code),
            ("path", &finding.path),
            ("message", &finding.message),
        ] {
            row.set(key, Json::String(value.into()));
        }
        Json::Object(row)
    });
    Some(Json::List(rows.collect()).to_string())
}

#[cfg(test)]
mod tests {
    use base::Micros;
    use stix::{Profile, examine};

    use super::*;

    fn entry(text: &str) -> Entry {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let valid = examine(&bytes, Profile::Store).unwrap_or_else(|refused| panic!("{refused:?}"));
        Entry::from_valid(&valid, bytes.clone())
    }

    #[test]
    fn an_indicator_is_stored_with_all_that_finds_it() {
        let red = TlpLevel::Red.id();
        let text = format!(
            r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
            "created":"2024-01-01T00:00:00.100Z","modified":"2024-01-02T00:00:00.000Z","created_by_ref":"identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
            "name":"Bad address","revoked":true,"confidence":40,"pattern":"[ipv4-addr:value = '198.51.100.7']","pattern_type":"stix",
            "valid_from":"2024-01-01T00:00:00Z","valid_until":"2024-02-01T00:00:00Z","object_marking_refs":["{red}"]}}"#
        );
        let entry = entry(&text);
        let facts = &entry.facts;
        assert_eq!(entry.bytes, text.as_bytes());
        assert_eq!(
            (facts.created.as_deref(), facts.created_key.as_deref()),
            (Some("2024-01-01T00:00:00.100Z"), Some("2024-01-01T00:00:00.1"))
        );
        assert_eq!(
            (facts.modified.as_deref(), facts.modified_key.as_deref()),
            (Some("2024-01-02T00:00:00.000Z"), Some("2024-01-02T00:00:00"))
        );
        assert_eq!((facts.revoked, facts.confidence, facts.tlp), (true, Some(40), Some(4)));
        assert_eq!(facts.expires, Some(Micros(1_706_745_600_000_000)));
        assert_eq!((facts.label.as_str(), facts.findings.as_deref()), ("Bad address", None));
        assert_eq!(
            entry.terms.iter().map(|term| term.value.as_str()).collect::<Vec<_>>(),
            ["198.51.100.7", "bad address"]
        );
        assert_eq!(
            entry.edges.iter().map(|edge| edge.name.as_str()).collect::<Vec<_>>(),
            ["created_by_ref", "object_marking_refs"]
        );
        assert!(entry.text.0.starts_with("bad address ") && entry.text.0.contains("198_51_100_7"));
        assert_eq!(entry.pattern.as_deref(), Some("[ipv4-addr:value = '198.51.100.7']"));
        assert_eq!((entry.sighting, entry.rules), (None, None));
    }

    #[test]
    fn what_has_no_modified_has_its_creation_for_a_version() {
        let uuid = "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";
        for (kind, more) in [
            ("marking-definition", r#""definition_type":"statement","definition":{"statement":"Copyright"}"#),
            ("x-own", r#""name":"Copyright""#),
            ("ipv4-addr", r#""value":"198.51.100.7""#),
        ] {
            let entry = entry(&format!(
                r#"{{"type":"{kind}","spec_version":"2.1","id":"{kind}--{uuid}","created":"2024-01-01T00:00:00.000Z",{more}}}"#
            ));
            assert_eq!(entry.facts.modified.as_deref(), Some("2024-01-01T00:00:00.000Z"), "{kind}");
            assert_eq!(entry.facts.modified_key.as_deref(), Some("2024-01-01T00:00:00"), "{kind}");
            assert_eq!(entry.facts.label == "Copyright", kind != "ipv4-addr", "{}", entry.facts.label);
        }
    }

    #[test]
    fn an_observable_has_no_version_and_a_sighting_is_one() {
        let address = entry(
            r#"{"type":"ipv4-addr","id":"ipv4-addr--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","value":"198.51.100.7"}"#,
        );
        assert_eq!((address.facts.modified, address.facts.created), (None, None));
        let seen = entry(
            r#"{"type":"sighting","spec_version":"2.1","id":"sighting--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"2024-01-01T00:00:00Z",
            "modified":"2024-01-01T00:00:00Z","sighting_of_ref":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","count":0}"#,
        );
        assert_eq!(seen.sighting.map(|seen| seen.count), Some(0));
    }

    #[test]
    fn findings_are_kept_as_a_list() {
        let entry = entry(
            r#"{"type":"indicator","spec_version":"2.1","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"2024-01-01T00:00:00Z",
            "modified":"2024-01-01T00:00:00Z","pattern":"[broken \"","pattern_type":"stix","valid_from":"2024-01-01T00:00:00Z","aliases":[]}"#,
        );
        let findings = entry.facts.findings.expect("findings");
        let list = Json::parse(findings.as_bytes()).expect("a list");
        let first = list.as_list().and_then(|list| list.first()).expect("one");
        for key in ["severity", "code", "path", "message"] {
            assert!(first.get(key).and_then(Json::as_str).is_some(), "{key}");
        }
        assert_eq!(entry.pattern, None);
    }
}
