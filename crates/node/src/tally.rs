//! How many objects each person has taken out today, so that much taken in small pieces counts as much.
//!
//! Kept in memory and, in steps of a tenth of what a day allows, in the store: who takes out page by page through a restart
//! of the node gains less than a tenth. A day is one of UTC. TAXII is not counted: programs that poll are what it is for, and
//! what they may read is decided by grants.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base::Micros;
use handling::UserNo;
use store::{Job, StoreError};

use crate::Node;

/// Steps in which a day's allowance is written down.
const STEPS: u64 = 10;
const DAY: i64 = 86_400 * Micros::SECOND;

/// What everybody has taken out today.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<HashMap<UserNo, Taken>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taken {
    day: i64,
    objects: u64,
    written: u64,
}

/// The proof that objects are within what their taker may take out alone today.
#[derive(Debug)]
pub(crate) struct Within(());

impl Node {
    /// Counts `objects` that somebody is about to take out. `None`, and nothing is counted, where it would be more than one
    /// person may.
    pub(crate) async fn count_out(&self, user: UserNo, objects: u64) -> Result<Option<Within>, StoreError> {
        let (limit, day) = (self.0.settings.export_objects_per_day, self.now().0.div_euclid(DAY));
        let held = self.0.tally.0.lock().unwrap_or_else(PoisonError::into_inner).get(&user).copied();
        let before = match held {
            Some(taken) if taken.day == day => taken.objects,
            Some(_) => 0,
            None => self.written_down(user, day).await?,
        };
        let write = {
            let mut all = self.0.tally.0.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = Taken { day, objects: before, written: before };
            let taken = all.entry(user).or_insert(fresh);
            if taken.day != day {
                *taken = Taken { day, objects: 0, written: 0 };
            }
            let after = taken.objects.saturating_add(objects);
            if after > limit {
                return Ok(None);
            }
            taken.objects = after;
            let due = after.saturating_sub(taken.written) >= (limit / STEPS).max(1);
            if due {
                taken.written = after;
            }
            due.then_some(after)
        };
        if let Some(objects) = write {
            self.write_down(user, day, objects).await?;
        }
        Ok(Some(Within(())))
    }

    /// Begins somebody's count again: a second person has said yes to as much once more.
    pub(crate) async fn count_anew(&self, user: UserNo) -> Result<(), StoreError> {
        let day = self.now().0.div_euclid(DAY);
        let fresh = Taken { day, objects: 0, written: 0 };
        self.0.tally.0.lock().unwrap_or_else(PoisonError::into_inner).insert(user, fresh);
        self.write_down(user, day, 0).await
    }

    async fn written_down(&self, user: UserNo, day: i64) -> Result<u64, StoreError> {
        let Some(job) = self.store().job(&name_of(user)).await? else { return Ok(0) };
        let mut parts = job.state.split(' ');
        let of_day = parts.next().and_then(|text| text.parse::<i64>().ok()) == Some(day);
        let objects = parts.next().and_then(|text| text.parse().ok());
        Ok(objects.filter(|_| of_day).unwrap_or(0))
    }

    async fn write_down(&self, user: UserNo, day: i64, objects: u64) -> Result<(), StoreError> {
        let state = format!("{day} {objects}");
        self.store().put_job(Job { name: name_of(user), state, at: self.now() }).await
    }
}

/// Jobs of users begin with their number, so that no name of theirs is this one.
fn name_of(user: UserNo) -> String {
    format!("taken-out:{}", user.0)
}
