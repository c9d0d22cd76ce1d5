//! While the node serves: meeting the other members, as soon as something waits for them and now and then.
//!
//! A meeting goes in turns, each a question and its answer, until neither side has anything more to say. Nothing is decided
//! here. Members are met side by side: one that is slow or cannot be reached keeps nobody else waiting, and is left alone
//! for a growing pause.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use community::MemberId;
use node::{Meeting, Node, Peer};
use tokio::task::{Id, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::gossip::Standing;
use crate::roads::Roads;

/// Longest time one turn may take.
const TURN_TIME_MAX: Duration = Duration::from_secs(120);
/// Most turns in one meeting; then others have their turn before it goes on.
const TURNS_MAX: usize = 200;

/// How soon the others hear of a ledger that has grown: what nobody has heard of, nobody can give back after a restore.
const GROWN: Duration = Duration::from_secs(1);

/// Meets members until the future is dropped.
pub(crate) async fn run(node: Node, roads: Arc<Roads>) {
    let mut standings: HashMap<MemberId, Standing> = HashMap::new();
    let mut under_way: JoinSet<bool> = JoinSet::new();
    let mut whose: HashMap<Id, MemberId> = HashMap::new();
    let (mut leaves, mut looks) = (node.leaves().await.ok(), tokio::time::interval(GROWN));
    loop {
        let peers = node.meeting_peers().await.unwrap_or_default();
        standings.retain(|member, standing| standing.busy || peers.iter().any(|peer| peer.member == *member));
        for peer in peers {
            let standing = standings.entry(peer.member).or_insert_with(Standing::new);
            standing.answers_at(&peer.endpoint);
            if !standing.begins() {
                continue;
            }
            let (node, roads, member) = (node.clone(), Arc::clone(&roads), peer.member);
            let task = under_way.spawn(async move {
                node.meeting(member, Meeting::Begins);
                let met = meet(&node, &roads, &peer).await;
                node.meeting(member, Meeting::Ends);
                met
            });
            whose.insert(task.id(), member);
        }
        let next = standings.values().filter(|standing| !standing.busy).map(|standing| standing.due).min();
        let next = next.unwrap_or_else(|| Instant::now() + crate::gossip::EVERY);
        tokio::select! {
            () = node.exchange_waiting() => {
                for member in node.heard_of() {
                    standings.entry(member).or_insert_with(Standing::new).heard_of();
                }
                let all: fn(&mut Standing) = if node.is_to_meet() { Standing::at_once } else { Standing::news };
                standings.values_mut().for_each(all);
            }
            Some(ended) = under_way.join_next_with_id() => {
                let (id, met) = ended.unwrap_or_else(|failed| (failed.id(), false));
                let member = whose.remove(&id);
                if let Some(member) = member {
                    node.meeting(member, Meeting::Ends);
                    if let Some(standing) = standings.get_mut(&member) {
                        standing.ended(met);
                    }
                }
            }
            _ = looks.tick() => {
                let now = node.leaves().await.ok();
                if now != leaves {
                    leaves = now;
                    standings.values_mut().for_each(Standing::news);
                }
            }
            () = sleep_until(next) => {}
        }
    }
}

/// Meets one member until neither side has anything more to say; whether it answered to the end.
///
/// While a turn is being answered the next one may follow it, so that this node makes a batch, the other judges the one before
/// and both wait for neither. Answers are taken in the order of the turns.
async fn meet(node: &Node, roads: &Arc<Roads>, peer: &Peer) -> bool {
    // After a restore the papers come first: they say who else has something to give back.
    if node.is_recovering() && !crate::gossip::meet(node, roads, peer).await {
        return false;
    }
    let say = |turn| UnderWay::begin(node.clone(), Arc::clone(roads), peer.clone(), turn);
    let mut said = match node.turn_first(peer.member).await {
        Ok(turn) => say(turn),
        Err(error) => {
            tracing::warn!(code = error.code(), %error, "cannot begin a meeting with a member");
            return false;
        }
    };
    for _ in 0..TURNS_MAX {
        let ahead = match node.turn_ahead(peer.member).await {
            Ok(turn) => turn.map(say),
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "cannot say more to a member");
                None
            }
        };
        let Some(answer) = said.answer().await else { return false };
        let next = match ahead {
            Some(ahead) => node.turn_heard(peer.member, &answer).await.map(|()| Some(ahead)),
            None => node.turn_take(peer.member, &answer).await.map(|heard| heard.next.map(say)),
        };
        match next {
            Ok(Some(next)) => said = next,
            Ok(None) => return true,
            Err(error) => {
                tracing::warn!(code = error.code(), %error, member = %peer.member, "a member's turn was refused");
                return false;
            }
        }
    }
    true
}

/// A turn that is on its way; given up when this is dropped.
struct UnderWay(JoinHandle<Option<Bytes>>);

impl UnderWay {
    fn begin(node: Node, roads: Arc<Roads>, peer: Peer, turn: Vec<u8>) -> Self {
        Self(tokio::spawn(async move { answer_to(&node, &roads, &peer, turn).await }))
    }

    /// The answer; `None` when there is none.
    async fn answer(mut self) -> Option<Bytes> {
        (&mut self.0).await.ok().flatten()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Says a turn to a member's node and waits for what it answers.
async fn answer_to(node: &Node, roads: &Roads, peer: &Peer, turn: Vec<u8>) -> Option<Bytes> {
    let said = roads.say(peer, "/federation/v1/exchange", (turn, "application/octet-stream"));
    match timeout(TURN_TIME_MAX, said).await {
        Ok(Ok(answer)) if answer.is_success() => {
            node.turn_ended(peer.member, None);
            Some(answer.body)
        }
        Ok(Ok(answer)) => {
            node.turn_ended(peer.member, Some(&answer.body));
            tracing::info!(status = answer.status, member = %peer.member, "a member refused a turn");
            None
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, member = %peer.member, "a member cannot be reached");
            None
        }
        Err(_) => {
            tracing::info!(member = %peer.member, "a member took too long to answer");
            None
        }
    }
}
