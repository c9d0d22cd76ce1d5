//! Two and more nodes of one community, with messages carried by hand.

use base::Micros;
use base::signed::Signed;
use base::signing::{Signer, SigningKey};
use community::{History, MemberId, QuorumRule, Word};
use handling::{Principal, Role};
use node::{CommunityError, FoundRequest, JoinAsk, NewCircle, Node, PAPERS_TYPE, RoadError};

use crate::{Bench, START};

pub(crate) const DAY: i64 = 86_400 * Micros::SECOND;

/// A node with its operator.
pub(crate) struct Seat {
    pub(crate) bench: Bench,
    pub(crate) who: Principal,
}

impl Seat {
    pub(crate) async fn new(seed: u64) -> Self {
        let (bench, _) = Bench::seeded(seed).await;
        let who = bench.operator().await;
        Self { bench, who }
    }

    pub(crate) fn node(&self) -> &Node {
        &self.bench.node
    }

    pub(crate) async fn id(&self) -> MemberId {
        self.node().community(&self.who).await.unwrap().me.parse().unwrap()
    }

    async fn hash(&self) -> String {
        self.node().community(&self.who).await.unwrap().state_hash
    }
}

pub(crate) fn ask(slug: &str) -> JoinAsk {
    JoinAsk {
        name: slug.into(),
        names: std::collections::BTreeMap::default(),
        slug: slug.into(),
        kind: "cert".into(),
        endpoint: format!("http://{slug}.invalid"),
    }
}

/// Carries questions and answers between two nodes until neither lacks anything.
pub(crate) async fn meet(one: &Seat, other: &Seat) -> Result<(), CommunityError> {
    let to = other.id().await;
    let mut theirs = None;
    for _ in 0..20 {
        let question = one.node().papers_question(to, theirs.as_ref()).await?;
        let answer = other.node().papers_answer(&question, None).await?;
        let taken = one.node().take_papers(to, (&question, theirs.as_ref()), &answer).await?;
        if !taken.more {
            return Ok(());
        }
        theirs = Some(taken.have);
    }
    panic!("two nodes go on for ever");
}

/// Two nodes in one community, and a third that has not joined.
async fn pair() -> (Seat, Seat, Seat) {
    let (a, b, c) = (Seat::new(1).await, Seat::new(2).await, Seat::new(3).await);
    let request = FoundRequest { name: "Region".into(), quorum: QuorumRule::AllButOne, member: ask("a") };
    a.node().found_community(&a.who, request).await.unwrap();
    join(&a, &b, "b").await;
    a.node().say(&a.who, "b", Word::Approve).await.unwrap();
    meet(&a, &b).await.unwrap();
    assert_eq!(a.hash().await, b.hash().await);
    (a, b, c)
}

pub(crate) async fn join(a: &Seat, newcomer: &Seat, slug: &str) {
    let anchor = a.node().community_anchor(&a.who).await.unwrap();
    newcomer.node().join_community(&newcomer.who, &anchor, &ask(slug)).await.unwrap();
    meet(newcomer, a).await.unwrap();
}

#[tokio::test]
async fn a_newcomer_is_told_nothing_until_it_is_let_in() {
    let (a, b, c) = pair().await;
    join(&a, &c, "c").await;
    let shown = c.node().community(&c.who).await.unwrap();
    assert_eq!((shown.status, shown.members.len(), shown.epoch), ("pending", 1, 0), "the founding alone");
    let pending = a.node().pending(&a.who).await.unwrap();
    assert_eq!((pending[0].slug.as_deref(), pending[0].needed), (Some("c"), 2));
    a.node().say(&a.who, "c", Word::Approve).await.unwrap();
    meet(&a, &b).await.unwrap();
    b.node().say(&b.who, "c", Word::Approve).await.unwrap();
    meet(&b, &a).await.unwrap();
    meet(&c, &a).await.unwrap();
    let hashes = [a.hash().await, b.hash().await, c.hash().await];
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
    assert!(a.node().pending(&a.who).await.unwrap().is_empty());
}

