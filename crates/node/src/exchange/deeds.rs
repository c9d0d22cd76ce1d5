//! What a member does towards the others: give an object, call it back, have it destroyed.
//!
//! Whoever may write where an own object stands may do this with it; an object of another member is only ever passed on, with
//! that member's consent. Receipts are told as far as they have come.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::Micros;
use base::signed::Signed;
use base::signing::KeyId;
use federation::{Alteration, DeedError, Exchange, Lane, ObjectName, ReceiptState};
use handling::{
    Action, Addressee, MemberId, Originator, Principal, Recipient, Refusal, Rule, Rules, judge,
    may_administer,
};
use ledger::act::Act;
use serde::Serialize;
use stix::Timestamp;
use store::{ExchangeDesk, StoreError, StoredObject};

use super::altering::{Taking, narrow};
use super::giving::{Gift, Given, Onward, Refusals, authors, own_word, version_of};
use super::views::failed;
use super::{Court, ExchangeError, Kept, Purview, Withheld};
use crate::accept::{Known, Place};
use crate::community::may_know_circles;
use crate::handle::about;
use crate::narrow::{Changed, GivenAs, KnownAs, Narrowing};
use crate::produce::Author;
use crate::receipts::Giving;
use crate::redact::view_id;
use crate::{Node, ReadError, Urgency};

/// An object to be given to members or circles.
#[derive(Clone, Debug)]
pub struct ShareRequest<'a> {
    /// STIX id; its latest version is given.
    pub object: &'a str,
    /// Members and circles, by name or id.
    pub to: &'a [String],
    /// How urgently.
    pub urgency: Urgency,
}

/// What became of sharing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// The object.
    pub id: String,
    /// Members it is on its way to, by slug where known.
    pub to: Vec<String>,
    /// Members that do not get it, and by which rule.
    pub withheld: Vec<(String, String)>,
    /// Why nothing goes to anybody at present: `sender-unknown`, for this member takes no part in the community. It goes when it does again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<&'static str>,
}

/// What was here already and is to be given to those whom a request names.
struct Meant {
    /// Its place in the request.
    at: usize,
    /// Its rules from now on.
    rules: Rules,
    /// When it was shared.
    shared: Micros,
}

/// A recall or an erasure of an own object, and of its redacted view.
pub(super) struct Back {
    pub(super) purview: Purview,
    pub(super) alteration: &'static Alteration<'static>,
    pub(super) reason: String,
    pub(super) name: ObjectName,
    pub(super) view: Option<ObjectName>,
    /// Whether its bytes were changed here: then it is seen by its doer's copies alone whose word it is.
    pub(super) is_altered: bool,
}

impl Back {
    /// Takes both back, and tells by which acts.
    pub(super) fn take(
        &self,
        exchange: &Exchange<'_>,
        desk: &mut dyn ExchangeDesk,
    ) -> Result<Vec<u64>, ExchangeError> {
        if self.is_altered && !self.purview.has_copies(desk, &self.name.id)? {
            return Err(only_its_originator());
        }
        let taking = Taking { purview: &self.purview, alteration: self.alteration, reason: &self.reason };
        let of_view = match &self.view {
            Some(view) if taking.concerns(desk, view)? => Some(taking.back(exchange, desk, view)?),
            _ => None,
        };
        let of_it = match (taking.back(exchange, desk, &self.name), of_view) {
            // Only what is left of it was ever given.
            (Err(ExchangeError::Deed(DeedError::NoObject(_)) | ExchangeError::NeverGiven(_)), Some(_)) => {
                None
            }
            (outcome, _) => Some(outcome?),
        };
        Ok(of_it.into_iter().chain(of_view).collect())
    }
}

/// What a member answered to a recall or an erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptView {
    /// The member, by slug where known.
    pub member: String,
    /// `done`, `pending`, or `refused`.
    pub status: &'static str,
    /// When, by the member's clock (RFC 3339).
    pub at: Option<String>,
    /// The member's signature over its receipt.
    pub signature: Option<String>,
    /// The code, where it was refused.
    pub rule: Option<String>,
}

