//! Ground: time, randomness, limits, secrets and signatures, with no word of the domain.
//!
//! Everything above takes its time from [`Clock`] and its randomness from [`Rng`], so that tests and the simulator hold
//! both in their hands. Whatever one member says to another is signed by [`signing`], mostly in the envelope of [`signed`]. No input or output beyond asking the operating system for the time and for random bytes.

mod clock;
mod quote;
mod redacted;
mod rng;

pub mod digits;
pub mod letters;
pub mod limit;
pub mod signed;
pub mod signing;

pub use clock::{Clock, FixedClock, Micros, SystemClock};
pub use quote::{Quoted, quoted};
pub use redacted::Redacted;
pub use rng::{Rng, SeededRng, SystemRng};
