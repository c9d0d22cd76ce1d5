//! How a community's papers travel: one signed question, one signed answer, each with what the other side lacks.
//!
//! Everything inside is signed by whoever made it, so a message may come over any road and may come twice; the signature
//! around it says who asks, because the registry is for members. One who asks to join may hand in that request and is told
//! nothing. What a message brings is taken whole where it is entries, one by one where it is anything else.

mod former;

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::limit::{APPROVAL_AHEAD_SECONDS_MAX, PAPERS_ENTRIES_BYTES_MAX, PAPERS_PENDING_BYTES_MAX};
use base::signed::Signed;
use base::signing::{PublicKey, Signer, SigningKey};
use community::{
    CIRCLE_TYPE, Chain, Circle, CircleId, CommunityId, Endpoint, Entry, EntryHash, JoinRequest, MemberId,
    Point, Rule, Subject, What,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::PaperKind;

pub use self::former::LostKey;
use super::deeds::current;
use super::spread::{Held, Spread};
use super::{CommunityError, Table};
use crate::exchange::Reading;
use crate::{Node, RoadError};

/// The type of a signed message between nodes about their registry.
pub const PAPERS_TYPE: &str = "application/vnd.cresset.registry-exchange+json";
/// How often it is written down that a member was heard of.
const HEARD_EVERY: i64 = 60 * Micros::SECOND;

/// A member to exchange papers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The member.
    pub member: MemberId,
    /// Where it answers, and how.
    pub endpoint: Endpoint,
}

/// How far the chains have come that one side has.
type Chains = BTreeMap<Chain, Point>;

/// What is known of what the other side has: its chains, and its circles.
type Told<'a> = (Option<&'a Chains>, Option<&'a Spread>);

/// What one side has, as it told last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    chains: Chains,
    /// Circles of third members that both are in; `None` from a build that takes circles from their owners alone.
    #[serde(default)]
    spread: Option<Spread>,
}

impl Have {
    /// Of one that has nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// A message between two nodes.
#[derive(Serialize, Deserialize)]
struct Message {
    community: CommunityId,
    from: MemberId,
    to: MemberId,
    at_us: i64,
    /// The question that this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answers: Option<EntryHash>,
    #[serde(default)]
    have: Chains,
    #[serde(default)]
    entries: Vec<Box<RawValue>>,
    #[serde(default)]
    subjects: Vec<Signed>,
    #[serde(default)]
    approvals: Vec<Signed>,
    #[serde(default)]
    votes: Vec<Box<RawValue>>,
    /// Circles of the sender that are for the recipient, and of third members that both are in and the recipient lacks.
    #[serde(default)]
    circles: Vec<Signed>,
    /// What the sender holds of circles of third members that both are in; not said by builds that do not pass circles on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spread: Option<Spread>,
    /// Versions that the sender holds of the recipient's circles.
    #[serde(default)]
    holds: BTreeMap<CircleId, u64>,
    /// Said by who takes back what a restore has lost: circles of its own are to come with the answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    recovering: bool,
}

impl Message {
    fn has(&self) -> Have {
        Have { chains: self.have.clone(), spread: self.spread.clone() }
    }
}

/// What a finished question leaves to do.
#[derive(Clone, Debug)]
pub struct Taken {
    /// How far the other side has come.
    pub have: Have,
    /// Whether either side still lacks something.
    pub more: bool,
}

/// What was made of the papers that somebody's question brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// They were read as a member's. `again` says whether they bring a circle of its own that this node held already: it has not heard so.
    Member { again: bool },
    /// Nothing of circles or of the registry was read in them: who asks to be let in, is put aside, or signs with a key that was replaced is
    /// answered all the same.
    Nothing,
}

