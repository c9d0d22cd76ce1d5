//! The rules objects come under: what their markings ask, what the request asks, and how rules are shown.
//!
//! Whoever brings something states its rules ([`Options`]); an object's own stricter marking holds. The one who brings it is
//! always among those it is for. Who is meant by a name is for [`crate::address`]; members and circles are known through a
//! [`Community`] once there is one. Until then nobody is known by name, and what is addressed to keys waits for them.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use base::Micros;
use federation::Lane;
use handling::{
    Addressee, Alone, Audience, Consent, Control, MemberId, Narrower, Originator, Pap, Peers, Person,
    Principal, Purposes, Rules, Situation, Standing, UserNo, Viewer, viewer,
};
use serde::Serialize;
use stix::{Subject, Timestamp, TlpLevel as Level};
use store::{Entry, Ruled};

use crate::accept::Place;
use crate::directory::Directory;
use crate::markings::{Asked, level_of};
use crate::{AcceptError, Community, Node};

/// This node's place in a community.
#[derive(Clone)]
pub(crate) struct Membership {
    home: MemberId,
    community: Arc<dyn Community>,
}

/// How objects are to be taken: handling that is kept beside them, whose bytes stay as they are.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// TLP level. An object's own stricter marking holds.
    pub tlp: Option<Level>,
    /// PAP level, likewise.
    pub pap: Option<Pap>,
    /// For whom the objects are besides the one who brings them, and nobody else: `user:NAME`, `user:NAME@MEMBER`, a member
    /// by slug or key id, a circle by `NAME`, `OWNER/NAME` or id, `member:...`, `circle:...`. Empty = whoever may read the collection, and for TLP:RED nobody else.
    pub to: Vec<String>,
    /// Whether the originator is asked before they go on.
    pub control: Control,
    /// Until then only for the persons named.
    pub embargo_until: Option<Micros>,
    /// From then on for nobody.
    pub retain_until: Option<Micros>,
    /// What they may be used for; `None` = anything.
    pub purposes: Option<Purposes>,
    /// Refuse objects with any error finding, as a strict collection does.
    pub strict: bool,
    /// How urgently other members are given what is for them.
    pub urgency: Urgency,
}

/// How urgent something is for those it is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgency {
    /// In its turn.
    #[default]
    Routine,
    /// Before everything that waits.
    Flash,
}

impl Urgency {
    pub(crate) const fn lane(self) -> Lane {
        match self {
            Self::Routine => Lane::Routine,
            Self::Flash => Lane::Flash,
        }
    }
}

/// What a request asks for, with everybody in it known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passing {
    pub(crate) tlp: Option<Level>,
    pub(crate) pap: Pap,
    to: BTreeSet<Addressee>,
    control: Control,
    embargo: Option<Micros>,
    retain: Option<Micros>,
    purposes: Option<Purposes>,
}

impl Passing {
    /// Everybody who is named.
    pub(crate) const fn addressees(&self) -> &BTreeSet<Addressee> {
        &self.to
    }

    /// Whether another member is named, by itself, in a circle, or one of its people.
    pub(crate) fn names_others(&self) -> bool {
        self.others().next().is_some()
    }

    /// Who is named besides this member and its people.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Addressee> {
        self.to
            .iter()
            .filter(|one| !matches!(one, Addressee::Person(Person::Here(_)) | Addressee::Originator))
    }

    /// Whether it says for whom something is.
    pub(crate) fn says_for_whom(&self) -> bool {
        !self.to.is_empty()
    }

    /// The same, for whoever has it now.
    pub(crate) fn for_nobody_besides(mut self) -> Self {
        self.to.clear();
        self
    }

    /// Whether it says anything that can be stricter than what stands.
    pub(crate) fn says_something(&self) -> bool {
        self.tlp.is_some()
            || self.pap > Pap::Clear
            || !self.to.is_empty()
            || self.control == Control::Originator
            || self.embargo.is_some()
            || self.retain.is_some()
            || self.purposes.is_some()
    }

    /// What is asked besides of what is here already. What the request leaves open stays as it is.
    pub(crate) fn narrower(&self, by: UserNo) -> Narrower {
        Narrower::new(self.rules(Some(Level::Clear), by), self.persons(by), !self.to.is_empty())
    }

    /// The persons who are named, the one who brings it among them.
    fn persons(&self, by: UserNo) -> BTreeSet<Person> {
        let persons = self.to.iter().filter_map(|one| match one {
            Addressee::Person(person) => Some(person.clone()),
            _ => None,
        });
        persons.chain([Person::Here(by)]).collect()
    }

    /// Whether anything is asked for a circle.
    pub(crate) fn names_a_circle(&self) -> bool {
        self.to.iter().any(|one| matches!(one, Addressee::Circle(_)))
    }

    /// The rules for something that `by` brings and whose markings ask at least `level`.
    pub(crate) fn rules(&self, level: Option<Level>, by: UserNo) -> Rules {
        let named = self.persons(by);
        let mut rules = Rules::marked(level.max(self.tlp), Originator::Here);
        if !self.to.is_empty() {
            let mut audience = self.to.clone();
            if audience.iter().any(|one| !matches!(one, Addressee::Person(_))) {
                audience.insert(Addressee::Originator);
            }
            audience.insert(Addressee::Person(Person::Here(by)));
            rules = rules.to(Audience::only(audience));
        }
        if let Some(until) = self.embargo {
            rules = rules.embargoed(until);
        }
        if rules.named().is_some() {
            rules = rules.naming(named);
        }
        if let Some(until) = self.retain {
            rules = rules.retained(until);
        }
        if let Some(purposes) = self.purposes {
            rules = rules.limited_to(purposes);
        }
        if self.control == Control::Originator {
            rules = rules.controlled();
        }
        rules.pap_at_least(self.pap)
    }
}

