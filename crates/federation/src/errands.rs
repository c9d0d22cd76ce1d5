//! What a node remembers of members that it does not meet, and of the relays between: what was put for whom and where, what came
//! from whom, and what was left lying.
//!
//! A parcel is put when it says something new, and again when nothing is heard for long. Whoever says again what is known here has
//! not heard the answer, which is then said again. All of it is in memory alone: a process that begins puts again what waits, and
//! whoever has it knows it. What lies at which relay outlasts it (`deposits`). No decision about what may be taken stands here.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::signing::KeyId;

use crate::Exchange;
use crate::courier::{CourierError, Manifest, Packed};
use crate::deposits::{DepositMark, Seen};
use crate::left::Left;
use crate::load::Load;
use crate::relay::{RELAY_MARK_BYTES, RelayWord, relay_mark};
use crate::seal::Route;

/// What a node remembers of relays.
#[derive(Clone, Debug, Default)]
pub struct Errands {
    /// Since when this process has looked for members.
    since: Option<Micros>,
    with: BTreeMap<KeyId, With>,
    left: Left,
    /// Parcels that are being offered to relays.
    pub(crate) offered: BTreeSet<DepositMark>,
    /// When deposits were last seen to be ones that would still go.
    pub(crate) seen: BTreeMap<DepositMark, Seen>,
}

/// How it stands with one member.
#[derive(Clone, Debug, Default)]
struct With {
    /// When it was last met, whoever began.
    met: Option<Micros>,
    /// What the last parcel for it says, when it was made, and how often it was put.
    put: Option<(RelayWord, Micros, usize)>,
    /// The relay that has it.
    through: Option<KeyId>,
    /// Why no relay took the last one.
    refused: Option<String>,
    /// When a parcel of its was last taken here.
    taken: Option<Micros>,
    /// When the one taken last was made, by its sender's clock.
    heard_us: Option<i64>,
    /// The latest life of its node that a parcel of its was of.
    life: u64,
    /// It brought nothing new, or is of a later life: what this node answered may be lost.
    asks_again: bool,
}

/// A parcel for a member.
#[derive(Clone, Debug)]
pub struct RelayErrand {
    /// The sealed bytes.
    pub parcel: Vec<u8>,
    /// How often what it says was put before: as many relays are passed over.
    pub before: usize,
    pub(crate) mark: [u8; RELAY_MARK_BYTES],
    pub(crate) load: Load,
    pub(crate) word: RelayWord,
    pub(crate) at: Micros,
}

/// That a parcel is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    word: RelayWord,
    at: Micros,
    before: usize,
}

impl Due {
    /// The errand, once the parcel is made.
    #[must_use]
    pub fn with(self, packed: Packed) -> RelayErrand {
        let Packed { parcel, load } = packed;
        let (mark, parcel) = (relay_mark(&parcel), parcel.as_bytes().to_vec());
        RelayErrand { parcel, before: self.before, mark, load, word: self.word, at: self.at }
    }
}

/// How a member is reached over relays, as far as this process knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The relay that took the last parcel for it.
    pub through: Option<KeyId>,
    /// When that parcel was made.
    pub put: Option<Micros>,
    /// When a parcel of its was last taken.
    pub taken: Option<Micros>,
    /// Why no relay took the last parcel for it.
    pub refused: Option<String>,
}

/// What is to become of a parcel at its relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParcelFate {
    /// Everything in it is here; who sent it.
    Taken(KeyId),
    /// It never will be of use.
    Useless,
    /// It waits for something else.
    Left,
}

impl ParcelFate {
    /// What becomes of a parcel that cannot be opened. It waits where what comes before it is still to come, or what says whose key it is
    /// signed with, and where the store fails.
    #[must_use]
    pub const fn unopened(error: &CourierError) -> Self {
        match error {
            CourierError::Gap { .. } | CourierError::UnknownKey { .. } | CourierError::Store(_) => Self::Left,
            _ => Self::Useless,
        }
    }
}

impl Errands {
    /// A member was met.
    pub fn note_met(&mut self, member: KeyId, now: Micros) {
        self.with.entry(member).or_default().met = Some(now);
    }

    /// Whether a member has not been met for so long, in microseconds.
    pub fn is_away(&mut self, member: &KeyId, now: Micros, long: i64) -> bool {
        let since = *self.since.get_or_insert(now);
        let met = self.with.get(member).and_then(|with| with.met).unwrap_or(since);
        now.0.saturating_sub(met.0).abs() >= long
    }

    /// Whether a parcel that says `word` is due for a member: it says something new, or what was put `again` microseconds ago has
    /// not been answered.
    #[must_use]
    pub fn due(&self, to: &KeyId, word: RelayWord, (now, again): (Micros, i64)) -> Option<Due> {
        let (put, asks_again) = self.with.get(to).map_or((None, false), |with| (with.put, with.asks_again));
        let is_news = word.is_news_after(put.as_ref().map(|(told, ..)| told));
        let long_ago = put.is_none_or(|(_, at, _)| now.0.saturating_sub(at.0).abs() >= again);
        let is_due = is_news || ((word.waits() || asks_again) && long_ago);
        let before = put.filter(|_| !is_news).map_or(0, |(_, _, times)| times);
        is_due.then_some(Due { word, at: now, before })
    }

