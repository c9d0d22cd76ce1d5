//! Text from outside where people read it: names of members, cut to what a path may show, and letters that nobody sees. Values are
//! quoted by [`base::quoted`].

use std::borrow::Cow;

pub use base::{Quoted, quoted};

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

/// Controls, and marks that turn the direction of writing: what holds them reads otherwise than it is, as file names do that
/// are meant to (`…\u{202e}fdp.exe`).
#[must_use]
pub fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_cut_at_a_letter() {
        assert_eq!(cut("name"), "name");
        assert_eq!(cut(&"é".repeat(126)), format!("{}…", "é".repeat(125)));
    }
}
