//! Objects going in, coming out, and going away.

use std::borrow::Cow;

use async_trait::async_trait;
use base::Micros;
use bytes::Bytes;
use handling::{CollectionNo, MemberId, Narrower, Rules, UserNo, Viewer, Writer};
use index::Term;
use stix::ObjectId;

use crate::{
    Brief, Direction, EdgeGroup, EdgeGroups, EdgeRow, Filter, Found, ListedIn, LookupRow, Manifest, Marks,
    ObjectPage, OwnWord, PageRequest, PatternRow, SearchRequest, Standing, StoreError, StoredObject,
    VersionRow,
};

/// What the store needs to know of an object besides its bytes. Taken from a `stix::Valid`, never made up.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Identifier.
    pub id: ObjectId,
    /// `spec_version` as written, good or not; where there is none, `2.0` of a type that must have it in 2.1, and `2.1` of others.
    pub spec_version: Cow<'static, str>,
    /// `created` as written, where the type has it.
    pub created: Option<String>,
    /// `modified` as written, else `created`; `None` without either, as of most observables: their version is their `date_added`.
    pub modified: Option<String>,
    /// Byte-ordered form of `created` ([`stix::Timestamp::sort_key`]).
    pub created_key: Option<String>,
    /// Byte-ordered form of `modified` as above.
    pub modified_key: Option<String>,
    /// `created_by_ref`.
    pub creator: Option<String>,
    /// `revoked`.
    pub revoked: bool,
    /// From when on the object says something (`valid_from` of an indicator), if it says so.
    pub starts: Option<Micros>,
    /// From when on the object says nothing any more (`valid_until` of an indicator), if it says so.
    pub expires: Option<Micros>,
    /// `confidence`, 0 to 100.
    pub confidence: Option<u8>,
    /// SHA-256 of the exact bytes.
    pub digest: [u8; 32],
    /// Digest of the content, insensitive to member order and white space: equal = the same assertion.
    pub content_digest: [u8; 32],
    /// Name, or pattern, or value: one line a person recognises the object by.
    pub label: String,
    /// Findings of the examination as a JSON list, when there are any that weigh more than a warning. An object with findings
    /// is never acted on.
    pub findings: Option<String>,
    /// Effective TLP of the object as a whole: 0 clear, 1 green, 2 amber, 3 amber+strict, 4 red; `None` = unmarked.
    pub tlp: Option<u8>,
    /// Whom it is about. Told by the bytes; no backend keeps it.
    pub subject: stix::Subject,
}

/// A reference from an object to another: `relationship` objects give one edge of their own kind besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Where the reference stands (`created_by_ref`, `object_refs`), or the `relationship_type`.
    pub name: String,
    /// The object the edge starts at; `None` = the object it stands in.
    pub source: Option<String>,
    /// The object the edge ends at; it may be unknown here, and may arrive later.
    pub target: String,
}

/// Text for full-text search, already cut into words as [`index`] does (folded, Chinese as bigrams).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

/// What a sighting says: how often, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// `sighting_of_ref`.
    pub of: String,
    /// `count`, 1 where absent; 0 says "not seen".
    pub count: i64,
    /// `last_seen`, where given.
    pub last_seen: Option<Micros>,
}

/// One object to be stored, with everything derived from it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Facts.
    pub facts: Facts,
    /// The exact bytes.
    pub bytes: Bytes,
    /// Index terms.
    pub terms: Vec<Term>,
    /// References.
    pub edges: Vec<Edge>,
    /// Searchable text.
    pub text: Text,
    /// The STIX pattern when this is an indicator with a parsable one: for "which patterns would have matched".
    pub pattern: Option<String>,
    /// When this is a sighting.
    pub sighting: Option<Sighting>,
    /// The rules it is under in this collection; `None` = those of its TLP level (never TLP:RED), which ask nothing of the
    /// readers of this node.
    pub rules: Option<Rules>,
    /// The object of which this is the redacted view: then it stays under the handling of that one's versions, too.
    pub view_of: Option<Original>,
    /// The other member whose identity object made it, as the registry says: it is a copy of that member's word, whoever brings it.
    pub maker: Option<MemberId>,
}

/// What a redacted view is a view of: a version with the same dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its identifier.
    pub id: String,
    /// Its creator, which is not the view's.
    pub creator: Option<String>,
}

