//! A JSON document as a tree that borrows from its text and keeps what STIX needs kept: the order of members, the
//! difference between integers and other numbers, and the text of numbers that are no 64-bit integers.
//!
//! Refuses what I-JSON refuses and STIX inherits: duplicate keys, lone surrogates, invalid UTF-8; and nesting beyond
//! [`base::limit::JSON_DEPTH_MAX`]. Does not judge numbers beyond what a double holds. Source: RFC 8259, RFC 7493.
//!
//! Invariant: a tree is never deeper than the limit, so that walking or dropping one cannot exhaust the stack.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use base::limit::JSON_DEPTH_MAX;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::code;
use crate::members::LINEAR_MEMBERS_MAX;
use crate::quote::{cut, quoted};

pub use crate::members::Members;
pub use crate::number::Float;
use crate::number::Numbers;

/// A JSON value borrowing from the text it was read from.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number written without fraction and exponent, within ±2^63.
    Integer(i64),
    /// Any other number that a double can hold, with its text.
    Float(Float<'a>),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// An object's members in order of appearance; keys are unique.
    Object(Members<'a>),
}

/// Why a text is not a JSON document of the kind STIX takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} at byte {offset}")]
pub struct JsonError {
    /// `json-syntax`, `json-utf8`, `json-duplicate-key`, `json-surrogate`, `json-number` or `json-depth`.
    pub code: &'static str,
    /// Where in the document, as in STIX selectors; empty = at the top.
    pub path: String,
    /// How many bytes into the text.
    pub offset: usize,
    /// One lower-case sentence without full stop.
    pub message: String,
}

impl<'a> Json<'a> {
    /// Reads one document, which must be the whole text.
    ///
    /// # Errors
    /// Tells the code, the place and the byte where the text stops being I-JSON.
    ///
    /// # Limits
    /// Time grows with the text's length (n log n in the members of one object); nesting is bounded by
    /// [`base::limit::JSON_DEPTH_MAX`].
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(text).map_err(|error| JsonError {
            code: code::JSON_UTF8,
            path: String::new(),
            offset: error.valid_up_to(),
            message: "the text is not valid UTF-8".to_owned(),
        })?;
        Self::parse_at(text, 0)
    }

    /// Reads a document that stands so many levels deep in another.
    pub(crate) fn parse_at(text: &'a str, depth: usize) -> Result<Self, JsonError> {
        let trouble = RefCell::new(Trouble::default());
        let mut reader = serde_json::Deserializer::from_str(text);
        let numbers = Numbers::of(text);
        let seed = ValueSeed { depth, trouble: &trouble, numbers: &numbers };
        let read = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
        read.map_err(|error| trouble.into_inner().explain(text, &error))
    }

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

    /// The truth value, when this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, when this is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// The value of a member, when this is an object that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.as_object()?.get(key)
    }

    /// What kind of value this is, in JSON's words.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(number) if number.is_integer() => "an integer",
            Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// Writes the value as JSON: members in their order, no white space, numbers as they were written.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Integer(value) => write_display(out, value),
            Self::Float(number) => out.push_str(number.as_written()),
            Self::String(text) => write_string(out, text),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write_string(out, key);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

fn write_display(out: &mut String, value: &impl fmt::Display) {
    use fmt::Write;
    write!(out, "{value}").expect("invariant: a string takes what is written to it");
}

/// Writes `text` as a JSON string with the fewest escapes (RFC 8785, section 3.2.2.2).
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
        let (plain, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let mut letters = after.chars();
        match letters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some(control) => write_display(out, &format_args!("\\u{:04x}", u32::from(control))),
            None => {}
        }
        rest = letters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// What our own visitor objected to, and the way to the place, written down while the parser unwinds.
#[derive(Default)]
struct Trouble {
    found: Option<(&'static str, String)>,
    /// Innermost step first.
    steps: Vec<String>,
}

impl Trouble {
    fn explain(self, text: &str, error: &serde_json::Error) -> JsonError {
        let mut path = String::new();
        for step in self.steps.iter().rev() {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(step);
        }
        let offset = offset_of(text, error.line(), error.column());
        match self.found {
            Some((code, message)) => JsonError { code, path, offset, message },
            None => JsonError { path, ..JsonError::of_reader(text, error) },
        }
    }
}

impl JsonError {
    /// What the reader of JSON itself objected to.
    pub(crate) fn of_reader(text: &str, error: &serde_json::Error) -> Self {
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default().to_owned();
        let code = match said.as_str() {
            "lone leading surrogate in hex escape" | "unexpected end of hex escape" => code::JSON_SURROGATE,
            "number out of range" => code::JSON_NUMBER,
            "recursion limit exceeded" => code::JSON_DEPTH,
            _ => code::JSON_SYNTAX,
        };
        let offset = offset_of(text, error.line(), error.column());
        Self { code, path: String::new(), offset, message: said }
    }
}

/// Byte offset of a line and column, both from one, as the reader counts them.
pub(crate) fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    before.saturating_add(column.saturating_sub(1)).min(text.len())
}

#[derive(Clone, Copy)]
struct ValueSeed<'t, 'de> {
    depth: usize,
    trouble: &'t RefCell<Trouble>,
    numbers: &'t Numbers<'de>,
}

