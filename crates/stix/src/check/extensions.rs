//! The `extensions` property: sections 3.2, 3.10, 7.3 and 11.3.

use super::Checker;
use crate::code;
use crate::finding::Severity;
use crate::id;
use crate::json::{Json, Members};
use crate::quote::quoted;
use crate::report::Place;
use crate::schema::property::EXTENSION_TYPE;
use crate::schema::{Kind, Shape, extension};
use crate::syntax::name;

impl<'s> Checker<'_, 's> {
    /// Checks every extension of the object.
    pub(super) fn extensions(&mut self, value: &'s Json<'s>, place: &Place<'_>) {
        let Some(members) = self.filled(value, place) else { return };
        for (key, extension) in members.iter() {
            let here = place.key(key);
            if let Some(shape) = self.predefined(key) {
                self.structure(shape, extension, &here);
                continue;
            }
            let Some(content) = self.filled(extension, &here) else { continue };
            if key.starts_with("extension-definition--") {
                self.defined(key, content, &here);
            } else {
                self.custom_extension(key, content, &here);
            }
        }
    }

    fn predefined(&self, key: &str) -> Option<&'static Shape> {
        let extensions = self.schema?.extensions;
        extensions.iter().find(|(known, _)| *known == key).map(|(_, shape)| *shape)
    }

    /// An extension under the identifier of its definition.
    fn defined(&mut self, key: &str, content: &'s Members<'s>, place: &Place<'_>) {
        if let Err(error) = id::check(key) {
            self.add(Severity::Error, code::EXTENSION_KEY, place, error.to_string());
        }
        let here = place.key("extension_type");
        match content.get("extension_type") {
            Some(kind) => {
                self.value(&EXTENSION_TYPE, kind, &here);
                let introduces = matches!(kind.as_str(), Some("new-sdo" | "new-sco" | "new-sro"));
                if introduces && self.schema.is_some() {
                    let message = "an extension must not introduce a type that the specification defines";
                    self.add(Severity::Error, code::EXTENSION_TYPE, &here, message);
                }
            }
            None => {
                let message = "extension_type is required under an extension definition's identifier";
                self.add(Severity::Error, code::EXTENSION_TYPE, &here, message);
            }
        }
        self.extension_content(content, place);
    }

    /// An extension under a name that is neither an identifier nor predefined for this type.
    fn custom_extension(&mut self, key: &str, content: &'s Members<'s>, place: &Place<'_>) {
        let on_observable = self.schema.is_none_or(|schema| schema.kind == Kind::Observable);
        if extension::ALL.iter().any(|table| table.iter().any(|(known, _)| *known == key)) {
            let message = format!("extension {key} is predefined for another type");
            self.add(Severity::Error, code::EXTENSION_KEY, place, message);
        } else if !name::is_custom_extension(key) {
            let message =
                format!("extension key {} is neither an identifier nor a name ending in -ext", quoted(key));
            self.add(Severity::Error, code::EXTENSION_KEY, place, message);
        } else if !on_observable {
            let message = format!("custom extension {} is on an object that is no observable", quoted(key));
            self.add(Severity::Error, code::EXTENSION_KEY, place, message);
        } else {
            let message = format!(
                "{} is a custom extension; new content should use an extension definition",
                quoted(key)
            );
            self.add(Severity::Warning, code::EXTENSION_CUSTOM, place, message);
        }
        if let Some(kind) = content.get("extension_type") {
            self.value(&EXTENSION_TYPE, kind, &place.key("extension_type"));
        }
        if self.container.is_some() {
            // in STIX 2.0 the names of a custom extension's properties were free
            for (key, value) in content.iter() {
                self.free(value, &place.key(key));
            }
        } else {
            self.extension_content(content, place);
        }
    }

    fn extension_content(&mut self, content: &'s Members<'s>, place: &Place<'_>) {
        for (key, value) in content.iter().filter(|(key, _)| *key != "extension_type") {
            let here = place.key(key);
            if !name::is_property(key) {
                let message =
                    format!("property name {} is not 3 to 250 characters a-z, 0-9 and _", quoted(key));
                self.add(Severity::Error, code::PROPERTY_NAME, &here, message);
            }
            self.free_reference(key, value, &here);
            self.free(value, &here);
        }
    }
}
