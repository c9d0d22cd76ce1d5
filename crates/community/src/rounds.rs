//! Rounds: how a place in the community's chain is still filled when votes split.
//!
//! A voter signs one entry in one round of one place, ever. When two entries divide the votes so that neither can reach the
//! quorum, the next round opens, and the votes of the earlier rounds go along with its entry as proof. Whoever signs in a later
//! round without such votes, or signs two entries in one round, is exposed by the signatures themselves.

use std::collections::{BTreeMap, BTreeSet};

use base::limit::ROUNDS_MAX;

use crate::entry::{Chain, Entry};
use crate::registry::Registry;
use crate::{EntryHash, MemberId, Rule};

impl Registry {
    /// Whether all rounds before an entry's are shown to be dead by the votes it carries.
    pub(crate) fn rounds_open(&self, entry: &Entry) -> Result<(), Rule> {
        let round = entry.content().round;
        if round == 0 {
            return if entry.stalled().is_empty() { Ok(()) } else { Err(Rule::PayloadForm) };
        }
        if round >= ROUNDS_MAX {
            return Err(Rule::RoundWithoutProof);
        }
        let sound = entry.stalled().iter().all(|vote| vote.content().round < round);
        let dead = (0..round).all(|earlier| self.round_is_dead(earlier, entry.stalled()));
        if sound && dead { Ok(()) } else { Err(Rule::RoundWithoutProof) }
    }

    /// Whether an entry, signed or not, is a candidate for the next place in the community's chain.
    #[must_use]
    pub fn is_candidate(&self, entry: &Entry) -> bool {
        let content = entry.content();
        let head = self.head();
        matches!(content.chain, Chain::Community)
            && entry.community() == self.id()
            && Some(content.epoch) == head.epoch.checked_add(1)
            && content.previous == Some(head.hash)
    }

    /// Whether `votes` show that no entry can reach the quorum in `round` of the next place any more.
    #[must_use]
    pub fn round_is_dead(&self, round: u64, votes: &[Entry]) -> bool {
        let mut voted: BTreeMap<EntryHash, BTreeSet<MemberId>> = BTreeMap::new();
        for vote in votes.iter().filter(|vote| vote.content().round == round && self.is_candidate(vote)) {
            let content = vote.content();
            // Votes that do not hold show nothing.
            let Ok(signers) = self.signers(vote, &self.voters(&content.heads, content.at)) else { continue };
            voted.entry(vote.hash()).or_default().extend(signers);
        }
        let Some(at) = votes.iter().map(|vote| vote.content().at).max() else { return false };
        let voters: BTreeSet<MemberId> = self.voters(&self.unnoted(), at).into_keys().collect();
        let all: BTreeSet<MemberId> = voted.values().flatten().copied().collect();
        let free: BTreeSet<MemberId> = voters.difference(&all).copied().collect();
        let alive = |signers: &BTreeSet<MemberId>| {
            let possible: BTreeSet<MemberId> = signers.union(&free).copied().collect();
            self.tally(&possible).suffices(self.quorum(), self.tally(&voters))
        };
        !voted.values().any(alive) && !alive(&BTreeSet::new())
    }
}
