//! Members that meet in turns: each over the rows in plain maps, and one of them over a store as well.
//!
//! The same step runs over the maps and over the store, with the same randomness: what it says must be the same to the byte,
//! and afterwards every read. Rules are a line of member ids, or `all`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::signing::{KeyId, PublicKey, Signer, SigningKey};
use base::{Micros, Rng, SeededRng};
use federation::{
    Ack, Alteration, Consented, DeedError, Directory, Effect, Exchange, Grant, Judge, Kept, Lane, Me,
    MemoryRows, ObjectName, Question, Recovery, Release, Rows, SealingSecret, Standing, Turn, Untold,
    Versions,
};
use ledger::act::ActKind;

use super::sample::{START, Sample, day, id};
use crate::{ExchangeDesk, LedgerAuthor, Store, StoreError, exchanged, looked};

/// Who is a member.
#[derive(Clone, Debug, Default)]
pub(super) struct House {
    members: BTreeMap<KeyId, (PublicKey, [u8; 32])>,
}

impl Directory for House {
    fn epoch(&self) -> u64 {
        1
    }

    fn standing_at(&self, member: &KeyId, _epoch: u64) -> Standing {
        self.standing(member)
    }

    fn standing(&self, member: &KeyId) -> Standing {
        if self.members.contains_key(member) { Standing::Active } else { Standing::Unknown }
    }

    fn keys(&self, member: &KeyId) -> Vec<PublicKey> {
        self.members.get(member).map(|known| known.0).into_iter().collect()
    }

    fn sealing(&self, member: &KeyId) -> Option<[u8; 32]> {
        self.members.get(member).map(|known| known.1)
    }

    fn active(&self) -> BTreeSet<KeyId> {
        self.members.keys().copied().collect()
    }

    fn identity_owner(&self, _identity: &str) -> Option<KeyId> {
        None
    }
}

/// Whom a line of rules lets have something.
fn named(rules: &str) -> BTreeSet<KeyId> {
    rules.split(',').filter_map(|id| id.parse().ok()).collect()
}

/// The line of rules for these.
pub(super) fn rules_for(members: &BTreeSet<KeyId>) -> String {
    members.iter().map(KeyId::to_string).collect::<Vec<_>>().join(",")
}

struct Bench;

impl Judge for Bench {
    fn decide(&self, question: &Question<'_>) -> Result<(), String> {
        let free = question.rules == "all" || question.consent == Consented::Yes;
        let allowed = free || named(question.rules).contains(&question.recipient);
        if allowed { Ok(()) } else { Err("not-named".into()) }
    }

    fn named(&self, _: &str, _: Micros) -> BTreeSet<KeyId> {
        BTreeSet::new()
    }
    fn hindered(&self, _: &Question<'_>) -> Option<federation::Hindrance> {
        None
    }

    fn taken_in(&self, _: &str, _: Micros, _: Micros) -> BTreeMap<[u8; 32], BTreeSet<KeyId>> {
        BTreeMap::new()
    }

    fn left(&self, _: &Question<'_>) -> bool {
        false
    }

    fn given_besides(&self, later: &str, _: &str, _: &KeyId) -> String {
        later.to_owned()
    }

    fn meet(&self, one: &str, other: &str) -> String {
        match (one, other) {
            ("all", rules) | (rules, "all") => rules.into(),
            _ => rules_for(&named(one).intersection(&named(other)).copied().collect()),
        }
    }
}

/// What a member does in one transaction.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Release {
        object: u64,
        version: u32,
        to: BTreeSet<KeyId>,
        lane: Lane,
    },
    Narrow {
        object: u64,
        to: BTreeSet<KeyId>,
    },
    Recall {
        object: u64,
    },
    Erase {
        object: u64,
    },
    Consent {
        object: u64,
        version: u32,
        from: KeyId,
        to: KeyId,
    },
    Revoke {
        object: u64,
        nth: u64,
    },
    PassOn {
        author: KeyId,
        object: u64,
        version: u32,
        to: KeyId,
    },
    Hear(Vec<u8>),
    Witness(Vec<u8>),
    Recovery(Option<Recovery>),
    /// What no deed does, written as it is.
    Put(Vec<Effect>),
}

/// Rows that effects can be applied to.
trait Table {
    fn rows(&self) -> &dyn Rows;
    fn apply(&mut self, effects: Vec<Effect>) -> Result<(), StoreError>;
}

impl Table for MemoryRows {
    fn rows(&self) -> &dyn Rows {
        self
    }

