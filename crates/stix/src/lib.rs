//! STIX 2.1: objects, their versions and markings, and patterns.
//!
//! Bytes go in at [`examine`] (or [`split`] for a bundle); what comes out is a [`Valid`], which borrows the exact bytes it
//! was made from and is the only proof that they are an object. Nothing here does input or output.
//!
//! Source: STIX Version 2.1, OASIS Standard with Errata 01.

pub mod finding;
pub mod id;
pub mod json;
pub mod pattern;
pub mod quote;
pub mod timestamp;

pub use finding::{Finding, Severity};
pub use id::ObjectId;
pub use json::Json;
pub use timestamp::Timestamp;
