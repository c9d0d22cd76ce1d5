//! Between the store's nouns and TAXII's: both crates stand on the same layer and do not name each other.

use handling::Cleared;
use stix::Timestamp;
use store::{Editions, Filter, Manifest, ObjectPage, PageRequest, StatusRow, StatusState, VersionPick};
use taxii::page::{Objects, Record, Records};
use taxii::{Query, Status, StatusDetails, Version};

/// What a status calls an object that came without an identifier.
const NO_ID: &str = "unidentified";

pub(super) fn request(query: Query) -> PageRequest {
    PageRequest {
        added_after: query.added_after,
        limit: query.page_size(),
        next: query.next,
        filter: Filter {
            ids: query.ids,
            types: query.types,
            versions: query.versions.into_iter().map(pick).collect(),
            spec_versions: query.spec_versions,
        },
        editions: Editions::Latest,
        ..PageRequest::default()
    }
}

fn pick(version: Version) -> VersionPick {
    match version {
        Version::Last => VersionPick::Last,
        Version::First => VersionPick::First,
        Version::All => VersionPick::All,
        Version::At(at) => VersionPick::Exact(Timestamp::sort_key(&at).to_owned()),
    }
}

pub(super) fn objects(page: Cleared<ObjectPage>) -> Cleared<Objects> {
    page.map(|page| Objects { objects: page.objects, next: page.page.next })
}

pub(super) fn records(manifest: Cleared<Manifest>) -> Cleared<Records> {
    manifest.map(|manifest| Records {
        records: manifest
            .rows
            .into_iter()
            .map(|row| Record {
                id: row.id,
                added: row.added,
                version: row.version,
                spec_version: row.spec_version,
            })
            .collect(),
        next: manifest.page.next,
    })
}

pub(super) fn status(row: StatusRow) -> Status {
    let (mut successes, mut failures, mut pendings) = (Vec::new(), Vec::new(), Vec::new());
    for object in row.objects {
        let list = match object.state {
            StatusState::Success => &mut successes,
            StatusState::Failure => &mut failures,
            StatusState::Pending => &mut pendings,
        };
        let id = if object.id.is_empty() { NO_ID.to_owned() } else { object.id };
        list.push(StatusDetails { id, version: object.version, message: object.message });
    }
    Status::of(row.id, Timestamp::text_of(row.requested), successes, failures, pendings)
}
