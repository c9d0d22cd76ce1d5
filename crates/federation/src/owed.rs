//! What a member is still to be told: how far this node has read what it sent, what it refused of it, and its lines under the
//! member's heads.
//!
//! A word goes with the next turn that is said to the member, whoever begins it: the answer that brought what was refused may
//! have been followed by another turn already. It is kept until a turn that said it was answered, and said again in the next
//! meeting that this node begins: what is lost on the way would leave the sender without an answer for ever.
//!
//! In memory alone: what a process that ends had not told is not told.

use std::collections::VecDeque;

use crate::courier::Manifest;
use crate::port::Me;
use crate::turn::Turn;
use crate::wire::{Ack, AckRefusal, Cosigned};
use base::Micros;
use base::limit::ACK_REFUSALS_MAX;
use base::signing::KeyId;

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Refused(AckRefusal),
    Line(Cosigned),
}

/// In what a word is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saying {
    /// A turn of this node's own, which is answered.
    Turn,
    /// An answer, of which nobody says whether it came.
    Answer,
}

/// What is said now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The last place taken in each lane and the life of the member's node that they are of, where it is due to be said.
    cursors: Option<(u64, [u64; 2])>,
    refused: Vec<AckRefusal>,
    cosigned: Vec<Cosigned>,
}

/// What one member is owed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    /// The life of the member's node that it is about; what a later one is told is about other places.
    life: u64,
    /// The oldest first. Told ones stand before those that were not told yet.
    words: VecDeque<Word>,
    /// How many of them have been said.
    said: usize,
    /// How many of them had been said with each turn that is under way, the oldest turn first.
    under_way: VecDeque<usize>,
    /// When the last parcel was made, and how many of them every parcel of then or later tells.
    by_parcel: Option<(i64, usize)>,
    /// The last place taken in each lane.
    cursors: [u64; 2],
    /// An acknowledgement is due, if only of the places.
    due: bool,
}

impl Owed {
    /// Notes what hearing a member of this life came to.
    pub fn note(&mut self, life: u64, ack: Option<&Ack>, cosigned: &[Cosigned]) {
        if self.life != life {
            *self = Self { life, ..Self::default() };
        }
        if let Some(ack) = ack {
            (self.cursors, self.due) = (ack.cursors, true);
            self.words.extend(ack.refused.iter().cloned().map(Word::Refused));
        }
        // A line for an earlier head says nothing any more.
        self.words.extend(cosigned.iter().max_by_key(|line| line.size).cloned().map(Word::Line));
        while self.words.len() > ACK_REFUSALS_MAX {
            self.words.pop_front();
            self.is_over(1);
        }
    }

    /// Whether the member is to be told something beyond how far it was read.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        !self.words.is_empty()
    }

    /// A meeting begins: nobody answers any more to what was under way, and what it said is said again.
    pub fn begin(&mut self) {
        self.under_way.clear();
        self.said = 0;
    }

    /// What was not said yet, to be said now.
    pub fn tell(&mut self, saying: Saying) -> Told {
        let mut told = Told::default();
        for word in self.words.range(self.said..) {
            match word {
                Word::Refused(refused) => told.refused.push(refused.clone()),
                Word::Line(line) => told.cosigned.push(line.clone()),
            }
        }
        told.cursors = (self.due || !told.refused.is_empty()).then_some((self.life, self.cursors));
        (self.said, self.due) = (self.words.len(), false);
        if saying == Saying::Turn {
            self.under_way.push_back(self.said);
        }
        told
    }

    /// A turn was said that tells nothing of this.
    pub fn pass(&mut self) {
        self.under_way.push_back(0);
    }

    /// What was refused and may not have been told, to be put into a parcel made at a moment: how many words that is is kept until
    /// the other has taken the parcel.
    pub fn tell_by_parcel(&mut self, at_us: i64) -> Vec<AckRefusal> {
        // The other names the moment alone: of two parcels of one moment, or with a clock that was put back, the first counts.
        if self.by_parcel.is_none_or(|(made, _)| made < at_us) {
            self.by_parcel = Some((at_us, self.words.len()));
        }
        let refused = self.words.iter().filter_map(|word| match word {
            Word::Refused(refused) => Some(refused.clone()),
            Word::Line(_) => None,
        });
        refused.collect()
    }

    /// Notes what taking a parcel of the member came to: `ack` is to be told, and what the member says to have heard is not told
    /// again.
    pub fn note_parcel(&mut self, manifest: &Manifest, ack: Option<&Ack>, now: Micros) {
        self.note(manifest.life, ack, &[]);
        // It is a moment of this node's own clock: one that is yet to come was never told.
        if let Some(heard) = manifest.heard_us.filter(|heard| *heard <= now.0) {
            self.heard_by_parcel(heard);
        }
    }

    /// The other has taken the parcel made at a moment, or a later one.
    fn heard_by_parcel(&mut self, at_us: i64) {
        if let Some((_, told)) = self.by_parcel.take_if(|(made, _)| *made <= at_us) {
            let told = told.min(self.words.len());
            self.words.drain(..told);
            self.is_over(told);
        }
    }

    /// The oldest turn that is under way has been answered.
    pub fn answered(&mut self) {
        let heard = self.under_way.pop_front().unwrap_or_default();
        self.words.drain(..heard.min(self.words.len()));
        self.is_over(heard);
    }

    /// So many words from the front are kept no longer.
    fn is_over(&mut self, count: usize) {
        self.said = self.said.saturating_sub(count);
        self.under_way.iter_mut().for_each(|said| *said = said.saturating_sub(count));
        if let Some((_, told)) = &mut self.by_parcel {
            *told = told.saturating_sub(count);
        }
    }
}

