//! STIX Domain Objects: section 4, in its order.

use super::property::{CORE, KILL_CHAIN_PHASE};
use super::vocabulary as voc;
use super::{EXACT_MAX, Kind, Need, Prop, Rule, Schema, TEXT, Target, Value, optional, required};
use crate::check::rules;
use crate::syntax;

const TEXTS: Value = Value::List(&TEXT);
const PHASES: Value = Value::List(&Value::Struct(&KILL_CHAIN_PHASE));
const SOFTWARE: Target = Target::Types(&["software"]);
const SEEN: Rule = Rule::NotBefore("first_seen", "last_seen");

const fn sdo(name: &'static str, own: &'static [Prop], rules: &'static [Rule]) -> Schema {
    Schema { name, kind: Kind::Domain, general: CORE, own, rules, extensions: &[], contributes: &[] }
}

/// All of them.
pub(crate) static ALL: &[&Schema] = &[
    &ATTACK_PATTERN,
    &CAMPAIGN,
    &COURSE_OF_ACTION,
    &GROUPING,
    &IDENTITY,
    &INCIDENT,
    &INDICATOR,
    &INFRASTRUCTURE,
    &INTRUSION_SET,
    &LOCATION,
    &MALWARE,
    &MALWARE_ANALYSIS,
    &NOTE,
    &OBSERVED_DATA,
    &OPINION,
    &REPORT,
    &THREAT_ACTOR,
    &TOOL,
    &VULNERABILITY,
];

static ATTACK_PATTERN: Schema = sdo(
    "attack-pattern",
    &[
        required("name", TEXT),
        optional("description", TEXT),
        optional("aliases", TEXTS),
        optional("kill_chain_phases", PHASES),
    ],
    &[Rule::Own(rules::capec_ids)],
);

static CAMPAIGN: Schema = sdo(
    "campaign",
    &[
        required("name", TEXT),
        optional("description", TEXT),
        optional("aliases", TEXTS),
        optional("first_seen", Value::Timestamp),
        optional("last_seen", Value::Timestamp),
        optional("objective", TEXT),
    ],
    &[SEEN],
);

static COURSE_OF_ACTION: Schema =
    sdo("course-of-action", &[required("name", TEXT), optional("description", TEXT)], &[]);

static GROUPING: Schema = sdo(
    "grouping",
    &[
        optional("name", TEXT),
        optional("description", TEXT),
        required("context", Value::Open(&voc::GROUPING_CONTEXT)),
        required("object_refs", Value::List(&Value::Reference(Target::Any))),
    ],
    &[],
);

static IDENTITY: Schema = sdo(
    "identity",
    &[
        required("name", TEXT),
        optional("description", TEXT),
        optional("roles", TEXTS),
        optional("identity_class", Value::Open(&voc::IDENTITY_CLASS)),
        optional("sectors", Value::List(&Value::Open(&voc::INDUSTRY_SECTOR))),
        optional("contact_information", TEXT),
    ],
    &[],
);

static INCIDENT: Schema = sdo("incident", &[required("name", TEXT), optional("description", TEXT)], &[]);

static INDICATOR: Schema = sdo(
    "indicator",
    &[
        optional("name", TEXT),
        optional("description", TEXT),
        optional("indicator_types", Value::List(&Value::Open(&voc::INDICATOR_TYPE))),
        required("pattern", TEXT),
        required("pattern_type", Value::Open(&voc::PATTERN_TYPE)),
        optional("pattern_version", TEXT),
        required("valid_from", Value::Timestamp),
        optional("valid_until", Value::Timestamp),
        optional("kill_chain_phases", PHASES),
    ],
    &[Rule::After("valid_from", "valid_until"), Rule::Own(rules::indicator_pattern)],
);

static INFRASTRUCTURE: Schema = sdo(
    "infrastructure",
    &[
        required("name", TEXT),
        optional("description", TEXT),
        optional("infrastructure_types", Value::List(&Value::Open(&voc::INFRASTRUCTURE_TYPE))),
        optional("aliases", TEXTS),
        optional("kill_chain_phases", PHASES),
        optional("first_seen", Value::Timestamp),
        optional("last_seen", Value::Timestamp),
    ],
    &[SEEN],
);

static INTRUSION_SET: Schema = sdo(
    "intrusion-set",
    &[
        required("name", TEXT),
        optional("description", TEXT),
        optional("aliases", TEXTS),
        optional("first_seen", Value::Timestamp),
        optional("last_seen", Value::Timestamp),
        optional("goals", TEXTS),
        optional("resource_level", Value::Open(&voc::ATTACK_RESOURCE_LEVEL)),
        optional("primary_motivation", Value::Open(&voc::ATTACK_MOTIVATION)),
        optional("secondary_motivations", Value::List(&Value::Open(&voc::ATTACK_MOTIVATION))),
    ],
    &[SEEN],
);

static LOCATION: Schema = sdo(
    "location",
    &[
        optional("name", TEXT),
        optional("description", TEXT),
        optional("latitude", Value::Number(-90.0, 90.0)),
        optional("longitude", Value::Number(-180.0, 180.0)),
        optional("precision", Value::Number(0.0, f64::MAX)),
        optional("region", Value::Open(&voc::REGION)),
        optional("country", Value::Formed(syntax::name::check_country)),
        optional("administrative_area", Value::Formed(syntax::name::check_area)),
        optional("city", TEXT),
        optional("street_address", TEXT),
        optional("postal_code", TEXT),
    ],
    &[
        Rule::OneOf(&["region", "country", "latitude"]),
        Rule::Needs("latitude", "longitude"),
        Rule::Needs("longitude", "latitude"),
        Rule::Needs("precision", "latitude"),
        Rule::Needs("precision", "longitude"),
    ],
);

