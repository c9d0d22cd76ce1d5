//! Language tags: the grammar of RFC 5646, section 2.1, and as much of its registry as is closed: two-letter languages.
//!
//! Three-letter languages, scripts, regions and variants are taken by their form; four to eight letters are reserved or
//! not registered, so they are refused.

use super::must;
use crate::code;
use crate::schema::Fault;

/// ISO 639-1, which takes no new codes.
const TWO_LETTERS: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy \
da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik in \
io is it iu iw ja ji jv jw ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo \
mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl \
sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Longest tag that is read; RFC 5646, section 4.4, lets an application set a limit, and asks for at least 35.
const TAG_BYTES_MAX: usize = 255;

/// Tags that RFC 5646 keeps although they do not fit its grammar.
const IRREGULAR: &[&str] = &[
    "en-gb-oed",
    "i-ami",
    "i-bnn",
    "i-default",
    "i-enochian",
    "i-hak",
    "i-klingon",
    "i-lux",
    "i-mingo",
    "i-navajo",
    "i-pwn",
    "i-tao",
    "i-tay",
    "i-tsu",
    "sgn-be-fr",
    "sgn-be-nl",
    "sgn-ch-de",
];

/// A language tag (sections 3.2 and 7.2.3).
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    if is_tag(text) { Ok(()) } else { Err(must(code::LANGUAGE, "is not an RFC 5646 language tag")) }
}

fn is_tag(text: &str) -> bool {
    if let [a, b] = text.as_bytes() {
        // the common case without allocation
        let pair = [a.to_ascii_lowercase(), b.to_ascii_lowercase()];
        return TWO_LETTERS.as_bytes().chunks(3).any(|known| known.starts_with(&pair));
    }
    if text.len() > TAG_BYTES_MAX {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    if IRREGULAR.contains(&lower.as_str()) {
        return true;
    }
    let parts: Vec<&str> = lower.split('-').collect();
    let fits =
        |part: &&str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    parts.iter().all(fits) && (is_private(&parts) || is_langtag(&parts))
}

fn is_private(parts: &[&str]) -> bool {
    matches!(parts, ["x", _, ..])
}

fn is_langtag(parts: &[&str]) -> bool {
    let Some((language, mut rest)) = parts.split_first() else {
        return false;
    };
    let known = match language.len() {
        2 => is_tag(language),
        3 => letters(language),
        _ => false,
    };
    if !known {
        return false;
    }
    for _ in 0..3 {
        rest = skip(rest, |part| part.len() == 3 && letters(part));
    }
    rest = skip(rest, |part| part.len() == 4 && letters(part));
    rest = skip(rest, |part| (part.len() == 2 && letters(part)) || (part.len() == 3 && digits(part)));
    let mut variants: Vec<&str> = Vec::new();
    while let Some((part, after)) = rest.split_first()
        && is_variant(part)
    {
        if variants.contains(part) {
            return false;
        }
        variants.push(part);
        rest = after;
    }
    is_extensions(rest)
}

/// Singletons, each once, each with at least one subtag of 2 to 8 characters; then private use.
fn is_extensions(mut rest: &[&str]) -> bool {
    let mut singletons: Vec<&str> = Vec::new();
    while let Some((singleton, mut after)) = rest.split_first() {
        if *singleton == "x" {
            return !after.is_empty();
        }
        if singleton.len() != 1 || singletons.contains(singleton) {
            return false;
        }
        singletons.push(singleton);
        let before = after.len();
        while let Some((part, more)) = after.split_first()
            && part.len() >= 2
        {
            after = more;
        }
        if after.len() == before {
            return false;
        }
        rest = after;
    }
    true
}

fn is_variant(part: &str) -> bool {
    (5..=8).contains(&part.len())
        || (part.len() == 4 && part.starts_with(|first: char| first.is_ascii_digit()))
}

fn skip<'s, 't>(parts: &'s [&'t str], fits: impl Fn(&str) -> bool) -> &'s [&'t str] {
    match parts.split_first() {
        Some((part, rest)) if fits(part) => rest,
        _ => parts,
    }
}

fn letters(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn digits(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_tags() {
        for good in [
            "en",
            "EN",
            "kk",
            "ru",
            "qaa",
            "zh-Hant-TW",
            "sr-Latn",
            "de-CH-1996",
            "sl-rozaj-biske",
            "es-419",
            "zh-cmn-Hans-CN",
            "de-DE-u-co-phonebk",
            "x-whatever",
            "en-x-us",
            "i-klingon",
            "en-GB-oed",
            "hy-Latn-IT-arevela",
            "zh-min-nan",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn refuses_others() {
        for bad in [
            "",
            "e",
            "zz",
            "english",
            "engl",
            "en_US",
            "en-",
            "-en",
            "en--US",
            "en-US-",
            "xx-not-a-lang-code-zzzzzzzzzzz",
            "en-a",
            "de-1996-1996",
            "en-u-co-u-kn",
            "x",
            "e1",
            "en US",
            "en\n",
            "é",
            "123",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
