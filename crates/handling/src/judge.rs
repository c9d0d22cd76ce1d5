//! The decision: may this recipient do this with an object under these rules, now?
//!
//! Total and pure: every input has an answer, and everything it depends on is an argument. A refusal names the rule that
//! decided and the reasons; an allowance says what it rests on.

use std::collections::BTreeSet;

use base::Micros;
use stix::Timestamp;

use crate::demand::{Demand, demands};
use crate::rules::{Addressee, CircleId, Markings, MemberId, Purpose, Rules};
use crate::{Rule, UserNo};

/// Who would get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A user of this node.
    Person {
        /// Who.
        user: UserNo,
        /// Whether one of the user's roles lets them read content at all.
        reads: bool,
    },
    /// A member of the community, this one or another.
    Member(MemberId),
    /// Somebody whom a member serves and who is no member: its clients.
    Client {
        /// The member that serves them.
        of: MemberId,
    },
    /// Every member of a circle.
    Circle(CircleId),
    /// Machines of this node that act by themselves.
    Automation,
    /// Anybody.
    Stranger,
}

/// What would be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Look at it.
    See,
    /// Find it.
    Search,
    /// Be told that it is there.
    Count,
    /// Take a copy out into a file.
    Export,
    /// Give it to somebody.
    PassOn,
    /// Have machines act on it.
    ActAutomatically,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 6] =
        [Self::See, Self::Search, Self::Count, Self::Export, Self::PassOn, Self::ActAutomatically];

    /// The name in commands and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Search => "search",
            Self::Count => "count",
            Self::Export => "export",
            Self::PassOn => "pass-on",
            Self::ActAutomatically => "act",
        }
    }

    pub(crate) const fn purpose(self) -> Purpose {
        match self {
            Self::See | Self::Search | Self::Count => Purpose::Awareness,
            Self::Export | Self::ActAutomatically => Purpose::Defence,
            Self::PassOn => Purpose::Sharing,
        }
    }
}

impl std::str::FromStr for Action {
    type Err = UnknownAction;

    fn from_str(name: &str) -> Result<Self, UnknownAction> {
        Self::ALL.into_iter().find(|action| action.name() == name).ok_or(UnknownAction)
    }
}

/// Not the name of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an action is one of see, search, count, export, pass-on, act")]
pub struct UnknownAction;

/// What kind of organisation a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// National or organisational CERT.
    Cert,
    /// Sector body.
    Sector,
    /// Secretariat.
    Secretariat,
    /// Observer.
    Observer,
    /// Partner.
    Partner,
}

/// Who is a member, and who is in which circle, as far as this node knows.
pub trait Peers: Send + Sync {
    /// The kind of an active member; `None` = no member, which is answered like one that nobody knows.
    fn kind(&self, member: &MemberId) -> Option<Kind>;
    /// The members of a circle; `None` = it cannot be resolved here. An empty circle is nobody.
    fn circle(&self, circle: &CircleId) -> Option<BTreeSet<MemberId>>;
    /// The circles that a member is in.
    fn circles_of(&self, member: &MemberId) -> BTreeSet<CircleId>;
}

/// A node that stands alone: no members, no circles.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Peers for Alone {
    fn kind(&self, _: &MemberId) -> Option<Kind> {
        None
    }

    fn circle(&self, _: &CircleId) -> Option<BTreeSet<MemberId>> {
        None
    }

    fn circles_of(&self, _: &MemberId) -> BTreeSet<CircleId> {
        BTreeSet::new()
    }
}

/// Whether the originator has consented to this object going to this recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// Not that anybody here knows.
    #[default]
    None,
    /// A token signed by the originator for this object and this recipient has been verified and has not run out.
    Given,
}

/// Everything else a decision depends on.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// The present moment.
    pub now: Micros,
    /// The member of this node, once it is in a community.
    pub home: Option<MemberId>,
    /// Members and circles.
    pub peers: &'a dyn Peers,
    /// The originator's consent.
    pub consent: Consent,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is allowed.
    pub decision: Decision,
    /// The rule that decided.
    pub rule: Rule,
    /// One sentence each: on what an allowance rests, or everything that speaks against it, the deciding rule first.
    pub reasons: Vec<String>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No.
    Refuse,
}

impl Verdict {
    /// Whether it is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.decision == Decision::Allow
    }
}

