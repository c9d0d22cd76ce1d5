//! Rules that are said to somebody besides those that were said before: a giving takes nothing from who was given the same before.
//!
//! What several desks of one originator give is given besides. Who is given the same bytes twice has them by the wider of both rules where one
//! of them is that, keeps what was said first where the second reaches nobody more and for no longer, and else has them for all whom either
//! reaches, under the stricter of the rest, but until the later end.
//!
//! Whom rules reach is asked of one member ([`Receiver`]): a circle that it is in speaks to all its people, and names none of them.

use std::collections::BTreeSet;

use stix::TlpLevel;

use crate::{Addressee, Audience, CircleId, MemberId, Person, Rules};

/// A member that is given something, and where it sits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Who it is.
    pub member: MemberId,
    /// The circles that it is in.
    pub circles: BTreeSet<CircleId>,
}

impl Receiver {
    /// Whom of its people a clause speaks to.
    fn among(&self, clause: &BTreeSet<Addressee>) -> Reached {
        let all = clause.iter().any(|one| match one {
            Addressee::Member(member) => *member == self.member,
            Addressee::Circle(circle) => self.circles.contains(circle),
            Addressee::Originator | Addressee::Person(_) => false,
        });
        if all {
            return Reached::All;
        }
        self.of(clause.iter().filter_map(|one| match one {
            Addressee::Person(person) => Some(person),
            _ => None,
        }))
    }

    /// Those of these persons who are its people.
    fn of<'p>(&self, persons: impl IntoIterator<Item = &'p Person>) -> Reached {
        let its = |person: &&Person| matches!(person, Person::There(of, _) if *of == self.member);
        Reached::Persons(persons.into_iter().filter(its).cloned().collect())
    }
}

/// Whom of one member's people rules let see something, ever.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reached {
    /// Whoever is one.
    All,
    /// These alone.
    Persons(BTreeSet<Person>),
}

impl Reached {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, one) | (one, Self::All) => one,
            (Self::Persons(one), Self::Persons(two)) => {
                Self::Persons(one.intersection(&two).cloned().collect())
            }
        }
    }

    /// Whether nobody is among the others who is not among these.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Persons(_), Self::All) => false,
            (Self::Persons(ours), Self::Persons(theirs)) => theirs.is_subset(ours),
        }
    }

    /// The persons by name, where these alone are reached.
    fn persons(&self) -> impl Iterator<Item = &Person> {
        let named = match self {
            Self::All => None,
            Self::Persons(persons) => Some(persons),
        };
        named.into_iter().flatten()
    }
}

impl Rules {
    /// The rules under which a member that has something under `before` (whose embargo is over, then) has it when it is given under these as
    /// well, or will have it when an embargo of these is over. Both are one originator's word.
    ///
    /// Whoever of its people is reached by either is reached by them, and nobody else is. Never takes from anybody what `before` lets them
    /// have, but for what the stricter rest of both says where these reach somebody more (and where named persons alone may see it, its
    /// earlier end). What was for named persons is for all whom the other one reaches where these persons are among them; it ends then when
    /// it does for all.
    ///
    /// Comes to rest, whatever is given besides what: each step reaches somebody more; or else speaks to more, among them whoever `before`
    /// spoke to; or else is kept longer; or else asks less of the same. Where it would do none of these, `before` stays.
    #[must_use]
    pub fn given_besides(&self, before: &Self, at: &Receiver) -> Self {
        if before.asks_no_less(self) {
            // The same in other words says nothing new.
            return if self.asks_no_less(before) { before.clone() } else { self.clone() };
        }
        let (ours, theirs) = (self.reached(at), before.reached(at));
        let closes = self.needs_names() && !before.is_red() && theirs.covers(&ours);
        let addressed = self.addressed_to(at, before.level());
        let reaches_no_more = addressed.is_within(before.audience()) && theirs.covers(&ours);
        // What is for named persons ends at the earlier end, so that no later one is a reason to ask for more.
        if closes || (reaches_no_more && (before.is_red() || before.ends_no_sooner(self))) {
            return before.clone();
        }
        if !self.is_red() && before.is_red() && ours.covers(&theirs) && ours != theirs {
            return self.opening(before, &theirs);
        }
        self.joined_with((before, at), &ours, &theirs)
    }

