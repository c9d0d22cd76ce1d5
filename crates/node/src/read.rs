//! Reading: pages, manifests, versions, objects, history, edges; and taking objects out of a collection again.
//!
//! Every answer leaves as [`Cleared`] by the viewer it was asked for. A poll that finds nothing new is answered from memory.

use base::Micros;
use base::limit::PAGE_MAX;
use handling::{Cleared, Principal, Refusal, Rule, Viewer, may_read, may_write};
use store::{
    Deleted, Direction, EdgeGroup, EdgeGroups, EdgeRow, Fault, Filter, ListedIn, Manifest, ObjectPage,
    PageRequest, StatusRow, StoreError, StoredObject, VersionPick, VersionRow,
};

use crate::directory::Directory;
use crate::export::BulkExport;
use crate::handle::met;
use crate::{ApprovalError, Node};

/// Why something was not read or deleted. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not for this principal.
    #[error(transparent)]
    Refused(Refusal),
    /// No such collection, or not one this principal may know of.
    #[error("no such collection")]
    CollectionUnknown,
    /// Not there, or not for this principal to know of: the two answer alike.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// A cursor of another question.
    #[error("the cursor does not belong to this question: start again without it")]
    BadCursor,
    /// It takes a second person.
    #[error(transparent)]
    Second(#[from] ApprovalError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl ReadError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.rule.code(),
            Self::CollectionUnknown => "collection-unknown",
            Self::NotFound(_) => "not-found",
            Self::BadCursor => "bad-cursor",
            Self::Second(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Second(error) => error.fault(),
            Self::Store(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what: "collection" } => Self::CollectionUnknown,
            StoreError::NotFound { what } => Self::NotFound(what),
            StoreError::BadCursor => Self::BadCursor,
            other => Self::Store(other),
        }
    }
}

impl From<Refusal> for ReadError {
    fn from(refusal: Refusal) -> Self {
        match refusal.rule {
            Rule::CollectionUnknown => Self::CollectionUnknown,
            _ => Self::Refused(refusal),
        }
    }
}

impl Node {
    /// A page of the objects of a collection, as stored bytes in order of `date_added`.
    ///
    /// # Errors
    /// See [`ReadError`].
    ///
    /// # Limits
    /// At most [`PAGE_MAX`] objects. Without a query when nothing was added anywhere since `added_after`.
    pub async fn page(
        &self,
        who: &Principal,
        collection: &str,
        request: &PageRequest,
    ) -> Result<Cleared<ObjectPage>, ReadError> {
        let (view, no) = self.view_of(who, collection).await?;
        if self.nothing_since(request) {
            return Ok(view.clear(ObjectPage::default()));
        }
        let page = self.0.store.page(&view, no, &bounded(request)).await?;
        Ok(view.clear(page))
    }

    /// A page for somebody who takes objects out by hand: counted against what one person may take out in a day.
    ///
    /// # Errors
    /// See [`ReadError`]; `Second` where it would be more than that.
    pub async fn page_counted(
        &self,
        who: &Principal,
        collection: &str,
        request: &PageRequest,
    ) -> Result<Cleared<ObjectPage>, ReadError> {
        let page = self.page(who, collection, request).await?;
        let objects = page.get().count as u64;
        self.may_take_out(who, objects, || BulkExport::by_pages(self.0.settings.export_objects_per_day))
            .await?;
        Ok(page)
    }

