//! What a member is still to be told: how far this node has read what it sent, what it refused of it, and its lines under the
//! member's heads.
//!
//! A word goes with the next turn and with the next answer that is said to the member: the answer that brought what was refused may
//! have been followed by another turn already, and who cannot be called hears answers alone. How far each has told is counted by
//! itself, since a turn may never have left, and whether an answer came is said with a later turn, if ever. A word is kept until a turn that
//! said it was answered, or an answer that said all of it is said to have come, and is said again from the next meeting on that this node tries to begin: what is lost on the way would leave the sender
//! without an answer for ever.
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
    /// An answer of this moment, in microseconds since 1970: the other may say in a later turn that it came.
    Answer(i64),
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

/// How far turns have told, or answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Said {
    /// The number of the last refusal.
    refusal: u64,
    /// The line under the head.
    line: bool,
}

/// An answer that told everything up to a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answered {
    /// When it was made, in microseconds since 1970 by this node's clock.
    at_us: i64,
    /// The number of the last refusal in it.
    upto: u64,
}

/// What the oldest parcel or file tells of refusals that is not known to have been heard. It is when one of the other's names its
/// moment or a later one, since every later one tells as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TellsRefusals {
    /// When it was made, in microseconds since 1970 by this node's clock.
    pub at_us: i64,
    /// The number of the last refusal in it.
    pub upto: u64,
}

impl TellsRefusals {
    /// What counts after one more was made, where `before` did: the oldest, or under steady traffic none would ever be heard, and no
    /// more of it than this one tells too. `None` where nothing is told.
    #[must_use]
    pub fn after(before: Option<Self>, at_us: i64, upto: u64) -> Option<Self> {
        let oldest = before.unwrap_or(Self { at_us, upto });
        Some(Self { upto: oldest.upto.min(upto), ..oldest }).filter(|told| told.upto > 0)
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
    /// How far the turns of this meeting have told.
    in_turns: Said,
    /// How far answers have told since it began: what only they said may not have come.
    in_answers: Said,
    /// How far was told with each turn that is under way, the oldest first.
    under_way: VecDeque<Said>,
    /// The last answer that told all of them; of those that told of some nobody knows whether the ones before came.
    by_answer: Option<Answered>,
    /// What every parcel of a moment or later tells of refusals.
    by_parcel: Option<TellsRefusals>,
    /// An acknowledgement is due, if only of the places.
    due: bool,
}

impl Owed {
    /// Notes what hearing a member of this life came to: how many envelopes came, which are to be acknowledged, and lines under its
    /// heads.
    pub fn note(&mut self, life: u64, envelopes: usize, cosigned: &[Cosigned]) {
        if self.life != life {
            // As many turns are under way as before, and each is answered; what they told was of other places.
            let under_way = self.under_way.iter().map(|_| Said::default()).collect();
            *self = Self { life, under_way, ..Self::default() };
        }
        self.due |= envelopes > 0;
        // A line for an earlier head says nothing any more.
        if let Some(line) = cosigned.iter().max_by_key(|line| line.size) {
            self.line = Some(line.clone());
            let marks = [&mut self.in_turns, &mut self.in_answers].into_iter().chain(&mut self.under_way);
            marks.for_each(|said| said.line = false);
        }
    }

    /// A meeting begins: nobody answers any more to what was under way, and what was said is said again.
    pub fn begin(&mut self) {
        self.under_way.clear();
        (self.in_turns, self.in_answers) = Default::default();
    }

    const fn mark(&mut self, saying: Saying) -> &mut Said {
        match saying {
            Saying::Turn => &mut self.in_turns,
            Saying::Answer(_) => &mut self.in_answers,
        }
    }

    /// The number of the refusal behind which what is to be said begins.
    #[must_use]
    pub const fn said(&mut self, saying: Saying) -> u64 {
        self.mark(saying).refusal
    }

