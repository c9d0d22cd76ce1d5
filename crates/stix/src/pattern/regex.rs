//! Regular expressions of MATCHES: PCRE2 with a ceiling on the work one comparison may do.
//!
//! PCRE2's own match limit is not that ceiling: it counts anew at every place where a match could begin, and a pattern
//! may begin with `(*LIMIT_MATCH=…)` of its own, of which the last wins. So:
//!
//! 1. Settings at the beginning of the expression are taken off; limits among them are dropped, ours are put last.
//! 2. The expression is wrapped as `\A.*?(?:…)`: the search for a place to begin happens inside one match, and one count
//!    covers it all. Where wrapping would change the meaning (backtracking verbs, recursion into the whole), the
//!    expression runs as it is with a limit for each place, the smaller the longer the subject. An expression without
//!    repetition also runs as it is, because its work at one place is small and PCRE2 then skips quickly.
//! 3. Some loops of PCRE2 pass over the subject without counting, so the limit falls with the length of the subject: steps
//!    times bytes stay under [`WORK_MAX`]. Each size class is compiled when first needed.
//!
//! Whether an expression is one at all is asked without what PCRE2 does for matching alone: it looks for repetitions that need no way back and
//! for what a match must begin with, and a group that is repeated a thousand times makes each of these a hundred times as long as reading it.
//! An expression that runs is compiled whole, when it is first needed.
//!
//! The just-in-time compiler stays off: it counts differently. Running out is neither true nor false
//! ([`Verdict::Exhausted`]); the comparison then counts as not true.
//!
//! # Source
//! STIX 2.1, section 9.6.1 (MATCHES): search, DOTALL, NFC for strings, no Unicode mode for octets

use std::sync::{Mutex, OnceLock};

use base::limit::{REGEX_HEAP_KIB_MAX, REGEX_STEPS_MAX, REGEX_SUBJECT_BYTES_MAX};

use crate::pattern::ast::ObjectPath;
use crate::pattern::matching::nfc;
use crate::quote::quoted;

/// Steps times bytes of subject in one comparison.
const WORK_MAX: usize = 400_000_000;
/// Longest subject of each size class, in bytes.
const CLASS_BYTES: [usize; 5] = [2 << 10, 8 << 10, 64 << 10, 1 << 20, REGEX_SUBJECT_BYTES_MAX];

/// Set before an expression that is only read.
const ONLY_READ: &str = "(*NO_AUTO_POSSESS)(*NO_START_OPT)";

/// What an expression is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A string: Unicode mode.
    Text,
    /// A property whose name ends in `_bin` or `_hex`: octets.
    Octets,
}

impl Subject {
    /// What the property at the end of a path holds (section 3.1).
    pub(super) fn of(path: &ObjectPath) -> Self {
        let name = path.property();
        if name.ends_with("_bin") || name.ends_with("_hex") { Self::Octets } else { Self::Text }
    }
}

/// What came of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Found.
    Match,
    /// Not to be found.
    NoMatch,
    /// The work ran out.
    Exhausted,
}

/// How an expression is run, see the module's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Wrapped,
    Flat,
    Plain,
}

/// An expression that PCRE2 compiles.
#[derive(Debug)]
pub(super) struct Regex {
    settings: String,
    body: String,
    form: Form,
    subject: Subject,
    /// Compiled for each size class, never run: what runs keeps the memory of its deepest search, tens of kilobytes at
    /// least, which for thousands of patterns at rest would be too much.
    classes: [OnceLock<Option<pcre2::bytes::Regex>>; CLASS_BYTES.len()],
    /// The copy that runs, and its class.
    warm: Mutex<Option<(usize, pcre2::bytes::Regex)>>,
}

impl Regex {
    /// Checks that PCRE2 compiles an expression.
    pub(super) fn check(text: &str, subject: Subject) -> Result<(), String> {
        Self::new(text, subject).map(drop)
    }

    /// Compiles an expression; `Ok(None)` is one that no octets can match, because it asks for characters beyond U+00FF.
    pub(super) fn new(text: &str, subject: Subject) -> Result<Option<Self>, String> {
        let normal = nfc(text);
        let (settings, body) = split_settings(&normal, subject);
        let plain = format!("{settings}{body}");
        if subject == Subject::Octets && !plain.is_ascii() {
            read(&plain, Subject::Text)?;
            let Some(body) = octet_escapes(body) else { return Ok(None) };
            return Ok(Some(Self::of_checked(settings, body, subject)));
        }
        read(&plain, subject)?;
        let body = body.to_owned();
        Ok(Some(Self::of_checked(settings, body, subject)))
    }

    fn of_checked(settings: String, body: String, subject: Subject) -> Self {
        let form = Form::of(&settings, &body);
        Self { settings, body, form, subject, classes: Default::default(), warm: Mutex::new(None) }
    }

