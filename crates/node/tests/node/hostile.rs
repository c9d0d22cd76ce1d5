//! A member that lies with its real key: what it signs, sends and shows is refused by its rule or is about its own word alone, and nobody
//! else is the worse for it.

use std::cell::Cell;
use std::collections::BTreeSet;

use base::signed::Signed;
use base::signing::{KeyId, Signer, SigningKey};
use base::{Micros, SeededRng};
use federation::{
    BatchHead, CONSENT_TYPE, Change, Consent, Content, Envelope, HELLO_TYPE, HeadUpdate, Lane, Proof, Route,
    Sealed, Turn, entry_bytes, sign_batch,
};
use handling::{Addressee, Audience, MemberId, Originator, Rules};
use ledger::TreeHash;
use ledger::act::{ACT_TYPE, ActKind, ActObject, Header};
use ledger::checkpoint::{Checkpoint, Origin, SignedCheckpoint};
use ledger::commitment::Salt;
use ledger::evidence::Evidence;
use ledger::note::Note;
use ledger::proof::{TreeHead, prefix, root_at};
use ledger::tile::{Tile, TilePath, Tiles};
use ledger::two_acts::TwoActs;
use node::Members;
use stix::TlpLevel;
use store::Upkeep;

use crate::community::Seat;
use crate::exchange::{ONE, bring, has, meet, peer, region, round, to};
use crate::recovery::{back_up, restored};
use crate::{START, indicator};

const YEAR: i64 = 365 * crate::community::DAY;

/// Who signs with a member's key what its node would not.
pub(crate) struct Hostile {
    pub(crate) member: KeyId,
    signer: SigningKey,
    community: String,
    members: Members,
    rng: SeededRng,
    next: Cell<u64>,
}

/// An act before it is signed, and what goes with it.
struct Draft {
    header: Header,
    payload: Option<(Salt, Vec<u8>)>,
    consents: Vec<Signed>,
    signer: SigningKey,
}

impl Draft {
    fn signed(&self) -> Signed {
        let bytes = serde_json::to_vec(&self.header).unwrap();
        Signed::sign(ACT_TYPE, bytes, &self.signer).unwrap()
    }
}

/// Rules by which an object is for a member.
fn rules(by: KeyId, whom: KeyId) -> String {
    let rules = Rules::marked(Some(TlpLevel::Amber), Originator::Member(MemberId(*by.as_bytes())));
    rules.to(Audience::only([Addressee::Member(MemberId(*whom.as_bytes()))])).to_string()
}

impl Hostile {
    pub(crate) async fn of(seat: &Seat) -> Self {
        let members = seat.node().members().await.unwrap().unwrap();
        let community = seat.node().community(&seat.who).await.unwrap().community.clone();
        let signer = seat.node().member_signer().await.unwrap();
        let member = seat.id().await.0;
        Self { member, signer, community, members, rng: SeededRng::new(66), next: Cell::new(1_000) }
    }

    /// An act of its own, in no ledger, with everything as it should be.
    fn says(&self, kind: ActKind, object: Option<(&str, Option<&str>)>, content: &Content<'_>) -> Draft {
        let salt = Salt::generate(&self.rng);
        let payload = content.to_bytes().unwrap();
        self.next.set(self.next.get() + 1);
        let object = object.map(|(id, version)| ActObject {
            id: id.to_owned(),
            version: version.map(str::to_owned),
            digest: salt.commit(content.object),
        });
        let header = Header {
            suite: self.signer.public_key().suite(),
            kind,
            author: self.member,
            sequence: self.next.get(),
            at: START,
            community: self.community.clone(),
            object,
            handling: Some(salt.commit(content.rules.as_bytes())),
            payload: Some(salt.commit(&payload)),
            addressees: Some(salt.commit_addressees(&BTreeSet::new())),
        };
        let signer = self.signer.clone();
        Draft { header, payload: Some((salt, payload)), consents: Vec::new(), signer }
    }

    /// An object of its own for a member.
    fn gives(&self, kind: ActKind, object: &str, whom: KeyId) -> Draft {
        let read: serde_json::Value = serde_json::from_str(object).unwrap();
        let rules = rules(self.member, whom);
        let content = Content { rules: &rules, object: object.as_bytes(), ..Content::default() };
        let named = (read["id"].as_str().unwrap(), read["modified"].as_str());
        self.says(kind, Some(named), &content)
    }

