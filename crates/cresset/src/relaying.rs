//! While the node serves: parcels for members that are not met go to relays, and those that others left there are fetched.
//!
//! Nothing is decided here. Each relay is asked by itself what it has, so that one which hangs keeps nobody else waiting; what is to be
//! put is offered to the relays that answered last, one after the other. Who does not answer, or does not do what it is asked, is asked
//! again after a growing pause, first of all to drop what it may have and should not.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use community::MemberId;
use node::{ExchangeError, Node, Peer, RelayErrand, RelayOffer, RelayRound, RelayWithdrawal};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use crate::gossip::Standing;
use crate::roads::Roads;

/// How often relays are asked while somebody is not met.
const EVERY: Duration = Duration::from_secs(5);
/// What is to be said comes together.
const GATHER: Duration = Duration::from_millis(200);
/// Longest time one question to a relay may take.
const ASK_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest time an offer may take, beside its bytes: others wait for it.
const OFFER_TIME: Duration = Duration::from_secs(10);
/// Bytes of an offer that go in a second at least.
const OFFER_BYTES_A_SECOND: u64 = 512 * 1024;
/// Most relays asked at the same time.
const ASKED_MAX: usize = 8;
/// Longest time of a round: what was not asked then is asked in the next one.
const ROUND_TIME_MAX: Duration = Duration::from_secs(120);
/// Most answers of one relay in a round.
const ANSWERS_MAX: usize = 50;
/// How often what is kept for too long is dropped here.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);
/// Where relays are asked.
const RELAY: &str = "/federation/v1/relay";
/// Where they are asked what waits.
const TAKE: &str = "/federation/v1/relay/take";
/// Where they are told what need not wait any longer.
const DROP: &str = "/federation/v1/relay/drop";

/// Puts and takes until the future is dropped.
pub(crate) async fn run(node: Node, roads: Arc<Roads>) {
    let runner = Runner { node, roads, relays: Mutex::default() };
    tokio::join!(runner.puts(), runner.asks(), runner.expires());
}

struct Runner {
    node: Node,
    roads: Arc<Roads>,
    /// How it stands with each relay.
    relays: Mutex<HashMap<MemberId, Terms>>,
}

/// How it stands with a relay.
struct Terms {
    /// Whether it answers.
    answers: Standing,
    /// Whether it does what it is asked. A relay that does not may take parcels all the same.
    does: Standing,
}

impl Terms {
    fn new() -> Self {
        Self { answers: Standing::new(), does: Standing::new() }
    }

    fn are_due(&self) -> bool {
        self.answers.due.max(self.does.due) <= Instant::now()
    }

    fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Done => {
                self.answers.goes(true);
                self.does.goes(true);
            }
            Heard::Refused => {
                self.answers.goes(true);
                self.does.goes(false);
            }
            Heard::Nothing => self.answers.goes(false),
            Heard::NotAsked => {}
        }
    }
}

/// What was heard of a relay that there was something to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// It does what it was asked.
    Done,
    /// It answered that it does not.
    Refused,
    /// It did not answer.
    Nothing,
    /// It was asked nothing, for want of something to ask or because this node's own store failed.
    NotAsked,
}

/// Why an offer came to nothing.
#[derive(Debug)]
enum NotKept {
    /// The relay refused it, with this code.
    Refused(String),
    /// It did not answer.
    Unheard,
    /// It was not offered: this node's own store failed.
    NotOffered,
}

/// This node's own store failed, as its log tells.
#[derive(Clone, Copy, Debug)]
struct OwnFailed;

impl Runner {
    /// Puts what waits, as soon as it does.
    async fn puts(&self) {
        // How it stands with each member whose parcels no relay takes.
        let mut peers = HashMap::new();
        loop {
            if let Ok(Some(round)) = self.round().await {
                peers.retain(|member, _| round.away.contains(member));
                let until = Instant::now() + ROUND_TIME_MAX;
                for to in &round.away {
                    self.put(*to, (&round.relays, &mut peers), until).await;
                }
            }
            tokio::select! {
                () = self.node.relay_waiting() => sleep(GATHER).await,
                () = sleep(EVERY) => {}
            }
        }
    }

