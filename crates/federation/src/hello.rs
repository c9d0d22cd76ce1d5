//! The greeting: who speaks, in which versions, how far each has read, and which heads it knows.
//!
//! Every exchange begins with one from either side. It sets cursors in both directions, so a peer that restored a backup gets
//! again what it has lost; it tells the version that both speak, and a peer below the minimum that it is.
//! Fields that a reader does not know are passed over; a clock that is off is reported and nothing else.

use std::collections::BTreeMap;

use base::Micros;
use base::limit::{CLOCK_PUT_RIGHT_SECONDS, HEADS_MAX, HELLO_BYTES_MAX};
use base::signed::Signed;
use base::signing::KeyId;
use serde::{Deserialize, Serialize};

use crate::Exchange;
use crate::life::Shown;
use crate::port::{Read, Rows};
use crate::refusal::Rule;
use crate::rows::{Again, Effect, Lane, OwnRow, PeerRow, Recovery};
use crate::seal::Route;

/// What a signed greeting says it is.
pub const HELLO_TYPE: &str = "application/vnd.cresset.hello.v1+json";

/// The versions of the protocol that somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The oldest.
    pub min: u32,
    /// The newest.
    pub max: u32,
}

/// What two ranges of versions come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// Both speak this one.
    Speak(u32),
    /// The peer is too old: it must speak at least this one.
    PeerTooOld(u32),
    /// This node is too old for the peer, which demands at least this one.
    SelfTooOld(u32),
}

impl Versions {
    /// What this build speaks.
    pub const OURS: Self = Self { min: 1, max: 4 };
    /// From this version on a batch may be signed and sealed as one (see `batch`).
    pub const TOGETHER: u32 = 2;
    /// From this version on such a batch holds up to [`base::limit::BATCH_ENVELOPES_MAX`] acts; before,
    /// [`base::limit::ALONE_ENVELOPES_MAX`].
    pub const LARGE: u32 = 3;
    /// From this version on an act may commit to its object by a salt of the object's own (see [`crate::Content::object_salt`]).
    pub const PARTED: u32 = 4;

    /// The newest version both speak.
    #[must_use]
    pub const fn with(self, peer: Self) -> Compatibility {
        let newest = if self.max < peer.max { self.max } else { peer.max };
        if newest < self.min {
            Compatibility::PeerTooOld(self.min)
        } else if newest < peer.min {
            Compatibility::SelfTooOld(peer.min)
        } else {
            Compatibility::Speak(newest)
        }
    }
}

/// A greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Who speaks.
    pub from: KeyId,
    /// To whom.
    pub to: KeyId,
    /// In which versions.
    pub versions: Versions,
    /// Epoch of the registry it knows.
    pub epoch: u64,
    /// How far it has read what the other sent, FLASH first.
    pub cursors: [u64; 2],
    /// The last place that it has given to something for the other in each lane, FLASH first.
    #[serde(default)]
    pub sent: [u64; 2],
    /// Leaves of each ledger that it holds, its own too.
    #[serde(default)]
    pub heads: BTreeMap<KeyId, u64>,
    /// Which life of its node speaks; see [`crate::OwnRow::life`].
    #[serde(default)]
    pub life: u64,
    /// What proves that; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_proof: Option<Signed>,
    /// The latest life of the other that it has heard of.
    #[serde(default)]
    pub knows_life: u64,
    /// What proves that: the other's own statement, which it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knows_life_proof: Option<Signed>,
    /// Set while it takes back what it lost: the place from which on it asks for own acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovering_from: Option<u64>,
    /// Said while it takes back what it lost: the other has given back everything, and nothing is asked of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given_back: bool,
    /// Said while it takes back what it lost: what waits under these routes at a relay is its own of before, and is to be
    /// dropped before anything is given back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdraw: Vec<Route>,
    /// The moment of the last answer of the other that told of refusals and was taken: who cannot be called says so in the next turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_us: Option<i64>,
    /// Its clock, in microseconds since 1970.
    pub at_us: i64,
    /// What a later version says besides.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

/// Why a greeting does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// Too large, or not one.
    #[error("this is not a greeting")]
    Form,
    /// For another member.
    #[error("the greeting is for another member")]
    OtherRecipient,
    /// Not by an active member, or not signed by it.
    #[error("the greeting is not signed by an active member")]
    Stranger,
}

/// What a greeting comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeted {
    /// The greeting.
    pub hello: Hello,
    /// The version to speak, or who is too old.
    pub compatibility: Compatibility,
    /// Why whatever comes with it does not count: it is of an earlier life of its sender than is known ([`Rule::Outlived`]), or
    /// speaks of one that it does not show ([`Rule::LifeUnproven`]).
    pub refused: Option<Rule>,
    /// Whether a later life of its sender is heard of by it: the sender waits to be told so.
    pub begins_life: bool,
    /// Whether the peer's clock differs so much that the operator is told.
    pub skewed: bool,
    /// What is to be applied.
    pub effects: Vec<Effect>,
}

