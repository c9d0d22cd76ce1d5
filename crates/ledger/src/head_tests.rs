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
