//! A pattern's expression, brought into the form in which the search works on it.
//!
//! A **slot** asks for a number of observations of one sort, one by one, with no word about their order: `[a]`, but also
//! `[a] REPEATS 5 TIMES` (five of them) and `[a] OR [b]` (either will do). Rewriting makes slots as large as possible,
//! because slots are filled by flow, in time that does not depend on how often something repeats, while every other part
//! has to be searched:
//!
//! - START/STOP bounds each observation by itself and goes down to the slots.
//! - WITHIN over one observation says nothing and goes away; REPEATS over AND goes to each operand.
//! - FOLLOWEDBY inside the first or last operand of FOLLOWEDBY is the same chain.

use crate::pattern::ast::{Expression, Qualifier};
use crate::pattern::matching::condition::Leaf;
use crate::pattern::matching::moment::{ALWAYS, Moment, length, moment};

/// A part of a plan.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// Observations of one sort.
    Slot(Slot),
    /// Every part, on different observations.
    All(Vec<Plan>),
    /// One of the parts.
    Any(Vec<Plan>),
    /// Every part, on different observations, each wholly not before the one to its left.
    Sequence(Vec<Plan>),
    /// The part, its last observation less than so long after its first.
    Within(Moment, Box<Plan>),
    /// The part so many times, on different observations; at least twice.
    Repeat(u64, Box<Plan>),
}

/// A number of observations, each of which one of the choices allows.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) choices: Vec<Choice>,
    pub(super) times: u64,
}

/// An observation that meets a condition, between two moments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    /// Index of the condition.
    pub(super) leaf: usize,
    /// First and last moment allowed.
    pub(super) span: (Moment, Moment),
}

impl Plan {
    /// Makes a plan, and puts the conditions of its leaves into `leaves`.
    pub(super) fn new(expression: &Expression, leaves: &mut Vec<Leaf>) -> Self {
        Self::inside(expression, ALWAYS, leaves)
    }

    fn inside(expression: &Expression, span: (Moment, Moment), leaves: &mut Vec<Leaf>) -> Self {
        match expression {
            Expression::Observation(condition) => {
                let leaf = leaves.len();
                leaves.push(Leaf::new(condition));
                Self::Slot(Slot { choices: vec![Choice { leaf, span }], times: 1 })
            }
            Expression::And(all) => {
                Self::all(all.iter().map(|one| Self::inside(one, span, leaves)).collect())
            }
            Expression::Or(all) => {
                let parts = all.iter().map(|one| Self::inside(one, span, leaves)).collect();
                Self::any(parts, leaves)
            }
            Expression::FollowedBy(all) => {
                Self::sequence(all.iter().map(|one| Self::inside(one, span, leaves)).collect())
            }
            Expression::Qualified(inner, qualifiers) => {
                let span = qualifiers.iter().fold(span, |(from, to), qualifier| match qualifier {
                    Qualifier::StartStop(start, stop) => {
                        (from.max(moment(start)), to.min(moment(stop).saturating_sub(1)))
                    }
                    _ => (from, to),
                });
                let inner = Self::inside(inner, span, leaves);
                qualifiers.iter().fold(inner, |inner, qualifier| match qualifier {
                    Qualifier::Repeats(times) => inner.repeated(*times),
                    Qualifier::Within(seconds) => inner.within(length(seconds)),
                    Qualifier::StartStop(..) => inner,
                })
            }
        }
    }

