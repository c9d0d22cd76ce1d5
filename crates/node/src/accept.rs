//! Objects come in: each is examined, gets its handling, and all good ones land in one durable commit.
//!
//! One bad object never hides the rest: every object of the request gets its receipt, in the order given. Under which
//! rules each object stands is decided before anything is stored; see `handle`.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use bytes::Bytes;
use handling::{MemberId, Principal, Refusal, Rule, Rules, Writer, may_write};
use stix::{Finding, ObjectId, Severity, Timestamp, TlpLevel};
use store::{
    Batch, CollectionRow, Entry, Fault, Landed, LandedAs, Original, PerObject, StatusRow, StatusState,
    StoreError,
};

use crate::derive::{self, Bar, Derived, Rejected};
use crate::directory::Directory;
use crate::examining::RunOut;
use crate::exchange::{Added, Sending, Withheld};
use crate::markings::{self, is_definition};
use crate::produce::Author;
use crate::receipts::{Giving, Handled, Outcome, Receipt};
use crate::redact::redacted;
use crate::{Node, Options, Passing};

/// Objects to be taken into a collection.
#[derive(Clone, Debug)]
pub struct AcceptRequest<'a> {
    /// Id, alias or readable name of the collection.
    pub collection: &'a str,
    /// The exact bytes of each object, in order.
    pub objects: Vec<Bytes>,
    /// How they are to be taken.
    pub options: Options,
    /// Whether a status resource is to be kept.
    pub status: KeepStatus,
}

/// Whether a request leaves a status resource behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepStatus {
    /// It does (TAXII).
    Yes,
    /// The receipts are enough.
    No,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The status resource, when one was asked for.
    pub status: Option<StatusRow>,
    /// One receipt per object, in the order given.
    pub receipts: Vec<Receipt>,
}

