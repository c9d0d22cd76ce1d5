//! How a search tells what is called so from what only mentions it.
//!
//! Among the words of an object stand marks besides, made of its names (`name`, and properties ending in `aliases`): one of each name
//! as a whole, and one of each word of them. No word begins as a mark does, so that no question for words finds one.
//!
//! | name | marks |
//! |---|---|
//! | `Lazarus Group` | `^lazarus=group`, `=lazarus`, `=group` |
//!
//! Invariant: a question that a name begins with has all its words in that name ([`Called::starts`] within [`Called::holds`]), so that
//! the classes of an answer can be told apart by the second alone.

use base::limit::{NAME_BYTES_MAX, NAMES_PER_OBJECT_MAX, WORD_BYTES_MAX};
use stix::Json;
use stix::json::Members;

use crate::text::{query_words, words};

/// What a mark of a whole name begins with.
const WHOLE: char = '^';
/// What a mark of a word of a name begins with, and what parts the words in the mark of a whole name.
const WORD: char = '=';

/// A word to ask the full text for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The word, or how it begins.
    pub word: String,
    /// Whether it may go on.
    pub open: bool,
}

/// What to ask the full text for, to find what is called as a question says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// A name begins with the question: one of these is there.
    pub starts: Vec<Asked>,
    /// All words of the question are words of names: all of these are there.
    pub holds: Vec<Asked>,
}

/// How the words of a question ([`crate::query_words`]) are looked for in names; `open_ended`: the last word may go on.
#[must_use]
pub fn called(question: &[String], open_ended: bool) -> Called {
    let last = question.len().saturating_sub(1);
    let holds = question
        .iter()
        .enumerate()
        .map(|(at, word)| Asked { word: format!("{WORD}{word}"), open: open_ended && at == last });
    let (whole, is_cut) = whole(question);
    let starts = match (open_ended, is_cut) {
        (true, false) => vec![Asked { word: whole, open: true }],
        (_, true) => vec![Asked { word: whole, open: false }],
        (false, false) => {
            let further = format!("{whole}{WORD}");
            vec![Asked { word: whole, open: false }, Asked { word: further, open: true }]
        }
    };
    Called { starts, holds: holds.collect() }
}

/// The marks of an object's names, parted by spaces; empty where it has none.
///
/// # Limits
/// [`NAMES_PER_OBJECT_MAX`] names, and of each the first [`NAME_BYTES_MAX`] bytes.
pub(crate) fn marks(members: &Members<'_>) -> String {
    let mut names: Vec<&str> = members.get("name").and_then(Json::as_str).into_iter().collect();
    for (key, value) in members.iter() {
        if let (true, Json::List(items)) = (key.ends_with("aliases"), value) {
            names.extend(items.iter().filter_map(Json::as_str).take(NAMES_PER_OBJECT_MAX));
        }
    }
    let mut marks: Vec<String> = Vec::new();
    for name in names.into_iter().take(NAMES_PER_OBJECT_MAX) {
        let name = name.get(..name.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default();
        let sequence = query_words(name);
        if !sequence.is_empty() {
            marks.push(whole(&sequence).0);
            marks.extend(words(name).split(' ').map(|word| format!("{WORD}{word}")));
        }
    }
    marks.sort_unstable();
    marks.dedup();
    marks.join(" ")
}

/// The mark of a name of these words, and whether it had to be cut.
fn whole(words: &[String]) -> (String, bool) {
    let mut whole = format!("{WHOLE}{}", words.join(&WORD.to_string()));
    let is_cut = whole.len() > WORD_BYTES_MAX;
    whole.truncate(whole.floor_char_boundary(WORD_BYTES_MAX));
    (whole, is_cut)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marks_of(json: &str) -> String {
        let json = Json::parse(json.as_bytes()).unwrap();
        marks(json.as_object().unwrap())
    }

    fn marks_of_name(name: &str) -> String {
        marks_of(&format!(r#"{{"name":"{}"}}"#, name.replace('\\', r"\\").replace('"', "\\\"")))
    }

    /// 0 = a name begins with the question, 1 = all its words are in names, 2 = neither.
    fn class(marks: &str, question: &str, open_ended: bool) -> u8 {
        let called = called(&query_words(question), open_ended);
        let there = |asked: &Asked| {
            marks
                .split(' ')
                .any(|mark| if asked.open { mark.starts_with(&asked.word) } else { mark == asked.word })
        };
        match (called.starts.iter().any(there), called.holds.iter().all(there)) {
            (true, true) => 0,
            (false, true) => 1,
            (false, false) => 2,
            (true, false) => panic!("{question:?} begins a name and has words that are in none: {marks}"),
        }
    }

    #[test]
    fn names_and_aliases_are_marked() {
        let marks = marks_of(
            r#"{"type":"intrusion-set","name":"Lazarus Group","aliases":["Hidden Cobra",7],"x_other_aliases":["T1059.001"],"description":"words"}"#,
        );
        assert_eq!(
            marks,
            "=001 =1059_001 =cobra =group =hidden =lazarus =t1059 =t1059_001 ^hidden=cobra ^lazarus=group ^t1059_001"
        );
        assert_eq!(marks_of(r#"{"name":"...","aliases":"no list"}"#), "");
        let many: Vec<String> = (0..=NAMES_PER_OBJECT_MAX).map(|no| format!("\"n{no}\"")).collect();
        let marks = marks_of(&format!(r#"{{"aliases":[{}]}}"#, many.join(",")));
        assert_eq!(marks.split(' ').count(), 2 * NAMES_PER_OBJECT_MAX);
    }

    #[test]
    fn what_is_called_so_is_told_from_what_has_the_words() {
        let marks = marks_of(r#"{"name":"Lazarus Group","aliases":["钴打击组织"]}"#);
        for (question, open_ended, wanted) in [
            ("lazarus", false, 0),
            ("Lazarus Group", false, 0),
            ("laz", true, 0),
            ("lazarus gr", true, 0),
            ("group lazarus", false, 1),
            ("grou", true, 1),
            ("laz", false, 2),
            ("lazarus gr", false, 2),
            ("lazarus groups", true, 2),
            ("钴打", false, 0),
            ("钴", true, 0),
            ("打击", false, 1),
            ("击", false, 1),
        ] {
            assert_eq!(class(&marks, question, open_ended), wanted, "{question} {open_ended}");
        }
        let long = "word ".repeat(NAME_BYTES_MAX);
        let marks = marks_of_name(&long);
        assert!(marks.split(' ').all(|mark| mark.len() <= WORD_BYTES_MAX));
        assert_eq!((class(&marks, &long, false), class(&marks, &long, true)), (0, 0));
    }

    proptest! {
        #[test]
        fn what_begins_a_name_has_its_words(
            name in "[a-zA-Z0-9 ._-]{0,40}|[а-яёА-ЯЁ中国恶意a1 .-]{0,30}|\\PC{0,30}|(ab1[.-]){0,40}",
            cut in 0..40_usize,
            open_ended in any::<bool>(),
        ) {
            let marks = marks_of_name(&name);
            let question: String = name.chars().take(cut).collect();
            if !query_words(&question).is_empty() {
                class(&marks, &question, open_ended);
            }
            if !query_words(&name).is_empty() && whole(&query_words(&name)).0.len() < WORD_BYTES_MAX {
                prop_assert_eq!(class(&marks, &name, open_ended), 0);
            }
        }
    }
}
