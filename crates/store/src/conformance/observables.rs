//! Observables: what nothing orders but where it stands. What one says of them hides nothing of what another says, and what was said before
//! in the same place is found as long as it stands. What a store answers is held against a model that is given nothing but what the viewer
//! may see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::limit::LOOKUP_MATCHES_MAX;
use base::{Micros, SeededRng};
use handling::{Addressee, Audience, CollectionNo, MemberId, Originator, Person, Rules, UserNo, Viewer};
use index::TermKind;
use stix::TlpLevel;

use super::Site;
use super::finding::of;
use super::meeting::{Dice, Village};
use super::sample::{Sample, add, batch, collections, day, id, viewer, writer};
use crate::{
    Direction, EdgeGroups, Filter, LandedAs, LeavesBy, PageRequest, SearchRequest, Store, VersionPick,
    exchanged,
};

/// Stories told.
const STORIES: u64 = 12;
/// Steps of one story.
const STEPS: usize = 20;

/// What the observable of a story may say: any of these together, which no other says.
fn values(object: &str) -> [String; 3] {
    ["alpha", "beta", "gamma"].map(|value| format!("{value}{}", object.replace('-', "")))
}

/// What is said of the one observable, where it stands.
#[derive(Clone, Debug)]
struct Said {
    collection: usize,
    added: Micros,
    /// By whose word.
    word: u64,
    /// A bit for each of the values.
    values: u64,
    content: String,
    /// For user 1 alone.
    hidden: bool,
}

impl Said {
    const fn strand(&self) -> (usize, u64) {
        (self.collection, self.word)
    }
}

/// The latest of each strand of these, and what several say alike once; newest first.
fn told_of_each(found: &[&Said]) -> Vec<Micros> {
    let mut latest: BTreeMap<(usize, u64), &Said> = BTreeMap::new();
    for said in found {
        let last = latest.entry(said.strand()).or_insert(said);
        if said.added > last.added {
            *last = said;
        }
    }
    let again =
        |one: &Said| latest.values().any(|said| said.content == one.content && said.added < one.added);
    let mut told: Vec<Micros> = latest.values().filter(|one| !again(one)).map(|one| one.added).collect();
    told.sort_unstable_by_key(|added| std::cmp::Reverse(*added));
    told
}

/// What is told first, and what contradicts it.
fn told_first(seen: &[&Said]) -> Option<(Micros, BTreeSet<Micros>)> {
    let strand = seen.iter().min_by_key(|said| said.added)?.strand();
    let own: Vec<&&Said> = seen.iter().filter(|said| said.strand() == strand).collect();
    let told = own.iter().max_by_key(|said| said.added)?;
    let contradicts = |said: &&&Said| {
        if said.strand() == strand {
            return said.values & !told.values != 0;
        }
        own.iter().all(|own| own.content != said.content)
    };
    Some((told.added, seen.iter().filter(contradicts).map(|said| said.added).collect()))
}

/// Everything that a viewer is told, against the model.
async fn check(store: &dyn Store, eyes: &Viewer, (object, seen): (&str, &[&Said]), about: &str) {
    let about = format!("{about}: {seen:#?}");
    let values = values(object);
    let asked = values.each_ref().map(|value| of(store, TermKind::Name, value));
    let found = store.look_up(eyes, &asked, LOOKUP_MATCHES_MAX).await.unwrap();
    let (edges, _) = store.edges(eyes, object, Direction::Outward, (99, None)).await.unwrap();
    for ((at, value), found) in values.iter().enumerate().zip(found) {
        let saying: Vec<&Said> = seen.iter().copied().filter(|said| said.values >> at & 1 == 1).collect();
        let expected = told_of_each(&saying);
        assert_eq!(found.iter().map(|row| row.added).collect::<Vec<_>>(), expected, "{value}, {about}");
        let request = SearchRequest { words: vec![value.clone()], limit: 99, ..SearchRequest::default() };
        assert_eq!(store.search(eyes, &request).await.unwrap().rows, found, "{value}, {about}");
        let end = id("ipv4-addr", 900 + at as u64);
        assert_eq!(edges.iter().filter(|edge| edge.other == end).count(), expected.len(), "{value}, {about}");
        let (inward, _) = store.edges(eyes, &end, Direction::Inward, (99, None)).await.unwrap();
        let inward = inward.iter().filter(|edge| edge.other == object).count();
        assert_eq!(inward, expected.len(), "{value}, {about}");
    }
    let first = told_first(seen);
    let told = store.object(eyes, object, None).await.ok();
    let expected = first.as_ref().map(|(added, contradicts)| (*added, contradicts.len() as u64));
    assert_eq!(told.map(|told| (told.added, told.contradictions)), expected, "{about}");
    let history = store.history(eyes, object).await.unwrap_or_default();
    let contradict = history.iter().filter(|row| row.contradicts).map(|row| row.added).collect();
    assert_eq!(first.map(|(_, contradicts)| contradicts).unwrap_or_default(), contradict, "{about}");
    assert_eq!(history.len(), seen.len(), "{about}");
}