    /// What was not said yet in turns, or in answers, to be said now.
    pub fn tell(&mut self, saying: Saying, untold: Untold) -> Told {
        let line = self.line.clone();
        let mark = self.mark(saying);
        let before = *mark;
        *mark = Said { refusal: before.refusal.max(untold.last()), line: line.is_some() };
        let said = *mark;
        match saying {
            Saying::Turn => self.under_way.push_back(said),
            Saying::Answer(at_us) if before.refusal == 0 && said.refusal > 0 => {
                self.by_answer = Some(Answered { at_us, upto: said.refusal });
            }
            Saying::Answer(_) => {}
        }
        let due = std::mem::take(&mut self.due) || !untold.refused.is_empty();
        let cursors = due.then_some((untold.life, untold.cursors));
        Told { cursors, refused: untold.refusals(), cosigned: line.filter(|_| !before.line) }
    }

    /// A turn was said that tells nothing of this.
    pub fn pass(&mut self) {
        self.under_way.push_back(Said::default());
    }

    /// The number up to which refusals were heard, by the answer that the member says it has taken; 0 = none.
    pub fn heard_by_answer(&mut self, heard_us: Option<i64>) -> u64 {
        self.by_answer.take_if(|told| Some(told.at_us) == heard_us).map_or(0, |told| told.upto)
    }