impl Node {
    /// Whom to exchange papers with: every member that takes part, or the anchor's doors while waiting to be let in.
    ///
    /// # Errors
    /// The store failed.
    pub async fn papers_peers(&self) -> Result<Vec<Peer>, CommunityError> {
        let Some(table) = self.community_table().await? else { return Ok(Vec::new()) };
        let now = self.now();
        if !table.is_member() {
            let doors = table.anchor.as_ref().map(community::Anchor::doors).unwrap_or_default();
            let peer = |door: &community::Door| Peer { member: door.member, endpoint: door.endpoint.clone() };
            return Ok(doors.iter().map(peer).collect());
        }
        let peers = table.registry.members().filter(|member| member.id() != table.me);
        let peers = peers.filter(|member| member.status(now).takes_part()).filter_map(|member| {
            let endpoint = member.own().endpoints.first()?.clone();
            Some(Peer { member: member.id(), endpoint })
        });
        Ok(peers.collect())
    }

    /// A question to a member: what this node has, what waits, and the entries the other lacks by its last answer.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn papers_question(
        &self,
        to: MemberId,
        theirs: Option<&Have>,
    ) -> Result<Vec<u8>, CommunityError> {
        self.ask_by_this_clock().await?;
        self.papers_for(to, (theirs.map(|had| &had.chains), theirs.and_then(|had| had.spread.as_ref()))).await
    }

    async fn papers_for(&self, to: MemberId, theirs: Told<'_>) -> Result<Vec<u8>, CommunityError> {
        let table = self.community_table().await?.ok_or(CommunityError::None)?;
        let keys = self.signing_keys().await?;
        let key = current(&table, &keys, self.now()).ok();
        let mut message = message(&table, to, (theirs, Vec::new()), (self.now(), key));
        message.recovering = self.is_recovering();
        if !table.is_member() {
            // A stranger shows nothing but its request.
            message.approvals.clear();
            message.votes.clear();
        }
        seal(&table, &keys, &message, self.now())
    }

    /// What goes with a parcel over a relay: the same, with every circle of third members that both are in. Who takes it asks for nothing that
    /// it may lack of them, and does not wait for it.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub(crate) async fn papers_by_parcel(&self, to: MemberId) -> Result<Vec<u8>, CommunityError> {
        let nothing = Spread::default();
        self.papers_for(to, (None, Some(&nothing))).await
    }

    /// The same for a node that does not know this member, since it was restored from a backup of before: all entries, which lead
    /// from what it knows to this member. `None` for who is no member itself.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn papers_introduction(&self, to: MemberId) -> Result<Option<Vec<u8>>, CommunityError> {
        let table = self.community_table().await?.ok_or(CommunityError::None)?;
        if !table.is_member() {
            return Ok(None);
        }
        self.papers_question(to, Some(&Have::new())).await.map(Some)
    }

    /// Answers another node's question, after taking what it brings. Where the road tells whose node calls, it is `caller`, and
    /// nobody else's question is taken from it.
    ///
    /// # Errors
    /// See [`CommunityError`]; nothing was changed.
    pub async fn papers_answer(
        &self,
        question: &[u8],
        caller: Option<MemberId>,
    ) -> Result<Vec<u8>, CommunityError> {
        Ok(self.papers_heard(question, caller).await?.0)
    }

    /// The same, and whether what the question brings was read as a member's.
    ///
    /// # Errors
    /// See [`CommunityError`]; nothing was changed.
    pub(crate) async fn papers_heard(
        &self,
        question: &[u8],
        caller: Option<MemberId>,
    ) -> Result<(Vec<u8>, Heard), CommunityError> {
        let signed = Signed::parse(question).map_err(|_| Rule::EnvelopeForm)?;
        let asked = open(&signed)?;
        if caller.is_some_and(|caller| caller != asked.from) {
            return Err(RoadError::Other.into());
        }
        let _one = self.one_at_a_time().await?;
        let mut table = (*self.community_table().await?.ok_or(CommunityError::None)?).clone();
        let (keys, now) = (self.signing_keys().await?, self.now());
        directed(&table, &asked, (now, Road::Network))?;
        let request = match stranger(&table, &signed, &asked) {
            Err(CommunityError::Stranger) if let Some(why) = put_aside(&table, &signed, &asked, now) => {
                let told = Message { answers: Some(answered(&signed)), ..why };
                return Ok((seal(&table, &keys, &told, now)?, Heard::Nothing));
            }
            // One that was let in after the backup is known by the entries it brings: they are judged, and the sender by them.
            Err(CommunityError::Stranger) if self.is_recovering() && !asked.entries.is_empty() => None,
            request => request?,
        };
        let asks = request.as_ref().map(Subject::hash);
        let heard = if request.is_some() {
            Heard::Nothing
        } else {
            Heard::Member { again: brings_again(&table, &asked) }
        };
        let reply = if let Some(request) = request {
            table.take_subject(request, now)?;
            Message { answers: Some(answered(&signed)), ..empty(&table, asked.from, now) }
        } else {
            match take(&mut table, &signed, &asked, (&keys, now, self.papers_standing()), None) {
                Err(CommunityError::Stranger) => {
                    return Ok((self.answer_former(&signed, &asked).await?, Heard::Nothing));
                }
                taken => taken?,
            };
            let key = current(&table, &keys, now).ok();
            let lost = if asked.recovering { lost_circles(&table, &asked, key) } else { Vec::new() };
            let theirs = (Some(&asked.have), asked.spread.as_ref());
            let mut reply = message(&table, asked.from, (theirs, lost), (now, key));
            reply.recovering = self.is_recovering();
            Message { answers: Some(answered(&signed)), ..reply }
        };
        let table = self.settle(table).await?;
        if asks.is_some_and(|asks| table.is_declined(asks, now)) {
            return Err(CommunityError::Declined);
        }
        if covers(&chains(&table), &asked.have) {
            self.0.exchange.read_papers_of(asked.from.0);
        }
        let whole = !apart(&table, (asked.from, asked.spread.as_ref()), now) || is_behind(&table, &asked);
        self.read_circles_of(asked.from.0, if whole { Reading::Question } else { Reading::Part });
        Ok((seal(&table, &keys, &reply, now)?, heard))
    }

    /// Takes a member's answer to a question of this node, which was made by what the member had told `before`. Where one side lacks something
    /// and nothing has moved by this question, there is nothing more to say: what was refused is not offered again and again.
    ///
    /// # Errors
    /// See [`CommunityError`]; nothing was changed.
    pub async fn take_papers(
        &self,
        from: MemberId,
        (question, before): (&[u8], Option<&Have>),
        answer: &[u8],
    ) -> Result<Taken, CommunityError> {
        let signed = Signed::parse(answer).map_err(|_| Rule::EnvelopeForm)?;
        let question = Signed::parse(question).map_err(|_| Rule::EnvelopeForm)?;
        let told = open(&signed)?;
        if told.from != from || told.answers != Some(answered(&question)) {
            return Err(CommunityError::Misdirected);
        }
        let _one = self.one_at_a_time().await?;
        let mut table = (*self.community_table().await?.ok_or(CommunityError::None)?).clone();
        let (keys, now) = (self.signing_keys().await?, self.now());
        directed(&table, &told, (now, Road::Network))?;
        let door = table
            .anchor
            .as_ref()
            .and_then(|anchor| anchor.doors().iter().find(|door| door.member == from).map(|door| door.key));
        let news = take(&mut table, &signed, &told, (&keys, now, self.papers_standing()), door)?;
        let lacking = table.is_member() && !lacking(&table, &told.have).is_empty() && !told.have.is_empty();
        self.question_taken(&from, &table).await?;
        let (have, apart) = (told.has(), apart(&table, (from, told.spread.as_ref()), now));
        let moved = news || before != Some(&have);
        let table = self.settle(table).await?;
        // Who tells nothing of what it has does not take this node for its member's.
        if !told.have.is_empty() && covers(&chains(&table), &told.have) {
            self.0.exchange.read_papers_of(from.0);
        }
        let more = (moved && (lacking || apart)) || (news && !told.entries.is_empty());
        if !more {
            self.read_circles_of(from.0, Reading::Answer(Micros(open(&question)?.at_us)));
        }
        Ok(Taken { more, have })
    }
}

