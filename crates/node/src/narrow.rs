//! Stricter handling for what is here already: by `narrow`, and by bringing it again under stricter rules.
//!
//! Both come to the same: every version of the object, wherever it stands and the one who asks may write, is under its own rules and
//! those that are asked for, never under another version's, and so is what is left of it without its more strictly marked parts; in a
//! community in one commit, with an act for those who hold it. What another member says is that member's to change; a request that asks
//! for it is told so.

use std::collections::{BTreeMap, BTreeSet};

use handling::{Narrower, Principal, Refusal, Rule, Standing, Viewer, Writer};
use serde::Serialize;
use store::{Fault, Ruled, StoreError, StoredObject};

use crate::accept::{Known, Place};
use crate::exchange::{Purview, ReceiptView};
use crate::handle::{Passing, rules_of};
use crate::receipts::{Giving, Handled, Receipt};
use crate::{AcceptError, ExchangeError, Node, Options, ReadError};

/// What a narrowing did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Narrowed {
    /// The object.
    pub id: String,
    /// Versions here that are under stricter rules now, its redacted view's among them; 0 = they were under these or stricter ones
    /// already.
    pub versions: u64,
    /// Whether others were told something new: stricter rules, or that consents of before end.
    pub told: bool,
    /// The act that tells those who hold it; where nothing changed, that of the last narrowing. Null = nobody is to be told.
    pub leaf: Option<u64>,
    /// What they answered, as far as it has come.
    pub receipts: Vec<ReceiptView>,
    /// Of the object and what is left of it without its more strictly marked parts: the id of the one that stays as it was, for others were
    /// given something of it that the principal does not know of (`given-besides`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub besides: Vec<String>,
    /// The acts whose receipts these are: its own, and that about what is left of it without its more strictly marked parts.
    #[serde(skip)]
    pub acts: Vec<u64>,
}

/// Why an object was not put under stricter rules.
#[derive(Debug, thiserror::Error)]
pub enum NarrowError {
    /// Not there, not for the one who asks, or not theirs to change.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Whoever is meant is not known.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// Nothing is asked for.
    #[error("no stricter rule is named: say at least one, --tlp red for example")]
    Empty,
    /// What was answered could not be read.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

impl NarrowError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read(error) => error.code(),
            Self::Accept(error) => error.code(),
            Self::Empty => "narrowing-empty",
            Self::Exchange(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Read(error) => error.fault(),
            Self::Accept(error) => error.fault(),
            Self::Empty => Fault::Caller,
            Self::Exchange(error) => error.fault(),
        }
    }
}

impl From<StoreError> for NarrowError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

/// An object, where it stands, and what its versions are to be under besides.
pub(crate) struct Narrowing {
    pub(crate) id: String,
    pub(crate) places: Vec<Writer>,
    pub(crate) asked: Narrower,
    /// Whether it is said for whom it is from now on: consents for others end.
    pub(crate) only: bool,
    /// How far whoever asks for it reaches.
    pub(crate) purview: Purview,
}

/// What became of a [`Narrowing`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changed {
    /// Versions here that are under stricter rules now.
    pub(crate) versions: u64,
    /// As [`Narrowed::leaf`].
    pub(crate) leaf: Option<u64>,
    /// As [`Narrowed::told`].
    pub(crate) told: bool,
    /// Nothing was done, for others were given something of it that whoever asked does not know of.
    pub(crate) besides: bool,
}

