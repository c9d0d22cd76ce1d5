//! Would it reach them, and why not: asked of a stored object (`why`) or of one that is not stored (`simulate`).
//!
//! Both ask the decision that every read is under, with the rules an object has or would get, so they cannot say
//! anything else than what happens. They speak of what the one who asks may know: an object that is not theirs to see is not
//! there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::signing::KeyId;
use bytes::Bytes;
use federation::Consented;
use handling::{
    Action, Cleared, Consent, Decision, MemberId, Principal, Recipient, Rule, Rules, Situation, Verdict,
    Viewer, judge, viewer,
};
use serde::Serialize;
use store::{Batch, Entry, Fault, Landed, LandedAs, LeavesBy, Ruled, StoreError, StoredObject, VersionRow};

use crate::accept::{self, Place};
use crate::community::may_know_circles;
use crate::directory::Directory;
use crate::exchange::{ConsentView, Court, Kept, Own, authors, own_word};
use crate::handle::{about, met, rules_of};
use crate::import::objects_in;
use crate::receipts::Receipt;
use crate::{AcceptError, ExchangeError, Node, Options, ReadError};

/// A decision as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The object, as far as it has an id.
    pub id: Option<String>,
    /// Which version of a stored object the decision is about, as TAXII tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `allow` or `refuse`.
    pub decision: &'static str,
    /// The rule that decided; `cresset explain` tells more about it.
    pub rule: &'static str,
    /// On what an allowance rests, or everything that speaks against it.
    pub reasons: Vec<String>,
    /// Where other members may have an own object: whether it is with them, or goes there by itself. `false`: nobody has shared it with
    /// all of them yet, or, of a file, bringing it in as asked does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<bool>,
    /// The same of what would be left of it without its more strictly marked parts, which goes as an object of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<Box<Judged>>,
}

impl Judged {
    fn of(id: Option<String>, verdict: Verdict) -> Self {
        let decision = match verdict.decision {
            Decision::Allow => "allow",
            Decision::Refuse => "refuse",
        };
        Self {
            id,
            version: None,
            decision,
            rule: verdict.rule.code(),
            reasons: verdict.reasons,
            shared: None,
            view: None,
        }
    }

    fn refused(id: Option<String>, rule: &'static str, reasons: Vec<String>) -> Self {
        Self { id, version: None, decision: "refuse", rule, reasons, shared: None, view: None }
    }

    fn is_allowed(&self) -> bool {
        self.decision == "allow"
    }
}

/// What is told of one member.
struct Told {
    /// The rule that speaks against it.
    against: Option<&'static str>,
    reasons: Vec<String>,
}

impl Told {
    fn of(verdict: Verdict) -> Self {
        let against = (!verdict.is_allowed()).then(|| verdict.rule.code());
        Self { against, reasons: verdict.reasons }
    }

    /// It does not go, whatever handling says of it.
    fn kept(kept: Kept, verdict: Verdict) -> Self {
        let reasons = if verdict.is_allowed() { Vec::new() } else { verdict.reasons };
        let own = (!kept.of_handling || reasons.is_empty()).then(|| kept.why().to_owned());
        Self { against: Some(kept.rule), reasons: own.into_iter().chain(reasons).collect() }
    }
}

/// A question as it is asked.
#[derive(Clone, Copy)]
struct Asked<'a> {
    who: &'a Principal,
    directory: &'a Directory,
    recipient: &'a Recipient,
    action: Option<Action>,
}

