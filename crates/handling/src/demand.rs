//! What the rules must meet for a recipient and an action: a list of demands, each met by any one of its tests.
//!
//! This list is the decision. [`crate::judge`] evaluates it over one object's rules; the store renders the same list as a
//! condition over its columns. Neither knows anything that the list does not say.

use std::collections::BTreeSet;

use base::Micros;
use stix::TlpLevel;

use crate::Rule;
use crate::judge::{Action, Consent, Kind, Peers, Recipient, Situation};
use crate::rules::{About, Addressee, Control, MemberId, Originator, Pap, Person, Purpose, Rules};

/// One question about rules, answered by them alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// The TLP level is this one or a less restrictive one.
    LevelAtMost(TlpLevel),
    /// The PAP level is this one or a less restrictive one.
    PapAtMost(Pap),
    /// This person is named.
    Names(Person),
    /// A person of this member is named.
    NamesSomeoneOf(MemberId),
    /// Every clause of the audience holds one of these, or the originator, who is one of `own`.
    Addressed {
        /// Whom the recipient answers to.
        keys: BTreeSet<Addressee>,
        /// Which originators' own people the recipient belongs to.
        own: Vec<Originator>,
        /// The member that is asked for as a whole: what is for one of its people has to reach it.
        whose: Option<MemberId>,
    },
    /// The originator is one of these.
    OriginatorIs(Vec<Originator>),
    /// It goes on without asking the originator.
    Free,
    /// There is no embargo, or it is over at this moment.
    EmbargoOver(Micros),
    /// It is still kept at this moment.
    KeptAt(Micros),
    /// It may be used for this.
    For(Purpose),
    /// It is about nobody in person.
    AboutThings,
    /// No marking is awaited.
    MarkingsKnown,
    /// Met, whatever the rules.
    Always,
}

impl Test {
    /// The answer.
    #[must_use]
    pub fn met_by(&self, rules: &Rules) -> bool {
        match self {
            Self::LevelAtMost(level) => rules.level() <= *level,
            Self::PapAtMost(pap) => rules.pap() <= *pap,
            Self::Names(person) => rules.named().is_some_and(|named| named.contains(person)),
            Self::NamesSomeoneOf(member) => rules.named().is_some_and(|named| {
                named.iter().any(|person| matches!(person, Person::There(of, _) if of == member))
            }),
            Self::Addressed { keys, own, whose } => {
                let theirs = own.contains(rules.originator());
                rules.audience().holds(|one| match one {
                    Addressee::Originator => theirs,
                    Addressee::Person(Person::There(of, _)) if Some(*of) == *whose => true,
                    other => keys.contains(other),
                })
            }
            Self::OriginatorIs(own) => own.contains(rules.originator()),
            Self::Free => rules.control() == Control::Free,
            Self::EmbargoOver(now) => rules.embargo().is_none_or(|until| until <= *now),
            Self::KeptAt(now) => rules.retain().is_none_or(|until| until > *now),
            Self::For(purpose) => rules.purposes().hold(*purpose),
            Self::AboutThings => rules.about() == About::Things,
            Self::MarkingsKnown => rules.markings().are_known(),
            Self::Always => true,
        }
    }
}

/// One demand: met when any of its tests is; none = never met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The rule that refuses when it is not met.
    pub rule: Rule,
    /// The tests.
    pub any: Vec<Test>,
}

impl Demand {
    fn new(rule: Rule, any: impl Into<Vec<Test>>) -> Self {
        Self { rule, any: any.into() }
    }

    /// Whether it is met.
    #[must_use]
    pub fn met_by(&self, rules: &Rules) -> bool {
        self.any.iter().any(|test| test.met_by(rules))
    }
}

/// Everything that must be met for `recipient` and `action`. A circle is its members, each of whom is asked for; as a whole
/// it meets nothing.
#[must_use]
pub fn demands(recipient: &Recipient, action: Action, situation: &Situation<'_>) -> Vec<Demand> {
    let here = Who::here(situation);
    match recipient {
        Recipient::Person { user, reads } => {
            let person = Person::Here(*user);
            let mut who = here;
            who.keys.insert(Addressee::Person(person.clone()));
            let named = Test::Names(person);
            let looks = matches!(action, Action::See | Action::Search | Action::Count);
            let acts = action == Action::ActAutomatically;
            let mut demands = who.demands(action, situation);
            demands.push(Demand::new(Rule::TlpRedPersons, with(level(TlpLevel::AmberStrict), !acts, &named)));
            let over = Test::EmbargoOver(situation.now);
            demands.push(Demand::new(Rule::Embargo, with(over, looks, &named)));
            if !reads {
                demands.push(Demand::new(Rule::RoleMissing, []));
            }
            demands
        }
        Recipient::Automation => machine(&here, action, situation, level(TlpLevel::AmberStrict)),
        Recipient::Member(member) => {
            let who = Who { whose: Some(*member), ..Who::member(*member, situation) };
            let mut demands = who.demands(action, situation);
            let named = Test::NamesSomeoneOf(*member);
            let acts = action == Action::ActAutomatically;
            demands.push(Demand::new(Rule::TlpRedPersons, with(level(TlpLevel::AmberStrict), !acts, &named)));
            demands.push(Demand::new(Rule::Embargo, [Test::EmbargoOver(situation.now)]));
            demands.extend(community(*member, situation));
            demands
        }
        Recipient::Client { of } => {
            let who = Who::member(*of, situation);
            let mut demands = machine(&who, action, situation, level(TlpLevel::AmberStrict));
            demands.push(Demand::new(Rule::TlpStrictClients, [level(TlpLevel::Amber)]));
            demands.push(Demand::new(Rule::PersonDataStaysHome, [Test::AboutThings]));
            demands.extend(community(*of, situation));
            demands
        }
        Recipient::Stranger => {
            let mut demands = machine(&Who::nobody(), action, situation, level(TlpLevel::AmberStrict));
            demands.push(Demand::new(Rule::TlpCommunity, [level(TlpLevel::Clear)]));
            demands
        }
        Recipient::Circle(_) => vec![Demand::new(Rule::CircleUnresolved, [])],
    }
}