    fn apply(&mut self, effects: Vec<Effect>) -> Result<(), StoreError> {
        self.apply_all(effects);
        Ok(())
    }
}

struct AtDesk<'a>(&'a mut dyn ExchangeDesk);

impl Table for AtDesk<'_> {
    fn rows(&self) -> &dyn Rows {
        self.0.rows()
    }

    fn apply(&mut self, effects: Vec<Effect>) -> Result<(), StoreError> {
        self.0.apply(effects)
    }
}

/// What a step answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Done,
    Refused(String),
    Turn(Vec<u8>),
}

/// One member.
pub(super) struct Member {
    me: Me,
    key: SigningKey,
    /// Its rows in plain maps.
    pub(super) rows: MemoryRows,
}

impl Member {
    pub(super) fn id(&self) -> KeyId {
        self.me.member
    }
}

/// Members, the first of them over a store as well.
pub(super) struct Village {
    house: Arc<House>,
    /// Everybody.
    pub(super) members: Vec<Member>,
    store: Arc<dyn Store>,
    moments: u64,
}

fn me(number: u64) -> (Me, SigningKey) {
    let rng = SeededRng::new(number);
    let key = SigningKey::generate(&rng);
    let sealing = SealingSecret::generate(&rng);
    let member = key.public_key().id();
    (Me { member, community: "lab".into(), signer: Box::new(key.clone()), sealing }, key)
}

/// An object of a number in a version.
pub(super) fn object(number: u64, version: u32) -> Vec<u8> {
    Sample::indicator(number, version).bytes().into_bytes()
}

fn moment(number: u64) -> Micros {
    START.plus(i64::try_from(number).unwrap() * Micros::SECOND)
}

fn play(exchange: &Exchange<'_>, table: &mut dyn Table, step: &Step) -> Result<Said, StoreError> {
    let effects = match step {
        Step::Release { object: number, version, to, lane } => {
            let (bytes, rules) = (object(*number, *version), rules_for(to));
            let release = Release {
                object: &bytes,
                rules: &rules,
                addressees: to,
                lane: *lane,
                kind: ActKind::Released,
            };
            exchange.release(table.rows(), &release).map(|released| released.effects)
        }
        Step::Narrow { object, to } => {
            let rules = rules_for(to);
            altered(exchange, table, *object, &Alteration::Narrow(&rules))
        }
        Step::Recall { object } => altered(exchange, table, *object, &Alteration::Recall),
        Step::Erase { object } => altered(exchange, table, *object, &Alteration::Erase),
        Step::Consent { object, version, from, to } => {
            let (object, version) = (id("indicator", *object), day(*version));
            let until = exchange.now.plus(3_600 * Micros::SECOND);
            let grant = Grant { object: &object, version: &version, from: *from, to: *to, until };
            exchange.consent(table.rows(), &grant).map(|granted| granted.effects)
        }
        Step::Revoke { object, nth } => {
            let name = ObjectName { author: exchange.me.member, id: id("indicator", *object) };
            let given = answered(table.rows().consents(&name))?;
            let at = usize::try_from(*nth).unwrap() % given.len().max(1);
            let Some(token) = given.get(at) else { return Ok(Said::Refused("no consent".into())) };
            exchange.revoke(table.rows(), token).map(|(_, effects)| effects)
        }
        Step::PassOn { author, object, version, to } => {
            let name = ObjectName { author: *author, id: id("indicator", *object) };
            exchange.pass_on(table.rows(), &name, &day(*version), *to)
        }
        Step::Recovery(recovery) => Ok(vec![Effect::Recovery(recovery.clone())]),
        Step::Put(effects) => Ok(effects.clone()),
        Step::Witness(body) => Ok(exchange.witness(table.rows(), body).unwrap().1),
        Step::Hear(bytes) => return hear(exchange, table, bytes),
    };
    match effects {
        Ok(effects) => {
            table.apply(effects)?;
            Ok(Said::Done)
        }
        Err(DeedError::Store(failed)) => Err(StoreError::Backend(failed.0)),
        Err(refused) => Ok(Said::Refused(refused.to_string())),
    }
}

fn altered(
    exchange: &Exchange<'_>,
    table: &dyn Table,
    object: u64,
    alteration: &Alteration<'_>,
) -> Result<Vec<Effect>, DeedError> {
    exchange.alter(table.rows(), &id("indicator", object), alteration, "a reason").map(|(_, effects)| effects)
}

fn answered<T>(read: federation::Read<T>) -> Result<T, StoreError> {
    read.map_err(|failed| StoreError::Backend(failed.0))
}