    /// Refusals that are put into a parcel made at a moment: how far they go is kept until the other has taken the parcel.
    pub fn tell_by_parcel(&mut self, at_us: i64, untold: Untold) -> Vec<AckRefusal> {
        self.by_parcel = TellsRefusals::after(self.by_parcel, at_us, untold.last());
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
    use base::signing::{Signer as _, SigningKey};
    use ledger::checkpoint::Origin;
    use ledger::commitment::Commitment;
    use ledger::note::{KeyKind, NoteKey, NoteSignature};

    use super::*;

    /// What the rows hold: the places are the numbers.
    fn untold(numbers: std::ops::Range<u64>) -> Untold {
        let row = |no| (no, AckRefusal { lane: 1, place: no, rule: "handling".to_owned() });
        Untold { life: 7, cursors: [0, numbers.end], refused: numbers.map(row).collect() }
    }

    fn line() -> Cosigned {
        let key = SigningKey::from_seed(&[1; 32]).public_key();
        let (witness, name) = (key.id(), Origin::of_member(&key.id()).key_name().clone());
        let line = NoteSignature::new(&NoteKey::new(name, KeyKind::Cosignature, key), vec![0; 72]);
        Cosigned { witness, size: 4, line }
    }

    fn manifest(heard_us: Option<i64>) -> Manifest {
        Manifest {
            from: KeyId::from_bytes([1; 32]),
            to: KeyId::from_bytes([2; 32]),
            places: [None; 2],
            batch: Commitment::digest(b""),
            at_us: 0,
            life: 0,
            life_proof: None,
            heard_us,
        }
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
        owed.note(0, 1, &[]);
        assert_eq!(
            (owed.said(Saying::Turn), places(&owed.tell(Saying::Turn, untold(1..3)))),
            (0, vec![1, 2])
        );
        owed.note(0, 1, &[]);
        assert_eq!(owed.answered(), 0, "the turn that was answered was said before");
        let next = owed.tell(Saying::Turn, untold(3..3));
        assert_eq!((owed.said(Saying::Turn), places(&next), next.cursors), (2, vec![], Some((7, [0, 3]))));
        assert_eq!((owed.answered(), owed.answered()), (2, 2));
        owed.begin();
        assert_eq!(owed.said(Saying::Turn), 0, "what is not known to be heard is said again");
        let again = owed.tell(Saying::Turn, untold(3..4));
        assert_eq!((places(&again), again.cursors), (vec![3], Some((7, [0, 4]))));
        assert_eq!(owed.answered(), 3);
        owed.begin();
        assert_eq!(owed.tell(Saying::Turn, untold(4..4)), Told::default());
    }

    #[test]
    fn an_answer_tells_what_a_turn_may_not_have_brought_and_counts_for_nothing() {
        let mut owed = Owed::default();
        owed.begin();
        owed.note(0, 1, &[line()]);
        // The turn never leaves: the member cannot be called.
        let turn = owed.tell(Saying::Turn, untold(1..3));
        assert_eq!((places(&turn), turn.cosigned.is_some()), (vec![1, 2], true));
        assert_eq!(owed.said(Saying::Answer(5)), 0);
        let answer = owed.tell(Saying::Answer(5), untold(1..4));
        assert_eq!((places(&answer), answer.cosigned.is_some()), (vec![1, 2, 3], true));
        assert_eq!(
            (owed.said(Saying::Answer(6)), owed.tell(Saying::Answer(6), untold(4..4))),
            (3, Told::default())
        );
        assert_eq!(owed.said(Saying::Turn), 2, "an answer may be lost");
        let next = owed.tell(Saying::Turn, untold(3..4));
        assert_eq!((places(&next), next.cosigned), (vec![3], None));
        assert_eq!((owed.answered(), owed.answered()), (2, 3));
        // Each attempt to begin a meeting says all again, also to who hears nothing but answers.
        owed.begin();
        assert_eq!((owed.said(Saying::Turn), owed.said(Saying::Answer(7))), (0, 0));
    }

    #[test]
    fn an_answer_that_told_all_is_known_to_have_come_by_its_moment_alone() {
        let mut owed = Owed::default();
        owed.tell(Saying::Answer(5), untold(1..3));
        assert_eq!((owed.heard_by_answer(None), owed.heard_by_answer(Some(6))), (0, 0));
        // What the next one tells besides counts for nothing: the first may be lost.
        owed.tell(Saying::Answer(6), untold(3..4));
        assert_eq!((owed.heard_by_answer(Some(6)), owed.heard_by_answer(Some(5))), (0, 2));
        assert_eq!(owed.heard_by_answer(Some(5)), 0, "once");
        owed.begin();
        owed.tell(Saying::Answer(8), untold(3..4));
        owed.note(7, 1, &[]);
        assert_eq!(owed.heard_by_answer(Some(8)), 0, "places of before a restore are others");
    }

    #[test]
    fn a_word_goes_into_parcels_until_one_that_told_it_was_taken() {
        let (mut owed, heard) = (Owed::default(), manifest);
        assert_eq!(owed.tell_by_parcel(5, untold(1..1)).len(), 0);
        assert_eq!(owed.tell_by_parcel(10, untold(1..3)).len(), 2);
        assert_eq!(owed.tell_by_parcel(20, untold(1..4)).len(), 3, "the one before may never be taken");
        for (manifest, upto) in [
            (heard(None), 0),
            (heard(Some(9)), 0),
            (heard(Some(90)), 0),
            (heard(Some(10)), 2),
            (heard(Some(20)), 0),
        ] {
            assert_eq!(owed.heard_by_parcel(&manifest, Micros(50)), upto, "{:?}", manifest.heard_us);
        }
    }

    #[test]
    fn under_steady_traffic_what_parcels_tell_is_heard_all_the_same() {
        let mut owed = Owed::default();
        let mut heard = 0;
        for at in 1..20_i64 {
            // Each names the one before the last: another was made meanwhile.
            let told = u64::try_from(at).unwrap();
            owed.tell_by_parcel(at, untold(heard + 1..told + 1));
            heard = heard.max(owed.heard_by_parcel(&manifest(Some(at - 2)), Micros(50)));
        }
        assert!(heard > 14, "{heard} of 19");
    }

    #[test]
    fn what_was_told_is_of_one_life() {
        let mut owed = Owed::default();
        owed.note(0, 1, &[]);
        owed.tell(Saying::Turn, untold(1..2));
        owed.note(7, 1, &[]);
        assert_eq!(owed.said(Saying::Turn), 0, "places of before a restore are others");
        owed.tell(Saying::Turn, untold(2..3));
        assert_eq!((owed.answered(), owed.answered()), (0, 2), "each answer is to the turn that it is to");
        assert_eq!(owed.tell(Saying::Turn, untold(3..3)), Told::default());
    }
}
