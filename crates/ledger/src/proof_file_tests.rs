//! Proof files: what they prove, and that nothing in them can be changed.

use std::collections::BTreeMap;

use base::signing::{Signer, SigningKey, Suite};
use base::{Micros, SeededRng};

use super::*;
use crate::act::{ActKind, ActObject, Header};
use crate::commitment::Commitment;
use crate::head::HeadKeeper;
use crate::naive;
use crate::note::Note;
use crate::witness::{AddCheckpoint, Verdict, Witness, Witnessed};

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&SeededRng::new(seed))
}

/// A registry in memory.
struct Registry(BTreeMap<KeyId, Vec<PublicKey>>);

impl Registry {
    fn of(signers: &[&SigningKey]) -> Self {
        let keys = signers.iter().map(|signer| signer.public_key());
        Self(keys.map(|key| (key.id(), vec![key])).collect())
    }
}

impl MemberKeys for Registry {
    fn keys_of(&self, member: &KeyId) -> Option<Vec<PublicKey>> {
        self.0.get(member).cloned()
    }

    fn members(&self) -> Vec<KeyId> {
        self.0.keys().copied().collect()
    }
}

const PAYLOAD: &[u8] = b"{\"type\":\"indicator\"}";

fn act(author: &KeyId, sequence: u64, salt: &Salt) -> Act {
    let object = ActObject { id: "indicator--1".into(), version: None, digest: Commitment::digest(PAYLOAD) };
    let header = Header {
        suite: Suite::Ed25519,
        kind: ActKind::Released,
        author: *author,
        sequence,
        at: Micros(0),
        community: "lab".into(),
        object: Some(object),
        handling: None,
        payload: Some(salt.commit(PAYLOAD)),
        addressees: None,
    };
    header.seal().unwrap()
}

/// A proof of leaf `index` among `size`, cosigned by `witness`; the author is called `author` and signs with `signer`.
fn proof_by(signer: &SigningKey, author: KeyId, witness: &SigningKey, place: (u64, u64)) -> ProofFile {
    let (index, size) = place;
    let salt = Salt::from_bytes([9; 32]);
    let leaves: Vec<TreeHash> = (0..size).map(|at| act(&author, at, &salt).leaf()).collect();
    let mut keeper = HeadKeeper::new(Origin::of_member(&author), signer);
    let head = TreeHead { size, root: naive::root(&leaves) };
    let checkpoint = keeper.sign(head, &[], signer).unwrap();
    let request = AddCheckpoint { old: 0, proof: Vec::new(), checkpoint };
    let known = Witnessed { keys: vec![keeper.key().clone()], last: None };
    let name = Origin::of_member(&witness.public_key().id());
    let by = Witness::new(name.key_name().clone(), witness);
    let verdict = by.decide(request.to_body().as_bytes(), |_| Some(known), 1_700_000_000);
    let Verdict::Cosigned { checkpoint, .. } = verdict else { panic!("{verdict:?}") };
    ProofFile {
        act: act(&author, index, &salt).sign(signer).unwrap(),
        key: signer.public_key(),
        payload: Some((salt, PAYLOAD.to_vec())),
        index,
        hashes: naive::inclusion(&leaves, usize::try_from(index).unwrap()),
        checkpoint: *checkpoint,
    }
}

fn proof(signer: &SigningKey, witness: &SigningKey) -> ProofFile {
    proof_by(signer, signer.public_key().id(), witness, (5, 11))
}

#[test]
fn a_proof_is_read_back_and_holds() {
    let (signer, witness) = (key(1), key(2));
    let registry = Registry::of(&[&signer, &witness, &key(3)]);
    let file = proof(&signer, &witness);
    let text = file.to_text();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{text}");
    let read = ProofFile::parse(text.as_bytes()).unwrap();
    assert_eq!(read, file);
    assert_eq!(read.to_text(), text);
    let proven = read.verify(Some(&registry)).unwrap();
    assert_eq!(proven.payload.as_deref(), Some(PAYLOAD));
    assert_eq!(proven.head.size, 11);
    assert_eq!(proven.act.header().sequence, 5);
    assert_eq!(proven.cosignatures.len(), 1);
    assert_eq!(proven.cosignatures[0].at_seconds, 1_700_000_000);
    // Without a registry the author is the key it is called by, and the witness is nobody.
    assert_eq!(read.verify(None).unwrap().cosignatures, []);
}

