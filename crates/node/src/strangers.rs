//! How often what comes without a login may be refused before nothing of whoever sends it is looked at for a while.
//!
//! Members' nodes, newcomers and whoever asks a witness come without a login, and each has to be read before it can be told
//! from noise. Only refusals count, so that members are never slowed, however much they have to say. A node that shows whose
//! it is, is counted by that, wherever it comes from: it neither pays for its neighbours at one address nor they for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use base::{Clock, Micros};
use community::MemberId;

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

/// Senders, and until when nothing of them is looked at.
pub(crate) struct Strangers {
    rates: Rates<Sender>,
    shut: Mutex<HashMap<Sender, Micros>>,
    clock: Arc<dyn Clock>,
}

impl Strangers {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { rates: Rates::new(REFUSALS_PER_SECOND, Arc::clone(&clock)), shut: Mutex::default(), clock }
    }

    fn may(&self, sender: Sender) -> Result<(), u64> {
        let now = self.clock.now();
        let shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        match shut.get(&sender).map(|until| until.0.saturating_sub(now.0)) {
            Some(left) if left > 0 => Err(u64::try_from(left / Micros::SECOND).unwrap_or(0).max(1)),
            _ => Ok(()),
        }
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

    /// Notes that something this one sent was refused.
    pub fn stranger_refused(&self, sender: Sender) {
        self.0.strangers.refused(sender);
    }
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