/// How far a member is: what it has read of the other, and the leaves that it holds of each ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    cursors: [u64; 2],
    heads: BTreeMap<KeyId, u64>,
}

impl Reach {
    /// How far the sender of a greeting of one's own is, which need not be verified; `None` where it is not one.
    #[must_use]
    pub fn of_own(greeting: &Signed) -> Option<Self> {
        serde_json::from_slice::<Hello>(greeting.unverified_payload()).ok().map(|hello| hello.reach())
    }
}

impl Hello {
    /// How far its sender is.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach { cursors: self.cursors, heads: self.heads.clone() }
    }

    /// Whether its sender takes back what it lost and asks for more of it.
    #[must_use]
    pub const fn asks_back(&self) -> bool {
        self.recovering_from.is_some() && !self.given_back
    }
}

impl Exchange<'_> {
    /// The greeting for a peer, signed.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn hello(&self, rows: &dyn Rows, to: KeyId, versions: Versions) -> Read<Signed> {
        self.hello_after(rows, (to, versions), None)
    }

    /// The same, saying of which moment the last answer was that told of refusals and was taken.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn hello_after(
        &self,
        rows: &dyn Rows,
        (to, versions): (KeyId, Versions),
        heard_us: Option<i64>,
    ) -> Read<Signed> {
        let peer = rows.peer(&to)?;
        let own = rows.own()?;
        let heads = self.heads_known(rows)?;
        let withdraw = if own.taking_back().is_some() { self.routes_from_me() } else { Vec::new() };
        let has_given =
            |recovery: &Recovery| recovery.peers.get(&to).is_some_and(|giving| giving.sent.is_some());
        let asks = |recovery: &Recovery| match recovery.peers.get(&to) {
            Some(giving) => giving.next.max(recovery.from),
            None => recovery.from,
        };
        let hello = Hello {
            withdraw,
            from: self.me.member,
            to,
            versions,
            epoch: self.directory.epoch(),
            cursors: Lane::QUEUES.map(|lane| peer.queue(lane).cursor),
            sent: Lane::QUEUES.map(|lane| peer.queue(lane).last),
            heads,
            life: own.life,
            life_proof: self.proof_of_life(&own),
            knows_life: peer.life,
            knows_life_proof: peer.proof(),
            recovering_from: own.taking_back().map(asks),
            given_back: own.taking_back().is_some_and(has_given),
            heard_us,
            at_us: self.now.0,
            unknown: BTreeMap::new(),
        };
        let payload = serde_json::to_vec(&hello).expect("invariant: strings and numbers are always JSON");
        Ok(Signed::sign(HELLO_TYPE, payload, self.me.signer.as_ref()).expect("invariant: heads are bounded"))
    }

    /// Leaves held of each ledger, the own one too.
    pub(crate) fn heads_known(&self, rows: &dyn Rows) -> Read<BTreeMap<KeyId, u64>> {
        let mut heads = BTreeMap::new();
        for member in rows.mirrored()?.into_iter().take(HEADS_MAX.saturating_sub(1)) {
            heads.insert(member, rows.held(&member)?);
        }
        // Of some nothing but the beginning of their first head may have come.
        for member in self.directory.active().into_iter().filter(|member| *member != self.me.member) {
            let held = rows.held(&member)?;
            if held > 0 && heads.len() < HEADS_MAX.saturating_sub(1) {
                heads.insert(member, held);
            }
        }
        heads.insert(self.me.member, rows.held(&self.me.member)?);
        Ok(heads)
    }

    /// A greeting that counts: by an active member, for this one. Reads no rows, so that who is not a member costs no more than
    /// a signature.
    ///
    /// # Errors
    /// See [`HelloError`].
    pub fn greeting(&self, signed: &Signed) -> Result<Hello, HelloError> {
        let payload = signed.unverified_payload();
        if payload.len() > HELLO_BYTES_MAX {
            return Err(HelloError::Form);
        }
        let hello: Hello = serde_json::from_slice(payload).map_err(|_| HelloError::Form)?;
        if hello.heads.len() > HEADS_MAX || hello.withdraw.len() > HEADS_MAX.saturating_mul(3) {
            return Err(HelloError::Form);
        }
        let active = self.directory.standing(&hello.from) == crate::Standing::Active;
        let keys = self.directory.keys(&hello.from);
        if !active || !keys.iter().any(|key| signed.verify_with(HELLO_TYPE, key).is_ok()) {
            return Err(HelloError::Stranger);
        }
        if hello.to != self.me.member {
            return Err(HelloError::OtherRecipient);
        }
        Ok(hello)
    }

    /// Takes a peer's greeting: its cursors count in place of what it acknowledged before. One of an earlier life of its node
    /// changes nothing, and one that speaks of a life without showing it nothing but the log of refusals.
    ///
    /// # Errors
    /// The greeting does not count: see [`HelloError`]. The store's failure stands inside.
    pub fn greet(
        &self,
        rows: &dyn Rows,
        signed: &Signed,
        versions: Versions,
    ) -> Result<Read<Greeted>, HelloError> {
        Ok(self.greeted(rows, self.greeting(signed)?, versions))
    }

    fn greeted(&self, rows: &dyn Rows, hello: Hello, versions: Versions) -> Read<Greeted> {
        let compatibility = versions.with(hello.versions);
        let peer = rows.peer(&hello.from)?;
        let known = peer.life;
        let (refused, effects) = match self.lives(&rows.own()?, &peer, &hello) {
            Ok((later, Some(shown))) => {
                let mut effects = self.begin_anew(rows, later.as_ref())?;
                effects.extend(self.heard_of(rows, &hello, (shown, later), compatibility)?);
                (None, effects)
            }
            Ok((later, None)) => (Some(Rule::Outlived), self.begin_anew(rows, later.as_ref())?),
            Err(rule) => (Some(rule), vec![self.refused_of(hello.from, rule)]),
        };
        Ok(Greeted {
            compatibility,
            refused,
            begins_life: refused.is_none() && hello.life > known,
            skewed: crate::is_skewed(Micros(hello.at_us), self.now),
            hello,
            effects,
        })
    }

    /// What a greeting shows of lives: a later one of this node than the present, and the one that its sender is in, unless that is
    /// over.
    fn lives(
        &self,
        own: &OwnRow,
        peer: &PeerRow,
        hello: &Hello,
    ) -> Result<(Option<Shown>, Option<Shown>), Rule> {
        let later = self.later_life(own, (hello.knows_life, hello.knows_life_proof.as_ref()))?;
        let present = || self.life_of(&hello.from, peer, (hello.life, hello.life_proof.as_ref()));
        Ok((later, (hello.life >= peer.life).then(present).transpose()?))
    }

    /// What a greeting changes of what is known of its sender, which shows the life it is in. `later` = this node begins a new one.
    fn heard_of(
        &self,
        rows: &dyn Rows,
        hello: &Hello,
        (shown, later): (Shown, Option<Shown>),
        compatibility: Compatibility,
    ) -> Read<Vec<Effect>> {
        let (own, mut peer, mut effects) = (rows.own()?, rows.peer(&hello.from)?, Vec::new());
        if later.is_some() {
            peer.outlive(own.life);
        } else {
            // Who has not heard of this life may still take something of an earlier one: what it has read by now is not its last word.
            if peer.heard_in == own.life || hello.knows_life == own.life {
                effects.extend(peer.has_read(&hello.from, hello.cursors, own.life));
            }
            effects.extend(self.hear_again(rows, hello, peer.life)?);
        }
        if shown.life() > peer.life {
            effects.push(Effect::OweAgain(hello.from));
        }
        shown.put(&mut peer);
        peer.version = if let Compatibility::Speak(version) = compatibility { Some(version) } else { None };
        peer.seen = Some(self.now);
        let skew = hello.at_us.saturating_sub(self.now.0);
        // What waits for its clock, or for this node's that went ahead for a while, is asked about by what they say now.
        if peer.skew_us < 0 && skew.saturating_sub(peer.skew_us) >= CLOCK_PUT_RIGHT_SECONDS * Micros::SECOND {
            effects.push(Effect::LookAgain(Again::ClockOf(hello.from)));
        }
        peer.skew_us = skew;
        peer.heads.clone_from(&hello.heads);
        effects.push(Effect::Peer(hello.from, peer));
        Ok(effects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_versions_speak_and_those_below_are_told() {
        let (old, now, next) =
            (Versions { min: 1, max: 2 }, Versions { min: 2, max: 3 }, Versions { min: 3, max: 4 });
        assert_eq!(now.with(now), Compatibility::Speak(3));
        assert_eq!(now.with(old), Compatibility::Speak(2));
        assert_eq!(old.with(now), Compatibility::Speak(2));
        assert_eq!(now.with(next), Compatibility::Speak(3));
        assert_eq!(next.with(old), Compatibility::PeerTooOld(3));
        assert_eq!(old.with(next), Compatibility::SelfTooOld(3));
    }
}