    /// The same, under a line of rules as it likes it.
    fn gives_under(&self, line: &str, object: &str) -> Draft {
        let read: serde_json::Value = serde_json::from_str(object).unwrap();
        let content = Content { rules: line, object: object.as_bytes(), ..Content::default() };
        let named = (read["id"].as_str().unwrap(), read["modified"].as_str());
        self.says(ActKind::Released, Some(named), &content)
    }

    /// A change to an object that is said to be of an originator.
    fn changes(&self, kind: ActKind, id: &str, originator: KeyId) -> Draft {
        let document =
            serde_json::to_vec(&Change { originator, reason: String::new(), only: false }).unwrap();
        let rules = Rules::closed().to_string();
        self.says(
            kind,
            Some((id, None)),
            &Content { rules: &rules, document: &document, ..Content::default() },
        )
    }

    /// An act that is about no object.
    fn tells(&self, kind: ActKind, document: &[u8]) -> Draft {
        self.says(kind, None, &Content { document, ..Content::default() })
    }

    /// A batch of these, at the places that its recipient expects next.
    async fn batch(&self, seat: &Seat, (from, whom): (KeyId, KeyId), drafts: &[Draft]) -> Sealed {
        let (me, by) = (seat.id().await.0, self.member);
        let cursor = store::looked(&*seat.bench.store, me, move |rows| {
            Ok(rows.peer(&by).unwrap().queue(Lane::Routine).cursor)
        });
        let cursor = cursor.await.unwrap();
        let entries: Vec<Vec<u8>> = (cursor + 1..)
            .zip(drafts)
            .map(|(place, draft)| {
                entry_bytes(&Envelope {
                    from,
                    to: whom,
                    lane: Lane::Routine,
                    place,
                    epoch: 0,
                    act: draft.signed(),
                    payload: draft.payload.clone(),
                    proof: Proof::ToFollow,
                    consents: draft.consents.clone(),
                    life: 0,
                    unknown: Vec::new(),
                })
            })
            .collect();
        let epoch = federation::Directory::epoch(&self.members);
        let plain = sign_batch(&BatchHead { from, to: whom, epoch }, &entries, &self.signer);
        let key = federation::Directory::sealing(&self.members, &me).unwrap();
        Sealed::seal(&self.rng, &key, Route([0; 16]), &plain).unwrap()
    }

    /// Says these acts to a member in a turn of its own. Answers what the member says to it.
    async fn sends(&self, own: &Seat, seat: &Seat, drafts: &[Draft]) -> Turn {
        let batch = self.batch(seat, (self.member, seat.id().await.0), drafts).await;
        self.brings(own, seat, |turn| turn.together = Some(batch)).await
    }

    /// Greets a member, and says what is put beside the greeting.
    async fn brings(&self, own: &Seat, seat: &Seat, put: impl FnOnce(&mut Turn)) -> Turn {
        let first = own.node().turn_first(seat.id().await).await.unwrap();
        let mut turn = Turn::of(Turn::from_bytes(&first).unwrap().hello);
        put(&mut turn);
        Turn::from_bytes(&seat.node().turn_answer(&turn.to_bytes()).await.unwrap()).unwrap()
    }

    /// A head of its ledger as it likes it.
    fn head(&self, leaves: &Leaves, old: u64) -> HeadUpdate {
        let (origin, size) = (Origin::of_member(&self.member), leaves.0.len() as u64);
        let head = TreeHead { size, root: root_at(leaves, size).unwrap() };
        let checkpoint = Checkpoint { origin: origin.clone(), head, extensions: Vec::new() };
        let note = Note::sign(checkpoint.to_string(), origin.key_name().clone(), &self.signer).unwrap();
        let old = old.min(size);
        HeadUpdate {
            origin: self.member,
            note: SignedCheckpoint::from_note(note).unwrap(),
            old,
            prefix: prefix(leaves, old, size).unwrap(),
            leaves: leaves.0[usize::try_from(old).unwrap()..].to_vec(),
            rest: Vec::new(),
        }
    }
}

/// The leaves of a ledger that fits into one tile.
#[derive(Clone)]
struct Leaves(Vec<TreeHash>);

impl Leaves {
    async fn of(seat: &Seat) -> Self {
        let me = seat.id().await.0;
        let all = store::looked(&*seat.bench.store, me, move |rows| {
            let size = rows.own().unwrap().next;
            Ok(rows.leaves(&me, 0, size).unwrap())
        });
        Self(all.await.unwrap())
    }

