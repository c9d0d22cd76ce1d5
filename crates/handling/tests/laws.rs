//! The laws of handling, over generated rules, recipients, actions and situations.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use handling::{
    Action, Addressee, Audience, CircleId, Consent, Kind, Mark, Markings, MemberId, Originator, Pap, Peers,
    Person, Purposes, Receiver, Recipient, Rule, Rules, Situation, UserNo, judge,
};
use proptest::prelude::*;
use stix::{ObjectId, TlpLevel};

const fn member(no: u8) -> MemberId {
    MemberId([no; 32])
}

const fn circle(no: u8) -> CircleId {
    CircleId([no; 32])
}

/// Members 1 to 3 are known; each circle has members; circle 3 is empty, circle 4 cannot be resolved.
#[derive(Clone, Debug)]
struct World(BTreeMap<CircleId, BTreeSet<MemberId>>);

impl Peers for World {
    fn kind(&self, member: &MemberId) -> Option<Kind> {
        (1..=3).contains(&member.0[0]).then_some(Kind::Cert)
    }

    fn circle(&self, circle: &CircleId) -> Option<BTreeSet<MemberId>> {
        self.0.get(circle).cloned()
    }

    fn circles_of(&self, member: &MemberId) -> BTreeSet<CircleId> {
        self.0.iter().filter(|(_, members)| members.contains(member)).map(|(circle, _)| *circle).collect()
    }
}

fn world() -> impl Strategy<Value = World> {
    let members = || prop::collection::btree_set((1_u8..=4).prop_map(member), 1..=3);
    (members(), members()).prop_map(|(one, two)| {
        World(BTreeMap::from([(circle(1), one), (circle(2), two), (circle(3), BTreeSet::new())]))
    })
}

fn level() -> impl Strategy<Value = TlpLevel> {
    prop::sample::select(TlpLevel::ALL.to_vec())
}

fn person() -> impl Strategy<Value = Person> {
    prop_oneof![
        (1_i64..=3).prop_map(|no| Person::Here(UserNo(no))),
        (1_u8..=3, "[a-z=,| /]{1,3}").prop_map(|(no, name)| Person::There(member(no), name)),
    ]
}

fn addressee() -> impl Strategy<Value = Addressee> {
    prop_oneof![
        Just(Addressee::Originator),
        (1_u8..=4).prop_map(|no| Addressee::Member(member(no))),
        (1_u8..=4).prop_map(|no| Addressee::Circle(circle(no))),
        person().prop_map(Addressee::Person),
    ]
}

fn originator() -> impl Strategy<Value = Originator> {
    prop_oneof![
        2 => Just(Originator::Here),
        2 => (1_u8..=4).prop_map(|no| Originator::Member(member(no))),
        1 => Just(Originator::Nobody),
    ]
}

fn moment() -> impl Strategy<Value = Option<Micros>> {
    prop::option::weighted(0.4, (0_i64..=4).prop_map(Micros))
}

fn definition_no(no: u8) -> String {
    format!("marking-definition--00000000-0000-4000-8000-0000000000{no:02x}")
}

/// An identifier of a marking definition; now and then something that is none.
fn definition() -> impl Strategy<Value = String> {
    (0_u8..20).prop_map(|no| if no == 0 { "none".to_owned() } else { definition_no(no) })
}

fn mark() -> impl Strategy<Value = Mark> {
    prop_oneof![
        Just(Mark::Nothing),
        Just(Mark::Unknown),
        level().prop_map(Mark::Level),
        prop::sample::select(Pap::ALL.to_vec()).prop_map(Mark::Pap),
    ]
}

/// Rules as they are stated once.
fn stated() -> impl Strategy<Value = Rules> {
    let whom = (
        prop::option::of(prop::collection::vec(addressee(), 0..4)),
        prop::option::of(prop::collection::vec(person(), 0..3)),
        originator(),
    );
    let flags = (any::<bool>(), prop::collection::vec(definition(), 0..3));
    let rest = (flags, moment(), moment(), 0_u8..8, prop::sample::select(Pap::ALL.to_vec()));
    (prop::option::of(level()), whom, rest).prop_map(|(level, (to, named, originator), rest)| {
        let ((controlled, awaiting), embargo, retain, purposes, pap) = rest;
        let mut rules = Rules::marked(level, originator).pap_at_least(pap);
        rules = to.map_or(rules.clone(), |to| rules.to(Audience::only(to)));
        rules = named.map_or(rules.clone(), |named| rules.naming(named));
        rules = embargo.map_or(rules.clone(), |until| rules.embargoed(until));
        rules = retain.map_or(rules.clone(), |until| rules.retained(until));
        if purposes != 0 {
            rules = rules.limited_to(Purposes::from_bits(purposes));
        }
        rules = if controlled { rules.controlled() } else { rules };
        awaiting.iter().fold(rules, |rules, definition| rules.awaiting(definition))
    })
}

