//! Checkpoints and cosignatures: what is read back, and everything that must be refused.

use base::SeededRng;
use base::signing::{Signer, SigningKey};

use super::*;
use crate::note::KeyKind;

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&SeededRng::new(seed))
}

fn sample(size: u64) -> (Origin, NoteKey, SignedCheckpoint) {
    let signer = key(1);
    let origin = Origin::of_member(&signer.public_key().id());
    let head = TreeHead { size, root: if size == 0 { TreeHash::empty() } else { TreeHash::leaf(b"x") } };
    let text = Checkpoint { origin: origin.clone(), head, extensions: Vec::new() }.to_string();
    let note = Note::sign(text, origin.key_name().clone(), &signer).unwrap();
    let note_key = NoteKey::new(origin.key_name().clone(), KeyKind::Ed25519, signer.public_key());
    (origin, note_key, SignedCheckpoint::from_note(note).unwrap())
}

fn cosign(checkpoint: &SignedCheckpoint, witness: &NoteKey, signer: &SigningKey, at: u64) -> NoteSignature {
    let signature = signer.sign(&cosigned_message(checkpoint.note().text(), at));
    let mut bytes = at.to_be_bytes().to_vec();
    bytes.extend_from_slice(signature.as_bytes());
    NoteSignature::new(witness, bytes)
}

#[test]
fn the_published_example_is_read_and_printed() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let lines = "\u{2014} example.com/behind-the-sofa \
        Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} witness.example.com/w1 \
        jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let note = format!("{text}\n{lines}");
    let checkpoint = SignedCheckpoint::parse(note.as_bytes()).unwrap();
    assert_eq!(checkpoint.to_string(), note);
    assert_eq!(checkpoint.checkpoint().origin.to_string(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.head().size, 20_852_163);
    assert_eq!(checkpoint.checkpoint().to_string(), text);
    // What the example's witness signed, as tlog-cosignature shows it.
    let message = cosigned_message(text, 1_679_315_147);
    assert_eq!(message, format!("cosignature/v1\ntime 1679315147\n{text}").into_bytes());
    let witness = checkpoint.note().signatures()[1].bytes();
    assert_eq!(u64::from_be_bytes(witness[..8].try_into().unwrap()), 1_679_315_147);
}

#[test]
fn a_checkpoint_holds_for_its_ledger_and_key_only() {
    let (origin, note_key, checkpoint) = sample(7);
    assert_eq!(checkpoint.verify(&origin, std::slice::from_ref(&note_key)), Ok(checkpoint.head()));
    let other = Origin::of_member(&key(2).public_key().id());
    let refused = checkpoint.verify(&other, std::slice::from_ref(&note_key));
    assert!(matches!(refused, Err(CheckpointError::OtherOrigin { .. })));
    let foreign = NoteKey::new(origin.key_name().clone(), KeyKind::Ed25519, key(2).public_key());
    assert_eq!(checkpoint.verify(&origin, &[foreign]), Err(CheckpointError::Note(NoteError::Unknown)));
    // The right key under another name is not this ledger's key.
    let misnamed = NoteKey::new(other.key_name().clone(), KeyKind::Ed25519, key(1).public_key());
    assert_eq!(checkpoint.verify(&origin, &[misnamed]), Err(CheckpointError::Note(NoteError::Unknown)));
    let grown = checkpoint.to_string().replace("\n7\n", "\n8\n");
    let grown = SignedCheckpoint::parse(grown.as_bytes()).unwrap();
    assert!(matches!(grown.verify(&origin, &[note_key]), Err(CheckpointError::Note(NoteError::Bad { .. }))));
}

