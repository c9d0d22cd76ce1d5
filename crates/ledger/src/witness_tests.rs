//! The witness: each status of the protocol, in the order of its checks, and that it never cosigns two branches.

use base::SeededRng;
use base::signing::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::head::HeadKeeper;
use crate::naive;
use crate::note::NoteError;

const NOW: u64 = 1_800_000_000;

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&SeededRng::new(seed))
}

fn leaves(count: usize, branch: u8) -> Vec<TreeHash> {
    (0..count).map(|leaf| TreeHash::leaf(&[leaf as u8, if leaf < 5 { 0 } else { branch }])).collect()
}

/// A head of the first `size` leaves of a branch, signed without a keeper's memory: the ledger may be dishonest.
fn signed(signer: &SigningKey, leaves: &[TreeHash]) -> SignedCheckpoint {
    let mut keeper = HeadKeeper::new(Origin::of_member(&signer.public_key().id()), signer);
    let head = TreeHead { size: leaves.len() as u64, root: naive::root(leaves) };
    keeper.sign(head, &[], signer).unwrap()
}

fn known(signer: &SigningKey, last: Option<SignedCheckpoint>) -> Witnessed {
    let keeper = HeadKeeper::new(Origin::of_member(&signer.public_key().id()), signer);
    Witnessed { keys: vec![keeper.key().clone()], last }
}

fn request(signer: &SigningKey, old: usize, leaves: &[TreeHash]) -> AddCheckpoint {
    let proof = if old <= leaves.len() { naive::consistency(leaves, old) } else { Vec::new() };
    AddCheckpoint { old: old as u64, proof, checkpoint: signed(signer, leaves) }
}

fn decide(request: &AddCheckpoint, known: Option<Witnessed>) -> Verdict {
    let signer = key(9);
    let witness = Witness::new("w.example/1".parse().unwrap(), &signer);
    witness.decide(request.to_body().as_bytes(), |_| known, NOW)
}

#[test]
fn a_continuation_is_cosigned() {
    let ledger = key(1);
    let all = leaves(12, 0);
    let verdict = decide(&request(&ledger, 0, &all[..7]), Some(known(&ledger, None)));
    let Verdict::Cosigned { checkpoint, line } = &verdict else { panic!("{verdict:?}") };
    assert_eq!((verdict.status(), verdict.body()), (200, format!("{line}\n")));
    let signer = key(9);
    let witness = Witness::new("w.example/1".parse().unwrap(), &signer);
    let cosignatures = checkpoint.cosignatures(std::slice::from_ref(witness.key())).unwrap();
    assert_eq!(cosignatures[0].at_seconds, NOW);
    // The line in the reply, put below the checkpoint that was sent, is the same.
    let mut own = signed(&ledger, &all[..7]);
    own.attach(witness.key(), NoteSignature::parse(verdict.body().trim_end()).unwrap()).unwrap();
    assert_eq!(own, **checkpoint);
    let next = decide(&request(&ledger, 7, &all), Some(known(&ledger, Some((**checkpoint).clone()))));
    assert_eq!(next.status(), 200);
    let again = decide(&request(&ledger, 12, &all), Some(known(&ledger, Some(signed(&ledger, &all)))));
    assert_eq!(again.status(), 200);
}