/// Why an object is refused because of what is here, or was: a version that cannot stand beside what is held, or a copy of what is gone for
/// good. What is held stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What is wrong, in one sentence.
    pub reason: String,
    /// Stable code: `version-conflict`, `revoked-already`, `lineages-max`, `erased`, `erased-by-originator`, `retention-over`.
    pub code: &'static str,
}

/// In what a version that is kept contradicts what stands in its collection longest under its identifier: it is no later version of
/// that, revokes nothing of it, and stands beside it as a lineage of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// It has another `created`, which all versions of an object have in common.
    Created,
    /// It has another `created_by_ref`, and only its creator makes new versions of an object.
    Creator,
}

impl Contradiction {
    /// Stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Created => "created-changed",
            Self::Creator => "creator-changed",
        }
    }

    /// The property that differs.
    #[must_use]
    pub const fn property(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Creator => "created_by_ref",
        }
    }

    /// What is said of it, in one sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Created => {
                "it contradicts what stands here longest under this id, which has another created: it is kept beside that, and does not take its place"
            }
            Self::Creator => {
                "it contradicts what stands here longest under this id, which has another created_by_ref: it is kept beside that, and does not take its place"
            }
        }
    }
}

/// How one object landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LandedAs {
    /// The first version of its lineage that this collection holds.
    Accepted,
    /// The same content was here already; its `date_added` is unchanged.
    Known,
    /// A version newer than the latest of its lineage here.
    Newer,
    /// A version older than the latest of its lineage here; kept, the latest stays.
    Older,
    /// Not stored.
    Refused(Conflict),
}

/// What is said of an object that stands under inherited rules.
pub const INHERITED: &str = "it is under the stricter handling of another version of it that is held here";

/// What is said of an object that is known and goes with another member's word.
pub const KNOWN_BY_ANOTHER: &str = "it stands here by another member's word, and goes when that one calls it back: nothing was stored of it as this member's own";

/// The code of that.
pub const KNOWN_BY_ANOTHER_CODE: &str = "known-by-another";

/// The outcome for one object of a batch, in the batch's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// How.
    pub how: LandedAs,
    /// The object's `date_added` in the collection (the old one when `Known`); `None` when refused.
    pub added: Option<Micros>,
    /// The rules that it stands under, where these are stricter than those it came under: a version of the same lineage that the
    /// writer may know of is under them.
    pub inherited: Option<Rules>,
    /// In what it contradicts what stands here longest under its identifier, where it was stored all the same.
    pub contradicts: Option<Contradiction>,
    /// Of what is known: by whose word it stands, where that is another member's alone, so that it goes with it.
    pub word: Option<MemberId>,
}

impl Landed {
    /// What landed so, of which nothing more is to be said.
    #[must_use]
    pub const fn so(how: LandedAs, added: Option<Micros>) -> Self {
        Self { how, added, inherited: None, contradicts: None, word: None }
    }

    /// How it landed, as `writer` may know it: who may not read the collection learns whether the object was taken, and
    /// nothing else that depends on what was there. Of whatever was taken, `at` is the moment.
    #[must_use]
    pub fn told_to(&self, writer: &Writer, at: Micros) -> Self {
        match &self.how {
            _ if writer.reads() => self.clone(),
            LandedAs::Refused(_) => {
                let reason =
                    "this was not taken: what stands under this id here, or stood, speaks against it"
                        .to_owned();
                Self::so(LandedAs::Refused(Conflict { reason, code: NOT_TAKEN }), None)
            }
            _ => Self::so(LandedAs::Accepted, Some(at)),
        }
    }
}

/// The one code of a refusal for who may write to a collection and not read it.
const NOT_TAKEN: &str = "not-taken";

/// Objects to be stored in one commit.
#[derive(Debug)]
pub struct Batch {
    /// The right to write, and where.
    pub writer: Writer,
    /// The present moment.
    pub at: Micros,
    /// The objects in order of arrival.
    pub entries: Vec<Entry>,
    /// The status resource to write in the same commit, when the door wants one: its id, and per-object results that were
    /// known before the commit (objects refused by examination), to which the commit's own are added.
    pub status: Option<(String, Vec<PerObject>)>,
}

/// One line of a status resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerObject {
    /// Object id as far as known; a refused object may have none.
    pub id: String,
    /// Version as TAXII tells it.
    pub version: String,
    /// Why it failed, or what there is to say; `None` = success without remark.
    pub message: Option<String>,
    /// How it ended.
    pub state: StatusState,
}

