//! The roads of a node on which two members do not meet: parcels through a relay, and courier files.
//!
//! Everything is the core's: what is due, what a parcel says, what is taken of one and what becomes of it at its relay
//! ([`federation::Errands`], `relay_out`, `relay_in`). A relay answers whoever asks; what is remembered of it is lost with a crash, but for what lies where.

use base::limit::{RELAY_AGAIN_SECONDS, RELAY_ROUTES_MAX, RELAY_SECONDS};
use base::signing::KeyId;
use base::{Micros, limit};
use federation::{
    Beside, CourierError, Deposit, DepositMark, DepositState, Effect, Parcel, ParcelFate, Received,
    RelayErrand, RelayOffer, Route, Rows, Sealed, parcels_from, relay_mark,
};

use crate::message::{Message, Said};
use crate::node::{Node, Surroundings};
use crate::shelf::Whim;
use crate::surroundings::Fault;

/// How long a member must not have been met before parcels for it are put, in microseconds: five ticks.
const AFTER: i64 = 5 * limit::RELAY_AFTER_SECONDS as i64 * Micros::SECOND;
/// How long a parcel may go unanswered before it is put again, in microseconds: six ticks.
const AGAIN: i64 = RELAY_AGAIN_SECONDS as i64 / 10 * Micros::SECOND;

impl Node {
    /// The others that are not met; nobody while this node recovers.
    pub(crate) fn away(&mut self, around: &Surroundings<'_>) -> Vec<KeyId> {
        if self.rows.own().expect("maps answer").recovery.is_some() {
            return Vec::new();
        }
        let (me, now) = (self.me.member, self.now(around));
        let others = around.house.members.keys().filter(|member| **member != me);
        let errands = &mut self.memory.errands;
        others.filter(|member| errands.is_away(member, now, AFTER)).copied().collect()
    }

    /// A parcel for a member, when one is due.
    pub(crate) fn errand(&mut self, around: &Surroundings<'_>, to: KeyId) -> Option<RelayErrand> {
        let now = self.now(around);
        let word =
            self.look(around, |exchange, rows| exchange.relay_word(rows, &to)).expect("maps answer")?;
        let due = self.memory.errands.due(&to, word, (now, AGAIN))?;
        let beside = self.beside(around, to, now);
        let parcel = self.look(around, |exchange, rows| exchange.relay_out(rows, &to, &beside));
        Some(due.with(parcel.expect("maps answer")?))
    }

    fn beside(&mut self, around: &Surroundings<'_>, to: KeyId, now: Micros) -> Beside {
        let untold = self.untold(around, to, 0);
        let refused = self.memory.owed.entry(to).or_default().tell_by_parcel(now.0, untold);
        Beside { refused, heard_us: self.memory.errands.heard_us(&to), papers: None }
    }

    /// Puts a parcel at a relay: it counts as put once the relay has said that it keeps it. Offers for the same member that were not
    /// answered until now may have been taken.
    pub(crate) fn put(&mut self, to: KeyId, relay: KeyId, errand: RelayErrand) -> Message {
        let unheard: Vec<u64> = self
            .memory
            .offered
            .iter()
            .filter(|(_, (other, ..))| *other == to)
            .map(|(number, _)| *number)
            .collect();
        for number in unheard {
            self.offered(number, RelayOffer::Unheard);
        }
        self.errands_made += 1;
        let message = Message::Put(self.errands_made, errand.parcel.clone());
        let deposit = self.memory.errands.offers(to, &errand, relay);
        self.deposits.insert(deposit.at, deposit);
        self.memory.offered.insert(self.errands_made, (to, relay, errand));
        message
    }

    /// A relay says that it keeps a parcel.
    pub(crate) fn was_put(&mut self, number: u64) {
        self.parcels += u64::from(self.memory.offered.contains_key(&number));
        self.offered(number, RelayOffer::Kept);
    }

    fn offered(&mut self, number: u64, offer: RelayOffer) {
        let Some((to, relay, errand)) = self.memory.offered.remove(&number) else { return };
        let deposits: Vec<Deposit> = self.deposits.values().cloned().collect();
        for (at, state) in self.memory.errands.offered(to, &errand, (relay, offer), &deposits) {
            match state {
                DepositState::Gone => drop(self.deposits.remove(&at)),
                state => {
                    if let Some(deposit) = self.deposits.get_mut(&at) {
                        deposit.state = state;
                    }
                }
            }
        }
    }

    /// What a relay is asked for.
    pub(crate) fn routes(&self, around: &Surroundings<'_>, away: &[KeyId]) -> Vec<Route> {
        let mut routes = self.look(around, |exchange, _| self.memory.errands.routes(exchange, away));
        routes.truncate(RELAY_ROUTES_MAX);
        routes
    }

    /// What relays are to drop: told again until its time is over, for nobody answers.
    pub(crate) fn withdrawals(&mut self, around: &Surroundings<'_>) -> Said {
        let since = self.now(around).0.saturating_sub(RELAY_SECONDS * Micros::SECOND);
        self.deposits.retain(|_, deposit| deposit.put.0 >= since);
        let deposits = self.memory.errands.settled_offers(self.deposits.values().cloned().collect());
        let mut said = Vec::new();
        for deposit in deposits {
            let seen = self.memory.errands.seen(&deposit);
            let found = self.look(around, |exchange, rows| exchange.is_over(rows, &deposit, (seen, AGAIN)));
            match found.expect("maps answer") {
                Ok(seen) if deposit.state == DepositState::Stands => {
                    self.memory.errands.note_seen(&deposit, seen);
                }
                _ => {
                    let DepositMark { relay, route, digest } = deposit.at;
                    self.deposits.insert(deposit.at, Deposit { state: DepositState::Void, ..deposit });
                    said.push((relay, Message::Drop([&route[..], &digest].concat())));
                }
            }
        }
        said
    }

