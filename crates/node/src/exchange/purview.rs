//! How far somebody reaches with what this member says: which copies they act on, and how much of what others were given.
//!
//! Between members an object is known by its identifier, so that a recall, an erasure or a narrowing is about all that was given under it.
//! Here people may have said different things under one identifier, each for others. So a deed does here what it does to the copies that
//! its doer sees where they may write, and towards the others it is for whoever knows all that was given ([`Given`]).

use std::collections::BTreeSet;

use base::signing::KeyId;
use bytes::Bytes;
use federation::{ObjectName, Rows, VersionRow, object_version};
use handling::{Originator, Principal, Writer, may_administer};
use sha2::{Digest, Sha256};
use store::{ExchangeDesk, OwnCopy, StoreError, VersionsOf};

use super::ExchangeError;
use super::carry::object_in;
use super::views::failed;
use crate::Node;
use crate::derive::{Bar, derive};

/// What somebody sees and may write of what this member says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Purview {
    /// To where they read and write.
    writers: Vec<Writer>,
    /// They administer the node: what was given they may take back, whoever gave it.
    administers: bool,
}

/// How much of what others were given of an object somebody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// None of it, or there is none: both are told alike.
    Nothing,
    /// Some of it.
    Part,
    /// All of it, and there is some.
    All,
}

impl Node {
    /// How far a principal reaches.
    pub(crate) fn purview(&self, who: &Principal) -> Purview {
        let standing = self.standing();
        let read = who.access.keys().filter(|no| handling::access(who, **no).read);
        let writers = read.filter_map(|no| handling::may_write(who, *no, &standing).ok());
        Purview::of(who, writers.collect())
    }
}

impl Purview {
    /// How far a principal reaches where these writers write.
    pub(crate) fn of(who: &Principal, writers: Vec<Writer>) -> Self {
        Self { writers, administers: may_administer(who).is_ok() }
    }

    /// Whether it is that of somebody who administers the node.
    pub(super) const fn administers(&self) -> bool {
        self.administers
    }

    /// How much of what was given of an own object is known here.
    pub(super) fn given(&self, desk: &dyn ExchangeDesk, name: &ObjectName) -> Result<Given, ExchangeError> {
        let (known, unknown) = self.told_apart(desk, name)?;
        Ok(match (known.is_empty(), unknown.is_empty()) {
            (true, _) => Given::Nothing,
            (false, true) => Given::All,
            (false, false) => Given::Part,
        })
    }

    /// What was given of an own object, as far as it is known here, and the rest.
    pub(super) fn told_apart(
        &self,
        desk: &dyn ExchangeDesk,
        name: &ObjectName,
    ) -> Result<(Vec<VersionRow>, Vec<VersionRow>), ExchangeError> {
        let copies = self.copies(desk, &name.id)?;
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for version in desk.rows().versions(name)? {
            let is_known = self.administers || knows(desk, &copies, &version)?;
            if is_known { &mut known } else { &mut unknown }.push(version);
        }
        Ok((known, unknown))
    }

    /// Destroys the copies of an object that say one of these, or whatever they say; answers with how many.
    pub(super) fn take(
        &self,
        desk: &mut dyn ExchangeDesk,
        id: &str,
        which: Option<&BTreeSet<[u8; 32]>>,
    ) -> Result<u64, StoreError> {
        let mut taken = 0_u64;
        for writer in &self.writers {
            taken = taken.saturating_add(desk.take_copies(writer, id, which)?);
        }
        Ok(taken)
    }

    /// Whether something of an object stands where it is seen and may be written, by this member's own word.
    pub(super) fn has_copies(&self, desk: &dyn ExchangeDesk, id: &str) -> Result<bool, StoreError> {
        Ok(!self.copies(desk, id)?.is_empty())
    }

    /// Whether these very bytes stand where they see and may write.
    pub(super) fn sees(
        &self,
        desk: &dyn ExchangeDesk,
        id: &str,
        digest: &[u8; 32],
    ) -> Result<bool, StoreError> {
        Ok(self.copies(desk, id)?.iter().any(|copy| copy.digest == *digest))
    }