/// Decides. See the module.
#[must_use]
pub fn judge(recipient: &Recipient, action: Action, rules: &Rules, situation: &Situation<'_>) -> Verdict {
    if let Recipient::Circle(circle) = recipient {
        let members = situation.peers.circle(circle).unwrap_or_default();
        let verdicts =
            members.iter().map(|member| judge(&Recipient::Member(*member), action, rules, situation));
        let mut worst: Option<Verdict> = None;
        for verdict in verdicts {
            if worst.is_none() || !verdict.is_allowed() {
                worst = Some(verdict);
            }
        }
        return worst.unwrap_or_else(|| {
            refused(recipient, &demands(recipient, action, situation), (rules, situation))
        });
    }
    let demands = demands(recipient, action, situation);
    if demands.iter().all(|demand| demand.met_by(rules)) {
        return Verdict { decision: Decision::Allow, rule: Rule::HandlingAllows, reasons: grounds(rules) };
    }
    refused(recipient, &demands, (rules, situation))
}

/// Whether it is allowed: as [`judge`], without words.
#[must_use]
pub fn allows(demands: &[Demand], rules: &Rules) -> bool {
    demands.iter().all(|demand| demand.met_by(rules))
}

fn refused(
    recipient: &Recipient,
    demands: &[Demand],
    (rules, situation): (&Rules, &Situation<'_>),
) -> Verdict {
    let mut against: Vec<Rule> =
        demands.iter().filter(|demand| !demand.met_by(rules)).map(|demand| demand.rule).collect();
    against.sort_unstable();
    against.dedup();
    let rule = against.first().copied().unwrap_or(Rule::CircleUnresolved);
    let reasons = against.iter().map(|one| match one {
        Rule::Audience if is_for_nobody_yet(rules, situation) => {
            // Whatever else speaks against it is not settled by giving it, and only members are given anything.
            let gives = against.len() == 1 && matches!(recipient, Recipient::Member(_));
            let how = if gives { ": `cresset share` gives it" } else { "" };
            format!("nobody has been named yet{how}")
        }
        other => against_by(*other, rules),
    });
    let reasons = reasons.collect();
    Verdict { decision: Decision::Refuse, rule, reasons }
}

/// Whether it is this node's own and its originator has named nobody else so far.
fn is_for_nobody_yet(rules: &Rules, situation: &Situation<'_>) -> bool {
    rules.originator().is_own(situation.home)
        && rules.audience().clauses().all(|clause| clause.iter().all(|one| *one == Addressee::Originator))
}

fn against_by(rule: Rule, rules: &Rules) -> String {
    let level = rules.level().name().to_uppercase();
    match rule {
        Rule::TlpRedPersons => format!("it is TLP:{level}: for the persons named only"),
        Rule::TlpStrictClients => format!("it is TLP:{level}: not for the clients of an organisation"),
        Rule::TlpCommunity => format!("it is TLP:{level}: not for anybody outside the community"),
        Rule::Audience => "it is addressed to others".to_owned(),
        Rule::Embargo => match rules.embargo().filter(|until| *until < Micros(i64::MAX)) {
            Some(until) => format!("its embargo is not over: it ends at {}", Timestamp::text_of(until)),
            None => "its embargo is not over".to_owned(),
        },
        Rule::Retention => "it was to be kept until a moment that has passed".to_owned(),
        Rule::Purpose => "it may not be used for this purpose".to_owned(),
        Rule::OriginatorControl => "its originator decides who else gets it".to_owned(),
        Rule::PapAutomation => {
            format!("it is PAP:{}: machines do not act on it", rules.pap().name().to_uppercase())
        }
        Rule::MarkingUnresolved if *rules.markings() == Markings::Nameless => {
            "it bears something that is no marking, or more markings that were not known here than are waited for: no definition that comes \
             settles that, so it has to be deleted and brought again once its definitions stand here"
                .to_owned()
        }
        Rule::MarkingUnresolved => "it bears a marking that is not known here yet".to_owned(),
        Rule::PersonDataStaysHome => "it is about a person: such data stays on its home node".to_owned(),
        Rule::CircleUnresolved => "the circle has no members that are known here".to_owned(),
        Rule::RoleMissing => "no role of this user reads content".to_owned(),
        other => other.code().to_owned(),
    }
}

fn grounds(rules: &Rules) -> Vec<String> {
    let mut grounds = vec![format!("it is TLP:{}", rules.level().name().to_uppercase())];
    if !rules.audience().is_everybody() {
        grounds.push("it is addressed to this recipient, or its originator consents".to_owned());
    }
    grounds
}
