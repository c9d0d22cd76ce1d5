//! Whom an own act was for, when a restore has lost that: the act commits to its addressees, and its salt comes back with it.
//!
//! Most of them give the act back, or are named by its rules. Who lost it at the same time does neither where the rules name a circle that
//! is not known here any more, or nobody: such few are found by trying who else was among them.

use std::collections::{BTreeSet, VecDeque};

use base::limit::{ADDRESSEES_TRIED_MAX, ADDRESSEES_TRIED_OF_ONE_MAX};
use base::signing::KeyId;
use ledger::act::Act;

use crate::envelope::statement;
use crate::port::{Read, Rows};
use crate::rows::ActRow;

/// The addressees of acts, as far as they are found.
pub(crate) struct Addressees {
    /// Who takes part.
    members: BTreeSet<KeyId>,
    /// Whom acts before were for: the next are mostly for the same.
    found: Vec<BTreeSet<KeyId>>,
    left: usize,
}

impl Addressees {
    pub(crate) const fn among(members: BTreeSet<KeyId>) -> Self {
        Self { members, found: Vec::new(), left: ADDRESSEES_TRIED_MAX }
    }

    /// Whom an act was for, of whom `known` are known; these where it is not found out.
    ///
    /// # Limits
    /// [`ADDRESSEES_TRIED_OF_ONE_MAX`] sets of members for an act, and [`ADDRESSEES_TRIED_MAX`] for all.
    pub(crate) fn of(
        &mut self,
        rows: &dyn Rows,
        act: &ActRow,
        known: BTreeSet<KeyId>,
    ) -> Read<BTreeSet<KeyId>> {
        let Some(payload) = rows.payload(&act.author, act.sequence)? else { return Ok(known) };
        let header = statement(act.signed.as_bytes()).ok().and_then(|signed| Act::peek(&signed).ok());
        let Some(committed) = header.and_then(|act| act.header().addressees) else { return Ok(known) };
        let is_it = |set: &BTreeSet<KeyId>| payload.salt.commit_addressees(set) == committed;
        if is_it(&known) {
            return Ok(known);
        }
        if let Some(found) = self.found.iter().find(|set| is_it(set)) {
            return Ok(found.clone());
        }
        let Some(found) = self.tried(&known, is_it) else { return Ok(known) };
        self.found.push(found.clone());
        Ok(found)
    }

    /// Those that differ the least from the known ones come first.
    fn tried(
        &mut self,
        known: &BTreeSet<KeyId>,
        is_it: impl Fn(&BTreeSet<KeyId>) -> bool,
    ) -> Option<BTreeSet<KeyId>> {
        let most = self.left.min(ADDRESSEES_TRIED_OF_ONE_MAX);
        let mut waiting = VecDeque::from([(known.clone(), 0)]);
        for _ in 0..most {
            let (set, from) = waiting.pop_front()?;
            self.left = self.left.saturating_sub(1);
            if is_it(&set) {
                return Some(set);
            }
            let room = most.saturating_sub(waiting.len());
            for (at, member) in self.members.iter().enumerate().skip(from).take(room) {
                let mut next = set.clone();
                if !next.remove(member) {
                    next.insert(*member);
                }
                waiting.push_back((next, at.saturating_add(1)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use ledger::commitment::Salt;

    use super::*;

    #[test]
    fn addressees_are_found_by_their_commitment_from_what_is_known() {
        let members: Vec<KeyId> = (0..12).map(|seed| KeyId::from_bytes([seed; 32])).collect();
        let (salt, all) = (Salt::from_bytes([7; 32]), members.iter().copied().collect::<BTreeSet<_>>());
        let meant: BTreeSet<KeyId> = members[3..9].iter().copied().collect();
        let committed = salt.commit_addressees(&meant);
        let is_it = |set: &BTreeSet<KeyId>| salt.commit_addressees(set) == committed;
        // Two had lost it too, and one has it by somebody else.
        let known = members[5..10].iter().copied().collect();
        assert_eq!(Addressees::among(all.clone()).tried(&known, is_it), Some(meant));
        // Where it is nobody's, all are tried, and no more than may be.
        let mut few = Addressees::among(members[..3].iter().copied().collect());
        assert_eq!(few.tried(&BTreeSet::new(), |_| false), None);
        assert_eq!(ADDRESSEES_TRIED_MAX - few.left, 8);
        let more = (12..128).map(|seed| KeyId::from_bytes([seed; 32]));
        let mut many = Addressees::among(all.into_iter().chain(more).collect());
        for _ in 0..ADDRESSEES_TRIED_MAX / ADDRESSEES_TRIED_OF_ONE_MAX + 1 {
            assert_eq!(many.tried(&known, |_| false), None);
        }
        assert_eq!(many.left, 0);
    }
}
