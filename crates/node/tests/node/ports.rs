//! What exchange is told by a node: standings, keys, sealing keys, and handling among members.

use base::signing::KeyId;
use federation::{Consented, Deed, Directory, Judge, Question, Standing};
use handling::{Addressee, Audience, CircleId, Originator, Person, Role, Rules, UserNo};
use node::Members;
use stix::TlpLevel;
use store::Upkeep;

use crate::community::{DAY, Seat};
use crate::peers::Region;
use crate::{RED, START, indicator};

async fn members(seat: &Seat) -> Members {
    seat.node().members().await.unwrap().unwrap()
}

async fn id(seat: &Seat) -> KeyId {
    seat.id().await.0
}

const fn theirs(id: KeyId) -> handling::MemberId {
    handling::MemberId(*id.as_bytes())
}

#[tokio::test]
async fn standings_keys_and_epochs_are_the_registrys() {
    let region = Region::of(&["a", "b", "c", "d"]).await;
    let (a, b, d) = (&region[0], id(&region[1]).await, id(&region[3]).await);
    assert!(Seat::new(9).await.node().members().await.unwrap().is_none(), "a node that is in no community");
    let before = members(a).await;
    let joined =
        (0..=before.epoch()).find(|epoch| before.standing_at(&d, *epoch) == Standing::Active).unwrap();
    assert_eq!(before.standing_at(&d, joined - 1), Standing::Inactive, "not yet");
    assert_eq!(before.standing_at(&d, before.epoch() + 1), Standing::Inactive, "there is no such decision");
    let strange = KeyId::from_bytes([9; 32]);
    assert_eq!(
        (before.standing(&strange), before.standing_at(&strange, 0)),
        (Standing::Unknown, Standing::Unknown)
    );
    assert!(before.keys(&strange).is_empty() && before.sealing(&strange).is_none());
    assert_eq!((before.active().len(), before.standing(&d)), (4, Standing::Active));

    a.node().propose(&a.who, "d", Some("silent".into())).await.unwrap();
    region.decide("d").await;
    let after = members(a).await;
    assert!(after.epoch() > before.epoch());
    assert_eq!(
        (after.standing(&d), after.standing_at(&d, before.epoch())),
        (Standing::Inactive, Standing::Active)
    );
    assert_eq!(after.standing_at(&d, after.epoch()), Standing::Inactive);
    assert!(!after.active().contains(&d) && after.active().len() == 3);
    assert_eq!(before.standing(&d), Standing::Active, "what was asked before is of that moment");
    a.node().propose(&a.who, "d", None).await.unwrap();
    region.decide("d").await;
    let again = members(a).await;
    assert_eq!(
        (again.standing(&d), again.standing_at(&d, after.epoch())),
        (Standing::Active, Standing::Inactive)
    );

    let first = again.keys(&b);
    region[1].node().rotate_key(&region[1].who).await.unwrap();
    region.gather().await;
    let both = members(a).await.keys(&b);
    assert_eq!((first.len(), both.len(), both[0]), (1, 2, first[0]));
    assert_eq!(both[1], region[1].node().member_key().await.unwrap());
    region[1].node().withdraw(&region[1].who).await.unwrap();
    region.gather().await;
    a.bench.clock.set(START.plus(90 * DAY));
    assert_eq!(members(a).await.standing(&b), Standing::Inactive);
}

