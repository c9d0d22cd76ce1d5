//! "Do we know any of these?" For one value or thousands: exact, inside known ranges, below known domains, on known hosts.
//!
//! A value that is not known costs a few hashes and, where the store keeps its fingerprints in memory, no query. Revoked
//! and expired objects are answered, and said to be so: "we knew, and no longer hold it" is an answer too.

use base::Micros;
use base::limit::{LOOKUP_MATCHES_MAX, LOOKUP_VALUES_MAX, QUERY_BYTES_MAX};
use handling::{Cleared, Principal};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use store::{Fault, LookupRow, StoreError};

use crate::Node;
use crate::upkeep::micros_text;

/// How a value and what an object says belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The same value.
    Exact,
    /// The object is about a range that holds the address or range asked for.
    Range,
    /// The object is about a parent of the domain asked for.
    ParentDomain,
    /// The object is about the host of the URL or the domain of the e-mail address asked for.
    Host,
    /// The object is about an address inside the range asked for.
    Inside,
}

impl How {
    /// The name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Range => "range",
            Self::ParentDomain => "parent-domain",
            Self::Host => "host",
            Self::Inside => "inside",
        }
    }
}

/// How often an object was sighted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    /// Sighting objects.
    pub reports: u64,
    /// Sum of their counts.
    pub count: i64,
    /// When last.
    pub last_seen: Option<Micros>,
}

/// What more is told of each match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The match alone.
    Brief,
    /// Its sightings too, at the cost of a query for each match.
    Sightings,
}

/// One object that has to do with the value.
///
/// # Shape
/// As JSON `{"id","type","label","how","revoked","expired","valid_until","confidence","added","sightings"}`; moments in RFC
/// 3339, `sightings` only where asked for: `{"reports","count","last_seen"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUpMatch {
    /// Object id.
    pub id: String,
    /// One line a person recognises it by.
    pub label: String,
    /// How it belongs to the value.
    pub how: How,
    /// Whether it has been revoked.
    pub revoked: bool,
    /// Whether its time is over.
    pub expired: bool,
    /// From when on it says nothing any more.
    pub valid_until: Option<Micros>,
    /// `confidence`.
    pub confidence: Option<u8>,
    /// When it was added.
    pub added: Micros,
    /// How often it was sighted, where asked for.
    pub sightings: Option<Sightings>,
}

impl LookUpMatch {
    /// The object's type.
    #[must_use]
    pub fn type_name(&self) -> &str {
        stix::id::type_of(&self.id)
    }

    pub(crate) fn of(row: LookupRow, how: How, now: Micros) -> Self {
        Self {
            id: row.id,
            label: row.label,
            how,
            revoked: row.revoked,
            expired: row.expires.is_some_and(|expires| expires <= now),
            valid_until: row.expires,
            confidence: row.confidence,
            added: row.added,
            sightings: None,
        }
    }
}

impl Serialize for LookUpMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("LookUpMatch", 10)?;
        out.serialize_field("id", &self.id)?;
        out.serialize_field("type", self.type_name())?;
        out.serialize_field("label", &self.label)?;
        out.serialize_field("how", self.how.name())?;
        out.serialize_field("revoked", &self.revoked)?;
        out.serialize_field("expired", &self.expired)?;
        out.serialize_field("valid_until", &self.valid_until.map(micros_text))?;
        out.serialize_field("confidence", &self.confidence)?;
        out.serialize_field("added", &micros_text(self.added))?;
        match &self.sightings {
            Some(sightings) => out.serialize_field("sightings", sightings)?,
            None => out.skip_field("sightings")?,
        }
        out.end()
    }
}

impl Serialize for Sightings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Sightings", 3)?;
        out.serialize_field("reports", &self.reports)?;
        out.serialize_field("count", &self.count)?;
        out.serialize_field("last_seen", &self.last_seen.map(micros_text))?;
        out.end()
    }
}

/// What is known about one value.
///
/// # Shape
/// As JSON `{"value","known","matches":[...]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookUpAnswer<'v> {
    /// The value as it was asked for.
    pub value: &'v str,
    /// Whether there is any match.
    pub known: bool,
    /// At most [`LOOKUP_MATCHES_MAX`], closest first, then newest first.
    pub matches: Vec<LookUpMatch>,
}

/// Why values were not looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// More values than one request may bring.
    #[error("{0} values are too many for one request: at most {LOOKUP_VALUES_MAX} are taken")]
    TooManyValues(usize),
    /// A value longer than any that could be known.
    #[error("value {0} is longer than {QUERY_BYTES_MAX} bytes")]
    TooLong(usize),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LookUpError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooManyValues(_) => "too-many-values",
            Self::TooLong(_) => "query-too-long",
            Self::Store(error) => crate::explain::store_code(error),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}

impl Node {
    /// What is known about each value, in the order given.
    ///
    /// # Errors
    /// See [`LookUpError`].
    ///
    /// # Limits
    /// At most [`LOOKUP_VALUES_MAX`] values of [`QUERY_BYTES_MAX`] bytes each.
    pub async fn look_up<'v>(
        &self,
        who: &Principal,
        values: &[&'v str],
        detail: Detail,
    ) -> Result<Cleared<Vec<LookUpAnswer<'v>>>, LookUpError> {
        let _ = (who, values, detail, LOOKUP_MATCHES_MAX);
        Err(LookUpError::Store(StoreError::Backend("look-up is not wired yet".into())))
    }
}
