//! How often what comes without a login may be refused before nothing of whoever sends it is looked at for a while.
//!
//! Members' nodes, newcomers and whoever asks a witness come without a login, and each has to be read before it can be told
//! from noise. Only refusals count, so that members are never slowed, however much they have to say. A node that shows whose
//! it is, is counted by that, wherever it comes from: it neither pays for its neighbours at one address nor they for it.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use base::signed::Signed;
use base::{Clock, Micros};
use community::MemberId;
use federation::Turn;
use serde::Deserialize;

use crate::Node;
use crate::rate::Rates;

/// Who sends something without a login, as far as it is known before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Whoever is at this address.
    Place(IpAddr),
    /// The node of this member, by its certificate.
    Member(MemberId),
}

/// Refusals of one sender each second, averaged; ten times as many may come at once.
const REFUSALS_PER_SECOND: u32 = 20;
/// Senders remembered at the same time.
const SENDERS_MAX: usize = 4_096;

/// Refusals in a minute that get a line of their own in the log; the others are counted alone.
const LINES_PER_MINUTE: u32 = 60;

/// What was refused since the start, by the door and the code, and the lines about it in the present minute.
#[derive(Debug, Default)]
struct Noted {
    counts: BTreeMap<(&'static str, &'static str), u64>,
    minute: i64,
    lines: u32,
}

/// Senders, and until when nothing of them is looked at.
pub(crate) struct Strangers {
    noted: Mutex<Noted>,
    rates: Rates<Sender>,
    shut: Mutex<HashMap<Sender, Micros>>,
    clock: Arc<dyn Clock>,
}

impl Strangers {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let rates = Rates::new(REFUSALS_PER_SECOND, Arc::clone(&clock));
        Self { noted: Mutex::default(), rates, shut: Mutex::default(), clock }
    }

    fn may(&self, sender: Sender) -> Result<(), u64> {
        let now = self.clock.now();
        let shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        match shut.get(&sender).map(|until| until.0.saturating_sub(now.0)) {
            Some(left) if left > 0 => Err(u64::try_from(left / Micros::SECOND).unwrap_or(0).max(1)),
            _ => Ok(()),
        }
    }

    fn note(&self, door: &'static str, code: &'static str) -> bool {
        let minute = self.clock.now().0.div_euclid(60 * Micros::SECOND);
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let count = noted.counts.entry((door, code)).or_default();
        *count = count.saturating_add(1);
        if noted.minute != minute {
            (noted.minute, noted.lines) = (minute, 0);
        }
        noted.lines = noted.lines.saturating_add(1);
        noted.lines <= LINES_PER_MINUTE
    }

    fn refused(&self, sender: Sender) {
        self.rates.forget_beyond(SENDERS_MAX);
        let Err(wait) = self.rates.count(sender) else { return };
        let now = self.clock.now();
        let mut shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        if shut.len() >= SENDERS_MAX {
            shut.retain(|_, until| *until > now);
        }
        if shut.len() >= SENDERS_MAX {
            // A flood from thousands of places: each sender begins anew, and is soon here again.
            shut.clear();
        }
        shut.insert(sender, now.plus(i64::try_from(wait).unwrap_or(1).saturating_mul(Micros::SECOND)));
    }
}

impl Node {
    /// Whether something without a login is looked at that this one sends.
    ///
    /// # Errors
    /// Too much of it was refused: after so many seconds it is again.
    pub fn stranger_may(&self, sender: Sender) -> Result<(), u64> {
        self.0.strangers.may(sender)
    }

    /// Counts a refusal of what came for this member's node from another's, or said it did, by the door and the code. Answers whether it gets a line
    /// of its own in the log: so many do in a minute.
    #[must_use]
    pub fn note_refusal(&self, door: &'static str, code: &'static str) -> bool {
        self.0.strangers.note(door, code)
    }

    /// What was counted so since the start: the door, the code, how often.
    #[must_use]
    pub fn noted_refusals(&self) -> Vec<(&'static str, &'static str, u64)> {
        let noted = self.0.strangers.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.counts.iter().map(|((door, code), count)| (*door, *code, *count)).collect()
    }

    /// Notes that something this one sent was refused.
    pub fn stranger_refused(&self, sender: Sender) {
        self.0.strangers.refused(sender);
    }
}

/// A message between nodes, as far as it says from whom it is.
#[derive(Deserialize)]
struct Claim {
    from: MemberId,
}

fn claim_of(message: &Signed) -> Option<MemberId> {
    serde_json::from_slice(message.unverified_payload()).ok().map(|claim: Claim| claim.from)
}

/// From whom a question about the registry says it is, which nothing has shown; `None` where it does not say so.
#[must_use]
pub fn question_claims(question: &[u8]) -> Option<MemberId> {
    claim_of(&Signed::parse(question).ok()?)
}

/// The same of a turn, of which the greeting has come.
#[must_use]
pub fn turn_claims(beginning: &[u8]) -> Option<MemberId> {
    claim_of(&Turn::greeting_at(beginning).ok()??)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use base::FixedClock;

    use super::*;

    fn place(number: u32) -> Sender {
        Sender::Place(Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn a_place_is_shut_for_a_while_and_no_other_with_it() {
        let clock = Arc::new(FixedClock::at(Micros(1_700_000_000 * Micros::SECOND)));
        let strangers = Strangers::new(clock.clone());
        for _ in 0..REFUSALS_PER_SECOND * 10 {
            strangers.refused(place(1));
            assert_eq!(strangers.may(place(1)), Ok(()));
        }
        strangers.refused(place(1));
        assert_eq!(strangers.may(place(1)), Err(1));
        assert_eq!(strangers.may(place(2)), Ok(()));
        clock.advance(Micros::SECOND);
        assert_eq!(strangers.may(place(1)), Ok(()));
    }

    #[test]
    fn a_flood_from_everywhere_takes_no_more_room_than_it_may() {
        let clock = Arc::new(FixedClock::at(Micros(1_700_000_000 * Micros::SECOND)));
        let strangers = Strangers::new(clock);
        for number in 0..3 * u32::try_from(SENDERS_MAX).unwrap() {
            strangers.refused(place(number));
            strangers.shut.lock().unwrap().insert(place(number), Micros(i64::MAX));
        }
        strangers.refused(place(0));
        for _ in 0..=REFUSALS_PER_SECOND * 10 {
            strangers.refused(place(0));
        }
        assert!(strangers.shut.lock().unwrap().len() <= SENDERS_MAX);
    }
}
