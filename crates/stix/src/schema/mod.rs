//! The specification's property tables as data: one [`Schema`] a type, walked by the one engine in `check`.
//!
//! A new type or property is a line in one of the tables below this file; a rule between properties is a [`Rule`]. Nothing
//! here looks at an object. Source: STIX 2.1, sections 2 to 8.

pub(crate) mod domain;
pub(crate) mod extension;
pub(crate) mod meta;
pub(crate) mod observable;
pub(crate) mod property;
pub(crate) mod relationship;
pub(crate) mod vocabulary;

use crate::check::Checker;
use crate::json::Members;
use crate::report::Place;
pub use domain::SIGHTINGS_MAX;
use vocabulary::Vocabulary;

/// What family an object's type belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A STIX Domain Object, e.g. `indicator` (section 4).
    Domain,
    /// A relationship or a sighting (section 5).
    Relationship,
    /// A cyber-observable, e.g. `ipv4-addr` (section 6).
    Observable,
    /// A marking definition, extension definition or language content (section 7).
    Meta,
    /// A type that the specification does not define.
    Custom,
}

/// One type of object.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Its type name.
    pub(crate) name: &'static str,
    /// Its family.
    pub(crate) kind: Kind,
    /// The properties of section 3.2 with what they are to this type.
    pub(crate) general: &'static [Prop],
    /// The type's own properties.
    pub(crate) own: &'static [Prop],
    /// Rules between properties.
    pub(crate) rules: &'static [Rule],
    /// Predefined extensions by their key.
    pub(crate) extensions: &'static [(&'static str, &'static Shape)],
    /// The properties that make a deterministic identifier (observables only).
    pub(crate) contributes: &'static [&'static str],
}

/// A nested structure.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Its properties.
    pub(crate) props: &'static [Prop],
    /// Rules between them.
    pub(crate) rules: &'static [Rule],
}

/// One property of a type or structure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prop {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it must, may or must not be there.
    pub(crate) need: Need,
    /// What its value must be.
    pub(crate) value: Value,
}

/// Whether a property must, may or must not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It must: without it the bytes are no object of this type.
    Required,
    /// It must, but an object without it can still be kept.
    Expected,
    /// It may.
    Optional,
    /// It may, but new content should not have it.
    Deprecated,
    /// It must not.
    NotApplicable,
    /// The specification does not use it here, without forbidding it.
    NotInUse,
}

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// Examined with the head of the object: type, id and `spec_version`.
    Head,
    /// Any string.
    Text,
    /// A string of a certain form.
    Formed(fn(&str) -> Result<(), Fault>),
    /// `true` or `false`.
    Boolean,
    /// An integer in a range, both ends included.
    Integer(i64, i64),
    /// A number in a range, both ends included.
    Number(f64, f64),
    /// A timestamp.
    Timestamp,
    /// A timestamp with at least milliseconds.
    VersionTime,
    /// A timestamp in whole seconds.
    WholeSeconds,
    /// Octets in hexadecimal.
    Hex,
    /// Octets in base64.
    Binary,
    /// Hashes by algorithm.
    Hashes,
    /// A term, preferably of this vocabulary.
    Open(&'static Vocabulary),
    /// A term of this enumeration.
    Closed(&'static Vocabulary),
    /// The identifier of another object.
    Reference(Target),
    /// A list of such values.
    List(&'static Value),
    /// A nested structure.
    Struct(&'static Shape),
    /// Members with free names and such values.
    Dictionary(&'static Value),
    /// A string or an integer.
    TextOrInteger,
    /// Anything but null and emptiness.
    Free,
    /// The `extensions` property.
    Extensions,
    /// Observables of STIX 2.0 by local keys (section 2.13).
    Container,
    /// Translations by language (section 7.1).
    Translations,
}

/// Which types of object a reference may point to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// Any STIX object.
    Any,
    /// One of these types.
    Types(&'static [&'static str]),
    /// A domain object or one of a custom type.
    Domain,
    /// An observable or an object of a custom type.
    Observable,
    /// A domain object, an observable or one of a custom type.
    DomainOrObservable,
    /// An observable, a relationship or an object of a custom type.
    ObservableOrRelationship,
}

impl Target {
    /// Whether a reference may point to an object of this type.
    pub(crate) fn takes(self, type_name: &str) -> bool {
        let kind = kind_of(type_name);
        match self {
            Self::Any => type_name != "bundle",
            Self::Types(types) => types.contains(&type_name),
            _ if type_name == "bundle" => false,
            Self::Domain => matches!(kind, Kind::Domain | Kind::Custom),
            Self::Observable => matches!(kind, Kind::Observable | Kind::Custom),
            Self::DomainOrObservable => matches!(kind, Kind::Domain | Kind::Observable | Kind::Custom),
            Self::ObservableOrRelationship => {
                matches!(kind, Kind::Observable | Kind::Relationship | Kind::Custom)
            }
        }
    }

    /// What the reference may point to, in words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Any => "a STIX object".to_owned(),
            Self::Types(types) => types.join(" or "),
            Self::Domain => "a domain object".to_owned(),
            Self::Observable => "an observable".to_owned(),
            Self::DomainOrObservable => "a domain object or an observable".to_owned(),
            Self::ObservableOrRelationship => "an observable or a relationship".to_owned(),
        }
    }
}