    /// Asks each relay now and then, beside each other: first to drop what it may have and should not, then what it has for this node.
    async fn asks(&self) {
        let (mut tick, mut asked) = (interval(EVERY), JoinSet::new());
        // What was missed while errands were looked for is not made up for.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut whose: HashMap<Id, MemberId> = HashMap::new();
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    let busy: HashSet<MemberId> = whose.values().copied().collect();
                    for errand in self.errands().await {
                        let relay = errand.relay.member;
                        if whose.len() < ASKED_MAX && !busy.contains(&relay) && self.is_due(relay) {
                            let (node, roads) = (self.node.clone(), Arc::clone(&self.roads));
                            whose.insert(asked.spawn(async move { errand.run(&node, &roads).await }).id(), relay);
                        }
                    }
                }
                Some(ended) = asked.join_next_with_id() => {
                    let (id, heard) = ended.unwrap_or_else(|failed| (failed.id(), Heard::NotAsked));
                    if let Some(relay) = whose.remove(&id) {
                        self.note(relay, heard);
                    }
                }
            }
        }
    }

    /// Drops what is kept here for others for too long, and forgets what others have kept as long.
    async fn expires(&self) {
        loop {
            if let Err(error) = self.node.relay_expire().await {
                tracing::warn!(code = error.code(), %error, "what is kept for others for too long cannot be dropped");
            }
            sleep(EXPIRE_EVERY).await;
        }
    }

    async fn round(&self) -> Result<Option<RelayRound>, OwnFailed> {
        self.node.relay_round().await.map_err(|error| {
            tracing::warn!(code = error.code(), %error, "cannot tell who is to be reached by relay");
            OwnFailed
        })
    }

    async fn withdrawals(&self) -> Result<Vec<RelayWithdrawal>, OwnFailed> {
        self.node.relay_withdrawals().await.map_err(|error| {
            tracing::warn!(code = error.code(), %error, "cannot tell what relays are to drop");
            OwnFailed
        })
    }

    /// What each relay is to be asked now. Those that are asked nothing any more are forgotten, unless it cannot be told.
    async fn errands(&self) -> Vec<Asking> {
        let (withdrawals, round) = (self.withdrawals().await, self.round().await);
        let is_all = withdrawals.is_ok() && round.is_ok();
        let mut asking: HashMap<MemberId, Asking> = HashMap::new();
        for round in round.into_iter().flatten() {
            for relay in round.relays {
                let away = round.away.iter().copied().filter(|member| *member != relay.member).collect();
                asking.insert(relay.member, Asking { relay, away, withdrawal: None });
            }
        }
        for withdrawal in withdrawals.into_iter().flatten() {
            let relay = withdrawal.relay.clone();
            let asked = asking.entry(relay.member);
            asked.or_insert(Asking { relay, away: Vec::new(), withdrawal: None }).withdrawal =
                Some(withdrawal);
        }
        if is_all {
            self.terms(|terms| terms.retain(|member, _| asking.contains_key(member)));
        }
        asking.into_values().collect()
    }

    fn terms<T>(&self, on: impl FnOnce(&mut HashMap<MemberId, Terms>) -> T) -> T {
        on(&mut self.relays.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_due(&self, relay: MemberId) -> bool {
        self.terms(|terms| terms.get(&relay).is_none_or(Terms::are_due))
    }

    fn note(&self, relay: MemberId, heard: Heard) {
        self.terms(|terms| terms.entry(relay).or_insert_with(Terms::new).heard(heard));
    }

    /// Puts what waits for a member at the first relay that takes it. One that did not answer last is passed over.
    async fn put(
        &self,
        to: MemberId,
        (relays, peers): (&[Peer], &mut HashMap<MemberId, Standing>),
        until: Instant,
    ) {
        let due = peers.get(&to).is_none_or(|standing| standing.due <= Instant::now());
        if !due || relays.iter().all(|relay| relay.member == to) || until <= Instant::now() {
            return;
        }
        let errand = match self.node.relay_parcel(to).await {
            Ok(Some(errand)) => errand,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "cannot make a parcel for a member that is not met");
                return;
            }
        };
        let mut code = "unreachable".to_owned();
        let turn = self.terms(|terms| in_turn(relays, to, errand.before, terms));
        for relay in turn {
            if until <= Instant::now() {
                // Nobody refused it: the next round goes on.
                return;
            }
            match self.offer((to, relay), &errand, until).await {
                Ok(()) => {
                    peers.remove(&to);
                    return;
                }
                Err(NotKept::Refused(said)) => code = said,
                Err(NotKept::Unheard) => self.note(relay.member, Heard::Nothing),
                // No relay is to blame: the next round goes on.
                Err(NotKept::NotOffered) => return,
            }
        }
        self.node.relay_was_refused(to, &code);
        tracing::info!(code, member = %to, "no relay takes what waits for a member");
        peers.entry(to).or_insert_with(Standing::new).goes(false);
    }

    /// Offers a parcel to a relay, remembered before it is and after it was.
    async fn offer(
        &self,
        (to, relay): (MemberId, &Peer),
        errand: &RelayErrand,
        until: Instant,
    ) -> Result<(), NotKept> {
        if let Err(error) = self.node.relay_offers(to, errand, relay.member).await {
            tracing::warn!(code = error.code(), %error, "cannot note that a relay is offered a parcel");
            return Err(NotKept::NotOffered);
        }
        let said = offered((&self.roads, until), relay, errand).await;
        let offer = match &said {
            Ok(()) => RelayOffer::Kept,
            Err(NotKept::Refused(_)) => RelayOffer::Refused,
            Err(NotKept::Unheard | NotKept::NotOffered) => RelayOffer::Unheard,
        };
        if let Err(error) = self.node.relay_offered(to, errand, (relay.member, offer)).await {
            tracing::warn!(code = error.code(), %error, "cannot note how a relay took a parcel");
        }
        said
    }
}

