//! Objects this node makes itself, in the name of its member: the member's identity, indicators, vulnerabilities, sightings.
//!
//! Indicators made of a value have an id that follows from the member and the value, so that importing a list twice finds
//! the first import again. The id has the form of a version 4 UUID, as STIX 2.1 (section 2.9) recommends for objects, with
//! its bits taken from a hash. Members stand in the order of the specification's tables.

use base::Micros;
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};
use stix::{Timestamp, TlpLevel};
use store::{Store, StoreError};

use crate::initialise::{MEMBER_CREATED, Member};

/// The member as the author of objects.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub(crate) member: Member,
    pub(crate) since: Micros,
}

impl Author {
    pub(crate) async fn of(store: &dyn Store, member: Option<Member>) -> Result<Option<Self>, StoreError> {
        let Some(member) = member else { return Ok(None) };
        let since = store.setting(MEMBER_CREATED).await?.and_then(|text| text.parse().ok());
        let since = since.ok_or_else(|| StoreError::Damaged("the member has no date of creation".into()))?;
        Ok(Some(Self { member, since: Micros(since) }))
    }

    /// The member's identity object: always the same bytes.
    pub(crate) fn identity(&self) -> Bytes {
        #[derive(Serialize)]
        struct Identity<'a> {
            r#type: &'static str,
            spec_version: &'static str,
            id: &'a str,
            created: &'a str,
            modified: &'a str,
            name: &'a str,
            identity_class: &'static str,
        }
        let since = Timestamp::from_micros(self.since);
        json(&Identity {
            r#type: "identity",
            spec_version: "2.1",
            id: &self.member.id,
            created: since.as_str(),
            modified: since.as_str(),
            name: &self.member.name,
            identity_class: "organization",
        })
    }

    /// The id of the object of `kind` that this member makes about `subject`.
    pub(crate) fn id(&self, kind: &str, subject: &str) -> String {
        let mut hash = Sha256::new_with_prefix("cresset object\0");
        for part in [&self.member.id, kind, subject] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let mut bits = [0; 16];
        bits.iter_mut().zip(hash.finalize()).for_each(|(bit, digit)| *bit = digit);
        format!("{kind}--{}", uuid::Builder::from_random_bytes(bits).into_uuid())
    }
}

/// Something that was read out of a list or a text and becomes an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) subject: Subject,
    pub(crate) description: Option<String>,
    pub(crate) confidence: Option<u8>,
    pub(crate) valid_from: Option<Micros>,
    pub(crate) valid_until: Option<Micros>,
    pub(crate) labels: Vec<String>,
    pub(crate) tlp: Option<TlpLevel>,
}

/// What a draft is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// An observable value: an indicator with this name and pattern.
    Pattern { name: String, pattern: String },
    /// A vulnerability with a CVE number.
    Vulnerability(String),
}

/// The moments in which an object came to be: a later version keeps the first two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moments {
    pub(crate) created: String,
    pub(crate) valid_from: Option<String>,
    pub(crate) modified: String,
}

impl Draft {
    pub(crate) fn about(subject: Subject) -> Self {
        Self {
            subject,
            description: None,
            confidence: None,
            valid_from: None,
            valid_until: None,
            labels: Vec::new(),
            tlp: None,
        }
    }

    /// About how large it is: the texts that somebody else wrote, and as much again as the rest of an object takes.
    pub(crate) fn bytes_about(&self) -> usize {
        const REST_BYTES: usize = 512;
        let subject = match &self.subject {
            Subject::Pattern { name, pattern } => name.len().saturating_add(pattern.len()),
            Subject::Vulnerability(cve) => cve.len(),
        };
        let labels = self.labels.iter().map(String::len).sum::<usize>();
        let said = self.description.as_ref().map_or(0, String::len).saturating_add(labels);
        subject.saturating_add(said).saturating_add(REST_BYTES)
    }

    /// The id of the object this becomes.
    pub(crate) fn id(&self, author: &Author) -> String {
        match &self.subject {
            Subject::Pattern { pattern, .. } => author.id("indicator", pattern),
            Subject::Vulnerability(cve) => author.id("vulnerability", cve),
        }
    }

    /// The object.
    pub(crate) fn object(&self, author: &Author, moments: &Moments) -> Bytes {
        #[derive(Serialize)]
        struct Made<'a> {
            r#type: &'static str,
            spec_version: &'static str,
            id: &'a str,
            created_by_ref: &'a str,
            created: &'a str,
            modified: &'a str,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            labels: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            confidence: Option<u8>,
            #[serde(skip_serializing_if = "Option::is_none")]
            external_references: Option<[Reference<'a>; 1]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            object_marking_refs: Option<[&'static str; 1]>,
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            indicator_types: Option<[&'static str; 1]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pattern: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pattern_type: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            valid_from: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            valid_until: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct Reference<'a> {
            source_name: &'static str,
            external_id: &'a str,
        }
        let id = self.id(author);
        let (name, pattern, cve) = match &self.subject {
            Subject::Pattern { name, pattern } => (name, Some(pattern.as_str()), None),
            Subject::Vulnerability(cve) => (cve, None, Some(cve.as_str())),
        };
        let indicator = pattern.is_some();
        let valid_from = self.valid_from.map(Timestamp::from_micros);
        let valid_from = valid_from.as_ref().map(Timestamp::as_str).or(moments.valid_from.as_deref());
        let valid_until = self.valid_until.map(Timestamp::from_micros);
        json(&Made {
            r#type: if indicator { "indicator" } else { "vulnerability" },
            spec_version: "2.1",
            id: &id,
            created_by_ref: &author.member.id,
            created: &moments.created,
            modified: &moments.modified,
            labels: &self.labels,
            confidence: self.confidence,
            external_references: cve.map(|cve| [Reference { source_name: "cve", external_id: cve }]),
            object_marking_refs: self.tlp.map(|level| [level.id()]),
            name,
            description: self.description.as_deref(),
            indicator_types: indicator.then_some(["unknown"]),
            pattern,
            pattern_type: indicator.then_some("stix"),
            valid_from: valid_from.filter(|_| indicator),
            valid_until: valid_until.as_ref().map(Timestamp::as_str).filter(|_| indicator),
        })
    }
}

/// A sighting by the member.
#[derive(Clone, Debug)]
pub(crate) struct Sighting<'a> {
    pub(crate) uuid: uuid::Uuid,
    pub(crate) of: &'a str,
    pub(crate) count: u32,
    pub(crate) last_seen: Micros,
    pub(crate) at: Micros,
    pub(crate) tlp: Option<TlpLevel>,
    /// The sector of those who saw it, where they are not to be named.
    pub(crate) sector: Option<&'a str>,
}

