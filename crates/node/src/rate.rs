//! How many requests one user, or one place, may make: a bucket per identity, by the node's own clock.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use handling::UserNo;

/// How many seconds' worth of requests may come at once.
const BURST_SECONDS: u32 = 10;

type Limiter<K> = RateLimiter<K, DefaultKeyedStateStore<K>, Wall, NoOpMiddleware<Nanos>>;

/// One bucket per identity. The number of users bounds that of theirs; of others, see [`Rates::forget_beyond`].
pub(crate) struct Rates<K: Hash + Eq + Clone = UserNo> {
    limiter: Option<Limiter<K>>,
    wall: Wall,
}

/// The limiter counts nanoseconds since 1970, which end after 584 years; a clock that is further on stands still for it.
const MICROS_MAX: u64 = 18_000_000_000_000_000;

/// [`base::Clock`] as the limiter wants it.
#[derive(Clone)]
struct Wall(Arc<dyn base::Clock>);

impl governor::clock::Clock for Wall {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let micros = u64::try_from(self.0.now().0).unwrap_or(0).min(MICROS_MAX);
        Nanos::from(Duration::from_micros(micros))
    }
}

impl<K: Hash + Eq + Clone> Rates<K> {
    pub(crate) fn new(per_second: u32, clock: Arc<dyn base::Clock>) -> Self {
        let wall = Wall(clock);
        let limiter = NonZeroU32::new(per_second).map(|rate| {
            let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
            RateLimiter::new(
                Quota::per_second(rate).allow_burst(burst),
                DefaultKeyedStateStore::default(),
                wall.clone(),
            )
        });
        Self { limiter, wall }
    }

    /// Lets go of buckets that are full, where there are more of them than this.
    pub(crate) fn forget_beyond(&self, most: usize) {
        if let Some(limiter) = &self.limiter
            && limiter.len() > most
        {
            limiter.retain_recent();
        }
    }

    /// Counts one request; the error tells after how many seconds to come back.
    pub(crate) fn count(&self, whose: K) -> Result<(), u64> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check_key(&whose).map_err(|not_yet| {
            let wait = not_yet.wait_time_from(self.wall.now());
            wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
        })
    }
}

#[cfg(test)]
mod tests {
    use base::{FixedClock, Micros};

    use super::*;

    #[test]
    fn a_user_is_held_to_their_own_rate() {
        let clock = Arc::new(FixedClock::at(Micros(1_700_000_000 * Micros::SECOND)));
        let rates = Rates::new(1, clock.clone());
        for _ in 0..BURST_SECONDS {
            assert_eq!(rates.count(UserNo(1)), Ok(()));
        }
        assert_eq!(rates.count(UserNo(1)), Err(1));
        assert_eq!(rates.count(UserNo(2)), Ok(()));
        clock.advance(Micros::SECOND);
        assert_eq!(rates.count(UserNo(1)), Ok(()));
        assert!(rates.count(UserNo(1)).is_err());
    }

    #[test]
    fn zero_means_no_limit() {
        let rates = Rates::new(0, Arc::new(FixedClock::default()));
        assert!((0..1000).all(|_| rates.count(UserNo(1)).is_ok()));
    }
}
