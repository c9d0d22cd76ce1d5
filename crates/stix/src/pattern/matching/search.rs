//! The search for observations that together satisfy a plan.
//!
//! An observed-data object stands for `number_observed` observations, each at *some* moment between `first_observed` and
//! `last_observed` (section 9.1: it is not defined when). A pattern matches when moments can be chosen so that all its
//! demands hold at once; checking them one after the other is not enough. The search goes in three stages:
//!
//! 1. **Draft.** OR takes one branch, REPEATS over more than a slot makes copies. What is left is a list of slots, and a
//!    list of variables: one *cut* for each FOLLOWEDBY (everything on the left is at or before it, everything on the right
//!    at or after it) and one *opening* for each WITHIN (everything inside is at or after it and before it plus the
//!    window).
//! 2. **Times.** Once the variables have values, each slot has an interval of its own, and an observation can serve the
//!    slot if its span meets the interval: the moments no longer depend on each other. If any solution exists, there is
//!    one where every moment is as late as possible; then every variable is the end of some span, or that plus the lengths
//!    of some windows. So only these values are tried, in order, variable by variable.
//! 3. **Flow.** With the intervals fixed, observations are given to slots by maximum flow ([`flow`]). The flow is also
//!    tried with part of the variables fixed: if even that fails, no value of the rest can help.
//!
//! A repeated part whose copies are too many for that is looked for one copy after the other, earliest first: what is
//! found so is a match, and where some but not all are found so the answer stays "undecided".
//!
//! Stage 3 is exact and quick; stage 2 is exponential in the number of variables, stage 1 in the number of ORs over more
//! than single observations. All of it draws on one budget, [`base::limit::MATCH_STEPS_MAX`]; when that is used up the
//! answer is "undecided", which is not a match.

use std::rc::Rc;

use base::limit::{MATCH_SLOTS_MAX, MATCH_STEPS_MAX, MATCH_VARIABLES_MAX, PATTERN_DEPTH_MAX};

use crate::pattern::matching::flow::{self, Demand, NoFlow};
use crate::pattern::matching::moment::{ALWAYS, Moment};
use crate::pattern::matching::observation::{Observations, Observed};
use crate::pattern::matching::plan::{Plan, Slot};

/// The observations that meet each condition, and the budget.
pub(super) struct Search<'s, 'j> {
    observed: &'s [Observed<'j>],
    counts: Vec<u64>,
    total: u64,
    candidates: &'s [Vec<usize>],
    steps: usize,
    /// ORs that the draft is inside of.
    branches: usize,
    /// Something was given up for want of budget.
    pub(super) exhausted: bool,
}

/// A list of demands without OR, in the making.
#[derive(Clone, Default)]
struct Draft {
    slots: Vec<Demanded>,
    variables: Vec<Variable>,
    /// The variable that the next new one may not be before.
    next_not_before: Option<usize>,
}

/// A slot with the observations that may serve it.
#[derive(Clone)]
struct Demanded {
    entries: Rc<[Entry]>,
    times: u64,
}

/// An observation that may serve a slot, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    object: usize,
    from: Moment,
    to: Moment,
}

/// A moment to be chosen.
#[derive(Clone, Default)]
struct Variable {
    /// Slots that end at or before it plus its reach.
    before: Vec<usize>,
    /// Slots that begin at or after it.
    after: Vec<usize>,
    /// Nothing for a cut; for an opening the window, less the instant that WITHIN excludes.
    reach: Moment,
    /// An earlier variable that may not come after this one: copies of one part are interchangeable.
    not_before: Option<usize>,
}

/// What bounds the slots of a part.
#[derive(Clone, Copy)]
enum Bound {
    /// At or before a cut.
    Before(usize),
    /// At or after a cut.
    After(usize),
    /// Inside the window of an opening.
    Inside(usize),
}

/// A part still to be drafted, so many times.
#[derive(Clone)]
struct Task<'p> {
    times: u64,
    work: Work<'p>,
    bounds: Vec<Bound>,
}

