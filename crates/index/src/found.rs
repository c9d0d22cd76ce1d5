//! Values in free text: the addresses, domains, URLs, hashes, e-mail addresses and CVE numbers of a report or a mail, refanged.
//!
//! Careful where text is ambiguous, since what is found here is proposed as an indicator:
//! * a domain counts when it was made harmless (`evil[.]com`), or when it ends in a top-level domain of [`crate::tld`] that is no
//!   file extension as well; `Node.js`, `setup.py` and `end.In` are words;
//! * an IPv4 address right after the word `version` is a version;
//! * AS numbers count from four digits on, in capitals (`AS400` is a computer);
//! * a URL counts by its scheme, harmless or not; without a scheme only where its host counts as a domain or is an address.
//!
//! Does not find names, and does not say whether a value is bad or merely mentioned.

use std::collections::BTreeSet;

use crate::exact::value_term;
use crate::refang::{refang, unwrapped};
use crate::text::is_dense;
use crate::tld::is_top_level;
use crate::url::scheme_of;
use crate::{Term, TermKind};

/// One value found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundValue {
    /// The value in its canonical form.
    pub value: String,
    /// What sort it is.
    pub kind: TermKind,
    /// At which byte of the text it begins, first mentioned.
    pub offset: usize,
    /// How it stood there.
    pub written: Written,
}

/// Whether an author took care that nobody clicks a value: a hint that it is meant as bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// As it is.
    Plain,
    /// `hxxp`, `[.]` and the like.
    Harmless,
}

/// The values of a text, each once, in order of first mention.
///
/// # Limits
/// Time n log n in the text, memory linear; each value is shorter than the text.
///
/// # Example
/// ```
/// let found = index::find_values("Beacons to hxxps://c2.evil[.]example/a (198.51.100[.]7), see README.md.");
/// let values: Vec<&str> = found.iter().map(|found| found.value.as_str()).collect();
/// assert_eq!(values, ["https://c2.evil.example/a", "198.51.100.7"]);
/// ```
#[must_use]
pub fn find_values(text: &str) -> Vec<FoundValue> {
    let mut finder = Finder::default();
    let mut rest = text;
    let mut offset = 0_usize;
    while let Some(at) = rest.find(|letter| !is_gap(letter)) {
        let from = rest.get(at..).unwrap_or_default();
        let token = token_of(from);
        offset = offset.saturating_add(at);
        finder.token(token, offset);
        finder.after_version = ["version", "ver", "v", "build", "release"]
            .iter()
            .any(|word| token.trim_end_matches(['.', ':']).eq_ignore_ascii_case(word));
        let taken = token.len().max(1);
        offset = offset.saturating_add(taken);
        rest = from.get(taken..).unwrap_or_default();
    }
    finder.found
}

/// Letters that stand in no value.
fn is_gap(letter: char) -> bool {
    match letter {
        '"' | '\'' | '`' | '<' | '>' | '|' | ',' | ';' => true,
        ascii if ascii.is_ascii() => !ascii.is_ascii_graphic(),
        other => is_dense(other) || !other.is_alphanumeric(),
    }
}

/// The text up to the next gap; commas and semicolons inside a URL belong to it unless another URL follows them.
fn token_of(from: &str) -> &str {
    let mut end = 0_usize;
    loop {
        let rest = from.get(end..).unwrap_or_default();
        end = end.saturating_add(rest.find(is_gap).unwrap_or(rest.len()));
        let (token, after) = from.split_at_checked(end).unwrap_or((from, ""));
        let Some(next) = after.strip_prefix([',', ';']) else { return token };
        let goes_on = next.starts_with(|letter| !is_gap(letter)) && !next.starts_with(['h', 'H', 'f', 'F']);
        if !goes_on || scheme_start(token).is_none() || end >= URL_BYTES_MAX {
            return token;
        }
        end = end.saturating_add(1);
    }
}

/// Longest URL that commas are read into.
const URL_BYTES_MAX: usize = 4096;

