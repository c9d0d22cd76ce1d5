//! From the bytes of one object to what the store needs, or to the reasons why not.

use bytes::Bytes;
use stix::{Finding, Profile};
use store::Entry;

use crate::receipts::{Outcome, Receipt};

/// How high the bar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bar {
    /// What is an object is kept, with what is wrong about it.
    Store,
    /// Objects with any error are refused.
    Strict,
}

impl Bar {
    const fn profile(self) -> Profile {
        match self {
            Self::Store => Profile::Store,
            Self::Strict => Profile::Specification,
        }
    }
}

/// An object ready to be stored.
pub(crate) struct Derived {
    pub(crate) entry: Entry,
    pub(crate) findings: Vec<Finding>,
}

/// An object that is refused.
pub(crate) struct Rejected {
    pub(crate) id: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) findings: Vec<Finding>,
}

impl Rejected {
    /// The worst finding; of several alike, the first.
    fn worst(&self) -> Option<&Finding> {
        let worst = self.findings.iter().map(|finding| finding.severity).max()?;
        self.findings.iter().find(|finding| finding.severity == worst)
    }

    /// Why, in one sentence with its code: TAXII's statuses have no other place for that.
    pub(crate) fn message(&self) -> String {
        self.worst().map(ToString::to_string).unwrap_or_default()
    }

    pub(crate) fn into_receipt(self) -> Receipt {
        Receipt {
            outcome: Outcome::Refused,
            code: self.worst().map(|finding| finding.code),
            reason: Some(self.worst().map(Finding::sentence).unwrap_or_default()),
            id: self.id,
            version: self.version,
            findings: self.findings,
        }
    }
}

impl From<stix::Rejected> for Rejected {
    fn from(rejected: stix::Rejected) -> Self {
        let stix::Rejected { id, version, findings } = rejected;
        Self { id, version, findings }
    }
}

/// Examines one object and derives its terms, references and text.
pub(crate) fn derive(bytes: &Bytes, bar: Bar) -> Result<Derived, Rejected> {
    let valid = stix::examine(bytes, bar.profile())?;
    Ok(Derived { entry: Entry::from_valid(&valid, bytes.clone()), findings: valid.findings().to_vec() })
}
