//! Filling slots with observations: a maximum flow from slots to observed-data objects.
//!
//! Each slot needs a number of observations, each observed-data object has `number_observed` of them, and an edge says
//! that the object may serve the slot. Slots are filled one after the other; where an object is used up, the search goes
//! on to the slots that use it and looks for another object for them (augmenting paths, breadth first). Amounts move in
//! bulk, so the work depends on the number of edges and not on the amounts.

use std::collections::VecDeque;

/// Which objects may serve each slot, and how many observations each slot needs.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// Objects that may serve the slot, and the number needed.
    pub(super) slots: Vec<(Vec<usize>, u64)>,
}

/// A flow being built.
struct Flow<'d> {
    demand: &'d Demand,
    /// Observations of each object that are still free.
    free: Vec<u64>,
    /// How much of each object each slot uses, along its edges.
    used: Vec<Vec<u64>>,
    /// The slots that may use each object, with the edge.
    users: Vec<Vec<(usize, usize)>>,
    steps: &'d mut usize,
}

/// Why no flow came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoFlow {
    /// There are not enough observations.
    Short,
    /// The steps ran out.
    Exhausted,
}

/// Fills every slot; returns the objects used, in order. `counts` says how many observations each object stands for,
/// `steps` how much work is left.
pub(super) fn fill(demand: &Demand, counts: &[u64], steps: &mut usize) -> Result<Vec<usize>, NoFlow> {
    let mut users = vec![Vec::new(); counts.len()];
    for (slot, (objects, _)) in demand.slots.iter().enumerate() {
        for (edge, object) in objects.iter().enumerate() {
            if let Some(users) = users.get_mut(*object) {
                users.push((slot, edge));
            }
        }
    }
    let used = demand.slots.iter().map(|(objects, _)| vec![0; objects.len()]).collect();
    let mut flow = Flow { demand, free: counts.to_vec(), used, users, steps };
    for (slot, (_, needed)) in demand.slots.iter().enumerate() {
        let mut needed = *needed;
        while needed > 0 {
            let moved = flow.augment(slot, needed)?;
            needed = needed.saturating_sub(moved);
        }
    }
    Ok(flow.objects())
}

/// How a breadth-first search came to a slot: from which slot, over which object, and along which edges.
#[derive(Clone, Copy)]
struct Came {
    from: usize,
    /// Edge of the earlier slot to the object.
    takes: usize,
    /// Edge of this slot to the object.
    gives: usize,
}

