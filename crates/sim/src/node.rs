//! One simulated node: rows in maps, transactions that a crash can end at any write, and what it says to which message.

use std::collections::BTreeMap;

use base::signed::Signed;
use base::signing::KeyId;
use base::{Micros, Rng};
use federation::{
    Ack, Compatibility, Cosigned, Effect, Exchange, HeadUpdate, Hello, Kept, Me, MemoryRows, Received,
    RelayShelf, Route, Rows, Sealed, Taken, Turn, Versions, batch_from, batch_to,
};

use crate::surroundings::{Fault, House, HouseJudge};

/// What one node says to another. Everything is bytes, as it is on the wire.
#[derive(Clone, Debug)]
pub enum Message {
    /// A greeting; the flag of the wire is whether an answer is wanted.
    Hello(String, Answer),
    /// A batch of envelopes.
    Batch(Vec<u8>),
    /// Heads of ledgers and a batch behind them, in one request: who takes the acts has their leaves.
    Delivery(Vec<u8>, Vec<u8>),
    /// Heads of ledgers, and behind them a batch that is signed and sealed as one.
    Together(Vec<u8>, Vec<u8>),
    /// An acknowledgement.
    Ack(String),
    /// Heads of ledgers.
    Heads(Vec<u8>),
    /// A witness's line.
    Cosigned(Vec<u8>),
    /// Everything given back to a member that lost it, in the order it must be taken in.
    Restitution(Vec<u8>, Vec<Vec<u8>>, String),
    /// Envelopes for a relay to keep.
    Keep(Vec<u8>),
    /// What waits at a relay under these routes?
    Fetch(Vec<Route>),
}

/// Whether a greeting asks for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It does.
    Wanted,
    /// It is one.
    Given,
}

/// What a node says next, and to whom.
pub(crate) type Said = Vec<(KeyId, Message)>;

/// A node.
pub struct Node {
    /// Who it is.
    pub me: Me,
    /// What it has written.
    pub rows: MemoryRows,
    /// What it speaks of the protocol.
    pub versions: Versions,
    /// Its clock minus the world's, in microseconds.
    pub skew_us: i64,
    /// A backup it once made.
    pub backup: Option<MemoryRows>,
    /// What it keeps for others.
    pub shelf: RelayShelf,
    /// The node crashes after so many writes from now, inside whatever transaction that is.
    pub crash_after: Option<usize>,
    /// Crashes so far.
    pub crashes: usize,
    fault: Fault,
}

/// A transaction in the making.
pub(crate) struct Writing {
    pub(crate) rows: MemoryRows,
    left: Option<usize>,
    crashed: bool,
    fault: Fault,
}

impl Writing {
    pub(crate) fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match &mut self.left {
                Some(0) => self.crashed = true,
                Some(left) => *left -= 1,
                None => {}
            }
            let forgotten = self.fault == Fault::FatesForgotten && matches!(effect, Effect::Fate(_));
            if !self.crashed && !forgotten {
                self.rows.apply(effect);
            }
        }
    }
}

impl Node {
    pub(crate) fn new(me: Me, fault: Fault) -> Self {
        let rows = MemoryRows::of(me.member);
        let shelf = RelayShelf::default();
        Self {
            me,
            rows,
            versions: Versions::OURS,
            skew_us: 0,
            backup: None,
            shelf,
            crash_after: None,
            crashes: 0,
            fault,
        }
    }

