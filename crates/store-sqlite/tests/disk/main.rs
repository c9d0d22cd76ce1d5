//! A disk that fails: what is acknowledged is there, what is not is nowhere in part, reads tell the truth or that they cannot, and all
//! goes on when the fault is over. The calls that fail are drawn from a seed.
#![cfg(target_os = "linux")]
#![expect(clippy::panic, reason = "a test ends where something is not as it should be")]

mod failing;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{Rng, SeededRng, SystemClock};
use handling::CollectionNo;
use store::conformance::sample::{START, Written, collections, id, viewer, writer};
use store::{Absent, BackupTo, Batch, Entry, Objects, PageRequest, SearchRequest, StoreError, Upkeep};
use store_sqlite::{RestoreFrom, SqliteStore};

use failing::{Call, Disk, How, Plan};

/// Objects in a batch.
const BATCH: u64 = 10;
/// Batches added while the disk fails.
const BATCHES: u64 = 6;
/// Calls tried of each kind and way to fail.
const EACH: u64 = 3;
/// The kinds of call.
const CALLS: [Call; 5] = [Call::Write, Call::Sync, Call::Truncate, Call::Read, Call::Rename];
/// Stories that are played at once: they wait more than they work.
const AT_ONCE: usize = 12;

fn open(directory: &Path) -> Result<Arc<SqliteStore>, StoreError> {
    SqliteStore::open(directory, Arc::new(SystemClock::default()), &SeededRng::new(1))
}

/// The objects of a batch, as they are derived from their bytes.
fn objects(first: u64) -> Vec<Entry> {
    let entry = |number| {
        let text = format!(
            r#"{{"type":"indicator","spec_version":"2.1","id":"{}","created":"2024-01-01T00:00:00Z","modified":"2024-01-01T00:00:00Z","name":"Beacon {number}","description":"{}","pattern":"[domain-name:value = 'n{number}.example']","pattern_type":"stix","valid_from":"2024-01-01T00:00:00Z"}}"#,
            id("indicator", number),
            "x".repeat(3_000),
        );
        let bytes = bytes::Bytes::from(text);
        let valid = stix::examine(&bytes, stix::Profile::Store).expect("an object");
        Entry::from_valid(&valid, bytes.clone())
    };
    (first..first + BATCH).map(entry).collect()
}

fn batch(c: CollectionNo, first: u64) -> Batch {
    Batch { writer: writer(1, c), at: START, entries: objects(first), status: None }
}

/// What the one who adds was told.
#[derive(Clone, Default)]
struct Told {
    acknowledged: BTreeSet<u64>,
    refused: BTreeSet<u64>,
    /// Whether it is reads that fail, which SQLite tells as damage.
    reads_fail: bool,
    /// What was refused, in words, for whoever reads a failed test.
    words: Vec<String>,
}

impl Told {
    async fn add(&mut self, store: &SqliteStore, c: CollectionNo, first: u64) {
        match store.add(batch(c, first)).await {
            Ok(landed) => {
                assert!(landed.iter().all(|landed| landed.added.is_some()));
                self.acknowledged.insert(first);
                self.refused.remove(&first);
            }
            Err(error) => {
                assert!(error.code() == "store-read-only" || self.cannot_read(&error), "{error:?}");
                self.words.push(error.to_string());
                self.refused.insert(first);
            }
        }
    }

    /// Whether an error says that what was asked is unknown.
    fn cannot_read(&self, error: &StoreError) -> bool {
        error.code() == "store-unreadable" || (self.reads_fail && error.code() == "store-damaged")
    }

    /// The batches that are there: all that was acknowledged, and nothing in part.
    async fn is_kept(&self, store: &SqliteStore, c: CollectionNo) -> Result<usize, StoreError> {
        let held = held(store, c).await?;
        for first in &self.acknowledged {
            let whole = (*first..first + BATCH).all(|number| held.contains(&id("indicator", number)));
            assert!(whole, "batch {first} was acknowledged and is not whole: {:?}", self.words);
        }
        for first in &self.refused {
            let there = (*first..first + BATCH).filter(|number| held.contains(&id("indicator", *number)));
            let there = there.count() as u64;
            assert!(there == 0 || there == BATCH, "{there} objects of refused batch {first}");
        }
        Ok(held.len())
    }

