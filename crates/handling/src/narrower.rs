//! What is asked of rules that stand already: stricter ones, and nothing that other rules say.
//!
//! Of several versions of an object each is under its own rules and what is asked for. What a request leaves open stays as each has it,
//! so the same request comes to different rules ([`Narrower::over`]). Others are told of it by one set of rules for all versions
//! ([`Narrower::for_all`]), which comes to the same or is stricter; where it is stricter, the caller says the version anew.

use std::collections::BTreeSet;

use stix::TlpLevel;

use crate::{Addressee, Audience, MemberId, Person, Rules};

/// Stricter rules that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrower {
    /// What is asked for by itself.
    alone: Rules,
    /// Who is named where only named persons may see it.
    persons: BTreeSet<Person>,
    /// Whether it is said for whom.
    for_whom: bool,
}

impl From<Rules> for Narrower {
    /// All that these rules say, the audience too.
    fn from(alone: Rules) -> Self {
        let persons = alone.named().cloned().unwrap_or_default();
        Self { alone, persons, for_whom: true }
    }
}

impl Narrower {
    /// What is asked for, stated as for something that asks nothing itself (TLP:CLEAR), with the `persons` who are named where only named
    /// ones may see it. Without `for_whom` its audience is whatever each has.
    #[must_use]
    pub fn new(alone: Rules, persons: BTreeSet<Person>, for_whom: bool) -> Self {
        Self { alone, persons, for_whom }
    }

    /// What is asked besides of something under `held`, what is left open being as it is.
    #[must_use]
    pub fn besides(&self, held: &Rules) -> Rules {
        let mut rules = self.alone.clone().by(held.originator().clone()).at_least(held.level());
        if !self.for_whom {
            rules = rules.to(held.audience().clone());
        }
        if rules.named().is_none() {
            return rules;
        }
        let theirs = held.named().filter(|_| !self.for_whom);
        rules.naming(theirs.unwrap_or(&self.persons).clone())
    }

    /// The rules that something under `held` is under from then on.
    #[must_use]
    pub fn over(&self, held: &Rules) -> Rules {
        held.meet(&self.besides(held))
    }

    /// The same as `me` tells it to other members: see [`Rules::told_by`].
    #[must_use]
    pub fn told_by(&self, me: MemberId) -> Self {
        let persons = self.persons.iter().filter(|person| matches!(person, Person::There(..)));
        Self { alone: self.alone.told_by(me), persons: persons.cloned().collect(), for_whom: self.for_whom }
    }

    /// One set of rules to be met with each of `all`: never wider than [`Narrower::over`], and the same where that can be.
    #[must_use]
    pub fn for_all(&self, all: &[Rules]) -> Rules {
        let mut rules = self.alone.clone();
        let open = all.iter().any(|held| held.audience().is_everybody());
        if !self.for_whom && rules.level() >= TlpLevel::Amber && !open {
            // A clause that holds one of each is superfluous everywhere.
            let clauses = all.iter().filter_map(|held| held.audience().clauses().next());
            let everybody = clauses.flatten().cloned().chain([Addressee::Originator]);
            rules = rules.to(Audience::only(everybody));
        }
        let asks = rules.named().is_some();
        let each: Option<Vec<_>> = all.iter().map(Rules::named).collect();
        match each.filter(|each| !each.is_empty()) {
            Some(named) if asks && !self.for_whom => rules.naming(named.into_iter().flatten().cloned()),
            _ if asks => rules.naming(self.persons.clone()),
            _ if self.for_whom && all.iter().any(|held| held.named().is_some()) => {
                rules.naming(self.persons.clone())
            }
            _ => rules,
        }
    }

    /// What is asked for, and for its originator alone, no person named: what all are told where those who have one version or another are
    /// too many to name. Each version is said anew then to those who may keep it.
    #[must_use]
    pub fn for_originator(&self) -> Rules {
        self.alone.meet(&self.alone.clone().to(Audience::only([Addressee::Originator]))).naming([])
    }

    /// Whether rules that all are told come to just what is asked of something under `held`. Who is named plays no part where it is not
    /// for named persons only.
    #[must_use]
    pub fn is_told_by(&self, told: &Rules, held: &Rules) -> bool {
        let (met, over) = (held.meet(told), self.over(held));
        met == over || (over.named().is_none() && met.unnamed() == over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Originator, Pap};

    const B: Addressee = Addressee::Member(MemberId([2; 32]));
    const C: Addressee = Addressee::Member(MemberId([3; 32]));

    fn marked(level: TlpLevel, to: &[&Addressee]) -> Rules {
        let rules = Rules::marked(Some(level), Originator::Here);
        let to = to.iter().map(|one| (*one).clone()).chain([Addressee::Originator]);
        if to.clone().count() == 1 { rules } else { rules.to(Audience::only(to)) }
    }

    fn asked(level: TlpLevel, pap: Pap) -> Narrower {
        let alone = Rules::marked(Some(level), Originator::Here).pap_at_least(pap);
        Narrower::new(alone, BTreeSet::new(), false)
    }

    /// Nothing of one version comes to another, and what all are told comes to the same for each.
    #[test]
    fn each_is_under_its_own_and_what_is_asked() {
        let versions = [
            marked(TlpLevel::Amber, &[&B, &C]),
            marked(TlpLevel::Green, &[&C]),
            marked(TlpLevel::AmberStrict, &[&B]),
        ];
        for (level, pap) in [(TlpLevel::Clear, Pap::Amber), (TlpLevel::Amber, Pap::Clear)] {
            let asked = asked(level, pap);
            let told = asked.for_all(&versions);
            for held in &versions {
                let expected = held.clone().at_least(level).pap_at_least(pap);
                assert_eq!(asked.over(held), expected);
                assert_eq!(held.meet(&told), expected);
            }
        }
        let red = asked(TlpLevel::Red, Pap::Clear);
        let told = red.for_all(&versions);
        for held in &versions {
            assert_eq!((red.over(held), held.audience()), (held.meet(&told), red.over(held).audience()));
        }
    }

    /// Where one is for everybody and another for some, what all are told is stricter for the others, and never wider.
    #[test]
    fn what_all_are_told_is_never_wider() {
        let versions = [
            marked(TlpLevel::Green, &[]),
            marked(TlpLevel::Amber, &[&B]),
            marked(TlpLevel::Red, &[&C]).naming([Person::There(MemberId([3; 32]), "x".into())]),
        ];
        let to_b = Rules::marked(Some(TlpLevel::Clear), Originator::Here).to(Audience::only([B.clone()]));
        let all = [
            asked(TlpLevel::Amber, Pap::Clear),
            asked(TlpLevel::Red, Pap::Clear),
            Narrower::new(to_b, BTreeSet::new(), true),
        ];
        for asked in all {
            let told = asked.for_all(&versions);
            for held in &versions {
                assert!(held.meet(&told).within(&asked.over(held)), "{told} {held}");
                let alone = asked.for_originator();
                assert!(held.meet(&alone).within(&asked.over(held)), "{alone} {held}");
                assert!(!held.meet(&alone).audience().holds(|one| *one == B || *one == C), "{alone} {held}");
            }
        }
        let asked = asked(TlpLevel::Amber, Pap::Clear);
        assert!(asked.is_told_by(&asked.for_all(&versions), &versions[0]));
        assert!(!asked.is_told_by(&asked.for_all(&versions), &versions[1]));
    }
}