    /// When the last parcel of a member that was taken here was made.
    #[must_use]
    pub fn heard_us(&self, member: &KeyId) -> Option<i64> {
        self.with.get(member)?.heard_us
    }

    /// A relay has taken a parcel.
    pub(crate) fn was_put(&mut self, to: KeyId, errand: &RelayErrand, through: KeyId) {
        let with = self.with.entry(to).or_default();
        with.put = Some((errand.word, errand.at, errand.before.saturating_add(1)));
        (with.through, with.refused, with.asks_again) = (Some(through), None, false);
    }

    /// No relay has taken it; why the last one did not.
    pub fn was_refused(&mut self, to: KeyId, code: &str) {
        self.with.entry(to).or_default().refused = Some(code.to_owned());
    }

    /// The routes to ask a relay for: those of members that are not met. One whose parcel waits for something else is passed over
    /// until it is looked at again: it would fill the answer every time.
    #[must_use]
    pub fn routes(&self, exchange: &Exchange<'_>, away: &[KeyId]) -> Vec<Route> {
        let routes = away.iter().flat_map(|member| exchange.relay_routes(member));
        routes.filter(|route| !self.lies(route, exchange.now)).collect()
    }

    /// Whether what lies under a route is not looked at now.
    #[must_use]
    pub fn lies(&self, route: &Route, now: Micros) -> bool {
        self.left.lies(route, now)
    }

    /// Notes what became of a parcel; whether its relay may drop it.
    pub fn settled(&mut self, route: Route, fate: ParcelFate, now: Micros) -> bool {
        if fate == ParcelFate::Left && self.left.again(route, now) {
            return false;
        }
        self.left.is_over(&route);
        if let ParcelFate::Taken(from) = fate {
            self.with.entry(from).or_default().taken = Some(now);
        }
        true
    }

    /// Notes that a parcel was taken, as far as it could be; `again` says whether it said again what was here before.
    pub fn heard(&mut self, manifest: &Manifest, again: bool) {
        let with = self.with.entry(manifest.from).or_default();
        // What comes last counts, not what is latest: a clock that ran ahead once would say so for ever.
        with.heard_us = Some(manifest.at_us);
        // Whoever says again what is known here has not heard that it is.
        with.asks_again |= again;
        if manifest.life > with.life {
            // What was told was told to an earlier one, and it says nothing before it hears that it is known.
            (with.life, with.put, with.asks_again) = (manifest.life, None, true);
        }
    }

    /// How a member is reached.
    #[must_use]
    pub fn reached(&self, member: &KeyId) -> Reached {
        let with = self.with.get(member).cloned().unwrap_or_default();
        Reached {
            through: with.through,
            put: with.put.map(|(_, at, _)| at),
            taken: with.taken,
            refused: with.refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use base::SeededRng;

    use super::*;
    use crate::seal::{Sealed, SealingSecret};

    const AGAIN: i64 = 100;

    fn member(byte: u8) -> KeyId {
        KeyId::from_bytes([byte; 32])
    }

    fn errand(due: Due) -> RelayErrand {
        let rng = SeededRng::new(1);
        let key = SealingSecret::generate(&rng).public();
        let sealed = Sealed::seal(&rng, &key, Route([1; 16]), b"parcel").unwrap();
        due.with(Packed { parcel: sealed, load: Load::default() })
    }

    #[test]
    fn a_parcel_is_due_once_for_its_news_and_then_at_other_relays() {
        let mut errands = Errands::default();
        let (to, word) = (member(1), RelayWord::of([0, 1], [0, 0], [0, 0]));
        assert_eq!(errands.due(&to, RelayWord::default(), (Micros(0), AGAIN)), None);
        for before in 0..3 {
            let now = Micros(AGAIN * i64::try_from(before).unwrap());
            let due = errands.due(&to, word, (now, AGAIN)).unwrap();
            let errand = errand(due);
            assert_eq!(errand.before, before);
            errands.was_put(to, &errand, member(9));
            assert_eq!(errands.due(&to, word, (now.plus(AGAIN - 1), AGAIN)), None);
        }
        let more = RelayWord::of([0, 2], [0, 0], [0, 0]);
        assert_eq!(errands.due(&to, more, (Micros(0), AGAIN)).unwrap().before, 0, "news begins anew");
    }

    #[test]
    fn what_waits_lies_at_its_relay_and_everything_else_is_dropped() {
        let mut errands = Errands::default();
        let route = Route([1; 16]);
        assert!(!errands.settled(route, ParcelFate::Left, Micros(0)));
        assert!(errands.lies(&route, Micros(1)) && !errands.lies(&Route([2; 16]), Micros(1)));
        assert!(errands.settled(route, ParcelFate::Taken(member(1)), Micros(2)));
        assert!(!errands.lies(&route, Micros(2)));
        assert_eq!(errands.reached(&member(1)).taken, Some(Micros(2)));
        assert!(errands.settled(route, ParcelFate::Useless, Micros(3)));
    }
}
