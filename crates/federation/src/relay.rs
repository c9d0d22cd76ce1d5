//! Relays keep sealed parcels for members that cannot be reached, by routes that say nothing to them.
//!
//! Here is what both ends compute: the routes, what a parcel would say, and the frames in which parcels are asked for and handed out.
//! A relay can read neither content nor sender nor recipient; it can lose, delay, repeat and mix up, and the two ends notice all of
//! that from the places inside. What a node remembers of parcels stands in `errands`, what is in one in `courier`.

use base::Micros;
use base::limit::RELAY_ROUTES_MAX;
use base::signing::KeyId;
use sha2::{Digest, Sha256};

use crate::Exchange;
use crate::frame::{self, FrameError, Magic, Writer};
use crate::port::{Read, Rows};
use crate::rows::Lane;
use crate::seal::{ROUTE_BYTES, Route, Sealed};

/// What parcels that are handed out begin with.
const PARCELS: Magic = *b"CRRP";
/// Bytes of a route with the digest of what waits there.
pub const RELAY_MARK_BYTES: usize = ROUTE_BYTES + 32;
/// How long one route is used, in seconds (a week).
const PERIOD_SECONDS: i64 = 7 * 86_400;

/// The period of a moment; routes change with it.
#[must_use]
pub fn route_period(now: Micros) -> u64 {
    let length = PERIOD_SECONDS.saturating_mul(Micros::SECOND);
    u64::try_from(now.0.checked_div(length).unwrap_or(0)).unwrap_or(0)
}

/// What the papers in a parcel for a peer would say of circles. Who makes papers makes the digests; all zeros = nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PapersWord {
    /// A digest of the circles and farewells of this member's that the peer is due and has not confirmed.
    pub due: [u8; 32],
    /// A digest of the versions that this node holds of the peer's circles: the peer hears of them by papers alone.
    pub held: [u8; 32],
}

/// What a parcel for a peer would say: how much has been given to the peer, how far it has read it, and how far this node has
/// read what it sent, its ledger and its circles too. In each the FLASH lane first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayWord {
    given: [u64; 2],
    acknowledged: [u64; 2],
    read: [u64; 2],
    /// Leaves of the own ledger that the peer has said to hold.
    told: u64,
    /// Leaves of the peer's ledger that are held here ahead of its head, which came in parts; 0 = the head is whole.
    ahead: u64,
    papers: PapersWord,
}

impl RelayWord {
    #[cfg(test)]
    pub(crate) fn of(given: [u64; 2], acknowledged: [u64; 2], read: [u64; 2]) -> Self {
        Self { given, acknowledged, read, ..Self::default() }
    }

    /// The same, with what papers would say.
    #[must_use]
    pub fn with(self, papers: PapersWord) -> Self {
        Self { papers, ..self }
    }

    /// Whether anything waits that the peer has not acknowledged, or not confirmed.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.given != self.acknowledged || self.papers.due != [0; 32]
    }

    /// How much has been given to the peer.
    pub(crate) const fn given(&self) -> [u64; 2] {
        self.given
    }

    /// Whether a parcel would say something that one which said `told` did not.
    #[must_use]
    pub fn is_news_after(&self, told: Option<&Self>) -> bool {
        let told = told.copied().unwrap_or_default();
        self.read != told.read
            || self.ahead != told.ahead
            || self.papers.held != told.papers.held
            || (self.waits() && *self != told)
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

/// What a relay is told to drop: the route of a parcel and the SHA-256 of its bytes, so that one that came meanwhile stays.
#[must_use]
pub fn relay_mark(parcel: &Sealed) -> [u8; RELAY_MARK_BYTES] {
    let mut mark = [0; RELAY_MARK_BYTES];
    let (route, digest) = mark.split_at_mut(ROUTE_BYTES);
    route.copy_from_slice(&parcel.route().0);
    digest.copy_from_slice(&Sha256::digest(parcel.as_bytes()));
    mark
}

impl Exchange<'_> {
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

    /// What a parcel for a peer would say now, but for its papers ([`RelayWord::with`]); `None` while this node takes back what a restore has lost.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn relay_word(&self, rows: &dyn Rows, peer: &KeyId) -> Read<Option<RelayWord>> {
        if rows.own()?.taking_back().is_some() {
            return Ok(None);
        }
        let known = rows.peer(peer)?;
        let queues = Lane::QUEUES.map(|lane| known.queue(lane));
        let (held, whole) = (rows.held(peer)?, rows.mirror(peer)?.map_or(0, |row| row.size));
        Ok(Some(RelayWord {
            told: known.heads.get(&self.me.member).copied().unwrap_or_default(),
            ahead: if held > whole { held } else { 0 },
            given: queues.map(|queue| queue.last),
            acknowledged: queues.map(|queue| queue.acked),
            read: queues.map(|queue| queue.cursor),
            papers: PapersWord::default(),
        }))
    }

    /// The routes under which parcels by this member may wait at a relay, which keeps them for two periods.
    pub(crate) fn routes_from_me(&self) -> Vec<Route> {
        let now = route_period(self.now);
        let periods = now.saturating_sub(2)..=now;
        let mut routes = Vec::new();
        for member in self.directory.active().iter().filter(|member| **member != self.me.member) {
            let Some(key) = self.directory.sealing(member) else { continue };
            let route = |period| self.me.sealing.route(&key, self.me.member, *member, period).ok();
            routes.extend(periods.clone().filter_map(route));
        }
        routes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let word = |given, acknowledged, read| RelayWord::of([0, given], [0, acknowledged], [0, read]);
        assert!(!word(0, 0, 0).is_news_after(None));
        assert!(word(1, 0, 0).is_news_after(None));
        let told = word(1, 0, 0);
        assert!(!told.is_news_after(Some(&told)), "it waits at the relay");
        assert!(word(2, 0, 0).is_news_after(Some(&told)));
        // The receipt has come: it is acknowledged, once.
        let read = word(1, 1, 1);
        assert!(read.is_news_after(Some(&told)) && !read.is_news_after(Some(&read)));
        assert!(!word(1, 1, 0).is_news_after(Some(&told)), "an acknowledgement asks for no answer");
        // Of a ledger that goes in parts each is asked for, and given.
        let part = RelayWord { ahead: 7, ..read };
        assert!(part.is_news_after(Some(&read)) && read.is_news_after(Some(&part)));
        let (asked, idle) = (RelayWord { told: 7, ..told }, RelayWord { told: 7, ..read });
        assert!(asked.is_news_after(Some(&told)) && !idle.is_news_after(Some(&read)));
    }

    #[test]
    fn a_circle_that_is_due_makes_a_parcel_until_it_is_confirmed_and_a_confirmation_asks_for_nothing() {
        let word = |due, held| RelayWord::default().with(PapersWord { due: [due; 32], held: [held; 32] });
        let (idle, due) = (word(0, 0), word(1, 0));
        assert!(!idle.waits() && due.waits());
        assert!(due.is_news_after(None) && !due.is_news_after(Some(&due)));
        assert!(word(2, 0).is_news_after(Some(&due)), "a farewell in its place");
        assert!(!idle.is_news_after(Some(&due)), "it is confirmed");
        let holds = word(0, 3);
        assert!(holds.is_news_after(Some(&idle)) && !holds.is_news_after(Some(&holds)) && !holds.waits());
    }
}
