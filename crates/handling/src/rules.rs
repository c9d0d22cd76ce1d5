//! The rules an object is under: what its markings and its originator ask, as one value of a lattice.
//!
//! [`Rules::meet`] puts two sets of rules together; what comes out allows nothing that either refuses. It is associative,
//! commutative and idempotent, and [`Rules::closed`] swallows everything. Reading markings is for [`crate::marks`], deciding
//! for [`crate::judge`].
//!
//! Invariants: at TLP:AMBER and above somebody is addressed; at TLP:RED and under an embargo the persons are listed. Both
//! hold from construction on, so that to name somebody never opens what was closed without names.

use std::collections::BTreeSet;

use base::Micros;
use stix::{ObjectId, TlpLevel};

use crate::UserNo;
use crate::marks::Mark;

/// A member of a community, by its key id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub [u8; 32]);

/// A circle of members, by its key hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircleId(pub [u8; 32]);

/// A person, on this node or another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Person {
    /// A user of this node.
    Here(UserNo),
    /// A user of another member's node, by name.
    There(MemberId, String),
}

/// To whom something is addressed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Addressee {
    /// The originator's own people, whoever the originator is.
    Originator,
    /// A member's people.
    Member(MemberId),
    /// The members of a circle, as far as they are known at the moment of deciding.
    Circle(CircleId),
    /// One person.
    Person(Person),
}

/// Who is spoken to: every clause must hold somebody the recipient is; no clause = everybody, an empty one = nobody.
///
/// Clauses that a narrower one makes superfluous are left out, so equal audiences are equal values.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Audience(BTreeSet<BTreeSet<Addressee>>);

impl Audience {
    /// Everybody.
    pub const EVERYBODY: Self = Self(BTreeSet::new());

    /// These and nobody else.
    #[must_use]
    pub fn only(addressees: impl IntoIterator<Item = Addressee>) -> Self {
        Self(BTreeSet::from([addressees.into_iter().collect()]))
    }

    /// The clauses.
    pub fn clauses(&self) -> impl Iterator<Item = &BTreeSet<Addressee>> {
        self.0.iter()
    }

    /// Whether there is no clause.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether in every clause somebody `is` the recipient.
    #[must_use]
    pub fn holds(&self, is: impl Fn(&Addressee) -> bool) -> bool {
        self.0.iter().all(|clause| clause.iter().any(&is))
    }

    fn meet(&self, other: &Self) -> Self {
        let all: BTreeSet<_> = self.0.union(&other.0).cloned().collect();
        let superfluous =
            |clause: &BTreeSet<Addressee>| all.iter().any(|one| one != clause && one.is_subset(clause));
        Self(all.iter().filter(|clause| !superfluous(clause)).cloned().collect())
    }

    pub(crate) fn of_clauses(clauses: impl IntoIterator<Item = BTreeSet<Addressee>>) -> Self {
        Self(clauses.into_iter().collect()).meet(&Self::EVERYBODY)
    }
}

/// Permissible Actions Protocol: what may be done with it, least restrictive first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pap {
    /// Anything.
    #[default]
    Clear,
    /// Also what the adversary may notice, like blocking.
    Green,
    /// Only passive checks on others' data.
    Amber,
    /// Only what cannot be noticed outside.
    Red,
}

impl Pap {
    /// Every level.
    pub const ALL: [Self; 4] = [Self::Clear, Self::Green, Self::Amber, Self::Red];

    /// The name in commands and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }
}

impl std::str::FromStr for Pap {
    type Err = UnknownPap;

    fn from_str(text: &str) -> Result<Self, UnknownPap> {
        let lower = text.to_ascii_lowercase();
        let name = lower.strip_prefix("pap:").unwrap_or(&lower);
        let name = if name == "white" { "clear" } else { name };
        Self::ALL.into_iter().find(|level| level.name() == name).ok_or(UnknownPap)
    }
}

/// Not the name of a PAP level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PAP level is one of clear, green, amber, red")]
pub struct UnknownPap;

/// Whose word it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Originator {
    /// The member of this node.
    Here,
    /// Another member, or this one by its key.
    Member(MemberId),
    /// Sources of several originators: nobody speaks for it alone.
    Nobody,
}

