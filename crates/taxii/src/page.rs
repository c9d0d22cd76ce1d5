//! Pages going out: envelopes, manifests and lists of versions, put together from what a decision has released.
//!
//! An envelope is three pieces, the middle one the stored bytes themselves: nothing is parsed or copied on the way out.
//!
//! Architecture Invariant: nothing here takes content that is not [`Cleared`].
//!
//! Source: TAXII 2.1, sections 3.2, 3.7, 5.3.1 and 5.8.1.

use base::Micros;
use bytes::Bytes;
use handling::Cleared;
use stix::Timestamp;

use crate::media;

/// A page of objects.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// The objects' exact bytes, separated by commas; empty when there are none.
    pub objects: Bytes,
    /// Where to go on.
    pub next: Option<String>,
}

/// One line of a manifest.
#[derive(Clone, Debug)]
pub struct Record {
    /// Object id.
    pub id: String,
    /// When it was added.
    pub added: Micros,
    /// Its version.
    pub version: String,
    /// Specification version that the object names: `2.1`.
    pub spec_version: String,
}

/// A page of a manifest or of a list of versions.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The lines in order of adding.
    pub records: Vec<Record>,
    /// Where to go on.
    pub next: Option<String>,
}

/// An envelope in the pieces it is sent in.
#[must_use]
pub fn envelope(page: Cleared<Objects>) -> [Bytes; 3] {
    let page = page.into_inner();
    if page.objects.is_empty() {
        return [Bytes::from_static(b"{}"), Bytes::new(), Bytes::new()];
    }
    let head = match &page.next {
        None => Bytes::from_static(b"{\"objects\":["),
        Some(next) => {
            let mut head = Vec::with_capacity(next.len().saturating_add(48));
            put_more(&mut head, next);
            head.extend_from_slice(b"\"objects\":[");
            Bytes::from(head)
        }
    };
    [head, page.objects, Bytes::from_static(b"]}")]
}

/// A manifest.
#[must_use]
pub fn manifest(page: Cleared<Records>) -> Bytes {
    list(page, "objects", |out, record| {
        out.extend_from_slice(b"{\"id\":");
        put_string(out, &record.id);
        out.extend_from_slice(b",\"date_added\":\"");
        out.extend_from_slice(Timestamp::text_of(record.added).as_bytes());
        out.extend_from_slice(b"\",\"version\":");
        put_string(out, &record.version);
        // One of those that the collection lists, or none (section 5.3.1).
        if let Some(media_type) = media::of_stix(&record.spec_version) {
            out.extend_from_slice(b",\"media_type\":\"");
            out.extend_from_slice(media_type.as_bytes());
            out.push(b'"');
        }
        out.push(b'}');
    })
}

/// A list of versions: the producer's own text of each.
#[must_use]
pub fn versions(page: Cleared<Records>) -> Bytes {
    list(page, "versions", |out, record| put_string(out, &record.version))
}

fn list(page: Cleared<Records>, name: &str, put: impl Fn(&mut Vec<u8>, &Record)) -> Bytes {
    let page = page.into_inner();
    if page.records.is_empty() {
        return Bytes::from_static(b"{}");
    }
    let mut out = Vec::with_capacity(page.records.len().saturating_mul(192).saturating_add(64));
    match &page.next {
        Some(next) => put_more(&mut out, next),
        None => out.push(b'{'),
    }
    put_string(&mut out, name);
    out.extend_from_slice(b":[");
    for (at, record) in page.records.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        put(&mut out, record);
    }
    out.extend_from_slice(b"]}");
    Bytes::from(out)
}

fn put_more(out: &mut Vec<u8>, next: &str) {
    out.extend_from_slice(b"{\"more\":true,\"next\":");
    put_string(out, next);
    out.push(b',');
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("invariant: a string writes into memory");
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use handling::{Principal, UserNo, viewer};

    use super::*;

    fn cleared<T>(value: T) -> Cleared<T> {
        let nobody = Principal {
            user: UserNo(1),
            name: "t".into(),
            roles: BTreeSet::new(),
            scopes: BTreeSet::new(),
            shown: handling::Shown::own(handling::Means::Password),
            access: BTreeMap::new(),
        };
        viewer(&nobody, &handling::Standing::default()).clear(value)
    }

    fn text(parts: &[Bytes]) -> String {
        String::from_utf8(parts.concat()).unwrap()
    }

    #[test]
    fn empty_pages_are_empty_objects() {
        assert_eq!(text(&envelope(cleared(Objects::default()))), "{}");
        assert_eq!(
            text(&[manifest(cleared(Records::default())), versions(cleared(Records::default()))]),
            "{}{}"
        );
    }

    #[test]
    fn envelopes_carry_the_stored_bytes() {
        let objects = Bytes::from_static(b"{\"a\" : 1},{}");
        let last = Objects { objects: objects.clone(), next: None };
        assert_eq!(text(&envelope(cleared(last))), r#"{"objects":[{"a" : 1},{}]}"#);
        let page = envelope(cleared(Objects { objects: objects.clone(), next: Some("a\"b".into()) }));
        assert_eq!(text(&page), r#"{"more":true,"next":"a\"b","objects":[{"a" : 1},{}]}"#);
        assert_eq!(page[1].as_ptr(), objects.as_ptr());
    }

    #[test]
    fn manifests_and_versions_name_each_line() {
        let record =
            Record { id: "i".into(), added: Micros(1), version: "v".into(), spec_version: "2.1".into() };
        let page = Records { records: vec![record.clone(), record], next: Some("n".into()) };
        let line = r#"{"id":"i","date_added":"1970-01-01T00:00:00.000001Z","version":"v","media_type":"application/stix+json;version=2.1"}"#;
        assert_eq!(
            text(&[manifest(cleared(page.clone()))]),
            format!(r#"{{"more":true,"next":"n","objects":[{line},{line}]}}"#)
        );
        assert_eq!(text(&[versions(cleared(page))]), r#"{"more":true,"next":"n","versions":["v","v"]}"#);
        let other =
            Record { id: "i".into(), added: Micros(1), version: "v".into(), spec_version: "3.0".into() };
        let page = Records { records: vec![other], next: None };
        let line = r#"{"id":"i","date_added":"1970-01-01T00:00:00.000001Z","version":"v"}"#;
        assert_eq!(text(&[manifest(cleared(page))]), format!(r#"{{"objects":[{line}]}}"#));
    }
}
