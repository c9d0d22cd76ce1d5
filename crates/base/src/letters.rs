//! Letters that nobody sees: which of them depends on what a text is for.

/// Controls, and marks that turn the direction of writing: what holds them reads otherwise than it is, as file names do that
/// are meant to (`…\u{202e}fdp.exe`). For text of any kind where people read it.
#[must_use]
pub fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a letter shows nothing, or changes how those beside it show: what Unicode calls default-ignorable, and white space
/// other than the space. For names that people tell apart by looking; texts in many scripts need some of these.
#[must_use]
pub fn is_ignorable(letter: char) -> bool {
    (letter.is_whitespace() && letter != ' ')
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_bears_less_than_a_text() {
        let turning =
            (0..=u32::from(char::MAX)).filter_map(char::from_u32).filter(|letter| is_unseen(*letter));
        for letter in turning.filter(|letter| !letter.is_control()) {
            assert!(is_ignorable(letter), "{letter:?}");
        }
        // Joiners shape letters of many scripts; soft hyphens stand in texts.
        for letter in ['\u{200d}', '\u{ad}', '\u{feff}', '\u{2003}'] {
            assert!(is_ignorable(letter) && !is_unseen(letter), "{letter:?}");
        }
        for letter in ['a', ' ', '-', '中', 'ё', '\u{301}'] {
            assert!(!is_ignorable(letter) && !is_unseen(letter), "{letter:?}");
        }
    }
}