    fn and(&self, leaf: &[u8]) -> Self {
        Self(self.0.iter().copied().chain([TreeHash::leaf(leaf)]).collect())
    }
}

impl Tiles for Leaves {
    type Error = ledger::tile::NotTileBytes;

    fn tile(&self, path: TilePath) -> Result<Tile, Self::Error> {
        Tile::new(self.0[..usize::from(path.width)].to_vec())
    }
}

/// What is held at a node, and how its own ledger stands.
async fn state(seat: &Seat) -> (node::StateView, u64, u64) {
    let figures = seat.bench.store.figures(None).await.unwrap();
    (seat.node().shared_state().await.unwrap().unwrap(), figures.objects, figures.versions)
}

/// How an object is handled at a node.
async fn handled(seat: &Seat, id: &str) -> serde_json::Value {
    let object = seat.node().object(&seat.who, id, None).await.unwrap().into_inner();
    serde_json::to_value(seat.node().handling_of(object.tlp, &object.places).await.unwrap()).unwrap()
}

/// Members A and C that have given B one object each, and what C's people sign with its key.
async fn scene() -> (crate::peers::Region, Hostile) {
    let region = region(&["a", "b", "c"]).await;
    bring(&region[0], 1..2, to(&["b", "c"])).await;
    bring(&region[2], 2..3, to(&["b"])).await;
    round(&region).await;
    let hostile = Hostile::of(&region[2]).await;
    (region, hostile)
}

/// Each is refused by its code, told of its sender, and changes nothing.
async fn refused(region: &crate::peers::Region, hostile: &Hostile, cases: Vec<(&str, Draft)>) {
    let (b, c) = (&region[1], &region[2]);
    let before = state(b).await;
    for (at, (code, draft)) in cases.into_iter().enumerate() {
        let logged = peer(b, "c").await.refused_here;
        hostile.sends(c, b, &[draft]).await;
        let seen = peer(b, "c").await;
        assert_eq!((seen.refused_here, seen.refusals[0].rule.as_str()), (logged + 1, code), "case {at}");
        assert_eq!(state(b).await, before, "case {at}, {code}");
    }
    // Others go on as ever.
    bring(&region[0], 9..10, to(&["b"])).await;
    round(region).await;
    assert!(has(b, &ONE.replace("000000000001", "000000000009")).await);
    let holders = region[0].node().holders(&region[0].who, ONE).await.unwrap();
    assert!(holders.iter().all(|holder| holder.receipt == "valid"), "{holders:?}");
}

#[tokio::test]
async fn an_act_that_disagrees_with_itself_is_refused() {
    let (region, hostile) = scene().await;
    let [a, b] = [region[0].id().await.0, region[1].id().await.0];
    let plain = indicator(5, "[url:value = 'http://5.example/']", "");
    let good = || hostile.gives(ActKind::Released, &plain, b);
    let other = Salt::generate(&SeededRng::new(1)).commit(b"other");
    let with = |change: &dyn Fn(&mut Draft)| {
        let mut draft = good();
        change(&mut draft);
        draft
    };
    fn object(draft: &mut Draft) -> &mut ActObject {
        draft.header.object.as_mut().unwrap()
    }
    let broken = |bytes: &[u8]| {
        let mut draft = good();
        let salt = draft.payload.as_ref().unwrap().0;
        draft.header.payload = Some(salt.commit(bytes));
        draft.payload = Some((salt, bytes.to_vec()));
        draft
    };
    let stranger = SigningKey::generate(&SeededRng::new(9));
    let cases = vec![
        ("community-other", with(&|draft| draft.header.community = "another".into())),
        ("commitment", with(&|draft| draft.header.payload = Some(other))),
        ("commitment", with(&|draft| draft.header.payload = None)),
        ("commitment", with(&|draft| draft.payload.as_mut().unwrap().1.push(0))),
        ("commitment", with(&|draft| draft.payload.as_mut().unwrap().0 = Salt::from_bytes([0; 32]))),
        ("handling-other", with(&|draft| draft.header.handling = Some(other))),
        ("handling-other", with(&|draft| draft.header.handling = None)),
        ("object-other", with(&|draft| object(draft).id = ONE.to_owned())),
        ("object-other", with(&|draft| object(draft).version = Some("2024-01-01T00:00:00.000Z".to_owned()))),
        ("object-other", with(&|draft| object(draft).version = None)),
        ("object-other", with(&|draft| object(draft).digest = other)),
        ("object-other", with(&|draft| draft.header.object = None)),
        ("payload-form", broken(b"CRP9")),
        ("payload-form", broken(b"")),
        ("act-signature", with(&|draft| draft.header.author = a)),
        ("act-signature", with(&|draft| draft.signer = stranger.clone())),
        ("author-unknown", with(&|draft| draft.header.author = stranger.public_key().id())),
        // A number of a place that no ledger has.
        ("act-form", with(&|draft| draft.header.sequence = 1 << 63)),
        ("act-form", with(&|draft| draft.header.sequence = u64::MAX)),
        ("kind-stays", with(&|draft| draft.header.kind = ActKind::Withheld)),
        ("kind-stays", with(&|draft| draft.header.kind = ActKind::RegistryChanged)),
        ("kind-stays", with(&|draft| draft.header.kind = ActKind::RetentionEnded)),
        ("kind-stays", with(&|draft| draft.header.kind = ActKind::CircleLeft)),
    ];
    refused(&region, &hostile, cases).await;
}

