//! "Do we know any of these?" For one value or thousands: exact, inside known ranges, below known domains, on known hosts, with known URLs.
//!
//! A value that is not known costs a few hashes and, where the store keeps its fingerprints in memory, no query. Revoked
//! and expired objects, and those whose time is still to come, are answered, and said to be so: "we knew, and no longer hold it" is an answer too, and so is
//! "from tomorrow on".

use std::collections::{HashMap, HashSet};

use base::Micros;
use base::limit::{
    LOOKUP_MATCHES_MAX, LOOKUP_ON_HOST_MAX, LOOKUP_ROWS_MAX, LOOKUP_VALUES_MAX, QUERY_BYTES_MAX,
};
use handling::{Cleared, Principal, Viewer};
use index::{Fingerprint, FingerprintKey, PrefixLengths, Scratch, TermKind};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use stix::Timestamp;
use store::{Fault, LookupRow, StoreError, Worth};

use crate::Node;

/// How a value and what an object says belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The same value.
    Exact,
    /// The object is about the host of the URL or the domain of the e-mail address asked for.
    Host,
    /// The object is about a range that holds the address or range asked for.
    Range,
    /// The object is about a parent of the domain asked for.
    ParentDomain,
    /// The object is about an address inside the range asked for.
    Inside,
    /// The object is about a URL on the domain or address asked for: the last of all, since many may be on one host, and no word about
    /// that host.
    OnHost,
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
            Self::OnHost => "on-host",
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
/// As JSON `{"id","type","label","how","revoked","not_yet_valid","valid_from","expired","valid_until","confidence","added","sightings"}`;
/// moments in RFC 3339, `sightings` only where asked for: `{"reports","count","last_seen"}`.
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
    /// From when on it says something, while that is still to come.
    pub valid_from: Option<Micros>,
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

    /// Whether its time is still to come.
    #[must_use]
    pub const fn not_yet_valid(&self) -> bool {
        self.valid_from.is_some()
    }

    const fn worth(&self) -> Worth {
        match (self.revoked, self.expired) {
            (true, _) => Worth::Revoked,
            (false, true) => Worth::Expired,
            (false, false) => Worth::Live,
        }
    }

    pub(crate) fn of(row: LookupRow, how: How, now: Micros) -> Self {
        Self {
            id: row.id,
            label: row.label,
            how,
            revoked: row.revoked,
            valid_from: row.starts.filter(|starts| *starts > now),
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
        let mut out = serializer.serialize_struct("LookUpMatch", 12)?;
        out.serialize_field("id", &self.id)?;
        out.serialize_field("type", self.type_name())?;
        out.serialize_field("label", &self.label)?;
        out.serialize_field("how", self.how.name())?;
        out.serialize_field("revoked", &self.revoked)?;
        out.serialize_field("not_yet_valid", &self.not_yet_valid())?;
        out.serialize_field("valid_from", &self.valid_from.map(Timestamp::text_of))?;
        out.serialize_field("expired", &self.expired)?;
        out.serialize_field("valid_until", &self.valid_until.map(Timestamp::text_of))?;
        out.serialize_field("confidence", &self.confidence)?;
        out.serialize_field("added", &Timestamp::text_of(self.added))?;
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
        out.serialize_field("last_seen", &self.last_seen.map(Timestamp::text_of))?;
        out.end()
    }
}

/// What is known about one value.
///
/// # Shape
/// As JSON `{"value","known","matches":[...]}`, with `"more":true` behind where not all are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookUpAnswer<'v> {
    /// The value as it was asked for.
    pub value: &'v str,
    /// Whether anything is said of it. That a URL on it is known says nothing of a host ([`How::OnHost`]).
    pub known: bool,
    /// At most [`LOOKUP_MATCHES_MAX`]: closest first, then what holds before what is over and that before what was revoked, then newest
    /// first. Of URLs on a host the first [`LOOKUP_ON_HOST_MAX`], unless it is asked for alone.
    pub matches: Vec<LookUpMatch>,
    /// Whether there are, or may be, more matches than are listed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