    /// Takes what a relay handed out, and tells it what it need not keep.
    pub(crate) fn take(&mut self, around: &Surroundings<'_>, relay: KeyId, handed_out: &[u8]) -> Said {
        let (now, mut marks) = (self.now(around), Vec::new());
        for parcel in parcels_from(handed_out).unwrap_or_default() {
            let Ok(sealed) = Sealed::parse_parcel(parcel) else { continue };
            let route = sealed.route();
            if self.memory.errands.lies(&route, now) {
                continue;
            }
            // A crash ends the round: what it took is taken, and the relay is told nothing.
            let Some(fate) = self.take_parcel(around, &sealed) else { return Vec::new() };
            if self.memory.errands.settled(route, fate, now) {
                marks.extend(relay_mark(&sealed));
            }
        }
        if marks.is_empty() { Vec::new() } else { vec![(relay, Message::Drop(marks))] }
    }

    fn take_parcel(&mut self, around: &Surroundings<'_>, sealed: &Sealed) -> Option<ParcelFate> {
        let parcel = match self.look(around, |exchange, rows| exchange.relay_in(rows, sealed)) {
            Ok(parcel) => parcel,
            Err(error) => return Some(ParcelFate::unopened(&error)),
        };
        let from = parcel.manifest.from;
        Some(match self.take_mail(around, &parcel)? {
            Some(true) => ParcelFate::Taken(from),
            Some(false) => ParcelFate::Left,
            None => ParcelFate::Useless,
        })
    }

    /// Everything that waits for a member as a courier file.
    pub(crate) fn courier_out(&mut self, around: &Surroundings<'_>, to: KeyId) -> Option<Vec<u8>> {
        let beside = Beside { refused: self.untold(around, to, 0).refusals(), ..Beside::default() };
        self.look(around, |exchange, rows| exchange.courier_out(rows, &to, &beside)).expect("maps answer")
    }

    /// Takes a courier file; whether a crash let it happen.
    pub(crate) fn courier_in(
        &mut self,
        around: &Surroundings<'_>,
        file: Vec<u8>,
    ) -> Result<bool, CourierError> {
        let parcel = self.look(around, |exchange, rows| exchange.courier_in(rows, file))?;
        Ok(self.take_mail(around, &parcel).is_some())
    }

    /// Takes what is in a parcel, in one transaction: what its sender has read, heads of ledgers, then envelopes. Answers whether
    /// everything in it is read then, or nothing where its sender said what does not read; outside that nothing when it crashed.
    fn take_mail(&mut self, around: &Surroundings<'_>, parcel: &Parcel) -> Option<Option<bool>> {
        let (manifest, now) = (&parcel.manifest, self.now(around));
        let from = manifest.from;
        let paid = self.memory.owed.entry(from).or_default().heard_by_parcel(manifest, now);
        let taken = self.transact(around, |exchange, write| {
            let again = parcel.says_again(&write.rows).expect("maps answer");
            let heard = exchange.parcel_heard(&write.rows, manifest, parcel.ack.as_ref());
            write.apply(heard.expect("maps answer"));
            if let Some(ack) = &parcel.ack {
                let Ok(Ok((_, effects))) = exchange.take_ack(&write.rows, ack) else {
                    write.give_up();
                    return None;
                };
                write.apply(effects);
            }
            for update in &parcel.heads {
                let outcome = exchange.take_head(&write.rows, update).expect("maps answer");
                write.apply(outcome.effects);
            }
            let mut batch: Vec<Received> = Vec::new();
            for sealed in &parcel.envelopes {
                let received = exchange.receive(&write.rows, sealed).expect("maps answer");
                write.take(&received);
                batch.push(received);
            }
            if !batch.is_empty() {
                write.apply(exchange.close(&write.rows, from, &batch).expect("is not taking back"));
            }
            if paid > 0 {
                write.apply(vec![Effect::Paid { peer: from, upto: paid }]);
            }
            let all = manifest.is_read(&write.rows.peer(&from).expect("maps answer"));
            Some((again, all))
        })?;
        let Some((again, all)) = taken else { return Some(None) };
        self.memory.owed.entry(from).or_default().note(manifest.life, parcel.envelopes.len(), &[]);
        self.memory.errands.heard(manifest, again);
        Some(Some(all))
    }

    /// What this node answers as a relay.
    pub(crate) fn relay(&mut self, around: &Surroundings<'_>, from: KeyId, message: Message) -> Said {
        let now = self.now(around);
        let whim = if self.fault == Fault::RelaysHoard { Whim::Hoard } else { self.whim };
        match message {
            Message::Put(number, parcel) => {
                let Ok(parcel) = Sealed::parse_parcel(parcel) else { return Vec::new() };
                self.shelf.put(parcel, now, whim);
                vec![(from, Message::Kept(number))]
            }
            Message::Take(routes) => {
                vec![(from, Message::HandedOut(self.shelf.hand_out(&routes, now, whim)))]
            }
            Message::Drop(marks) => {
                self.shelf.drop_marked(&marks, whim);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}
