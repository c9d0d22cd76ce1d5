//! Parcels that were left at their relays, since something else has to come before them: their routes are asked for again at growing
//! pauses, so that what cannot be taken yet does not fill every answer, and are given up in the end.

use std::collections::BTreeMap;

use crate::seal::Route;
use base::Micros;

/// How long a parcel that waits for something else is left at its relay before its route is asked for again; twice as long each
/// time.
const LEFT_FOR: i64 = 10 * Micros::SECOND;
/// Longest time that a route is not asked for: what took the place of the parcel waits as long.
const LEFT_FOR_MAX: i64 = 300 * Micros::SECOND;
/// How often a parcel is left before its relay may drop it: after about two hours. Its sender says all of it again.
const LEFT_TIMES_MAX: u32 = 32;
/// The same for one that is seldom looked at.
const LEFT_LONGEST: i64 = 86_400 * Micros::SECOND;
/// Routes that are remembered to have been left.
const LEFT_MAX: usize = 1_024;

/// Routes whose parcels were left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Left(BTreeMap<Route, Lying>);

/// How often a route's parcel was left.
#[derive(Clone, Copy, Debug)]
struct Lying {
    since: Micros,
    times: u32,
    /// When the route is asked for again.
    due: Micros,
}

impl Left {
    /// Whether a route is not asked for now.
    pub(crate) fn lies(&self, route: &Route, now: Micros) -> bool {
        self.0.get(route).is_some_and(|lying| lying.due > now)
    }

    /// A parcel waits for something else; whether it is left once more, or its relay may drop it.
    pub(crate) fn again(&mut self, route: Route, now: Micros) -> bool {
        if self.0.len() >= LEFT_MAX && !self.0.contains_key(&route) {
            self.0.retain(|_, lying| lying.due > now);
            if self.0.len() >= LEFT_MAX {
                return false;
            }
        }
        let lying = self.0.entry(route).or_insert(Lying { since: now, times: 0, due: now });
        let pause = LEFT_FOR.saturating_mul(1 << lying.times.min(5)).min(LEFT_FOR_MAX);
        lying.times = lying.times.saturating_add(1);
        lying.due = now.plus(pause);
        let lies_on =
            lying.times < LEFT_TIMES_MAX && now.0.saturating_sub(lying.since.0).abs() < LEFT_LONGEST;
        if !lies_on {
            self.0.remove(&route);
        }
        lies_on
    }

    /// What lay under a route was taken, or is of no use.
    pub(crate) fn is_over(&mut self, route: &Route) {
        self.0.remove(route);
    }
}
