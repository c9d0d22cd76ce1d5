//! STIX identifiers: `type--uuid`.

use std::fmt;

/// A checked STIX identifier, e.g. `indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f`.
///
/// # Source
/// STIX 2.1, section 2.9
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    text: Box<str>,
}

impl ObjectId {
    /// The identifier as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before `--`.
    #[must_use]
    pub fn type_name(&self) -> &str {
        self.text.split_once("--").map_or("", |(name, _)| name)
    }
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