impl LookUpAnswer<'_> {
    /// Whether all that is said of it was taken back: it was known, and is held by nobody any more.
    #[must_use]
    pub fn is_only_revoked(&self) -> bool {
        let mut said = self.matches.iter().filter(|found| found.how != How::OnHost).peekable();
        self.known && !self.more && said.peek().is_some() && said.all(|found| found.revoked)
    }
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
            Self::Store(error) => error.code(),
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
    /// At most [`LOOKUP_VALUES_MAX`] values of [`QUERY_BYTES_MAX`] bytes each, and [`LOOKUP_ROWS_MAX`] matches in all, URLs on the hosts
    /// asked for not counted: of these each value has a few of its own.
    pub async fn look_up<'v>(
        &self,
        who: &Principal,
        values: &[&'v str],
        detail: Detail,
    ) -> Result<Cleared<Vec<LookUpAnswer<'v>>>, LookUpError> {
        if values.len() > LOOKUP_VALUES_MAX {
            return Err(LookUpError::TooManyValues(values.len()));
        }
        if let Some(at) = values.iter().position(|value| value.len() > QUERY_BYTES_MAX) {
            return Err(LookUpError::TooLong(at));
        }
        let (view, now) = (self.eyes(who), self.now());
        let store = self.store();
        let questions = Questions::about(values, &store.fingerprint_key(), &store.prefix_lengths());
        // One more than is listed, which says that there are more.
        let mut found = store.look_up(&view, &questions.terms, LOOKUP_MATCHES_MAX + 1).await?.into_iter();
        let few = if values.len() == 1 { LOOKUP_MATCHES_MAX } else { LOOKUP_ON_HOST_MAX };
        let on_host = store.look_up(&view, &questions.hosts, few + 1).await?;
        let mut hows = questions.hows.into_iter();
        let inside = store.in_ranges(&view, &questions.ranges).await?;
        let mut answers = Vec::with_capacity(values.len());
        let mut room = LOOKUP_ROWS_MAX;
        for (value, Asked { terms, host }) in values.iter().zip(questions.asked) {
            let (mut matches, mut more) = (Vec::new(), false);
            for (at, (rows, how)) in found.by_ref().take(terms).zip(hows.by_ref()).enumerate() {
                // Ranges and parents are asked for in the order of their nearness; other terms are equally near.
                let far = if matches!(how, How::Range | How::ParentDomain) { at } else { 0 };
                matches.extend(rows.into_iter().map(|row| (far, LookUpMatch::of(row, how, now))));
            }
            if let Some(rows) = questions.range_of.get(value).and_then(|at| inside.get(*at)) {
                more |= rows.len() >= LOOKUP_MATCHES_MAX;
                matches.extend(rows.iter().map(|row| (0, LookUpMatch::of(row.clone(), How::Inside, now))));
            }
            let said = matches.len();
            if let Some(rows) = host.and_then(|at| on_host.get(at)) {
                more |= rows.len() > few;
                let rows = rows.iter().take(few).cloned();
                matches.extend(rows.map(|row| (0, LookUpMatch::of(row, How::OnHost, now))));
            }
            let matches = closest(matches, &mut more);
            room = room.checked_sub(said.min(matches.len())).ok_or(StoreError::TooCostly)?;
            answers.push(LookUpAnswer { value, known: said > 0, matches, more });
        }
        if detail == Detail::Sightings {
            self.count_sightings(&view, &mut answers).await?;
        }
        Ok(view.clear(answers))
    }
}