/// Puts rules on an entry: those of its markings and of the request, and whatever else holds at the place.
pub(crate) fn mark(entry: &mut Entry, asked: &Asked, place: &Place) {
    let level = asked.level_with(place.passing.tlp);
    let mut rules = place.passing.rules(level, place.writer.user()).pap_at_least(asked.pap);
    for definition in &asked.awaited {
        rules = rules.awaiting(definition);
    }
    if entry.facts.subject >= Subject::Person {
        rules = rules.about_persons().retained(place.persons_until);
    }
    if let Some(within) = &place.within {
        // What is made of something is for those it is for, unless the request says for whom; never for more.
        if place.passing.to.is_empty() {
            rules = rules.to(within.audience().clone());
        }
        rules = rules.meet(within);
    }
    entry.facts.tlp = level.map(Level::number);
    let plain = rules == Rules::marked(level, Originator::Here) && rules.level() < Level::Red;
    entry.rules = (!plain).then_some(rules);
}

/// The rules of a place that an object stands in.
pub(crate) fn rules_of(tlp: Option<u8>, place: &Ruled) -> Rules {
    place.rules.clone().unwrap_or_else(|| Rules::marked(tlp.map(level_of), Originator::Here))
}

/// These rules for an object of these bytes: what is about a person is so whatever it was put under when it came.
pub(crate) fn about(rules: Rules, bytes: &[u8]) -> Rules {
    if Subject::of_bytes(bytes) >= Subject::Person { rules.about_persons() } else { rules }
}

/// The rules of an object that stands in several places: all of them.
pub(crate) fn met(tlp: Option<u8>, places: &[Ruled]) -> Rules {
    let all = places.iter().map(|place| rules_of(tlp, place));
    all.reduce(|one, other| one.meet(&other)).unwrap_or_else(Rules::closed)
}

/// Whether nothing marks an object, in its bytes or in a place that it stands in: then it is handled as TLP:AMBER+STRICT.
pub(crate) fn is_unmarked(tlp: Option<u8>, places: &[Ruled]) -> bool {
    tlp.is_none() && places.iter().all(|place| place.rules.is_none())
}

/// Rules as they are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandlingView {
    /// TLP level; null = unmarked, which is handled as amber+strict.
    pub tlp: Option<&'static str>,
    /// The TLP level it is handled as, marked or not.
    pub handled_as: &'static str,
    /// PAP level.
    pub pap: &'static str,
    /// To whom it is addressed: in every list there must be somebody the reader is. Empty = everybody.
    pub to: Vec<Vec<String>>,
    /// Where only named persons may see it: who they are. Null = it is not for named persons only.
    pub named: Option<Vec<String>>,
    /// Whose word it is: `here`, a member, or `nobody` where sources of several speak.
    pub originator: String,
    /// Whether the originator is asked before it goes on.
    pub originator_control: bool,
    /// Until then it is for the persons named only (RFC 3339).
    pub embargo_until: Option<String>,
    /// From then on it is for nobody (RFC 3339).
    pub retain_until: Option<String>,
    /// What it may be used for.
    pub purposes: Vec<&'static str>,
    /// Whether it is about a person: it stays on this node.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub about_persons: bool,
    /// Whether a marking is not known here yet: until it is, nothing leaves the node and no machine acts on it.
    pub marking_awaited: bool,
    /// Which marking definitions are not, as far as they have a name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<String>,
}

impl HandlingView {
    fn of(tlp: Option<u8>, places: &[Ruled], names: &Names<'_>) -> Self {
        let rules = met(tlp, places);
        let purposes = handling::Purpose::ALL.into_iter().filter(|purpose| rules.purposes().hold(*purpose));
        let clauses = rules.audience().clauses();
        Self {
            tlp: (!is_unmarked(tlp, places)).then(|| rules.level().name()),
            handled_as: rules.level().name(),
            pap: rules.pap().name(),
            to: clauses.map(|clause| clause.iter().map(|one| names.addressee(one)).collect()).collect(),
            named: rules.named().map(|named| named.iter().map(|one| names.person(one)).collect()),
            originator: match rules.originator() {
                Originator::Member(member) => format!("member:{}", names.member(member)),
                other => other.to_string(),
            },
            originator_control: rules.control() == Control::Originator,
            embargo_until: rules.embargo().map(Timestamp::text_of),
            retain_until: rules.retain().map(Timestamp::text_of),
            purposes: purposes.map(handling::Purpose::name).collect(),
            about_persons: rules.about() == handling::About::Persons,
            marking_awaited: !rules.markings().are_known(),
            awaits: rules.markings().awaited().map(ToString::to_string).collect(),
        }
    }
}

