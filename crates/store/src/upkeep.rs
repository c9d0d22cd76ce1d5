//! Figures, checks, backup, jobs.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use base::{Micros, Rng};
use handling::Viewer;
use index::{FingerprintKey, PrefixLengths};

use crate::StoreError;

/// How much there is, as far as a viewer may know (or in all, for metrics and `doctor`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Objects (ids).
    pub objects: u64,
    /// Versions.
    pub versions: u64,
    /// Objects by type, most frequent first.
    pub by_type: Vec<(String, u64)>,
    /// Collections.
    pub collections: u64,
    /// Bytes on disk (only where no viewer asks).
    pub disk_bytes: u64,
    /// Reads since the start that were refused because the bytes were changed after they came in (only where no viewer asks).
    pub altered_reads: u64,
}

/// Whether a node takes back what a restore has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovering {
    /// It does not.
    No,
    /// The store was restored, and the node has not yet seen whether anybody has something to give back.
    Restored,
    /// It does.
    Yes,
}

/// One line of `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, and what to do when it is not.
    pub detail: String,
}

/// Something that deriving again brought to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// What is found by is not what the bytes say: deriving again mends it.
    Derived(String),
    /// The bytes are not those that were stored. Nothing is derived from them, and their digest stays: only a backup has the others.
    Altered(String),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Derived(what) | Self::Altered(what) => f.write_str(what),
        }
    }
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Bytes written.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub digest: [u8; 32],
    /// Objects in it.
    pub objects: u64,
    /// Position in the commit order.
    pub sequence: i64,
}

/// Where the keys of a backup go while it is made. What is written is not encrypted.
pub type KeySink = Box<dyn std::io::Write + Send>;

/// The setting that holds the seeds of the member's keys, oldest first, one a line. A key file has them as well: a key that was made after a
/// backup is not in it.
pub const SIGNING_SEEDS: &str = "signing-seeds";

/// What a backup is made into.
pub struct BackupTo {
    /// The file to write; it must not exist.
    pub file: PathBuf,
    /// Where its keys go, which must not be kept with it for ever: whose key is destroyed cannot be read from the file.
    pub keys: KeySink,
    /// Randomness for sealing.
    pub rng: Arc<dyn Rng>,
    /// Now.
    pub at: Micros,
}

/// What a restore does about what its key file should open and does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Nothing is restored.
    Refuse,
    /// It is restored without.
    LeaveOut,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The backup it came from.
    pub copy: BackupReport,
    /// Versions in it that have no key any more, because they were destroyed since.
    pub erased: u64,
    /// Versions and payloads that the key file lacks the keys of for another reason, and that are left out.
    pub unopened: u64,
}

/// A long job's memory: where a `pull` goes on after an interruption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Name: what it does, on what.
    pub name: String,
    /// The job's own state, JSON.
    pub state: String,
    /// When it last wrote.
    pub at: Micros,
}

/// Running the store.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// The key of this store's fingerprints.
    fn fingerprint_key(&self) -> FingerprintKey;
    /// Prefix lengths of the address ranges that may be held, so that a look-up asks for no others. Cheap: kept in memory.
    /// Lengths that are not held cost time and nothing else.
    fn prefix_lengths(&self) -> PrefixLengths {
        PrefixLengths::ALL
    }
    /// The latest `date_added` given out anywhere; rises with each commit that adds. Cheap: kept in memory.
    fn last_added(&self) -> Micros;
    /// Why the store takes no writes for now, if it does not (disk full, I/O error).
    fn read_only(&self) -> Option<String>;
    /// Whether a restore is to be recovered from, or a recovery goes on: until it is over no object is shown to anybody or taken
    /// from anybody but by steps of exchange, and while leaves come back no act is written or head signed.
    fn recovery(&self) -> Recovering;
    /// Figures of what a viewer may know; `None` = of the whole node, for operators.
    async fn figures(&self, viewer: Option<&Viewer>) -> Result<Figures, StoreError>;
    /// Integrity of everything stored, told line by line. `deep` also reads every object and compares digests.
    async fn check(&self, deep: bool) -> Result<Vec<Check>, StoreError>;
    /// How many places, given versions and keys of what was deleted by hand are past their retention and still here.
    async fn overdue(&self, now: Micros) -> Result<u64, StoreError>;
    /// Whether an embargo is over at `now` that was not when [`Upkeep::date_embargoed_anew`] was last done with all.
    async fn embargo_over(&self, now: Micros) -> Result<bool, StoreError>;
    /// Gives a new `date_added` to what was under embargoes that are over at `now`, at most to `most` places, in the order in which they came:
    /// it can be seen from now on, and who polls asks for what is later than what was seen. Says to how many; fewer than `most` were all.
    async fn date_embargoed_anew(&self, now: Micros, most: usize) -> Result<usize, StoreError>;
    /// Copies the store to a file while it is in use, sealed object by object. The copy is one moment in commit order, and so are
    /// its keys.
    async fn backup(&self, to: BackupTo) -> Result<BackupReport, StoreError>;
    /// Writes the keys of this moment, which open every earlier backup as far as nothing was destroyed since.
    async fn backup_keys(&self, keys: KeySink, at: Micros) -> Result<(), StoreError>;
    /// Notes when a backup was made, beside what is stored: whoever makes one need not be the process that writes.
    async fn note_backup(&self, at: Micros) -> Result<(), StoreError>;
    /// When the last backup was made, as it was noted here; a restored store has noted none.
    async fn last_backup(&self) -> Result<Option<Micros>, StoreError>;
    /// Derives again what derives (terms, edges, text, latest marks) and compares; returns what differed. `repair` writes it. Of a
    /// version whose bytes are not those of its digest nothing is derived, and nothing is written.
    async fn rebuild(&self, repair: bool) -> Result<Vec<Difference>, StoreError>;
    /// Digest over objects held with their handling and tombstones, independent of order of arrival and of this node.
    async fn state_hash(&self) -> Result<[u8; 32], StoreError>;
    /// A setting (member name, id and the like).
    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// Writes a setting.
    async fn set_setting(&self, name: &str, value: &str) -> Result<(), StoreError>;
    /// A job's memory.
    async fn job(&self, name: &str) -> Result<Option<Job>, StoreError>;
    /// Forgets jobs whose name begins with `prefix`, those that wrote longest ago, until at most `most` of them are left.
    async fn forget_jobs(&self, prefix: &str, most: u64) -> Result<(), StoreError>;
    /// Writes a job's memory.
    async fn put_job(&self, job: Job) -> Result<(), StoreError>;
}