/// How an object of a status stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusState {
    /// Stored (or known already).
    Success,
    /// Not stored.
    Failure,
    /// Not decided yet.
    Pending,
}

/// A status resource. Private to its poster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusRow {
    /// Its id.
    pub id: String,
    /// Who posted.
    pub user: UserNo,
    /// When the request came.
    pub requested: Micros,
    /// Every object of the request.
    pub objects: Vec<PerObject>,
}

/// What a deletion took away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Versions removed from the collection.
    pub versions: u64,
}

/// Objects in collections.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Stores a batch: bytes, terms, edges, text, `date_added` and status in one durable commit. When this returns `Ok`,
    /// everything survives a crash; when it returns an error, nothing was stored. Answers in the batch's order.
    async fn add(&self, batch: Batch) -> Result<Vec<Landed>, StoreError>;
    /// Removes an object, or the versions a filter picks, from one collection. `NotFound` when there is none. Without
    /// versions in the filter all go: a deletion that names none removes the object. `First` and `Last` are those that a page with
    /// [`Editions::Latest`](crate::Editions::Latest) gives; all other picks are of every specification version that the filter leaves.
    async fn delete(&self, writer: &Writer, id: &str, filter: &Filter) -> Result<Deleted, StoreError>;
    /// Puts an object, in all its versions in one collection that the writer may know of, each under its own rules and what is `asked`
    /// ([`Narrower::over`]), but for those that stand by another member's word; answers with how many versions that changed. What they may
    /// be used for does not matter. `NotFound` when there is none.
    async fn narrow(&self, writer: &Writer, id: &str, asked: &Narrower) -> Result<u64, StoreError>;

    /// A page of objects of one collection, in order of `date_added`, as stored bytes.
    async fn page(
        &self,
        viewer: &Viewer,
        collection: CollectionNo,
        request: &PageRequest,
    ) -> Result<ObjectPage, StoreError>;
    /// The same page as a manifest.
    async fn manifest(
        &self,
        viewer: &Viewer,
        collection: CollectionNo,
        request: &PageRequest,
    ) -> Result<Manifest, StoreError>;
    /// All versions of one object in one collection, newest last, paged like the rest. `NotFound` when there is none.
    async fn versions(
        &self,
        viewer: &Viewer,
        collection: CollectionNo,
        id: &str,
        request: &PageRequest,
    ) -> Result<Manifest, StoreError>;
    /// One object from anywhere the viewer may look: the latest version, or the one whose text is `version`.
    async fn object(
        &self,
        viewer: &Viewer,
        id: &str,
        version: Option<&str>,
    ) -> Result<StoredObject, StoreError>;
    /// The very version of an object that came in at a moment, as look-up tells it ([`crate::LookupRow::added`]): what another says under
    /// the same identifier is passed over.
    async fn object_added(
        &self,
        viewer: &Viewer,
        id: &str,
        added: Micros,
    ) -> Result<StoredObject, StoreError>;
    /// As [`Objects::object`], of what stands there by this member's own word alone, whatever others say of the object: the latest of
    /// its own versions, of the lineage of them that stands longest, and the places where it stands by that word.
    async fn own_object(
        &self,
        viewer: &Viewer,
        id: &str,
        version: Option<&str>,
    ) -> Result<StoredObject, StoreError>;
    /// As [`Objects::own_object`], the latest of each of these objects, in order. One that is damaged is told in its place.
    async fn own_objects(&self, viewer: &Viewer, ids: &[String]) -> Result<Vec<OwnWord>, StoreError>;
    /// History of one object over all collections of the viewer, oldest first.
    async fn history(&self, viewer: &Viewer, id: &str) -> Result<Vec<VersionRow>, StoreError>;
    /// A status resource; `NotFound` unless `user` posted it.
    async fn status(&self, user: UserNo, id: &str) -> Result<StatusRow, StoreError>;

    /// Objects found by exact terms: for each given fingerprint in order, the matches the viewer may see, by [`crate::Worth`] (live
    /// ones first, revoked ones last), each newest first; of more than `most` the first.
    /// Of what has no date of its own, an observable, the latest in each collection by each word that has the term.
    /// `TooCostly` when all together find more than [`base::limit::LOOKUP_ROWS_MAX`].
    async fn look_up(
        &self,
        viewer: &Viewer,
        terms: &[index::Fingerprint],
        most: usize,
    ) -> Result<Vec<Vec<LookupRow>>, StoreError>;
    /// Address indicators and observables inside ranges (inclusive ends, IPv4 mapped into IPv6 space, 16 bytes): for each
    /// range in order, the first [`base::limit::LOOKUP_MATCHES_MAX`] matches the viewer may see, by [`crate::Worth`], each newest first; of
    /// more than [`base::limit::IN_RANGES_RANKED_MAX`] addresses in all ranges together, of the lowest of each. `TooCostly` as in [`Objects::look_up`].
    async fn in_ranges(
        &self,
        viewer: &Viewer,
        ranges: &[([u8; 16], [u8; 16])],
    ) -> Result<Vec<Vec<LookupRow>>, StoreError>;
    /// Full-text search over the latest versions, newest first.
    async fn search(&self, viewer: &Viewer, request: &SearchRequest) -> Result<Found, StoreError>;
    /// Edges of an object in one direction: relationships and plain references, by name, then newest first, paged by cursor.
    async fn edges(
        &self,
        viewer: &Viewer,
        id: &str,
        direction: Direction,
        page: (usize, Option<String>),
    ) -> Result<(Vec<EdgeRow>, Option<String>), StoreError>;
    /// As [`Objects::edges`], of one name alone.
    async fn edges_named(
        &self,
        viewer: &Viewer,
        id: &str,
        named: (Direction, &str),
        page: (usize, Option<String>),
    ) -> Result<(Vec<EdgeRow>, Option<String>), StoreError>;
    /// Edges of an object in one direction gathered by name, in the order of names, and whether there are more names. What the viewer
    /// may not see is in no group and no count.
    async fn edge_groups(
        &self,
        viewer: &Viewer,
        id: &str,
        direction: Direction,
        asked: &EdgeGroups<'_>,
    ) -> Result<(Vec<EdgeGroup>, bool), StoreError>;
    /// The reports and groupings that list objects (`object_refs`) in what the viewer knows as their latest version: of each object in order
    /// the newest, at most `most`.
    async fn listed_in(
        &self,
        viewer: &Viewer,
        ids: &[&str],
        most: usize,
    ) -> Result<Vec<Vec<ListedIn>>, StoreError>;
    /// The lines to recognise objects by, each of the version that this viewer is told first; `None` for one that is not held, or not for
    /// this viewer.
    async fn labels(&self, viewer: &Viewer, ids: &[&str]) -> Result<Vec<Option<String>>, StoreError>;
    /// Under what objects stand, each in the very version that came in at a moment, as look-up tells it ([`crate::LookupRow::added`]);
    /// `None` for one that is not held, or not for this viewer.
    async fn marks(
        &self,
        viewer: &Viewer,
        versions: &[(&str, Micros)],
    ) -> Result<Vec<Option<Marks>>, StoreError>;
    /// The types of which the viewer sees an object somewhere, in the order of their names.
    async fn types(&self, viewer: &Viewer) -> Result<Vec<String>, StoreError>;
    /// The types of one collection in the order of their names, with how many objects of each the viewer sees there, of `most` at most.
    async fn types_in(
        &self,
        viewer: &Viewer,
        collection: CollectionNo,
        most: usize,
    ) -> Result<Vec<(String, usize)>, StoreError>;
    /// What lists say of objects, each of the version that this viewer is told first; `None` for one that is not held, or not for this viewer.
    async fn briefs(&self, viewer: &Viewer, ids: &[&str]) -> Result<Vec<Option<Brief>>, StoreError>;
    /// Patterns of indicators (latest version, without findings), revoked and expired ones too, after `after`.
    async fn patterns(
        &self,
        viewer: &Viewer,
        after: i64,
        limit: usize,
    ) -> Result<Vec<PatternRow>, StoreError>;
    /// The indicators of patterns, by the patterns' rows: the exact bytes of those very versions, and how they stand; `None` where one is
    /// not, or no longer, what the viewer knows as the latest of its lineage. Of the first rows alone where they have more than
    /// `bytes_max` bytes together: as many as reach it, one at least.
    async fn indicators_of(
        &self,
        viewer: &Viewer,
        rows: &[i64],
        bytes_max: usize,
    ) -> Result<Vec<Option<(Bytes, Standing)>>, StoreError>;
    /// How often objects were sighted, as far as the viewer may know: for each id in order (sightings, sum of counts, last
    /// seen).
    async fn sightings(
        &self,
        viewer: &Viewer,
        ids: &[&str],
    ) -> Result<Vec<(u64, i64, Option<Micros>)>, StoreError>;
}