#[test]
fn every_refusal_has_its_status() {
    let ledger = key(1);
    let all = leaves(12, 0);
    let branch = leaves(12, 1);
    let last = || Some(known(&ledger, Some(signed(&ledger, &all[..7]))));
    let status = |request: &AddCheckpoint, known| decide(request, known).status();

    assert_eq!(status(&request(&ledger, 7, &all), None), 404);
    let stranger = AddCheckpoint { checkpoint: signed(&ledger, &all), ..request(&ledger, 7, &all) };
    assert_eq!(status(&stranger, Some(known(&key(2), None))), 403);
    assert_eq!(status(&request(&ledger, 13, &all), last()), 400);

    let stale = decide(&request(&ledger, 6, &all), last());
    assert_eq!((stale.status(), stale.body(), stale.content_type()), (409, "7\n".into(), "text/x.tlog.size"));
    let first = decide(&request(&ledger, 3, &all), Some(known(&ledger, None)));
    assert_eq!((first.status(), first.body()), (409, "0\n".into()));
    let smaller = decide(&request(&ledger, 6, &all[..6]), last());
    assert_eq!((smaller.status(), smaller.body()), (409, "7\n".into()));

    let forked = decide(&request(&ledger, 7, &branch[..7]), last());
    assert_eq!(forked, Verdict::Conflict { size: 7, forked: true });
    let forked_unaware = decide(&request(&ledger, 0, &branch[..7]), last());
    assert_eq!(forked_unaware, Verdict::Conflict { size: 7, forked: true });

    assert_eq!(status(&request(&ledger, 7, &branch), last()), 422);
    let without = AddCheckpoint { proof: Vec::new(), ..request(&ledger, 7, &all) };
    assert_eq!(status(&without, last()), 422);
    let too_much = AddCheckpoint { proof: vec![TreeHash::empty()], ..request(&ledger, 0, &all) };
    assert_eq!(status(&too_much, Some(known(&ledger, None))), 422);
}

#[test]
fn what_is_no_request_is_malformed() {
    let ledger = key(1);
    let good = request(&ledger, 7, &leaves(12, 0)).to_body();
    assert_eq!(AddCheckpoint::parse(good.as_bytes()).unwrap().to_body(), good);
    let hash = TreeHash::empty();
    let lines =
        |count: usize| good.replacen("old 7\n", &format!("old 7\n{}", format!("{hash}\n").repeat(count)), 1);
    let present = good.lines().take_while(|line| !line.is_empty()).count() - 1;
    assert!(AddCheckpoint::parse(lines(63 - present).as_bytes()).is_ok());
    let cases = [
        (String::new(), RequestError::Form),
        ("old 7\n".into(), RequestError::Form),
        (good.replace("old 7", "old 07"), RequestError::Old),
        (good.replace("old 7", "old  7"), RequestError::Old),
        (good.replace("old 7", "7"), RequestError::Old),
        (good.replace("old 7\n", ""), RequestError::Old),
        (good.replace("old 7\n", "old 7\nx\n"), RequestError::Hash(1)),
        (lines(64 - present), RequestError::TooMany),
    ];
    for (body, error) in cases {
        assert_eq!(AddCheckpoint::parse(body.as_bytes()), Err(error), "{body:?}");
    }
    let unsigned =
        good.split_inclusive('\n').filter(|line| !line.starts_with('\u{2014}')).collect::<String>();
    let error = RequestError::Checkpoint(CheckpointError::Note(NoteError::NoSignatures));
    assert_eq!(AddCheckpoint::parse(unsigned.as_bytes()), Err(error));
    let signer = key(9);
    let witness = Witness::new("w".parse().unwrap(), &signer);
    assert_eq!(witness.decide(b"\xff", |_| None, NOW).status(), 400);
}

proptest! {
    /// However a ledger asks, with either of two branches, what was cosigned is one growing tree.
    #[test]
    fn two_branches_are_never_cosigned(asks in proptest::collection::vec((0usize..14, 0usize..14, 0u8..2), 1..40)) {
        let ledger = key(1);
        let signer = key(9);
        let witness = Witness::new("w".parse().unwrap(), &signer);
        let mut last: Option<SignedCheckpoint> = None;
        let mut seen = vec![TreeHead { size: 0, root: TreeHash::empty() }];
        for (old, size, branch) in asks {
            let leaves = leaves(size, branch);
            let ask = request(&ledger, old, &leaves);
            let state = known(&ledger, last.clone());
            if let Verdict::Cosigned { checkpoint, .. } = witness.decide(ask.to_body().as_bytes(), |_| Some(state), NOW) {
                let before = *seen.last().unwrap();
                prop_assert!(before.size <= checkpoint.head().size);
                let proof = naive::consistency(&leaves, usize::try_from(before.size).unwrap());
                prop_assert_eq!(verify_consistency(before, checkpoint.head(), &proof), Ok(()));
                seen.push(checkpoint.head());
                last = Some(*checkpoint);
            }
        }
    }
}
