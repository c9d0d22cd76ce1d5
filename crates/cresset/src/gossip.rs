//! While the node serves: exchanging registry papers with the other members, as soon as something changes and now and then.
//!
//! Nothing is decided here. A member that cannot be reached is asked again after a growing pause and keeps nobody else
//! waiting.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use community::MemberId;
use dial::{Dialler, Login, Question, Repeat, Verb};
use node::{Node, Peer};
use tokio::time::{Instant, sleep, timeout};
use url::Url;

/// How often every member is asked when nothing changes.
const EVERY: Duration = Duration::from_secs(10);
/// Longest pause before a member that could not be reached is asked again.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Longest time one member's exchange may take in a round; then the others go on.
const PEER_TIME_MAX: Duration = Duration::from_secs(20);
/// Most questions to one member in a round.
const QUESTIONS_MAX: usize = 50;
/// Changes that come together are told together.
const GATHER: Duration = Duration::from_millis(20);

/// How a member is doing.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    pause: Duration,
    until: Instant,
}

/// Exchanges papers until the future is dropped.
pub(crate) async fn run(node: Node, dialler: Dialler) {
    let mut troubles: HashMap<MemberId, Trouble> = HashMap::new();
    loop {
        let peers = node.exchange_peers().await.unwrap_or_default();
        let due = peers
            .into_iter()
            .filter(|peer| troubles.get(&peer.member).is_none_or(|trouble| trouble.until <= Instant::now()));
        let rounds: Vec<_> = due
            .map(|peer| {
                let (node, dialler) = (node.clone(), dialler.clone());
                tokio::spawn(async move {
                    let met = timeout(PEER_TIME_MAX, meet(&node, &dialler, &peer)).await.unwrap_or(false);
                    (peer.member, met)
                })
            })
            .collect();
        for round in rounds {
            let Ok((member, met)) = round.await else { continue };
            if met {
                troubles.remove(&member);
            } else {
                let pause = troubles.get(&member).map_or(Duration::from_secs(1), |before| before.pause * 2);
                let pause = pause.min(PAUSE_MAX);
                troubles.insert(member, Trouble { pause, until: Instant::now() + pause });
            }
        }
        let next = troubles.values().map(|trouble| trouble.until).min();
        let rest = next.map_or(EVERY, |next| next.saturating_duration_since(Instant::now()).min(EVERY));
        tokio::select! {
            () = node.community_changed() => sleep(GATHER).await,
            () = sleep(rest) => {}
        }
    }
}

/// Exchanges papers with one member until neither side lacks anything; whether it answered.
async fn meet(node: &Node, dialler: &Dialler, peer: &Peer) -> bool {
    let Ok(url) = Url::parse(&format!("{}/federation/v1/registry", peer.endpoint)) else { return false };
    let mut theirs = None;
    for _ in 0..QUESTIONS_MAX {
        let asked = match node.exchange_question(peer.member, theirs.as_ref()).await {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "cannot make a question to a member");
                return false;
            }
        };
        let question = Question {
            verb: Verb::Post,
            url: url.clone(),
            login: Login::None,
            accept: "application/json".to_owned(),
            body: Some((Bytes::from(asked.clone()), node::EXCHANGE_TYPE.to_owned())),
            repeat: Repeat::Never,
        };
        let answer = match dialler.ask(&question).await {
            Ok(answer) if answer.is_success() => answer,
            Ok(answer) => {
                tracing::info!(status = answer.status, member = %peer.member, "a member refused a question");
                return false;
            }
            Err(error) => {
                tracing::debug!(%error, member = %peer.member, "a member cannot be reached");
                return false;
            }
        };
        match node.exchange_take(peer.member, &asked, &answer.body).await {
            Ok(taken) if !taken.more => return true,
            Ok(taken) => theirs = Some(taken.have),
            Err(error) => {
                tracing::warn!(code = error.code(), %error, member = %peer.member, "a member's answer was refused");
                return false;
            }
        }
    }
    true
}
