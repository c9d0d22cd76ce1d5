//! A ledger whose rows were changed behind the program's back is not gone on with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use base::signing::{Signer, SigningKey};
use base::{FixedClock, SeededRng};
use federation::{Effect, Recovery, Stage};
use store::conformance::sample::{START, Sample, add, batch, collections};
use store::{Leaves, LedgerAuthor, Objects, Recovering, StoreError, Upkeep};

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

/// Has the writer busy until it is told to go on: what comes in between waits, and is gathered behind that.
fn busy(store: &SqliteStore) -> (impl Future<Output = ()>, Receiver<()>, Sender<()>) {
    let ((hold, held), (tell, begun)) = (channel::<()>(), channel());
    let slow = store::exchanged(store, 1, move |_| {
        tell.send(()).unwrap();
        held.recv().unwrap();
        Ok(())
    });
    let slow = async {
        let ended: Result<(), StoreError> = slow.await;
        ended.unwrap();
    };
    (slow, begun, hold)
}

/// Objects that come into the same commit as a recovery, before it, are not signed; the recovery begins all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_begins_though_the_group_it_began_in_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let store =
        SqliteStore::open(directory.path(), Arc::new(FixedClock::at(START)), &SeededRng::new(3)).unwrap();
    store.keep_ledger(author()).await.unwrap();
    let c = collections(&*store, 1).await[0];
    let samples: Vec<Sample> = (0..10).map(|number| Sample::indicator(number, 1)).collect();
    add(&*store, c, &samples).await;
    let (slow, begun, hold) = busy(&store);
    let late = async {
        // The writer is busy: what comes now is one group.
        tokio::task::block_in_place(|| begun.recv().unwrap());
        let recovery = Recovery {
            from: 11,
            since: START,
            stage: Stage::TakingBack,
            peers: BTreeMap::new(),
            without: BTreeSet::new(),
        };
        let effects = vec![Effect::Life(9), Effect::Recovery(Some(recovery))];
        let adds = store.add(batch(c, &[Sample::indicator(20, 1)]));
        let begins = store::exchanged(&*store, 1, move |desk| desk.apply(effects));
        let lets_go = async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            hold.send(()).unwrap();
        };
        tokio::join!(biased; adds, begins, lets_go)
    };
    let ((), (adds, begins, ())) = tokio::join!(slow, late);
    assert!(matches!(adds, Err(StoreError::Recovering)), "{adds:?}");
    assert!(matches!(begins, Err(StoreError::Recovering)), "{begins:?}");
    assert_eq!(store.recovery(), Recovering::Yes);
    assert_eq!(store.leaf_count().await.unwrap(), 10);
    let own = store::looked(&*store, author().member, |rows| Ok(rows.own().unwrap())).await.unwrap();
    assert_eq!((own.next, own.life, own.recovery.unwrap().from), (10, 9, 10));
    // Nothing more is signed.
    let again = store.add(batch(c, &[Sample::indicator(21, 1)])).await;
    assert!(matches!(again, Err(StoreError::Recovering)), "{again:?}");
}

/// A member's key may be replaced while objects come in: their leaves stand in tiles before the ledger is taken up again.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_taken_up_again_while_objects_come_in() {
    let directory = tempfile::tempdir().unwrap();
    let store =
        SqliteStore::open(directory.path(), Arc::new(FixedClock::at(START)), &SeededRng::new(3)).unwrap();
    store.keep_ledger(author()).await.unwrap();
    let c = collections(&*store, 1).await[0];
    let (slow, begun, hold) = busy(&store);
    let after = async {
        begun.recv().unwrap();
        // All three wait for the slow one, in this order.
        let samples: Vec<Sample> = (0..10).map(|number| Sample::indicator(number, 1)).collect();
        let more: Vec<Sample> = (10..15).map(|number| Sample::indicator(number, 1)).collect();
        let first = add(&*store, c, &samples);
        let kept = store.keep_ledger(author());
        let last = add(&*store, c, &more);
        let freed = async {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            hold.send(()).unwrap();
        };
        let (_, kept, _, ()) = tokio::join!(first, kept, last, freed);
        kept
    };
    let ((), kept) = tokio::join!(slow, after);
    kept.unwrap();
    assert_eq!(store.leaf_count().await.unwrap(), 15);
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
}
