//! From the bytes of one object to what the store needs, or to the reasons why not.

use bytes::Bytes;
use stix::{Finding, Profile, Severity, Subject};
use store::Entry;

use crate::receipts::{Giving, Outcome, Receipt};

/// The code by which data about minors is refused.
pub(crate) const MINORS_DATA: &str = "minors-data";

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
            handling: None,
            giving: Giving::default(),
            level_beside: false,
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
    if Subject::of(valid.json()) == Subject::Minor {
        return Err(Rejected {
            id: Some(valid.id().as_str().to_owned()),
            version: valid.modified().or(valid.created()).map(|time| time.as_str().to_owned()),
            findings: vec![of_minors()],
        });
    }
    Ok(Derived { entry: Entry::from_valid(&valid, bytes.clone()), findings: valid.findings().to_vec() })
}

/// Why an object about a minor is not kept.
fn of_minors() -> Finding {
    let message = "the object says that it is about a minor: such data is not taken in here";
    Finding { severity: Severity::Error, code: MINORS_DATA, path: String::new(), message: message.into() }
}
