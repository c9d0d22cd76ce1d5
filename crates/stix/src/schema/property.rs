//! The properties that many types share (section 3.2), once for each way in which families of types take them, and the
//! nested structures of section 2.

use super::vocabulary as voc;
use super::{Need, Prop, Rule, Shape, TEXT, Target, Value, optional, required};
use crate::check::rules;
use crate::syntax;

const fn forbidden(name: &'static str, value: Value) -> Prop {
    Prop { name, need: Need::NotApplicable, value }
}

const fn unused(name: &'static str, value: Value) -> Prop {
    Prop { name, need: Need::NotInUse, value }
}

const REFERENCES: Value = Value::List(&Value::Struct(&EXTERNAL_REFERENCE));
const MARKINGS: Value = Value::List(&Value::Reference(Target::Types(&["marking-definition"])));
const GRANULAR: Value = Value::List(&Value::Struct(&GRANULAR_MARKING));
const CREATOR: Value = Value::Reference(Target::Types(&["identity"]));
const LABELS: Value = Value::List(&TEXT);
const CONFIDENCE: Value = Value::Integer(0, 100);
const LANGUAGE: Value = Value::Formed(syntax::language::check);

/// As domain objects and relationships take them.
pub(crate) static CORE: &[Prop] = &[
    required("type", Value::Head),
    required("id", Value::Head),
    required("spec_version", Value::Head),
    required("created", Value::VersionTime),
    required("modified", Value::VersionTime),
    optional("created_by_ref", CREATOR),
    optional("revoked", Value::Boolean),
    optional("labels", LABELS),
    optional("confidence", CONFIDENCE),
    optional("lang", LANGUAGE),
    optional("external_references", REFERENCES),
    optional("object_marking_refs", MARKINGS),
    optional("granular_markings", GRANULAR),
    optional("extensions", Value::Extensions),
    forbidden("defanged", Value::Boolean),
];

/// As observables take them.
pub(crate) static OBSERVABLE: &[Prop] = &[
    required("type", Value::Head),
    required("id", Value::Head),
    optional("spec_version", Value::Head),
    optional("object_marking_refs", MARKINGS),
    optional("granular_markings", GRANULAR),
    optional("defanged", Value::Boolean),
    optional("extensions", Value::Extensions),
    unused("created", Value::VersionTime),
    unused("modified", Value::VersionTime),
    unused("created_by_ref", CREATOR),
    unused("revoked", Value::Boolean),
    unused("labels", LABELS),
    unused("confidence", CONFIDENCE),
    unused("lang", LANGUAGE),
    unused("external_references", REFERENCES),
];

/// As language content takes them.
pub(crate) static LANGUAGE_CONTENT: &[Prop] = &[
    required("type", Value::Head),
    required("id", Value::Head),
    required("spec_version", Value::Head),
    required("created", Value::VersionTime),
    required("modified", Value::VersionTime),
    optional("created_by_ref", CREATOR),
    optional("revoked", Value::Boolean),
    optional("labels", LABELS),
    optional("confidence", CONFIDENCE),
    optional("external_references", REFERENCES),
    optional("object_marking_refs", MARKINGS),
    optional("granular_markings", GRANULAR),
    optional("extensions", Value::Extensions),
    forbidden("lang", LANGUAGE),
    forbidden("defanged", Value::Boolean),
];

/// As extension definitions take them.
pub(crate) static EXTENSION_DEFINITION: &[Prop] = &[
    required("type", Value::Head),
    required("id", Value::Head),
    required("spec_version", Value::Head),
    required("created", Value::VersionTime),
    required("modified", Value::VersionTime),
    required("created_by_ref", CREATOR),
    optional("revoked", Value::Boolean),
    optional("labels", LABELS),
    optional("external_references", REFERENCES),
    optional("object_marking_refs", MARKINGS),
    optional("granular_markings", GRANULAR),
    forbidden("confidence", CONFIDENCE),
    forbidden("lang", LANGUAGE),
    forbidden("defanged", Value::Boolean),
    forbidden("extensions", Value::Extensions),
];

/// As marking definitions take them.
pub(crate) static MARKING_DEFINITION: &[Prop] = &[
    required("type", Value::Head),
    required("id", Value::Head),
    required("spec_version", Value::Head),
    required("created", Value::VersionTime),
    optional("created_by_ref", CREATOR),
    optional("external_references", REFERENCES),
    optional("object_marking_refs", MARKINGS),
    optional("granular_markings", GRANULAR),
    optional("extensions", Value::Extensions),
    forbidden("modified", Value::VersionTime),
    forbidden("revoked", Value::Boolean),
    forbidden("labels", LABELS),
    forbidden("confidence", CONFIDENCE),
    forbidden("lang", LANGUAGE),
    forbidden("defanged", Value::Boolean),
];

/// As types that the specification does not define take them: all may be there, and are checked when they are.
pub(crate) static CUSTOM: &[Prop] = &[
    required("type", Value::Head),
    required("id", Value::Head),
    optional("spec_version", Value::Head),
    optional("created", Value::VersionTime),
    optional("modified", Value::VersionTime),
    optional("created_by_ref", CREATOR),
    optional("revoked", Value::Boolean),
    optional("labels", LABELS),
    optional("confidence", CONFIDENCE),
    optional("lang", LANGUAGE),
    optional("external_references", REFERENCES),
    optional("object_marking_refs", MARKINGS),
    optional("granular_markings", GRANULAR),
    optional("extensions", Value::Extensions),
    optional("defanged", Value::Boolean),
];

/// Section 2.5.
pub(crate) static EXTERNAL_REFERENCE: Shape = Shape {
    props: &[
        required("source_name", TEXT),
        optional("description", TEXT),
        optional("url", Value::Formed(syntax::url::check_reference)),
        optional("hashes", Value::Hashes),
        optional("external_id", TEXT),
    ],
    rules: &[Rule::OneOf(&["description", "url", "external_id"]), Rule::Own(rules::reference_hashes)],
};

/// Section 2.11.
pub(crate) static KILL_CHAIN_PHASE: Shape = Shape {
    props: &[
        required("kill_chain_name", Value::Formed(syntax::name::check_hyphenated)),
        required("phase_name", Value::Formed(syntax::name::check_hyphenated)),
    ],
    rules: &[],
};

/// Section 7.2.3.
pub(crate) static GRANULAR_MARKING: Shape = Shape {
    props: &[
        optional("lang", LANGUAGE),
        optional("marking_ref", Value::Reference(Target::Types(&["marking-definition"]))),
        required("selectors", Value::List(&TEXT)),
    ],
    rules: &[Rule::Own(rules::either_lang_or_marking)],
};

/// The property that every extension under an extension definition's identifier must have.
pub(crate) static EXTENSION_TYPE: Value = Value::Closed(&voc::EXTENSION_TYPE);
