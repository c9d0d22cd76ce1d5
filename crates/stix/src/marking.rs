//! Data markings: selectors, which markings apply where, and what TLP level they mean.
//!
//! Says what is marked how; who may see it is decided in the handling layer. A marking that resembles TLP but is none of
//! the published ones counts as the strictest, so that forging one never opens anything.

use std::borrow::Cow;
use std::collections::HashSet;
use std::str::FromStr;

use crate::json::{Json, Members};
use crate::quote::quoted;
use crate::timestamp;

/// Why a selector selects nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Components are names or `[0]`, `[1]`, ..., with dots between.
    #[error("selector {0} is not made of names and indexes in brackets with dots between")]
    Syntax(String),
    /// Nothing is there.
    #[error("selector {0} points to nothing in this object")]
    Absent(String),
    /// There is no object to select from.
    #[error("selectors point into objects only")]
    NoObject,
}

/// One component of a selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Component<'s> {
    Name(&'s str),
    Index(usize),
}

fn components(selector: &str) -> Option<Vec<Component<'_>>> {
    selector.split('.').map(component).collect()
}

fn component(text: &str) -> Option<Component<'_>> {
    match text.strip_prefix('[') {
        Some(rest) => {
            let digits = rest.strip_suffix(']')?;
            let plain = digits == "0"
                || (!digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()));
            if !plain {
                return None;
            }
            digits.parse().ok().map(Component::Index)
        }
        None => (!text.is_empty() && !text.contains(['[', ']'])).then_some(Component::Name(text)),
    }
}

/// The value that a selector points to (section 7.2.3).
pub(crate) fn select<'o>(root: &'o Members<'o>, selector: &str) -> Result<&'o Json<'o>, SelectorError> {
    let way = components(selector).ok_or_else(|| SelectorError::Syntax(quoted(selector).to_string()))?;
    let mut found: Option<&Json<'_>> = None;
    for step in way {
        let next = match (step, found) {
            (Component::Name(name), None) => root.get(name),
            (Component::Name(name), Some(value)) => value.get(name),
            (Component::Index(_), None) => None,
            (Component::Index(at), Some(value)) => value.as_list().and_then(|items| items.get(at)),
        };
        found = Some(next.ok_or_else(|| SelectorError::Absent(quoted(selector).to_string()))?);
    }
    found.ok_or_else(|| SelectorError::Syntax(quoted(selector).to_string()))
}

/// The markings that apply to the content at `selector`: those of the whole object, then granular ones whose selector is
/// this one or leads to it, in their order, each once. Language markings are none of them.
///
/// # Errors
/// The selector is malformed or points to nothing.
///
/// # Source
/// STIX 2.1, sections 7.2.2 and 7.2.3
pub fn effective(object: &Json<'_>, selector: &str) -> Result<Vec<String>, SelectorError> {
    let root = object.as_object().ok_or(SelectorError::NoObject)?;
    select(root, selector)?;
    let place = components(selector).unwrap_or_default();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut markings: Vec<String> = Vec::new();

    let whole = root.get("object_marking_refs").and_then(Json::as_list).unwrap_or_default();
    for id in whole.iter().filter_map(Json::as_str) {
        if seen.insert(id) {
            markings.push(id.to_owned());
        }
    }
    for part in root.get("granular_markings").and_then(Json::as_list).unwrap_or_default() {
        let Some(id) = part.get("marking_ref").and_then(Json::as_str) else { continue };
        let selectors = part.get("selectors").and_then(Json::as_list).unwrap_or_default();
        let covers = |selector: &Json<'_>| {
            selector.as_str().and_then(components).is_some_and(|way| place.starts_with(&way))
        };
        if selectors.iter().any(covers) && seen.insert(id) {
            markings.push(id.to_owned());
        }
    }
    Ok(markings)
}

/// The levels of the Traffic Light Protocol, from the most open to the strictest. `CLEAR` is TLP 1's `WHITE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlpLevel {
    /// No restriction.
    Clear,
    /// The community.
    Green,
    /// The organisation and its clients, where they need to know.
    Amber,
    /// The organisation only, where it needs to know.
    AmberStrict,
    /// The people named.
    Red,
}