/// Why a whole request was not taken. Nothing has been stored.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Not for this principal.
    #[error(transparent)]
    Refused(Refusal),
    /// No such collection, or not one this principal may know of.
    #[error("no such collection")]
    NotFound,
    /// A named user does not exist.
    #[error("no such user: {0:?}")]
    UserUnknown(String),
    /// Nobody is known by this name.
    #[error("{}", nobody(name, community.as_deref()))]
    AddresseeUnknown {
        /// The name.
        name: String,
        /// The community that was searched; `None` where the node is in none.
        community: Option<String>,
    },
    /// More than one could be meant.
    #[error(
        "{} is the name of more than one: say member:SLUG, circle:OWNER/NAME, or give an id",
        base::quoted(.0)
    )]
    AddresseeAmbiguous(String),
    /// It would be for nobody from the first moment on.
    #[error("the moment until which it is to be kept has passed")]
    RetainPast,
    /// Its objects take longer to examine than one request may.
    #[error(transparent)]
    TooCostly(#[from] RunOut),
    /// The store failed or takes no writes.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AcceptError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.rule.code(),
            Self::NotFound => "collection-unknown",
            Self::UserUnknown(_) => "user-unknown",
            Self::AddresseeUnknown { .. } => "addressee-unknown",
            Self::AddresseeAmbiguous(_) => "addressee-ambiguous",
            Self::RetainPast => "expires-in-the-past",
            Self::TooCostly(_) => "request-too-costly",
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

fn nobody(name: &str, community: Option<&str>) -> String {
    let name = base::quoted(name);
    match community {
        Some(community) => format!(
            "no member or circle that this node knows in the community {} is called {name}: see `cresset community show` \
             and `cresset circle list`",
            base::quoted(community)
        ),
        None => format!(
            "nobody is known as {name}, for this node is in no community: give a key id (64 hexadecimal digits), or user:NAME"
        ),
    }
}

impl From<Refusal> for AcceptError {
    fn from(refusal: Refusal) -> Self {
        match refusal.rule {
            Rule::CollectionUnknown => Self::NotFound,
            _ => Self::Refused(refusal),
        }
    }
}

impl Node {
    /// Takes objects into a collection, in one durable commit.
    ///
    /// When this returns `Ok`, every object whose receipt does not say "refused" survives a crash.
    ///
    /// # Errors
    /// See [`AcceptError`]: the request as a whole was not taken, and nothing was stored. What is wrong with single
    /// objects stands in their receipts.
    ///
    /// # Limits
    /// Time is linear in the bytes; examining them is bounded by [`base::limit::EXAMINE_SECONDS_MAX`]. Memory besides the request's own
    /// bytes, which are kept and not copied: what is derived from each object (terms, references, text), together no more than about four
    /// times the bytes.
    pub async fn accept(&self, who: &Principal, request: AcceptRequest<'_>) -> Result<Accepted, AcceptError> {
        let directory = self.directory().await?;
        let place = self.place(who, &directory, request.collection, &request.options)?;
        let status = match request.status {
            KeepStatus::Yes => Some(self.new_uuid().to_string()),
            KeepStatus::No => None,
        };
        let derived = self.derive_for(request.objects, place.bar, &mut self.patience()).await?;
        self.commit(&place, derived, status).await
    }

    /// Whether this principal may add to a collection at all: asked before a large request is read.
    ///
    /// # Errors
    /// See [`AcceptError`].
    pub async fn may_accept(&self, who: &Principal, collection: &str) -> Result<(), AcceptError> {
        let directory = self.directory().await?;
        let row = directory.collection(collection).ok_or(AcceptError::NotFound)?;
        may_write(who, row.no, &self.standing())?;
        Ok(())
    }

    /// Stores what was derived, in one commit, and writes the receipts.
    pub(crate) async fn commit(
        &self,
        place: &Place,
        derived: Vec<Result<Derived, Rejected>>,
        status: Option<String>,
    ) -> Result<Accepted, AcceptError> {
        let now = self.now();
        let mut entries = Vec::with_capacity(derived.len());
        let mut receipts = Vec::with_capacity(derived.len());
        let mut failures = Vec::new();
        for (at, one) in derived.into_iter().enumerate() {
            match one {
                Ok(derived) => {
                    receipts.push(receipt_of(&derived, place.tlp()));
                    entries.push(derived.entry);
                }
                Err(rejected) => {
                    failures.extend(status.as_ref().map(|_| failure(at, &rejected, now)));
                    receipts.push(rejected.into_receipt());
                }
            }
        }
        if entries.is_empty() && status.is_none() {
            return Ok(Accepted { status: None, receipts });
        }
        let views = self.put_under_rules(place, &mut entries).await?;
        self.note_makers(&mut entries).await?;
        self.keep_ledger().await?;
        let batch = Batch {
            writer: place.writer.clone(),
            at: now,
            entries,
            status: status.clone().map(|id| (id, failures)),
        };
        let defined = batch.entries.iter().filter(|entry| is_definition(entry));
        let defined: Vec<ObjectId> = defined.map(|entry| entry.facts.id.clone()).collect();
        let named = if place.passing.says_something() { names_of(&batch.entries) } else { Vec::new() };
        let others = place.passing.names_others();
        let stays: Vec<bool> = batch
            .entries
            .iter()
            .map(|entry| others && entry.facts.subject >= stix::Subject::Person)
            .collect();
        let put_aside =
            if others { self.members().await?.and_then(|members| members.takes_no_part()) } else { None };
        // What stands in a collection is nothing to tell to who may not read it, definitions of markings included.
        let reads = place.writer.reads();
        let awaits =
            batch.entries.iter().map(|entry| awaited_marking(entry, &place.coming).filter(|_| reads));
        let awaits: Vec<Option<String>> = awaits.collect();
        let Added { landed, otherwise, mut withheld } = self.add_and_release(batch, &place.sending).await?;
        // By which stricter rules of something else here it is kept from somebody is nothing to tell to who may not read it.
        withheld.retain(|at, _| reads || landed.get(*at).is_some_and(|landed| landed.inherited.is_none()));
        let known = named.into_iter().enumerate().zip(&landed);
        let known = known.filter(|(_, landed)| landed.how == LandedAs::Known).map(|(known, _)| known);
        let handled = self.handle_known(place, known.collect()).await?;
        let views = self.add_views(place, of_what_landed(views, &landed)).await?;
        if let Err(error) = self.settle_markings(defined).await {
            // They are stored all the same, and found by the next look.
            tracing::warn!(code = error.code(), %error, "cannot put on what markings ask that have come");
        }
        let mut pending: Vec<&mut Receipt> =
            receipts.iter_mut().filter(|receipt| receipt.outcome != Outcome::Refused).collect();
        for (at, how) in handled {
            if let Some(receipt) = pending.get_mut(at) {
                how.tell(receipt, put_aside);
            }
        }
        for ((receipt, marking), landed) in pending.iter_mut().zip(awaits).zip(&landed) {
            let marking = marking.filter(|_| stands(landed));
            receipt.findings.extend(marking.map(|marking| Receipt::awaits(&marking)));
        }
        let otherwise = |at: usize, receipt: &Receipt| {
            otherwise.contains(&at) || of_view(&views, receipt).is_some_and(|view| view.otherwise)
        };
        let tell_withheld = |at: usize, receipt: &mut Receipt| {
            // Of what goes without its more strictly marked parts it is told to whom that does not go.
            let withheld = match of_view(&views, receipt) {
                Some(view) => Some(&view.withheld),
                None => withheld.get(&at),
            };
            if let Some(withheld) = withheld {
                self.tell_withheld(place, receipt, withheld);
            }
        };
        let all = pending.into_iter().zip(landed).zip(stays);
        tell_all((place, put_aside), all, (otherwise, tell_withheld), now);
        let status = match status {
            Some(id) => Some(self.0.store.status(place.writer.user(), &id).await?),
            None => None,
        };
        Ok(Accepted { status, receipts })
    }
}

impl Node {
    /// Notes which entries are copies of what another member made, by the registry's identities.
    async fn note_makers(&self, entries: &mut [Entry]) -> Result<(), StoreError> {
        let Some(members) = self.members().await? else { return Ok(()) };
        // What comes together is mostly made by one.
        let mut last: Option<(String, Option<MemberId>)> = None;
        for entry in entries {
            let Some(creator) = &entry.facts.creator else { continue };
            let known = last.take().filter(|(id, _)| id == creator);
            let (creator, maker) = known.unwrap_or_else(|| (creator.clone(), members.maker(creator)));
            entry.maker = maker;
            last = Some((creator, maker));
        }
        Ok(())
    }

    /// Stores redacted views beside the objects that they are views of. Answers with how these were given, by the identifiers of the objects.
    async fn add_views(
        &self,
        place: &Place,
        entries: Vec<Entry>,
    ) -> Result<BTreeMap<String, AddedView>, StoreError> {
        if entries.is_empty() {
            return Ok(BTreeMap::new());
        }
        let of: Vec<Option<String>> =
            entries.iter().map(|entry| entry.view_of.as_ref().map(|original| original.id.clone())).collect();
        let batch = Batch { writer: place.writer.clone(), at: self.now(), entries, status: None };
        let Added { otherwise, mut withheld, .. } = self.add_and_release(batch, &place.sending).await?;
        let views = of.into_iter().enumerate().filter_map(|(at, of)| {
            let withheld = withheld.remove(&at).unwrap_or_default();
            Some((of?, AddedView { otherwise: otherwise.contains(&at), withheld }))
        });
        Ok(views.collect())
    }
}

/// How a redacted view was given.
#[derive(Default)]
struct AddedView {
    /// Another view was given under its date.
    otherwise: bool,
    /// Who is not given it, and by which rule.
    withheld: Withheld,
}

/// How the view of the object that a receipt is about was given, where there is one.
fn of_view<'v>(views: &'v BTreeMap<String, AddedView>, receipt: &Receipt) -> Option<&'v AddedView> {
    views.get(receipt.id.as_ref()?)
}

