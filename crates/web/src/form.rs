//! Bodies and lines as they are described: an object where an object is described.
//!
//! serde's structs are also read from a list, field by field in their order, which no description of this API says. [`Object`] takes
//! nothing but an object; what stands inside it and is a struct is an [`Object`] too.

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

/// A value that is read from an object of JSON and from nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        T::deserialize(AsObject(reader)).map(Self)
    }
}

/// Reads a struct as a map: a list is refused in its place.
struct AsObject<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AsObject<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Reads a whole text as one object.
///
/// # Errors
/// It is not JSON, not an object, or not the one that is described.
pub fn object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice::<Object<T>>(text).map(|Object(read)| read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        a: u8,
    }

    #[derive(Debug, Deserialize)]
    struct Outer<'a> {
        name: &'a str,
        #[serde(default)]
        inner: Vec<Object<Inner>>,
        one: Option<Object<Inner>>,
    }

    #[test]
    fn nothing_but_an_object_is_read() {
        let read: Outer<'_> = object(br#"{"name":"n","inner":[{"a":1}],"one":{"a":2}}"#).unwrap();
        assert_eq!((read.name, read.inner[0].0.a, read.one.unwrap().0.a), ("n", 1, 2));
        assert!(serde_json::from_str::<Outer<'_>>(r#"["n",[],null]"#).is_ok(), "serde alone takes a list");
        for bad in [
            r#"["n",[],null]"#,
            r#"{"name":"n","inner":[[1]]}"#,
            r#"{"name":"n","one":[1]}"#,
            r#"{"name":"n","one":{"a":1,"b":2}}"#,
            "[]",
            "\"n\"",
            "null",
            "",
        ] {
            assert!(object::<Outer<'_>>(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