/// What one relay is asked.
struct Asking {
    relay: Peer,
    /// Members that are not met, but for itself.
    away: Vec<MemberId>,
    withdrawal: Option<RelayWithdrawal>,
}

impl Asking {
    /// Asks it; what was heard of it.
    async fn run(self, node: &Node, roads: &Roads) -> Heard {
        let until = Instant::now() + ROUND_TIME_MAX;
        let mut dropped = Heard::NotAsked;
        if let Some(withdrawal) = &self.withdrawal {
            dropped = withdrawn((node, roads), withdrawal, until).await;
        }
        if dropped == Heard::Nothing {
            return dropped;
        }
        match (dropped, take(node, (roads, until), &self.relay, &self.away).await) {
            (dropped, Heard::NotAsked) => dropped,
            (Heard::Refused, Heard::Done) => Heard::Refused,
            (_, taken) => taken,
        }
    }
}

/// Asks a relay something; what it answered, or what was heard where it did not do what it was asked.
async fn ask(
    (roads, until): (&Roads, Instant),
    relay: &Peer,
    (path, body): (&str, Vec<u8>),
) -> Result<Bytes, Heard> {
    let said = roads.say(relay, path, (body, "application/octet-stream"));
    match timeout_at(answer_by(until), said).await {
        Ok(Ok(answer)) if answer.is_success() => Ok(answer.body),
        Ok(Ok(answer)) => {
            tracing::debug!(status = answer.status, path, relay = %relay.member, "a relay does not do what it is asked");
            Err(Heard::Refused)
        }
        _ => Err(Heard::Nothing),
    }
}

/// Has a relay drop what is not to lie there any longer.
async fn withdrawn((node, roads): (&Node, &Roads), withdrawal: &RelayWithdrawal, until: Instant) -> Heard {
    if let Err(heard) = ask((roads, until), &withdrawal.relay, (DROP, withdrawal.marks.clone())).await {
        return heard;
    }
    if let Err(error) = node.relay_withdrawn(withdrawal).await {
        tracing::warn!(code = error.code(), %error, "cannot note that a relay has dropped a parcel");
    }
    Heard::Done
}

/// The relays that a parcel is offered to, one after the other: as many are passed over as have had it, and those that did not
/// answer last.
fn in_turn<'a>(
    relays: &'a [Peer],
    to: MemberId,
    before: usize,
    terms: &HashMap<MemberId, Terms>,
) -> Vec<&'a Peer> {
    let mut others: Vec<&Peer> = relays.iter().filter(|relay| relay.member != to).collect();
    let first = before.checked_rem(others.len()).unwrap_or_default();
    others.rotate_left(first);
    others.retain(|relay| terms.get(&relay.member).is_none_or(|terms| terms.answers.answers()));
    others
}

/// When a relay must have answered what it is asked now, in a round that ends then.
fn answer_by(until: Instant) -> Instant {
    until.min(Instant::now() + ASK_TIME_MAX)
}

/// When an offer of so many bytes must have been answered.
fn offer_by(until: Instant, bytes: usize) -> Instant {
    let seconds = u64::try_from(bytes).unwrap_or(u64::MAX) / OFFER_BYTES_A_SECOND;
    until.min(Instant::now() + OFFER_TIME + Duration::from_secs(seconds))
}

/// Offers a parcel to a relay.
async fn offered(
    (roads, until): (&Roads, Instant),
    relay: &Peer,
    errand: &RelayErrand,
) -> Result<(), NotKept> {
    let parcel = (errand.parcel.clone(), "application/octet-stream");
    let by = offer_by(until, errand.parcel.len());
    match timeout_at(by, roads.say(relay, RELAY, parcel)).await {
        Ok(Ok(answer)) if answer.is_success() => Ok(()),
        Ok(Ok(answer)) => {
            let said: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
            let code = said.as_ref().and_then(|said| said["code"].as_str());
            // A relay says what it likes; what is shown of it is of the form of a code.
            let is_code = |code: &&str| {
                code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            };
            Err(NotKept::Refused(code.filter(is_code).unwrap_or("refused").to_owned()))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, relay = %relay.member, "a relay cannot be reached");
            Err(NotKept::Unheard)
        }
        Err(_) => Err(NotKept::Unheard),
    }
}