/// Where a URL begins inside a token: at the letters before `://` in one of its spellings.
fn scheme_start(token: &str) -> Option<usize> {
    let mark = token.match_indices(':').map(|(at, _)| at).find(|at| {
        let rest = token.get(*at..).unwrap_or_default();
        ["://", ":]//", "://]", ":\\\\", ":)//"].iter().any(|mark| rest.starts_with(mark))
    })?;
    let before = token.get(..mark)?;
    let name = before.trim_end_matches(['[', '(', '{']);
    let letters = name.bytes().rev().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'*').count();
    (letters >= 2).then(|| name.len().saturating_sub(letters))
}

#[derive(Default)]
struct Finder {
    found: Vec<FoundValue>,
    seen: BTreeSet<Term>,
    after_version: bool,
}

impl Finder {
    fn token(&mut self, token: &str, offset: usize) {
        let Some((before, url)) = scheme_start(token).and_then(|at| token.split_at_checked(at)) else {
            self.pieces(token, offset);
            return;
        };
        self.pieces(before, offset);
        self.url(url, offset.saturating_add(before.len()));
    }

    fn url(&mut self, written: &str, offset: usize) {
        let meant = refang(written);
        if let Some(term) = value_term(&meant).filter(|term| term.kind == TermKind::Url) {
            let plain = scheme_of(written).is_some_and(|(scheme, _)| meant.starts_with(scheme))
                && meant.len() == unwrapped(written).len();
            self.put(term, offset, if plain { Written::Plain } else { Written::Harmless });
        }
    }

    /// A token without a scheme: as a whole, else what stands between `=`, `:`, `/` and brackets.
    fn pieces(&mut self, token: &str, offset: usize) {
        if token.is_empty() || self.value(token, offset) {
            return;
        }
        let separator =
            |letter: char| matches!(letter, '=' | ':' | '/' | '(' | ')' | '[' | ']' | '{' | '}' | '*');
        let mut at = offset;
        for piece in token.split(separator) {
            if piece.len() < token.len() {
                self.value(piece, at);
            }
            at = at.saturating_add(piece.len()).saturating_add(1);
        }
    }

    /// Takes a piece that is a value; says whether it was one.
    fn value(&mut self, piece: &str, offset: usize) -> bool {
        let bare = unwrapped(piece);
        let meant = refang(bare);
        let Some(term) = value_term(&meant) else { return false };
        let written = if meant == bare { Written::Plain } else { Written::Harmless };
        if !self.counts(&term, &meant, written) {
            return false;
        }
        let skipped = piece.find(bare).unwrap_or(0);
        self.put(term, offset.saturating_add(skipped), written);
        true
    }

