//! How many refused credentials the log tells of: enough for whoever watches it, and not as many as somebody cares to send.
//!
//! In each minute so many lines for one place and so many in all; the rest is told as a number, with the first refusal of a later
//! minute. A place is what it is to the lock-out. Memory is bounded by the lines of a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base::Micros;

use crate::lockout::place_of;

/// Lines for one place in a minute.
const PLACE_LINES: u32 = 10;
/// Lines in a minute.
const LINES: u32 = 300;
/// How long a minute is, in microseconds.
const MINUTE_US: i64 = 60 * Micros::SECOND;

/// What to tell now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct May {
    /// Whether this refusal gets a line.
    pub(crate) tell: bool,
    /// How many of earlier minutes had none, said once.
    pub(crate) untold: u64,
}

/// The lines of this minute.
#[derive(Default)]
pub(crate) struct Refused(Mutex<Minute>);

#[derive(Default)]
struct Minute {
    began: Option<Micros>,
    places: HashMap<String, u32>,
    lines: u32,
    untold: u64,
}

impl Refused {
    /// Counts a refusal of a credential shown from `peer`.
    pub(crate) fn may_tell(&self, peer: &str, now: Micros) -> May {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins a minute too.
        let goes_on =
            minute.began.is_some_and(|began| (0..MINUTE_US).contains(&now.0.saturating_sub(began.0)));
        let mut untold = 0;
        if !goes_on {
            untold = minute.untold;
            *minute = Minute { began: Some(now), ..Minute::default() };
        }
        let mut tell = minute.lines < LINES;
        if tell {
            let lines = minute.places.entry(place_of(peer)).or_default();
            tell = *lines < PLACE_LINES;
            *lines = lines.saturating_add(u32::from(tell));
        }
        if tell {
            minute.lines = minute.lines.saturating_add(1);
        } else {
            minute.untold = minute.untold.saturating_add(1);
        }
        May { tell, untold }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Micros = Micros(1_700_000_000 * Micros::SECOND);
    const TOLD: May = May { tell: true, untold: 0 };
    const NOT: May = May { tell: false, untold: 0 };

    #[test]
    fn one_place_does_not_fill_the_log_and_hides_no_other() {
        let refused = Refused::default();
        for _ in 0..PLACE_LINES {
            assert_eq!(refused.may_tell("192.0.2.1", START), TOLD);
        }
        assert_eq!(refused.may_tell("192.0.2.1", START), NOT);
        assert_eq!(refused.may_tell("::ffff:192.0.2.1", START), NOT);
        assert_eq!(refused.may_tell("192.0.2.2", START), TOLD);
        let later = START.plus(MINUTE_US);
        assert_eq!(refused.may_tell("192.0.2.1", later), May { tell: true, untold: 2 });
        assert_eq!(refused.may_tell("192.0.2.1", later), TOLD);
    }

    #[test]
    fn many_places_do_not_fill_it_either_and_take_no_memory() {
        let refused = Refused::default();
        let told = (0..10 * LINES)
            .filter(|at| refused.may_tell(&format!("2001:db8:{:x}:{at:x}::1", at >> 8), START).tell)
            .count();
        assert_eq!(told, LINES as usize);
        assert!(refused.0.lock().unwrap().places.len() <= LINES as usize);
        assert_eq!(refused.may_tell("192.0.2.1", START.plus(-MINUTE_US)).untold, u64::from(9 * LINES));
    }
}
