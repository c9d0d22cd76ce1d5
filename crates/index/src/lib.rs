//! From an object to the words it can be found by: index terms, edges and text. Pure.
//!
//! Stands between `stix` and the store: [`of_object`] says what to index, [`probes`] what to ask for when someone looks a
//! value up. Both use one normalisation, so what was indexed is found. Nothing here reads a database; the in-memory table
//! [`Table`] is plain data that the node fills.

mod record;
mod table;
mod term;

pub use table::{Audience, ObjectFacts, ObjectNo, Removed, Table, TableError, TypeNo};
pub use term::{Fingerprint, FingerprintKey, Term, TermKind};
