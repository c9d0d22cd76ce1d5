//! A JSON document as a tree that borrows from its text and keeps what STIX needs kept: the order of members, and the
//! difference between integers and other numbers.
//!
//! Refuses what I-JSON refuses and STIX inherits: duplicate keys, lone surrogates, invalid UTF-8; and nesting beyond
//! [`base::limit::JSON_DEPTH_MAX`]. Source: RFC 8259, RFC 7493.

use std::borrow::Cow;

/// A JSON value borrowing from the text it was read from.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number written without fraction and exponent, within ±2^63.
    Integer(i64),
    /// Any other number that a double can hold.
    Float(f64),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// An object's members in order of appearance; keys are unique.
    Object(Members<'a>),
}

/// Members of a JSON object in order of appearance, keys unique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Members<'a> {
    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// All members in order of appearance.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Json<'a> {
    /// The string, when this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The list, when this is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Json<'a>]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// The members, when this is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Members<'a>> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// The value of a member, when this is an object that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.as_object()?.get(key)
    }
}
