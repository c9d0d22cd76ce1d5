//! One form for texts that people write in several: names, and values compared as text.
//!
//! NFKC, lower case with `ß` = `ss` and final sigma = sigma, Cyrillic `ё` = `е` (Russian is mostly written without the dots),
//! white space around cut off and within made one space. Not language-dependent: Turkish dotless `ı` stays itself.
//!
//! Invariant: folding a folded text changes nothing.

use unicode_normalization::UnicodeNormalization;

/// Appends the folded form of `text`.
pub(crate) fn fold_into(out: &mut String, text: &str) {
    if text.is_ascii() {
        let start = out.len();
        for word in text.split(|letter: char| letter.is_whitespace()).filter(|word| !word.is_empty()) {
            if out.len() > start {
                out.push(' ');
            }
            out.push_str(word);
        }
        if let Some(added) = out.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    let mut space = false;
    let start = out.len();
    for letter in folded(text.chars()) {
        if letter.is_whitespace() {
            space = out.len() > start;
            continue;
        }
        if std::mem::take(&mut space) {
            out.push(' ');
        }
        out.push(letter);
    }
}

/// The folded letters of a text, white space as it stands.
pub(crate) fn folded(letters: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    letters.nfkc().flat_map(lower).nfkc()
}

fn lower(letter: char) -> impl Iterator<Item = char> {
    let (first, rest) = match letter {
        'ß' | 'ẞ' => (Some('s'), Some('s')),
        'ς' => (Some('σ'), None),
        'ё' | 'Ё' => (Some('е'), None),
        other if other.is_ascii() => (Some(other.to_ascii_lowercase()), None),
        _ => (None, None),
    };
    let full = first.is_none().then(|| letter.to_lowercase());
    first.into_iter().chain(rest).chain(full.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fold(text: &str) -> String {
        let mut out = "x".to_owned();
        fold_into(&mut out, text);
        out.split_off(1)
    }

    #[test]
    fn one_form_for_many() {
        for (given, folded) in [
            ("  Cobalt\t Strike\n", "cobalt strike"),
            ("Ёлка", "елка"),
            ("е\u{308}лка", "елка"),
            ("Straße STRASSE", "strasse strasse"),
            ("ΟΔΥΣΣΕΥΣ οδυσσευς", "οδυσσευσ οδυσσευσ"),
            ("ＡＰＴ２８", "apt28"),
            ("Café", "café"),
            ("ﬁle", "file"),
            ("й", "й"),
            ("\u{3000}中文\u{a0}\u{a0}名", "中文 名"),
            ("", ""),
            (" \t", ""),
        ] {
            assert_eq!(fold(given), folded, "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn ascii_goes_the_same_way(text in "[ -~\t\n]{0,40}") {
            let mut slow = String::new();
            for letter in folded(text.chars()) {
                slow.push(letter);
            }
            let slow: Vec<&str> = slow.split_whitespace().collect();
            prop_assert_eq!(fold(&text), slow.join(" "));
        }
    }
}
