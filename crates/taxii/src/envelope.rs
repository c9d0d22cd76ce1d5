//! Envelopes coming in: the objects as slices of the body, untouched and not yet judged.
//!
//! Only the wrapper is read here. Each slice is some JSON value; whether it is a STIX object is for `stix` to say, one by
//! one, so that a bad object does not hide the others.
//!
//! Source: TAXII 2.1, section 3.7; custom properties are ignored, as section 7.1.1 allows.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use base::limit::ENVELOPE_OBJECTS_MAX;
use bytes::Bytes;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// An envelope taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The exact bytes of each object, sharing the body's memory.
    pub objects: Vec<Bytes>,
    /// Whether there is more to ask for.
    pub more: bool,
    /// With what to ask for more.
    pub next: Option<String>,
}

/// Why bytes are not an envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not JSON, or not UTF-8.
    #[error("the body is not a JSON document: {0}")]
    Json(String),
    /// JSON, but another kind of thing.
    #[error("the body is not a TAXII envelope: {0}")]
    Shape(String),
    /// More objects than one request may bring.
    #[error("the envelope holds more than {ENVELOPE_OBJECTS_MAX} objects: send them in several")]
    TooMany,
}

impl EnvelopeError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json(_) => "envelope-json",
            Self::Shape(_) => "envelope-shape",
            Self::TooMany => "envelope-objects-max",
        }
    }
}

impl Envelope {
    /// Takes a body apart without copying the objects.
    ///
    /// # Errors
    /// The body is not JSON, not an object, has a known property twice or of the wrong kind, or has too many objects.
    ///
    /// # Limits
    /// One pass over the body; 32 bytes of memory for each object beside it.
    pub fn read(body: &Bytes) -> Result<Self, EnvelopeError> {
        let too_many = Cell::new(false);
        let mut reader = serde_json::Deserializer::from_slice(body);
        let read = EnvelopeSeed { too_many: &too_many }.deserialize(&mut reader);
        let raw = read.and_then(|raw| reader.end().map(|()| raw)).map_err(|error| {
            if too_many.get() {
                return EnvelopeError::TooMany;
            }
            match error.classify() {
                serde_json::error::Category::Data => EnvelopeError::Shape(error.to_string()),
                _ => EnvelopeError::Json(error.to_string()),
            }
        })?;
        let objects = raw.objects.into_iter().map(|raw| body.slice_ref(raw.get().as_bytes())).collect();
        Ok(Self { objects, more: raw.more, next: raw.next })
    }

    /// Puts objects into an envelope as a client sends it.
    #[must_use]
    pub fn write(objects: &[Bytes]) -> Vec<u8> {
        let size = objects.iter().map(|object| object.len().saturating_add(1)).sum::<usize>();
        let mut out = Vec::with_capacity(size.saturating_add(16));
        out.extend_from_slice(b"{\"objects\":[");
        for (at, object) in objects.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(object);
        }
        out.extend_from_slice(b"]}");
        out
    }
}

#[derive(Default)]
struct RawEnvelope<'a> {
    objects: Vec<&'a RawValue>,
    more: bool,
    next: Option<String>,
}

#[derive(Clone, Copy)]
struct EnvelopeSeed<'c> {
    too_many: &'c Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for EnvelopeSeed<'_> {
    type Value = RawEnvelope<'de>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EnvelopeSeed<'_> {
    type Value = RawEnvelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the property objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut objects, mut more, mut next) = (None, None, None);
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key.0.as_ref() {
                "objects" => once(&mut objects, "objects", map.next_value_seed(ObjectsSeed(self))?)?,
                "more" => once(&mut more, "more", map.next_value()?)?,
                "next" => once(&mut next, "next", map.next_value::<Option<String>>()?)?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(RawEnvelope {
            objects: objects.unwrap_or_default(),
            more: more.unwrap_or_default(),
            next: next.flatten(),
        })
    }
}

fn once<T, E: de::Error>(slot: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
    if slot.replace(value).is_some() { Err(de::Error::duplicate_field(name)) } else { Ok(()) }
}

/// A key, borrowed where it holds no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> de::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a property name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        reader.deserialize_str(KeyVisitor)
    }
}

struct ObjectsSeed<'c>(EnvelopeSeed<'c>);

impl<'de> DeserializeSeed<'de> for ObjectsSeed<'_> {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ObjectsSeed<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of STIX objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut out = Vec::new();
        while let Some(object) = list.next_element::<&RawValue>()? {
            if out.len() >= ENVELOPE_OBJECTS_MAX {
                self.0.too_many.set(true);
                return Err(de::Error::custom("too many objects"));
            }
            out.push(object);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Envelope, EnvelopeError> {
        Envelope::read(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn objects_are_slices_of_the_body() {
        let body = Bytes::from_static(
            b" {\"more\":true,\"next\":\"n\",\"x\":[{}],\"objects\":[ {\"a\" : 1} ,2,\"\\ud800\"]} ",
        );
        let envelope = Envelope::read(&body).unwrap();
        assert_eq!(envelope.objects, [&b"{\"a\" : 1}"[..], b"2", b"\"\\ud800\""]);
        assert!(body.as_ptr_range().contains(&envelope.objects[0].as_ptr()));
        assert_eq!((envelope.more, envelope.next.as_deref()), (true, Some("n")));
        let again = Bytes::from(Envelope::write(&envelope.objects));
        assert_eq!(Envelope::read(&again).unwrap().objects, envelope.objects);
        assert_eq!(read("{}").unwrap(), Envelope::default());
        assert_eq!(read(r#"{"\u006fbjects":[1]}"#).unwrap().objects.len(), 1);
    }

    #[test]
    fn what_is_not_json_is_told_apart_from_what_is_no_envelope() {
        for bad in [
            "",
            "{",
            "{\"objects\":[{]}",
            "{} x",
            "{\"objects\":[1,]}",
            "\u{feff}{}",
            "nul",
            "{\"a\":\"\0\"}",
        ] {
            assert!(matches!(read(bad), Err(EnvelopeError::Json(_))), "{bad:?} {:?}", read(bad));
        }
        for bad in [
            "[]",
            "null",
            "1",
            "\"objects\"",
            "{\"objects\":{}}",
            "{\"objects\":null}",
            "{\"objects\":[],\"objects\":[]}",
            "{\"more\":\"true\"}",
            "{\"next\":1}",
        ] {
            assert!(matches!(read(bad), Err(EnvelopeError::Shape(_))), "{bad:?} {:?}", read(bad));
        }
        let bad = Bytes::from_static(b"{\"objects\":[\"\xff\"]}");
        assert!(Envelope::read(&bad).is_err());
    }

    #[test]
    fn depth_and_number_of_objects_are_bounded() {
        let deep = format!("{{\"objects\":[{}1{}]}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep).unwrap().objects.len(), 1);
        assert!(read(&"[".repeat(1_000_000)).is_err());
        let many = |count: usize| format!("{{\"objects\":[{}1]}}", "1,".repeat(count - 1));
        assert_eq!(read(&many(ENVELOPE_OBJECTS_MAX)).unwrap().objects.len(), ENVELOPE_OBJECTS_MAX);
        assert_eq!(read(&many(ENVELOPE_OBJECTS_MAX + 1)), Err(EnvelopeError::TooMany));
    }
}
