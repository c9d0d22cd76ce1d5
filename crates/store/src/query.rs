//! Questions to the store and the shapes of its answers.

use base::Micros;
use bytes::Bytes;
use handling::{CollectionNo, Originator, Rules};

use crate::StoreError;

/// Which versions a filter picks. The parts combine as OR; `all` includes every other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VersionPick {
    /// The latest by `modified` in the collection: the default.
    Last,
    /// The earliest by `modified`.
    First,
    /// Every version.
    All,
    /// The version with this moment, in the form of [`stix::Timestamp::sort_key`].
    Exact(String),
}

/// TAXII's match filters: values of one field combine as OR, fields as AND; an empty list filters nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Object ids.
    pub ids: Vec<String>,
    /// Object types.
    pub types: Vec<String>,
    /// Versions; empty = `Last`.
    pub versions: Vec<VersionPick>,
    /// Specification versions; empty = as [`PageRequest::editions`] says.
    pub spec_versions: Vec<String>,
}

/// Which specification versions a page is of, where its filter names none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Editions {
    /// All: which version of an object is its latest does not depend on them.
    #[default]
    Any,
    /// Of each object the latest in which it is held, as TAXII has it. A revocation and what is asked for by its moment are given in
    /// whatever they are in.
    Latest,
}

/// One page of one filtered list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Only what was added after this moment (exclusive).
    pub added_after: Option<Micros>,
    /// Most objects in the page; the backend never gives more than `base::limit::PAGE_MAX`.
    pub limit: usize,
    /// Where to go on: the `next` of an earlier answer to the same question.
    pub next: Option<String>,
    /// Filters.
    pub filter: Filter,
    /// What of several specification versions is meant, where the filter names none.
    pub editions: Editions,
    /// From which end on.
    pub order: Order,
}

/// From which end on a list is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As things were added: whoever follows it misses nothing that comes meanwhile.
    #[default]
    OldestFirst,
    /// The last addition first: for people.
    NewestFirst,
}

/// What every page tells besides its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Where to go on; `None` when nothing remains.
    pub next: Option<String>,
    /// `date_added` of the first row.
    pub first_added: Option<Micros>,
    /// `date_added` of the last row.
    pub last_added: Option<Micros>,
}

/// A page of objects: the concatenation of stored bytes.
#[derive(Clone, Debug, Default)]
pub struct ObjectPage {
    /// Cursor and dates.
    pub page: Page,
    /// How many objects there are.
    pub count: usize,
    /// The objects' exact bytes, separated by commas: the inside of a JSON list.
    pub objects: Bytes,
}

/// One line of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestRow {
    /// Object id.
    pub id: String,
    /// When it was added to the collection.
    pub added: Micros,
    /// Version as TAXII tells it: `modified`, else `created`, as the producer wrote it; else `added` in TAXII's form.
    pub version: String,
    /// Specification version, as the object says: `2.1`; empty where it says none that is of this form.
    pub spec_version: String,
}

/// A page of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Cursor and dates.
    pub page: Page,
    /// Rows in order of `added`.
    pub rows: Vec<ManifestRow>,
}

/// One stored object with what the node knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Object id.
    pub id: String,
    /// Version as TAXII tells it.
    pub version: String,
    /// The exact bytes.
    pub bytes: Bytes,
    /// When it was first added to a collection the viewer may see.
    pub added: Micros,
    /// When it came there: before `added` where it was dated anew since, for somebody sees it who did not before.
    pub arrived: Micros,
    /// Ids of the collections of the viewer that hold it.
    pub collections: Vec<String>,
    /// Whether the latest version of its lineage is revoked.
    pub revoked: bool,
    /// From when on it says something.
    pub starts: Option<Micros>,
    /// From when on it says nothing any more.
    pub expires: Option<Micros>,
    /// Findings as a JSON list.
    pub findings: Option<String>,
    /// As in [`crate::Facts::tlp`].
    pub tlp: Option<u8>,
    /// How many versions the viewer may see that contradict it: of another lineage (`created`, creator, by whose word) with content
    /// that this one never had, or this version with other content. Of what has no date of its own also of another collection, and of those
    /// before it in its own those that say what it does not.
    pub contradictions: u64,
    /// How many of those before it in its own collection were not held against it, as they are too long together
    /// ([`base::limit::TELLINGS_BYTES_MAX`]): the earliest.
    pub uncompared: u64,
    /// Where the viewer may see it, and under which rules there.
    pub places: Vec<Ruled>,
}

/// What this member says of one object of several that are asked for.
#[derive(Debug)]
pub enum OwnWord {
    /// Nothing that the viewer may know of.
    None,
    /// This.
    Stands(StoredObject),
    /// Something whose bytes are not those that came in ([`StoreError::Altered`]).
    Altered(StoreError),
}

/// A collection that holds an object, and the rules the object is under there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruled {
    /// The collection.
    pub collection: CollectionNo,
    /// The rules; `None` = those of the object's TLP level.
    pub rules: Option<Rules>,
}

/// Under what a version of an object stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// As in [`crate::Facts::tlp`].
    pub tlp: Option<u8>,
    /// Where the viewer may see it, and under which rules there.
    pub places: Vec<Ruled>,
    /// One line a person recognises it by.
    pub label: String,
    /// Whether this is what the viewer is told who asks for the object by its identifier alone.
    pub told_first: bool,
}