impl TlpLevel {
    /// As TLP 2.0 writes it, e.g. `TLP:AMBER+STRICT`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Clear => "TLP:CLEAR",
            Self::Green => "TLP:GREEN",
            Self::Amber => "TLP:AMBER",
            Self::AmberStrict => "TLP:AMBER+STRICT",
            Self::Red => "TLP:RED",
        }
    }

    /// The identifier of the published TLP 2.0 marking.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Clear => "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
            Self::Green => "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
            Self::Amber => "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
            Self::AmberStrict => "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
            Self::Red => "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
        }
    }

    /// As people and programs name it to this node and as the TLP 2.0 extension writes it, e.g. `amber+strict`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::AmberStrict => "amber+strict",
            Self::Red => "red",
        }
    }

    /// The number it is stored as: stricter is larger.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Clear => 0,
            Self::Green => 1,
            Self::Amber => 2,
            Self::AmberStrict => 3,
            Self::Red => 4,
        }
    }

    /// The level that is stored as this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.number() == number)
    }

    /// Every level, from the most open to the strictest.
    pub const ALL: [Self; 5] = [Self::Clear, Self::Green, Self::Amber, Self::AmberStrict, Self::Red];
}

/// Not the name of a TLP level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a TLP level is one of clear, green, amber, amber+strict, red")]
pub struct UnknownLevel;

impl FromStr for TlpLevel {
    type Err = UnknownLevel;

    /// Reads every usual spelling: any case, with and without `TLP:`, TLP 1's `WHITE`, a hyphen or underscore for the plus.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        let lower = text.to_ascii_lowercase();
        let name = match lower.strip_prefix("tlp:").unwrap_or(&lower) {
            "white" => "clear",
            "amber-strict" | "amber_strict" => "amber+strict",
            other => other,
        };
        Self::ALL.into_iter().find(|level| level.name() == name).ok_or(UnknownLevel)
    }
}

/// Key of the extension by which TLP 2.0 markings are made.
const TLP_2: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";

/// A published TLP marking.
struct Published {
    id: &'static str,
    level: TlpLevel,
    edition: TlpEdition,
    word: &'static str,
    name: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TlpEdition {
    One,
    Two,
}

impl TlpEdition {
    /// When all markings of the edition say they were created.
    const fn created(self) -> &'static str {
        match self {
            Self::One => "2017-01-20T00:00:00.000Z",
            Self::Two => "2022-10-01T00:00:00.000Z",
        }
    }
}

const fn one(id: &'static str, level: TlpLevel, word: &'static str, name: &'static str) -> Published {
    Published { id, level, edition: TlpEdition::One, word, name }
}

const fn two(level: TlpLevel) -> Published {
    Published { id: level.id(), level, edition: TlpEdition::Two, word: level.name(), name: level.label() }
}

static PUBLISHED: [Published; 9] = [
    one("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", TlpLevel::Clear, "white", "TLP:WHITE"),
    one("marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", TlpLevel::Green, "green", "TLP:GREEN"),
    one("marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", TlpLevel::Amber, "amber", "TLP:AMBER"),
    one("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", TlpLevel::Red, "red", "TLP:RED"),
    two(TlpLevel::Clear),
    two(TlpLevel::Green),
    two(TlpLevel::Amber),
    two(TlpLevel::AmberStrict),
    two(TlpLevel::Red),
];

/// The level of a published marking, of TLP 1 or 2.0, by its identifier.
#[must_use]
pub fn tlp_of_id(id: &str) -> Option<TlpLevel> {
    PUBLISHED.iter().find(|marking| marking.id == id).map(|marking| marking.level)
}

/// The TLP level of an object: the strictest of its object-level markings that are published TLP markings. `None` where it
/// bears none. A marking definition does not bear the level that it defines: everybody may read what TLP:RED means.
#[must_use]
pub fn tlp_of(object: &Json<'_>) -> Option<TlpLevel> {
    let markings = object.get("object_marking_refs").and_then(Json::as_list).unwrap_or_default();
    markings.iter().filter_map(Json::as_str).filter_map(tlp_of_id).max()
}

