//! What a node has put at relays: when it is to be dropped there.
//!
//! A parcel at a relay is dropped once one that says more is taken anywhere, the two have met, all of it has come, its recipient
//! takes part no more, or any of it would not go any more. What says the same may lie at several relays: each end may name others. An
//! offer that nobody answered may have been taken, and is dropped like one that was.
//!
//! Where deposits are kept, for they outlast a process, is for whoever runs this; nothing is offered that is not kept before.

use std::collections::BTreeSet;

use base::Micros;
use base::signing::KeyId;

use crate::Exchange;
use crate::errands::{Errands, RelayErrand};
use crate::load::Load;
use crate::port::{Read, Rows, Standing};
use crate::rows::Lane;
use crate::seal::ROUTE_BYTES;

/// A parcel of this node's own that a relay may keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposit {
    /// Where it lies.
    pub at: DepositMark,
    /// For whom it is.
    pub to: KeyId,
    /// When it was made.
    pub put: Micros,
    /// What of it brings something.
    pub load: Load,
    /// What is to become of it.
    pub state: DepositState,
}

/// A parcel at a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DepositMark {
    /// The member whose node keeps it.
    pub relay: KeyId,
    /// Under which route.
    pub route: [u8; ROUTE_BYTES],
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
}

/// What is to become of a parcel at a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepositState {
    /// It says what is to be said.
    Stands,
    /// The relay is to drop it, and has not said that it has.
    Void,
    /// It is not there any more, and is forgotten.
    Gone,
}

/// How a relay took an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayOffer {
    /// It keeps the parcel.
    Kept,
    /// It said that it does not.
    Refused,
    /// Nobody answered: it may keep it.
    Unheard,
}

/// How much had been given to a deposit's recipient when it was last seen that all of it would still go, and when that was.
pub type Seen = ([u64; 2], Micros);

impl Errands {
    /// A relay is about to be offered a parcel: what is to be kept of that before it is.
    pub fn offers(&mut self, to: KeyId, errand: &RelayErrand, relay: KeyId) -> Deposit {
        let deposit = errand.deposit(to, relay);
        self.offered.insert(deposit.at);
        self.seen.insert(deposit.at, (errand.word.given(), errand.at));
        deposit
    }

    /// What came of the offer, and what becomes of `deposits`. A parcel that was taken makes those before it void: where it says more
    /// than they did everywhere, else at this relay.
    pub fn offered(
        &mut self,
        to: KeyId,
        errand: &RelayErrand,
        (relay, offer): (KeyId, RelayOffer),
        deposits: &[Deposit],
    ) -> Vec<(DepositMark, DepositState)> {
        let mark = errand.deposit(to, relay).at;
        self.offered.remove(&mark);
        match offer {
            RelayOffer::Refused => return vec![(mark, DepositState::Gone)],
            RelayOffer::Unheard => return vec![(mark, DepositState::Void)],
            RelayOffer::Kept => self.was_put(to, errand, relay),
        }
        let says_more = errand.before == 0;
        let before = deposits.iter().filter(|deposit| deposit.to == to && deposit.at != mark);
        let becomes = |at: DepositMark| match at.relay == relay {
            // It lay where this one lies now.
            true if at.route == mark.route => Some((at, DepositState::Gone)),
            here => (here || says_more).then_some((at, DepositState::Void)),
        };
        before.filter_map(|deposit| becomes(deposit.at)).collect()
    }

    /// Those of `deposits` that may be looked at and dropped: not while they are being offered, since dropping what comes only then would
    /// leave it there unknown.
    #[must_use]
    pub fn settled_offers(&mut self, mut deposits: Vec<Deposit>) -> Vec<Deposit> {
        let (offered, seen) = (&self.offered, &mut self.seen);
        let held: BTreeSet<DepositMark> = deposits.iter().map(|deposit| deposit.at).collect();
        seen.retain(|mark, _| offered.contains(mark) || held.contains(mark));
        deposits.retain(|deposit| !offered.contains(&deposit.at));
        deposits
    }

    /// When a deposit was last seen to be one that would still go.
    #[must_use]
    pub fn seen(&self, deposit: &Deposit) -> Option<Seen> {
        self.seen.get(&deposit.at).copied()
    }

    /// A deposit was seen to be one that would still go.
    pub fn note_seen(&mut self, deposit: &Deposit, seen: Seen) {
        self.seen.insert(deposit.at, seen);
    }
}

impl RelayErrand {
    fn deposit(&self, to: KeyId, relay: KeyId) -> Deposit {
        let route = self.mark.first_chunk().copied().unwrap_or_default();
        let digest = self.mark.last_chunk().copied().unwrap_or_default();
        let at = DepositMark { relay, route, digest };
        Deposit { at, to, put: self.at, load: self.load.clone(), state: DepositState::Stands }
    }
}

impl Exchange<'_> {
    /// Whether a deposit is to lie at its relay no longer; where it is, what was seen of it. Whether all of it would still go is looked at
    /// as soon as something was given to its recipient, as whatever calls something back is, and else every `again` microseconds.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn is_over(
        &self,
        rows: &dyn Rows,
        deposit: &Deposit,
        (seen, again): (Option<Seen>, i64),
    ) -> Read<Result<Seen, Over>> {
        let peer = rows.peer(&deposit.to)?;
        // A moment that is yet to come was told by a clock that ran ahead.
        let met = peer.seen.is_some_and(|met| met > deposit.put && met <= self.now);
        let active = self.directory.standing(&deposit.to) == Standing::Active;
        if met || !active || deposit.load.is_taken(&peer) {
            return Ok(Err(Over));
        }
        let given = Lane::QUEUES.map(|lane| peer.queue(lane).last);
        let is_fresh =
            |(before, at): &Seen| *before == given && self.now.0.saturating_sub(at.0).abs() < again;
        if let Some(seen) = seen.filter(is_fresh) {
            return Ok(Ok(seen));
        }
        let goes = self.still_goes(rows, &deposit.to, &deposit.load)?;
        Ok(if goes { Ok((given, self.now)) } else { Err(Over) })
    }
}

/// A deposit is to lie at its relay no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over;
