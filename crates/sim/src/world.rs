//! The world: nodes, the network between them, the clock, and what everybody was entitled to.

use std::collections::{BTreeMap, BTreeSet};

use base::signing::{KeyId, Signer, SigningKey};
use base::{Micros, Rng, SeededRng};
use federation::{
    Alteration, Exchange, Grant, Lane, Me, MemoryRows, Notice, ObjectName, Release, Released, Route, Rows,
    SealingSecret,
};
use ledger::act::ActKind;

use crate::message::Message;
use crate::node::{Node, Surroundings};
use crate::shelf::Whim;
use crate::surroundings::{Circles, Fault, House, Terms, kept_until, rules_under};

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    due: u64,
    from: KeyId,
    pub(crate) to: KeyId,
    /// The life of the sender's node when it was sent, as the greeting of a turn says it.
    life: u64,
    message: Message,
}

/// What the network does to messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Loses, repeats, delays and reorders.
    Rough,
    /// Delivers everything at once.
    Fair,
}

/// Everything there is.
pub struct World {
    /// The nodes, by member. The first to be made relay.
    pub nodes: BTreeMap<KeyId, Node>,
    /// The members in the order they were made.
    pub order: Vec<KeyId>,
    /// The registry.
    pub house: House,
    /// Pairs that do not reach each other.
    pub cut: BTreeSet<(KeyId, KeyId)>,
    /// Two that never reach each other, and by which other road they do.
    pub apart: Option<(KeyId, KeyId, Road)>,
    /// Courier files in somebody's pocket, and for whom they are.
    pub pocket: Vec<(KeyId, Vec<u8>)>,
    /// Who held what it had taken after its time was over.
    pub late: Vec<(KeyId, ObjectName)>,
    /// Who may ever have had an object, by the number in it.
    pub entitled: BTreeMap<u64, BTreeSet<KeyId>>,
    /// The numbers of objects that were released for a circle.
    pub shared_in: BTreeMap<u64, BTreeSet<u64>>,
    /// What was seen at somebody to whom it was passed on: the object, the act that brought it, and who.
    pub arrived: BTreeSet<(ObjectName, u64, KeyId)>,
    /// Who has gone back to a backup.
    pub restored: BTreeSet<KeyId>,
    /// The life that its last restore began, of each node that had one.
    pub lives: BTreeMap<KeyId, u64>,
    /// Every batch that ever went over the network, for whoever replays.
    pub overheard: Vec<(KeyId, Message)>,
    rng: SeededRng,
    pub(crate) flights: Vec<Flight>,
    tick: u64,
    leapt_us: i64,
    objects: u64,
}

/// By which road two are connected that never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// Parcels through relays.
    Relay,
    /// Courier files.
    File,
}

/// Members that relay: the first that are made.
pub const RELAYS: usize = 2;
/// Rounds in which nothing may change before everything is said to be at rest, where some do not meet.
const QUIET_ROUNDS: usize = 3;
/// One member in so many speaks the version before.
const OLD_EVERY: usize = 4;
const OLD: federation::Versions = federation::Versions { min: 1, max: 1 };
/// Length of a tick (a minute).
const TICK_US: i64 = 60 * Micros::SECOND;

impl World {
    /// `members` members that know each other, from a seed.
    #[must_use]
    pub fn new(seed: u64, members: usize, fault: Fault) -> Self {
        let rng = SeededRng::new(seed);
        let mut house = House {
            members: BTreeMap::new(),
            inactive: BTreeSet::new(),
            circles: Circles::new(),
            epoch: 1,
            fault,
        };
        let (mut nodes, mut order) = (BTreeMap::new(), Vec::new());
        for number in 0..members {
            let (signer, sealing) = (SigningKey::generate(&rng), SealingSecret::generate(&rng));
            let member = signer.public_key().id();
            house.members.insert(member, (signer.public_key(), sealing.public()));
            let me = Me { member, community: "sim".to_owned(), signer: Box::new(signer), sealing };
            let mut node = Node::new(me, fault);
            if number % OLD_EVERY == OLD_EVERY - 1 {
                node.versions = OLD;
            }
            nodes.insert(member, node);
            order.push(member);
        }
        Self {
            nodes,
            order,
            house,
            cut: BTreeSet::new(),
            apart: None,
            pocket: Vec::new(),
            late: Vec::new(),
            entitled: BTreeMap::new(),
            shared_in: BTreeMap::new(),
            arrived: BTreeSet::new(),
            restored: BTreeSet::new(),
            lives: BTreeMap::new(),
            overheard: Vec::new(),
            rng,
            flights: Vec::new(),
            tick: 0,
            leapt_us: 0,
            objects: 0,
        }
    }

