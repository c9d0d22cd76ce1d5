//! What a marking definition asks for, whatever its kind: TLP, PAP, national markings, statements.
//!
//! National markings and PAP have no published identifiers, so they are known by their words, which can only restrict. A
//! definition of a kind that nobody here understands is handled as the strictest. A statement of another kind (a copyright,
//! say) asks nothing.
//!
//! The words are compared whole, after folding case, spaces and punctuation: a text that merely mentions one asks nothing.

use stix::{Json, TlpLevel};

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

/// A national marking by its words.
struct National {
    words: &'static str,
    level: TlpLevel,
}

const fn inner(words: &'static str) -> National {
    National { words, level: TlpLevel::AmberStrict }
}

const fn secret(words: &'static str) -> National {
    National { words, level: TlpLevel::Red }
}

/// National markings in the lattice of TLP. For official use inside organisations: TLP:AMBER+STRICT. Classified
/// information has no place on a node; where it is met, it is for the one who brought it and nobody else: TLP:RED.
/// In folded form: see [`folded`].
static NATIONAL: [National; 40] = [
    // Russian and other languages of the region
    inner("дсп"),
    inner("для служебного пользования"),
    inner("служебная тайна"),
    secret("секретно"),
    secret("совершенно секретно"),
    secret("особой важности"),
    inner("қбпү"),
    inner("қызмет бабында пайдалану үшін"),
    inner("кызматтык пайдалануу үчүн"),
    inner("xizmat doirasida foydalanish uchun"),
    inner("барои истифодаи хизматӣ"),
    // Chinese
    inner("内部"),
    inner("内部资料"),
    inner("内部使用"),
    inner("內部"),
    secret("秘密"),
    secret("机密"),
    secret("機密"),
    secret("绝密"),
    secret("絕密"),
    // Others that travel in reports
    inner("official sensitive"),
    inner("for official use only"),
    inner("fouo"),
    inner("cui"),
    inner("controlled unclassified information"),
    inner("vs nfd"),
    inner("vs nur für den dienstgebrauch"),
    inner("diffusion restreinte"),
    inner("restreint ue"),
    inner("eu restricted"),
    inner("nato restricted"),
    inner("restricted"),
    inner("law enforcement sensitive"),
    secret("confidential"),
    secret("secret"),
    secret("top secret"),
    secret("nato confidential"),
    secret("nato secret"),
    secret("geheim"),
    secret("secret défense"),
];

/// Lower case, every run of spaces and punctuation one space, none at the ends.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in text.chars().flat_map(char::to_lowercase) {
        if one.is_alphanumeric() {
            out.push(one);
        } else if !out.ends_with(' ') && !out.is_empty() {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Longest words that can be a marking of the table, in bytes; longer texts are not folded.
const WORDS_BYTES_MAX: usize = 256;

/// What words ask for by themselves; `None` = they are no marking of the table.
#[must_use]
pub fn mark_of_words(words: &str) -> Option<Mark> {
    if words.len() > WORDS_BYTES_MAX {
        return None;
    }
    let words = folded(words);
    if let Some(level) = words.strip_prefix("pap ") {
        return Some(level.parse().map_or(Mark::Unknown, Mark::Pap));
    }
    NATIONAL.iter().find(|known| known.words == words).map(|known| Mark::Level(known.level))
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
        let mut words: Vec<_> = NATIONAL.iter().map(|known| known.words).collect();
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
        assert_eq!(statement("PAP:AMBER"), Mark::Pap(Pap::Amber));
        assert_eq!(statement("pap white"), Mark::Pap(Pap::Clear));
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
