//! Which version of an object is current: the store says the same as the rules of versions by themselves ([`stix::version`]), and what
//! another says under an identifier keeps nothing of its owner's out.

use base::SeededRng;
use handling::CollectionNo;
use stix::timestamp::key_of;
use stix::version::replay;
use stix::{Json, Profile, examine};

use super::Site;
use super::meeting::Dice;
use super::sample::{Sample, add, batch, collections, day, id, viewer};
use crate::{Batch, Contradiction, Entry, Filter, LandedAs, PageRequest, Store, StoredObject, VersionPick};

/// Stories told.
const STORIES: u64 = 300;

/// What a collection gives of one object for these picks, in the order in which it came.
async fn polled(store: &dyn Store, c: CollectionNo, id: &str, picks: &[VersionPick]) -> String {
    let filter = Filter { ids: vec![id.to_owned()], versions: picks.to_vec(), ..Filter::default() };
    let request = PageRequest { limit: 99, filter, ..PageRequest::default() };
    let page = store.page(&viewer(1, &[c]), c, &request).await.unwrap();
    String::from_utf8(page.objects.to_vec()).unwrap()
}

async fn told(store: &dyn Store, c: CollectionNo, id: &str, version: Option<&str>) -> StoredObject {
    store.object(&viewer(1, &[c]), id, version).await.unwrap()
}

/// Random stories of one object, of several `created` and creators: TAXII's last version, `get` and the rules by themselves name the same.
pub async fn what_is_current_is_what_the_rules_say(site: Site) {
    let store = site.open();
    let c = collections(&*store, 1).await;
    let mut beside = 0;
    for seed in 0..STORIES {
        let (dice, object) = (Dice(SeededRng::new(seed)), id("malware", seed + 1));
        let texts: Vec<String> = (0..2 + dice.throw(5)).map(|_| story_line(&object, &dice)).collect();
        let objects: Vec<Json<'_>> = texts.iter().map(|text| Json::parse(text.as_bytes()).unwrap()).collect();
        let history = replay(&objects).unwrap();
        for (text, verdict) in texts.iter().zip(&history.verdicts) {
            let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
            let valid = examine(&bytes, Profile::Store).unwrap();
            let entries = vec![Entry::from_valid(&valid, bytes.clone())];
            let landed = store.add(Batch { entries, ..batch(c[0], &[]) }).await.unwrap().remove(0);
            let stored = landed.added.is_some();
            assert!(stored || !verdict.is_lawful(), "story {seed}: {texts:#?}, {verdict:?}, {landed:?}");
            beside += usize::from(landed.contradicts.is_some());
        }
        let latest = &texts[history.latest];
        assert_eq!(&polled(&*store, c[0], &object, &[]).await, latest, "story {seed}: {texts:#?}");
        let told = told(&*store, c[0], &object, None).await;
        assert_eq!(told.bytes, latest.as_bytes(), "story {seed}: {texts:#?}");
        assert_eq!(told.revoked, latest.contains("\"revoked\":true"), "story {seed}");
    }
    assert!(beside > 50, "few look-alikes: {beside}");
}

/// One version. Once in a while it has the object revoked: on the third day alone, for of two revocations the rules name the earlier as the
/// current one and the store the later.
fn story_line(object: &str, dice: &Dice) -> String {
    let modified = 1 + u32::try_from(dice.throw(4)).unwrap();
    let created = dice.throw(4) / 3;
    let creator = if dice.throw(5) == 0 {
        format!(",\"created_by_ref\":\"{}\"", id("identity", 7))
    } else {
        String::new()
    };
    let revoked = if modified == 3 && dice.throw(2) == 0 { ",\"revoked\":true" } else { "" };
    format!(
        "{{\"type\":\"malware\",\"spec_version\":\"2.1\",\"id\":\"{object}\",\"created\":\"2020-01-0{}T00:00:00.000Z\",\
         \"modified\":\"{}\",\"name\":\"{}\",\"is_family\":false{creator}{revoked}}}",
        created + 1,
        day(modified),
        ["x", "x", "y"][usize::try_from(dice.throw(3)).unwrap()]
    )
}

/// Who knows an identifier and the date of what comes next keeps nothing out: neither a version nor a revocation, whichever is here first.
pub async fn a_look_alike_keeps_no_version_out(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let indicator = id("indicator", 1);
    let genuine = |modified| Sample::indicator(1, modified).saying(&format!("genuine {modified}"));
    let alike = |modified| Sample::indicator(1, modified).created(1).saying(&format!("alike {modified}"));
    let lands = async |sample: &Sample| {
        let landed = store.add(batch(c[0], &[sample.clone()])).await.unwrap().remove(0);
        (landed.how, landed.contradicts)
    };
    let created = Some(Contradiction::Created);
    let revoked = genuine(5).with(|facts| facts.revoked = true);
    let taken = Sample::indicator(1, 5).saying("taken").with(|facts| facts.creator = Some(id("identity", 7)));
    for (sample, how, contradicts) in [
        (genuine(1), LandedAs::Accepted, None),
        (alike(5), LandedAs::Accepted, created),
        (taken, LandedAs::Accepted, Some(Contradiction::Creator)),
        (revoked.clone(), LandedAs::Newer, None),
        (revoked.clone(), LandedAs::Known, None),
        (alike(5), LandedAs::Known, None),
        (alike(1), LandedAs::Older, created),
    ] {
        assert_eq!(lands(&sample).await, (how, contradicts), "{}", sample.bytes());
    }
    for other in [genuine(5).saying("again"), alike(5).saying("again")] {
        let (how, _) = lands(&other).await;
        assert!(matches!(how, LandedAs::Refused(conflict) if conflict.code == "version-conflict"));
    }
    // Last, first and a version asked for by its date are of what stands longest; all are all.
    let exact = |on: u32| VersionPick::Exact(key_of(&day(on)).into());
    for (picks, expected) in [
        (vec![], vec![revoked.clone()]),
        (vec![VersionPick::First], vec![genuine(1)]),
        (vec![exact(5)], vec![revoked.clone()]),
        (vec![exact(1)], vec![genuine(1)]),
    ] {
        let expected: Vec<String> = expected.iter().map(Sample::bytes).collect();
        assert_eq!(polled(&*store, c[0], &indicator, &picks).await, expected.join(","), "{picks:?}");
    }
    assert_eq!(polled(&*store, c[0], &indicator, &[VersionPick::All]).await.matches("\"id\"").count(), 5);
    let told_of = told(&*store, c[0], &indicator, None).await;
    assert_eq!((told_of.revoked, told_of.contradictions), (true, 3));
    assert_eq!(told_of.bytes, revoked.bytes().as_bytes());
    let asked = told(&*store, c[0], &indicator, Some(&day(1))).await;
    assert_eq!(asked.bytes, genuine(1).bytes().as_bytes());
    // Whose the other collection has first is told first there.
    add(&*store, c[1], &[alike(5), genuine(5)]).await;
    assert_eq!(polled(&*store, c[1], &indicator, &[exact(5)]).await, alike(5).bytes());
}