/// An object that was here already: its id and version.
pub(crate) type Known = (String, Option<String>);

fn names_of(entries: &[Entry]) -> Vec<Known> {
    let facts = entries.iter().map(|entry| &entry.facts);
    facts.map(|facts| (facts.id.as_str().to_owned(), facts.modified.clone())).collect()
}

/// Where objects go, by what right, and under which handling.
pub(crate) struct Place {
    /// Who brings them.
    pub(crate) who: Principal,
    pub(crate) writer: Writer,
    pub(crate) bar: Bar,
    /// The handling that the request asks for.
    pub(crate) passing: Passing,
    /// Rules that hold besides.
    pub(crate) within: Option<Rules>,
    /// Whom other members' nodes are told, and how urgently.
    pub(crate) sending: Sending,
    /// Until when data about persons is kept, unless the request says a shorter time.
    pub(crate) persons_until: Micros,
    /// Marking definitions that come further on in the same file, by id.
    pub(crate) coming: BTreeSet<String>,
}

impl Place {
    /// The level the request asks for.
    pub(crate) const fn tlp(&self) -> Option<TlpLevel> {
        self.passing.tlp
    }
}

impl Node {
    pub(crate) fn place(
        &self,
        who: &Principal,
        directory: &Directory,
        collection: &str,
        options: &Options,
    ) -> Result<Place, AcceptError> {
        let row: &CollectionRow = directory.collection(collection).ok_or(AcceptError::NotFound)?;
        let standing = self.standing();
        let writer = may_write(who, row.no, &standing)?;
        let passing = self.passing(who, directory, options)?;
        let bar = if row.strict || options.strict { Bar::Strict } else { Bar::Store };
        let (lane, also, purview) = (options.urgency.lane(), BTreeSet::new(), self.purview(who));
        let days = i64::from(self.0.settings.person_data_days);
        let persons_until =
            Micros(standing.now.0.saturating_add(days.saturating_mul(86_400 * Micros::SECOND)));
        let named = passing.others().cloned().collect();
        let sending = Sending { lane, also, named, purview };
        let (who, coming) = (who.clone(), BTreeSet::new());
        Ok(Place { who, writer, bar, passing, within: None, sending, persons_until, coming })
    }

