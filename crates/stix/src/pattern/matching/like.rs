//! LIKE: `%` is any run of characters, `_` one character, everything else itself.
//!
//! The pattern is cut at its `%`. Without `_` the pieces are found one after the other by substring search, in time linear
//! in the subject. With `_` the pieces are compared character by character, and [`base::limit::LIKE_STEPS_MAX`] bounds how
//! often. Taking the first place for each piece is right: a later place leaves less for the rest.

use base::limit::LIKE_STEPS_MAX;
use memchr::memmem;

use crate::pattern::octets::from_text;
use crate::pattern::regex::Verdict;

/// A prepared LIKE pattern over code points or octets.
#[derive(Debug)]
pub(super) enum Like {
    /// No `_`: pieces of bytes (UTF-8 needs no more care, no character holds the bytes of another).
    Bytes(Vec<Box<[u8]>>),
    /// With `_`, over text.
    Characters(Vec<Vec<Wild<char>>>),
    /// With `_`, over octets.
    Octets(Vec<Vec<Wild<u8>>>),
}

/// One place of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wild<T> {
    Any,
    Only(T),
}

impl Like {
    /// Prepares a pattern in NFC for text.
    pub(super) fn for_text(pattern: &str) -> Self {
        if !pattern.contains('_') {
            return Self::Bytes(pattern.split('%').map(|piece| piece.as_bytes().into()).collect());
        }
        let wild = |character| if character == '_' { Wild::Any } else { Wild::Only(character) };
        Self::Characters(pattern.split('%').map(|piece| piece.chars().map(wild).collect()).collect())
    }

    /// Prepares a pattern for octets; `None` when it has characters beyond U+00FF.
    pub(super) fn for_octets(pattern: &str) -> Option<Self> {
        let octets = from_text(pattern)?;
        let pieces = octets.split(|octet| *octet == b'%');
        if !octets.contains(&b'_') {
            return Some(Self::Bytes(pieces.map(Into::into).collect()));
        }
        let wild = |octet: &u8| if *octet == b'_' { Wild::Any } else { Wild::Only(*octet) };
        Some(Self::Octets(pieces.map(|piece| piece.iter().map(wild).collect()).collect()))
    }

    /// Whether the whole of a text matches.
    pub(super) fn matches_text(&self, text: &str) -> Verdict {
        match self {
            Self::Bytes(pieces) => verdict(bytes_match(pieces, text.as_bytes())),
            Self::Characters(pieces) => wild_match(pieces, &text.chars().collect::<Vec<_>>()),
            Self::Octets(_) => Verdict::NoMatch,
        }
    }

    /// Whether the whole of some octets matches.
    pub(super) fn matches_octets(&self, octets: &[u8]) -> Verdict {
        match self {
            Self::Bytes(pieces) => verdict(bytes_match(pieces, octets)),
            Self::Octets(pieces) => wild_match(pieces, octets),
            Self::Characters(_) => Verdict::NoMatch,
        }
    }
}

fn verdict(found: bool) -> Verdict {
    if found { Verdict::Match } else { Verdict::NoMatch }
}

fn bytes_match(pieces: &[Box<[u8]>], subject: &[u8]) -> bool {
    let [first, middle @ ..] = pieces else { return false };
    let Some((last, middle)) = middle.split_last() else { return **first == *subject };
    let Some(mut rest) = subject.strip_prefix(&**first) else { return false };
    for piece in middle {
        let Some(at) = memmem::find(rest, piece) else { return false };
        rest = rest.get(at.saturating_add(piece.len())..).unwrap_or(&[]);
    }
    rest.ends_with(last)
}

fn wild_match<T: PartialEq + Copy>(pieces: &[Vec<Wild<T>>], subject: &[T]) -> Verdict {
    let [first, middle @ ..] = pieces else { return Verdict::NoMatch };
    let Some((last, middle)) = middle.split_last() else {
        return verdict(first.len() == subject.len() && begins(subject, first));
    };
    if !begins(subject, first) {
        return Verdict::NoMatch;
    }
    let mut rest = subject.get(first.len()..).unwrap_or(&[]);
    let mut steps = LIKE_STEPS_MAX;
    for piece in middle {
        while !begins(rest, piece) {
            let Some((_, shorter)) = rest.split_first() else { return Verdict::NoMatch };
            let Some(left) = steps.checked_sub(piece.len()) else { return Verdict::Exhausted };
            (rest, steps) = (shorter, left);
        }
        rest = rest.get(piece.len()..).unwrap_or(&[]);
    }
    let tail = rest.len().checked_sub(last.len()).and_then(|from| rest.get(from..));
    verdict(tail.is_some_and(|tail| begins(tail, last)))
}

fn begins<T: PartialEq + Copy>(subject: &[T], piece: &[Wild<T>]) -> bool {
    subject.len() >= piece.len()
        && piece
            .iter()
            .zip(subject)
            .all(|(wild, item)| matches!(wild, Wild::Any) || *wild == Wild::Only(*item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let over_text = Like::for_text(pattern).matches_text(text) == Verdict::Match;
        if let (Some(like), Some(octets)) = (Like::for_octets(pattern), from_text(text)) {
            assert_eq!(like.matches_octets(&octets) == Verdict::Match, over_text, "{pattern} {text}");
        }
        over_text
    }

    #[test]
    fn wildcards() {
        for (pattern, text) in [
            ("", ""),
            ("%", ""),
            ("%", "a\nb"),
            ("a%", "a"),
            ("%.docx", "report.docx"),
            ("report_docx", "report.docx"),
            ("a_b", "a\nb"),
            ("_", "é"),
            ("_", "😀"),
            ("%a%b%", "xxaxxbxx"),
            ("%_b", "ab"),
            ("a%%b", "ab"),
            ("%ab_", "aababc"),
            ("(a|b)", "(a|b)"),
            ("a%a", "aa"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text:?}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("_", ""),
            ("_", "ab"),
            ("a%a", "a"),
            ("A", "a"),
            ("%ab", "aba"),
            ("^a$", "a"),
            ("%_c_", "abc"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text:?}");
        }
        assert!(Like::for_octets("€%").is_none());
    }

    #[test]
    fn work_is_bounded() {
        let text = "a".repeat(100_000);
        let pattern = format!("%{}_b%", "a".repeat(50_000));
        assert_eq!(Like::for_text(&pattern).matches_text(&text), Verdict::Exhausted);
    }
}