    fn all(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::All(inner) => inner,
            other => vec![other],
        });
        Self::All(flat.collect())
    }

    fn sequence(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::Sequence(inner) => inner,
            other => vec![other],
        });
        Self::Sequence(flat.collect())
    }

    /// One of the parts; single observations among them become one slot, and those of the same span one condition.
    fn any(parts: Vec<Self>, leaves: &mut [Leaf]) -> Self {
        let mut choices: Vec<Choice> = Vec::new();
        let mut others = Vec::new();
        for part in parts {
            match part {
                Self::Slot(slot) if slot.times == 1 => choices.extend(slot.choices),
                Self::Any(inner) => others.extend(inner),
                other => others.push(other),
            }
        }
        choices.sort_by_key(|choice| choice.span);
        choices.dedup_by(|later, earlier| {
            let same = later.span == earlier.span;
            if same {
                Leaf::merge(leaves, later.leaf, earlier.leaf);
            }
            same
        });
        if !choices.is_empty() {
            others.insert(0, Self::Slot(Slot { choices, times: 1 }));
        }
        if others.len() == 1 { others.remove(0) } else { Self::Any(others) }
    }

    fn repeated(self, times: u64) -> Self {
        match self {
            _ if times == 1 => self,
            Self::Slot(slot) => Self::Slot(Slot { times: slot.times.saturating_mul(times), ..slot }),
            Self::All(parts) => Self::All(parts.into_iter().map(|part| part.repeated(times)).collect()),
            Self::Repeat(inner_times, inner) => Self::Repeat(inner_times.saturating_mul(times), inner),
            other => Self::Repeat(times, Box::new(other)),
        }
    }

    fn within(self, length: Moment) -> Self {
        match self {
            Self::Slot(slot) if slot.times == 1 => Self::Slot(slot),
            Self::Within(inner_length, inner) => Self::Within(inner_length.min(length), inner),
            other => Self::Within(length, Box::new(other)),
        }
    }

    /// The fewest observations that can fill this.
    pub(super) fn least(&self) -> u64 {
        match self {
            Self::Slot(slot) => slot.times,
            Self::All(parts) | Self::Sequence(parts) => {
                parts.iter().fold(0, |sum, part| u64::saturating_add(sum, part.least()))
            }
            Self::Any(parts) => parts.iter().map(Self::least).min().unwrap_or(0),
            Self::Within(_, inner) => inner.least(),
            Self::Repeat(times, inner) => times.saturating_mul(inner.least()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::parse;

    fn plan(text: &str) -> Plan {
        Plan::new(parse(text).unwrap().expression(), &mut Vec::new())
    }

    #[test]
    fn slots_are_as_large_as_possible() {
        for (text, times) in [
            ("[a:b=1]", 1),
            ("[a:b=1] REPEATS 1000000 TIMES", 1_000_000),
            ("([a:b=1] REPEATS 3 TIMES) REPEATS 4 TIMES", 12),
            ("([a:b=1] OR [a:b=2] WITHIN 5 SECONDS) REPEATS 3 TIMES", 3),
            ("[a:b=1] WITHIN 1 SECONDS REPEATS 2 TIMES", 2),
        ] {
            assert!(matches!(plan(text), Plan::Slot(slot) if slot.times == times), "{text}");
        }
        let all = plan("([a:b=1] AND [a:b=2] REPEATS 2 TIMES) REPEATS 5 TIMES AND [a:b=3]");
        let Plan::All(parts) = &all else { panic!("{all:?}") };
        assert_eq!(parts.iter().map(Plan::least).collect::<Vec<_>>(), [5, 10, 1]);
        assert!(matches!(plan("[a:b=1] REPEATS 2 TIMES WITHIN 5 SECONDS"), Plan::Within(..)));
        let repeated = plan("([a:b=1] FOLLOWEDBY ([a:b=2] FOLLOWEDBY [a:b=3])) REPEATS 2 TIMES");
        assert!(
            matches!(&repeated, Plan::Repeat(2, inner) if matches!(&**inner, Plan::Sequence(all) if all.len() == 3))
        );
        assert_eq!(repeated.least(), 6);
    }

    #[test]
    fn start_and_stop_reach_every_leaf() {
        let text = "([a:b=1] AND [a:b=2] START t'2024-01-02T00:00:00Z' STOP t'2024-01-09T00:00:00Z') \
                    START t'2024-01-01T00:00:00Z' STOP t'2024-01-03T00:00:00Z'";
        let Plan::All(parts) = plan(text) else { panic!() };
        let spans: Vec<_> = parts
            .iter()
            .map(|part| if let Plan::Slot(slot) = part { slot.choices[0].span } else { panic!() })
            .collect();
        let at = |text: &str| moment(&crate::Timestamp::parse(text).unwrap());
        let stop = at("2024-01-03T00:00:00Z") - 1;
        assert_eq!(spans, [(at("2024-01-01T00:00:00Z"), stop), (at("2024-01-02T00:00:00Z"), stop)]);
    }
}
