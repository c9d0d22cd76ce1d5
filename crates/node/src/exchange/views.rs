//! What is shown of exchange: who holds an own object, how it stands with each peer, and the state all entitled nodes share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Micros;
use base::limit::PEER_REFUSALS_SHOWN;
use base::signed::Signed;
use base::signing::KeyId;
use bytes::Bytes;
use federation::{
    Exchange, HolderRow, Lane, ObjectName, ReceiptRow, ReceiptState, RefusalRow, Rows, VersionRow,
    holders_now, part_state, state_hash_of,
};
use handling::{Addressee, CircleId, Principal, Refusal, Role, Rule, Rules};
use ledger::act::Act;
use serde::Serialize;
use stix::{ObjectId, Timestamp};
use store::{RefusedBy, StoreError, StoredObject};

use super::giving::{authors, own_word};
use super::later::waits;
use super::purview::{known_by, said};
use super::retention::is_over;
use super::{Court, ExchangeError, Spoken};
use crate::{Node, NoticeView, ReadError, RoadError};

/// A member that has an own object, or was to have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HolderView {
    /// The member, by slug where known.
    pub member: String,
    /// Why it may: `released` or `consent`; why it is to have it no more: `recalled`, `erased`, `narrowed` where stricter rules let it keep
    /// nothing of it, or `circle-left` where circles let it have it that it is in no more; where it was never given, the rule it waits for.
    pub rule: String,
    /// When it received a version that it has, by its own clock (RFC 3339).
    pub received_at: Option<String>,
    /// `valid` where it has signed for what it has, else `missing`.
    pub receipt: &'static str,
    /// Of what was taken back or is to be let go of: `pending` until it has signed for that, or `refused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taking_back: Option<&'static str>,
    /// Why it does not have a version now and will: `embargo until ...`, say. Of several that wait, what is looked at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
}

/// Something that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerRefusal {
    /// The object, as the refused act named it, to whoever may see it here. What was refused here is not here, as a rule: unless another
    /// version of it is, its name is told to those who run or audit this node as well.
    pub object: Option<String>,
    /// The code, with handling's after a slash.
    pub rule: String,
    /// `here` or `there`.
    pub by: &'static str,
    /// When (RFC 3339).
    pub at: String,
}

/// How it stands with a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerView {
    /// The member, by slug where known.
    pub member: String,
    /// Whether it was heard of within the last minutes.
    pub reachable: bool,
    /// For how long it was not, in seconds.
    #[serde(skip)]
    pub(crate) unreached_seconds: u64,
    /// When it was last heard of (RFC 3339).
    pub seen: Option<String>,
    /// The version of the protocol spoken with it.
    pub version: Option<u32>,
    /// The code that says that it greeted last in no version that this node speaks: nothing goes either way until one of them is brought up to date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_refused: Option<&'static str>,
    /// Its acts that came and that no head of its ledger covers yet.
    pub lag_in: u64,
    /// Envelopes that wait for it; null for whoever does not run or audit the node, as hidden objects count too.
    pub lag_out: Option<u64>,
    /// Versions of own objects that wait until it may have them, for the same: see [`HolderView::waits`].
    pub waits: Option<u64>,
    /// Circles of this member's, and farewells from them, that it is due and has not confirmed.
    pub undelivered: u64,
    /// Leaves of its last head known here.
    pub last_head: Option<u64>,
    /// Places in its lanes at which something is missing, as of what it said last.
    pub gaps: u64,
    /// Since when what it sends waits for the document of a circle (RFC 3339), and everything behind it; an hour at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub awaits_circle: Option<String>,
    /// The code with which its node took nothing from here when it was last offered something: `store-read-only` where its disk is full, say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes_nothing: Option<&'static str>,
    /// Its clock minus this node's, in seconds.
    pub skew_seconds: i64,
    /// How its nodes are to be reached: `mutual`, `proxied` or `plain`.
    pub road: Option<&'static str>,
    /// Whether both ends had shown whose nodes they are when they last spoke; null before they did.
    pub mutual: Option<bool>,
    /// Why what answered in its place was last not taken for a node of its.
    pub road_refused: Option<&'static str>,
    /// Files of evidence against it that are kept here: each proves to anybody that it told two stories.
    pub evidence: u64,
    /// While this node takes back what a restore has lost: `awaited`, `given-back`, or `left-out` by the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<&'static str>,
    /// How it is reached over relays; absent where none was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<super::PeerByRelay>,
    /// How often this node refused what came from it.
    pub refused_here: u64,
    /// How often it said that it refused what this node sent.
    pub refused_there: u64,
    /// What was refused last, newest first.
    pub refusals: Vec<PeerRefusal>,
    /// What it did without a second person and told everybody, newest first; for those who run, audit or approve here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeView>,
}

