//! Tests of the messages: read back, bounded, and nothing counts that is not signed by whom it names.

use base::SeededRng;
use base::signing::SigningKey;
use ledger::checkpoint::{Checkpoint, Origin};
use ledger::note::{KeyKind, Note, NoteKey};
use ledger::proof::TreeHead;
use proptest::prelude::*;

use super::*;
use crate::seal::{Route, SealingSecret};

#[test]
fn batches_are_read_back_and_bounded() {
    let rng = SeededRng::new(1);
    let key = SealingSecret::generate(&rng).public();
    let seal = |n: usize| Sealed::seal(&rng, &key, Route([0; 16]), &[n as u8]).unwrap();
    let batch: Vec<Sealed> = (0..3).map(seal).collect();
    assert_eq!(batch_from(&batch_to(&batch)).unwrap(), batch);
    assert_eq!(batch_from(&batch_to(&[])).unwrap(), []);
    let full = vec![batch[0].clone(); BATCH_ENVELOPES_MAX];
    assert_eq!(batch_from(&batch_to(&full)).unwrap().len(), BATCH_ENVELOPES_MAX);
    let over = vec![batch[0].clone(); BATCH_ENVELOPES_MAX + 1];
    let error = batch_from(&batch_to(&over)).unwrap_err();
    assert_eq!(error, WireError::Frame(FrameError::TooMany(BATCH_ENVELOPES_MAX)));
    let large = vec![0; BATCH_BYTES_MAX + 1];
    assert_eq!(batch_from(&large), Err(WireError::TooLarge(BATCH_BYTES_MAX + 1)));
    assert!(matches!(batch_from(b"CRB1\0\x01\0\0\0\x01\x09"), Err(WireError::Seal(_))));
}

#[test]
fn an_acknowledgement_counts_only_for_whom_and_from_whom_it_is() {
    let rng = SeededRng::new(2);
    let (signer, other) = (SigningKey::generate(&rng), SigningKey::generate(&rng));
    let me = KeyId::from_bytes([1; 32]);
    let line = AckRefusal { lane: 1, place: 4, rule: "handling/audience".to_owned() };
    let ack = Ack {
        heads: std::collections::BTreeMap::from([(KeyId::from_bytes([3; 32]), 7)]),
        from: signer.public_key().id(),
        to: me,
        life: Some(7),
        cursors: [3, 9],
        refused: vec![line.clone()],
        back: None,
    };
    let keys = |member: &KeyId| {
        if *member == signer.public_key().id() { vec![signer.public_key()] } else { vec![] }
    };
    assert_eq!(Ack::open(&ack.sign(&signer), &me, keys), Ok(ack.clone()));
    assert_eq!(Ack::open(&ack.sign(&other), &me, keys), Err(WireError::Signature));
    let for_another = KeyId::from_bytes([2; 32]);
    assert_eq!(Ack::open(&ack.sign(&signer), &for_another, keys), Err(WireError::OtherRecipient));
    let most = Ack { refused: vec![line.clone(); ACK_REFUSALS_MAX], ..ack.clone() };
    assert!(Ack::open(&most.sign(&signer), &me, keys).is_ok());
    let over = Ack { refused: vec![line; ACK_REFUSALS_MAX + 1], ..ack };
    assert_eq!(Ack::open(&over.sign(&signer), &me, keys), Err(WireError::Part("number of refusals")));
}

fn note(signer: &SigningKey) -> SignedCheckpoint {
    let origin = Origin::of_member(&signer.public_key().id());
    let head = TreeHead { size: 1, root: TreeHash::leaf(b"x") };
    let text = Checkpoint { origin: origin.clone(), head, extensions: vec![] }.to_string();
    let note = Note::sign(text, origin.key_name().clone(), signer).unwrap();
    SignedCheckpoint::from_note(note).unwrap()
}

#[test]
fn heads_cosignatures_and_registry_pages_are_read_back() {
    let signer = SigningKey::generate(&SeededRng::new(3));
    let update = HeadUpdate {
        origin: signer.public_key().id(),
        note: note(&signer),
        old: 0,
        prefix: vec![TreeHash::leaf(b"p")],
        leaves: vec![TreeHash::leaf(b"x")],
        rest: Vec::new(),
    };
    assert!(!update.is_part());
    let part = HeadUpdate { leaves: Vec::new(), rest: vec![TreeHash::leaf(b"r")], ..update.clone() };
    assert!(part.is_part());
    assert_eq!(HeadUpdate::from_bytes(&HeadUpdate::to_bytes(std::slice::from_ref(&part))), Ok(vec![part]));
    let bytes = HeadUpdate::to_bytes(&[update.clone(), update.clone()]);
    assert_eq!(HeadUpdate::from_bytes(&bytes).unwrap(), [update.clone(), update.clone()]);
    let over = HeadUpdate { leaves: vec![TreeHash::leaf(b"x"); HEAD_LEAVES_MAX + 1], ..update };
    assert_eq!(HeadUpdate::from_bytes(&HeadUpdate::to_bytes(&[over])), Err(WireError::Part("leaves")));
    let key = NoteKey::new(
        Origin::of_member(&signer.public_key().id()).key_name().clone(),
        KeyKind::Cosignature,
        signer.public_key(),
    );
    let line = NoteSignature::new(&key, vec![0; 72]);
    let cosigned = Cosigned { witness: signer.public_key().id(), size: 4, line };
    assert_eq!(Cosigned::from_bytes(&cosigned.to_bytes()), Ok(cosigned));
    let page = RegistryPage { entries: vec![b"one".to_vec(); REGISTRY_PAGE_MAX], more: true };
    assert_eq!(RegistryPage::from_bytes(&page.to_bytes()), Ok(page));
    let over = RegistryPage { entries: vec![b"one".to_vec(); REGISTRY_PAGE_MAX + 1], more: false };
    assert_eq!(RegistryPage::from_bytes(&over.to_bytes()), Err(WireError::Part("number of entries")));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0usize..5) {
        let magic: [&[u8]; 5] = [b"CRB1", b"CRHS", b"CRW1", b"CRR1", b""];
        let message = [magic[kind], &bytes].concat();
        // Whatever is read is written back to something that reads the same.
        if let Ok(batch) = batch_from(&message) {
            prop_assert_eq!(batch_from(&batch_to(&batch)).unwrap(), batch);
        }
        if let Ok(heads) = HeadUpdate::from_bytes(&message) {
            prop_assert_eq!(HeadUpdate::from_bytes(&HeadUpdate::to_bytes(&heads)).unwrap(), heads);
        }
        if let Ok(page) = RegistryPage::from_bytes(&message) {
            prop_assert_eq!(RegistryPage::from_bytes(&page.to_bytes()).unwrap(), page);
        }
        if let Ok(line) = Cosigned::from_bytes(&message) {
            prop_assert_eq!(Cosigned::from_bytes(&line.to_bytes()).unwrap(), line);
        }
    }
}