/// Takes what a relay keeps for this node until there is nothing more.
async fn take(node: &Node, (roads, until): (&Roads, Instant), relay: &Peer, away: &[MemberId]) -> Heard {
    let mut heard = Heard::NotAsked;
    for _ in 0..ANSWERS_MAX {
        let question = match node.relay_question(away).await {
            Ok(question) if !question.is_empty() => question,
            Ok(_) => return heard,
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "cannot tell what a relay is to be asked for");
                return heard;
            }
        };
        let answer = match ask((roads, until), relay, (TAKE, question)).await {
            Ok(answer) => answer,
            Err(said) => return said,
        };
        let outcome = match node.relay_take(&answer).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(code = error.code(), %error, relay = %relay.member, "what a relay handed out was not taken");
                // What does not read is no answer; whatever else fails is this node's own.
                return if matches!(error, ExchangeError::Message(_)) { Heard::Nothing } else { heard };
            }
        };
        heard = Heard::Done;
        if outcome.drop.is_empty() {
            return heard;
        }
        // What is taken is on disk: only now the relay need not keep it.
        if let Err(said) = ask((roads, until), relay, (DROP, outcome.drop)).await {
            return said;
        }
    }
    heard
}

#[cfg(test)]
mod tests {
    use base::SeededRng;
    use base::signing::{Signer, SigningKey};

    use super::*;

    #[test]
    fn a_parcel_is_offered_in_turn_and_not_to_who_is_left_alone() {
        let member = |seed| MemberId(SigningKey::generate(&SeededRng::new(seed)).public_key().id());
        let relays = [1, 2, 3].map(|seed| Peer {
            member: member(seed),
            endpoint: format!("https://relay-{seed}.example").parse().unwrap(),
        });
        let mut terms = HashMap::new();
        let turn = |to, before, terms: &HashMap<MemberId, Terms>| -> Vec<MemberId> {
            in_turn(&relays, to, before, terms).iter().map(|relay| relay.member).collect()
        };
        let [one, two, three] = [1, 2, 3].map(member);
        assert_eq!(turn(member(9), 0, &terms), [one, two, three]);
        assert_eq!(turn(member(9), 4, &terms), [two, three, one], "one has had it, and all once before");
        assert_eq!(turn(two, 1, &terms), [three, one], "nobody relays for itself");
        terms.entry(two).or_insert_with(Terms::new).heard(Heard::Nothing);
        assert_eq!(turn(member(9), 0, &terms), [one, three], "it did not answer");
        terms.entry(two).or_insert_with(Terms::new).heard(Heard::NotAsked);
        assert_eq!(turn(member(9), 0, &terms), [one, three], "and was not asked since");
        terms.entry(two).or_insert_with(Terms::new).heard(Heard::Refused);
        assert_eq!(turn(member(9), 0, &terms), [one, two, three], "it answers");
        assert_eq!(in_turn(&[], one, 3, &terms).len(), 0);
    }

    #[test]
    fn a_relay_that_refuses_is_asked_after_growing_pauses_until_it_does_what_it_is_asked() {
        let mut terms = Terms::new();
        assert!(terms.are_due());
        let pauses: Vec<Duration> = (0..10)
            .map(|_| {
                terms.heard(Heard::Refused);
                terms.does.due - Instant::now()
            })
            .collect();
        assert!(pauses[..5].is_sorted() && pauses[9] > 8 * pauses[0], "{pauses:?}");
        terms.heard(Heard::NotAsked);
        assert!(!terms.are_due() && terms.answers.answers(), "not to have been asked is no answer");
        terms.heard(Heard::Done);
        assert!(terms.are_due(), "it is asked whenever there is something to ask");
        terms.heard(Heard::Nothing);
        assert!(!terms.are_due());
    }

    #[test]
    fn no_question_outlasts_its_round() {
        let now = Instant::now();
        assert_eq!(answer_by(now), now);
        assert_eq!(offer_by(now, 1 << 30), now);
        let (small, large) = (offer_by(now + ROUND_TIME_MAX, 4096), offer_by(now + ROUND_TIME_MAX, 24 << 20));
        assert!(small < now + 2 * OFFER_TIME && large >= now + OFFER_TIME + Duration::from_secs(48));
        let late = answer_by(now + ROUND_TIME_MAX);
        assert!(now + ASK_TIME_MAX <= late && late < now + ROUND_TIME_MAX);
    }
}