impl Asked<'_> {
    /// Whether it is about giving something to others.
    fn gives(&self, home: MemberId) -> bool {
        let others = match self.recipient {
            Recipient::Member(member) => *member != home,
            Recipient::Circle(_) => true,
            _ => false,
        };
        others && self.action.is_none_or(|action| action == Action::PassOn)
    }

    /// The other members that are meant, of what was shared at a moment.
    fn others(&self, court: &Court, shared: base::Micros) -> BTreeSet<KeyId> {
        match self.recipient {
            Recipient::Member(member) | Recipient::Client { of: member } if *member != court.home() => {
                BTreeSet::from([KeyId::from_bytes(member.0)])
            }
            Recipient::Circle(circle) => court.seated(circle, shared),
            _ => BTreeSet::new(),
        }
    }

    /// The member that is meant.
    fn member(&self) -> Option<KeyId> {
        match self.recipient {
            Recipient::Member(member) => Some(KeyId::from_bytes(member.0)),
            _ => None,
        }
    }
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// The object is not there, or not for the one who asks.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Whoever is meant is not known, or the objects could not be put there.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// The file is no STIX 2.1.
    #[error("cannot read the file: {0}")]
    Unreadable(String),
}

impl WhyError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read(error) => error.code(),
            Self::Accept(error) => error.code(),
            Self::Unreadable(_) => "format-unknown",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Read(error) => error.fault(),
            Self::Accept(error) => error.fault(),
            Self::Unreadable(_) => Fault::Caller,
        }
    }
}

impl From<StoreError> for WhyError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

/// An object that is not stored, and where it would go.
#[derive(Clone, Debug)]
pub struct SimulateRequest<'a> {
    /// Id, alias or readable name of the collection.
    pub collection: &'a str,
    /// The file: an object, a list of objects, or a bundle.
    pub bytes: Bytes,
    /// How the objects would be taken.
    pub options: Options,
    /// Whom it would reach.
    pub recipient: &'a str,
    /// What they would do; `None` = what comes first: people see, members are given.
    pub action: Option<Action>,
}

/// What a decision is about.
#[derive(Clone, Copy)]
struct About<'a> {
    tlp: Option<u8>,
    places: &'a [Ruled],
    bytes: &'a [u8],
    /// When it was shared, which is when it came, unless a member is asked about that counts as in its circles all the same: who comes to a
    /// circle later gets it only where the circle's owner says so. A later `date_added` says that somebody here sees it who did not before,
    /// and gives nobody anything.
    shared: base::Micros,
}

impl<'a> About<'a> {
    fn of(object: &'a store::StoredObject) -> Self {
        Self { tlp: object.tlp, places: &object.places, bytes: &object.bytes, shared: object.arrived }
    }
}

