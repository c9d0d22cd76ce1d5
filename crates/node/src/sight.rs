//! "We saw this": a sighting of an object or of a value that is known here.

use base::Micros;
use handling::Principal;
use store::{Fault, StoreError};

use crate::receipts::Receipt;
use crate::{AcceptError, Node};

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct SightRequest {
    /// A STIX id, or a value that an object here is about.
    pub what: String,
    /// How often; `None` = once. 0 says "looked for and not seen".
    pub count: Option<u32>,
    /// When last; `None` = now.
    pub last_seen: Option<Micros>,
    /// Where the sighting goes; `None` = the first collection that holds the object and that this principal may write.
    pub collection: Option<String>,
}

/// What a sighting became: one receipt for each object that was sighted.
#[derive(Clone, Debug)]
pub struct Sighted {
    /// Ids of the sighted objects, in the order of `receipts`.
    pub of: Vec<String>,
    /// The receipts of the sighting objects.
    pub receipts: Vec<Receipt>,
}

/// Why nothing was sighted. Nothing has been stored.
#[derive(Debug, thiserror::Error)]
pub enum SightError {
    /// No such object, or nothing known about the value, as far as this principal may know.
    #[error("nothing here is known by that id or value")]
    Unknown,
    /// No collection was named and none fits.
    #[error("the object stands in no collection you may write to: name one")]
    CollectionNotNamed,
    /// The node has no member whose sighting it could be.
    #[error("the node has no member yet: run `cresset init`")]
    NotInitialised,
    /// The sighting was not taken.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SightError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "value-unknown",
            Self::CollectionNotNamed => "collection-not-named",
            Self::NotInitialised => "not-initialised",
            Self::Accept(error) => error.code(),
            Self::Store(error) => crate::explain::store_code(error),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unknown | Self::CollectionNotNamed => Fault::Caller,
            Self::NotInitialised => Fault::Operator,
            Self::Accept(error) => error.fault(),
            Self::Store(error) => error.fault(),
        }
    }
}

impl Node {
    /// Stores a sighting by this node's member. A value that several indicators are about gives one sighting of each.
    ///
    /// # Errors
    /// See [`SightError`].
    pub async fn sight(&self, who: &Principal, request: SightRequest) -> Result<Sighted, SightError> {
        let _ = (who, request);
        Err(SightError::NotInitialised)
    }
}