    fn copies(&self, desk: &dyn ExchangeDesk, id: &str) -> Result<Vec<OwnCopy>, StoreError> {
        let mut copies = Vec::new();
        for writer in &self.writers {
            copies.extend(desk.own_copies(writer, id)?);
        }
        Ok(copies)
    }
}

/// Whether who has these copies knows a version that was given: it is one of them, in whichever bytes; or it stands here no more, and one of them is a version
/// of the same object with its `created` and creator. An observable has no other versions.
fn knows(desk: &dyn ExchangeDesk, copies: &[OwnCopy], given: &VersionRow) -> Result<bool, StoreError> {
    let Some(bytes) = said(desk.rows(), given)? else { return Ok(false) };
    let digest = digest_of(&bytes);
    if copies.iter().any(|copy| copy.digest == digest) {
        return Ok(true);
    }
    let Ok(derived) = derive(&bytes, Bar::Store) else { return Ok(false) };
    let facts = derived.entry.facts;
    // What says the same was given in its place, whoever's bytes were given last.
    if copies.iter().any(|copy| copy.content == facts.content_digest) {
        return Ok(true);
    }
    let (id, version, originator) = (given.name.id.as_str(), given.version.as_str(), Originator::Here);
    if desk.stands(&VersionsOf { id, version, originator, digest: Some(digest) })? {
        return Ok(false);
    }
    let follows = |copy: &OwnCopy| copy.created_key == facts.created_key && copy.creator == facts.creator;
    Ok(facts.created_key.is_some() && copies.iter().any(follows))
}

/// Code of what is not given because others were given something else under its identifier and date.
pub(crate) const GIVEN_OTHERWISE: &str = "given-otherwise";

/// Whether something else was given under the identifier and date of a version, in whose place this would come at all who have it: they know
/// a version by its date. What is known of an observable, which has none, goes on where its giver `sees` what was given, told by its digest.
pub(super) fn is_given_otherwise(
    rows: &dyn Rows,
    name: &ObjectName,
    object: &Bytes,
    sees: impl FnOnce(&[u8; 32]) -> Result<bool, StoreError>,
) -> Result<bool, ExchangeError> {
    let version = object_version(object).map_err(|rule| ExchangeError::Deed(rule.into()))?;
    let held = rows.versions(name)?.into_iter().find(|held| held.version == version);
    let Some(said) = held.map(|held| said(rows, &held)).transpose()?.flatten() else {
        return Ok(false);
    };
    if is_as_said(&said, object) {
        return Ok(false);
    }
    Ok(!version.is_empty() || !sees(&digest_of(&said))?)
}

/// Whether something says what was given, in the same bytes or in others.
pub(super) fn is_as_said(one: &Bytes, other: &Bytes) -> bool {
    if one == other {
        return true;
    }
    let content = |bytes| derive(bytes, Bar::Store).ok().map(|derived| derived.entry.facts.content_digest);
    content(one).is_some_and(|one| content(other) == Some(one))
}

/// The bytes of a version that was given, as long as they are kept with its act.
pub(super) fn said(rows: &dyn Rows, given: &VersionRow) -> Result<Option<Bytes>, StoreError> {
    let author: KeyId = given.name.author;
    Ok(rows.payload(&author, given.sequence).map_err(failed)?.as_ref().and_then(object_in))
}

/// What a version is known by.
pub(super) fn digest_of(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// What a version is known by, and what it is known by in whichever bytes: who says the same in others says what was given.
pub(super) fn known_by(bytes: &Bytes) -> impl Iterator<Item = [u8; 32]> + use<> {
    let content = derive(bytes, Bar::Store).ok().map(|derived| derived.entry.facts.content_digest);
    [Some(digest_of(bytes)), content].into_iter().flatten()
}

/// What was given, by what each version is known by, in its bytes and in others.
pub(super) fn digests(rows: &dyn Rows, given: &[VersionRow]) -> Result<BTreeSet<[u8; 32]>, StoreError> {
    let mut digests = BTreeSet::new();
    for given in given {
        digests.extend(said(rows, given)?.iter().flat_map(known_by));
    }
    Ok(digests)
}
