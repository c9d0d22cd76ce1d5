//! The ledger: a leaf for every object that came in, heads that only grow, tiles and proofs that hold.

use std::sync::Arc;

use base::SeededRng;
use base::signing::{PublicKey, Signer, SigningKey};
use ledger::act::{Act, ActKind};
use ledger::checkpoint::{Origin, SignedCheckpoint};
use ledger::note::{KeyKind, NoteKey};
use ledger::proof::{TreeHead, verify_consistency, verify_inclusion};

use super::Site;
use super::sample::{Sample, add, batch, collections, how, writer};
use crate::{Batch, LedgerAuthor, Store, StoreError};

fn signing_key(seed: u64) -> SigningKey {
    SigningKey::generate(&SeededRng::new(seed))
}

fn author(key: &SigningKey, member: &PublicKey, earlier: Vec<PublicKey>) -> LedgerAuthor {
    LedgerAuthor {
        member: member.id(),
        community: "lab".into(),
        signer: Arc::new(key.clone()),
        earlier,
        rng: Arc::new(SeededRng::new(9)),
    }
}

async fn keep(store: &dyn Store, key: &SigningKey) {
    store.keep_ledger(author(key, &key.public_key(), Vec::new())).await.unwrap();
}

/// The head, after checking who signed it.
async fn head(store: &dyn Store, key: &SigningKey) -> TreeHead {
    let note = store.ledger_head().await.unwrap().unwrap();
    let origin = Origin::of_member(&key.public_key().id());
    let known = NoteKey::new(origin.key_name().clone(), KeyKind::Ed25519, key.public_key());
    SignedCheckpoint::parse(note.as_bytes()).unwrap().verify(&origin, &[known]).unwrap()
}

/// Every object that is stored leaves one leaf, and what is known or refused leaves none; each is proven by the head.
pub async fn every_object_leaves_a_leaf(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    add(&*store, c[0], &[Sample::indicator(1, 1)]).await;
    assert_eq!((store.leaf_count().await.unwrap(), store.ledger_head().await.unwrap()), (0, None));
    let key = signing_key(1);
    keep(&*store, &key).await;
    assert_eq!(head(&*store, &key).await.size, 0);

    let samples = [Sample::indicator(2, 1), Sample::observable(3), Sample::indicator(2, 2)];
    add(&*store, c[0], &samples).await;
    assert_eq!(head(&*store, &key).await.size, 3);
    assert_eq!(how(&*store, c[0], &Sample::indicator(2, 2)).await, "known");
    assert_eq!(head(&*store, &key).await.size, 3);
    let tree = head(&*store, &key).await;
    for (sequence, sample) in (0..).zip(&samples) {
        let proven = store.proven_leaf(sequence).await.unwrap();
        let act = Act::parse(&proven.leaf.header).unwrap();
        let header = act.header();
        assert_eq!((&header.kind, header.sequence), (&ActKind::Received, sequence));
        assert_eq!(header.author, key.public_key().id());
        assert_eq!(header.object.as_ref().unwrap().id, sample.entry().facts.id.as_str());
        assert_eq!(header.payload, proven.leaf.salt.map(|salt| salt.commit(&sample.entry().bytes)));
        verify_inclusion(act.leaf(), sequence, tree.size, &proven.hashes, tree.root).unwrap();
    }
    let about = samples[0].entry().facts.id.as_str().to_owned();
    let rows = store.leaves_about(&about, None, 9).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(store.leaves_about(&about, Some(0), 9).await.unwrap(), rows[1..]);
    assert_eq!(store.leaves_about(&about, None, 1).await.unwrap(), rows[..1]);
    let nobody = Sample::indicator(77, 1).entry().facts.id.as_str().to_owned();
    assert_eq!(store.leaves_about(&nobody, None, 9).await.unwrap(), []);
    let places = async |before, limit| {
        let rows = store.leaves_before(before, limit).await.unwrap();
        rows.iter().map(|row| row.sequence).collect::<Vec<_>>()
    };
    assert_eq!(places(None, 9).await, [2, 1, 0]);
    assert_eq!((places(Some(2), 1).await, places(Some(0), 9).await), (vec![1], vec![]));
    let beyond = store.proven_leaf(3).await;
    assert!(matches!(beyond, Err(StoreError::NotFound { .. })));
    assert!(matches!(store.proven_leaf(u64::MAX).await, Err(StoreError::NotFound { .. })));
}

