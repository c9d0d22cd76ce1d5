//! Proof of life: what a node signs about the life it is in, so that others show it and need not be believed.
//!
//! Whoever is told of a later life of its own begins a recovery and serves nothing until all others have answered; so the number
//! alone, in another member's mouth, may do nothing. A node signs its life with its member's key and shows that in every greeting
//! and in the manifest of every parcel and file; who hears of it keeps the proof beside the number and shows it in return. The
//! first life (0) begins with no restore and has no proof.
//!
//! Invariant: nobody but who holds a key of a member, present or past, can have its node begin a new life.
//!
//! # Shape
//! A signed statement ([`base::signed::Signed`]) of JSON `{"member": id, "life": number}`; fields that a reader does not know are
//! passed over.

use base::signed::Signed;
use base::signing::{KeyId, PublicKey};
use serde::{Deserialize, Serialize};

use crate::Exchange;
use crate::refusal::Rule;
use crate::rows::{OwnRow, PeerRow};

/// What a proof of life says it is.
pub const LIFE_TYPE: &str = "application/vnd.cresset.life.v1+json";
/// The last life there is: numbers are kept in 63 bits.
pub(crate) const LIFE_MAX: u64 = u64::MAX >> 1;
/// Largest proof, in bytes of its JSON: it is kept, and shown again with every greeting.
const LIFE_PROOF_BYTES_MAX: usize = 2_048;

#[derive(Serialize, Deserialize)]
struct Life {
    member: KeyId,
    life: u64,
}

/// A life that its own member has signed, or that was known before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    life: u64,
    proof: Option<String>,
}

impl Shown {
    pub(crate) const fn life(&self) -> u64 {
        self.life
    }

    /// It is what is known of the member from here on.
    pub(crate) fn put(self, peer: &mut PeerRow) {
        (peer.life, peer.life_proof) = (self.life, self.proof);
    }
}

impl PeerRow {
    /// The proof of its latest life that was heard of, to be shown to it.
    pub(crate) fn proof(&self) -> Option<Signed> {
        self.life_proof.as_ref().and_then(|proof| Signed::parse(proof.as_bytes()).ok())
    }
}

impl Exchange<'_> {
    /// The proof of the life that this node is in; `None` for the first, which needs none.
    pub(crate) fn proof_of_life(&self, own: &OwnRow) -> Option<Signed> {
        let life = Life { member: self.me.member, life: own.life };
        let payload = serde_json::to_vec(&life).expect("invariant: strings and numbers are always JSON");
        let sign = || Signed::sign(LIFE_TYPE, payload, self.me.signer.as_ref());
        (own.life > 0).then(|| sign().expect("invariant: a proof of life is small"))
    }

    /// The life of another member's node that it says it is in, where that is the one known or is proven.
    ///
    /// # Errors
    /// [`Rule::LifeUnproven`].
    pub(crate) fn life_of(
        &self,
        member: &KeyId,
        known: &PeerRow,
        (life, proof): (u64, Option<&Signed>),
    ) -> Result<Shown, Rule> {
        let said = proof.map(Signed::to_json);
        if life == known.life && (said.is_none() || said == known.life_proof) {
            return Ok(Shown { life, proof: known.life_proof.clone() });
        }
        self.shown(member, life, proof)
    }

    /// The life of this node that another tells of, where it is later than the present one.
    ///
    /// # Errors
    /// [`Rule::LifeUnproven`].
    pub(crate) fn later_life(
        &self,
        own: &OwnRow,
        (life, proof): (u64, Option<&Signed>),
    ) -> Result<Option<Shown>, Rule> {
        (life > own.life).then(|| self.shown(&self.me.member, life, proof)).transpose()
    }

    fn shown(&self, member: &KeyId, life: u64, proof: Option<&Signed>) -> Result<Shown, Rule> {
        let proof = proof.filter(|_| life <= LIFE_MAX).ok_or(Rule::LifeUnproven)?;
        let says_so = |key: &PublicKey| {
            let payload = proof.verify_with(LIFE_TYPE, key).ok();
            let said = payload.and_then(|payload| serde_json::from_slice::<Life>(payload).ok());
            said.is_some_and(|said| said.member == *member && said.life == life)
        };
        let text = proof.to_json();
        if text.len() > LIFE_PROOF_BYTES_MAX || !self.directory.keys(member).iter().any(says_so) {
            return Err(Rule::LifeUnproven);
        }
        Ok(Shown { life, proof: Some(text) })
    }
}
