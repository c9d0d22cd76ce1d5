//! What the postings in memory answer is what the database answers, after any changes, and after loading.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{Rng, SeededRng, SystemClock};
use handling::CollectionNo;
use index::{Fingerprint, TermKind};
use store::conformance::sample::{START, Sample, batch_by, collections, id, viewer, writer};
use store::{Filter, LookupRow, Objects, Upkeep, VersionPick};

use crate::SqliteStore;
use crate::postings::Draft;

const TERMS: u64 = 12;

fn dice(rng: &SeededRng, sides: u64) -> u64 {
    let mut bytes = [0; 8];
    rng.fill(&mut bytes);
    u64::from_le_bytes(bytes) % sides
}

async fn open(directory: &Path) -> Arc<SqliteStore> {
    let store =
        SqliteStore::open(directory, Arc::new(SystemClock::default()), &SeededRng::new(1)).expect("a store");
    while store.postings.drafts(&viewer(1, &[]), &[]).is_none() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    store
}

async fn change(store: &SqliteStore, rng: &SeededRng, c: &[CollectionNo]) {
    let collection = c[usize::try_from(dice(rng, c.len() as u64)).expect("small")];
    let number = dice(rng, 25);
    if dice(rng, 4) == 0 {
        let versions = if dice(rng, 2) == 0 { vec![VersionPick::Last] } else { Vec::new() };
        let filter = Filter { versions, ..Filter::default() };
        // There may be none: then nothing changes.
        let _ = store.delete(&writer(1, collection), &id("indicator", number), &filter).await;
        return;
    }
    let mut sample = Sample::indicator(number, u32::try_from(dice(rng, 6)).expect("small"));
    for _ in 0..dice(rng, 3) {
        sample = sample.term(TermKind::Name, &dice(rng, TERMS).to_string());
    }
    if dice(rng, 5) == 0 {
        sample = sample.only_for(&[1]);
    }
    let (revoked, expires) = (dice(rng, 5) == 0, (dice(rng, 3) == 0).then_some(START));
    sample = sample.with(|facts| (facts.revoked, facts.expires) = (revoked, expires));
    store.add(batch_by(1, collection, &[sample])).await.expect("added or refused");
}

/// How many answers came from memory alone.
async fn compare(store: &SqliteStore, c: &[CollectionNo]) -> usize {
    let key = store.fingerprint_key();
    let terms: Vec<Fingerprint> =
        (0..TERMS + 1).map(|term| Fingerprint::of(&key, TermKind::Name, &term.to_string())).collect();
    let mut from_memory = 0;
    let ways = [(1, c, 100), (2, c, 2), (1, &c[..1], 1), (2, &c[1..2], 100), (1, &c[..0], 100)];
    for (user, mine, most) in ways {
        let view = viewer(user, mine);
        let drafts = store.postings.drafts(&view, &terms).expect("loaded");
        from_memory +=
            drafts.iter().filter(|draft| matches!(draft, Draft::Rows(rows) if !rows.is_empty())).count();
        let answers = store.look_up(&view, &terms, most).await.expect("a look-up");
        let asked = vec![Draft::Ask; terms.len()];
        let from_database: Vec<Vec<LookupRow>> = store
            .readers
            .read(|connection| crate::look_up::look_up(connection, &view, (&terms, most), asked))
            .await
            .expect("a look-up");
        assert_eq!(answers, from_database, "user {user} over {mine:?}");
    }
    from_memory
}

#[tokio::test]
async fn memory_and_database_agree() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = open(directory.path()).await;
    let c = collections(&*store, 3).await;
    let rng = SeededRng::new(7);
    let mut from_memory = 0;
    for round in 0..300 {
        change(&store, &rng, &c).await;
        from_memory += compare(&store, &c).await;
        if round % 60 == 59 {
            drop(store);
            store = open(directory.path()).await;
            from_memory += compare(&store, &c).await;
        }
    }
    assert!(from_memory > 300, "memory answered {from_memory} times only");
}
