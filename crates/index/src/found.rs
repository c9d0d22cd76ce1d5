//! Values in free text: the addresses, domains, URLs, hashes, e-mail addresses and CVE numbers of a report or a mail, refanged.
//!
//! Careful where text is ambiguous, since what is found here is proposed as an indicator:
//! * a domain counts when it was made harmless (`evil[.]com`), or when it ends in a top-level domain of [`crate::tld`] that is no
//!   file extension as well; `Node.js`, `setup.py` and `end.In` are words;
//! * an IPv4 address right after the word `version` is a version;
//! * AS numbers count from four digits on, in capitals (`AS400` is a computer);
//! * a URL counts by its scheme, harmless or not; without a scheme only where its host counts as a domain or is an address;
//! * among Chinese, Japanese and Korean letters, which are written without spaces, nothing is found that may be a piece of a longer
//!   value, and so somebody else's: see [`crate::joined`].
//!
//! Does not find names, and does not say whether a value is bad or merely mentioned.

use std::collections::BTreeSet;

use unicode_normalization::char::is_combining_mark;

use crate::exact::value_term;
use crate::joined::{self, NameEnd, has_dense};
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
        // Without the marks and joiners of other scripts a name would be cut in its middle.
        '\u{200c}' | '\u{200d}' => false,
        other => !(other.is_alphanumeric() || is_dense(other) || is_combining_mark(other)),
    }
}

