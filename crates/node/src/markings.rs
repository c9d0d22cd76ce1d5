//! Markings that only look like TLP: what bears one is handled as the strictest.
//!
//! A marking definition with TLP's name under an identifier of its own, or with a published identifier and another level,
//! could be meant to open what TLP closes. `stix` recognises the definition; here the objects that point to one are found,
//! whether it came in the same request or stands in the collection already. An object that came before its look-alike keeps
//! the level it had.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use handling::Viewer;
use stix::marking::{tlp_defined_by, tlp_of_id};
use stix::{Json, TlpLevel};
use store::{Entry, Store, StoreError};

/// Marking definitions remembered as harmless or not.
const REMEMBERED_MAX: usize = 4_096;

/// The property that points from an object to its markings.
const MARKING_REFS: &str = "object_marking_refs";

/// Marking definitions seen in the store, by id: whether they are look-alikes. Definitions have no versions.
#[derive(Default)]
pub(crate) struct Markings(Mutex<HashMap<String, bool>>);

impl Markings {
    /// Corrects the levels of entries: see the module's header.
    pub(crate) async fn correct(
        &self,
        store: &dyn Store,
        viewer: Option<&Viewer>,
        entries: &mut [Entry],
    ) -> Result<(), StoreError> {
        let mut look_alikes = HashSet::new();
        let mut defined = HashSet::new();
        for entry in entries.iter() {
            let id = entry.facts.id.as_str();
            if entry.facts.id.type_name() == "marking-definition" {
                defined.insert(id.to_owned());
                if is_look_alike(id, &entry.bytes) {
                    look_alikes.insert(id.to_owned());
                }
            }
        }
        let foreign: HashSet<&str> =
            entries.iter().flat_map(marks_of).filter(|id| tlp_of_id(id).is_none()).collect();
        for id in foreign.into_iter().filter(|id| !defined.contains(*id)) {
            if let Some(viewer) = viewer
                && self.stored(store, viewer, id).await?
            {
                look_alikes.insert(id.to_owned());
            }
        }
        if look_alikes.is_empty() {
            return Ok(());
        }
        for entry in entries.iter_mut() {
            if marks_of(entry).any(|id| look_alikes.contains(id)) {
                entry.facts.tlp = Some(TlpLevel::Red.number());
            }
        }
        Ok(())
    }

    /// Whether the definition that is stored under this id is a look-alike; unknown ones are not.
    async fn stored(&self, store: &dyn Store, viewer: &Viewer, id: &str) -> Result<bool, StoreError> {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(*known);
        }
        let object = match store.object(viewer, id, None).await {
            Ok(object) => object,
            Err(StoreError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let look_alike = is_look_alike(id, &object.bytes);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(id.to_owned(), look_alike);
        Ok(look_alike)
    }
}

/// `stix` takes a definition that resembles TLP for TLP:RED; only the published TLP:RED is that by right.
fn is_look_alike(id: &str, definition: &[u8]) -> bool {
    let defines = Json::parse(definition).ok().and_then(|json| tlp_defined_by(&json));
    defines == Some(TlpLevel::Red) && tlp_of_id(id) != Some(TlpLevel::Red)
}

fn marks_of(entry: &Entry) -> impl Iterator<Item = &str> {
    let marks = entry.edges.iter().filter(|edge| edge.name == MARKING_REFS);
    marks.map(|edge| edge.target.as_str())
}
