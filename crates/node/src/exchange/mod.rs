//! Exchange of intelligence with the other members: what this member does towards them, and what comes in from them.
//!
//! `federation` decides over rows, `community` says who is a member, `handling` who may have what; here they are brought
//! together in steps, each of which runs in one transaction of the store with the objects it is about. How turns travel is
//! for the doors.
//!
//! Invariant: what `federation` says is held and what readers find are one: both change in the same commit.

mod alone;
mod altering;
mod awaited;
mod carry;
mod circle_wait;
mod clocks;
mod consents;
mod courier;
mod deeds;
mod deposits;
mod error;
mod evidence;
mod giving;
mod later;
mod leaving;
mod letters;
mod proofs;
mod purview;
mod reach;
mod recovery;
mod relay;
mod release;
mod retention;
mod settle;
mod shelf;
mod standing_by;
mod turns;
mod unfinished;
mod views;
mod withheld;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::signing::KeyId;
use base::{Micros, Rng};
use federation::{Brought, Exchange, HeadUpdate, Me, Owed, Reach, Turn};
use stix::ObjectId;
use store::{ExchangeDesk, StoreError};
use tokio::sync::Notify;

pub use awaited::{AwaitedMember, CALLS_AGAIN_MAX, Spoken};
pub(crate) use circle_wait::{Lack, Lacking, Reading};
pub use consents::{ConsentGiven, ConsentPage, ConsentRequest, ConsentView};
pub use courier::{CourierRefusal, CourierReport, CourierWait};
pub use deeds::{Recalled, ReceiptView, ShareRequest, Shared};
pub use deposits::RelayWithdrawal;
pub use error::ExchangeError;
pub use evidence::PeerFigures;
pub use federation::{GREETING_BYTES_MAX, RELAY_MARK_BYTES, RelayErrand, RelayOffer, TURN_BYTES_MAX};
pub(crate) use giving::{authors, own_word};
pub(crate) use purview::{GIVEN_OTHERWISE, Purview};
pub(crate) use reach::{Kept, Own};
pub use recovery::RecoveryView;
pub use relay::{PeerByRelay, RelayFigures, RelayRound, RelayTaken};
pub(crate) use release::{Added, Sending};
pub use shelf::{RelayError, RelayKeeps, RelaySettings};
pub use standing_by::StoodBy;
pub use turns::Heard;
#[cfg(test)]
pub(crate) use views::may_know_peers;
pub use views::{CircleState, HolderView, PeerRefusal, PeerView, Provenance, StateView};
pub(crate) use withheld::Withheld;

use crate::Node;
use crate::community::{Members, Seats, Table};

/// What a node keeps in memory of its exchange.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Told when something waits for a peer.
    waiting: Notify,
    /// Told when something has come in from a peer, receipts too.
    arrived: Notify,
    /// Members that this node is in a meeting with which it began, and when the last word of it was said: what is for them is
    /// told there.
    meeting: Mutex<BTreeMap<KeyId, Micros>>,
    /// Where something was missing in a peer's lanes when it was last heard: the first place behind the gap.
    gaps: Mutex<BTreeMap<KeyId, [Option<u64>; 2]>>,
    /// Members whose acts wait here for a circle's document.
    awaited_circles: Arc<circle_wait::AwaitedCircles>,
    /// Members that have begun meetings since that was last asked.
    heard: Mutex<BTreeSet<KeyId>>,
    /// Whether somebody here wants all members met, those that could not be reached too.
    to_meet: AtomicBool,
    /// When members last called this node.
    called: Mutex<BTreeMap<KeyId, Micros>>,
    /// Questions that members keep open here, and what tells them that something waits.
    open: standing_by::Open,
    told: Notify,
    /// What a member will know and have once it has taken what was last said to it.
    said: Mutex<BTreeMap<KeyId, LastSaid>>,
    /// Members whose registry papers have all been read since this process began: only then is it known who has something to give
    /// back after a restore, and what this member itself has signed.
    papers: Mutex<BTreeSet<KeyId>>,
    /// From where a member that takes back what it lost was given something last in the present meeting.
    gave: Mutex<BTreeMap<KeyId, (u64, u64)>>,
    /// Leaves that a member had of all ledgers, when it was last told of one in parts in the present meeting.
    parts: Mutex<BTreeMap<KeyId, u64>>,
    /// How far a member and this node were when something was last said to it in the present meeting.
    reached: Mutex<BTreeMap<KeyId, [Option<Reach>; 2]>>,
    /// How it was when this node last spoke to each member's node.
    spoken: Mutex<BTreeMap<KeyId, Spoken>>,
    /// With which code members' nodes took no turn when last asked to.
    no_turn: Mutex<BTreeMap<KeyId, &'static str>>,
    /// Since when this node speaks to members in vain.
    unreached: Mutex<BTreeMap<KeyId, Micros>>,
    /// What was last heard of each member while this node took back what it lost.
    heard_back: Mutex<BTreeMap<KeyId, awaited::HeardBack>>,
    /// What each member is still to be told of what it sent.
    owed: Mutex<BTreeMap<KeyId, Owed>>,
    /// Of which moment the last answer of each member was that told of refusals and was taken.
    answers: Mutex<BTreeMap<KeyId, i64>>,
    /// Who took part, and who was in which circle, when what waits was last looked at for it.
    seats: Mutex<Option<Seats>>,
    /// Whether a step has judged by seats of before since they were last looked at.
    judged_before: AtomicBool,
    /// Whether what an earlier build left undone has been finished.
    finished: AtomicBool,
    /// When that was by this node's clock, in microseconds since 1970.
    looked_at: AtomicI64,
    /// Told when something that waited may be given.
    later: Notify,
    /// The last awaited marking definition that was looked for; `None` when all have been.
    awaited: Mutex<Option<ObjectId>>,
    /// What goes over relays.
    pub(crate) relays: relay::Relays,
}