/// Across commits and restarts each head continues the one before, and nobody else can go on with the ledger.
pub async fn heads_only_grow(site: Site) {
    let key = signing_key(1);
    let mut last = TreeHead { size: 0, root: ledger::TreeHash::empty() };
    let mut number = 0;
    for round in 0..4_u32 {
        let store = site.open();
        let c = if round == 0 { collections(&*store, 1).await[0] } else { handling::CollectionNo(1) };
        keep(&*store, &key).await;
        assert_eq!(head(&*store, &key).await, last);
        for many in [1_u32, 90, 1] {
            let samples: Vec<Sample> =
                (0..many).map(|at| Sample::indicator(number + u64::from(at), 1)).collect();
            number += u64::from(many);
            add(&*store, c, &samples).await;
            let next = head(&*store, &key).await;
            assert_eq!(next.size, number);
            let proof = store.ledger_consistency(last.size, next.size).await.unwrap();
            verify_consistency(last, next, &proof).unwrap();
            last = next;
        }
        assert!(matches!(store.ledger_consistency(0, number + 1).await, Err(StoreError::NotFound { .. })));
        assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
    }
    let store = site.open();
    let stranger = signing_key(2);
    let refused = store.keep_ledger(author(&stranger, &stranger.public_key(), Vec::new())).await;
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    let unknown = store.keep_ledger(author(&stranger, &key.public_key(), Vec::new())).await;
    assert!(matches!(unknown, Err(StoreError::Damaged(_))), "{unknown:?}");
    // The same member with a new key, who names the old one.
    store.keep_ledger(author(&stranger, &key.public_key(), vec![key.public_key()])).await.unwrap();
    add(&*store, handling::CollectionNo(1), &[Sample::indicator(number, 1)]).await;
    let note = store.ledger_head().await.unwrap().unwrap();
    let next = SignedCheckpoint::parse(note.as_bytes()).unwrap().head();
    let proof = store.ledger_consistency(last.size, next.size).await.unwrap();
    verify_consistency(last, next, &proof).unwrap();
}

/// What is not stored leaves no leaf, whatever is committed beside it.
pub async fn what_fails_leaves_no_leaf(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let key = signing_key(1);
    keep(&*store, &key).await;
    let missing = handling::CollectionNo(99);
    for round in 0..5 {
        let nowhere = Batch { writer: writer(1, missing), ..batch(missing, &[Sample::indicator(500, 1)]) };
        let one = [Sample::indicator(round, 1)];
        let (failed, stored) = super::both(store.add(nowhere), add(&*store, c[0], &one)).await;
        assert!(matches!(failed, Err(StoreError::NotFound { .. })));
        assert_eq!(stored.len(), 1);
        assert_eq!(head(&*store, &key).await.size, round + 1);
    }
    assert_eq!(store.leaf_count().await.unwrap(), 5);
    assert!(store.check(true).await.unwrap().iter().all(|check| check.ok));
}

/// Tiles have the width that is asked for and hold the leaves; there are none beyond the tree.
pub async fn tiles_hold_the_leaves(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let key = signing_key(1);
    keep(&*store, &key).await;
    let samples: Vec<Sample> = (0..300).map(|number| Sample::indicator(number, 1)).collect();
    add(&*store, c[0], &samples).await;
    for (path, width) in
        [("tile/0/000", 256), ("tile/0/000.p/7", 7), ("tile/0/001.p/44", 44), ("tile/1/000.p/1", 1)]
    {
        let tile = store.ledger_tile(path.parse().unwrap()).await.unwrap();
        assert_eq!(tile.unwrap().hashes().len(), width, "{path}");
    }
    let first = store.ledger_tile("tile/0/000".parse().unwrap()).await.unwrap().unwrap();
    let leaf = store.proven_leaf(17).await.unwrap().leaf;
    assert_eq!(first.hashes()[17], Act::parse(&leaf.header).unwrap().leaf());
    for path in
        ["tile/0/001", "tile/0/001.p/45", "tile/0/002.p/1", "tile/1/000", "tile/63/000", "tile/entries/000"]
    {
        assert_eq!(store.ledger_tile(path.parse().unwrap()).await.unwrap(), None, "{path}");
    }
}