/// Random stories of one observable by three words in two collections, some of them for few.
pub async fn observables_hide_nothing_of_each_other(site: Site) {
    let store: Arc<dyn Store> = site.open();
    let c = collections(&*store, 2).await;
    Village::new(Arc::clone(&store), 1).await;
    for seed in 0..STORIES {
        let (dice, object) = (Dice(SeededRng::new(seed)), id("file", 500 + seed));
        let mut said: Vec<Said> = Vec::new();
        for step in 0..STEPS {
            let about = format!("story {seed}, step {step}");
            say(&store, &c, (&object, &mut said), &dice).await;
            for user in [1, 2] {
                let seen: Vec<&Said> = said.iter().filter(|said| user == 1 || !said.hidden).collect();
                check(&*store, &viewer(user, &c), (&object, &seen), &format!("{about}, user {user}")).await;
            }
        }
    }
    // The samples' bytes are no objects, which it tells as well.
    let wrong = store.rebuild(false).await.unwrap();
    assert!(wrong.iter().all(|line| line.to_string().starts_with("version")), "{wrong:?}");
}

async fn say(
    store: &Arc<dyn Store>,
    c: &[CollectionNo],
    (object, said): (&str, &mut Vec<Said>),
    dice: &Dice,
) {
    let (word, collection) = (dice.throw(3), usize::try_from(dice.throw(2)).unwrap());
    let (values, hidden) = (1 + dice.throw(7), dice.throw(5) == 0);
    let content = format!("{values} {}", dice.throw(2));
    let originator = match u8::try_from(word) {
        Ok(0) | Err(_) => Originator::Here,
        Ok(member) => Originator::Member(MemberId([member; 32])),
    };
    let all = Rules::marked(Some(TlpLevel::Green), originator);
    let few = Audience::only([Addressee::Person(Person::Here(UserNo(1)))]);
    let rules =
        if hidden { Some(all.to(few)) } else { Some(all.to(Audience::EVERYBODY)).filter(|_| word > 0) };
    let bits = || (0..3).filter(|at| values >> at & 1 == 1);
    let names = self::values(object);
    let words: Vec<&str> = bits().filter_map(|at: usize| names.get(at).map(String::as_str)).collect();
    let mut sample = Sample::of(object, None).saying(&content).under(rules).text(&words.join(" "));
    for (at, value) in bits().zip(words) {
        sample = sample.term(TermKind::Name, value).edge("near", None, &id("ipv4-addr", 900 + at as u64));
    }
    let new = batch(c[collection], &[sample]);
    let leaves = if word == 0 { LeavesBy::Store } else { LeavesBy::Step };
    let landed = exchanged(&**store, 1, move |desk| desk.add(&new, leaves)).await.unwrap().remove(0);
    // User 1 brings it, who sees everything; what a member says is held against that member's word alone.
    let counts = |one: &&Said| one.collection == collection && (word == 0 || one.word == word);
    let mut here = said.iter().filter(counts).peekable();
    if here.peek().is_none() {
        assert_eq!(landed.how, LandedAs::Accepted);
    } else if here.any(|one| one.content == content) {
        assert_eq!(landed.how, LandedAs::Known);
        return;
    } else {
        assert_eq!(landed.how, LandedAs::Newer);
    }
    let (added, hidden) = (landed.added.unwrap(), hidden || landed.inherited.is_some());
    said.push(Said { collection, added, word, values, content, hidden });
}

/// What one may not see decides nothing of what is told: neither another version under the same identifier that has a date, nor where it
/// stands; nor does such a version that is seen go before what stands longest without one.
pub async fn what_is_withheld_does_not_choose_what_is_told(site: Site) {
    let store = site.open();
    let c = collections(&*store, 3).await;
    let sample = |content: &str| Sample::of(&id("file", 1), None).saying(content);
    let first = sample("first");
    add(&*store, c[0], &[first.clone()]).await;
    add(&*store, c[1], &[sample("in another place")]).await;
    let told = async |seen: &[CollectionNo]| {
        let view = viewer(1, seen);
        store.object(&view, &id("file", 1), None).await.unwrap().bytes
    };
    assert_eq!(told(&c[..2]).await, first.entry().bytes);
    add(&*store, c[2], &[Sample::of(&id("file", 1), Some(&day(0))).saying("dated")]).await;
    assert_eq!(told(&c[..2]).await, first.entry().bytes, "what is withheld has a date");
    assert_eq!(told(&c).await, first.entry().bytes, "what has a date is seen");
}