    /// A number below `below`.
    pub fn draw(&self, below: usize) -> usize {
        let mut bytes = [0; 8];
        self.rng.fill(&mut bytes);
        let below = u64::try_from(below.max(1)).expect("small");
        usize::try_from(u64::from_le_bytes(bytes) % below).expect("small")
    }

    /// Randomness.
    #[must_use]
    pub fn rng(&self) -> &SeededRng {
        &self.rng
    }

    /// The world's time.
    #[must_use]
    pub fn now(&self) -> Micros {
        let ticks = i64::try_from(self.tick).expect("small");
        Micros(1_800_000_000 * Micros::SECOND).plus(ticks * TICK_US).plus(self.leapt_us)
    }

    /// So many hours pass in which nothing happens.
    pub fn leap(&mut self, hours: i64) {
        self.leapt_us += hours * 3_600 * Micros::SECOND;
    }

    /// A member's node.
    pub fn node(&mut self, member: &KeyId) -> &mut Node {
        self.nodes.get_mut(member).expect("every member has a node")
    }

    /// Does something with a node, and everything it needs from outside.
    pub(crate) fn with<T>(
        &mut self,
        member: &KeyId,
        deed: impl FnOnce(&mut Node, &Surroundings<'_>) -> T,
    ) -> T {
        let now = self.now();
        let node = self.nodes.get_mut(member).expect("every member has a node");
        deed(node, &Surroundings { house: &self.house, rng: &self.rng, now })
    }

    /// Asks a node of something without changing it.
    pub(crate) fn with_exchange<T>(
        &self,
        member: &KeyId,
        ask: impl FnOnce(&Exchange<'_>, &MemoryRows) -> T,
    ) -> T {
        let around = Surroundings { house: &self.house, rng: &self.rng, now: self.now() };
        self.nodes[member].look(&around, ask)
    }

    /// Puts a message on its way.
    pub fn send(&mut self, from: KeyId, to: KeyId, message: Message, weather: Weather) {
        if !self.reaches(&from, &to) {
            return;
        }
        match &message {
            Message::Batch(bytes) | Message::Delivery(_, bytes) => {
                self.overheard.push((to, Message::Batch(bytes.clone())));
            }
            Message::Together(_, bytes) => {
                self.overheard.push((to, Message::Together(Vec::new(), bytes.clone())));
            }
            _ => {}
        }
        let rough = weather == Weather::Rough;
        if rough && self.draw(10) == 0 {
            return;
        }
        let copies = if rough && self.draw(8) == 0 { 2 } else { 1 };
        for _ in 0..copies {
            let delay = if rough { u64::try_from(self.draw(4)).expect("small") } else { 0 };
            let life = self.nodes.get(&from).map_or(0, |node| life_of(&node.rows));
            self.flights.push(Flight { due: self.tick + delay, from, to, life, message: message.clone() });
        }
    }

    /// Lets a tick pass: delivers what is due, in any order, and what that leads to; then everybody destroys what is past its time, lets go
    /// of what circles let it have that it has left, and gives what need not wait any longer.
    pub fn pass(&mut self, weather: Weather) {
        self.tick += 1;
        self.deliver(weather);
        let late = self.nodes.iter().flat_map(|(member, node)| {
            let held = node.rows.all_versions().expect("maps answer").into_iter();
            let over = |rules: &str| kept_until(rules).is_some_and(|until| Some(until) <= node.retired_at);
            held.filter(move |row| over(&row.rules)).map(|row| (*member, row.name))
        });
        let late: Vec<_> = late.collect();
        self.late.extend(late);
        for member in self.order.clone() {
            self.with(&member, Node::retire);
            self.with(&member, Node::let_go);
            self.with(&member, Node::give_later);
        }
        for (member, node) in &self.nodes {
            let held = node.rows.all_versions().expect("maps answer");
            let passed = held.into_iter().filter(|row| row.by.is_some());
            self.arrived.extend(passed.map(|row| (row.name, row.sequence, *member)));
        }
    }

    /// Delivers what is due, in any order, and what that leads to.
    pub fn deliver(&mut self, weather: Weather) {
        let mut rounds = 0;
        loop {
            let (mut due, later): (Vec<Flight>, Vec<Flight>) =
                std::mem::take(&mut self.flights).into_iter().partition(|flight| flight.due <= self.tick);
            self.flights = later;
            if due.is_empty() || rounds > 40 {
                self.flights.extend(due);
                return;
            }
            rounds += 1;
            while !due.is_empty() {
                let at = if weather == Weather::Rough { self.draw(due.len()) } else { 0 };
                let flight = due.remove(at);
                let known = self.nodes[&flight.to].rows.peer(&flight.from).expect("maps answer").life;
                let is_turn = !matches!(flight.message, Message::Hello(..)) && !flight.message.is_relayed();
                if flight.life < known && is_turn {
                    continue;
                }
                self.node(&flight.to).whim = match weather {
                    Weather::Rough => Whim::OFTEN[self.draw(Whim::OFTEN.len())],
                    Weather::Fair => Whim::Honest,
                };
                let said =
                    self.with(&flight.to, |node, around| node.hear(around, flight.from, flight.message));
                for (to, message) in said {
                    self.send(flight.to, to, message, weather);
                }
            }
        }
    }

    /// One node greets another.
    pub fn greet(&mut self, from: KeyId, to: KeyId, weather: Weather) {
        let greeting = self.with(&from, |node, around| node.greeting(around, to));
        self.send(from, to, greeting, weather);
    }

    /// Everybody greets everybody and goes round the relays, in fair weather, until nothing changes any more. Answers whether that
    /// came about.
    pub fn settle(&mut self, rounds: usize) -> bool {
        // What goes by relay may wait for a pause to be over.
        let rest = if self.cut.is_empty() && self.apart.is_none() { 1 } else { QUIET_ROUNDS };
        let (mut last, mut quiet) = (String::new(), 0);
        for _ in 0..rounds {
            for from in self.order.clone() {
                for to in self.order.clone() {
                    self.greet(from, to, Weather::Fair);
                }
                self.relay_round(from, Weather::Fair);
                self.pass(Weather::Fair);
            }
            if let Some((one, other, Road::File)) = self.apart {
                self.pocket.clear();
                self.pack(one, other);
                self.bring(Weather::Fair);
                self.pack(other, one);
                self.bring(Weather::Fair);
            }
            let now = self.fingerprint();
            quiet = if now == last { quiet + 1 } else { 0 };
            if quiet >= rest {
                return true;
            }
            last = now;
        }
        false
    }

    fn fingerprint(&self) -> String {
        let one = |node: &Node| {
            let hash = federation::state_hash(&node.rows).expect("maps answer");
            let own = node.rows.own().expect("maps answer");
            let queues: Vec<_> =
                self.order.iter().map(|peer| node.rows.peer(peer).expect("maps answer").queues).collect();
            let open = node.rows.all_receipts().filter(|row| row.state == federation::ReceiptState::Pending);
            format!(
                "{} {} {} {} {queues:?};",
                hex::encode(hash),
                own.next,
                own.recovery.is_some(),
                open.count()
            )
        };
        self.nodes.values().map(one).collect()
    }

    /// One node's round of relays: parcels for members that it does not meet are put, those that wait for it are asked for, and what
    /// need not wait any longer is withdrawn.
    pub fn relay_round(&mut self, from: KeyId, weather: Weather) {
        let mut away = self.with(&from, Node::away);
        if let Some((one, other, Road::File)) = self.apart
            && [one, other].contains(&from)
        {
            away.retain(|member| ![one, other].contains(member));
        }
        let relays: Vec<KeyId> =
            self.order.iter().take(RELAYS).copied().filter(|relay| *relay != from).collect();
        for to in &away {
            let others: Vec<KeyId> = relays.iter().copied().filter(|relay| relay != to).collect();
            let errand = if others.is_empty() {
                None
            } else {
                self.with(&from, |node, around| node.errand(around, *to))
            };
            let Some(errand) = errand else { continue };
            // As many are passed over as have had it; who does not answer is.
            let turn = (0..others.len()).map(|at| others[(errand.before + at) % others.len()]);
            let through = turn.into_iter().find(|relay| self.reaches(&from, relay));
            let Some(relay) = through else { continue };
            let message = self.node(&from).put(*to, relay, errand);
            self.send(from, relay, message, weather);
        }
        for (relay, message) in self.with(&from, Node::withdrawals) {
            self.send(from, relay, message, weather);
        }
        for relay in relays {
            let others: Vec<KeyId> = away.iter().copied().filter(|member| *member != relay).collect();
            let routes = self.with(&from, |node, around| node.routes(around, &others));
            if !routes.is_empty() {
                self.send(from, relay, Message::Take(routes), weather);
            }
        }
    }

    /// A relay hands out everything that it remembers, whoever it was for and however old it is.
    pub fn hand_out_old(&mut self, relay: &KeyId, to: &KeyId) {
        let parcels: Vec<Vec<u8>> =
            self.nodes[relay].shelf.seen().map(|parcel| parcel.as_bytes().to_vec()).collect();
        let message = Message::HandedOut(federation::parcels_to(&parcels));
        self.with(to, |node, around| node.hear(around, *relay, message));
    }

    /// The routes of parcels from one to another.
    #[must_use]
    pub(crate) fn routes(&self, from: &KeyId, to: &KeyId) -> Vec<Route> {
        self.with_exchange(to, |exchange, _| exchange.relay_routes(from))
    }

    fn reaches(&self, from: &KeyId, to: &KeyId) -> bool {
        let apart = self
            .apart
            .is_some_and(|(one, other, _)| (one, other) == (*from, *to) || (other, one) == (*from, *to));
        from != to && !apart && !self.cut.contains(&(*from, *to)) && !self.cut.contains(&(*to, *from))
    }

    /// Somebody puts a courier file into their pocket.
    pub fn pack(&mut self, from: KeyId, to: KeyId) {
        if from != to {
            let file = self.courier_out(&from, &to);
            self.pocket.extend(file.map(|file| (to, file)));
        }
    }

    /// Somebody brings a file from their pocket, any of them: it may be lost before, and comes again when it stays there.
    pub fn bring(&mut self, weather: Weather) {
        if self.pocket.is_empty() {
            return;
        }
        let at = if weather == Weather::Rough { self.draw(self.pocket.len()) } else { 0 };
        let (to, file) = self.pocket[at].clone();
        let chance = if weather == Weather::Rough { self.draw(6) } else { 1 };
        let taken = chance != 0 && self.courier_in(&to, file).is_ok();
        // One that came too early is kept, and so is now and then one that was taken.
        let is_kept = weather == Weather::Rough && chance != 0 && (!taken || chance == 2);
        if !is_kept {
            self.pocket.remove(at);
        }
    }

    /// The bytes of a new object, or of a new version of one.
    pub fn object(&mut self, author: &KeyId, id: Option<&str>) -> (u64, String, Vec<u8>) {
        self.objects += 1;
        let number = self.objects;
        let id = id.map_or_else(|| format!("indicator--{number:08}"), str::to_owned);
        let text = format!(
            "{{\"id\":\"{id}\",\"created_by_ref\":\"identity--{author}\",\"modified\":\"v{number}\",\"number\":{number}}}"
        );
        (number, id, text.into_bytes())
    }

    /// A member releases an object to others; `None` when it crashed or was refused.
    pub fn release(
        &mut self,
        author: KeyId,
        id: Option<&str>,
        to: &BTreeSet<KeyId>,
        lane: Lane,
    ) -> Option<(String, Released)> {
        self.release_under(author, id, (to, lane), &Terms::default())
    }

    /// The same, with what else its rules say.
    pub fn release_under(
        &mut self,
        author: KeyId,
        id: Option<&str>,
        (to, lane): (&BTreeSet<KeyId>, Lane),
        terms: &Terms,
    ) -> Option<(String, Released)> {
        let maker = terms.made_by.unwrap_or(author);
        let (number, id, object) = self.object(&maker, id);
        let rules = rules_under(to, terms);
        let kind = if self.draw(4) == 0 { ActKind::Sighted } else { ActKind::Released };
        let mut to = to.clone();
        if let Some(circle) = terms.circle {
            to.extend(
                self.house.circles.get(&circle).into_iter().flatten().filter(|member| **member != author),
            );
            self.shared_in.entry(circle).or_default().insert(number);
        }
        // Nobody takes from one what another made.
        let mut entitled = if maker == author { to.clone() } else { BTreeSet::new() };
        entitled.insert(author);
        self.entitled.insert(number, entitled);
        let released = self.with(&author, |node, around| {
            node.transact(around, |exchange, write| {
                let release = Release { object: &object, rules: &rules, addressees: &to, lane, kind };
                let released = exchange.release(&write.rows, &release).ok()?;
                write.apply(released.effects.clone());
                Some(released)
            })
        });
        Some((id, released.flatten()?))
    }

    /// A circle takes a member in, with all that was shared in it before.
    pub fn join(&mut self, circle: u64, member: KeyId) -> bool {
        for number in self.shared_in.get(&circle).into_iter().flatten() {
            self.entitled.entry(*number).or_default().insert(member);
        }
        self.house.circles.entry(circle).or_default().insert(member)
    }

    /// A circle takes a member out: what it has by that circle alone it is to let go of.
    pub fn leave(&mut self, circle: u64, member: KeyId) -> bool {
        self.house.circles.entry(circle).or_default().remove(&member)
    }

    /// A member tells everybody what it did without a second person.
    pub fn break_glass(&mut self, member: KeyId) -> Option<u64> {
        let done = self.with(&member, |node, around| {
            node.transact(around, |exchange, write| {
                let notice = Notice { deed: "export".to_owned(), reason: "the house is on fire".to_owned() };
                let (sequence, effects) = exchange.announce(&write.rows, &notice).ok()?;
                write.apply(effects);
                Some(sequence)
            })
        });
        done.flatten()
    }

    /// A member changes an object of its own.
    pub fn alter(&mut self, author: KeyId, id: &str, alteration: &Alteration<'_>) -> Option<u64> {
        let done = self.with(&author, |node, around| {
            node.transact(around, |exchange, write| {
                let (sequence, effects) = exchange.alter(&write.rows, id, alteration, "sim").ok()?;
                write.apply(effects);
                Some(sequence)
            })
        });
        done.flatten()
    }

    /// A member consents, and the other passes on as soon as it can.
    pub fn consent(&mut self, author: KeyId, id: &str, from: KeyId, to: KeyId) -> Option<u64> {
        let name = ObjectName { author, id: id.to_owned() };
        let until = self.now().plus(400 * 86_400 * Micros::SECOND);
        let done = self.with(&author, |node, around| {
            node.transact(around, |exchange, write| {
                let held = write.rows.versions(&name).expect("maps answer").pop()?;
                let number = number_in(&write.rows, &author, held.sequence)?;
                let grant = Grant { object: id, version: &held.version, from, to, until };
                let granted = exchange.consent(&write.rows, &grant).ok()?;
                write.apply(granted.effects);
                Some(number)
            })
        });
        let number = done.flatten()?;
        self.entitled.entry(number).or_default().insert(to);
        Some(number)
    }

    /// A member takes back the consent that it gave last for an object.
    pub fn revoke(&mut self, author: KeyId, id: &str) -> Option<u64> {
        let name = ObjectName { author, id: id.to_owned() };
        let done = self.with(&author, |node, around| {
            node.transact(around, |exchange, write| {
                let given = write.rows.consents(&name).expect("maps answer");
                let token = given.iter().max_by_key(|token| token.until)?;
                let (sequence, effects) = exchange.revoke(&write.rows, token).ok()?;
                write.apply(effects);
                Some(sequence)
            })
        });
        done.flatten()
    }

    /// A holder passes on what it may.
    pub fn pass_on(&mut self, holder: KeyId, name: &ObjectName, to: KeyId) -> bool {
        let done = self.with(&holder, |node, around| {
            node.transact(around, |exchange, write| {
                let held = write.rows.versions(name).expect("maps answer").pop()?;
                let effects = exchange.pass_on(&write.rows, name, &held.version, to).ok()?;
                write.apply(effects);
                Some(())
            })
        });
        done.flatten().is_some()
    }
}

pub(crate) fn life_of(rows: &federation::MemoryRows) -> u64 {
    rows.own().expect("maps answer").life
}

/// The number in the object that an act brought.
pub(crate) fn number_in(rows: &federation::MemoryRows, author: &KeyId, sequence: u64) -> Option<u64> {
    number_of(&rows.payload(author, sequence).ok()??.bytes)
}

pub(crate) fn number_of(payload: &[u8]) -> Option<u64> {
    let content = federation::Content::parse(payload).ok()?;
    let object: serde_json::Value = serde_json::from_slice(content.object).ok()?;
    object.get("number")?.as_u64()
}
