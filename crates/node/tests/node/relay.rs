//! Parcels that relays hand out: what a hostile member puts into one costs nobody else anything.

use base::signed::Signed;
use base::signing::{Signer, SigningKey};
use base::{SeededRng, limit};
use federation::{Ack, AckRefusal, Manifest, Sealed, batch_to, parcels_to};
use ledger::commitment::Commitment;
use node::{RELAY_MARK_BYTES as MARK_BYTES, RelayOffer};

use crate::community::Seat;
use crate::exchange::{bring, has, meet, peer, region, round, to};
use crate::recovery::{back_up, restored};

const ONE: &str = "indicator--00000000-0000-4000-8000-000000000001";
const TWO: &str = "indicator--00000000-0000-4000-8000-000000000002";
/// What a signed manifest says it is.
const MANIFEST_TYPE: &str = "application/vnd.cresset.courier.v1+json";

/// The fields of a parcel that somebody has opened.
pub(crate) type Fields = Vec<(u16, Vec<u8>)>;

pub(crate) async fn parcel(from: &Seat, to: &Seat) -> Vec<u8> {
    from.node().relay_parcel(to.id().await).await.unwrap().unwrap().parcel
}

/// A parcel for `to` with other fields, as its sender could have sealed it.
pub(crate) async fn altered(to: &Seat, parcel: &[u8], alter: impl FnOnce(&mut Fields)) -> Vec<u8> {
    let (secret, sealed) =
        (to.node().sealing_secret().await.unwrap(), Sealed::parse_parcel(parcel.to_vec()).unwrap());
    let plain = secret.open(&sealed).unwrap();
    let (magic, mut rest) = plain.split_at(4);
    let mut fields = Fields::new();
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[2..6].try_into().unwrap()) as usize;
        fields.push((u16::from_be_bytes(rest[..2].try_into().unwrap()), rest[6..6 + length].to_vec()));
        rest = &rest[6 + length..];
    }
    alter(&mut fields);
    let mut plain = magic.to_vec();
    for (tag, bytes) in fields {
        plain.extend(tag.to_be_bytes());
        plain.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
        plain.extend(bytes);
    }
    let sealed = Sealed::seal(&SeededRng::new(3), &secret.public(), sealed.route(), &plain).unwrap();
    sealed.as_bytes().to_vec()
}

pub(crate) fn replace(fields: &mut Fields, tag: u16, with: Vec<u8>) {
    fields.iter_mut().find(|field| field.0 == tag).unwrap().1 = with;
}

/// Another manifest, as the sender could have signed it.
pub(crate) fn manifest(fields: &mut Fields, key: &SigningKey, alter: impl FnOnce(&mut Manifest)) {
    let signed = Signed::parse(&fields[0].1).unwrap();
    let mut manifest: Manifest = serde_json::from_slice(signed.unverified_payload()).unwrap();
    alter(&mut manifest);
    let payload = serde_json::to_vec(&manifest).unwrap();
    replace(fields, 1, Signed::sign(MANIFEST_TYPE, payload, key).unwrap().to_json().into_bytes());
}

/// Acknowledgements by `from` that `to` cannot take.
async fn unreadable(from: &Seat, to: &Seat, third: &Seat) -> [Signed; 3] {
    let ack = Ack {
        from: from.id().await.0,
        to: to.id().await.0,
        life: None,
        cursors: [0, 0],
        refused: Vec::new(),
        heads: std::collections::BTreeMap::new(),
        back: None,
    };
    let refused = AckRefusal { lane: 1, place: 1, rule: "gap".into() };
    let many = Ack { refused: vec![refused; limit::ACK_REFUSALS_MAX + 1], ..ack.clone() };
    let key = from.node().member_signer().await.unwrap();
    [
        Ack { to: third.id().await.0, ..ack.clone() }.sign(&key),
        ack.sign(&SigningKey::generate(&SeededRng::new(5))),
        many.sign(&key),
    ]
}