impl Node {
    /// What goes with a courier file: a question with every entry that the member lacks by what its last file told, and without one
    /// with all of them. What there is no room for goes with the next, once this one was answered.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub(crate) async fn papers_by_hand(&self, to: MemberId) -> Result<Vec<u8>, CommunityError> {
        let told = self.store().setting(&told_by_hand(to)).await?;
        let mut theirs = told.as_deref().map(had).unwrap_or_default();
        // Who does not pass circles on takes none of a third's, and loses nothing by one.
        let spread = theirs.spread.get_or_insert_default();
        if let Some(table) = self.community_table().await? {
            // It answers in weeks: where its digest is another it is given everything.
            let between = table.between(to, self.now());
            spread.retain(|owner, held| matches!(held, Held::Versions(_)) || between.agrees(*owner, held));
        }
        self.papers_question(to, Some(&theirs)).await
    }

    /// Takes what came with a courier file that says it is by `from`; whether it was new. A member that is not known here yet is judged
    /// by the entries it brings, which lead to it.
    ///
    /// # Errors
    /// See [`CommunityError`]; nothing was changed.
    pub(crate) async fn take_papers_by_hand(
        &self,
        from: MemberId,
        papers: &[u8],
    ) -> Result<bool, CommunityError> {
        let signed = Signed::parse(papers).map_err(|_| Rule::EnvelopeForm)?;
        let told = open(&signed)?;
        if told.from != from {
            return Err(CommunityError::Misdirected);
        }
        let _one = self.one_at_a_time().await?;
        let mut table = (*self.community_table().await?.ok_or(CommunityError::None)?).clone();
        let (keys, now) = (self.signing_keys().await?, self.now());
        directed(&table, &told, (now, Road::ByHand))?;
        let taken = take(&mut table, &signed, &told, (&keys, now, self.papers_standing()), None);
        let news = taken.map_err(|error| match error {
            CommunityError::Stranger if former::is_former(&table, &signed, from) => CommunityError::FormerKey,
            other => other,
        })?;
        self.settle(table).await?;
        let have = serde_json::to_string(&told.has()).map_err(|_| Rule::PayloadForm)?;
        self.store().set_setting(&told_by_hand(from), &have).await?;
        Ok(news)
    }

    fn papers_standing(&self) -> Standing {
        if self.is_recovering() { Standing::Recovering } else { Standing::Whole }
    }
}