    /// Searches a subject, which is UTF-8 in NFC where the expression is for [`Subject::Text`].
    pub(super) fn search(&self, subject: &[u8]) -> Verdict {
        let Some(class) = CLASS_BYTES.iter().position(|longest| subject.len() <= *longest) else {
            return Verdict::Exhausted;
        };
        let compiled = self.classes.get(class).and_then(|cell| {
            let bytes = CLASS_BYTES.get(class).copied().unwrap_or(usize::MAX);
            cell.get_or_init(|| self.compile_for(bytes)).as_ref()
        });
        let Some(compiled) = compiled else { return Verdict::Exhausted };
        let found = match self.warm.try_lock() {
            Ok(mut warm) => {
                let (_, copy) = match warm.take() {
                    Some((other, copy)) if other == class => warm.insert((class, copy)),
                    _ => warm.insert((class, compiled.clone())),
                };
                copy.is_match(subject)
            }
            Err(_) => compiled.clone().is_match(subject),
        };
        match found {
            Ok(true) => Verdict::Match,
            Ok(false) => Verdict::NoMatch,
            Err(_) => Verdict::Exhausted,
        }
    }

    /// Gives back the memory of searches.
    pub(super) fn cool(&self) {
        if let Ok(mut warm) = self.warm.try_lock() {
            *warm = None;
        }
    }

    /// Compiles the form with limits for subjects of up to `bytes` bytes.
    fn compile_for(&self, bytes: usize) -> Option<pcre2::bytes::Regex> {
        let most = usize::try_from(REGEX_STEPS_MAX).unwrap_or(usize::MAX);
        let steps = match self.form {
            Form::Wrapped => (WORK_MAX / bytes).min(most),
            Form::Flat => (WORK_MAX / 100 / bytes).clamp(8, 1_000),
            Form::Plain => WORK_MAX / bytes / bytes,
        };
        if steps == 0 || self.body.starts_with("(*LIMIT_") {
            return None;
        }
        let limits =
            format!("(*LIMIT_MATCH={steps})(*LIMIT_DEPTH={steps})(*LIMIT_HEAP={REGEX_HEAP_KIB_MAX})");
        let (settings, body) = (&self.settings, &self.body);
        if self.form != Form::Wrapped {
            return compile(&format!("{settings}{limits}{body}"), self.subject).ok();
        }
        // A body may end inside `\Q` or, in extended mode, inside a comment: the closing parenthesis has to get out.
        ["\\E)", "\n\\E)"].iter().find_map(|close| {
            compile(&format!("{settings}{limits}\\A(?s:.*?)(?:{body}{close}"), self.subject).ok()
        })
    }
}

impl Form {
    fn of(settings: &str, body: &str) -> Self {
        let whole = ["(*", "(?R", "(?0", "\\g<0", "\\g'0"].iter().any(|sign| body.contains(sign));
        if whole || settings.contains("NOTEMPTY") {
            Self::Plain
        } else if is_flat(body) {
            Self::Flat
        } else {
            Self::Wrapped
        }
    }
}

/// Whether an expression surely has no repetition and no recursion.
fn is_flat(body: &str) -> bool {
    let mut rest = body.as_bytes();
    while let [byte, after @ ..] = rest {
        let (flat, skipped) = match (byte, after) {
            (b'*' | b'+' | b'{', _) => (false, 0),
            (b'\\', [next, ..]) => (!matches!(next, b'X' | b'g' | b'Q'), 1),
            (b'(', [b'?', kind, ..]) => (matches!(kind, b':' | b'=' | b'!' | b'i' | b's' | b'm' | b'x'), 0),
            _ => (true, 0),
        };
        if !flat {
            return false;
        }
        rest = after.get(skipped..).unwrap_or(&[]);
    }
    true
}

