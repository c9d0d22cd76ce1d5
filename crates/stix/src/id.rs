//! STIX identifiers: `type--uuid`.
//!
//! Says whether a text is an identifier and takes it apart; which types may stand where is for the schema to say.

use std::fmt;

use uuid::Uuid;

use crate::quote::quoted;

/// Length of the UUID part: 32 digits and 4 hyphens.
const UUID_CHARS: usize = 36;

/// A checked STIX identifier, e.g. `indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f`.
///
/// Kept as written; two identifiers are equal when their texts are.
///
/// # Source
/// STIX 2.1, section 2.9
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    text: Box<str>,
}

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// No `--` between type and UUID.
    #[error("identifier {0} does not have the form type--uuid")]
    Form(String),
    /// The part before `--` is not a type name.
    #[error("identifier {0} does not begin with a type name of lower-case letters, digits and hyphens")]
    TypeName(String),
    /// The part after `--` is not a UUID in its usual form.
    #[error("identifier {0} does not end in a UUID")]
    Uuid(String),
}

impl ObjectId {
    /// Checks a text.
    ///
    /// # Errors
    /// The text is not a type name (`a-z`, `0-9`, `-`), two hyphens, and a UUID of 36 characters and the RFC 4122 variant.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check(text)?;
        Ok(Self { text: text.into() })
    }

    /// Puts an identifier together.
    ///
    /// # Panics
    /// Never for a type name that a schema knows; `type_name` must be one that [`ObjectId::parse`] would take.
    #[must_use]
    pub fn new(type_name: &str, uuid: Uuid) -> Self {
        debug_assert!(is_type_word(type_name), "invariant: a type name");
        Self { text: format!("{type_name}--{uuid}").into() }
    }

    /// The identifier as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before `--`.
    #[must_use]
    pub fn type_name(&self) -> &str {
        type_of(&self.text)
    }

    /// The part after `--`.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        let (_, digits) = halves(&self.text).unwrap_or_default();
        Uuid::try_parse(digits).unwrap_or_default()
    }
}

/// Checks that `text` is an identifier, without keeping it.
///
/// # Errors
/// As [`ObjectId::parse`].
pub fn check(text: &str) -> Result<(), IdError> {
    let Some((type_name, digits)) = halves(text) else {
        return Err(IdError::Form(quoted(text).to_string()));
    };
    if !is_type_word(type_name) {
        return Err(IdError::TypeName(quoted(text).to_string()));
    }
    if !is_uuid(digits) {
        return Err(IdError::Uuid(quoted(text).to_string()));
    }
    Ok(())
}

/// The part before the UUID of a text that has been checked; empty for one that is no identifier.
#[must_use]
pub fn type_of(text: &str) -> &str {
    halves(text).map_or("", |(name, _)| name)
}

/// The UUID's version (4, 5, ...) where its variant is RFC 4122's; `None` otherwise.
#[must_use]
pub fn uuid_version(text: &str) -> Option<u8> {
    let (_, digits) = halves(text)?;
    let digits = digits.as_bytes();
    if !matches!(digits.get(19)?, b'8' | b'9' | b'a' | b'b' | b'A' | b'B') {
        return None;
    }
    char::from(*digits.get(14)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Whether the UUID of an identifier has a variant and a version that RFC 4122 defines, or is its nil UUID.
pub(crate) fn is_rfc_4122(text: &str) -> bool {
    matches!(uuid_version(text), Some(1..=5)) || is_nil(text)
}

/// Whether an identifier's UUID is the one that identifies nothing.
pub(crate) fn is_nil(text: &str) -> bool {
    text.ends_with("--00000000-0000-0000-0000-000000000000")
}

/// What is said of an identifier whose UUID is none.
pub(crate) fn undefined_uuid(text: &str) -> String {
    format!("the UUID of {} has a variant or version that RFC 4122 does not define", quoted(text))
}

/// Splits at the hyphens before the last 36 bytes, since a type name may itself hold two hyphens in a row.
fn halves(text: &str) -> Option<(&str, &str)> {
    let at = text.len().checked_sub(UUID_CHARS)?;
    let (front, digits) = text.split_at_checked(at)?;
    Some((front.strip_suffix("--")?, digits))
}

pub(crate) fn is_type_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_uuid(digits: &str) -> bool {
    digits.len() == UUID_CHARS
        && digits.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";

    #[test]
    fn takes_identifiers_apart_and_puts_them_together() {
        let text = format!("x-my--type--{UUID}");
        let id = ObjectId::parse(&text).unwrap();
        assert_eq!((id.as_str(), id.type_name()), (text.as_str(), "x-my--type"));
        assert_eq!(ObjectId::new("x-my--type", id.uuid()), id);
        assert_eq!(uuid_version(&text), Some(4));
        assert_eq!(uuid_version("a--8e2e2d2b-17d4-4cbf-038f-98ee46b3cd3f"), None);
    }

    #[test]
    fn refuses_what_is_none() {
        for bad in [
            String::new(),
            UUID.to_owned(),
            format!("-{UUID}"),
            format!("--{UUID}"),
            format!("indicator-{UUID}"),
            format!(" indicator--{UUID}"),
            format!("indicator--{UUID}\n"),
            format!("Indicator--{UUID}"),
            format!("indi_cator--{UUID}"),
            format!("indicator--{{{UUID}}}"),
            format!("indicator--{}", UUID.replace('-', "")),
            "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3g".to_owned(),
            "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cdé".to_owned(),
        ] {
            assert!(ObjectId::parse(&bad).is_err(), "{bad:?}");
        }
    }
}
