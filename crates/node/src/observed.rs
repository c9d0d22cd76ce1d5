//! Which indicators would have matched what was observed? STIX patterns over a bundle of observed data.

use bytes::Bytes;
use handling::{Cleared, Principal};
use store::{Fault, StoreError};

use crate::Node;

/// One indicator whose pattern matches.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ObservedMatch {
    /// Indicator id.
    pub id: String,
    /// The observed-data objects of one binding, as indexes in bundle order.
    pub observations: Vec<usize>,
}

/// The indicators that match, and how many patterns were tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Observed {
    /// Matches, in the order the indicators were added.
    pub matches: Vec<ObservedMatch>,
    /// Patterns tried.
    pub tried: u64,
}

/// Why observations were not matched.
#[derive(Debug, thiserror::Error)]
pub enum ObservedError {
    /// Not a bundle of observed data.
    #[error("cannot read the observations: {0}")]
    Unfit(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ObservedError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unfit(_) => "observations-unfit",
            Self::Store(error) => crate::explain::store_code(error),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unfit(_) => Fault::Caller,
            Self::Store(error) => error.fault(),
        }
    }
}

impl Node {
    /// The current indicators this principal may read whose patterns match the observed data in a bundle.
    ///
    /// # Errors
    /// See [`ObservedError`].
    pub async fn observed(&self, who: &Principal, bundle: Bytes) -> Result<Cleared<Observed>, ObservedError> {
        let _ = (who, bundle);
        Err(ObservedError::Unfit("matching is not wired yet".into()))
    }
}
