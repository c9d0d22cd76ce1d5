//! Text from outside where people read it: names of members, cut to what a path may show. Values are quoted by [`base::quoted`], letters
//! that nobody sees are those of [`base::letters`].

use std::borrow::Cow;

pub use base::letters::is_unseen;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_cut_at_a_letter() {
        assert_eq!(cut("name"), "name");
        assert_eq!(cut(&"é".repeat(126)), format!("{}…", "é".repeat(125)));
    }
}
