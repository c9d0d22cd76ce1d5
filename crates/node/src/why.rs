//! Would it reach them, and why not: asked of a stored object (`why`) or of one that is not stored (`simulate`).
//!
//! Both ask the decision that every read is under, with the rules an object has or would get, so they cannot say
//! anything else than what happens. They speak of what the one who asks may know: an object that is not theirs to see is not
//! there.

use bytes::Bytes;
use handling::{
    Action, Cleared, Consent, Decision, Principal, Recipient, Rule, Rules, Situation, Verdict, judge, viewer,
};
use serde::Serialize;
use store::{Batch, Entry, Fault, Landed, LandedAs, LeavesBy, Ruled, StoreError};

use crate::accept::Place;
use crate::community::may_know_circles;
use crate::directory::Directory;
use crate::exchange::ConsentView;
use crate::handle::{about, met, rules_of};
use crate::import::objects_in;
use crate::receipts::Receipt;
use crate::{AcceptError, Node, Options, ReadError};

/// A decision as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The object, as far as it has an id.
    pub id: Option<String>,
    /// `allow` or `refuse`.
    pub decision: &'static str,
    /// The rule that decided; `cresset explain` tells more about it.
    pub rule: &'static str,
    /// On what an allowance rests, or everything that speaks against it.
    pub reasons: Vec<String>,
}

impl Judged {
    fn of(id: Option<String>, verdict: Verdict) -> Self {
        let decision = match verdict.decision {
            Decision::Allow => "allow",
            Decision::Refuse => "refuse",
        };
        Self { id, decision, rule: verdict.rule.code(), reasons: verdict.reasons }
    }

    /// The rules allow it, and nobody takes it from this member, by this rule of exchange.
    fn not_taken(id: Option<String>, (rule, why): (federation::Rule, String)) -> Self {
        Self { id, decision: "refuse", rule: rule.code(), reasons: vec![why] }
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
    /// When it was shared: who comes to a circle later gets it only where the circle's owner says so.
    shared: base::Micros,
}

impl<'a> About<'a> {
    fn of(object: &'a store::StoredObject) -> Self {
        Self { tlp: object.tlp, places: &object.places, bytes: &object.bytes, shared: object.added }
    }
}

impl Node {
    /// Whether `recipient` (`user:NAME`, a member, a circle, `client:MEMBER`, `automation`, `anyone`) may do something with
    /// an object, and why or why not.
    ///
    /// # Errors
    /// See [`WhyError`]; `NotFound` when the one who asks may not see the object.
    pub async fn why(
        &self,
        who: &Principal,
        id: &str,
        recipient: &str,
        action: Option<Action>,
    ) -> Result<Cleared<Judged>, WhyError> {
        let view = self.eyes(who);
        let object = self.store().object(&view, id, None).await?;
        let directory = self.directory().await?;
        let recipient = self.recipient(who, &directory, recipient)?;
        let mut verdict = self.verdict(&directory, &recipient, action, About::of(&object));
        let home = self.standing().home;
        let own = object.places.iter().any(|place| rules_of(object.tlp, place).originator().is_own(home));
        if let Recipient::Member(member) = &recipient
            && !verdict.is_allowed()
            && let Some(consent) = self.consent_for(&object, *member).await?
        {
            verdict = self.with_consent(&recipient, action, About::of(&object));
            if verdict.is_allowed() {
                let ConsentView { id, originator, from, until, .. } = consent;
                verdict
                    .reasons
                    .push(format!("{originator} consents: {from} may give it until {until} (consent {id})"));
            }
        }
        let own = own.then_some(&*object.bytes);
        let judged = self.told((&recipient, action), (Some(object.id), own), verdict).await?;
        Ok(view.clear(judged))
    }

