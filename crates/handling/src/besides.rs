//! Rules that are said to somebody besides those that were said before: a giving takes nothing from who was given the same before.
//!
//! What several desks of one originator give is given besides. Who is given the same bytes twice has them by the wider of both rules where one
//! of them is that, keeps what was said first where the second reaches nobody more, and else has them for all whom either
//! reaches, under the stricter of the rest, but until the later end.

use std::collections::BTreeSet;

use stix::TlpLevel;

use crate::{Addressee, Audience, Person, Rules};

impl Rules {
    /// The rules under which who was given something under `before` has it when it is given under these as well. Both are one
    /// originator's word.
    ///
    /// Never takes from anybody what `before` lets them have, but for what the stricter rest of both says where these reach somebody more (and
    /// where named persons alone may see it, its earlier end); never lets anybody have it whom neither reaches.
    #[must_use]
    pub fn given_besides(&self, before: &Self) -> Self {
        if before.asks_no_less(self) {
            return self.clone();
        }
        let closes = self.needs_names() && !before.needs_names();
        if closes || self.reaches_within(before) {
            return before.clone();
        }
        let met = self.meet(before);
        let named = match (self.named(), before.named()) {
            (Some(one), Some(two)) => Some(one.union(two).cloned().collect()),
            _ => met.named().cloned(),
        };
        let audience = match (self.audience().is_everybody(), before.audience().is_everybody()) {
            // From AMBER on somebody is addressed.
            (true, false) if met.level() >= TlpLevel::Amber => before.audience().clone(),
            (false, true) if met.level() >= TlpLevel::Amber => self.audience().clone(),
            _ => self.audience().join(before.audience()),
        };
        let mut joined = met.to(audience);
        // Who was given it for good is not told of an end by what is given besides. For named persons it is as each was told.
        if !self.needs_names() && !before.needs_names() {
            joined = joined.apart_from_retention();
            if let Some((one, two)) = self.retain().zip(before.retain()) {
                joined = joined.retained(one.max(two));
            }
        }
        named.map_or(joined.clone(), |named: BTreeSet<Person>| joined.naming(named))
    }

    /// Whether only named persons may see it, ever or for a time.
    fn needs_names(&self) -> bool {
        self.level() == TlpLevel::Red || self.embargo().is_some()
    }

    /// Whether these rules allow nothing that `other` refuses, a member's person counting as one of that member's people.
    fn asks_no_less(&self, other: &Self) -> bool {
        let ends = other.retain().is_none_or(|end| self.retain().is_some_and(|ours| ours <= end));
        ends && self.level() >= other.level()
            && self.pap() >= other.pap()
            && self.control() >= other.control()
            && self.embargo() >= other.embargo()
            && self.about() >= other.about()
            && self.purposes().bits() & !other.purposes().bits() == 0
            && self.meet(other).markings() == self.markings()
            && self.reaches_within(other)
    }

    /// Whether these rules reach nobody whom `other` does not, whatever else they ask.
    fn reaches_within(&self, other: &Self) -> bool {
        self.audience().is_within(other.audience()) && self.names_within(other)
    }

    fn names_within(&self, other: &Self) -> bool {
        if !other.needs_names() {
            return true;
        }
        let (Some(ours), Some(theirs)) = (self.named().filter(|_| self.needs_names()), other.named()) else {
            return false;
        };
        ours.is_subset(theirs)
    }
}

impl Audience {
    /// Everybody whom either speaks to.
    fn join(&self, other: &Self) -> Self {
        let pairs = self.clauses().flat_map(|one| other.clauses().map(move |two| one.union(two).cloned()));
        Self::of_clauses(pairs.map(Iterator::collect))
    }

    /// Whether this speaks to nobody whom the other does not.
    fn is_within(&self, other: &Self) -> bool {
        let covered = |one: &Addressee, clause: &BTreeSet<Addressee>| {
            clause.contains(one)
                || matches!(one, Addressee::Person(Person::There(member, _)) if clause.contains(&Addressee::Member(*member)))
        };
        other.clauses().all(|theirs| self.clauses().any(|ours| ours.iter().all(|one| covered(one, theirs))))
    }
}

#[cfg(test)]
mod tests {
    use base::Micros;

    use super::*;
    use crate::{MemberId, Originator, Pap};

    const B: MemberId = MemberId([2; 32]);
    const C: MemberId = MemberId([3; 32]);

    fn amber(members: &[MemberId]) -> Rules {
        let to = members.iter().map(|member| Addressee::Member(*member)).chain([Addressee::Originator]);
        Rules::marked(Some(TlpLevel::Amber), Originator::Here).to(Audience::only(to))
    }

    fn red(member: MemberId, name: &str) -> Rules {
        let person = Person::There(member, name.to_owned());
        Rules::marked(Some(TlpLevel::Red), Originator::Here)
            .to(Audience::only([Addressee::Person(person.clone())]))
            .naming([person])
    }

    /// The wider one of two, where one is; and what was said first where the second reaches nobody more.
    #[test]
    fn nothing_is_taken_by_a_second_giving() {
        let soon = |rules: Rules| rules.retained(Micros(5));
        for (before, then, has) in [
            (amber(&[B]), amber(&[B, C]), amber(&[B, C])),
            (amber(&[B, C]), amber(&[B]), amber(&[B, C])),
            (amber(&[B]), soon(amber(&[B])), amber(&[B])),
            (soon(amber(&[B])), amber(&[B]), amber(&[B])),
            (amber(&[B]).pap_at_least(Pap::Red), soon(amber(&[B])), amber(&[B]).pap_at_least(Pap::Red)),
            (amber(&[B]), red(B, "eve"), amber(&[B])),
            (red(B, "eve"), amber(&[B]), amber(&[B])),
            (amber(&[C]), red(B, "eve"), amber(&[C])),
        ] {
            assert_eq!(then.given_besides(&before), has, "{before} then {then}");
            assert_eq!(has.given_besides(&before), has);
        }
    }

    /// Where each reaches somebody whom the other does not, both are reached, under the stricter of the rest.
    #[test]
    fn both_are_reached() {
        let (first, second) = (amber(&[B]).pap_at_least(Pap::Red), amber(&[C]).retained(Micros(5)));
        let both = amber(&[B, C]).pap_at_least(Pap::Red);
        assert_eq!(second.given_besides(&first), both);
        assert_eq!(first.given_besides(&second), both);
        // What one gives until a moment does not end what another gave for good, or for longer.
        let (short, long) = (amber(&[B, C]).retained(Micros(5)), amber(&[B]).retained(Micros(9)));
        assert_eq!(short.given_besides(&long), amber(&[B, C]).retained(Micros(9)));
        assert_eq!(short.given_besides(&amber(&[B])), amber(&[B, C]));
        let (eve, tom) = (red(B, "eve"), red(B, "tom"));
        let both = tom.given_besides(&eve);
        assert_eq!(both.named().map(BTreeSet::len), Some(2));
        assert!(both.audience().holds(|one| *one == Addressee::Person(Person::There(B, "tom".into()))));
    }
}
