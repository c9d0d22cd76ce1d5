//! What a receipt says of who was named and is not given what came in.
//!
//! The act that says so stands in this member's ledger: one for each object, however many members it names, and none for what was known
//! already and is given to nobody new.

use std::collections::BTreeSet;

use base::signing::KeyId;

use super::Kept;
use crate::Node;
use crate::accept::Place;
use crate::narrow::listed;
use crate::receipts::{Giving, Receipt};

/// Handling's code for what bears a marking that is not known yet.
const MARKING: &str = "marking-unresolved";

/// Who is named for something and is not given it.
#[derive(Debug, Default)]
pub(crate) struct Withheld {
    /// Who, each with the rule.
    pub(crate) from: Vec<(KeyId, String)>,
    /// Who is given it when what is in the way has passed: some of these, and others perhaps.
    pub(crate) waits: BTreeSet<KeyId>,
}

impl Withheld {
    /// The rules by which the first of them is refused it, and by which the first has to wait. Of waiting for a marking nothing is said
    /// here: a finding tells it to who may know what is defined.
    pub(super) fn told(&self) -> Giving {
        let told = || self.from.iter().filter(|(_, rule)| rule != MARKING);
        let first = |waits: bool| {
            let mut of = told().filter(|(member, _)| self.waits.contains(member) == waits);
            of.next().map(|(_, rule)| Kept::by(rule).rule)
        };
        Giving { goes: false, kept_by: first(false), later: first(true) }
    }
}

impl Node {
    /// Writes into a receipt who of those whom the request names is not given the object, with the rule of the first of them. What is to be
    /// said of it already has the first word.
    pub(crate) fn tell_withheld(&self, place: &Place, receipt: &mut Receipt, withheld: &Withheld) {
        let Giving { kept_by, later, .. } = withheld.told();
        receipt.giving.kept_by = receipt.giving.kept_by.or(kept_by);
        receipt.giving.later = receipt.giving.later.or(later);
        let told: Vec<&(KeyId, String)> = withheld.from.iter().filter(|(_, rule)| rule != MARKING).collect();
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
