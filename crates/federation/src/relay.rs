//! A relay: keeps sealed envelopes for members that cannot be reached, by routes that say nothing to it.
//!
//! It can read neither content nor sender nor recipient; it can lose, delay, repeat and mix up, and the two ends notice all
//! of that from the places inside. Bounded for every route, so that nobody fills it for others.

use std::collections::BTreeMap;

use base::Micros;
use base::limit::RELAY_ENVELOPES_MAX;
use base::signing::KeyId;

use crate::Exchange;
use crate::seal::{Route, Sealed};

/// How long one route is used, in seconds (a week).
const PERIOD_SECONDS: i64 = 7 * 86_400;

/// The period of a moment; routes change with it.
#[must_use]
pub fn route_period(now: Micros) -> u64 {
    let length = PERIOD_SECONDS.saturating_mul(Micros::SECOND);
    u64::try_from(now.0.checked_div(length).unwrap_or(0)).unwrap_or(0)
}

/// The shelf for a route is full; what was offered was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot keep the envelope: {RELAY_ENVELOPES_MAX} of its route are waiting already")]
pub struct RelayFull;

/// What a relay keeps. Rows: route, sealed bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayShelf(BTreeMap<Route, Vec<Sealed>>);

impl RelayShelf {
    /// Keeps an envelope; the same one is kept once.
    ///
    /// # Errors
    /// The shelf of its route is full.
    pub fn put(&mut self, sealed: Sealed) -> Result<(), RelayFull> {
        let shelf = self.0.entry(sealed.route()).or_default();
        if shelf.contains(&sealed) {
            return Ok(());
        }
        if shelf.len() >= RELAY_ENVELOPES_MAX {
            return Err(RelayFull);
        }
        shelf.push(sealed);
        Ok(())
    }

    /// Hands out what waits under `routes`; who asks for a route can compute it, or guesses 16 bytes.
    pub fn take(&mut self, routes: &[Route]) -> Vec<Sealed> {
        routes.iter().filter_map(|route| self.0.remove(route)).flatten().collect()
    }

    /// Everything kept, as it lies there.
    pub fn all(&self) -> impl Iterator<Item = &Sealed> {
        self.0.values().flatten()
    }
}

impl Exchange<'_> {
    /// The routes under which envelopes for this member may wait at a relay: from every member, for this period and those
    /// beside it, since clocks differ.
    #[must_use]
    pub fn my_routes(&self) -> Vec<Route> {
        let now = route_period(self.now);
        let mut routes = Vec::new();
        for member in self.directory.active().iter().filter(|member| **member != self.me.member) {
            routes.extend(self.routes_from(member, now));
        }
        routes
    }

    /// The routes under which envelopes by this member may wait at a relay, for the same periods.
    pub(crate) fn routes_from_me(&self) -> Vec<Route> {
        let now = route_period(self.now);
        let periods = now.saturating_sub(1)..=now.saturating_add(1);
        let mut routes = Vec::new();
        for member in self.directory.active().iter().filter(|member| **member != self.me.member) {
            let Some(key) = self.directory.sealing(member) else { continue };
            let route = |period| self.me.sealing.route(&key, self.me.member, *member, period).ok();
            routes.extend(periods.clone().filter_map(route));
        }
        routes
    }

    fn routes_from(&self, member: &KeyId, now: u64) -> Vec<Route> {
        let Some(key) = self.directory.sealing(member) else { return Vec::new() };
        let periods = now.saturating_sub(1)..=now.saturating_add(1);
        let route = |period| self.me.sealing.route(&key, *member, self.me.member, period).ok();
        periods.filter_map(route).collect()
    }
}

#[cfg(test)]
mod tests {
    use base::SeededRng;

    use super::*;
    use crate::seal::SealingSecret;

    #[test]
    fn a_shelf_keeps_each_envelope_once_and_hands_out_by_route() {
        let rng = SeededRng::new(1);
        let key = SealingSecret::generate(&rng).public();
        let mut shelf = RelayShelf::default();
        let (one, two) = (Route([1; 16]), Route([2; 16]));
        let first = Sealed::seal(&rng, &key, one, b"first").unwrap();
        let second = Sealed::seal(&rng, &key, two, b"second").unwrap();
        for sealed in [&first, &second, &first] {
            shelf.put(sealed.clone()).unwrap();
        }
        assert_eq!(shelf.all().count(), 2);
        assert_eq!(shelf.take(&[one, Route([3; 16])]), [first]);
        assert_eq!(shelf.take(&[one]), []);
        assert_eq!(shelf.take(&[two]), [second]);
    }

    #[test]
    fn a_full_shelf_refuses_and_others_are_not_affected() {
        let route = Route([1; 16]);
        let bytes = |n: usize, route: Route| {
            let mut bytes = vec![1];
            bytes.extend_from_slice(&route.0);
            bytes.extend_from_slice(&[0; 32]);
            bytes.extend_from_slice(&n.to_be_bytes());
            Sealed::parse(bytes).unwrap()
        };
        let full: Vec<Sealed> = (0..RELAY_ENVELOPES_MAX).map(|n| bytes(n, route)).collect();
        let mut shelf = RelayShelf(BTreeMap::from([(route, full)]));
        assert_eq!(shelf.put(bytes(RELAY_ENVELOPES_MAX, route)), Err(RelayFull));
        assert_eq!(shelf.put(bytes(0, route)), Ok(()), "what waits already is no more");
        assert_eq!(shelf.put(bytes(0, Route([2; 16]))), Ok(()));
    }
}