impl ValueSeed<'_, '_> {
    fn object<E: de::Error>(&self, code: &'static str, message: String) -> E {
        let error = E::custom(&message);
        self.trouble.borrow_mut().found.get_or_insert((code, message));
        error
    }

    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= JSON_DEPTH_MAX {
            return Err(self.object(code::JSON_DEPTH, format!("nested deeper than {JSON_DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth.saturating_add(1), ..self })
    }

    fn passed<E>(&self, step: impl FnOnce() -> String) -> impl FnOnce(E) -> E {
        |error| {
            self.trouble.borrow_mut().steps.push(step());
            error
        }
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, 'de> {
    type Value = Json<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, 'de> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        self.numbers.pass();
        Ok(Json::Integer(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond 2^63 the value is a double by this type's definition"
    )]
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json<'de>, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => self.visit_f64(value as f64),
        }
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Float(Float::new(value, self.numbers.take())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json<'de>, A::Error> {
        let seed = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) =
            list.next_element_seed(seed).map_err(self.passed(|| format!("[{}]", items.len())))?
        {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let seed = self.deeper()?;
        let mut members: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if members.len() < LINEAR_MEMBERS_MAX && members.iter().any(|(name, _)| *name == key) {
                return Err(self.duplicate(&key));
            }
            let value = map.next_value_seed(seed).map_err(self.passed(|| cut(&key).into_owned()))?;
            members.push((key, value));
        }
        Members::from_read(members).map(Json::Object).map_err(|key| self.duplicate(&key))
    }
}

impl ValueSeed<'_, '_> {
    fn duplicate<E: de::Error>(&self, key: &str) -> E {
        self.object(code::JSON_DUPLICATE_KEY, format!("key {} appears twice", quoted(key)))
    }
}

pub(crate) struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &[u8]) -> (&'static str, String) {
        let error = Json::parse(text).expect_err("refused");
        (error.code, error.path)
    }

    #[test]
    fn keeps_order_and_kinds_of_numbers() {
        let json =
            Json::parse(br#" {"b":1,"a":1.0,"c":[null,true,"\u00e9"],"big":18446744073709551615} "#).unwrap();
        let keys: Vec<&str> = json.as_object().unwrap().iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["b", "a", "c", "big"]);
        assert_eq!(json.get("b"), Some(&Json::Integer(1)));
        assert_eq!(json.get("a"), Some(&Json::Float(Float::new(1.0, "1.0"))));
        assert!(matches!(json.get("big"), Some(Json::Float(_))));
        assert_eq!(json.get("c").unwrap().as_list().unwrap()[2].as_str(), Some("é"));
        assert_eq!(json.to_string(), r#"{"b":1,"a":1.0,"c":[null,true,"é"],"big":18446744073709551615}"#);
    }

    #[test]
    fn numbers_are_written_as_they_came() {
        let text = r#"{"1":[12345678901234567890123,-0,7],"a 2":{"b":3.14159265358979323846},"c":[2.50,1E5,-9223372036854775808,1e-400]}"#;
        assert_eq!(Json::parse(text.as_bytes()).unwrap().to_string(), text);
        assert_eq!(Json::parse(b" -0 ").unwrap().kind_name(), "an integer");
        assert_eq!(Json::parse(b"9223372036854775808").unwrap().kind_name(), "an integer");
        assert_eq!(Json::parse(b"9223372036854775808.0").unwrap().kind_name(), "a number");
    }

    #[test]
    fn strings_without_escapes_are_borrowed() {
        let json = Json::parse(br#"["plain","a\nb"]"#).unwrap();
        let items = json.as_list().unwrap();
        assert!(matches!(items[0], Json::String(Cow::Borrowed(_))));
        assert!(matches!(items[1], Json::String(Cow::Owned(_))));
    }

    #[test]
    fn refuses_with_code_and_path() {
        assert_eq!(refused(b"{\"a\":[{\"b\":1,\"b\":2}]}"), ("json-duplicate-key", "a.[0]".into()));
        assert_eq!(refused(br#"{"a":"\ud800"}"#), ("json-surrogate", "a".into()));
        assert_eq!(refused(br#"{"a":"\udc00"}"#), ("json-surrogate", "a".into()));
        assert_eq!(refused(br#"{"a":"\ud800\u0041"}"#), ("json-surrogate", "a".into()));
        assert_eq!(refused(br#"{"x":{"a":1e999}}"#), ("json-number", "x.a".into()));
        assert_eq!(refused(b"\"\xff\""), ("json-utf8", String::new()));
        assert_eq!(refused(b"").0, "json-syntax");
        assert_eq!(refused(b"{} {}").0, "json-syntax");
        assert_eq!(refused(b"[1,]").0, "json-syntax");
        assert_eq!(refused(b"\xef\xbb\xbf{}").0, "json-syntax");
        assert_eq!(refused(b"NaN").0, "json-syntax");
    }

    #[test]
    fn many_members_are_checked_for_duplicates_too() {
        let mut text: String = (0..40).map(|at| format!("\"k{at}\":0,")).collect();
        text.insert(0, '{');
        assert!(Json::parse(format!("{text}\"z\":0}}").as_bytes()).is_ok());
        assert_eq!(refused(format!("{text}\"k39\":0}}").as_bytes()).0, "json-duplicate-key");
        assert_eq!(refused(format!("{text}\"k3\":0}}").as_bytes()).0, "json-duplicate-key");
    }

    #[test]
    fn depth_is_limited_at_the_limit_plus_one() {
        let nested = |deep: usize| format!("{}{}", "[".repeat(deep), "]".repeat(deep));
        assert!(Json::parse(nested(JSON_DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(refused(nested(JSON_DEPTH_MAX + 1).as_bytes()).0, "json-depth");
        assert_eq!(refused("[".repeat(1_000_000).as_bytes()).0, "json-depth");
        assert_eq!(refused("{\"a\":".repeat(1_000_000).as_bytes()).0, "json-depth");
    }

    #[test]
    fn offsets_count_bytes() {
        let error = Json::parse("{\"é\":1,\n x}".as_bytes()).expect_err("refused");
        assert_eq!((error.code, error.offset), ("json-syntax", 10));
    }
}