    /// Gives entries the rules that their markings and the request ask for. Answers with the redacted views to be stored
    /// beside them, each with the place of its entry.
    pub(crate) async fn put_under_rules(
        &self,
        place: &Place,
        entries: &mut [Entry],
    ) -> Result<Vec<(usize, Entry)>, StoreError> {
        let asked = markings::read(self.store(), place.writer.eyes(), entries).await?;
        let author = if asked.iter().any(|asked| asked.rest.is_some()) {
            Author::of(self.store(), self.member().await?).await?
        } else {
            None
        };
        let mut views = Vec::new();
        for (at, (entry, asked)) in entries.iter_mut().zip(asked).enumerate() {
            crate::handle::mark(entry, &asked, place);
            if let (Some(rest), Some(author)) = (&asked.rest, &author)
                && let Some(bytes) = redacted(&entry.bytes, &rest.withheld, author)
                && let Ok(derived) = derive::derive(&bytes, Bar::Store)
                && derived.entry.facts.findings.is_none()
            {
                let mut view = derived.entry;
                let (id, creator) = (entry.facts.id.as_str().to_owned(), entry.facts.creator.clone());
                view.view_of = Some(Original { id, creator });
                crate::handle::mark(&mut view, &rest.asked, place);
                views.push((at, view));
            }
        }
        Ok(views)
    }
}

/// The views of what stands here now: of what is refused nothing is kept and given, so neither is what would be left of it.
fn of_what_landed(views: Vec<(usize, Entry)>, landed: &[Landed]) -> Vec<Entry> {
    views.into_iter().filter(|(at, _)| landed.get(*at).is_some_and(stands)).map(|(_, view)| view).collect()
}

/// Whether something stands here now.
pub(crate) const fn stands(landed: &Landed) -> bool {
    !matches!(landed.how, LandedAs::Refused(_))
}

fn receipt_of(derived: &Derived, asked: Option<TlpLevel>) -> Receipt {
    let facts = &derived.entry.facts;
    // Who reads the bytes alone takes what bears no level for free to all, as CLEAR is.
    let closes = asked.filter(|level| *level > TlpLevel::Clear);
    Receipt {
        id: Some(facts.id.as_str().to_owned()),
        version: facts.modified.clone().or_else(|| facts.created.clone()),
        outcome: Outcome::Accepted,
        code: None,
        reason: None,
        handling: None,
        giving: Giving::default(),
        level_beside: facts.id.type_name() != "marking-definition"
            && closes.is_some_and(|level| facts.tlp.is_none_or(|own| own < level.number())),
        findings: derived.findings.clone(),
    }
}