/// A recall or an erasure, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recalled {
    /// The object.
    pub id: String,
    /// Its act in this member's ledger.
    pub leaf: u64,
    /// One for each member that had it, or was to have it.
    pub receipts: Vec<ReceiptView>,
    /// Versions that go on standing here: nobody was ever given them, so that a recall does not concern them. None are told where the
    /// store did not answer any more, as the log says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// The acts whose receipts these are: its own, and that about what is left of it without its more strictly marked parts.
    #[serde(skip)]
    pub acts: Vec<u64>,
}

impl Node {
    /// Gives an object to members and circles besides those that have it. An own object that is for certain members is then
    /// for these as well; another member's is passed on with that member's consent.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn share(&self, who: &Principal, request: ShareRequest<'_>) -> Result<Shared, ExchangeError> {
        let court = self.sitting().await?;
        let object = match self.own_if_any(who, request.object).await? {
            Some(own) => own,
            None => self.writable(who, request.object).await?,
        };
        if stix::Subject::of_bytes(&object.bytes) >= stix::Subject::Person {
            let why = "it is about a person: such data stays on its home node";
            return Err(ReadError::Refused(Refusal::new(Rule::PersonDataStaysHome, why)).into());
        }
        let directory = self.directory().await?;
        let mut more = BTreeSet::new();
        for name in request.to {
            more.insert(self.addressee(who, &directory, name)?);
        }
        if let Some(rules) = own_word(&court, &object) {
            let whom = self.members_among(&court, &more);
            let (hands, refusals) = (self.hands_of(who, &object), Refusals::Noted);
            let gift = Gift::of(&object, (&rules, &more, whom), hands, refusals)?;
            let given = self.give(&court, vec![gift], request.urgency.lane()).await?;
            return Ok(self.shared(&court, &object.id, given.into_iter().next().unwrap_or_default()));
        }
        self.pass_on(&court, &object, &more).await
    }

    /// Gives own objects that are stored already to those whom a request names besides: so that bringing something again, for
    /// somebody more, is not without effect. Answers with what is to be told of each, by its place in the request: to whom of those named
    /// it goes and to whom not, that something else was given under its identifier and date, or that what stands is not what came in.
    /// Who may not read where it stands is told nothing but what is given otherwise.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn give_known(
        &self,
        place: &Place,
        known: Vec<(usize, Known)>,
    ) -> Result<Vec<(usize, KnownAs)>, StoreError> {
        let Some(court) = self.court().await? else { return Ok(Vec::new()) };
        let more = place.passing.addressees();
        let whom = self.members_among(&court, more);
        // Who is taken into a circle with its history is given it, also where nobody else is in it now.
        if whom.is_empty() && !more.iter().any(|one| matches!(one, Addressee::Circle(_))) {
            return Ok(Vec::new());
        }
        let (eyes, mut gifts) = (place.writer.eyes().clone().for_deeds(), Vec::new());
        let mut told = Vec::new();
        for (at, (id, version)) in known {
            let object = match self.store().own_object(&eyes, &id, version.as_deref()).await {
                Ok(object) => object,
                Err(StoreError::NotFound { .. }) => continue,
                Err(StoreError::Altered { .. }) => {
                    // To who may not read it, that it stands here is no answer.
                    told.extend(place.writer.reads().then_some((at, KnownAs::Altered)));
                    continue;
                }
                Err(error) => return Err(error),
            };
            // What stands here by another's word alone is not this member's to give.
            let Some(rules) = own_word(&court, &object) else { continue };
            let hands = self.hands_of(&place.who, &object);
            match Gift::of(&object, (&rules, more, whom.clone()), hands, Refusals::Told) {
                Ok(gift) => {
                    let rules = about(rules.also_to(more), &object.bytes);
                    gifts.push((Meant { at, rules, shared: object.arrived }, gift));
                }
                Err(error) if place.writer.reads() => {
                    let (kept, not) = (Some((error.code(), error.to_string())), self.names(place, &whom));
                    let giving = Giving { kept_by: Some(error.code()), ..Giving::default() };
                    told.push((at, KnownAs::Given(GivenAs { to: Vec::new(), not, kept, giving })));
                }
                Err(_) => {}
            }
        }
        if gifts.is_empty() {
            return Ok(told);
        }
        let (meant, gifts): (Vec<Meant>, Vec<Gift>) = gifts.into_iter().unzip();
        match self.give(&Arc::new(court), gifts, place.sending.lane).await {
            Ok(given) => {
                for (meant, given) in meant.into_iter().zip(given) {
                    if given.otherwise {
                        told.push((meant.at, KnownAs::GivenOtherwise));
                    } else if place.writer.reads() {
                        told.push((meant.at, KnownAs::Given(self.given_as(place, (&whom, &meant), given))));
                    }
                }
                Ok(told)
            }
            Err(ExchangeError::Store(error)) => Err(error),
            Err(other) => Err(StoreError::Backend(format!("cannot give what is known already: {other}"))),
        }
    }

    /// What is told of a gift to the members that a request names: of others that have it too, nothing.
    fn given_as(
        &self,
        place: &Place,
        (whom, meant): (&BTreeSet<KeyId>, &Meant),
        Given { to, mut withheld, waits, .. }: Given,
    ) -> GivenAs {
        if is_closed(place) {
            let giving = Giving::default();
            return GivenAs { to: self.names(place, whom), not: Vec::new(), kept: None, giving };
        }
        withheld.retain(|(member, _)| whom.contains(member));
        let kept = withheld.first().map(|(member, rule)| {
            let (kept, member) = (Kept::by(rule), Recipient::Member(MemberId(*member.as_bytes())));
            let verdict = self
                .decide(meant.shared, |situation| judge(&member, Action::PassOn, &meant.rules, situation));
            // Handling tells more of its reasons than its rule.
            let by_handling = kept.of_handling && !verdict.is_allowed();
            (kept.rule, if by_handling { verdict.reasons.join("; ") } else { kept.why().to_owned() })
        });
        let not: BTreeSet<KeyId> = withheld.iter().map(|(member, _)| *member).collect();
        let giving = Withheld { from: withheld.into_iter().collect(), waits }.told();
        let to = to.intersection(whom).copied().collect();
        GivenAs { to: self.names(place, &to), not: self.names(place, &not), kept, giving }
    }

    /// Members as they are named in receipts.
    pub(super) fn names(&self, place: &Place, members: &BTreeSet<KeyId>) -> Vec<String> {
        if is_closed(place) {
            return vec!["those who are meant".to_owned()];
        }
        let mut names: Vec<String> = members.iter().map(|member| self.slug_of(member)).collect();
        names.sort_unstable();
        names
    }

    /// Gives own versions to more members, in one commit. Answers in the order given.
    async fn give(
        &self,
        court: &Arc<Court>,
        gifts: Vec<Gift>,
        lane: Lane,
    ) -> Result<Vec<Given>, ExchangeError> {
        let (home, weight) = (court.home(), gifts.len());
        let given = self
            .step(court, weight, move |exchange, desk| {
                gifts.into_iter().map(|gift| gift.give(exchange, desk, (lane, home))).collect()
            })
            .await?;
        self.tell_peers();
        Ok(given)
    }

    /// Passes another member's object on, by whichever originator's word and consent it may go. Who is named through a circle alone
    /// and may not have it is left out, and told with the reason, as long as it goes to somebody.
    async fn pass_on(
        &self,
        court: &Arc<Court>,
        object: &StoredObject,
        more: &BTreeSet<Addressee>,
    ) -> Result<Shared, ExchangeError> {
        let authors = authors(court, object);
        let version = version_of(object)?;
        let (circles, named): (BTreeSet<_>, BTreeSet<_>) =
            more.iter().cloned().partition(|one| matches!(one, Addressee::Circle(_)));
        let named = self.members_among(court, &named);
        let mut circles = self.members_among(court, &circles);
        circles.retain(|member| !named.contains(member));
        let why = "only its originator gives it to others";
        let mut outcome = Err(ReadError::Refused(Refusal::new(Rule::OriginatorControl, why)).into());
        for author in authors {
            let name = ObjectName { author, id: object.id.clone() };
            let onward =
                Onward { name, version: version.clone(), named: named.clone(), circles: circles.clone() };
            outcome = self.step(court, 1, move |exchange, desk| onward.pass(exchange, desk)).await;
            if outcome.is_ok() {
                break;
            }
        }
        let given = outcome?;
        self.tell_peers();
        Ok(self.shared(court, &object.id, given))
    }

    fn shared(&self, court: &Court, id: &str, given: Given) -> Shared {
        let put_aside = court.members.takes_no_part().is_some() && !given.to.is_empty();
        let withheld = given.withheld.into_iter().map(|(member, rule)| (self.slug_of(&member), rule));
        Shared {
            id: id.to_owned(),
            to: given.to.iter().map(|member| self.slug_of(member)).collect(),
            withheld: withheld.collect(),
            waits: put_aside.then(|| federation::Rule::SenderUnknown.code()),
        }
    }

    /// The other members that are meant: circles are those who are in them now, whether or not they take part at present.
    pub(crate) fn members_among(&self, court: &Court, addressees: &BTreeSet<Addressee>) -> BTreeSet<KeyId> {
        let members = addressees.iter().flat_map(|one| match one {
            Addressee::Member(member) => BTreeSet::from([*member]),
            Addressee::Circle(circle) => court.circle(circle),
            Addressee::Person(handling::Person::There(member, _)) => BTreeSet::from([*member]),
            Addressee::Person(_) | Addressee::Originator => BTreeSet::new(),
        });
        members.map(|member| KeyId::from_bytes(member.0)).filter(|member| *member != court.member()).collect()
    }

    /// Calls an own object back from everybody, and from where this principal sees it here and may write. Said again by who administers the
    /// node, it does nothing, and tells how far it has come.
    ///
    /// # Errors
    /// See [`ExchangeError`]; `NeverGiven` when it was never given to anybody, or nothing that this principal knows of; `GivenBesides` when
    /// they know of some of what was given.
    pub async fn recall(&self, who: &Principal, id: &str, reason: &str) -> Result<Recalled, ExchangeError> {
        self.alter(who, id, (&Alteration::Recall, reason)).await
    }

    /// Has an own object destroyed everywhere, for good; also one that nobody was ever given, and by a member that is in no community. Where others were given what this principal does
    /// not know of, their own copies are destroyed and nobody is told. Said again, as with a recall.
    ///
    /// # Errors
    /// As [`Node::recall`].
    pub async fn erase(&self, who: &Principal, id: &str, reason: &str) -> Result<Recalled, ExchangeError> {
        if self.court().await?.is_none() {
            return self.erase_alone(who, id, reason).await;
        }
        self.alter(who, id, (&Alteration::Erase, reason)).await
    }

    async fn alter(
        &self,
        who: &Principal,
        id: &str,
        (alteration, reason): (&'static Alteration<'static>, &str),
    ) -> Result<Recalled, ExchangeError> {
        let court = self.sitting().await?;
        let mut is_altered = false;
        match self.own(who, id).await {
            Ok(_) => {}
            // What it says plays no part in taking it back.
            Err(ExchangeError::Read(ReadError::Store(StoreError::Altered { .. }))) => is_altered = true,
            // What stands nowhere any more can still be taken from those who have it.
            Err(unknown) if !self.decides_unseen(&court, who, id).await? => return Err(unknown),
            Err(_) => {}
        }
        let author = court.member();
        let back = Back {
            purview: self.purview(who),
            alteration,
            reason: reason.to_owned(),
            name: ObjectName { author, id: id.to_owned() },
            view: self.view_id_of(id).await?.map(|id| ObjectName { author, id }),
            is_altered,
        };
        let altered = self.step(&court, 1, move |exchange, desk| back.take(exchange, desk));
        let acts = altered.await.map_err(|error| match error {
            ExchangeError::Deed(DeedError::NoObject(_)) => ExchangeError::NeverGiven(id.to_owned()),
            other => other,
        })?;
        self.tell_peers();
        let (receipts, mut kept) = (self.receipts_of(&acts).await?, Vec::new());
        if *alteration == Alteration::Recall {
            // It is called back whatever is told of the rest.
            kept = self.own_versions(&court, who, id).await.unwrap_or_else(|error| {
                tracing::warn!(code = error.code(), %error, "cannot tell what goes on standing here of what was called back");
                Vec::new()
            });
        }
        let leaf = acts.first().copied().unwrap_or_default();
        Ok(Recalled { id: id.to_owned(), leaf, receipts, kept, acts })
    }

    /// The identifier of the redacted view of an object of this member's, whether there is one or not.
    pub(crate) async fn view_id_of(&self, id: &str) -> Result<Option<String>, StoreError> {
        let author = Author::of(self.store(), self.member().await?).await?;
        let kind = id.split_once("--").map(|(kind, _)| kind);
        Ok(author.zip(kind).map(|(author, kind)| view_id(&author, kind, id)))
    }

    /// The versions of an object that stand here by this member's own word, as far as the principal may see them.
    async fn own_versions(
        &self,
        court: &Court,
        who: &Principal,
        id: &str,
    ) -> Result<Vec<String>, StoreError> {
        let history = match self.store().history(&self.eyes(who), id).await {
            Err(StoreError::NotFound { .. }) => return Ok(Vec::new()),
            history => history?,
        };
        let own = history
            .into_iter()
            .filter(|row| row.originator.is_own(Some(court.home())))
            .map(|row| row.version);
        // In several collections it is one version.
        Ok(own.collect::<BTreeSet<String>>().into_iter().collect())
    }

    /// Whether this is an own object that was given to others, or was taken back from them, and stands here no more: called back, erased,
    /// or deleted. For those who may decide about it then: where it stood is not known any more, so whoever administers this node. To
    /// others it is unknown.
    async fn decides_unseen(&self, court: &Court, who: &Principal, id: &str) -> Result<bool, StoreError> {
        Ok(may_administer(who).is_ok() && self.is_gone(court, id).await?)
    }

    /// Whether an own object was given to others, or was taken back from them, and stands here no more.
    pub(super) async fn is_gone(&self, court: &Court, id: &str) -> Result<bool, StoreError> {
        // What stands is not known while the node takes back what a restore has lost.
        if self.is_recovering() || self.store().stands(id, Some(&Originator::Here)).await? {
            return Ok(false);
        }
        let name = ObjectName { author: court.member(), id: id.to_owned() };
        store::looked(self.store(), court.member(), move |rows| {
            let fate = rows.fate(&name).map_err(failed)?;
            let taken_back = fate.recalled.is_some() || fate.erased.is_some();
            Ok(taken_back || !rows.versions(&name).map_err(failed)?.is_empty())
        })
        .await
    }

    /// Narrows own objects here and, in the same commit, at everybody who has them. Answers in the order given.
    pub(crate) async fn narrow_everywhere(
        &self,
        narrowings: Vec<Narrowing>,
    ) -> Result<Vec<Changed>, StoreError> {
        if narrowings.is_empty() {
            return Ok(Vec::new());
        }
        let Some(court) = self.court().await? else {
            let mut all = Vec::with_capacity(narrowings.len());
            for Narrowing { id, places, asked, .. } in narrowings {
                let mut changed = Changed::default();
                for writer in places {
                    let versions = self.store().narrow(&writer, &id, &asked).await?;
                    changed.versions = changed.versions.saturating_add(versions);
                }
                all.push(changed);
            }
            return Ok(all);
        };
        self.keep_ledger().await?;
        let (court, weight) = (Arc::new(court), narrowings.len());
        let home = court.home();
        let narrowed = self.step(&court, weight, move |exchange, desk| {
            narrowings.into_iter().map(|one| narrow(exchange, desk, one, home)).collect()
        });
        let narrowed = narrowed.await.map_err(|error| match error {
            ExchangeError::Store(error) => error,
            other => StoreError::Backend(format!("cannot tell the others of a narrowing: {other}")),
        })?;
        self.tell_peers();
        Ok(narrowed)
    }

    /// What was answered to several acts of this member that are told as one: of each member what is least done.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn receipts_of(&self, acts: &[u64]) -> Result<Vec<ReceiptView>, ExchangeError> {
        let rank = |receipt: &ReceiptView| match receipt.status {
            "pending" => 2,
            "refused" => 1,
            _ => 0,
        };
        let mut told: Vec<ReceiptView> = Vec::new();
        for leaf in acts {
            for receipt in self.receipts(*leaf).await? {
                match told.iter_mut().find(|one| one.member == receipt.member) {
                    Some(one) if rank(&receipt) > rank(one) => *one = receipt,
                    Some(_) => {}
                    None => told.push(receipt),
                }
            }
        }
        Ok(told)
    }

    /// What was answered to an act of this member.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn receipts(&self, leaf: u64) -> Result<Vec<ReceiptView>, ExchangeError> {
        let court = self.hearing().await?;
        let rows = store::looked(self.store(), court.member(), move |rows| {
            let failed = |failed: federation::StoreFailed| StoreError::Backend(failed.0);
            let mut found = Vec::new();
            for row in rows.receipts(leaf).map_err(failed)? {
                let said = match &row.state {
                    ReceiptState::Done { receipt, .. } => rows.act(&row.member, *receipt).map_err(failed)?,
                    _ => None,
                };
                found.push((row, said));
            }
            Ok(found)
        });
        let views = rows.await?.into_iter().map(|(row, said)| {
            let signed = said.and_then(|act| Signed::parse(act.signed.as_bytes()).ok());
            let at = signed.as_ref().and_then(|signed| Act::peek(signed).ok()).map(|act| act.header().at);
            let (status, rule) = match row.state {
                ReceiptState::Pending => ("pending", None),
                ReceiptState::Refused(rule) => ("refused", Some(rule)),
                ReceiptState::Done { .. } => ("done", None),
            };
            ReceiptView {
                member: self.slug_of(&row.member),
                status,
                at: at.map(Timestamp::text_of),
                signature: signed.as_ref().and_then(first_signature),
                rule,
            }
        });
        Ok(views.collect())
    }

    /// Waits until something has come in from a peer: a receipt perhaps.
    pub async fn exchange_arrived(&self) {
        self.0.exchange.arrived.notified().await;
    }

    /// The slug of a member by any of its names.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn peer_named(&self, who: &Principal, name: &str) -> Result<String, ExchangeError> {
        Ok(self.slug_of(&self.member_called(who, name).await?))
    }

    pub(super) async fn member_called(&self, who: &Principal, name: &str) -> Result<KeyId, ExchangeError> {
        let directory = self.directory().await?;
        match self.addressee(who, &directory, name)? {
            Addressee::Member(member) => Ok(KeyId::from_bytes(member.0)),
            _ => Err(ExchangeError::NotAPeer(base::quoted(name).to_string())),
        }
    }

    /// An own object that this principal may see, and may write where it stands: its latest version by this member's own word,
    /// whatever others say of it.
    ///
    /// # Errors
    /// `OriginatorControl` where it stands by others' words alone; else see [`ExchangeError`].
    pub(super) async fn own(&self, who: &Principal, id: &str) -> Result<StoredObject, ExchangeError> {
        if let Some(own) = self.own_if_any(who, id).await? {
            return Ok(own);
        }
        self.writable(who, id).await?;
        Err(only_its_originator())
    }

    async fn own_if_any(&self, who: &Principal, id: &str) -> Result<Option<StoredObject>, ExchangeError> {
        match self.store().own_object(&self.eyes(who).for_deeds(), id, None).await {
            Ok(own) => may_write_there(who, own).map(Some),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(ReadError::from(error).into()),
        }
    }

    /// An object that this principal may see, whatever it may be used for, and may write where it stands.
    pub(super) async fn writable(&self, who: &Principal, id: &str) -> Result<StoredObject, ExchangeError> {
        let eyes = self.eyes(who).for_deeds();
        let object = self.store().object(&eyes, id, None).await.map_err(ReadError::from)?;
        may_write_there(who, object)
    }

    /// A member by slug, or by key id where it has none here.
    pub(crate) fn slug_of(&self, member: &KeyId) -> String {
        let known = self.community_known();
        let slug = known.and_then(|community| community.slug(&MemberId(*member.as_bytes())));
        slug.unwrap_or_else(|| member.to_string())
    }
}

/// Whether a request names a circle by its id and comes from who may not know it: nothing tells them who is in it, or whether anybody is.
fn is_closed(place: &Place) -> bool {
    place.passing.names_a_circle() && may_know_circles(&place.who).is_err()
}

fn only_its_originator() -> ExchangeError {
    let why = "only its originator changes it or calls it back";
    ReadError::Refused(Refusal::new(Rule::OriginatorControl, why)).into()
}

fn may_write_there(who: &Principal, object: StoredObject) -> Result<StoredObject, ExchangeError> {
    if object.places.iter().any(|place| handling::access(who, place.collection).write) {
        return Ok(object);
    }
    let why = "it stands in no collection that you may write to";
    Err(ReadError::Refused(Refusal::new(Rule::CollectionNotWritable, why)).into())
}

fn first_signature(signed: &Signed) -> Option<String> {
    let document: serde_json::Value = serde_json::from_str(&signed.to_json()).ok()?;
    Some(document.get("signatures")?.get(0)?.get("sig")?.as_str()?.to_owned())
}
