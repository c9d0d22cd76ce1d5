//! Broken glass: how often it may be, and who on this node is told.
//!
//! The other members are told by an act (`approval`). Where there are none, and beside them, everybody who could have said no
//! is: on the pages, by `approval list`, `doctor` and `/metrics`.

use base::Micros;
use base::limit::GLASS_PER_DAY;
use handling::Principal;
use serde::Serialize;
use stix::Timestamp;
use store::{ApprovalRow, Check, StoreError};

use crate::approval::sees_all;
use crate::{ApprovalError, Node};

const DAY_US: i64 = 86_400 * Micros::SECOND;
/// How long everybody is told of it.
const TOLD_DAYS: i64 = 7;

/// A deed that somebody did without a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenGlass {
    /// Who, by name.
    pub by: String,
    /// What kind of deed.
    pub deed: &'static str,
    /// When (RFC 3339).
    pub at: String,
    /// Why, in their words.
    pub reason: String,
}

impl Node {
    /// Whether `who` may go ahead alone once more. One person is whoever has had the credentials: breaking it in the names of
    /// others whose tokens one made does not make more of it.
    pub(crate) async fn may_break_again(&self, who: &Principal) -> Result<(), ApprovalError> {
        let day = self.store().glass_broken(Micros(self.now().0.saturating_sub(DAY_US))).await?;
        let by_them = day.iter().filter(|row| by_one(row, who)).count();
        if by_them >= GLASS_PER_DAY { Err(ApprovalError::GlassMax) } else { Ok(()) }
    }

    /// What was done here without a second person within seven days, newest first; nothing for those who have no say in it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn glass_broken(&self, who: &Principal) -> Result<Vec<BrokenGlass>, ApprovalError> {
        if !sees_all(who) {
            return Ok(Vec::new());
        }
        let rows = self.glass_of_late().await?;
        let directory = self.directory().await?;
        let told = rows.into_iter().filter_map(|row| {
            let answer = row.answer?;
            let by = directory.user(answer.by);
            Some(BrokenGlass {
                by: by.map_or_else(|| format!("user no. {}", answer.by.0), |user| user.name.clone()),
                deed: row.deed.name(),
                at: Timestamp::text_of(answer.at),
                reason: answer.reason,
            })
        });
        Ok(told.collect())
    }

    /// How often something was done here without a second person within seven days.
    ///
    /// # Errors
    /// The store failed.
    pub async fn glass_count(&self) -> Result<usize, StoreError> {
        Ok(self.glass_of_late().await?.len())
    }

    async fn glass_of_late(&self) -> Result<Vec<ApprovalRow>, StoreError> {
        let since = self.now().0.saturating_sub(TOLD_DAYS.saturating_mul(DAY_US));
        self.store().glass_broken(Micros(since)).await
    }

    pub(crate) async fn check_glass(&self) -> Result<Check, StoreError> {
        let detail = match self.glass_count().await? {
            0 => "nothing was done without a second person within 7 days by breaking the glass".to_owned(),
            count => format!(
                "within 7 days the glass was broken {count} times: `cresset approval list` says by whom and why"
            ),
        };
        // It is no fault of the node, and nothing that somebody could mend.
        Ok(Check { name: "glass", ok: true, detail })
    }
}

/// Whether one person may have answered this and be `who`.
fn by_one(row: &ApprovalRow, who: &Principal) -> bool {
    let Some(answer) = &row.answer else { return false };
    let known = &who.shown.known_to;
    let also = answer.with.as_ref().map(|with| &with.known_to);
    answer.by == who.user
        || known.contains(&answer.by)
        || also.is_some_and(|also| also.contains(&who.user) || !also.is_disjoint(known))
}
