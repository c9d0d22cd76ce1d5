//! Communities from outside: how they grow and change, what is refused, and the laws that hold whatever happens.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it should be")]

mod circles;
mod files;
mod forks;
mod keys;
mod laws;
mod limits;
mod quorum;
mod town;