/// (a) A parcel whose acknowledgement does not read is dropped, and what came after it in the same answer is taken.
#[tokio::test]
async fn a_poisoned_parcel_is_dropped_and_the_next_one_is_taken() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, 1..2, to(&["b"])).await;
    let sound = parcel(a, b).await;
    let mut answer = Vec::new();
    for ack in unreadable(a, b, c).await {
        answer.push(altered(b, &sound, |fields| replace(fields, 3, ack.to_json().into_bytes())).await);
    }
    bring(c, 2..3, to(&["b"])).await;
    answer.push(parcel(c, b).await);
    let outcome = b.node().relay_take(&parcels_to(&answer)).await.unwrap();
    assert_eq!((outcome.taken, outcome.drop.len()), (1, 4 * MARK_BYTES), "{outcome:?}");
    assert!(has(b, TWO).await);
    assert!(!has(b, ONE).await, "nothing of a parcel that does not read is taken");
    // The same without the poison is taken as ever.
    let outcome = b.node().relay_take(&parcels_to(&[sound])).await.unwrap();
    assert_eq!((outcome.taken, has(b, ONE).await), (1, true));
}

/// (b) More envelopes than a sound node puts into a parcel are not judged at all.
#[tokio::test]
async fn a_parcel_of_too_many_envelopes_is_dropped_unread() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..2, to(&["b"])).await;
    let (sound, key) = (parcel(a, b).await, a.node().member_signer().await.unwrap());
    let with = async |envelopes: usize| {
        altered(b, &sound, |fields| {
            let noise = Sealed::seal(&SeededRng::new(4), &[9; 32], federation::Route([1; 16]), b"").unwrap();
            let batch = batch_to(&vec![noise; envelopes]);
            manifest(fields, &key, |manifest| {
                (manifest.batch, manifest.places) = (Commitment::digest(&batch), [None, None]);
            });
            replace(fields, 2, batch);
        })
        .await
    };
    let most = with(limit::BATCH_ENVELOPES_MAX).await;
    let outcome = b.node().relay_take(&parcels_to(&[most])).await.unwrap();
    assert_eq!((outcome.taken, outcome.drop.len()), (1, MARK_BYTES), "as many as fit are judged");
    let more = with(limit::BATCH_ENVELOPES_MAX + 1).await;
    let outcome = b.node().relay_take(&parcels_to(&[more])).await.unwrap();
    assert_eq!((outcome.taken, outcome.drop.len()), (0, MARK_BYTES), "it is of no use");
}

/// (c) A parcel that comes too early is asked for at growing pauses and in the end dropped; other routes are asked for meanwhile.
#[tokio::test]
async fn a_parcel_that_waits_stands_in_nobodys_way_and_not_for_ever() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c) = (&region[0], &region[1], &region[2]);
    bring(a, 1..2, to(&["b"])).await;
    let (sound, key) = (parcel(a, b).await, a.node().member_signer().await.unwrap());
    let early = altered(b, &sound, |fields| {
        manifest(fields, &key, |manifest| manifest.places[1] = Some((100, 100)));
    })
    .await;
    let away = [a.id().await, c.id().await];
    let asked = async || b.node().relay_question(&away).await.unwrap().len() / 16;
    let (all, mut times, mut pauses) = (asked().await, 0, Vec::new());
    loop {
        let outcome = b.node().relay_take(&parcels_to(std::slice::from_ref(&early))).await.unwrap();
        assert_eq!(outcome.taken, 0);
        times += 1;
        if !outcome.drop.is_empty() {
            break;
        }
        assert_eq!(asked().await, all - 1, "its route alone is passed over");
        let again = b.node().relay_take(&parcels_to(std::slice::from_ref(&early))).await.unwrap();
        assert_eq!(again, node::RelayTaken::default(), "it is not even opened");
        let mut seconds = 0;
        while asked().await < all {
            b.bench.clock.advance(10 * base::Micros::SECOND);
            seconds += 10;
        }
        pauses.push(seconds);
        assert!(times < 100, "it lies for ever");
    }
    assert_eq!((times, &pauses[..7]), (32, &[10, 20, 40, 80, 160, 300, 300][..]));
    assert_eq!(asked().await, all);
    let outcome = b.node().relay_take(&parcels_to(&[sound])).await.unwrap();
    assert_eq!((outcome.taken, has(b, ONE).await), (1, true));
}

