//! While the node serves: meeting the other members, as soon as something waits for them and now and then.
//!
//! A meeting goes in turns, each a question and its answer, until neither side has anything more to say. Nothing is decided
//! here. Members are met side by side: one that is slow or cannot be reached keeps nobody else waiting, and is left alone
//! for a growing pause.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use community::MemberId;
use node::{Meeting, Node, Peer};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::gossip::Standing;
use crate::roads::Roads;

/// Longest time one turn may take.
const TURN_TIME_MAX: Duration = Duration::from_secs(120);
/// Most turns in one meeting; then others have their turn before it goes on.
const TURNS_MAX: usize = 200;

/// Meets members until the future is dropped.
pub(crate) async fn run(node: Node, roads: Arc<Roads>) {
    let mut standings: HashMap<MemberId, Standing> = HashMap::new();
    let mut under_way: JoinSet<bool> = JoinSet::new();
    let mut whose: HashMap<Id, MemberId> = HashMap::new();
    loop {
        let peers = node.meeting_peers().await.unwrap_or_default();
        standings.retain(|member, standing| standing.busy || peers.iter().any(|peer| peer.member == *member));
        for peer in peers {
            let standing = standings.entry(peer.member).or_insert_with(Standing::new);
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
            () = node.exchange_waiting() => standings.values_mut().for_each(Standing::news),
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
            () = sleep_until(next) => {}
        }
    }
}

/// Meets one member until neither side has anything more to say; whether it answered to the end.
async fn meet(node: &Node, roads: &Roads, peer: &Peer) -> bool {
    let mut turn = match node.turn_first(peer.member).await {
        Ok(turn) => turn,
        Err(error) => {
            tracing::warn!(code = error.code(), %error, "cannot begin a meeting with a member");
            return false;
        }
    };
    for _ in 0..TURNS_MAX {
        let said = roads.say(peer, "/federation/v1/exchange", (turn, "application/octet-stream"));
        let answer = match timeout(TURN_TIME_MAX, said).await {
            Ok(Ok(answer)) if answer.is_success() => answer,
            Ok(Ok(answer)) => {
                tracing::info!(status = answer.status, member = %peer.member, "a member refused a turn");
                return false;
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, member = %peer.member, "a member cannot be reached");
                return false;
            }
            Err(_) => {
                tracing::info!(member = %peer.member, "a member took too long to answer");
                return false;
            }
        };
        match node.turn_take(peer.member, &answer.body).await {
            Ok(heard) => match heard.next {
                Some(next) => turn = next,
                None => return true,
            },
            Err(error) => {
                tracing::warn!(code = error.code(), %error, member = %peer.member, "a member's turn was refused");
                return false;
            }
        }
    }
    true
}
