//! TAXII 2.1 as a tongue: addresses, questions and resources to and from bytes, for both sides of the wire.
//!
//! Stands between a door that speaks HTTP and the use cases. A request's path becomes an [`Endpoint`], its query a
//! [`Query`], its body an [`Envelope`]; answers go out through [`page`] and [`resource`]. The client side reads the same
//! resources back.
//!
//! Does no input or output, decides nothing about rights, and knows no store.
//!
//! Source: TAXII Version 2.1, OASIS Standard.

pub mod endpoint;
pub mod envelope;
pub mod media;
pub mod page;
pub mod query;
pub mod resource;

mod percent;

pub use endpoint::{Endpoint, Method};
pub use envelope::{Envelope, EnvelopeError};
pub use media::{MEDIA_TYPE, STIX_2_0_MEDIA_TYPE, STIX_MEDIA_TYPE};
pub use query::{Query, QueryError, Version};
pub use resource::{ApiRoot, Collection, Collections, Discovery, ErrorMessage, Status, StatusDetails};
