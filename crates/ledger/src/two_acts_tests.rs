//! Two acts for one place: proven from the file alone, and an honest ledger cannot be accused.

use std::collections::BTreeMap;

use base::signing::{Signer, SigningKey};
use base::{Micros, SeededRng};

use super::*;
use crate::act::{ActKind, Header};
use crate::head::HeadKeeper;
use crate::naive;
use crate::proof::TreeHead;

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&SeededRng::new(seed))
}

struct Registry(BTreeMap<KeyId, Vec<PublicKey>>);

impl MemberKeys for Registry {
    fn keys_of(&self, member: &KeyId) -> Option<Vec<PublicKey>> {
        self.0.get(member).cloned()
    }

    fn members(&self) -> Vec<KeyId> {
        self.0.keys().copied().collect()
    }
}

fn act(author: KeyId, sequence: u64, at: i64) -> Act {
    let header = Header {
        suite: base::signing::Suite::Ed25519,
        kind: ActKind::Released,
        author,
        sequence,
        at: Micros(at),
        community: "lab".into(),
        object: None,
        handling: None,
        payload: None,
        addressees: None,
    };
    header.seal().unwrap()
}

/// What a ledger of five acts has at a place, under its head.
fn in_ledger(signer: &SigningKey, at: usize, known: bool) -> Other {
    let author = signer.public_key().id();
    let acts: Vec<Act> = (0..5).map(|place| act(author, place, 0)).collect();
    let leaves: Vec<TreeHash> = acts.iter().map(Act::leaf).collect();
    let mut keeper = HeadKeeper::new(Origin::of_member(&author), signer);
    let head = keeper.sign(TreeHead { size: 5, root: naive::root(&leaves) }, &[], signer).unwrap();
    let leaf = if known { Leaf::Act(acts[at].sign(&key(9)).unwrap()) } else { Leaf::Hash(leaves[at]) };
    Other::InLedger { leaf, hashes: naive::inclusion(&leaves, at), head }
}

#[test]
fn two_acts_are_proven_from_the_file_alone() {
    let (signer, later) = (key(1), key(2));
    let (keys, author) = (vec![signer.public_key()], signer.public_key().id());
    let said = act(author, 3, 7);
    let first = Other::Signed(act(author, 3, 8).sign(&signer).unwrap());
    for (other, stands) in
        [(first, false), (in_ledger(&signer, 3, true), true), (in_ledger(&signer, 3, false), true)]
    {
        let evidence = TwoActs::new(keys.clone(), said.sign(&signer).unwrap(), other.clone()).unwrap();
        let read = TwoActs::parse(evidence.to_json().as_bytes()).unwrap();
        assert_eq!(read, evidence);
        let stories = read.verify(None).unwrap();
        assert_eq!((stories.author, stories.sequence, stories.in_ledger), (author, 3, stands));
        assert!(stories.signed == said.leaf() && stories.other != said.leaf());
        // By a registry, whatever keys the file brings: one that does not know the author, and one by which it has changed its key.
        let bare = TwoActs { keys: Vec::new(), ..read.clone() };
        assert_eq!(bare.verify(None), Err(TwoActsError::UnknownMember(author)));
        let registry = |keys: Vec<PublicKey>| Registry(BTreeMap::from([(author, keys)]));
        assert_eq!(bare.verify(Some(&registry(vec![later.public_key(), keys[0]]))), Ok(stories));
        assert_eq!(
            read.verify(Some(&registry(vec![later.public_key()]))),
            Err(TwoActsError::Unsigned(author))
        );
        let nobody = Registry(BTreeMap::new());
        assert_eq!(read.verify(Some(&nobody)), Err(TwoActsError::UnknownMember(author)));
    }
}

#[test]
fn an_honest_ledger_cannot_be_accused() {
    let (signer, thief) = (key(1), key(2));
    let (keys, author) = (vec![signer.public_key()], signer.public_key().id());
    let make = |signed: Signed, other: Other| TwoActs::new(keys.clone(), signed, other).unwrap_err();
    let signed = |sequence, at| act(author, sequence, at).sign(&signer).unwrap();
    // Its act twice, and its act beside its own leaf.
    assert_eq!(make(signed(3, 0), Other::Signed(signed(3, 0))), TwoActsError::Same);
    assert_eq!(make(signed(3, 0), in_ledger(&signer, 3, false)), TwoActsError::Same);
    // Its acts for two places, and another place of its ledger.
    assert_eq!(make(signed(3, 0), Other::Signed(signed(4, 0))), TwoActsError::OtherPlace);
    assert_eq!(make(signed(3, 0), in_ledger(&signer, 4, true)), TwoActsError::OtherPlace);
    assert!(matches!(make(signed(3, 0), in_ledger(&signer, 4, false)), TwoActsError::NotIncluded(_)));
    // What somebody else signed in its name, or has in a ledger.
    let forged = act(author, 3, 7).sign(&thief).unwrap();
    assert_eq!(make(forged.clone(), Other::Signed(signed(3, 0))), TwoActsError::Unsigned(author));
    assert_eq!(make(signed(3, 0), Other::Signed(forged.clone())), TwoActsError::Unsigned(author));
    assert_eq!(make(forged, in_ledger(&signer, 3, false)), TwoActsError::Unsigned(author));
    assert!(matches!(make(signed(3, 7), in_ledger(&thief, 3, false)), TwoActsError::Head(_)));
    // Another member that brings its own key.
    let evidence =
        TwoActs { keys: vec![thief.public_key()], act: signed(3, 7), other: in_ledger(&signer, 3, false) };
    assert_eq!(evidence.verify(None), Err(TwoActsError::UnknownMember(author)));
}

#[test]
fn what_is_no_evidence_of_two_acts_is_refused() {
    let signer = key(1);
    let keys = vec![signer.public_key()];
    let said = act(signer.public_key().id(), 3, 7).sign(&signer).unwrap();
    let good = TwoActs::new(keys, said, in_ledger(&signer, 3, false)).unwrap().to_json();
    let mut large = good.clone().into_bytes();
    large.resize(EVIDENCE_BYTES_MAX, b' ');
    assert!(TwoActs::parse(&large).is_ok());
    large.push(b' ');
    assert_eq!(TwoActs::parse(&large), Err(TwoActsError::Form));
    let long = good.replacen("\"proof\":[", &format!("\"proof\":[{}", "\"00\",".repeat(64)), 1);
    for bad in
        ["", "{}", "[]", "{\"format\":\"cresset-split-view-1\"}", &good.replace("-act-1", "-act-2"), &long]
    {
        assert_eq!(TwoActs::parse(bad.as_bytes()), Err(TwoActsError::Form), "{bad}");
    }
    for at in 0..good.len() {
        assert!(TwoActs::parse(&good.as_bytes()[..at]).is_err(), "cut at {at}");
    }
}