    fn exchange<'a>(
        &'a self,
        house: &'a House,
        judge: &'a HouseJudge,
        rng: &'a dyn Rng,
        now: Micros,
    ) -> Exchange<'a> {
        Exchange {
            me: &self.me,
            directory: house,
            judge,
            rng,
            now: now.plus(self.skew_us),
            leaves_max: base::limit::HEAD_LEAVES_MAX,
        }
    }

    /// Runs a step in a transaction; `None` when it crashed and nothing of it happened.
    pub(crate) fn transact<T>(
        &mut self,
        surroundings: &Surroundings<'_>,
        step: impl FnOnce(&Exchange<'_>, &mut Writing) -> T,
    ) -> Option<T> {
        let judge = HouseJudge(self.fault);
        let mut writing = Writing {
            rows: self.rows.clone(),
            left: self.crash_after.take(),
            crashed: false,
            fault: self.fault,
        };
        let exchange = self.exchange(surroundings.house, &judge, surroundings.rng, surroundings.now);
        let answer = step(&exchange, &mut writing);
        // Whether a recovery is over by what was written.
        if !writing.crashed
            && writing.rows.own().is_ok_and(|own| own.recovery.is_some() && own.taking_back().is_none())
            && let Ok(effects) = exchange.advance(&writing.rows)
        {
            writing.apply(effects);
        }
        // A head over what was written, in the same transaction.
        if !writing.crashed
            && let Ok(effects) = exchange.sign_head(&writing.rows)
        {
            writing.apply(effects);
        }
        if writing.crashed {
            self.crashes += 1;
            if self.fault == Fault::StoreTears {
                self.rows = writing.rows;
            }
            return None;
        }
        self.rows = writing.rows;
        self.crash_after = writing.left;
        Some(answer)
    }

    /// What the node answers to a message.
    pub(crate) fn hear(&mut self, surroundings: &Surroundings<'_>, from: KeyId, message: Message) -> Said {
        let me = self.me.member;
        match message {
            Message::Hello(text, answer) => self.hello(surroundings, from, &text, answer),
            Message::Batch(bytes) => match batch_from(&bytes) {
                Ok(batch) => self.batch(surroundings, &batch),
                Err(_) => Vec::new(),
            },
            Message::Delivery(heads, batch) => {
                let crashes = self.crashes;
                let mut said = self.heads(surroundings, &heads);
                if self.crashes == crashes {
                    said.extend(
                        batch_from(&batch).map(|batch| self.batch(surroundings, &batch)).unwrap_or_default(),
                    );
                }
                said
            }
            Message::Together(heads, batch) => {
                let crashes = self.crashes;
                let mut said = self.heads(surroundings, &heads);
                if self.crashes == crashes {
                    said.extend(self.together(surroundings, batch));
                }
                said
            }
            Message::Ack(text) => {
                let Ok(signed) = Signed::parse(text.as_bytes()) else { return Vec::new() };
                self.transact(surroundings, |exchange, write| {
                    if let Ok(Ok((_, effects))) = exchange.take_ack(&write.rows, &signed) {
                        write.apply(effects);
                    }
                });
                Vec::new()
            }
            Message::Heads(bytes) => self.heads(surroundings, &bytes),
            Message::Cosigned(bytes) => {
                let Ok(line) = Cosigned::from_bytes(&bytes) else { return Vec::new() };
                self.transact(surroundings, |exchange, write| {
                    write.apply(exchange.take_cosignature(&write.rows, &line).unwrap_or_default());
                });
                Vec::new()
            }
            Message::Restitution(heads, batches, ack) => {
                self.restitution(surroundings, &heads, &batches, &ack);
                Vec::new()
            }
            Message::Keep(bytes) => {
                for sealed in batch_from(&bytes).unwrap_or_default() {
                    // A full shelf refuses; the sender goes on trying by itself.
                    if self.shelf.put(sealed).is_err() {
                        break;
                    }
                }
                Vec::new()
            }
            Message::Fetch(routes) => {
                let waiting = self.shelf.take(&routes);
                let to =
                    if from == me { Vec::new() } else { vec![(from, Message::Batch(batch_to(&waiting)))] };
                if waiting.is_empty() { Vec::new() } else { to }
            }
        }
    }

    fn hello(&mut self, surroundings: &Surroundings<'_>, from: KeyId, text: &str, answer: Answer) -> Said {
        let Ok(signed) = Signed::parse(text.as_bytes()) else { return Vec::new() };
        let (mut withdrawn, versions) = (Vec::new(), self.versions);
        let said = self.transact(surroundings, |exchange, write| {
            let Ok(Ok(greeted)) = exchange.greet(&write.rows, &signed, versions) else {
                return Vec::new();
            };
            write.apply(greeted.effects);
            if greeted.outlived {
                // It is told so by what this node knows of it.
                let hello = exchange.hello(&write.rows, from, versions).expect("maps answer");
                let said = (from, Message::Hello(hello.to_json(), Answer::Given));
                return if answer == Answer::Wanted { vec![said] } else { Vec::new() };
            }
            if !matches!(greeted.compatibility, Compatibility::Speak(_)) {
                return Vec::new();
            }
            withdrawn.clone_from(&greeted.hello.withdraw);
            let mut said = Vec::new();
            if answer == Answer::Wanted {
                let hello = exchange.hello(&write.rows, from, versions).expect("maps answer");
                said.push((from, Message::Hello(hello.to_json(), Answer::Given)));
            }
            let back = greeted.hello.recovering_from.map(|_| &from);
            let heads = exchange.heads_for(&write.rows, &greeted.hello.heads, back).expect("maps answer");
            let heads = HeadUpdate::to_bytes(&heads);
            if back.is_some() && !greeted.hello.asks_back() {
                said.push((from, Message::Heads(heads)));
            } else if back.is_some() {
                said.push((from, restitution_for(exchange, &write.rows, &greeted.hello, heads)));
            } else {
                let mut turn = Turn::of(signed.clone());
                exchange.bring(&write.rows, &from, &mut turn).expect("maps answer");
                let message = match turn.together {
                    Some(together) => Message::Together(heads, together.as_bytes().to_vec()),
                    None => Message::Delivery(heads, batch_to(&turn.batch)),
                };
                said.push((from, message));
            }
            said
        });
        self.shelf.take(&withdrawn);
        said.unwrap_or_default()
    }

    fn batch(&mut self, surroundings: &Surroundings<'_>, batch: &[Sealed]) -> Said {
        self.judge(surroundings, batch.len(), |exchange, rows, at| {
            exchange.receive(rows, &batch[at]).expect("maps answer")
        })
    }

    /// A batch that is sealed as one; a node whose versions do not have it does not know what it is.
    fn together(&mut self, surroundings: &Surroundings<'_>, bytes: Vec<u8>) -> Said {
        let Ok(sealed) = Sealed::parse_batch(bytes) else { return Vec::new() };
        if self.versions.max < Versions::TOGETHER {
            return Vec::new();
        }
        let judge = HouseJudge(self.fault);
        let exchange = self.exchange(surroundings.house, &judge, surroundings.rng, surroundings.now);
        let opened = match exchange.open_batch(&sealed) {
            Ok(opened) => opened,
            Err(refused) => {
                let received = exchange.turned_away(refused);
                return self.judge(surroundings, 1, |_, _, _| received.clone());
            }
        };
        self.judge(surroundings, opened.entries.len(), |exchange, rows, at| {
            exchange.receive_entry(rows, &opened.head, &opened.entries[at]).expect("maps answer")
        })
    }

    /// Takes so many envelopes, each as it is judged over what the one before it has changed.
    fn judge(
        &mut self,
        surroundings: &Surroundings<'_>,
        count: usize,
        one: impl Fn(&Exchange<'_>, &MemoryRows, usize) -> Received,
    ) -> Said {
        let said = self.transact(surroundings, |exchange, write| {
            let mut said = Vec::new();
            let mut by_sender: BTreeMap<KeyId, Vec<Received>> = BTreeMap::new();
            for at in 0..count {
                let received = one(exchange, &write.rows, at);
                if matches!(received.taken, Taken::Refused(_)) {
                    let more = received.effects.iter().any(Effect::is_more_than_refusal);
                    assert!(!more, "a refusal changes nothing but the log");
                }
                write.apply(received.effects.clone());
                if let Taken::Heads(lines) = &received.taken {
                    said.extend(lines.iter().map(|(to, line)| (*to, Message::Cosigned(line.to_bytes()))));
                }
                if let Some(sender) = received.from {
                    by_sender.entry(sender).or_default().push(received);
                }
            }
            for (sender, received) in by_sender {
                let Ok((ack, effects)) = exchange.close(&write.rows, sender, &received) else { continue };
                write.apply(effects);
                let signed = ack.sign(exchange.me.signer.as_ref());
                said.push((sender, Message::Ack(signed.to_json())));
            }
            said
        });
        said.unwrap_or_default()
    }

    fn heads(&mut self, surroundings: &Surroundings<'_>, bytes: &[u8]) -> Said {
        let Ok(updates) = HeadUpdate::from_bytes(bytes) else { return Vec::new() };
        let said = self.transact(surroundings, |exchange, write| {
            let mut said = Vec::new();
            for update in updates.iter().filter(|update| update.origin != exchange.me.member) {
                let outcome = exchange.take_head(&write.rows, update).expect("maps answer");
                write.apply(outcome.effects);
                if let Kept::Cosigned(line) = outcome.kept {
                    said.push((update.origin, Message::Cosigned(line.to_bytes())));
                }
            }
            said
        });
        said.unwrap_or_default()
    }

    fn restitution(&mut self, surroundings: &Surroundings<'_>, heads: &[u8], batches: &[Vec<u8>], ack: &str) {
        let (Ok(updates), Ok(signed)) = (HeadUpdate::from_bytes(heads), Signed::parse(ack.as_bytes())) else {
            return;
        };
        self.transact(surroundings, |exchange, write| {
            if write.rows.own().expect("maps answer").taking_back().is_none() {
                return;
            }
            for update in &updates {
                let outcome = exchange.take_head(&write.rows, update).expect("maps answer");
                write.apply(outcome.effects);
                if update.origin == exchange.me.member && !matches!(outcome.kept, Kept::Known | Kept::Part) {
                    return;
                }
            }
            for sealed in batches.iter().flat_map(|bytes| batch_from(bytes).unwrap_or_default()) {
                let received = exchange.receive(&write.rows, &sealed).expect("maps answer");
                if matches!(received.taken, Taken::Refused(_)) {
                    return;
                }
                write.apply(received.effects);
            }
            let Ok(ack) = Ack::open(&signed, &exchange.me.member, |member| exchange.directory.keys(member))
            else {
                return;
            };
            let Some(back) = ack.back else { return };
            let effects = exchange.given_back(&write.rows, &ack.from, &back).expect("maps answer");
            write.apply(effects);
            write.apply(exchange.advance(&write.rows).expect("maps answer"));
        });
    }

    /// Goes back to its backup, as after the loss of a disk.
    pub(crate) fn restore(&mut self, surroundings: &Surroundings<'_>) {
        let Some(backup) = self.backup.clone() else { return };
        self.rows = backup;
        if self.fault == Fault::RestoreUnnoticed {
            return;
        }
        let judge = HouseJudge(self.fault);
        let exchange = self.exchange(surroundings.house, &judge, surroundings.rng, surroundings.now);
        let effects = exchange.begin_recovery(&self.rows).expect("maps answer");
        self.rows.apply_all(effects);
    }
}

fn restitution_for(exchange: &Exchange<'_>, rows: &MemoryRows, hello: &Hello, heads: Vec<u8>) -> Message {
    let mut batches = Vec::new();
    let mut hello = hello.clone();
    let back = loop {
        let (batch, back) = exchange.give_back(rows, &hello).expect("maps answer");
        batches.push(batch_to(&batch));
        if back.next.is_none() {
            break back;
        }
        hello.recovering_from = back.next;
    };
    let (mut ack, _) = exchange.close(rows, hello.from, &[]).expect("nothing to close");
    ack.back = Some(back);
    Message::Restitution(heads, batches, ack.sign(exchange.me.signer.as_ref()).to_json())
}

/// What a node is given from outside at each step.
pub(crate) struct Surroundings<'a> {
    pub(crate) house: &'a House,
    pub(crate) rng: &'a dyn Rng,
    pub(crate) now: Micros,
}
