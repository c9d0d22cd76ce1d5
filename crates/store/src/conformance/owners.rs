//! Lineages: whose word follows whose, and under which `created` and creator. How versions land and what a store answers is held
//! against a model that knows nothing but what the poster or the viewer may see.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use base::limit::LOOKUP_MATCHES_MAX;
use base::{Micros, SeededRng};
use handling::{Addressee, Audience, CollectionNo, MemberId, Originator, Person, Rules, UserNo, Viewer};
use index::TermKind;
use sha2::{Digest, Sha256};
use stix::TlpLevel;
use stix::timestamp::key_of;

use super::Site;
use super::finding::of;
use super::meeting::{Dice, Village};
use super::sample::{Sample, batch, collections, day, id, viewer};
use crate::{
    Contradiction, Filter, Landed, LandedAs, LeavesBy, PageRequest, SearchRequest, Store, VersionPick,
    VersionsOf, exchanged,
};

/// Stories told.
const STORIES: u64 = 24;
/// Steps of one story.
const STEPS: usize = 30;

/// What follows what: whose it is, on which day it was created, and whether under the identity of the first member.
type Lineage = (usize, u32, bool);

/// A version of the one object, where it stands.
#[derive(Clone, Debug)]
struct Said {
    collection: usize,
    /// When it came.
    added: Micros,
    /// Its date.
    dated: Micros,
    /// By whose word.
    word: usize,
    lineage: Lineage,
    modified: u32,
    revoked: bool,
    content: String,
    /// For user 1 alone.
    hidden: bool,
}

impl Said {
    /// Later ones are greater; of those of one moment the first that came.
    fn place(&self) -> (bool, u32, std::cmp::Reverse<Micros>) {
        (self.revoked, self.modified, std::cmp::Reverse(self.added))
    }
}

fn latest<'a>(seen: &[&'a Said], lineage: Lineage) -> Option<&'a Said> {
    seen.iter().filter(|said| said.lineage == lineage).copied().max_by_key(|said| said.place())
}

fn longest<'a>(seen: &[&'a Said]) -> Option<&'a Said> {
    seen.iter().copied().min_by_key(|said| said.added)
}

/// What is found, newest first, and whether it is revoked: the latest of each lineage, and what several say alike once.
fn found(seen: &[&Said]) -> Vec<(Micros, bool)> {
    let lineages: BTreeSet<Lineage> = seen.iter().map(|said| said.lineage).collect();
    let latest: Vec<&Said> = lineages.into_iter().filter_map(|lineage| latest(seen, lineage)).collect();
    let again = |one: &Said| latest.iter().any(|said| said.content == one.content && said.added < one.added);
    let mut found: Vec<&Said> = latest.iter().copied().filter(|one| !again(one)).collect();
    found.sort_unstable_by_key(|one| std::cmp::Reverse(one.added));
    found.into_iter().map(|one| (one.dated, one.revoked)).collect()
}

/// When what is told was added, whether it is revoked, and how many contradict it.
fn told(seen: &[&Said]) -> Option<(Micros, bool, u64)> {
    let told = latest(seen, longest(seen)?.lineage)?;
    let own: Vec<&&Said> = seen.iter().filter(|said| said.lineage == told.lineage).collect();
    let contradicts = |said: &&&Said| {
        if said.lineage == told.lineage {
            said.modified == told.modified && said.content != told.content
        } else {
            own.iter().all(|own| own.content != said.content)
        }
    };
    Some((told.dated, told.revoked, seen.iter().filter(contradicts).count() as u64))
}

/// What a collection has as the last and the first version.
fn ends<'a>(seen: &[&'a Said], collection: usize) -> [Option<&'a Said>; 2] {
    let here: Vec<&'a Said> = seen.iter().filter(|said| said.collection == collection).copied().collect();
    let Some(lineage) = longest(&here).map(|said| said.lineage) else { return [None, None] };
    let first =
        here.iter().filter(|said| said.lineage == lineage).min_by_key(|said| (said.modified, said.added));
    [latest(&here, lineage), first.copied()]
}

