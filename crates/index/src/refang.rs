//! Undoing what people do to addresses so that nobody clicks them: `hxxp`, `[.]`, `(dot)`, `[at]`, `[:]//`, and the quotes and
//! full stops that come along when a value is cut out of a sentence.
//!
//! Passes over the text, each linear whatever it holds, until one changes nothing. Made for one value; words like `dot` count only inside brackets.
//!
//! Invariant: doing it twice is doing it once.

use std::borrow::Cow;

/// Passes over one text. What people and tools do is undone in two; a text made to need more than these stays as it is.
const PASSES_MAX: usize = 8;

/// The value as it was before it was made harmless; borrowed when there was nothing to undo.
#[must_use]
pub fn refang(text: &str) -> Cow<'_, str> {
    let mut undone = Cow::Borrowed(text);
    for _ in 0..PASSES_MAX {
        let next = match &undone {
            Cow::Borrowed(text) => pass(text),
            Cow::Owned(text) => Cow::Owned(pass(text).into_owned()),
        };
        if next == undone {
            return undone;
        }
        undone = next;
    }
    Cow::Borrowed(text)
}

fn pass(text: &str) -> Cow<'_, str> {
    let bare = unwrapped(text);
    if !has_marks(bare) {
        return Cow::Borrowed(bare);
    }
    let mut out = String::with_capacity(bare.len());
    without_brackets(&mut out, bare);
    Cow::Owned(with_scheme(unwrapped(&out)))
}

/// Whether anything but wrapping could have to be undone.
fn has_marks(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'[' | b'(' | b'{' | b'\\' | b']'))
        || (text.bytes().take(SCHEME_CHARS_MAX).any(|byte| byte == b':') && with_scheme(text) != text)
}

const OPENING: [char; 3] = ['[', '(', '{'];
const CLOSING: [char; 3] = [']', ')', '}'];

/// The text without white space, quotes and sentence marks around it; brackets go in pairs, or when they have no partner.
pub(crate) fn unwrapped(text: &str) -> &str {
    let mut left = text;
    let mut spare = Spare::of(text);
    loop {
        let before = left.len();
        left = left.trim_matches(|letter: char| letter.is_whitespace() || is_quote(letter));
        left = left.trim_end_matches(['.', ',', ';', ':', '!', '?', '。', '，', '；']);
        if let (Some(first), Some(last)) = (left.chars().next(), left.chars().next_back()) {
            let pair = OPENING.iter().position(|open| *open == first);
            if pair.is_some() && pair == CLOSING.iter().position(|close| *close == last) {
                left = left.get(1..left.len().saturating_sub(1)).unwrap_or_default();
            } else if spare.takes_closing(last) {
                left = left.get(..left.len().saturating_sub(1)).unwrap_or_default();
            } else if spare.takes_opening(first) {
                left = left.get(1..).unwrap_or_default();
            }
        }
        if left.len() == before {
            return left;
        }
    }
}

const fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '\'' | '`' | '<' | '>' | '“' | '”' | '„' | '‘' | '’' | '«' | '»')
}

/// For each kind of bracket, how many of one side have no partner, by number alone.
struct Spare([isize; 3]);

impl Spare {
    fn of(text: &str) -> Self {
        let mut open = [0_isize; 3];
        for letter in text.chars() {
            for (kind, count) in open.iter_mut().enumerate() {
                if OPENING.get(kind) == Some(&letter) {
                    *count = count.saturating_add(1);
                } else if CLOSING.get(kind) == Some(&letter) {
                    *count = count.saturating_sub(1);
                }
            }
        }
        Self(open)
    }

    fn takes_closing(&mut self, letter: char) -> bool {
        let kind = CLOSING.iter().position(|close| *close == letter);
        match kind.and_then(|kind| self.0.get_mut(kind)) {
            Some(count) if *count < 0 => {
                *count = count.saturating_add(1);
                true
            }
            _ => false,
        }
    }

    fn takes_opening(&mut self, letter: char) -> bool {
        let kind = OPENING.iter().position(|open| *open == letter);
        match kind.and_then(|kind| self.0.get_mut(kind)) {
            Some(count) if *count > 0 => {
                *count = count.saturating_sub(1);
                true
            }
            _ => false,
        }
    }
}

/// What may stand in brackets, and what it stands for.
const MARKS: [(&str, &str); 6] =
    [("://", "://"), (":", ":"), (".", "."), ("dot", "."), ("@", "@"), ("at", "@")];

fn without_brackets(out: &mut String, text: &str) {
    let mut rest = text;
    loop {
        let plain = rest.bytes().position(|byte| matches!(byte, b'[' | b'(' | b'{' | b'\\' | b'.'));
        let Some((before, after)) = rest.split_at_checked(plain.unwrap_or(rest.len())) else { return };
        out.push_str(before);
        if after.is_empty() {
            return;
        }
        rest = match bracketed(after).or_else(|| half_bracketed(out, after)) {
            Some((mark, rest)) => {
                out.truncate(out.trim_end_matches([' ', '\\']).len());
                out.push_str(mark);
                rest
            }
            None => verbatim(out, after),
        };
    }
}

/// Copies what a bracket run of no meaning begins with: all of the run, so that no run is looked at twice.
fn verbatim<'a>(out: &mut String, after: &'a str) -> &'a str {
    let run = after.trim_start_matches(['[', '(', '{', ' ']);
    let taken = after.len().saturating_sub(run.len()).max(1);
    let Some((copied, rest)) = after.split_at_checked(taken) else { return "" };
    out.push_str(copied);
    rest
}