/// What a turn said last, for the one that may follow before it is answered.
#[derive(Clone, Debug)]
struct LastSaid {
    /// How far its batch reaches.
    brought: Brought,
    /// Leaves of each ledger that the other knows after it.
    known: BTreeMap<KeyId, u64>,
}

impl LastSaid {
    /// What follows from a turn that was said to one who knew ledgers up to the sizes in `known`; `None` when it brings no batch.
    fn of(turn: &Turn, brought: Option<Brought>, mut known: BTreeMap<KeyId, u64>) -> Option<Self> {
        known.extend(turn.heads.iter().map(|update| (update.origin, update.upto())));
        brought.map(|brought| Self { brought, known })
    }
}

/// A meeting of which nothing was heard for so long keeps nothing back from those who begin another: its other end may be
/// unreachable from here and reach this node all the same.
const MEETING_SILENCE: i64 = 5 * Micros::SECOND;

impl Desk {
    fn meets(&self, member: &KeyId, now: Micros) -> bool {
        let held = self.meeting.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(member).is_some_and(|last| now.0.saturating_sub(last.0).abs() < MEETING_SILENCE)
    }

    /// A meeting under way goes on.
    fn goes_on(&self, member: &KeyId, now: Micros) {
        let mut held = self.meeting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = held.get_mut(member) {
            *last = now;
        }
    }

    fn note_said(&self, member: KeyId, said: Option<LastSaid>) {
        let mut held = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match said {
            Some(said) => drop(held.insert(member, said)),
            None => drop(held.remove(&member)),
        }
    }

    fn last_said(&self, member: &KeyId) -> Option<LastSaid> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).get(member).cloned()
    }

    /// Does something with what a member is still to be told.
    fn owed<T>(&self, member: &KeyId, on: impl FnOnce(&mut Owed) -> T) -> T {
        on(self.owed.lock().unwrap_or_else(PoisonError::into_inner).entry(*member).or_default())
    }

    /// Notes an answer that told of refusals, by its moment.
    fn took_answer(&self, of: KeyId, at_us: i64) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(of, at_us);
    }

    /// The moment of the last such answer of a member.
    fn answer_taken(&self, of: &KeyId) -> Option<i64> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(of).copied()
    }

    /// Whether something is given back that was not given in this meeting already: who refuses it gets it in the next one.
    fn gives_anew(&self, hello: &federation::Hello) -> bool {
        let mut gave = self.gave.lock().unwrap_or_else(PoisonError::into_inner);
        let leaves = hello.heads.get(&hello.from).copied().unwrap_or_default();
        let place = (hello.recovering_from.unwrap_or_default(), leaves);
        gave.insert(hello.from, place) != Some(place)
    }

    /// A first turn tells of ledgers in parts, or not.
    fn begins_parts(&self, member: KeyId, turn: &Turn) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.heads.iter().any(HeadUpdate::is_part) {
            parts.insert(member, 0);
        } else {
            parts.remove(&member);
        }
    }

    /// Whether the next turn goes on with ledgers that are told in parts: there is more of them, and the other took the last.
    fn goes_on_with_parts(&self, hello: &federation::Hello, turn: &Turn) -> bool {
        let has = hello.heads.values().fold(0_u64, |sum, leaves| sum.saturating_add(*leaves));
        let is_part = turn.heads.iter().any(HeadUpdate::is_part);
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let took = parts.remove(&hello.from).map_or(is_part, |had| has > had);
        if took && is_part {
            parts.insert(hello.from, has);
        }
        took && turn.heads.iter().any(|update| !update.leaves.is_empty())
    }

    /// A meeting begins, in which nothing has moved yet.
    fn begins_to_move(&self, member: &KeyId) {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).remove(member);
    }

    /// Whether either side is further than when this was last asked in the present meeting. Where neither is, what is said is
    /// what was said: acts whose head cannot be taken, or that wait for something else. It is said again in the next meeting.
    fn moved(&self, theirs: &federation::Hello, ours: &Turn) -> bool {
        let reached = [Some(theirs.reach()), Reach::of_own(&ours.hello)];
        let mut held = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(theirs.from, reached.clone()) != Some(reached)
    }

    /// Why a member's node took no turn last.
    fn took_no_turn(&self, member: &KeyId) -> Option<&'static str> {
        self.no_turn.lock().unwrap_or_else(PoisonError::into_inner).get(member).copied()
    }

    /// What came of the last question to a member.
    fn last_spoken(&self, member: &KeyId) -> Option<Spoken> {
        self.spoken.lock().unwrap_or_else(PoisonError::into_inner).get(member).copied()
    }

    /// Since when this node speaks to a member in vain.
    fn unreached_since(&self, member: &KeyId) -> Option<Micros> {
        self.unreached.lock().unwrap_or_else(PoisonError::into_inner).get(member).copied()
    }

    /// When a member last began a meeting with this node.
    fn last_called(&self, member: &KeyId) -> Option<Micros> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner).get(member).copied()
    }

    /// All papers of a member have been read.
    pub(crate) fn read_papers_of(&self, member: KeyId) {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner).insert(member);
    }

    fn has_papers_of(&self, member: &KeyId) -> bool {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner).contains(member)
    }

    fn note_gaps(&self, member: KeyId, gaps: [Option<u64>; 2]) {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner).insert(member, gaps);
    }

    /// Places that are missing in a lane of which everything up to `cursor` has been read.
    fn missing(&self, member: &KeyId, lane: usize, cursor: u64) -> u64 {
        let held = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = held.get(member).and_then(|gaps| gaps.get(lane).copied().flatten());
        behind.map_or(0, |behind| behind.saturating_sub(cursor).saturating_sub(1))
    }
}

