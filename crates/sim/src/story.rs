//! A random story from a seed: deeds, bad weather, crashes, restores and tricks; then fair weather, and the verdict.

use std::collections::BTreeSet;

use base::Micros;
use base::signing::KeyId;
use federation::{Alteration, Lane, ObjectName, Rows};

use crate::hostile::Trick;
use crate::surroundings::{Fault, Terms, rules_under};
use crate::verdict::{
    before_its_time, bytes_out_of_place, is_exposed, kept_after_leaving, lives_differ, past_its_time,
    relays_keep, unsettled,
};
use crate::world::{RELAYS, Road, Weather, World};

/// What became of a story.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Invariants that do not hold.
    pub broken: Vec<String>,
    /// Objects released.
    pub released: usize,
    /// Changes, consents and passings on.
    pub changed: usize,
    /// Crashes that ended a transaction.
    pub crashes: usize,
    /// Restores from a backup.
    pub restores: usize,
    /// Tricks the hostile member could play.
    pub tricks: usize,
    /// Envelopes refused.
    pub refused: usize,
    /// Courier files written.
    pub files: usize,
    /// Times that glass was broken.
    pub notices: usize,
    /// Versions destroyed because their time was over.
    pub retired: usize,
    /// Members that came into a circle.
    pub joined: usize,
    /// Members that were taken out of a circle.
    pub left: usize,
    /// Versions that were let go of then.
    pub let_go: usize,
    /// Versions that were given after they had waited.
    pub given_later: usize,
    /// Parcels put at relays.
    pub parcels: u64,
    /// Digest of the whole end state: the same seed gives the same.
    pub fingerprint: String,
}

impl Report {
    /// Adds what happened in another story.
    pub fn add(&mut self, other: &Self) {
        self.released += other.released;
        self.changed += other.changed;
        self.crashes += other.crashes;
        self.restores += other.restores;
        self.tricks += other.tricks;
        self.refused += other.refused;
        self.files += other.files;
        self.notices += other.notices;
        self.retired += other.retired;
        self.joined += other.joined;
        self.left += other.left;
        self.let_go += other.let_go;
        self.given_later += other.given_later;
        self.parcels += other.parcels;
    }
}

/// A story in the making.
struct Story {
    world: World,
    report: Report,
    hostile: KeyId,
    honest: Vec<KeyId>,
    /// Objects by author, and to whom each was released.
    objects: Vec<(KeyId, String, BTreeSet<KeyId>)>,
    /// Objects that were consented to, which are not released anew, nor put under embargo.
    consented: BTreeSet<(KeyId, String)>,
    /// Objects that are for a circle or were ever under embargo: nobody consents to those.
    termed: BTreeSet<(KeyId, String)>,
    passing: Vec<(KeyId, ObjectName, KeyId)>,
    recovering: Option<KeyId>,
    equivocated: bool,
}

/// Members of a story: two that relay, three more, and the hostile one.
const MEMBERS: usize = 6;
/// Circles of a story.
const CIRCLES: usize = 2;
/// Draws of who is in a circle from the start.
const FIRST_MEMBERS: usize = 3;
/// Rounds of everybody greeting everybody after which a story must have come to rest.
const ROUNDS: usize = 30;

/// Hours after which every clock has been looked at again.
const CLOCK_AGAIN_HOURS: i64 = 7;
/// Hours after which nothing that has an end is to be kept, nor anything at a relay.
const AFTERWARDS_HOURS: i64 = 24 * 20;

/// Lets the story of `seed` happen for so many ticks, with a check switched off or none.
#[must_use]
pub fn run(seed: u64, ticks: u64, fault: Fault) -> Report {
    let world = World::new(seed, MEMBERS, fault);
    let order = world.order.clone();
    let mut story = Story {
        world,
        report: Report::default(),
        hostile: order[MEMBERS - 1],
        honest: order[..MEMBERS - 1].to_vec(),
        objects: Vec::new(),
        consented: BTreeSet::new(),
        termed: BTreeSet::new(),
        passing: Vec::new(),
        recovering: None,
        equivocated: false,
    };
    story.part(seed);
    story.skew_clocks();
    story.begin_circles();
    for _ in 0..ticks {
        story.tick();
        if !story.report.broken.is_empty() {
            break;
        }
    }
    story.end()
}

impl Story {
    fn pick(&self) -> KeyId {
        self.honest[self.world.draw(self.honest.len())]
    }