/// What people, members and circles are called, in the form in which they can be named again; ids where no name is known.
struct Names<'a> {
    directory: &'a Directory,
    community: Option<Arc<dyn Community>>,
}

impl Names<'_> {
    fn addressee(&self, addressee: &Addressee) -> String {
        match addressee {
            Addressee::Originator => addressee.to_string(),
            Addressee::Member(member) => format!("member:{}", self.member(member)),
            Addressee::Circle(circle) => {
                let named = self.community.as_ref().and_then(|community| community.circle_name(circle));
                format!("circle:{}", named.unwrap_or_else(|| circle.to_string()))
            }
            Addressee::Person(person) => self.person(person),
        }
    }

    fn member(&self, member: &MemberId) -> String {
        let slug = self.community.as_ref().and_then(|community| community.slug(member));
        slug.unwrap_or_else(|| member.to_string())
    }

    fn person(&self, person: &Person) -> String {
        match person {
            Person::Here(no) => match self.directory.user(*no) {
                Some(user) => format!("user:{}", user.name),
                None => "user:".to_owned(),
            },
            Person::There(member, name) => format!("user:{name}@{}", self.member(member)),
        }
    }
}

impl Node {
    /// Tells the node that its member is `home` in a community that `community` knows. From now on decisions go by it.
    pub fn join(&self, home: MemberId, community: Arc<dyn Community>) {
        let mut present = self.0.community.write().unwrap_or_else(PoisonError::into_inner);
        *present = Some(Membership { home, community });
    }

    pub(crate) fn community_known(&self) -> Option<Arc<dyn Community>> {
        self.membership().map(|membership| membership.community)
    }

    fn membership(&self) -> Option<Membership> {
        self.0.community.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// By whose word something stands here, by slug where known; `None` while this node's member is in no community, and for what is
    /// nobody's alone.
    #[must_use]
    pub fn word_of(&self, originator: &Originator) -> Option<String> {
        let Membership { home, community } = self.membership()?;
        let member = match originator {
            Originator::Here => home,
            Originator::Member(member) => *member,
            Originator::Nobody => return None,
        };
        Some(community.slug(&member).unwrap_or_else(|| member.to_string()))
    }

    /// What decisions about this node's own people depend on, as of now.
    pub(crate) fn standing(&self) -> Standing {
        let mut standing = Standing::at(self.now());
        if let Some(Membership { home, community }) = self.membership() {
            standing.circles = community.circles_of(&home);
            standing.home = Some(home);
        }
        standing
    }

    /// The view of a principal over everything, as of now.
    pub(crate) fn eyes(&self, who: &Principal) -> Viewer {
        viewer(who, &self.standing())
    }

    /// Decides about what was shared at a moment, with what this node knows of members and circles as of now.
    pub(crate) fn decide<T>(&self, shared: Micros, with: impl FnOnce(&Situation<'_>) -> T) -> T {
        let membership = self.membership();
        let home = membership.as_ref().map(|membership| membership.home);
        let peers: Box<dyn Peers> = match &membership {
            Some(membership) => membership.community.when_shared(shared),
            None => Box::new(Alone),
        };
        with(&Situation { now: self.now(), home, peers: peers.as_ref(), consent: Consent::None })
    }

    /// What a request asks for, with everybody in it looked up.
    pub(crate) fn passing(
        &self,
        who: &Principal,
        directory: &Directory,
        options: &Options,
    ) -> Result<Passing, AcceptError> {
        if options.retain_until.is_some_and(|until| until <= self.now()) {
            return Err(AcceptError::RetainPast);
        }
        let to = options.to.iter().map(|name| self.addressee(who, directory, name));
        Ok(Passing {
            tlp: options.tlp,
            pap: options.pap.unwrap_or_default(),
            to: to.collect::<Result<_, _>>()?,
            control: options.control,
            embargo: options.embargo_until,
            retain: options.retain_until,
            purposes: options.purposes,
        })
    }

    /// The rules of a stored object as they are shown.
    ///
    /// # Errors
    /// The store failed.
    pub async fn handling_of(
        &self,
        tlp: Option<u8>,
        places: &[Ruled],
    ) -> Result<HandlingView, store::StoreError> {
        let directory = self.directory().await?;
        let names = Names { directory: &directory, community: self.community_known() };
        Ok(HandlingView::of(tlp, places, &names))
    }
}
