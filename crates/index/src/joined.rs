//! Where values begin and end among letters that are written without spaces: Chinese, Japanese, Korean.
//!
//! In `请访问http://evil.example/a然后` nothing tells where the address ends, and in `恶意login.example` nothing tells whether the
//! first two letters are a word of the sentence or belong to the name. The rule for all of these: **what is found is never a shorter
//! thing that may be somebody else's.** So:
//! * in a URL such letters belong to it, as far as they directly continue it; it ends where another one begins behind them;
//! * a name ends before such letters where they stand directly behind its last label (`evil.example被封锁`): no top-level domain
//!   mixes them with others. Where a path follows all the same (`evil.example用户/a`), nothing is found;
//! * a name that begins after such letters is found alone only behind a word that says so ([`INTRODUCES`]); otherwise it is one with
//!   them, found whole where it was made harmless, and not at all where it was not;
//! * hashes, numeric addresses and CVE numbers hold no such letters, and are found between them.
//!
//! Does not know words: a sentence that runs into a path stays in it, and such a URL is equal to no other.

use crate::text::is_dense;

/// Words behind which a name stands by itself: "domain", "address", "is" in Chinese, Japanese and Korean.
const INTRODUCES: [&str; 15] = [
    "域名",
    "網域",
    "网址",
    "網址",
    "地址",
    "位址",
    "为",
    "為",
    "是",
    "ドメイン",
    "アドレス",
    "は",
    "도메인",
    "주소",
    "：",
];

const OPENING: [char; 3] = ['[', '(', '{'];
const CLOSING: [char; 3] = [']', ')', '}'];

/// Where a name ends among such letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameEnd {
    /// Nowhere before the text does.
    Whole,
    /// At this byte.
    At(usize),
    /// It cannot be told, or the text is no name.
    Unclear,
}

/// Whether a text holds letters of a script written without spaces.
pub(crate) fn has_dense(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(is_dense)
}

/// The parts of a token without scheme that cannot be of one value, each with its byte.
pub(crate) fn parts(token: &str) -> Vec<(usize, &str)> {
    if !has_dense(token) {
        return vec![(0, token)];
    }
    let mut parts = Vec::new();
    let mut start = 0_usize;
    let (mut all_dense, mut last) = (true, None);
    for (at, letter) in token.char_indices() {
        let before = token.get(start..at).unwrap_or_default();
        let after_dense = !before.is_empty() && last.is_some_and(is_dense);
        let separates = matches!(letter, '=' | ':' | '/' | '*') && after_dense && all_dense;
        let cuts = separates
            || (after_dense && letter.is_ascii_alphanumeric() && introduces(before))
            || (after_dense && OPENING.contains(&letter) && !opens_mark(token.get(at..).unwrap_or_default()))
            || (is_dense(letter) && last.is_some_and(|last| CLOSING.contains(&last)) && !closes_mark(before));
        if cuts {
            parts.push((start, before));
            start = if separates { at.saturating_add(letter.len_utf8()) } else { at };
            all_dense = true;
        }
        if !separates {
            all_dense &= is_dense(letter);
        }
        last = Some(letter);
    }
    parts.push((start, token.get(start..).unwrap_or_default()));
    parts
}

fn introduces(before: &str) -> bool {
    INTRODUCES.iter().any(|word| before.ends_with(word))
}

/// Whether a bracket begins what makes a value harmless (`[.]`, `(dot)`), and does not merely hold something.
fn opens_mark(text: &str) -> bool {
    let inner = text.trim_start_matches(OPENING).trim_start_matches(' ');
    if !inner.starts_with(|letter: char| letter.is_alphanumeric()) {
        return true;
    }
    ["dot", "at"].iter().any(|word| {
        inner.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
            && inner.get(word.len()..).is_some_and(|rest| rest.trim_start_matches(' ').starts_with(CLOSING))
    })
}

/// Whether the bracket at the end of a text ends such a thing.
fn closes_mark(text: &str) -> bool {
    /// Longer than the longest mark with its brackets.
    const LETTERS: usize = 8;
    let inner = text.trim_end_matches(CLOSING);
    let bracket = |letter: char| OPENING.contains(&letter) || CLOSING.contains(&letter);
    match inner.char_indices().rev().take(LETTERS).find(|(_, letter)| bracket(*letter)) {
        Some((at, open)) if OPENING.contains(&open) => opens_mark(text.get(at..).unwrap_or_default()),
        _ => inner.ends_with(['.', '@', ':', '/']),
    }
}

/// Where the name ends that a text begins with: a host and what follows it, or an e-mail address.
pub(crate) fn name_end(text: &str) -> NameEnd {
    let Some((host, path)) = text.split_at_checked(text.find(['/', '?', '#']).unwrap_or(text.len())) else {
        return NameEnd::Unclear;
    };
    let Some(at) = last_label(host) else { return NameEnd::Whole };
    let label = host.get(at..).unwrap_or_default();
    let Some((before, dense)) = label.find(is_dense).and_then(|dense| label.split_at_checked(dense)) else {
        return NameEnd::Whole;
    };
    if before.is_empty() {
        let wrapped = dense.trim_end_matches(CLOSING);
        let label = wrapped.split(':').next().unwrap_or_default();
        return if label.chars().all(is_dense) { NameEnd::Whole } else { NameEnd::Unclear };
    }
    let ends = before.trim_end_matches(CLOSING).ends_with(|letter: char| letter.is_ascii_alphanumeric());
    if ends && path.is_empty() && dense.chars().all(char::is_alphanumeric) {
        NameEnd::At(at.saturating_add(before.len()))
    } else {
        NameEnd::Unclear
    }
}

