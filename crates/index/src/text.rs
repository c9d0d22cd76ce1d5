//! Cutting text into words for full-text search: the one way, for what is stored and for what is asked.
//!
//! # Shape
//! Words are separated by one space and hold ASCII letters in lower case, digits, `_`, and letters beyond ASCII; so a store's
//! tokenizer must part them at spaces and at nothing else.
//! * Letters are folded as names are (NFKC, lower case, `ё` = `е`); soft hyphens and zero-width marks vanish.
//! * Chinese, Japanese and Korean runs become overlapping pairs of letters; stored text has each single letter besides, so that a
//!   question of one letter is a word like any other.
//! * Words joined by `-`, `.` or `_`, with a digit anywhere (`T1059.001`, `CVE-2024-1234`, `198.51.100.7`), are stored one by
//!   one and joined by `_` from each of them to the last: `cve 2024 1234 cve_2024_1234 2024_1234`. Asked for, such a chain is
//!   its joined form alone; with the last word left open `T1059` still finds `T1059.001`. At most 8 words make a chain.
//! * In such a chain letters before digits (`v1.2.3`, `T1059.001`) are left out once besides: `1_2_3`, `1059_001`.
//!
//! Bounded: words by [`WORD_BYTES_MAX`], an object's text by [`OBJECT_WORDS_BYTES_MAX`], a question by [`QUERY_WORDS_MAX`].

use base::limit::{OBJECT_WORDS_BYTES_MAX, QUERY_WORDS_MAX, WORD_BYTES_MAX};
use unicode_normalization::char::is_combining_mark;

use crate::fold::folded;

/// Longest chain of joined words.
const CHAIN_WORDS_MAX: usize = 8;

/// A text's words as stored for searching.
///
/// # Limits
/// At most [`OBJECT_WORDS_BYTES_MAX`] bytes; time linear in the text.
#[must_use]
pub fn words(text: &str) -> String {
    let mut cutter = Cutter::default();
    cutter.add(text);
    cutter.into_words()
}

/// A question's words: a text that holds all of them is an answer.
///
/// # Limits
/// At most [`QUERY_WORDS_MAX`] words.
#[must_use]
pub fn query_words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut folded = String::new();
    fold_words(&mut folded, text);
    each_piece(&folded, |piece| {
        match piece {
            Piece::Chain(chain) if chain.has_digit => found.push(chain.joined_from(0)),
            Piece::Chain(chain) => found.extend(chain.words().map(str::to_owned)),
            Piece::Letters(run) if pairs(run).next().is_none() => found.push(run.to_owned()),
            Piece::Letters(run) => found.extend(pairs(run).map(str::to_owned)),
        }
        found.len() < QUERY_WORDS_MAX
    });
    found.truncate(QUERY_WORDS_MAX);
    found
}

/// Cuts many texts into one list of words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cutter {
    /// UTF-8, each word with a space behind it.
    words: Vec<u8>,
    folded: String,
}

impl Cutter {
    pub(crate) fn add(&mut self, text: &str) {
        if self.is_full() {
            return;
        }
        if text.is_ascii() {
            self.add_ascii(text);
            return;
        }
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        fold_words(&mut folded, text);
        self.add_folded(&folded);
        self.folded = folded;
    }

    fn is_full(&self) -> bool {
        self.words.len() >= OBJECT_WORDS_BYTES_MAX
    }

    /// Only what stands around a digit can be a chain; the text between is copied byte by byte.
    fn add_ascii(&mut self, text: &str) {
        let mut rest = text;
        while let Some(digit) = rest.bytes().position(|byte| byte.is_ascii_digit()) {
            let (before, after) = rest.split_at_checked(digit).unwrap_or((rest, ""));
            let start = before.rfind(' ').map_or(0, |space| space.saturating_add(1));
            let end = after.find(' ').unwrap_or(after.len()).saturating_add(digit);
            self.add_plain(rest.get(..start).unwrap_or_default());
            self.folded.clear();
            self.folded.push_str(rest.get(start..end).unwrap_or_default());
            self.folded.make_ascii_lowercase();
            let folded = std::mem::take(&mut self.folded);
            self.add_folded(&folded);
            self.folded = folded;
            rest = rest.get(end..).unwrap_or_default();
            if self.is_full() {
                return;
            }
        }
        self.add_plain(rest);
    }

