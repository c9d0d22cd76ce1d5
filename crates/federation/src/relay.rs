//! A relay: keeps sealed envelopes for members that cannot be reached, by routes that say nothing to it.
//!
//! It can read neither content nor sender nor recipient; it can lose, delay, repeat and mix up, and the two ends notice all
//! of that from the places inside. Bounded for every route, so that nobody fills it for others.

use std::collections::BTreeMap;

use base::Micros;
use base::limit::{RELAY_ENVELOPES_MAX, RELAY_ROUTES_MAX};
use base::signing::KeyId;

use crate::Exchange;
use crate::frame::{self, FrameError, Magic, Writer};
use crate::port::{Read, Rows};
use crate::rows::Lane;
use crate::seal::{Route, Sealed};

/// What parcels that are handed out begin with.
const PARCELS: Magic = *b"CRRP";
/// How long one route is used, in seconds (a week).
const PERIOD_SECONDS: i64 = 7 * 86_400;

/// The period of a moment; routes change with it.
#[must_use]
pub fn route_period(now: Micros) -> u64 {
    let length = PERIOD_SECONDS.saturating_mul(Micros::SECOND);
    u64::try_from(now.0.checked_div(length).unwrap_or(0)).unwrap_or(0)
}

/// What a parcel for a peer would say: how much has been given to the peer, how far it has read it, and how far this node has
/// read what it sent. In each the FLASH lane first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayWord {
    given: [u64; 2],
    acknowledged: [u64; 2],
    read: [u64; 2],
}

impl RelayWord {
    /// Whether anything waits that the peer has not acknowledged.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.given != self.acknowledged
    }

    /// Whether a parcel would say something that one which said `told` did not.
    #[must_use]
    pub fn is_news_after(&self, told: Option<&Self>) -> bool {
        let told = told.copied().unwrap_or_default();
        self.read != told.read || (self.waits() && *self != told)
    }
}

/// What a relay hands out: parcels, each as it was put.
#[must_use]
pub fn parcels_to(parcels: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::new(PARCELS);
    for parcel in parcels {
        writer.field(1, parcel);
    }
    writer.finish()
}

/// Reads what a relay hands out. Nothing of a parcel is looked at.
///
/// # Errors
/// The bytes are no such frame, or hold more than [`RELAY_ROUTES_MAX`] parcels.
pub fn parcels_from(bytes: &[u8]) -> Result<Vec<Vec<u8>>, FrameError> {
    let fields = frame::read(PARCELS, bytes, RELAY_ROUTES_MAX)?;
    Ok(fields.into_iter().filter(|field| field.tag == 1).map(|field| field.bytes.to_vec()).collect())
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

    /// The routes under which a parcel from one member may wait at a relay, which keeps it for two periods: those, and one more,
    /// since clocks differ.
    #[must_use]
    pub fn relay_routes(&self, from: &KeyId) -> Vec<Route> {
        let Some(key) = self.directory.sealing(from) else { return Vec::new() };
        let now = route_period(self.now);
        let periods = now.saturating_sub(2)..=now.saturating_add(1);
        let route = |period| self.me.sealing.route(&key, *from, self.me.member, period).ok();
        periods.filter_map(route).collect()
    }

    /// What a parcel for a peer would say now; `None` while this node takes back what a restore has lost.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn relay_word(&self, rows: &dyn Rows, peer: &KeyId) -> Read<Option<RelayWord>> {
        if rows.own()?.taking_back().is_some() {
            return Ok(None);
        }
        let known = rows.peer(peer)?;
        let queues = Lane::QUEUES.map(|lane| known.queue(lane));
        Ok(Some(RelayWord {
            given: queues.map(|queue| queue.last),
            acknowledged: queues.map(|queue| queue.acked),
            read: queues.map(|queue| queue.cursor),
        }))
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
    fn what_is_handed_out_is_read_back_and_anything_else_refused() {
        let parcels = vec![b"one".to_vec(), Vec::new(), vec![7; 300]];
        assert_eq!(parcels_from(&parcels_to(&parcels)).unwrap(), parcels);
        assert_eq!(parcels_from(&parcels_to(&[])).unwrap(), Vec::<Vec<u8>>::new());
        let whole = parcels_to(&parcels);
        for bytes in [&b""[..], b"CRB1", &whole[..whole.len() - 1]] {
            assert!(parcels_from(bytes).is_err());
        }
    }

    #[test]
    fn a_parcel_is_put_when_it_says_something_new_and_not_for_an_answer_alone() {
        let word = |given, acknowledged, read| RelayWord {
            given: [0, given],
            acknowledged: [0, acknowledged],
            read: [0, read],
        };
        assert!(!word(0, 0, 0).is_news_after(None));
        assert!(word(1, 0, 0).is_news_after(None));
        let told = word(1, 0, 0);
        assert!(!told.is_news_after(Some(&told)), "it waits at the relay");
        assert!(word(2, 0, 0).is_news_after(Some(&told)));
        // The receipt has come: it is acknowledged, once.
        let read = word(1, 1, 1);
        assert!(read.is_news_after(Some(&told)) && !read.is_news_after(Some(&read)));
        assert!(!word(1, 1, 0).is_news_after(Some(&told)), "an acknowledgement asks for no answer");
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
