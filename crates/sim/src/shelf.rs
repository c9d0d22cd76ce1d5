//! A simulated relay's shelf: one parcel a route, the last that was put, dropped by route and digest and after two weeks; and what a
//! relay that is not what it should be does with parcels.
//!
//! The shelf of a node is a table of the store (`store-sqlite`), which passes the store's own suite; this one says the same in a map.

use std::collections::BTreeMap;

use base::Micros;
use base::limit::RELAY_SECONDS;
use federation::{RELAY_MARK_BYTES, ROUTE_BYTES, Route, Sealed, parcels_to, relay_mark};

/// Parcels that a relay remembers beyond what it should.
const HOARD_MAX: usize = 64;

/// What a relay keeps for others.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    kept: BTreeMap<Route, (Micros, Sealed)>,
    /// Parcels that were on it, the latest last.
    hoard: Vec<Sealed>,
}

/// What a relay does with a question or a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whim {
    /// What it should.
    Honest,
    /// It says that it keeps, hands out or drops something, and does not.
    Idle,
    /// It hands out everything twice, the last first.
    Twice,
    /// It hands out what it should have dropped, whoever it was for.
    Old,
    /// It hands out changed bytes.
    Changed,
    /// It lets nothing go.
    Hoard,
}

impl Whim {
    /// Every whim, as often as it is to come; an honest answer is the commonest.
    pub(crate) const OFTEN: [Self; 10] = [
        Self::Honest,
        Self::Honest,
        Self::Honest,
        Self::Honest,
        Self::Honest,
        Self::Honest,
        Self::Idle,
        Self::Twice,
        Self::Old,
        Self::Changed,
    ];
}

impl Shelf {
    /// Keeps a parcel in the place of the one under its route.
    pub(crate) fn put(&mut self, parcel: Sealed, now: Micros, whim: Whim) {
        self.expire(now, whim);
        self.hoard.push(parcel.clone());
        if self.hoard.len() > HOARD_MAX {
            self.hoard.remove(0);
        }
        if whim != Whim::Idle {
            self.kept.insert(parcel.route(), (now, parcel));
        }
    }

    /// What is handed out to somebody who asks for these routes.
    pub(crate) fn hand_out(&mut self, routes: &[Route], now: Micros, whim: Whim) -> Vec<u8> {
        self.expire(now, whim);
        let waiting = routes.iter().filter_map(|route| self.kept.get(route));
        let mut parcels: Vec<Vec<u8>> = waiting.map(|(_, parcel)| parcel.as_bytes().to_vec()).collect();
        match whim {
            Whim::Honest | Whim::Hoard => {}
            Whim::Idle => parcels.clear(),
            Whim::Twice => parcels = parcels.iter().rev().chain(parcels.iter()).cloned().collect(),
            Whim::Old => parcels.extend(self.hoard.iter().rev().map(|parcel| parcel.as_bytes().to_vec())),
            Whim::Changed => {
                parcels.iter_mut().filter_map(|parcel| parcel.last_mut()).for_each(|byte| *byte ^= 1);
            }
        }
        parcels_to(&parcels)
    }

    /// Drops what is under a route, if it is what the mark says.
    pub(crate) fn drop_marked(&mut self, marks: &[u8], whim: Whim) {
        if matches!(whim, Whim::Idle | Whim::Hoard) {
            return;
        }
        for mark in marks.as_chunks::<RELAY_MARK_BYTES>().0 {
            let route = mark.first_chunk::<ROUTE_BYTES>().map(|route| Route(*route)).expect("is longer");
            if self.kept.get(&route).is_some_and(|(_, parcel)| relay_mark(parcel) == *mark) {
                self.kept.remove(&route);
            }
        }
    }

    /// Drops whatever is under the routes of a member that was restored.
    pub(crate) fn withdraw(&mut self, routes: &[Route]) {
        routes.iter().for_each(|route| drop(self.kept.remove(route)));
    }

    fn expire(&mut self, now: Micros, whim: Whim) {
        if whim == Whim::Hoard {
            return;
        }
        let since = now.0.saturating_sub(RELAY_SECONDS * Micros::SECOND);
        self.kept.retain(|_, (at, _)| at.0 >= since);
    }

    /// Everything that lies on it, as it lies there.
    pub fn kept(&self) -> impl Iterator<Item = &Sealed> {
        self.kept.values().map(|(_, parcel)| parcel)
    }

    /// Parcels that lie under these routes, and those that were put before a moment.
    #[must_use]
    pub fn lies(&self, routes: &[Route], since: Micros) -> usize {
        self.kept.iter().filter(|(route, (at, _))| routes.contains(route) || *at < since).count()
    }

    /// Everything that a relay could have looked into, as far back as it remembers.
    pub fn seen(&self) -> impl Iterator<Item = &Sealed> {
        self.kept().chain(&self.hoard)
    }
}