    /// In every second story two that do not relay never meet.
    fn part(&mut self, seed: u64) {
        let road = match seed % 4 {
            0 => Road::Relay,
            1 => Road::File,
            _ => return,
        };
        let one = RELAYS + self.world.draw(self.honest.len() - RELAYS);
        let other = RELAYS + self.world.draw(self.honest.len() - RELAYS);
        let other = if other == one { other % (self.honest.len() - RELAYS) + RELAYS } else { other };
        self.world.apart = Some((self.honest[one], self.honest[other], road));
    }

    fn skew_clocks(&mut self) {
        for member in self.honest.clone() {
            let hours = i64::try_from(self.world.draw(49)).expect("small") - 24;
            self.world.node(&member).skew_us = hours * 3_600 * Micros::SECOND;
        }
    }

    fn tick(&mut self) {
        match self.world.draw(24) {
            0..=4 => self.release(),
            5 => self.release_again(),
            6 => self.alter(),
            7 => self.consent(),
            8..=9 => self.cut(),
            10..=11 => self.crash(),
            12 => self.back_up(),
            13 => self.restore(),
            14..=16 => self.trick(),
            17 => self.courier(),
            18 => self.break_glass(),
            19 => self.leap(),
            20..=21 => self.join(),
            22..=23 => self.leave(),
            _ => {}
        }
        self.pass_on();
        let everybody = self.world.order.clone();
        for from in everybody.clone() {
            let to = everybody[self.world.draw(everybody.len())];
            self.world.greet(from, to, Weather::Rough);
        }
        self.relay();
        self.world.bring(Weather::Rough);
        self.world.pass(Weather::Rough);
        self.settle_recovery();
        self.report.broken.extend(bytes_out_of_place(&self.world, Some(self.hostile)));
        self.report.broken.extend(past_its_time(&self.world, Some(self.hostile)));
        self.report.broken.extend(lives_differ(&self.world, Some(self.hostile)));
        self.report.broken.extend(before_its_time(&self.world, Some(self.hostile)));
        self.report.broken.extend(kept_after_leaving(&self.world, Some(self.hostile)));
    }

    fn release(&mut self) {
        let author = self.pick();
        let mut to: BTreeSet<KeyId> =
            self.world.order.clone().into_iter().filter(|_| self.world.draw(2) == 0).collect();
        to.remove(&author);
        let lane = if self.world.draw(4) == 0 { Lane::Flash } else { Lane::Routine };
        let terms = self.terms(&author);
        if terms.circle.is_some() && self.world.draw(2) == 0 {
            // For the circle alone.
            to.clear();
        }
        if let Some((id, _)) = self.world.release_under(author, None, (&to, lane), &terms) {
            self.report.released += 1;
            self.note_terms((author, &id), &terms);
            self.objects.push((author, id, to));
        }
    }

    /// What else the rules of an object say.
    fn terms(&mut self, author: &KeyId) -> Terms {
        let circle = match self.world.draw(2) {
            0 => Some(self.world.draw(CIRCLES) as u64),
            _ => None,
        };
        Terms { circle, from: self.end_of_embargo(author), until: self.end_of_time(author), made_by: None }
    }

    fn note_terms(&mut self, (author, id): (KeyId, &str), terms: &Terms) {
        if terms.circle.is_some() || terms.from.is_some() {
            self.termed.insert((author, id.to_owned()));
        }
    }

    /// Until when something is under embargo: not at all, some minutes or days, by its author's clock.
    fn end_of_embargo(&mut self, author: &KeyId) -> Option<Micros> {
        let (minutes, hours) = (self.world.draw(20) + 1, self.world.draw(72) + 1);
        let seconds = match self.world.draw(8) {
            0 => 60 * minutes,
            1 => 3_600 * hours,
            _ => return None,
        };
        let skew = self.world.node(author).skew_us;
        Some(self.world.now().plus(skew + i64::try_from(seconds).expect("small") * Micros::SECOND))
    }

    /// Until when something is to be kept: for ever, some minutes, days or weeks, by its author's clock.
    fn end_of_time(&mut self, author: &KeyId) -> Option<Micros> {
        let (minutes, days) = (self.world.draw(20) + 1, self.world.draw(10) + 1);
        let seconds = match self.world.draw(6) {
            0 => 60 * minutes,
            1 => 86_400 * days,
            _ => return None,
        };
        let skew = self.world.node(author).skew_us;
        let seconds = i64::try_from(seconds).expect("small");
        Some(self.world.now().plus(skew).plus(seconds * Micros::SECOND))
    }

