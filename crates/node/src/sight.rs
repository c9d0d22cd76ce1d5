//! "We saw this": a sighting of an object or of a value that is known here.

use std::collections::{BTreeSet, HashSet};

use base::Micros;
use handling::{Addressee, Audience, MemberId, Originator, Principal, Rules};
use stix::{Kind, TlpLevel};
use store::{Fault, Ruled, StoreError, StoredObject};

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
    /// Whether everybody is told whom the object is for; else its originator alone is, where that is another member.
    pub to_all: bool,
}

/// What is said of every object that was seen.
struct Said<'a> {
    count: u32,
    last_seen: Option<Micros>,
    sector: Option<&'a str>,
    to_all: bool,
}

/// What a sighting became: one receipt for each word on an object that was sighted. One that two members tell is in it twice.
#[derive(Clone, Debug)]
pub struct Sighted {
    /// Ids of the sighted objects, in the order of `receipts`.
    pub of: Vec<String>,
    /// The receipts of the sighting objects.
    pub receipts: Vec<Receipt>,
}

/// Why nothing was sighted, or not all: of several objects, those before the one that failed have been sighted.
#[derive(Debug, thiserror::Error)]
pub enum SightError {
    /// No such object, or nothing known about the value, as far as this principal may know.
    #[error("no object here has that id or is about exactly that value")]
    Unknown,
    /// A value that only an observable is about, which is not sighted itself.
    #[error(
        "only {0} is held of that value, and an observable is not sighted: import the value as an indicator and sight that, or sight the object that speaks of it by its id"
    )]
    ObservableOnly(String),
    /// An object of a type that is not sighted.
    #[error("an object of type {0} is not sighted: sight an indicator or what it indicates")]
    Unfit(String),
    /// Seen more often than a sighting can say.
    #[error("a sighting counts up to {}", stix::SIGHTINGS_MAX)]
    Count,
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
            Self::ObservableOnly(_) => "observable-only",
            Self::Unfit(_) => "value-unfit",
            Self::Count => "value-unfit",
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
            Self::Unknown
            | Self::ObservableOnly(_)
            | Self::Unfit(_)
            | Self::Count
            | Self::Sector
            | Self::CollectionNotNamed => Fault::Caller,
            Self::NotInitialised => Fault::Operator,
            Self::Accept(error) => error.fault(),
            Self::Store(error) => error.fault(),
        }
    }
}

/// An object as each who says it says it: where two tell the same, each hears of it under their own rules, and of the other nothing.
fn words_of(object: StoredObject) -> Vec<StoredObject> {
    let mut words: Vec<(Originator, Vec<Ruled>)> = Vec::new();
    for place in &object.places {
        let teller = teller_at(place);
        match words.iter_mut().find(|(known, _)| *known == teller) {
            Some((_, places)) => places.push(place.clone()),
            None => words.push((teller, vec![place.clone()])),
        }
    }
    words.into_iter().map(|(_, places)| StoredObject { places, ..object.clone() }).collect()
}

fn teller_at(place: &Ruled) -> Originator {
    place.rules.as_ref().map_or(Originator::Here, |rules| rules.originator().clone())
}

/// Who says an object that one says alone.
fn teller(word: &StoredObject) -> Originator {
    word.places.first().map_or(Originator::Here, teller_at)
}

fn unknown(error: StoreError) -> SightError {
    match error {
        StoreError::NotFound { .. } => SightError::Unknown,
        other => SightError::Store(other),
    }
}

impl Node {
    /// Stores a sighting by this node's member. A value that several indicators are about gives one sighting of each.
    ///
    /// The sighting is marked as strictly as what was sighted: who may not know of the object may not know it was seen. Of another
    /// member's object it is for that member alone, unless the request says otherwise.
    ///
    /// # Errors
    /// See [`SightError`].
    pub async fn sight(&self, who: &Principal, request: SightRequest) -> Result<Sighted, SightError> {
        if request.count.is_some_and(|count| i64::from(count) > stix::SIGHTINGS_MAX) {
            return Err(SightError::Count);
        }
        let sector = request.sector.as_deref().map(sector_of).transpose()?;
        let author =
            Author::of(self.store(), self.member().await?).await?.ok_or(SightError::NotInitialised)?;
        let seen = self.sighted_objects(who, &request.what).await?;
        let collection = match request.collection.clone() {
            Some(collection) => collection,
            None => self.writable_of(who, &seen).await?,
        };
        let SightRequest { count, last_seen, to_all, .. } = &request;
        let said = Said { count: count.unwrap_or(1), last_seen: *last_seen, sector, to_all: *to_all };
        let mut receipts = Vec::with_capacity(seen.len());
        for object in &seen {
            receipts.extend(self.sight_one(who, (&author, &said), (object, &collection)).await?);
        }
        Ok(Sighted { of: seen.into_iter().map(|object| object.id).collect(), receipts })
    }

