//! What SQLite says, in the words of the port.

use rusqlite::{ErrorCode, ffi};
use store::StoreError;

/// What a step inside the backend may fail with, before it is told to the caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fail {
    /// SQLite said so.
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    /// We say so.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The result of a step inside the backend.
pub(crate) type Done<T> = Result<T, Fail>;

impl From<Fail> for StoreError {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Sql(error) => told(&error),
            Fail::Store(error) => error,
        }
    }
}

/// The port's word for an error of SQLite.
pub(crate) fn told(error: &rusqlite::Error) -> StoreError {
    let Some(failed) = error.sqlite_error() else {
        return StoreError::Backend(error.to_string());
    };
    match failed.code {
        ErrorCode::DiskFull => StoreError::ReadOnly { reason: format!("the disk is full ({error})") },
        ErrorCode::SystemIoFailure if is_reading(failed.extended_code) => {
            StoreError::Unreadable { reason: format!("the disk failed ({failed})") }
        }
        ErrorCode::SystemIoFailure => StoreError::ReadOnly { reason: format!("the disk failed ({failed})") },
        ErrorCode::CannotOpen => {
            StoreError::Unreadable { reason: format!("a file of the database does not open ({error})") }
        }
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            StoreError::ReadOnly { reason: error.to_string() }
        }
        ErrorCode::OperationInterrupted => StoreError::TooCostly,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Damaged(error.to_string()),
        _ => StoreError::Backend(error.to_string()),
    }
}

/// Whether it was a read that failed: then nothing is said of writing.
const fn is_reading(extended_code: i32) -> bool {
    matches!(
        extended_code,
        ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS
    )
}

/// Whether a row was there at all.
pub(crate) fn found<T>(result: rusqlite::Result<T>, what: &'static str) -> Done<T> {
    match result {
        Err(rusqlite::Error::QueryReturnedNoRows) => Err(StoreError::NotFound { what }.into()),
        other => Ok(other?),
    }
}

/// A stored value that this program cannot have written.
pub(crate) fn damaged(what: &str) -> Fail {
    StoreError::Damaged(what.to_owned()).into()
}