impl Narrowing {
    /// What `passing` asks of an object besides; in the collections where the principal may write.
    fn of(
        (who, standing): (&Principal, &Standing),
        object: &StoredObject,
        passing: &Passing,
    ) -> Result<Self, Refusal> {
        let own =
            object.places.iter().all(|place| rules_of(object.tlp, place).originator().is_own(standing.home));
        if !own {
            let why = "only its originator changes how it is handled";
            return Err(Refusal::new(Rule::OriginatorControl, why));
        }
        let writable = object.places.iter().filter(|place| handling::access(who, place.collection).write);
        let places = writable.map(|place| handling::may_write(who, place.collection, standing));
        let places = places.collect::<Result<Vec<_>, Refusal>>()?;
        let Some(by) = places.first().map(Writer::user) else {
            let why = "it stands in no collection that you may write to";
            return Err(Refusal::new(Rule::CollectionNotWritable, why));
        };
        let (asked, purview) = (passing.narrower(by), Purview::of(who, places.clone()));
        Ok(Self { id: object.id.clone(), places, asked, only: passing.says_for_whom(), purview })
    }
}

/// An object, or that there is none.
fn found(asked: Result<StoredObject, StoreError>) -> Result<Option<StoredObject>, StoreError> {
    match asked {
        Ok(object) => Ok(Some(object)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Node {
    /// Puts an object, wherever it stands and this principal may write, under stricter rules: those it has, and those that
    /// `options` ask for. Whoever holds it is told in the same commit.
    ///
    /// # Errors
    /// See [`NarrowError`]. `originator-control` when it is another originator's: only who said it changes it; `given-besides` when others were
    /// given something of it that the principal does not know of, and nothing was done.
    pub async fn narrow(&self, who: &Principal, id: &str, options: Options) -> Result<Narrowed, NarrowError> {
        let directory = self.directory().await?;
        let passing = self.passing(who, &directory, &options)?;
        if !passing.says_something() {
            return Err(NarrowError::Empty);
        }
        let narrowings = self.narrowings((who, &self.standing()), id, &passing).await?;
        let narrowings = narrowings.map_err(ReadError::Refused)?;
        let ids: Vec<String> = narrowings.iter().map(|one| one.id.clone()).collect();
        let changed = self.narrow_everywhere(narrowings).await?;
        let kept = ids.into_iter().zip(&changed).filter(|(_, one)| one.besides).map(|(id, _)| id);
        let besides: Vec<String> = kept.collect();
        if besides.len() == changed.len() {
            return Err(ExchangeError::GivenBesides(id.to_owned()).into());
        }
        let versions = changed.iter().fold(0_u64, |sum, one| sum.saturating_add(one.versions));
        let acts: Vec<u64> = changed.iter().filter_map(|one| one.leaf).collect();
        let receipts = if acts.is_empty() { Vec::new() } else { self.receipts_of(&acts).await? };
        let (id, leaf, told) = (id.to_owned(), acts.first().copied(), changed.iter().any(|one| one.told));
        Ok(Narrowed { id, versions, told, leaf, receipts, besides, acts })
    }

    /// What `passing` asks besides of an object, and of what is left of it without its more strictly marked parts: of every version by
    /// this member's own word, wherever it stands and the principal may write.
    ///
    /// # Errors
    /// `NotFound` where it is not there for them. The refusal inside: it stands by others' words alone, or where they may not write.
    async fn narrowings(
        &self,
        (who, standing): (&Principal, &Standing),
        id: &str,
        passing: &Passing,
    ) -> Result<Result<Vec<Narrowing>, Refusal>, StoreError> {
        let eyes = self.eyes(who).for_deeds();
        let Some(object) = self.own_everywhere(&eyes, id).await? else {
            self.store().object(&eyes, id, None).await?;
            let why = "only its originator changes how it is handled";
            return Ok(Err(Refusal::new(Rule::OriginatorControl, why)));
        };
        let mut all = vec![object];
        if let Some(view) = self.view_id_of(id).await? {
            all.extend(self.own_everywhere(&eyes, &view).await?);
        }
        Ok(all.iter().map(|object| Narrowing::of((who, standing), object, passing)).collect())
    }

    /// The latest version of an object by this member's own word, with every place where a version of it by that word stands.
    async fn own_everywhere(&self, eyes: &Viewer, id: &str) -> Result<Option<StoredObject>, StoreError> {
        let Some(mut own) = found(self.store().own_object(eyes, id, None).await)? else { return Ok(None) };
        let home = self.standing().home;
        let mut seen: BTreeSet<String> = own.collections.iter().cloned().collect();
        for row in self.store().history(eyes, id).await?.into_iter().rev() {
            if !row.originator.is_own(home) || !seen.insert(row.collection) {
                continue;
            }
            let there = found(self.store().own_object(eyes, id, Some(&row.version)).await)?;
            for place in there.iter().flat_map(|there| &there.places) {
                if own.places.iter().all(|known| known.collection != place.collection) {
                    let rules = Some(rules_of(there.as_ref().and_then(|there| there.tlp), place));
                    own.places.push(Ruled { collection: place.collection, rules });
                }
            }
        }
        Ok(Some(own))
    }

    /// Does with objects that are here already what a request asks for them: stricter rules are put on, members named besides are
    /// given them. Answers with what became of each, by its place in the request.
    ///
    /// Who may not read what is there changes no rules of it: they would learn from that what they may not know.
    pub(crate) async fn handle_known(
        &self,
        place: &Place,
        known: Vec<(usize, Known)>,
    ) -> Result<Vec<(usize, KnownAs)>, StoreError> {
        let (mut narrowings, mut told) = (Vec::new(), Vec::new());
        let gives = place.passing.names_others();
        let passing = if gives { place.passing.clone().for_nobody_besides() } else { place.passing.clone() };
        let standing = place.writer.eyes().standing();
        // It comes along with what the node makes of a list: nobody says anything about it.
        let ours = self.member().await?.map(|member| member.id);
        let asked = known.iter().filter(|(_, (id, _))| place.writer.reads() && ours.as_ref() != Some(id));
        for (at, (id, _)) in asked {
            match self.narrowings((&place.who, standing), id, &passing).await {
                Ok(Ok(all)) if passing.says_something() => {
                    narrowings.extend(all.into_iter().map(|one| (*at, one)));
                }
                Ok(Err(refusal)) if refusal.rule == Rule::OriginatorControl => {
                    told.push((*at, KnownAs::Others));
                }
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(StoreError::Altered { .. }) => told.push((*at, KnownAs::Altered)),
                Err(error) => return Err(error),
            }
        }
        let (places, narrowings): (Vec<usize>, Vec<Narrowing>) = narrowings.into_iter().unzip();
        let changed = self.narrow_everywhere(narrowings).await?;
        let mut all: BTreeMap<usize, Changed> = BTreeMap::new();
        for (at, changed) in places.into_iter().zip(changed) {
            let sum = all.entry(at).or_default();
            sum.versions = sum.versions.saturating_add(changed.versions);
            sum.besides |= changed.besides;
        }
        told.extend(all.into_iter().map(|(at, changed)| {
            let how = match changed {
                Changed { besides: true, versions: 0, .. } => KnownAs::GivenBesides,
                Changed { besides: true, .. } => KnownAs::NarrowedInPart,
                Changed { versions: 0, .. } => KnownAs::Kept,
                _ => KnownAs::Narrowed,
            };
            (at, how)
        }));
        if gives {
            told.extend(self.give_known(place, known).await?);
        }
        Ok(told)
    }
}

/// What became of the handling that was asked for something that was here already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KnownAs {
    /// It is under that too from now on.
    Narrowed,
    /// It was under that, or stricter rules, already.
    Kept,
    /// It stands by another member's word, whose alone it is to change.
    Others,
    /// Others were given something of it that whoever brings it does not know of.
    GivenBesides,
    /// The same of it or of what is left of it without its more strictly marked parts; the other is under that too from now on.
    NarrowedInPart,
    /// It is given to those named besides, or not to all of them; whatever else became of it stays told.
    Given(GivenAs),
    /// It is not given, for something else was given under its identifier and date.
    GivenOtherwise,
    /// What stands is not what came in: nothing is done with it.
    Altered,
}

impl KnownAs {
    /// Writes it into a receipt; while this member is `put_aside`, what is given goes to nobody yet.
    pub(crate) fn tell(self, receipt: &mut Receipt, put_aside: Option<&str>) {
        let (handling, reason) = match self {
            Self::Given(given) => return given.tell(receipt, put_aside),
            Self::GivenOtherwise => {
                receipt.is_given_otherwise();
                receipt.giving.kept_by = receipt.code;
                return;
            }
            Self::Altered => {
                receipt.code = Some(store::ALTERED);
                (
                    Handled::Kept,
                    "what is stored of it is not what came in: its bytes were changed since, so nothing is done with it; restore the last backup",
                )
            }
            Self::Narrowed => (
                Handled::Narrowed,
                "it was here already, and all its versions are under what was asked for too",
            ),
            Self::Kept => {
                (Handled::Kept, "it was here already, under these or stricter rules, which stay as they are")
            }
            Self::GivenBesides => {
                receipt.code = Some("given-besides");
                (
                    Handled::Kept,
                    "others were given something under this id that you do not see where you may write, so it stays as it is handled",
                )
            }
            Self::NarrowedInPart => {
                receipt.code = Some("given-besides");
                (
                    Handled::Narrowed,
                    "it is under what was asked for too; of it or of what is left of it without its more strictly marked parts others were given \
                     something that you do not see where you may write, and that stays as it is handled",
                )
            }
            Self::Others => {
                receipt.code = Some(Rule::OriginatorControl.code());
                (
                    Handled::Kept,
                    "it stands here by another member's word: only its originator changes how it is handled",
                )
            }
        };
        receipt.handling = Some(handling);
        receipt.reason = Some(reason.to_owned());
    }
}

/// Names in one receipt.
const NAMES_MAX: usize = 8;

/// To whom something that was here already is given besides, of the members that a request names.
///
/// Who of them had it before is told nobody here: what is given by the same word elsewhere may be nothing that whoever asks sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenAs {
    /// Who has it, or is to have it.
    pub(crate) to: Vec<String>,
    /// Who does not get it.
    pub(crate) not: Vec<String>,
    /// By which rule the first of those does not get it, and why.
    pub(crate) kept: Option<(&'static str, String)>,
    /// Of those, by which rule the first is refused it, and by which the first has to wait.
    pub(crate) giving: Giving,
}

impl GivenAs {
    fn tell(self, receipt: &mut Receipt, put_aside: Option<&str>) {
        let goes = !self.to.is_empty() || self.kept.is_none();
        let told = receipt.handling == Some(Handled::Narrowed) || receipt.code.is_some();
        if goes && put_aside.is_some() {
            if !told {
                // It goes when everything goes again, and that is what is told of it.
                (receipt.handling, receipt.reason) = (None, None);
            }
            return;
        }
        receipt.giving = Giving { goes, ..self.giving };
        let before = receipt.reason.take().filter(|_| told);
        let before = before.unwrap_or_else(|| "it was here already".to_owned());
        receipt.reason = Some(format!("{before}; {}", self.words()));
        if let Some((rule, _)) = self.kept {
            receipt.code.get_or_insert(rule);
        }
        if !told {
            receipt.handling = Some(if goes { Handled::Given } else { Handled::Kept });
        }
    }

    fn words(&self) -> String {
        let mut words = Vec::new();
        if !self.to.is_empty() {
            words.push(format!("it is given to {} now, unless it was before", listed(&self.to)));
        }
        if let Some((_, why)) = &self.kept {
            words.push(format!("it is not given to {}: {why}", listed(&self.not)));
        }
        if words.is_empty() {
            words.push(
                "it is for the circle named too from now on, of which nobody else is known here yet"
                    .to_owned(),
            );
        }
        words.join("; ")
    }
}

/// Names in words, as far as a receipt tells them.
pub(crate) fn listed(names: &[String]) -> String {
    let (first, more) = names.split_at(names.len().min(NAMES_MAX));
    let rest = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!("{}{rest}", first.join(", "))
}