/// What a collection gives of a date: of the lineages that have it the one that stands there longest, and of what that one has under it
/// by several words what came first.
fn of_date<'a>(seen: &[&'a Said], collection: usize, modified: u32) -> Vec<&'a Said> {
    let here: Vec<&'a Said> = seen.iter().filter(|said| said.collection == collection).copied().collect();
    let has_it: BTreeSet<Lineage> =
        here.iter().filter(|said| said.modified == modified).map(|said| said.lineage).collect();
    let longest = here.iter().filter(|said| has_it.contains(&said.lineage)).min_by_key(|said| said.added);
    let Some(lineage) = longest.map(|said| said.lineage) else { return Vec::new() };
    let of_it = here.into_iter().filter(|said| (said.lineage, said.modified) == (lineage, modified));
    of_it.min_by_key(|said| said.added).into_iter().collect()
}

/// How one version lands beside another, by date, content and revocation.
fn beside(new: &Said, held: &Said) -> &'static str {
    match new.modified.cmp(&held.modified) {
        Ordering::Equal if new.content == held.content => "known",
        Ordering::Equal => "version-conflict",
        Ordering::Less => "older",
        Ordering::Greater if held.revoked => "revoked-already",
        Ordering::Greater => "newer",
    }
}

/// How a version lands in its collection, where `here` is what counts there: the poster's own word first, then what others say.
fn landing(new: &Said, here: &[&Said]) -> &'static str {
    let own = |said: &Said| new.word > 0 || said.lineage.0 == new.lineage.0;
    let follows = |said: &Said| said.lineage.1 == new.lineage.1 && said.lineage.2 == new.lineage.2;
    // What one member says has one content for a date, whatever its lineage: members name it to each other so.
    let of_day = |said: &&Said| said.modified == new.modified && (new.word > 0 || follows(said));
    let of_day: Vec<&Said> = here.iter().copied().filter(of_day).collect();
    let same = of_day.iter().find(|said| said.content == new.content);
    if let Some(held) = same.filter(|said| own(said)).or(of_day.iter().find(|said| own(said))).or(same) {
        return beside(new, held);
    }
    let before: Vec<&Said> = here.iter().copied().filter(|said| follows(said)).collect();
    let by_place = |said: &&&Said| said.place();
    if let Some(held) = before.iter().filter(|said| own(said)).max_by_key(by_place) {
        return beside(new, held);
    }
    match (of_day.first(), before.iter().max_by_key(by_place)) {
        (Some(_), _) => "version-conflict",
        (None, Some(held)) => beside(new, held),
        (None, None) => "accepted",
    }
}

/// In what a version that was stored contradicts what counts in its collection.
fn contradiction(new: &Said, here: &[&Said]) -> Option<Contradiction> {
    let (_, created, made) = longest(here)?.lineage;
    if created == new.lineage.1 {
        return (made != new.lineage.2).then_some(Contradiction::Creator);
    }
    Some(Contradiction::Created)
}

fn told_as(how: &LandedAs) -> &'static str {
    match how {
        LandedAs::Accepted => "accepted",
        LandedAs::Known => "known",
        LandedAs::Newer => "newer",
        LandedAs::Older => "older",
        LandedAs::Refused(conflict) => conflict.code,
    }
}

struct Story {
    store: Arc<dyn Store>,
    c: Vec<CollectionNo>,
    /// The identifiers of these.
    ids: Vec<String>,
    object: String,
    said: Vec<Said>,
}

/// What these viewers have as the ends in a collection: who sees everything, and who sees what all do.
fn ends_of_both(said: &[Said], collection: usize) -> [[Option<Micros>; 2]; 2] {
    [true, false].map(|all| {
        let seen: Vec<&Said> = said.iter().filter(|said| all || !said.hidden).collect();
        ends(&seen, collection).map(|end| end.map(|said| said.added))
    })
}

/// Whose words there are: this node's, and those of two members.
fn word(no: usize) -> Originator {
    match u8::try_from(no) {
        Ok(0) | Err(_) => Originator::Here,
        Ok(member) => Originator::Member(MemberId([member; 32])),
    }
}

