//! Measures the ledger alone: leaves and heads a second, proofs made and verified.
//!
//! `cargo run --release -p ledger --example proofs [-- LEAVES]`. Each proof is read from its text, and has a payload of 1 KiB and
//! the cosignatures of two witnesses. No part of the product and no test.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for developers tells figures and stops at errors"
)]

use std::collections::BTreeMap;
use std::time::Instant;

use base::signing::{KeyId, PublicKey, Signer, SigningKey, Suite};
use base::{Micros, SeededRng};
use ledger::TreeHash;
use ledger::act::{Act, ActKind, Header};
use ledger::checkpoint::Origin;
use ledger::commitment::Salt;
use ledger::growing::Growing;
use ledger::head::HeadKeeper;
use ledger::proof::inclusion;
use ledger::proof_file::{MemberKeys, ProofFile};
use ledger::witness::{AddCheckpoint, Verdict, Witness, Witnessed};

/// Proofs that are made and verified.
const PROOFS: usize = 1_000;

struct Registry(BTreeMap<KeyId, PublicKey>);

impl MemberKeys for Registry {
    fn keys_of(&self, member: &KeyId) -> Option<Vec<PublicKey>> {
        self.0.get(member).map(|key| vec![*key])
    }

    fn members(&self) -> Vec<KeyId> {
        self.0.keys().copied().collect()
    }
}

fn main() {
    let leaves: u64 = std::env::args().nth(1).map_or(100_000, |count| count.parse().unwrap());
    let keys: Vec<SigningKey> = (1..4).map(|seed| SigningKey::generate(&SeededRng::new(seed))).collect();
    let registry = Registry(keys.iter().map(|key| (key.public_key().id(), key.public_key())).collect());
    let (signer, member) = (&keys[0], keys[0].public_key().id());
    let payload = vec![b'x'; 1024];
    let salt = Salt::from_bytes([7; 32]);

    let start = Instant::now();
    let mut tree = Growing::new();
    let acts: Vec<Act> = (0..leaves).map(|at| act(member, at, &salt, &payload)).collect();
    acts.iter().for_each(|act| {
        tree.append(act.leaf());
    });
    let each = start.elapsed() / u32::try_from(leaves).unwrap();
    println!("leaves: {each:?} each, header, commitment to 1 KiB and tree");

    let mut keeper = HeadKeeper::new(Origin::of_member(&member), signer);
    let start = Instant::now();
    let mut checkpoint = keeper.sign(tree.head(), &[], signer).unwrap();
    println!("a head: {:?}", start.elapsed());
    for witness in &keys[1..] {
        let name = Origin::of_member(&witness.public_key().id());
        let request = AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: checkpoint.clone() };
        let known = Witnessed { keys: vec![keeper.key().clone()], last: None };
        let witness = Witness::new(name.key_name().clone(), witness);
        let verdict = witness.decide(request.to_body().as_bytes(), |_| Some(known), 1_800_000_000);
        let Verdict::Cosigned { line, .. } = verdict else { continue };
        checkpoint.attach(witness.key(), line).unwrap();
    }

    let start = Instant::now();
    let files: Vec<String> = (0..PROOFS)
        .map(|at| {
            let at = at * acts.len() / PROOFS;
            let act = &acts[at];
            let file = ProofFile {
                act: act.sign(signer).unwrap(),
                key: signer.public_key(),
                payload: Some((salt, payload.clone())),
                index: act.header().sequence,
                hashes: inclusion(&tree, act.header().sequence, leaves).unwrap(),
                checkpoint: checkpoint.clone(),
            };
            file.to_text()
        })
        .collect();
    println!("{PROOFS} proofs made in {:?}", start.elapsed());

    let start = Instant::now();
    let mut cosignatures = 0;
    for text in &files {
        let proven = ProofFile::parse(text.as_bytes()).unwrap().verify(Some(&registry)).unwrap();
        cosignatures += proven.cosignatures.len();
    }
    println!("{PROOFS} proofs with {cosignatures} cosignatures verified in {:?}", start.elapsed());
}

fn act(author: KeyId, sequence: u64, salt: &Salt, payload: &[u8]) -> Act {
    let header = Header {
        suite: Suite::Ed25519,
        kind: ActKind::Received,
        author,
        sequence,
        at: Micros(1_800_000_000_000_000),
        community: "lab".into(),
        object: None,
        handling: None,
        payload: Some(salt.commit(payload)),
        addressees: None,
    };
    let act = header.seal().unwrap();
    debug_assert_ne!(act.leaf(), TreeHash::empty());
    act
}