/// What the members of a circle hold alike of what is addressed to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CircleState {
    /// 64 hexadecimal digits.
    pub state_hash: String,
    /// Objects held under rules that name the circle.
    pub objects: u64,
}

/// The state that equally entitled nodes share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StateView {
    /// 64 hexadecimal digits.
    pub state_hash: String,
    /// Versions held under the word of some member.
    pub objects: u64,
    /// Leaves of this member's ledger.
    pub leaves: u64,
}

/// Where an object came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// The originator, by slug where known; null while this node's member is in no community.
    pub origin: Option<String>,
    /// The members it went through, the originator first, this one last.
    pub path: Vec<String>,
    /// `valid` or `invalid`: the originator's signature over the act that gave it; null where there was none.
    pub signature: Option<&'static str>,
    /// Where that act stands in the originator's ledger.
    pub leaf: Option<u64>,
    /// Members that have signed for having it, known to its originator alone, as far as the one who asks is told of them.
    pub holders_known: u64,
}

/// How long a peer counts as reachable after it was heard of, where no question to it went unanswered since.
const REACHABLE: i64 = 120 * Micros::SECOND;
/// How long one that cannot be called counts as reachable after it has called: who is there does so every ten seconds.
const CALLS: i64 = 25 * Micros::SECOND;

pub(super) fn failed(failed: federation::StoreFailed) -> StoreError {
    StoreError::Backend(failed.0)
}

impl Node {
    /// Who holds an own object, and who has not said yet that it gave up what was called back or erased.
    ///
    /// # Errors
    /// See [`ExchangeError`]. Of an object that stands here no more who runs or audits the node is told, and everybody else what they
    /// are told of what was never here. Nor are these told who has what others here gave under the same identifier: of each version that was
    /// given they are told who see it, in whichever bytes.
    pub async fn holders(&self, who: &Principal, id: &str) -> Result<Vec<HolderView>, ExchangeError> {
        let court = self.hearing().await?;
        let name = ObjectName { author: court.member(), id: id.to_owned() };
        let eyes = self.eyes(who).for_deeds();
        match self.store().own_object(&eyes, id, None).await {
            Ok(_) => {}
            Err(StoreError::NotFound { .. }) => {
                // Nobody is told that something was here but those who run the node.
                if !runs(who) || !self.is_gone(&court, id).await? {
                    // Of what others say of it, nobody here knows who holds it.
                    self.store().object(&eyes, id, None).await.map_err(ReadError::from)?;
                    return Ok(Vec::new());
                }
            }
            Err(error) => return Err(ReadError::from(error).into()),
        }
        let (sitting, seen) = (Arc::clone(&court), self.seen_of_own(&court, who, id).await?);
        let look = move |rows: &dyn Rows| {
            let told = Told::of(rows, &name, seen.as_ref())?;
            let mut later = BTreeMap::new();
            for row in
                rows.later(&name.id).map_err(failed)?.into_iter().filter(|row| told.is_of(&row.version))
            {
                let first = later.entry(row.member).or_insert_with(|| row.clone());
                if row.look < first.look {
                    *first = row;
                }
            }
            let Holders { with, left, narrowed } = holders(&sitting.exchange(), rows, (&name, &told))?;
            // Who has not answered a recall says what was called back, which is known no more.
            let mut not = if seen.is_none() { not_given_up(rows, &name)? } else { Vec::new() };
            not.extend(left.into_iter().map(|member| (member, CIRCLE_LEFT, Some("pending"))));
            not.extend(narrowed.into_iter().map(|(member, answer)| (member, NARROWED, answer)));
            Ok((with, not, later))
        };
        let (found, left, mut later) = store::looked(self.store(), court.member(), look).await?;
        let mut views = Vec::new();
        for (member, rule, received) in found {
            let waits = later.remove(&member).map(|row| waits(&row));
            views.push(HolderView {
                member: self.slug_of(&member),
                rule,
                received_at: received.map(Timestamp::text_of),
                receipt: if received.is_some() { "valid" } else { "missing" },
                taking_back: None,
                waits,
            });
        }
        views.extend(later.into_values().map(|row| HolderView {
            member: self.slug_of(&row.member),
            waits: Some(waits(&row)),
            rule: row.rule,
            received_at: None,
            receipt: "missing",
            taking_back: None,
        }));
        views.extend(left.into_iter().map(|(member, rule, taking_back)| HolderView {
            member: self.slug_of(&member),
            rule: rule.to_owned(),
            received_at: None,
            receipt: "missing",
            taking_back,
            waits: None,
        }));
        Ok(views)
    }

