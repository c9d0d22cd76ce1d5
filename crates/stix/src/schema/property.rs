//! The properties that many types share, as the specification has them: one table with a column for each way in which a
//! family of types takes them (section 3.2). And the nested structures of section 2.

use super::vocabulary as voc;
use super::{Need, Prop, Rule, Shape, TEXT, Target, Value, optional, required};
use crate::check::rules;
use crate::syntax;

const REFERENCES: Value = Value::List(&Value::Struct(&EXTERNAL_REFERENCE));
const MARKINGS: Value = Value::List(&Value::Reference(Target::Types(&["marking-definition"])));
const GRANULAR: Value = Value::List(&Value::Struct(&GRANULAR_MARKING));
const CREATOR: Value = Value::Reference(Target::Types(&["identity"]));
const LABELS: Value = Value::List(&TEXT);
const CONFIDENCE: Value = Value::Integer(0, 100);
const LANGUAGE: Value = Value::Formed(syntax::language::check);

/// A family of types, as the place of its column below.
#[derive(Clone, Copy)]
enum Column {
    DomainOrRelationship,
    Observable,
    LanguageContent,
    ExtensionDefinition,
    MarkingDefinition,
    Custom,
}

/// One property, and what it is to each family in the order of [`Column`].
struct Line(&'static str, Value, [Need; 6]);

const MUST: Need = Need::Required;
const MAY: Need = Need::Optional;
const NO: Need = Need::NotApplicable;
/// Not in use, and not forbidden either.
const IDLE: Need = Need::NotInUse;

/// The table of section 3.2. Types that the specification does not define may have all, checked where they do.
#[rustfmt::skip]
const GENERAL: [Line; 15] = [
    //                                                    core  sco   lang  ext   mark  custom
    Line("type", Value::Head,                            [MUST, MUST, MUST, MUST, MUST, MUST]),
    Line("id", Value::Head,                              [MUST, MUST, MUST, MUST, MUST, MUST]),
    Line("spec_version", Value::Head,                    [MUST, MAY,  MUST, MUST, MUST, MAY]),
    Line("created", Value::VersionTime,                  [MUST, IDLE, MUST, MUST, MUST, MAY]),
    Line("modified", Value::VersionTime,                 [MUST, IDLE, MUST, MUST, NO,   MAY]),
    Line("created_by_ref", CREATOR,                      [MAY,  IDLE, MAY,  MUST, MAY,  MAY]),
    Line("revoked", Value::Boolean,                      [MAY,  IDLE, MAY,  MAY,  NO,   MAY]),
    Line("labels", LABELS,                               [MAY,  IDLE, MAY,  MAY,  NO,   MAY]),
    Line("confidence", CONFIDENCE,                       [MAY,  IDLE, MAY,  NO,   NO,   MAY]),
    Line("lang", LANGUAGE,                               [MAY,  IDLE, NO,   NO,   NO,   MAY]),
    Line("external_references", REFERENCES,              [MAY,  IDLE, MAY,  MAY,  MAY,  MAY]),
    Line("object_marking_refs", MARKINGS,                [MAY,  MAY,  MAY,  MAY,  MAY,  MAY]),
    Line("granular_markings", GRANULAR,                  [MAY,  MAY,  MAY,  MAY,  MAY,  MAY]),
    Line("extensions", Value::Extensions,                [MAY,  MAY,  MAY,  NO,   MAY,  MAY]),
    Line("defanged", Value::Boolean,                     [NO,   MAY,  NO,   NO,   NO,   MAY]),
];

const fn of(column: Column) -> [Prop; GENERAL.len()] {
    let mut props = [const { required("type", Value::Head) }; GENERAL.len()];
    let mut at = 0;
    while at < props.len() {
        let Line(name, value, needs) = &GENERAL[at];
        props[at] = Prop { name, need: needs[column as usize], value: *value };
        at += 1;
    }
    props
}

/// As domain objects and relationships take them.
pub(crate) static CORE: &[Prop] = &of(Column::DomainOrRelationship);
/// As observables take them.
pub(crate) static OBSERVABLE: &[Prop] = &of(Column::Observable);
/// As language content takes them.
pub(crate) static LANGUAGE_CONTENT: &[Prop] = &of(Column::LanguageContent);
/// As extension definitions take them.
pub(crate) static EXTENSION_DEFINITION: &[Prop] = &of(Column::ExtensionDefinition);
/// As marking definitions take them.
pub(crate) static MARKING_DEFINITION: &[Prop] = &of(Column::MarkingDefinition);
/// As types that the specification does not define take them: all may be there, and are checked when they are.
pub(crate) static CUSTOM: &[Prop] = &of(Column::Custom);

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