/// What is wrong with the form of a string.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Whether the text only advises against it.
    pub(crate) weight: Weight,
    /// Its code.
    pub(crate) code: &'static str,
    /// What is wrong, without the value.
    pub(crate) words: &'static str,
}

/// Whether a fault breaks a MUST or a SHOULD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// A MUST.
    Must,
    /// A SHOULD.
    Should,
}

/// A rule between properties.
#[derive(Debug)]
pub(crate) enum Rule {
    /// The second time is not before the first.
    NotBefore(&'static str, &'static str),
    /// The second time is after the first.
    After(&'static str, &'static str),
    /// At least one of these is present.
    OneOf(&'static [&'static str]),
    /// The two are not both present.
    NotBoth(&'static str, &'static str),
    /// The first is not present without the second.
    Needs(&'static str, &'static str),
    /// At least one of the type's own properties is present.
    AnyOwn,
    /// At least one of the type's own properties, or an extension, is present.
    AnyOwnOrExtension,
    /// A rule of its own.
    Own(OwnRule),
}

/// A rule that is code; gets the members of the object or structure it is about.
pub(crate) type OwnRule = fn(&mut Checker<'_, '_>, &Members<'_>, &Place<'_>);

/// The schema of a type, or `None` for a custom one.
pub(crate) fn of(type_name: &str) -> Option<&'static Schema> {
    TABLES.iter().find_map(|table| table.iter().find(|schema| schema.name == type_name)).copied()
}

static TABLES: [&[&Schema]; 4] = [relationship::ALL, observable::ALL, domain::ALL, meta::ALL];

/// The names of the types that the specification defines.
#[must_use]
pub fn type_names() -> Vec<&'static str> {
    TABLES.iter().copied().flatten().map(|schema| schema.name).collect()
}

/// The family of a type.
#[must_use]
pub fn kind_of(type_name: &str) -> Kind {
    of(type_name).map_or(Kind::Custom, |schema| schema.kind)
}

const fn required(name: &'static str, value: Value) -> Prop {
    Prop { name, need: Need::Required, value }
}

const fn optional(name: &'static str, value: Value) -> Prop {
    Prop { name, need: Need::Optional, value }
}

/// A string.
const TEXT: Value = Value::Text;
/// Not negative, and exact in a double.
const COUNT: Value = Value::Integer(0, EXACT_MAX);
/// Exact in a double.
const INTEGER: Value = Value::Integer(-EXACT_MAX, EXACT_MAX);
/// The largest integer that RFC 7493 calls exact.
const EXACT_MAX: i64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit_the_engine() {
        for schema in TABLES.iter().copied().flatten() {
            assert!(
                schema.general.len() + schema.own.len() <= 64,
                "{}: more properties than bits",
                schema.name
            );
            let mut names: Vec<&str> =
                schema.general.iter().chain(schema.own).map(|prop| prop.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}: a property twice", schema.name);
            for name in schema.contributes {
                assert!(names.contains(name), "{}: {name} contributes but is no property", schema.name);
            }
            assert!(
                !schema.contributes.is_empty() || schema.kind != Kind::Observable || schema.name == "process"
            );
        }
    }

    #[test]
    fn every_type_of_the_specification_is_here() {
        assert_eq!(TABLES.iter().map(|table| table.len()).sum::<usize>(), 19 + 2 + 18 + 3);
        assert_eq!(kind_of("indicator"), Kind::Domain);
        assert_eq!(kind_of("sighting"), Kind::Relationship);
        assert_eq!(kind_of("file"), Kind::Observable);
        assert_eq!(kind_of("marking-definition"), Kind::Meta);
        assert_eq!(kind_of("x-mitre-tactic"), Kind::Custom);
    }
}