/// The TLP level that a marking definition defines; `None` where it has nothing to do with TLP, or is no such definition.
///
/// One that resembles TLP without being a published one, or that contradicts the published one whose identifier it bears,
/// defines [`TlpLevel::Red`].
#[must_use]
pub fn tlp_defined_by(definition: &Json<'_>) -> Option<TlpLevel> {
    let members = definition.as_object()?;
    if members.get("type").and_then(Json::as_str) != Some("marking-definition") {
        return None;
    }
    match likeness(members) {
        Likeness::None => None,
        Likeness::Published(level) | Likeness::Incomplete(level) => Some(level),
        Likeness::Named | Likeness::LookAlike => Some(TlpLevel::Red),
    }
}

/// How a marking definition stands to the published TLP markings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// It has nothing to do with TLP.
    None,
    /// It is one of them, letter for letter.
    Published(TlpLevel),
    /// It is one of them with a name left out or properties added; nothing contradicts.
    Incomplete(TlpLevel),
    /// It is of another kind, and only its name speaks of TLP.
    Named,
    /// It resembles one of them and is none.
    LookAlike,
}

/// Compares a marking definition with the published ones.
pub(crate) fn likeness(members: &Members<'_>) -> Likeness {
    let text = |name: &str| members.get(name).and_then(Json::as_str);
    let first = members.get("definition").and_then(|definition| definition.get("tlp"));
    let second = members.get("extensions").and_then(|extensions| extensions.get(TLP_2));
    let named = text("name").is_some_and(names_tlp);
    let typed = text("definition_type").is_some_and(|kind| kind.eq_ignore_ascii_case("tlp"));
    let published = text("id").and_then(|id| PUBLISHED.iter().find(|marking| marking.id == id));
    let Some(marking) = published else {
        return match (first.is_some() || second.is_some() || typed, named) {
            (true, _) => Likeness::LookAlike,
            (false, true) => Likeness::Named,
            (false, false) => Likeness::None,
        };
    };
    let word = match marking.edition {
        TlpEdition::One if second.is_none() && text("definition_type") == Some("tlp") => first,
        TlpEdition::Two if first.is_none() && !typed => second.and_then(|extension| extension.get("tlp_2_0")),
        _ => None,
    };
    let same_moment = text("created").is_some_and(|created| {
        timestamp::check(created).is_ok()
            && timestamp::key_of(created) == timestamp::key_of(marking.edition.created())
    });
    let good_name = text("name").is_none_or(|name| name == marking.name);
    if word.and_then(Json::as_str) != Some(marking.word) || !same_moment || !good_name {
        return Likeness::LookAlike;
    }
    let expected = match marking.edition {
        TlpEdition::One => {
            ["type", "spec_version", "id", "created", "name", "definition_type", "definition"].as_slice()
        }
        TlpEdition::Two => ["type", "spec_version", "id", "created", "name", "extensions"].as_slice(),
    };
    let complete = members.len() == expected.len() && members.iter().all(|(key, _)| expected.contains(&key));
    if complete { Likeness::Published(marking.level) } else { Likeness::Incomplete(marking.level) }
}

