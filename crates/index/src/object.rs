//! What an object can be found by: terms, references, words, label, and the facts a look-up answers with. Pure.
//!
//! Reads the tree once. Knows the properties of STIX by name where their meaning matters; any other string is searchable text,
//! so nothing a producer adds is lost to search.
//!
//! Does not judge: a value is indexed as it stands, whatever findings the object has. Names of persons (identities of class
//! `individual`) are text only: they are searched, never correlated.

use base::Micros;
use base::limit::TERMS_PER_OBJECT_MAX;
use stix::json::Members;
use stix::{Json, Timestamp, TlpLevel, Valid};

use crate::called::marks;
use crate::exact::{host_term, name_term, other_term, reference_term, value_term};
use crate::label::label_of;
use crate::text::Cutter;
use crate::{Term, TermKind, named};

/// A reference from an object to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The property it stands in, or the type of the relationship.
    pub name: String,
    /// The object it starts at; `None` = the object it stands in.
    pub source: Option<String>,
    /// The object it ends at.
    pub target: String,
}

/// What a sighting says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `sighting_of_ref`.
    pub of: String,
    /// `count`, 1 where absent.
    pub count: i64,
    /// `last_seen`, where given.
    pub last_seen: Option<Micros>,
}

/// Everything a store derives from one object for finding it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// Terms, distinct, at most [`TERMS_PER_OBJECT_MAX`]. Addresses and ranges among them tell their ends: [`Term::ends`].
    pub terms: Vec<Term>,
    /// References, distinct. A relationship's two ends are one reference of its own type.
    pub references: Vec<Reference>,
    /// Text cut by [`crate::words`], and the marks of its names ([`crate::called`]).
    pub words: String,
    /// One line a person recognises the object by; never empty.
    pub label: String,
    /// The text of an indicator's STIX pattern, where it can be read.
    pub pattern: Option<String>,
    /// What it says, when it is a sighting.
    pub seen: Option<Seen>,
    /// `valid_from` of an indicator.
    pub starts: Option<Micros>,
    /// `valid_until` of an indicator.
    pub expires: Option<Micros>,
    /// `confidence`, 0 to 100.
    pub confidence: Option<u8>,
    /// The strictest published TLP marking that the object or any part of it bears.
    pub tlp: Option<TlpLevel>,
}

/// What to index of an object.
///
/// # Limits
/// Time linear in the object (n log n in its terms); depth is bounded by the reading of it.
#[must_use]
pub fn of_object(valid: &Valid<'_>) -> Indexed {
    let json = valid.json();
    let Some(members) = json.as_object() else { return Indexed::default() };
    let type_name = valid.type_name();
    let mut gathered = Gathered::default();
    gathered.object(type_name, members);
    let pattern = named::pattern_of(valid, members, |term| gathered.put(term));
    gathered.terms.sort_unstable();
    gathered.terms.dedup();
    Indexed {
        terms: gathered.terms,
        references: references_of(type_name, members, gathered.references),
        words: with_marks(gathered.cutter.into_words(), &marks(members)),
        label: label_of(type_name, members),
        pattern,
        seen: seen_of(type_name, members),
        starts: (type_name == "indicator").then(|| moment(members, "valid_from")).flatten(),
        expires: (type_name == "indicator").then(|| moment(members, "valid_until")).flatten(),
        confidence: members.get("confidence").and_then(Json::as_integer).and_then(percent),
        tlp: stix::marking::tlp_of(json).max(gathered.part_tlp),
    }
}

fn with_marks(mut words: String, marks: &str) -> String {
    if !words.is_empty() && !marks.is_empty() {
        words.push(' ');
    }
    words.push_str(marks);
    words
}

fn percent(value: i64) -> Option<u8> {
    u8::try_from(value).ok().filter(|value| *value <= 100)
}

fn text<'m>(members: &'m Members<'_>, key: &str) -> Option<&'m str> {
    members.get(key).and_then(Json::as_str)
}

fn moment(members: &Members<'_>, key: &str) -> Option<Micros> {
    let time = Timestamp::parse(text(members, key)?).ok()?;
    Some(time.micros())
}

fn seen_of(type_name: &str, members: &Members<'_>) -> Option<Seen> {
    if type_name != "sighting" {
        return None;
    }
    Some(Seen {
        of: text(members, "sighting_of_ref")?.to_owned(),
        count: members.get("count").and_then(Json::as_integer).unwrap_or(1),
        last_seen: moment(members, "last_seen"),
    })
}

fn references_of(type_name: &str, members: &Members<'_>, mut plain: Vec<Reference>) -> Vec<Reference> {
    if type_name == "relationship"
        && let (Some(source), Some(target)) = (text(members, "source_ref"), text(members, "target_ref"))
    {
        plain.retain(|edge| !matches!(edge.name.as_str(), "source_ref" | "target_ref"));
        let name = text(members, "relationship_type").unwrap_or("related-to").to_owned();
        plain.push(Reference { name, source: Some(source.to_owned()), target: target.to_owned() });
    }
    plain.sort_unstable();
    plain.dedup();
    plain
}

