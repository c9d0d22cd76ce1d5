//! What a receipt says of who was named and is not given what came in.
//!
//! The act that says so stands in this member's ledger: one for each object, however many members it names, and none for what was known
//! already and is given to nobody new.

use base::signing::KeyId;

use super::Kept;
use crate::Node;
use crate::accept::Place;
use crate::narrow::listed;
use crate::receipts::Receipt;

/// Handling's code for what bears a marking that is not known yet.
const MARKING: &str = "marking-unresolved";

impl Node {
    /// Writes into a receipt who of those whom the request names is not given the object, with the rule of the first of them. What is to be
    /// said of it already has the first word.
    pub(crate) fn tell_withheld(&self, place: &Place, receipt: &mut Receipt, withheld: &[(KeyId, String)]) {
        // What waits for a marking is told by a finding, to who may know what is defined there.
        let told: Vec<&(KeyId, String)> = withheld.iter().filter(|(_, rule)| rule != MARKING).collect();
        let Some((_, rule)) = told.first().filter(|_| receipt.code.is_none()) else { return };
        let kept = Kept::by(rule);
        let whom = listed(&self.names(place, &told.iter().map(|(member, _)| *member).collect()));
        let why = format!("it is not given to {whom}: {}", kept.why().trim_end_matches('.'));
        receipt.code = Some(kept.rule);
        receipt.reason = Some(match receipt.reason.take() {
            Some(before) => format!("{before}; {why}"),
            None => why,
        });
    }
}