#[test]
fn cosignatures_are_counted_once_a_witness() {
    let (origin, note_key, mut checkpoint) = sample(7);
    let signers = [key(2), key(3)];
    let names = signers.each_ref().map(|signer| Origin::of_member(&signer.public_key().id()));
    let keys: Vec<NoteKey> = names
        .iter()
        .zip(&signers)
        .map(|(name, signer)| {
            NoteKey::new(name.key_name().clone(), KeyKind::Cosignature, signer.public_key())
        })
        .collect();
    assert_eq!(checkpoint.cosignatures(&keys), Ok(Vec::new()));
    for at in [1_000, 2_000] {
        checkpoint.attach(&keys[0], cosign(&checkpoint, &keys[0], &signers[0], at)).unwrap();
    }
    let expected = Cosignature { witness: names[0].key_name().clone(), at_seconds: 2_000 };
    assert_eq!(checkpoint.cosignatures(&keys), Ok(vec![expected]));
    assert!(checkpoint.verify(&origin, &[note_key]).is_ok());
    let back = SignedCheckpoint::parse(checkpoint.to_string().as_bytes()).unwrap();
    assert_eq!(back, checkpoint);

    // In another's name, for another time, for another checkpoint, with a time out of range: refused.
    let good = cosign(&checkpoint, &keys[1], &signers[1], 3_000);
    assert_eq!(checkpoint.attach(&keys[0], good.clone()), Err(NoteError::Unknown));
    let mut later = good.bytes().to_vec();
    later[7] ^= 1;
    assert!(matches!(
        checkpoint.attach(&keys[1], NoteSignature::new(&keys[1], later)),
        Err(NoteError::Bad { .. })
    ));
    let (.., other) = sample(8);
    let elsewhere = cosign(&other, &keys[1], &signers[1], 3_000);
    assert!(matches!(checkpoint.attach(&keys[1], elsewhere.clone()), Err(NoteError::Bad { .. })));
    let beyond = cosign(&checkpoint, &keys[1], &signers[1], 1 << 63);
    assert!(matches!(checkpoint.attach(&keys[1], beyond), Err(NoteError::Bad { .. })));
    let short = NoteSignature::new(&keys[1], vec![1, 2, 3]);
    assert!(matches!(checkpoint.attach(&keys[1], short), Err(NoteError::Bad { .. })));

    // A false line that came with the note spoils it for whoever knows the witness, and for nobody else.
    let mut note = checkpoint.note().clone();
    note.attach(elsewhere).unwrap();
    let spoilt = SignedCheckpoint::from_note(note).unwrap();
    assert!(matches!(spoilt.cosignatures(&keys), Err(NoteError::Bad { .. })));
    assert_eq!(spoilt.cosignatures(&keys[..1]).unwrap().len(), 1);
}

#[test]
fn a_ledgers_signature_is_no_cosignature() {
    let (.., checkpoint) = sample(7);
    let signer = key(1);
    let name = checkpoint.checkpoint().origin.key_name().clone();
    let as_witness = NoteKey::new(name, KeyKind::Cosignature, signer.public_key());
    assert_eq!(checkpoint.cosignatures(&[as_witness]), Ok(Vec::new()));
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let (.., checkpoint) = sample(7);
    let good = checkpoint.checkpoint().to_string();
    let root = checkpoint.head().root.to_string();
    let empty = TreeHash::empty().to_string();
    let cases = [
        (good.replace("\n7\n", "\n07\n"), "second"),
        (good.replace("\n7\n", "\n+7\n"), "second"),
        (good.replace("\n7\n", "\n-7\n"), "second"),
        (good.replace("\n7\n", "\n\n"), "second"),
        (good.replace("\n7\n", "\n18446744073709551616\n"), "second"),
        (good.replace("\n7\n", "\n0\n"), "third"),
        (good.replace(&root, &root[..40]), "third"),
        (good.replace(&format!("{root}\n"), ""), "third"),
        (format!("{good}\nx\n"), "extension"),
        (good.trim_end().to_owned(), "last"),
    ];
    for (text, line) in cases {
        assert_eq!(Checkpoint::parse(&text), Err(CheckpointError::Line(line)), "{text:?}");
    }
    assert!(Checkpoint::parse(&good.replace("\n7\n", "\n0\n").replace(&root, &empty)).is_ok());
    assert!(Checkpoint::parse(&good.replace("\n7\n", "\n18446744073709551615\n")).is_ok());
    let extended = Checkpoint::parse(&format!("{good}one\ntwo\n")).unwrap();
    assert_eq!(extended.extensions, ["one", "two"]);
    assert_eq!(extended.to_string(), format!("{good}one\ntwo\n"));
    for name in ["", "cosignature/v1", "DSSEv1", "a b", "a+b", "a\u{a0}b"] {
        assert!(matches!(name.parse::<Origin>(), Err(CheckpointError::Origin(_))), "{name}");
    }
}

#[test]
fn a_members_ledger_is_called_by_its_id() {
    let id = key(1).public_key().id();
    let origin = Origin::of_member(&id);
    assert_eq!(origin.to_string(), format!("cresset/{id}"));
    assert_eq!(origin.member(), Some(id));
    assert_eq!(origin.to_string().parse(), Ok(origin));
    for other in ["example.com/log", "cresset/", "cresset/00"] {
        assert_eq!(other.parse::<Origin>().unwrap().member(), None, "{other}");
    }
}