/// What one walk over the tree finds.
#[derive(Default)]
struct Gathered {
    terms: Vec<Term>,
    references: Vec<Reference>,
    cutter: Cutter,
    part_tlp: Option<TlpLevel>,
}

/// Properties whose strings say nothing to a reader.
const UNREAD: [&str; 12] = [
    "id",
    "type",
    "spec_version",
    "pattern_type",
    "pattern_version",
    "definition_type",
    "selectors",
    "payload_bin",
    "kill_chain_name",
    "lang",
    "content_type",
    "encryption_algorithm",
];

impl Gathered {
    fn put(&mut self, term: Option<Term>) {
        let host = term.as_ref().filter(|term| term.kind == TermKind::Url);
        let host = host.and_then(|url| host_term(&url.value));
        for term in term.into_iter().chain(host) {
            if self.terms.len() < TERMS_PER_OBJECT_MAX {
                self.terms.push(term);
            }
        }
    }

    /// An object: its own, or an observable inside an `observed-data` of old.
    fn object(&mut self, type_name: &str, members: &Members<'_>) {
        for (key, value) in members.iter() {
            match (key, value) {
                ("external_references", Json::List(items)) => items.iter().for_each(|item| self.source(item)),
                ("granular_markings", Json::List(items)) => {
                    items.iter().for_each(|item| self.part_marking(item))
                }
                ("objects", Json::Object(objects)) if type_name == "observed-data" => {
                    for (_, object) in objects.iter() {
                        self.inner(object);
                    }
                }
                _ => {
                    named::terms_of(type_name, members, (key, value), |term| self.put(term));
                    self.member(key, value);
                }
            }
        }
    }

    fn inner(&mut self, object: &Json<'_>) {
        if let (Some(members), Some(type_name)) =
            (object.as_object(), object.get("type").and_then(Json::as_str))
            && type_name != "observed-data"
        {
            self.object(type_name, members);
        }
    }

    /// Any member at any depth: references, hashes and words.
    fn member(&mut self, key: &str, value: &Json<'_>) {
        match value {
            Json::String(text) => self.string(key, text),
            Json::List(items) => items.iter().for_each(|item| self.member(key, item)),
            Json::Object(members) => {
                for (inner, value) in members.iter() {
                    if key == "hashes"
                        && let Some(hash) = value.as_str()
                    {
                        self.put(value_term(hash));
                    }
                    self.member(inner, value);
                }
            }
            Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Float(_) => {}
        }
    }

    fn string(&mut self, key: &str, value: &str) {
        if key.ends_with("_ref") || key.ends_with("_refs") {
            if stix::id::check(value).is_ok() {
                self.references.push(Reference {
                    name: key.to_owned(),
                    source: None,
                    target: value.to_owned(),
                });
            }
            return;
        }
        if !UNREAD.contains(&key) && !key.ends_with("_version") && !is_time(value) {
            self.cutter.add(value);
        }
    }

    /// An external reference: where something was published, and under which number.
    fn source(&mut self, source: &Json<'_>) {
        let Some(members) = source.as_object() else { return };
        for (key, value) in members.iter() {
            match (key, value) {
                ("external_id", Json::String(id)) => {
                    self.put(reference_term(id));
                    self.cutter.add(id);
                }
                ("url" | "hashes", _) => {}
                _ => self.member(key, value),
            }
        }
    }

    fn part_marking(&mut self, marking: &Json<'_>) {
        if let Some(id) = marking.get("marking_ref").and_then(Json::as_str) {
            self.part_tlp = self.part_tlp.max(stix::marking::tlp_of_id(id));
            self.string("marking_ref", id);
        }
    }
}

/// Whether a string has the outer form of a timestamp; those are no words.
fn is_time(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.len() >= 20 && bytes.get(4) == Some(&b'-') && bytes.get(10) == Some(&b'T') && bytes.ends_with(b"Z")
}

/// The term of an SDO's name, or `None` where names are not correlated.
pub(crate) fn name_of(type_name: &str, members: &Members<'_>, name: &str) -> Option<Term> {
    if type_name == "identity" && text(members, "identity_class") == Some("individual") {
        return None;
    }
    name_term(name)
}

/// The term of an observable's text.
pub(crate) fn observable(kind: Observable, value: &str) -> Option<Term> {
    match kind {
        Observable::Network => value_term(value),
        Observable::Text => other_term(value),
    }
}

/// How an observable's value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observable {
    /// By its form: addresses, domains, URLs, e-mail addresses, hashes.
    Network,
    /// As text.
    Text,
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