/// The setting that holds how far a member has come by the papers of its last courier file.
fn told_by_hand(member: MemberId) -> String {
    format!("courier-papers-{member}")
}

/// What a setting says that a member has; an earlier build wrote its chains alone.
fn had(told: &str) -> Have {
    let chains = || serde_json::from_str(told).map(|chains| Have { chains, spread: None });
    serde_json::from_str(told).or_else(|_| chains()).unwrap_or_default()
}

/// Whether a member holds other circles of third ones than this one, by what it tells.
fn apart(table: &Table, (other, told): (MemberId, Option<&Spread>), now: Micros) -> bool {
    told.is_some_and(|theirs| table.is_member() && table.between(other, now).differs(theirs))
}

/// Whether a message brings a circle of its sender's that is held here already.
fn brings_again(table: &Table, message: &Message) -> bool {
    let held = table.held_of(message.from);
    let mut brought = message.circles.iter().filter_map(|signed| Circle::peek(signed).ok());
    brought.any(|circle| held.get(&circle.id()).is_some_and(|held| *held >= circle.version))
}

/// Whether a message brings this member an earlier version of a circle than the one that took it out: its sender goes by that.
fn is_behind(table: &Table, message: &Message) -> bool {
    let brought = message.circles.iter().filter_map(|signed| Circle::peek(signed).ok());
    let held = |circle: &Circle| table.circles.get(&circle.id()).map(|(held, _)| held);
    let behind = |circle: &Circle| {
        held(circle).is_some_and(|held| held.seats.is_none() && held.version > circle.version)
    };
    brought.into_iter().any(|circle| behind(&circle))
}

/// Whether one who has come as far as `ours` lacks nothing of `theirs`.
fn covers(ours: &Chains, theirs: &Chains) -> bool {
    theirs.iter().all(|(chain, point)| ours.get(chain).is_some_and(|ours| ours.epoch >= point.epoch))
}

/// Reads a message. Who it is from is not verified.
fn open(signed: &Signed) -> Result<Message, CommunityError> {
    if signed.payload_type() != PAPERS_TYPE {
        return Err(Rule::PayloadType.into());
    }
    Ok(serde_json::from_slice(signed.unverified_payload()).map_err(|_| Rule::PayloadForm)?)
}

