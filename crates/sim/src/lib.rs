//! Many members in one process, from one seed: the machines of `federation` under everything that can go wrong.
//!
//! A [`World`] holds nodes over plain maps, a network that loses, repeats, delays and reorders, relays that do not do what they should,
//! courier files in somebody's pocket, clocks that are off, crashes at any write, restores from old backups, and a hostile member.
//! [`run`] lets a random story happen, mends the network, and asks [`verdict`] whether every invariant holds. The same seed gives the
//! same story to the byte. What is played and what not stands in `docs/decisions/0036-what-the-simulation-plays.md`.
//!
//! For developers; nothing of the product names it. Deliberately not here: sockets, files, time.

mod closely;
mod hostile;
mod message;
mod node;
mod post;
mod shelf;
mod story;
mod surroundings;
pub mod verdict;
pub mod world;

pub use hostile::Trick;
pub use message::{Answer, Greeting, Message};
pub use node::Node;
pub use shelf::Shelf;
pub use story::{Report, run};
pub use surroundings::{
    Circles, Fault, House, HouseJudge, Terms, closed_until, kept_until, rules_for, rules_under,
};
pub use world::World;
