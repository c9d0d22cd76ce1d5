//! A member that makes more circles than anybody could use, of the others and with its real key: it fills its own place at each of
//! them, and keeps nothing of anybody else's from going.

use base::Micros;
use base::limit::{CIRCLES_MAX, PAPERS_PENDING_BYTES_MAX, PAPERS_VERSIONS_BYTES_MAX};
use base::signed::Signed;
use base::signing::{Signer as _, SigningKey};
use community::{
    Circle, CommunityId, JOIN_REQUEST_TYPE, JoinRequest, MemberId, MemberKind, Names, Statement, Word,
};
use node::NewCircle;
use serde_json::{Value, json};

use crate::START;
use crate::circle_wait::{said, saying};
use crate::community::{Seat, meet};
use crate::peers::Region;

/// A member that signs circles as it likes.
struct Maker<'a> {
    seat: &'a Seat,
    signer: SigningKey,
    community: CommunityId,
    me: MemberId,
}

impl<'a> Maker<'a> {
    async fn of(seat: &'a Seat) -> Self {
        let community = seat.node().community(&seat.who).await.unwrap().community.parse().unwrap();
        Self { seat, signer: seat.node().member_signer().await.unwrap(), community, me: seat.id().await }
    }

    /// A version of a circle of its own with these in it, and with so many whom nobody knows.
    fn circle(&self, name: &str, version: u64, members: &[MemberId], more: u8) -> Value {
        let stranger = |no: u8| MemberId(base::signing::KeyId::from_bytes([no; 32]));
        let members = members.iter().copied().chain((1..=more).map(stranger));
        let first = Circle::first((self.community, self.me), name, members, START).unwrap();
        let signed = Circle { version, ..first }.sign(&self.signer).unwrap();
        serde_json::from_str(&signed.to_json()).unwrap()
    }

    /// Gives a member these, in as many messages as it takes.
    async fn gives(&self, to: &Seat, circles: &[Value]) {
        for some in circles.chunks(40) {
            let question = saying(self.seat, to, ("circles", json!(some))).await;
            to.node().papers_answer(&question, None).await.unwrap();
        }
    }
}

async fn circles(seat: &Seat, owner: &str) -> usize {
    let all = seat.node().circles(&seat.who).await.unwrap();
    all.iter().filter(|circle| circle.owner == owner).count()
}

/// What a member asks another when neither has told anything, and how many bytes that is.
async fn question(from: &Seat, to: &Seat) -> (Value, usize) {
    let question = from.node().papers_question(to.id().await, None).await.unwrap();
    let bytes = Signed::parse(&question).unwrap().unverified_payload().len();
    (said(&question), bytes)
}

async fn status(seat: &Seat, slug: &str) -> String {
    let shown = seat.node().community(&seat.who).await.unwrap();
    shown.members.into_iter().find(|member| member.slug == slug).unwrap().status.to_owned()
}

async fn own_circle(seat: &Seat, name: &str, members: &[&str]) {
    let members = members.iter().map(|name| (*name).to_owned()).collect();
    let new = NewCircle { name: name.into(), members, sector: None };
    seat.node().create_circle(&seat.who, new).await.unwrap();
}

/// As many as one member may keep are taken of it, and one more is not; they count for nobody else, and what two members tell each other
/// of them is a line.
#[tokio::test]
async fn of_one_member_so_many_circles_are_taken_and_no_more() {
    let region = Region::of(&["a", "b", "e"]).await;
    let (a, b, e) = (&region[0], &region[1], Maker::of(&region[2]).await);
    let both = [a.id().await, b.id().await];
    let before = question(a, b).await.1;
    let many: Vec<Value> =
        (0..=CIRCLES_MAX).map(|no| e.circle(&format!("z{no}"), u64::MAX, &both, 0)).collect();
    for seat in [a, b] {
        e.gives(seat, &many).await;
        assert_eq!(circles(seat, "e").await, CIRCLES_MAX);
    }
    let checks = a.node().doctor(&a.who, node::Depth::Quick).await.unwrap();
    let told = checks.iter().find(|check| check.name == "circles").unwrap();
    assert!(!told.ok && told.detail.starts_with("e has 1000 circles"), "{}", told.detail);
    let after = question(a, b).await.1;
    assert!(after < before + 200, "{before} {after}");
    // A later version of one that is held is taken all the same.
    let newer = e.circle("z0", u64::MAX, &both[..1], 0);
    e.gives(b, &[newer]).await;
    assert_eq!(circles(b, "e").await, CIRCLES_MAX, "of one version there is one document");
    // Their versions fit beside everything else, where they have to be told, and what anybody makes goes on.
    own_circle(a, "after", &["b"]).await;
    meet(a, b).await.unwrap();
    meet(a, b).await.unwrap();
    assert_eq!(circles(b, "a").await, 1);
    let told = saying(b, a, ("spread", json!({ e.me.to_string(): "00".repeat(32) }))).await;
    let answer = said(&a.node().papers_answer(&told, None).await.unwrap());
    let versions = answer["spread"][e.me.to_string()].as_object().unwrap();
    assert_eq!(versions.len(), CIRCLES_MAX);
    let bytes = serde_json::to_vec(versions).unwrap().len();
    assert!(bytes > PAPERS_VERSIONS_BYTES_MAX / 2 && bytes <= PAPERS_VERSIONS_BYTES_MAX, "{bytes}");
    assert_eq!(answer["circles"], json!([]), "the digest says that B has some, and not yet which");
}