#[test]
fn after_erasure_the_proof_still_holds() {
    let (signer, witness) = (key(1), key(2));
    let file = ProofFile { payload: None, ..proof(&signer, &witness) };
    let read = ProofFile::parse(file.to_text().as_bytes()).unwrap();
    assert_eq!(read.verify(Some(&Registry::of(&[&signer]))).unwrap().payload, None);
}

#[test]
fn every_part_is_checked() {
    let (signer, witness, stranger) = (key(1), key(2), key(3));
    let registry = Registry::of(&[&signer, &witness]);
    let good = proof(&signer, &witness);
    let refused = |file: ProofFile| file.verify(Some(&registry)).unwrap_err();

    let salted = Some((Salt::from_bytes([8; 32]), PAYLOAD.to_vec()));
    assert_eq!(refused(ProofFile { payload: salted, ..good.clone() }), ProofFileError::OtherPayload);
    let other = Some((Salt::from_bytes([9; 32]), b"other".to_vec()));
    assert_eq!(refused(ProofFile { payload: other, ..good.clone() }), ProofFileError::OtherPayload);
    let elsewhere = ProofFile { index: 6, ..good.clone() };
    assert_eq!(refused(elsewhere), ProofFileError::OtherPlace { said: 5, index: 6 });
    let mut hashes = good.hashes.clone();
    hashes[0] = TreeHash::empty();
    let other_root = ProofFileError::NotIncluded(ProofError::OtherRoot);
    assert_eq!(refused(ProofFile { hashes, ..good.clone() }), other_root);
    let keyed = ProofFile { key: witness.public_key(), ..good.clone() };
    assert!(matches!(refused(keyed), ProofFileError::Act(_)));
    let unsigned = Signed::sign("application/json", good.act.unverified_payload().to_vec(), &signer).unwrap();
    assert!(matches!(refused(ProofFile { act: unsigned, ..good.clone() }), ProofFileError::Act(_)));

    // Another act of the same author, and the head of another ledger.
    let other_act = act(&signer.public_key().id(), 5, &Salt::from_bytes([1; 32])).sign(&signer).unwrap();
    assert_eq!(refused(ProofFile { act: other_act, payload: None, ..good.clone() }), other_root);
    let checkpoint = proof(&witness, &signer).checkpoint;
    let foreign = refused(ProofFile { checkpoint, ..good.clone() });
    assert!(matches!(foreign, ProofFileError::Checkpoint(CheckpointError::OtherOrigin { .. })));

    // A stranger is no member, and may not speak for one.
    let unknown = proof(&stranger, &witness);
    let stranger_id = stranger.public_key().id();
    assert_eq!(refused(unknown), ProofFileError::UnknownMember(stranger_id));
    let impostor = proof_by(&stranger, signer.public_key().id(), &witness, (5, 11));
    let foreign = ProofFileError::ForeignKey { key: stranger_id, member: signer.public_key().id() };
    assert_eq!(refused(impostor.clone()), foreign);
    assert_eq!(impostor.verify(None).unwrap_err(), ProofFileError::UnknownMember(signer.public_key().id()));
}

#[test]
fn a_member_that_changed_its_key_is_still_proven() {
    let (first, second, witness) = (key(1), key(2), key(3));
    let member = first.public_key().id();
    let registry = Registry(BTreeMap::from([(member, vec![first.public_key(), second.public_key()])]));
    let file = proof_by(&second, member, &witness, (0, 1));
    assert!(file.verify(Some(&registry)).is_ok());
    assert!(file.verify(Some(&Registry::of(&[&first, &second]))).is_err());
}

