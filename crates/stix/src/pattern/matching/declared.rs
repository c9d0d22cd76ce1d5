//! How a property writes its value, as far as its name and the specification's tables say.
//!
//! A JSON string can be a string, octets or a timestamp, and constants compare with one of them only (section 9.2). Names
//! ending in `_bin` and `_hex` tell octets (section 3.1). Timestamps are told by the tables of section 6, for properties
//! that stand in them and are reached without following a reference; everything else is taken for what the constant
//! suggests.

use crate::pattern::ast::{ObjectPath, Step};
use crate::schema::{self, Prop, Value};

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Not known.
    Open,
    /// A string and nothing else.
    Text,
    /// A timestamp.
    Timestamp,
    /// Octets in base64.
    Base64,
    /// Octets in hexadecimal.
    Hex,
}

impl Encoding {
    /// The encoding of the property at the end of a path.
    pub(super) fn of(path: &ObjectPath) -> Self {
        let name = path.property();
        if name.ends_with("_bin") {
            return Self::Base64;
        }
        if name.ends_with("_hex") {
            return Self::Hex;
        }
        match value_of(path) {
            Some(Value::Timestamp | Value::VersionTime | Value::WholeSeconds) => Self::Timestamp,
            Some(Value::Text | Value::Formed(_)) => Self::Text,
            _ => Self::Open,
        }
    }

    /// Whether strings are compared as they stand.
    pub(super) fn is_textual(self) -> bool {
        matches!(self, Self::Open | Self::Text)
    }

    /// Whether strings stand for octets.
    pub(super) fn is_octets(self) -> bool {
        matches!(self, Self::Base64 | Self::Hex)
    }
}

/// What the tables say about the end of a path.
fn value_of(path: &ObjectPath) -> Option<&'static Value> {
    let object = schema::of(path.object_type())?;
    let (first, rest) = path.steps().split_first()?;
    let named = |props: &'static [Prop], name: &str| {
        props.iter().find(|prop| prop.name == name).map(|prop| &prop.value)
    };
    let Step::Key(first) = first else { return None };
    let mut value = named(object.own, first).or_else(|| named(object.general, first))?;
    let mut steps = rest.iter();
    while let Some(step) = steps.next() {
        value = match (value, step) {
            (Value::List(item), Step::Index(_) | Step::Any) => item,
            (Value::Dictionary(item), Step::Key(_)) => item,
            (Value::Struct(shape), Step::Key(name)) => named(shape.props, name)?,
            (Value::Extensions, Step::Key(key)) => {
                let (_, shape) = object.extensions.iter().find(|(other, _)| *other == &**key)?;
                let Some(Step::Key(name)) = steps.next() else { return None };
                named(shape.props, name)?
            }
            _ => return None,
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_come_from_names_and_tables() {
        for (path, encoding) in [
            ("file:name", Encoding::Text),
            ("file:ctime", Encoding::Timestamp),
            ("file:x_own", Encoding::Open),
            ("file:magic_number_hex", Encoding::Hex),
            ("artifact:payload_bin", Encoding::Base64),
            ("x-any:list_bin[*]", Encoding::Base64),
            ("x-any:ctime", Encoding::Open),
            ("file:hashes.MD5", Encoding::Open),
            ("file:parent_directory_ref.ctime", Encoding::Open),
            ("email-message:received_lines[0]", Encoding::Text),
            ("file:extensions.'windows-pebinary-ext'.sections[*].name", Encoding::Text),
            ("file:extensions.'windows-pebinary-ext'.time_date_stamp", Encoding::Timestamp),
            ("file:extensions.'windows-pebinary-ext'", Encoding::Open),
        ] {
            let pattern = crate::pattern::parse(&format!("[EXISTS {path}]")).unwrap();
            let found = pattern.comparisons().next().map(|(one, _)| Encoding::of(one.path()));
            assert_eq!(found, Some(encoding), "{path}");
        }
    }
}
