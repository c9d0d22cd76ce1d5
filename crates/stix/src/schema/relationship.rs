//! Relationship objects (section 5) and the relationships that the specification lists (appendix B).

use super::domain::SIGHTINGS_MAX;
use super::property::CORE;
use super::{Kind, Prop, Rule, Schema, TEXT, Target, Value, kind_of, optional, required};
use crate::check::rules;
use crate::syntax;

const fn sro(name: &'static str, own: &'static [Prop], rules: &'static [Rule]) -> Schema {
    Schema { name, kind: Kind::Relationship, general: CORE, own, rules, extensions: &[], contributes: &[] }
}

/// Both of them.
pub(crate) static ALL: &[&Schema] = &[&RELATIONSHIP, &SIGHTING];

static RELATIONSHIP: Schema = sro(
    "relationship",
    &[
        required("relationship_type", Value::Formed(syntax::name::check_relationship_type)),
        optional("description", TEXT),
        required("source_ref", Value::Reference(Target::DomainOrObservable)),
        required("target_ref", Value::Reference(Target::DomainOrObservable)),
        optional("start_time", Value::Timestamp),
        optional("stop_time", Value::Timestamp),
    ],
    &[Rule::After("start_time", "stop_time"), Rule::Own(rules::listed_relationship)],
);

static SIGHTING: Schema = sro(
    "sighting",
    &[
        optional("description", TEXT),
        optional("first_seen", Value::Timestamp),
        optional("last_seen", Value::Timestamp),
        optional("count", Value::Integer(0, SIGHTINGS_MAX)),
        required("sighting_of_ref", Value::Reference(Target::Domain)),
        optional("observed_data_refs", Value::List(&Value::Reference(Target::Types(&["observed-data"])))),
        optional(
            "where_sighted_refs",
            Value::List(&Value::Reference(Target::Types(&["identity", "location"]))),
        ),
        optional("summary", Value::Boolean),
    ],
    &[Rule::NotBefore("first_seen", "last_seen")],
);

/// Whether appendix B, or section 3.7, lists this relationship between these types. Relationships from or to custom
/// types are never listed, so they count as listed: there is nothing to compare them with.
pub(crate) fn is_listed(source: &str, relationship: &str, target: &str) -> bool {
    if kind_of(source) == Kind::Custom || kind_of(target) == Kind::Custom {
        return true;
    }
    match relationship {
        "related-to" => return true,
        "derived-from" | "duplicate-of" => return source == target,
        "consists-of" if source == "infrastructure" && kind_of(target) == Kind::Observable => return true,
        _ => {}
    }
    LISTED
        .iter()
        .any(|(from, names, to)| *from == source && names.contains(&relationship) && to.contains(&target))
}

type Line = (&'static str, &'static [&'static str], &'static [&'static str]);

const VICTIMS: &[&str] = &["identity", "location", "vulnerability"];
const MEANS: &[&str] = &["attack-pattern", "infrastructure", "malware", "tool"];
const ADDRESSES: &[&str] = &["ipv4-addr", "ipv6-addr", "domain-name", "url"];

static LISTED: &[Line] = &[
    ("attack-pattern", &["delivers"], &["malware"]),
    ("attack-pattern", &["targets"], VICTIMS),
    ("attack-pattern", &["uses"], &["malware", "tool"]),
    ("campaign", &["attributed-to"], &["intrusion-set", "threat-actor"]),
    ("campaign", &["compromises"], &["infrastructure"]),
    ("campaign", &["originates-from"], &["location"]),
    ("campaign", &["targets"], VICTIMS),
    ("campaign", &["uses"], MEANS),
    ("course-of-action", &["investigates"], &["indicator"]),
    (
        "course-of-action",
        &["mitigates"],
        &["attack-pattern", "indicator", "malware", "tool", "vulnerability"],
    ),
    ("course-of-action", &["remediates"], &["malware", "vulnerability"]),
    ("domain-name", &["resolves-to"], &["domain-name", "ipv4-addr", "ipv6-addr"]),
    ("identity", &["located-at"], &["location"]),
    (
        "indicator",
        &["indicates"],
        &["attack-pattern", "campaign", "infrastructure", "intrusion-set", "malware", "threat-actor", "tool"],
    ),
    ("indicator", &["based-on"], &["observed-data"]),
    ("infrastructure", &["communicates-with"], ADDRESSES),
    ("infrastructure", &["communicates-with", "uses"], &["infrastructure"]),
    ("infrastructure", &["consists-of"], &["infrastructure", "observed-data"]),
    ("infrastructure", &["controls"], &["infrastructure", "malware"]),
    ("infrastructure", &["delivers"], &["malware"]),
    ("infrastructure", &["has"], &["vulnerability"]),
    ("infrastructure", &["hosts"], &["tool", "malware"]),
    ("infrastructure", &["located-at"], &["location"]),
    ("intrusion-set", &["attributed-to"], &["threat-actor"]),
    ("intrusion-set", &["compromises", "hosts", "owns"], &["infrastructure"]),
    ("intrusion-set", &["originates-from"], &["location"]),
    ("intrusion-set", &["targets"], VICTIMS),
    ("intrusion-set", &["uses"], MEANS),
    ("ipv4-addr", &["belongs-to"], &["autonomous-system"]),
    ("ipv4-addr", &["resolves-to"], &["mac-addr"]),
    ("ipv6-addr", &["belongs-to"], &["autonomous-system"]),
    ("ipv6-addr", &["resolves-to"], &["mac-addr"]),
    ("malware", &["authored-by"], &["threat-actor", "intrusion-set"]),
    ("malware", &["beacons-to", "exfiltrates-to"], &["infrastructure"]),
    ("malware", &["communicates-with"], ADDRESSES),
    ("malware", &["controls", "variant-of"], &["malware"]),
    ("malware", &["downloads", "drops"], &["malware", "tool", "file"]),
    ("malware", &["exploits"], &["vulnerability"]),
    ("malware", &["originates-from"], &["location"]),
    ("malware", &["targets"], &["identity", "infrastructure", "location", "vulnerability"]),
    ("malware", &["uses"], MEANS),
    (
        "malware-analysis",
        &["characterizes", "av-analysis-of", "static-analysis-of", "dynamic-analysis-of"],
        &["malware"],
    ),
    ("threat-actor", &["attributed-to", "impersonates"], &["identity"]),
    ("threat-actor", &["compromises", "hosts", "owns"], &["infrastructure"]),
    ("threat-actor", &["located-at"], &["location"]),
    ("threat-actor", &["targets"], VICTIMS),
    ("threat-actor", &["uses"], MEANS),
    ("tool", &["delivers", "drops"], &["malware"]),
    ("tool", &["has"], &["vulnerability"]),
    ("tool", &["targets"], &["identity", "infrastructure", "location", "vulnerability"]),
    ("tool", &["uses"], &["infrastructure"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relationships_are_looked_up_by_both_ends() {
        assert!(is_listed("malware", "targets", "identity"));
        assert!(is_listed("tool", "related-to", "file"));
        assert!(is_listed("infrastructure", "consists-of", "mutex"));
        assert!(is_listed("malware", "derived-from", "malware"));
        assert!(is_listed("x-foo", "anything", "malware"));
        assert!(!is_listed("malware", "derived-from", "tool"));
        assert!(!is_listed("identity", "targets", "malware"));
        assert!(!is_listed("malware", "haunts", "identity"));
    }
}