impl Originator {
    /// Whether it is the word of this node's member, whose key is `home` where it is in a community.
    #[must_use]
    pub fn is_own(&self, home: Option<MemberId>) -> bool {
        match self {
            Self::Here => true,
            Self::Member(member) => home == Some(*member),
            Self::Nobody => false,
        }
    }
}

/// Whether the originator is asked before it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Control {
    /// Goes on as far as the other rules let it.
    #[default]
    Free,
    /// Only the originator gives it to anybody, or who has the originator's consent.
    Originator,
}

/// The type of a marking definition.
const DEFINITION: &str = "marking-definition";
/// Most marking definitions that are awaited by name.
const AWAITED_MAX: usize = 16;

/// Whether every marking on the object is known. While one is not, nothing leaves the node and nothing acts on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Markings {
    /// They are.
    #[default]
    Known,
    /// These definitions are referred to and have not been seen; at least one, at most 16.
    Awaited(BTreeSet<ObjectId>),
    /// Something is referred to that no definition can be, or more than are waited for one by one: it does not come.
    Nameless,
}

impl Markings {
    /// Whether nothing is awaited.
    #[must_use]
    pub const fn are_known(&self) -> bool {
        matches!(self, Self::Known)
    }

    /// The definitions that are awaited by name.
    pub fn awaited(&self) -> impl Iterator<Item = &ObjectId> {
        let named = match self {
            Self::Awaited(definitions) => Some(definitions),
            Self::Known | Self::Nameless => None,
        };
        named.into_iter().flatten()
    }

    fn of(definitions: BTreeSet<ObjectId>) -> Self {
        match definitions.len() {
            0 => Self::Known,
            1..=AWAITED_MAX => Self::Awaited(definitions),
            _ => Self::Nameless,
        }
    }

    fn meet(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Nameless, _) | (_, Self::Nameless) => Self::Nameless,
            (Self::Known, rest) | (rest, Self::Known) => rest.clone(),
            (Self::Awaited(one), Self::Awaited(two)) => Self::of(one.union(two).cloned().collect()),
        }
    }
}

/// Whom something is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// Nobody in person.
    #[default]
    Things,
    /// A person: it stays on the node it came to, whoever it is addressed to.
    Persons,
}

/// What something may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// To be read by people.
    Awareness,
    /// To defend with: in tools, detection, blocking.
    Defence,
    /// To be given to others.
    Sharing,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Awareness, Self::Defence, Self::Sharing];

    /// The name in commands and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Awareness => "awareness",
            Self::Defence => "defence",
            Self::Sharing => "sharing",
        }
    }

    pub(crate) const fn bit(self) -> u8 {
        match self {
            Self::Awareness => 1,
            Self::Defence => 2,
            Self::Sharing => 4,
        }
    }
}

/// A set of purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purposes(u8);

impl Purposes {
    /// Whatever the purpose.
    pub const ANY: Self = Self(7);

    /// These.
    #[must_use]
    pub fn of(purposes: impl IntoIterator<Item = Purpose>) -> Self {
        Self(purposes.into_iter().fold(0, |bits, purpose| bits | purpose.bit()))
    }

    /// Whether `purpose` is among them.
    #[must_use]
    pub const fn hold(self, purpose: Purpose) -> bool {
        self.0 & purpose.bit() != 0
    }

    /// As bits: 1 awareness, 2 defence, 4 sharing.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set with these bits; others are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 7)
    }
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rules {
    level: TlpLevel,
    pap: Pap,
    audience: Audience,
    named: Option<BTreeSet<Person>>,
    originator: Originator,
    control: Control,
    embargo: Option<Micros>,
    retain: Option<Micros>,
    purposes: Purposes,
    markings: Markings,
    about: About,
}

impl Rules {
    /// What a TLP level asks, and nothing else; `None` = unmarked, which is handled as TLP:AMBER+STRICT. From AMBER on it is
    /// addressed to the originator's own people until others are named with [`Rules::to`].
    #[must_use]
    pub fn marked(level: Option<TlpLevel>, originator: Originator) -> Self {
        let open = Self {
            level: TlpLevel::Clear,
            pap: Pap::Clear,
            audience: Audience::EVERYBODY,
            named: None,
            originator,
            control: Control::Free,
            embargo: None,
            retain: None,
            purposes: Purposes::ANY,
            markings: Markings::Known,
            about: About::Things,
        };
        open.at_least(level.unwrap_or(TlpLevel::AmberStrict))
    }