/// Where the last label of a name begins, behind the last dot, harmless or not; `None` where there is none.
fn last_label(host: &str) -> Option<usize> {
    let plain = host.rfind('.').map(|at| at.saturating_add(1));
    let in_words = host.rmatch_indices(OPENING).find_map(|(at, _)| {
        let inner = host.get(at.saturating_add(1)..)?;
        let is_dot = inner.get(..3)?.eq_ignore_ascii_case("dot") && inner.get(3..)?.starts_with(CLOSING);
        is_dot.then(|| at.saturating_add(4))
    });
    let dot = plain.max(in_words)?;
    let label = host.get(dot..)?;
    let brackets = label.len().saturating_sub(label.trim_start_matches(CLOSING).len());
    Some(dot.saturating_add(brackets))
}

/// Whether a text ends as names do: in a label that is no number.
pub(crate) fn ends_like_a_name(text: &str) -> bool {
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let tail = last_label(host).and_then(|at| host.get(at..));
    tail.is_some_and(|label| !label.ends_with(|letter: char| letter.is_ascii_digit()))
}

/// What stands between such letters, each with its byte: as far as letters and digits touch them, and nothing that joins.
pub(crate) fn islands(text: &str) -> Vec<(usize, &str)> {
    let mut islands = Vec::new();
    let mut at = 0_usize;
    for island in text.split(is_dense) {
        let end = at.saturating_add(island.len());
        let next = text.get(end..).and_then(|rest| rest.chars().next());
        let plain = |letter: char| letter.is_ascii_alphanumeric();
        let bounded = (at == 0 || island.starts_with(plain)) && (next.is_none() || island.ends_with(plain));
        if bounded && !island.is_empty() {
            islands.push((at, island));
        }
        at = end.saturating_add(next.map_or(0, char::len_utf8));
    }
    islands
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_parted_only_where_no_value_is_cut() {
        for (token, expected) in [
            ("evil.com", vec!["evil.com"]),
            ("域名evil[.]com被封锁", vec!["域名", "evil[.]com被封锁"]),
            ("恶意login[.]com", vec!["恶意login[.]com"]),
            ("恶意-login[.]com", vec!["恶意-login[.]com"]),
            ("恶意网站[.]中国", vec!["恶意网站[.]中国"]),
            ("恶意(dot)中国", vec!["恶意(dot)中国"]),
            ("网站(evil[.]com)被封锁", vec!["网站", "(evil[.]com)", "被封锁"]),
            ("(恶意[.]中国)", vec!["(恶意[.]中国)"]),
            ("网站=evil.com", vec!["网站", "evil.com"]),
            ("软件/网站:evil.com/用户", vec!["软件", "网站", "evil.com/用户"]),
        ] {
            let found: Vec<&str> = parts(token).into_iter().map(|(_, part)| part).collect();
            assert_eq!(found, expected, "{token}");
        }
    }

    #[test]
    fn a_name_ends_where_no_top_level_domain_goes_on() {
        use NameEnd::{At, Unclear, Whole};
        for (text, end) in [
            ("evil.com被封锁", At(8)),
            ("evil[.]com被封锁", At(10)),
            ("evil(dot)com被", At(12)),
            ("198.51.100.7:80被", At(15)),
            ("198.51.100.7的443端口", At(12)),
            ("evil.com用户/a", Unclear),
            ("evil.com用户-a", Unclear),
            ("恶意.中国abc", Unclear),
            ("恶意网站[.]中国", Whole),
            ("恶意.中国:8080/a", Whole),
            ("evil.com/用户", Whole),
            ("恶意-login.com", Whole),
            ("com然后.cn", Whole),
            ("漏洞", Whole),
        ] {
            assert_eq!(name_end(text), end, "{text}");
        }
    }

    #[test]
    fn islands_are_what_no_sign_joins() {
        let found = |text| islands(text).into_iter().map(|(_, island)| island).collect::<Vec<_>>();
        assert_eq!(found("漏洞CVE-2024-1234被利用"), ["CVE-2024-1234"]);
        assert_eq!(found("恶意-login.com"), [] as [&str; 0]);
        assert_eq!(found("7.恶意"), [] as [&str; 0]);
    }

    proptest! {
        #[test]
        fn parts_stand_in_their_token(token in "[a-z0-9.:/=\\[\\]()中被는ア域名-]{0,40}") {
            for (at, part) in parts(&token).into_iter().chain(islands(&token)) {
                prop_assert_eq!(token.get(at..at + part.len()), Some(part));
            }
            if let NameEnd::At(at) = name_end(&token) {
                prop_assert!(token.get(at..).is_some_and(|rest| rest.starts_with(is_dense)));
            }
        }
    }
}