#[derive(Clone, Copy)]
enum Work<'p> {
    /// A part.
    Part(&'p Plan),
    /// All of these parts.
    Parts(&'p [Plan]),
    /// Further copies of a part; the first variable of the next is not before the one given.
    Copies(&'p Plan, usize),
    /// Each time any of these parts.
    Choices(&'p [Plan]),
}

/// No observations do.
#[derive(Clone, Copy, Debug)]
struct Fail;

impl<'s, 'j> Search<'s, 'j> {
    /// Prepares a search; `candidates` are, for each condition, the observations that meet it.
    pub(super) fn new(over: &'s Observations<'j>, candidates: &'s [Vec<usize>]) -> Self {
        let (observed, total) = (over.observed(), over.total());
        let counts: Vec<u64> = observed.iter().map(|one| one.count).collect();
        Self { observed, counts, total, candidates, steps: MATCH_STEPS_MAX, branches: 0, exhausted: false }
    }

    /// Indexes of observations that satisfy the plan, in order, if there are any.
    pub(super) fn run(&mut self, plan: &Plan) -> Option<Vec<usize>> {
        let found = self.once(plan);
        match plan {
            Plan::Repeat(times, part) if found.is_none() && self.exhausted => {
                self.exhausted = false;
                self.one_by_one(*times, part)
            }
            _ => found,
        }
    }

    fn once(&mut self, plan: &Plan) -> Option<Vec<usize>> {
        let task = Task { times: 1, work: Work::Part(plan), bounds: Vec::new() };
        self.draft(vec![task], Draft::default()).ok()
    }

    /// Looks for one copy of a repeated part after the other, each among the observed-data objects that the copies before it
    /// left alone. What this finds is a binding, and where there is not one copy there are none; that there are fewer than
    /// asked for decides nothing, since other copies before might have left more.
    fn one_by_one(&mut self, times: u64, part: &Plan) -> Option<Vec<usize>> {
        let mut all = Vec::new();
        for before in 0..times {
            let Some(copy) = self.once(part) else {
                self.exhausted |= before > 0;
                return None;
            };
            for object in &copy {
                if let Some(count) = self.counts.get_mut(*object) {
                    *count = 0;
                }
            }
            all.extend(copy);
        }
        all.sort_unstable();
        Some(all)
    }

    fn pay(&mut self, steps: usize) -> Result<(), Fail> {
        let left = self.steps.checked_sub(steps);
        self.steps = left.unwrap_or(0);
        self.exhausted |= left.is_none();
        left.map(|_| ()).ok_or(Fail)
    }

    fn give_up(&mut self) -> Fail {
        self.exhausted = true;
        Fail
    }

    /// Drafts the tasks one by one and solves the draft when none is left.
    fn draft<'p>(&mut self, mut tasks: Vec<Task<'p>>, mut draft: Draft) -> Result<Vec<usize>, Fail> {
        while let Some(task) = tasks.pop() {
            self.pay(1)?;
            let Task { times, work, bounds } = task;
            match work {
                Work::Part(Plan::Slot(slot)) => self.draft_slot(slot, times, &bounds, &mut draft)?,
                Work::Part(Plan::All(parts)) => tasks.push(Task { times, work: Work::Parts(parts), bounds }),
                Work::Parts(parts) => {
                    if let Some((first, rest)) = parts.split_first() {
                        tasks.push(Task { times, work: Work::Parts(rest), bounds: bounds.clone() });
                        tasks.push(Task { times, work: Work::Part(first), bounds });
                    }
                }
                Work::Part(Plan::Repeat(inner_times, inner)) => {
                    let times = times.saturating_mul(*inner_times);
                    tasks.push(Task { times, work: Work::Part(inner), bounds });
                }
                Work::Part(Plan::Any(parts)) => {
                    tasks.push(Task { times, work: Work::Choices(parts), bounds })
                }
                Work::Choices(parts) => {
                    let viable: Vec<&Plan> = parts.iter().filter(|part| self.is_viable(part)).collect();
                    self.pay(parts.len())?;
                    match viable.as_slice() {
                        [] => return Err(Fail),
                        [only] => tasks.push(Task { times, work: Work::Part(only), bounds }),
                        _ => {
                            return self.branch(
                                Task { times, work: Work::Choices(parts), bounds },
                                &tasks,
                                &draft,
                            );
                        }
                    }
                }
                Work::Part(part) if times > 1 => {
                    self.draft_copies((part, times, None), bounds, &mut tasks, &mut draft)?
                }
                Work::Copies(part, earlier) => {
                    self.draft_copies((part, times, Some(earlier)), bounds, &mut tasks, &mut draft)?;
                }
                Work::Part(Plan::Sequence(parts)) => {
                    self.draft_sequence(parts, &bounds, &mut tasks, &mut draft)?
                }
                Work::Part(Plan::Within(length, inner)) => {
                    let opening = self.new_variable(length.saturating_sub(1), &mut draft)?;
                    let bounds = bounds.into_iter().chain([Bound::Inside(opening)]).collect();
                    tasks.push(Task { times: 1, work: Work::Part(inner), bounds });
                }
            }
        }
        self.solve(&draft)
    }

    /// Tries the ways to share `task.times` out among its choices.
    fn branch<'p>(&mut self, task: Task<'p>, tasks: &[Task<'p>], draft: &Draft) -> Result<Vec<usize>, Fail> {
        let Work::Choices(parts) = task.work else { return Err(Fail) };
        if self.branches >= PATTERN_DEPTH_MAX {
            // Deeper still there are as many ways again: without an end here the budget would be spent on them.
            self.steps = 0;
            return Err(self.give_up());
        }
        self.branches = self.branches.saturating_add(1);
        let found = if task.times == 1 {
            parts.iter().find_map(|part| {
                let viable = self.steps > 0 && self.is_viable(part);
                viable.then(|| self.try_with(&[(1, Work::Part(part))], &task, tasks, draft).ok())?
            })
        } else {
            self.share_out(parts, &task, tasks, draft)
        };
        self.branches = self.branches.saturating_sub(1);
        found.ok_or(Fail)
    }

    /// Gives the first part some of the times, most first, and the other parts the rest.
    fn share_out<'p>(
        &mut self,
        parts: &'p [Plan],
        task: &Task<'p>,
        tasks: &[Task<'p>],
        draft: &Draft,
    ) -> Option<Vec<usize>> {
        let (first, rest) = parts.split_first()?;
        let viable = self.is_viable(first);
        let most =
            if viable { self.total.checked_div(first.least()).unwrap_or(0).min(task.times) } else { 0 };
        let least = if rest.is_empty() { task.times } else { 0 };
        for count in (least..=most).rev() {
            self.pay(1).ok()?;
            let works = [(task.times.saturating_sub(count), Work::Choices(rest)), (count, Work::Part(first))];
            if let Ok(found) = self.try_with(&works, task, tasks, draft) {
                return Some(found);
            }
        }
        None
    }

    fn try_with<'p>(
        &mut self,
        works: &[(u64, Work<'p>)],
        task: &Task<'p>,
        tasks: &[Task<'p>],
        draft: &Draft,
    ) -> Result<Vec<usize>, Fail> {
        self.pay(tasks.len().saturating_add(draft.slots.len()).saturating_add(draft.variables.len()))?;
        let mut tasks = tasks.to_vec();
        for (times, work) in works.iter().filter(|(times, _)| *times > 0) {
            tasks.push(Task { times: *times, work: *work, bounds: task.bounds.clone() });
        }
        self.draft(tasks, draft.clone())
    }

    /// Whether there are candidates for every slot of a part, times and other slots left aside.
    fn is_viable(&self, part: &Plan) -> bool {
        match part {
            Plan::Slot(slot) => {
                let lists = slot.choices.iter().filter_map(|choice| self.candidates.get(choice.leaf));
                let objects = lists.flatten().filter_map(|object| self.counts.get(*object));
                objects
                    .scan(0_u64, |sum, count| {
                        *sum = sum.saturating_add(*count);
                        Some(*sum)
                    })
                    .any(|sum| sum >= slot.times)
            }
            Plan::All(parts) | Plan::Sequence(parts) => parts.iter().all(|part| self.is_viable(part)),
            Plan::Any(parts) => parts.iter().any(|part| self.is_viable(part)),
            Plan::Within(_, inner) | Plan::Repeat(_, inner) => self.is_viable(inner),
        }
    }

    fn draft_copies<'p>(
        &mut self,
        (part, times, earlier): (&'p Plan, u64, Option<usize>),
        bounds: Vec<Bound>,
        tasks: &mut Vec<Task<'p>>,
        draft: &mut Draft,
    ) -> Result<(), Fail> {
        if times.saturating_mul(part.least()) > self.total {
            return Err(Fail);
        }
        let copy = draft.variables.len();
        draft.next_not_before = earlier;
        if times > 1 {
            let (times, work) = (times.saturating_sub(1), Work::Copies(part, copy));
            tasks.push(Task { times, work, bounds: bounds.clone() });
        }
        tasks.push(Task { times: 1, work: Work::Part(part), bounds });
        Ok(())
    }

    fn draft_sequence<'p>(
        &mut self,
        parts: &'p [Plan],
        bounds: &[Bound],
        tasks: &mut Vec<Task<'p>>,
        draft: &mut Draft,
    ) -> Result<(), Fail> {
        let mut cut = None;
        let first = tasks.len();
        for (at, part) in parts.iter().enumerate() {
            let mut bounds = bounds.to_vec();
            bounds.extend(cut.map(Bound::After));
            if at.saturating_add(1) < parts.len() {
                let next = self.new_variable(0, draft)?;
                bounds.push(Bound::Before(next));
                cut = Some(next);
            }
            tasks.push(Task { times: 1, work: Work::Part(part), bounds });
        }
        if let Some(added) = tasks.get_mut(first..) {
            added.reverse();
        }
        Ok(())
    }

    fn new_variable(&mut self, reach: Moment, draft: &mut Draft) -> Result<usize, Fail> {
        let variable = draft.variables.len();
        if variable >= MATCH_VARIABLES_MAX {
            return Err(self.give_up());
        }
        let not_before = draft.next_not_before.take();
        draft.variables.push(Variable { reach, not_before, ..Variable::default() });
        Ok(variable)
    }

    fn draft_slot(
        &mut self,
        slot: &Slot,
        times: u64,
        bounds: &[Bound],
        draft: &mut Draft,
    ) -> Result<(), Fail> {
        let mut entries = Vec::new();
        for choice in &slot.choices {
            let candidates = self.candidates.get(choice.leaf).map_or(&[][..], Vec::as_slice);
            self.pay(candidates.len())?;
            for object in candidates {
                let Some(observed) = self.observed.get(*object) else { continue };
                let (from, to) = match observed.span {
                    Some((first, last)) => (first.max(choice.span.0), last.min(choice.span.1)),
                    None if bounds.is_empty() && choice.span == ALWAYS => ALWAYS,
                    None => continue,
                };
                let is_left = self.counts.get(*object).is_some_and(|count| *count > 0);
                if from <= to && is_left {
                    entries.push(Entry { object: *object, from, to });
                }
            }
        }
        if slot.choices.len() > 1 {
            entries.sort_unstable();
            entries.dedup();
        }
        let at = draft.slots.len();
        if at >= MATCH_SLOTS_MAX {
            return Err(self.give_up());
        }
        for bound in bounds {
            let (Bound::Before(variable) | Bound::After(variable) | Bound::Inside(variable)) = *bound;
            let Some(variable) = draft.variables.get_mut(variable) else { continue };
            if !matches!(bound, Bound::After(_)) {
                variable.before.push(at);
            }
            if !matches!(bound, Bound::Before(_)) {
                variable.after.push(at);
            }
        }
        let demanded = Demanded { entries: entries.into(), times: slot.times.saturating_mul(times) };
        self.suffices(&demanded, ALWAYS)?;
        draft.slots.push(demanded);
        Ok(())
    }

    /// Whether a slot alone can be filled in an interval.
    fn suffices(&mut self, slot: &Demanded, span: (Moment, Moment)) -> Result<(), Fail> {
        let mut sum = 0_u64;
        let mut last = None;
        let mut looked = 0;
        for entry in slot.entries.iter() {
            if sum >= slot.times {
                break;
            }
            looked += 1;
            if entry.meets(span) && last != Some(entry.object) {
                last = Some(entry.object);
                sum = sum.saturating_add(self.counts.get(entry.object).copied().unwrap_or(0));
            }
        }
        self.pay(looked)?;
        if sum >= slot.times { Ok(()) } else { Err(Fail) }
    }

    fn solve(&mut self, draft: &Draft) -> Result<Vec<usize>, Fail> {
        let spans = vec![ALWAYS; draft.slots.len()];
        let filled = self.fill(draft, &spans)?;
        if draft.variables.is_empty() {
            return Ok(filled);
        }
        let values = self.values(draft)?;
        let greedy = is_pairs(draft);
        self.assign(&Trial { draft, values: &values, greedy }, 0, &spans, &mut Vec::new())
    }

    /// The values to try, in order: the ends of spans, plus the lengths of windows.
    fn values(&mut self, draft: &Draft) -> Result<Vec<Moment>, Fail> {
        let mut sums = vec![0];
        for variable in draft.variables.iter().filter(|variable| variable.reach > 0) {
            let longer: Vec<Moment> =
                sums.iter().map(|sum| Moment::saturating_add(*sum, variable.reach)).collect();
            sums.extend(longer);
            sums.sort_unstable();
            sums.dedup();
            if sums.len() > MATCH_SUMS_MAX {
                return Err(self.give_up());
            }
        }
        let mut ends: Vec<Moment> =
            draft.slots.iter().flat_map(|slot| slot.entries.iter().map(|entry| entry.to)).collect();
        ends.sort_unstable();
        ends.dedup();
        self.pay(ends.len().saturating_mul(sums.len()))?;
        let mut values: Vec<Moment> =
            ends.iter().flat_map(|end| sums.iter().map(|sum| Moment::saturating_add(*end, *sum))).collect();
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    /// Chooses a value for each variable from the `at`-th on. `chosen` holds the indexes of the values of those before.
    fn assign(
        &mut self,
        trial: &Trial<'_>,
        at: usize,
        spans: &[(Moment, Moment)],
        chosen: &mut Vec<usize>,
    ) -> Result<Vec<usize>, Fail> {
        let Some(variable) = trial.draft.variables.get(at) else { return Err(Fail) };
        let is_last = at.saturating_add(1) == trial.draft.variables.len();
        let from = variable.not_before.and_then(|earlier| chosen.get(earlier)).copied().unwrap_or(0);
        for (index, value) in trial.values.iter().enumerate().skip(from) {
            self.pay(spans.len())?;
            let spans = variable.bounding(*value, spans);
            let Ok(filled) = self.fill_bounded(trial.draft, variable, &spans) else { continue };
            if is_last {
                return Ok(filled);
            }
            chosen.push(index);
            let found = self.assign(trial, at.saturating_add(1), &spans, chosen);
            chosen.pop();
            if found.is_ok() || trial.greedy {
                return found;
            }
        }
        Err(Fail)
    }

    /// Fills all slots within their spans, looking first at those that the variable has just bounded.
    fn fill_bounded(
        &mut self,
        draft: &Draft,
        variable: &Variable,
        spans: &[(Moment, Moment)],
    ) -> Result<Vec<usize>, Fail> {
        for at in variable.before.iter().chain(&variable.after) {
            if let (Some(slot), Some(span)) = (draft.slots.get(*at), spans.get(*at)) {
                self.suffices(slot, *span)?;
            }
        }
        self.fill(draft, spans)
    }

    fn fill(&mut self, draft: &Draft, spans: &[(Moment, Moment)]) -> Result<Vec<usize>, Fail> {
        let edges = draft.slots.iter().map(|slot| slot.entries.len()).sum();
        self.pay(edges)?;
        let slots = draft.slots.iter().zip(spans).map(|(slot, span)| {
            let entries = slot.entries.iter().filter(|entry| entry.meets(*span));
            (entries.map(|entry| entry.object).collect(), slot.times)
        });
        let demand = Demand { slots: slots.collect() };
        flow::fill(&demand, &self.counts, &mut self.steps).map_err(|failure| {
            self.exhausted |= failure == NoFlow::Exhausted;
            Fail
        })
    }
}

/// Most different sums of windows that are tried.
const MATCH_SUMS_MAX: usize = 256;

/// What stays the same while values are chosen.
struct Trial<'t> {
    draft: &'t Draft,
    values: &'t [Moment],
    /// The first value that can be is the best.
    greedy: bool,
}

impl Variable {
    /// The spans of the slots once this variable has a value.
    fn bounding(&self, value: Moment, spans: &[(Moment, Moment)]) -> Vec<(Moment, Moment)> {
        let mut spans = spans.to_vec();
        for slot in &self.after {
            if let Some((from, _)) = spans.get_mut(*slot) {
                *from = value.max(*from);
            }
        }
        for slot in &self.before {
            if let Some((_, to)) = spans.get_mut(*slot) {
                *to = value.saturating_add(self.reach).min(*to);
            }
        }
        spans
    }
}

impl Entry {
    /// Whether the observation can happen inside a span.
    fn meets(&self, (from, to): (Moment, Moment)) -> bool {
        self.from.max(from) <= self.to.min(to)
    }
}

/// Whether a draft is nothing but copies of "a, followed by b" where no observation serves both: then the earliest cut
/// that can be is the best for each copy, because it leaves the most to the right, and on the left any two copies may
/// exchange their observations.
fn is_pairs(draft: &Draft) -> bool {
    let Some(first) = draft.variables.first() else { return false };
    let slots_of = |variable: &Variable| match (variable.before.as_slice(), variable.after.as_slice()) {
        ([before], [after]) if variable.reach == 0 => {
            Some((draft.slots.get(*before)?, draft.slots.get(*after)?))
        }
        _ => None,
    };
    let Some((left, right)) = slots_of(first) else { return false };
    let alike = |one: &Demanded, other: &Demanded| one.entries == other.entries && one.times == 1;
    let copies = draft.variables.iter().enumerate().all(|(at, variable)| {
        variable.not_before == at.checked_sub(1)
            && slots_of(variable).is_some_and(|(before, after)| alike(before, left) && alike(after, right))
    });
    let objects: Vec<usize> = left.entries.iter().map(|entry| entry.object).collect();
    copies
        && draft.slots.len() == draft.variables.len().saturating_mul(2)
        && left.entries.is_sorted_by_key(|entry| entry.object)
        && right.entries.iter().all(|entry| objects.binary_search(&entry.object).is_err())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::Json;
    use crate::pattern::matching::condition::Doubt;

    /// Files by name, each observed so often between two seconds.
    fn bundle(seen: &[(char, u64, u64, u64)]) -> String {
        let mut objects = String::new();
        for (at, (name, first, longer, count)) in seen.iter().enumerate() {
            let last = first.saturating_add(*longer);
            write!(
                objects,
                r#"{{"type":"file","id":"file--{at}","name":"{name}"}},{{"type":"observed-data","number_observed":{count},
                "first_observed":"2024-01-01T00:00:{first:02}Z","last_observed":"2024-01-01T00:00:{last:02}Z","object_refs":["file--{at}"]}},"#
            )
            .unwrap();
        }
        format!(r#"{{"objects":[{}]}}"#, objects.trim_end_matches(','))
    }

    /// What the whole search finds, what is found one copy after the other, and whether the latter was decided.
    fn both_ways(pattern: &str, data: &str) -> (Option<Vec<usize>>, Option<Vec<usize>>, bool) {
        let json = Json::parse(data.as_bytes()).unwrap();
        let over = Observations::from_bundle(&json);
        let pattern = crate::pattern::parse(pattern).unwrap();
        let mut leaves = Vec::new();
        let plan = Plan::new(pattern.expression(), &mut leaves);
        let Plan::Repeat(times, part) = &plan else { panic!("no repeated part: {plan:?}") };
        let all = |leaf: &crate::pattern::matching::condition::Leaf| {
            leaf.all(&over, 1_000, &mut Doubt { cut: false, halt: &|| false })
        };
        let candidates: Vec<_> = leaves.iter().map(|leaf| all(leaf).unwrap()).collect();
        let whole = Search::new(&over, &candidates).run(&plan);
        let mut search = Search::new(&over, &candidates);
        let copies = search.one_by_one(*times, part);
        (whole, copies, !search.exhausted)
    }

    proptest! {
        #[test]
        fn what_is_found_one_by_one_is_a_match(
            seen in prop::collection::vec((prop::sample::select(vec!['a', 'b', 'c']), 0..9_u64, 0..3_u64, 1..3_u64), 1..9),
            times in 2..4_u64,
            within in 1..4_u64,
        ) {
            let data = bundle(&seen);
            for part in [
                format!("([file:name = 'a'] FOLLOWEDBY [file:name = 'b']) WITHIN {within} SECONDS"),
                "[file:name = 'a'] FOLLOWEDBY [file:name IN ('a', 'b')]".to_owned(),
                format!("([file:name = 'a'] AND [file:name = 'b']) WITHIN {within} SECONDS"),
                "([file:name = 'a'] FOLLOWEDBY [file:name = 'b']) OR ([file:name = 'c'] FOLLOWEDBY [file:name = 'a'])".to_owned(),
            ] {
                let (whole, copies, decided) = both_ways(&format!("({part}) REPEATS {times} TIMES"), &data);
                prop_assert!(copies.is_none() || whole.is_some(), "{part} {seen:?}");
                prop_assert!(copies.is_some() || whole.is_none() || !decided, "{part} {seen:?}");
                let distinct = copies.as_ref().is_none_or(|copies| copies.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(distinct, "{part} {copies:?}");
            }
        }
    }
}
