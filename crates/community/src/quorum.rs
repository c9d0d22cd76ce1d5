//! How many approvals a decision takes, and whose.
//!
//! Certs, sectors and secretariats have one vote each; observers and partners have none. The default asks all up to three
//! voters and all but one from four on. A community may fix a number instead; it is raised to more than half of the voters, so
//! that any two quorums share a member. Beside the number, at least two of the approvals come from members that are no
//! secretariat (or all of those, where there are fewer): a secretariat with one accomplice is never enough.

use base::limit::COMMUNITY_MEMBERS_MAX;
use serde::{Deserialize, Serialize};

use crate::Rule;

/// How many approvals a decision takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuorumRule {
    /// All up to three voters, all but one from four on.
    #[default]
    AllButOne,
    /// This many, raised to more than half of the voters, lowered to all of them.
    Fixed(usize),
}

impl QuorumRule {
    /// Checks that a fixed number lies within the bounds of a community.
    ///
    /// # Errors
    /// `QuorumUnfit`.
    pub const fn check(self) -> Result<Self, Rule> {
        match self {
            Self::Fixed(0) => Err(Rule::QuorumUnfit),
            Self::Fixed(many) if many > COMMUNITY_MEMBERS_MAX => Err(Rule::QuorumUnfit),
            fit => Ok(fit),
        }
    }

    /// How many of `voters` members must approve.
    #[must_use]
    pub fn approvals(self, voters: usize) -> usize {
        match self {
            Self::AllButOne if voters <= 3 => voters,
            Self::AllButOne => voters.saturating_sub(1),
            Self::Fixed(wanted) => wanted.max(voters / 2 + 1).min(voters),
        }
    }
}

/// Votes counted, apart by whether a secretariat gave them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By members that are no secretariat.
    pub members: usize,
    /// By secretariats.
    pub secretariats: usize,
}

impl Tally {
    /// All of them.
    #[must_use]
    pub const fn all(self) -> usize {
        self.members.saturating_add(self.secretariats)
    }

    /// Whether these approvals are enough among these voters.
    #[must_use]
    pub fn suffices(self, rule: QuorumRule, voters: Self) -> bool {
        let needed = rule.approvals(voters.all());
        needed > 0 && self.all() >= needed && self.members >= voters.members.min(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(members: usize, secretariats: usize) -> Tally {
        Tally { members, secretariats }
    }

    #[test]
    fn the_default_is_all_up_to_three_and_all_but_one_beyond() {
        let asked: Vec<_> = (0..7).map(|voters| QuorumRule::AllButOne.approvals(voters)).collect();
        assert_eq!(asked, [0, 1, 2, 3, 3, 4, 5]);
    }

    #[test]
    fn two_quorums_always_share_a_voter() {
        for voters in 1..=COMMUNITY_MEMBERS_MAX {
            for rule in (1..=voters + 1).map(QuorumRule::Fixed).chain([QuorumRule::AllButOne]) {
                let needed = rule.approvals(voters);
                assert!(needed * 2 > voters && needed <= voters, "{rule:?} of {voters}");
            }
        }
    }

    #[test]
    fn a_secretariat_and_one_accomplice_are_never_enough() {
        for members in 2..10 {
            for rule in (1..12).map(QuorumRule::Fixed).chain([QuorumRule::AllButOne]) {
                let voters = tally(members, 1);
                assert!(!tally(0, 1).suffices(rule, voters) && !tally(1, 1).suffices(rule, voters));
                assert!(tally(members, 1).suffices(rule, voters));
            }
        }
        assert!(!tally(0, 0).suffices(QuorumRule::AllButOne, tally(0, 0)));
    }

    #[test]
    fn fixed_numbers_have_bounds() {
        assert!(QuorumRule::Fixed(0).check().is_err());
        assert!(QuorumRule::Fixed(COMMUNITY_MEMBERS_MAX).check().is_ok());
        assert!(QuorumRule::Fixed(COMMUNITY_MEMBERS_MAX + 1).check().is_err());
    }
}
