//! Objects and rights to try a store with.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use base::Micros;
use handling::{
    Access, Addressee, Audience, CollectionNo, MemberId, Originator, Person, Principal, Role, Rules, Scope,
    Standing, UserNo, Viewer, Writer,
};
use index::{Term, TermKind};
use sha2::{Digest, Sha256};
use stix::ObjectId;
use stix::timestamp::key_of;

use crate::{Batch, Edge, Entry, Facts, LandedAs, NewCollection, NewUser, Original, Sighting, Store, Text};

/// Where the clock of every case starts: 2026-01-01T00:00:00Z.
pub const START: Micros = Micros(1_767_225_600_000_000);

/// A credential that somebody makes for a user nobody else stands for here.
pub(super) fn made_by(maker: i64) -> handling::Making {
    handling::Making::token(&principal(maker, &[]), UserNo(0))
}

/// A user without a password.
#[must_use]
pub fn user(name: &str, roles: &[Role]) -> NewUser {
    NewUser { name: name.into(), password_hash: None, made: made_by(9), roles: roles.to_vec(), at: START }
}

/// A collection.
#[must_use]
pub fn collection(id: &str, alias: Option<&str>) -> NewCollection {
    NewCollection {
        id: id.into(),
        alias: alias.map(Into::into),
        name: None,
        title: format!("Collection {id}"),
        description: None,
        strict: false,
        at: START,
    }
}

/// Makes `count` collections.
pub async fn collections(store: &dyn Store, count: usize) -> Vec<CollectionNo> {
    let mut made = Vec::new();
    for at in 0..count {
        made.push(store.add_collection(collection(&format!("c{at}"), None), Vec::new()).await.unwrap().no);
    }
    made
}

fn principal(user: i64, collections: &[CollectionNo]) -> Principal {
    let all = Access { read: true, write: true };
    Principal {
        user: UserNo(user),
        name: format!("user{user}"),
        roles: [Role::Analyst].into(),
        scopes: Scope::ALL.into(),
        shown: handling::Shown::own(handling::Means::Password),
        access: collections.iter().map(|no| (*no, all)).collect::<BTreeMap<_, _>>(),
    }
}

/// A viewer of these collections.
#[must_use]
pub fn viewer(user: i64, collections: &[CollectionNo]) -> Viewer {
    viewer_at(user, collections, &Standing::at(START))
}

/// A viewer of these collections, at a moment and in a community.
#[must_use]
pub fn viewer_at(user: i64, collections: &[CollectionNo], standing: &Standing) -> Viewer {
    handling::viewer(&principal(user, collections), standing)
}

/// A writer to one collection.
#[must_use]
pub fn writer(user: i64, collection: CollectionNo) -> Writer {
    writer_at(user, collection, &Standing::at(START))
}

/// As [`writer`], at a moment and in a community.
#[must_use]
pub fn writer_at(user: i64, collection: CollectionNo, standing: &Standing) -> Writer {
    handling::may_write(&principal(user, &[collection]), collection, standing).unwrap()
}

/// A writer to one of these collections, who reads them all.
#[must_use]
pub fn writer_who_reads(user: i64, collections: &[CollectionNo], collection: CollectionNo) -> Writer {
    handling::may_write(&principal(user, collections), collection, &Standing::at(START)).unwrap()
}

/// The identifier of the sample with a number.
#[must_use]
pub fn id(kind: &str, number: u64) -> String {
    format!("{kind}--00000000-0000-4000-8000-{number:012x}")
}

/// A moment of 2020 as STIX writes it.
#[must_use]
pub fn day(day: u32) -> String {
    format!("2020-{:02}-{:02}T00:00:00.000Z", day / 28 + 1, day % 28 + 1)
}

/// What is written, kept in memory: a key file, say.
#[derive(Clone, Debug, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// What was written since it was last taken.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An object in the making.
#[derive(Clone, Debug)]
pub struct Sample(Entry);

impl Sample {
    /// The indicator with a number, created on day 0 and modified on `day`.
    #[must_use]
    pub fn indicator(number: u64, modified: u32) -> Self {
        Self::of(&id("indicator", number), Some(&day(modified)))
    }

    /// An observable: an address without versions of its own.
    #[must_use]
    pub fn observable(number: u64) -> Self {
        Self::of(&id("ipv4-addr", number), None)
    }

    /// Any object.
    #[must_use]
    pub fn of(id: &str, modified: Option<&str>) -> Self {
        let created = modified.map(|_| day(0));
        let facts = Facts {
            id: ObjectId::parse(id).unwrap(),
            spec_version: "2.1".into(),
            created_key: created.as_deref().map(|text| key_of(text).to_owned()),
            created,
            modified: modified.map(Into::into),
            modified_key: modified.map(|text| key_of(text).to_owned()),
            creator: None,
            revoked: false,
            starts: None,
            expires: None,
            confidence: None,
            digest: [0; 32],
            content_digest: [0; 32],
            label: format!("label of {id}"),
            findings: None,
            tlp: None,
            subject: stix::Subject::Nobody,
        };
        let entry = Entry {
            facts,
            bytes: Vec::new().into(),
            terms: Vec::new(),
            edges: Vec::new(),
            text: Text::default(),
            pattern: None,
            sighting: None,
            rules: None,
            view_of: None,
            maker: None,
        };
        Self(entry).saying("")
    }

