//! Values from outside, made fit to stand in a message: quoted, escaped and cut.

use std::borrow::Cow;
use std::fmt;

/// Longest part of a hostile value that a message shows, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// Shows `text` in quotes, control characters escaped, cut after 80 characters.
#[must_use]
pub fn quoted(text: &str) -> Quoted<'_> {
    Quoted(text)
}

/// Longest step of a path that is kept, in bytes; no lawful name is longer.
const STEP_BYTES_MAX: usize = 250;

/// A name as a step of a path, cut where it is longer than any lawful one.
pub(crate) fn cut(step: &str) -> Cow<'_, str> {
    if step.len() <= STEP_BYTES_MAX {
        return Cow::Borrowed(step);
    }
    let end = (0..=STEP_BYTES_MAX).rev().find(|at| step.is_char_boundary(*at)).unwrap_or(0);
    Cow::Owned(format!("{}…", step.get(..end).unwrap_or_default()))
}

/// See [`quoted`].
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = self.0.char_indices().nth(SHOWN_CHARS_MAX).map_or(self.0.len(), |(at, _)| at);
        let (shown, rest) = self.0.split_at(cut);
        write!(f, "{shown:?}")?;
        if rest.is_empty() { Ok(()) } else { f.write_str("…") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_cut_at_a_letter() {
        assert_eq!(cut("name"), "name");
        assert_eq!(cut(&"é".repeat(126)), format!("{}…", "é".repeat(125)));
    }

    #[test]
    fn escapes_and_cuts() {
        assert_eq!(quoted("a\n\u{202e}\"").to_string(), "\"a\\n\\u{202e}\\\"\"");
        let long = "é".repeat(81);
        assert_eq!(quoted(&long).to_string(), format!("\"{}\"…", "é".repeat(80)));
        assert_eq!(quoted(&long[..160]).to_string(), format!("\"{}\"", "é".repeat(80)));
    }
}