#[tokio::test]
async fn sealing_keys_and_identities_are_told_by_their_members() {
    let region = Region::of(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let secret = b.node().sealing_secret().await.unwrap();
    assert_eq!(members(a).await.sealing(&id(b).await), Some(secret.public()));
    let again = b.node().sealing_secret().await.unwrap();
    assert_eq!(again.public(), secret.public(), "it is kept");
    assert_ne!(a.node().sealing_secret().await.unwrap().public(), secret.public());
    let identity = b.node().member().await.unwrap().unwrap().id;
    assert_eq!(members(a).await.identity_owner(&identity), Some(id(b).await));
    assert_eq!(members(a).await.identity_owner("identity--00000000-0000-4000-8000-000000000000"), None);

    // Nothing is told twice; what is lost is told anew.
    let told =
        async || b.node().community(&b.who).await.unwrap().members.iter().map(|one| one.epoch).sum::<u64>();
    let before = told().await;
    b.node().announce().await.unwrap();
    assert_eq!(told().await, before);
    b.bench.store.set_setting("sealing-secret", &"7b".repeat(32)).await.unwrap();
    b.node().announce().await.unwrap();
    region.gather().await;
    let new = b.node().sealing_secret().await.unwrap().public();
    assert_ne!(new, secret.public());
    assert_eq!((members(a).await.sealing(&id(b).await), told().await), (Some(new), before + 1));
    b.bench.store.set_setting("sealing-secret", "7b").await.unwrap();
    assert!(b.node().sealing_secret().await.is_err());
    Seat::new(9).await.node().announce().await.unwrap();
}

/// Who says it, and who would have it.
struct Case {
    originator: KeyId,
    recipient: KeyId,
}

impl Case {
    fn ask(&self, judge: &Members, deed: Deed, rules: &str, object: &str) -> Result<(), String> {
        judge.decide(&self.question((deed, Consented::No), rules, object))
    }

    fn question<'a>(
        &self,
        (deed, consent): (Deed, Consented),
        rules: &'a str,
        object: &'a str,
    ) -> Question<'a> {
        let object = object.as_bytes();
        let Self { originator, recipient } = *self;
        Question { deed, originator, recipient, rules, object, consent, now: START }
    }
}

