//! What a marking definition asks for, whatever its kind: TLP, PAP, national markings, statements.
//!
//! National markings and PAP have no published identifiers, so they are known by their words, which can only restrict. A
//! definition of a kind that nobody here understands is handled as the strictest. A statement of another kind (a copyright,
//! say) asks nothing.
//!
//! The words are compared whole, after folding case, spaces and punctuation, or whole between slashes: a text that merely mentions one asks
//! nothing.

use stix::{Json, TlpLevel};
use unicode_normalization::UnicodeNormalization;

use crate::national;
use crate::rules::Pap;

/// What a marking asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing about handling.
    Nothing,
    /// At least this TLP level.
    Level(TlpLevel),
    /// At least this PAP level.
    Pap(Pap),
    /// Nobody here understands it: the strictest.
    Unknown,
}

impl Mark {
    /// Whether it settles what awaited it: what asks for less than TLP:RED does.
    #[must_use]
    pub const fn settles(self) -> bool {
        match self {
            Self::Nothing | Self::Pap(_) => true,
            Self::Level(level) => !matches!(level, TlpLevel::Red),
            Self::Unknown => false,
        }
    }
}

/// Composed, lower case, every run of spaces and punctuation one space, none at the ends.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in text.nfkc().flat_map(char::to_lowercase) {
        if one.is_alphanumeric() {
            out.push(one);
        } else if !out.ends_with(' ') && !out.is_empty() {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Longest words that can be a marking, in bytes; longer texts are not folded.
const WORDS_BYTES_MAX: usize = 256;
/// Between the wordings or the parts of one marking: `SECRET UE/EU SECRET`, `SECRET//NOFORN`.
const BETWEEN: [char; 3] = ['/', '|', '\n'];

/// What words ask for by themselves; `None` = they are no marking that is known.
#[must_use]
pub fn mark_of_words(words: &str) -> Option<Mark> {
    if words.len() > WORDS_BYTES_MAX {
        return None;
    }
    let parts = words.split(BETWEEN).filter(|part| part.contains(char::is_alphanumeric));
    let parts: Vec<Option<Mark>> = parts.map(mark_of_part).collect();
    let known = parts.iter().copied().flatten().reduce(strictest)?;
    // Beside a mark, a part that nobody here understands may ask for more.
    let whole = known == Mark::Level(TlpLevel::Red) || parts.iter().all(Option::is_some);
    Some(if whole { known } else { Mark::Unknown })
}

fn mark_of_part(words: &str) -> Option<Mark> {
    let words = folded(words);
    if let Some(level) = words.strip_prefix("pap ") {
        return Some(level.parse().map_or(Mark::Unknown, Mark::Pap));
    }
    if let Some(level) = words.strip_prefix("tlp ") {
        return Some(level.replace(' ', "+").parse().map_or(Mark::Unknown, Mark::Level));
    }
    national::level_of(&words).map(Mark::Level)
}

/// The stricter of two parts of one marking; parts of two kinds are more than is understood here.
fn strictest(one: Mark, other: Mark) -> Mark {
    match (one, other) {
        (Mark::Level(one), Mark::Level(other)) => Mark::Level(one.max(other)),
        _ => stricter(one, other),
    }
}

/// What a marking definition asks for.
///
/// # Source
/// STIX 2.1, section 7.2.1; FIRST TLP 2.0
#[must_use]
pub fn mark_of(definition: &Json<'_>) -> Mark {
    if let Some(level) = stix::marking::tlp_defined_by(definition) {
        return Mark::Level(level);
    }
    let words = |value: Option<&Json<'_>>| value.and_then(Json::as_str).and_then(mark_of_words);
    let statement = definition.get("definition").and_then(|inner| inner.get("statement"));
    let said = [words(definition.get("name")), words(statement)];
    if let Some(mark) = said.into_iter().flatten().reduce(stricter) {
        return mark;
    }
    match definition.get("definition_type").and_then(Json::as_str) {
        Some("statement") if statement.is_some_and(|text| text.as_str().is_some()) => Mark::Nothing,
        _ => Mark::Unknown,
    }
}

/// Two marks of one definition that are not the same contradict each other.
fn stricter(one: Mark, other: Mark) -> Mark {
    if one == other { one } else { Mark::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Mark {
        mark_of(&Json::parse(json.as_bytes()).expect("JSON"))
    }

    fn statement(text: &str) -> Mark {
        of(&format!(
            r#"{{"type":"marking-definition","definition_type":"statement","definition":{{"statement":"{text}"}}}}"#
        ))
    }

    #[test]
    fn the_table_is_in_folded_form_and_says_everything_once() {
        let mut words: Vec<_> = national::all().collect();
        for word in &words {
            assert_eq!(folded(word), *word);
        }
        words.sort_unstable();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn national_markings_are_known_by_their_words() {
        for inner in ["ДСП", " «для служебного пользования» ", "内部", "VS-NfD", "OFFICIAL-SENSITIVE", "ҚБПҮ"]
        {
            assert_eq!(statement(inner), Mark::Level(TlpLevel::AmberStrict), "{inner}");
        }
        for secret in ["СЕКРЕТНО", "机密", "Top Secret"] {
            assert_eq!(statement(secret), Mark::Level(TlpLevel::Red), "{secret}");
        }
        for secret in [
            "STRENG GEHEIM",
            "VS-VERTRAULICH",
            "EU SECRET",
            "SECRET UE/EU SECRET",
            "COSMIC TOP SECRET",
            "TRÈS SECRET DÉFENSE",
            "TRE\u{300}S SECRET DE\u{301}FENSE",
            "СОВ. СЕКРЕТНО",
            "CONFIDENTIEL DÉFENSE",
            "SECRET//NOFORN",
            "ＳＥＣＲＥＴ",
            "Restricted / Secret",
        ] {
            assert_eq!(statement(secret), Mark::Level(TlpLevel::Red), "{secret}");
        }
        for inner in ["RESTREINT UE/EU RESTRICTED", "NATO UNCLASSIFIED", "для службового користування"]
        {
            assert_eq!(statement(inner), Mark::Level(TlpLevel::AmberStrict), "{inner}");
        }
        assert_eq!(statement("PAP:AMBER"), Mark::Pap(Pap::Amber));
        assert_eq!(statement("pap white"), Mark::Pap(Pap::Clear));
    }

    #[test]
    fn tlp_in_words_is_tlp() {
        for (words, level) in [
            ("TLP:RED", TlpLevel::Red),
            ("tlp: amber + strict", TlpLevel::AmberStrict),
            ("TLP AMBER-STRICT", TlpLevel::AmberStrict),
            ("TLP:WHITE", TlpLevel::Clear),
            ("TLP:GREEN // VS-NfD", TlpLevel::AmberStrict),
        ] {
            assert_eq!(statement(words), Mark::Level(level), "{words}");
        }
        assert_eq!(statement("TLP:PURPLE"), Mark::Unknown);
        assert_eq!(statement("TLP:GREEN//NOFORN"), Mark::Unknown);
        assert_eq!(statement("TLP:GREEN //"), Mark::Level(TlpLevel::Green));
        assert_eq!(statement("TLP:GREEN / PAP:AMBER"), Mark::Unknown);
    }

    #[test]
    fn statements_ask_nothing_and_what_is_not_understood_asks_most() {
        assert_eq!(statement("Copyright 2020, do not publish what is secret"), Mark::Nothing);
        assert_eq!(statement(&"secret ".repeat(100)), Mark::Nothing);
        assert_eq!(statement("PAP:PURPLE"), Mark::Unknown);
        assert_eq!(
            of(r#"{"type":"marking-definition","definition_type":"x-acs","definition":{"a":1}}"#),
            Mark::Unknown
        );
        assert_eq!(
            of(r#"{"type":"marking-definition","extensions":{"extension-definition--x":{}}}"#),
            Mark::Unknown
        );
        let torn = r#"{"type":"marking-definition","name":"ДСП","definition_type":"statement","definition":{"statement":"secret"}}"#;
        assert_eq!(of(torn), Mark::Unknown);
        assert_eq!(
            of(r#"{"type":"marking-definition","name":"TLP:CLEAR","definition_type":"statement"}"#),
            Mark::Level(TlpLevel::Red)
        );
        assert_eq!(of("[]"), Mark::Unknown);
    }
}