    /// Whether they reach anybody of a member's, now or when an embargo is over.
    #[must_use]
    pub fn reaches(&self, at: &Receiver) -> bool {
        !matches!(self.reached(at), Reached::Persons(persons) if persons.is_empty())
    }

    /// These, which reach all at a member whom rules for named persons (`red`) do, and more: those stay among them by name.
    fn opening(&self, red: &Self, named: &Reached) -> Self {
        let met = self.meet(red);
        let also = named.persons().cloned().map(Addressee::Person).collect();
        let audience = self.also_to(&also).audience().clone();
        let joined = met.at_level(self.level()).to(audience).apart_from_retention();
        let joined = self.retain().map_or(joined.clone(), |end| joined.retained(end));
        if joined.embargo().is_some() { joined } else { joined.unnamed() }
    }

    /// Both, for all whom either reaches.
    fn joined_with(&self, (before, at): (&Self, &Receiver), ours: &Reached, theirs: &Reached) -> Self {
        let met = self.meet(before);
        let addressed = [self, before].map(|rules| rules.addressed_to(at, met.level()));
        let [ours_to, theirs_to] = &addressed;
        let mut joined = met.clone().to(ours_to.join(theirs_to));
        // Who was given it for good is not told of an end by what is given besides. For named persons it is as each was told.
        if !met.is_red() {
            joined = joined.apart_from_retention();
            if let Some((one, two)) = self.retain().zip(before.retain()) {
                joined = joined.retained(one.max(two));
            }
        }
        if !met.needs_names() {
            return joined;
        }
        let mut named: BTreeSet<Person> =
            [self, before].into_iter().filter_map(Self::named).flatten().cloned().collect();
        if met.is_red() {
            named.extend(ours.persons().chain(theirs.persons()).cloned());
        }
        joined.naming(named)
    }

    /// To whom these are addressed, at a level or a stricter one of their own. From AMBER on somebody is: of what is for everybody, whoever is
    /// given it.
    fn addressed_to(&self, at: &Receiver, level: TlpLevel) -> Audience {
        match self.audience().is_everybody() && level >= TlpLevel::Amber {
            true => Audience::only([Addressee::Member(at.member)]),
            false => self.audience().clone(),
        }
    }

    /// Whom of a member's people these reach, now or when an embargo is over.
    fn reached(&self, at: &Receiver) -> Reached {
        let addressed = self.audience().clauses().map(|clause| at.among(clause));
        let addressed = addressed.fold(Reached::All, Reached::and);
        if self.is_red() { addressed.and(at.of(self.named().into_iter().flatten())) } else { addressed }
    }

    fn is_red(&self) -> bool {
        self.level() == TlpLevel::Red
    }

    /// Whether only named persons may see it, ever or for a time.
    fn needs_names(&self) -> bool {
        self.is_red() || self.embargo().is_some()
    }

    /// Whether these rules allow nothing that `other` refuses, a member's person counting as one of that member's people.
    fn asks_no_less(&self, other: &Self) -> bool {
        other.ends_no_sooner(self)
            && self.level() >= other.level()
            && self.pap() >= other.pap()
            && self.control() >= other.control()
            && self.embargo() >= other.embargo()
            && self.about() >= other.about()
            && self.purposes().bits() & !other.purposes().bits() == 0
            && self.meet(other).markings() == self.markings()
            && self.reaches_within(other)
    }

    /// Whether what is under these rules is kept for as long as under the other, or longer.
    fn ends_no_sooner(&self, other: &Self) -> bool {
        self.retain().is_none_or(|end| other.retain().is_some_and(|theirs| theirs <= end))
    }

    /// Whether these rules reach nobody whom `other` does not, whatever else they ask.
    fn reaches_within(&self, other: &Self) -> bool {
        self.audience().is_within(other.audience()) && self.names_within(other)
    }