/// The first marking definition that an entry waits for, where none of it comes further on in the same file.
fn awaited_marking(entry: &Entry, coming: &BTreeSet<String>) -> Option<String> {
    let mut awaited = entry.rules.as_ref()?.markings().awaited().map(ToString::to_string);
    awaited.find(|definition| !coming.contains(definition))
}

/// Writes into receipts how the objects landed, which of them stay at home, being about persons, which are not given since something
/// `otherwise` was, from whom each is withheld, and which go to nobody while this member is `put_aside`.
fn tell_all<'r>(
    (place, put_aside): (&Place, Option<&str>),
    all: impl Iterator<Item = ((&'r mut Receipt, Landed), bool)>,
    (otherwise, tell_withheld): (impl Fn(usize, &Receipt) -> bool, impl Fn(usize, &mut Receipt)),
    now: Micros,
) {
    for (at, ((receipt, landed), stays)) in all.enumerate() {
        // Who may read is told by whose word it is known, and that it is not theirs to change.
        let is_anothers = landed.how == LandedAs::Known && landed.word.is_some() && !place.writer.reads();
        tell(receipt, landed.told_to(&place.writer, now));
        if is_anothers && place.passing.names_others() {
            receipt.is_not_given();
        }
        if otherwise(at, receipt) {
            receipt.is_given_otherwise();
            if place.passing.names_others() {
                receipt.giving.kept_by = receipt.code;
            }
        }
        if stays && receipt.code.is_none() {
            receipt.code = Some(Rule::PersonDataStaysHome.code());
            receipt.reason = Some("it is about a person, so no other member is given it".to_owned());
            receipt.giving.kept_by = receipt.code;
        }
        tell_withheld(at, receipt);
        if let Some(status) = put_aside
            && receipt.code.is_none()
            && receipt.reason.is_none()
            && receipt.outcome != Outcome::Refused
        {
            receipt.code = Some(federation::Rule::SenderUnknown.code());
            receipt.reason = Some(format!(
                "it stands here and goes to nobody while this member takes no part in the community ({status}): it goes when it does again"
            ));
        }
    }
}

/// Writes into a receipt how the object landed.
fn tell(receipt: &mut Receipt, landed: Landed) {
    if let Some(contradiction) = landed.contradicts {
        receipt.reason = Some(contradiction.words().to_owned());
        receipt.findings.push(Finding {
            severity: Severity::Warning,
            code: contradiction.code(),
            path: contradiction.property().to_owned(),
            message: contradiction.words().into(),
        });
    }
    if landed.word.is_some() && receipt.code.is_none() {
        receipt.code = Some(store::KNOWN_BY_ANOTHER_CODE);
        receipt.reason = Some(store::KNOWN_BY_ANOTHER.to_owned());
    }
    if landed.inherited.is_some() {
        receipt.handling = Some(Handled::Inherited);
        receipt.reason = Some(store::INHERITED.to_owned());
    }
    receipt.outcome = match landed.how {
        LandedAs::Accepted => Outcome::Accepted,
        LandedAs::Known => Outcome::Known,
        LandedAs::Newer => Outcome::Newer,
        LandedAs::Older => Outcome::Older,
        LandedAs::Refused(conflict) => {
            receipt.code = Some(conflict.code);
            receipt.reason = Some(conflict.reason);
            Outcome::Refused
        }
    };
    if receipt.version.is_none() {
        receipt.version = landed.added.map(Timestamp::text_of);
    }
}

/// What a status says of the object at a place of its envelope; one without an identifier is told by that place.
fn failure(at: usize, rejected: &Rejected, now: Micros) -> PerObject {
    let place = if rejected.id.is_none() { format!("objects[{at}]: ") } else { String::new() };
    PerObject {
        id: rejected.id.clone().unwrap_or_default(),
        version: rejected.version.clone().unwrap_or_else(|| Timestamp::text_of(now)),
        message: Some(format!("{place}{}", rejected.message())),
        state: StatusState::Failure,
    }
}
