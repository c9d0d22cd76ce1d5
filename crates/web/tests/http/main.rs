//! The door over a real listener and a real store: what a client sees, byte for byte.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod analyst;
mod blind;
mod bounds;
mod client;
mod doors;
mod frame;
mod hostile;
mod house;
mod interference;
mod members;
mod numbers;
mod pages;
mod secure;
mod seen;
mod statuses;
mod versions;
