//! Handling between members: four nodes of one community, with addressees by name, circles, and members that come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::signing::{KeyId, PublicKey, Signer, SigningKey};
use base::{Rng, SeededRng};
use bytes::Bytes;
use community::{History, QuorumRule, Word};
use handling::{
    Access, Action, Addressee, Audience, CircleId, MemberId, Originator, Principal, Role, Rules, Scope,
};
use ledger::proof_file::{MemberKeys, ProofFileError};
use node::{AcceptRequest, CircleView, FoundRequest, KeepStatus, NewCircle, Node, Options, SimulateRequest};
use stix::TlpLevel;
use store::{Batch, Entry, Objects};

use crate::community::{DAY, Seat, ask, join, meet};
use crate::{RW, START, indicator};

const ID: &str = "indicator--00000000-0000-4000-8000-000000000001";

/// Members of one community that know everything of each other.
pub(crate) struct Region(pub(crate) Vec<Seat>);

impl Region {
    pub(crate) async fn of(slugs: &[&str]) -> Self {
        let founder = Seat::new(1).await;
        let request =
            FoundRequest { name: "Region".into(), quorum: QuorumRule::AllButOne, member: ask(slugs[0]) };
        founder.node().found_community(&founder.who, request).await.unwrap();
        let mut region = Self(vec![founder]);
        for (seed, slug) in (2..).zip(&slugs[1..]) {
            let newcomer = Seat::new(seed).await;
            join(&region.0[0], &newcomer, slug).await;
            region.0.push(newcomer);
            region.decide(slug).await;
        }
        region
    }

    /// Everybody approves what is about a member, until everybody knows that it is decided.
    pub(crate) async fn decide(&self, slug: &str) {
        for _ in 0..3 {
            self.gather().await;
            for seat in &self.0 {
                // Some have said their word, some have no vote.
                let _ = seat.node().say(&seat.who, slug, Word::Approve).await;
            }
        }
        self.gather().await;
    }

    pub(crate) async fn gather(&self) {
        for _ in 0..2 {
            for seat in &self.0[1..] {
                let _ = meet(seat, &self.0[0]).await;
            }
        }
    }

    pub(crate) async fn circle(&self, name: &str, members: &[&str]) -> CircleView {
        let members = members.iter().map(|name| (*name).to_owned()).collect();
        let new = NewCircle { name: name.into(), members, sector: None };
        let made = self.0[0].node().create_circle(&self.0[0].who, new).await.unwrap();
        self.gather().await;
        made
    }
}

impl std::ops::Index<usize> for Region {
    type Output = Seat;

    fn index(&self, at: usize) -> &Seat {
        &self.0[at]
    }
}

fn to(names: &[&str]) -> Options {
    Options { to: names.iter().map(|name| (*name).to_owned()).collect(), ..Options::default() }
}

async fn bring(seat: &Seat, options: Options) -> Result<(), node::AcceptError> {
    bring_as(seat.node(), &seat.who, options).await
}

async fn bring_as(node: &Node, who: &Principal, options: Options) -> Result<(), node::AcceptError> {
    let objects = vec![Bytes::from(indicator(1, "[url:value = 'http://a.example/']", ""))];
    let request = AcceptRequest { collection: "inbox", objects, options, status: KeepStatus::No };
    let accepted = node.accept(who, request).await?;
    let receipt = &accepted.receipts[0];
    assert!(receipt.reason.is_none() || receipt.handling == Some(node::Handled::Given), "{receipt:?}");
    // Who is in a circle is told nobody who may not know it.
    let told = receipt.reason.iter().any(|reason| reason.contains("quiet-c"));
    assert!(!told, "{receipt:?}");
    Ok(())
}

/// What `why` says of the object for somebody.
async fn why(seat: &Seat, recipient: &str) -> (&'static str, &'static str) {
    let judged = seat.node().why(&seat.who, (ID, None), recipient, None).await.unwrap().into_inner();
    (judged.decision, judged.rule)
}

/// What `simulate` says of an object under these options for somebody.
async fn foretold(seat: &Seat, options: Options, recipient: &str) -> (&'static str, &'static str) {
    let bytes = Bytes::from(indicator(2, "[url:value = 'http://b.example/']", ""));
    let request = SimulateRequest { collection: "inbox", bytes, options, recipient, action: None };
    let judged = seat.node().simulate(&seat.who, request).await.unwrap().into_inner().remove(0);
    (judged.decision, judged.rule)
}