impl Story {
    async fn say(&mut self, dice: &Dice, about: &str) {
        let (number, collection) = (
            usize::try_from(dice.throw(3)).unwrap(),
            usize::try_from(dice.throw(self.c.len() as u64)).unwrap(),
        );
        let (modified, made) = (1 + u32::try_from(dice.throw(4)).unwrap(), dice.throw(4) == 0);
        let created = u32::try_from(dice.throw(4)).unwrap().saturating_sub(1);
        let (revoked, hidden) = (dice.throw(8) == 0, dice.throw(4) == 0);
        let content = format!("{modified} {created} {made} {revoked} {}", dice.throw(2));
        let all = Rules::marked(Some(TlpLevel::Green), word(number));
        let few = Audience::only([Addressee::Person(Person::Here(UserNo(1)))]);
        let rules =
            if hidden { Some(all.to(few)) } else { Some(all.to(Audience::EVERYBODY)).filter(|_| number > 0) };
        let sample =
            Sample::of(&self.object, Some(&day(modified))).created(created).saying(&content).under(rules);
        let sample = sample.text("beacon");
        let sample = sample.term(TermKind::Name, "beacon").with(|facts| {
            facts.revoked = revoked;
            facts.creator = made.then(|| id("identity", 7));
        });
        let mut new = batch(self.c[collection], &[sample]);
        // The identity is that of the first of the two members.
        new.entries[0].maker = (made && number == 0).then_some(MemberId([1; 32]));
        let leaves = if number == 0 { LeavesBy::Store } else { LeavesBy::Step };
        let landed = exchanged(&*self.store, 1, move |desk| desk.add(&new, leaves)).await.unwrap().remove(0);
        let lineage = (if number == 0 && made { 1 } else { number }, created, made);
        let (added, hidden) = (landed.added.unwrap_or(Micros(0)), hidden || landed.inherited.is_some());
        self.keep(
            Said {
                collection,
                added,
                dated: added,
                word: number,
                lineage,
                modified,
                revoked,
                content,
                hidden,
            },
            &landed,
            about,
        );
    }

    /// Keeps what landed, if it landed as the model says.
    fn keep(&mut self, new: Said, landed: &Landed, about: &str) {
        // User 1 brings it, who sees everything; what a member says is held against that member's word alone.
        let counts =
            |said: &&Said| said.collection == new.collection && (new.word == 0 || said.word == new.word);
        let here: Vec<&Said> = self.said.iter().filter(counts).collect();
        let how = told_as(&landed.how);
        assert_eq!(how, landing(&new, &here), "{about}: {new:?} beside {here:#?}");
        if matches!(how, "accepted" | "newer" | "older") {
            assert_eq!(landed.contradicts, contradiction(&new, &here), "{about}: {new:?} beside {here:#?}");
            self.said.push(new);
        } else {
            assert_eq!(landed.contradicts, None, "{about}");
        }
    }

    async fn take_away(&mut self, dice: &Dice) {
        let Some(one) = self.said.get(usize::try_from(dice.throw(20)).unwrap()).cloned() else { return };
        let object = self.object.clone();
        let version = day(one.modified);
        let taken = exchanged(&*self.store, 1, move |desk| {
            desk.take_away(&VersionsOf {
                id: &object,
                version: &version,
                originator: word(one.word),
                digest: None,
            })
        });
        let taken = taken.await.unwrap();
        let before = std::mem::take(&mut self.said);
        self.said = before.clone();
        self.said.retain(|said| (said.word, said.modified) != (one.word, one.modified));
        assert_eq!(taken, (before.len() - self.said.len()) as u64);
        self.date_anew(&before).await;
    }

