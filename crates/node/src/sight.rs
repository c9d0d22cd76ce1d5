//! "We saw this": a sighting of an object or of a value that is known here.

use base::Micros;
use handling::Principal;
use stix::{Kind, TlpLevel};
use store::{Fault, StoreError, StoredObject};

use crate::handle::met;
use crate::look_up::{Detail, How, LookUpError};
use crate::produce::{Author, Sighting};
use crate::receipts::Receipt;
use crate::{AcceptError, Node, Options};

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct SightRequest {
    /// A STIX id, or a value that an object here is about.
    pub what: String,
    /// How often; `None` = once. 0 says "looked for and not seen".
    pub count: Option<u32>,
    /// When last; `None` = now.
    pub last_seen: Option<Micros>,
    /// Where the sighting goes; `None` = the first collection that holds the object and that this principal may write.
    pub collection: Option<String>,
    /// The sector of those who saw it, who stay unnamed: a term of STIX's industry-sector vocabulary, or another word.
    pub sector: Option<String>,
}

/// What a sighting became: one receipt for each object that was sighted.
#[derive(Clone, Debug)]
pub struct Sighted {
    /// Ids of the sighted objects, in the order of `receipts`.
    pub of: Vec<String>,
    /// The receipts of the sighting objects.
    pub receipts: Vec<Receipt>,
}

/// Why nothing was sighted. Nothing has been stored.
#[derive(Debug, thiserror::Error)]
pub enum SightError {
    /// No such object, or nothing known about the value, as far as this principal may know.
    #[error("no object here has that id or is about exactly that value")]
    Unknown,
    /// An object of a type that is not sighted.
    #[error("an object of type {0} is not sighted: sight an indicator or what it indicates")]
    Unfit(String),
    /// A sector that is no word.
    #[error("a sector is 1 to {SECTOR_CHARS_MAX} printable characters")]
    Sector,
    /// No collection was named and none fits.
    #[error("the object stands in no collection you may write to: name one")]
    CollectionNotNamed,
    /// The node has no member whose sighting it could be.
    #[error("the node has no member yet: run `cresset init`")]
    NotInitialised,
    /// The sighting was not taken.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SightError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "value-unknown",
            Self::Unfit(_) => "value-unfit",
            Self::Sector => "sector-unfit",
            Self::CollectionNotNamed => "collection-not-named",
            Self::NotInitialised => "not-initialised",
            Self::Accept(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unknown | Self::Unfit(_) | Self::Sector | Self::CollectionNotNamed => Fault::Caller,
            Self::NotInitialised => Fault::Operator,
            Self::Accept(error) => error.fault(),
            Self::Store(error) => error.fault(),
        }
    }
}

impl Node {
    /// Stores a sighting by this node's member. A value that several indicators are about gives one sighting of each.
    ///
    /// The sighting is marked as strictly as what was sighted: who may not know of the object may not know it was seen.
    ///
    /// # Errors
    /// See [`SightError`].
    pub async fn sight(&self, who: &Principal, request: SightRequest) -> Result<Sighted, SightError> {
        let sector = request.sector.as_deref().map(sector_of).transpose()?;
        let author =
            Author::of(self.store(), self.member().await?).await?.ok_or(SightError::NotInitialised)?;
        let seen = self.sighted_objects(who, &request.what).await?;
        let collection = match request.collection {
            Some(collection) => collection,
            None => self.writable_of(who, &seen).await?,
        };
        let now = self.now();
        let sightings: Vec<_> = seen
            .iter()
            .map(|object| Sighting {
                uuid: self.new_uuid(),
                of: &object.id,
                count: request.count.unwrap_or(1),
                last_seen: request.last_seen.unwrap_or(now),
                at: now,
                tlp: object.tlp.and_then(TlpLevel::from_number),
                sector,
            })
            .collect();
        let mut made: Vec<_> = sightings.iter().filter_map(|sighting| sighting.sector(&author)).collect();
        let sectors = made.len();
        made.extend(sightings.iter().map(|sighting| sighting.object(&author)));
        let within = seen.iter().map(|object| met(object.tlp, &object.places).of_derived());
        let within = within.reduce(|one, other| one.meet(&other));
        let directory = self.directory().await.map_err(SightError::Store)?;
        let mut place = self.place(who, &directory, &collection, &Options::default())?;
        // Who may not know of the object must not learn from the member's identity that something came in.
        let hidden = within.as_ref().is_some_and(|rules| !rules.open_here(self.standing().home));
        let identity = (!hidden).then(|| author.identity());
        let extra = usize::from(identity.is_some()).saturating_add(sectors);
        place.within = within;
        // Whoever said it hears that it was seen.
        let originators = seen.iter().flat_map(|object| {
            let rules = met(object.tlp, &object.places);
            match rules.originator() {
                handling::Originator::Member(member) => Some(*member),
                _ => None,
            }
        });
        place.sending.also = originators.collect();
        let derived = self.derive_all(identity.into_iter().chain(made).collect(), place.bar).await;
        let mut receipts = self.commit(&place, derived, None).await?.receipts;
        receipts.drain(..extra.min(receipts.len()));
        Ok(Sighted { of: seen.into_iter().map(|object| object.id).collect(), receipts })
    }