/// Takes the settings off the beginning of an expression; limits, and Unicode mode over octets, are dropped.
fn split_settings(text: &str, subject: Subject) -> (String, &str) {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((name, after)) = rest.strip_prefix("(*").and_then(|inner| inner.split_once(')')) {
        let is_limit = name.split_once('=').is_some_and(|(limit, number)| {
            matches!(limit, "LIMIT_MATCH" | "LIMIT_DEPTH" | "LIMIT_HEAP" | "LIMIT_RECURSION")
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        let is_unicode = matches!(name, "UTF" | "UTF8" | "UCP");
        if !is_limit && !is_unicode && !is_setting(name) {
            break;
        }
        if !(is_limit || is_unicode && subject == Subject::Octets) {
            kept.push_str("(*");
            kept.push_str(name);
            kept.push(')');
        }
        rest = after;
    }
    (kept, rest)
}

fn is_setting(name: &str) -> bool {
    matches!(
        name,
        "NOTEMPTY"
            | "NOTEMPTY_ATSTART"
            | "NO_AUTO_POSSESS"
            | "NO_DOTSTAR_ANCHOR"
            | "NO_JIT"
            | "NO_START_OPT"
            | "CASELESS_RESTRICT"
            | "TURKISH_CASING"
            | "CR"
            | "LF"
            | "CRLF"
            | "ANY"
            | "NUL"
            | "ANYCRLF"
            | "BSR_ANYCRLF"
            | "BSR_UNICODE"
    )
}

/// Checks that PCRE2 compiles an expression, without what it does besides for one that is to run.
fn read(text: &str, subject: Subject) -> Result<(), String> {
    // The place is told in the expression as it was written: to compile that too would take as long again.
    build(&format!("{ONLY_READ}{text}"), subject).map(drop).map_err(|error| {
        let words = match error.offset() {
            Some(at) => {
                let before = at.saturating_sub(ONLY_READ.len());
                error.to_string().replacen(&format!("offset {at}"), &format!("offset {before}"), 1)
            }
            None => error.to_string(),
        };
        told(&words, text)
    })
}

fn compile(text: &str, subject: Subject) -> Result<pcre2::bytes::Regex, String> {
    build(text, subject).map_err(|error| told(&error.to_string(), text))
}

fn told(words: &str, text: &str) -> String {
    format!("{} in {}", words.to_lowercase(), quoted(text))
}

fn build(text: &str, subject: Subject) -> Result<pcre2::bytes::Regex, pcre2::Error> {
    pcre2::bytes::RegexBuilder::new().dotall(true).utf(subject == Subject::Text).build(text)
}

/// Writes the characters from U+0080 to U+00FF of an expression as escapes for single octets, because PCRE2 would read
/// their UTF-8; `None` when there are characters beyond.
fn octet_escapes(body: &str) -> Option<String> {
    let mut escaped = String::with_capacity(body.len());
    let mut literal = false;
    let mut characters = body.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if literal => {
                literal = characters.peek() != Some(&'E');
                escaped.push('\\');
            }
            '\\' => match characters.peek().copied() {
                // A character beyond ASCII needs no backslash, and its escape must not get one.
                Some(next) if !next.is_ascii() => {}
                next => {
                    literal = next == Some('Q');
                    escaped.push('\\');
                    escaped.extend(characters.next());
                }
            },
            plain if plain.is_ascii() => escaped.push(plain),
            wide => {
                let octet = u8::try_from(wide).ok()?;
                let (out, back) = if literal { ("\\E", "\\Q") } else { ("", "") };
                escaped.push_str(&format!("{out}\\x{octet:02x}{back}"));
            }
        }
    }
    Some(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn text(expression: &str, subject: &str) -> Verdict {
        Regex::new(expression, Subject::Text).unwrap().unwrap().search(subject.as_bytes())
    }

    fn octets(expression: &str, subject: &[u8]) -> Verdict {
        Regex::new(expression, Subject::Octets)
            .unwrap()
            .map_or(Verdict::NoMatch, |regex| regex.search(subject))
    }

    #[test]
    fn searches_like_pcre_with_dotall() {
        for (expression, subject) in [
            ("", ""),
            ("", "x"),
            ("b+", "aabb"),
            ("a.b", "xa\nb"),
            ("a.*b", "a\n\nb"),
            ("b$", "ab\n"),
            ("^a|^b", "b"),
            ("(?x) a b # comment", "xab"),
            ("\\Qa+", "a+"),
            ("(a)(?1)+", "xaaa"),
            ("(?|(a)|(b))\\1", "bb"),
            ("a(*SKIP)(*F)|b+", "aab"),
            ("(*UCP)\\w+", "é"),
            ("(*LIMIT_MATCH=1)a*b", "aaab"),
            ("^\\((?:[^()]|(?R))*+\\)$|x", "x"),
            ("(?<=a)b", "ab"),
            ("\\Ga", "ab"),
            ("caf\u{e9}", "caf\u{e9}"),
        ] {
            assert_eq!(text(expression, subject), Verdict::Match, "{expression} on {subject:?}");
        }
        for (expression, subject) in [
            ("^b", "a\nb"),
            ("a$", "a\nb"),
            ("\\w", "é"),
            ("\\Gb", "ab"),
            ("(?>a+)ab", "aaab"),
            ("a(*COMMIT)c|b", "ab"),
            ("(*NOTEMPTY)x*", "a"),
            ("A", "a"),
        ] {
            assert_eq!(text(expression, subject), Verdict::NoMatch, "{expression} on {subject:?}");
        }
    }

    #[test]
    fn octets_are_not_unicode() {
        assert_eq!(octets("^\\xd4\\xc3", &[0xd4, 0xc3, 0xb2]), Verdict::Match);
        assert_eq!(octets("^Ô.$", &[0xd4, 0xff]), Verdict::Match);
        assert_eq!(octets("[Ôa]\\Ã\\QÔ.\\E.+", &[0xd4, 0xc3, 0xd4, b'.', 0x00]), Verdict::Match);
        assert_eq!(octets("(*UTF)^.$", &[0xff]), Verdict::Match);
        assert_eq!(octets("€|a", b"a"), Verdict::NoMatch);
        assert_eq!(octets("Ô", "Ô".as_bytes()), Verdict::NoMatch);
    }

    #[test]
    fn refuses_what_pcre_refuses() {
        for bad in
            ["(", "a)|(b", "[", "a**b", "(?<n>a)(?<n>b)", "\\", "(*LIMIT_MATCH=x)a", "\\p{Nope}", "a{2,1}"]
        {
            assert!(Regex::check(bad, Subject::Text).is_err(), "{bad}");
        }
        assert!(Regex::check("(€", Subject::Octets).is_err());
    }

    /// What is wrong is told as PCRE2 tells it of the expression as it was written.
    #[test]
    fn the_place_of_a_fault_is_that_in_the_expression() {
        for bad in
            ["(", "ab)", "[", "a**b", "\\", "(*UCP)(*LIMIT_MATCH=x)a", "x\\p{Nope}", "é(", "(a){0,4000}"]
        {
            let told = Regex::check(bad, Subject::Text).unwrap_err();
            assert_eq!(Err(told), compile(bad, Subject::Text).map(drop), "{bad}");
        }
    }

    #[test]
    fn no_expression_stalls_the_compiler() {
        let nested =
            |open: &str, close: &str, times| format!("{}a{}", open.repeat(times), close.repeat(times));
        for expression in [
            "a|".repeat(500_000),
            "(a)|".repeat(250_000),
            "a{1,65535}".repeat(1_000),
            nested("(?:", "{1,9}){1,9}", 100),
            nested("(", "){0,65535}", 200),
            nested("(", ")", 400_000),
            nested("(?<=", ")", 200),
            "(?=(?1))|(a)".repeat(5_000),
            "[\\x{0}-\\x{10ffff}]".repeat(5_000),
            "(?i)\u{212a}".repeat(20_000),
            "\\p{L}\\X".repeat(50_000),
        ] {
            let begun = Instant::now();
            let _ = Regex::check(&expression, Subject::Text);
            let _ = Regex::check(&expression, Subject::Octets);
            let cut: String = expression.chars().take(20).collect();
            eprintln!("{cut}… compiled in {:?}", begun.elapsed());
            assert!(begun.elapsed() < Duration::from_secs(20), "{cut} stalls");
        }
    }

    /// A group that is repeated often takes PCRE2 long to prepare for matching, and not to read.
    #[test]
    fn what_is_repeated_often_is_read_quickly() {
        let each: String = ('a'..='z').chain('0'..='9').map(|letter| format!("{letter}?")).collect();
        let expressions: Vec<String> = (600..630).map(|times| format!("(?:{each}){{{times}}}")).collect();
        let timed = |deed: &dyn Fn(&str)| {
            let begun = Instant::now();
            expressions.iter().for_each(|expression| deed(expression));
            begun.elapsed()
        };
        let whole = timed(&|expression| drop(compile(expression, Subject::Text).unwrap()));
        let read = timed(&|expression| Regex::check(expression, Subject::Text).unwrap());
        assert!(read * 4 < whole, "{read:?} and not {whole:?}");
    }

    #[test]
    fn no_expression_stalls() {
        let long = "a".repeat(2_000) + "!b";
        let longer = "a".repeat(60_000) + "!b";
        for expression in [
            "(a+)+$b",
            "(a|a)*b",
            "(a*)*b",
            "(*LIMIT_MATCH=4000000000)(*LIMIT_HEAP=4000000000)(a+)+b",
            "(?:a?){30}a{30}b",
            "a*+bc|(?=a*+b)",
            "(?=(a+))\\1*b",
            "(a+)+(*COMMIT)b",
            "(?:(?R)|a)+b",
        ] {
            for subject in [&long, &longer] {
                let begun = Instant::now();
                let verdict = text(expression, subject);
                eprintln!("{expression} over {} bytes: {verdict:?} in {:?}", subject.len(), begun.elapsed());
                assert!(begun.elapsed() < Duration::from_secs(20), "{expression} stalls");
            }
        }
        assert_eq!(text("(a+)+$", &long), Verdict::Exhausted);
        assert_eq!(text("(*LIMIT_MATCH=4000000000)(a+)+$", &long), Verdict::Exhausted);
        assert_eq!(text("x", &"a".repeat(REGEX_SUBJECT_BYTES_MAX + 1)), Verdict::Exhausted);
        assert_eq!(text("ab", &("a".repeat(500_000) + "b")), Verdict::Match);
    }
}