    /// What has become an end for those who see it, and for nobody else, has a new date, later than all before; nothing else has.
    async fn date_anew(&mut self, before: &[Said]) {
        let eyes = viewer(1, &self.c);
        let history = self.store.history(&eyes, &self.object).await.unwrap_or_default();
        let latest = before.iter().map(|said| said.dated).max().unwrap_or_default();
        let moves: Vec<bool> = self
            .said
            .iter()
            .map(|said| {
                let [then, now] =
                    [before, &self.said].map(|said_all| ends_of_both(said_all, said.collection));
                let of = usize::from(!said.hidden);
                (0..2).any(|end| now[of][end] == Some(said.added) && then[of][end] != now[of][end])
            })
            .collect();
        for (said, moved) in self.said.iter_mut().zip(moves) {
            let is_it = |row: &&crate::VersionRow| {
                (&row.collection, &row.version, &row.originator)
                    == (&self.ids[said.collection], &day(said.modified), &word(said.word))
                    && row.content == <[u8; 32]>::from(Sha256::digest(said.content.as_bytes()))
            };
            let row = history.iter().find(is_it).unwrap();
            assert_eq!(row.added > latest, moved, "{said:#?} after {before:#?}");
            assert!(moved || row.added == said.dated, "{said:#?}");
            said.dated = row.added;
        }
    }

    /// Everything that a viewer is told, against the model.
    async fn check(&self, eyes: &Viewer, user: i64, about: &str) {
        let seen: Vec<&Said> = self.said.iter().filter(|said| user == 1 || !said.hidden).collect();
        let about = format!("{about}, user {user}: {seen:#?}");
        let asked = of(&*self.store, TermKind::Name, "beacon");
        let mut rows = self.store.look_up(eyes, &[asked], LOOKUP_MATCHES_MAX).await.unwrap().remove(0);
        let mut expected = found(&seen);
        let request = SearchRequest { words: vec!["beacon".into()], limit: 99, ..SearchRequest::default() };
        let searched = self.store.search(eyes, &request).await.unwrap().rows;
        let mut newest = searched.clone();
        newest.sort_by_key(|row| row.added);
        let searched = searched.iter().map(|row| (row.added, row.revoked)).collect::<Vec<_>>();
        assert_eq!(searched, expected, "{about}");
        expected.sort_by_key(|(_, revoked)| *revoked);
        assert_eq!(rows.iter().map(|row| (row.added, row.revoked)).collect::<Vec<_>>(), expected, "{about}");
        rows.sort_by_key(|row| row.added);
        assert_eq!(rows, newest, "{about}");
        let object = self.store.object(eyes, &self.object, None).await.ok();
        let object = object.map(|object| (object.added, object.revoked, object.contradictions));
        assert_eq!(object, told(&seen), "{about}");
        let history = self.store.history(eyes, &self.object).await.unwrap_or_default();
        let whole: BTreeSet<(Micros, bool)> = history.iter().map(|row| (row.added, row.revoked)).collect();
        assert_eq!(whole, seen.iter().map(|said| (said.dated, said.revoked)).collect(), "{about}");
        for (at, no) in self.c.iter().enumerate() {
            let ends = ends(&seen, at).map(Vec::from_iter);
            let ends = [VersionPick::Last, VersionPick::First].into_iter().zip(ends);
            let dated =
                (1..=4).map(|on| (VersionPick::Exact(key_of(&day(on)).into()), of_date(&seen, at, on)));
            for (pick, given) in ends.chain(dated) {
                let filter = Filter { versions: vec![pick.clone()], ..Filter::default() };
                let request = PageRequest { limit: 99, filter, ..PageRequest::default() };
                let rows = self.store.manifest(eyes, *no, &request).await.unwrap().rows;
                let rows: Vec<Micros> = rows.into_iter().map(|row| row.added).collect();
                let mut given: Vec<Micros> = given.into_iter().map(|said| said.dated).collect();
                given.sort_unstable();
                assert_eq!(rows, given, "{pick:?} in {at}, {about}");
            }
        }
    }
}

