//! While the node serves: parcels for members that are not met go to relays, and those that others left there are fetched.
//!
//! Nothing is decided here. A relay that does not answer, or takes nothing, is left alone for a growing pause; the next one in the
//! order is tried meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use community::MemberId;
use node::{Node, Peer, RelayErrand, RelayOffer, RelayRound};
use tokio::time::{Instant, sleep, timeout_at};

use crate::gossip::Standing;
use crate::roads::Roads;

/// How often relays are asked while somebody is not met.
const EVERY: Duration = Duration::from_secs(5);
/// What is to be said comes together.
const GATHER: Duration = Duration::from_millis(200);
/// Longest time one question to a relay may take.
const ASK_TIME_MAX: Duration = Duration::from_secs(60);
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
    let (relays, withdrawn, peers) = Default::default();
    let mut runner = Runner { node, roads, relays, withdrawn, peers };
    let mut expires = Instant::now();
    loop {
        // First, so that a relay which may keep something that it should not is offered nothing before it has answered.
        runner.withdraw().await;
        match runner.node.relay_round().await {
            Ok(Some(round)) => runner.round(&round).await,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "cannot tell who is to be reached by relay")
            }
        }
        runner.withdraw().await;
        if expires <= Instant::now() {
            expires = Instant::now() + EXPIRE_EVERY;
            if let Err(error) = runner.node.relay_expire().await {
                tracing::warn!(code = error.code(), %error, "what is kept for others for too long cannot be dropped");
            }
        }
        tokio::select! {
            () = runner.node.relay_waiting() => sleep(GATHER).await,
            () = sleep(EVERY) => {}
        }
    }
}

struct Runner {
    node: Node,
    roads: Arc<Roads>,
    /// How it stands with each relay.
    relays: HashMap<MemberId, Standing>,
    /// How it stands with each relay that did not drop what it is to drop, whether anything is put there now or not.
    withdrawn: HashMap<MemberId, Standing>,
    /// How it stands with each member whose parcels no relay takes.
    peers: HashMap<MemberId, Standing>,
}

impl Runner {
    async fn round(&mut self, round: &RelayRound) {
        self.relays.retain(|member, _| round.relays.iter().any(|relay| relay.member == *member));
        self.peers.retain(|member, _| round.away.contains(member));
        let until = Instant::now() + ROUND_TIME_MAX;
        for to in &round.away {
            self.put(*to, &round.relays, until).await;
        }
        for relay in &round.relays {
            let now = Instant::now();
            if self.standing(relay).due > now || until <= now {
                continue;
            }
            let answered = take(&self.node, (&self.roads, until), relay, &round.away).await;
            self.standing(relay).goes(answered);
        }
    }

    /// Has relays drop what is not to lie there any longer. One that does not answer is left alone for a growing pause, and asked
    /// again.
    async fn withdraw(&mut self) {
        let withdrawals = match self.node.relay_withdrawals().await {
            Ok(withdrawals) => withdrawals,
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "cannot tell what relays are to drop");
                return;
            }
        };
        let until = Instant::now() + ROUND_TIME_MAX;
        self.withdrawn.retain(|member, _| withdrawals.iter().any(|one| one.relay.member == *member));
        for withdrawal in withdrawals {
            let relay = &withdrawal.relay;
            let alone = [&self.relays, &self.withdrawn].map(|standings| standings.get(&relay.member));
            if alone.into_iter().flatten().any(|standing| standing.due > Instant::now()) {
                continue;
            }
            let said = self.roads.say(relay, DROP, (withdrawal.marks.clone(), "application/octet-stream"));
            let answer = timeout_at(answer_by(until), said).await;
            let dropped = matches!(answer, Ok(Ok(answer)) if answer.is_success());
            if !dropped {
                tracing::debug!(relay = %relay.member, "parcels at a relay could not be withdrawn");
                self.withdrawn.entry(relay.member).or_insert_with(Standing::new).goes(false);
                continue;
            }
            self.withdrawn.remove(&relay.member);
            if let Err(error) = self.node.relay_withdrawn(&withdrawal).await {
                tracing::warn!(code = error.code(), %error, "cannot note that a relay has dropped a parcel");
            }
        }
    }

    fn standing(&mut self, relay: &Peer) -> &mut Standing {
        self.relays.entry(relay.member).or_insert_with(Standing::new)
    }

    /// Puts what waits for a member at the first relay that takes it. One that did not answer is passed over as long as it is left
    /// alone.
    async fn put(&mut self, to: MemberId, relays: &[Peer], until: Instant) {
        let due = self.peers.get(&to).is_none_or(|standing| standing.due <= Instant::now());
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
        for relay in in_turn(relays, to, errand.before, &self.relays) {
            if until <= Instant::now() {
                // Nobody refused it: the next round goes on.
                return;
            }
            if self.withdrawn.contains_key(&relay.member) {
                // It has not answered what it is to drop.
                continue;
            }
            match self.offer((to, relay), &errand, until).await {
                Ok(()) => {
                    self.peers.remove(&to);
                    return;
                }
                Err(Some(said)) => code = said,
                Err(None) => self.standing(relay).goes(false),
            }
        }
        self.node.relay_was_refused(to, &code);
        tracing::info!(code, member = %to, "no relay takes what waits for a member");
        self.peers.entry(to).or_insert_with(Standing::new).goes(false);
    }
}