#[tokio::test]
async fn messages_from_strangers_for_others_and_of_other_times_are_refused() {
    let (a, b, c) = pair().await;
    let to = a.id().await;
    let question = b.node().papers_question(to, None).await.unwrap();
    let before = a.hash().await;

    // Twice does no more than once.
    let first = a.node().papers_answer(&question, None).await.unwrap();
    let second = a.node().papers_answer(&question, None).await.unwrap();
    assert_eq!(first, second);
    // For somebody else, or answering something else.
    assert!(matches!(b.node().papers_answer(&question, None).await, Err(CommunityError::Misdirected)));
    assert!(matches!(c.node().papers_answer(&question, None).await, Err(CommunityError::None)));
    let other = b.node().papers_question(to, Some(&node::Have::new())).await.unwrap();
    let taken = b.node().take_papers(to, (&other, None), &first).await;
    assert!(matches!(taken, Err(CommunityError::Misdirected)));
    // Signed by another key, by two, by nobody, or as another kind of statement.
    let payload = Signed::parse(&question).unwrap().unverified_payload().to_vec();
    let thief = SigningKey::from_seed(&[9; 32]);
    let forged = Signed::sign(PAPERS_TYPE, payload.clone(), &thief).unwrap();
    let mut both = Signed::parse(&question).unwrap();
    both.add(&thief).unwrap();
    let bare = Signed::unsigned(PAPERS_TYPE, payload.clone()).unwrap();
    for bad in [forged, both, bare] {
        let refused = a.node().papers_answer(bad.to_json().as_bytes(), None).await.unwrap_err();
        assert_eq!(refused.code(), "exchange-stranger");
    }
    let otherwise = Signed::sign("application/json", payload, &thief).unwrap();
    let refused = a.node().papers_answer(otherwise.to_json().as_bytes(), None).await.unwrap_err();
    assert_eq!(refused.code(), "registry-payload-type");
    // More than a day ago, or ahead.
    a.bench.clock.set(START.plus(2 * DAY));
    assert!(matches!(a.node().papers_answer(&question, None).await, Err(CommunityError::ClockApart)));
    a.bench.clock.set(START.plus(DAY));
    assert!(a.node().papers_answer(&question, None).await.is_ok(), "a day is borne");
    assert_eq!(a.hash().await, before);
}

