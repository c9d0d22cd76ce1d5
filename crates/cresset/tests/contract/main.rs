//! The outside contract, checked on the built binary: names, JSON shapes, exit codes, junk.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it should be")]

mod api;
mod approvals;
mod asking;
mod beside;
mod between;
mod commands;
mod community;
mod copies;
mod damage;
mod demonstration;
mod disk;
mod doors;
mod elsewhere;
mod faults;
mod leaving;
mod ledger;
mod mutual;
mod newcomer;
mod operators;
mod persons;
mod pull_and_push;
mod recovery;
mod relay;
mod retention;
mod running;
mod scene;
mod sent_or_not;
mod shredding;
mod stix_verbs;
mod town;
mod withdrawn;
mod witness;
