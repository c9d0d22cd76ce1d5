//! Questions: the query of an address, checked.
//!
//! Whatever is malformed is refused with the reason (section 3.4 makes that a 400); fields that TAXII does not define are
//! ignored, as it allows.
//!
//! Source: TAXII 2.1, sections 3.4 and 3.5.

use std::borrow::Cow;

use base::Micros;
use base::limit::{NAME_CHARS_MAX, PAGE_DEFAULT, PAGE_MAX};
use stix::Timestamp;
use stix::quote::quoted;

use crate::percent::{Plus, decode, encode};

/// Longest `next`, in bytes.
const NEXT_BYTES_MAX: usize = 1_024;

/// Which version of an object is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// The latest.
    Last,
    /// The earliest.
    First,
    /// Every one.
    All,
    /// The one of this moment.
    At(Timestamp),
}

/// A checked query. Empty lists filter nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// `added_after`: exclusive.
    pub added_after: Option<Micros>,
    /// `limit` as asked for, at most [`PAGE_MAX`].
    pub limit: Option<usize>,
    /// `next`, opaque.
    pub next: Option<String>,
    /// `match[id]`
    pub ids: Vec<String>,
    /// `match[type]`
    pub types: Vec<String>,
    /// `match[version]`
    pub versions: Vec<Version>,
    /// `match[spec_version]`
    pub spec_versions: Vec<String>,
}

/// Why a query is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A `%` that is not followed by two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the query holds {0}, which does not decode to UTF-8 text")]
    Encoding(String),
    /// A field that may stand once stands twice.
    #[error("the field {0} is given more than once")]
    Twice(&'static str),
    /// A value that is not what its field takes.
    #[error("the field {field} takes {takes}, not {given}")]
    Malformed {
        /// The field.
        field: &'static str,
        /// What it takes.
        takes: &'static str,
        /// What was given, quoted and cut.
        given: String,
    },
    /// `all` together with other versions, or one version twice.
    #[error("match[version] may not hold {0}")]
    Versions(&'static str),
}

impl QueryError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Encoding(_) => "query-encoding",
            Self::Twice(_) => "query-field-twice",
            Self::Malformed { .. } | Self::Versions(_) => "query-malformed",
        }
    }
}

/// The fields that TAXII defines, by their place in the table of those already seen.
const FIELDS: [&str; 7] =
    ["added_after", "limit", "next", "match[id]", "match[type]", "match[version]", "match[spec_version]"];

impl Query {
    /// Reads the part of an address after `?`.
    ///
    /// # Errors
    /// A field that TAXII defines is given twice or is malformed, or something does not decode.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut query = Self::default();
        let mut seen = [false; FIELDS.len()];
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name)?;
            let Some((at, field)) = FIELDS.iter().enumerate().find(|(_, field)| **field == name) else {
                continue;
            };
            if seen.get_mut(at).is_some_and(|seen| std::mem::replace(seen, true)) {
                return Err(QueryError::Twice(field));
            }
            query.set(field, &decoded(value)?)?;
        }
        Ok(query)
    }

    fn set(&mut self, field: &'static str, value: &str) -> Result<(), QueryError> {
        match field {
            "added_after" => self.added_after = Some(moment(field, value)?.micros()),
            "limit" => self.limit = Some(limit(field, value)?),
            "next" if value.is_empty() || value.len() > NEXT_BYTES_MAX => {
                return Err(malformed(field, "what an earlier answer gave", value));
            }
            "next" => self.next = Some(value.to_owned()),
            "match[id]" => {
                self.ids = list(value, |id| {
                    stix::id::check(id)
                        .map_err(|_| malformed(field, "STIX identifiers separated by commas", id))
                })?;
            }
            "match[type]" => {
                self.types = list(value, |name| {
                    let fits = is_type_name(name);
                    if fits { Ok(()) } else { Err(malformed(field, "type names separated by commas", name)) }
                })?;
            }
            "match[version]" => self.versions = versions(field, value)?,
            _ => {
                self.spec_versions = list(value, |version| {
                    let fits = is_spec_version(version);
                    if fits {
                        Ok(())
                    } else {
                        Err(malformed(field, "versions like 2.1 separated by commas", version))
                    }
                })?;
            }
        }
        Ok(())
    }

    /// How many objects the answer holds at most.
    #[must_use]
    pub fn page_size(&self) -> usize {
        self.limit.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX)
    }

    /// The query as a client sends it, `?` included; empty when nothing is asked.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let mut put = |field: &str, value: &str| {
            out.push(if out.is_empty() { '?' } else { '&' });
            encode(&mut out, field);
            out.push('=');
            encode(&mut out, value);
        };
        if let Some(after) = self.added_after {
            put("added_after", Timestamp::from_micros(after).as_str());
        }
        if let Some(limit) = self.limit {
            put("limit", &limit.to_string());
        }
        if let Some(next) = &self.next {
            put("next", next);
        }
        let versions: Vec<&str> = self.versions.iter().map(Version::as_str).collect();
        for (field, values) in [
            ("match[id]", self.ids.join(",")),
            ("match[type]", self.types.join(",")),
            ("match[version]", versions.join(",")),
            ("match[spec_version]", self.spec_versions.join(",")),
        ] {
            if !values.is_empty() {
                put(field, &values);
            }
        }
        out
    }
}

impl Version {
    fn as_str(&self) -> &str {
        match self {
            Self::Last => "last",
            Self::First => "first",
            Self::All => "all",
            Self::At(at) => at.as_str(),
        }
    }
}