impl Runner {
    /// Offers a parcel to a relay, remembered before it is and after it was; the code of the refusal, where it answered.
    async fn offer(
        &self,
        (to, relay): (MemberId, &Peer),
        errand: &RelayErrand,
        until: Instant,
    ) -> Result<(), Option<String>> {
        if let Err(error) = self.node.relay_offers(to, errand, relay.member).await {
            tracing::warn!(code = error.code(), %error, "cannot note that a relay is offered a parcel");
            return Err(None);
        }
        let said = offered((&self.roads, until), relay, errand).await;
        let offer = match &said {
            Ok(()) => RelayOffer::Kept,
            Err(Some(_)) => RelayOffer::Refused,
            Err(None) => RelayOffer::Unheard,
        };
        if let Err(error) = self.node.relay_offered(to, errand, (relay.member, offer)).await {
            tracing::warn!(code = error.code(), %error, "cannot note how a relay took a parcel");
        }
        said
    }
}

/// The relays that a parcel is offered to, one after the other: as many are passed over as have had it, and those that are left alone.
fn in_turn<'a>(
    relays: &'a [Peer],
    to: MemberId,
    before: usize,
    standings: &HashMap<MemberId, Standing>,
) -> Vec<&'a Peer> {
    let now = Instant::now();
    let mut others: Vec<&Peer> = relays.iter().filter(|relay| relay.member != to).collect();
    let first = before.checked_rem(others.len()).unwrap_or_default();
    others.rotate_left(first);
    others.retain(|relay| standings.get(&relay.member).is_none_or(|standing| standing.due <= now));
    others
}

/// When a relay must have answered what it is asked now, in a round that ends then.
fn answer_by(until: Instant) -> Instant {
    until.min(Instant::now() + ASK_TIME_MAX)
}

/// Offers a parcel to a relay; the code of the refusal, where it answered.
async fn offered(
    (roads, until): (&Roads, Instant),
    relay: &Peer,
    errand: &RelayErrand,
) -> Result<(), Option<String>> {
    let parcel = (errand.parcel.clone(), "application/octet-stream");
    match timeout_at(answer_by(until), roads.say(relay, RELAY, parcel)).await {
        Ok(Ok(answer)) if answer.is_success() => Ok(()),
        Ok(Ok(answer)) => {
            let said: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
            let code = said.as_ref().and_then(|said| said["code"].as_str());
            // A relay says what it likes; what is shown of it is of the form of a code.
            let is_code = |code: &&str| {
                code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            };
            Err(Some(code.filter(is_code).unwrap_or("refused").to_owned()))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, relay = %relay.member, "a relay cannot be reached");
            Err(None)
        }
        Err(_) => Err(None),
    }
}

/// Takes what a relay keeps for this node until there is nothing more; whether it answered.
async fn take(node: &Node, (roads, until): (&Roads, Instant), relay: &Peer, away: &[MemberId]) -> bool {
    let ask = async |path: &str, body: Vec<u8>| -> Option<Bytes> {
        let said = roads.say(relay, path, (body, "application/octet-stream"));
        let answer = timeout_at(answer_by(until), said).await.ok()?.ok()?;
        answer.is_success().then_some(answer.body)
    };
    for _ in 0..ANSWERS_MAX {
        let others: Vec<MemberId> = away.iter().copied().filter(|member| *member != relay.member).collect();
        let question = match node.relay_question(&others).await {
            Ok(question) if !question.is_empty() => question,
            _ => return true,
        };
        let Some(answer) = ask(TAKE, question).await else { return false };
        let outcome = match node.relay_take(&answer).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(code = error.code(), %error, relay = %relay.member, "what a relay handed out was not taken");
                return false;
            }
        };
        // What is taken is on disk: only now the relay need not keep it.
        if outcome.drop.is_empty() || ask(DROP, outcome.drop).await.is_none() {
            return true;
        }
    }
    true
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
        let mut standings = HashMap::new();
        let turn = |to, before, standings: &HashMap<MemberId, Standing>| -> Vec<MemberId> {
            in_turn(&relays, to, before, standings).iter().map(|relay| relay.member).collect()
        };
        let [one, two, three] = [1, 2, 3].map(member);
        assert_eq!(turn(member(9), 0, &standings), [one, two, three]);
        assert_eq!(turn(member(9), 4, &standings), [two, three, one], "one has had it, and all once before");
        assert_eq!(turn(two, 1, &standings), [three, one], "nobody relays for itself");
        standings.entry(two).or_insert_with(Standing::new).goes(false);
        assert_eq!(turn(member(9), 0, &standings), [one, three], "it did not answer");
        standings.entry(two).or_insert_with(Standing::new).goes(true);
        assert_eq!(turn(member(9), 0, &standings), [one, two, three]);
        assert_eq!(in_turn(&[], one, 3, &standings).len(), 0);
    }

    #[test]
    fn no_question_outlasts_its_round() {
        let now = Instant::now();
        assert_eq!(answer_by(now), now);
        let late = answer_by(now + ROUND_TIME_MAX);
        assert!(now + ASK_TIME_MAX <= late && late < now + ROUND_TIME_MAX);
    }
}