/// A mark between brackets, with the text after it. Runs of brackets and spaces count as one.
fn bracketed(text: &str) -> Option<(&'static str, &str)> {
    let inner = text.strip_prefix(OPENING)?.trim_start_matches(['[', '(', '{', ' ']);
    MARKS.iter().find_map(|(written, meant)| {
        let head = inner.get(..written.len()).filter(|head| head.eq_ignore_ascii_case(written))?;
        let after = inner.get(head.len()..)?;
        let rest = after.trim_start_matches(' ').strip_prefix(CLOSING)?;
        Some((*meant, rest.trim_start_matches([']', ')', '}', ' '])))
    })
}

/// A dot with one bracket or backslash beside it, between letters: `evil[.com`, `evil.]com`, `evil\.com`.
fn half_bracketed<'a>(out: &str, text: &'a str) -> Option<(&'static str, &'a str)> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    out.bytes().next_back().filter(|byte| letter(*byte))?;
    let rest = ["[.", ".]", "\\."].iter().find_map(|mark| text.strip_prefix(mark))?;
    rest.bytes().next().filter(|byte| letter(*byte))?;
    Some((".", rest))
}

/// Longest masked scheme with its colon.
const SCHEME_CHARS_MAX: usize = 6;

/// `hxxp`, `h**p`, `hXXps`, `fxp` and the like at the beginning become the scheme they stand for, `:\\` becomes `://`.
fn with_scheme(text: &str) -> String {
    let written = |rest: &str, scheme: &str| {
        let rest = rest.strip_prefix("://").or_else(|| rest.strip_prefix(":\\\\"))?;
        Some(format!("{scheme}://{rest}"))
    };
    let end = text.bytes().take(SCHEME_CHARS_MAX).position(|byte| byte == b':').unwrap_or(0);
    let (name, rest) = text.split_at_checked(end).unwrap_or(("", text));
    let fixed = meant_scheme(name).and_then(|scheme| written(rest, scheme));
    fixed.unwrap_or_else(|| text.to_owned())
}

/// The scheme that a name stands for, masked or not.
fn meant_scheme(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_bytes() {
        [b'h', a, b, b'p'] if is_masked(*a, *b) => Some("http"),
        [b'h', a, b, b'p', b's'] if is_masked(*a, *b) => Some("https"),
        b"fxp" | b"ftp" => Some("ftp"),
        _ => None,
    }
}

/// Whether a name stands for another scheme than it says.
pub(crate) fn is_masked_scheme(name: &str) -> bool {
    name.len() < SCHEME_CHARS_MAX && meant_scheme(name).is_some_and(|meant| !meant.eq_ignore_ascii_case(name))
}

const fn is_masked(a: u8, b: u8) -> bool {
    matches!(a, b'x' | b't' | b'*' | b'_') && matches!(b, b'x' | b't' | b'*' | b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn undoes_what_is_done() {
        for (given, meant) in [
            ("hxxp://evil[.]com/a", "http://evil.com/a"),
            ("hXXps[:]//evil(.)com", "https://evil.com"),
            ("h**p[://]evil{dot}com", "http://evil.com"),
            ("fxp://evil[dot]com", "ftp://evil.com"),
            ("http:\\\\evil[.]com", "http://evil.com"),
            ("198[.]51[.]100[.]7", "198.51.100.7"),
            ("198.51.100[.7", "198.51.100.7"),
            ("198.51.100.]7", "198.51.100.7"),
            ("evil\\.com", "evil.com"),
            ("evil [.] com", "evil.com"),
            ("evil[[.]]com", "evil.com"),
            ("evil[ DOT ]com", "evil.com"),
            ("joe[@]evil[.]com", "joe@evil.com"),
            ("joe[at]evil.com", "joe@evil.com"),
            ("\"evil.com\".", "evil.com"),
            ("(evil.com),", "evil.com"),
            ("<http://evil.com/>", "http://evil.com/"),
            ("evil.com).", "evil.com"),
            ("http://evil.com/a_(b)", "http://evil.com/a_(b)"),
            ("2001[:]db8[:][:]1", "2001:db8::1"),
            ("http://[::1]/", "http://[::1]/"),
            ("http://[::1]", "http://[::1]"),
            ("plain text (with brackets) [1]", "plain text (with brackets) [1]"),
            ("", ""),
            ("((", ""),
            (".0[.0.]", ".0.0"),
        ] {
            assert_eq!(refang(given), meant, "{given}");
        }
    }

    #[test]
    fn nothing_to_undo_is_borrowed() {
        assert!(matches!(refang("evil.com"), Cow::Borrowed("evil.com")));
        assert!(matches!(refang("http://evil.com/"), Cow::Borrowed(_)));
    }

    #[test]
    fn long_runs_take_linear_time() {
        for piece in ["[", "[ ", "]", "[.", ".]", "[.]", "(dot", "\\", "\"", "hxxp://", "( )", "[(", "[dot]"]
        {
            let long = piece.repeat(64 * 1024 / piece.len());
            assert!(refang(&long).len() <= long.len() + 8);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn twice_is_once(pieces in prop::collection::vec(
            prop::sample::select(vec!["[", "]", "(", ")", "{", "}", ".", ":", "//", "\\", " ", "dot", "at", "@", "a", "h", "xx", "p", "hxxp", "s", "é", "\"", ",", "://"]), 0..14))
        {
            let text = pieces.concat();
            let once = refang(&text).into_owned();
            prop_assert_eq!(refang(&once), once.as_str(), "{}", text);
        }
    }
}