    /// Created on another day.
    #[must_use]
    pub fn created(self, created: u32) -> Self {
        self.with(|facts| {
            let text = day(created);
            facts.created_key = Some(key_of(&text).to_owned());
            facts.created = Some(text);
        })
    }

    /// With content that says this.
    #[must_use]
    pub fn saying(mut self, content: &str) -> Self {
        self.0.facts.content_digest = Sha256::digest(content.as_bytes()).into();
        self.written(content)
    }

    /// With the same content in other bytes.
    #[must_use]
    pub fn written(mut self, bytes: &str) -> Self {
        let facts = &mut self.0.facts;
        let modified =
            facts.modified.as_deref().map_or(String::new(), |text| format!(",\"modified\":\"{text}\""));
        let bytes = format!("{{\"id\":\"{}\"{modified},\"name\":{bytes:?}}}", facts.id);
        facts.digest = Sha256::digest(bytes.as_bytes()).into();
        self.0.bytes = bytes.into();
        self
    }

    /// In these very bytes.
    #[must_use]
    pub fn in_bytes(mut self, bytes: String) -> Self {
        self.0.facts.digest = Sha256::digest(bytes.as_bytes()).into();
        self.0.facts.content_digest = self.0.facts.digest;
        self.0.bytes = bytes.into();
        self
    }

    /// With other facts.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.0.facts);
        self
    }

    /// With a term.
    #[must_use]
    pub fn term(mut self, kind: TermKind, value: &str) -> Self {
        self.0.terms.push(Term { kind, value: value.into() });
        self
    }

    /// With a reference.
    #[must_use]
    pub fn edge(mut self, name: &str, source: Option<&str>, target: &str) -> Self {
        self.0.edges.push(Edge { name: name.into(), source: source.map(Into::into), target: target.into() });
        self
    }

    /// With text.
    #[must_use]
    pub fn text(mut self, words: &str) -> Self {
        self.0.text = Text(words.into());
        self
    }

    /// With a pattern.
    #[must_use]
    pub fn pattern(mut self, pattern: &str) -> Self {
        self.0.pattern = Some(pattern.into());
        self
    }

    /// A sighting of something.
    #[must_use]
    pub fn sighting(mut self, of: &str, count: i64, last_seen: Option<Micros>) -> Self {
        self.0.sighting = Some(Sighting { of: of.into(), count, last_seen });
        self
    }

    /// For named persons only.
    #[must_use]
    pub fn only_for(mut self, persons: &[i64]) -> Self {
        let persons = persons.iter().map(|no| Person::Here(UserNo(*no)));
        let audience = Audience::only(persons.map(Addressee::Person));
        self.0.rules = Some(Rules::marked(None, Originator::Here).to(audience));
        self
    }

    /// Under rules.
    #[must_use]
    pub fn under(mut self, rules: Option<Rules>) -> Self {
        self.0.rules = rules;
        self
    }

    /// A redacted view of an object that nobody says to have made.
    #[must_use]
    pub fn view_of(mut self, original: &str) -> Self {
        self.0.view_of = Some(Original { id: original.into(), creator: None });
        self.with(|facts| facts.creator = Some(id("identity", 7)))
    }

    /// What another member made.
    #[must_use]
    pub fn made_by(mut self, member: MemberId) -> Self {
        self.0.maker = Some(member);
        self
    }

    /// The entry.
    #[must_use]
    pub fn entry(&self) -> Entry {
        self.0.clone()
    }

    /// Its bytes as text.
    #[must_use]
    pub fn bytes(&self) -> String {
        String::from_utf8(self.0.bytes.to_vec()).unwrap()
    }
}

/// A batch of samples by user 1.
#[must_use]
pub fn batch(collection: CollectionNo, samples: &[Sample]) -> Batch {
    batch_by(1, collection, samples)
}

/// A batch of samples by a user.
#[must_use]
pub fn batch_by(user: i64, collection: CollectionNo, samples: &[Sample]) -> Batch {
    let entries = samples.iter().map(Sample::entry).collect();
    Batch { writer: writer(user, collection), at: START, entries, status: None }
}

/// Adds samples by user 1 and tells the dates; every one must be stored or known.
pub async fn add(store: &dyn Store, collection: CollectionNo, samples: &[Sample]) -> Vec<Micros> {
    let landed = store.add(batch(collection, samples)).await.unwrap();
    landed.into_iter().map(|landed| landed.added.unwrap_or_else(|| panic!("{:?}", landed.how))).collect()
}

/// Adds one sample by user 1 and tells how it landed: its name, or the code of the refusal.
pub async fn how(store: &dyn Store, collection: CollectionNo, sample: &Sample) -> &'static str {
    how_by(1, store, collection, sample).await
}

/// As [`how`], by a user.
pub async fn how_by(user: i64, store: &dyn Store, collection: CollectionNo, sample: &Sample) -> &'static str {
    let landed = store.add(batch_by(user, collection, std::slice::from_ref(sample))).await.unwrap();
    assert_eq!(landed.len(), 1);
    match &landed[0].how {
        LandedAs::Accepted => "accepted",
        LandedAs::Known => "known",
        LandedAs::Newer => "newer",
        LandedAs::Older => "older",
        LandedAs::Refused(conflict) => {
            assert_eq!(landed[0].added, None);
            conflict.code
        }
    }
}