    /// A new version, to whoever has the object and perhaps one more.
    fn release_again(&mut self) {
        let Some(at) = self.some_object() else { return };
        let (author, id, mut to) = self.objects[at].clone();
        if self.consented.contains(&(author, id.clone())) {
            return;
        }
        let name = ObjectName { author, id: id.clone() };
        let holders = self.world.node(&author).rows.holders(&name).expect("maps answer");
        to.extend(holders.into_iter().map(|row| row.member));
        to.insert(self.pick());
        to.remove(&author);
        let terms = self.terms(&author);
        if self.world.release_under(author, Some(&id), (&to, Lane::Routine), &terms).is_some() {
            self.report.released += 1;
            self.note_terms((author, &id), &terms);
            self.objects[at].2 = to;
        }
    }

    fn some_object(&self) -> Option<usize> {
        if self.objects.is_empty() { None } else { Some(self.world.draw(self.objects.len())) }
    }

    fn alter(&mut self) {
        let Some(at) = self.some_object() else { return };
        let (author, id, to) = self.objects[at].clone();
        let kept: BTreeSet<KeyId> = to.into_iter().filter(|_| self.world.draw(2) == 0).collect();
        let mut terms = self.terms(&author);
        // A circle that takes in later whom a narrowing to it has excluded gives nothing back by itself (decision 0039).
        terms.circle = None;
        if self.consented.contains(&(author, id.clone())) {
            terms.from = None;
        }
        let rules = rules_under(&kept, &terms);
        let alteration = match self.world.draw(3) {
            0 => Alteration::Narrow(&rules),
            1 => Alteration::Recall,
            _ => Alteration::Erase,
        };
        if self.world.alter(author, &id, &alteration).is_some() {
            self.report.changed += 1;
            self.note_terms((author, &id), &terms);
        }
    }

    fn consent(&mut self) {
        let Some(at) = self.some_object() else { return };
        let (author, id, to) = self.objects[at].clone();
        if self.termed.contains(&(author, id.clone())) {
            return;
        }
        let honest = |member: &&KeyId| self.honest.contains(member);
        let Some(from) = to.iter().find(honest).copied() else { return };
        let Some(third) =
            self.honest.iter().find(|member| !to.contains(member) && **member != author).copied()
        else {
            return;
        };
        if self.world.consent(author, &id, from, third).is_some() {
            self.report.changed += 1;
            self.consented.insert((author, id.clone()));
            self.passing.push((from, ObjectName { author, id }, third));
        }
    }

    /// Holders pass on what they may, as soon as they have both the object and the consent.
    fn pass_on(&mut self) {
        for (holder, name, to) in std::mem::take(&mut self.passing) {
            if !self.world.pass_on(holder, &name, to) {
                self.passing.push((holder, name, to));
            }
        }
    }

    fn cut(&mut self) {
        if self.world.draw(3) == 0 {
            self.world.cut.clear();
            return;
        }
        let pair = (self.pick(), self.pick());
        self.world.cut.insert(pair);
    }

    fn crash(&mut self) {
        let (member, writes) = (self.pick(), self.world.draw(40));
        self.world.node(&member).crash_after = Some(writes);
    }

    fn back_up(&mut self) {
        let member = self.pick();
        if self.recovering != Some(member) {
            self.world.node(&member).back_up();
        }
    }

    /// One at a time: what two have lost at once may be lost. Who never meets another is not restored: no parcel gives back.
    fn restore(&mut self) {
        let member = self.pick();
        let apart = self.world.apart.is_some_and(|(one, other, _)| [one, other].contains(&member));
        if apart || self.recovering.is_some() || self.world.node(&member).backup.is_none() {
            return;
        }
        self.world.restore(&member);
        self.report.restores += 1;
        self.recovering = Some(member);
    }

    fn settle_recovery(&mut self) {
        let Some(member) = self.recovering else { return };
        let own = self.world.node(&member).rows.own().expect("maps answer");
        if own.recovery.is_none() {
            self.recovering = None;
        }
    }

    fn trick(&mut self) {
        let trick = Trick::ALL[self.world.draw(Trick::ALL.len())];
        let victim = self.pick();
        if self.world.play(trick, self.hostile, victim, Weather::Rough) {
            self.report.tricks += 1;
            self.equivocated |= trick == Trick::TwoHeads;
        }
    }

