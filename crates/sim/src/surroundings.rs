//! Who is a member and what handling says, for the simulator; and the faults that prove it can fail.
//!
//! Rules are a line `to=all`, or `to=` and who may have it, member ids and `circle:` with a number, where `&` stands between those of whom
//! each must name the recipient; then `;from=` the moment until which it is under embargo, and `;until=` the moment where they end. A fault switches one check off, so
//! that a test can see the invariant break that the check holds up.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::signing::{KeyId, PublicKey};
use federation::{Consented, Directory, Hindrance, Judge, Question, Standing};

/// A check that is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Everything works.
    None,
    /// Handling allows everything.
    JudgeAllows,
    /// Every member's signature passes as every other's.
    KeysMixed,
    /// A crash leaves what had been written of a transaction.
    StoreTears,
    /// The store forgets recalls, narrowings and erasures.
    FatesForgotten,
    /// A restored node goes on as if nothing had happened.
    RestoreUnnoticed,
    /// The store forgets which life of a peer it has heard of.
    LivesForgotten,
    /// What is past its time is not destroyed.
    NothingRetired,
    /// The store keeps the content of what is no longer held.
    ContentStays,
    /// Handling does not look at the clock.
    TimeForgotten,
    /// The store loses the lines that tell others of broken glass.
    NoticesLost,
    /// The store loses the acts that say what was destroyed because its time was over.
    TracesLost,
    /// Relays let nothing go, whatever they are told and however old it is.
    RelaysHoard,
    /// The store loses what has to wait.
    WaitsForgotten,
    /// Handling knows no embargo.
    EmbargoForgotten,
    /// Who is taken out of a circle lets go of nothing.
    NothingLetGo,
}

/// Who is in which circle.
pub type Circles = BTreeMap<u64, BTreeSet<KeyId>>;

/// The registry of a simulated community.
#[derive(Clone, Debug)]
pub struct House {
    /// Members with their keys.
    pub members: BTreeMap<KeyId, (PublicKey, [u8; 32])>,
    /// Members put aside.
    pub inactive: BTreeSet<KeyId>,
    /// Circles by number: everybody in one was taken in with all that was shared before, and everybody knows who is.
    pub circles: Circles,
    /// Epoch of the last decision.
    pub epoch: u64,
    /// The check that is switched off.
    pub fault: Fault,
}

impl Directory for House {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn standing_at(&self, member: &KeyId, _epoch: u64) -> Standing {
        self.standing(member)
    }

    fn standing(&self, member: &KeyId) -> Standing {
        if self.inactive.contains(member) {
            Standing::Inactive
        } else if self.members.contains_key(member) {
            Standing::Active
        } else {
            Standing::Unknown
        }
    }

    fn keys(&self, member: &KeyId) -> Vec<PublicKey> {
        if self.fault == Fault::KeysMixed {
            return self.members.values().map(|(key, _)| *key).collect();
        }
        self.members.get(member).map(|(key, _)| *key).into_iter().collect()
    }

    fn sealing(&self, member: &KeyId) -> Option<[u8; 32]> {
        self.members.get(member).map(|(_, sealing)| *sealing)
    }

    fn active(&self) -> BTreeSet<KeyId> {
        self.members.keys().filter(|member| !self.inactive.contains(member)).copied().collect()
    }

    fn identity_owner(&self, identity: &str) -> Option<KeyId> {
        identity.strip_prefix("identity--")?.parse().ok()
    }
}

/// Somebody whom rules name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Member(KeyId),
    Circle(u64),
}

impl Who {
    fn read(text: &str) -> Option<Self> {
        match text.strip_prefix("circle:") {
            Some(number) => number.parse().ok().map(Self::Circle),
            None => text.parse().ok().map(Self::Member),
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Member(member) => member.to_string(),
            Self::Circle(number) => format!("circle:{number}"),
        }
    }
}

/// What rules say besides whom they name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// A circle that they name too.
    pub circle: Option<u64>,
    /// Until when it is under embargo.
    pub from: Option<Micros>,
    /// Until when it may be kept; `None` = for ever.
    pub until: Option<Micros>,
    /// Whom its object names as the one who made it; `None` = its author.
    pub made_by: Option<KeyId>,
}

/// A line of rules as the simulator reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ruling {
    /// Who may have it: whoever is named in each of these; everybody where there is none.
    to: BTreeSet<BTreeSet<Who>>,
    from: Option<Micros>,
    until: Option<Micros>,
}

impl Ruling {
    /// Nobody may have it.
    fn closed() -> Self {
        Self { to: BTreeSet::from([BTreeSet::new()]), from: None, until: None }
    }

    fn read(line: &str) -> Option<Self> {
        let mut parts = line.split(';');
        let list = parts.next()?.strip_prefix("to=")?;
        let named = |list: &str| -> Option<BTreeSet<Who>> {
            list.split(',').filter(|one| !one.is_empty()).map(Who::read).collect()
        };
        let to = if list == "all" {
            BTreeSet::new()
        } else {
            list.split('&').map(named).collect::<Option<BTreeSet<_>>>()?
        };
        let mut ruling = Self { to, from: None, until: None };
        for part in parts {
            let (name, moment) = part.split_once('=')?;
            let moment = Some(Micros(moment.parse().ok()?));
            match name {
                "from" => ruling.from = moment,
                "until" => ruling.until = moment,
                _ => return None,
            }
        }
        Some(ruling)
    }

    fn line(&self) -> String {
        let list = |named: &BTreeSet<Who>| named.iter().map(Who::line).collect::<Vec<_>>().join(",");
        let to = if self.to.is_empty() {
            "all".to_owned()
        } else {
            self.to.iter().map(list).collect::<Vec<_>>().join("&")
        };
        let moment =
            |name: &str, at: Option<Micros>| at.map_or(String::new(), |at| format!(";{name}={}", at.0));
        format!("to={to}{}{}", moment("from", self.from), moment("until", self.until))
    }

