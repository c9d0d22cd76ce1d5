//! Many members in one process, from one seed: the machines of `federation` under everything that can go wrong.
//!
//! A [`World`] holds nodes over plain maps, a network that loses, repeats, delays and reorders, clocks that are off, crashes
//! at any write, restores from old backups, and a hostile member. [`run`] lets a random story happen, mends the
//! network, and asks [`verdict`] whether every invariant holds. The same seed gives the same story to the byte.
//!
//! For developers; nothing of the product names it. Deliberately not here: sockets, files, time.

mod hostile;
mod node;
mod post;
mod shelf;
mod story;
mod surroundings;
pub mod verdict;
pub mod world;

pub use hostile::Trick;
pub use node::{Answer, Greeting, Message, Node};
pub use shelf::Shelf;
pub use story::{Report, run};
pub use surroundings::{Fault, House, HouseJudge, rules_for};
pub use world::World;
