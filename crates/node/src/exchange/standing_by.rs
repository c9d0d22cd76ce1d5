//! A member that nobody reaches from outside keeps one question open at each of the others: it is answered as soon as something
//! waits for it there, so that it hears as soon as those do who can be called.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use base::Micros;
use base::signing::KeyId;
use community::MemberId;
use federation::{Lane, PeerRow, Turn, Versions};

use super::views::failed;
use super::{ExchangeError, Spoken};
use crate::Node;

/// Whoever called this node so short a time ago reaches it: everybody is called more often than that.
const CALLED: i64 = 45 * Micros::SECOND;

/// What a question that was kept open is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoodBy {
    /// Something waits for the asker: it is to begin a meeting.
    Something,
    /// Nothing came.
    Nothing,
    /// This node calls the asker when something waits.
    Reachable,
}

impl StoodBy {
    /// The word between nodes.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Something => "something",
            Self::Nothing => "nothing",
            Self::Reachable => "reachable",
        }
    }
}

/// Members whose questions are open here, and whether any may be.
#[derive(Debug, Default)]
pub(super) struct Open {
    of: Mutex<BTreeSet<KeyId>>,
    /// The last places of a member's lanes when it was told that something waits. What it did not take then, it is not called for again:
    /// it takes that in an ordinary round, if at all.
    told: Mutex<BTreeMap<KeyId, [u64; 2]>>,
    ended: std::sync::atomic::AtomicBool,
}

/// The one open question of a member, closed when this is dropped.
struct Place<'a>(&'a Open, KeyId);

impl Open {
    fn place(&self, of: KeyId) -> Option<Place<'_>> {
        let free = self.of.lock().unwrap_or_else(PoisonError::into_inner).insert(of);
        free.then_some(Place(self, of))
    }

    /// Whether a member has something to fetch that it was not told of; it is told now.
    fn tells(&self, member: KeyId, peer: &PeerRow) -> bool {
        let last = Lane::QUEUES.map(|lane| peer.queue(lane).last);
        let waits = Lane::QUEUES.iter().any(|lane| peer.queue(*lane).last > peer.queue(*lane).acked);
        waits && self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(member, last) != Some(last)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.of.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

impl Node {
    /// The question to keep open at a member: this node's greeting. `None` where the member reaches this node itself.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn stand_by(&self, at: MemberId) -> Result<Option<Vec<u8>>, ExchangeError> {
        let called = self.0.exchange.last_called(&at.0);
        if called.is_some_and(|called| self.now().0.saturating_sub(called.0).abs() < CALLED) {
            return Ok(None);
        }
        let court = self.sitting().await?;
        let sitting = std::sync::Arc::clone(&court);
        let hello = store::looked(self.store(), court.member(), move |rows| {
            sitting.exchange().hello(rows, at.0, Versions::OURS).map_err(failed)
        });
        Ok(Some(Turn::of(hello.await?).to_bytes()))
    }

    /// Waits until something waits for a member that this node cannot reach. Whoever waits for this bounds the time.
    ///
    /// # Errors
    /// The store failed.
    pub async fn something_for(&self, member: MemberId) -> Result<StoodBy, ExchangeError> {
        let desk = &self.0.exchange;
        match desk.last_spoken(&member.0) {
            Some(Spoken::Answered) => return Ok(StoodBy::Reachable),
            // It is not known yet: this node has just begun, or the member has just come.
            None => return Ok(StoodBy::Nothing),
            Some(Spoken::Refused(_) | Spoken::Unreachable) => {}
        }
        let Some(_place) = desk.open.place(member.0) else { return Ok(StoodBy::Nothing) };
        let Some(court) = self.court().await? else { return Ok(StoodBy::Nothing) };
        loop {
            let told = desk.told.notified();
            tokio::pin!(told);
            // From here on nothing that comes is missed, though it comes while this looks.
            told.as_mut().enable();
            if desk.open.ended.load(std::sync::atomic::Ordering::Acquire) {
                return Ok(StoodBy::Nothing);
            }
            let peer =
                store::looked(self.store(), court.member(), move |rows| rows.peer(&member.0).map_err(failed))
                    .await?;
            if desk.open.tells(member.0, &peer) {
                return Ok(StoodBy::Something);
            }
            told.await;
        }
    }

    /// Has every open question answered, and none kept open any more: the node stops.
    pub fn stop_standing_by(&self) {
        self.0.exchange.open.ended.store(true, std::sync::atomic::Ordering::Release);
        self.0.exchange.told.notify_waiters();
    }
}
