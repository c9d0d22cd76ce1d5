//! Outbound HTTP: every socket this program opens towards somebody else, under one egress policy.
//!
//! [`Dialler`] applies the policy ([`Egress`]): time limits, size limits, redirects on the same host only, retries with growing
//! pauses. [`TaxiiClient`] speaks TAXII 2.1 to any server and forgives the faults that servers are known for; [`ApiClient`]
//! speaks the JSON API of a running node; [`MemberDialler`] reaches nodes of members that show whose they are. Nothing
//! here stores anything or decides what an object is.
//!
//! Architecture Invariant: no other crate opens an outbound connection.

mod api;
mod dialler;
mod egress;
mod mutual;
mod taxii_client;
mod taxii_page;

pub use api::{ApiClient, ApiRequest};
pub use dialler::{Answer, DialError, Dialler, Question, Repeat, Verb, count_authorities};
pub use egress::{Egress, Forbidden, Login, PlainHttp};
pub use mutual::MemberDialler;
pub use taxii_client::{ApiRoot, Place, Posted, RemoteCollection, TaxiiClient, TaxiiError, Versions};
pub use taxii_page::{Envelope, PageError, PagePosition, PulledPage};