    fn names(&self, member: &KeyId, circles: &Circles) -> bool {
        self.to.iter().all(|named| {
            named.iter().any(|one| match one {
                Who::Member(one) => one == member,
                Who::Circle(number) => circles.get(number).is_some_and(|members| members.contains(member)),
            })
        })
    }

    fn named_circles(&self) -> impl Iterator<Item = u64> + '_ {
        self.to.iter().flatten().filter_map(|one| match one {
            Who::Circle(number) => Some(*number),
            Who::Member(_) => None,
        })
    }
}

/// The line of rules that lets these members have something.
#[must_use]
pub fn rules_for(members: &BTreeSet<KeyId>) -> String {
    rules_under(members, &Terms::default())
}

/// The same, with what else is said.
#[must_use]
pub fn rules_under(members: &BTreeSet<KeyId>, terms: &Terms) -> String {
    let members = members.iter().map(|member| Who::Member(*member));
    let named = members.chain(terms.circle.map(Who::Circle)).collect();
    Ruling { to: BTreeSet::from([named]), from: terms.from, until: terms.until }.line()
}

/// Until when what is under a line of rules may be kept; `None` = for ever.
#[must_use]
pub fn kept_until(rules: &str) -> Option<Micros> {
    Ruling::read(rules)?.until
}

/// Until when what is under a line of rules is under embargo; `None` where it is under none.
#[must_use]
pub fn closed_until(rules: &str) -> Option<Micros> {
    Ruling::read(rules)?.from
}

/// Handling for the simulator.
#[derive(Clone, Copy, Debug)]
pub struct HouseJudge<'a> {
    /// The check that is switched off.
    pub fault: Fault,
    /// Who is in which circle.
    pub circles: &'a Circles,
}

impl Judge for HouseJudge<'_> {
    fn decide(&self, question: &Question<'_>) -> Result<(), String> {
        let ruling = Ruling::read(question.rules).unwrap_or_else(Ruling::closed);
        let over = ruling.until.is_some_and(|until| until <= question.now);
        if over && self.fault != Fault::TimeForgotten {
            return Err("retention".to_owned());
        }
        let own = question.recipient == question.originator;
        let early = ruling.from.is_some_and(|from| question.now < from);
        if early && !own && self.fault != Fault::EmbargoForgotten {
            return Err("embargo".to_owned());
        }
        let named = ruling.names(&question.recipient, self.circles);
        if named || own || question.consent == Consented::Yes || self.fault == Fault::JudgeAllows {
            Ok(())
        } else {
            Err("audience".to_owned())
        }
    }

    fn named(&self, rules: &str, now: Micros) -> BTreeSet<KeyId> {
        let Some(ruling) = Ruling::read(rules) else { return BTreeSet::new() };
        let timely =
            ruling.until.is_none_or(|until| now < until) && ruling.from.is_none_or(|from| from <= now);
        if !timely {
            return BTreeSet::new();
        }
        let members = ruling.to.iter().flatten().flat_map(|one| match one {
            Who::Member(member) => BTreeSet::from([*member]),
            Who::Circle(number) => self.circles.get(number).cloned().unwrap_or_default(),
        });
        members.filter(|member| ruling.names(member, self.circles)).collect()
    }

    fn hindered(&self, question: &Question<'_>) -> Option<Hindrance> {
        let from = Ruling::read(question.rules)?.from.filter(|from| question.now < *from)?;
        let after = Question { now: from, ..*question };
        self.decide(&after).is_ok().then_some(Hindrance::Embargo(from))
    }

    fn taken_in(&self, rules: &str, _shared: Micros, _now: Micros) -> BTreeMap<[u8; 32], BTreeSet<KeyId>> {
        let Some(ruling) = Ruling::read(rules) else { return BTreeMap::new() };
        let by_key = |number: u64| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            Some((key, self.circles.get(&number)?.clone()))
        };
        ruling.named_circles().filter_map(by_key).collect()
    }

    fn left(&self, question: &Question<'_>) -> bool {
        let Some(ruling) = Ruling::read(question.rules) else { return false };
        let mut all = self.circles.clone();
        for number in ruling.named_circles() {
            all.entry(number).or_default().insert(question.recipient);
        }
        let before = HouseJudge { circles: &all, ..*self };
        self.decide(question).is_err() && before.decide(question).is_ok()
    }

    /// Rules name members, not their people: what is kept no longer than what a member has says nothing new to it.
    fn given_besides(&self, later: &str, before: &str, _: &KeyId) -> String {
        let read = |line| Ruling::read(line).unwrap_or_else(Ruling::closed);
        let end = |line| read(line).until.unwrap_or(Micros(i64::MAX));
        if end(later) <= end(before) { before.to_owned() } else { later.to_owned() }
    }

    fn meet(&self, one: &str, other: &str) -> String {
        let read = |line| Ruling::read(line).unwrap_or_else(Ruling::closed);
        let (one, other) = (read(one), read(other));
        let earlier = |one: Option<Micros>, other: Option<Micros>| [one, other].into_iter().flatten().min();
        let all: BTreeSet<_> = one.to.union(&other.to).cloned().collect();
        // What names more than another one that counts as well says nothing.
        let more = |named: &BTreeSet<Who>| all.iter().any(|less| less != named && less.is_subset(named));
        let to = all.iter().filter(|named| !more(named)).cloned().collect();
        Ruling { to, from: one.from.max(other.from), until: earlier(one.until, other.until) }.line()
    }
}
