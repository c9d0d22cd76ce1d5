//! STIX Meta Objects: section 7.

use super::property::{EXTENSION_DEFINITION, LANGUAGE_CONTENT, MARKING_DEFINITION};
use super::vocabulary as voc;
use super::{Kind, Need, Prop, Rule, Schema, TEXT, Target, Value, optional, required};
use crate::check::rules;
use crate::syntax;

/// All of them.
pub(crate) static ALL: &[&Schema] = &[&MARKING, &EXTENSION, &LANGUAGE];

static MARKING: Schema = Schema {
    name: "marking-definition",
    kind: Kind::Meta,
    general: MARKING_DEFINITION,
    own: &[
        optional("name", TEXT),
        // deprecated by the text, but the published TLP 1 markings themselves are made of them: the remark is the rule's
        optional("definition_type", TEXT),
        optional("definition", Value::Free),
    ],
    rules: &[Rule::Own(rules::marking_content), Rule::Own(rules::marking_of_itself)],
    extensions: &[],
    contributes: &[],
};

static EXTENSION: Schema = Schema {
    name: "extension-definition",
    kind: Kind::Meta,
    general: EXTENSION_DEFINITION,
    own: &[
        required("name", TEXT),
        optional("description", TEXT),
        required("schema", TEXT),
        required("version", Value::Formed(syntax::name::check_semantic_version)),
        required("extension_types", Value::List(&Value::Closed(&voc::EXTENSION_TYPE))),
        optional("extension_properties", Value::List(&Value::Formed(syntax::name::check_extension_property))),
    ],
    rules: &[Rule::Own(rules::extension_properties)],
    extensions: &[],
    contributes: &[],
};

static LANGUAGE: Schema = Schema {
    name: "language-content",
    kind: Kind::Meta,
    general: LANGUAGE_CONTENT,
    own: &[
        required("object_ref", Value::Reference(Target::Any)),
        optional("object_modified", Value::Timestamp),
        Prop { name: "contents", need: Need::Required, value: Value::Translations },
    ],
    rules: &[],
    extensions: &[],
    contributes: &[],
};