/// Large circles of one member fill the room of a message, and the circles of others go with the first ones of them.
#[tokio::test]
async fn nobodys_circles_keep_anothers_from_going() {
    let region = Region::of(&["a", "b", "c", "e"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let e = Maker::of(&region[3]).await;
    let (both, of_c) = ([a.id().await, b.id().await], c.id().await);
    let large: Vec<Value> = (0..40).map(|no| e.circle(&format!("z{no}"), 1, &both, 100)).collect();
    e.gives(a, &large).await;
    own_circle(c, "banks", &["a", "b"]).await;
    meet(c, a).await.unwrap();
    // Whose circles come first changes with the second.
    for second in [1, 2] {
        for seat in &region.0 {
            seat.bench.clock.set(START.plus(second * Micros::SECOND));
        }
        let told = b.node().papers_question(a.id().await, None).await.unwrap();
        let given = said(&a.node().papers_answer(&told, None).await.unwrap())["circles"].clone();
        assert!(serde_json::to_vec(&given).unwrap().len() <= PAPERS_PENDING_BYTES_MAX);
        let owner = |circle: &Value| {
            let signed = Signed::parse(circle.to_string().as_bytes()).unwrap();
            Circle::peek(&signed).unwrap().owner
        };
        let owners: Vec<MemberId> = given.as_array().unwrap().iter().map(owner).collect();
        assert!(owners.contains(&of_c) && (2..40).contains(&owners.len()), "{second}");
    }
    meet(b, a).await.unwrap();
    assert_eq!((circles(b, "c").await, circles(b, "e").await), (1, 40), "in the end there are all");
}

/// A request to join by somebody whom nobody knows, with so many bytes that say nothing.
fn request(community: CommunityId, no: u8, padding: usize) -> Value {
    let key = SigningKey::from_seed(&[no; 32]);
    let (names, slug) = (Names::english(&format!("CERT {no}")).unwrap(), format!("x{no}").parse().unwrap());
    let statement = Statement::new(key.public_key(), names, slug, MemberKind::Cert);
    let request = JoinRequest { community, at: START, again: None, statement };
    let mut request = serde_json::to_value(&request).unwrap();
    request["padding"] = json!("x".repeat(padding));
    let signed = Signed::sign(JOIN_REQUEST_TYPE, serde_json::to_vec(&request).unwrap(), &key).unwrap();
    serde_json::from_str(&signed.to_json()).unwrap()
}

/// Requests that each fill half the room of a message keep no other, and no word on one, from going.
#[tokio::test]
async fn nobodys_request_keeps_anothers_from_going() {
    let region = Region::of(&["a", "b", "e"]).await;
    let (a, b, e) = (&region[0], &region[1], Maker::of(&region[2]).await);
    let asked = (1..=12).map(|no| request(e.community, 100 + no, if no <= 4 { 110 << 10 } else { 0 }));
    let asked: Vec<Value> = asked.collect();
    for some in asked.chunks(2) {
        let question = saying(e.seat, a, ("subjects", json!(some))).await;
        a.node().papers_answer(&question, None).await.unwrap();
    }
    a.node().propose(&a.who, "e", Some("floods".to_owned())).await.unwrap();
    let told = said(&a.node().papers_question(b.id().await, None).await.unwrap());
    let (subjects, words) = (told["subjects"].as_array().unwrap(), told["approvals"].as_array().unwrap());
    let sizes: Vec<usize> = subjects.iter().map(|subject| subject.to_string().len()).collect();
    assert_eq!((sizes.len(), words.len()), (8 + 1 + 1, 1), "{sizes:?}");
    assert!(sizes.is_sorted() && sizes.iter().sum::<usize>() <= PAPERS_PENDING_BYTES_MAX, "{sizes:?}");
}

/// Has one member hold the first version of so many circles, with both in them, of which the other holds a second one without the first,
/// and the other way round: each offers the other what it refuses.
async fn told_apart(maker: &Maker<'_>, (a, b): (&Seat, &Seat), (count, more): (usize, u8)) {
    for (one, other) in [(a, b), (b, a)] {
        let [first, second] = [one.id().await, other.id().await];
        let named = |no: usize| format!("{first}-{no}").split_off(40);
        let newer: Vec<Value> = (0..count).map(|no| maker.circle(&named(no), 2, &[second], more)).collect();
        let older: Vec<Value> =
            (0..count).map(|no| maker.circle(&named(no), 1, &[first, second], more)).collect();
        maker.gives(other, &newer).await;
        maker.gives(one, &older).await;
    }
}

/// E has told A and B different things of many circles, which neither of them can know. What A offers B refuses: they come to an end, and
/// decide what there is to be decided.
#[tokio::test]
async fn what_the_other_refuses_is_not_offered_without_end() {
    let region = Region::of(&["a", "b", "c", "e"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let e = Maker::of(&region[3]).await;
    let [of_a, of_b] = [a.id().await, b.id().await];
    told_apart(&e, (a, b), (40, 100)).await;
    assert_eq!((circles(a, "e").await, circles(b, "e").await), (80, 80));
    // Two questions: which they are, and those that are offered.
    let mut theirs = None;
    for more in [true, false] {
        let question = a.node().papers_question(of_b, theirs.as_ref()).await.unwrap();
        assert_eq!(said(&question)["circles"] == json!([]), more);
        let answer = b.node().papers_answer(&question, None).await.unwrap();
        let taken = a.node().take_papers(of_b, (&question, theirs.as_ref()), &answer).await.unwrap();
        assert_eq!(taken.more, more);
        theirs = Some(taken.have);
    }
    // A vote goes with the question that brings circles.
    a.node().propose(&a.who, "e", Some("floods".to_owned())).await.unwrap();
    let offers = a.node().papers_question(of_b, theirs.as_ref()).await.unwrap();
    assert!(said(&offers)["circles"].as_array().unwrap().len() > 1);
    assert_eq!(said(&offers)["subjects"].as_array().unwrap().len(), 1);
    for seat in [b, c] {
        meet(seat, a).await.unwrap();
        seat.node().say(&seat.who, "e", Word::Approve).await.unwrap();
        meet(seat, a).await.unwrap();
    }
    region.gather().await;
    assert_eq!((status(a, "e").await, status(b, "e").await), ("suspended".into(), "suspended".into()));
    // What is by who takes part no more is told nobody, and nobody takes it.
    assert_eq!(question(a, b).await.0["spread"], json!({}));
    let asked = a.node().papers_question(of_b, Some(&node::Have::new())).await.unwrap();
    assert_eq!(said(&asked)["circles"], json!([]));
    let before = circles(c, "e").await;
    let brought = e.circle("late", 1, &[c.id().await, of_a], 0);
    let brings = saying(a, c, ("circles", json!([brought]))).await;
    c.node().papers_answer(&brings, None).await.unwrap();
    assert_eq!(circles(c, "e").await, before);
}

/// Votes have their room before circles have theirs: each question and answer of these is full of circles.
#[tokio::test]
async fn a_decision_goes_however_many_circles_go() {
    let region = Region::of(&["a", "b", "c", "e"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let e = Maker::of(&region[3]).await;
    told_apart(&e, (a, b), (400, 0)).await;
    let (to, mut theirs) = (b.id().await, None);
    let full = |message: &[u8]| said(message)["circles"].as_array().unwrap().len() > 250;
    for round in 0..6 {
        let asked = a.node().papers_question(to, theirs.as_ref()).await.unwrap();
        let answer = b.node().papers_answer(&asked, None).await.unwrap();
        let taken = a.node().take_papers(to, (&asked, theirs.as_ref()), &answer).await.unwrap();
        theirs = Some(taken.have);
        if round == 0 {
            a.node().propose(&a.who, "e", Some("floods".to_owned())).await.unwrap();
            meet(c, a).await.unwrap();
        } else if status(b, "e").await == "active" {
            assert!(full(&asked) && (round == 1 || full(&answer)), "{round}");
            for seat in [b, c] {
                // They have said it, or it is decided.
                let _ = seat.node().say(&seat.who, "e", Word::Approve).await;
            }
            meet(c, a).await.unwrap();
        }
    }
    assert_eq!((status(a, "e").await, status(b, "e").await), ("suspended".into(), "suspended".into()));
}