    fn counts(&self, term: &Term, meant: &str, written: Written) -> bool {
        let harmless = written == Written::Harmless;
        match term.kind {
            TermKind::Hash | TermKind::Email | TermKind::Range => true,
            TermKind::Address if meant.contains(':') => {
                meant.len() > 4 && meant.bytes().any(|byte| byte.is_ascii_digit())
            }
            TermKind::Address => harmless || !self.after_version,
            TermKind::Domain => harmless || is_plausible(meant),
            TermKind::Url => {
                let host = meant.split(['/', ':', '?', '#']).next().unwrap_or_default();
                let is_address =
                    host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') || meant.starts_with('[');
                harmless || is_address || is_plausible(host)
            }
            TermKind::Reference => {
                term.value.starts_with("CVE-") || (meant.starts_with("AS") && term.value.len() > 5)
            }
            TermKind::Name | TermKind::Other | TermKind::Host => false,
        }
    }

    fn put(&mut self, term: Term, offset: usize, written: Written) {
        if self.seen.insert(term.clone()) {
            self.found.push(FoundValue { value: term.value, kind: term.kind, offset, written });
        }
    }
}

/// Whether a name that nobody made harmless is more likely a domain than a word or a file.
fn is_plausible(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let Some((front, top)) = name.rsplit_once('.') else { return false };
    let capital = |text: &str| text.starts_with(|letter: char| letter.is_uppercase());
    let sentence_joint = capital(top) && top.chars().skip(1).all(char::is_lowercase);
    let product = ["asp.net", "ado.net", "vb.net"].iter().any(|word| name.eq_ignore_ascii_case(word));
    !front.is_empty() && !sentence_joint && !product && is_top_level(&top.to_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<String> {
        find_values(text).into_iter().map(|found| format!("{} {}", found.kind.name(), found.value)).collect()
    }

    #[test]
    fn finds_what_reports_hold() {
        for (text, expected) in [
            (
                "C2: 198[.]51[.]100[.]7:8080, 203.0.113.0/24 and 2001:db8::7.",
                vec!["url 198.51.100.7:8080/", "range 203.0.113.0/24", "address 2001:db8::7"],
            ),
            (
                "hxxp://evil[.]example/a,b;hXXps[:]//two[.]example",
                vec!["url http://evil.example/a,b", "url https://two.example/"],
            ),
            (
                "a,b http://x.example/1,2 http://y.example/,http://z.example/",
                vec!["url http://x.example/1,2", "url http://y.example/", "url http://z.example/"],
            ),
            (
                "[report](https://site.com/r) (see evil.com).",
                vec!["url https://site.com/r", "domain evil.com"],
            ),
            (
                "MD5=D41D8CD98F00B204E9800998ECF8427E|sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
                vec![
                    "hash d41d8cd98f00b204e9800998ecf8427e",
                    "hash da39a3ee5e6b4b0d3255bfef95601890afd80709",
                ],
            ),
            (
                "mail <Joe@Evil.com>, cve-2024-12345; AS64496",
                vec!["email joe@evil.com", "reference CVE-2024-12345", "reference AS64496"],
            ),
            ("域名evil[.]com被封锁，地址198.51.100.7。", vec!["domain evil.com", "address 198.51.100.7"]),
            ("сайт пример.рф и xn--e1afmkfd.xn--p1ai", vec!["domain xn--e1afmkfd.xn--p1ai"]),
            (
                "url:http://x.example/ domain=evil.com ip:198.51.100.7",
                vec!["url http://x.example/", "domain evil.com", "address 198.51.100.7"],
            ),
            ("**evil.com** twice evil.com", vec!["domain evil.com"]),
            ("bad[.]zip setup[.]py", vec!["domain bad.zip", "domain setup.py"]),
            ("evil.com/path/x", vec!["url evil.com/path/x"]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn leaves_words_alone() {
        for text in [
            "See README.md, setup.py, Node.js, ASP.NET and svchost.exe.",
            "e.g. the end.In the U.S. i.e. this",
            "version 10.0.19041.1 is fine",
            "AS400",
            "std::vec and 12:30:45 or a::b",
            "and/or he/she 1/2",
            "C:\\Users\\x.dll",
            "T1059.001",
            "",
            "...",
            "http://",
            "://x",
            "a@b",
            "deadbeef",
        ] {
            assert_eq!(found(text), [] as [String; 0], "{text}");
        }
    }

    #[test]
    fn tells_where_and_how() {
        let text = "x (evil[.]com) http://a.com hxxp://b.com";
        let told: Vec<_> = find_values(text).into_iter().map(|found| (found.offset, found.written)).collect();
        assert_eq!(told, [(3, Written::Harmless), (15, Written::Plain), (28, Written::Harmless)]);
    }

    #[test]
    fn hostile_text_takes_little_time() {
        for piece in
            ["http://", "http://a.b,", ",", "[.]", "a.com,", "://", ":", "(", "=a", "中.", "h*", "[:]//"]
        {
            let text = piece.repeat(100_000 / piece.len());
            assert!(find_values(&text).len() <= text.len());
        }
    }

    proptest! {
        #[test]
        fn never_fails_and_points_into_the_text(text in "\\PC{0,80}|[a-z0-9.:/\\[\\]@ ,()中]{0,80}") {
            for found in find_values(&text) {
                prop_assert!(text.is_char_boundary(found.offset) && found.offset < text.len());
                prop_assert_eq!(value_term(&found.value).map(|term| term.kind), Some(found.kind));
            }
        }
    }
}
