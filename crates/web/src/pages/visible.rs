//! How every value is written on a page: as HTML has it, with controls and marks that turn the direction of writing shown by their number. What goes back into a form, and the
//! exact bytes, are written as they are (`|escape("htm")`).

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};
use stix::quote::is_unseen;

/// Escapes for HTML; controls, but for white space, and marks that turn the direction of writing are shown by their number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut to: W, text: &str) -> fmt::Result {
        let hidden = |letter: char| is_unseen(letter) && !letter.is_whitespace();
        for piece in text.split_inclusive(hidden) {
            let plain = piece.trim_end_matches(hidden);
            Html.write_escaped_str(&mut to, plain)?;
            for letter in piece.chars().skip(plain.chars().count()) {
                write!(to, "{}", letter.escape_unicode())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_the_direction_of_writing_is_shown() {
        for (given, written) in [
            ("a<b & \"c\"", "a&#60;b &#38; &#34;c&#34;"),
            ("report\u{202e}fdp.exe", "report\\u{202e}fdp.exe"),
            ("two\u{202e}\u{2066}x\n\ty\u{0}", "two\\u{202e}\\u{2066}x\n\ty\\u{0}"),
            ("", ""),
            ("обычный 文字", "обычный 文字"),
        ] {
            let mut out = String::new();
            Visible.write_escaped_str(&mut out, given).unwrap();
            assert_eq!(out, written);
        }
    }
}