    fn names_within(&self, other: &Self) -> bool {
        if !other.is_red() {
            return true;
        }
        let (Some(ours), Some(theirs)) = (self.named().filter(|_| self.is_red()), other.named()) else {
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

    const X: CircleId = CircleId([9; 32]);

    /// Of a member that is in the circle.
    fn seat(member: MemberId) -> Receiver {
        Receiver { member, circles: BTreeSet::from([X]) }
    }

    fn amber_to(to: &[Addressee]) -> Rules {
        let to = to.iter().cloned().chain([Addressee::Originator]);
        Rules::marked(Some(TlpLevel::Amber), Originator::Here).to(Audience::only(to))
    }

    fn person(name: &str) -> Addressee {
        Addressee::Person(Person::There(B, name.to_owned()))
    }

    /// The wider one of two, where one is; and what was said first where the second reaches nobody more.
    #[test]
    fn nothing_is_taken_by_a_second_giving() {
        let soon = |rules: Rules| rules.retained(Micros(5));
        for (before, then, has, to) in [
            (amber(&[B]), amber(&[B, C]), amber(&[B, C]), B),
            (amber(&[B, C]), amber(&[B]), amber(&[B, C]), B),
            (amber(&[B]), soon(amber(&[B])), amber(&[B]), B),
            (soon(amber(&[B])), amber(&[B]), amber(&[B]), B),
            (amber(&[B]).pap_at_least(Pap::Red), soon(amber(&[B])), amber(&[B]).pap_at_least(Pap::Red), B),
            // Stricter in something, and for longer: it does not end with what was given before.
            (soon(amber(&[B])), amber(&[B]).pap_at_least(Pap::Red), amber(&[B]).pap_at_least(Pap::Red), B),
            (amber(&[B]), red(B, "eve"), amber(&[B]), B),
            (red(B, "eve"), amber(&[B]), amber(&[B]), B),
            (amber(&[C]), red(B, "eve"), amber(&[C]), C),
            (amber_to(&[Addressee::Circle(X)]), red(B, "eve"), amber_to(&[Addressee::Circle(X)]), B),
        ] {
            assert_eq!(then.given_besides(&before, &seat(to)), has, "{before} then {then}");
            assert_eq!(has.given_besides(&before, &seat(to)), has);
        }
    }

    /// Where each reaches somebody whom the other does not, both are reached, under the stricter of the rest.
    #[test]
    fn both_are_reached() {
        let b = seat(B);
        let (first, second) = (amber(&[B]).pap_at_least(Pap::Red), amber(&[C]).retained(Micros(5)));
        let both = amber(&[B, C]).pap_at_least(Pap::Red);
        assert_eq!(second.given_besides(&first, &b), both);
        assert_eq!(first.given_besides(&second, &b), both);
        // What one gives until a moment does not end what another gave for good, or for longer.
        let (short, long) = (amber(&[B, C]).retained(Micros(5)), amber(&[B]).retained(Micros(9)));
        assert_eq!(short.given_besides(&long, &b), amber(&[B, C]).retained(Micros(9)));
        assert_eq!(short.given_besides(&amber(&[B]), &b), amber(&[B, C]));
        let (eve, tom) = (red(B, "eve"), red(B, "tom"));
        let both = tom.given_besides(&eve, &b);
        assert_eq!(both.named().map(BTreeSet::len), Some(2));
        assert!(both.audience().holds(|one| *one == Addressee::Person(Person::There(B, "tom".into()))));
    }

    /// What is for one person does not swallow what is given to a circle that the member is in, nor that what is for another person; and
    /// who was named stays among them by name.
    #[test]
    fn what_is_for_one_person_swallows_nothing() {
        let circle = amber_to(&[Addressee::Circle(X)]);
        let eve = red(B, "eve");
        assert_eq!(circle.given_besides(&eve, &seat(B)), amber_to(&[Addressee::Circle(X), person("eve")]));
        // In a circle that the member is not in nobody of it is meant.
        let elsewhere = Receiver { member: B, circles: BTreeSet::new() };
        let kept = circle.given_besides(&eve, &elsewhere);
        assert_eq!(kept.reached(&elsewhere), eve.reached(&elsewhere));
        assert_eq!(kept.level(), TlpLevel::Red);
        // The stricter rest, and the end of what is for all.
        let careful = circle.clone().pap_at_least(Pap::Red).retained(Micros(5));
        let both = careful.given_besides(&eve.clone().retained(Micros(9)), &seat(B));
        assert_eq!((both.level(), both.pap(), both.retain()), (TlpLevel::Amber, Pap::Red, Some(Micros(5))));
    }

    /// Who has what two come to is told nothing more by either: not that a person is named besides all, nor what one of the two said less
    /// strictly.
    #[test]
    fn what_two_come_to_is_told_by_neither_again() {
        let eve = red(B, "eve");
        let also_c = eve.clone().to(Audience::only([person("eve"), Addressee::Member(C)]));
        let of_eve =
            Rules::marked(Some(TlpLevel::Amber), Originator::Here).to(Audience::only([person("eve")]));
        for (one, two) in [
            (eve, of_eve.clone().pap_at_least(Pap::Red)),
            (also_c.clone().retained(Micros(7)), amber(&[B]).pap_at_least(Pap::Amber)),
            (also_c.clone(), of_eve.pap_at_least(Pap::Amber).retained(Micros(5))),
            (also_c.controlled(), amber(&[C]).pap_at_least(Pap::Amber)),
        ] {
            for (first, then) in [(&one, &two), (&two, &one)] {
                let has = then.given_besides(first, &seat(B));
                for said in [first, then, &has] {
                    assert_eq!(said.given_besides(&has, &seat(B)), has, "{first} then {then}: {said}");
                }
            }
        }
    }

    /// Of every two givings: whoever is reached by either is, nobody else, and nobody under anything looser than what reached them.
    #[test]
    fn whom_either_reaches_and_nobody_else() {
        let (eve, tom) = (Person::There(B, "eve".into()), Person::There(B, "tom".into()));
        let two = red(B, "eve").to(Audience::only([person("eve"), person("tom")])).naming([eve, tom]);
        let green = Rules::marked(Some(TlpLevel::Green), Originator::Here);
        let mut all = vec![
            green.clone(),
            green.embargoed(Micros(7)),
            amber(&[B]),
            amber(&[B, C]),
            amber(&[B]).embargoed(Micros(7)),
            amber_to(&[Addressee::Circle(X)]),
            amber_to(&[Addressee::Circle(X)]).retained(Micros(9)),
            amber(&[B]).retained(Micros(5)),
            amber_to(&[person("eve")]),
            amber_to(&[person("tom"), Addressee::Member(C)]),
            amber_to(&[person("eve"), person("tom")]).embargoed(Micros(3)),
            red(B, "eve"),
            red(B, "tom").retained(Micros(5)),
            red(B, "eve").to(Audience::only([Addressee::Member(B)])),
            two,
        ];
        all.extend(all.clone().into_iter().map(|rules| rules.pap_at_least(Pap::Red)));
        let people = ["eve", "tom", "ann"]
            .map(|name| Reached::Persons(BTreeSet::from([Person::There(B, name.into())])));
        for at in [seat(B), Receiver { member: B, circles: BTreeSet::new() }] {
            for (before, then) in all.iter().flat_map(|one| all.iter().map(move |two| (one, two))) {
                let both = then.given_besides(before, &at);
                // What is said again, in any order, changes nothing in the end.
                let again = |has: Rules, said: &Rules| said.given_besides(&has, &at);
                let once = again(again(both.clone(), before), then);
                assert_eq!(again(again(once.clone(), before), then), once, "{before} then {then}");
                assert_eq!(again(once.clone(), before), once, "{before} then {then}");
                for person in &people {
                    let by: Vec<&Rules> = [before, then]
                        .into_iter()
                        .filter(|rules| rules.reached(&at).covers(person))
                        .collect();
                    let told = format!("{before} then {then}: {both} for {person:?}");
                    assert_eq!(both.reached(&at).covers(person), !by.is_empty(), "{told}");
                    if !by.is_empty() {
                        assert!(by.iter().any(|rules| both.level() >= rules.level()), "{told}");
                        assert!(by.iter().any(|rules| both.pap() >= rules.pap()), "{told}");
                    }
                }
            }
        }
    }
}