    /// Nobody, never, for nothing: what is not understood at all.
    #[must_use]
    pub fn closed() -> Self {
        Self {
            level: TlpLevel::Red,
            pap: Pap::Red,
            audience: Audience::only([]),
            named: Some(BTreeSet::new()),
            originator: Originator::Nobody,
            control: Control::Originator,
            embargo: Some(Micros(i64::MAX)),
            retain: Some(Micros(i64::MIN)),
            purposes: Purposes::of([]),
            markings: Markings::Nameless,
            about: About::Persons,
        }
    }

    /// At least this level.
    #[must_use]
    pub fn at_least(mut self, level: TlpLevel) -> Self {
        self.level = self.level.max(level);
        self.kept()
    }

    /// At least this PAP level.
    #[must_use]
    pub fn pap_at_least(mut self, pap: Pap) -> Self {
        self.pap = self.pap.max(pap);
        self
    }

    /// Addressed to these and nobody else, in place of what stood there: the word of whoever states the rules, at the
    /// moment of stating them. Narrowing afterwards is [`Rules::meet`].
    #[must_use]
    pub fn to(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self.kept()
    }

    /// Where only named persons may see it, these are they. As [`Rules::to`], a first statement.
    #[must_use]
    pub fn naming(mut self, persons: impl IntoIterator<Item = Person>) -> Self {
        self.named = Some(persons.into_iter().collect());
        self
    }

    /// Under the originator's control.
    #[must_use]
    pub fn controlled(mut self) -> Self {
        self.control = Control::Originator;
        self
    }

    /// For the named persons only until `until`.
    #[must_use]
    pub fn embargoed(mut self, until: Micros) -> Self {
        self.embargo = self.embargo.max(Some(until));
        self.kept()
    }

    /// For nobody any more from `until` on.
    #[must_use]
    pub fn retained(mut self, until: Micros) -> Self {
        self.retain = Some(self.retain.map_or(until, |held| held.min(until)));
        self
    }

    /// The same rules without an end of retention: to ask who could see something before it came. Nothing is put under them.
    #[must_use]
    pub fn apart_from_retention(&self) -> Self {
        Self { retain: None, ..self.clone() }
    }

    /// The same rules without an embargo that is over: whom it had be named is not asked any more.
    #[must_use]
    pub fn apart_from_embargo(&self) -> Self {
        let named = self.named.clone().filter(|_| self.level == TlpLevel::Red);
        Self { embargo: None, named, ..self.clone() }
    }

    /// The same rules without purposes: to ask who may decide about something, or is bound by what was asked for it, whatever it may
    /// be used for. Nothing is put under them.
    #[must_use]
    pub fn apart_from_purposes(&self) -> Self {
        Self { purposes: Purposes::ANY, ..self.clone() }
    }

    /// For these purposes only.
    #[must_use]
    pub fn limited_to(mut self, purposes: Purposes) -> Self {
        self.purposes = Purposes(self.purposes.0 & purposes.0);
        self
    }

    /// With a marking that nobody here knows yet, by the identifier of its definition. What is no identifier of a marking definition, and
    /// more than 16, never come.
    #[must_use]
    pub fn awaiting(mut self, definition: &str) -> Self {
        let named = ObjectId::parse(definition).ok().filter(|id| id.type_name() == DEFINITION);
        let awaited = named.map_or(Markings::Nameless, |id| Markings::of(BTreeSet::from([id])));
        self.markings = self.markings.meet(&awaited);
        self
    }

    /// What stands in place of these rules once a definition is known and asks for `mark`: they await it no more, and are under what
    /// it asks. `None` where they do not await it, and where it asks for TLP:RED or is not understood: a definition that comes
    /// later takes nothing from its readers, so who awaits it goes on waiting.
    #[must_use]
    pub fn settled_by(&self, definition: &ObjectId, mark: Mark) -> Option<Self> {
        let Markings::Awaited(awaited) = &self.markings else { return None };
        let rest: BTreeSet<ObjectId> = awaited.iter().filter(|one| *one != definition).cloned().collect();
        if rest.len() == awaited.len() || !mark.settles() {
            return None;
        }
        let known = Self { markings: Markings::of(rest), ..self.clone() };
        Some(match mark {
            Mark::Level(level) => known.at_least(level),
            Mark::Pap(pap) => known.pap_at_least(pap),
            Mark::Nothing | Mark::Unknown => known,
        })
    }

