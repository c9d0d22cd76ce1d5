//! Giving what could not be given at once: looked at when its moment comes, when a member takes part again, when a marking or a
//! circle with all it was told has come, and at the start.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use base::Micros;
use base::limit::{CLOCK_PUT_RIGHT_SECONDS, EARLY_AGAIN_SECONDS, GIVINGS_AT_ONCE_MAX};
use base::signing::KeyId;
use federation::{Again, Effect, LaterRow, Looks, Newcomers, Put, Rows};
use handling::Originator;
use stix::Timestamp;
use store::{ExchangeDesk, StoreError, VersionsOf};

use super::views::failed;
use super::{Court, ExchangeError};
use crate::Node;
use crate::community::Seats;

/// Places that are dated anew in one commit.
const DATED_AT_ONCE: usize = 1_000;

/// What has changed about circles since that was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Circles {
    /// One has taken this member out: what it has by that is looked for in all it holds, which no other change asks for.
    Left,
    /// Who is in one.
    Changed,
    Same,
}

impl Circles {
    /// Told by how it was and is; something may have been `judged` by what was before.
    fn between(before: &Seats, now: &Seats, judged: bool) -> Self {
        let left = !now.left.is_subset(&before.left) || (judged && !now.left.is_empty());
        match judged || before.circles != now.circles {
            _ if left => Self::Left,
            true => Self::Changed,
            false => Self::Same,
        }
    }
}

impl Node {
    /// Settles what awaited markings that have come, and gives what waits for members and can go by now; says how many versions were looked
    /// at. A node that takes back what a restore has lost waits until it has.
    ///
    /// # Errors
    /// See [`ExchangeError`]; what was given until then stays given.
    pub async fn give_later(&self) -> Result<u64, ExchangeError> {
        if self.is_recovering() {
            return Ok(0);
        }
        let finished = self.finish_deeds().await;
        self.date_embargoed_anew().await?;
        // What cannot be settled holds up nothing that can be given.
        let settled = self.settle_awaited().await;
        let given = self.give_what_is_due().await?;
        settled?;
        finished?;
        Ok(given)
    }

    /// Has who polls meet what an embargo held back and holds back no longer.
    async fn date_embargoed_anew(&self) -> Result<(), StoreError> {
        let now = self.now();
        if self.store().embargo_over(now).await? {
            while self.store().date_embargoed_anew(now, DATED_AT_ONCE).await? == DATED_AT_ONCE {}
        }
        Ok(())
    }

    async fn give_what_is_due(&self) -> Result<u64, ExchangeError> {
        let Some(court) = self.court().await? else { return Ok(0) };
        // What cannot be looked at, one damaged version, holds up nothing that is due.
        let looked = self.look_at_seats(&court).await;
        let (me, now) = (court.member(), court.now);
        let mut court = None;
        let (mut all, mut looks) = (0_u64, Looks::default());
        loop {
            let due = store::looked(self.store(), me, move |rows| {
                rows.later_due(now, 1).map_err(failed).map(|due| !due.is_empty())
            });
            if !due.await? {
                break;
            }
            let court = match &court {
                Some(court) => Arc::clone(court),
                None => Arc::clone(court.insert(self.sitting().await?)),
            };
            let given = self.step(&court, 64, move |exchange, desk| give_due(exchange, desk, looks));
            let (some, looked) = given.await?;
            (all, looks) = (all.saturating_add(some), looked);
        }
        if all > 0 {
            self.tell_peers();
            tracing::info!(versions = all, "looked at what waited to be given");
        }
        looked?;
        Ok(all)
    }

    /// What a change of members and circles brings about is looked at: whoever takes part again, whoever came with all that was
    /// shared before, and what this member has no more, having been taken out. At the start of the process that is everybody, and everything.
    async fn look_at_seats(&self, court: &Court) -> Result<(), ExchangeError> {
        let seats = court.members.seats();
        let before = self.0.exchange.seats.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.look_at_clocks(court, before.is_none()).await?;
        // Said again meanwhile, it is looked at once more.
        let again = self.0.exchange.judged_before.swap(false, Ordering::AcqRel);
        if before.as_ref() == Some(&seats) && !again {
            return Ok(());
        }
        let before = before.unwrap_or_default();
        let back: Vec<KeyId> = seats.active.difference(&before.active).copied().collect();
        let circles = Circles::between(&before, &seats, again);
        let looked = self.look_at(back, circles).await;
        if looked.is_err() && again {
            self.0.exchange.judged_before.store(true, Ordering::Release);
        }
        looked?;
        *self.0.exchange.seats.lock().unwrap_or_else(PoisonError::into_inner) = Some(seats);
        Ok(())
    }

    /// When to look again was noted by this node's clock, which may have gone ahead then: at the start, and when the clock was put back, what
    /// waits for clocks is looked at, and what is to be looked at later than anything is.
    async fn look_at_clocks(&self, court: &Court, starts: bool) -> Result<(), ExchangeError> {
        let (now, clock) = (court.now, &self.0.exchange.looked_at);
        let put_back =
            now.plus(CLOCK_PUT_RIGHT_SECONDS * Micros::SECOND).0 < clock.swap(now.0, Ordering::AcqRel);
        if !starts && !put_back {
            return Ok(());
        }
        let court = self.sitting().await?;
        let beyond = now.plus(EARLY_AGAIN_SECONDS * Micros::SECOND);
        let again = Effect::LookAgain(Again::Clocks(beyond));
        let looked = self.step(&court, 1, move |_, desk| Ok(desk.apply(vec![again])?)).await;
        if looked.is_err() {
            // The next look does it.
            clock.store(i64::MAX, Ordering::Release);
        }
        looked
    }