static MALWARE: Schema = sdo(
    "malware",
    &[
        optional("name", TEXT),
        optional("description", TEXT),
        optional("malware_types", Value::List(&Value::Open(&voc::MALWARE_TYPE))),
        Prop { name: "is_family", need: Need::Expected, value: Value::Boolean },
        optional("aliases", TEXTS),
        optional("kill_chain_phases", PHASES),
        optional("first_seen", Value::Timestamp),
        optional("last_seen", Value::Timestamp),
        optional("operating_system_refs", Value::List(&Value::Reference(SOFTWARE))),
        optional("architecture_execution_envs", Value::List(&Value::Open(&voc::PROCESSOR_ARCHITECTURE))),
        optional("implementation_languages", Value::List(&Value::Open(&voc::IMPLEMENTATION_LANGUAGE))),
        optional("capabilities", Value::List(&Value::Open(&voc::MALWARE_CAPABILITIES))),
        optional("sample_refs", Value::List(&Value::Reference(Target::Types(&["file", "artifact"])))),
    ],
    &[SEEN, Rule::Own(rules::family_has_name)],
);

static MALWARE_ANALYSIS: Schema = sdo(
    "malware-analysis",
    &[
        required("product", Value::Formed(syntax::name::check_hyphenated)),
        optional("version", TEXT),
        optional("host_vm_ref", Value::Reference(SOFTWARE)),
        optional("operating_system_ref", Value::Reference(SOFTWARE)),
        optional("installed_software_refs", Value::List(&Value::Reference(SOFTWARE))),
        optional("configuration_version", TEXT),
        optional("modules", TEXTS),
        optional("analysis_engine_version", TEXT),
        optional("analysis_definition_version", TEXT),
        optional("submitted", Value::Timestamp),
        optional("analysis_started", Value::Timestamp),
        optional("analysis_ended", Value::Timestamp),
        optional("result_name", TEXT),
        optional("result", Value::Open(&voc::MALWARE_RESULT)),
        optional("analysis_sco_refs", Value::List(&Value::Reference(Target::Observable))),
        optional("sample_ref", Value::Reference(Target::Types(&["file", "network-traffic", "artifact"]))),
    ],
    &[Rule::OneOf(&["result", "analysis_sco_refs"])],
);

static NOTE: Schema = sdo(
    "note",
    &[
        optional("abstract", TEXT),
        required("content", TEXT),
        optional("authors", TEXTS),
        required("object_refs", Value::List(&Value::Reference(Target::Any))),
    ],
    &[],
);

static OBSERVED_DATA: Schema = sdo(
    "observed-data",
    &[
        required("first_observed", Value::Timestamp),
        required("last_observed", Value::Timestamp),
        required("number_observed", Value::Integer(1, 999_999_999)),
        Prop { name: "objects", need: Need::Deprecated, value: Value::Container },
        optional("object_refs", Value::List(&Value::Reference(Target::ObservableOrRelationship))),
    ],
    &[
        Rule::NotBefore("first_observed", "last_observed"),
        Rule::OneOf(&["objects", "object_refs"]),
        Rule::NotBoth("objects", "object_refs"),
        Rule::Own(rules::some_observable),
    ],
);

static OPINION: Schema = sdo(
    "opinion",
    &[
        optional("explanation", TEXT),
        optional("authors", TEXTS),
        required("opinion", Value::Closed(&voc::OPINION)),
        required("object_refs", Value::List(&Value::Reference(Target::Any))),
    ],
    &[],
);

static REPORT: Schema = sdo(
    "report",
    &[
        required("name", TEXT),
        optional("description", TEXT),
        optional("report_types", Value::List(&Value::Open(&voc::REPORT_TYPE))),
        required("published", Value::Timestamp),
        required("object_refs", Value::List(&Value::Reference(Target::Any))),
    ],
    &[],
);

static THREAT_ACTOR: Schema = sdo(
    "threat-actor",
    &[
        required("name", TEXT),
        optional("description", TEXT),
        optional("threat_actor_types", Value::List(&Value::Open(&voc::THREAT_ACTOR_TYPE))),
        optional("aliases", TEXTS),
        optional("first_seen", Value::Timestamp),
        optional("last_seen", Value::Timestamp),
        optional("roles", Value::List(&Value::Open(&voc::THREAT_ACTOR_ROLE))),
        optional("goals", TEXTS),
        optional("sophistication", Value::Open(&voc::THREAT_ACTOR_SOPHISTICATION)),
        optional("resource_level", Value::Open(&voc::ATTACK_RESOURCE_LEVEL)),
        optional("primary_motivation", Value::Open(&voc::ATTACK_MOTIVATION)),
        optional("secondary_motivations", Value::List(&Value::Open(&voc::ATTACK_MOTIVATION))),
        optional("personal_motivations", Value::List(&Value::Open(&voc::ATTACK_MOTIVATION))),
    ],
    &[SEEN],
);

static TOOL: Schema = sdo(
    "tool",
    &[
        required("name", TEXT),
        optional("description", TEXT),
        optional("tool_types", Value::List(&Value::Open(&voc::TOOL_TYPE))),
        optional("aliases", TEXTS),
        optional("kill_chain_phases", PHASES),
        optional("tool_version", TEXT),
    ],
    &[],
);

static VULNERABILITY: Schema = sdo(
    "vulnerability",
    &[required("name", TEXT), optional("description", TEXT)],
    &[Rule::Own(rules::cve_ids)],
);

/// How often a sighting may say something was seen (STIX 2.1, section 5.2).
pub const SIGHTINGS_MAX: i64 = 999_999_999;
const _: () = assert!(SIGHTINGS_MAX < EXACT_MAX);
