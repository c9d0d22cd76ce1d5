//! What a member is still to be told: how far this node has read what it sent, what it refused of it, and its lines under the
//! member's heads.
//!
//! A word goes with the next turn that is said to the member, whoever begins it: the answer that brought what was refused may
//! have been followed by another turn already. It is kept until a turn that said it was answered, and said again in the next
//! meeting that this node begins: what is lost on the way would leave the sender without an answer for ever.
//!
//! Refusals are rows ([`Rows::owed`]), put there by the step that refused; here is only how far they have been said, so that a
//! process that ends leaves nothing untold. A line under a head is in memory alone: there will be a later head.

use std::collections::{BTreeMap, VecDeque};

use base::Micros;
use base::signing::KeyId;

use crate::Exchange;
use crate::courier::Manifest;
use crate::port::{Me, Read, Rows};
use crate::rows::Lane;
use crate::turn::Turn;
use crate::wire::{Ack, AckRefusal, Cosigned};

/// In what a word is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saying {
    /// A turn of this node's own, which is answered.
    Turn,
    /// An answer, of which nobody says whether it came.
    Answer,
}

/// What the rows have to tell a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Untold {
    /// The latest life of its node that was heard of.
    pub life: u64,
    /// The last place taken of it in each lane, FLASH first.
    pub cursors: [u64; 2],
    /// What was refused of it, with its number: as many as it reads in one acknowledgement.
    pub refused: Vec<(u64, AckRefusal)>,
}

impl Untold {
    /// The number of the last refusal; 0 where there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.refused.last().map_or(0, |(no, _)| *no)
    }

    /// The refusals.
    #[must_use]
    pub fn refusals(self) -> Vec<AckRefusal> {
        self.refused.into_iter().map(|(_, refused)| refused).collect()
    }
}

impl Exchange<'_> {
    /// What a member may be told: of refusals those behind a number, as many as it reads at once.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn untold(&self, rows: &dyn Rows, member: &KeyId, after: u64) -> Read<Untold> {
        let peer = rows.peer(member)?;
        let refused = rows.owed(member, after, peer.refusals_max())?;
        Ok(Untold { life: peer.life, cursors: Lane::QUEUES.map(|lane| peer.queue(lane).cursor), refused })
    }
}

/// What is said now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The last place taken in each lane and the life of the member's node that they are of, where it is due to be said.
    cursors: Option<(u64, [u64; 2])>,
    refused: Vec<AckRefusal>,
    cosigned: Option<Cosigned>,
}

/// How far a turn has told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Said {
    /// The number of the last refusal.
    refusal: u64,
    /// The line under the head.
    line: bool,
}

/// What a parcel or file tells of refusals, which is known to have been heard when one of the other's names its moment or a later
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TellsRefusals {
    /// When it was made, in microseconds since 1970 by this node's clock.
    pub at_us: i64,
    /// The number of the last refusal in it; 0 = it tells none.
    pub upto: u64,
}

impl TellsRefusals {
    /// What counts after one more was made, where `before` did. The other names the moment alone: of two of one moment, or with a clock
    /// that was put back, the first counts.
    #[must_use]
    pub fn after(before: Option<Self>, at_us: i64, upto: u64) -> Self {
        before.filter(|before| before.at_us >= at_us).unwrap_or(Self { at_us, upto })
    }

    /// Whether it was heard, by what a parcel or file of the other says it has taken. A moment that is yet to come was never told.
    #[must_use]
    pub fn is_heard(&self, manifest: &Manifest, now: Micros) -> bool {
        manifest.heard_us.is_some_and(|heard| heard <= now.0 && self.at_us <= heard)
    }
}

/// How far a member was told what it is owed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    /// The life of the member's node that it is about; what a later one is told is about other places.
    life: u64,
    /// The line under its latest head.
    line: Option<Cosigned>,
    /// How far was told in this meeting.
    said: Said,
    /// The same with each turn that is under way, the oldest first.
    under_way: VecDeque<Said>,
    /// What every parcel of a moment or later tells of refusals.
    by_parcel: Option<TellsRefusals>,
    /// An acknowledgement is due, if only of the places.
    due: bool,
}

impl Owed {
    /// Notes what hearing a member of this life came to: whether there is something to acknowledge, and lines under its heads.
    pub fn note(&mut self, life: u64, ack: Option<&Ack>, cosigned: &[Cosigned]) {
        if self.life != life {
            *self = Self { life, ..Self::default() };
        }
        self.due |= ack.is_some();
        // A line for an earlier head says nothing any more.
        if let Some(line) = cosigned.iter().max_by_key(|line| line.size) {
            (self.line, self.said.line) = (Some(line.clone()), false);
            self.under_way.iter_mut().for_each(|said| said.line = false);
        }
    }

    /// A meeting begins: nobody answers any more to what was under way, and what it said is said again.
    pub fn begin(&mut self) {
        self.under_way.clear();
        self.said = Said::default();
    }

    /// The number of the refusal behind which what is to be said begins.
    #[must_use]
    pub const fn said(&self) -> u64 {
        self.said.refusal
    }

    /// What was not said yet, to be said now.
    pub fn tell(&mut self, saying: Saying, untold: Untold) -> Told {
        let cosigned = self.line.clone().filter(|_| !self.said.line);
        self.said = Said { refusal: self.said.refusal.max(untold.last()), line: self.line.is_some() };
        let due = std::mem::take(&mut self.due) || !untold.refused.is_empty();
        if saying == Saying::Turn {
            self.under_way.push_back(self.said);
        }
        let cursors = due.then_some((untold.life, untold.cursors));
        Told { cursors, refused: untold.refusals(), cosigned }
    }

