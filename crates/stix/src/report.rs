//! Where findings are collected, and the place they are about, kept without allocation until there is one.

use std::borrow::Cow;

use base::limit::{FINDINGS_BYTES_MIN, FINDINGS_MAX};

use crate::code;
use crate::finding::{Finding, Severity};
use crate::quote::cut;

/// A step on the way into a document.
#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

/// A place in a document: a chain of steps on the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    up: Option<&'p Place<'p>>,
    step: Step<'p>,
}

impl<'p> Place<'p> {
    /// The document itself.
    pub(crate) const ROOT: Place<'static> = Place { up: None, step: Step::Root };

    /// The member `key` of this place.
    pub(crate) fn key(&'p self, key: &'p str) -> Place<'p> {
        Place { up: Some(self), step: Step::Key(key) }
    }

    /// The item `index` of this place.
    pub(crate) fn index(&'p self, index: usize) -> Place<'p> {
        Place { up: Some(self), step: Step::Index(index) }
    }

    /// The path as in STIX selectors, e.g. `external_references.[0].url`.
    pub(crate) fn path(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// As deep as the document is, which is bounded.
    fn write(&self, out: &mut String) {
        if let Some(up) = self.up {
            up.write(out);
        }
        if !out.is_empty() && !matches!(self.step, Step::Root) {
            out.push('.');
        }
        match self.step {
            Step::Root => {}
            Step::Key(key) => out.push_str(&cut(key)),
            Step::Index(index) => {
                out.push('[');
                out.push_str(&index.to_string());
                out.push(']');
            }
        }
    }
}

/// Findings as they are made, at most [`FINDINGS_MAX`] of them.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<Finding>,
    worst: Option<Severity>,
    cut: bool,
}

impl Report {
    /// Writes a finding down.
    pub(crate) fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        place: &Place<'_>,
        message: impl Into<Cow<'static, str>>,
    ) {
        self.worst = self.worst.max(Some(severity));
        if self.findings.len() >= FINDINGS_MAX {
            self.cut = true;
            return;
        }
        self.findings.push(Finding { severity, code, path: place.path(), message: message.into() });
    }

    /// The heaviest finding so far.
    pub(crate) fn worst(&self) -> Option<Severity> {
        self.worst
    }

    /// As [`Report::into_findings`], of an object of so many bytes: what is found in many small objects together must not take
    /// many times their own memory.
    pub(crate) fn into_findings_of(mut self, object_bytes: usize) -> Vec<Finding> {
        let mut room = object_bytes.saturating_add(FINDINGS_BYTES_MIN);
        let fits = self.findings.iter().take_while(|finding| {
            let text = finding.path.len().saturating_add(finding.message.len());
            room = room.saturating_sub(text.saturating_add(size_of::<Finding>()));
            room > 0
        });
        let fits = fits.count();
        // The heaviest is what a refusal is told by.
        let worst = self.findings.iter().position(|finding| Some(finding.severity) == self.worst);
        if let Some(worst) = worst.filter(|worst| *worst >= fits) {
            self.findings.swap(worst, fits.saturating_sub(1));
        }
        self.cut |= fits < self.findings.len();
        self.findings.truncate(fits);
        self.into_findings()
    }

    /// The findings; one more says so when some were left out.
    pub(crate) fn into_findings(mut self) -> Vec<Finding> {
        if self.cut {
            let severity = self.worst.unwrap_or(Severity::Warning);
            let message = Cow::Borrowed("there are more findings than are listed");
            self.findings.push(Finding { severity, code: code::FINDINGS_CUT, path: String::new(), message });
        }
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_like_selectors() {
        let refs = Place::ROOT.key("external_references");
        let first = refs.index(0);
        assert_eq!(first.key("url").path(), "external_references.[0].url");
        assert_eq!(Place::ROOT.path(), "");
    }

    #[test]
    fn findings_are_bounded_and_the_worst_is_not_lost() {
        let mut report = Report::default();
        for _ in 0..FINDINGS_MAX {
            report.add(Severity::Warning, code::NAMING, &Place::ROOT, "w");
        }
        report.add(Severity::Fatal, code::ID_FORM, &Place::ROOT, "f");
        assert_eq!(report.worst(), Some(Severity::Fatal));
        let findings = report.into_findings();
        assert_eq!(findings.len(), FINDINGS_MAX + 1);
        assert_eq!(findings.last().map(|finding| finding.severity), Some(Severity::Fatal));
    }
}
