//! One simulated node: rows in maps, transactions that a crash can end at any write, and what it says to which message.

use std::collections::BTreeMap;

use base::signed::Signed;
use base::signing::KeyId;
use base::{Micros, Rng};
use federation::{
    Ack, Compatibility, Cosigned, Deposit, DepositMark, Effect, Errands, Exchange, HeadUpdate, Hello, Kept,
    LeftBehind, Me, MemoryRows, Newcomers, Owed, PeerRow, Received, RelayErrand, Rows, Rule, Saying, Sealed,
    Taken, Turn, Untold, Versions, batch_from, batch_to,
};
use ledger::act::ActKind;

use crate::message::{Answer, Greeting, Message, Said};
use crate::shelf::{Shelf, Whim};
use crate::surroundings::{Circles, Fault, House, HouseJudge, kept_until};

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
    /// A backup it once made, of what it keeps for others too.
    pub backup: Option<(MemoryRows, Shelf)>,
    /// What it keeps for others.
    pub shelf: Shelf,
    /// What it has put at relays, which outlasts a crash.
    pub(crate) deposits: BTreeMap<DepositMark, Deposit>,
    /// What it does as a relay the next time it is asked.
    pub(crate) whim: Whim,
    /// What its process remembers.
    pub(crate) memory: Memory,
    /// Greetings and errands so far: their numbers.
    pub(crate) errands_made: u64,
    /// Parcels that relays said they keep.
    pub parcels: u64,
    /// Up to which moment of its clock it has destroyed what is past its time; nothing behind a restore.
    pub retired_at: Option<Micros>,
    /// How many versions it has destroyed so.
    pub retired: usize,
    /// How many versions it has let go of, since circles that let it have them took it out.
    pub let_go: usize,
    /// How many versions it has given to somebody after they had waited.
    pub given_later: usize,
    /// The node crashes after so many writes from now, inside whatever transaction that is.
    pub crash_after: Option<usize>,
    /// Crashes so far.
    pub crashes: usize,
    pub(crate) fault: Fault,
}

/// Versions that are destroyed in one transaction because their time is over.
const RETIRED_AT_ONCE: usize = 3;

/// What a process remembers and loses when it ends.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) errands: Errands,
    /// What each member is still to be told.
    pub(crate) owed: BTreeMap<KeyId, Owed>,
    /// Who was in which circle when it last looked for whom they have taken in.
    seats: Option<Circles>,
    /// The same, when it last let go of what it had by those that have taken it out.
    left: Option<Circles>,
    /// The number of the last greeting to each member.
    greeted: BTreeMap<KeyId, u64>,
    /// Parcels that were offered to relays, by number.
    pub(crate) offered: BTreeMap<u64, (KeyId, KeyId, RelayErrand)>,
}

/// A transaction in the making.
pub(crate) struct Writing {
    pub(crate) rows: MemoryRows,
    left: Option<usize>,
    crashed: bool,
    given_up: bool,
    fault: Fault,
}

impl Writing {
    /// Nothing of the transaction is to happen.
    pub(crate) const fn give_up(&mut self) {
        self.given_up = true;
    }

    /// Applies what one envelope came to.
    pub(crate) fn take(&mut self, received: &Received) {
        if matches!(received.taken, Taken::Refused(_)) {
            let more = received.effects.iter().any(Effect::is_more_than_refusal);
            assert!(!more, "a refusal changes nothing but the log");
        }
        self.apply(received.effects.clone());
    }

    pub(crate) fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match &mut self.left {
                Some(0) => self.crashed = true,
                Some(left) => *left -= 1,
                None => {}
            }
            if let Some(effect) = self.as_stored(effect).filter(|_| !self.crashed) {
                self.rows.apply(effect);
            }
        }
    }

    /// What the store makes of an effect; nothing where its fault loses it.
    fn as_stored(&self, effect: Effect) -> Option<Effect> {
        let lost = match (self.fault, &effect) {
            (Fault::FatesForgotten, Effect::Fate(_))
            | (Fault::ContentStays, Effect::DropPayload { .. })
            | (Fault::WaitsForgotten, Effect::Later(_)) => true,
            (Fault::NoticesLost, Effect::Outbox(row)) => {
                let act = self.rows.act(&row.author, row.sequence).expect("maps answer");
                act.is_some_and(|act| act.kind == ActKind::GlassBroken)
            }
            (Fault::TracesLost, Effect::Act(row)) => row.kind == ActKind::RetentionEnded,
            _ => false,
        };
        match effect {
            _ if lost => None,
            Effect::Peer(member, row) if self.fault == Fault::LivesForgotten => {
                Some(Effect::Peer(member, PeerRow { life: 0, life_proof: None, ..row }))
            }
            effect => Some(effect),
        }
    }
}