#[tokio::test]
async fn what_is_not_its_authors_to_say_is_refused() {
    let (region, hostile) = scene().await;
    let [a, b, c] = [region[0].id().await.0, region[1].id().await.0, hostile.member];
    let identity = region[0].node().member().await.unwrap().unwrap().id;
    let made =
        indicator(5, "[url:value = 'http://5.example/']", &format!(r#","created_by_ref":"{identity}""#));
    let plain = indicator(5, "[url:value = 'http://5.example/']", "");
    let token = |originator, from, until_us| {
        let digest = Salt::generate(&SeededRng::new(1)).commit(b"x");
        let token = Consent { originator, object: ONE.into(), digest, from, to: c, until_us, place: 1 };
        let payload = serde_json::to_vec(&token).unwrap();
        let signed = Signed::sign(CONSENT_TYPE, payload, &hostile.signer).unwrap();
        hostile.tells(ActKind::Consented, signed.to_json().as_bytes())
    };
    let never = TreeHash::leaf(b"never");
    let receipt = |of: KeyId, sequence: u64| {
        let line = format!("{{\"sequence\":{sequence},\"leaf\":\"{never}\",\"outcome\":\"kept\"}}");
        let document = format!("{{\"of\":\"{of}\",\"acts\":[{line}],\"at_us\":{}}}", i64::MIN);
        hostile.tells(ActKind::Received, document.as_bytes())
    };
    let by = |member: KeyId| format!("tlp=clear by=member:{}", MemberId(*member.as_bytes()));
    let deep = format!(r#","x":{}1{}"#, "[".repeat(100), "]".repeat(100));
    let deep = indicator(5, "[url:value = 'http://5.example/']", &deep);
    let cases = vec![
        // Rules that are not its own word, or none: kept, they would be shown to nobody.
        ("handling/rules-of-another", hostile.gives_under("tlp=green by=here", &plain)),
        ("handling/rules-of-another", hostile.gives_under("tlp=green by=nobody", &plain)),
        ("handling/rules-of-another", hostile.gives_under(&by(a), &plain)),
        ("handling/rules-unreadable", hostile.gives_under("tlp=green", &plain)),
        ("handling/rules-unreadable", hostile.gives_under(" ", &plain)),
        ("handling/rules-unreadable", hostile.gives_under("\u{1}\u{2}", &plain)),
        ("handling/object-unfit", hostile.gives_under(&by(c), &deep)),
        ("origin-forged", hostile.gives(ActKind::Released, &made, b)),
        ("origin-forged", hostile.gives(ActKind::Other("lent-2".into()), &made, b)),
        ("handling/audience", hostile.gives(ActKind::Released, &plain, a)),
        ("handling/object-unfit", hostile.gives(ActKind::Released, r#"{"id":"x","modified":"v"}"#, b)),
        ("not-originator", hostile.changes(ActKind::Recalled, ONE, a)),
        ("not-originator", hostile.changes(ActKind::Erased, ONE, a)),
        ("not-originator", hostile.changes(ActKind::MarkingChanged, ONE, a)),
        // A consent in another's name, to another, that is over, and what is none.
        ("consent-invalid", token(a, b, i64::MAX)),
        ("consent-invalid", token(c, a, i64::MAX)),
        ("consent-expired", token(c, b, START.0)),
        ("consent-invalid", hostile.tells(ActKind::Consented, b"{}")),
        ("payload-form", hostile.tells(ActKind::ConsentRevoked, b"{}")),
        ("payload-form", hostile.tells(ActKind::GlassBroken, b"{}")),
        // A receipt for another's act, for a leaf that never was, and for one of places to come.
        ("receipt-unfounded", receipt(a, 0)),
        ("receipt-unfounded", receipt(b, 0)),
        ("receipt-unfounded", receipt(b, u64::MAX)),
    ];
    refused(&region, &hostile, cases).await;
}

/// What it says of an object of another as its own word is taken, and touches its own word alone.
#[tokio::test]
async fn its_own_word_on_anothers_object_touches_nothing_of_the_others() {
    let (region, hostile) = scene().await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let (held, before) = (handled(b, ONE).await, state(b).await);
    let changes = [ActKind::Recalled, ActKind::MarkingChanged, ActKind::Erased];
    let changes = changes.map(|kind| hostile.changes(kind, ONE, hostile.member));
    hostile.sends(c, b, &changes).await;
    // A receipt for what only B got, with the leaf that every mirror has: nobody holds anything by it.
    let given = bring(a, 7..8, to(&["b"])).await;
    assert_eq!(given.receipts.len(), 1);
    let size = Leaves::of(a).await.0.len() as u64;
    let leaf = Leaves::of(a).await.0[usize::try_from(size - 1).unwrap()];
    let of = a.id().await;
    let document = format!(
        "{{\"of\":\"{of}\",\"acts\":[{{\"sequence\":{},\"leaf\":\"{leaf}\",\"outcome\":\"kept\"}}],\"at_us\":{}}}",
        size - 1,
        i64::MAX
    );
    hostile.sends(c, a, &[hostile.tells(ActKind::Received, document.as_bytes())]).await;
    let holders = a.node().holders(&a.who, &ONE.replace("000000000001", "000000000007")).await.unwrap();
    assert_eq!(holders.iter().map(|holder| holder.member.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!((handled(b, ONE).await, state(b).await.1), (held, before.1));
    // The originator's power is as it was.
    a.node().recall(&a.who, ONE, "").await.unwrap();
    round(&region).await;
    assert!(!has(b, ONE).await);
}

/// Whose node speaks no version that is spoken here is told in the list of peers and by `doctor`, and no more once it does.
#[tokio::test]
async fn who_speaks_no_version_that_is_spoken_here_is_told() {
    let (region, hostile) = scene().await;
    let (b, c) = (&region[1], &region[2]);
    let greets = async |versions: (u32, u32)| {
        let first = c.node().turn_first(b.id().await).await.unwrap();
        let mut turn = Turn::of(Turn::from_bytes(&first).unwrap().hello);
        let mut hello: serde_json::Value = serde_json::from_slice(turn.hello.unverified_payload()).unwrap();
        hello["versions"] = serde_json::json!({"min": versions.0, "max": versions.1});
        let payload = serde_json::to_vec(&hello).unwrap();
        turn.hello = Signed::sign(HELLO_TYPE, payload, &hostile.signer).unwrap();
        b.node().turn_answer(&turn.to_bytes()).await.unwrap();
        let checks = b.node().doctor(&b.who, node::Depth::Quick).await.unwrap();
        let told: Vec<_> = checks.into_iter().filter(|check| check.name == "protocol").collect();
        let seen = peer(b, "c").await;
        (seen.version.is_some(), seen.version_refused, told)
    };
    for versions in [(0, 0), (9, 12)] {
        let (speaks, code, told) = greets(versions).await;
        assert_eq!((speaks, code), (false, Some("version-not-spoken")), "{versions:?}");
        let [check] = &told[..] else { panic!("{told:?}") };
        assert!(!check.ok && check.detail.contains("the node of c "), "{told:?}");
        assert!(node::explain(code.unwrap()).is_some());
    }
    assert_eq!(greets((1, 4)).await, (true, None, vec![]));
    assert_eq!(peer(b, "a").await.version_refused, None);
}

/// What a member says with its real key became of the last act of another's ledger.
async fn answers(hostile: &Hostile, own: &Seat, (seat, act): (&Seat, (u64, TreeHash)), outcome: &str) {
    let (of, (sequence, leaf)) = (seat.id().await, act);
    let line = format!("{{\"sequence\":{sequence},\"leaf\":\"{leaf}\",\"outcome\":\"{outcome}\"}}");
    let document = format!("{{\"of\":\"{of}\",\"acts\":[{line}],\"at_us\":0}}");
    hostile.sends(own, seat, &[hostile.tells(ActKind::Received, document.as_bytes())]).await;
}

/// Who says that it let go of something is given it at once where a circle has it in again; who says each time that it got nothing, every
/// six hours.
#[tokio::test]
async fn who_says_each_time_that_it_got_nothing_is_given_it_again_with_a_pause() {
    let region = region(&["a", "b", "c"]).await;
    region.circle("banks", &["b", "c"]).await;
    let (b, c) = (&region[1], &region[2]);
    bring(b, 1..2, to(&["a/banks"])).await;
    let leaves = Leaves::of(b).await.0;
    let act = (leaves.len() as u64 - 1, *leaves.last().unwrap());
    round(&region).await;
    let hostile = Hostile::of(c).await;
    let waits = async || {
        let holders = b.node().holders(&b.who, ONE).await.unwrap();
        let waits = holders.into_iter().find(|holder| holder.member == "c").unwrap().waits;
        waits.map(|waits| waits.split_whitespace().last().unwrap().to_owned())
    };
    answers(&hostile, c, (b, act), "empty").await;
    assert_eq!(waits().await.as_deref(), Some("moment"));
    for hours in [6, 12] {
        b.node().give_later().await.unwrap();
        assert_eq!(waits().await, None, "it is given");
        for _ in 0..2 {
            answers(&hostile, c, (b, act), "empty").await;
            b.node().give_later().await.unwrap();
            let then = stix::Timestamp::text_of(START.plus(hours * 3_600 * Micros::SECOND));
            assert_eq!(waits().await, Some(then), "not before");
        }
        b.bench.clock.set(START.plus(hours * 3_600 * Micros::SECOND));
        c.bench.clock.set(START.plus(hours * 3_600 * Micros::SECOND));
    }
}

/// Kinds of a later version are judged, kept, answered and erased as objects are; what they tell without an object is kept.
#[tokio::test]
async fn kinds_of_later_versions_survive() {
    let (region, hostile) = scene().await;
    let (b, c) = (&region[1], &region[2]);
    let lent = || ActKind::Other("lent-2".into());
    let object = indicator(5, "[url:value = 'http://5.example/']", "");
    let id = ONE.replace("000000000001", "000000000005");
    let before = state(b).await;
    let drafts = [hostile.gives(lent(), &object, b.id().await.0), hostile.tells(lent(), b"\x00of tomorrow")];
    hostile.sends(c, b, &drafts).await;
    assert!(has(b, &id).await);
    let after = state(b).await;
    assert_eq!((after.0.leaves, after.1), (before.0.leaves + 1, before.1 + 1), "one receipt for both");
    assert_eq!(peer(b, "c").await.refused_here, 0);
    hostile.sends(c, b, &[hostile.changes(ActKind::Erased, &id, hostile.member)]).await;
    assert!(!has(b, &id).await);
    hostile.sends(c, b, &[hostile.gives(ActKind::Released, &object, b.id().await.0)]).await;
    assert_eq!(peer(b, "c").await.refusals[0].rule, "tombstoned");
}

/// What a batch brings counts for who speaks: kept by whoever heard it, it comes to nobody's life again.
#[tokio::test]
async fn a_batch_is_taken_from_its_sender_for_its_recipient_and_once() {
    let (region, hostile) = scene().await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, 5..6, to(&["b"])).await;
    let said = Turn::from_bytes(&a.node().turn_first(b.id().await).await.unwrap()).unwrap();
    let (heads, kept) = (said.heads.clone(), said.together.clone().unwrap());
    let before = state(b).await;
    hostile.brings(c, b, |turn| (turn.heads, turn.together) = (heads, Some(kept.clone()))).await;
    let another = hostile.batch(b, (hostile.member, a.id().await.0), &[]).await;
    hostile.brings(c, b, |turn| turn.together = Some(another)).await;
    let forged = hostile.batch(b, (a.id().await.0, b.id().await.0), &[]).await;
    hostile.brings(c, b, |turn| turn.together = Some(forged)).await;
    let codes: Vec<String> = peer(b, "c").await.refusals.into_iter().map(|one| one.rule).collect();
    assert_eq!(codes, ["sender-signature", "wrong-recipient", "sender-signature"]);
    assert_eq!((state(b).await, peer(b, "a").await.refused_here), (before, 0));
    meet(a, b).await;
    assert!(has(b, &ONE.replace("000000000001", "000000000005")).await);
    // Its own batch again, and at places to come.
    let plain = indicator(6, "[url:value = 'http://6.example/']", "");
    let batch = hostile.gives(ActKind::Released, &plain, b.id().await.0);
    let batch = hostile.batch(b, (hostile.member, b.id().await.0), &[batch]).await;
    hostile.brings(c, b, |turn| turn.together = Some(batch.clone())).await;
    let once = (state(b).await, peer(b, "c").await.refused_here);
    for _ in 0..3 {
        hostile.brings(c, b, |turn| turn.together = Some(batch.clone())).await;
    }
    assert_eq!((state(b).await, peer(b, "c").await.refused_here), once);
}

/// Two acts for one place, said to two members, and a third thing in the ledger: both keep what proves it to anybody.
#[tokio::test]
async fn two_acts_for_one_place_are_proven_by_each_who_was_told_one() {
    let (region, hostile) = scene().await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let place = Leaves::of(c).await.0.len() as u64;
    for (seat, number) in [(a, 5), (b, 6)] {
        let object = indicator(number, &format!("[url:value = 'http://{number}.example/']"), "");
        let mut draft = hostile.gives(ActKind::Released, &object, seat.id().await.0);
        draft.header.sequence = place;
        hostile.sends(c, seat, &[draft]).await;
        assert_eq!(peer(seat, "c").await.evidence, 0, "nobody knows yet");
    }
    bring(c, 8..9, to(&["a", "b"])).await;
    round(&region).await;
    // Heads that come after the one that covered the place tell nothing more of it.
    bring(c, 12..13, to(&["a", "b"])).await;
    round(&region).await;
    for seat in [a, b] {
        let seen = peer(seat, "c").await;
        assert_eq!(seen.evidence, 1, "{seen:?}");
        let told: Vec<&str> = seen.refusals.iter().map(|one| one.rule.as_str()).collect();
        assert_eq!(
            told.iter().filter(|rule| **rule == "proof-contradicted").count(),
            1,
            "told once: {told:?}"
        );
        let file = seat.node().evidence(&seat.who, "c").await.unwrap().remove(0);
        let proven = TwoActs::parse(file.as_bytes()).unwrap().verify(None).unwrap();
        assert_eq!((proven.author, proven.sequence, proven.in_ledger), (hostile.member, place, true));
    }
    // Another one for a place at which the ledger is known is refused at once, and proven; eight times and no more.
    let before = state(b).await;
    for number in 0..10 {
        let object = indicator(20 + number, "[url:value = 'http://20.example/']", "");
        let mut draft = hostile.gives(ActKind::Released, &object, b.id().await.0);
        draft.header.sequence = 0;
        hostile.sends(c, b, &[draft]).await;
    }
    let seen = peer(b, "c").await;
    assert_eq!(seen.refusals[0].rule, "proof-contradicted");
    assert_eq!((state(b).await, seen.evidence), (before, base::limit::EVIDENCE_OF_ONE_MAX));
    for file in b.node().evidence(&b.who, "c").await.unwrap() {
        assert!(TwoActs::parse(file.as_bytes()).unwrap().verify(None).is_ok());
    }
    // The others are told nothing by it, and go on.
    bring(a, 9..10, to(&["b"])).await;
    round(&region).await;
    assert!(has(b, &ONE.replace("000000000001", "000000000009")).await);
    assert_eq!(peer(b, "a").await.evidence, 0);
}

/// Two heads of one size to two members: the first meeting of the two proves it. A head that shrinks changes nothing, and proves it too
/// where it is another ledger's.
#[tokio::test]
async fn two_heads_are_proven_by_the_first_meeting_of_who_was_told_them() {
    let (region, hostile) = scene().await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let leaves = Leaves::of(c).await;
    let size = leaves.0.len() as u64;
    let before = state(b).await;
    let smaller = Leaves(leaves.0[..leaves.0.len() - 1].to_vec());
    hostile.brings(c, b, |turn| turn.heads = vec![hostile.head(&smaller, size)]).await;
    assert_eq!((peer(b, "c").await.last_head, peer(b, "c").await.evidence), (Some(size), 0));
    for (seat, word) in [(a, &b"one"[..]), (b, b"other")] {
        let head = hostile.head(&leaves.and(word), size);
        hostile.brings(c, seat, |turn| turn.heads = vec![head]).await;
        let seen = peer(seat, "c").await;
        assert_eq!((seen.last_head, seen.evidence), (Some(size + 1), 0), "each alone sees nothing");
    }
    meet(a, b).await;
    let mut proven = 0;
    for seat in [a, b] {
        for file in seat.node().evidence(&seat.who, "c").await.unwrap() {
            let split = Evidence::parse(file.as_bytes()).unwrap().verify().unwrap();
            assert_eq!(split.origin.member(), Some(hostile.member));
            proven += 1;
        }
    }
    assert!(proven > 0);
    let kept = peer(b, "c").await.evidence;
    let other = Leaves(smaller.0[..smaller.0.len() - 1].to_vec()).and(b"other");
    hostile.brings(c, b, |turn| turn.heads = vec![hostile.head(&other, size)]).await;
    let seen = peer(b, "c").await;
    assert_eq!((seen.last_head, seen.evidence), (Some(size + 1), kept + 1));
    assert_eq!(state(b).await, before);
    assert_eq!((peer(a, "b").await.evidence, peer(b, "a").await.evidence), (0, 0));
}

/// Its word on when something was done is its word: nothing here goes by it.
#[tokio::test]
async fn dates_of_other_years_are_told_and_nothing_goes_by_them() {
    let (region, hostile) = scene().await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    let far =
        [START.0 + crate::community::DAY, START.0 + YEAR, START.0 - 50 * YEAR, 253_402_207_200_000_000 - 1];
    for (number, at) in (30..).zip(far) {
        let object = indicator(number, &format!("[url:value = 'http://{number}.example/']"), "");
        let mut draft = hostile.gives(ActKind::Released, &object, b.id().await.0);
        draft.header.at = Micros(at);
        hostile.sends(c, b, &[draft]).await;
        assert!(has(b, &ONE.replace("000000000001", &format!("{number:012}"))).await, "{at}");
    }
    for at_us in [i64::MAX, i64::MIN, START.0 + YEAR, START.0] {
        let first = c.node().turn_first(b.id().await).await.unwrap();
        let hello = Turn::from_bytes(&first).unwrap().hello;
        let hello =
            crate::handshake::greeting(&hello, &hostile.signer, |hello| hello["at_us"] = at_us.into());
        b.node().turn_answer(&Turn::of(hello).to_bytes()).await.unwrap();
        let skew = at_us.saturating_sub(START.0) / Micros::SECOND;
        assert_eq!(peer(b, "c").await.skew_seconds, skew);
        // What is under an embargo is asked about by the clock of who is to have it.
        let until = Some(START.plus(3_600 * Micros::SECOND));
        bring(b, 40..41, node::Options { embargo_until: until, ..to(&["a", "c"]) }).await;
        b.node().give_later().await.unwrap();
    }
    round(&region).await;
    assert_eq!((peer(a, "b").await.refused_here, peer(a, "b").await.evidence), (0, 0));
    for seat in [a, b] {
        seat.bench.clock.set(START.plus(3_601 * Micros::SECOND));
    }
    b.node().give_later().await.unwrap();
    round(&region).await;
    assert!(has(a, &ONE.replace("000000000001", "000000000040")).await);
}

/// An old backup with key files as old opens what was erased since; the node shows nothing of it before the others have told it, and then
/// has it no more.
#[tokio::test]
async fn what_was_erased_does_not_come_back_with_old_keys() {
    let room = tempfile::tempdir().unwrap();
    for erased_by_itself in [true, false] {
        let region = region(&["a", "b", "c"]).await;
        bring(&region[0], 1..3, to(&["b", "c"])).await;
        round(&region).await;
        let lost = usize::from(!erased_by_itself);
        let file = room.path().join(format!("copy-{lost}"));
        back_up(&region[lost], &file).await;
        region[0].node().erase(&region[0].who, ONE, "").await.unwrap();
        round(&region).await;
        assert!(!has(&region[lost], ONE).await);
        let back = restored(&region[lost], &file).await;
        assert!(!has(&back, ONE).await, "nothing is shown before the others have told what happened since");
        for _ in 0..2 {
            for (_, other) in region.0.iter().enumerate().filter(|(at, _)| *at != lost) {
                other.bench.clock.set(START.plus(3_600 * Micros::SECOND));
                crate::community::meet(&back, other).await.unwrap();
                meet(&back, other).await;
            }
        }
        assert_eq!(back.node().status().0, node::Status::Ok);
        assert!(!has(&back, ONE).await && has(&back, &ONE.replace("000000000001", "000000000002")).await);
        let again = bring(&back, 1..2, node::Options::default()).await;
        let why = again.receipts[0].reason.as_deref().unwrap();
        assert!(why.contains("destroyed everywhere"), "{why}");
    }
}
