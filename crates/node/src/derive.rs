//! From the bytes of one object to what the store needs, or to the reasons why not.

use base::limit::OBJECT_BYTES_MAX;
use bytes::Bytes;
use stix::{Finding, Severity};
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
    /// The worst finding.
    fn worst(&self) -> Option<&Finding> {
        let worst = self.findings.iter().map(|finding| finding.severity).max()?;
        self.findings.iter().find(|finding| finding.severity == worst)
    }

    /// Why, in one sentence with its code.
    pub(crate) fn reason(&self) -> String {
        self.worst().map(ToString::to_string).unwrap_or_default()
    }

    pub(crate) fn into_receipt(self) -> Receipt {
        Receipt {
            outcome: Outcome::Refused,
            code: self.worst().map(|finding| finding.code),
            reason: Some(self.reason()),
            id: self.id,
            version: self.version,
            findings: self.findings,
        }
    }
}

/// Examines one object and derives its terms, references and text.
pub(crate) fn derive(bytes: &Bytes, _bar: Bar) -> Result<Derived, Rejected> {
    if bytes.len() > OBJECT_BYTES_MAX {
        let message = format!("the object has {} bytes, at most {OBJECT_BYTES_MAX} are taken", bytes.len());
        return Err(reject("object-size", message));
    }
    Err(reject("not-built-yet", "examination is not wired yet".into()))
}

fn reject(code: &'static str, message: String) -> Rejected {
    let finding = Finding { severity: Severity::Fatal, code, path: String::new(), message: message.into() };
    Rejected { id: None, version: None, findings: vec![finding] }
}