impl Node {
    /// Whether `recipient` (`user:NAME`, a member, a circle, `client:MEMBER`, `automation`, `anyone`) may do something with
    /// an object, and why or why not. Of another member that is given something this says what `share` does. Where several lineages stand
    /// under the id, it is yes where one of those that the principal may see reaches, and else what is said of the first.
    ///
    /// # Errors
    /// See [`WhyError`]; `NotFound` when the one who asks may not see the object, or not the `version`.
    pub async fn why(
        &self,
        who: &Principal,
        (id, version): (&str, Option<&str>),
        recipient: &str,
        action: Option<Action>,
    ) -> Result<Cleared<Judged>, WhyError> {
        let view = self.eyes(who);
        let mut object = self.store().object(&view, id, version).await?;
        let directory = self.directory().await?;
        let recipient = &self.recipient(who, &directory, recipient)?;
        let asked = Asked { who, directory: &directory, recipient, action };
        let gives = self.standing().home.is_some_and(|home| asked.gives(home));
        if gives {
            // Where this member says something of it itself, that is what it gives.
            match self.store().own_object(&view, id, version).await {
                Ok(own) => object = own,
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut judged = self.judge_version(&asked, &object).await?;
        if !judged.is_allowed() {
            let beside = self.judge_beside(&asked, (&view, gives), (&object, version)).await?;
            judged = nearest(judged, beside);
        }
        if let (Some(member), false) = (asked.member(), judged.is_allowed())
            && gives
            && self.is_known_to_have(who, id, &member).await?
        {
            judged.reasons.push("it has what it was given of this object before".to_owned());
        }
        Ok(view.clear(judged))
    }

    /// Decides about a version that stands here, and says which it is.
    async fn judge_version(&self, asked: &Asked<'_>, object: &StoredObject) -> Result<Judged, StoreError> {
        let judged = self.judge_stored(asked, object).await?;
        Ok(Judged { version: Some(object.version.clone()), ..judged })
    }

    /// Decides about what stands beside `first` under its id, each lineage in the version that is told of it, as far as the viewer may
    /// see. What this member `gives` is the first of its own alone, so that of its others only that counts which was given already.
    async fn judge_beside(
        &self,
        asked: &Asked<'_>,
        (view, gives): (&Viewer, bool),
        (first, version): (&StoredObject, Option<&str>),
    ) -> Result<Vec<Judged>, StoreError> {
        let home = self.standing().home;
        let mut told: BTreeMap<usize, VersionRow> = BTreeMap::new();
        for row in self.store().history(view, &first.id).await? {
            let meant = version.is_none_or(|version| version == row.version);
            if !meant || (gives && !row.originator.is_own(home)) {
                continue;
            }
            // Oldest first; of those of one date the first stands for all, and nothing follows what revokes.
            let of_lineage = told.entry(row.lineage).or_insert_with(|| row.clone());
            if of_lineage.version != row.version && (row.revoked || !of_lineage.revoked) {
                *of_lineage = row;
            }
        }
        let mut all = Vec::new();
        for row in told.into_values().filter(|row| row.added != first.added) {
            let object = match self.store().object_added(view, &first.id, row.added).await {
                Ok(object) if object.bytes != first.bytes => object,
                // It is what was asked about already, or went meanwhile; what was altered reaches nobody.
                Ok(_) | Err(StoreError::NotFound { .. } | StoreError::Altered { .. }) => continue,
                Err(error) => return Err(error),
            };
            let mut judged = self.judge_version(asked, &object).await?;
            if gives && judged.shared != Some(true) {
                continue;
            }
            let beside =
                format!("of what stands side by side under this id, this is version {}", object.version);
            judged.reasons.push(beside);
            all.push(judged);
        }
        Ok(all)
    }

    /// Whether a member has signed for having something of an own object, as far as the one who asks is told of its holders.
    async fn is_known_to_have(&self, who: &Principal, id: &str, member: &KeyId) -> Result<bool, StoreError> {
        let slug = self.slug_of(member);
        match self.holders(who, id).await {
            Ok(holders) => Ok(holders.iter().any(|one| one.member == slug && one.receipt == "valid")),
            Err(ExchangeError::Store(error)) => Err(error),
            // Of whom they are not told they are told nothing.
            Err(_) => Ok(false),
        }
    }

    /// Decides about an object that stands here.
    async fn judge_stored(&self, asked: &Asked<'_>, object: &StoredObject) -> Result<Judged, StoreError> {
        let (id, about) = (Some(object.id.clone()), About::of(object));
        let Some(court) = self.court().await?.map(Arc::new) else {
            return Ok(Judged::of(id, self.verdict(asked, about)));
        };
        let judged = if !asked.gives(court.home()) {
            Judged::of(id, self.verdict(asked, about))
        } else if let Some(rules) = own_word(&court, object) {
            let places: Vec<Ruled> = own_places(object, &court).cloned().collect();
            let shared = match asked.member() {
                Some(member) if self.counts_as_seated(&court, (object, &rules), member).await? => self.now(),
                _ => about.shared,
            };
            let about = About { places: &places, shared, ..about };
            let own = Own { id: object.id.clone(), bytes: object.bytes.clone(), rules };
            self.judge_own(asked, &court, (own, about), Some(object)).await?
        } else {
            self.judge_anothers(asked, &court, object).await?
        };
        let mut judged = self.unless_put_aside(asked, &court, judged).await?;
        let others = asked.others(&court, object.arrived);
        if judged.decision == "allow" && asked.recipient == &Recipient::Member(court.home()) {
            judged.shared = Some(true);
        } else if judged.decision == "allow" && !others.is_empty() && own_word(&court, object).is_some() {
            judged.shared = Some(self.is_shared(&court, object, others).await?);
        }
        Ok(judged)
    }

    /// Decides about giving an own object, `stored` where it stands here, as it is given.
    async fn judge_own(
        &self,
        asked: &Asked<'_>,
        court: &Arc<Court>,
        (own, about): (Own, About<'_>),
        stored: Option<&StoredObject>,
    ) -> Result<Judged, StoreError> {
        let id = Some(own.id.clone());
        let members = match asked.recipient {
            Recipient::Circle(circle) => court.seated(circle, about.shared),
            _ => asked.member().into_iter().collect(),
        };
        if members.is_empty() {
            return Ok(Judged::of(id, self.verdict(asked, about)));
        }
        let (mut verdicts, mut questions) = (Vec::new(), Vec::new());
        for member in members {
            let (verdict, consent) = self.verdict_with_consent(asked, member, about, stored).await?;
            verdicts.push((member, verdict));
            questions.push((member, consent));
        }
        let kept = self.kept_from(court, asked.who, own, questions).await?;
        let told = verdicts.into_iter().zip(kept).map(|((member, verdict), kept)| {
            let verdict = match kept {
                // Handling tells more of its reasons than its rule.
                Some(kept) if !kept.of_handling || verdict.is_allowed() => Told::kept(kept, verdict),
                _ => Told::of(verdict),
            };
            (member, verdict)
        });
        Ok(self.told(asked, id, told.collect()))
    }

    /// Decides about passing another member's object on, as it is passed on.
    async fn judge_anothers(
        &self,
        asked: &Asked<'_>,
        court: &Arc<Court>,
        object: &StoredObject,
    ) -> Result<Judged, StoreError> {
        let (id, about) = (Some(object.id.clone()), About::of(object));
        let members: BTreeSet<KeyId> = match asked.recipient {
            // Its originator has it.
            Recipient::Circle(circle) => {
                court.seated(circle, self.now()).difference(&authors(court, object)).copied().collect()
            }
            _ => asked.member().into_iter().collect(),
        };
        if members.is_empty() {
            return Ok(Judged::of(id, self.verdict(asked, about)));
        }
        let kept = self.not_passable(court, object, members.iter().copied().collect()).await?;
        let mut told = Vec::new();
        for (member, kept) in members.into_iter().zip(kept) {
            let (verdict, _) = self.verdict_with_consent(asked, member, about, Some(object)).await?;
            told.push((
                member,
                match kept {
                    Some(kept) => Told::kept(kept, verdict),
                    None => Told { against: None, reasons: verdict.reasons },
                },
            ));
        }
        Ok(self.told(asked, id, told))
    }

    /// What handling says of giving something to a member, with the consent by which that may have it, if it needs one.
    async fn verdict_with_consent(
        &self,
        asked: &Asked<'_>,
        member: KeyId,
        about: About<'_>,
        stored: Option<&StoredObject>,
    ) -> Result<(Verdict, Consented), StoreError> {
        let id = MemberId(*member.as_bytes());
        let recipient = &Recipient::Member(id);
        let verdict = self.verdict(&Asked { recipient, ..*asked }, about);
        let consent = match stored {
            Some(object) if !verdict.is_allowed() || !self.is_own(object) => {
                self.consent_for(object, id).await?
            }
            _ => None,
        };
        let Some(ConsentView { id, originator, from, until, .. }) = consent else {
            return Ok((verdict, Consented::No));
        };
        let rules = crate::handle::about(met(about.tlp, about.places), about.bytes);
        let mut verdict = self.decide(about.shared, |situation| {
            let consented = Situation { consent: Consent::Given, ..*situation };
            judge(recipient, Action::PassOn, &rules, &consented)
        });
        if verdict.is_allowed() {
            verdict
                .reasons
                .push(format!("{originator} consents: {from} may give it until {until} (consent {id})"));
        }
        Ok((verdict, Consented::Yes))
    }

    /// What is told of a decision about one member, or about each of a circle: all of them get it, or who does not is named to those who
    /// may know who is in it.
    fn told(&self, asked: &Asked<'_>, id: Option<String>, each: Vec<(KeyId, Told)>) -> Judged {
        let of_circle = matches!(asked.recipient, Recipient::Circle(_));
        let names = of_circle && may_know_circles(asked.who).is_ok();
        let rule = each.iter().find_map(|(_, told)| told.against);
        let mut reasons = Vec::new();
        for (member, told) in each.into_iter().filter(|(_, told)| told.against.is_some() == rule.is_some()) {
            let name = (names && rule.is_some()).then(|| self.slug_of(&member));
            for reason in told.reasons {
                let reason = name.as_ref().map_or(reason.clone(), |name| format!("{name}: {reason}"));
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        match rule {
            Some(rule) => Judged::refused(id, rule, reasons),
            None => {
                let rule = Rule::HandlingAllows.code();
                Judged { decision: "allow", ..Judged::refused(id, rule, reasons) }
            }
        }
    }

    /// Whether an object stands here by this member's own word.
    fn is_own(&self, object: &StoredObject) -> bool {
        let home = self.standing().home;
        object.places.iter().any(|place| rules_of(object.tlp, place).originator().is_own(home))
    }

    /// The same of objects that are not stored; nothing is.
    ///
    /// # Errors
    /// See [`WhyError`]; what is no object at all has no rules, and its receipt says why.
    pub async fn simulate(
        &self,
        who: &Principal,
        request: SimulateRequest<'_>,
    ) -> Result<Cleared<Vec<Judged>>, WhyError> {
        let directory = self.directory().await?;
        let place = self.place(who, &directory, request.collection, &request.options)?;
        let recipient = self.recipient(who, &directory, request.recipient)?;
        // A foretold answer about a circle tells who is in it.
        if place.passing.names_a_circle() || matches!(recipient, Recipient::Circle(_)) {
            may_know_circles(who).map_err(AcceptError::from)?;
        }
        let objects = objects_in(request.bytes).map_err(WhyError::Unreadable)?;
        let derived = self.derive_all(objects, place.bar).await;
        // One for each object, in the order of the file; none yet for those that are asked about below.
        let (mut entries, mut judged, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (at, one) in derived.into_iter().enumerate() {
            judged.push(match one {
                Ok(derived) => {
                    entries.push(derived.entry);
                    places.push(at);
                    None
                }
                Err(rejected) => Some(unfit(rejected.into_receipt())),
            });
        }
        let views = self.put_under_rules(&place, &mut entries).await?;
        let (whole, views): (Vec<usize>, Vec<Entry>) = views.into_iter().unzip();
        let objects = entries.len();
        entries.extend(views);
        let landed = self.tried(&place, entries.clone()).await?;
        let asked = Asked { who, directory: &directory, recipient: &recipient, action: request.action };
        let mut stands = Vec::new();
        for (at, (entry, landed)) in entries.iter().zip(landed).enumerate() {
            let view = at.checked_sub(objects);
            let whole = match view {
                None => {
                    stands.push(accept::stands(&landed));
                    at
                }
                // Of what is refused there is no view either.
                Some(view) => match whole.get(view).filter(|whole| stands.get(**whole) == Some(&true)) {
                    Some(whole) => *whole,
                    None => continue,
                },
            };
            let one = match self.judge_entry(&asked, &place, (entry, landed)).await {
                // Nothing is done with what was changed, and the others are what they were.
                Err(error @ StoreError::Altered { .. }) => {
                    let id = Some(entry.facts.id.as_str().to_owned());
                    Judged::refused(id, error.code(), vec![error.to_string()])
                }
                judged => judged?,
            };
            let Some(told) = places.get(whole).and_then(|at| judged.get_mut(*at)) else { continue };
            match (view, told.as_mut()) {
                (Some(_), Some(whole)) => whole.view = Some(Box::new(one)),
                _ => *told = Some(one),
            }
        }
        Ok(place.writer.eyes().clear(judged.into_iter().flatten().collect()))
    }

    /// Decides about an object as it would land.
    async fn judge_entry(
        &self,
        asked: &Asked<'_>,
        place: &Place,
        (entry, landed): (&Entry, Landed),
    ) -> Result<Judged, StoreError> {
        let id = Some(entry.facts.id.as_str().to_owned());
        let (mut stored, mut rules) = (None, entry.rules.clone());
        match landed.told_to(&place.writer, self.now()) {
            Landed { how: LandedAs::Refused(conflict), .. } => {
                let (rule, reasons) = (conflict.code, vec![conflict.reason]);
                return Ok(Judged::refused(id, rule, reasons));
            }
            Landed { how: LandedAs::Known, .. } => match self.known_with(place, entry).await? {
                Some((held, None)) => return self.judge_stored(asked, &held).await,
                Some((held, asked_for)) => (stored, rules) = (Some(held), asked_for),
                None => {}
            },
            Landed { inherited: Some(inherited), .. } => rules = Some(inherited),
            _ => {}
        }
        let ruled = Ruled { collection: place.writer.collection(), rules };
        let about = About {
            tlp: entry.facts.tlp,
            places: std::slice::from_ref(&ruled),
            bytes: &entry.bytes,
            shared: self.now(),
        };
        let Some(court) = self.court().await?.map(Arc::new) else {
            return Ok(Judged::of(id, self.verdict(asked, about)));
        };
        let judged = if asked.gives(court.home()) {
            let rules = rules_of(about.tlp, &ruled);
            let own = Own { id: entry.facts.id.as_str().to_owned(), bytes: entry.bytes.clone(), rules };
            self.judge_own(asked, &court, (own, about), stored.as_ref()).await?
        } else {
            Judged::of(id, self.verdict(asked, about))
        };
        let mut judged = self.unless_put_aside(asked, &court, judged).await?;
        let mut others = asked.others(&court, about.shared);
        if judged.decision == "allow" && !others.is_empty() {
            let given = match &stored {
                Some(_) => self.members_among(&court, place.passing.addressees()),
                None => court.addressees(entry, &place.sending),
            };
            others.retain(|member| !given.contains(member));
            judged.shared = Some(match &stored {
                Some(held) if !others.is_empty() => self.is_shared(&court, held, others).await?,
                _ => others.is_empty(),
            });
        }
        Ok(judged)
    }

    /// How entries would land: they are put in as an import does, and taken out again before anybody sees them.
    async fn tried(&self, place: &Place, entries: Vec<Entry>) -> Result<Vec<Landed>, StoreError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        self.keep_ledger().await?;
        let batch = Batch { writer: place.writer.clone(), at: self.now(), entries, status: None };
        store::tried(self.store(), batch.entries.len(), move |desk| desk.add(&batch, LeavesBy::Store)).await
    }

    /// What is here already, with the rules it has where the request asks for it besides: stricter as it says, and for whom it names. None
    /// where it stands by others' words alone, and nothing is asked of it.
    async fn known_with(
        &self,
        place: &Place,
        entry: &Entry,
    ) -> Result<Option<(StoredObject, Option<Rules>)>, StoreError> {
        let version = entry.facts.modified.as_deref();
        let (id, eyes) = (entry.facts.id.as_str(), place.writer.eyes());
        // Its own word first, as an import narrows it: what others say in the same words hinders nothing.
        match self.store().own_object(eyes, id, version).await {
            Ok(held) => {
                let rules = met(held.tlp, &held.places);
                let asked = place.passing.narrower(place.writer.user()).besides(&rules);
                let rules = asked.meet(&rules.also_to(place.passing.addressees()));
                Ok(Some((held, Some(rules))))
            }
            Err(StoreError::NotFound { .. }) => match self.store().object(eyes, id, version).await {
                Ok(held) => Ok(Some((held, None))),
                Err(StoreError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// What the rules allow is refused all the same where others take nothing from this member, since it takes no part in the community.
    async fn unless_put_aside(
        &self,
        asked: &Asked<'_>,
        court: &Court,
        judged: Judged,
    ) -> Result<Judged, StoreError> {
        let others = match asked.recipient {
            Recipient::Member(member) | Recipient::Client { of: member } => *member != court.home(),
            Recipient::Circle(_) => true,
            Recipient::Person { .. } | Recipient::Automation | Recipient::Stranger => false,
        };
        if !others || judged.decision == "refuse" {
            return Ok(judged);
        }
        let status = self.members().await?.and_then(|members| members.takes_no_part());
        let Some(status) = status else { return Ok(judged) };
        let why = format!(
            "this member takes no part in the community ({status}), so nobody takes anything from it"
        );
        let rule = federation::Rule::SenderUnknown.code();
        Ok(Judged { decision: "refuse", rule, reasons: vec![why], ..judged })
    }

    /// Decides about an object that stands in `places`. A user is asked about place by place, as reads do: one is enough.
    fn verdict(&self, asked: &Asked<'_>, About { tlp, places, bytes, shared }: About<'_>) -> Verdict {
        let Asked { directory, recipient, action, .. } = *asked;
        let Recipient::Person { user, .. } = recipient else {
            let rules = about(met(tlp, places), bytes);
            let action = action.unwrap_or(match recipient {
                Recipient::Automation => Action::ActAutomatically,
                _ => Action::PassOn,
            });
            return self.decide(shared, |situation| judge(recipient, action, &rules, situation));
        };
        let principal = directory.by_password(*user);
        let Some(principal) = principal else {
            return closed(Rule::RoleMissing, "this account is disabled");
        };
        let view = viewer(&principal, &self.standing()).to(action.unwrap_or(Action::See));
        let readable = places.iter().filter(|place| view.collections().contains(&place.collection));
        let rules: Vec<Rules> = readable.map(|place| rules_of(tlp, place)).collect();
        let mut verdicts = rules.iter().map(|rules| view.judge(rules));
        let Some(first) = verdicts.next() else {
            return closed(
                Rule::CollectionNotReadable,
                "no collection that holds it is readable by this user",
            );
        };
        verdicts.fold(first, |best, other| if best.is_allowed() { best } else { other })
    }
}

/// What is said of several that stand side by side: yes where one reaches; else of the first whose collection is not closed to the
/// recipient, or of the first.
fn nearest(first: Judged, beside: Vec<Judged>) -> Judged {
    let rank = |judged: &Judged| match judged.rule {
        _ if judged.is_allowed() => 0,
        rule if rule == Rule::CollectionNotReadable.code() => 2,
        _ => 1,
    };
    let mut all: Vec<Judged> = std::iter::once(first).chain(beside).collect();
    all.sort_by_key(rank);
    all.swap_remove(0)
}

fn closed(rule: Rule, reason: &str) -> Verdict {
    Verdict { decision: Decision::Refuse, rule, reasons: vec![reason.to_owned()] }
}

fn unfit(receipt: Receipt) -> Judged {
    let rule = receipt.code.unwrap_or("format-unknown");
    Judged::refused(receipt.id, rule, receipt.reason.into_iter().collect())
}

/// Where an object stands by this member's own word.
fn own_places<'o>(object: &'o StoredObject, court: &Court) -> impl Iterator<Item = &'o Ruled> {
    let home = Some(court.home());
    object.places.iter().filter(move |place| rules_of(object.tlp, place).originator().is_own(home))
}
