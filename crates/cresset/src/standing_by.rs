//! While the node serves: keeping a question open at every member that does not call this node, so that what waits there is fetched at
//! once and not at the next round.
//!
//! Whoever is called by the others asks nothing; a member that says it can call is asked again after a while, and so is one that
//! does not answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use community::MemberId;
use node::{Node, Peer, StoodBy};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::roads::Roads;

/// How often it is looked whom to ask; also the least time between two questions to one member.
const LOOK: Duration = Duration::from_secs(1);
/// When a member is asked again that can call this node, did not answer, or refuses for now.
const LATER: Duration = Duration::from_secs(30);
/// When a member is asked again that does not know the question: its node is of an earlier build.
const UNKNOWN: Duration = Duration::from_secs(600);
/// What a node answers that does not have this door.
const NOT_FOUND: u16 = 404;
/// As that, where the door has no such way in.
const METHOD_NOT_ALLOWED: u16 = 405;

/// Asks until the future is dropped.
pub(crate) async fn run(node: Node, roads: Arc<Roads>) {
    let (mut due, mut whose): (HashMap<MemberId, Instant>, HashMap<Id, MemberId>) = Default::default();
    let (mut open, mut looks) = (JoinSet::new(), interval(LOOK));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {
                // A store that does not answer says nothing of who is there.
                let Ok(peers) = node.meeting_peers().await else { continue };
                due.retain(|member, _| peers.iter().any(|peer| peer.member == *member));
                for peer in peers {
                    let now = Instant::now();
                    let asked = whose.values().any(|member| *member == peer.member);
                    if asked || *due.entry(peer.member).or_insert(now) > now {
                        continue;
                    }
                    let (node, roads, member) = (node.clone(), Arc::clone(&roads), peer.member);
                    let task = open.spawn(async move { ask(&node, &roads, &peer).await });
                    whose.insert(task.id(), member);
                }
            }
            Some(answered) = open.join_next_with_id() => {
                let (id, pause) = answered.unwrap_or_else(|failed| (failed.id(), LATER));
                if let Some(member) = whose.remove(&id) {
                    due.insert(member, Instant::now() + pause);
                }
            }
        }
    }
}

/// Asks a member once; when it is to be asked again.
async fn ask(node: &Node, roads: &Roads, peer: &Peer) -> Duration {
    let question = match node.stand_by(peer.member).await {
        Ok(Some(question)) if !node.is_recovering() => question,
        Ok(_) => return LATER,
        Err(error) => {
            tracing::debug!(code = error.code(), %error, "cannot ask a member whether something waits");
            return LATER;
        }
    };
    let body = (question, "application/octet-stream");
    match roads.ask(peer, "/federation/v1/wait", body).await {
        Ok(answer) if answer.is_success() && *answer.body == *StoodBy::Something.word().as_bytes() => {
            node.tell_peers();
            LOOK
        }
        Ok(answer) if answer.is_success() && *answer.body == *StoodBy::Nothing.word().as_bytes() => LOOK,
        Ok(answer) if answer.is_success() => LATER,
        Ok(answer) if matches!(answer.status, NOT_FOUND | METHOD_NOT_ALLOWED) => UNKNOWN,
        Ok(_) | Err(_) => LATER,
    }
}
