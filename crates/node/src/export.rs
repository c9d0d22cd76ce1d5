//! What a principal may read, as a stream: a STIX bundle, or CSV of what can be looked up.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use base::limit::PAGE_DEFAULT;
use bytes::Bytes;
use handling::{Action, Cleared, CollectionNo, Guarded, Principal, Seconded, TwoPersonDeed, Viewer};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use stix::Timestamp;
use store::{Filter, PageRequest, StoreError};

use crate::blocking::offload;
use crate::derive::{Bar, derive};
use crate::import::listed;
use crate::tally::Within;
use crate::{Node, ReadError, SecondPerson};

/// What an export looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportFormat {
    /// A STIX 2.1 bundle of the stored bytes.
    #[default]
    Stix,
    /// One line per look-up value: `value,kind,id,label,confidence,valid_until,revoked,valid_from`.
    Csv,
}

/// Not the name of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an export format is one of stix, csv")]
pub struct UnknownExportFormat;

impl std::str::FromStr for ExportFormat {
    type Err = UnknownExportFormat;

    fn from_str(name: &str) -> Result<Self, UnknownExportFormat> {
        match name {
            "stix" => Ok(Self::Stix),
            "csv" => Ok(Self::Csv),
            _ => Err(UnknownExportFormat),
        }
    }
}

impl ExportFormat {
    /// What it is called in a sentence.
    const fn words(self) -> &'static str {
        match self {
            Self::Stix => "a STIX bundle",
            Self::Csv => "a list (CSV)",
        }
    }
}

/// What is to be exported.
#[derive(Clone, Debug, Default)]
pub struct ExportRequest {
    /// Id, alias or readable name; `None` = everything this principal may read: of what stands in several collections by one word, the
    /// latest version alone, unless the filter asks for others.
    pub collection: Option<String>,
    /// Filters.
    pub filter: Filter,
    /// Form.
    pub format: ExportFormat,
}

/// Taking out more than one person may in a day.
pub(crate) struct BulkExport {
    words: String,
}

impl BulkExport {
    fn of(request: &ExportRequest, limit: u64) -> Self {
        let filter = &request.filter;
        let collection = request.collection.as_deref().unwrap_or("everything that may be read");
        let versions: Vec<String> = filter.versions.iter().map(|pick| format!("{pick:?}")).collect();
        let parts = [
            ("types", &filter.types),
            ("ids", &filter.ids),
            ("versions", &versions),
            ("spec_versions", &filter.spec_versions),
        ];
        let mut words =
            format!("export beyond {limit} objects a day: {collection:?} as {}", request.format.words());
        for (name, values) in parts.into_iter().filter(|(_, values)| !values.is_empty()) {
            let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            words.push_str(&format!(", {name} {}", values.join(" ")));
        }
        Self { words }
    }

    /// Pages of the API: as many objects again as a day allows.
    pub(crate) fn by_pages(limit: u64) -> Self {
        Self {
            words: format!("take out, page by page, {limit} objects more today than the {limit} of a day"),
        }
    }
}

impl TwoPersonDeed for BulkExport {
    const KIND: Guarded = Guarded::BulkExport;

    fn words(&self) -> String {
        self.words.clone()
    }
}

/// Why somebody may take objects out: it is little, or a second person said yes.
#[expect(dead_code, reason = "a proof is held, not read")]
pub(crate) enum Leave {
    Little(Within),
    Much(Seconded<BulkExport>),
}

/// An export under way: ask for chunks until there is none.
///
/// # Limits
/// Memory: one page of objects; when more than one collection is read, one of each other collection as well, one after the other, and 16
/// bytes for each object already given out.
pub struct Export {
    node: Node,
    request: ExportRequest,
    view: Viewer,
    /// Collections still to be read, the present one last.
    waiting: Vec<CollectionNo>,
    next: Option<String>,
    stage: Stage,
    /// What has been given out already, where one object can stand in several collections.
    given: Option<HashSet<[u8; 16]>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    /// Whether an object has been written yet.
    Body {
        written: bool,
    },
    Done,
}