    /// Everything about a store that was opened, or whose disk works again.
    async fn all_is_well(&self, store: &SqliteStore, c: CollectionNo) {
        let held = self.is_kept(store, c).await.expect("a manifest");
        let checks = store.check(true).await.expect("a check");
        assert!(checks.iter().all(|check| check.ok), "{checks:?}");
        let differing = store.rebuild(false).await.expect("derived again");
        assert!(differing.is_empty(), "{differing:?}: {:?}", self.words);
        let words = SearchRequest { words: vec!["beacon".into()], limit: 1_000, ..SearchRequest::default() };
        let mut found = 0;
        for _ in 0..60 {
            found = store.search(&viewer(1, &[c]), &words).await.expect("a search").rows.len();
            if found == held {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{found} of {held} objects are found by their words: {:?}", self.words);
    }
}

async fn held(store: &SqliteStore, c: CollectionNo) -> Result<BTreeSet<String>, StoreError> {
    let request = PageRequest { limit: 1_000, ..PageRequest::default() };
    let manifest = store.manifest(&viewer(1, &[c]), c, &request).await?;
    Ok(manifest.rows.into_iter().map(|row| row.id).collect())
}

/// Makes a backup: one that is told to be there is whole, one that is not is not there.
async fn back_up(store: &SqliteStore, file: PathBuf, disk: &Disk) -> Vec<(Call, u64)> {
    let keys = Written::default();
    let to = BackupTo {
        file: file.clone(),
        keys: Box::new(keys.clone()),
        rng: Arc::new(SeededRng::new(5)),
        at: store.last_added().max(START),
    };
    let made = store.backup(to).await.map(|report| report.objects);
    let counted = CALLS.map(|call| (call, disk.calls(call))).to_vec();
    disk.arm(None);
    if let Err(error) = &made {
        assert!(!file.exists(), "a backup that failed has its name: {error}");
        return counted;
    }
    let keys = keys.take();
    let directory = tempfile::tempdir().expect("a directory");
    let (mut keys, rng) = (&keys[..], SeededRng::new(6));
    let from = RestoreFrom { file: &file, keys: Some(&mut keys), absent: Absent::Refuse, rng: &rng };
    SqliteStore::restore(from, directory.path()).expect("a backup that was told to be there");
    let restored = open(directory.path()).expect("a store");
    assert_eq!(made.ok(), Some(2 * BATCH));
    assert_eq!(restored.figures(None).await.expect("figures").objects, 2 * BATCH);
    assert!(restored.rebuild(false).await.expect("derived again").is_empty());
    counted
}

/// What happens to a store while its disk may fail: objects come, words are written, the log is folded back.
async fn story(store: &SqliteStore, c: CollectionNo, told: &mut Told) {
    for at in 1..=BATCHES {
        told.add(store, c, at * BATCH).await;
        if let Err(error) = told.is_kept(store, c).await {
            assert!(told.cannot_read(&error), "{error:?}");
        }
        if at % 3 == 0 {
            // Long enough for the words, and for the log to be folded back.
            tokio::time::sleep(Duration::from_millis(750)).await;
        }
    }
}

/// The files after a power cut, in a directory of their own; the wal-index is no file of the disk's.
fn image(disk: &Disk) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, bytes) in disk.after_a_power_cut() {
        let name = path.file_name().expect("a name");
        if name == "cresset.db" || name == "cresset.db-wal" {
            std::fs::write(directory.path().join(name), bytes).expect("written");
        }
    }
    directory
}

async fn survives_a_power_cut(disk: &Disk, told: &Told, c: CollectionNo) {
    let image = image(disk);
    told.all_is_well(&open(image.path()).expect("what a power cut leaves opens"), c).await;
}

/// Plays the story with one plan; tells how many calls of each kind there were.
async fn play(plan: Option<Plan>) -> Vec<(Call, u64)> {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Disk::new(directory.path());
    let store = open(directory.path()).expect("a store");
    let c = collections(&*store, 1).await[0];
    let reads_fail = plan.is_some_and(|plan| plan.call == Call::Read);
    let mut told = Told { reads_fail, ..Told::default() };
    told.add(&store, c, 0).await;
    disk.arm(plan);
    story(&store, c, &mut told).await;
    let counted = CALLS.map(|call| (call, disk.calls(call))).to_vec();
    survives_a_power_cut(&disk, &told, c).await;
    if disk.struck() > 0 && store.read_only().is_some() {
        let checks = store.check(false).await;
        assert!(checks.is_err() || checks.is_ok_and(|all| all.iter().any(|check| !check.ok)));
    }

    disk.arm(None);
    for _ in 0..60 {
        if store.read_only().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.read_only(), None, "it does not recover");
    told.add(&store, c, (BATCHES + 1) * BATCH).await;
    for first in told.refused.clone() {
        told.add(&store, c, first).await;
    }
    assert!(told.refused.is_empty(), "{:?}", told.words);
    told.all_is_well(&store, c).await;
    survives_a_power_cut(&disk, &told, c).await;
    drop(store);
    told.all_is_well(&open(directory.path()).expect("it opens"), c).await;
    counted
}