impl Node {
    /// Says of each match how often it was sighted; each object is counted once, however often it was found.
    async fn count_sightings(
        &self,
        view: &Viewer,
        answers: &mut [LookUpAnswer<'_>],
    ) -> Result<(), LookUpError> {
        let mut ids: Vec<String> =
            answers.iter().flat_map(|answer| &answer.matches).map(|found| found.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
        let sighted = self.store().sightings(view, &asked).await?;
        let counts: HashMap<&str, Sightings> =
            asked.iter().copied().zip(sighted.into_iter().map(Sightings::of)).collect();
        for found in answers.iter_mut().flat_map(|answer| &mut answer.matches) {
            found.sightings = counts.get(found.id.as_str()).copied();
        }
        Ok(())
    }
}

impl Sightings {
    /// What the store tells of one object.
    pub(crate) const fn of((reports, count, last_seen): (u64, i64, Option<Micros>)) -> Self {
        Self { reports, count, last_seen }
    }
}

/// What the store is asked about all values of a request at once.
struct Questions<'v> {
    /// The terms of all values, one value after the other.
    terms: Vec<Fingerprint>,
    /// What a match on each term means.
    hows: Vec<How>,
    /// What belongs to each value.
    asked: Vec<Asked>,
    /// The hosts among the values, each once: URLs on them are asked for by themselves, so that they take no other match its place.
    hosts: Vec<Fingerprint>,
    /// Ranges among the values, each once: what lies inside is asked for too.
    ranges: Vec<([u8; 16], [u8; 16])>,
    /// Where among them a value stands.
    range_of: HashMap<&'v str, usize>,
}

/// What is asked about one value.
struct Asked {
    /// How many terms it has.
    terms: usize,
    /// Where it stands among the hosts.
    host: Option<usize>,
}

impl<'v> Questions<'v> {
    fn about(values: &[&'v str], key: &FingerprintKey, lengths: &PrefixLengths) -> Self {
        let mut terms = Vec::with_capacity(values.len().saturating_mul(3));
        let mut hows = Vec::with_capacity(values.len().saturating_mul(3));
        let mut asked = Vec::with_capacity(values.len());
        let (mut ranges, mut range_of) = (Vec::new(), HashMap::new());
        let (mut hosts, mut host_of) = (Vec::new(), HashMap::new());
        let mut scratch = Scratch::default();
        for value in values {
            let before = terms.len();
            let (mut is_range, mut host) = (false, None);
            index::probe_with(value, lengths, &mut scratch, |kind, canonical, how| {
                is_range |= kind == TermKind::Range && how == index::How::Exact;
                let term = Fingerprint::of(key, kind, canonical);
                if how == index::How::OnHost {
                    host = Some(*host_of.entry(term).or_insert_with(|| {
                        hosts.push(term);
                        hosts.len().saturating_sub(1)
                    }));
                    return;
                }
                terms.push(term);
                hows.push(how.into());
            });
            if is_range
                && !range_of.contains_key(value)
                && let Some(ends) = index::asked_range(value)
            {
                range_of.insert(*value, ranges.len());
                ranges.push(ends);
            }
            asked.push(Asked { terms: terms.len().saturating_sub(before), host });
        }
        Self { terms, hows, asked, hosts, ranges, range_of }
    }
}

/// Each object once, by its closest relation to the value, and where several members say different things of it each of these (a version
/// is known by its date); closest first (of ranges the smallest, of parents the nearest), then what holds first, then newest first; cut at
/// the limit, which `more` tells.
fn closest(mut matches: Vec<(usize, LookUpMatch)>, more: &mut bool) -> Vec<LookUpMatch> {
    if matches.len() > 1 {
        matches.sort_by(|(far, one), (further, other)| {
            (one.how, far, one.worth(), other.added).cmp(&(other.how, further, other.worth(), one.added))
        });
        let mut seen = HashSet::with_capacity(matches.len());
        matches.retain(|(_, found)| seen.insert((found.id.clone(), found.added)));
        *more |= matches.len() > LOOKUP_MATCHES_MAX;
        matches.truncate(LOOKUP_MATCHES_MAX);
    }
    matches.into_iter().map(|(_, found)| found).collect()
}

impl From<index::How> for How {
    fn from(how: index::How) -> Self {
        match how {
            index::How::Exact => Self::Exact,
            index::How::Range => Self::Range,
            index::How::ParentDomain => Self::ParentDomain,
            index::How::Host => Self::Host,
            index::How::OnHost => Self::OnHost,
        }
    }
}