    /// The same, awaiting none of the definitions that are `known` to who asks: for who has met these rules with what they ask.
    #[must_use]
    pub fn knowing(&self, known: impl Fn(&ObjectId) -> bool) -> Self {
        let Markings::Awaited(awaited) = &self.markings else { return self.clone() };
        let rest = awaited.iter().filter(|one| !known(one)).cloned().collect();
        Self { markings: Markings::of(rest), ..self.clone() }
    }

    /// No more than that the definitions that these await are awaited: what something that nobody spoke about says of others.
    #[must_use]
    pub fn awaiting_alone(&self) -> Self {
        let open = Self::marked(Some(TlpLevel::Clear), self.originator.clone());
        Self { markings: self.markings.clone(), ..open }
    }

    /// Data about a person.
    #[must_use]
    pub fn about_persons(mut self) -> Self {
        self.about = About::Persons;
        self
    }

    /// The same rules with all markings known: to ask who could have something then. Nothing is put under them.
    #[must_use]
    pub fn apart_from_markings(&self) -> Self {
        Self { markings: Markings::Known, ..self.clone() }
    }

    /// The rules of what this node's member makes out of something under these rules (a sighting, a part of it): the same,
    /// by this member, with the first originator still among those it is for.
    #[must_use]
    pub fn of_derived(&self) -> Self {
        let instead = match &self.originator {
            Originator::Here => return self.clone(),
            Originator::Member(member) => Some(Addressee::Member(*member)),
            Originator::Nobody => None,
        };
        let others = |clause: &BTreeSet<Addressee>| -> BTreeSet<Addressee> {
            let spoken = clause.contains(&Addressee::Originator);
            let rest = clause.iter().filter(|one| **one != Addressee::Originator).cloned();
            rest.chain(instead.clone().filter(|_| spoken)).collect()
        };
        let audience = Audience::of_clauses(self.audience.clauses().map(others));
        Self { audience, originator: Originator::Here, ..self.clone() }
    }

    /// The same rules in other words: as the people of another node are called there. A person without a word is left out,
    /// so that the rules never open; the originator is put in its own words.
    #[must_use]
    pub fn reworded(
        &self,
        originator: impl Fn(&Originator) -> Originator,
        person: impl Fn(&Person) -> Option<Person>,
    ) -> Self {
        let addressee = |one: &Addressee| match one {
            Addressee::Person(named) => person(named).map(Addressee::Person),
            other => Some(other.clone()),
        };
        let clauses = self.audience.clauses().map(|clause| clause.iter().filter_map(addressee).collect());
        Self {
            audience: Audience::of_clauses(clauses),
            named: self.named.as_ref().map(|named| named.iter().filter_map(&person).collect()),
            originator: originator(&self.originator),
            ..self.clone()
        }
    }

    /// The rules as `me`, whose word they are, tells them to other members: itself by key. Who of its own people may see it is
    /// its own affair and is left out, which lets nobody see more.
    #[must_use]
    pub fn told_by(&self, me: MemberId) -> Self {
        let originator = |held: &Originator| match held {
            Originator::Here => Originator::Member(me),
            other => other.clone(),
        };
        self.reworded(originator, |person| match person {
            Person::Here(_) => None,
            Person::There(..) => Some(person.clone()),
        })
    }

    /// The rules as `author` told them, on a node that knows them to be the author's: somebody else's word counts for nothing.
    #[must_use]
    pub fn heard_from(self, author: MemberId) -> Self {
        if self.originator == Originator::Member(author) { self } else { self.meet(&Self::closed()) }
    }

    /// Addressed to these besides those it is addressed to already: the word of the originator, who alone may widen. Rules
    /// for everybody stay so.
    #[must_use]
    pub fn also_to(&self, more: &BTreeSet<Addressee>) -> Self {
        let clauses = self.audience.clauses().map(|clause| clause.union(more).cloned().collect());
        Self { audience: Audience::of_clauses(clauses), ..self.clone() }
    }