fn hear(exchange: &Exchange<'_>, table: &mut dyn Table, bytes: &[u8]) -> Result<Said, StoreError> {
    let Ok(turn) = Turn::from_bytes(bytes) else { return Ok(Said::Refused("no turn".into())) };
    let greeted = match exchange.greet(table.rows(), &turn.hello, Versions::OURS) {
        Ok(greeted) => answered(greeted)?,
        Err(error) => return Ok(Said::Refused(error.to_string())),
    };
    let from = greeted.hello.from;
    table.apply(greeted.effects)?;
    if let Some(ack) = &turn.ack
        && let Ok(taken) = exchange.take_ack(table.rows(), ack)
    {
        table.apply(answered(taken)?.1)?;
    }
    for line in &turn.cosigned {
        let effects = answered(exchange.take_cosignature(table.rows(), line))?;
        table.apply(effects)?;
    }
    let mut cosigned = Vec::new();
    for update in &turn.heads {
        let outcome = answered(exchange.take_head(table.rows(), update))?;
        table.apply(outcome.effects)?;
        if let Kept::Cosigned(line) = outcome.kept
            && update.origin == from
        {
            cosigned.push(*line);
        }
    }
    let mut all = Vec::new();
    for sealed in &turn.batch {
        let received = answered(exchange.receive(table.rows(), sealed))?;
        table.apply(received.effects.clone())?;
        all.push(received);
    }
    let mut ack = None;
    if !all.is_empty() && answered(table.rows().own())?.recovery.is_none() {
        let effects = exchange
            .close(table.rows(), from, &all)
            .map_err(|error| StoreError::Backend(error.to_string()))?;
        table.apply(effects)?;
        let Untold { life, cursors, refused } = answered(exchange.untold(table.rows(), &from, 0))?;
        let refused = refused.into_iter().map(|(_, refused)| refused).collect();
        let (me, heads) = (exchange.me.member, BTreeMap::new());
        let said = Ack { from: me, to: from, life: Some(life), cursors, refused, heads, back: None };
        ack = Some(said.sign(exchange.me.signer.as_ref()));
    }
    let mut said = words(exchange, table.rows(), from)?;
    (said.ack, said.cosigned) = (ack, cosigned);
    Ok(Said::Turn(said.to_bytes()))
}

fn words(exchange: &Exchange<'_>, rows: &dyn Rows, to: KeyId) -> Result<Turn, StoreError> {
    let mut turn = Turn::of(answered(exchange.hello(rows, to, Versions::OURS))?);
    let known = answered(rows.peer(&to))?.heads;
    turn.heads = answered(exchange.heads_for(rows, &known, None))?;
    turn.batch = answered(exchange.outgoing(rows, &to))?;
    Ok(turn)
}