/// What becomes of a meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// It begins.
    Begins,
    /// It is over, or was given up.
    Ends,
}

/// Everything that the steps of `federation` ask, as of one moment.
pub(crate) struct Court {
    me: Me,
    members: Members,
    rng: Arc<dyn Rng>,
    now: Micros,
    leaves_max: usize,
}

impl Court {
    pub(crate) fn exchange(&self) -> Exchange<'_> {
        Exchange {
            me: &self.me,
            directory: &self.members,
            judge: &self.members,
            rng: &*self.rng,
            now: self.now,
            leaves_max: self.leaves_max,
        }
    }

    pub(crate) const fn member(&self) -> KeyId {
        self.me.member
    }

    pub(crate) const fn now(&self) -> Micros {
        self.now
    }

    pub(crate) fn home(&self) -> handling::MemberId {
        handling::MemberId(*self.me.member.as_bytes())
    }

    /// Who is in a circle now, those that take no part at present too; nobody where it is not known here.
    pub(crate) fn circle(&self, circle: &handling::CircleId) -> BTreeSet<handling::MemberId> {
        self.members.in_circle(circle)
    }
}

impl Node {
    /// What exchange asks, as of now; `None` while this node's member is in no community.
    pub(crate) async fn court(&self) -> Result<Option<Court>, StoreError> {
        match self.members().await? {
            Some(members) => self.court_of(members).await.map(Some),
            None => Ok(None),
        }
    }

    /// The same by a table that need not be what everybody here sees yet.
    pub(crate) async fn court_by(&self, table: &Arc<Table>) -> Result<Court, StoreError> {
        self.court_of(self.members_by(table)).await
    }

    async fn court_of(&self, members: Members) -> Result<Court, StoreError> {
        let (signer, sealing, now) = (self.member_signer().await?, self.sealing_secret().await?, self.now());
        let me =
            Me { member: members.me(), community: members.community(), signer: Box::new(signer), sealing };
        let leaves_max = self.0.settings.head_leaves_max.min(base::limit::HEAD_LEAVES_MAX);
        Ok(Court { me, members, rng: Arc::clone(&self.0.rng), now, leaves_max })
    }

    /// As [`Node::court`], for deeds that make no sense alone.
    pub(crate) async fn sitting(&self) -> Result<Arc<Court>, ExchangeError> {
        let court = self.hearing().await?;
        self.keep_ledger().await?;
        Ok(court)
    }

    /// As [`Node::sitting`], for what only looks: it writes nothing, and so answers beside a running node, on its directory.
    pub(crate) async fn hearing(&self) -> Result<Arc<Court>, ExchangeError> {
        let Some(court) = self.court().await? else {
            let asked = self.community_table().await?.is_some();
            return Err(if asked { ExchangeError::Pending } else { ExchangeError::Alone });
        };
        Ok(Arc::new(court))
    }

