//! Why a recovery waits for a member, and what helps: told to whoever runs the node, so that nobody is left out who would answer.

use std::time::Duration;

use base::Micros;
use base::signing::KeyId;
use federation::{Back, Exchange, Giving, Lane, OwnRow, PeerRow, Recovery, Rows, Rule, Stage, Standing};
use serde::Serialize;
use stix::Timestamp;

use crate::community::LostKey;

/// Longest pause before a node that runs tries another again which did not answer; pauses grow up to it.
pub const CALLS_AGAIN_MAX: Duration = Duration::from_secs(60);

/// How long a member that this node does not reach may not have called before it is waited for in vain. A member behind a NAT is never
/// reached, and calls by itself: what it tried while this node was away has its longest pause ([`CALLS_AGAIN_MAX`]) behind it by then, its papers and
/// its turn too.
const CALLS_WITHIN: i64 = 180 * Micros::SECOND;

/// What who waits for a member that it never meets has to know.
const NO_OTHER_WAY: &str =
    " by this node, or this node by it: neither relays nor courier files give back what was lost";

/// How it was when this node last spoke to a member's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// It answered.
    Answered,
    /// It answered that it does not take what this node says (HTTP status).
    Refused(u16),
    /// There was no answer.
    Unreachable,
}

/// What was last heard of a member while this node took back what it lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HeardBack {
    /// Why its greeting does not count.
    pub(super) greeting: Option<Rule>,
    /// It speaks a version that is spoken here.
    pub(super) speaks: bool,
    /// How far it says that it has given back.
    pub(super) said: Option<Back>,
    /// The code of the last thing that was refused of what it gave back.
    pub(super) refused: Option<String>,
}

/// A member that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AwaitedMember {
    /// The member, by slug where known.
    pub member: String,
    /// Why, as one word: see [`AwaitedMember::detail`].
    pub reason: &'static str,
    /// Why, and what helps.
    pub detail: String,
}

/// The word for a member that is not reached and may call.
const EXPECTED: &str = "expected";

/// Why, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    word: &'static str,
    detail: String,
    /// Whether nothing but the operator, or the other's, ends it.
    stuck: bool,
}

/// What a reason is made of.
pub(super) struct Awaited<'a> {
    pub(super) member: KeyId,
    pub(super) recovery: &'a Recovery,
    pub(super) spoken: Option<Spoken>,
    /// When this node began to speak to it in vain, where the last time was.
    pub(super) unreached: Option<Micros>,
    pub(super) heard: Option<HeardBack>,
    /// Why its node was not taken for one of its, the last time.
    pub(super) road: Option<&'static str>,
    /// All its registry papers have been read.
    pub(super) papers: bool,
    /// Why this node cannot sign for its member.
    pub(super) lost: Option<LostKey>,
}

impl Reason {
    fn passes(word: &'static str, detail: impl Into<String>) -> Self {
        Self { word, detail: detail.into(), stuck: false }
    }

    fn stuck(word: &'static str, detail: impl Into<String>) -> Self {
        Self { word, detail: detail.into(), stuck: true }
    }

    /// Whether nothing but the operator, or the other's, ends it.
    pub(super) const fn is_stuck(&self) -> bool {
        self.stuck
    }

    pub(super) fn told_of(self, member: String) -> AwaitedMember {
        AwaitedMember { member, reason: self.word, detail: self.detail }
    }
}