#[tokio::test]
async fn handling_judges_what_is_sent_and_what_is_kept() {
    let region = Region::of(&["a", "b", "c", "d"]).await;
    let banks: CircleId = region.circle("banks", &["b"]).await.id.parse().unwrap();
    region[0].node().propose(&region[0].who, "d", Some("silent".into())).await.unwrap();
    region.decide("d").await;
    let mut ids = Vec::new();
    for seat in &region.0 {
        ids.push(id(seat).await);
    }
    let [a, b, c, d] = ids[..] else { panic!("four members") };
    let (sends, keeps) = (members(&region[0]).await, [members(&region[1]).await, members(&region[2]).await]);
    let plain = indicator(1, "[url:value = 'http://a.example/']", "");
    let by = Originator::Member(theirs(a));
    let line = |level, audience: &[Addressee]| {
        let rules = Rules::marked(Some(level), by.clone());
        let rules = if audience.is_empty() { rules } else { rules.to(Audience::only(audience.to_vec())) };
        rules.to_string()
    };
    let to = |recipient| Case { originator: a, recipient };
    let (to_b, to_circle) = ([Addressee::Member(theirs(b))], [Addressee::Circle(banks)]);
    let refused = |rule: &str| Err(rule.to_owned());
    let send = |case: &Case, rules: &str| case.ask(&sends, Deed::Send, rules, &plain);
    let keep = |at: usize, case: &Case, rules: &str| case.ask(&keeps[at], Deed::Keep, rules, &plain);
    for (rules, b_gets, c_gets, d_gets) in [
        (line(TlpLevel::Clear, &[]), Ok(()), Ok(()), Ok(())),
        (line(TlpLevel::Green, &[]), Ok(()), Ok(()), refused("tlp-community")),
        (line(TlpLevel::Amber, &to_b), Ok(()), refused("audience"), refused("audience")),
        (line(TlpLevel::AmberStrict, &to_circle), Ok(()), refused("audience"), refused("audience")),
        (
            line(TlpLevel::Red, &to_b),
            refused("tlp-red-persons"),
            refused("tlp-red-persons"),
            refused("tlp-red-persons"),
        ),
        (
            "tlp=green".to_owned(),
            refused("tlp-red-persons"),
            refused("tlp-red-persons"),
            refused("tlp-red-persons"),
        ),
    ] {
        let told = [send(&to(b), &rules), send(&to(c), &rules)].map(|answer| answer.is_ok());
        assert_eq!(told, [b_gets.is_ok(), c_gets.is_ok()], "{rules}");
        assert_eq!(send(&to(d), &rules).is_ok(), d_gets.is_ok(), "{rules}");
        // Who sends and who keeps are of one mind, whoever judges.
        assert_eq!(keep(0, &to(b), &rules).is_ok(), b_gets.is_ok(), "{rules}");
        assert_eq!(keep(1, &to(c), &rules).is_ok(), c_gets.is_ok(), "{rules}");
        assert_eq!(send(&to(d), &rules).err(), keep(0, &to(d), &rules).err(), "{rules}");
    }

    // A person is reached through the member that it belongs to, and through no other.
    let eve = Person::There(theirs(b), "eve".into());
    let named = Rules::marked(Some(TlpLevel::Red), by.clone());
    let named = named.to(Audience::only([Addressee::Person(eve.clone())])).naming([eve]).to_string();
    assert_eq!((send(&to(b), &named), keep(0, &to(b), &named)), (Ok(()), Ok(())));
    assert!(send(&to(c), &named).is_err() && keep(1, &to(c), &named).is_err());

    // The object's own marking counts, and so does that of a part; what is no object is for nobody.
    let green = line(TlpLevel::Green, &[]);
    let red = indicator(1, "[url:value = 'http://a.example/']", RED);
    let part = r#","granular_markings":[{"marking_ref":"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1","selectors":["name"]}]"#;
    let part = indicator(1, "[url:value = 'http://a.example/']", part);
    let strict = |object: &str| to(b).ask(&sends, Deed::Send, &green, object).err();
    for (object, rule) in [
        (red.as_str(), "tlp-red-persons"),
        (&part, "tlp-red-persons"),
        ("{", "object-unfit"),
        ("", "object-unfit"),
    ] {
        assert_eq!(strict(object).as_deref(), Some(rule), "{object}");
    }

    // Consent lets another member have it; a line that names another originator than the one asked for is nobody's word.
    let amber = line(TlpLevel::Amber, &to_b);
    let consented =
        |deed, judge: &Members| judge.decide(&to(c).question((deed, Consented::Yes), &amber, &plain));
    assert_eq!((consented(Deed::Send, &keeps[0]), consented(Deed::Keep, &keeps[1])), (Ok(()), Ok(())));
    let own = line(TlpLevel::Amber, &[]);
    let own_people = Case { originator: a, recipient: a };
    let forged = Case { originator: c, recipient: a };
    assert_eq!(own_people.ask(&keeps[0], Deed::Keep, &own, &plain), Ok(()));
    assert_eq!(forged.ask(&keeps[0], Deed::Keep, &own, &plain), refused("rules-of-another"));
    // What would stand here as nobody's word, and be shown to nobody, is not kept; a node's own `here` is its own word.
    let clear = |by: &str| format!("tlp=clear by={by}");
    for (line, told) in [
        (clear("here"), refused("rules-of-another")),
        (clear("nobody"), refused("rules-of-another")),
        (clear(&format!("member:{}", theirs(c))), refused("rules-of-another")),
        (clear(&format!("member:{}", theirs(a))), Ok(())),
        ("tlp=green".to_owned(), refused("rules-unreadable")),
        (String::new(), refused("rules-unreadable")),
    ] {
        assert_eq!(keep(0, &to(b), &line), told, "{line}");
    }
    assert_eq!(send(&to(b), &clear("here")), Ok(()));
}

