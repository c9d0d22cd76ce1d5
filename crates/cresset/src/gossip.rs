//! While the node serves: exchanging registry papers with the other members, as soon as something changes and now and then.
//!
//! Nothing is decided here. A member that cannot be reached is asked again after a growing pause and keeps nobody else
//! waiting.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use community::{Endpoint, MemberId};
use node::{Node, Peer};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::roads::Roads;

/// How often every member is asked when nothing changes.
pub(crate) const EVERY: Duration = Duration::from_secs(10);
/// Pause before a member that could not be reached is asked again; doubles each time.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause before a member that could not be reached is asked again.
const PAUSE_MAX: Duration = node::CALLS_AGAIN_MAX;
/// Longest time one member's exchange may take.
const PEER_TIME_MAX: Duration = Duration::from_secs(20);
/// Most questions to one member in a round.
const QUESTIONS_MAX: usize = 50;
/// How a node answers whom it does not know (HTTP status).
const FORBIDDEN: u16 = 403;
/// Changes that come together are told together.
const GATHER: Duration = Duration::from_millis(20);

/// How things stand with one member.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// When it is asked next.
    pub(crate) due: Instant,
    /// How long it is left alone when it cannot be reached.
    pause: Duration,
    /// Whether an exchange with it is under way.
    pub(crate) busy: bool,
    /// Whether something has changed since that exchange began.
    changed: bool,
    /// When it was last tried again because it had been heard of.
    tried_again: Option<Instant>,
    /// Where its node answers, as was known when it was last looked at.
    endpoint: Option<Endpoint>,
}

impl Standing {
    pub(crate) fn new() -> Self {
        Self {
            due: Instant::now(),
            pause: PAUSE_FIRST,
            busy: false,
            changed: false,
            tried_again: None,
            endpoint: None,
        }
    }

    /// Whether an exchange is due, which then begins.
    pub(crate) fn begins(&mut self) -> bool {
        let begins = !self.busy && self.due <= Instant::now();
        if begins {
            (self.busy, self.changed) = (true, false);
        }
        begins
    }

    /// Notes how an exchange ended, and when the next one is due.
    pub(crate) fn ended(&mut self, met: bool) {
        let now = Instant::now();
        self.busy = false;
        if met {
            self.pause = PAUSE_FIRST;
            self.due = if self.changed { now } else { now + EVERY };
        } else {
            self.due = now + self.pause;
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        }
        self.changed = false;
    }

    /// Notes how a question ended, where questions are asked by a clock of their own: who answered is asked whenever that says so.
    pub(crate) fn goes(&mut self, answered: bool) {
        self.ended(answered);
        if answered {
            self.due = Instant::now();
        }
    }

    /// Whether the last question was answered, or none was asked yet.
    pub(crate) fn answers(&self) -> bool {
        self.pause == PAUSE_FIRST
    }

    /// Notes that there is something to tell. Who could not be reached is left alone for its pause all the same.
    pub(crate) fn news(&mut self) {
        self.changed = true;
        if !self.busy && self.pause == PAUSE_FIRST {
            self.due = Instant::now();
        }
    }
}

impl Standing {
    /// Notes where its node answers: at another place than before it is tried at once, however long it could not be reached.
    pub(crate) fn answers_at(&mut self, endpoint: &Endpoint) {
        if self.busy || self.endpoint.as_ref() == Some(endpoint) {
            return;
        }
        if self.endpoint.replace(endpoint.clone()).is_some() {
            (self.pause, self.due) = (PAUSE_FIRST, Instant::now());
        }
    }

    /// Has it tried at once: somebody here asks for it.
    pub(crate) fn at_once(&mut self) {
        self.changed = true;
        if !self.busy {
            self.due = Instant::now();
        }
    }

    /// Notes that it was heard of, so that it may be reachable again: it is tried now. Once in the longest pause, for a member
    /// that cannot be reached may still speak to this node all the time.
    pub(crate) fn heard_of(&mut self) {
        let now = Instant::now();
        let long_ago = self.tried_again.is_none_or(|at| now.duration_since(at) >= PAUSE_MAX);
        if !self.busy && self.pause > PAUSE_FIRST && long_ago {
            self.tried_again = Some(now);
            self.due = now;
        }
    }
}