impl Awaited<'_> {
    /// Why it is waited for.
    pub(super) fn reason(&self, exchange: &Exchange<'_>, rows: &dyn Rows) -> federation::Read<Reason> {
        let (own, peer) = (rows.own()?, rows.peer(&self.member)?);
        if exchange.directory.standing(&exchange.me.member) != Standing::Active {
            return Ok(Reason::stuck(
                "suspended",
                "this member does not take part in the community any more, and is answered by nobody: ask the others to take it back",
            ));
        }
        if let Some(lost) = self.lost {
            return Ok(Reason::stuck(lost.word(), lost.told()));
        }
        Ok(match (&self.heard, self.unspoken(&peer, exchange.now)) {
            // Whoever calls says how far it is, whether or not it can be called.
            (Some(heard), Some(Reason { word: EXPECTED, .. }) | None) => {
                self.of_what_it_says(exchange, (&own, &peer), heard)
            }
            (_, Some(reason)) => reason,
            (None, None) => Reason::passes("asked", "it was reached, and is being asked"),
        })
    }

    /// It does not speak with this node, or has not yet.
    fn unspoken(&self, peer: &PeerRow, now: Micros) -> Option<Reason> {
        if let Some(code) = self.road {
            return Some(Reason::stuck(
                "road",
                format!(
                    "its node is not taken for one of its ({code}): see `cresset explain {code}`, and ask those who run it"
                ),
            ));
        }
        match self.spoken {
            Some(Spoken::Refused(status)) => Some(Reason::stuck(
                "refuses",
                format!(
                    "it is reached and refuses what this node says (HTTP {status}): ask those who run it whether this member is \
                     suspended there, or its key was replaced since the backup, and see its log"
                ),
            )),
            Some(Spoken::Answered) => None,
            Some(Spoken::Unreachable) | None => Some(self.unreached(peer, now)),
        }
    }

    /// It was not reached, or not called yet by this process: it may call, and where it has not for long, nothing comes by itself.
    fn unreached(&self, peer: &PeerRow, now: Micros) -> Reason {
        let since = self.recovery.since;
        let seen = peer.seen.filter(|seen| *seen >= since);
        let heard = seen.map_or_else(
            || "it was not heard of since the recovery began".to_owned(),
            |at| format!("it was last heard of at {}", Timestamp::text_of(at)),
        );
        let quiet = [Some(since), seen, self.unreached].into_iter().flatten().max().unwrap_or(since);
        let long = now.0.saturating_sub(quiet.0) >= CALLS_WITHIN;
        match (self.spoken, long) {
            (None, _) if seen.is_some() => {
                Reason::passes("asked", format!("{heard}, and is asked while `cresset serve` runs"))
            }
            (_, false) => Reason::passes(
                EXPECTED,
                format!(
                    "{heard}, and this node does not reach it: while both run it calls by itself within {} minutes, also from where \
                     nobody can call it",
                    CALLS_WITHIN / (60 * Micros::SECOND)
                ),
            ),
            (_, true) => Reason::stuck(
                "not-reached",
                format!("{heard}, and is not reached now: see that it runs and can be reached{NO_OTHER_WAY}"),
            ),
        }
    }

    fn of_what_it_says(
        &self,
        exchange: &Exchange<'_>,
        (own, peer): (&OwnRow, &PeerRow),
        heard: &HeardBack,
    ) -> Reason {
        match heard.greeting {
            None => {}
            Some(Rule::Outlived) => {
                return Reason::passes(
                    "earlier-life",
                    "its node was put back to before its last restore, and recovers itself first",
                );
            }
            Some(rule) => {
                return Reason::stuck(
                    "greeting",
                    format!(
                        "its greeting is refused ({rule}): see `cresset explain {rule}`, and ask those who run it"
                    ),
                );
            }
        }
        if !heard.speaks {
            return Reason::stuck(
                "version",
                "it speaks no version of the exchange that this node speaks: update the older one",
            );
        }
        if self.recovery.stage == Stage::CatchingUp {
            return self.reading(peer);
        }
        if let Some(code) = &heard.refused {
            let rule = code.split('/').next().unwrap_or(code);
            return Reason::stuck(
                "refused",
                format!(
                    "what it gives back is refused ({code}), so its word does not count: see `cresset explain {rule}`, and ask \
                     those who run it"
                ),
            );
        }
        let Some(said) = heard.said else {
            return Reason::passes("asked", "it was reached, and is being asked");
        };
        if said.epoch > exchange.directory.epoch() {
            return Reason::passes(
                "registry-behind",
                "it knows a later registry, which has to be read first",
            );
        }
        if said.leaves > own.next {
            let detail = format!("{} of {} leaves that it mirrors have come", own.next, said.leaves);
            return Reason::passes("giving", detail);
        }
        if !self.papers {
            return Reason::passes("papers", "its papers of the registry have not all been read yet");
        }
        let next = said.next.map_or_else(String::new, |next| format!(", up to {next} by now"));
        Reason::passes("giving", format!("it gives back act by act{next}"))
    }

    fn reading(&self, peer: &PeerRow) -> Reason {
        let sent = self.recovery.peers.get(&self.member).and_then(|giving| giving.sent).unwrap_or_default();
        if sent == Giving::SENT_NOT_KNOWN {
            return Reason::passes(
                "recovers-itself",
                "it takes back what it lost itself, and is read after that",
            );
        }
        let lanes = Lane::QUEUES.into_iter().zip(sent);
        let left = lanes.fold(0_u64, |sum, (lane, last)| {
            sum.saturating_add(last.saturating_sub(peer.queue(lane).cursor))
        });
        Reason::passes("reading", format!("{left} of what it has sent are still to be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_pauses_longest_calls_before_it_is_given_up() {
        let pause = i64::try_from(CALLS_AGAIN_MAX.as_micros()).unwrap();
        assert!(CALLS_WITHIN >= 3 * pause, "one for its papers, one for its turn, one to spare");
    }
}