const fn level(level: TlpLevel) -> Test {
    Test::LevelAtMost(level)
}

/// The test alone, or with another way of meeting the demand.
fn with(test: Test, also: bool, other: &Test) -> Vec<Test> {
    if also { vec![test, other.clone()] } else { vec![test] }
}

/// Whoever is no member gets what is for everybody.
fn community(member: MemberId, situation: &Situation<'_>) -> Option<Demand> {
    let known: Option<Kind> = situation.peers.kind(&member);
    let home = situation.home == Some(member);
    (known.is_none() && !home).then(|| Demand::new(Rule::TlpCommunity, [level(TlpLevel::Clear)]))
}

fn machine(who: &Who, action: Action, situation: &Situation<'_>, reach: Test) -> Vec<Demand> {
    let mut demands = who.demands(action, situation);
    demands.push(Demand::new(Rule::TlpRedPersons, [reach]));
    demands.push(Demand::new(Rule::Embargo, [Test::EmbargoOver(situation.now)]));
    demands
}

/// Whom a recipient answers to.
struct Who {
    keys: BTreeSet<Addressee>,
    own: Vec<Originator>,
    /// The member whose people are all meant.
    whose: Option<MemberId>,
    /// Whether the recipient belongs to another organisation, which the originator's consent can let in.
    foreign: bool,
}

impl Who {
    /// The people and machines of this node.
    fn here(situation: &Situation<'_>) -> Self {
        let mut who =
            Self { keys: BTreeSet::new(), own: vec![Originator::Here], whose: None, foreign: false };
        if let Some(home) = situation.home {
            who.joins(home, situation.peers);
        }
        who
    }

    fn member(member: MemberId, situation: &Situation<'_>) -> Self {
        if situation.home == Some(member) {
            return Self::here(situation);
        }
        let mut who = Self { keys: BTreeSet::new(), own: Vec::new(), whose: None, foreign: true };
        who.joins(member, situation.peers);
        who
    }

    const fn nobody() -> Self {
        Self { keys: BTreeSet::new(), own: Vec::new(), whose: None, foreign: true }
    }

    fn joins(&mut self, member: MemberId, peers: &dyn Peers) {
        self.keys.insert(Addressee::Member(member));
        self.keys.extend(peers.circles_of(&member).into_iter().map(Addressee::Circle));
        self.own.push(Originator::Member(member));
    }

    /// What is asked of every recipient alike.
    fn demands(&self, action: Action, situation: &Situation<'_>) -> Vec<Demand> {
        let consented = self.foreign
            && situation.consent == Consent::Given
            && matches!(action, Action::PassOn | Action::See);
        let consent = |test: Test| with(test, consented, &Test::Always);
        let addressed = Test::Addressed { keys: self.keys.clone(), own: self.own.clone(), whose: self.whose };
        let mut demands = vec![
            Demand::new(Rule::Retention, [Test::KeptAt(situation.now)]),
            Demand::new(Rule::Audience, consent(addressed)),
            Demand::new(Rule::Purpose, [Test::For(action.purpose())]),
        ];
        if self.foreign && action == Action::PassOn {
            // Whoever it is given to keeps it to be read: given on for nothing, nobody could have it.
            demands.push(Demand::new(Rule::Purpose, [Test::For(Action::See.purpose())]));
        }
        if self.foreign {
            // No consent opens this: whoever needs it asks its home.
            demands.push(Demand::new(Rule::PersonDataStaysHome, [Test::AboutThings]));
        }
        if matches!(action, Action::Export | Action::PassOn) {
            let mut givers = vec![Originator::Here];
            givers.extend(situation.home.map(Originator::Member));
            let mut any = consent(Test::Free);
            any.push(Test::OriginatorIs(givers));
            demands.push(Demand::new(Rule::OriginatorControl, any));
        }
        if matches!(action, Action::PassOn | Action::ActAutomatically) {
            demands.push(Demand::new(Rule::MarkingUnresolved, [Test::MarkingsKnown]));
        }
        if action == Action::ActAutomatically {
            demands.push(Demand::new(Rule::PapAutomation, [Test::PapAtMost(Pap::Green)]));
        }
        demands
    }
}
