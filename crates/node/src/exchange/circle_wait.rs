//! Acts that wait for a circle's document: that it is in a circle a member is told by the circle's owner or by anybody in it, while what
//! is for the circle may come first. So it is asked for when the first act waits, and mostly comes with the next papers.
//!
//! What waits keeps back everything of its sender that is behind it, so it waits [`CIRCLE_WAIT`] at most, is told meanwhile in the
//! list of peers and by `doctor`, and is then refused as what is for others; what else is for the same circles does not wait
//! anew. A process that begins anew does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use base::Micros;
use base::signing::KeyId;
use federation::Directory;
use handling::CircleId;
use stix::Timestamp;
use store::{Check, StoreError};

use crate::Node;

/// How long what another member sends waits for the documents of the same circles.
const CIRCLE_WAIT: i64 = 3_600 * Micros::SECOND;
/// A wait that `doctor` does not call a fault: papers travel within seconds where members reach each other.
const USUAL_WAIT: i64 = 300 * Micros::SECOND;

/// Members whose acts wait for circles' documents.
#[derive(Debug, Default)]
pub(crate) struct AwaitedCircles(Mutex<BTreeMap<KeyId, Waits>>);

/// What is waited for on behalf of one member's acts.
#[derive(Debug, Default)]
struct Waits {
    /// When each was asked for first and last.
    asked: BTreeMap<BTreeSet<CircleId>, (Micros, Micros)>,
    /// Since when an act waits now.
    since: Option<Micros>,
}

impl AwaitedCircles {
    /// Whether an act of a member's waits for these circles, as of now.
    pub(super) fn wait(&self, from: KeyId, circles: BTreeSet<CircleId>, now: Micros) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = held.entry(from).or_default();
        let recent = |at: Micros| (0..CIRCLE_WAIT).contains(&now.0.saturating_sub(at.0));
        // Whose documents nobody missed for as long is a circle that was known meanwhile. So it is for a clock that was put back.
        waits.asked.retain(|_, (_, last)| recent(*last));
        let (first, last) = waits.asked.entry(circles).or_insert((now, now));
        *last = now;
        waits.since = recent(*first).then_some(*first);
        waits.since.is_some()
    }

    /// Nothing of a member's waits any more.
    pub(super) fn goes_on(&self, from: &KeyId) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waits) = held.get_mut(from) {
            waits.since = None;
        }
    }

    /// Since when an act of a member's waits.
    pub(super) fn since(&self, from: &KeyId) -> Option<Micros> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(from)?.since
    }
}

impl Node {
    /// Whose acts wait here for circles' documents, and until when.
    pub(crate) async fn check_circles(&self) -> Result<Vec<Check>, StoreError> {
        let Some(court) = self.court().await? else { return Ok(Vec::new()) };
        let waiting = court.members.active().into_iter();
        let waiting =
            waiting.filter_map(|member| Some((member, self.0.exchange.awaited_circles.since(&member)?)));
        let check = |(member, since): (KeyId, Micros)| {
            let [from, until] = [since, since.plus(CIRCLE_WAIT)].map(Timestamp::text_of);
            Check {
                name: "circles",
                ok: court.now.0.saturating_sub(since.0) < USUAL_WAIT,
                detail: format!(
                    "what {} sends waits since {from} for the document of a circle, which nobody in it has brought yet: see that this \
                     node and the owner's, or that member's, reach each other. At {until} it is refused, and what is behind it goes on",
                    self.slug_of(&member)
                ),
            }
        };
        Ok(waiting.map(check).collect())
    }
}
