//! Values from outside, made fit to stand in a message: quoted, escaped and cut.

use std::fmt;

/// Longest part of a hostile value that a message shows, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// Shows `text` in quotes, control characters escaped, cut after 80 characters.
#[must_use]
pub fn quoted(text: &str) -> Quoted<'_> {
    Quoted(text)
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
    fn escapes_and_cuts() {
        assert_eq!(quoted("a\n\u{202e}\"").to_string(), "\"a\\n\\u{202e}\\\"\"");
        let long = "é".repeat(81);
        assert_eq!(quoted(&long).to_string(), format!("\"{}\"…", "é".repeat(80)));
        assert_eq!(quoted(&long[..160]).to_string(), format!("\"{}\"", "é".repeat(80)));
    }
}