    /// The same page as a manifest.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn manifest(
        &self,
        who: &Principal,
        collection: &str,
        request: &PageRequest,
    ) -> Result<Cleared<Manifest>, ReadError> {
        let (view, no) = self.view_of(who, collection).await?;
        if self.nothing_since(request) {
            return Ok(view.clear(Manifest::default()));
        }
        let manifest = self.0.store.manifest(&view, no, &bounded(request)).await?;
        Ok(view.clear(manifest))
    }

    /// The versions of one object in a collection.
    ///
    /// # Errors
    /// See [`ReadError`]; `NotFound` when the collection holds no such object.
    pub async fn versions(
        &self,
        who: &Principal,
        collection: &str,
        id: &str,
        request: &PageRequest,
    ) -> Result<Cleared<Manifest>, ReadError> {
        let (view, no) = self.view_of(who, collection).await?;
        let manifest = self.0.store.versions(&view, no, id, &bounded(request)).await?;
        Ok(view.clear(manifest))
    }

    /// One object of one collection as a page. `NotFound` when the collection holds no object with this id at all;
    /// an empty page when filters leave nothing of it.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn object_in(
        &self,
        who: &Principal,
        collection: &str,
        id: &str,
        request: &PageRequest,
    ) -> Result<Cleared<ObjectPage>, ReadError> {
        let (view, no) = self.view_of(who, collection).await?;
        let mut request = bounded(request);
        request.filter.ids = vec![id.to_owned()];
        let page = self.0.store.page(&view, no, &request).await?;
        if page.count == 0 {
            let any = PageRequest { limit: 1, ..PageRequest::default() };
            self.0.store.versions(&view, no, id, &any).await?;
        }
        Ok(view.clear(page))
    }

    /// One object from anywhere this principal may look: the latest version, or the one named.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn object(
        &self,
        who: &Principal,
        id: &str,
        version: Option<&str>,
    ) -> Result<Cleared<StoredObject>, ReadError> {
        let view = self.eyes(who);
        let object = self.0.store.object(&view, id, version).await?;
        Ok(view.clear(as_handled(object)))
    }

    /// The version of an object that was added at a moment, as [`crate::LookUpMatch`] tells it, whatever else is said under its identifier.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn object_added(
        &self,
        who: &Principal,
        id: &str,
        added: Micros,
    ) -> Result<Cleared<StoredObject>, ReadError> {
        let view = self.eyes(who);
        let object = self.0.store.object_added(&view, id, added).await?;
        Ok(view.clear(as_handled(object)))
    }

    /// Every version of an object that this principal may see, oldest first.
    ///
    /// # Errors
    /// See [`ReadError`]; `NotFound` when there is none.
    pub async fn history(&self, who: &Principal, id: &str) -> Result<Cleared<Vec<VersionRow>>, ReadError> {
        let view = self.eyes(who);
        let rows = self.0.store.history(&view, id).await?;
        if rows.is_empty() {
            return Err(ReadError::NotFound("object"));
        }
        Ok(view.clear(rows))
    }

    /// The lines to recognise objects by, of at most [`PAGE_MAX`] of them; `None` for one that is not held, or not for this principal.
    ///
    /// # Errors
    /// The store failed.
    pub async fn labels(
        &self,
        who: &Principal,
        ids: &[&str],
    ) -> Result<Cleared<Vec<Option<String>>>, StoreError> {
        let view = self.eyes(who);
        let labels = self.0.store.labels(&view, ids.get(..PAGE_MAX).unwrap_or(ids)).await?;
        Ok(view.clear(labels))
    }

    /// Relationships and references of an object in one direction; the second part is where to go on.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn edges(
        &self,
        who: &Principal,
        id: &str,
        direction: Direction,
        (limit, next): (usize, Option<String>),
    ) -> Result<Cleared<(Vec<EdgeRow>, Option<String>)>, ReadError> {
        let view = self.eyes(who);
        let limit = limit.clamp(1, PAGE_MAX);
        let edges = self.0.store.edges(&view, id, direction, (limit, next)).await?;
        Ok(view.clear(edges))
    }

    /// As [`Node::edges`], of one name alone.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn edges_named(
        &self,
        who: &Principal,
        id: &str,
        named: (Direction, &str),
        (limit, next): (usize, Option<String>),
    ) -> Result<Cleared<(Vec<EdgeRow>, Option<String>)>, ReadError> {
        let view = self.eyes(who);
        let limit = limit.clamp(1, PAGE_MAX);
        let edges = self.0.store.edges_named(&view, id, named, (limit, next)).await?;
        Ok(view.clear(edges))
    }

    /// Relationships and references of an object in one direction, gathered by name and counted as far as this principal may see them; the
    /// second part is whether there are more names.
    ///
    /// # Errors
    /// See [`ReadError`].
    ///
    /// # Limits
    /// No group is counted further than it is asked for, nor listed beyond [`PAGE_MAX`].
    pub async fn edge_groups(
        &self,
        who: &Principal,
        id: &str,
        direction: Direction,
        asked: &EdgeGroups<'_>,
    ) -> Result<Cleared<(Vec<EdgeGroup>, bool)>, ReadError> {
        let view = self.eyes(who);
        let groups = self.0.store.edge_groups(&view, id, direction, asked).await?;
        Ok(view.clear(groups))
    }

    /// The reports and groupings that list objects, of each the newest, at most `most`.
    ///
    /// # Errors
    /// The store failed.
    ///
    /// # Limits
    /// One question for all of them; of the first [`PAGE_MAX`] objects.
    pub async fn listed_in(
        &self,
        who: &Principal,
        ids: &[&str],
        most: usize,
    ) -> Result<Cleared<Vec<Vec<ListedIn>>>, StoreError> {
        let view = self.eyes(who);
        let listed = self.0.store.listed_in(&view, ids.get(..PAGE_MAX).unwrap_or(ids), most).await?;
        Ok(view.clear(listed))
    }

    /// A status resource, for the one who posted.
    ///
    /// # Errors
    /// See [`ReadError`]; `NotFound` unless this principal posted it.
    pub async fn status_of(&self, who: &Principal, id: &str) -> Result<Cleared<StatusRow>, ReadError> {
        let view = self.eyes(who);
        let status = self.0.store.status(view.user(), id).await?;
        Ok(view.clear(status))
    }

    /// Takes an object, or the versions a filter picks, out of a collection. Without versions in the filter: all of them.
    ///
    /// TAXII asks for both rights: whoever may only write could otherwise probe what is there.
    ///
    /// # Errors
    /// See [`ReadError`]; `NotFound` when the collection holds no such object.
    pub async fn delete(
        &self,
        who: &Principal,
        collection: &str,
        id: &str,
        filter: &Filter,
    ) -> Result<Deleted, ReadError> {
        let directory = self.directory().await?;
        let no = known(&directory, collection)?;
        let writer = may_write(who, no, &self.standing())?;
        may_read(who, no, &self.standing())?;
        let mut filter = filter.clone();
        if filter.versions.is_empty() {
            filter.versions.push(VersionPick::All);
        }
        Ok(self.0.store.delete(&writer, id, &filter).await?)
    }

    /// The right to read a collection named by id or alias.
    pub(crate) async fn view_of(
        &self,
        who: &Principal,
        collection: &str,
    ) -> Result<(Viewer, handling::CollectionNo), ReadError> {
        let directory = self.directory().await?;
        let no = known(&directory, collection)?;
        Ok((may_read(who, no, &self.standing())?, no))
    }

    fn nothing_since(&self, request: &PageRequest) -> bool {
        request.next.is_none() && request.added_after.is_some_and(|after| after >= self.0.store.last_added())
    }
}

fn known(directory: &Directory, collection: &str) -> Result<handling::CollectionNo, ReadError> {
    Ok(directory.collection(collection).ok_or(ReadError::CollectionUnknown)?.no)
}

/// An object under the level that it is handled as.
fn as_handled(mut object: StoredObject) -> StoredObject {
    if object.places.iter().any(|place| place.rules.is_some()) {
        object.tlp = Some(met(object.tlp, &object.places).level().number());
    }
    object
}

fn bounded(request: &PageRequest) -> PageRequest {
    PageRequest { limit: request.limit.clamp(1, PAGE_MAX), ..request.clone() }
}