    /// Does something with the rows in one commit, or nothing.
    async fn committed<T: Send + 'static>(
        &self,
        weight: usize,
        step: impl FnOnce(&mut dyn ExchangeDesk) -> Result<T, ExchangeError> + Send + 'static,
    ) -> Result<T, ExchangeError> {
        let (tell, told) = std::sync::mpsc::channel();
        let committed = store::exchanged(self.store(), weight, move |desk| {
            step(desk).map_err(|error| match error {
                ExchangeError::Store(error) => error,
                other => {
                    // The step is undone by any error of the store's; why it was given up is told beside it.
                    let _ = tell.send(other);
                    StoreError::Backend("a step of exchange was given up".into())
                }
            })
        });
        match committed.await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(told.try_recv().unwrap_or(ExchangeError::Store(error))),
        }
    }

    /// Runs a step of exchange in one commit.
    pub(crate) async fn step<T: Send + 'static>(
        &self,
        court: &Arc<Court>,
        weight: usize,
        step: impl FnOnce(&Exchange<'_>, &mut dyn ExchangeDesk) -> Result<T, ExchangeError> + Send + 'static,
    ) -> Result<T, ExchangeError> {
        let (sitting, court) = (Arc::clone(court), Arc::clone(court));
        let outcome = self.committed(weight, move |desk| step(&court.exchange(), desk)).await;
        // What was judged by who was in which circle before that changed is looked at again.
        if let Ok(Some(now)) = self.members().await
            && !now.seats_as(&sitting.members)
        {
            self.0.exchange.judged_before.store(true, Ordering::Release);
        }
        outcome
    }

    /// Whom to meet: every other member that takes part, once this node's member does.
    ///
    /// # Errors
    /// The store failed.
    pub async fn meeting_peers(&self) -> Result<Vec<crate::Peer>, crate::CommunityError> {
        let table = self.community_table().await?;
        if table.is_some_and(|table| table.is_member()) { self.papers_peers().await } else { Ok(Vec::new()) }
    }

    /// Waits until something waits for a peer that it should be given.
    pub async fn exchange_waiting(&self) {
        self.0.exchange.waiting.notified().await;
    }

    /// The members that have begun meetings with this node since this was last asked: they may be reachable again.
    #[must_use]
    pub fn heard_of(&self) -> BTreeSet<community::MemberId> {
        let mut heard = self.0.exchange.heard.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *heard).into_iter().map(community::MemberId).collect()
    }

    /// Notes that this node begins or ends a meeting with a member.
    pub fn meeting(&self, member: community::MemberId, meeting: Meeting) {
        self.0.exchange.gave.lock().unwrap_or_else(PoisonError::into_inner).remove(&member.0);
        let mut held = self.0.exchange.meeting.lock().unwrap_or_else(PoisonError::into_inner);
        match meeting {
            Meeting::Begins => held.insert(member.0, self.now()),
            Meeting::Ends => held.remove(&member.0),
        };
    }

    /// Notes how it was when this node last spoke to a member's.
    pub fn spoke(&self, member: community::MemberId, how: Spoken) {
        let desk = &self.0.exchange;
        desk.spoken.lock().unwrap_or_else(PoisonError::into_inner).insert(member.0, how);
        let mut unreached = desk.unreached.lock().unwrap_or_else(PoisonError::into_inner);
        if how == Spoken::Unreachable {
            let now = self.now();
            unreached.entry(member.0).or_insert(now);
        } else {
            unreached.remove(&member.0);
        }
    }

    /// Notes whether a member's node took a turn: what it answered where it did not. Of that a code is kept which is known here.
    pub fn turn_ended(&self, member: community::MemberId, refused: Option<&[u8]>) {
        let code = refused.and_then(crate::community::code_of);
        let mut held = self.0.exchange.no_turn.lock().unwrap_or_else(PoisonError::into_inner);
        match code {
            Some(code) => drop(held.insert(member.0, code)),
            None => drop(held.remove(&member.0)),
        }
    }

    /// Has the other members met at once, those too that are left alone for a time since they could not be reached.
    pub fn meet_now(&self) {
        self.0.exchange.to_meet.store(true, Ordering::Release);
        self.tell_peers();
    }

    /// Whether that was asked for since it was last looked at.
    #[must_use]
    pub fn is_to_meet(&self) -> bool {
        self.0.exchange.to_meet.swap(false, Ordering::AcqRel)
    }

    /// Has the other members met as soon as can be.
    pub fn tell_peers(&self) {
        self.0.exchange.waiting.notify_one();
        self.0.exchange.told.notify_waiters();
        self.0.exchange.relays.waiting.notify_one();
    }
}
