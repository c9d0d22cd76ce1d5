//! What goes over relays: parcels for members that are not met, and those that others left for this one.
//!
//! A parcel is a courier file: everything that waits for the member from the first place it has not acknowledged, what this node
//! has read and refused of its, heads, and what it lacks of the registry. A later one takes the place of the one before it, so
//! nothing is lost with one that is not taken, and what was called back meanwhile is gone from the relay. The other end judges it
//! as it judges any courier file; a relay that loses, keeps back, repeats or mixes up changes nothing but the time it takes.
//!
//! What is remembered here is in memory alone: a process that begins puts again what waits, and whoever has it knows it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::Micros;
use base::limit::BATCH_ENVELOPES_MAX;
use base::signing::KeyId;
use community::{MemberId, MemberKind, Road};
use federation::{Beside, CourierError, Lane, Parcel, RelayWord, Sealed, parcels_from};
use serde::Serialize;
use sha2::{Digest, Sha256};
use stix::Timestamp;
use store::{Check, RelayHeld, StoreError};
use tokio::sync::Notify;

use super::left::Left;
use super::turns::{Mail, gaps, take_mail};
use super::views::failed;
use super::{Court, ExchangeError};
use crate::{Node, Peer};

/// What a node keeps in memory of relays.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    /// Told when something may wait for a member.
    pub(super) waiting: Notify,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// Since when this process has looked for members.
    since: Option<Micros>,
    with: BTreeMap<KeyId, With>,
    left: Left,
}

/// How it stands with one member.
#[derive(Clone, Debug, Default)]
struct With {
    /// When it was last met, whoever began.
    met: Option<Micros>,
    /// What the last parcel for it says, when it was made, and how often it was put.
    put: Option<(RelayWord, Micros, usize)>,
    /// The relay that has it.
    through: Option<MemberId>,
    /// Its route and digest, until it is withdrawn.
    mark: Option<Vec<u8>>,
    /// Why no relay took the last one.
    refused: Option<String>,
    /// When a parcel of its was last taken here.
    taken: Option<Micros>,
    /// When that one was made, by its sender's clock.
    heard_us: Option<i64>,
    /// It brought nothing new: what this node answered may be lost.
    asks_again: bool,
}