/// What is asked a thousand times alike is decided once, and whatever is asked otherwise in anything is decided for itself.
#[tokio::test]
async fn an_answer_is_to_its_own_question_alone() {
    let region = Region::of(&["a", "b", "c"]).await;
    let [a, b, c] = [id(&region[0]).await, id(&region[1]).await, id(&region[2]).await];
    let by = Originator::Member(theirs(a));
    let to_b = Audience::only([Addressee::Member(theirs(b))]);
    let amber = Rules::marked(Some(TlpLevel::Amber), by.clone());
    let (for_b, for_none) = (amber.clone().to(to_b.clone()).to_string(), amber.to_string());
    let later = amber.to(to_b).embargoed(START.plus(DAY)).to_string();
    let plain = indicator(1, "[url:value = 'http://a.example/']", "");
    let red = indicator(1, "[url:value = 'http://a.example/']", RED);
    let case = Case { originator: a, recipient: b };
    let first = case.question((Deed::Send, Consented::No), &for_b, &plain);
    let embargoed = Question { rules: &later, ..first };
    let refused_to_c = Question { recipient: c, ..first };
    let pairs = [
        (first, refused_to_c),
        (first, Question { originator: c, ..first }),
        (first, Question { rules: &for_none, ..first }),
        (first, Question { object: red.as_bytes(), ..first }),
        (embargoed, Question { now: START.plus(2 * DAY), ..embargoed }),
        (refused_to_c, Question { deed: Deed::Keep, consent: Consented::Yes, ..refused_to_c }),
        (
            Question { deed: Deed::Keep, ..refused_to_c },
            Question { deed: Deed::Keep, consent: Consented::Yes, ..refused_to_c },
        ),
    ];
    let judge = members(&region[0]).await;
    for (one, other) in pairs {
        let mut fresh = Vec::new();
        for question in [&one, &other] {
            fresh.push(members(&region[0]).await.decide(question));
        }
        assert_ne!(fresh[0], fresh[1], "{one:?} {other:?}");
        for _ in 0..2 {
            assert_eq!([judge.decide(&one), judge.decide(&other)], fresh[..], "{one:?} {other:?}");
            assert_eq!(judge.decide(&other), fresh[1], "asked again");
        }
    }
}

#[tokio::test]
async fn narrowings_may_come_in_any_order() {
    let region = Region::of(&["a", "b"]).await;
    let judge = members(&region[0]).await;
    let by = Originator::Member(theirs(id(&region[0]).await));
    let lines = [
        Rules::marked(Some(TlpLevel::Green), by.clone()).to_string(),
        Rules::marked(Some(TlpLevel::Amber), by.clone()).controlled().to_string(),
        Rules::marked(None, by).retained(START).to_string(),
        "no rules".to_owned(),
    ];
    let closed = Rules::closed().to_string();
    for one in &lines[..3] {
        assert_eq!(judge.meet(one, one), *one);
        assert_eq!(
            (judge.meet(one, &lines[3]), judge.meet(&lines[3], one)),
            (closed.clone(), closed.clone())
        );
        for two in &lines {
            assert_eq!(judge.meet(one, two), judge.meet(two, one));
            for three in &lines {
                assert_eq!(
                    judge.meet(&judge.meet(one, two), three),
                    judge.meet(one, &judge.meet(two, three))
                );
            }
        }
    }
}

#[tokio::test]
async fn rules_travel_in_words_that_hold_everywhere() {
    let region = Region::of(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let eve = b.bench.user("eve", Role::Analyst).await.user;
    let (me, them) = (theirs(id(a).await), theirs(id(b).await));
    let ann = a.bench.user("ann", Role::Analyst).await.user;
    let there = |of, name: &str| Person::There(of, name.into());
    let gone = Person::Here(UserNo(4_711));
    let named = [Person::Here(ann), there(them, "eve"), there(them, "nobody"), gone];
    let audience = named.clone().map(Addressee::Person).into_iter().chain([Addressee::Member(them)]);
    let rules =
        Rules::marked(Some(TlpLevel::Red), Originator::Here).to(Audience::only(audience)).naming(named);

    let abroad = rules.told_by(me);
    assert_eq!(abroad.originator(), &Originator::Member(me));
    let told = [there(them, "eve"), there(them, "nobody")];
    assert_eq!(abroad.named(), Some(&told.into()), "its own people are its own affair");
    assert!(!abroad.to_string().replace("there:", "").contains("here"), "{abroad}");
    let at_home = b.node().rules_at_home(&abroad).await.unwrap().unwrap();
    assert_eq!(at_home.named(), Some(&[Person::Here(eve)].into()));
    assert!(at_home.audience().holds(|one| *one == Addressee::Person(Person::Here(eve))));
    assert_eq!(a.node().rules_at_home(&abroad).await.unwrap().unwrap().originator(), &Originator::Member(me));
    // Numbers of another node mean nobody here.
    let crude = b.node().rules_at_home(&rules).await.unwrap().unwrap();
    assert_eq!((crude.originator(), crude.named()), (&Originator::Nobody, Some(&[Person::Here(eve)].into())));
    assert!(Seat::new(9).await.node().rules_at_home(&rules).await.unwrap().is_none());
}