fn answered(question: &Signed) -> EntryHash {
    EntryHash::of(question.unverified_payload())
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Road {
    /// At once.
    Network,
    /// In a file, which may have been long on its way.
    ByHand,
}

/// Whether a message is for this node, of this community, and of our time.
fn directed(table: &Table, message: &Message, (now, road): (Micros, Road)) -> Result<(), CommunityError> {
    if message.community != table.registry.id() || message.to != table.me || message.from == table.me {
        return Err(CommunityError::Misdirected);
    }
    let most = APPROVAL_AHEAD_SECONDS_MAX.saturating_mul(Micros::SECOND).unsigned_abs();
    let old = road == Road::ByHand && message.at_us <= now.0;
    if !old && now.0.abs_diff(message.at_us) > most { Err(CommunityError::ClockApart) } else { Ok(()) }
}

/// The request of one who is no member and asks to become one, or to come back; `None` for a member.
fn stranger(table: &Table, signed: &Signed, asked: &Message) -> Result<Option<Subject>, CommunityError> {
    let now = Micros(asked.at_us);
    if table.registry.member(asked.from).is_some_and(|member| member.status(now).takes_part()) {
        return Ok(None);
    }
    let mut requests = asked.subjects.iter().filter_map(|subject| {
        let request = JoinRequest::open(subject).ok()?;
        (request.member() == asked.from).then_some((subject, request))
    });
    let Some((subject, request)) = requests.next_back() else { return Err(CommunityError::Stranger) };
    let known = table.registry.member(asked.from).map(|member| member.key(now));
    if known.is_some_and(|key| key != request.statement.key) {
        return Err(CommunityError::Stranger);
    }
    by_alone(signed, &request.statement.key)?;
    Ok(Some(Subject::open(subject, |_| None)?))
}

/// What a member is told that takes part no more and does not know it: the entries that put it aside, and nothing that came after.
/// `None` for anybody else, and for who has them.
fn put_aside(table: &Table, signed: &Signed, asked: &Message, now: Micros) -> Option<Message> {
    let member = table.registry.member(asked.from)?;
    by_alone(signed, &member.key(now)).ok()?;
    let took_part =
        |epoch: &u64| table.registry.status_at(asked.from, *epoch).is_some_and(|status| status.takes_part());
    let last = (0..=table.registry.head().epoch).rev().find(took_part)?;
    let mut lacked = lacking(table, &asked.have);
    let decides = |entry: &&Entry| {
        let content = entry.content();
        content.chain == Chain::Community && content.epoch == last.saturating_add(1)
    };
    let decision = lacked.iter().position(decides)?;
    lacked.truncate(decision.saturating_add(1));
    let mut room = PAPERS_ENTRIES_BYTES_MAX;
    let entries = lacked.into_iter().map_while(|entry| fit(&mut room, entry.to_json())).collect();
    Some(Message { entries, ..empty(table, asked.from, now) })
}

fn by_alone(signed: &Signed, key: &PublicKey) -> Result<(), CommunityError> {
    if signed.signatures().len() != 1 {
        return Err(CommunityError::Stranger);
    }
    signed.verify_with(PAPERS_TYPE, key).map(|_| ()).map_err(|_| CommunityError::Stranger)
}

/// Takes what a member's message brings; whether anything was new.
fn take(
    table: &mut Table,
    signed: &Signed,
    message: &Message,
    (keys, now, standing): (&[SigningKey], Micros, Standing),
    door: Option<PublicKey>,
) -> Result<bool, CommunityError> {
    let entries = message.entries.iter().map(|raw| Entry::parse(raw.get().as_bytes()));
    let entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
    // Nothing is replayed for one who shows no key of the member it says it is, known or about to be.
    let known = table.key_of(message.from, now).or(door);
    let changed = entries.iter().any(|entry| entry.content().chain == Chain::Own(message.from));
    if known.is_some_and(|key| !changed && by_alone(signed, &key).is_err()) {
        return Err(CommunityError::Stranger);
    }
    let mut news = table.take_entries(entries, now)?;
    // Judged by the registry with what just came: the sender may have changed its key.
    let key = match table.registry.member(message.from) {
        Some(member) if member.status(now).takes_part() => Some(member.key(now)),
        Some(_) => None,
        None => door,
    };
    by_alone(signed, &key.ok_or(CommunityError::Stranger)?)?;
    if table.is_member()
        && let Some(anchor) = &table.anchor
    {
        anchor.holds(&table.registry)?;
    }
    for subject in &message.subjects {
        let opened = Subject::open(subject, |id| table.key_of(id, now));
        news |= told(opened.map_err(CommunityError::from).and_then(|one| table.take_subject(one, now)));
    }
    for approval in &message.approvals {
        news |= told(table.take_approval(approval, now));
    }
    for vote in &message.votes {
        news |= Entry::parse(vote.get().as_bytes()).is_ok_and(|vote| table.take_vote(&vote, now));
    }
    news |= take_circles(table, message, now);
    table.delivered(message.from, &message.holds);
    if let (Standing::Whole, Ok(key)) = (standing, current(table, keys, now)) {
        table.deliver_again(message.from, &message.holds, (key, now));
    }
    let late = table
        .heard
        .get(&message.from)
        .is_none_or(|at| now.0.saturating_sub(at.0).saturating_abs() >= HEARD_EVERY);
    if late {
        table.heard.insert(message.from, now);
        table.put(PaperKind::Heard, message.from.to_string(), String::new(), now);
    }
    match standing {
        Standing::Whole if table.is_member() => table.advance(keys, now)?,
        Standing::Whole => {}
        // What comes back of this member's own is taken; nothing is signed before all of it is here.
        Standing::Recovering => {
            let own = message.circles.iter().filter(|circle| news_of_own(table, circle, now)).count();
            news |= own > 0;
        }
    }
    Ok(news)
}

/// Takes circles, from their owners and from others in them; whether one was new. What is more than one member may have here is told once.
fn take_circles(table: &mut Table, message: &Message, now: Micros) -> bool {
    let (mut news, mut too_many) = (false, 0_usize);
    for circle in &message.circles {
        match table.take_circle(circle, message.from, now) {
            Err(CommunityError::Rule(Rule::TooMany)) => too_many = too_many.saturating_add(1),
            outcome => news |= told(outcome),
        }
    }
    if too_many > 0 {
        let (member, code) = (message.from, Rule::TooMany.code());
        tracing::warn!(%member, code, circles = too_many, "a member brings more circles of one owner than this node takes");
    }
    news
}

/// Whether this node has everything that it ever signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It has.
    Whole,
    /// It takes back what a restore has lost.
    Recovering,
}

