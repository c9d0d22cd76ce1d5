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
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use crate::roads::Roads;

/// How often it is looked whom to ask; also the least time between two questions to one member.
const LOOK: Duration = Duration::from_secs(1);
/// When a member is asked again that can call this node, or that did not answer.
const LATER: Duration = Duration::from_secs(30);
/// When a member is asked again that does not know the question: its node is of an earlier build.
const UNKNOWN: Duration = Duration::from_secs(600);

/// Asks until the future is dropped.
pub(crate) async fn run(node: Node, roads: Arc<Roads>) {
    let (mut due, mut open): (HashMap<MemberId, Instant>, _) = (HashMap::new(), JoinSet::new());
    let mut looks = interval(LOOK);
    loop {
        tokio::select! {
            _ = looks.tick() => {
                let peers = node.meeting_peers().await.unwrap_or_default();
                due.retain(|member, _| peers.iter().any(|peer| peer.member == *member));
                for peer in peers {
                    let now = Instant::now();
                    let next = due.entry(peer.member).or_insert(now);
                    if *next > now {
                        continue;
                    }
                    // Nothing is asked of it until this has been answered.
                    *next = now + Duration::from_secs(3_600);
                    let (node, roads) = (node.clone(), Arc::clone(&roads));
                    open.spawn(async move { (peer.member, ask(&node, &roads, &peer).await) });
                }
            }
            Some(Ok((member, pause))) = open.join_next() => {
                due.insert(member, Instant::now() + pause);
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
        Ok(_) => UNKNOWN,
        Err(_) => LATER,
    }
}
