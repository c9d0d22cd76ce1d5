//! A ledger whose rows were changed behind the program's back is not gone on with.

use std::sync::Arc;

use base::signing::{Signer, SigningKey};
use base::{FixedClock, SeededRng};
use store::conformance::sample::{START, Sample, add, collections};
use store::{Leaves, LedgerAuthor, StoreError, Upkeep};

use crate::open::{DATABASE, SqliteStore};

fn author() -> LedgerAuthor {
    let key = SigningKey::generate(&SeededRng::new(1));
    LedgerAuthor {
        member: key.public_key().id(),
        community: String::new(),
        signer: Arc::new(key),
        earlier: Vec::new(),
        rng: Arc::new(SeededRng::new(2)),
    }
}

async fn with_leaves(directory: &std::path::Path) {
    let store = SqliteStore::open(directory, Arc::new(FixedClock::at(START)), &SeededRng::new(3)).unwrap();
    store.keep_ledger(author()).await.unwrap();
    let c = collections(&*store, 1).await;
    let samples: Vec<Sample> = (0..10).map(|number| Sample::indicator(number, 1)).collect();
    add(&*store, c[0], &samples).await;
}

#[tokio::test]
async fn a_changed_ledger_is_not_gone_on_with() {
    // What was done, and whether it is noticed before another head is signed (else only by a deep check).
    let changes = [
        ("DELETE FROM leaf WHERE sequence = 9", true),
        ("DELETE FROM head", true),
        ("DELETE FROM tile", true),
        ("UPDATE tile SET hashes = zeroblob(320)", true),
        ("UPDATE tile SET hashes = zeroblob(321)", true),
        (
            "UPDATE head SET note = replace(note, char(10) || '10' || char(10), char(10) || '11' || char(10))",
            true,
        ),
        ("UPDATE leaf SET header = x'7b7d' WHERE sequence = 3", false),
    ];
    for (change, noticed) in changes {
        let directory = tempfile::tempdir().unwrap();
        with_leaves(directory.path()).await;
        let connection = rusqlite::Connection::open(directory.path().join(DATABASE)).unwrap();
        assert!(connection.execute(change, []).unwrap() > 0, "{change}");
        drop(connection);
        let store =
            SqliteStore::open(directory.path(), Arc::new(FixedClock::at(START)), &SeededRng::new(3)).unwrap();
        let kept = store.keep_ledger(author()).await;
        assert_eq!(matches!(kept, Err(StoreError::Damaged(_))), noticed, "{change}: {kept:?}");
        let ledger =
            |checks: Vec<store::Check>| checks.into_iter().find(|check| check.name == "ledger").unwrap();
        assert!(!ledger(store.check(true).await.unwrap()).ok, "{change}");
        assert_eq!(ledger(store.check(false).await.unwrap()).ok, !noticed, "{change}");
    }
}