#[test]
fn a_false_cosignature_by_a_member_spoils_the_proof() {
    let (signer, witness) = (key(1), key(2));
    let registry = Registry::of(&[&signer, &witness]);
    let mut file = proof(&signer, &witness);
    let other = proof_by(&signer, signer.public_key().id(), &witness, (0, 3));
    let line = other.checkpoint.note().signatures().last().unwrap().clone();
    let mut note: Note = file.checkpoint.note().clone();
    note.attach(line).unwrap();
    file.checkpoint = SignedCheckpoint::from_note(note).unwrap();
    assert!(matches!(file.verify(Some(&registry)), Err(ProofFileError::Cosignature(_))));
    assert!(file.verify(Some(&Registry::of(&[&signer]))).is_ok());
}

#[test]
fn no_byte_of_a_proof_can_be_changed_unseen() {
    let (signer, witness) = (key(1), key(2));
    let registry = Registry::of(&[&signer, &witness]);
    let good = proof(&signer, &witness);
    let text = good.to_text().into_bytes();
    for at in 0..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 1;
        let Ok(read) = ProofFile::parse(&changed) else { continue };
        let Ok(proven) = read.verify(Some(&registry)) else { continue };
        // What still passes has a cosignature by a name that nobody knows, which is counted as such, and proves the same act in the same head.
        assert_eq!((proven.cosignatures.len(), proven.unknown_signatures), (0, 1), "byte {at}");
        assert_eq!(proven.act.bytes(), good.act.unverified_payload(), "byte {at}");
        assert_eq!(
            (proven.head, proven.payload.as_deref()),
            (good.checkpoint.head(), Some(PAYLOAD)),
            "byte {at}"
        );
    }
}

#[test]
fn what_is_no_proof_file_is_refused() {
    let good = proof(&key(1), &key(2)).to_text();
    let extra = good.lines().nth(1).unwrap();
    let hash = TreeHash::empty().to_string();
    let cases = [
        (String::new(), "empty line"),
        (good.replace("tlog-proof@v1", "tlog-proof@v2"), "first line"),
        (good.replace(&format!("{extra}\n"), ""), "extra line"),
        (good.replace(extra, "extra e30="), "extra line"),
        (good.replace(extra, "extra !"), "extra line"),
        (good.replace("index 5", "index 05"), "index line"),
        (good.replace("index 5\n", ""), "index line"),
        (good.replace("index 5\n", "index 5\nx\n"), "line of a hash"),
        (
            good.replace("index 5\n", &format!("index 5\n{}", format!("{hash}\n").repeat(65))),
            "number of hashes",
        ),
    ];
    for (text, what) in cases {
        assert_eq!(ProofFile::parse(text.as_bytes()), Err(ProofFileError::Form(what)), "{text}");
    }
    assert_eq!(ProofFile::parse(b"\xff"), Err(ProofFileError::Form("text")));
    let large = vec![b' '; PROOF_FILE_BYTES_MAX + 1];
    assert_eq!(ProofFile::parse(&large), Err(ProofFileError::TooLarge(PROOF_FILE_BYTES_MAX + 1)));
    let bare = good.split_once("\n\n").unwrap().0;
    assert!(matches!(
        ProofFile::parse(format!("{bare}\n\nx\n").as_bytes()),
        Err(ProofFileError::Checkpoint(_))
    ));
    let halved = ProofFile { payload: None, ..proof(&key(1), &key(2)) };
    let with_salt = serde_json::json!({"act": halved.act, "key": halved.key, "salt": "AA=="});
    let with_salt = STANDARD.encode(with_salt.to_string());
    let text = good.replace(extra, &format!("extra {with_salt}"));
    assert_eq!(ProofFile::parse(text.as_bytes()), Err(ProofFileError::Form("payload")));
}
