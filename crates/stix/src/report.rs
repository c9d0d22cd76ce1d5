//! Where findings are collected, and the place they are about, kept without allocation until there is one.

use std::borrow::Cow;

use base::limit::{FINDINGS_BYTES_MIN, FINDINGS_MAX};

use crate::code;
use crate::finding::{Finding, Severity};
use crate::pattern::Pattern;
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

    /// The key that this place was reached by, if it was by one.
    pub(crate) const fn last_key(&self) -> Option<&'p str> {
        match self.step {
            Step::Key(key) => Some(key),
            Step::Root | Step::Index(_) => None,
        }
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

/// Findings as they are made, at most [`FINDINGS_MAX`] of them: heavier ones take the place of lighter ones.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<Finding>,
    worst: Option<Severity>,
    /// The heaviest that is not listed.
    cut: Option<Severity>,
    /// The pattern that was read last, or that it could not be.
    pattern: Option<Option<Pattern>>,
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
        if self.findings.len() >= FINDINGS_MAX && !self.makes_room(severity) {
            self.cut = self.cut.max(Some(severity));
            return;
        }
        self.findings.push(Finding { severity, code, path: place.path(), message: message.into() });
    }

    /// Takes the last of the lightest findings out where it is lighter than `severity`.
    fn makes_room(&mut self, severity: Severity) -> bool {
        let lightest = self.findings.iter().map(|finding| finding.severity).min();
        let Some(lightest) = lightest.filter(|lightest| *lightest < severity) else { return false };
        let Some(last) = self.findings.iter().rposition(|finding| finding.severity == lightest) else {
            return false;
        };
        self.findings.remove(last);
        self.cut = self.cut.max(Some(lightest));
        true
    }

    /// Keeps a pattern that was read for its check; `None` where it cannot be. To read it again would take as long.
    pub(crate) fn note_pattern(&mut self, pattern: Option<Pattern>) {
        self.pattern = Some(pattern);
    }

    /// What was kept so.
    pub(crate) fn take_pattern(&mut self) -> Option<Option<Pattern>> {
        self.pattern.take()
    }

    /// The heaviest finding so far.
    pub(crate) fn worst(&self) -> Option<Severity> {
        self.worst
    }

    /// As [`Report::into_findings`], of an object of so many bytes: what is found in many small objects together must not take
    /// many times their own memory.
    pub(crate) fn into_findings_of(mut self, object_bytes: usize) -> Vec<Finding> {
        let mut room = object_bytes.saturating_add(FINDINGS_BYTES_MIN);
        // The heaviest first: a refusal is told by them.
        let mut heaviest: Vec<usize> = (0..self.findings.len()).collect();
        heaviest.sort_by_key(|at| std::cmp::Reverse(self.findings.get(*at).map(|finding| finding.severity)));
        let mut fits = vec![false; self.findings.len()];
        for at in heaviest {
            let (Some(finding), Some(fits)) = (self.findings.get(at), fits.get_mut(at)) else { continue };
            let text = finding.path.len().saturating_add(finding.message.len());
            room = room.saturating_sub(text.saturating_add(size_of::<Finding>()));
            *fits = room > 0;
            if !*fits {
                self.cut = self.cut.max(Some(finding.severity));
            }
        }
        let mut fits = fits.into_iter();
        self.findings.retain(|_| fits.next().unwrap_or_default());
        self.into_findings()
    }

    /// The findings; one more says so when some were left out.
    pub(crate) fn into_findings(mut self) -> Vec<Finding> {
        if let Some(severity) = self.cut {
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
    fn findings_are_bounded_and_the_heaviest_are_listed() {
        let mut report = Report::default();
        report.add(Severity::Error, code::ID_FORM, &Place::ROOT, "first");
        for _ in 0..FINDINGS_MAX {
            report.add(Severity::Warning, code::NAMING, &Place::ROOT, "w");
        }
        report.add(Severity::Fatal, code::ID_FORM, &Place::ROOT, "last");
        assert_eq!(report.worst(), Some(Severity::Fatal));
        let findings = report.into_findings();
        assert_eq!(findings.len(), FINDINGS_MAX + 1);
        let told = |severity| {
            findings.iter().filter(move |found| found.severity == severity).map(|found| &*found.message)
        };
        assert_eq!(told(Severity::Error).collect::<Vec<_>>(), ["first"]);
        assert_eq!(told(Severity::Fatal).collect::<Vec<_>>(), ["last"]);
        let cut = findings.last().unwrap();
        assert_eq!(
            (cut.code, cut.severity),
            (code::FINDINGS_CUT, Severity::Warning),
            "nothing heavier is left out"
        );
    }

    #[test]
    fn what_a_small_object_has_room_for_is_its_heaviest_in_their_order() {
        let mut report = Report::default();
        for at in 0..60 {
            let severity = if at == 59 { Severity::Error } else { Severity::Warning };
            report.add(severity, code::NAMING, &Place::ROOT, format!("{at}"));
        }
        let findings = report.into_findings_of(100);
        assert!(findings.len() < 60, "{}", findings.len());
        assert_eq!(findings.first().map(|found| &*found.message), Some("0"));
        let before_last = findings.len() - 2;
        assert_eq!(findings[before_last].message, "59");
        assert_eq!(findings.last().map(|found| found.severity), Some(Severity::Warning));
    }
}
