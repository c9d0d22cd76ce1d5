//! What a principal may read, as a stream: a STIX bundle, or CSV of what can be looked up.

use bytes::Bytes;
use handling::{Cleared, Principal};
use store::Filter;

use crate::{Node, ReadError};

/// What an export looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportFormat {
    /// A STIX 2.1 bundle of the stored bytes.
    #[default]
    Stix,
    /// One line per look-up value: `value,kind,id,label,confidence,valid_until`.
    Csv,
}

/// Not the name of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an export format is one of stix, csv")]
pub struct UnknownExportFormat;

impl std::str::FromStr for ExportFormat {
    type Err = UnknownExportFormat;

    fn from_str(name: &str) -> Result<Self, UnknownExportFormat> {
        match name {
            "stix" => Ok(Self::Stix),
            "csv" => Ok(Self::Csv),
            _ => Err(UnknownExportFormat),
        }
    }
}

/// What is to be exported.
#[derive(Clone, Debug, Default)]
pub struct ExportRequest {
    /// Id, alias or readable name; `None` = everything this principal may read.
    pub collection: Option<String>,
    /// Filters.
    pub filter: Filter,
    /// Form.
    pub format: ExportFormat,
}

/// An export under way: ask for chunks until there is none.
pub struct Export {
    _node: Node,
    _request: ExportRequest,
}

impl Node {
    /// Begins an export.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn export(&self, who: &Principal, request: ExportRequest) -> Result<Export, ReadError> {
        if let Some(collection) = &request.collection {
            self.view_of(who, collection).await?;
        }
        Ok(Export { _node: self.clone(), _request: request })
    }
}

impl Export {
    /// The next chunk of the file (at most one page of objects); `None` at its end.
    ///
    /// # Errors
    /// See [`ReadError`]. The file is incomplete then.
    pub async fn next(&mut self) -> Result<Option<Cleared<Bytes>>, ReadError> {
        Err(ReadError::NotFound("export"))
    }
}
