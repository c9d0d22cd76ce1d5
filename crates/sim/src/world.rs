//! The world: nodes, the network between them, the clock, and what everybody was entitled to.

use std::collections::{BTreeMap, BTreeSet};

use base::signing::{KeyId, Signer, SigningKey};
use base::{Micros, Rng, SeededRng};
use federation::{
    Alteration, CourierError, Effect, Grant, Lane, Me, ObjectName, Received, Release, Released, Rows, Sealed,
    SealingSecret,
};
use ledger::act::ActKind;

use crate::node::{Message, Node, Surroundings};
use crate::shelf::Whim;
use crate::surroundings::{Fault, House, rules_for};

/// A message on its way.
#[derive(Clone, Debug)]
struct Flight {
    due: u64,
    from: KeyId,
    to: KeyId,
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
    /// Who may ever have had an object, by the number in it.
    pub entitled: BTreeMap<u64, BTreeSet<KeyId>>,
    /// What was seen at somebody to whom it was passed on: the object, the act that brought it, and who.
    pub arrived: BTreeSet<(ObjectName, u64, KeyId)>,
    /// Who has gone back to a backup.
    pub restored: BTreeSet<KeyId>,
    /// Every batch that ever went over the network, for whoever replays.
    pub overheard: Vec<(KeyId, Message)>,
    rng: SeededRng,
    flights: Vec<Flight>,
    tick: u64,
    objects: u64,
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
        let mut house = House { members: BTreeMap::new(), inactive: BTreeSet::new(), epoch: 1, fault };
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
            entitled: BTreeMap::new(),
            arrived: BTreeSet::new(),
            restored: BTreeSet::new(),
            overheard: Vec::new(),
            rng,
            flights: Vec::new(),
            tick: 0,
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
        Micros(1_800_000_000 * Micros::SECOND).plus(ticks * TICK_US)
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

    /// Lets a tick pass: delivers what is due, in any order, and what that leads to.
    pub fn pass(&mut self, weather: Weather) {
        self.tick += 1;
        self.deliver(weather);
        for (member, node) in &self.nodes {
            let held = node.rows.all_versions().expect("maps answer");
            let passed = held.into_iter().filter(|row| row.by.is_some());
            self.arrived.extend(passed.map(|row| (row.name, row.sequence, *member)));
        }
    }

    fn deliver(&mut self, weather: Weather) {
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
        let rest = if self.cut.is_empty() { 1 } else { QUIET_ROUNDS };
        let (mut last, mut quiet) = (String::new(), 0);
        for _ in 0..rounds {
            for from in self.order.clone() {
                for to in self.order.clone() {
                    self.greet(from, to, Weather::Fair);
                }
                self.relay_round(from, Weather::Fair);
                self.pass(Weather::Fair);
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
        let away = self.with(&from, Node::away);
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

    fn reaches(&self, from: &KeyId, to: &KeyId) -> bool {
        from != to && !self.cut.contains(&(*from, *to)) && !self.cut.contains(&(*to, *from))
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
        let (number, id, object) = self.object(&author, id);
        let rules = rules_for(to);
        let kind = if self.draw(4) == 0 { ActKind::Sighted } else { ActKind::Released };
        let mut entitled = to.clone();
        entitled.insert(author);
        self.entitled.insert(number, entitled);
        let released = self.with(&author, |node, around| {
            node.transact(around, |exchange, write| {
                let release = Release { object: &object, rules: &rules, addressees: to, lane, kind };
                let released = exchange.release(&write.rows, &release).ok()?;
                write.apply(released.effects.clone());
                Some(released)
            })
        });
        Some((id, released.flatten()?))
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

fn life_of(rows: &federation::MemoryRows) -> u64 {
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

/// One step at a time, for tests that look closely.
impl World {
    /// What a member would send another now.
    pub fn outgoing(&mut self, from: &KeyId, to: &KeyId) -> Vec<Sealed> {
        let batch = self.with(from, |node, around| {
            node.transact(around, |exchange, write| exchange.outgoing(&write.rows, to).expect("maps answer"))
        });
        batch.unwrap_or_default()
    }

    /// A member takes the heads that another knows.
    pub fn tell_heads(&mut self, from: &KeyId, to: &KeyId) {
        let known = self.nodes[to].rows.mirrored().expect("maps answer").into_iter().map(|member| {
            let mirror = self.nodes[to].rows.mirror(&member).expect("maps answer");
            (member, mirror.map_or(0, |row| row.size))
        });
        let known = known.collect();
        let updates = self.with(from, |node, around| {
            node.transact(around, |exchange, write| {
                exchange.heads_for(&write.rows, &known, None).expect("maps answer")
            })
        });
        let bytes = federation::HeadUpdate::to_bytes(&updates.unwrap_or_default());
        let from = *from;
        self.with(to, |node, around| node.hear(around, from, Message::Heads(bytes)));
    }

    /// A member takes one envelope, without closing a batch.
    pub fn receive(&mut self, member: &KeyId, sealed: &Sealed) -> Received {
        let received = self.with(member, |node, around| {
            node.transact(around, |exchange, write| {
                let received = exchange.receive(&write.rows, sealed).expect("maps answer");
                write.apply(received.effects.clone());
                received
            })
        });
        received.expect("nothing crashes here")
    }

    /// A courier file of everything that waits for a peer.
    pub fn courier_out(&mut self, from: &KeyId, to: &KeyId) -> Option<Vec<u8>> {
        self.with(from, |node, around| node.courier_out(around, *to))
    }

    /// A member takes a courier file; whether it had the time to, before a crash.
    ///
    /// # Errors
    /// The file is not taken.
    pub fn courier_in(&mut self, member: &KeyId, file: Vec<u8>) -> Result<bool, CourierError> {
        self.with(member, |node, around| node.courier_in(around, file))
    }

    /// A member believes that a peer has everything, as when a courier file is under way.
    pub fn pretend_acknowledged(&mut self, member: &KeyId, peer: &KeyId) {
        let mut row = self.nodes[member].rows.peer(peer).expect("maps answer");
        for queue in &mut row.queues {
            queue.acked = queue.last;
        }
        self.node(member).rows.apply(Effect::Peer(*peer, row));
    }

    /// A member goes back to its backup.
    pub fn restore(&mut self, member: &KeyId) {
        self.restored.insert(*member);
        // What was on its way to the node that died went with its connections.
        self.flights.retain(|flight| flight.to != *member);
        self.with(member, |node, around| node.restore(around));
    }

    /// An operator does not wait any longer for another member, in a recovery.
    pub fn leave_out(&mut self, member: &KeyId, other: KeyId) {
        self.with(member, |node, around| {
            node.transact(around, |exchange, write| {
                if let Ok(effects) = exchange.leave_out(&write.rows, other).expect("maps answer") {
                    write.apply(effects);
                    write.apply(exchange.advance(&write.rows).expect("maps answer"));
                }
            })
        });
    }

    /// Acts that a member has waited for too long to see in a ledger.
    pub fn overdue(&mut self, member: &KeyId) -> Vec<(KeyId, u64)> {
        let overdue = self.with(member, |node, around| {
            node.transact(around, |exchange, write| exchange.overdue(&write.rows).expect("maps answer"))
        });
        overdue.unwrap_or_default()
    }
}
