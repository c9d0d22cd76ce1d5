//! What became of each object: accepted, known, newer, older, or refused and why.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use stix::{Finding, Severity};
use store::Contradiction;

/// How one object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The first version in this collection: of the object, or of a lineage of it.
    Accepted,
    /// The same content was here already.
    Known,
    /// A version newer than the latest here.
    Newer,
    /// A version older than the latest here; kept, the latest stays.
    Older,
    /// Not stored.
    Refused,
}

impl Outcome {
    /// The outcome's name in receipts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Known => "known",
            Self::Newer => "newer",
            Self::Older => "older",
            Self::Refused => "refused",
        }
    }
}

/// What became of the handling that a request asked for, where the object does not simply stand under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Handled {
    /// It stands under stricter rules: those of another version of it that is held here.
    Inherited,
    /// It was here already, and stands under what was asked for besides from now on, in all its versions.
    Narrowed,
    /// It was here already, and other members are given it besides.
    Given,
    /// It was here already, and stands under the rules it had.
    Kept,
}

/// What became of one object.
///
/// # Shape
/// As JSON `{"id","version","outcome","code","reason","handling","findings":[{"severity","code","path","message"}]}`; `code` and
/// `reason` are null, `handling` and `findings` are left out where there is nothing to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Its id, as far as it could be read.
    pub id: Option<String>,
    /// Its version as TAXII tells it: `modified`, else `created`, else its `date_added`.
    pub version: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Stable code of the reason.
    pub code: Option<&'static str>,
    /// Why it was refused, or what is to be said of how it was taken or is handled, without the code.
    pub reason: Option<String>,
    /// What became of the handling that was asked for, where it does not simply stand under that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handling: Option<Handled>,
    /// Whether other members are given what was here already.
    #[serde(skip)]
    pub(crate) giving: Giving,
    /// Whether it bears no level as strict as the one that was asked for: that stands beside its bytes.
    #[serde(skip)]
    pub(crate) level_beside: bool,
    /// What the examination found, also in an object that was kept; and as a warning what it contradicts (`created-changed`,
    /// `creator-changed`) and stands beside.
    #[serde(serialize_with = "findings", skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// What became of giving something to other members; of what was here already, who may not read the collection is told nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Giving {
    /// It was here already, and goes to some of them, or is with them.
    pub(crate) goes: bool,
    /// The rule by which others of those named are refused it. What only waits is not kept from anybody.
    pub(crate) kept_by: Option<&'static str>,
    /// By what others of them have to wait for it: they are given it when that has passed.
    pub(crate) later: Option<&'static str>,
}

/// The code of what is not given, told to who may not know why.
const NOT_GIVEN: &str = "not-given";
/// The code of what waits for a marking definition.
const MARKING_AWAITED: &str = "marking-awaited";

impl Receipt {
    /// It is not this member's to give: told to who may not read the collection, and so is not told why.
    pub(crate) fn is_not_given(&mut self) {
        self.code = Some(NOT_GIVEN);
        self.reason = Some(
            "it is given to nobody: what stands under its id in this collection is not this member's to give. Somebody who may read the collection is told why"
                .to_owned(),
        );
    }

    /// What is said of something whose marking is not known where it stands.
    pub(crate) fn awaits(marking: &str) -> Finding {
        Finding {
            severity: Severity::Warning,
            code: MARKING_AWAITED,
            path: "object_marking_refs".to_owned(),
            message: format!(
                "{marking} is not defined in this collection: until its definition comes here, this is given to no other member and acted on by no machine"
            )
            .into(),
        }
    }

    /// It was taken, and is not given to others.
    pub(crate) fn is_given_otherwise(&mut self) {
        self.code = Some(crate::exchange::GIVEN_OTHERWISE);
        self.reason = Some(
            "it stands here and is given to nobody: something else was given under its id and date. Call that back first, or bring this with \
             another modified"
                .to_owned(),
        );
    }
}

fn findings<S: Serializer>(findings: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(findings.iter().map(|finding| {
        BTreeMap::from([
            ("severity", finding.severity.name()),
            ("code", finding.code),
            ("path", finding.path.as_str()),
            ("message", finding.message.as_ref()),
        ])
    }))
}

/// Lines of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// How many.
    pub count: u64,
    /// The first of them, from 1; 0 where there is none.
    pub first: u64,
}

impl Lines {
    /// Counts one more line.
    pub(crate) const fn note(&mut self, line: u64) {
        if self.count == 0 {
            self.first = line;
        }
        self.count = self.count.saturating_add(1);
    }

    const fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// What was passed over in a list or a text, and so is in no object and has no receipt.
///
/// # Shape
/// As JSON `{"columns":["date"],"context":{"count":2,"first":3},"without_value":{"count":1,"first":7}}`, what there is none of left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Columns that are not read, by their names: at most 64, each cut where it is longer than names are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Lines of a list that say of themselves that they are context, and nothing to look for.
    #[serde(skip_serializing_if = "Lines::is_none")]
    pub context: Lines,
    /// Lines of a text in which no value was recognised; empty ones and comments do not count.
    #[serde(skip_serializing_if = "Lines::is_none")]
    pub without_value: Lines,
}

impl Unread {
    /// Whether everything was read.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.columns.is_empty() && self.context.is_none() && self.without_value.is_none()
    }
}

