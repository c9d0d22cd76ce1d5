//! What an examination found: a code, the place, and a sentence.

use std::borrow::Cow;
use std::fmt;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The specification says SHOULD (an error where a caller asks for strictness).
    Warning,
    /// The specification says MUST, but the bytes are still an object: kept with this finding, never acted on.
    Error,
    /// The bytes are not an object: refused even by a lenient store.
    Fatal,
}

impl Severity {
    /// The name in receipts and in findings that are kept with an object.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// One finding about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// Stable kebab-case code, e.g. `required-property`; `cresset explain CODE` tells more.
    pub code: &'static str,
    /// Where: dotted path with list indexes in brackets as in STIX selectors, e.g. `external_references.[0].url`; empty = the object.
    pub path: String,
    /// One lower-case sentence without full stop; values quoted, escaped and cut.
    pub message: Cow<'static, str>,
}

impl Finding {
    /// Where and what, for answers that have a place of their own for the code.
    #[must_use]
    pub fn sentence(&self) -> String {
        let place = if self.path.is_empty() { "object" } else { &self.path };
        format!("{place}: {}", self.message)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.sentence(), self.code)
    }
}