    /// Decides about a member that its originator's consent lets have an object.
    fn with_consent(&self, member: &Recipient, action: Option<Action>, about: About<'_>) -> Verdict {
        let rules = crate::handle::about(met(about.tlp, about.places), about.bytes);
        let action = action.unwrap_or(Action::PassOn);
        self.decide(about.shared, |situation| {
            let consented = Situation { consent: Consent::Given, ..*situation };
            judge(member, action, &rules, &consented)
        })
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
        let (mut entries, mut judged) = (Vec::new(), Vec::new());
        for one in derived {
            match one {
                Ok(derived) => entries.push(derived.entry),
                Err(rejected) => judged.push(unfit(rejected.into_receipt())),
            }
        }
        self.put_under_rules(&place, &mut entries).await?;
        let landed = self.tried(&place, entries.clone()).await?;
        for (entry, landed) in entries.into_iter().zip(landed) {
            let id = Some(entry.facts.id.as_str().to_owned());
            let rules = match landed.told_to(&place.writer, self.now()) {
                Landed { how: LandedAs::Refused(conflict), .. } => {
                    let reasons = vec![conflict.reason];
                    judged.push(Judged { id, decision: "refuse", rule: conflict.code, reasons });
                    continue;
                }
                Landed { how: LandedAs::Known, .. } => self.known_with(&place, &entry).await?.or(entry.rules),
                Landed { inherited: Some(rules), .. } => Some(rules),
                _ => entry.rules,
            };
            let ruled = Ruled { collection: place.writer.collection(), rules };
            let about = About {
                tlp: entry.facts.tlp,
                places: std::slice::from_ref(&ruled),
                bytes: &entry.bytes,
                shared: self.now(),
            };
            let verdict = self.verdict(&directory, &recipient, request.action, about);
            let asked = (&recipient, request.action);
            judged.push(self.told(asked, (id, Some(&*entry.bytes)), verdict).await?);
        }
        Ok(place.writer.eyes().clear(judged))
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

    /// The rules of what is here already, with what the request asks for it besides: stricter as it says, and for whom it names.
    async fn known_with(&self, place: &Place, entry: &Entry) -> Result<Option<Rules>, StoreError> {
        let version = entry.facts.modified.as_deref();
        let (id, eyes) = (entry.facts.id.as_str(), place.writer.eyes());
        // Its own word first, as an import narrows it: what others say in the same words hinders nothing.
        let (held, own) = match self.store().own_object(eyes, id, version).await {
            Ok(held) => (held, true),
            Err(StoreError::NotFound { .. }) => match self.store().object(eyes, id, version).await {
                Ok(held) => (held, false),
                Err(StoreError::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error),
        };
        let held = met(held.tlp, &held.places);
        let asked = place.passing.besides(&held, place.writer.user());
        Ok(Some(if own { asked.meet(&held.also_to(place.passing.addressees())) } else { held }))
    }

    /// What is told of a decision about an object, whose bytes are given where it is this member's own: what the rules allow is refused
    /// all the same where nobody takes it from this member.
    async fn told(
        &self,
        asked: (&Recipient, Option<Action>),
        (id, own): (Option<String>, Option<&[u8]>),
        verdict: Verdict,
    ) -> Result<Judged, StoreError> {
        let against = if verdict.is_allowed() { self.not_taken(asked, own).await? } else { None };
        Ok(match against {
            Some(against) => Judged::not_taken(id, against),
            None => Judged::of(id, verdict),
        })
    }

    /// Why others take nothing from this member, or not this: it takes no part in the community, or says itself that another made it.
    async fn not_taken(
        &self,
        (recipient, action): (&Recipient, Option<Action>),
        own: Option<&[u8]>,
    ) -> Result<Option<(federation::Rule, String)>, StoreError> {
        let Some(court) = self.court().await? else { return Ok(None) };
        let others = match recipient {
            Recipient::Member(member) | Recipient::Client { of: member } => *member != court.home(),
            Recipient::Circle(_) => true,
            Recipient::Person { .. } | Recipient::Automation | Recipient::Stranger => false,
        };
        if !others {
            return Ok(None);
        }
        if let Some(status) = self.members().await?.and_then(|members| members.takes_no_part()) {
            let why = format!(
                "this member takes no part in the community ({status}), so nobody takes anything from it"
            );
            return Ok(Some((federation::Rule::SenderUnknown, why)));
        }
        let given = !matches!(recipient, Recipient::Client { .. })
            && action.is_none_or(|action| action == Action::PassOn);
        let forged = own.filter(|own| given && court.exchange().is_anothers(own, &court.member()));
        let why = "created_by_ref says that another member made it, so nobody takes it from this one";
        Ok(forged.map(|_| (federation::Rule::OriginForged, why.to_owned())))
    }

    /// Decides about an object that stands in `places`. A user is asked about place by place, as reads do: one is enough.
    fn verdict(
        &self,
        directory: &Directory,
        recipient: &Recipient,
        action: Option<Action>,
        About { tlp, places, bytes, shared }: About<'_>,
    ) -> Verdict {
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

fn closed(rule: Rule, reason: &str) -> Verdict {
    Verdict { decision: Decision::Refuse, rule, reasons: vec![reason.to_owned()] }
}

fn unfit(receipt: Receipt) -> Judged {
    Judged {
        id: receipt.id,
        decision: "refuse",
        rule: receipt.code.unwrap_or("format-unknown"),
        reasons: receipt.reason.into_iter().collect(),
    }
}
