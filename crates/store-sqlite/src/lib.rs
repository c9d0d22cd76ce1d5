//! The embedded backend of the storage port: one SQLite database in the node's directory.
//!
//! One thread writes and groups what waits into one durable commit ([`writer`]); reads run on the caller's thread over a
//! small pool of read connections ([`readers`]) and are bounded by `base::limit`. Everything a viewer is told passes the
//! predicate made in [`sight`]. Nothing here decides who may see what: it asks `handling` through the [`handling::Viewer`].
//!
//! Architecture Invariant: no SQL stands outside this crate. One connection may write to the store: [`open`] opens it and hands it to the
//! writer. What [`backup`] writes are copies that nobody else has open.

mod accept;
mod accounts;
mod address;
mod answers;
mod approvals;
mod backup;
#[cfg(test)]
mod backup_tests;
mod book;
#[cfg(test)]
mod book_tests;
mod copies;
mod cursor;
mod dated;
mod dates;
mod deposits;
mod derived;
mod edges;
mod editions;
mod embargo;
mod ends;
mod error;
mod exchange;
mod figures;
mod follow;
#[cfg(test)]
mod full_tests;
mod gone;
mod health;
mod ids;
mod judge;
mod keys;
mod kinds;
mod leaves;
mod lineage;
mod listed;
mod look_up;
#[cfg(test)]
mod look_up_tests;
mod migrate;
mod open;
mod page;
mod papers;
mod plans;
mod point;
mod postings;
mod readers;
mod rebuild;
#[cfg(test)]
mod rebuild_tests;
mod relay;
mod remove;
mod retention;
mod rules_rows;
mod runs;
mod search;
mod settle;
mod sight;
mod status;
mod store;
mod text;
mod undated;
mod version_rows;
#[cfg(test)]
mod withheld_tests;
mod writer;

pub use backup::RestoreFrom;
pub use open::{Held, SqliteStore, is_there};