    /// What a principal sees of an object by this member's own word, by what each version is known by; `None` for who runs or audits the node,
    /// and is told of all that was given.
    async fn seen_of_own(
        &self,
        court: &Court,
        who: &Principal,
        id: &str,
    ) -> Result<Option<BTreeSet<[u8; 32]>>, StoreError> {
        if runs(who) {
            return Ok(None);
        }
        let rows = match self.store().history(&self.eyes(who).for_deeds(), id).await {
            Err(StoreError::NotFound { .. }) => Vec::new(),
            rows => rows?,
        };
        let own = rows.into_iter().filter(|row| row.originator.is_own(Some(court.home())));
        Ok(Some(own.flat_map(|row| [row.digest, row.content]).collect()))
    }

    /// Where an object came from, as far as this node's member can tell: for those who may see the object. Of who holds it as many are
    /// counted as [`Node::holders`] tells the one who asks.
    ///
    /// # Errors
    /// The store failed.
    pub async fn provenance(&self, who: &Principal, object: &StoredObject) -> Result<Provenance, StoreError> {
        let Some(court) = self.court().await?.map(Arc::new) else { return Ok(Provenance::default()) };
        let authors = authors(&court, object);
        let author = match (own_word(&court, object), authors.first()) {
            (Some(_), _) => court.member(),
            (None, Some(author)) => *author,
            (None, None) => return Ok(Provenance::default()),
        };
        let name = ObjectName { author, id: object.id.clone() };
        let version = federation::object_version(&object.bytes).unwrap_or_default();
        let seen = match author == court.member() {
            true => self.seen_of_own(&court, who, &object.id).await?,
            false => None,
        };
        let (sitting, bytes) = (Arc::clone(&court), object.bytes.clone());
        let (held, act, holders) = store::looked(self.store(), court.member(), move |rows| {
            let told = Told::of(rows, &name, seen.as_ref())?;
            let mut held = told.versions.iter().find(|held| held.version == version).cloned();
            if let Some(own) = held.as_ref().filter(|held| held.name.author == sitting.member())
                && said(rows, own)?.is_none_or(|said| said != bytes)
            {
                // Something else was given under its date.
                held = None;
            }
            let act = match &held {
                Some(held) => rows.act(&author, held.sequence).map_err(failed)?,
                None => None,
            };
            Ok((held, act, holders(&sitting.exchange(), rows, (&name, &told))?.with))
        })
        .await?;
        let keys = court.exchange().directory.keys(&author);
        let signature = act.and_then(|act| Signed::parse(act.signed.as_bytes()).ok()).map(|signed| {
            if keys.iter().any(|key| Act::open(&signed, key).is_ok()) { "valid" } else { "invalid" }
        });
        let by = held.as_ref().and_then(|held| held.by);
        let path = [Some(author), by, Some(court.member()).filter(|me| *me != author)];
        Ok(Provenance {
            origin: Some(self.slug_of(&author)),
            path: path.into_iter().flatten().map(|member| self.slug_of(&member)).collect(),
            signature,
            leaf: held.map(|held| held.sequence),
            holders_known: holders.iter().filter(|(_, _, received)| received.is_some()).count() as u64,
        })
    }

