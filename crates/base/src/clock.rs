//! The wall clock as a port: one trait, the real one, and one that a test moves by hand.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX time). May be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub i64);

impl Micros {
    /// One second.
    pub const SECOND: i64 = 1_000_000;

    /// This moment moved by `micros`, held at the ends of the range instead of wrapping.
    #[must_use]
    pub const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

/// Where the present moment comes from.
pub trait Clock: Send + Sync {
    /// The present moment. It may step backwards when the operator corrects the machine's clock.
    fn now(&self) -> Micros;
}

/// The machine's wall clock, shifted by a fixed number of microseconds (zero outside tests).
#[derive(Debug, Default)]
pub struct SystemClock {
    offset_us: i64,
}

impl SystemClock {
    /// A wall clock that runs `offset_us` microseconds ahead of the machine's (behind it, when negative).
    #[must_use]
    pub const fn shifted(offset_us: i64) -> Self {
        Self { offset_us }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the operating system")]
    fn now(&self) -> Micros {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us),
        };
        Micros(micros).plus(self.offset_us)
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Default)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// A clock that shows `at`.
    #[must_use]
    pub const fn at(at: Micros) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Moves the hands to `at`.
    pub fn set(&self, at: Micros) {
        self.0.store(at.0, Ordering::SeqCst);
    }

    /// Moves the hands on by `micros`.
    pub fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Micros {
        Micros(self.0.load(Ordering::SeqCst))
    }
}
