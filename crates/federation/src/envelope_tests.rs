//! Tests of envelopes: read back whole, refused when anything of them is not the sender's.

use std::collections::BTreeSet;

use base::SeededRng;
use base::signing::SigningKey;
use ledger::act::{Act, ActKind, Header};
use ledger::commitment::Commitment;

use super::*;

fn act(signer: &SigningKey) -> Signed {
    let header = Header {
        suite: signer.public_key().suite(),
        kind: ActKind::Other("of-tomorrow".to_owned()),
        author: signer.public_key().id(),
        sequence: 3,
        at: base::Micros(0),
        community: "c".to_owned(),
        object: None,
        handling: None,
        payload: Some(Commitment::digest(b"p")),
        addressees: None,
    };
    let act: Act = header.seal().unwrap();
    act.sign(signer).unwrap()
}

fn sample(signer: &SigningKey) -> Envelope {
    Envelope {
        from: signer.public_key().id(),
        to: KeyId::from_bytes([9; 32]),
        lane: Lane::Flash,
        place: 7,
        epoch: 2,
        act: act(signer),
        payload: Some((Salt::from_bytes([4; 32]), b"payload".to_vec())),
        proof: Proof::ToFollow,
        consents: vec![act(signer)],
        life: 5,
        unknown: vec![(12, b"of tomorrow".to_vec()), (500, vec![])],
    }
}

fn open(bytes: &[u8], key: &SigningKey) -> Result<Envelope, Rule> {
    let public = key.public_key();
    let keys = |member: &KeyId| if *member == public.id() { vec![public] } else { vec![] };
    Envelope::open(bytes, keys).map_err(|refused| refused.rule)
}

#[test]
fn an_envelope_is_read_back_with_fields_of_later_versions() {
    let signer = SigningKey::generate(&SeededRng::new(1));
    let envelope = sample(&signer);
    let bytes = envelope.sign(&signer);
    assert_eq!(open(&bytes, &signer), Ok(envelope.clone()));
    assert_eq!(open(&bytes, &signer).unwrap().sign(&signer), bytes, "unknown fields survive");
    let bare = Envelope { payload: None, consents: vec![], unknown: vec![], ..envelope };
    assert_eq!(open(&bare.sign(&signer), &signer), Ok(bare));
}

#[test]
fn any_changed_byte_is_refused() {
    let rng = SeededRng::new(2);
    let signer = SigningKey::generate(&rng);
    let bytes = sample(&signer).sign(&signer);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(open(&changed, &signer).is_err(), "byte {at}");
    }
    for cut in 0..bytes.len() {
        assert!(open(&bytes[..cut], &signer).is_err(), "cut at {cut}");
    }
}

#[test]
fn strangers_other_senders_and_unknown_suites_have_their_codes() {
    let rng = SeededRng::new(3);
    let (signer, other) = (SigningKey::generate(&rng), SigningKey::generate(&rng));
    let envelope = sample(&signer);
    assert_eq!(open(&envelope.sign(&signer), &other), Err(Rule::SenderUnknown));
    assert_eq!(open(&envelope.sign(&other), &signer), Err(Rule::SenderSignature));
    let mut bytes = envelope.sign(&signer);
    let at = bytes.windows(8).rposition(|window| window == b"ed25519:").unwrap();
    bytes[at..at + 8].copy_from_slice(b"ed25520:");
    assert_eq!(open(&bytes, &signer), Err(Rule::UnknownSuite));
    let many = Envelope { consents: vec![act(&signer); ENVELOPE_CONSENTS_MAX + 1], ..envelope.clone() };
    assert_eq!(open(&many.sign(&signer), &signer), Err(Rule::EnvelopeForm));
    let most = Envelope { consents: vec![act(&signer); ENVELOPE_CONSENTS_MAX], ..envelope };
    assert!(open(&most.sign(&signer), &signer).is_ok());
}

#[test]
fn a_list_of_hashes_is_whole_and_bounded() {
    let two = [1u8; 64];
    assert_eq!(hashes(&two, 2).map(|list| list.len()), Ok(2));
    assert_eq!(hashes(&two, 1), Err(Rule::EnvelopeForm));
    assert_eq!(hashes(&two[..63], 2), Err(Rule::EnvelopeForm));
    assert_eq!(BTreeSet::from_iter(hashes(&[], 0).unwrap()).len(), 0);
}
