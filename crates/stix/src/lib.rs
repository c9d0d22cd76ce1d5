//! STIX 2.1: objects, their versions and markings, and patterns.
//!
//! Bytes go in at [`examine`] (or [`split`] for a bundle); what comes out is a [`Valid`], which borrows the exact bytes it
//! was made from and is the only proof that they are an object. Nothing here does input or output.
//!
//! Source: STIX Version 2.1, OASIS Standard with Errata 01.

mod bare;
mod canonical;
mod check;
mod code;
mod examine;
mod members;
mod number;
mod readable;
mod report;
mod schema;
mod split;
mod syntax;
mod validate;

pub mod finding;
pub mod id;
pub mod json;
pub mod marking;
pub mod pattern;
pub mod person;
pub mod quote;
pub mod sco_id;
pub mod timestamp;
pub mod upgrade;
pub mod version;

pub use bare::is_bare;
pub use canonical::content_digest;
pub use code::codes;
pub use examine::{PatternRead, Profile, Rejected, Valid, examine};
pub use finding::{Finding, Severity};
pub use id::ObjectId;
pub use json::{Json, JsonError};
pub use marking::{TlpLevel, UnknownLevel};
pub use person::Subject;
pub use schema::{Kind, SIGHTINGS_MAX, kind_of, type_names};
pub use split::{Form, Split, split};
pub use timestamp::Timestamp;
pub use validate::{Verdict, validate};

/// A STIX pattern; if it cannot be read, why and where.
pub(crate) fn read_pattern(pattern: &str) -> Result<pattern::Pattern, String> {
    pattern::parse(pattern).map_err(|error| error.to_string())
}