/// Random stories of one object by three words, of several days of creation and two creators, some for few, in one collection or in two:
/// after every step two viewers are told what the model says of what each may see.
pub async fn only_its_owner_follows_a_version(site: Site) {
    let store: Arc<dyn Store> = site.open();
    let all = collections(&*store, 3).await;
    Village::new(Arc::clone(&store), 1).await;
    for seed in 0..STORIES {
        let c = if seed % 2 == 0 { all[..2].to_vec() } else { all[2..].to_vec() };
        let eyes = [1, 2].map(|user| (user, viewer(user, &c)));
        let dice = Dice(SeededRng::new(seed));
        let object = id("indicator", 500 + seed);
        let ids = c.iter().map(|no| format!("c{}", all.iter().position(|one| one == no).unwrap())).collect();
        let mut story = Story { store: Arc::clone(&store), c: c.clone(), ids, object, said: Vec::new() };
        for step in 0..STEPS {
            let about = format!("story {seed}, step {step}");
            if dice.throw(5) == 0 {
                story.take_away(&dice).await
            } else {
                story.say(&dice, &about).await
            }
            for (user, eyes) in &eyes {
                story.check(eyes, *user, &about).await;
            }
        }
        // The samples' bytes are no objects, which it tells as well.
        let wrong = store.rebuild(false).await.unwrap();
        assert!(wrong.iter().all(|line| line.to_string().starts_with("version")), "story {seed}: {wrong:?}");
        for said in std::mem::take(&mut story.said) {
            let (object, version) = (story.object.clone(), day(said.modified));
            let gone = move |desk: &mut dyn crate::ExchangeDesk| {
                desk.take_away(&VersionsOf {
                    id: &object,
                    version: &version,
                    originator: word(said.word),
                    digest: None,
                })
            };
            exchanged(&*store, 1, gone).await.unwrap();
        }
    }
}

/// How one's own people's version lands beside what others said since: it is judged against their own word first.
pub async fn own_versions_follow_the_own_word(site: Site) {
    let store: Arc<dyn Store> = site.open();
    let c = collections(&*store, 1).await;
    Village::new(Arc::clone(&store), 1).await;
    let rules =
        |by: &Originator| Some(Rules::marked(Some(TlpLevel::Green), by.clone()).to(Audience::EVERYBODY));
    let [own, other] = [word(0), word(1)];
    let land = async |by: &Originator, modified, content: &str, revoked: bool| {
        let sample = Sample::indicator(1, modified).saying(content).with(|facts| facts.revoked = revoked);
        let new = batch(c[0], &[sample.under(rules(by))]);
        let leaves = if *by == Originator::Here { LeavesBy::Store } else { LeavesBy::Step };
        let landed = exchanged(&*store, 1, move |desk| desk.add(&new, leaves)).await.unwrap().remove(0);
        told_as(&landed.how)
    };
    for (by, modified, content, revoked, how) in [
        (&own, 5, "a", false, "accepted"),
        (&other, 9, "x", true, "accepted"),
        (&own, 7, "b", false, "newer"),
        (&own, 6, "c", false, "older"),
        (&own, 6, "d", false, "version-conflict"),
        (&own, 9, "x", true, "known"),
        (&own, 9, "e", false, "newer"),
        (&own, 10, "f", true, "newer"),
        (&own, 11, "g", false, "revoked-already"),
        (&other, 11, "g", false, "revoked-already"),
    ] {
        assert_eq!(land(by, modified, content, revoked).await, how, "{by} on day {modified}: {content}");
    }
    let rows = store.history(&viewer(1, &c), &id("indicator", 1)).await.unwrap();
    assert_eq!(rows.len(), 6);
}

/// A member that says later that an identity is its own does not part what people here go on bringing under it from what they brought:
/// a revocation reaches what it revokes.
pub async fn who_claims_an_identity_later_parts_nothing(site: Site) {
    let store: Arc<dyn Store> = site.open();
    let c = collections(&*store, 1).await;
    Village::new(Arc::clone(&store), 1).await;
    for (modified, maker) in [(5, None), (7, Some(MemberId([1; 32])))] {
        let sample = Sample::indicator(1, modified).with(|facts| facts.revoked = maker.is_some());
        let mut new = batch(c[0], &[sample]);
        new.entries[0].maker = maker;
        let landed =
            exchanged(&*store, 1, move |desk| desk.add(&new, LeavesBy::Store)).await.unwrap().remove(0);
        let how = if maker.is_some() { LandedAs::Newer } else { LandedAs::Accepted };
        assert_eq!(landed.how, how);
    }
    let told = store.object(&viewer(1, &c), &id("indicator", 1), None).await.unwrap();
    assert_eq!((told.revoked, told.contradictions), (true, 0));
}