    /// Stores the sighting of one object, under that one's rules: what others say of the same value is none of its originator's.
    async fn sight_one(
        &self,
        who: &Principal,
        (author, said): (&Author, &Said<'_>),
        (object, collection): (&StoredObject, &str),
    ) -> Result<Option<Receipt>, SightError> {
        let now = self.now();
        let sighting = Sighting {
            uuid: self.new_uuid(),
            of: &object.id,
            count: said.count,
            last_seen: said.last_seen.unwrap_or(now),
            at: now,
            tlp: object.tlp.and_then(TlpLevel::from_number),
            sector: said.sector,
        };
        let rules = met(object.tlp, &object.places);
        let within = match rules.originator() {
            Originator::Member(member) if !said.to_all => told_to(&rules.of_derived(), *member),
            _ => rules.of_derived(),
        };
        let directory = self.directory().await.map_err(SightError::Store)?;
        let mut place = self.place(who, &directory, collection, &Options::default())?;
        // Who may not know of the object must not learn from the member's identity that something came in.
        let identity = within.open_here(self.standing().home).then(|| author.identity());
        place.within = Some(within);
        // Whoever said it hears that it was seen.
        place.sending.also = match rules.originator() {
            Originator::Member(member) => BTreeSet::from([*member]),
            _ => BTreeSet::new(),
        };
        let made = identity.into_iter().chain(sighting.sector(author)).chain([sighting.object(author)]);
        let derived = self.derive_all(made.collect(), place.bar).await;
        Ok(self.commit(&place, derived, None).await?.receipts.pop())
    }

    /// What was seen: the object of that id, or the objects that are about exactly this value; of each as every teller says it.
    async fn sighted_objects(&self, who: &Principal, what: &str) -> Result<Vec<StoredObject>, SightError> {
        if stix::id::check(what).is_err() {
            return self.words_about(who, what).await;
        }
        if !can_be_sighted(what) {
            return Err(SightError::Unfit(stix::id::type_of(what).to_owned()));
        }
        let object = self.store().object(&self.eyes(who), what, None).await.map_err(unknown)?;
        Ok(words_of(object))
    }

    /// What is said of a value: of several words under one identifier those that are about it, and of each teller one.
    async fn words_about(&self, who: &Principal, value: &str) -> Result<Vec<StoredObject>, SightError> {
        let known = self.look_up(who, &[value], Detail::Brief).await.map_err(|error| match error {
            LookUpError::Store(error) => SightError::Store(error),
            LookUpError::TooLong(_) | LookUpError::TooManyValues(_) => SightError::Unknown,
        })?;
        let matches = known.into_inner().into_iter().flat_map(|answer| answer.matches);
        let exact = matches.filter(|found| found.how == How::Exact && !found.revoked);
        let (fit, unfit): (Vec<_>, Vec<_>) = exact.partition(|found| can_be_sighted(&found.id));
        let view = self.eyes(who);
        let (mut words, mut told) = (Vec::new(), HashSet::new());
        for found in fit.into_iter().take(SIGHTED_MAX) {
            let object = self.store().object_added(&view, &found.id, found.added).await.map_err(unknown)?;
            words.extend(
                words_of(object).into_iter().filter(|word| told.insert((word.id.clone(), teller(word)))),
            );
        }
        if words.is_empty() {
            let observable =
                unfit.into_iter().find(|found| stix::kind_of(found.type_name()) == Kind::Observable);
            return Err(observable.map_or(SightError::Unknown, |found| SightError::ObservableOnly(found.id)));
        }
        Ok(words)
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

/// The same rules, for this member and another alone: that this one saw something says who is under attack.
fn told_to(rules: &Rules, member: MemberId) -> Rules {
    let only = Audience::only([Addressee::Originator, Addressee::Member(member)]);
    rules.meet(&rules.clone().to(only))
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
