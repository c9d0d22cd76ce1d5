//! Names of hosts that have two ways of writing: in letters of their own script, and in ASCII (`xn--`). For people: whoever reads one should
//! see the other too, since letters alone may look like others (Cyrillic `а`, Latin `a`), and `xn--` alone says nothing to anybody.
//!
//! Told is only what reads back to the very same name, and what shows whole: nothing that is cut, and no letter that is not seen.

use idna::AsciiDenyList;
use stix::quote::is_unseen;

use crate::domain::{is_domain, write_domain};

/// Names told of one text.
const TOLD_MAX: usize = 3;
/// Longest text that is looked through, in bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// The other way of writing of the names in a text: letters for `xn--`, wherever a name stands, with the script that they are of (`Cyrillic
/// letters: пример.рф`); `xn--` for letters where the text is one value, with no white space in it, or a pattern. Each once, in order, of a
/// long text those at its beginning.
#[must_use]
pub fn other_writings(text: &str) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    if text.is_ascii() && !text.contains("xn--") && !text.contains("XN--") {
        return told;
    }
    let text = match text.char_indices().find(|(at, _)| *at >= TEXT_BYTES_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    };
    let is_value = text.starts_with('[') || !text.chars().any(char::is_whitespace);
    let (mut before, mut rest) = (['\0'; 2], text);
    while let Some(first) = rest.chars().next() {
        let end = rest.find(parts).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        // Behind one slash stands a path, in which nothing is a host; what is cut is no name.
        if end > 0 && !(before[1] == '/' && before[0] != '/') && !after.starts_with('…') {
            let other = if name.is_ascii() { in_letters(name) } else { in_ascii(name).filter(|_| is_value) };
            told.extend(other.filter(|other| !told.contains(other)));
            if told.len() >= TOLD_MAX {
                break;
            }
        }
        let step = if end > 0 { end } else { first.len_utf8() };
        let (passed, next) = rest.split_at(step);
        for letter in passed.chars().rev().take(2).collect::<Vec<_>>().into_iter().rev() {
            before = [before[1], letter];
        }
        rest = next;
    }
    told
}

/// What stands between names in a text.
fn parts(letter: char) -> bool {
    letter == '…'
        || letter.is_whitespace()
        || (letter.is_ascii() && !letter.is_ascii_alphanumeric() && !matches!(letter, '.' | '-' | '_'))
}

/// A name in the letters of its script; `None` for one that has no others, or does not read back.
fn in_letters(name: &str) -> Option<String> {
    let name = name.trim_matches('.').to_ascii_lowercase();
    if !is_domain(&name) || !name.split('.').any(|label| label.starts_with("xn--")) {
        return None;
    }
    let (letters, read) = idna::domain_to_unicode(&name);
    let back = idna::domain_to_ascii_cow(letters.as_bytes(), AsciiDenyList::URL).ok()?;
    let whole = read.is_ok() && back == name && letters != name && !letters.contains(is_unseen);
    whole.then(|| format!("{} letters: {letters}", scripts(&letters)))
}

/// The scripts of the labels of a name that are not ASCII: `Cyrillic`, `Cyrillic and Latin`.
fn scripts(name: &str) -> String {
    let mut told: Vec<&str> = Vec::new();
    let labels = name.split('.').filter(|label| !label.is_ascii());
    for script in labels.flat_map(str::chars).filter(|letter| letter.is_alphabetic()).map(script) {
        if !told.contains(&script) {
            told.push(script);
        }
    }
    if told.is_empty() { "other".to_owned() } else { told.join(" and ") }
}

/// The script of a letter, of those in which most names are, and in which letters look like those of others.
const fn script(letter: char) -> &'static str {
    match letter {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => "Latin",
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => "Greek",
        '\u{400}'..='\u{52f}'
        | '\u{1c80}'..='\u{1c8f}'
        | '\u{2de0}'..='\u{2dff}'
        | '\u{a640}'..='\u{a69f}' => "Cyrillic",
        '\u{530}'..='\u{58f}' => "Armenian",
        '\u{590}'..='\u{5ff}' => "Hebrew",
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}' => "Arabic",
        '\u{900}'..='\u{97f}' => "Devanagari",
        '\u{e00}'..='\u{e7f}' => "Thai",
        '\u{10a0}'..='\u{10ff}' | '\u{1c90}'..='\u{1cbf}' | '\u{2d00}'..='\u{2d2f}' => "Georgian",
        '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7af}' => "Korean",
        '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => "Cherokee",
        '\u{3040}'..='\u{30ff}' => "Japanese",
        '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' => "Chinese",
        _ => "other",
    }
}

/// A name in ASCII; `None` for what is no name.
fn in_ascii(name: &str) -> Option<String> {
    let mut ascii = String::new();
    write_domain(&mut ascii, name)?;
    ascii.split('.').any(|label| label.starts_with("xn--")).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_in_its_other_way_of_writing() {
        for (text, told) in [
            ("xn--e1afmkfd.xn--p1ai", "Cyrillic letters: пример.рф"),
            ("XN--E1AFMKFD.xn--p1ai", "Cyrillic letters: пример.рф"),
            ("https://xn--e1afmkfd.xn--p1ai:8443/xn--p1ai.html?x", "Cyrillic letters: пример.рф"),
            ("[domain-name:value = 'xn--e1afmkfd.xn--p1ai']", "Cyrillic letters: пример.рф"),
            ("seen at xn--e1afmkfd.xn--p1ai.", "Cyrillic letters: пример.рф"),
            ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
            ("a@пример.рф", "xn--e1afmkfd.xn--p1ai"),
            ("https://пример.рф/путь.html", "xn--e1afmkfd.xn--p1ai"),
            ("[url:value = 'https://пример.рф/путь.html']", "xn--e1afmkfd.xn--p1ai"),
            ("例子。中国", "xn--fsqu00a.xn--fiqs8s"),
            // Cyrillic letters that look like "apple": both ways of writing tell them from it.
            ("xn--80ak6aa92e.com", "Cyrillic letters: аррӏе.com"),
            ("аррӏе.com", "xn--80ak6aa92e.com"),
        ] {
            assert_eq!(other_writings(text), [told], "{text}");
        }
        let two = other_writings("xn--e1afmkfd.xn--p1ai or xn--fsqu00a.xn--fiqs8s, xn--e1afmkfd.xn--p1ai");
        assert_eq!(two, ["Cyrillic letters: пример.рф", "Chinese letters: 例子.中国"]);
        // One Cyrillic letter among Latin ones.
        let mut ascii = String::new();
        write_domain(&mut ascii, "аpple.com").unwrap();
        assert_eq!(other_writings(&ascii), ["Cyrillic and Latin letters: аpple.com"]);
    }

    #[test]
    fn what_is_no_name_or_shows_not_whole_has_none() {
        for text in [
            "",
            "evil.example",
            "apple.com",
            "xn--",
            "xn--a.example",
            "xn--zzzzzzzzzzzz.example",
            "an xn--e1afmkfd",
            "xn--e1afmkfd.xn--p1…",
            // A name of a report, and not of a host.
            "Отчёт о example.рф",
            "путь/файл.txt",
            "文件",
            // Joiners are not seen.
            "xn--ab-j1t.example",
        ] {
            assert!(other_writings(text).is_empty(), "{text}: {:?}", other_writings(text));
        }
        let long = format!("{} xn--e1afmkfd.xn--p1ai", "a ".repeat(TEXT_BYTES_MAX));
        assert!(other_writings(&long).is_empty());
    }
}