/// (d) An answer that a relay loses is said again to who asks again, once for each time that passes; then nobody says anything.
#[tokio::test]
async fn an_answer_that_is_lost_is_said_again() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, relay) = (&region[0], &region[1], region[2].id().await);
    let put = async |from: &Seat, to: &Seat| {
        let (id, node) = (to.id().await, from.node());
        let errand = node.relay_parcel(id).await.unwrap()?;
        node.relay_offers(id, &errand, relay).await.unwrap();
        node.relay_offered(id, &errand, (relay, RelayOffer::Kept)).await.unwrap();
        Some(errand.parcel)
    };
    let take = async |seat: &Seat, parcel: &[u8]| {
        let outcome = seat.node().relay_take(&parcels_to(&[parcel.to_vec()])).await.unwrap();
        assert_eq!(outcome.taken, 1);
    };
    let hour = || [a, b].iter().for_each(|seat| seat.bench.clock.advance(3_600 * base::Micros::SECOND));
    bring(a, 1..2, to(&["b"])).await;
    take(b, &put(a, b).await.unwrap()).await;
    let receipt = put(b, a).await.unwrap();
    take(a, &receipt).await;
    let lost = put(a, b).await;
    assert!(lost.is_some() && put(a, b).await.is_none());
    hour();
    assert!(put(a, b).await.is_none(), "an acknowledgement asks for no answer, and is said once");
    // B has heard nothing and says it again.
    let again = put(b, a).await.unwrap();
    take(a, &again).await;
    let answer = put(a, b).await.unwrap();
    take(a, &again).await;
    assert!(put(a, b).await.is_none(), "not more often than parcels are put again");
    hour();
    assert!(put(a, b).await.is_some());
    take(b, &answer).await;
    for _ in 0..3 {
        hour();
        assert!(put(b, a).await.is_none() && put(a, b).await.is_none(), "both have heard everything");
    }
}

/// What one has to say to another by relay now, put and taken; whether there was anything.
async fn said(from: &Seat, to: &Seat, (relay, taken): (community::MemberId, bool)) -> bool {
    let (id, node) = (to.id().await, from.node());
    let Some(errand) = node.relay_parcel(id).await.unwrap() else { return false };
    node.relay_offers(id, &errand, relay).await.unwrap();
    node.relay_offered(id, &errand, (relay, RelayOffer::Kept)).await.unwrap();
    if taken {
        assert_eq!(to.node().relay_take(&parcels_to(&[errand.parcel])).await.unwrap().taken, 1);
    }
    true
}

/// Who is met by relay alone hears of a circle, of what becomes of it, and that it was taken out; nobody else is put anything, and nothing
/// is put once that is confirmed.
#[tokio::test]
async fn circles_and_farewells_go_by_relay_with_nothing_else_to_say() {
    let region = region(&["a", "b", "c"]).await;
    let (a, b, c, relay) = (&region[0], &region[1], &region[2], region[2].id().await);
    let hour = || [a, b].iter().for_each(|seat| seat.bench.clock.advance(3_600 * base::Micros::SECOND));
    let undelivered = async || {
        let circle = a.node().circles(&a.who).await.unwrap().remove(0);
        (circle.undelivered, peer(a, "b").await.undelivered)
    };
    let is_in = async || b.node().circles(&b.who).await.unwrap().iter().any(|circle| circle.owner == "a");
    let quiet = async || {
        for _ in 0..3 {
            hour();
            assert!(!said(a, b, (relay, true)).await && !said(b, a, (relay, true)).await);
        }
    };
    quiet().await;
    let new = node::NewCircle { name: "pair".into(), members: vec!["b".into()], sector: None };
    a.node().create_circle(&a.who, new).await.unwrap();
    assert_eq!(undelivered().await, (vec!["b".to_owned()], 1));
    assert!(a.node().relay_parcel(c.id().await).await.unwrap().is_none(), "it is none of C's");
    assert!(said(a, b, (relay, true)).await && is_in().await);
    assert!(!said(a, b, (relay, true)).await, "it is said once");
    // The answer is lost, and is said again to who asks again.
    assert!(said(b, a, (relay, false)).await && !said(b, a, (relay, true)).await);
    hour();
    assert!(!said(b, a, (relay, true)).await && said(a, b, (relay, true)).await);
    assert!(said(b, a, (relay, true)).await);
    assert_eq!(undelivered().await, (Vec::new(), 0));
    quiet().await;
    bring(a, 1..2, to(&["pair"])).await;
    for (from, to) in [(a, b), (b, a), (a, b)] {
        said(from, to, (relay, true)).await;
    }
    assert!(has(b, ONE).await);
    quiet().await;
    a.node().remove_from_circle(&a.who, "pair", &["b".to_owned()]).await.unwrap();
    assert_eq!(undelivered().await, (vec!["b".to_owned()], 1));
    assert!(a.node().relay_parcel(c.id().await).await.unwrap().is_none());
    assert!(said(a, b, (relay, true)).await && !is_in().await && !has(b, ONE).await);
    b.node().give_later().await.unwrap();
    assert!(said(b, a, (relay, true)).await);
    assert_eq!(undelivered().await, (Vec::new(), 0));
    let holders = a.node().holders(&a.who, ONE).await.unwrap();
    assert!(holders.is_empty(), "it has let go, and signed for that: {holders:?}");
    said(a, b, (relay, true)).await;
    quiet().await;
}