/// A feed that sends one hash less, and whoever may write where few read, take nothing from what others are told; over TAXII the last
/// version is the one that came last, as before. What is deleted is gone.
pub async fn what_an_observable_said_is_found_as_long_as_it_stands(site: Site) {
    let store = site.open();
    let c = collections(&*store, 3).await;
    let view = viewer(1, &c);
    let hashed = |hashes: &[&str]| {
        let sample = Sample::of(&id("file", 1), None).saying(&hashes.join(" "));
        hashes.iter().fold(sample, |sample, hash| sample.term(TermKind::Hash, hash))
    };
    let found = async |hash| {
        let asked = [of(&*store, TermKind::Hash, hash)];
        store.look_up(&view, &asked, LOOKUP_MATCHES_MAX).await.unwrap().remove(0).len()
    };
    let told = async || {
        let object = store.object(&view, &id("file", 1), None).await.unwrap();
        (object.bytes, object.contradictions)
    };
    let full = hashed(&["md5", "sha256"]);
    add(&*store, c[0], &[full.clone()]).await;
    add(&*store, c[1], &[hashed(&["md5"])]).await;
    assert_eq!((found("md5").await, found("sha256").await), (2, 1), "in another collection");
    add(&*store, c[2], &[hashed(&["other"])]).await;
    assert_eq!((found("sha256").await, found("other").await), (1, 1));
    assert_eq!(told().await, (full.entry().bytes, 2), "what was here first, and that others differ");
    // In the same collection the next one goes before, and what the first alone said is found all the same.
    let next = hashed(&["md5", "sha1"]);
    add(&*store, c[0], &[next.clone()]).await;
    assert_eq!((found("md5").await, found("sha256").await, found("sha1").await), (2, 1, 1));
    assert_eq!(told().await, (next.entry().bytes, 3));
    let last = store.page(&view, c[0], &PageRequest { limit: 9, ..PageRequest::default() }).await.unwrap();
    assert_eq!((last.count, last.objects), (1, next.entry().bytes));
    // A feed that says more than before contradicts nothing.
    let most = hashed(&["md5", "sha1", "sha256"]);
    add(&*store, c[0], &[most.clone()]).await;
    assert_eq!(told().await, (most.entry().bytes, 2));
    let first = Filter { versions: vec![VersionPick::Last], ..Filter::default() };
    for left in [1, 1, 0] {
        store.delete(&writer(1, c[0]), &id("file", 1), &first).await.unwrap();
        assert_eq!(found("sha256").await, left);
    }
}

/// Edges are counted as they are listed: of an observable's tellings each that is found, in whichever collection and however early.
pub async fn edges_of_observables_are_counted_as_they_are_listed(site: Site) {
    let store = site.open();
    let c = collections(&*store, 2).await;
    let host = id("domain-name", 1);
    let resolves = |content: &str, to: &[u64]| {
        let sample = Sample::of(&host, None).saying(content);
        to.iter().fold(sample, |sample, to| sample.edge("resolves_to_refs", None, &id("ipv4-addr", *to)))
    };
    add(&*store, c[0], &[resolves("first", &[1, 2])]).await;
    add(&*store, c[0], &[resolves("later", &[2, 3])]).await;
    add(&*store, c[1], &[resolves("elsewhere", &[4])]).await;
    add(&*store, c[1], &[resolves("withheld", &[4, 5]).only_for(&[2])]).await;
    for (user, mine, expected) in [(1, &c[..1], 3), (1, &c[1..], 1), (1, &c[..], 4), (2, &c[..], 5)] {
        let view = viewer(user, mine);
        let listed = store.edges(&view, &host, Direction::Outward, (99, None)).await.unwrap().0.len();
        let counted = async |rows, counted| {
            let asked = EdgeGroups { after: None, groups: 9, rows, counted };
            let groups = store.edge_groups(&view, &host, Direction::Outward, &asked).await.unwrap().0;
            groups.into_iter().map(|group| group.count).collect::<Vec<_>>()
        };
        assert_eq!((listed, counted(1, 9).await), (expected, vec![expected]), "user {user} over {mine:?}");
        assert_eq!(counted(9, 9).await, [expected], "where all are listed");
        assert_eq!(counted(1, 1).await, [expected.min(2)], "no further than is asked for");
    }
}