impl Node {
    /// Begins an export.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn export(&self, who: &Principal, request: ExportRequest) -> Result<Export, ReadError> {
        if self.is_recovering() {
            // Told before anything has been written.
            return Err(store::StoreError::Recovering.into());
        }
        let (view, waiting) = match &request.collection {
            Some(collection) => {
                let (view, no) = self.view_of(who, collection).await?;
                (view.to(Action::Export), vec![no])
            }
            None => {
                let view = self.eyes(who).to(Action::Export);
                let all = view.collections().iter().rev().copied().collect();
                (view, all)
            }
        };
        let objects = self.at_most(&request, &view).await?;
        let limit = self.0.settings.export_objects_per_day;
        let leave = self.may_take_out(who, objects, || BulkExport::of(&request, limit)).await?;
        Ok(Export::begin(leave, self.clone(), request, (view, waiting)))
    }

    /// How many objects an export gives at most: as many as this viewer is told there are.
    async fn at_most(&self, request: &ExportRequest, view: &Viewer) -> Result<u64, ReadError> {
        if self.0.settings.second_person == SecondPerson::Holder {
            return Ok(0);
        }
        let figures = self.store().figures(Some(view)).await?;
        let Filter { types, ids, versions, .. } = &request.filter;
        if !versions.is_empty() {
            return Ok(figures.versions);
        }
        let of_types = if types.is_empty() {
            figures.objects
        } else {
            figures.by_type.iter().filter(|(name, _)| types.contains(name)).map(|(_, count)| count).sum()
        };
        let of_ids = if ids.is_empty() { u64::MAX } else { ids.len() as u64 };
        Ok(of_types.min(of_ids))
    }

    /// Leave to take out so many objects: they are counted, or a second person is asked.
    ///
    /// # Errors
    /// `Second`, or the store failed.
    pub(crate) async fn may_take_out(
        &self,
        who: &Principal,
        objects: u64,
        deed: impl FnOnce() -> BulkExport + Send,
    ) -> Result<Leave, ReadError> {
        if self.0.settings.second_person == SecondPerson::Holder {
            return Ok(Leave::Much(handling::by_holder(deed())));
        }
        if let Some(within) = self.count_out(who.user, objects).await? {
            return Ok(Leave::Little(within));
        }
        let proof = self.second(who, deed()).await?;
        self.count_anew(who.user).await?;
        Ok(Leave::Much(proof))
    }
}

impl Export {
    fn begin(
        _: Leave,
        node: Node,
        request: ExportRequest,
        (view, waiting): (Viewer, Vec<CollectionNo>),
    ) -> Self {
        let given = (waiting.len() > 1).then(HashSet::new);
        Self { node, request, view, waiting, next: None, stage: Stage::Begin, given }
    }

    /// The next chunk of the file (at most one page of objects); `None` at its end.
    ///
    /// # Errors
    /// See [`ReadError`]. The file is incomplete then.
    pub async fn next(&mut self) -> Result<Option<Cleared<Bytes>>, ReadError> {
        match self.stage {
            Stage::Begin => {
                self.stage = Stage::Body { written: false };
                let head = self.head();
                Ok(Some(self.view.clear(head)))
            }
            Stage::Body { written } => {
                while let Some(objects) = self.page().await? {
                    if !objects.is_empty() {
                        self.stage = Stage::Body { written: true };
                        let chunk = self.body(objects, written).await;
                        return Ok(Some(self.view.clear(chunk)));
                    }
                }
                self.stage = Stage::Done;
                let tail: &[u8] = match self.request.format {
                    // STIX 2.1, section 8: a bundle without objects has no list
                    ExportFormat::Stix if written => b"]}\n",
                    ExportFormat::Stix => b"}\n",
                    ExportFormat::Csv => b"",
                };
                Ok(Some(self.view.clear(Bytes::from_static(tail))))
            }
            Stage::Done => Ok(None),
        }
    }

    fn head(&self) -> Bytes {
        match self.request.format {
            ExportFormat::Stix => {
                format!("{{\"type\":\"bundle\",\"id\":\"bundle--{}\"", self.node.new_uuid()).into()
            }
            ExportFormat::Csv => {
                Bytes::from_static(b"value,kind,id,label,confidence,valid_until,revoked,valid_from\n")
            }
        }
    }

    /// The objects of the next page that have not been given out; `None` when there is no page any more.
    async fn page(&mut self) -> Result<Option<Vec<Bytes>>, ReadError> {
        let Some(collection) = self.waiting.last().copied() else { return Ok(None) };
        let request = PageRequest {
            limit: PAGE_DEFAULT,
            next: self.next.take(),
            filter: self.request.filter.clone(),
            ..PageRequest::default()
        };
        let page = self.node.store().page(&self.view, collection, &request).await?;
        self.next = page.page.next;
        if self.next.is_none() {
            self.waiting.pop();
        }
        let Some(given) = &mut self.given else {
            return Ok(Some(match self.request.format {
                ExportFormat::Stix if page.objects.is_empty() => Vec::new(),
                ExportFormat::Stix => vec![page.objects],
                ExportFormat::Csv => listed(&page.objects),
            }));
        };
        let mut objects = listed(&page.objects);
        objects.retain(|object| given.insert(mark_of(object)));
        if self.request.filter.versions.is_empty() {
            objects = self.latest_of(collection, objects).await?;
        }
        Ok(Some(objects))
    }

    /// Those of a collection's objects of which no other collection has a later version that is the same one's word.
    async fn latest_of(&self, here: CollectionNo, objects: Vec<Bytes>) -> Result<Vec<Bytes>, ReadError> {
        let heads: Vec<Option<Head>> = objects.iter().map(|object| Head::of(object)).collect();
        let ids: Vec<String> = heads.iter().flatten().map(|head| head.id.clone()).collect();
        let mut outdated: BTreeSet<usize> = BTreeSet::new();
        for elsewhere in self.view.collections().iter().copied().filter(|no| *no != here) {
            let later = self.versions_in(elsewhere, &ids).await?;
            for (at, head) in heads.iter().enumerate() {
                let Some(head) = head.as_ref().filter(|_| !outdated.contains(&at)) else { continue };
                let Some((other, bytes)) = later.get(&head.id).filter(|(other, _)| other.follows(head))
                else {
                    continue;
                };
                let Some(object) = objects.get(at) else { continue };
                if self.is_one_word(&other.id, [object, bytes]).await? {
                    outdated.insert(at);
                }
            }
        }
        let kept = objects.into_iter().enumerate().filter(|(at, _)| !outdated.contains(at));
        Ok(kept.map(|(_, object)| object).collect())
    }

