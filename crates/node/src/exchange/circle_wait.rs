//! Acts that wait for a circle's document: that it is in a circle a member is told by the circle's owner or by anybody in it, while what
//! is for the circle may come first. So it is asked for when the first act waits, and mostly comes with the next papers.
//!
//! What waits keeps back everything of its sender that is behind it, so it waits [`CIRCLE_WAIT`] at most, is told meanwhile in the
//! list of peers and by `doctor`, and is then refused as what is for others; what else is for the same circles does not wait
//! anew. A process that begins anew does.
//!
//! A circle that has taken this member out may have taken it in again, and its sender know that first. Mostly it has not, and what
//! comes was on its way: so it waits only until the papers of the sender have been read, which bring the document where it has one that names
//! this member.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use base::Micros;
use base::limit::{CIRCLE_READ_SECONDS, CIRCLE_USUAL_WAIT_SECONDS, CIRCLE_WAIT_SECONDS, CIRCLES_MAX};
use base::signing::KeyId;
use federation::Directory;
use handling::CircleId;
use stix::Timestamp;
use store::{Check, StoreError};

use crate::Node;

/// How long what another member sends waits for the documents of the same circles.
const CIRCLE_WAIT: i64 = CIRCLE_WAIT_SECONDS * Micros::SECOND;
/// How long a sender's papers say that what it sends is not for this member: what was on its way comes together.
const READ_FOR: i64 = CIRCLE_READ_SECONDS * Micros::SECOND;
/// A wait that `doctor` does not call a fault: papers travel within seconds where members reach each other.
const USUAL_WAIT: i64 = CIRCLE_USUAL_WAIT_SECONDS * Micros::SECOND;

/// Members whose acts wait for circles' documents.
#[derive(Debug, Default)]
pub(crate) struct AwaitedCircles(Mutex<BTreeMap<KeyId, Waits>>);

/// The circles for want of whose documents an act is not taken yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lacking {
    /// Which.
    pub(crate) circles: BTreeSet<CircleId>,
    /// What is known of one that it takes.
    pub(crate) of: Lack,
}

/// What is known of circles whose documents are lacking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lack {
    /// Nothing.
    #[default]
    Unknown,
    /// One of them has taken this member out.
    Left,
}

/// What is waited for on behalf of one member's acts.
#[derive(Debug, Default)]
struct Waits {
    /// Circles by when they were asked for.
    asked: BTreeMap<BTreeSet<CircleId>, Asked>,
    /// Since when an act waits now.
    since: Option<Micros>,
    /// When a file or a parcel brought its papers.
    by_file: Option<Micros>,
}

/// When circles were asked for, and what came of it.
#[derive(Debug)]
struct Asked {
    first: Micros,
    last: Micros,
    /// Whether its sender has asked something since then: that question may have been made before.
    heard: bool,
    /// When its sender's papers were read.
    read: Option<Micros>,
}

impl Asked {
    const fn now(now: Micros) -> Self {
        Self { first: now, last: now, heard: false, read: None }
    }
}

/// How papers of a member were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It answered a question that was made then, and has nothing more to say.
    Answer(Micros),
    /// It asked, and has said all it knows of circles.
    Question,
    /// It asked, and may have more to say.
    Part,
}

impl AwaitedCircles {
    /// Whether an act of a member's waits for these circles, as of now.
    pub(super) fn wait(&self, from: KeyId, lacking: Lacking, now: Micros) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = held.entry(from).or_default();
        let within = |at: Micros, most: i64| (0..most).contains(&now.0.saturating_sub(at.0));
        // Whose documents nobody missed for as long is a circle that was known meanwhile. So it is for a clock that was put back.
        waits.asked.retain(|_, asked| within(asked.last, CIRCLE_WAIT));
        let asked = waits.asked.entry(lacking.circles).or_insert_with(|| Asked::now(now));
        asked.last = now;
        if lacking.of == Lack::Left {
            let read = [asked.read, waits.by_file];
            if read.into_iter().flatten().any(|at| within(at, READ_FOR)) {
                waits.since = None;
                return false;
            }
            if asked.read.is_some() {
                *asked = Asked::now(now);
            }
        }
        waits.since = within(asked.first, CIRCLE_WAIT).then_some(asked.first);
        waits.since.is_some()
    }

    /// Papers of a member have been read, as of now; whether something of its waited for that.
    fn read(&self, from: &KeyId, by: Reading, now: Micros) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waits) = held.get_mut(from) else { return false };
        let mut any = false;
        for asked in waits.asked.values_mut().filter(|asked| asked.read.is_none()) {
            let made_since = match by {
                Reading::Answer(at) => at >= asked.first,
                Reading::Question => asked.heard,
                Reading::Part => false,
            };
            asked.heard |= matches!(by, Reading::Question | Reading::Part);
            if made_since {
                (asked.read, any) = (Some(now), true);
            }
        }
        any && waits.since.is_some()
    }

    /// A file or a parcel has brought a member's papers, with everything that this member lacked of them.
    pub(super) fn came_by_file(&self, from: KeyId, now: Micros) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.entry(from).or_default().by_file = Some(now);
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
    /// Papers of a member have been read: it is asked for what waited for that.
    pub(crate) fn read_circles_of(&self, member: KeyId, by: Reading) {
        if self.0.exchange.awaited_circles.read(&member, by, self.now()) {
            self.tell_peers();
        }
    }

    /// Whose acts wait here for circles' documents, and until when; who has more circles than are taken of one member.
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
        let most = |member: KeyId| Check {
            name: "circles",
            ok: false,
            detail: format!(
                "{} has {CIRCLES_MAX} circles with this member in them, and no more are taken of one: a later one is not known here, and what \
                 is for that is refused. Ask those who run it what they are for",
                self.slug_of(&member)
            ),
        };
        Ok(waiting.map(check).chain(court.members.makers_of_most().into_iter().map(most)).collect())
    }
}