/// Exchanges papers until the future is dropped. Members are met side by side: a slow one keeps nobody waiting.
pub(crate) async fn run(node: Node, roads: Arc<Roads>) {
    let mut announced = false;
    let mut standings: HashMap<MemberId, Standing> = HashMap::new();
    let mut under_way: JoinSet<bool> = JoinSet::new();
    let mut whose: HashMap<Id, MemberId> = HashMap::new();
    loop {
        // Not while it may have said so already and only a backup does not know.
        if !announced && !node.is_recovering() {
            announced = true;
            if let Err(error) = node.announce().await {
                tracing::warn!(code = error.code(), %error, "cannot tell the community for which key it seals to this member");
            }
        }
        let peers = node.papers_peers().await.unwrap_or_default();
        if node.asks_anew() {
            // Another request than that which was answered is not kept waiting for it.
            standings.values_mut().for_each(Standing::at_once);
        }
        standings.retain(|member, standing| standing.busy || peers.iter().any(|peer| peer.member == *member));
        for peer in peers {
            let standing = standings.entry(peer.member).or_insert_with(Standing::new);
            standing.answers_at(&peer.endpoint);
            if !standing.begins() {
                continue;
            }
            let (node, roads) = (node.clone(), Arc::clone(&roads));
            let member = peer.member;
            let task = under_way.spawn(async move {
                timeout(PEER_TIME_MAX, meet(&node, &roads, &peer)).await.unwrap_or(false)
            });
            whose.insert(task.id(), member);
        }
        let next = standings.values().filter(|standing| !standing.busy).map(|standing| standing.due).min();
        let next = next.unwrap_or_else(|| Instant::now() + EVERY);
        tokio::select! {
            () = node.community_changed() => {
                sleep(GATHER).await;
                standings.values_mut().for_each(Standing::news);
            }
            Some(ended) = under_way.join_next_with_id() => {
                let (id, met) = ended.unwrap_or_else(|failed| (failed.id(), false));
                let member = whose.remove(&id);
                if let Some(standing) = member.and_then(|member| standings.get_mut(&member)) {
                    standing.ended(met);
                }
            }
            () = sleep_until(next) => {}
        }
    }
}

/// Whether a member that refused a question is told everything: it may have been restored from a backup that does not know
/// this one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Introduction {
    /// With the next question.
    Now,
    /// It was, or needed none.
    Done,
}

/// Exchanges papers with one member until neither side lacks anything; whether it answered.
pub(crate) async fn meet(node: &Node, roads: &Roads, peer: &Peer) -> bool {
    let (mut theirs, mut introduces) = (None, None);
    for _ in 0..QUESTIONS_MAX {
        let asked = match introduces {
            Some(Introduction::Now) => node.papers_introduction(peer.member).await,
            _ => node.papers_question(peer.member, theirs.as_ref()).await.map(Some),
        };
        let asked = match asked {
            Ok(Some(asked)) => asked,
            Ok(None) => return false,
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "cannot make a question to a member");
                return false;
            }
        };
        let said = roads.say(peer, "/federation/v1/registry", (asked.clone(), node::PAPERS_TYPE));
        let answer = match said.await {
            Ok(answer) if answer.is_success() => answer,
            Ok(answer) if answer.status == FORBIDDEN && introduces.is_none() => {
                introduces = Some(Introduction::Now);
                continue;
            }
            Ok(answer) => {
                if let Err(error) = node.papers_refused(peer.member, &answer.body).await {
                    tracing::warn!(code = error.code(), %error, "cannot note why a member refused a question");
                }
                tracing::info!(status = answer.status, member = %peer.member, "a member refused a question");
                return false;
            }
            Err(error) => {
                tracing::debug!(%error, member = %peer.member, "a member cannot be reached");
                return false;
            }
        };
        match node.take_papers(peer.member, (&asked, theirs.as_ref()), &answer.body).await {
            Ok(taken) if !taken.more => return true,
            Ok(taken) => (theirs, introduces) = (Some(taken.have), Some(Introduction::Done)),
            Err(error) => {
                tracing::warn!(code = error.code(), %error, member = %peer.member, "a member's answer was refused");
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_be_reached_is_left_alone_longer_each_time() {
        let mut standing = Standing::new();
        let start = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            standing.ended(false);
            pauses.push((standing.due - start).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        standing.news();
        assert!(standing.due > Instant::now(), "news does not shorten the pause");
        standing.ended(true);
        assert_eq!(standing.pause, PAUSE_FIRST);
    }

    #[test]
    fn who_answers_elsewhere_or_is_asked_for_is_tried_at_once() {
        let [one, other] =
            ["https://a.example/", "https://b.example/"].map(|at| at.parse::<Endpoint>().unwrap());
        let mut standing = Standing::new();
        standing.answers_at(&one);
        let given_up = |standing: &mut Standing| (0..5).for_each(|_| standing.ended(false));
        given_up(&mut standing);
        standing.answers_at(&one);
        assert!(!standing.begins(), "it is left alone where it is");
        standing.answers_at(&other);
        assert!(standing.begins() && standing.answers());
        // It moves while it is being asked.
        standing.answers_at(&one);
        given_up(&mut standing);
        standing.answers_at(&one);
        assert!(standing.begins());
        given_up(&mut standing);
        standing.at_once();
        assert!(standing.begins());
        standing.ended(false);
        assert!(!standing.answers() && !standing.begins(), "and is left alone as long as before");
    }

    #[test]
    fn what_changes_during_an_exchange_is_told_after_it() {
        let mut standing = Standing { busy: true, ..Standing::new() };
        standing.news();
        standing.ended(true);
        assert!(standing.due <= Instant::now());
        standing.ended(true);
        assert!(standing.due > Instant::now());
        standing.news();
        assert!(standing.due <= Instant::now());
    }
}