/// Circles that one who takes back what a restore has lost may lack: its own, as who is in them has them, and those of this member that it
/// is in, whose delivery may have been before its restore.
fn lost_circles(table: &Table, asked: &Message, key: Option<&SigningKey>) -> Vec<Signed> {
    let held = |circle: &Circle| asked.holds.get(&circle.id()).is_some_and(|held| *held >= circle.version);
    let lost = table.circles.values().filter(|(circle, _)| {
        let theirs = circle.owner == asked.from && circle.seats.is_some();
        theirs || (circle.owner == table.me && circle.has(asked.from) && !held(circle))
    });
    let signed = lost.map(|(circle, signed)| match circle.owner == table.me {
        true => signed_now(circle, signed, key),
        false => signed.clone(),
    });
    signed.collect()
}

/// Takes back a circle of this member's own from one who is in it; whether it was new. Whoever it had in it before is due a farewell.
fn news_of_own(table: &mut Table, signed: &Signed, now: Micros) -> bool {
    let Ok(circle) = Circle::peek(signed) else { return false };
    let before = table.circles.get(&circle.id()).map(|(held, _)| held.members()).unwrap_or_default();
    let news = circle.owner == table.me && told(table.take_circle(signed, table.me, now));
    if news {
        table.note_farewells(&circle, before, now);
    }
    news
}

/// One paper that is refused does not keep the others out.
fn told(outcome: Result<bool, CommunityError>) -> bool {
    outcome.unwrap_or_else(|refused| {
        tracing::debug!(code = refused.code(), "a paper of the community was refused");
        false
    })
}