impl Node {
    pub(crate) fn new(me: Me, fault: Fault) -> Self {
        let rows = MemoryRows::of(me.member);
        Self {
            me,
            rows,
            versions: Versions::OURS,
            skew_us: 0,
            backup: None,
            shelf: Shelf::default(),
            deposits: BTreeMap::new(),
            whim: Whim::Honest,
            memory: Memory::default(),
            errands_made: 0,
            parcels: 0,
            retired_at: None,
            retired: 0,
            let_go: 0,
            given_later: 0,
            crash_after: None,
            crashes: 0,
            fault,
        }
    }

    fn exchange<'a>(
        &'a self,
        house: &'a House,
        judge: &'a HouseJudge<'a>,
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

    const fn handling<'a>(&self, around: &Surroundings<'a>) -> HouseJudge<'a> {
        HouseJudge { fault: self.fault, circles: &around.house.circles }
    }

    /// Its own clock.
    pub(crate) const fn now(&self, around: &Surroundings<'_>) -> Micros {
        around.now.plus(self.skew_us)
    }

    /// Looks at its rows without changing any.
    pub(crate) fn look<T>(
        &self,
        around: &Surroundings<'_>,
        look: impl FnOnce(&Exchange<'_>, &MemoryRows) -> T,
    ) -> T {
        let judge = self.handling(around);
        look(&self.exchange(around.house, &judge, around.rng, around.now), &self.rows)
    }

    /// Runs a step in a transaction; `None` when it crashed and nothing of it happened.
    pub(crate) fn transact<T>(
        &mut self,
        surroundings: &Surroundings<'_>,
        step: impl FnOnce(&Exchange<'_>, &mut Writing) -> T,
    ) -> Option<T> {
        let judge = self.handling(surroundings);
        let mut writing = Writing {
            rows: self.rows.clone(),
            left: self.crash_after.take(),
            crashed: false,
            given_up: false,
            fault: self.fault,
        };
        let exchange = self.exchange(surroundings.house, &judge, surroundings.rng, surroundings.now);
        let answer = step(&exchange, &mut writing);
        if writing.given_up && !writing.crashed {
            self.crash_after = writing.left;
            return Some(answer);
        }
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
            self.ends();
            if self.fault == Fault::StoreTears {
                self.rows = writing.rows;
            }
            return None;
        }
        self.rows = writing.rows;
        self.crash_after = writing.left;
        Some(answer)
    }

    /// Its process ends, and what it remembered with it.
    fn ends(&mut self) {
        self.memory = Memory::default();
    }

    /// A greeting, with what the member is still to be told.
    pub(crate) fn greeting(&mut self, around: &Surroundings<'_>, to: KeyId) -> Message {
        let hello = self.look(around, |exchange, rows| exchange.hello(rows, to, self.versions));
        self.errands_made += 1;
        self.memory.greeted.insert(to, self.errands_made);
        self.memory.owed.entry(to).or_default().begin();
        self.says(around, to, (hello.expect("maps answer"), Answer::Wanted, self.errands_made))
    }

    /// What a member may be told: of what was refused that behind a number.
    pub(crate) fn untold(&self, around: &Surroundings<'_>, to: KeyId, after: u64) -> Untold {
        self.look(around, |exchange, rows| exchange.untold(rows, &to, after)).expect("maps answer")
    }

    fn says(
        &mut self,
        around: &Surroundings<'_>,
        to: KeyId,
        (hello, answer, number): (Signed, Answer, u64),
    ) -> Message {
        let saying = if answer == Answer::Wanted { Saying::Turn } else { Saying::Answer(around.now.0) };
        let mut turn = Turn::of(hello);
        let said = self.memory.owed.entry(to).or_default().said(saying);
        let untold = self.untold(around, to, said);
        self.memory.owed.entry(to).or_default().tell(saying, untold).put(&self.me, to, &mut turn);
        let ack = turn.ack.map(|ack| ack.to_json());
        Message::Hello(Greeting { hello: turn.hello.to_json(), ack, answer, number })
    }

    /// What the node answers to a message.
    pub(crate) fn hear(&mut self, surroundings: &Surroundings<'_>, from: KeyId, message: Message) -> Said {
        match message {
            Message::Hello(greeting) => self.hello(surroundings, from, &greeting),
            Message::Batch(bytes) => {
                self.batch(surroundings, &bytes);
                Vec::new()
            }
            Message::Delivery(heads, batch) => {
                let crashes = self.crashes;
                let said = self.heads(surroundings, &heads);
                if self.crashes == crashes {
                    self.batch(surroundings, &batch);
                }
                said
            }
            Message::Together(heads, batch) => {
                let crashes = self.crashes;
                let said = self.heads(surroundings, &heads);
                if self.crashes == crashes {
                    self.together(surroundings, batch);
                }
                said
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
            Message::Put(..) | Message::Take(_) | Message::Drop(_) => self.relay(surroundings, from, message),
            Message::Kept(number) => {
                self.was_put(number);
                Vec::new()
            }
            Message::HandedOut(parcels) => self.take(surroundings, from, &parcels),
        }
    }

    fn hello(&mut self, surroundings: &Surroundings<'_>, from: KeyId, greeting: &Greeting) -> Said {
        let Ok(signed) = Signed::parse(greeting.hello.as_bytes()) else { return Vec::new() };
        let (versions, mut paid) = (self.versions, 0);
        if greeting.answer == Answer::Given && self.memory.greeted.get(&from) == Some(&greeting.number) {
            self.memory.greeted.remove(&from);
            paid = self.memory.owed.entry(from).or_default().answered();
        }
        let heard = self.transact(surroundings, |exchange, write| {
            let Ok(Ok(greeted)) = exchange.greet(&write.rows, &signed, versions) else { return None };
            write.apply(greeted.effects);
            if greeted.refused == Some(Rule::LifeUnproven) {
                return None;
            }
            let hello = exchange.hello(&write.rows, from, versions).expect("maps answer");
            if greeted.refused.is_some() || !matches!(greeted.compatibility, Compatibility::Speak(_)) {
                // It is told so by what this node knows of it.
                return Some((greeted.hello, hello, Vec::new()));
            }
            if paid > 0 {
                write.apply(vec![Effect::Paid { peer: from, upto: paid }]);
            }
            if let Some(ack) = greeting.ack.as_ref().and_then(|ack| Signed::parse(ack.as_bytes()).ok())
                && let Ok(Ok((_, effects))) = exchange.take_ack(&write.rows, &ack)
            {
                write.apply(effects);
            }
            let said = brings(exchange, &write.rows, (&greeted.hello, &hello));
            Some((greeted.hello, hello, vec![(from, said)]))
        });
        let Some((heard, hello, said)) = heard.flatten() else { return Vec::new() };
        self.memory.errands.note_met(from, self.now(surroundings));
        self.shelf.withdraw(&heard.withdraw);
        let answers = greeting.answer == Answer::Wanted;
        let answer =
            answers.then(|| (from, self.says(surroundings, from, (hello, Answer::Given, greeting.number))));
        answer.into_iter().chain(said).collect()
    }

    fn batch(&mut self, surroundings: &Surroundings<'_>, bytes: &[u8]) {
        let batch = batch_from(bytes).unwrap_or_default();
        self.judge(surroundings, batch.len(), |exchange, rows, at| {
            exchange.receive(rows, &batch[at]).expect("maps answer")
        });
    }

    /// A batch that is sealed as one; a node whose versions do not have it does not know what it is.
    fn together(&mut self, surroundings: &Surroundings<'_>, bytes: Vec<u8>) {
        let Ok(sealed) = Sealed::parse_batch(bytes) else { return };
        if self.versions.max < Versions::TOGETHER {
            return;
        }
        let opened = match self.look(surroundings, |exchange, _| exchange.open_batch(&sealed)) {
            Ok(opened) => opened,
            Err(refused) => {
                let received = self.look(surroundings, |exchange, _| exchange.turned_away(refused));
                return self.judge(surroundings, 1, |_, _, _| received.clone());
            }
        };
        self.judge(surroundings, opened.entries.len(), |exchange, rows, at| {
            exchange.receive_entry(rows, &opened.head, &opened.entries[at]).expect("maps answer")
        });
    }

    /// Takes so many envelopes, each as it is judged over what the one before it has changed.
    fn judge(
        &mut self,
        surroundings: &Surroundings<'_>,
        count: usize,
        one: impl Fn(&Exchange<'_>, &MemoryRows, usize) -> Received,
    ) {
        let closed = self.transact(surroundings, |exchange, write| {
            let mut closed = Vec::new();
            let mut by_sender: BTreeMap<KeyId, Vec<Received>> = BTreeMap::new();
            for at in 0..count {
                let received = one(exchange, &write.rows, at);
                write.take(&received);
                if let Some(sender) = received.from {
                    by_sender.entry(sender).or_default().push(received);
                }
            }
            for (sender, received) in by_sender {
                let Ok(effects) = exchange.close(&write.rows, sender, &received) else { continue };
                write.apply(effects);
                closed.push((sender, write.rows.peer(&sender).expect("maps answer").life, received.len()));
            }
            closed
        });
        for (sender, life, envelopes) in closed.unwrap_or_default() {
            self.memory.owed.entry(sender).or_default().note(life, envelopes, &[]);
        }
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

    /// Destroys what is past its time by its own clock, some in each transaction; not while it recovers.
    pub(crate) fn retire(&mut self, around: &Surroundings<'_>) {
        if self.rows.own().expect("maps answer").recovery.is_some() {
            self.retired_at = None;
            return;
        }
        let now = self.now(around);
        while self.fault != Fault::NothingRetired {
            let is_over = |rules: &str| kept_until(rules).is_some_and(|until| until <= now);
            let over = self.look(around, |exchange, rows| {
                let held = rows.all_versions().expect("maps answer").into_iter();
                let over = held.filter(|row| {
                    let givings = exchange.givings_of(rows, row).expect("maps answer");
                    givings.iter().any(|giving| is_over(&giving.rules))
                });
                over.take(RETIRED_AT_ONCE).collect::<Vec<_>>()
            });
            if over.is_empty() {
                break;
            }
            let done = self.transact(around, |exchange, write| {
                for row in &over {
                    let effects = exchange.retire(&write.rows, &row.name, &row.version, is_over);
                    write.apply(effects.expect("nothing speaks against it"));
                }
            });
            if done.is_none() {
                return;
            }
            self.retired += over.len();
        }
        self.retired_at = Some(now);
    }

    /// Lets go of what circles alone let it have that it is in no more, where circles have changed and at the start of its process; not
    /// while it recovers.
    pub(crate) fn let_go(&mut self, around: &Surroundings<'_>) {
        let circles = &around.house.circles;
        if self.rows.own().expect("maps answer").recovery.is_some() {
            self.memory.left = None;
        } else if self.memory.left.as_ref() != Some(circles) && self.look_for_left(around) {
            self.memory.left = Some(circles.clone());
        }
    }

    /// Answers whether a crash let it look through all it has.
    fn look_for_left(&mut self, around: &Surroundings<'_>) -> bool {
        let mut after = None;
        while self.fault != Fault::NothingLetGo {
            let from = after.take();
            let found = self.look(around, |exchange, rows| exchange.left_behind(rows, from));
            let LeftBehind { versions, last } = found.expect("maps answer");
            for some in versions.chunks(RETIRED_AT_ONCE) {
                let done = self.transact(around, |exchange, write| {
                    let effects = exchange.let_go(&write.rows, some).expect("nothing speaks against it");
                    let gone = |effect: &&Effect| matches!(effect, Effect::DropVersion { .. });
                    let gone = effects.iter().filter(gone).count();
                    write.apply(effects);
                    gone
                });
                let Some(gone) = done else { return false };
                self.let_go += gone;
            }
            after = last;
            if after.is_none() {
                break;
            }
        }
        true
    }

    /// Whether it has let go of what it has to by the circles as they are.
    pub(crate) fn has_let_go(&self, circles: &Circles) -> bool {
        self.memory.left.as_ref() == Some(circles)
    }

    /// Gives what waited and can go by now; not while it recovers. Where circles have changed, and at the start of its process, it looks
    /// for whom they have taken in.
    pub(crate) fn give_later(&mut self, around: &Surroundings<'_>) {
        if self.rows.own().expect("maps answer").recovery.is_some() || !self.look_for_newcomers(around) {
            return;
        }
        loop {
            let due = self.look(around, |exchange, rows| exchange.due_by_now(rows)).expect("maps answer");
            if due.is_empty() {
                return;
            }
            let done = self.transact(around, |exchange, write| {
                let mut given = 0;
                for put in &due {
                    let effects = exchange.give_later(&write.rows, put).expect("nothing speaks against it");
                    given += usize::from(effects.iter().any(|effect| matches!(effect, Effect::Outbox(_))));
                    write.apply(effects);
                }
                given
            });
            let Some(given) = done else { return };
            self.given_later += given;
        }
    }

    /// Answers whether a crash let it look through all it has.
    fn look_for_newcomers(&mut self, around: &Surroundings<'_>) -> bool {
        let circles = &around.house.circles;
        if self.memory.seats.as_ref() == Some(circles) {
            return true;
        }
        let mut after = None;
        loop {
            let from = after.take();
            let found = self.look(around, |exchange, rows| exchange.newcomers(rows, from));
            let Newcomers { effects, last } = found.expect("maps answer");
            if !effects.is_empty() && self.transact(around, |_, write| write.apply(effects)).is_none() {
                return false;
            }
            after = last;
            if after.is_none() {
                self.memory.seats = Some(circles.clone());
                return true;
            }
        }
    }

    /// Makes a backup.
    pub fn back_up(&mut self) {
        self.backup = Some((self.rows.clone(), self.shelf.clone()));
    }

    /// Goes back to its backup, as after the loss of a disk.
    pub(crate) fn restore(&mut self, surroundings: &Surroundings<'_>) {
        let Some((rows, shelf)) = self.backup.clone() else { return };
        self.ends();
        (self.rows, self.shelf, self.retired_at) = (rows, shelf, None);
        // Its greeting has the others drop what it put meanwhile.
        self.deposits.clear();
        if self.fault == Fault::RestoreUnnoticed {
            return;
        }
        let effects =
            self.look(surroundings, |exchange, rows| exchange.begin_recovery(rows)).expect("maps answer");
        self.rows.apply_all(effects);
    }
}

/// What goes to a member that has greeted: what it lost and asks for, or what waits for it, with the heads before.
fn brings(exchange: &Exchange<'_>, rows: &MemoryRows, (hello, own): (&Hello, &Signed)) -> Message {
    let back = hello.recovering_from.map(|_| &hello.from);
    let heads = exchange.heads_for(rows, &hello.heads, back).expect("maps answer");
    let heads = HeadUpdate::to_bytes(&heads);
    if back.is_some() {
        return if hello.asks_back() {
            restitution_for(exchange, rows, hello, heads)
        } else {
            Message::Heads(heads)
        };
    }
    let mut turn = Turn::of(own.clone());
    exchange.bring(rows, &hello.from, &mut turn).expect("maps answer");
    match turn.together {
        Some(together) => Message::Together(heads, together.as_bytes().to_vec()),
        None => Message::Delivery(heads, batch_to(&turn.batch)),
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
    let ack = exchange.gives_back(rows, hello.from, back).expect("maps answer");
    Message::Restitution(heads, batches, ack.to_json())
}

/// What a node is given from outside at each step.
pub(crate) struct Surroundings<'a> {
    pub(crate) house: &'a House,
    pub(crate) rng: &'a dyn Rng,
    pub(crate) now: Micros,
}