    /// A turn was said that tells nothing of this.
    pub fn pass(&mut self) {
        self.under_way.push_back(Said::default());
    }

    /// Refusals that are put into a parcel made at a moment: how far they go is kept until the other has taken the parcel.
    pub fn tell_by_parcel(&mut self, at_us: i64, untold: Untold) -> Vec<AckRefusal> {
        self.by_parcel = Some(TellsRefusals::after(self.by_parcel, at_us, untold.last()));
        untold.refusals()
    }

    /// The number up to which refusals were heard, by what a parcel of the member says it has taken; 0 = none.
    pub fn heard_by_parcel(&mut self, manifest: &Manifest, now: Micros) -> u64 {
        self.by_parcel.take_if(|told| told.is_heard(manifest, now)).map_or(0, |told| told.upto)
    }

    /// The oldest turn that is under way has been answered: the number up to which refusals were heard; 0 = none.
    pub fn answered(&mut self) -> u64 {
        let heard = self.under_way.pop_front().unwrap_or_default();
        if heard.line {
            self.line = None;
        }
        heard.refusal
    }
}

impl Told {
    /// Puts it into a turn to the member.
    pub fn put(self, me: &Me, to: KeyId, turn: &mut Turn) {
        turn.cosigned = self.cosigned.into_iter().collect();
        if let Some((life, cursors)) = self.cursors {
            let (from, heads, life) = (me.member, BTreeMap::new(), Some(life));
            let ack = Ack { from, to, life, cursors, refused: self.refused, heads, back: None };
            turn.ack = Some(ack.sign(me.signer.as_ref()));
        }
    }
}

#[cfg(test)]
mod tests {
    use ledger::commitment::Commitment;

    use super::*;

    /// What the rows hold: the places are the numbers.
    fn untold(numbers: std::ops::Range<u64>) -> Untold {
        let row = |no| (no, AckRefusal { lane: 1, place: no, rule: "handling".to_owned() });
        Untold { life: 7, cursors: [0, numbers.end], refused: numbers.map(row).collect() }
    }

    fn ack() -> Ack {
        let (from, to) = (KeyId::from_bytes([1; 32]), KeyId::from_bytes([2; 32]));
        let (refused, heads) = (Vec::new(), BTreeMap::new());
        Ack { from, to, life: Some(0), cursors: [0, 0], refused, heads, back: None }
    }

    fn places(told: &Told) -> Vec<u64> {
        told.refused.iter().map(|refused| refused.place).collect()
    }

    #[test]
    fn a_word_is_said_with_each_meeting_until_a_turn_that_said_it_was_answered() {
        let mut owed = Owed::default();
        owed.begin();
        owed.tell(Saying::Turn, untold(0..0));
        owed.tell(Saying::Turn, untold(0..0));
        assert_eq!(owed.answered(), 0);
        owed.note(0, Some(&ack()), &[]);
        assert_eq!((owed.said(), places(&owed.tell(Saying::Turn, untold(1..3)))), (0, vec![1, 2]));
        owed.note(0, Some(&ack()), &[]);
        assert_eq!(owed.answered(), 0, "the turn that was answered was said before");
        assert_eq!((owed.said(), places(&owed.tell(Saying::Answer, untold(3..4)))), (2, vec![3]));
        assert_eq!((owed.said(), owed.tell(Saying::Answer, untold(4..4))), (3, Told::default()));
        assert_eq!(owed.answered(), 2, "an answer may be lost");
        owed.begin();
        assert_eq!(owed.said(), 0);
        let again = owed.tell(Saying::Turn, untold(3..4));
        assert_eq!((places(&again), again.cursors), (vec![3], Some((7, [0, 4]))));
        assert_eq!(owed.answered(), 3);
        owed.begin();
        assert_eq!(owed.tell(Saying::Turn, untold(4..4)), Told::default());
    }

    #[test]
    fn a_word_goes_into_parcels_until_one_that_told_it_was_taken() {
        let mut owed = Owed::default();
        let heard = |heard_us| Manifest {
            from: KeyId::from_bytes([1; 32]),
            to: KeyId::from_bytes([2; 32]),
            places: [None; 2],
            batch: Commitment::digest(b""),
            at_us: 0,
            life: 0,
            life_proof: None,
            heard_us,
        };
        assert_eq!(owed.tell_by_parcel(10, untold(1..3)).len(), 2);
        assert_eq!(owed.tell_by_parcel(20, untold(1..4)).len(), 3, "the one before may never be taken");
        assert_eq!(owed.tell_by_parcel(20, untold(1..5)).len(), 4);
        for (manifest, upto) in
            [(heard(None), 0), (heard(Some(10)), 0), (heard(Some(90)), 0), (heard(Some(20)), 3)]
        {
            assert_eq!(owed.heard_by_parcel(&manifest, Micros(50)), upto, "{:?}", manifest.heard_us);
        }
        assert_eq!(owed.heard_by_parcel(&heard(Some(20)), Micros(50)), 0);
    }

    #[test]
    fn what_was_told_is_of_one_life() {
        let mut owed = Owed::default();
        owed.note(0, Some(&ack()), &[]);
        owed.tell(Saying::Turn, untold(1..2));
        owed.note(7, None, &[]);
        assert_eq!((owed.said(), owed.answered()), (0, 0), "places of before a restore are others");
        assert_eq!(owed.tell(Saying::Turn, untold(2..2)), Told::default());
    }
}