#[tokio::test]
async fn a_circle_goes_to_its_members_and_to_nobody_else() {
    let (a, b, c) = pair().await;
    join(&a, &c, "c").await;
    for (one, other) in [(&a, &b), (&b, &a)] {
        one.node().say(&one.who, "c", Word::Approve).await.unwrap();
        meet(one, other).await.unwrap();
    }
    meet(&c, &a).await.unwrap();
    let new = NewCircle { name: "banks".into(), members: vec!["b".into()], sector: None };
    let made = a.node().create_circle(&a.who, new).await.unwrap();
    assert_eq!(
        (made.undelivered.clone(), made.members.clone()),
        (vec!["b".to_owned()], vec!["a".to_owned(), "b".into()])
    );
    let to_c = a.node().papers_question(c.id().await, None).await.unwrap();
    let payload = String::from_utf8(Signed::parse(&to_c).unwrap().unverified_payload().to_vec()).unwrap();
    assert!(payload.contains("\"circles\":[]"), "{payload}");
    meet(&a, &b).await.unwrap();
    meet(&a, &b).await.unwrap();
    assert!(a.node().circles(&a.who).await.unwrap()[0].undelivered.is_empty());
    assert_eq!(b.node().circles(&b.who).await.unwrap()[0].id, made.id);
    let names = ["c".to_owned()];
    let refused = b.node().add_to_circle(&b.who, "banks", &names, History::All).await.unwrap_err();
    assert_eq!(refused.code(), "circle-unknown", "only its owner changes it");
    for (name, code) in [("c", "not-in-circle"), ("a", "circle-owner"), ("nobody", "member-unknown")] {
        let refused = a.node().remove_from_circle(&a.who, "banks", &[name.to_owned()]).await.unwrap_err();
        assert_eq!(refused.code(), code);
    }
    let auditor = b.bench.user("eye", Role::Auditor).await;
    assert_eq!(b.node().circles(&auditor).await.unwrap_err().code(), "role-missing");
    a.node().remove_from_circle(&a.who, "banks", &["b".to_owned()]).await.unwrap();
    meet(&a, &b).await.unwrap();
    assert!(b.node().circles(&b.who).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_administrators_act_and_a_node_belongs_to_one_community() {
    let (a, b, c) = pair().await;
    let reader = a.bench.user("ann", Role::Analyst).await;
    assert!(a.node().community(&reader).await.is_ok());
    assert_eq!(a.node().withdraw(&reader).await.unwrap_err().code(), "role-missing");
    assert_eq!(a.node().say(&reader, "b", Word::Approve).await.unwrap_err().code(), "role-missing");
    assert_eq!(c.node().community(&c.who).await.unwrap_err().code(), "community-none");
    let anchor = a.node().community_anchor(&a.who).await.unwrap();
    let again = b.node().join_community(&b.who, &anchor, &ask("b")).await;
    assert_eq!(again.unwrap_err().code(), "community-already");
    let taken = c.node().join_community(&c.who, &anchor, &ask("a")).await;
    assert_eq!(taken.unwrap_err().code(), "slug-taken", "the founder's slug stands in the anchor");
    assert_eq!(a.node().say(&a.who, "nobody", Word::Approve).await.unwrap_err().code(), "nothing-pending");
}

#[tokio::test]
async fn a_rotated_key_is_taken_up_by_the_others() {
    let (a, b, _) = pair().await;
    let before = b.node().member_key().await.unwrap();
    b.node().rotate_key(&b.who).await.unwrap();
    assert_ne!(b.node().member_key().await.unwrap(), before);
    meet(&b, &a).await.unwrap();
    meet(&a, &b).await.unwrap();
    assert_eq!(a.hash().await, b.hash().await);
    let shown = a.node().community(&a.who).await.unwrap();
    let key = b.node().member_key().await.unwrap().to_string();
    assert_eq!(shown.members.iter().find(|one| one.slug == "b").unwrap().key, key);
}

#[tokio::test]
async fn a_recovery_takes_effect_seven_days_after_the_others_have_noted_it() {
    let (a, b) = (Seat::new(1).await, Seat::new(2).await);
    let recovery = SigningKey::from_seed(&[42; 32]);
    b.node().recover_with(&recovery.public_key()).await.unwrap();
    let request = FoundRequest { name: "Region".into(), quorum: QuorumRule::AllButOne, member: ask("a") };
    a.node().found_community(&a.who, request).await.unwrap();
    join(&a, &b, "b").await;
    a.node().say(&a.who, "b", Word::Approve).await.unwrap();
    meet(&a, &b).await.unwrap();

    let before = b.node().member_key().await.unwrap();
    let draft = b.node().recovery_draft(&b.who).await.unwrap();
    assert_eq!(b.node().recovery_draft(&b.who).await.unwrap(), draft, "no key is made in vain");
    let bare = b.node().recover_key(&b.who, &draft).await.unwrap_err();
    assert_eq!(bare.code(), "registry-signature-missing");
    let mut entry = community::Entry::parse(draft.as_bytes()).unwrap();
    entry.sign(&recovery).unwrap();
    b.node().recover_key(&b.who, &entry.to_json()).await.unwrap();
    for _ in 0..3 {
        meet(&b, &a).await.unwrap();
        meet(&a, &b).await.unwrap();
    }
    let due = |view: node::CommunityView| {
        view.members.iter().find(|member| member.slug == "b").unwrap().key_recovered_us
    };
    let noted = due(a.node().community(&a.who).await.unwrap());
    assert_eq!(noted, Some(START.plus(7 * DAY).0), "both have noted it by themselves");
    assert_eq!(b.node().member_key().await.unwrap(), before);
    for seat in [&a, &b] {
        seat.bench.clock.set(START.plus(7 * DAY));
    }
    assert_ne!(b.node().member_key().await.unwrap(), before);
    let refused = b.node().cancel_recovery(&b.who).await.unwrap_err();
    assert_eq!(refused.code(), "recovery-none", "it has taken effect");
    meet(&b, &a).await.unwrap();
    assert_eq!(a.hash().await, b.hash().await);
}

/// Who recovered its key is not known by the new one where that was not noted yet. It calls, and brings what shows it.
#[tokio::test]
async fn a_member_that_recovered_its_key_is_known_by_it_once_it_has_called() {
    let mut region = crate::peers::Region::of(&["a"]).await;
    let recovery = SigningKey::from_seed(&[42; 32]);
    for (seed, slug) in [(2, "b"), (3, "c"), (4, "d")] {
        let newcomer = Seat::new(seed).await;
        if slug == "b" {
            newcomer.node().recover_with(&recovery.public_key()).await.unwrap();
        }
        join(&region.0[0], &newcomer, slug).await;
        region.0.push(newcomer);
        region.decide(slug).await;
    }
    let [a, b, c, d] = [0, 1, 2, 3].map(|at| &region.0[at]);
    // D is away while the others note the recovery.
    let mut entry =
        community::Entry::parse(b.node().recovery_draft(&b.who).await.unwrap().as_bytes()).unwrap();
    entry.sign(&recovery).unwrap();
    b.node().recover_key(&b.who, &entry.to_json()).await.unwrap();
    let before = b.node().member_key().await.unwrap();
    for _ in 0..4 {
        for (one, other) in [(b, a), (b, c), (a, c)] {
            meet(one, other).await.unwrap();
        }
    }
    for seat in &region.0 {
        seat.bench.clock.set(START.plus(7 * DAY));
    }
    meet(b, a).await.unwrap();
    assert_ne!(b.node().member_key().await.unwrap(), before, "it has taken effect");
    let known = async || {
        let shown = d.node().community(&d.who).await.unwrap();
        shown.members.into_iter().find(|one| one.slug == "b").unwrap().key
    };
    // What its node shows on a road without the old key is a stranger's to D, whichever of them dials.
    b.node().hold_certificate().await.unwrap();
    let (me, to, shown) = (d.id().await, b.id().await, b.node().identity().unwrap());
    let chain = [shown.chain[0].as_slice()];
    assert_eq!(d.node().answers_for(to, &chain), Err(RoadError::Unknown));
    assert_eq!(d.node().caller_of(&chain).await.unwrap(), Err(RoadError::Unknown));
    assert_eq!(known().await, before.to_string());
    // It calls and brings its papers, which prove themselves, to the one door that hears whom it cannot tell.
    let question = b.node().papers_question(me, Some(&node::Have::new())).await.unwrap();
    let payload = Signed::parse(&question).unwrap().unverified_payload().to_vec();
    let forged = Signed::sign(PAPERS_TYPE, payload, &SigningKey::from_seed(&[9; 32])).unwrap();
    let refused = d.node().papers_answer(forged.to_json().as_bytes(), None).await.unwrap_err();
    assert_eq!((refused.code(), known().await), ("exchange-stranger", before.to_string()));
    let answer = d.node().papers_answer(&question, None).await.unwrap();
    b.node().take_papers(me, (&question, None), &answer).await.unwrap();
    assert_eq!(known().await, b.node().member_key().await.unwrap().to_string());
    assert_eq!(d.node().answers_for(to, &chain), Ok(()));
    assert_eq!(d.node().caller_of(&chain).await.unwrap(), Ok(to));
    meet(d, b).await.unwrap();
    assert_eq!(d.hash().await, b.hash().await);
}

/// Whoever was away when it was put aside is told by the first member it asks: the decision, and nothing of what came after.
#[tokio::test]
async fn who_was_put_aside_while_away_is_told_so() {
    let region = crate::peers::Region::of(&["a", "b", "c", "d"]).await;
    let (a, d) = (&region[0], &region[3]);
    let others = [&region[0], &region[1], &region[2]];
    let decide = async |slug: &str| {
        for _ in 0..3 {
            for seat in &others[1..] {
                // Whoever is put aside is answered no more.
                let _ = meet(seat, a).await;
                let _ = seat.node().say(&seat.who, slug, Word::Approve).await;
                let _ = meet(seat, a).await;
            }
        }
    };
    a.node().propose(&a.who, "d", Some("silent".to_owned())).await.unwrap();
    decide("d").await;
    let aside = a.node().community(&a.who).await.unwrap().epoch;
    a.node().propose(&a.who, "c", Some("silent too".to_owned())).await.unwrap();
    let _ = region[1].node().say(&region[1].who, "c", Word::Approve).await;
    decide("c").await;
    assert!(a.node().community(&a.who).await.unwrap().epoch > aside, "something was decided since");
    assert_eq!(d.node().community(&d.who).await.unwrap().status, "member");
    let doctor = async || {
        let checks = d.node().doctor(&d.who, node::Depth::Quick).await.unwrap();
        checks.into_iter().find(|check| check.name == "member").unwrap()
    };
    assert!(doctor().await.ok);
    // It is told, and refused once it knows.
    assert!(meet(d, a).await.is_err());
    let shown = d.node().community(&d.who).await.unwrap();
    assert_eq!((shown.status, shown.epoch), ("suspended", aside));
    let told = doctor().await;
    assert!(!told.ok && told.detail.contains("suspended"), "{}", told.detail);
}

/// Two propose the same without knowing of each other: what was decided by one overtakes the other, which nobody can complete once the
/// member is back.
#[tokio::test]
async fn a_second_proposal_does_not_outlive_what_was_decided() {
    let region = crate::peers::Region::of(&["a", "b", "c", "d"]).await;
    let pending = async |seat: &Seat| seat.node().pending(&seat.who).await.unwrap();
    let later = |seconds: i64| {
        for seat in &region.0 {
            seat.bench.clock.advance(seconds * Micros::SECOND);
        }
    };
    for at in 0..2 {
        later(10);
        region[at].node().propose(&region[at].who, "d", Some("silent".to_owned())).await.unwrap();
    }
    region.gather().await;
    let two = pending(&region[0]).await;
    assert_eq!(two.len(), 2);
    later(10);
    for seat in &region.0[..3] {
        let _ = seat.node().say(&seat.who, &two[0].subject, Word::Approve).await;
        region.gather().await;
    }
    for seat in &region.0[..3] {
        assert!(pending(seat).await.is_empty(), "the other is overtaken");
        assert!(seat.node().say(&seat.who, &two[1].subject, Word::Approve).await.is_err());
    }
    later(10);
    region[0].node().propose(&region[0].who, "d", None).await.unwrap();
    region.decide("d").await;
    let shown = region[0].node().community(&region[0].who).await.unwrap();
    let d = shown.members.iter().find(|member| member.slug == "d").unwrap();
    assert_eq!((d.status, pending(&region[0]).await.len()), ("active", 0));
}

/// Who asks again is asked about once, on every node alike: the last request counts, and none of before is in its way, whatever was said of
/// that. Who is in is asked about no more.
#[tokio::test]
async fn the_last_request_of_a_member_is_the_one_that_counts() {
    let (a, b, c) = pair().await;
    let pending = async |seat: &Seat| seat.node().pending(&seat.who).await.unwrap();
    let later = || {
        for seat in [&a, &b, &c] {
            seat.bench.clock.advance(Micros::SECOND);
        }
    };
    join(&a, &c, "c").await;
    let first = pending(&a).await[0].subject.clone();
    let said = a.node().say(&a.who, "c", Word::Refuse).await.unwrap();
    assert!(said.decided && pending(&a).await.is_empty(), "with two voters one refusal is enough");
    meet(&b, &a).await.unwrap();
    let heard = pending(&b).await;
    assert_eq!(
        (heard.len(), heard[0].refusals),
        (1, 1),
        "B has said nothing yet, and sees that A is against it"
    );
    for _ in 0..2 {
        later();
        join(&a, &c, "c").await;
    }
    meet(&b, &a).await.unwrap();
    for seat in [&a, &b] {
        let pending = pending(seat).await;
        assert_eq!((pending.len(), pending[0].approvals, pending[0].refusals), (1, 0, 0));
        assert_ne!(pending[0].subject, first);
    }
    later();
    let refused = b.node().say(&b.who, &first, Word::Approve).await.unwrap_err();
    assert_eq!(refused.code(), "nothing-pending", "nobody is let in by what it asks otherwise by now");
    for seat in [&a, &b] {
        seat.node().say(&seat.who, "c", Word::Approve).await.unwrap();
        meet(&b, &a).await.unwrap();
    }
    meet(&c, &a).await.unwrap();
    assert_eq!(c.node().community(&c.who).await.unwrap().status, "member");
    for seat in [&a, &b] {
        assert!(pending(seat).await.is_empty());
        let refused = seat.node().say(&seat.who, "c", Word::Approve).await.unwrap_err();
        assert_eq!(refused.code(), "nothing-pending");
    }
}

/// What `doctor` says of clocks: whether they agree, and in what words.
pub(crate) async fn clocks(seat: &Seat) -> (bool, String) {
    let checks = seat.node().doctor(&seat.who, node::Depth::Quick).await.unwrap();
    let check = checks.into_iter().find(|check| check.name == "clock-skew").unwrap();
    (check.ok, check.detail)
}

/// Who asks to be let in by a clock that is wrong by more than a day is told so, and by how much; once it is right the request is made anew
/// where the members would not take the first, and goes through.
#[tokio::test]
async fn a_request_by_a_wrong_clock_is_told_and_made_anew_by_the_right_one() {
    for (off, far) in [(3, "3 days behind"), (365, "365 days behind"), (-2, "2 days ahead of")] {
        let (a, b, c) = pair().await;
        let door = a.id().await;
        let anchor = a.node().community_anchor(&a.who).await.unwrap();
        c.bench.clock.set(START.plus(off * DAY));
        c.node().join_community(&c.who, &anchor, &ask("c")).await.unwrap();
        let question = c.node().papers_question(door, None).await.unwrap();
        let refused = a.node().papers_answer(&question, None).await.unwrap_err();
        let answer = format!(r#"{{"code":"{}","clock_us":{}}}"#, refused.code(), START.0);
        c.node().papers_refused(door, answer.as_bytes()).await.unwrap();
        let shown = c.node().community(&c.who).await.unwrap();
        let told = (shown.refused, shown.refused_clock_ahead_s);
        assert_eq!(told, (Some("exchange-clock-apart"), Some(-off * 86_400)));
        let (agree, detail) = clocks(&c).await;
        assert!(!agree && detail.contains(far), "{off} {detail}");
        assert!(a.node().pending(&a.who).await.unwrap().is_empty());

        c.bench.clock.set(START);
        meet(&c, &a).await.unwrap();
        assert_eq!(c.node().community(&c.who).await.unwrap().refused, None);
        assert!(clocks(&c).await.0);
        meet(&a, &b).await.unwrap();
        for seat in [&a, &b] {
            seat.node().say(&seat.who, "c", Word::Approve).await.unwrap();
            meet(&a, &b).await.unwrap();
        }
        meet(&c, &a).await.unwrap();
        assert_eq!(c.node().community(&c.who).await.unwrap().status, "member", "{off}");
        // What was taken is not made anew: words on it would be lost.
        assert_eq!(a.hash().await, c.hash().await);
    }
    // One that is so far behind that by it the time for a request was over before the community was founded makes none.
    let (a, _, c) = pair().await;
    let anchor = a.node().community_anchor(&a.who).await.unwrap();
    c.bench.clock.set(START.plus(-31 * DAY));
    let refused = c.node().join_community(&c.who, &anchor, &ask("c")).await.unwrap_err();
    assert!(refused.to_string().contains("clock that is behind"), "{refused}");
    assert_eq!(refused.code(), "request-expired");
}

/// Who is alone with a vote cannot put it away, since nobody could give it back. Notice runs for who is suspended, too, and is shown.
#[tokio::test]
async fn the_only_vote_is_not_put_aside_and_notice_runs_for_the_suspended() {
    let (a, b, _) = pair().await;
    a.node().propose(&a.who, "b", Some("silent".to_owned())).await.unwrap();
    meet(&a, &b).await.unwrap();
    b.node().say(&b.who, "b", Word::Approve).await.unwrap();
    for _ in 0..3 {
        let _ = meet(&b, &a).await;
        let _ = meet(&a, &b).await;
    }
    let status_of = async |seat: &Seat, slug: &str| {
        let shown = seat.node().community(&seat.who).await.unwrap();
        let member = shown.members.into_iter().find(|member| member.slug == slug).unwrap();
        (member.status, member.leaves_us)
    };
    assert_eq!(status_of(&b, "b").await, ("suspended", None));
    b.node().withdraw(&b.who).await.unwrap();
    assert_eq!(status_of(&b, "b").await, ("suspended", Some(START.plus(90 * DAY).0)));

    assert_eq!(status_of(&a, "b").await.0, "suspended");
    let refused = a.node().propose(&a.who, "a", Some(String::new())).await.unwrap_err();
    assert_eq!(refused.code(), "last-vote");
    assert_eq!(status_of(&a, "a").await, ("active", None));
    assert!(a.node().pending(&a.who).await.unwrap().is_empty(), "nothing was proposed");
}