    /// How it stands with every other member that takes part.
    ///
    /// # Errors
    /// See [`ExchangeError`]; refused unless the principal runs or audits the node, or reads content.
    pub async fn peers(&self, who: &Principal) -> Result<Vec<PeerView>, ExchangeError> {
        let court = self.hearing().await?;
        may_know_peers(who)?;
        let mut views = self.peer_views(&court).await?;
        for view in &mut views {
            self.hide_unseen(who, &mut view.refusals).await?;
            if !runs(who) {
                (view.lag_out, view.waits) = (None, None);
            }
        }
        // Who may not know of notices sees the rest.
        for notice in self.notices(who).await.unwrap_or_default() {
            if let Some(view) = views.iter_mut().find(|view| view.member == notice.member) {
                view.notices.push(notice);
            }
        }
        Ok(views)
    }

    /// Whether anything waits for a member, or for any: to wait until it has gone. Who may know of peers may wait.
    ///
    /// # Errors
    /// As [`Node::peers`].
    pub async fn is_behind(&self, who: &Principal, member: Option<&str>) -> Result<bool, ExchangeError> {
        may_know_peers(who)?;
        let court = self.hearing().await?;
        let views = self.peer_views(&court).await?;
        let mut asked = views.iter().filter(|view| member.is_none_or(|member| view.member == member));
        Ok(asked.any(|view| view.lag_out != Some(0)))
    }

    /// How it stands with every other member, without notices, and with objects that not everybody may see.
    pub(super) async fn peer_views(&self, court: &Arc<Court>) -> Result<Vec<PeerView>, ExchangeError> {
        let mut views = Vec::new();
        let others: BTreeSet<KeyId> = court.exchange().directory.active();
        for member in others.into_iter().filter(|member| *member != court.member()) {
            views.push(self.peer_view(court, member).await?);
        }
        Ok(views)
    }