/// That no relay takes what waits is told as long as something waits: it may go by file.
#[tokio::test]
async fn doctor_tells_of_relays_that_take_nothing_only_while_something_waits() {
    let mut region = region(&["a", "b", "c"]).await;
    let relay = node::RelaySettings { through: Some(vec!["c".into()]), ..node::RelaySettings::default() };
    let settings = node::Settings { relay, ..node::Settings::default() };
    region.0[2].node().change_endpoint(&region[2].who, "https://c.invalid").await.unwrap();
    region.gather().await;
    region.0[0].bench.reopened(settings).await;
    let (a, b) = (&region[0], &region[1]);
    let is_well = async || {
        let checks = a.node().doctor(&a.who, node::Depth::Quick).await.unwrap();
        checks.into_iter().find(|check| check.name == "relay").map(|check| check.ok)
    };
    assert_eq!(is_well().await, None, "everybody was met a moment ago");
    a.bench.clock.advance(3_600 * base::Micros::SECOND);
    bring(a, 1..2, to(&["b"])).await;
    assert_eq!(is_well().await, Some(true));
    a.node().relay_was_refused(b.id().await, "unreachable");
    assert_eq!(is_well().await, Some(false));
    b.bench.clock.advance(3_600 * base::Micros::SECOND);
    for (from, to, slug) in [(a, b, "b"), (b, a, "a")] {
        let file = from.node().courier_out(&from.who, Some(slug)).await.unwrap();
        to.node().courier_in(&to.who, file).await.unwrap();
    }
    assert!(has(b, ONE).await);
    assert_eq!(is_well().await, Some(true), "all of it came by file");
}

/// A member that a restored node left out, and that it reaches by relay alone: what is done since comes to it, once each has told the
/// other of the new life.
#[tokio::test]
async fn after_a_restore_two_that_never_meet_go_on_by_parcels() {
    let region = region(&["a", "b", "c"]).await;
    let (b, c) = (&region[1], &region[2]);
    bring(&region[0], 1..2, to(&["b", "c"])).await;
    round(&region).await;
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("copy");
    back_up(&region[0], &file).await;
    for number in 40..46 {
        bring(b, number..number + 1, to(&["a"])).await;
        meet(b, &region[0]).await;
    }
    round(&region).await;
    let a = restored(&region[0], &file).await;
    for other in [b, c] {
        other.bench.clock.set(crate::START.plus(3_600 * base::Micros::SECOND));
        crate::community::meet(&a, other).await.unwrap();
    }
    a.node().recover_without(&a.who, "b").await.unwrap();
    for _ in 0..2 {
        meet(&a, c).await;
    }
    bring(&a, 10..13, to(&["b"])).await;
    let relay = c.id().await;
    for _ in 0..4 {
        for (from, whom) in [(&a, b), (b, &a)] {
            let id = whom.id().await;
            let Some(errand) = from.node().relay_parcel(id).await.unwrap() else { continue };
            from.node().relay_offers(id, &errand, relay).await.unwrap();
            from.node().relay_offered(id, &errand, (relay, RelayOffer::Kept)).await.unwrap();
            whom.node().relay_take(&parcels_to(&[errand.parcel])).await.unwrap();
        }
    }
    for number in 10..13 {
        assert!(has(b, &ONE.replace("000000000001", &format!("{number:012}"))).await, "{number}");
    }
    assert_eq!(peer(&a, "b").await.lag_out, Some(0));
}

/// (e) A ledger of which more is new than one head is told with goes in one parcel where there is room, and what waits with it.
#[tokio::test]
async fn a_ledger_far_ahead_comes_by_relay() {
    let mut region = region(&["a", "b"]).await;
    for seat in &mut region.0 {
        seat.bench.reopened(node::Settings { head_leaves_max: 7, ..node::Settings::default() }).await;
    }
    let (a, b) = (&region[0], &region[1]);
    bring(a, 1..31, to(&["b"])).await;
    let outcome = b.node().relay_take(&parcels_to(&[parcel(a, b).await])).await.unwrap();
    assert_eq!((outcome.taken, outcome.drop.len()), (1, MARK_BYTES));
    assert!(has(b, ONE).await && has(b, "indicator--00000000-0000-4000-8000-000000000030").await);
    let shown = crate::exchange::peer(b, "a").await;
    assert!(shown.refusals.is_empty(), "{:?}", shown.refusals);
}

