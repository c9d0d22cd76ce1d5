//! What goes over relays: parcels for members that are not met, and those that others left for this one.
//!
//! A parcel is a courier file: everything that waits for the member from the first place it has not acknowledged, what this node
//! has read and refused of its, heads, and what it lacks of the registry. A later one takes the place of the one before it, so
//! nothing is lost with one that is not taken, and what was called back meanwhile is gone from the relay. The other end judges it
//! as it judges any courier file; a relay that loses, keeps back, repeats or mixes up changes nothing but the time it takes.
//!
//! What is remembered here is in memory alone: a process that begins puts again what waits, and whoever has it knows it. What lies at
//! which relay is remembered over restarts, for as long as relays keep it (`deposits`).

use std::sync::{Arc, Mutex, PoisonError};

use base::Micros;
use base::signing::KeyId;
use community::{MemberId, MemberKind, Road};
use federation::{
    Beside, CourierError, Effect, Errands, Parcel, ParcelFate, RelayErrand, RelayWord, Sealed, parcels_from,
    relay_mark,
};
use serde::Serialize;
use stix::Timestamp;
use store::{Check, RelayHeld, StoreError};
use tokio::sync::Notify;

use super::turns::{Mail, gaps, take_mail};
use super::views::failed;
use super::{Court, ExchangeError};
use crate::community::Heard;
use crate::{Node, Peer};

/// What a node keeps in memory of relays.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    /// Told when something may wait for a member.
    pub(super) waiting: Notify,
    book: Mutex<Errands>,
}

impl Relays {
    pub(super) fn book<T>(&self, on: impl FnOnce(&mut Errands) -> T) -> T {
        on(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A member was met.
    pub(super) fn note_met(&self, member: KeyId, now: Micros) {
        self.book(|book| book.note_met(member, now));
    }
}

/// Who is to be reached through whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayRound {
    /// Relays, in the order in which they are tried.
    pub relays: Vec<Peer>,
    /// Members that are not met.
    pub away: Vec<MemberId>,
}

/// What came of parcels that a relay handed out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayTaken {
    /// What the relay need not keep any longer, as it takes that; empty = nothing.
    pub drop: Vec<u8>,
    /// Parcels that were taken.
    pub taken: usize,
}

/// How a member is reached over relays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerByRelay {
    /// Whether parcels for it go to relays now, since it is not met.
    pub used: bool,
    /// The relay that took the last parcel for it, by slug.
    pub through: Option<String>,
    /// When that was (RFC 3339).
    pub put: Option<String>,
    /// When a parcel of its was last taken from a relay (RFC 3339).
    pub taken: Option<String>,
    /// Why no relay took the last parcel for it: a code, or `unreachable`.
    pub refused: Option<String>,
}

/// Figures of relays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayFigures {
    /// What is kept here for others.
    pub held: RelayHeld,
    /// Members that are not met and reached over relays.
    pub away: u64,
}