/// `TLP:` or `TLP ` at the beginning, in any case and with any space around it.
fn names_tlp(name: &str) -> bool {
    let lower: Cow<'_, str> = name.trim().to_ascii_lowercase().into();
    lower
        .strip_prefix("tlp")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', ' ', '-', '_', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = r#"{"type":"tool","id":"tool--1","labels":["a","b"],"nested":{"deep":[{"x":1}]},
        "object_marking_refs":["m-whole"],
        "granular_markings":[{"marking_ref":"m-labels","selectors":["labels"]},
            {"marking_ref":"m-first","selectors":["labels.[0]","labels"]},{"lang":"de","selectors":["labels"]},
            {"marking_ref":"m-whole","selectors":["nested.deep"]}]}"#;

    fn at(selector: &str) -> Result<Vec<String>, SelectorError> {
        effective(&Json::parse(OBJECT.as_bytes()).unwrap(), selector)
    }

    #[test]
    fn markings_come_down_and_not_up() {
        assert_eq!(at("id").unwrap(), ["m-whole"]);
        assert_eq!(at("labels.[1]").unwrap(), ["m-whole", "m-labels", "m-first"]);
        assert_eq!(at("nested.deep.[0].x").unwrap(), ["m-whole"]);
        assert_eq!(at("nested").unwrap(), ["m-whole"]);
    }

    #[test]
    fn selectors_must_be_well_formed_and_point_to_something() {
        for bad in [
            "",
            ".",
            "labels.",
            "labels[0]",
            "labels.[]",
            "labels.[01]",
            "labels.[-1]",
            "labels.[a]",
            "labels..[0]",
        ] {
            assert!(matches!(at(bad), Err(SelectorError::Syntax(_))), "{bad:?}");
        }
        for absent in
            ["nope", "[0]", "labels.[2]", "labels.a", "id.x", "id.[0]", "labels.[99999999999999999999]x"]
        {
            assert!(at(absent).is_err(), "{absent:?}");
        }
    }

    fn level(json: &str) -> Option<TlpLevel> {
        tlp_defined_by(&Json::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn levels_are_read_in_every_usual_spelling() {
        for (text, level) in [
            ("TLP:RED", TlpLevel::Red),
            ("amber+strict", TlpLevel::AmberStrict),
            ("Amber-Strict", TlpLevel::AmberStrict),
            ("white", TlpLevel::Clear),
            ("green", TlpLevel::Green),
        ] {
            assert_eq!(text.parse(), Ok(level), "{text}");
        }
        for bad in ["", "tlp", "purple", "red "] {
            assert_eq!(bad.parse::<TlpLevel>(), Err(UnknownLevel), "{bad}");
        }
    }

    #[test]
    fn numbers_rise_with_strictness_and_lead_back_to_their_level() {
        for pair in TlpLevel::ALL.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].number() < pair[1].number());
        }
        for level in TlpLevel::ALL {
            assert_eq!(TlpLevel::from_number(level.number()), Some(level));
        }
        assert_eq!(TlpLevel::from_number(5), None);
    }

    #[test]
    fn published_markings_have_their_level_and_look_alikes_the_strictest() {
        let green = r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da","created":"2017-01-20T00:00:00.000Z","definition_type":"tlp","name":"TLP:GREEN","definition":{"tlp":"green"}}"#;
        assert_eq!(level(green), Some(TlpLevel::Green));
        assert_eq!(level(&green.replace("-ebd3cc5e41da", "-ebd3cc5e41db")), Some(TlpLevel::Red));
        assert_eq!(level(&green.replace("\"green\"", "\"white\"")), Some(TlpLevel::Red));
        assert_eq!(level(&green.replace("2017-01-20", "2017-01-21")), Some(TlpLevel::Red));
        assert_eq!(level(&green.replace("\"name\":\"TLP:GREEN\",", "")), Some(TlpLevel::Green));
        let strict = format!(
            r#"{{"type":"marking-definition","spec_version":"2.1","id":"{}","created":"2022-10-01T00:00:00.000Z","name":"TLP:AMBER+STRICT","extensions":{{"{TLP_2}":{{"extension_type":"property-extension","tlp_2_0":"amber+strict"}}}}}}"#,
            TlpLevel::AmberStrict.id()
        );
        assert_eq!(level(&strict), Some(TlpLevel::AmberStrict));
        assert_eq!(level(&strict.replace("\"amber+strict\"", "\"clear\"")), Some(TlpLevel::Red));
        assert_eq!(
            level(
                r#"{"type":"marking-definition","id":"x","name":"tlp:clear","definition_type":"statement"}"#
            ),
            Some(TlpLevel::Red)
        );
        assert_eq!(
            level(r#"{"type":"marking-definition","id":"x","name":"house","definition":{"statement":"s"}}"#),
            None
        );
    }

    #[test]
    fn an_object_is_as_strict_as_its_strictest_marking() {
        let json = format!(
            r#"{{"type":"tool","object_marking_refs":["{}","other","{}"]}}"#,
            TlpLevel::Amber.id(),
            TlpLevel::Green.id()
        );
        let borne = |json: &str| tlp_of(&Json::parse(json.as_bytes()).unwrap());
        assert_eq!(borne(&json), Some(TlpLevel::Amber));
        assert_eq!(borne(&json.replace("tool", "marking-definition")), Some(TlpLevel::Amber));
        assert_eq!(borne(r#"{"type":"tool"}"#), None);
        assert_eq!(level(&json), None, "a tool defines no level");
    }
}