    /// Takes the names of objects away that whoever asks may not see; while the node takes back what it lost, that is all. Who runs or audits
    /// the node is told the name of what was refused here and is not held here: that somebody sent it tells nothing of what is held.
    async fn hide_unseen(&self, who: &Principal, refusals: &mut [PeerRefusal]) -> Result<(), StoreError> {
        let (eyes, runs) = (self.eyes(who), runs(who));
        for refusal in refusals {
            let Some(id) = &refusal.object else { continue };
            match self.store().object(&eyes, id, None).await {
                Ok(_) | Err(StoreError::Altered { .. }) => {}
                Err(StoreError::NotFound { .. })
                    if runs && refusal.by == HERE && !self.store().stands(id, None).await? => {}
                Err(StoreError::NotFound { .. } | StoreError::Recovering) => refusal.object = None,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether a member is there, as far as is known: where questions to it go unanswered, it has called since the first of them, and lately.
    fn is_reachable(&self, member: &KeyId, seen: Option<Micros>, now: Micros) -> bool {
        let lately = |at: Option<Micros>, long| {
            at.is_some_and(|at| now.0.saturating_sub(at.0).saturating_abs() < long)
        };
        if self.0.exchange.last_spoken(member) == Some(Spoken::Unreachable) {
            let (called, in_vain) =
                (self.0.exchange.last_called(member), self.0.exchange.unreached_since(member));
            lately(called.filter(|called| in_vain.is_none_or(|since| *called >= since)), CALLS)
        } else {
            lately(seen, REACHABLE)
        }
    }

    async fn peer_view(&self, court: &Arc<Court>, member: KeyId) -> Result<PeerView, ExchangeError> {
        let sitting = Arc::clone(court);
        let refusals = self.store().refusals(Some(member), PEER_REFUSALS_SHOWN).await?;
        let refused = self.store().refused(member).await?;
        let (peer, awaited, waits, mirror, recovery, evidence) =
            store::looked(self.store(), court.member(), move |rows| {
                let peer = rows.peer(&member).map_err(failed)?;
                let awaited = rows.awaited(&member).map_err(failed)?;
                let recovery = match rows.own().map_err(failed)?.recovery {
                    Some(recovery) if recovery.without.contains(&member) => Some("left-out"),
                    Some(recovery) => {
                        let awaited = sitting.exchange().awaited_members(rows, &recovery).map_err(failed)?;
                        Some(if awaited.contains(&member) { "awaited" } else { "given-back" })
                    }
                    None => None,
                };
                let waits = rows.later_for(&member).map_err(failed)?;
                let mirror = rows.mirror(&member).map_err(failed)?;
                let evidence = rows.evidence_against(&member).map_err(failed)?;
                Ok((peer, awaited, waits, mirror, recovery, evidence))
            })
            .await?;
        let gone = self.0.roads.gone(&member);
        let lanes = Lane::QUEUES.into_iter().enumerate();
        let gaps =
            lanes.map(|(at, lane)| self.0.exchange.missing(&member, at, peer.queue(lane).cursor)).sum();
        let waiting = Lane::QUEUES.map(|lane| peer.queue(lane));
        let reachable = self.is_reachable(&member, peer.seen, court.now);
        // What is known of calls in vain ends with the process; when it was heard of does not.
        let quiet = peer.seen.or_else(|| self.0.exchange.unreached_since(&member)).filter(|_| !reachable);
        let unreached_us = quiet.map_or(0, |since| court.now.0.saturating_sub(since.0).max(0));
        Ok(PeerView {
            member: self.slug_of(&member),
            reachable,
            unreached_seconds: (unreached_us / Micros::SECOND).unsigned_abs(),
            seen: peer.seen.map(Timestamp::text_of),
            version: peer.version,
            version_refused: super::clocks::is_not_spoken(&peer).then_some(VERSION_NOT_SPOKEN),
            lag_in: awaited.len() as u64,
            lag_out: Some(waiting.iter().map(|queue| queue.last.saturating_sub(queue.acked)).sum()),
            waits: Some(waits),
            undelivered: self
                .circles_due(community::MemberId(member))
                .await
                .map_err(ExchangeError::Papers)?,
            last_head: mirror.map(|row| row.size),
            gaps,
            awaits_circle: self.0.exchange.awaited_circles.since(&member).map(Timestamp::text_of),
            takes_nothing: self.0.exchange.took_no_turn(&member),
            skew_seconds: peer.skew_us / Micros::SECOND,
            road: court.members.road(&member).map(community::Road::name),
            mutual: gone.map(|gone| gone.mutual),
            road_refused: gone.and_then(|gone| gone.refused).map(RoadError::code),
            evidence,
            recovery,
            relay: self.by_relay(&member, court.now),
            refused_here: refused.here,
            refused_there: refused.there,
            refusals: refusals.into_iter().map(refusal_view).collect(),
            notices: Vec::new(),
        })
    }

    /// The state that equally entitled nodes share; `None` while this node's member is in no community.
    ///
    /// # Errors
    /// The store failed.
    pub async fn shared_state(&self) -> Result<Option<StateView>, StoreError> {
        let Some(court) = self.court().await? else { return Ok(None) };
        let now = court.now;
        let view = store::looked(self.store(), court.member(), move |rows| {
            let own = rows.own().map_err(failed)?;
            Ok(StateView {
                state_hash: hex::encode(state_hash_of(rows, &|line| kept(line, now)).map_err(failed)?),
                objects: rows.all_versions().map_err(failed)?.len() as u64,
                leaves: own.next,
            })
        });
        view.await.map(Some)
    }

    /// The part of what is exchanged that is addressed to a circle, by name or id: equal with all members of the circle that hold
    /// the same.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn circle_state(&self, who: &Principal, circle: &str) -> Result<CircleState, ExchangeError> {
        let court = self.hearing().await?;
        let circle = self.circle_meant(who, circle)?;
        let part = store::looked(self.store(), court.member(), move |rows| {
            part_state(rows, &|line| names_circle(line, &circle)).map_err(failed)
        });
        let part = part.await?;
        Ok(CircleState { state_hash: hex::encode(part.state_hash), objects: part.objects })
    }
}

/// The code of a member that speaks no version of the protocol that this node speaks.
const VERSION_NOT_SPOKEN: &str = "version-not-spoken";
/// Said of what this node refused.
const HERE: &str = "here";

/// A line of the log of refusals. A name that is no object's is left out: whoever sent it chose it.
fn refusal_view((by, row): (RefusedBy, RefusalRow)) -> PeerRefusal {
    PeerRefusal {
        object: row.object.filter(|id| ObjectId::parse(id).is_ok()),
        rule: row.rule,
        by: if by == RefusedBy::Here { HERE } else { "there" },
        at: Timestamp::text_of(row.at),
    }
}

/// Whether somebody runs or audits this node.
pub(super) fn runs(who: &Principal) -> bool {
    [Role::Admin, Role::Auditor].iter().any(|role| who.roles.contains(role))
}

/// Whether a line of rules names a circle.
fn names_circle(line: &str, circle: &CircleId) -> bool {
    let Ok(rules) = line.parse::<Rules>() else { return false };
    rules.audience().clauses().any(|clause| clause.contains(&Addressee::Circle(*circle)))
}

/// How it stands with the others is for whoever runs or audits this node, and for those who read content.
pub(crate) fn may_know_peers(who: &Principal) -> Result<(), ExchangeError> {
    let allowed = [Role::Admin, Role::Auditor, Role::Analyst, Role::Reader, Role::Approver];
    if allowed.iter().any(|role| who.roles.contains(role)) {
        return Ok(());
    }
    let why = "how it stands with other members is for those who run, audit or read this node";
    Err(ReadError::Refused(Refusal::new(Rule::RoleMissing, why)).into())
}

/// Whether what is under this line of rules is still kept.
fn kept(line: &str, now: Micros) -> bool {
    line.parse::<Rules>().ok().and_then(|rules| rules.retain()).is_none_or(|until| until > now)
}

/// Who has not given up something yet: by which rule it is to, and what it has answered, where an answer is awaited.
type NotGivenUp = (KeyId, &'static str, Option<&'static str>);

/// Who was told that an object is called back or erased and has not confirmed it.
fn not_given_up(rows: &dyn Rows, name: &ObjectName) -> Result<Vec<NotGivenUp>, StoreError> {
    let fate = rows.fate(name).map_err(failed)?;
    let (sequence, rule) = match (fate.erased, fate.recalled) {
        (Some(sequence), _) => (sequence, "erased"),
        (None, Some(sequence)) => (sequence, "recalled"),
        (None, None) => return Ok(Vec::new()),
    };
    let receipts = rows.receipts(sequence).map_err(failed)?.into_iter();
    let left = receipts.filter_map(|row| match row.state {
        ReceiptState::Done { .. } => None,
        ReceiptState::Pending => Some((row.member, rule, Some("pending"))),
        ReceiptState::Refused(_) => Some((row.member, rule, Some("refused"))),
    });
    Ok(left.collect())
}

/// Said of who has an object, or was to have it, by circles that it is in no more.
const CIRCLE_LEFT: &str = "circle-left";

/// Said of who has let go of an object, or is to, since it was put under stricter rules.
const NARROWED: &str = "narrowed";

/// What is to come yet of who has signed for letting go: nothing.
const SIGNED: Option<&str> = None;

/// Versions that were given, as far as somebody is told of them.
struct Told {
    versions: Vec<VersionRow>,
    /// Whether there are others.
    more: bool,
}

impl Told {
    /// Those that somebody sees; all where that is not asked.
    fn of(rows: &dyn Rows, name: &ObjectName, seen: Option<&BTreeSet<[u8; 32]>>) -> Result<Self, StoreError> {
        let mut all = Self { versions: rows.versions(name).map_err(failed)?, more: false };
        let Some(seen) = seen else { return Ok(all) };
        all.retain(rows, |bytes| known_by(bytes).any(|known| seen.contains(&known)))?;
        // What is known of holders besides is of what was given before.
        all.more |= all.versions.is_empty();
        Ok(all)
    }

    fn retain(&mut self, rows: &dyn Rows, keeps: impl Fn(&Bytes) -> bool) -> Result<(), StoreError> {
        let all = std::mem::take(&mut self.versions);
        for version in all {
            match said(rows, &version)? {
                Some(bytes) if keeps(&bytes) => self.versions.push(version),
                _ => self.more = true,
            }
        }
        Ok(())
    }

    fn is_of(&self, version: &str) -> bool {
        !self.more || self.versions.iter().any(|told| told.version == version)
    }
}

/// Who is to have an own object.
struct Holders {
    /// Those that may have it: why, and when each says it received it.
    with: Vec<(KeyId, String, Option<Micros>)>,
    /// Those that circles let have it which they are in no more, and that have not said yet that they let go of it.
    left: Vec<KeyId>,
    /// Those that stricter rules let keep nothing of it, and what is to come of that yet: nothing where they have signed for it.
    narrowed: Vec<(KeyId, Option<&'static str>)>,
}

/// How far a member has come with a narrowing that lets it keep nothing; `None` where it has let go.
fn let_go(rows: &dyn Rows, by: u64, member: &KeyId) -> Result<Option<&'static str>, StoreError> {
    let receipts = rows.receipts(by).map_err(failed)?;
    Ok(match receipts.into_iter().find(|row| row.member == *member).map(|row| row.state) {
        Some(ReceiptState::Pending) => Some("pending"),
        Some(ReceiptState::Refused(_)) => Some("refused"),
        Some(ReceiptState::Done { .. }) | None => SIGNED,
    })
}

/// Whether one of these versions is for a member, now or when what is in the way has passed.
fn is_for(
    exchange: &Exchange<'_>,
    rows: &dyn Rows,
    (versions, member): (&[VersionRow], &KeyId),
) -> Result<bool, StoreError> {
    for version in versions {
        let givings = exchange.givings_of(rows, version).map_err(failed)?;
        for giving in givings.iter().filter(|giving| !is_over(&giving.rules, exchange.now)) {
            let bytes = said(rows, giving)?.unwrap_or_else(|| Bytes::from_static(b"{}"));
            if exchange.is_for(giving, &bytes, *member) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The receipts for a version: of each member that for the act by which it has it, else the one for the last act that gave it.
fn receipts_for(rows: &dyn Rows, version: &VersionRow) -> Result<Vec<ReceiptRow>, StoreError> {
    let mut found: Vec<ReceiptRow> = Vec::new();
    let before = rows.replaced(version).map_err(failed)?.into_iter().rev();
    for sequence in std::iter::once(version.sequence).chain(before) {
        for row in rows.receipts(sequence).map_err(failed)? {
            if found.iter().all(|known| known.member != row.member) {
                let has = federation::has_by(rows, version, &row.member).map_err(failed)?;
                found.push(has.unwrap_or(row));
            }
        }
    }
    Ok(found)
}

/// The holders of an own object. A version that waits for a member is not with it, whatever it received before: a narrowing took it
/// away for a time. What came to it empty did not come, or it has let go of it.
fn holders(
    exchange: &Exchange<'_>,
    rows: &dyn Rows,
    (name, told): (&ObjectName, &Told),
) -> Result<Holders, StoreError> {
    let waits = rows.later(&name.id).map_err(failed)?;
    let (mut receipts, mut of_left, mut of_narrowed) = (Vec::new(), Vec::new(), Vec::new());
    for version in &told.versions {
        let givings = exchange.givings_of(rows, version).map_err(failed)?;
        for row in receipts_for(rows, version)? {
            let version = givings.iter().find(|giving| giving.sequence == row.sequence).unwrap_or(version);
            // Everybody destroys it by its own clock, and nobody says so.
            if is_over(&version.rules, exchange.now) {
                continue;
            }
            if waits.iter().any(|wait| wait.version == version.version && wait.member == row.member) {
                continue;
            }
            if row.state.is_narrowed() {
                of_narrowed.push((row, SIGNED));
                continue;
            }
            let given = (version, row.sequence);
            let by = exchange.let_go_by(rows, given, row.member).map_err(failed)?;
            let answer = by.map(|by| let_go(rows, by, &row.member)).transpose()?;
            let has_left = exchange.has_left(rows, version, row.member).map_err(failed)?;
            match answer.filter(|answer| !has_left || *answer != SIGNED) {
                Some(answer) => of_narrowed.push((row, answer)),
                None if has_left => of_left.push(row),
                None => receipts.push(row),
            }
        }
    }
    let mut found = Holders { with: Vec::new(), left: Vec::new(), narrowed: Vec::new() };
    for holder in holders_now(rows, name).map_err(failed)? {
        let is_of = |row: &&ReceiptRow| row.member == holder.member;
        let mut narrowed = of_narrowed.iter().filter(|(row, _)| is_of(&row)).map(|(_, answer)| *answer);
        let all = receipts.iter().chain(&of_left).chain(of_narrowed.iter().map(|(row, _)| row));
        if !all.into_iter().any(|row| is_of(&row)) {
            // Nothing that it was given is there to be had any more, or none of it is told.
            let gone = holder.ground == HolderRow::RELEASED
                && !waits.iter().any(|wait| wait.member == holder.member)
                && !is_for(exchange, rows, (&told.versions, &holder.member))?;
            if told.more || gone {
                continue;
            }
        }
        if !receipts.iter().any(|row| is_of(&row)) && of_left.iter().any(|row| is_of(&row)) {
            if of_left.iter().filter(is_of).any(|row| row.state.is_given()) {
                found.left.push(holder.member);
            }
            continue;
        }
        if !receipts.iter().any(|row| is_of(&row))
            && let Some(first) = narrowed.next()
        {
            // It has something left to sign for as long as it has for one of them.
            let answer = narrowed.fold(first, |one, other| if one == SIGNED { other } else { one });
            found.narrowed.push((holder.member, answer));
            continue;
        }
        let done = receipts.iter().filter(is_of).find_map(|row| match &row.state {
            ReceiptState::Done { receipt, .. } if row.state.is_given() => Some(*receipt),
            _ => None,
        });
        let said = match done {
            Some(receipt) => rows.act(&holder.member, receipt).map_err(failed)?,
            None => None,
        };
        let signed = said.and_then(|act| Signed::parse(act.signed.as_bytes()).ok());
        let at = signed.and_then(|signed| Act::peek(&signed).ok()).map(|act| act.header().at);
        found.with.push((holder.member, holder.ground, at));
    }
    Ok(found)
}