impl Node {
    /// Who is to be reached through whom now; `None` when everybody is met, or there is no relay.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn relay_round(&self) -> Result<Option<RelayRound>, ExchangeError> {
        if self.is_recovering() {
            return Ok(None);
        }
        let (Some(court), Some(table)) = (self.court().await?, self.community_table().await?) else {
            return Ok(None);
        };
        let (settings, now) = (&self.0.settings.relay, court.now);
        let long = i64::from(settings.after_seconds).saturating_mul(Micros::SECOND);
        let others = court.exchange().directory.active();
        let away = others.into_iter().filter(|member| *member != court.member());
        let away: Vec<MemberId> = self
            .0
            .exchange
            .relays
            .book(|book| away.filter(|member| book.is_away(member, now, long)).map(MemberId).collect());
        let mut relays: Vec<(usize, String, Peer)> = Vec::new();
        for member in table.registry.members().filter(|member| member.id() != table.me) {
            let slug = member.slug().to_string();
            let place = match &settings.through {
                Some(named) => named.iter().position(|name| *name == slug),
                None => (member.kind() == MemberKind::Secretariat).then_some(0),
            };
            let endpoint = member.own().endpoints.first().filter(|endpoint| endpoint.road() == Road::Mutual);
            if let (Some(place), Some(endpoint), true) = (place, endpoint, member.status(now).takes_part()) {
                relays.push((place, slug, Peer { member: member.id(), endpoint: endpoint.clone() }));
            }
        }
        relays.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let relays: Vec<Peer> = relays.into_iter().map(|(_, _, peer)| peer).collect();
        Ok((!relays.is_empty() && !away.is_empty()).then_some(RelayRound { relays, away }))
    }

    /// A parcel for a member that is not met; `None` when it would say nothing new.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn relay_parcel(&self, to: MemberId) -> Result<Option<RelayErrand>, ExchangeError> {
        let court = self.sitting().await?;
        let Some(word) = self.relay_word(&court, to).await? else { return Ok(None) };
        let again = i64::from(self.0.settings.relay.again_seconds).saturating_mul(Micros::SECOND);
        let (due, heard_us) = self
            .0
            .exchange
            .relays
            .book(|book| (book.due(&to.0, word, (court.now, again)), book.heard_us(&to.0)));
        let Some(due) = due else { return Ok(None) };
        let untold = self.untold(&court, to.0, 0).await?;
        let beside = Beside {
            refused: self.0.exchange.owed(&to.0, |owed| owed.tell_by_parcel(court.now.0, untold)),
            papers: self.papers_by_parcel(to).await.ok(),
            heard_us,
        };
        let sitting = Arc::clone(&court);
        let parcel = store::looked(self.store(), court.member(), move |rows| {
            sitting.exchange().relay_out(rows, &to.0, &beside).map_err(failed)
        });
        Ok(parcel.await?.map(|packed| due.with(packed)))
    }

    /// No relay has taken it; why the last one did not.
    pub fn relay_was_refused(&self, to: MemberId, code: &str) {
        self.0.exchange.relays.book(|book| book.was_refused(to.0, code));
    }

    /// What to ask a relay: the routes of those that are not met, one behind the other. One whose parcel waits for something else is
    /// passed over until it is looked at again: it would fill the answer every time.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn relay_question(&self, away: &[MemberId]) -> Result<Vec<u8>, ExchangeError> {
        let court = self.sitting().await?;
        let away: Vec<KeyId> = away.iter().map(|member| member.0).collect();
        let routes = self.0.exchange.relays.book(|book| book.routes(&court.exchange(), &away));
        Ok(routes.into_iter().flat_map(|route| route.0).collect())
    }

    /// Takes what a relay handed out. What is no parcel for this node is passed over: a relay may hand out what it likes.
    ///
    /// # Errors
    /// See [`ExchangeError`]: the store failed, and everything waits on.
    pub async fn relay_take(&self, handed_out: &[u8]) -> Result<RelayTaken, ExchangeError> {
        let parcels = parcels_from(handed_out).map_err(|error| ExchangeError::Message(error.to_string()))?;
        let mut outcome = RelayTaken::default();
        for parcel in parcels {
            let Ok(sealed) = Sealed::parse_parcel(parcel) else { continue };
            let (now, route, mark) = (self.now(), sealed.route(), relay_mark(&sealed));
            let relays = &self.0.exchange.relays;
            if relays.book(|book| book.lies(&route, now)) {
                continue;
            }
            let fate = self.take_parcel(sealed).await?;
            if !relays.book(|book| book.settled(route, fate, now)) {
                continue;
            }
            if matches!(fate, ParcelFate::Taken(_)) {
                outcome.taken = outcome.taken.saturating_add(1);
            }
            outcome.drop.extend(mark);
        }
        if outcome.taken > 0 {
            self.0.exchange.arrived.notify_waiters();
            self.tell_peers();
        }
        Ok(outcome)
    }

    async fn take_parcel(&self, sealed: Sealed) -> Result<ParcelFate, ExchangeError> {
        let sealed = Arc::new(sealed);
        let mut opened = self.open_parcel(&sealed).await?;
        let mut again = None;
        if let Err(CourierError::UnknownKey { from, papers }) = &opened {
            // They are judged by themselves, and may say whose key it is.
            tracing::info!(member = %from, "a parcel that a relay handed out is signed with a key that is not known yet");
            again = Some(self.take_papers_of(*from, papers.as_deref()).await);
            opened = self.open_parcel(&sealed).await?;
        }
        let parcel = match opened {
            Ok(parcel) => parcel,
            Err(CourierError::Store(failed)) => return Err(failed.into()),
            Err(error) => {
                let fate = ParcelFate::unopened(&error);
                if fate == ParcelFate::Useless {
                    tracing::info!(%error, "a parcel that a relay handed out is of no use");
                }
                return Ok(fate);
            }
        };
        let from = parcel.manifest.from;
        let said_again = self.take_papers_of(from, parcel.papers.as_deref()).await;
        let again = again.unwrap_or(said_again);
        // With the papers that came along: they may name who is in a circle.
        let court = self.sitting().await?;
        match self.take_mail_of(&court, parcel, again).await {
            Ok(true) => Ok(ParcelFate::Taken(from)),
            Ok(false) => Ok(ParcelFate::Left),
            // What a member put into it does not read. Nothing of it was taken, and others that came with it are not kept waiting.
            Err(error @ (ExchangeError::Message(_) | ExchangeError::Deed(_) | ExchangeError::Courier(_))) => {
                tracing::warn!(code = error.code(), %error, member = %from, "a parcel that a relay handed out does not read");
                Ok(ParcelFate::Useless)
            }
            Err(error) => Err(error),
        }
    }

    async fn open_parcel(&self, sealed: &Arc<Sealed>) -> Result<Result<Parcel, CourierError>, ExchangeError> {
        let (court, sealed) = (self.sitting().await?, Arc::clone(sealed));
        let sitting = Arc::clone(&court);
        let opened = store::looked(self.store(), court.member(), move |rows| {
            Ok(sitting.exchange().relay_in(rows, &sealed))
        });
        Ok(opened.await?)
    }

    /// Takes the papers of a parcel; whether they say again what this node holds of its sender's circles.
    async fn take_papers_of(&self, from: KeyId, papers: Option<&[u8]>) -> bool {
        let Some(papers) = papers else { return false };
        match self.papers_heard(papers, Some(MemberId(from))).await {
            Ok((_, Heard::Member { again })) => {
                self.0.exchange.awaited_circles.came_by_file(from, self.now());
                return again;
            }
            // What waits for papers of the member's goes on waiting: whoever has a former key of its has not read them to anybody.
            Ok((_, Heard::Nothing)) => {
                tracing::info!(member = %from, "papers that came by relay are not its sender's word as a member");
            }
            Err(error) => {
                tracing::info!(code = error.code(), %error, member = %from, "papers that came by relay are not taken");
            }
        }
        false
    }

    /// Takes what is in a parcel, whose papers may have said something `again`; whether everything in it has been read then.
    async fn take_mail_of(
        &self,
        court: &Arc<Court>,
        parcel: Parcel,
        said_again: bool,
    ) -> Result<bool, ExchangeError> {
        let (carrier, sitting) = (self.carrier(court).await?, Arc::clone(court));
        let (from, told) = (parcel.manifest.from, parcel.manifest.clone());
        let paid = self.0.exchange.owed(&from, |owed| owed.heard_by_parcel(&told, court.now));
        let came = parcel.envelopes.len();
        let (again, received, all) = self
            .step(court, parcel.envelopes.len().max(1), move |exchange, desk| {
                let again = parcel.says_again(desk.rows())?;
                let Parcel { manifest, heads, envelopes, ack, .. } = &parcel;
                let mail = Mail { manifest, heads, ack: ack.as_ref(), batch: envelopes };
                let received = take_mail(&sitting, exchange, (desk, &carrier), &mail)?.received;
                if paid > 0 {
                    desk.apply(vec![Effect::Paid { peer: from, upto: paid }])?;
                }
                Ok((again, received, manifest.is_read(&desk.rows().peer(&from)?)))
            })
            .await?;
        self.0.exchange.note_gaps(from, gaps(&received));
        self.0.exchange.owed(&from, |owed| owed.note(told.life, came, &[]));
        self.0.exchange.relays.book(|book| book.heard(&told, again || said_again));
        self.tell_registry().await?;
        Ok(all)
    }

    /// Waits until something may wait for a member.
    pub async fn relay_waiting(&self) {
        self.0.exchange.relays.waiting.notified().await;
    }

    /// How a member is reached over relays; `None` where it was never needed.
    pub(super) fn by_relay(&self, member: &KeyId, now: Micros) -> Option<PeerByRelay> {
        let long = i64::from(self.0.settings.relay.after_seconds).saturating_mul(Micros::SECOND);
        let relays = &self.0.exchange.relays;
        let (away, reached) = relays.book(|book| (book.is_away(member, now, long), book.reached(member)));
        let used = reached.put.is_some() || reached.taken.is_some() || reached.refused.is_some();
        used.then(|| PeerByRelay {
            used: away,
            through: reached.through.map(|relay| self.slug_of(&relay)),
            put: reached.put.map(Timestamp::text_of),
            taken: reached.taken.map(Timestamp::text_of),
            refused: reached.refused,
        })
    }

    /// Figures of relays.
    ///
    /// # Errors
    /// The store failed.
    pub async fn relay_figures(&self) -> Result<RelayFigures, StoreError> {
        let held = self.relay_held().await?;
        let away = self.relay_round().await.ok().flatten().map_or(0, |round| round.away.len());
        Ok(RelayFigures { held, away: away as u64 })
    }

    /// Whether anything waits that a member has not acknowledged.
    async fn waits_for(&self, member: MemberId) -> Result<bool, StoreError> {
        let Some(court) = self.court().await?.map(Arc::new) else { return Ok(false) };
        let word = self.relay_word(&court, member).await.map_err(|error| match error {
            ExchangeError::Store(error) => error,
            other => StoreError::Backend(format!("cannot tell what waits for a member: {other}")),
        })?;
        Ok(word.is_some_and(|word| word.waits()))
    }

    /// What a parcel for a member would say now; `None` while this node takes back what a restore has lost.
    async fn relay_word(&self, court: &Arc<Court>, to: MemberId) -> Result<Option<RelayWord>, ExchangeError> {
        let sitting = Arc::clone(court);
        let word = store::looked(self.store(), court.member(), move |rows| {
            sitting.exchange().relay_word(rows, &to.0).map_err(failed)
        });
        let Some(word) = word.await? else { return Ok(None) };
        let papers = self.papers_word(to).await.map_err(ExchangeError::Papers)?;
        Ok(Some(word.with(papers)))
    }

    /// A line of `doctor` on relays; `None` where none is needed and none is kept.
    pub(crate) async fn check_relays(&self) -> Result<Option<Check>, StoreError> {
        let held = self.relay_held().await?;
        let away = match self.relay_round().await {
            Ok(Some(round)) => round.away,
            _ => Vec::new(),
        };
        let mut refused = Vec::new();
        for member in &away {
            let code = self.0.exchange.relays.book(|book| book.reached(&member.0).refused);
            // It may have come by file since, or by a meeting.
            if let Some(code) = code
                && self.waits_for(*member).await?
            {
                refused.push(format!("{} [{code}]", self.slug_of(&member.0)));
            }
        }
        if away.is_empty() && held.parcels == 0 {
            return Ok(None);
        }
        let ok = refused.is_empty();
        let detail = if ok {
            format!(
                "{} members are not met and reached by relay; {} parcels of others, {} bytes, are kept here",
                away.len(),
                held.parcels,
                held.bytes
            )
        } else {
            format!(
                "no relay takes what waits for {}: `cresset explain` tells what the code means",
                refused.join(", ")
            )
        };
        Ok(Some(Check { name: "relay", ok, detail }))
    }
}
