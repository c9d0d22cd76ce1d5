//! How this node goes to another member's: by the road that its endpoint in the registry names, showing whose node it is.

use std::sync::Arc;
use std::time::Duration;

use base::{Rng, SystemRng};
use bytes::Bytes;
use community::Road;
use dial::{Answer, DialError, Dialler, Egress, Login, MemberDialler, Question, Repeat, Verb};
use node::{Node, Peer, Spoken};
use tokio::time::sleep;
use url::Url;

/// How often it is looked whether the node's certificate has come of age.
const LOOK: Duration = Duration::from_secs(60);

/// What other members' nodes are reached with.
pub(crate) struct Roads {
    node: Node,
    public: Dialler,
    members: MemberDialler,
}

impl Roads {
    /// Roads under one policy.
    ///
    /// # Errors
    /// The policy's certificates cannot be read.
    pub(crate) fn new(policy: Egress, node: Node) -> Result<Self, DialError> {
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let public = Dialler::new(policy.clone(), Arc::clone(&rng))?;
        Ok(Self { members: MemberDialler::new(policy, rng, node.clone()), node, public })
    }

    /// Says something to a peer's node: posts to a path below its endpoint.
    ///
    /// # Errors
    /// See [`DialError`]; where another answers than a node of the peer, nothing was said to it.
    pub(crate) async fn say(
        &self,
        peer: &Peer,
        path: &str,
        body: (Vec<u8>, &str),
    ) -> Result<Answer, DialError> {
        let answer = self.ask(peer, path, body).await;
        self.node.spoke(
            peer.member,
            match &answer {
                Ok(answer) if answer.is_success() => Spoken::Answered,
                Ok(answer) => Spoken::Refused(answer.status),
                Err(_) => Spoken::Unreachable,
            },
        );
        let answer = answer?;
        self.node.road_gone(peer.member, peer.endpoint.road() == Road::Mutual);
        Ok(answer)
    }

    /// As [`Roads::say`], of something that says nothing about how one stands with the other.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn ask(
        &self,
        peer: &Peer,
        path: &str,
        (body, media): (Vec<u8>, &str),
    ) -> Result<Answer, DialError> {
        let address = format!("{}{path}", peer.endpoint.url());
        let url = Url::parse(&address).map_err(|error| DialError::Setup(format!("{address}: {error}")))?;
        let mutual = peer.endpoint.road() == Road::Mutual;
        let dialler = if mutual { &self.members.to(peer.member)? } else { &self.public };
        let question = Question {
            verb: Verb::Post,
            url,
            login: Login::None,
            accept: media.to_owned(),
            body: Some((Bytes::from(body), media.to_owned())),
            repeat: Repeat::Never,
        };
        dialler.ask(&question).await
    }
}

/// Has the node hold a certificate that is not old, until the future is dropped.
pub(crate) async fn keep_certificate(node: Node) {
    loop {
        sleep(LOOK).await;
        if let Err(error) = node.hold_certificate().await {
            tracing::error!(code = error.code(), %error, "cannot make a new certificate for this node");
        }
    }
}
