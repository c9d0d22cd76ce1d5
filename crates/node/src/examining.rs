//! Examining what comes in: off the threads that serve, side by side where processors are free, and no longer than one request may.
//!
//! What an object costs is bounded for each ([`base::limit::OBJECT_BYTES_MAX`], [`base::limit::REGEX_BYTES_MAX`]), and a request may hold very
//! many of the dearest: regular expressions that are short to write and long to read. Whether an object can be read is never decided by what
//! comes with it, so a request that takes too long is not taken at all, and can be sent in parts.

use std::time::{Duration, Instant};

use base::limit::EXAMINE_SECONDS_MAX;
use bytes::Bytes;
use tokio::sync::SemaphorePermit;

use crate::Node;
use crate::blocking::{offload, offload_all};
use crate::derive::{self, Bar, Derived, Rejected};

/// Requests smaller than this are examined where they are, without a trip to the blocking pool, in bytes.
const INLINE_BYTES_MAX: usize = 16 * 1024;
/// Fewest objects of a request that a further processor is asked to examine.
const PART_OBJECTS_MIN: usize = 64;

/// How long objects of one request may still be examined.
#[derive(Debug)]
pub(crate) struct Patience(Duration);

impl Patience {
    /// Takes what was used since `begun` off.
    fn used(&mut self, begun: Instant) {
        self.0 = self.0.saturating_sub(begun.elapsed());
    }
}

/// The objects of a request take longer to examine than one may.
#[derive(Debug, thiserror::Error)]
#[error(
    "the objects of this request take longer than {EXAMINE_SECONDS_MAX} s to examine: send fewer at a time; what needs that long are regular expressions in patterns"
)]
pub struct RunOut;

/// What came of examining objects, in their order.
type All = Vec<Result<Derived, Rejected>>;

impl Node {
    /// How long one request may be examined.
    pub(crate) fn patience(&self) -> Patience {
        Patience(self.0.settings.examine_max)
    }

    /// Examines every object and derives what the store needs; off the serving threads, and as much at a time as there are
    /// processors, when it is much: the tree of one object takes many times its bytes.
    pub(crate) async fn derive_all(&self, objects: Vec<Bytes>, bar: Bar) -> All {
        let all = self.derive_for(objects, bar, &mut Patience(Duration::MAX)).await;
        all.expect("invariant: patience without an end does not run out")
    }

    /// The same, for as long as a request may.
    ///
    /// # Errors
    /// That has run out: what was examined is forgotten.
    pub(crate) async fn derive_for(
        &self,
        objects: Vec<Bytes>,
        bar: Bar,
        patience: &mut Patience,
    ) -> Result<All, RunOut> {
        let bytes = objects.iter().map(Bytes::len).sum::<usize>();
        if bytes <= INLINE_BYTES_MAX {
            return Ok(objects.iter().map(|bytes| derive::derive(bytes, bar)).collect());
        }
        let mut places = vec![self.examining().await];
        // Nobody else is there: the processors that are free take a part each.
        while objects.len() / (places.len() + 1) >= PART_OBJECTS_MIN
            && let Ok(place) = self.0.examining.try_acquire()
        {
            places.push(place);
        }
        let (begun, most) = (Instant::now(), patience.0);
        let parts = objects.chunks(objects.len().div_ceil(places.len()).max(1)).map(<[Bytes]>::to_vec);
        let part = |objects: Vec<Bytes>| {
            move || -> Option<All> {
                let each =
                    objects.iter().map(|bytes| (begun.elapsed() < most).then(|| derive::derive(bytes, bar)));
                each.collect()
            }
        };
        let done: Option<Vec<All>> = offload_all(parts.map(part).collect()).await.into_iter().collect();
        patience.used(begun);
        Ok(done.ok_or(RunOut)?.into_iter().flatten().collect())
    }

    /// Examines in one piece what `derive` makes of objects, which asks before each whether it may go on.
    ///
    /// # Errors
    /// As [`Node::derive_for`].
    pub(crate) async fn derive_by(
        &self,
        derive: impl FnOnce(&dyn Fn() -> bool) -> Option<All> + Send + 'static,
        patience: &mut Patience,
    ) -> Result<All, RunOut> {
        let _place = self.examining().await;
        let (begun, most) = (Instant::now(), patience.0);
        let done = offload(move || derive(&|| begun.elapsed() < most)).await;
        patience.used(begun);
        done.ok_or(RunOut)
    }

    /// A place for work that builds large trees.
    async fn examining(&self) -> SemaphorePermit<'_> {
        self.0.examining.acquire().await.expect("invariant: the semaphore is never closed")
    }
}
