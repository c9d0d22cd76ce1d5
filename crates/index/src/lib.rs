//! From an object to the words it can be found by: index terms, edges and text. Pure.
//!
//! Stands between `stix` and the store: [`of_object`] says what to index, [`probes`] what to ask for when someone looks a
//! value up. Both use one normalisation, so what was indexed is found. Nothing here reads a database; the in-memory table
//! [`Table`] is plain data that the node fills.

mod address;
mod called;
mod domain;
mod exact;
mod fold;
mod found;
mod idn;
mod joined;
mod label;
mod named;
mod object;
mod probe;
mod record;
mod refang;
mod settle;
mod table;
mod term;
mod text;
mod tld;
mod url;
mod value;

pub use address::PrefixLengths;
pub use called::{Asked, Called, called};
pub use exact::{name_term, other_term, reference_term, value_term};
pub use found::{FoundValue, Written, find_values};
pub use idn::other_writings;
pub use object::{Indexed, Reference, Seen, of_object};
pub use probe::{How, Probe, Scratch, asked_range, probe_with, probes};
pub use refang::refang;
pub use table::{Audience, ObjectFacts, ObjectNo, Removed, Table, TableError, TypeNo};
pub use term::{Fingerprint, FingerprintKey, Term, TermKind};
pub use text::{query_words, words};
