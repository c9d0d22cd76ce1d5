//! Asking to be let in: what members' nodes answer to that, and that a corrected request is not kept waiting.
//!
//! Why is kept in memory: who asks does so again and again, and is answered each time. Whether a request was ever taken is kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use base::Micros;
use base::limit::{APPROVAL_AHEAD_SECONDS_MAX, CLOCK_SKEW_SECONDS};
use community::{JoinRequest, MemberId, Subject, What};
use serde::Deserialize;
use store::{Check, StoreError};

use super::{CommunityError, Table};
use crate::Node;

/// The code with which a message is refused whose moment is more than a day away from the clock of who reads it.
const CLOCK_APART: &str = "exchange-clock-apart";
/// The setting that says how members' nodes met this member's request: the hash of the one that has been taken, or [`CLOCK_APART`] where none has
/// and one was refused for that.
const MET: &str = "join-met";
/// From here on papers are refused for it, in microseconds.
const APART: i64 = APPROVAL_AHEAD_SECONDS_MAX * Micros::SECOND;
/// From here on a difference of clocks is told, in microseconds.
const SKEWED: i64 = CLOCK_SKEW_SECONDS * Micros::SECOND;

/// Why a member's node did not take a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotTaken {
    pub(super) code: &'static str,
    /// By how much that node's clock goes ahead of this one's, where it said so, in microseconds.
    pub(super) ahead_us: Option<i64>,
}

/// How it stands with this member's request.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    /// Why members' nodes refused it last.
    refused: Mutex<BTreeMap<MemberId, NotTaken>>,
    /// It has asked anew since that was last looked at.
    anew: AtomicBool,
}

impl Asking {
    /// It asks anew: nobody has answered that, and it is said at once.
    pub(super) fn begins(&self) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.anew.store(true, Ordering::Release);
    }

    /// Why it was refused.
    pub(super) fn refused(&self) -> Option<NotTaken> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).values().next().copied()
    }

    /// Whose nodes say that their clock and this one's are apart.
    fn apart(&self) -> BTreeMap<MemberId, Option<i64>> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let apart = refused.iter().filter(|(_, why)| why.code == CLOCK_APART);
        apart.map(|(member, why)| (*member, why.ahead_us)).collect()
    }
}

/// What of a refused question's answer is read.
#[derive(Deserialize)]
struct Problem {
    code: String,
    /// The moment by the clock of whoever answered, where clocks are why.
    #[serde(default)]
    clock_us: Option<i64>,
}

/// A code that is known here, and the other node's clock where that is why.
fn read(answer: &[u8]) -> Option<(&'static str, Option<i64>)> {
    let Problem { code, clock_us } = serde_json::from_slice(answer).ok()?;
    let known = crate::all_codes().into_iter().map(|(known, _)| known).find(|known| *known == code)?;
    Some((known, clock_us))
}

/// The code of what another node answered, where it is known here.
pub(crate) fn code_of(answer: &[u8]) -> Option<&'static str> {
    read(answer).map(|(code, _)| code)
}

/// This member's own request to be let in, or back.
fn request(table: &Table) -> Option<(&Subject, &JoinRequest)> {
    table.subjects.values().find_map(|one| match one.what() {
        What::Join(request) if request.member() == table.me => Some((one, &**request)),
        _ => None,
    })
}

/// Whether this member's request counts no more, since it is too old.
pub(super) fn is_too_old(table: &Table, now: Micros) -> bool {
    request(table).is_some_and(|(subject, _)| subject.until() < now)
}