/// (f) A parcel signed with a key that is not known yet is taken with the papers in it that say whose key it is; without them it
/// waits until they come; what can be nobody's is dropped at once.
#[tokio::test]
async fn a_parcel_by_a_new_key_is_taken_once_its_papers_are() {
    for with_papers in [true, false] {
        let region = region(&["a", "b"]).await;
        let (a, b) = (&region[0], &region[1]);
        let before = a.node().member_signer().await.unwrap();
        a.node().rotate_key(&a.who).await.unwrap();
        let key = a.node().member_signer().await.unwrap();
        assert_ne!(before.public_key(), key.public_key());
        bring(a, 1..2, to(&["b"])).await;
        let whole = parcel(a, b).await;
        let without = altered(b, &whole, |fields| fields.retain(|field| field.0 != 5)).await;
        if with_papers {
            let outcome = b.node().relay_take(&parcels_to(&[whole])).await.unwrap();
            assert_eq!((outcome.taken, has(b, ONE).await), (1, true));
            continue;
        }
        let stranger = SigningKey::generate(&SeededRng::new(6));
        let forged = altered(b, &without, |fields| {
            manifest(fields, &stranger, |manifest| manifest.from = stranger.public_key().id());
        })
        .await;
        let outcome = b.node().relay_take(&parcels_to(&[forged, without.clone()])).await.unwrap();
        assert_eq!((outcome.taken, outcome.drop.len(), has(b, ONE).await), (0, MARK_BYTES, false));
        region.gather().await;
        b.bench.clock.advance(10 * base::Micros::SECOND);
        let outcome = b.node().relay_take(&parcels_to(&[without])).await.unwrap();
        assert_eq!((outcome.taken, has(b, ONE).await), (1, true), "its key is known now");
    }
}

/// (g) What was heard last is told, whatever the other's clock said before.
#[tokio::test]
async fn a_clock_that_ran_ahead_once_does_not_stand_for_what_was_heard() {
    let region = region(&["a", "b"]).await;
    let (a, b) = (&region[0], &region[1]);
    let day = 86_400 * base::Micros::SECOND;
    a.bench.clock.advance(day);
    bring(a, 1..2, to(&["b"])).await;
    let ahead = parcel(a, b).await;
    a.bench.clock.advance(-day);
    bring(a, 2..3, to(&["b"])).await;
    let right = parcel(a, b).await;
    for parcel in [ahead, right] {
        let outcome = b.node().relay_take(&parcels_to(&[parcel])).await.unwrap();
        assert_eq!(outcome.taken, 1);
    }
    let mut heard = None;
    altered(a, &parcel(b, a).await, |fields| {
        let signed = Signed::parse(&fields[0].1).unwrap();
        heard = serde_json::from_slice::<Manifest>(signed.unverified_payload()).unwrap().heard_us;
    })
    .await;
    assert_eq!(heard, Some(base::Clock::now(&*a.bench.clock).0));
}

/// (h) What a member has at a relay for itself nobody else uses up, and what it has there counts after a restart as before.
#[tokio::test]
async fn each_member_has_its_share_of_a_relay_over_restarts() {
    let mut region = region(&["s", "a", "b", "c"]).await;
    let relay = node::RelaySettings {
        keeps: node::RelayKeeps::Always,
        bytes_max: 600_000,
        member_bytes_max: 400_000,
        ..node::RelaySettings::default()
    };
    let settings = || node::Settings { relay: relay.clone(), ..node::Settings::default() };
    let mut ids = Vec::new();
    for seat in &region.0 {
        ids.push(seat.id().await);
    }
    let sealed = |route: u8, size: usize| [&[1][..], &[route; 16], &vec![9; size]].concat();
    // A hundred thousand bytes for each of three, and as many again for whoever comes first.
    let puts = [
        (1, sealed(1, 380_000), None),
        (2, sealed(2, 130_000), Some("relay-full")),
        (2, sealed(2, 90_000), None),
        (3, sealed(3, 90_000), None),
        (1, sealed(4, 100), Some("relay-share-full")),
        (2, sealed(5, 100), Some("relay-full")),
    ];
    for (seed, (by, parcel, refused)) in (40..).zip(puts) {
        region.0[0].bench.reopened_with(seed, settings()).await;
        let put = region[0].node().relay_keep(ids[by], parcel).await;
        assert_eq!(put.err().map(|error| error.code()), refused, "member {by}");
    }
}