/// Calls drawn from as many as a story without faults makes.
fn plans(counted: &[(Call, u64)], seed: u64) -> Vec<Plan> {
    let rng = SeededRng::new(seed);
    let draw = |below: u64| {
        let mut bytes = [0; 8];
        rng.fill(&mut bytes);
        u64::from_le_bytes(bytes) % below.max(1) + 1
    };
    let mut plans = Vec::new();
    for (call, count) in counted.iter().filter(|(_, count)| *count > 0) {
        let ways: &[How] = match call {
            Call::Write => &[How::Error(libc::EIO), How::Error(libc::ENOSPC), How::Half, How::Torn],
            Call::Read => &[How::Error(libc::EIO), How::Half],
            Call::Sync | Call::Truncate | Call::Rename => &[How::Error(libc::EIO)],
        };
        for how in ways {
            for lasting in [false, true] {
                plans.extend((0..EACH).map(|_| Plan { call: *call, how: *how, at: draw(*count), lasting }));
            }
        }
    }
    plans
}

/// Plays every plan, several at once, and names the plan under which one fails.
async fn play_all<F: Future<Output = ()> + Send + 'static>(plans: Vec<Plan>, play: impl Fn(Plan) -> F) {
    for some in plans.chunks(AT_ONCE) {
        let playing: Vec<_> = some.iter().map(|plan| (plan, tokio::spawn(play(*plan)))).collect();
        for (plan, played) in playing {
            assert!(played.await.is_ok(), "under {plan:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failing_disk_loses_nothing_that_was_acknowledged() {
    let counted = play(None).await;
    let seen = counted.iter().filter(|(_, count)| *count > 0).count();
    assert_eq!(seen, 4, "calls pass the test by, or a new kind is made: {counted:?}");
    play_all(plans(&counted, 7), |plan| async move {
        play(Some(plan)).await;
    })
    .await;
}

/// Opening and closing on a disk that fails: an error that says so, and nothing is lost.
async fn opens(plan: Option<Plan>) -> Vec<(Call, u64)> {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Disk::new(directory.path());
    let store = open(directory.path()).expect("a store");
    let c = collections(&*store, 1).await[0];
    let mut told = Told::default();
    for first in 0..3 {
        told.add(&store, c, first * BATCH).await;
    }
    disk.arm(plan);
    drop(store);
    match open(directory.path()) {
        Ok(store) => drop(told.is_kept(&store, c).await),
        Err(error) => {
            let codes = ["store-cannot-open", "store-read-only", "store-unreadable", "store-damaged"];
            assert!(codes.contains(&error.code()), "{error:?}");
        }
    }
    let counted = CALLS.map(|call| (call, disk.calls(call))).to_vec();
    disk.arm(None);
    let store = open(directory.path()).expect("it opens once the disk works");
    told.all_is_well(&store, c).await;
    survives_a_power_cut(&disk, &told, c).await;
    counted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_opens_once_its_disk_works() {
    let counted = opens(None).await;
    play_all(plans(&counted, 8), |plan| async move {
        opens(Some(plan)).await;
    })
    .await;
}

/// A backup on a disk that fails has its name only when it is whole.
async fn backs_up(plan: Option<Plan>) -> Vec<(Call, u64)> {
    let directory = tempfile::tempdir().expect("a directory");
    let (data, copies) = (directory.path().join("data"), directory.path().join("copies"));
    std::fs::create_dir(&copies).expect("a directory");
    let store = open(&data).expect("a store");
    let c = collections(&*store, 1).await[0];
    for first in [0, BATCH] {
        store.add(batch(c, first)).await.expect("added");
    }
    let disk = Disk::new(&copies);
    disk.arm(plan);
    let counted = back_up(&store, copies.join("copy"), &disk).await;
    back_up(&store, copies.join("second"), &disk).await;
    counted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_that_failed_is_not_there() {
    let counted = backs_up(None).await;
    play_all(plans(&counted, 9), |plan| async move {
        backs_up(Some(plan)).await;
    })
    .await;
}

/// The disk that the others stand on: what was not flushed is gone after a power cut, and a flush that failed does not come again.
#[test]
fn the_disk_forgets_what_was_not_flushed() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Disk::new(directory.path());
    // The model reads what was flushed back by the same descriptor, as databases let it.
    let mut options = std::fs::File::options();
    let file = options.read(true).write(true).create(true).truncate(true).open(directory.path().join("file"));
    let mut file = file.expect("a file");
    let left = || disk.after_a_power_cut().pop().map(|(_, bytes)| bytes).unwrap_or_default();
    let mut write = |bytes: &[u8]| {
        file.write_all(bytes).expect("written");
        file.try_clone().expect("the file")
    };
    let flushed = write(b"a");
    assert_eq!(left(), b"");
    flushed.sync_all().expect("flushed");
    assert_eq!(left(), b"a");
    disk.arm(Some(Plan { call: Call::Sync, how: How::Error(libc::EIO), at: 1, lasting: false }));
    let flushed = write(b"b");
    assert!(flushed.sync_all().is_err());
    flushed.sync_all().expect("the second time");
    assert_eq!(left(), b"a\0", "pages of a flush that failed count as clean");
    write(b"c").sync_all().expect("flushed");
    assert_eq!(left(), b"abc");
    disk.arm(Some(Plan { call: Call::Write, how: How::Error(libc::ENOSPC), at: 1, lasting: true }));
    assert!(file.write_all(b"d").is_err());
}