impl Node {
    /// Notes that a member's node did not take this node's question about papers: who waits to be let in is shown why. A code that is not
    /// known here is not kept, since whoever answers chose it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn papers_refused(&self, member: MemberId, answer: &[u8]) -> Result<(), StoreError> {
        let Some((code, clock_us)) = read(answer) else { return Ok(()) };
        let ahead_us = clock_us.map(|clock| clock.saturating_sub(self.now().0));
        let asking = &self.chamber().asking;
        let before = asking
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(member, NotTaken { code, ahead_us });
        if code != CLOCK_APART || before.is_some_and(|before| before.code == code) {
            return Ok(());
        }
        let ahead_seconds = ahead_us.map(|ahead| ahead / Micros::SECOND);
        tracing::warn!(%member, code, ahead_seconds, "a member's clock and this node's are more than a day apart, so it takes no papers from here");
        let table = self.community_table().await?;
        match table.as_deref().and_then(request) {
            Some((asked, _)) if !self.has_met(&asked.hash().to_string()).await? => {
                self.store().set_setting(MET, code).await
            }
            _ => Ok(()),
        }
    }

    /// A member's node has taken this node's question, and with it the request.
    pub(super) async fn question_taken(&self, by: &MemberId, table: &Table) -> Result<(), StoreError> {
        self.chamber().asking.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(by);
        let Some((asked, _)) = request(table) else { return Ok(()) };
        let hash = asked.hash().to_string();
        if self.has_met(&hash).await? { Ok(()) } else { self.store().set_setting(MET, &hash).await }
    }

    /// Whether this is how the request was met last.
    async fn has_met(&self, how: &str) -> Result<bool, StoreError> {
        Ok(self.store().setting(MET).await?.as_deref() == Some(how))
    }

    /// Signs this member's request anew where a wrong clock has dated it: one that lies ahead of this one's by more than members bear, or
    /// that members have refused for their clocks and that lies elsewhere than now. Never one that a member has taken: words on it would be
    /// lost, and nobody's answer, nor a clock that is wrong later, can bring that about.
    pub(super) async fn ask_by_this_clock(&self) -> Result<(), CommunityError> {
        let Some(table) = self.community_table().await? else { return Ok(()) };
        let now = self.now();
        let Some((subject, asked)) = request(&table) else { return Ok(()) };
        let ahead = asked.at.0.saturating_sub(now.0);
        if ahead.saturating_abs() <= SKEWED || self.is_recovering() {
            return Ok(());
        }
        let met = self.store().setting(MET).await?.unwrap_or_default();
        if met == subject.hash().to_string() || (ahead <= APART && met != CLOCK_APART) {
            return Ok(());
        }
        let (hash, asked) = (subject.hash(), asked.clone());
        let _one = self.one_at_a_time().await?;
        let mut table = match self.community_table().await? {
            Some(table) if table.subjects.contains_key(&hash) => (*table).clone(),
            _ => return Ok(()),
        };
        let anew = JoinRequest { at: now, ..asked }.sign(&self.member_signer().await?)?;
        table.drop_subject(hash);
        table.take_subject(Subject::open(&anew, |_| None)?, now)?;
        self.settle(table).await?;
        tracing::info!(
            "the request to be let in was dated by another clock than this node's now, and is made anew"
        );
        Ok(())
    }

    /// Whether this member has asked to be let in anew since that was last looked at.
    #[must_use]
    pub fn asks_anew(&self) -> bool {
        self.chamber().asking.anew.swap(false, Ordering::AcqRel)
    }
}

impl Node {
    /// The lines of `doctor` about clocks: whose differs from this node's, as they told last.
    pub(crate) async fn check_clocks(&self) -> Result<Vec<Check>, StoreError> {
        let mut apart = self.chamber().asking.apart();
        for (member, skew_us) in self.skewed_peers(SKEWED).await? {
            apart.insert(MemberId(member), Some(skew_us));
        }
        if apart.is_empty() {
            let detail = "no member's clock is known to differ from this node's by more than an hour";
            return Ok(vec![Check { name: "clock-skew", ok: true, detail: detail.to_owned() }]);
        }
        let check = |(member, ahead): (MemberId, Option<i64>)| {
            let far = ahead.map_or("more than a day apart from".to_owned(), told);
            let then = match ahead {
                Some(ahead) if ahead.saturating_abs() <= APART => {
                    "embargoes and retention end there at another moment than here"
                }
                _ => {
                    "neither takes the other's papers of the community, a request to be let in among them, and what waits for those waits"
                }
            };
            let detail = format!(
                "the clock of {} is {far} this node's, as it told last: {then}. See that both keep the right time; where every member's \
                 differs, it is this node's",
                self.slug_of(&member.0)
            );
            Check { name: "clock-skew", ok: false, detail }
        };
        Ok(apart.into_iter().map(check).collect())
    }
}

/// How far a clock goes ahead, in words.
fn told(ahead_us: i64) -> String {
    let hours = ahead_us.saturating_abs() / (3_600 * Micros::SECOND);
    let far = match hours {
        0 | 1 => "an hour".to_owned(),
        2..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    };
    format!("{far} {}", if ahead_us > 0 { "ahead of" } else { "behind" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_clock_goes_ahead_is_told_in_hours_and_days() {
        let hours = |hours: i64| told(hours * 3_600 * Micros::SECOND);
        assert_eq!(
            [hours(1), hours(25), hours(-47)],
            ["an hour ahead of", "25 hours ahead of", "47 hours behind"]
        );
        assert_eq!([hours(8_760), hours(-50)], ["365 days ahead of", "2 days behind"]);
    }
}