impl Sighting<'_> {
    /// The identity that stands for everybody in the sector: STIX 2.1, section 5.2, lets a sighting name "types of entities".
    ///
    /// It belongs to what was sighted and is the same each time: an identity shared between objects would tell those who see
    /// one of them that there is another.
    pub(crate) fn sector(&self, author: &Author) -> Option<Bytes> {
        #[derive(Serialize)]
        struct Class<'a> {
            r#type: &'static str,
            spec_version: &'static str,
            id: &'a str,
            created_by_ref: &'a str,
            created: &'a str,
            modified: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            object_marking_refs: Option<[&'static str; 1]>,
            name: &'a str,
            identity_class: &'static str,
            sectors: [&'a str; 1],
        }
        let since = Timestamp::from_micros(author.since);
        self.sector.map(|sector| {
            json(&Class {
                r#type: "identity",
                spec_version: "2.1",
                id: &self.sector_id(author, sector),
                created_by_ref: &author.member.id,
                created: since.as_str(),
                modified: since.as_str(),
                object_marking_refs: self.tlp.map(|level| [level.id()]),
                name: sector,
                identity_class: "class",
                sectors: [sector],
            })
        })
    }

    /// By the marking too, so that what is marked anew is no other content of the same version.
    fn sector_id(&self, author: &Author, sector: &str) -> String {
        let level = self.tlp.map_or("", TlpLevel::id);
        author.id("identity", &format!("{}\0{level}\0{sector}", self.of))
    }

    /// The sighting object.
    pub(crate) fn object(&self, author: &Author) -> Bytes {
        #[derive(Serialize)]
        struct Made<'a> {
            r#type: &'static str,
            spec_version: &'static str,
            id: String,
            created_by_ref: &'a str,
            created: &'a str,
            modified: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            object_marking_refs: Option<[&'static str; 1]>,
            last_seen: &'a str,
            count: u32,
            sighting_of_ref: &'a str,
            where_sighted_refs: Vec<&'a str>,
        }
        let sector = self.sector.map(|sector| self.sector_id(author, sector));
        let (at, last_seen) = (Timestamp::from_micros(self.at), Timestamp::from_micros(self.last_seen));
        json(&Made {
            r#type: "sighting",
            spec_version: "2.1",
            id: format!("sighting--{}", self.uuid),
            created_by_ref: &author.member.id,
            created: at.as_str(),
            modified: at.as_str(),
            object_marking_refs: self.tlp.map(|level| [level.id()]),
            last_seen: last_seen.as_str(),
            count: self.count,
            sighting_of_ref: self.of,
            where_sighted_refs: [&*author.member.id].into_iter().chain(sector.as_deref()).collect(),
        })
    }
}

fn json(made: &impl Serialize) -> Bytes {
    serde_json::to_vec(made).expect("invariant: plain strings and numbers are JSON").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author() -> Author {
        let id = "identity--6c8e0f2e-1f0b-4b3a-9d5e-0a1b2c3d4e5f".into();
        Author { member: Member { id, name: "CERT \"A\"\u{1}".into() }, since: Micros(0) }
    }

    #[test]
    fn an_indicator_is_the_same_for_the_same_value() {
        let subject = Subject::Pattern { name: "a.example".into(), pattern: "[x:y = 'a']".into() };
        let draft = Draft::about(subject);
        let moments = Moments { created: "c".into(), valid_from: Some("v".into()), modified: "m".into() };
        assert_eq!(draft.object(&author(), &moments), draft.object(&author(), &moments));
        assert!(draft.id(&author()).starts_with("indicator--"));
        assert_eq!(stix::id::uuid_version(&draft.id(&author())), Some(4));
        let other = Draft::about(Subject::Vulnerability("CVE-2024-1".into()));
        assert_ne!(draft.id(&author()), other.id(&author()));
        let text = String::from_utf8(other.object(&author(), &moments).to_vec()).unwrap();
        assert!(!text.contains("valid_from") && text.contains("CVE-2024-1"), "{text}");
    }

    #[test]
    fn an_identity_keeps_hostile_names_as_json() {
        let identity = author().identity();
        let read: serde_json::Value = serde_json::from_slice(&identity).unwrap();
        assert_eq!(read["name"], "CERT \"A\"\u{1}");
    }
}