async fn shown(seat: &Seat) -> (Vec<Vec<String>>, String) {
    let object = seat.node().object(&seat.who, ID, None).await.unwrap().into_inner();
    let view = seat.node().handling_of(object.tlp, &object.places).await.unwrap();
    (view.to, object.places[0].rules.clone().map(|rules| rules.to_string()).unwrap_or_default())
}

const YES: (&str, &str) = ("allow", "handling-allows");

#[tokio::test]
async fn members_and_circles_are_named_kept_by_their_keys_and_shown_by_name() {
    let region = Region::of(&["a", "b", "c"]).await;
    let banks = region.circle("banks", &["b"]).await;
    let (a, b) = (&region[0], region[1].id().await.to_string());
    bring(a, to(&["b", "banks", "user:root", "user:eve@c"])).await.unwrap();
    let (names, line) = shown(a).await;
    let clause: BTreeSet<String> = names[0].iter().cloned().collect();
    let expected = ["originator", "member:b", "circle:a/banks", "user:root", "user:eve@c"];
    assert_eq!(clause, expected.map(str::to_owned).into());
    assert!(
        line.contains(&format!("member:{b}")) && line.contains(&format!("circle:{}", banks.id)),
        "{line}"
    );
    assert!(!line.contains("banks"), "a name may be used again, a key is not: {line}");
    // What is shown can be typed again, and every way of naming means the same.
    let ids = [b.clone(), format!("member:{b}"), banks.id.clone(), format!("circle:{}", banks.id)];
    let ways = ["b", "member:b", "banks", "a/banks", "circle:banks", "circle:a/banks", "user:eve@c"];
    for name in ways.into_iter().chain(ids.iter().map(String::as_str)) {
        bring(a, to(&[name])).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[tokio::test]
async fn who_is_not_known_is_refused_with_where_was_looked() {
    let region = Region::of(&["a", "b", "c"]).await;
    region.circle("banks", &["b"]).await;
    let (a, strange) = (&region[0], "ab".repeat(32));
    for name in ["cert-x", "member:banks", "circle:b", "b/banks", "user:eve@cert-x", "user:nobody", &strange]
    {
        let error = bring(a, to(&["b", name])).await.unwrap_err();
        let code = if name == "user:nobody" { "user-unknown" } else { "addressee-unknown" };
        assert_eq!(error.code(), code, "{name}");
        let told = error.to_string();
        assert!(
            code == "user-unknown" || (told.contains("\"Region\"") && told.contains("circle list")),
            "{told}"
        );
        let asked = a.node().why(&a.who, (ID, None), name, None).await.unwrap_err();
        assert!(["not-found", code].contains(&asked.code()), "{name}: {}", asked.code());
    }
    // A circle that nobody here knows is nobody until it is known.
    let unknown = format!("circle:{strange}");
    assert_eq!(foretold(a, to(&[&unknown]), "b").await, ("refuse", "audience"));
    assert_eq!(foretold(a, to(&[&unknown]), "user:root").await, YES);
    assert_eq!(foretold(a, to(&[]), &unknown).await, ("refuse", "circle-unresolved"));
    let alone = Seat::new(9).await;
    let error = bring(&alone, to(&["b"])).await.unwrap_err();
    assert!(error.to_string().contains("in no community"), "{error}");
}

/// A level, to whom it is addressed, and whether it reaches each recipient.
type Reached = (&'static str, &'static [&'static str], [Result<(), &'static str>; 8]);

#[tokio::test]
async fn each_level_reaches_whom_it_says() {
    let region = Region::of(&["a", "b", "c", "d"]).await;
    region[0].node().propose(&region[0].who, "d", Some("silent".into())).await.unwrap();
    region.decide("d").await;
    region.circle("banks", &["b"]).await;
    let a = &region[0];
    let (comm, whom) = (Err("tlp-community"), Err("audience"));
    let (strict, red) = (Err("tlp-strict-clients"), Err::<(), _>("tlp-red-persons"));
    let away = Err("member-absent");
    let whoms = ["b", "c", "d", "banks", "client:b", "client:d", "anyone", "user:root"];
    let ok = Ok(());
    let expected: [Reached; 7] = [
        ("clear", &[], [ok, ok, away, ok, ok, ok, ok, ok]),
        ("green", &[], [ok, ok, away, ok, ok, comm, comm, ok]),
        ("amber", &["b"], [ok, whom, whom, ok, ok, whom, whom, ok]),
        ("amber", &["banks"], [ok, whom, whom, ok, ok, whom, whom, ok]),
        ("amber", &["d"], [whom, whom, away, whom, whom, comm, whom, ok]),
        ("amber+strict", &["banks"], [ok, whom, whom, ok, strict, whom, whom, ok]),
        ("red", &["user:eve@b"], [ok, red, red, ok, red, red, red, ok]),
    ];
    for (level, names, answers) in expected {
        for (recipient, answer) in whoms.into_iter().zip(answers) {
            let options = Options { tlp: Some(level.parse().unwrap()), ..to(names) };
            let (decision, rule) = foretold(a, options, recipient).await;
            let told = if decision == "allow" { Ok(()) } else { Err(rule) };
            // Where several rules refuse, the first of them is named.
            assert_eq!(told, answer, "{level} to {names:?} for {recipient}");
        }
    }
    let named = Options { tlp: Some(TlpLevel::Red), ..to(&["b"]) };
    assert_eq!(foretold(a, named, "b").await, ("refuse", red.unwrap_err()), "an organisation is no person");
}

#[tokio::test]
async fn changes_of_the_registry_and_of_circles_take_effect_at_once() {
    let region = Region::of(&["a", "b", "c", "d"]).await;
    region.circle("banks", &["b"]).await;
    let a = &region[0];
    bring(a, Options { tlp: Some(TlpLevel::Amber), ..to(&["banks", "d"]) }).await.unwrap();
    assert_eq!((why(a, "b").await, why(a, "d").await), (YES, YES));
    assert_eq!(why(a, "c").await, ("refuse", "audience"));

    // Who comes to a circle later gets what was shared before only where its owner says so.
    a.bench.clock.set(START.plus(10));
    let names = |name: &str| vec![name.to_owned()];
    a.node().add_to_circle(&a.who, "banks", &names("c"), History::FromNow).await.unwrap();
    assert_eq!(why(a, "c").await, ("refuse", "audience"));
    assert_eq!(foretold(a, to(&["banks"]), "c").await, YES);
    a.node().remove_from_circle(&a.who, "banks", &names("c")).await.unwrap();
    assert_eq!(foretold(a, to(&["banks"]), "c").await, ("refuse", "audience"));
    a.node().add_to_circle(&a.who, "banks", &names("c"), History::All).await.unwrap();
    assert_eq!(why(a, "c").await, YES);
    a.node().remove_from_circle(&a.who, "banks", &names("b")).await.unwrap();
    assert_eq!(why(a, "b").await, ("refuse", "audience"));

    a.node().propose(&a.who, "d", Some("silent".into())).await.unwrap();
    region.decide("d").await;
    assert_eq!(why(a, "d").await, ("refuse", "member-absent"));
    a.node().propose(&a.who, "d", None).await.unwrap();
    region.decide("d").await;
    assert_eq!(why(a, "d").await, YES);

    // A member that has given notice takes part until it runs out, and not a moment longer.
    region[3].node().withdraw(&region[3].who).await.unwrap();
    region.gather().await;
    let end = START.plus(10 + 90 * DAY);
    assert_eq!(why(a, "d").await, YES);
    a.bench.clock.set(end);
    assert_eq!(why(a, "d").await, ("refuse", "member-absent"));
}

#[tokio::test]
async fn a_member_stays_the_same_when_its_key_changes() {
    let region = Region::of(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, Options { tlp: Some(TlpLevel::Amber), ..to(&["b"]) }).await.unwrap();
    let before = (shown(a).await, why(a, "b").await);
    assert_eq!(before.1, YES);
    b.node().rotate_key(&b.who).await.unwrap();
    region.gather().await;
    let key = b.node().member_key().await.unwrap().id().to_string();
    assert_ne!(key, b.id().await.to_string(), "the member has another key now");
    assert_eq!((shown(a).await, why(a, "b").await), before);
    assert_eq!((why(a, &key).await, why(a, &b.id().await.to_string()).await), (YES, YES));
    bring(a, to(&[&key])).await.unwrap();
    assert_eq!(shown(a).await.0, before.0.0, "whichever key it is called by, it is kept by its first");
}

#[tokio::test]
async fn who_is_in_a_circle_is_told_to_nobody_who_may_not_know() {
    let region = Region::of(&["a", "b", "quiet-c", "d"]).await;
    let banks = region.circle("banks", &["quiet-c"]).await;
    let (a, d) = (&region[0], &region[3]);
    // To a member that is not in it, a circle's name is as good as any other.
    let sentence =
        async |name: &str| bring(d, to(&[name])).await.unwrap_err().to_string().replace(name, "NAME");
    assert_eq!(sentence("banks").await, sentence("no-such-circle").await);
    bring(d, to(&[&format!("circle:{}", banks.id)])).await.unwrap();
    for name in ["a", "b", "quiet-c"] {
        let judged = d.node().why(&d.who, (ID, None), name, None).await.unwrap().into_inner();
        assert_eq!((judged.decision, judged.rule), ("refuse", "audience"), "{name}");
        assert!(judged.reasons.iter().all(|reason| !reason.contains("quiet-c")), "{:?}", judged.reasons);
    }
    let judged = d.node().why(&d.who, (ID, None), &banks.id, None).await;
    assert!(judged.is_err(), "an id that is neither a member's nor that of a circle known here");
    // On a member's own node, those who do not read content neither name circles nor learn who is in one.
    a.bench.user("ann", Role::Analyst).await;
    let mut ann = (*a.bench.principal("ann").await).clone();
    ann.scopes = BTreeSet::from([Scope::Write]);
    let blind =
        bring_as(a.node(), &ann, to(&["banks"])).await.unwrap_err().to_string().replace("banks", "NAME");
    let other =
        bring_as(a.node(), &ann, to(&["bonks"])).await.unwrap_err().to_string().replace("bonks", "NAME");
    assert_eq!(blind, other);
    let by_id = format!("circle:{}", banks.id);
    bring_as(a.node(), &ann, to(&[&by_id])).await.unwrap();
    for (options, recipient) in [(to(&[&by_id]), "quiet-c"), (to(&[]), by_id.as_str())] {
        let bytes = Bytes::from(indicator(2, "[url:value = 'http://b.example/']", ""));
        let request = SimulateRequest { collection: "inbox", bytes, options, recipient, action: None };
        let refused = a.node().simulate(&ann, request).await.unwrap_err();
        assert_eq!(refused.code(), "scope-missing");
    }
}

/// Whose key is whose, by the registry of a member that looks on.
struct Keys(community::Snapshot);

impl MemberKeys for Keys {
    fn keys_of(&self, member: &KeyId) -> Option<Vec<PublicKey>> {
        Some(self.0.registry().member(community::MemberId(*member))?.keys_in_force(START))
    }

    fn members(&self) -> Vec<KeyId> {
        self.0.registry().members().map(|member| member.id().0).collect()
    }
}

#[tokio::test]
async fn the_ledger_is_signed_with_the_key_that_the_registry_names() {
    let region = Region::of(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    b.node().recover_with(&SigningKey::from_seed(&[42; 32]).public_key()).await.unwrap();
    let proven = async |number: u32| {
        let objects = vec![Bytes::from(indicator(number, "[url:value = 'http://a.example/']", ""))];
        let (options, status) = (Options::default(), KeepStatus::No);
        let request = AcceptRequest { collection: "inbox", objects, options, status };
        b.node().accept(&b.who, request).await.unwrap();
        let id = format!("indicator--00000000-0000-4000-8000-{number:012}");
        b.node().prove(&b.who, &id, None).await.unwrap()
    };
    let keys = async || {
        let snapshot = a.node().registry_snapshot(&a.who).await.unwrap();
        Keys(community::Snapshot::parse(snapshot.as_bytes()).unwrap())
    };
    let first = proven(1).await;
    // A key that waits for its recovery signs nothing.
    b.node().recovery_draft(&b.who).await.unwrap();
    let second = proven(2).await;
    assert_eq!((first.key, second.key), (b.node().member_key().await.unwrap(), first.key));
    let before = keys().await;
    assert!(first.verify(Some(&before)).is_ok() && second.verify(Some(&before)).is_ok());

    b.node().rotate_key(&b.who).await.unwrap();
    let third = proven(3).await;
    assert_eq!(third.key, b.node().member_key().await.unwrap());
    assert_ne!(third.key, first.key);
    assert!(matches!(third.verify(Some(&before)), Err(ProofFileError::ForeignKey { .. })), "not known yet");
    region.gather().await;
    let after = keys().await;
    for proof in [&first, &second, &third] {
        let proven = proof.verify(Some(&after)).unwrap();
        assert_eq!(proven.act.header().author.to_string(), b.id().await.to_string());
    }
    // The head is the new key's alone; the act says in which community it was done.
    let shown = a.node().community(&a.who).await.unwrap();
    assert_eq!(third.verify(Some(&after)).unwrap().act.header().community, shown.community);
    let head = third.checkpoint.to_string();
    b.node().keep_ledger().await.unwrap();
    assert_eq!(b.node().checkpoint().await.unwrap(), Some(head), "opening again signs nothing");
}

/// What one member's people see of what others addressed to real circles is what the decision says, and what an independent
/// count of memberships says, through every change of the circles and of the registry.
#[tokio::test]
async fn the_query_is_the_decision_with_real_circles() {
    const OBJECTS: u64 = 60;
    let region = Region::of(&["a", "b", "c", "d"]).await;
    let mut circles = Vec::new();
    for (name, members) in
        [("one", &["b"][..]), ("two", &["b", "c"]), ("three", &["c"]), ("four", &["b", "d"])]
    {
        circles.push(region.circle(name, members).await);
    }
    let seat = &region[1];
    seat.bench.user("bob", Role::Reader).await;
    let bob = seat.bench.principal("bob").await;
    let (me, other) = (member(&region[1]).await, member(&region[2]).await);
    let rng = SeededRng::new(20_261_123);
    let mut stated = BTreeMap::new();
    for number in 0..OBJECTS {
        let audience =
            circles.iter().filter(|_| dice(&rng, 3) == 0).map(|circle| Addressee::Circle(id_of(circle)));
        let persons =
            [Addressee::Member(me), Addressee::Member(other)].into_iter().filter(|_| dice(&rng, 6) == 0);
        let audience: Vec<Addressee> = audience.chain(persons).collect();
        let level = TlpLevel::ALL.get(dice(&rng, 4)).copied();
        let rules = Rules::marked(level, Originator::Member(other)).to(Audience::only(audience));
        let more = Rules::marked(level, Originator::Member(other))
            .to(Audience::only([Addressee::Circle(id_of(&circles[1]))]));
        let rules = if dice(&rng, 4) == 0 { rules.meet(&more) } else { rules };
        put(seat, number, &rules).await;
        stated.insert(number, rules);
    }
    let mut outcomes = BTreeSet::new();
    for step in 0..6 {
        change(&region, step).await;
        region.gather().await;
        let view = seat.node().community(&seat.who).await.unwrap();
        let active = view.members.iter().any(|one| one.slug == "b" && one.status == "active");
        assert_eq!(active, step < 4, "step {step}");
        let held = seat.node().circles(&seat.who).await.unwrap();
        let mine: BTreeSet<CircleId> = held.iter().filter(|_| active).map(id_of).collect();
        for (number, rules) in &stated {
            let expected = rules.audience().holds(|one| match one {
                Addressee::Member(member) => *member == me,
                Addressee::Circle(circle) => mine.contains(circle),
                _ => false,
            });
            let id = format!("indicator--00000000-0000-4000-8000-{number:012}");
            let really = seat.node().object(&bob, &id, None).await.is_ok();
            assert_eq!(really, expected, "step {step} {rules}");
            if really {
                let judged = seat.node().why(&bob, (&id, None), "user:bob", Some(Action::See)).await.unwrap();
                assert_eq!(judged.get().decision, "allow", "step {step} {rules}");
            }
            outcomes.insert((step, really));
        }
        let counted = seat.node().figures(&bob).await.unwrap().get().objects;
        let all = stated.keys().map(|number| format!("indicator--00000000-0000-4000-8000-{number:012}"));
        let mut seen = 0;
        for id in all {
            seen += u64::from(seat.node().object(&bob, &id, None).await.is_ok());
        }
        assert_eq!(counted, seen, "step {step}");
    }
    assert!(outcomes.contains(&(0, true)) && outcomes.contains(&(0, false)), "both answers were met");
}

/// What happens to the circles, and to member b, before each look.
async fn change(region: &Region, step: i32) {
    let names = vec!["b".to_owned()];
    let a = &region[0];
    match step {
        1 => drop(a.node().remove_from_circle(&a.who, "one", &names).await.unwrap()),
        2 => drop(a.node().add_to_circle(&a.who, "three", &names, History::All).await.unwrap()),
        3 => drop(a.node().remove_from_circle(&a.who, "two", &names).await.unwrap()),
        4 => {
            a.node().propose(&a.who, "b", Some("silent".into())).await.unwrap();
            // The word of the others reaches b too: it is put aside last of all.
            for _ in 0..3 {
                for at in [2, 3, 1] {
                    let _ = meet(&region[at], a).await;
                    let _ = region[at].node().say(&region[at].who, "b", Word::Approve).await;
                }
            }
        }
        _ => (),
    }
}

async fn member(seat: &Seat) -> MemberId {
    seat.id().await.to_string().parse().unwrap()
}

fn id_of(circle: &CircleView) -> CircleId {
    circle.id.parse().unwrap()
}

fn dice(rng: &SeededRng, sides: u64) -> usize {
    let mut bytes = [0; 8];
    rng.fill(&mut bytes);
    usize::try_from(u64::from_le_bytes(bytes) % sides).unwrap()
}

/// Puts an object under rules that came with it from another member.
async fn put(seat: &Seat, number: u64, rules: &Rules) {
    let bytes = Bytes::from(indicator(
        number.try_into().unwrap(),
        &format!("[url:value = 'http://{number}.example/']"),
        "",
    ));
    let valid = stix::examine(&bytes, stix::Profile::Store).unwrap();
    let mut entry = Entry::from_valid(&valid, bytes.clone());
    entry.rules = Some(rules.clone());
    let who: Arc<Principal> = Arc::new(seat.bench.operator().await);
    let collection = *who.access.iter().find(|(_, access)| **access == RW).unwrap().0;
    let standing = handling::Standing { now: START, home: Some(member(seat).await), ..Default::default() };
    let writer = handling::may_write(&who, collection, &standing).unwrap();
    let batch = Batch { writer, at: START, entries: vec![entry], status: None };
    let landed = seat.bench.store.add(batch).await.unwrap();
    assert!(landed[0].added.is_some());
    assert_eq!(Access { read: true, write: true }, RW);
}

/// Whoever may name a circle takes no name from a member by that: only this member's own people make one unsure that they type.
#[tokio::test]
async fn a_circles_name_takes_none_from_a_member() {
    let mut region = Region::of(&["a", "b"]).await;
    let create = async |seat: &Seat, name: &str, member: &str| {
        let new = NewCircle { name: name.into(), members: vec![member.to_owned()], sector: None };
        seat.node().create_circle(&seat.who, new).await.map_err(|error| error.code())
    };
    let id = "ab".repeat(32);
    let unfit =
        ["a", "a,b", "a/b", "member:b", "eve@b", "anyone", "Automation", &id, "ba\u{200b}nk", "ba\u{a0}nk"];
    for name in unfit {
        assert_eq!(create(&region[1], name, "a").await.unwrap_err(), "circle-name", "{name}");
    }
    create(&region[1], "theirs", "a").await.unwrap();
    create(&region[0], "own", "b").await.unwrap();
    for (seed, slug) in [(7, "theirs"), (8, "own")] {
        let newcomer = Seat::new(seed).await;
        join(&region[0], &newcomer, slug).await;
        region.0.push(newcomer);
        region.decide(slug).await;
    }
    let a = &region[0];
    bring(a, to(&["theirs"])).await.unwrap();
    assert!(shown(a).await.0[0].contains(&"member:theirs".to_owned()));
    bring(a, to(&["b/theirs", "circle:theirs"])).await.unwrap();
    let error = bring(a, to(&["own"])).await.unwrap_err();
    assert_eq!(error.code(), "addressee-ambiguous", "neither the member nor the circle is guessed at");
    bring(a, to(&["member:own", "circle:own"])).await.unwrap();
}

/// What a list says of an object: its level, whether anything marks it, and whose word it is where that is another member's.
#[tokio::test]
async fn a_mark_says_how_something_is_handled_and_by_whose_word() {
    let region = Region::of(&["a", "b"]).await;
    let (me, other) = (member(&region[0]).await, member(&region[1]).await);
    let mark = |tlp: Option<TlpLevel>, rules: Option<Rules>| {
        let place = store::Ruled { collection: handling::CollectionNo(1), rules };
        let mark = region[0].node().mark_of(tlp.map(TlpLevel::number), &[place]);
        (mark.level, mark.unmarked, mark.word)
    };
    let by = |level, member| Some(Rules::marked(level, Originator::Member(member)));
    assert_eq!(mark(None, None), (TlpLevel::AmberStrict, true, None));
    assert_eq!(mark(Some(TlpLevel::Green), None), (TlpLevel::Green, false, None));
    let here = Some(Rules::marked(Some(TlpLevel::Red), Originator::Here));
    assert_eq!(mark(None, here), (TlpLevel::Red, false, None), "as it was put here");
    let theirs = by(Some(TlpLevel::Green), other);
    assert_eq!(mark(Some(TlpLevel::Green), theirs), (TlpLevel::Green, false, Some("b".to_owned())));
    assert_eq!(mark(None, by(None, me)).2, None, "its own member's word comes back");
}
