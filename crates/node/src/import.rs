//! Files come in: STIX 2.1 and 2.0, CSV, free text. Each object gets a receipt.

use bytes::Bytes;
use handling::Principal;
use store::{Fault, StoreError};

use crate::receipts::{Receipt, Summary};
use crate::{AcceptError, Node, Options};

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// To be found out from its content.
    #[default]
    Auto,
    /// STIX 2.1: a bundle, an object, or a list of objects.
    Stix,
    /// STIX 2.0: as above; upgraded, ids kept.
    Stix20,
    /// CSV with a header line.
    Csv,
    /// Free text in which values are looked for.
    Text,
    /// MISP JSON.
    Misp,
    /// CSAF 2.0 or 2.1.
    Csaf,
}

impl Format {
    /// The name in commands and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Stix => "stix",
            Self::Stix20 => "stix20",
            Self::Csv => "csv",
            Self::Text => "text",
            Self::Misp => "misp",
            Self::Csaf => "csaf",
        }
    }
}

/// Not the name of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a format is one of auto, stix, stix20, csv, text, misp, csaf")]
pub struct UnknownFormat;

impl std::str::FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        [Self::Auto, Self::Stix, Self::Stix20, Self::Csv, Self::Text, Self::Misp, Self::Csaf]
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or(UnknownFormat)
    }
}

/// A file to be imported.
#[derive(Clone, Debug)]
pub struct ImportRequest<'a> {
    /// Id, alias or readable name of the collection.
    pub collection: &'a str,
    /// The file's content.
    pub bytes: Bytes,
    /// What it is.
    pub format: Format,
    /// How its objects are to be taken.
    pub options: Options,
}

/// Why an import stopped. What receipts were given out before this is stored.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A format that is recognised and not read yet.
    #[error("{0} is not read yet: convert the file to STIX 2.1, STIX 2.0, CSV or plain text")]
    NotSupportedYet(&'static str),
    /// Not in any format that is read.
    #[error("cannot read the file: {0}")]
    Unreadable(String),
    /// The node has no member whose objects they could be.
    #[error("the node has no member yet: run `cresset init`")]
    NotInitialised,
    /// The objects were not taken.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImportError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotSupportedYet(_) => "format-not-supported-yet",
            Self::Unreadable(_) => "format-unknown",
            Self::NotInitialised => "not-initialised",
            Self::Accept(error) => error.code(),
            Self::Store(error) => crate::explain::store_code(error),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NotSupportedYet(_) | Self::Unreadable(_) => Fault::Caller,
            Self::NotInitialised => Fault::Operator,
            Self::Accept(error) => error.fault(),
            Self::Store(error) => error.fault(),
        }
    }
}

/// Receives the receipts of an import as its parts are committed.
pub type Receipts<'a> = &'a mut (dyn FnMut(Vec<Receipt>) + Send);

impl Node {
    /// Imports a file into a collection, in commits of at most 5,000 objects; `receipts` hears of each when it is durable.
    ///
    /// # Errors
    /// See [`ImportError`].
    pub async fn import(
        &self,
        who: &Principal,
        request: ImportRequest<'_>,
        receipts: Receipts<'_>,
    ) -> Result<Summary, ImportError> {
        let _ = (who, request, receipts);
        Err(ImportError::NotSupportedYet("this"))
    }
}