fn with<T>(me: &Me, house: &House, moments: u64, deed: impl FnOnce(&Exchange<'_>) -> T) -> T {
    let rng = SeededRng::new(moments.wrapping_mul(0x5851_F42D_4C95_7F2D));
    deed(&Exchange { me, directory: house, judge: &Bench, rng: &rng, now: moment(moments), leaves_max: 100 })
}

impl Village {
    /// So many members; the first keeps its ledger in the store.
    pub(super) async fn new(store: Arc<dyn Store>, count: u64) -> Self {
        let mut house = House::default();
        let mut members = Vec::new();
        for number in 1..=count {
            let (me, key) = me(number);
            house.members.insert(me.member, (key.public_key(), me.sealing.public()));
            members.push(Member { rows: MemoryRows::of(me.member), me, key });
        }
        let first = &members[0];
        let author = LedgerAuthor {
            member: first.id(),
            community: "lab".into(),
            signer: Arc::new(first.key.clone()),
            earlier: Vec::new(),
            rng: Arc::new(SeededRng::new(77)),
        };
        store.keep_ledger(author).await.unwrap();
        let mut village = Self { house: Arc::new(house), members, store, moments: 0 };
        for at in 0..village.members.len() {
            let rows = village.members[at].rows.clone();
            village.members[at].rows = village.signed(at, rows);
        }
        village
    }

    /// Everybody but one.
    pub(super) fn others(&self, not: usize) -> Vec<KeyId> {
        let others = self.members.iter().enumerate().filter(|(at, _)| *at != not);
        others.map(|(_, member)| member.id()).collect()
    }

    /// The rows with a head over all leaves, as a store signs it at the end of a transaction.
    fn signed(&self, who: usize, mut rows: MemoryRows) -> MemoryRows {
        let effects = with(&self.members[who].me, &self.house, self.moments, |exchange| {
            exchange.sign_head(&rows).unwrap()
        });
        rows.apply_all(effects);
        rows
    }

    /// One member's step: over its maps, and where it has one over its store, which must say the same.
    pub(super) async fn step(&mut self, who: usize, step: Step) -> Said {
        self.moments += 1;
        let mut rows = self.members[who].rows.clone();
        let member = &self.members[who];
        let said = with(&member.me, &self.house, self.moments, |exchange| play(exchange, &mut rows, &step));
        let said = said.unwrap();
        self.members[who].rows = self.signed(who, rows);
        if who == 0 {
            assert_eq!(self.stored(step.clone()).await.unwrap(), said, "{step:?}");
        }
        said
    }

    /// The step in the store alone.
    async fn stored(&self, step: Step) -> Result<Said, StoreError> {
        let (house, moments) = (Arc::clone(&self.house), self.moments);
        exchanged(&*self.store, 1, move |desk| {
            with(&me(1).0, &house, moments, |exchange| play(exchange, &mut AtDesk(desk), &step))
        })
        .await
    }

    /// The first words of a meeting.
    pub(super) async fn words(&mut self, who: usize, to: usize) -> Vec<u8> {
        self.moments += 1;
        let to = self.members[to].id();
        let member = &self.members[who];
        let said = with(&member.me, &self.house, self.moments, |exchange| words(exchange, &member.rows, to));
        let said = said.unwrap().to_bytes();
        if who == 0 {
            let (house, moments) = (Arc::clone(&self.house), self.moments);
            let stored = looked(&*self.store, member.id(), move |rows| {
                with(&me(1).0, &house, moments, |exchange| words(exchange, rows, to))
            });
            assert_eq!(stored.await.unwrap().to_bytes(), said);
        }
        said
    }

    /// A whole meeting, of which words may be lost and may come twice.
    pub(super) async fn meet(&mut self, who: usize, whom: usize, dice: &Dice) {
        let mut said = self.words(who, whom).await;
        let (mut hears, mut speaks) = (whom, who);
        for _ in 0..12 {
            if dice.throw(10) == 0 {
                return;
            }
            if dice.throw(10) == 0 {
                self.step(hears, Step::Hear(said.clone())).await;
            }
            let Said::Turn(answer) = self.step(hears, Step::Hear(said)).await else { return };
            let more = Turn::from_bytes(&answer).unwrap().says_something();
            (hears, speaks) = (speaks, hears);
            if !more && hears == who {
                return;
            }
            said = answer;
        }
        let _ = speaks;
    }

    /// Every read of the first member's rows is the same in the store.
    pub(super) async fn compare(&self, told: &str) {
        let maps = self.members[0].rows.clone();
        let everybody: Vec<KeyId> = self.members.iter().map(Member::id).collect();
        let me = everybody[0];
        let (evidence, refusals) =
            (maps.evidence().clone(), [maps.refusals(), maps.refused_there()].concat());
        let told = told.to_owned();
        looked(&*self.store, me, move |rows| {
            super::reads::compare(&maps, rows, &everybody, &told);
            Ok(())
        })
        .await
        .unwrap();
        let stored = self.store.evidence().await.unwrap();
        let mut proven: BTreeMap<KeyId, Vec<String>> = BTreeMap::new();
        for (origin, text) in stored {
            proven.entry(origin).or_default().push(text);
        }
        // What is proven twice is kept once.
        let mut expected = evidence;
        for texts in expected.values_mut() {
            let mut seen = BTreeSet::new();
            texts.retain(|text| seen.insert(text.clone()));
        }
        assert_eq!(proven, expected);
        let stored = self.store.refusals(None, 10_000).await.unwrap();
        let order = |row: &federation::RefusalRow| (row.at.0, row.rule.clone(), row.at_place, row.peer);
        let mut stored: Vec<_> = stored.into_iter().map(|(_, row)| row).collect();
        assert!(stored.windows(2).all(|pair| pair[0].at >= pair[1].at), "newest first");
        let mut expected = refusals;
        stored.sort_by_key(order);
        expected.sort_by_key(order);
        assert_eq!(stored, expected);
    }
}

/// Choices that can be repeated.
pub(super) struct Dice(pub(super) SeededRng);

impl Dice {
    pub(super) fn throw(&self, sides: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % sides
    }

    pub(super) fn one<T: Clone>(&self, of: &[T]) -> T {
        of[usize::try_from(self.throw(of.len() as u64)).unwrap()].clone()
    }
}