/// Rules of any kind: stated, met, closed.
fn rules() -> impl Strategy<Value = Rules> {
    prop_oneof![
        8 => stated(),
        4 => (stated(), stated()).prop_map(|(one, two)| one.meet(&two)),
        2 => stated().prop_map(Rules::about_persons),
        1 => Just(Rules::closed()),
    ]
}

fn recipient() -> impl Strategy<Value = Recipient> {
    prop_oneof![
        4 => (1_i64..=3, any::<bool>()).prop_map(|(no, reads)| Recipient::Person { user: UserNo(no), reads }),
        4 => (1_u8..=4).prop_map(|no| Recipient::Member(member(no))),
        1 => (1_u8..=4).prop_map(|no| Recipient::Client { of: member(no) }),
        2 => (1_u8..=4).prop_map(|no| Recipient::Circle(circle(no))),
        1 => Just(Recipient::Automation),
        1 => Just(Recipient::Stranger),
    ]
}

const fn reader(user: i64) -> Recipient {
    Recipient::Person { user: UserNo(user), reads: true }
}

fn action() -> impl Strategy<Value = Action> {
    prop::sample::select(Action::ALL.to_vec())
}

#[derive(Clone, Debug)]
struct Scene {
    world: World,
    now: Micros,
    home: Option<MemberId>,
    consent: Consent,
}

impl Scene {
    fn situation(&self) -> Situation<'_> {
        Situation { now: self.now, home: self.home, peers: &self.world, consent: self.consent }
    }

    fn allows(&self, recipient: &Recipient, action: Action, rules: &Rules) -> bool {
        judge(recipient, action, rules, &self.situation()).is_allowed()
    }
}

fn scene() -> impl Strategy<Value = Scene> {
    let consent = prop_oneof![Just(Consent::None), Just(Consent::Given)];
    (world(), 0_i64..=4, prop::option::of((1_u8..=3).prop_map(member)), consent)
        .prop_map(|(world, now, home, consent)| Scene { world, now: Micros(now), home, consent })
}

/// What one desk of this member says of something that it gives, as others are told; an embargo is one that still runs.
fn giving() -> impl Strategy<Value = Rules> {
    (rules(), 0_u8..4).prop_map(|(rules, embargo)| {
        let told = rules.reworded(|_| Originator::Here, |person| Some(person.clone())).told_by(member(9));
        if embargo == 0 { told } else { told.apart_from_embargo() }
    })
}

/// A member that sits in some circles.
fn receiver() -> impl Strategy<Value = Receiver> {
    ((1_u8..=3).prop_map(member), prop::collection::btree_set((1_u8..=3).prop_map(circle), 0..3))
        .prop_map(|(member, circles)| Receiver { member, circles })
}