impl Told {
    /// Puts it into a turn to the member.
    pub fn put(self, me: &Me, to: KeyId, turn: &mut Turn) {
        turn.cosigned = self.cosigned;
        if let Some((life, cursors)) = self.cursors {
            let (from, heads) = (me.member, std::collections::BTreeMap::new());
            let ack = Ack { from, to, life: Some(life), cursors, refused: self.refused, heads, back: None };
            turn.ack = Some(ack.sign(me.signer.as_ref()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(places: std::ops::Range<u64>) -> Ack {
        let refusal = |place| AckRefusal { lane: 1, place, rule: "handling".to_owned() };
        Ack {
            from: KeyId::from_bytes([1; 32]),
            to: KeyId::from_bytes([2; 32]),
            life: Some(0),
            cursors: [0, places.end],
            refused: places.map(refusal).collect(),
            heads: std::collections::BTreeMap::new(),
            back: None,
        }
    }

    fn places(told: &Told) -> Vec<u64> {
        told.refused.iter().map(|refused| refused.place).collect()
    }

    #[test]
    fn a_word_is_said_with_each_meeting_until_a_turn_that_said_it_was_answered() {
        let mut owed = Owed::default();
        owed.begin();
        owed.tell(Saying::Turn);
        owed.tell(Saying::Turn);
        owed.answered();
        owed.note(0, Some(&ack(1..3)), &[]);
        assert_eq!(places(&owed.tell(Saying::Turn)), [1, 2]);
        owed.note(0, Some(&ack(3..4)), &[]);
        owed.answered();
        assert_eq!(owed.words.len(), 3, "the turn that was answered was said before");
        assert_eq!(places(&owed.tell(Saying::Answer)), [3]);
        assert_eq!(owed.tell(Saying::Answer), Told::default());
        owed.answered();
        assert_eq!(owed.words.len(), 1, "an answer may be lost");
        owed.begin();
        let again = owed.tell(Saying::Turn);
        assert_eq!((places(&again), again.cursors), (vec![3], Some((0, [0, 4]))));
        owed.answered();
        owed.begin();
        assert_eq!(owed.tell(Saying::Turn), Told::default());
    }

    #[test]
    fn a_word_goes_into_parcels_until_one_that_told_it_was_taken() {
        let mut owed = Owed::default();
        owed.note(0, Some(&ack(1..3)), &[]);
        assert_eq!(owed.tell_by_parcel(10).len(), 2);
        owed.note(0, Some(&ack(3..4)), &[]);
        assert_eq!(owed.tell_by_parcel(20).len(), 3, "the one before may never be taken");
        owed.heard_by_parcel(10);
        assert_eq!(owed.words.len(), 3);
        owed.note(0, Some(&ack(4..5)), &[]);
        owed.heard_by_parcel(20);
        assert_eq!(places(&owed.tell(Saying::Turn)), [4]);
    }

    #[test]
    fn what_is_owed_is_bounded_and_of_one_life() {
        let most = u64::try_from(ACK_REFUSALS_MAX).unwrap();
        let mut owed = Owed::default();
        owed.note(0, Some(&ack(0..most)), &[]);
        assert_eq!(owed.tell(Saying::Turn).refused.len(), ACK_REFUSALS_MAX);
        owed.note(0, Some(&ack(most..most + 3)), &[]);
        assert_eq!(places(&owed.tell(Saying::Turn)), [most, most + 1, most + 2]);
        owed.answered();
        assert_eq!(owed.words.len(), 3);
        owed.answered();
        assert!(owed.words.is_empty());
        owed.note(0, Some(&ack(1..2)), &[]);
        owed.note(7, None, &[]);
        assert_eq!(owed.tell(Saying::Turn), Told::default(), "places of before a restore are others");
    }
}