/// How many ended which way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All.
    pub total: u64,
    /// First versions.
    pub accepted: u64,
    /// Known already.
    pub known: u64,
    /// Newer versions.
    pub newer: u64,
    /// Older versions.
    pub older: u64,
    /// Not stored.
    pub refused: u64,
    /// Of these: kept beside what stands longest under their identifiers, which they contradict.
    #[serde(skip_serializing_if = "is_zero")]
    pub beside: u64,
    /// Of these: under the stricter rules of another version.
    #[serde(skip_serializing_if = "is_zero")]
    pub inherited: u64,
    /// Of these: known, and under stricter rules from now on.
    #[serde(skip_serializing_if = "is_zero")]
    pub narrowed: u64,
    /// Of these: known by another member's word, whose handling was to be changed and was not.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_ours: u64,
    /// Of these: known by another member's word, with which it goes.
    #[serde(skip_serializing_if = "is_zero")]
    pub anothers: u64,
    /// Of these: waiting for a marking definition that does not stand in the collection.
    #[serde(skip_serializing_if = "is_zero")]
    pub awaiting: u64,
    /// Of these: not given to those named, as told to who may not read the collection.
    #[serde(skip_serializing_if = "is_zero")]
    pub not_given: u64,
    /// Of these: known, and given to other members besides.
    #[serde(skip_serializing_if = "is_zero")]
    pub given: u64,
    /// Of these: bearing no TLP level as strict as the one that was asked for, which stands beside their bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub level_beside: u64,
    /// Of these: refused to some of the members that were named; how many by which rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub withheld: BTreeMap<&'static str, u64>,
    /// Of these: to be given to some of those named when what is in the way has passed; how many wait by which rule. What waits for a
    /// marking definition is counted as that.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub later: BTreeMap<&'static str, u64>,
    /// Of these: kept with errors of their own, and never acted on.
    #[serde(skip_serializing_if = "is_zero")]
    pub with_errors: u64,
    /// How many of those have which error, by its code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<&'static str, u64>,
    /// Beside these: what was passed over.
    #[serde(skip_serializing_if = "Unread::is_nothing")]
    pub unread: Unread,
}

/// The code of what only its originator changes.
const NOT_OURS: &str = handling::Rule::OriginatorControl.code();

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Receipt {
    /// Whether it was kept beside what it contradicts.
    fn is_beside(&self) -> bool {
        let codes = [Contradiction::Created, Contradiction::Creator].map(Contradiction::code);
        self.findings.iter().any(|finding| codes.contains(&finding.code))
    }

    /// The errors it was kept with, by their codes.
    fn errors(&self) -> BTreeSet<&'static str> {
        let kept = self.outcome != Outcome::Refused;
        let errors = self.findings.iter().filter(|finding| kept && finding.severity == Severity::Error);
        errors.map(|finding| finding.code).collect()
    }
}

const fn add_one(count: &mut u64) {
    *count = count.saturating_add(1);
}

impl Summary {
    /// Counts one more receipt.
    pub fn count(&mut self, receipt: &Receipt) {
        self.beside = self.beside.saturating_add(u64::from(receipt.is_beside()));
        let waits = receipt.findings.iter().any(|finding| finding.code == MARKING_AWAITED);
        self.awaiting = self.awaiting.saturating_add(u64::from(waits));
        let beside = receipt.level_beside && receipt.outcome != Outcome::Refused;
        self.level_beside = self.level_beside.saturating_add(u64::from(beside));
        self.not_given = self.not_given.saturating_add(u64::from(receipt.code == Some(NOT_GIVEN)));
        self.given = self.given.saturating_add(u64::from(receipt.giving.goes));
        if let Some(rule) = receipt.giving.kept_by {
            add_one(self.withheld.entry(rule).or_default());
        }
        if let Some(rule) = receipt.giving.later {
            add_one(self.later.entry(rule).or_default());
        }
        let errors = receipt.errors();
        self.with_errors = self.with_errors.saturating_add(u64::from(!errors.is_empty()));
        errors.into_iter().for_each(|code| add_one(self.errors.entry(code).or_default()));
        match (receipt.handling, receipt.code) {
            (Some(Handled::Inherited), _) => self.inherited = self.inherited.saturating_add(1),
            (Some(Handled::Narrowed), _) => self.narrowed = self.narrowed.saturating_add(1),
            (Some(Handled::Kept), Some(code)) if code == NOT_OURS => {
                self.not_ours = self.not_ours.saturating_add(1)
            }
            (None, Some(store::KNOWN_BY_ANOTHER_CODE)) => self.anothers = self.anothers.saturating_add(1),
            _ => {}
        }
        self.total = self.total.saturating_add(1);
        let counter = match receipt.outcome {
            Outcome::Accepted => &mut self.accepted,
            Outcome::Known => &mut self.known,
            Outcome::Newer => &mut self.newer,
            Outcome::Older => &mut self.older,
            Outcome::Refused => &mut self.refused,
        };
        *counter = counter.saturating_add(1);
    }

    /// Counts receipts.
    #[must_use]
    pub fn of(receipts: &[Receipt]) -> Self {
        let mut summary = Self::default();
        receipts.iter().for_each(|receipt| summary.count(receipt));
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_reads_as_the_contract_says() {
        let receipt = Receipt {
            id: Some("x--1".into()),
            version: None,
            outcome: Outcome::Known,
            code: None,
            reason: None,
            handling: None,
            giving: Giving::default(),
            level_beside: false,
            findings: Vec::new(),
        };
        let json = serde_json::to_string(&receipt).unwrap();
        assert_eq!(json, r#"{"id":"x--1","version":null,"outcome":"known","code":null,"reason":null}"#);
        let refused = Receipt { outcome: Outcome::Refused, ..receipt.clone() };
        let summary = Summary::of(&[receipt, refused]);
        assert_eq!((summary.total, summary.known, summary.refused), (2, 1, 1));
    }
}
