//! What can go wrong under the port, and whose fault it is.

/// Whose fault an error is: decides status, exit code and log level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The one who asked.
    Caller,
    /// The machine or its operator: disk full, unreadable file, wrong directory.
    Operator,
    /// We.
    Ours,
}

/// The code of [`StoreError::Altered`].
pub const ALTERED: &str = "bytes-altered";

/// A failed request to the store. Nothing of the request has been stored; only after a flush that failed (`ReadOnly`) is that not certain
/// until something else has been committed, for what a disk does with pages it could not write is known to nobody. Then it is
/// there wholly or not at all.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The thing asked for is not there, or not for the one who asked: the two answer alike.
    #[error("no such {what}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
    },
    /// The name is taken.
    #[error("{what} {name:?} exists already")]
    Exists {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A cursor this store did not make, or made for another question.
    #[error("the cursor does not belong to this question: start again without it")]
    BadCursor,
    /// Answering would take the store more work than one question may cost.
    #[error(
        "answering this takes more work than one question may cost: ask for less at once, or more precisely"
    )]
    TooCostly,
    /// The store is full or may not write: reads go on, writes wait for the operator.
    #[error("the store is read-only for now: {reason}")]
    ReadOnly {
        /// What the operating system said.
        reason: String,
    },
    /// The disk did not give what was to be read: what was asked is unknown, not absent.
    #[error("the store cannot be read for now: {reason}")]
    Unreadable {
        /// What the operating system said.
        reason: String,
    },
    /// The node takes back from the other members what a restore has lost: until then it shows nothing and takes nothing in.
    #[error(
        "the node was restored from a backup and takes back from the other members what it lost; until then it shows nothing and takes nothing in"
    )]
    Recovering,
    /// Another process holds the directory.
    #[error("{path} is in use by another process")]
    Busy {
        /// The directory.
        path: String,
    },
    /// The directory or database cannot be opened, or is not ours, or is newer than this program.
    #[error("cannot open {path}: {reason}")]
    CannotOpen {
        /// The directory or database.
        path: String,
        /// Why.
        reason: String,
    },
    /// A sealed backup without the keys that open it.
    #[error("the backup cannot be opened: {reason}")]
    KeysMissing {
        /// What is wrong with the key file.
        reason: String,
    },
    /// Stored data is damaged, or lies where the disk cannot be read: SQLite does not tell the two apart.
    #[error("stored data is damaged or the disk cannot be read: {0}")]
    Damaged(String),
    /// The bytes of a version are not those that were stored. Other objects are what they were.
    #[error(
        "what is stored of {id} ({version}) is not what came in: its bytes were changed since, so it is not given out; restore the last backup"
    )]
    Altered {
        /// STIX id.
        id: String,
        /// The version, as it is told.
        version: String,
    },
    /// The backend failed in a way that is none of the above.
    #[error("the store failed: {0}")]
    Backend(String),
}

impl StoreError {
    /// Stable code; the program's `explain` command tells what each means.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not-found",
            Self::Exists { .. } => "name-taken",
            Self::BadCursor => "bad-cursor",
            Self::TooCostly => "query-too-costly",
            Self::ReadOnly { .. } => "store-read-only",
            Self::Unreadable { .. } => "store-unreadable",
            Self::Recovering => "recovering",
            Self::Busy { .. } => "store-busy",
            Self::CannotOpen { .. } => "store-cannot-open",
            Self::KeysMissing { .. } => "keys-missing",
            Self::Damaged(_) => "store-damaged",
            Self::Altered { .. } => ALTERED,
            Self::Backend(_) => "store-failed",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NotFound { .. } | Self::Exists { .. } | Self::BadCursor | Self::TooCostly => Fault::Caller,
            Self::ReadOnly { .. }
            | Self::Unreadable { .. }
            | Self::Recovering
            | Self::Busy { .. }
            | Self::CannotOpen { .. }
            | Self::KeysMissing { .. }
            | Self::Damaged(_)
            | Self::Altered { .. } => Fault::Operator,
            Self::Backend(_) => Fault::Ours,
        }
    }
}