fn decoded(text: &str) -> Result<Cow<'_, str>, QueryError> {
    decode(text, Plus::Space).ok_or_else(|| QueryError::Encoding(quoted(text).to_string()))
}

fn malformed(field: &'static str, takes: &'static str, given: &str) -> QueryError {
    QueryError::Malformed { field, takes, given: quoted(given).to_string() }
}

/// Any number of sub-second digits is taken; digits beyond the sixth cannot tell two moments of adding apart.
fn moment(field: &'static str, value: &str) -> Result<Timestamp, QueryError> {
    Timestamp::parse(value)
        .map_err(|_| malformed(field, "a timestamp like 2024-01-31T08:00:00.000000Z", value))
}

fn limit(field: &'static str, value: &str) -> Result<usize, QueryError> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || value.bytes().all(|byte| byte == b'0') {
        return Err(malformed(field, "a whole number greater than zero", value));
    }
    Ok(value.parse::<usize>().map_or(PAGE_MAX, |limit| limit.min(PAGE_MAX)))
}

/// Values separated by commas, each checked; the same value twice counts once.
fn list(value: &str, check: impl Fn(&str) -> Result<(), QueryError>) -> Result<Vec<String>, QueryError> {
    let mut out: Vec<String> = Vec::new();
    for item in value.split(',') {
        check(item)?;
        out.push(item.to_owned());
    }
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

fn versions(field: &'static str, value: &str) -> Result<Vec<Version>, QueryError> {
    let mut out = Vec::new();
    for item in value.split(',') {
        let version = match item {
            "last" => Version::Last,
            "first" => Version::First,
            "all" => Version::All,
            other => Version::At(Timestamp::parse(other).map_err(|_| {
                malformed(field, "last, first, all or timestamps separated by commas", other)
            })?),
        };
        if out.contains(&version) {
            return Err(QueryError::Versions("a version twice"));
        }
        out.push(version);
    }
    if out.len() > 1 && out.contains(&Version::All) {
        return Err(QueryError::Versions("`all` together with other versions"));
    }
    Ok(out)
}

fn is_type_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_CHARS_MAX
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_spec_version(text: &str) -> bool {
    let number =
        |part: &str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(major, minor)| number(major) && number(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";

    #[test]
    fn reads_every_field() {
        let text = format!(
            "added_after=2024-01-01T00%3A00%3A00.5Z&limit=10&next=a%2Bb&match%5Bid%5D={ID},{ID}&match[type]=indicator,malware\
             &match[version]=first,2016-01-01T01:01:01.000Z,last&match[spec_version]=2.0,2.1&&x=1&match[x]=2&match[x]=3"
        );
        let query = Query::parse(&text).unwrap();
        assert_eq!(
            query.added_after,
            Some(Timestamp::parse("2024-01-01T00:00:00.500000Z").unwrap().micros())
        );
        assert_eq!((query.limit, query.next.as_deref()), (Some(10), Some("a+b")));
        assert_eq!((query.ids.len(), query.types.len(), query.versions.len()), (1, 2, 3));
        assert_eq!(query.spec_versions, ["2.0", "2.1"]);
        assert_eq!(Query::parse(query.to_text().trim_start_matches('?')).unwrap(), query);
        assert_eq!(Query::parse("").unwrap(), Query::default());
        assert_eq!(Query::default().to_text(), "");
    }

    #[test]
    fn caps_what_is_too_large_and_defaults_what_is_absent() {
        let size = |text: &str| Query::parse(text).unwrap().page_size();
        assert_eq!(size(""), PAGE_DEFAULT);
        assert_eq!(size("limit=0007"), 7);
        assert_eq!(size(&format!("limit={PAGE_MAX}")), PAGE_MAX);
        assert_eq!(size(&format!("limit={}", PAGE_MAX + 1)), PAGE_MAX);
        assert_eq!(size("limit=99999999999999999999999999"), PAGE_MAX);
    }

    #[test]
    fn refuses_what_is_malformed() {
        let next = format!("next={}", "x".repeat(NEXT_BYTES_MAX + 1));
        for bad in [
            "added_after=",
            "added_after",
            "added_after=yesterday",
            "added_after=2024-01-01",
            "added_after=2024-01-01T00:00:00+00:00",
            "added_after=2024-13-01T00:00:00Z",
            "added_after=2024-01-01T00:00:00Z,2024-01-02T00:00:00Z",
            "added_after=2024-01-01T00:00:00Z&added_after=2024-01-01T00:00:00Z",
            "limit=",
            "limit=0",
            "limit=000",
            "limit=-1",
            "limit=+1",
            "limit=1.0",
            "limit=1e3",
            "limit=ten",
            "limit=%D9%A1",
            "limit=1&limit=1",
            "next=",
            &next,
            "next=a&next=b",
            "match[id]=",
            "match[id]=x",
            "match[id]=indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f,",
            "match[id]=indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f%00",
            "match[type]=",
            "match[type]=Indicator",
            "match[type]=indicator, malware",
            "match[type]=indicator&match%5Btype%5d=malware",
            "match[version]=",
            "match[version]=latest",
            "match[version]=ALL",
            "match[version]=all,last",
            "match[version]=last,last",
            "match[version]=2016-01-01T01:01:01.000Z,2016-01-01T01:01:01Z",
            "match[spec_version]=",
            "match[spec_version]=2",
            "match[spec_version]=2.x",
            "match[spec_version]=2.1,",
            "limit=%zz",
            "%ff=1",
        ] {
            assert!(Query::parse(bad).is_err(), "{bad}");
        }
    }
}