    /// Both: allows nothing that one of them refuses.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let named = match (&self.named, &other.named) {
            (Some(one), Some(two)) => Some(one.intersection(two).cloned().collect()),
            (one, two) => one.as_ref().or(two.as_ref()).cloned(),
        };
        let originator =
            if self.originator == other.originator { self.originator.clone() } else { Originator::Nobody };
        let retain = match (self.retain, other.retain) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self {
            level: self.level.max(other.level),
            pap: self.pap.max(other.pap),
            audience: self.audience.meet(&other.audience),
            named,
            originator,
            control: self.control.max(other.control),
            embargo: self.embargo.max(other.embargo),
            retain,
            purposes: Purposes(self.purposes.0 & other.purposes.0),
            markings: self.markings.meet(&other.markings),
            about: self.about.max(other.about),
        }
    }

    /// Whether `self` is at least as restrictive as `other` in every part.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        self.meet(other) == *self
    }

    /// The same in every part but to whom they are addressed.
    #[must_use]
    pub fn asks_as_much_as(&self, other: &Self) -> bool {
        Self { audience: Audience::EVERYBODY, ..self.clone() }
            .within(&Self { audience: Audience::EVERYBODY, ..other.clone() })
    }

    /// Whether every reader of this node, whose member is `home`, may see, search, count and export it, at any time and
    /// whatever circles there are: then no such read needs to look at the rules.
    #[must_use]
    pub fn open_here(&self, home: Option<MemberId>) -> bool {
        let own = self.originator.is_own(home);
        let speaks_to_us = |one: &Addressee| match one {
            Addressee::Originator => own,
            Addressee::Member(member) => home == Some(*member),
            Addressee::Circle(_) | Addressee::Person(_) => false,
        };
        self.level < TlpLevel::Red
            && self.embargo.is_none()
            && self.retain.is_none()
            && self.purposes == Purposes::ANY
            && (self.control == Control::Free || own)
            && self.audience.holds(speaks_to_us)
    }

    /// The same, as somebody else's word.
    pub(crate) fn by(self, originator: Originator) -> Self {
        Self { originator, ..self }
    }

    /// The same at another level, in place of the one that stood there.
    pub(crate) fn at_level(self, level: TlpLevel) -> Self {
        Self { level, ..self }.kept()
    }

    /// The same without anybody named.
    pub(crate) fn unnamed(self) -> Self {
        Self { named: None, ..self }
    }

    /// Keeps the module's invariants.
    fn kept(mut self) -> Self {
        if self.level >= TlpLevel::Amber && self.audience.is_everybody() {
            self.audience = Audience::only([Addressee::Originator]);
        }
        if (self.level == TlpLevel::Red || self.embargo.is_some()) && self.named.is_none() {
            self.named = Some(BTreeSet::new());
        }
        self
    }

    /// TLP level.
    #[must_use]
    pub const fn level(&self) -> TlpLevel {
        self.level
    }

    /// PAP level.
    #[must_use]
    pub const fn pap(&self) -> Pap {
        self.pap
    }

    /// To whom it is addressed.
    #[must_use]
    pub const fn audience(&self) -> &Audience {
        &self.audience
    }

    /// Who may see it where only named persons may.
    #[must_use]
    pub const fn named(&self) -> Option<&BTreeSet<Person>> {
        self.named.as_ref()
    }

    /// Whose word it is.
    #[must_use]
    pub const fn originator(&self) -> &Originator {
        &self.originator
    }

    /// Whether the originator is asked before it goes on.
    #[must_use]
    pub const fn control(&self) -> Control {
        self.control
    }

    /// Until when it is for the named only.
    #[must_use]
    pub const fn embargo(&self) -> Option<Micros> {
        self.embargo
    }

    /// From when on it is for nobody.
    #[must_use]
    pub const fn retain(&self) -> Option<Micros> {
        self.retain
    }

    /// What it may be used for.
    #[must_use]
    pub const fn purposes(&self) -> Purposes {
        self.purposes
    }

    /// Whom it is about.
    #[must_use]
    pub const fn about(&self) -> About {
        self.about
    }

    /// Whether every marking is known.
    #[must_use]
    pub const fn markings(&self) -> &Markings {
        &self.markings
    }
}

/// A PAP level as a number, least restrictive first from 0.
#[must_use]
pub const fn pap_no(pap: Pap) -> u8 {
    match pap {
        Pap::Clear => 0,
        Pap::Green => 1,
        Pap::Amber => 2,
        Pap::Red => 3,
    }
}