    /// ASCII without digits: letters in lower case, one space for whatever stands between. No branch but the loop's own, as
    /// this is where most of the time of indexing goes.
    fn add_plain(&mut self, text: &str) {
        let start = self.words.len();
        self.words.resize(start.saturating_add(text.len()).saturating_add(1), b' ');
        let out = self.words.get_mut(start..).unwrap_or_default();
        let (mut written, mut after_gap, mut run, mut longest) = (0_usize, true, 0_usize, 0_usize);
        for byte in text.bytes() {
            let letter = PLAIN[usize::from(byte)];
            if let Some(place) = out.get_mut(written) {
                *place = letter;
            }
            let is_gap = letter == b' ';
            written = written.wrapping_add(usize::from(!(is_gap && after_gap)));
            run = run.wrapping_add(1).wrapping_mul(usize::from(!is_gap));
            longest = longest.max(run);
            after_gap = is_gap;
        }
        if longest > WORD_BYTES_MAX {
            self.words.truncate(start);
            self.add_folded(&text.to_ascii_lowercase());
            return;
        }
        if let (false, Some(place)) = (after_gap, out.get_mut(written)) {
            *place = b' ';
            written = written.saturating_add(1);
        }
        self.words.truncate(start.saturating_add(written));
    }

    fn add_folded(&mut self, folded: &str) {
        each_piece(folded, |piece| {
            self.put_piece(&piece);
            !self.is_full()
        });
    }

    fn put(&mut self, word: &str) {
        self.words.extend_from_slice(word.as_bytes());
        self.words.push(b' ');
    }

    fn put_piece(&mut self, piece: &Piece<'_>) {
        match piece {
            Piece::Chain(chain) => {
                chain.words().for_each(|word| self.put(word));
                if chain.has_digit {
                    for (first, word) in chain.words().enumerate().take(chain.length.saturating_sub(1)) {
                        let joined = chain.joined_from(first);
                        self.put(&joined);
                        if let Some(digits) = after_letters(word).and_then(|letters| joined.get(letters..)) {
                            self.put(digits);
                        }
                    }
                }
            }
            Piece::Letters(run) => {
                pairs(run).for_each(|pair| self.put(pair));
                let mut buffer = [0; 4];
                run.chars().for_each(|letter| self.put(letter.encode_utf8(&mut buffer)));
            }
        }
    }

    pub(crate) fn into_words(self) -> String {
        let mut words = String::from_utf8(self.words).unwrap_or_default();
        if words.len() > OBJECT_WORDS_BYTES_MAX {
            let end = words.floor_char_boundary(OBJECT_WORDS_BYTES_MAX);
            words.truncate(end);
            words.truncate(words.rfind(' ').unwrap_or(end));
        }
        words.truncate(words.trim_end_matches(' ').len());
        words
    }
}

/// Each byte of ASCII as a letter of a word, or a space.
const PLAIN: [u8; 256] = {
    let mut letters = [b' '; 256];
    let mut at: u8 = 0;
    while at < 128 {
        if at.is_ascii_alphanumeric() {
            letters[at as usize] = at.to_ascii_lowercase();
        }
        at += 1;
    }
    letters
};

enum Piece<'a> {
    /// Words joined by single marks; one word alone is a chain too.
    Chain(Chain<'a>),
    /// A run of a script that is written without spaces.
    Letters(&'a str),
}

struct Chain<'a> {
    text: &'a str,
    length: usize,
    /// Whether it is one of several words with a digit among them.
    has_digit: bool,
}

impl<'a> Chain<'a> {
    fn words(&self) -> impl Iterator<Item = &'a str> {
        self.text.split(is_joiner).map(cut)
    }

    /// The words from the given one on, joined.
    fn joined_from(&self, first: usize) -> String {
        let mut joined = String::with_capacity(self.text.len());
        for (at, word) in self.text.split(is_joiner).skip(first).enumerate() {
            if at > 0 {
                joined.push('_');
            }
            joined.push_str(word);
        }
        joined.truncate(cut(&joined).len());
        joined
    }
}

/// How long the letters are that a word of letters and then digits begins with.
fn after_letters(word: &str) -> Option<usize> {
    let letters = word.find(|letter: char| letter.is_ascii_digit()).filter(|letters| *letters > 0)?;
    word.get(letters..)?.bytes().all(|byte| byte.is_ascii_digit()).then_some(letters)
}

fn cut(word: &str) -> &str {
    if word.len() <= WORD_BYTES_MAX {
        return word;
    }
    word.get(..word.floor_char_boundary(WORD_BYTES_MAX)).unwrap_or_default()
}

/// Overlapping pairs of letters; none for a single one.
fn pairs(run: &str) -> impl Iterator<Item = &str> {
    let starts = run.char_indices().map(|(at, _)| at);
    let ends = run.char_indices().skip(1).map(|(at, letter)| at.saturating_add(letter.len_utf8()));
    starts.zip(ends).filter_map(|(start, end)| run.get(start..end))
}