    /// Somebody writes a courier file: one of the two that have no other road, where there are such.
    fn courier(&mut self) {
        let (from, to) = match self.world.apart {
            Some((one, other, Road::File)) if self.world.draw(2) == 0 => (one, other),
            Some((one, other, Road::File)) => (other, one),
            _ => (self.pick(), self.pick()),
        };
        self.world.pack(from, to);
        self.report.files += usize::from(from != to);
    }

    fn break_glass(&mut self) {
        let member = self.pick();
        self.report.notices += usize::from(self.world.break_glass(member).is_some());
    }

    /// Two circles, with a few members each.
    fn begin_circles(&mut self) {
        for circle in 0..CIRCLES as u64 {
            for _ in 0..FIRST_MEMBERS {
                let first = self.pick();
                self.world.join(circle, first);
            }
        }
    }

    /// A circle takes somebody in, anybody, with what was shared before.
    fn join(&mut self) {
        let circle = self.world.draw(CIRCLES) as u64;
        let member = self.world.order[self.world.draw(MEMBERS)];
        self.report.joined += usize::from(self.world.join(circle, member));
    }

    /// A circle takes somebody out, if there is anybody.
    fn leave(&mut self) {
        let circle = self.world.draw(CIRCLES) as u64;
        let members: Vec<KeyId> =
            self.world.house.circles.get(&circle).into_iter().flatten().copied().collect();
        if !members.is_empty() {
            let member = members[self.world.draw(members.len())];
            self.report.left += usize::from(self.world.leave(circle, member));
        }
    }

    /// Nothing happens for some hours.
    fn leap(&mut self) {
        let hours = i64::try_from(self.world.draw(72)).expect("small");
        self.world.leap(hours);
    }

    /// Some go round the relays.
    fn relay(&mut self) {
        for member in self.honest.clone() {
            if self.world.draw(3) == 0 {
                self.world.relay_round(member, Weather::Rough);
            }
        }
    }

    fn end(mut self) -> Report {
        self.world.cut.clear();
        for member in self.honest.clone() {
            self.world.node(&member).crash_after = None;
        }
        let mut rested = self.world.settle(ROUNDS);
        // Clocks that looked slow, or whose nodes refused something as too early, are looked at again within hours.
        self.world.leap(CLOCK_AGAIN_HOURS);
        // A member that lies can hold up who waits for it: then an operator goes on without it.
        for member in self.honest.clone() {
            self.world.leave_out(&member, self.hostile);
        }
        rested &= self.world.settle(ROUNDS);
        // What was promised is passed on once everybody has heard of it.
        self.pass_on();
        rested &= self.world.settle(ROUNDS);
        if !rested {
            self.report.broken.push("I4: the nodes do not come to rest".to_owned());
        }
        self.report.broken.extend(unsettled(&self.world, Some(self.hostile)));
        // The time of whatever has one is over, and relays have kept for long enough.
        self.world.leap(AFTERWARDS_HOURS);
        if !self.world.settle(ROUNDS) {
            self.report.broken.push("I4: the nodes do not come to rest after everything's time".to_owned());
        }
        self.report.broken.extend(unsettled(&self.world, Some(self.hostile)));
        self.report.broken.extend(relays_keep(&self.world, Some(self.hostile)));
        for member in &self.honest {
            let node = &self.world.nodes[member];
            self.report.crashes += node.crashes;
            self.report.refused += node.rows.refusals().len();
            self.report.retired += node.retired;
            self.report.parcels += node.parcels;
            self.report.let_go += node.let_go;
            self.report.given_later += node.given_later;
        }
        if self.equivocated
            && both_heads_arrived(&self.world, self.hostile)
            && !is_exposed(&self.world, self.hostile)
        {
            self.report.broken.push("I5: a split view was not exposed".to_owned());
        }
        let hashes: Vec<String> = self
            .world
            .nodes
            .values()
            .map(|node| hex::encode(federation::state_hash(&node.rows).expect("maps answer")))
            .collect();
        self.report.fingerprint = hashes.join(" ");
        self.report
    }
}

/// Whether two honest members mirror ledgers of the hostile one that do not agree.
fn both_heads_arrived(world: &World, hostile: KeyId) -> bool {
    let first =
        |node: &crate::Node| node.rows.leaves(&hostile, 0, 1).ok().and_then(|leaves| leaves.first().copied());
    let leaves: BTreeSet<_> = world
        .nodes
        .iter()
        .filter(|(member, _)| **member != hostile)
        .filter_map(|(_, node)| first(node))
        .collect();
    leaves.len() > 1
}