/// How often a member is given something anew, of these givings, until none says anything to it any more; `None` where that does not end
/// within so many steps that it may as well never. Whatever may go is next in whatever order `choices` say; what it comes to is a giving of its own from then on, as exchange keeps it.
fn given_until_rest(givings: &[Rules], at: &Receiver, choices: &[usize]) -> Option<(usize, Rules)> {
    let mut all = givings.to_vec();
    let mut choices = choices.iter().copied().cycle();
    let mut has: Option<Rules> = None;
    for times in 0..=givings.len() * 8 {
        let under = |giving: &Rules| match &has {
            Some(has) => giving.given_besides(has, at),
            None => giving.clone(),
        };
        let open: Vec<Rules> = all
            .iter()
            .map(under)
            // What is under an embargo waits.
            .filter(|line| has.as_ref() != Some(line) && line.embargo().is_none())
            .collect();
        let Some(next) = open.get(choices.next().unwrap_or_default() % open.len().max(1)) else {
            return has.map(|has| (times, has));
        };
        has = Some(next.clone());
        all.push(next.clone());
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn meeting_is_a_semilattice(one in rules(), two in rules(), three in rules()) {
        prop_assert_eq!(one.meet(&two), two.meet(&one));
        prop_assert_eq!(one.meet(&two).meet(&three), one.meet(&two.meet(&three)));
        prop_assert_eq!(one.meet(&one), one.clone());
        prop_assert_eq!(one.meet(&Rules::closed()), Rules::closed());
        prop_assert!(one.meet(&two).within(&one));
    }

    #[test]
    fn more_restrictive_rules_never_allow_more(
        one in rules(), two in rules(), who in recipient(), what in action(), scene in scene(),
    ) {
        if scene.allows(&who, what, &one.meet(&two)) {
            prop_assert!(scene.allows(&who, what, &one));
            prop_assert!(scene.allows(&who, what, &two));
        }
    }

    #[test]
    fn every_single_restriction_only_takes_away(
        rules in rules(), other in level(), who in recipient(), what in action(), scene in scene(), at in 0_i64..=4,
    ) {
        let narrower = [
            rules.clone().at_least(other),
            rules.clone().pap_at_least(Pap::Red),
            rules.clone().controlled(),
            rules.clone().awaiting(&definition_no(1)),
            rules.clone().awaiting("no definition"),
            rules.clone().about_persons(),
            rules.clone().embargoed(Micros(at)),
            rules.clone().retained(Micros(at)),
            rules.clone().limited_to(Purposes::from_bits(at.try_into().unwrap_or(0))),
        ];
        for narrow in narrower {
            prop_assert!(narrow.within(&rules));
            if scene.allows(&who, what, &narrow) {
                prop_assert!(scene.allows(&who, what, &rules), "{} | {}", narrow, rules);
            }
        }
    }

    #[test]
    fn whatever_may_be_done_may_be_seen(rules in rules(), who in recipient(), what in action(), scene in scene()) {
        // Consent lets something go to another organisation; seeing there is covered by the same consent.
        let whole = rules.purposes() == Purposes::ANY;
        if whole && scene.allows(&who, what, &rules) {
            prop_assert!(scene.allows(&who, Action::See, &rules));
        }
    }

    #[test]
    fn finding_and_counting_are_seeing(rules in rules(), who in recipient(), mut scene in scene()) {
        scene.consent = Consent::None;
        let sees = scene.allows(&who, Action::See, &rules);
        prop_assert_eq!(scene.allows(&who, Action::Search, &rules), sees);
        prop_assert_eq!(scene.allows(&who, Action::Count, &rules), sees);
    }

    #[test]
    fn what_somebody_may_see_and_could_not_before_is_opened(
        before in rules(), after in rules(), user in 1_i64..=3, mut scene in scene(), mark in mark(), no in 1_u8..20,
    ) {
        scene.consent = Consent::None;
        let sees = |rules: &Rules| scene.allows(&reader(user), Action::See, rules);
        let opens = |rules: &Rules| rules.opens_here(&before, scene.home, scene.now);
        if sees(&after) && !sees(&before) {
            prop_assert!(opens(&after), "{} | {}", before, after);
        }
        // What is merely stricter opens nothing, nor does a marking that has come.
        prop_assert!(!opens(&before) && !opens(&before.meet(&after)));
        let definition = ObjectId::parse(&definition_no(no)).unwrap();
        prop_assert!(before.settled_by(&definition, mark).is_none_or(|known| sees(&before) || !sees(&known)));
    }

    #[test]
    fn what_is_closed_is_closed(who in recipient(), what in action(), scene in scene()) {
        prop_assert!(!scene.allows(&who, what, &Rules::closed()));
    }

    #[test]
    fn an_embargo_that_is_over_asks_nothing(rules in stated(), who in recipient(), what in action(), scene in scene()) {
        let before = rules.clone().embargoed(scene.now);
        if rules.embargo().is_none_or(|until| until <= scene.now) {
            prop_assert_eq!(scene.allows(&who, what, &before), scene.allows(&who, what, &rules));
        }
        let running = rules.embargoed(scene.now.plus(1));
        let looks = matches!(what, Action::See | Action::Search | Action::Count);
        if !matches!(who, Recipient::Person { .. }) || !looks {
            prop_assert!(!scene.allows(&who, what, &running));
        }
    }

    #[test]
    fn the_end_of_retention_closes(rules in rules(), who in recipient(), what in action(), scene in scene()) {
        prop_assert!(!scene.allows(&who, what, &rules.clone().retained(scene.now)));
        let verdict = judge(&who, what, &rules.retained(scene.now), &scene.situation());
        prop_assert!(!verdict.reasons.is_empty());
    }

    #[test]
    fn a_definition_that_comes_settles_what_awaits_it_and_nothing_else(
        rules in rules(), one in 1_u8..4, two in 1_u8..4, marks in (mark(), mark()),
    ) {
        let [one, two] = [one, two].map(|no| ObjectId::parse(&definition_no(no)).unwrap());
        let awaited: BTreeSet<ObjectId> = rules.markings().awaited().cloned().collect();
        let settled = rules.settled_by(&one, marks.0);
        let red = matches!(marks.0, Mark::Unknown | Mark::Level(TlpLevel::Red));
        prop_assert_eq!(settled.is_some(), awaited.contains(&one) && !red);
        if let Some(known) = settled {
            let left: BTreeSet<ObjectId> = known.markings().awaited().cloned().collect();
            prop_assert_eq!(left, awaited.iter().filter(|id| **id != one).cloned().collect());
            prop_assert_eq!(known.markings().are_known(), awaited.len() == 1);
            prop_assert!(known.apart_from_markings().within(&rules.apart_from_markings()));
            let other = rules.settled_by(&two, marks.1).and_then(|rules| rules.settled_by(&one, marks.0));
            if one != two && other.is_some() {
                prop_assert_eq!(known.settled_by(&two, marks.1), other);
            }
        }
    }

    #[test]
    fn data_about_persons_stays_home(rules in rules(), who in recipient(), what in action(), scene in scene()) {
        let persons = rules.about_persons();
        let home = matches!(&who, Recipient::Member(member) if scene.situation().home == Some(*member));
        if !home && !matches!(who, Recipient::Person { .. } | Recipient::Automation | Recipient::Circle(_)) {
            prop_assert!(!scene.allows(&who, what, &persons), "{who:?} {persons}");
            for consent in [Consent::None, Consent::Given] {
                let situation = Situation { consent, ..scene.situation() };
                prop_assert!(!judge(&who, what, &persons, &situation).is_allowed());
            }
        }
    }

    #[test]
    fn red_is_for_named_persons(rules in rules(), what in action(), scene in scene(), user in 1_i64..=3) {
        let red = rules.at_least(TlpLevel::Red);
        let person = Person::Here(UserNo(user));
        if scene.allows(&reader(user), what, &red) {
            prop_assert!(red.named().is_some_and(|named| named.contains(&person)));
        }
        for who in [Recipient::Automation, Recipient::Stranger, Recipient::Client { of: member(1) }] {
            prop_assert!(!scene.allows(&who, what, &red));
        }
    }

    #[test]
    fn a_circle_is_what_all_its_members_are(rules in rules(), what in action(), scene in scene(), no in 1_u8..=4) {
        let members = scene.world.circle(&circle(no)).unwrap_or_default();
        let all = !members.is_empty() && members.iter().all(|one| scene.allows(&Recipient::Member(*one), what, &rules));
        prop_assert_eq!(scene.allows(&Recipient::Circle(circle(no)), what, &rules), all);
    }

    #[test]
    fn unresolved_and_empty_circles_are_nobody(level in level(), what in action(), mut scene in scene(), no in 3_u8..=4) {
        scene.consent = Consent::None;
        let rules = Rules::marked(Some(level), Originator::Nobody).to(Audience::only([Addressee::Circle(circle(no))]));
        for who in [Recipient::Member(member(1)), Recipient::Automation, Recipient::Circle(circle(no)),
            reader(1)] {
            prop_assert!(!scene.allows(&who, what, &rules));
        }
    }

    #[test]
    fn without_a_reading_role_nothing_is_read(rules in rules(), what in action(), scene in scene(), user in 1_i64..=3) {
        let verdict = judge(&Recipient::Person { user: UserNo(user), reads: false }, what, &rules, &scene.situation());
        prop_assert!(!verdict.is_allowed());
        prop_assert_eq!(verdict.rule, Rule::RoleMissing);
    }

    #[test]
    fn what_is_open_here_is_open_to_every_reader(rules in rules(), mut scene in scene(), user in 1_i64..=3) {
        scene.consent = Consent::None;
        if rules.open_here(scene.home) {
            for what in [Action::See, Action::Search, Action::Count, Action::Export] {
                prop_assert!(scene.allows(&reader(user), what, &rules));
            }
        }
    }

    #[test]
    fn what_several_desks_give_comes_to_rest(
        givings in prop::collection::vec(giving(), 1..6), at in receiver(), choices in prop::collection::vec(0_usize..8, 8),
    ) {
        let open = givings.iter().filter(|giving| giving.embargo().is_none()).count();
        if open > 0 {
            let lines: Vec<String> = givings.iter().map(ToString::to_string).collect();
            prop_assert!(given_until_rest(&givings, &at, &choices).is_some(), "{} at {at:?}", lines.join("\n"));
        }
    }

    #[test]
    fn the_line_of_text_is_the_rules(rules in rules(), torn in "[ -~]{0,40}") {
        let text = rules.to_string();
        prop_assert_eq!(text.parse::<Rules>(), Ok(rules));
        if let Ok(read) = torn.parse::<Rules>() {
            prop_assert_eq!(read.to_string(), torn);
        }
    }
}

#[test]
fn more_markings_than_are_waited_for_one_by_one_never_come() {
    let rules = Rules::marked(None, Originator::Here);
    let sixteen = (1..=16).fold(rules, |rules, no| rules.awaiting(&definition_no(no)));
    assert_eq!(sixteen.markings().awaited().count(), 16);
    let one = ObjectId::parse(&definition_no(1)).unwrap();
    assert!(sixteen.settled_by(&one, Mark::Nothing).is_some());
    let more = sixteen.clone().awaiting(&definition_no(17));
    assert_eq!(*more.markings(), Markings::Nameless);
    assert_eq!(more.settled_by(&one, Mark::Nothing), None);
    // Whoever asks is told that waiting is in vain, and what helps.
    let told = |rules: &Rules| {
        let scene = scene_of_a_and_b();
        let verdict = judge(&Recipient::Member(member(2)), Action::PassOn, rules, &scene.situation());
        verdict.reasons.join("; ")
    };
    assert!(told(&sixteen).contains("not known here yet"), "{}", told(&sixteen));
    assert!(told(&more).contains("deleted and brought again"), "{}", told(&more));
}

fn scene_of_a_and_b() -> Scene {
    let world = World(BTreeMap::from([(circle(1), BTreeSet::from([member(1), member(2)]))]));
    Scene { world, now: Micros(0), home: Some(member(1)), consent: Consent::None }
}

#[test]
fn each_level_is_strictly_inside_the_one_before() {
    let scene = scene_of_a_and_b();
    let to = |level| {
        let rules = Rules::marked(Some(level), Originator::Here);
        let named = [Person::Here(UserNo(1))];
        rules.to(Audience::only([Addressee::Originator, Addressee::Member(member(2))])).naming(named)
    };
    let everybody = |level| {
        let rules = to(level);
        let open = rules.clone().to(Audience::EVERYBODY);
        if level < TlpLevel::Amber { open } else { rules }
    };
    let reached = |level| {
        let rules = everybody(level);
        let mut whom = vec![reader(1), Recipient::Automation];
        whom.extend([Recipient::Member(member(2)), Recipient::Member(member(3))]);
        whom.extend([Recipient::Client { of: member(2) }, Recipient::Stranger]);
        whom.iter().map(|who| scene.allows(who, Action::PassOn, &rules)).collect::<Vec<_>>()
    };
    assert_eq!(reached(TlpLevel::Clear), [true, true, true, true, true, true]);
    assert_eq!(reached(TlpLevel::Green), [true, true, true, true, true, false]);
    assert_eq!(reached(TlpLevel::Amber), [true, true, true, false, true, false]);
    assert_eq!(reached(TlpLevel::AmberStrict), [true, true, true, false, false, false]);
    assert_eq!(reached(TlpLevel::Red), [true, false, false, false, false, false]);
}

#[test]
fn onward_sharing_takes_the_originators_word() {
    let mut scene = scene_of_a_and_b();
    scene.home = Some(member(2));
    let rules = Rules::marked(Some(TlpLevel::Green), Originator::Member(member(1))).controlled();
    let verdict = judge(&Recipient::Member(member(3)), Action::PassOn, &rules, &scene.situation());
    assert_eq!(verdict.rule, Rule::OriginatorControl);
    scene.consent = Consent::Given;
    assert!(scene.allows(&Recipient::Member(member(3)), Action::PassOn, &rules));
    let late = rules.embargoed(Micros(1));
    assert!(!scene.allows(&Recipient::Member(member(3)), Action::PassOn, &late), "consent lifts no embargo");
}

#[test]
fn pap_keeps_machines_off() {
    let scene = scene_of_a_and_b();
    for (pap, allowed) in [(Pap::Clear, true), (Pap::Green, true), (Pap::Amber, false), (Pap::Red, false)] {
        let rules = Rules::marked(Some(TlpLevel::Green), Originator::Here).pap_at_least(pap);
        assert_eq!(scene.allows(&Recipient::Automation, Action::ActAutomatically, &rules), allowed);
        assert!(scene.allows(&Recipient::Automation, Action::See, &rules));
    }
}
