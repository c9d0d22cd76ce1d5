//! The registry as a file: what `cresset verify --registry` takes, and how a registry moves by hand.
//!
//! The first line says what the file is, of which community, how many entries follow and which state they come to; then one
//! entry a line. Reading replays all of it, so a snapshot needs no trust in whoever wrote it beyond the founding.

use base::limit::{REGISTRY_ENTRIES_MAX, SNAPSHOT_BYTES_MAX};
use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Point};
use crate::registry::Registry;
use crate::{CommunityId, EntryHash, Rule};

/// What the first line says the file is.
const FORMAT: &str = "cresset-registry-1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    community: CommunityId,
    head: Point,
    entries: usize,
    state_hash: EntryHash,
}

/// A registry with the entries it was replayed from.
#[derive(Clone, Debug)]
pub struct Snapshot {
    registry: Registry,
    entries: Vec<Entry>,
}

impl Snapshot {
    /// A snapshot of entries, in their order by chain and place.
    ///
    /// # Errors
    /// What [`Registry::replay`] refuses; `TooMany`.
    pub fn of(mut entries: Vec<Entry>) -> Result<Self, Rule> {
        if entries.len() > REGISTRY_ENTRIES_MAX {
            return Err(Rule::TooMany);
        }
        entries.sort_by_key(|entry| (entry.content().chain, entry.content().epoch, entry.hash()));
        entries.dedup_by_key(|entry| entry.hash());
        let registry = Registry::replay(&entries).map_err(|refused| refused.rule)?;
        Ok(Self { registry, entries })
    }

    /// Reads a snapshot and replays it.
    ///
    /// # Errors
    /// `TooLarge`, `SnapshotForm`, `SnapshotDiffers`, and what is wrong with an entry or its place.
    ///
    /// # Limits
    /// As [`Registry::replay`]; the file is refused unread above [`SNAPSHOT_BYTES_MAX`].
    pub fn parse(text: &[u8]) -> Result<Self, Rule> {
        if text.len() > SNAPSHOT_BYTES_MAX {
            return Err(Rule::TooLarge);
        }
        let text = text.strip_suffix(b"\n").ok_or(Rule::SnapshotForm)?;
        let mut lines = text.split(|byte| *byte == b'\n');
        let head: Head =
            serde_json::from_slice(lines.next().unwrap_or_default()).map_err(|_| Rule::SnapshotForm)?;
        if head.format != FORMAT {
            return Err(Rule::SnapshotForm);
        }
        let mut entries = Vec::new();
        for line in lines {
            if entries.len() >= REGISTRY_ENTRIES_MAX {
                return Err(Rule::TooMany);
            }
            entries.push(Entry::parse(line)?);
        }
        let snapshot = Self::of(entries)?;
        let same = snapshot.to_text().strip_suffix('\n').is_some_and(|written| written.as_bytes() == text);
        if same { Ok(snapshot) } else { Err(Rule::SnapshotDiffers) }
    }

    /// The file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let head = Head {
            format: FORMAT.to_owned(),
            community: self.registry.id(),
            head: self.registry.head(),
            entries: self.entries.len(),
            state_hash: EntryHash::from_bytes(self.registry.state_hash()),
        };
        let mut text = serde_json::to_string(&head).expect("invariant: digests and numbers are always JSON");
        text.push('\n');
        for entry in &self.entries {
            text.push_str(&entry.to_json());
            text.push('\n');
        }
        text
    }

    /// The registry.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The entries by chain and place.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