/// Folds a text for cutting. Spaces part it first: nothing composes across one, and most parts are ASCII.
fn fold_words(out: &mut String, text: &str) {
    let seen = |letter: &char| !matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    let hyphen =
        |letter: char| if matches!(letter, '\u{2010}' | '\u{2011}' | '\u{2212}') { '-' } else { letter };
    for part in text.split_inclusive(' ') {
        if part.is_ascii() {
            let start = out.len();
            out.push_str(part);
            if let Some(added) = out.get_mut(start..) {
                added.make_ascii_lowercase();
            }
        } else {
            out.extend(folded(part.chars().filter(seen)).map(hyphen));
        }
    }
}

/// What a letter is for the cutting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Word,
    /// Of a script written without spaces.
    Dense,
    Gap,
}

fn sort_of(letter: char) -> Sort {
    match letter {
        'a'..='z' | '0'..='9' | 'A'..='Z' => Sort::Word,
        '\0'..='\x7f' => Sort::Gap,
        '\u{3005}'
        | '\u{3007}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' => Sort::Dense,
        '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' => Sort::Dense,
        '\u{20000}'..='\u{3ffff}' => Sort::Dense,
        other if other.is_alphanumeric() || is_combining_mark(other) => Sort::Word,
        _ => Sort::Gap,
    }
}

/// Whether a letter is of a script written without spaces.
pub(crate) fn is_dense(letter: char) -> bool {
    sort_of(letter) == Sort::Dense
}

const fn is_joiner(letter: char) -> bool {
    matches!(letter, '-' | '.' | '_')
}

/// What a byte is for the cutting, where it alone says so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Word,
    Gap,
    /// Part of a letter beyond ASCII.
    Wide,
}

const BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Gap; 256];
    let mut at: u8 = 0;
    loop {
        if at.is_ascii_alphanumeric() {
            bytes[at as usize] = Byte::Word;
        } else if !at.is_ascii() {
            bytes[at as usize] = Byte::Wide;
        }
        if at == u8::MAX {
            break bytes;
        }
        at += 1;
    }
};

fn class(byte: u8) -> Byte {
    BYTES[usize::from(byte)]
}

/// The text from the first letter on that is no gap.
fn past_gap(text: &str) -> Option<(&str, Sort)> {
    let mut rest = text;
    loop {
        let at = rest.bytes().position(|byte| class(byte) != Byte::Gap)?;
        rest = rest.get(at..)?;
        let first = rest.chars().next()?;
        match sort_of(first) {
            Sort::Gap => rest = rest.get(first.len_utf8()..)?,
            sort => return Some((rest, sort)),
        }
    }
}

/// Length of the word that a text begins with.
fn word_length(text: &str) -> usize {
    let length = text.bytes().position(|byte| class(byte) != Byte::Word).unwrap_or(text.len());
    match text.as_bytes().get(length).map(|byte| class(*byte)) {
        Some(Byte::Wide) => text.find(|letter| sort_of(letter) != Sort::Word).unwrap_or(text.len()),
        _ => length,
    }
}

/// Finds the pieces of a text in order, until `each` has had enough.
fn each_piece<'a>(text: &'a str, mut each: impl FnMut(Piece<'a>) -> bool) {
    let mut rest = text;
    while let Some((from, sort)) = past_gap(rest) {
        let (piece, length) = if sort == Sort::Dense {
            let length = from.find(|letter| sort_of(letter) != Sort::Dense).unwrap_or(from.len());
            (Piece::Letters(from.get(..length).unwrap_or_default()), length)
        } else {
            let chain = chain_at(from);
            let length = chain.text.len();
            (Piece::Chain(chain), length)
        };
        if !each(piece) {
            return;
        }
        rest = from.get(length..).unwrap_or_default();
    }
}