impl Flow<'_> {
    fn objects_of(&self, slot: usize) -> &[usize] {
        self.demand.slots.get(slot).map_or(&[], |(objects, _)| objects)
    }

    fn pay(&mut self, steps: usize) -> Result<(), NoFlow> {
        *self.steps = self.steps.checked_sub(steps).ok_or(NoFlow::Exhausted)?;
        Ok(())
    }

    /// Moves up to `most` observations to a slot and says how many.
    fn augment(&mut self, slot: usize, most: u64) -> Result<u64, NoFlow> {
        let mut came: Vec<Option<Came>> = vec![None; self.demand.slots.len()];
        let mut seen = vec![false; self.free.len()];
        let mut queue = VecDeque::from([slot]);
        while let Some(at) = queue.pop_front() {
            let objects = self.objects_of(at).len();
            self.pay(objects)?;
            for edge in 0..objects {
                let Some(object) = self.objects_of(at).get(edge).copied() else { break };
                let Some(is_seen) = seen.get_mut(object) else { continue };
                if std::mem::replace(is_seen, true) {
                    continue;
                }
                if self.free.get(object).is_some_and(|free| *free > 0) {
                    return Ok(self.shift(slot, &came, (at, edge, object), most));
                }
                let users = self.users.get(object).map_or(0, Vec::len);
                self.pay(users)?;
                for user in 0..users {
                    let Some((other, gives)) = self.users.get(object).and_then(|all| all.get(user)).copied()
                    else {
                        break;
                    };
                    let reached = other == slot || came.get(other).is_none_or(Option::is_some);
                    if !reached && self.amount(other, gives) > 0 {
                        if let Some(cell) = came.get_mut(other) {
                            *cell = Some(Came { from: at, takes: edge, gives });
                        }
                        queue.push_back(other);
                    }
                }
            }
        }
        Err(NoFlow::Short)
    }

    fn amount(&self, slot: usize, edge: usize) -> u64 {
        self.used.get(slot).and_then(|edges| edges.get(edge)).copied().unwrap_or(0)
    }

    fn change(&mut self, slot: usize, edge: usize, change: impl Fn(u64) -> u64) {
        if let Some(amount) = self.used.get_mut(slot).and_then(|edges| edges.get_mut(edge)) {
            *amount = change(*amount);
        }
    }

    /// Takes the free object that the search found, and passes objects on along the way back to `slot`.
    fn shift(&mut self, slot: usize, came: &[Option<Came>], end: (usize, usize, usize), most: u64) -> u64 {
        let (last, edge, object) = end;
        let step = |at: usize| came.get(at).copied().flatten().filter(|_| at != slot);
        let mut amount = most.min(self.free.get(object).copied().unwrap_or(0));
        let mut at = last;
        while let Some(way) = step(at) {
            amount = amount.min(self.amount(at, way.gives));
            at = way.from;
        }
        if let Some(free) = self.free.get_mut(object) {
            *free = free.saturating_sub(amount);
        }
        self.change(last, edge, |used| used.saturating_add(amount));
        let mut at = last;
        while let Some(way) = step(at) {
            self.change(at, way.gives, |used| used.saturating_sub(amount));
            self.change(way.from, way.takes, |used| used.saturating_add(amount));
            at = way.from;
        }
        amount
    }

    /// The objects in use.
    fn objects(&self) -> Vec<usize> {
        let edges = self.demand.slots.iter().zip(&self.used);
        let pairs = edges.flat_map(|((objects, _), used)| objects.iter().zip(used));
        let mut found: Vec<usize> = pairs.filter(|(_, used)| **used > 0).map(|(object, _)| *object).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(slots: &[(&[usize], u64)], counts: &[u64]) -> Result<Vec<usize>, NoFlow> {
        let slots = slots.iter().map(|(objects, needed)| (objects.to_vec(), *needed)).collect();
        fill(&Demand { slots }, counts, &mut 1_000_000)
    }

    #[test]
    fn earlier_choices_are_taken_back_where_they_stand_in_the_way() {
        assert_eq!(run(&[(&[0, 1], 1), (&[0], 1)], &[1, 1]), Ok(vec![0, 1]));
        assert_eq!(run(&[(&[0, 1, 2], 1), (&[0, 1], 1), (&[0], 1)], &[1, 1, 1]), Ok(vec![0, 1, 2]));
        assert_eq!(run(&[(&[0], 1), (&[0], 1)], &[1]), Err(NoFlow::Short));
        assert_eq!(run(&[(&[0], 1), (&[0], 1)], &[2]), Ok(vec![0]));
        assert_eq!(run(&[(&[0, 1], 3), (&[0, 1], 2), (&[1], 2)], &[4, 3]), Ok(vec![0, 1]));
        assert_eq!(run(&[(&[0, 1], 3), (&[0, 1], 2), (&[1], 2)], &[3, 3]), Err(NoFlow::Short));
        assert_eq!(run(&[(&[0, 0, 1], 2)], &[1, 1]), Ok(vec![0, 1]));
        assert_eq!(run(&[(&[0], 1)], &[0]), Err(NoFlow::Short));
    }

    #[test]
    fn large_numbers_cost_nothing_and_work_is_bounded() {
        let most = 1 << 52;
        let slots = vec![(vec![0, 1], most), (vec![0], most)];
        let mut steps = 100;
        assert_eq!(fill(&Demand { slots }, &[most, most], &mut steps), Ok(vec![0, 1]));
        let slots = vec![(vec![0, 1], 1), (vec![0], 1)];
        assert_eq!(fill(&Demand { slots }, &[1, 1], &mut 3), Err(NoFlow::Exhausted));
    }
}
