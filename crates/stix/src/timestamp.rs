//! RFC 3339 timestamps as STIX uses them: `Z` only, any number of sub-second digits, leap seconds legal, compared exactly.

/// A checked timestamp that keeps its producer's text.
///
/// Equality and order are exact and insensitive to precision: `…05Z`, `…05.0Z` and `…05.000000000Z` are equal.
///
/// # Source
/// STIX 2.1, section 2.16; RFC 3339
#[derive(Clone, Debug)]
pub struct Timestamp {
    text: Box<str>,
}

impl Timestamp {
    /// The text as the producer wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same moment without `Z`, trailing zeros and a bare dot: byte order of keys is order in time.
    #[must_use]
    pub fn sort_key(&self) -> &str {
        let digits = self.text.strip_suffix('Z').unwrap_or(&self.text);
        if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
    }
}