/// Whether a sign that otherwise ends a value goes on with a URL: pictures, and what varies them. Cut there, it could become its host.
const fn goes_on_with_url(letter: char) -> bool {
    matches!(letter, '\u{2600}'..='\u{26ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// The text up to the next gap; commas and semicolons inside a URL belong to it unless another URL follows them.
fn token_of(from: &str) -> &str {
    let mut end = 0_usize;
    loop {
        let rest = from.get(end..).unwrap_or_default();
        end = end.saturating_add(rest.find(is_gap).unwrap_or(rest.len()));
        let (token, after) = from.split_at_checked(end).unwrap_or((from, ""));
        if let Some(next) = after.strip_prefix(goes_on_with_url)
            && end < URL_BYTES_MAX
            && scheme_start(token).is_some()
        {
            end = from.len().saturating_sub(next.len());
            continue;
        }
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
    scheme_starts(token).next()
}

/// Every place where one could begin.
fn scheme_starts(token: &str) -> impl Iterator<Item = usize> {
    token.match_indices(':').filter_map(|(at, _)| {
        let rest = token.get(at..)?;
        ["://", ":]//", "://]", ":\\\\", ":)//"].iter().find(|mark| rest.starts_with(**mark))?;
        let name = token.get(..at)?.trim_end_matches(['[', '(', '{']);
        let letters =
            name.bytes().rev().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'*').count();
        (letters >= 2).then(|| name.len().saturating_sub(letters))
    })
}

/// The URLs of a text that begins with one, each with its byte: behind letters written without spaces another one begins.
fn urls(text: &str) -> Vec<(usize, &str)> {
    let mut urls = Vec::new();
    let mut start = 0_usize;
    if has_dense(text) {
        for at in scheme_starts(text) {
            let Some(before) = text.get(start..at) else { continue };
            if before.ends_with(is_dense) {
                urls.push((start, before));
                start = at;
            }
        }
    }
    urls.push((start, text.get(start..).unwrap_or_default()));
    urls
}

/// A URL as far as it is told apart from what follows; `None` where that cannot be.
fn told_apart(url: &str) -> Option<&str> {
    if !has_dense(url) {
        return Some(url);
    }
    let (mark, slashes) = url.match_indices("//").chain(url.match_indices("\\\\")).min()?;
    let authority = mark.checked_add(slashes.len())?;
    match joined::name_end(url.get(authority..)?) {
        NameEnd::Whole => Some(url),
        NameEnd::At(end) => url.get(..authority.checked_add(end)?),
        NameEnd::Unclear => None,
    }
}

#[derive(Default)]
struct Finder {
    found: Vec<FoundValue>,
    seen: BTreeSet<Term>,
    after_version: bool,
}

impl Finder {
    fn token(&mut self, token: &str, offset: usize) {
        let start = scheme_start(token).unwrap_or(token.len());
        let Some((before, from)) = token.split_at_checked(start) else { return };
        for (at, part) in joined::parts(before) {
            self.part(part, offset.saturating_add(at));
        }
        if !from.is_empty() {
            for (at, url) in urls(from) {
                self.url(url, offset.saturating_add(start).saturating_add(at));
            }
        }
    }

    /// A part of a token without a scheme.
    fn part(&mut self, part: &str, offset: usize) {
        if !has_dense(part) {
            self.pieces(part, offset);
            return;
        }
        match joined::name_end(part) {
            NameEnd::Unclear => {}
            NameEnd::Whole => self.whole(part, offset),
            NameEnd::At(end) => {
                let Some((name, after)) = part.split_at_checked(end) else { return };
                if has_dense(name) {
                    self.whole(name, offset);
                } else {
                    self.pieces(name, offset);
                }
                self.islands(after, offset.saturating_add(end));
            }
        }
    }

    /// A part among whose letters some are written without spaces: all of it, or what such letters cannot be part of.
    fn whole(&mut self, part: &str, offset: usize) {
        if !self.value(part, offset) && !joined::ends_like_a_name(unwrapped(part)) {
            self.islands(part, offset);
        }
    }

    fn islands(&mut self, text: &str, offset: usize) {
        for (at, island) in joined::islands(text) {
            let term = value_term(&refang(island));
            let is_closed = term.is_some_and(|term| match term.kind {
                TermKind::Hash | TermKind::Address | TermKind::Range | TermKind::Reference => true,
                TermKind::Url => has_address(&term.value),
                _ => false,
            });
            if is_closed {
                self.value(island, offset.saturating_add(at));
            }
        }
    }

    fn url(&mut self, written: &str, offset: usize) {
        let Some(written) = told_apart(written) else { return };
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
            TermKind::Hash | TermKind::Range => true,
            TermKind::Email => harmless || !has_dense(meant),
            TermKind::Address if meant.contains(':') => {
                meant.len() > 4 && meant.bytes().any(|byte| byte.is_ascii_digit())
            }
            TermKind::Address => harmless || !self.after_version,
            TermKind::Domain => harmless || is_plausible(meant),
            TermKind::Url => harmless || has_address(meant) || is_plausible(host_of(meant)),
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

/// The host of a URL without scheme.
fn host_of(url: &str) -> &str {
    url.split(['/', ':', '?', '#']).next().unwrap_or_default()
}

/// Whether the host of a URL without scheme is an address.
fn has_address(url: &str) -> bool {
    url.starts_with('[') || host_of(url).bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Whether a name that nobody made harmless is more likely a domain than a word or a file.
fn is_plausible(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let Some((front, top)) = name.rsplit_once('.') else { return false };
    let capital = |text: &str| text.starts_with(|letter: char| letter.is_uppercase());
    let sentence_joint = capital(top) && top.chars().skip(1).all(char::is_lowercase);
    let product = ["asp.net", "ado.net", "vb.net"].iter().any(|word| name.eq_ignore_ascii_case(word));
    !front.is_empty() && !has_dense(name) && !sentence_joint && !product && is_top_level(&top.to_lowercase())
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

    /// A URL or a name that is cut at such a letter accuses somebody else.
    #[test]
    fn nothing_is_cut_out_of_a_longer_value() {
        for (text, expected) in [
            (
                "hxxps://github[.]com/用户/malware.zip",
                vec!["url https://github.com/%E7%94%A8%E6%88%B7/malware.zip"],
            ),
            ("hxxps[://]github[.]com/用户", vec!["url https://github.com/%E7%94%A8%E6%88%B7"]),
            ("hxxps[:]//github[.]com用户/a", vec![]),
            (
                "hxxps://drive.google[.]com/文档?id=1",
                vec!["url https://drive.google.com/%E6%96%87%E6%A1%A3?id=1"],
            ),
            ("https://github.com/a?用户=1", vec!["url https://github.com/a?%E7%94%A8%E6%88%B7=1"]),
            ("https://github.com/\u{1f600}/a.zip", vec!["url https://github.com/%F0%9F%98%80/a.zip"]),
            ("https://github.com/e\u{301}/a.zip", vec!["url https://github.com/e%CC%81/a.zip"]),
            ("http://恶意.example/a", vec!["url http://xn--5bu4m.example/a"]),
            ("http://恶意.中国/", vec!["url http://xn--5bu4m.xn--fiqs8s/"]),
            ("恶意网站[.]中国", vec!["domain xn--5bu4mg47dz8d.xn--fiqs8s"]),
            ("恶意-login[.]com", vec!["domain xn---login-hn4lp3b.com"]),
            ("登录paypal[.]com", vec!["domain xn--paypal-oz2li34m.com"]),
            ("login-恶意[.]com：", vec!["domain xn--login--nn4lp3b.com"]),
            ("恶意-login.com 恶意网站.中国 登录paypal.com", vec![]),
            ("https://github.com用户/malware.zip", vec![]),
            ("github.com用户/malware.zip", vec![]),
            ("evil.com然后.cn", vec![]),
            ("用户joe@evil.com", vec![]),
            ("github.com/用户/malware.zip", vec!["url github.com/%E7%94%A8%E6%88%B7/malware.zip"]),
            ("198.51.100.7.恶意.com 198.51.100.7恶意.com", vec![]),
            ("हिन्दी[.]भारत", vec!["domain xn--j2bd4cyah0f.xn--h2brj9c"]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn running_text_without_spaces_is_read_as_far_as_it_is_clear() {
        for (text, expected) in [
            ("请访问http://evil.example然后", vec!["url http://evil.example/"]),
            ("请访问http://evil.example/a然后", vec!["url http://evil.example/a%E7%84%B6%E5%90%8E"]),
            ("请访问http://evil.example/a，然后", vec!["url http://evil.example/a"]),
            ("请访问http://evil.example/然后。", vec!["url http://evil.example/%E7%84%B6%E5%90%8E"]),
            (
                "从http://a.example和hxxp://b[.]example:8080下载",
                vec!["url http://a.example/", "url http://b.example:8080/"],
            ),
            ("恶意域名为evil.com，地址是198.51.100.7", vec!["domain evil.com", "address 198.51.100.7"]),
            ("网站(evil.com)被封锁", vec!["domain evil.com"]),
            ("网站（evil[.]com）被封锁", vec!["domain evil.com"]),
            ("通信先のドメインはevil[.]comです。", vec!["domain evil.com"]),
            ("도메인 evil.com에서 joe@evil.com으로", vec!["domain evil.com", "email joe@evil.com"]),
            (
                "主机198.51.100.7的443端口和198.51.100.8:80被",
                vec!["address 198.51.100.7", "url 198.51.100.8:80/"],
            ),
            (
                "漏洞CVE-2024-12345被利用，哈希d41d8cd98f00b204e9800998ecf8427e。",
                vec!["reference CVE-2024-12345", "hash d41d8cd98f00b204e9800998ecf8427e"],
            ),
            ("访问evil.com被阻断", vec![]),
            ("evil.com被阻断", vec!["domain evil.com"]),
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
        for piece in [
            "http://",
            "http://a.b,",
            ",",
            "[.]",
            "a.com,",
            "://",
            ":",
            "(",
            "=a",
            "中.",
            "h*",
            "[:]//",
            "中://",
            "中a.",
            "中http://",
            "中(",
            "域名a.",
            "中[.",
            "(中)",
            "中=",
            "http://中\u{1f600}",
        ] {
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

        /// Whatever letters stand around the dot of a host, or in a path: nothing becomes the host of a URL that names something on it.
        #[test]
        fn a_host_is_not_found_for_what_is_on_it(
            before in "[中網ア서]{0,3}", scheme in "|http://|hxxps://", front in "[中ア]{0,2}[a-]{0,2}",
            path in "[/?][中ア서é]{1,4}[a-z./?=中]{0,6}",
        ) {
            let text = format!("{before}{scheme}{front}victim[.]com{path}");
            for found in find_values(&text) {
                prop_assert!(!found.value.ends_with("//victim.com/"), "{text}: {}", found.value);
                prop_assert!(found.value != "victim.com" && found.value != "victim.com/", "{text}: {}", found.value);
            }
        }
    }
}
