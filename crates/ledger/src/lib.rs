//! A member's ledger: every act towards others as a leaf of a growing tree, and everything that is proven by it.
//!
//! An act ([`act`]) says that something was done and binds to its content by a salted commitment ([`commitment`]); the content
//! stands beside it under a key of its own ([`vault`]), so that it can be destroyed without harm to any proof. Leaves make a
//! tree ([`frontier`], [`tile`], [`proof`]); its heads are checkpoints ([`checkpoint`]) in signed notes ([`note`]), signed by one
//! keeper that never signs a smaller or inconsistent one ([`head`]); other members cosign them ([`witness`]). Whoever signs
//! two ledgers leaves [`evidence`], as does whoever signs [`two_acts`] for one place. [`proof_file`] is all of it in a file for a reader who has nothing else.
//!
//! Formats are those of RFC 6962 and C2SP; `docs/CONFORMANCE.md` says where we are stricter. Nothing here reads a clock, a
//! socket, a file or a database: everything is an argument, and every message of a peer is parsed within limits.

pub mod act;
pub mod checkpoint;
pub mod commitment;
pub mod evidence;
pub mod frontier;
pub mod growing;
mod hash;
pub mod head;
#[cfg(test)]
mod naive;
pub mod note;
pub mod proof;
pub mod proof_file;
pub mod short;
pub mod tile;
pub mod two_acts;
pub mod vault;
pub mod witness;

pub use hash::{HASH_BYTES, NotAHash, TreeHash};