/// What a list says of an object: of the version that the viewer is told first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// When that version was added.
    pub added: Micros,
    /// How it stands.
    pub standing: Standing,
    /// Under what it stands, and what it is called.
    pub marks: Marks,
}

/// One version in an object's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// Version as TAXII tells it.
    pub version: String,
    /// Collection id.
    pub collection: String,
    /// When it was added there.
    pub added: Micros,
    /// When it came there: the same, unless it was dated anew since.
    pub arrived: Micros,
    /// Whether this version revokes the object.
    pub revoked: bool,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// SHA-256 of its content, in whichever bytes.
    pub content: [u8; 32],
    /// Whether it contradicts what was here first: of another lineage with content that the first never had, or the same version
    /// with other content; of what has no date of its own as for [`StoredObject::contradictions`].
    pub contradicts: bool,
    /// By whose word it stands there.
    pub originator: Originator,
    /// To which lineage of the object it belongs: 0 for the one that was here first among what the viewer may see, the others in the
    /// order in which they came. What has no date of its own has one in each collection.
    pub lineage: usize,
}

/// One object found by a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupRow {
    /// Object id.
    pub id: String,
    /// One line a person recognises it by.
    pub label: String,
    /// Whether it is revoked.
    pub revoked: bool,
    /// From when on it says something, where that was still to come when it was added; else a backend may leave it out.
    pub starts: Option<Micros>,
    /// From when on it says nothing any more.
    pub expires: Option<Micros>,
    /// `confidence`.
    pub confidence: Option<u8>,
    /// When it was added (latest version).
    pub added: Micros,
}

impl LookupRow {
    /// In which class it stands among what is found.
    #[must_use]
    pub fn worth(&self, now: Micros) -> Worth {
        Worth::of(self.revoked, self.expires, now)
    }
}

/// What something that was found is worth to who asks, in the order in which it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// It holds, or will.
    Live,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl Worth {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Live, Self::Expired, Self::Revoked];

    /// What something is worth at a moment.
    #[must_use]
    pub fn of(revoked: bool, expires: Option<Micros>, now: Micros) -> Self {
        if revoked {
            Self::Revoked
        } else if expires.is_some_and(|expires| expires <= now) {
            Self::Expired
        } else {
            Self::Live
        }
    }
}

/// A full-text question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchRequest {
    /// Words as [`index`] cuts them; all must occur. None at all asks for every object.
    pub words: Vec<String>,
    /// Whether the last word may go on (search as you type).
    pub open_ended: bool,
    /// Only these types; empty = all.
    pub types: Vec<String>,
    /// Most rows.
    pub limit: usize,
    /// Where to go on.
    pub next: Option<String>,
}

/// A page of search results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows: what bears a name that begins with the question, then what has all its words in names ([`index::called`]), then the rest;
    /// each newest first.
    pub rows: Vec<LookupRow>,
    /// Where to go on.
    pub next: Option<String>,
}

/// Which way an edge is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the object to others.
    Outward,
    /// From others to the object.
    Inward,
}

/// One edge of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeRow {
    /// Relationship type, or the property the reference stands in.
    pub name: String,
    /// The object at the other end.
    pub other: String,
    /// What it is; `None` when it is not held here, or not for this viewer.
    pub other_held: Option<EdgeEnd>,
    /// The relationship object, for edges that are objects themselves.
    pub through: Option<String>,
    /// How the object stands that says so: the relationship, or the one that the reference stands in.
    pub standing: Standing,
}

/// The object at the other end of an edge, in the version that the viewer knows as its latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeEnd {
    /// A line to recognise it by.
    pub label: String,
    /// How it stands.
    pub standing: Standing,
}

/// Which edges of an object are asked for, gathered by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeGroups<'a> {
    /// Only names behind this one, in the order of names.
    pub after: Option<&'a str>,
    /// Most groups.
    pub groups: usize,
    /// Most edges listed of each group.
    pub rows: usize,
    /// How far each group is counted.
    pub counted: usize,
}

/// The edges of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeGroup {
    /// As in [`EdgeRow::name`].
    pub name: String,
    /// The first of them, newest first; never none.
    pub rows: Vec<EdgeRow>,
    /// How many there are; one more than was to be counted where there are more.
    pub count: usize,
}

/// A report or grouping that lists an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedIn {
    /// Its identifier.
    pub id: String,
    /// What it is.
    pub report: EdgeEnd,
}

/// Whether an object says now what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether it is revoked.
    pub revoked: bool,
    /// From when on it says something.
    pub starts: Option<Micros>,
    /// From when on it says nothing any more.
    pub expires: Option<Micros>,
}

impl Standing {
    /// Whether its time is still to come.
    #[must_use]
    pub fn not_yet(&self, now: Micros) -> bool {
        self.starts.is_some_and(|starts| starts > now)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn expired(&self, now: Micros) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// One indicator's pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternRow {
    /// Place in the list: ask for more after the last one seen.
    pub row: i64,
    /// Indicator id.
    pub id: String,
    /// The pattern's text.
    pub pattern: String,
}
