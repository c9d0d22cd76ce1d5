//! What a receipt says of who was named and is not given what came in.
//!
//! The act that says so stands in this member's ledger: one for each object, however many members it names, and none for what was known
//! already and is given to nobody new.

use base::signing::KeyId;

use super::Kept;
use crate::Node;
use crate::accept::Place;
use crate::community::may_know_circles;
use crate::receipts::Receipt;

/// Handling's code for what bears a marking that is not known yet.
const MARKING: &str = "marking-unresolved";
/// Names in one receipt.
const NAMES_MAX: usize = 8;

impl Node {
    /// Writes into a receipt who of those whom the request names is not given the object, with the rule of the first of them. What is to be
    /// said of it already has the first word.
    pub(crate) fn tell_withheld(&self, place: &Place, receipt: &mut Receipt, withheld: &[(KeyId, String)]) {
        // What waits for a marking is told by a finding, to who may know what is defined there.
        let mut told = withheld.iter().filter(|(_, rule)| rule != MARKING);
        let Some((_, rule)) = told.next().filter(|_| receipt.code.is_none()) else { return };
        let kept = Kept::by(rule);
        let whom = self.withheld_names(place, withheld);
        let why = format!("it is not given to {whom}: {}", kept.why().trim_end_matches('.'));
        receipt.code = Some(kept.rule);
        receipt.reason = Some(match receipt.reason.take() {
            Some(before) => format!("{before}; {why}"),
            None => why,
        });
    }

    /// Who is in a circle is for those who may know that.
    fn withheld_names(&self, place: &Place, withheld: &[(KeyId, String)]) -> String {
        if place.passing.names_a_circle() && may_know_circles(&place.who).is_err() {
            return "those of the circle named".to_owned();
        }
        let mut names: Vec<String> = withheld.iter().map(|(member, _)| self.slug_of(member)).collect();
        names.sort_unstable();
        let more = names.len().saturating_sub(NAMES_MAX);
        names.truncate(NAMES_MAX);
        if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
    }
}