    /// Looks at what waits for members that are back, and, where circles have changed, at what they bring about.
    async fn look_at(&self, back: Vec<KeyId>, circles: Circles) -> Result<(), ExchangeError> {
        let court = self.sitting().await?;
        self.step(&court, 1, move |_, desk| {
            let again = back.into_iter().map(|member| Effect::LookAgain(Again::Member(member)));
            Ok(desk.apply(again.collect())?)
        })
        .await?;
        let mut gone = Ok(());
        if circles == Circles::Left {
            gone = self.let_go_of_left(&court).await;
        }
        if circles != Circles::Same {
            self.look_for_newcomers(&court).await?;
        }
        gone
    }

    /// Notes what waits for members that circles have taken in with what was shared before, a page of own versions at a time.
    async fn look_for_newcomers(&self, court: &Arc<Court>) -> Result<(), ExchangeError> {
        let mut after = None;
        loop {
            let (from, sitting) = (after.take(), Arc::clone(court));
            let look = move |rows: &dyn Rows| sitting.exchange().newcomers(rows, from).map_err(failed);
            let Newcomers { effects, last } = store::looked(self.store(), court.member(), look).await?;
            if !effects.is_empty() {
                self.step(court, effects.len(), move |_, desk| Ok(desk.apply(effects)?)).await?;
            }
            after = last;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Waits until something that waited may be given.
    pub async fn later_news(&self) {
        self.0.exchange.later.notified().await;
    }
}

/// One step of giving what is due. What stands here no more is for nobody. What goes on being due without end is a fault of ours, and waits.
fn give_due(
    exchange: &federation::Exchange<'_>,
    desk: &mut dyn ExchangeDesk,
    mut looks: Looks,
) -> Result<(u64, Looks), ExchangeError> {
    let due = exchange.due_by_now(desk.rows())?;
    for put in &due {
        let mut effects = if stands(desk, put)? {
            exchange.give_later(desk.rows(), put)?
        } else {
            put.rows.iter().map(LaterRow::over).collect()
        };
        for LaterRow { object, version, member, rule, .. } in looks.bound(put, &mut effects, exchange.now) {
            tracing::error!(
                %object, %version, %member, %rule, most = GIVINGS_AT_ONCE_MAX,
                "what was given to a member says something else each time it is looked at: it is put off by hours, and this is a fault \
                 of the program's that ought to be reported"
            );
        }
        desk.apply(effects)?;
    }
    Ok((due.len() as u64, looks))
}

fn stands(desk: &dyn ExchangeDesk, put: &Put) -> Result<bool, StoreError> {
    let (id, version, originator) = (put.object.as_str(), put.version.as_str(), Originator::Here);
    desk.stands(&VersionsOf { id, version, originator, digest: None })
}

/// Why something waits, in words.
pub(super) fn waits(row: &LaterRow) -> String {
    match row.rule.as_str() {
        "embargo" if row.look < Micros(i64::MAX) => format!("embargo until {}", Timestamp::text_of(row.look)),
        "embargo" => "embargo without an end".to_owned(),
        "clock-behind" => {
            let again = Timestamp::text_of(row.look);
            format!("its clock is behind, and by that the embargo is not over: to be given again at {again}")
        }
        "marking-unresolved" => "until the definition of its marking has come".to_owned(),
        "member-absent" => "until the member takes part again".to_owned(),
        // It has refused it as meant for others, and may know better by then.
        _ if row.look > row.since => format!("to be given again at {}", Timestamp::text_of(row.look)),
        _ => "to be given in a moment".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn seats(circles: &[u64], left: &[u64]) -> Seats {
        let of = |versions: &[u64]| versions.iter().map(|one| (KeyId::from_bytes([1; 32]), *one)).collect();
        Seats { active: BTreeSet::new(), circles: of(circles), left: of(left) }
    }

    /// All that is held is gone through where a circle has taken this member out, and not for each version of circles that it is in.
    #[test]
    fn all_is_gone_through_when_a_circle_was_left() {
        let (none, first, later) = (seats(&[], &[]), seats(&[1], &[]), seats(&[2], &[]));
        let (out, back, out_again) = (seats(&[3], &[3]), seats(&[4], &[]), seats(&[5], &[5]));
        for (before, now, judged, changed) in [
            (&none, &first, false, Circles::Changed),
            (&first, &first, false, Circles::Same),
            (&first, &later, false, Circles::Changed),
            (&first, &first, true, Circles::Changed),
            (&later, &out, false, Circles::Left),
            (&none, &out, false, Circles::Left),
            (&out, &out, false, Circles::Same),
            (&out, &out, true, Circles::Left),
            (&out, &back, false, Circles::Changed),
            // In it and out of it again between two looks, it may have been given something meanwhile.
            (&out, &out_again, false, Circles::Left),
        ] {
            assert_eq!(Circles::between(before, now, judged), changed, "{before:?} {now:?} {judged}");
        }
    }
}