fn empty(table: &Table, to: MemberId, now: Micros) -> Message {
    Message {
        community: table.registry.id(),
        from: table.me,
        to,
        at_us: now.0,
        answers: None,
        have: Chains::new(),
        entries: Vec::new(),
        subjects: Vec::new(),
        approvals: Vec::new(),
        votes: Vec::new(),
        circles: Vec::new(),
        spread: None,
        holds: BTreeMap::new(),
        recovering: false,
    }
}

/// What this node has, what waits, and what the other lacks.
fn message(
    table: &Table,
    to: MemberId,
    ((chained, spread), lost): (Told<'_>, Vec<Signed>),
    (now, key): (Micros, Option<&SigningKey>),
) -> Message {
    let mut message = empty(table, to, now);
    message.have = chains(table);
    let mut room = PAPERS_ENTRIES_BYTES_MAX;
    let lacked = match chained {
        Some(theirs) => lacking(table, theirs),
        // Steps of one's own that no decision has noted go along: the other may not know the key that signs this.
        None => unnoted(table),
    };
    for entry in lacked {
        let Some(raw) = fit(&mut room, entry.to_json()) else { break };
        message.entries.push(raw);
    }
    let entries = room;
    let room = put_waiting(&mut message, table);
    // Circles come last: nobody's keep a decision from going.
    let room = entries.saturating_add(room).min(PAPERS_PENDING_BYTES_MAX);
    put_circles(&mut message, table, (spread, lost), (room, now, key));
    message
}

/// One paper of what waits for a decision.
#[derive(Clone, Copy)]
enum Waiting<'t> {
    Subject(&'t Signed),
    Approval(&'t Signed),
    Vote,
}

/// What waits for a decision, the smallest first: nobody's large request keeps another's, or a word on it, from going. Answers with the
/// room that is left.
fn put_waiting(message: &mut Message, table: &Table) -> usize {
    // A stranger's own request is what it shows; members pass on everybody's.
    let own = |one: &&Subject| matches!(one.what(), What::Join(request) if request.member() == table.me);
    let subjects = table.subjects.values().filter(|one| table.is_member() || own(one));
    let subjects = subjects.map(|one| (one.signed().to_json(), Waiting::Subject(one.signed())));
    let approvals = table.approvals.values().map(|(_, word)| (word.to_json(), Waiting::Approval(word)));
    let votes = table.votes.values().map(|vote| (vote.to_json(), Waiting::Vote));
    let mut waiting: Vec<(String, Waiting<'_>)> = subjects.chain(approvals).chain(votes).collect();
    waiting.sort_by_key(|(text, _)| text.len());
    let mut room = PAPERS_PENDING_BYTES_MAX;
    for (text, paper) in waiting {
        let Some(raw) = fit(&mut room, text) else { break };
        match paper {
            Waiting::Subject(signed) => message.subjects.push(signed.clone()),
            Waiting::Approval(signed) => message.approvals.push(signed.clone()),
            Waiting::Vote => message.votes.push(raw),
        }
    }
    room
}

/// What is said of circles, within a room: the recipient's that the sender holds, own ones that it is due, what else it has lost, and those
/// of third members that both are in.
fn put_circles(
    message: &mut Message,
    table: &Table,
    (theirs, lost): (Option<&Spread>, Vec<Signed>),
    (mut room, now, key): (usize, Micros, Option<&SigningKey>),
) {
    let to = message.to;
    message.holds = table.held_of(to);
    let within = |room: &mut usize, signed: Signed| fit(room, signed.to_json()).map(|_| signed);
    let parcels = table.parcels.iter().filter(|((_, of), _)| *of == to);
    let parcels = parcels.map(|(_, (circle, signed))| signed_now(circle, signed, key)).chain(lost);
    message.circles = parcels.map_while(|signed| within(&mut room, signed)).collect();
    if !table.is_member() {
        return;
    }
    let between = table.between(to, now);
    message.spread = Some(between.said(theirs, (&mut room, now)));
    let lacked = theirs.map(|theirs| between.lacked(theirs, now)).unwrap_or_default();
    message.circles.extend(lacked.into_iter().map_while(|signed| within(&mut room, signed.clone())));
}

/// An own version of a circle under the key that counts now: it may have been signed with one that was replaced before it was delivered,
/// which nobody takes any more.
fn signed_now(circle: &Circle, signed: &Signed, key: Option<&SigningKey>) -> Signed {
    let stale = |key: &&SigningKey| signed.verify_with(CIRCLE_TYPE, &key.public_key()).is_err();
    let anew = key.filter(stale).and_then(|key| circle.sign(key).ok());
    anew.unwrap_or_else(|| signed.clone())
}

/// A piece of JSON, when there is room for it.
fn fit(room: &mut usize, text: String) -> Option<Box<RawValue>> {
    *room = room.checked_sub(text.len())?;
    RawValue::from_string(text).ok()
}

fn chains(table: &Table) -> Chains {
    let own = table.registry.members().map(|member| (Chain::Own(member.id()), member.head()));
    let moved = own.filter(|(_, head)| head.epoch > 0);
    moved.chain([(Chain::Community, table.registry.head())]).collect()
}

/// The entries that one who has come as far as `theirs` lacks, each after those it follows.
fn lacking<'t>(table: &'t Table, theirs: &Chains) -> Vec<&'t Entry> {
    in_order(table).into_iter().filter(|entry| lacks(theirs, entry)).collect()
}

/// Whether one who has come as far as `theirs` lacks an entry.
fn lacks(theirs: &Chains, entry: &Entry) -> bool {
    let content = entry.content();
    match theirs.get(&content.chain) {
        None => content.previous.is_some(),
        Some(point) => {
            content.epoch > point.epoch || (content.epoch == point.epoch && entry.hash() != point.hash)
        }
    }
}

/// The steps of this member's own chain that no decision has noted yet.
fn unnoted(table: &Table) -> Vec<&Entry> {
    let Some(me) = table.registry.member(table.me) else { return Vec::new() };
    let own = |entry: &&Entry| {
        let content = entry.content();
        content.chain == Chain::Own(table.me) && content.epoch > me.noted()
    };
    let mut steps: Vec<&Entry> = table.entries.values().filter(own).collect();
    steps.sort_by_key(|entry| entry.content().epoch);
    steps
}

fn in_order(table: &Table) -> Vec<&Entry> {
    let mut decisions: Vec<&Entry> = Vec::new();
    let mut own: BTreeMap<MemberId, Vec<&Entry>> = BTreeMap::new();
    for entry in table.entries.values() {
        match entry.content().chain {
            Chain::Community => decisions.push(entry),
            Chain::Own(member) => own.entry(member).or_default().push(entry),
        }
    }
    decisions.sort_by_key(|entry| entry.content().epoch);
    for steps in own.values_mut() {
        steps.sort_by_key(|entry| entry.content().epoch);
    }
    let mut done: BTreeSet<EntryHash> = BTreeSet::new();
    let mut ordered = Vec::new();
    for decision in decisions {
        for (member, point) in &decision.content().heads {
            let steps = own.get(member).map(Vec::as_slice).unwrap_or_default();
            for step in steps.iter().filter(|step| step.content().epoch <= point.epoch) {
                if done.insert(step.hash()) {
                    ordered.push(*step);
                }
            }
        }
        ordered.push(decision);
    }
    ordered.extend(own.into_values().flatten().filter(|step| !done.contains(&step.hash())));
    ordered
}

fn seal(
    table: &Table,
    keys: &[SigningKey],
    message: &Message,
    now: Micros,
) -> Result<Vec<u8>, CommunityError> {
    let payload = serde_json::to_vec(message).map_err(|_| Rule::PayloadForm)?;
    let key = match table.registry.member(table.me) {
        // Where the key that counts is not here, by the last that was this member's, or is to be: it is told what happened.
        Some(me) => current(table, keys, now)
            .or_else(|none| keys.iter().rev().find(|key| me.has_had(key.public_key().id())).ok_or(none))?,
        None => keys.first().ok_or(Rule::SignatureMissing)?,
    };
    let signed = Signed::sign(PAPERS_TYPE, payload, key).map_err(|_| Rule::TooLarge)?;
    Ok(signed.to_json().into_bytes())
}
