//! Evidence: a fork is proven to a stranger, and an honest ledger cannot be accused.

use base::SeededRng;
use base::signing::{Signer, SigningKey};
use proptest::prelude::*;

use super::*;
use crate::head::HeadKeeper;
use crate::naive;

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&SeededRng::new(seed))
}

/// Leaves of which those from `from` on differ from branch to branch.
fn leaves(count: usize, from: usize, branch: u8) -> Vec<TreeHash> {
    (0..count).map(|leaf| TreeHash::leaf(&[leaf as u8, if leaf < from { 0 } else { branch }])).collect()
}

fn signed(signer: &SigningKey, leaves: &[TreeHash]) -> (NoteKey, SignedCheckpoint) {
    let mut keeper = HeadKeeper::new(Origin::of_member(&signer.public_key().id()), signer);
    let head = TreeHead { size: leaves.len() as u64, root: naive::root(leaves) };
    (keeper.key().clone(), keeper.sign(head, &[], signer).unwrap())
}

/// What [`crate::proof::prefix`] makes of the larger tree.
fn prefix(leaves: &[TreeHash], old: usize) -> Vec<TreeHash> {
    let mut proof = naive::consistency(leaves, old);
    if old.is_power_of_two() && old < leaves.len() {
        proof.insert(0, naive::root(&leaves[..old]));
    }
    proof
}

#[test]
fn a_fork_is_proven_from_the_file_alone() {
    let ledger = key(1);
    for (small, large) in [(3, 9), (4, 9), (8, 9), (9, 9), (1, 2)] {
        let (one, other) = (leaves(small, 0, 1), leaves(large, 0, 2));
        let (note_key, first) = signed(&ledger, &one);
        let (_, second) = signed(&ledger, &other);
        let proof = prefix(&other, small);
        let swapped = Evidence::new(note_key.clone(), second.clone(), first.clone(), proof.clone());
        assert_eq!(swapped.unwrap().verify().unwrap().origin.member(), Some(ledger.public_key().id()));
        let evidence = Evidence::new(note_key.clone(), first, second, proof).unwrap();
        let read = Evidence::parse(evidence.to_json().as_bytes()).unwrap();
        assert_eq!(read, evidence);
        let split = read.verify().unwrap();
        assert_eq!(split.origin.member(), Some(ledger.public_key().id()));
        assert_eq!(split.claimed.root, naive::root(&one));
        assert_eq!(split.proven, naive::root(&other[..small]));
        assert_eq!(split.key, note_key);
    }
}

#[test]
fn false_evidence_is_refused() {
    let ledger = key(1);
    let (one, other) = (leaves(3, 0, 1), leaves(9, 0, 2));
    let (note_key, first) = signed(&ledger, &one);
    let (_, second) = signed(&ledger, &other);
    let proof = prefix(&other, 3);
    let make = |key: &NoteKey, first: &SignedCheckpoint, second: &SignedCheckpoint, proof: &[TreeHash]| {
        Evidence::new(key.clone(), first.clone(), second.clone(), proof.to_vec())
    };
    // A head by someone else, under the same name or under their own.
    let (stranger_key, stranger) = signed(&key(2), &one);
    assert!(matches!(make(&note_key, &stranger, &second, &proof), Err(EvidenceError::Head { .. })));
    assert!(matches!(make(&stranger_key, &first, &second, &proof), Err(EvidenceError::Head { .. })));
    // A proof of another tree, cut, lengthened, or of the smaller head's own branch.
    let own = prefix(&leaves(9, 0, 1), 3);
    assert!(matches!(
        make(&note_key, &first, &second, &own),
        Err(EvidenceError::Proof(ProofError::OtherRoot))
    ));
    assert!(matches!(make(&note_key, &first, &second, &proof[1..]), Err(EvidenceError::Proof(_))));
    assert!(matches!(make(&note_key, &first, &second, &[]), Err(EvidenceError::Proof(_))));
    let mut changed = proof.clone();
    changed[0] = TreeHash::empty();
    assert!(matches!(make(&note_key, &first, &second, &changed), Err(EvidenceError::Proof(_))));
    assert!(matches!(make(&note_key, &second, &second, &proof), Err(EvidenceError::Proof(_))));
    assert_eq!(make(&note_key, &second, &second, &[]), Err(EvidenceError::Consistent));
    let (_, none) = signed(&ledger, &[]);
    assert_eq!(make(&note_key, &none, &second, &[]), Err(EvidenceError::Consistent));
}

#[test]
fn what_is_no_evidence_is_refused() {
    let ledger = key(1);
    let (note_key, first) = signed(&ledger, &leaves(2, 0, 1));
    let (_, second) = signed(&ledger, &leaves(2, 0, 2));
    let good = Evidence::new(note_key, first, second, Vec::new()).unwrap().to_json();
    let mut large = good.clone().into_bytes();
    large.resize(EVIDENCE_BYTES_MAX, b' ');
    assert!(Evidence::parse(&large).is_ok());
    large.push(b' ');
    assert_eq!(Evidence::parse(&large), Err(EvidenceError::Form));
    for bad in
        ["", "{}", "[]", &good.replace(FORMAT, "other"), &good.replace("\"prefix\":[]", "\"prefix\":[\"x\"]")]
    {
        assert_eq!(Evidence::parse(bad.as_bytes()), Err(EvidenceError::Form), "{bad}");
    }
    let many = vec![TreeHash::empty().to_string(); PROOF_HASHES_MAX + 2];
    let many =
        good.replace("\"prefix\":[]", &format!("\"prefix\":{}", serde_json::to_string(&many).unwrap()));
    assert_eq!(Evidence::parse(many.as_bytes()), Err(EvidenceError::Form));
    let keyless = good.replacen("\"key\":\"cresset/", "\"key\":\"+", 1);
    assert!(matches!(Evidence::parse(keyless.as_bytes()), Err(EvidenceError::Key(_))));
    let headless = good.replacen("\\n2\\n", "\\nx\\n", 1);
    assert!(matches!(Evidence::parse(headless.as_bytes()), Err(EvidenceError::Head { which: "first", .. })));
}

proptest! {
    /// Two heads prove a fork exactly when the leaves differ within the smaller one.
    #[test]
    fn honest_ledgers_cannot_be_accused(small in 1usize..40, more in 0usize..40, from in 0usize..50) {
        let ledger = key(1);
        let large = small + more;
        let (one, other) = (leaves(small, from, 1), leaves(large, from, 2));
        let (note_key, first) = signed(&ledger, &one);
        let (_, second) = signed(&ledger, &other);
        let made = Evidence::new(note_key, first, second, prefix(&other, small));
        if from >= small {
            prop_assert_eq!(made, Err(EvidenceError::Consistent));
        } else {
            prop_assert!(made.is_ok());
        }
    }
}
