//! The keeper of heads: grows, and refuses everything else.

use base::SeededRng;
use base::signing::SigningKey;

use super::*;
use crate::hash::TreeHash;
use crate::naive;
use crate::note::NoteError;

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&SeededRng::new(seed))
}

fn leaves(count: u8) -> Vec<TreeHash> {
    (0..count).map(|leaf| TreeHash::leaf(&[leaf])).collect()
}

fn head(leaves: &[TreeHash]) -> TreeHead {
    TreeHead { size: leaves.len() as u64, root: naive::root(leaves) }
}

fn keeper(signer: &SigningKey) -> HeadKeeper {
    HeadKeeper::new(Origin::of_member(&signer.public_key().id()), signer)
}

#[test]
fn heads_grow_and_only_grow() {
    let signer = key(1);
    let mut keeper = keeper(&signer);
    let all = leaves(20);
    let first = keeper.sign(head(&all[..7]), &[], &signer).unwrap();
    assert_eq!(first.verify(keeper.origin(), &[keeper.key().clone()]), Ok(head(&all[..7])));
    let proof = naive::consistency(&all[..12], 7);
    keeper.sign(head(&all[..12]), &proof, &signer).unwrap();
    // The same head again is no harm, and is needed when a reply was lost.
    keeper.sign(head(&all[..12]), &[], &signer).unwrap();
    let smaller = keeper.sign(head(&all[..7]), &[], &signer);
    assert_eq!(smaller, Err(HeadError::Smaller { asked: 7, signed: 12 }));
    let mut forked = all.clone();
    forked[3] = TreeHash::leaf(b"other");
    for (asked, proof) in [(12, Vec::new()), (20, naive::consistency(&forked, 12)), (20, Vec::new())] {
        let refused = keeper.sign(head(&forked[..asked]), &proof, &signer);
        assert!(matches!(refused, Err(HeadError::Inconsistent { signed: 12, .. })), "{refused:?}");
    }
    assert_eq!(keeper.signed(), Some(head(&all[..12])));
    keeper.sign(head(&all), &naive::consistency(&all, 12), &signer).unwrap();
}

#[test]
fn a_keeper_goes_on_from_the_stored_head() {
    let signer = key(1);
    let all = leaves(9);
    let stored = keeper(&signer).sign(head(&all), &[], &signer).unwrap();
    let origin = keeper(&signer).origin().clone();
    let mut resumed = HeadKeeper::resume(origin.clone(), &signer, &stored, &[]).unwrap();
    assert!(matches!(resumed.sign(head(&all[..8]), &[], &signer), Err(HeadError::Smaller { .. })));

    // By another key: refused, unless that key was the member's before.
    let successor = key(2);
    let refused = HeadKeeper::resume(origin.clone(), &successor, &stored, &[]);
    let unknown = CheckpointError::Note(NoteError::Unknown);
    assert_eq!(refused.unwrap_err(), HeadError::Stored(unknown));
    let earlier = [keeper(&signer).key().clone()];
    assert_eq!(HeadKeeper::resume(origin, &successor, &stored, &earlier).unwrap().signed(), Some(head(&all)));
    let elsewhere = Origin::of_member(&successor.public_key().id());
    assert!(HeadKeeper::resume(elsewhere, &signer, &stored, &[]).is_err());
}

#[test]
fn a_restored_keeper_is_reminded_of_later_heads() {
    let signer = key(1);
    let all = leaves(9);
    let old = keeper(&signer).sign(head(&all[..4]), &[], &signer).unwrap();
    let held = keeper(&signer).sign(head(&all[..8]), &[], &signer).unwrap();
    let mut restored = HeadKeeper::resume(keeper(&signer).origin().clone(), &signer, &old, &[]).unwrap();
    restored.remind(&held, &[]).unwrap();
    restored.remind(&old, &[]).unwrap();
    let smaller = restored.sign(head(&all[..5]), &naive::consistency(&all[..5], 4), &signer);
    assert_eq!(smaller, Err(HeadError::Smaller { asked: 5, signed: 8 }));
    let mut other = all.clone();
    other[8] = TreeHash::leaf(b"made after the restore");
    restored.sign(head(&other), &naive::consistency(&other, 8), &signer).unwrap();

    // A head of the same size and another root is the sign of a fork, a head by a stranger is nothing.
    let mut forked = all.clone();
    forked[0] = TreeHash::leaf(b"other");
    let fork = keeper(&signer).sign(head(&forked), &[], &signer).unwrap();
    assert!(matches!(restored.remind(&fork, &[]), Err(HeadError::Inconsistent { .. })));
    let stranger = key(3);
    let mut false_keeper = HeadKeeper::new(restored.origin().clone(), &stranger);
    let false_head = false_keeper.sign(head(&leaves(30)), &[], &stranger).unwrap();
    assert!(matches!(restored.remind(&false_head, &[]), Err(HeadError::Stored(_))));
    assert_eq!(restored.signed(), Some(head(&other)));
}