    /// What was seen: the object of that id, or the objects that are about exactly this value.
    async fn sighted_objects(&self, who: &Principal, what: &str) -> Result<Vec<StoredObject>, SightError> {
        let view = self.eyes(who);
        let ids = if stix::id::check(what).is_ok() {
            vec![what.to_owned()]
        } else {
            let known = self.look_up(who, &[what], Detail::Brief).await.map_err(|error| match error {
                LookUpError::Store(error) => SightError::Store(error),
                LookUpError::TooLong(_) | LookUpError::TooManyValues(_) => SightError::Unknown,
            })?;
            let answers = known.into_inner();
            let matches = answers.into_iter().flat_map(|answer| answer.matches);
            let exact = matches.filter(|found| found.how == How::Exact && !found.revoked);
            exact.map(|found| found.id).filter(|id| can_be_sighted(id)).take(SIGHTED_MAX).collect()
        };
        if ids.is_empty() {
            return Err(SightError::Unknown);
        }
        if let Some(id) = ids.iter().find(|id| !can_be_sighted(id)) {
            return Err(SightError::Unfit(stix::id::type_of(id).to_owned()));
        }
        let mut objects = Vec::with_capacity(ids.len());
        for id in ids {
            objects.push(self.store().object(&view, &id, None).await.map_err(|error| match error {
                StoreError::NotFound { .. } => SightError::Unknown,
                other => SightError::Store(other),
            })?);
        }
        Ok(objects)
    }

    /// The first collection that holds one of these objects and takes writes from `who`.
    async fn writable_of(&self, who: &Principal, objects: &[StoredObject]) -> Result<String, SightError> {
        let directory = self.directory().await?;
        let mut holding = objects.iter().flat_map(|object| &object.collections);
        let found = holding
            .find(|id| directory.collection(id).is_some_and(|row| handling::access(who, row.no).write));
        found.cloned().ok_or(SightError::CollectionNotNamed)
    }
}

/// Longest word for a sector.
const SECTOR_CHARS_MAX: usize = 100;

fn sector_of(text: &str) -> Result<&str, SightError> {
    let word = text.trim();
    let fits = (1..=SECTOR_CHARS_MAX).contains(&word.chars().count()) && !word.chars().any(char::is_control);
    if fits { Ok(word) } else { Err(SightError::Sector) }
}

/// Objects that one value gives sightings of.
const SIGHTED_MAX: usize = 20;

/// A sighting is of a domain object (STIX 2.1, section 5.2), known or custom; not of an observable, a relationship or a
/// marking.
fn can_be_sighted(id: &str) -> bool {
    matches!(stix::kind_of(stix::id::type_of(id)), Kind::Domain | Kind::Custom)
}