/// The chain that a text begins with.
fn chain_at(text: &str) -> Chain<'_> {
    let mut end = word_length(text);
    let mut length = 1_usize;
    while length < CHAIN_WORDS_MAX {
        let Some(next) = text.get(end..).and_then(|rest| rest.strip_prefix(is_joiner)) else { break };
        let word = word_length(next);
        if word == 0 {
            break;
        }
        end = end.saturating_add(1).saturating_add(word);
        length = length.saturating_add(1);
    }
    let text = text.get(..end).unwrap_or_default();
    Chain { text, length, has_digit: length > 1 && text.bytes().any(|byte| byte.is_ascii_digit()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_cut_and_folded() {
        for (text, cut) in [
            ("Cobalt Strike, used by APT28!", "cobalt strike used by apt28"),
            ("spear-phishing", "spear phishing"),
            ("T1059.001", "t1059 001 t1059_001 1059_001"),
            ("OpenSSL v1.2.3-rc1", "openssl v1 2 3 rc1 v1_2_3_rc1 1_2_3_rc1 2_3_rc1 3_rc1"),
            ("CVE-2024-1234.", "cve 2024 1234 cve_2024_1234 2024_1234"),
            ("CVE\u{2011}2024\u{2010}1234", "cve 2024 1234 cve_2024_1234 2024_1234"),
            ("198.51.100.7", "198 51 100 7 198_51_100_7 51_100_7 100_7"),
            ("don't --flag a-- -b", "don t flag a b"),
            ("Ёлка ЕЛКА", "елка елка"),
            ("恶意软件", "恶意 意软 软件 恶 意 软 件"),
            ("中", "中"),
            ("Emotet恶意abc", "emotet 恶意 恶 意 abc"),
            ("ran\u{ad}som\u{200b}ware", "ransomware"),
            ("ＡＰＴ２８", "apt28"),
            ("हिन्दी", "हिन्दी"),
            ("", ""),
            ("...", ""),
            ("a.b.c.d.e.f.g.h.i1", "a b c d e f g h i1"),
        ] {
            assert_eq!(words(text), cut, "{text}");
        }
    }

    #[test]
    fn questions_are_cut_to_what_must_occur() {
        for (text, cut) in [
            ("Cobalt-Strike beacon", vec!["cobalt", "strike", "beacon"]),
            ("t1059.001", vec!["t1059_001"]),
            ("CVE-2024-1234 T1059", vec!["cve_2024_1234", "t1059"]),
            ("恶意软件", vec!["恶意", "意软", "软件"]),
            ("中", vec!["中"]),
            ("\"OR\" * NEAR(", vec!["or", "near"]),
            (" ", vec![]),
        ] {
            assert_eq!(query_words(text), cut, "{text}");
        }
        assert_eq!(query_words(&"a ".repeat(QUERY_WORDS_MAX + 1)).len(), QUERY_WORDS_MAX);
    }

    #[test]
    fn long_words_and_texts_are_cut_alike() {
        let long = "é".repeat(WORD_BYTES_MAX);
        assert_eq!(words(&long).len(), WORD_BYTES_MAX);
        assert_eq!(query_words(&long), [words(&long)]);
        for piece in ["word ", "中", "a1.", "é", "-", "abc", "1_", "1 "] {
            let text = words(&piece.repeat(OBJECT_WORDS_BYTES_MAX));
            assert!(text.len() <= OBJECT_WORDS_BYTES_MAX, "{piece}");
            assert!(text.split(' ').all(|word| word.len() <= WORD_BYTES_MAX), "{piece}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_found_by_itself(text in "[a-zA-Z0-9 ._-]{0,40}|[а-яёА-ЯЁ中国恶意a1 .-]{0,30}|\\PC{0,30}") {
            let stored = words(&text);
            let stored: Vec<&str> = stored.split(' ').collect();
            for word in query_words(&text) {
                prop_assert!(stored.contains(&word.as_str()), "{} in {:?}", word, stored);
            }
        }

        #[test]
        fn the_short_way_for_ascii_is_the_long_way(text in "[a-zA-Z .,_\t-]{0,30}([0-9][a-z. -]{0,9}){0,3}[ -~\n]{0,20}(x{140})?") {
            let mut long = Cutter::default();
            long.add_folded(&text.to_ascii_lowercase());
            prop_assert_eq!(words(&text), long.into_words());
        }

        #[test]
        fn words_hold_nothing_that_splits_them(text in any::<String>()) {
            for word in words(&text).split(' ') {
                prop_assert!(word.chars().all(|letter| !letter.is_ascii() || letter == '_' || letter.is_ascii_alphanumeric()));
                prop_assert!(!word.contains(char::is_whitespace));
            }
        }

        #[test]
        fn a_version_is_found_with_and_without_what_stands_before_it(before in "[a-z]{0,6}", parts in prop::collection::vec("[0-9]{1,4}", 2..7)) {
            let version = parts.join(".");
            let stored = words(&format!("{before}{version}"));
            let stored: Vec<&str> = stored.split(' ').collect();
            for word in query_words(&version) {
                prop_assert!(stored.contains(&word.as_str()), "{} in {:?}", word, stored);
            }
        }

        #[test]
        fn a_part_of_a_chain_from_any_word_on_is_found(parts in prop::collection::vec("[a-z0-9]{1,4}", 2..8), from in 0..6_usize) {
            let from = from.min(parts.len() - 1);
            let stored = words(&parts.join("."));
            let stored: Vec<&str> = stored.split(' ').collect();
            for word in query_words(&parts[from..].join("-")) {
                prop_assert!(stored.contains(&word.as_str()), "{} in {:?}", word, stored);
            }
        }
    }
}
