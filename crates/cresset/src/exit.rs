//! How a command ends: exit codes as the contract names them, and failures as sentences.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// How a command ends; of two ends the greater one says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// The answer is "no", refused or invalid.
    No = 1,
    /// The command line does not say what to do.
    Usage = 2,
    /// A verification failed.
    Unverified = 3,
    /// Something cannot be reached or opened.
    Unreachable = 4,
}

impl Exit {
    /// The code of a failure that has none of its own.
    const fn code(self) -> &'static str {
        match self {
            Self::Done | Self::No => "refused",
            Self::Usage => "usage",
            Self::Unverified => "unverified",
            Self::Unreachable => "unreachable",
        }
    }
}

/// The codes that commands give themselves, and what they mean.
pub(crate) const CODES: [(&str, &str); 4] = [
    ("refused", "The answer is no, or what was given is not valid; the message says why (exit code 1)."),
    (
        "unreachable",
        "Something cannot be reached, opened, read or written; the message says what (exit code 4).",
    ),
    ("unverified", "A verification failed: what was given does not prove what it is to prove (exit code 3)."),
    (
        "usage",
        "The command line does not say what to do; `cresset COMMAND --help` shows what it takes (exit code 2).",
    ),
];

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::from(0),
            Exit::No => Self::from(1),
            Exit::Usage => Self::from(2),
            Exit::Unverified => Self::from(3),
            Exit::Unreachable => Self::from(4),
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the command ends.
    pub(crate) exit: Exit,
    /// One sentence: what was attempted, on what, and why it did not work. Empty = say nothing.
    pub(crate) message: String,
    /// Stable code, where there is one.
    pub(crate) code: Option<String>,
    /// What to do.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// The answer is "no".
    pub(crate) fn no(message: impl fmt::Display) -> Self {
        Self::with(Exit::No, message)
    }

    /// The command line does not say what to do.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::with(Exit::Usage, message)
    }

    /// A verification failed.
    pub(crate) fn unverified(message: impl fmt::Display) -> Self {
        Self::with(Exit::Unverified, message)
    }

    /// Something cannot be reached or opened.
    pub(crate) fn unreachable(message: impl fmt::Display) -> Self {
        Self::with(Exit::Unreachable, message)
    }

    /// What answered at a place said something that a node does not.
    pub(crate) fn no_node(place: &str, error: &serde_json::Error) -> Self {
        Self::unreachable(format_args!("{place} does not answer as a node: {error}"))
            .hint(crate::reach::BARE_ADDRESS)
    }

    /// The same where the place is not at hand.
    pub(crate) fn no_node_there(error: serde_json::Error) -> Self {
        Self::no_node("what answered", &error)
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(deed: &str, path: &std::path::Path, error: &io::Error) -> Self {
        Self::unreachable(format_args!("cannot {deed} {}: {error}", path.display()))
    }

    /// The same failure with a word on what to do.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The same failure with a code, where it has none.
    pub(crate) fn or_code(mut self, code: &str) -> Self {
        self.code.get_or_insert_with(|| code.to_owned());
        self
    }

    /// The same failure with its stable code.
    pub(crate) fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// As one JSON document: `{"error":{"code","message","hint"}}`, the hint where there is one.
    pub(crate) fn document(&self) -> serde_json::Value {
        let code = self.code.as_deref().unwrap_or(self.exit.code());
        let mut error = serde_json::json!({"code": code, "message": self.message});
        if let Some(hint) = &self.hint {
            error["hint"] = hint.as_str().into();
        }
        serde_json::json!({"error": error})
    }

    fn with(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), code: None, hint: None }
    }
}

/// Writing the answer failed. A reader that has seen enough (`| head`) is no failure and gets no words.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::Done, message: String::new(), code: None, hint: None };
        }
        Self::unreachable(format_args!("cannot write the answer: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(code) = &self.code {
            write!(f, " [{code}]")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}