    /// The latest versions of these objects in one collection.
    async fn versions_in(
        &self,
        collection: CollectionNo,
        ids: &[String],
    ) -> Result<BTreeMap<String, (Head, Bytes)>, ReadError> {
        let (mut found, mut next) = (BTreeMap::new(), None);
        if ids.is_empty() {
            return Ok(found);
        }
        loop {
            let filter = Filter { ids: ids.to_vec(), ..self.request.filter.clone() };
            let request = PageRequest { limit: PAGE_DEFAULT, next, filter, ..PageRequest::default() };
            let page = match self.node.store().page(&self.view, collection, &request).await {
                // What was changed there replaces nothing.
                Err(StoreError::Altered { .. }) => return Ok(found),
                page => page?,
            };
            let heads =
                listed(&page.objects).into_iter().filter_map(|object| Some((Head::of(&object)?, object)));
            found.extend(heads.map(|(head, object)| (head.id.clone(), (head, object))));
            next = page.page.next;
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Whether two versions stand here by the word of the same member: what another says replaces nothing.
    async fn is_one_word(&self, id: &str, both: [&Bytes; 2]) -> Result<bool, ReadError> {
        let rows = match self.node.store().history(&self.view, id).await {
            Err(StoreError::NotFound { .. }) => return Ok(false),
            rows => rows?,
        };
        let [one, other] = both.map(|bytes| {
            let digest: [u8; 32] = Sha256::digest(bytes).into();
            rows.iter().filter(move |row| row.digest == digest).map(|row| &row.originator)
        });
        let others: Vec<_> = other.collect();
        Ok(one.into_iter().all(|word| others.contains(&word)))
    }

    async fn body(&self, objects: Vec<Bytes>, written: bool) -> Bytes {
        if self.request.format == ExportFormat::Csv {
            return offload(move || csv_lines(&objects)).await;
        }
        let size = objects.iter().map(|object| object.len().saturating_add(1)).sum::<usize>();
        let mut out = Vec::with_capacity(size.saturating_add(16));
        for (at, object) in objects.iter().enumerate() {
            let before: &[u8] = if written || at > 0 { b"," } else { b",\"objects\":[" };
            out.extend_from_slice(before);
            out.extend_from_slice(object);
        }
        out.into()
    }
}

/// What tells the versions of one object from those of another, and which is the later.
#[derive(Deserialize)]
struct Head {
    id: String,
    modified: Option<String>,
    created: Option<String>,
    created_by_ref: Option<String>,
}

impl Head {
    /// Of an object that has versions.
    fn of(object: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(object).ok().filter(|head| head.modified.is_some())
    }

    /// Whether it is a later version of the same.
    fn follows(&self, other: &Self) -> bool {
        let [at, before] = [self, other].map(|head| head.modified.as_deref().map(stix::timestamp::key_of));
        at > before && (&self.created, &self.created_by_ref) == (&other.created, &other.created_by_ref)
    }
}

/// What tells one exported object from another.
fn mark_of(object: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest(object);
    let mut mark = [0; 16];
    mark.iter_mut().zip(digest).for_each(|(mark, digit)| *mark = digit);
    mark
}

/// One line for each thing an object can be looked up by.
fn csv_lines(objects: &[Bytes]) -> Bytes {
    let mut out = csv::Writer::from_writer(Vec::new());
    for entry in objects.iter().filter_map(|object| derive(object, Bar::Store).ok()).map(|one| one.entry) {
        let facts = &entry.facts;
        let confidence = facts.confidence.map(|confidence| confidence.to_string());
        let (starts, expires) = (facts.starts.map(Timestamp::text_of), facts.expires.map(Timestamp::text_of));
        let revoked = if facts.revoked { "revoked" } else { "" };
        let label = inert(&facts.label);
        for term in &entry.terms {
            let line = [
                inert(&term.value),
                Cow::Borrowed(term.kind.name()),
                Cow::Borrowed(facts.id.as_str()),
                label.clone(),
                Cow::Borrowed(confidence.as_deref().unwrap_or_default()),
                Cow::Borrowed(expires.as_deref().unwrap_or_default()),
                Cow::Borrowed(revoked),
                Cow::Borrowed(starts.as_deref().unwrap_or_default()),
            ];
            let written = out.write_record(line.iter().map(|cell| cell.as_bytes()));
            written.expect("invariant: every line has as many cells, and memory takes them");
        }
    }
    out.into_inner().expect("invariant: memory takes what is written").into()
}

/// A cell that a spreadsheet does not take for a formula.
fn inert(cell: &str) -> Cow<'_, str> {
    match cell.as_bytes().first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r') => Cow::Owned(format!("'{cell}")),
        _ => Cow::Borrowed(cell),
    }
}