impl Relays {
    fn book<T>(&self, on: impl FnOnce(&mut Book) -> T) -> T {
        on(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with<T>(&self, member: &KeyId, on: impl FnOnce(&mut With) -> T) -> T {
        self.book(|book| on(book.with.entry(*member).or_default()))
    }

    /// A member was met.
    pub(super) fn note_met(&self, member: KeyId, now: Micros) {
        self.with(&member, |with| with.met = Some(now));
    }

    /// Whether a member has not been met for so long.
    fn is_away(&self, member: &KeyId, now: Micros, long: i64) -> bool {
        self.book(|book| {
            let since = *book.since.get_or_insert(now);
            let met = book.with.get(member).and_then(|with| with.met).unwrap_or(since);
            now.0.saturating_sub(met.0).abs() >= long
        })
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

/// A parcel for a member.
#[derive(Clone, Debug)]
pub struct RelayErrand {
    /// The sealed bytes.
    pub parcel: Vec<u8>,
    /// How often what it says was put before: as many relays are passed over.
    pub before: usize,
    word: RelayWord,
    at: Micros,
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

/// What is to become of a parcel at its relay.
enum Fate {
    /// Everything in it is here.
    Taken(KeyId),
    /// It never will be of use.
    Useless,
    /// It waits for something else.
    Left,
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
        let away = away.filter(|member| self.0.exchange.relays.is_away(member, now, long));
        let away: Vec<MemberId> = away.map(MemberId).collect();
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
        let sitting = Arc::clone(&court);
        let word = store::looked(self.store(), court.member(), move |rows| {
            sitting.exchange().relay_word(rows, &to.0).map_err(failed)
        });
        let Some(word) = word.await? else { return Ok(None) };
        let (put, heard_us, asks_again) =
            self.0.exchange.relays.with(&to.0, |with| (with.put, with.heard_us, with.asks_again));
        let again = i64::from(self.0.settings.relay.again_seconds).saturating_mul(Micros::SECOND);
        let is_news = word.is_news_after(put.as_ref().map(|(told, ..)| told));
        let long_ago = put.is_some_and(|(_, at, _)| court.now.0.saturating_sub(at.0).abs() >= again);
        let is_due = is_news || ((word.waits() || asks_again) && long_ago);
        if !is_due {
            return Ok(None);
        }
        let before = put.filter(|_| !is_news).map_or(0, |(_, _, times)| times);
        let beside = Beside {
            refused: self.0.exchange.owed(&to.0, |owed| owed.tell_by_relay(court.now.0)),
            papers: self.exchange_question(to, None).await.ok(),
            heard_us,
        };
        let sitting = Arc::clone(&court);
        let parcel = store::looked(self.store(), court.member(), move |rows| {
            sitting.exchange().relay_out(rows, &to.0, &beside).map_err(failed)
        });
        Ok(parcel.await?.map(|parcel| RelayErrand { parcel, before, word, at: court.now }))
    }

    /// A relay has taken a parcel.
    pub fn relay_was_put(&self, to: MemberId, errand: &RelayErrand, through: MemberId) {
        self.0.exchange.relays.with(&to.0, |with| {
            with.put = Some((errand.word, errand.at, errand.before.saturating_add(1)));
            (with.through, with.refused, with.asks_again) = (Some(through), None, false);
            with.mark = Sealed::parse_parcel(errand.parcel.clone()).ok().map(|sealed| {
                let digest: [u8; 32] = Sha256::digest(sealed.as_bytes()).into();
                [sealed.route().0.as_slice(), &digest].concat()
            });
        });
    }

    /// Parcels for members that are met again, and which relay need not keep them any longer; each is told once.
    ///
    /// # Errors
    /// The store failed.
    pub async fn relay_withdrawals(&self) -> Result<Vec<(Peer, Vec<u8>)>, StoreError> {
        let Some(table) = self.community_table().await? else { return Ok(Vec::new()) };
        let long = i64::from(self.0.settings.relay.after_seconds).saturating_mul(Micros::SECOND);
        let (relays, now) = (&self.0.exchange.relays, self.now());
        let put = relays.book(|book| {
            let put = book.with.iter().filter(|(_, with)| with.mark.is_some());
            put.map(|(member, _)| *member).collect::<Vec<_>>()
        });
        let met = put.into_iter().filter(|member| !relays.is_away(member, now, long));
        let marks =
            met.filter_map(|member| relays.with(&member, |with| Some((with.through?, with.mark.take()?))));
        let at = marks.filter_map(|(relay, mark)| {
            let endpoint = table.registry.member(relay)?.own().endpoints.first()?.clone();
            Some((Peer { member: relay, endpoint }, mark))
        });
        Ok(at.collect())
    }

    /// No relay has taken it; why the last one did not.
    pub fn relay_was_refused(&self, to: MemberId, code: &str) {
        self.0.exchange.relays.with(&to.0, |with| with.refused = Some(code.to_owned()));
    }

    /// What to ask a relay: the routes of those that are not met, one behind the other. One whose parcel waits for something else is
    /// passed over until it is looked at again: it would fill the answer every time.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn relay_question(&self, away: &[MemberId]) -> Result<Vec<u8>, ExchangeError> {
        let court = self.sitting().await?;
        let exchange = court.exchange();
        let routes = away.iter().flat_map(|member| exchange.relay_routes(&member.0));
        let relays = &self.0.exchange.relays;
        let routes = routes.filter(|route| !relays.book(|book| book.left.lies(&route.0, court.now)));
        Ok(routes.flat_map(|route| route.0).collect())
    }

    /// Takes what a relay handed out. What is no parcel for this node is passed over: a relay may hand out what it likes.
    ///
    /// # Errors
    /// See [`ExchangeError`]: the store failed, and everything waits on.
    pub async fn relay_take(&self, handed_out: &[u8]) -> Result<RelayTaken, ExchangeError> {
        let parcels = parcels_from(handed_out).map_err(|error| ExchangeError::Message(error.to_string()))?;
        let mut outcome = RelayTaken::default();
        for parcel in parcels {
            let digest: [u8; 32] = Sha256::digest(&parcel).into();
            let Ok(sealed) = Sealed::parse_parcel(parcel) else { continue };
            let (now, route) = (self.now(), sealed.route());
            let relays = &self.0.exchange.relays;
            if relays.book(|book| book.left.lies(&route.0, now)) {
                continue;
            }
            let fate = self.take_parcel(sealed).await?;
            let is_left = relays.book(|book| match fate {
                Fate::Left => book.left.again(route.0, now),
                Fate::Taken(_) | Fate::Useless => {
                    book.left.is_over(&route.0);
                    false
                }
            });
            if is_left {
                continue;
            }
            if let Fate::Taken(from) = fate {
                outcome.taken = outcome.taken.saturating_add(1);
                relays.with(&from, |with| with.taken = Some(now));
            }
            outcome.drop.extend(route.0);
            outcome.drop.extend(digest);
        }
        if outcome.taken > 0 {
            self.0.exchange.arrived.notify_waiters();
            self.tell_peers();
        }
        Ok(outcome)
    }

    async fn take_parcel(&self, sealed: Sealed) -> Result<Fate, ExchangeError> {
        let court = self.sitting().await?;
        let sitting = Arc::clone(&court);
        let opened = store::looked(self.store(), court.member(), move |rows| {
            Ok(sitting.exchange().courier_in(rows, sealed.as_bytes().to_vec()))
        });
        let parcel = match opened.await? {
            Ok(parcel) => parcel,
            Err(CourierError::Store(failed)) => return Err(failed.into()),
            Err(CourierError::Gap { .. }) => return Ok(Fate::Left),
            Err(error) => {
                tracing::info!(%error, "a parcel that a relay handed out is of no use");
                return Ok(Fate::Useless);
            }
        };
        let (from, places) = (parcel.manifest.from, parcel.manifest.places);
        if parcel.envelopes.len() > BATCH_ENVELOPES_MAX {
            tracing::warn!(member = %from, envelopes = parcel.envelopes.len(), "a parcel that a relay handed out holds too many");
            return Ok(Fate::Useless);
        }
        if let Some(papers) = &parcel.papers
            && let Err(error) = self.exchange_answer(papers, Some(MemberId(from))).await
        {
            tracing::info!(code = error.code(), %error, member = %from, "papers that came by relay are not taken");
        }
        // With the papers that came along: they may name who is in a circle.
        let court = self.sitting().await?;
        let read = match self.take_mail_of(&court, parcel).await {
            Ok(read) => read,
            // What a member put into it does not read. Nothing of it was taken, and others that came with it are not kept waiting.
            Err(error @ (ExchangeError::Message(_) | ExchangeError::Deed(_) | ExchangeError::Courier(_))) => {
                tracing::warn!(code = error.code(), %error, member = %from, "a parcel that a relay handed out does not read");
                return Ok(Fate::Useless);
            }
            Err(error) => return Err(error),
        };
        let all =
            places.into_iter().zip(read).all(|(places, read)| places.is_none_or(|(_, last)| last <= read));
        Ok(if all { Fate::Taken(from) } else { Fate::Left })
    }

    /// Takes what is in a parcel; how far each lane of its sender has been read then.
    async fn take_mail_of(&self, court: &Arc<Court>, parcel: Parcel) -> Result<[u64; 2], ExchangeError> {
        let (carrier, sitting) = (self.carrier(court).await?, Arc::clone(court));
        let Parcel { manifest, heads, envelopes, ack, .. } = parcel;
        let (from, life, places) = (manifest.from, manifest.life, manifest.places);
        let (known, received, said, read) = self
            .step(court, envelopes.len().max(1), move |exchange, desk| {
                let before = desk.rows().peer(&from)?;
                let known = Lane::QUEUES
                    .into_iter()
                    .zip(places)
                    .all(|(lane, places)| places.is_none_or(|(_, last)| last <= before.queue(lane).cursor));
                let mail = Mail { heads: &heads, ack: ack.as_ref(), batch: &envelopes };
                let (received, said) = take_mail(&sitting, exchange, (desk, &carrier), &mail, from)?;
                let peer = desk.rows().peer(&from)?;
                Ok((known, received, said, Lane::QUEUES.map(|lane| peer.queue(lane).cursor)))
            })
            .await?;
        self.0.exchange.note_gaps(from, gaps(&received));
        self.0.exchange.owed(&from, |owed| {
            owed.note(life, said.as_ref(), &[]);
            // It is a moment of this node's own clock: one that is yet to come was never told.
            if let Some(heard) = manifest.heard_us.filter(|heard| *heard <= court.now.0) {
                owed.heard_by_relay(heard);
            }
        });
        self.0.exchange.relays.with(&from, |with| {
            with.heard_us = with.heard_us.max(Some(manifest.at_us));
            // Whoever says again what is known here has not heard that it is.
            with.asks_again |= known && places.iter().any(Option::is_some);
        });
        Ok(read)
    }

    /// Waits until something may wait for a member.
    pub async fn relay_waiting(&self) {
        self.0.exchange.relays.waiting.notified().await;
    }

    /// How a member is reached over relays; `None` where it was never needed.
    pub(super) fn by_relay(&self, member: &KeyId, now: Micros) -> Option<PeerByRelay> {
        let long = i64::from(self.0.settings.relay.after_seconds).saturating_mul(Micros::SECOND);
        let away = self.0.exchange.relays.is_away(member, now, long);
        let with = self.0.exchange.relays.with(member, |with| with.clone());
        let used = with.put.is_some() || with.taken.is_some() || with.refused.is_some();
        used.then(|| PeerByRelay {
            used: away,
            through: with.through.map(|relay| self.slug_of(&relay.0)),
            put: with.put.map(|(_, at, _)| Timestamp::text_of(at)),
            taken: with.taken.map(Timestamp::text_of),
            refused: with.refused,
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

    /// A line of `doctor` on relays; `None` where none is needed and none is kept.
    pub(crate) async fn check_relays(&self) -> Result<Option<Check>, StoreError> {
        let held = self.relay_held().await?;
        let away = match self.relay_round().await {
            Ok(Some(round)) => round.away,
            _ => Vec::new(),
        };
        let refused: Vec<String> = away
            .iter()
            .filter_map(|member| {
                let code = self.0.exchange.relays.with(&member.0, |with| with.refused.clone())?;
                Some(format!("{} [{code}]", self.slug_of(&member.0)))
            })
            .collect();
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
