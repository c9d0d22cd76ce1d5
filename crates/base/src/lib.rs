//! Ground: time, randomness, limits and secrets, with no word of the domain.
//!
//! Everything above takes its time from [`Clock`] and its randomness from [`Rng`], so that tests and the simulator hold
//! both in their hands. No input or output beyond asking the operating system for the time and for random bytes.

mod clock;
mod redacted;
mod rng;

pub mod limit;

pub use clock::{Clock, FixedClock, Micros, SystemClock};
pub use redacted::Redacted;
pub use rng::{Rng, SeededRng, SystemRng};
