//! Everything a node has of its community, read from its papers, with the changes that wait to be written.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Micros;
use base::limit::{PENDING_SUBJECTS_MAX, STALLED_VOTES_MAX};
use base::signed::Signed;
use base::signing::{PublicKey, Signer, SigningKey};
use community::{
    Anchor, Applied, Approval, Circle, CircleId, Council, Entry, EntryHash, Fork, MemberId, Move, Registry,
    Rule, Subject, SubjectHash, Word,
};
use store::{Paper, PaperKind, PaperWork, Store, StoreError};

use super::CommunityError;

/// What a node has of its community.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Whose node this is.
    pub(crate) me: MemberId,
    /// What the entries come to.
    pub(crate) registry: Registry,
    /// Every entry that the registry was replayed from.
    pub(crate) entries: BTreeMap<EntryHash, Entry>,
    /// What was proposed and is not decided.
    pub(crate) subjects: BTreeMap<SubjectHash, Subject>,
    /// What members have said of what was proposed, for or against, as they signed it.
    pub(crate) approvals: BTreeMap<(SubjectHash, MemberId), (Approval, Signed)>,
    /// Candidates for the next place of the chain of decisions, with the signatures known so far.
    pub(crate) votes: BTreeMap<EntryHash, Entry>,
    /// Which candidate this member signed, by epoch and round: one for each, ever.
    pub(crate) signed: BTreeMap<(u64, u64), EntryHash>,
    /// The newest document of each circle that this member is in or owns.
    /// Many and large where somebody makes many: a copy of the table shares them.
    pub(crate) circles: Arc<BTreeMap<CircleId, (Circle, Signed)>>,
    /// Documents of own circles on their way to a member, by addressee.
    pub(crate) parcels: BTreeMap<(CircleId, MemberId), (Circle, Signed)>,
    /// What a member that an own circle has taken out is told in farewell, by addressee.
    pub(super) farewells: BTreeMap<(CircleId, MemberId), Circle>,
    /// When each member's papers were last heard.
    pub(crate) heard: BTreeMap<MemberId, Micros>,
    /// What this member joined by.
    pub(crate) anchor: Option<Anchor>,
    /// How many pairs of entries for one place are kept as evidence.
    pub(crate) evidence: usize,
    /// What is to be written with the next commit.
    work: PaperWork,
    /// Whether others are to be asked and told at once.
    news: bool,
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("a stored {what} of the community cannot be read"))
}

impl Table {
    /// The table of a community that begins with these entries.
    pub(crate) fn new(me: MemberId, founding: Entry, now: Micros) -> Result<Self, CommunityError> {
        let registry = Registry::found(&founding)?;
        let mut table = Self::empty(me, registry);
        table.put(PaperKind::Entry, founding.hash().to_string(), founding.to_json(), now);
        table.entries.insert(founding.hash(), founding);
        Ok(table)
    }

    fn empty(me: MemberId, registry: Registry) -> Self {
        Self {
            me,
            registry,
            entries: BTreeMap::new(),
            subjects: BTreeMap::new(),
            approvals: BTreeMap::new(),
            votes: BTreeMap::new(),
            signed: BTreeMap::new(),
            circles: Arc::default(),
            parcels: BTreeMap::new(),
            farewells: BTreeMap::new(),
            heard: BTreeMap::new(),
            anchor: None,
            evidence: 0,
            work: PaperWork::default(),
            news: false,
        }
    }

    /// Reads the papers; `None` where there is no entry. Everything was verified before it was written.
    pub(crate) async fn load(store: &dyn Store, me: Option<MemberId>) -> Result<Option<Self>, StoreError> {
        let Some(me) = me else { return Ok(None) };
        let mut entries = BTreeMap::new();
        for paper in store.papers(PaperKind::Entry).await? {
            let entry = Entry::parse(paper.text.as_bytes()).map_err(|_| damaged("entry"))?;
            entries.insert(entry.hash(), entry);
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let registry = Registry::replay(entries.values())
            .map_err(|refused| StoreError::Damaged(format!("the registry does not replay: {refused}")))?;
        let mut table = Self::empty(me, registry);
        table.entries = entries;
        table.load_pending(store).await?;
        table.load_circles(store).await?;
        Ok(Some(table))
    }

    async fn load_pending(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        for paper in store.papers(PaperKind::Subject).await? {
            let signed = statement(&paper, "request")?;
            // What a member proposed with a key it has replaced since is proposed again.
            if let Ok(subject) = Subject::open(&signed, |id| self.key_of(id, paper.at)) {
                self.subjects.insert(subject.hash(), subject);
            }
        }
        for paper in store.papers(PaperKind::Approval).await? {
            let signed = statement(&paper, "approval")?;
            if let Ok(approval) = Approval::open(&signed, |id| self.key_of(id, paper.at)) {
                self.approvals.insert((approval.subject, approval.by), (approval, signed));
            }
        }
        for paper in store.papers(PaperKind::Vote).await? {
            let vote = Entry::parse(paper.text.as_bytes()).map_err(|_| damaged("vote"))?;
            self.votes.insert(vote.hash(), vote);
        }
        for paper in store.papers(PaperKind::Signed).await? {
            let (epoch, round) = paper.name.split_once(':').ok_or_else(|| damaged("note"))?;
            let place = epoch.parse().ok().zip(round.parse().ok()).ok_or_else(|| damaged("note"))?;
            self.signed.insert(place, paper.text.parse().map_err(|_| damaged("note"))?);
        }
        for paper in store.papers(PaperKind::Heard).await? {
            let member = paper.name.parse().map_err(|_| damaged("note"))?;
            self.heard.insert(member, paper.at);
        }
        for paper in store.papers(PaperKind::Anchor).await? {
            self.anchor = Some(Anchor::parse(paper.text.as_bytes()).map_err(|_| damaged("anchor"))?);
        }
        self.evidence = store.papers(PaperKind::Evidence).await?.len();
        Ok(())
    }

    async fn load_circles(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let mut circles = BTreeMap::new();
        for paper in store.papers(PaperKind::Circle).await? {
            let signed = statement(&paper, "circle")?;
            let circle = Circle::peek(&signed).map_err(|_| damaged("circle"))?;
            circles.insert(circle.id(), (circle, signed));
        }
        self.circles = Arc::new(circles);
        for paper in store.papers(PaperKind::Parcel).await? {
            let signed = statement(&paper, "circle")?;
            let circle = Circle::peek(&signed).map_err(|_| damaged("circle"))?;
            self.parcels.insert((circle.id(), addressee(&paper)?), (circle, signed));
        }
        for paper in store.papers(PaperKind::Farewell).await? {
            let circle: Circle = serde_json::from_str(&paper.text).map_err(|_| damaged("circle"))?;
            self.farewells.insert((circle.id(), addressee(&paper)?), circle);
        }
        Ok(())
    }

    /// Whether this node's member is in the registry.
    pub(crate) fn is_member(&self) -> bool {
        self.registry.member(self.me).is_some()
    }

    /// The key of this node's member, as the registry has it.
    pub(crate) fn own_key(&self, now: Micros) -> Option<PublicKey> {
        self.key_of(self.me, now)
    }

    /// The key of a member, as the registry has it.
    pub(crate) fn key_of(&self, member: MemberId, now: Micros) -> Option<PublicKey> {
        Some(self.registry.member(member)?.key(now))
    }

    /// Takes entries in whatever order; whether anything was new. All of them are taken or none.
    pub(crate) fn take_entries(&mut self, more: Vec<Entry>, now: Micros) -> Result<bool, CommunityError> {
        let new: Vec<Entry> =
            more.into_iter().filter(|entry| !self.entries.contains_key(&entry.hash())).collect();
        if new.is_empty() {
            return Ok(false);
        }
        if self.entries.len().saturating_add(new.len()) > base::limit::REGISTRY_ENTRIES_MAX {
            return Err(Rule::TooMany.into());
        }
        // One that simply comes next is applied; anything else is judged with the whole.
        if let [next] = new.as_slice()
            && self.registry.apply(next) == Ok(Applied::New)
        {
            self.keep_entries(new, now);
            return Ok(true);
        }
        self.registry = Registry::replay(self.entries.values().chain(&new))?;
        self.keep_forks(&new, now);
        self.keep_entries(new, now);
        Ok(true)
    }

    /// Takes an entry if it is simply the next of its chain; whether it was.
    pub(crate) fn take_next(&mut self, entry: Entry, now: Micros) -> bool {
        let room = self.entries.len() < base::limit::REGISTRY_ENTRIES_MAX;
        let next = room && self.registry.apply(&entry) == Ok(Applied::New);
        if next {
            self.keep_entries(vec![entry], now);
        }
        next
    }

    fn keep_entries(&mut self, new: Vec<Entry>, now: Micros) {
        for entry in new {
            self.put(PaperKind::Entry, entry.hash().to_string(), entry.to_json(), now);
            self.entries.insert(entry.hash(), entry);
        }
        self.tidy(now);
        self.news = true;
    }

    /// Writes evidence down for every pair of entries that claim one place.
    fn keep_forks(&mut self, new: &[Entry], now: Micros) {
        let mut found = Vec::new();
        for one in new {
            let rivals = self.entries.values().chain(new.iter().filter(|other| other.hash() > one.hash()));
            for other in rivals {
                if let Ok(fork) = Fork::of(one.clone(), other.clone())
                    && fork.verify(&self.registry).is_ok()
                {
                    found.push((format!("{}:{}", one.hash(), other.hash()), fork.to_json()));
                }
            }
        }
        for (name, text) in found {
            tracing::warn!(%name, "a member has signed two entries for one place of the registry");
            self.evidence = self.evidence.saturating_add(1);
            self.put(PaperKind::Evidence, name, text, now);
        }
    }

    /// Takes something that waits for a decision; whether it was new.
    pub(crate) fn take_subject(&mut self, subject: Subject, now: Micros) -> Result<bool, CommunityError> {
        if subject.community() != self.registry.id() {
            return Err(Rule::CommunityOther.into());
        }
        let known = self.subjects.contains_key(&subject.hash());
        if known || subject.until() < now || self.is_decided(&subject, now) {
            return Ok(false);
        }
        if subject.at() > now.plus(base::limit::APPROVAL_AHEAD_SECONDS_MAX.saturating_mul(Micros::SECOND)) {
            return Err(Rule::ClockAhead.into());
        }
        let is_said_on = |one: &SubjectHash| self.approvals.keys().any(|(said_on, _)| said_on == one);
        // What was asked before and nobody has said a word on is in nobody's way any more, nor does it come back from who has kept it.
        if self.subjects.values().any(|one| subject.is_replaced_by(one)) && !is_said_on(&subject.hash()) {
            return Ok(false);
        }
        let before = self.subjects.values().filter(|one| one.is_replaced_by(&subject)).map(Subject::hash);
        let before: Vec<SubjectHash> = before.filter(|one| !is_said_on(one)).collect();
        if self.subjects.len().saturating_sub(before.len()) >= PENDING_SUBJECTS_MAX {
            return Err(CommunityError::Crowded);
        }
        let council =
            Council { registry: &self.registry, me: self.me, subjects: &[], approvals: &[], votes: &[], now };
        council.fits(&subject)?;
        for one in before {
            self.drop_subject(one);
        }
        self.put(PaperKind::Subject, subject.hash().to_string(), subject.signed().to_json(), now);
        self.subjects.insert(subject.hash(), subject);
        self.news = true;
        Ok(true)
    }

    /// Whether it has been decided, or what was decided since has overtaken it: a proposal to put a member aside, or to take it back,
    /// speaks of how the member stood then, and who is in asks in vain to be let in.
    fn is_decided(&self, subject: &Subject, now: Micros) -> bool {
        let member = subject.about().and_then(|member| self.registry.member(member));
        let overtaken = match subject.what() {
            community::What::Join(request) if request.again.is_none() => member.is_some(),
            community::What::Join(_) => member.is_some_and(|member| member.status(now).takes_part()),
            community::What::Proposal(_) => {
                let turned = subject.about().and_then(|member| self.registry.turned_at(member));
                turned.is_some_and(|turned| subject.at() < turned)
            }
        };
        overtaken || self.registry.has_decided(&subject.body())
    }

    /// What can still be decided: of one member's requests the last.
    pub(crate) fn open_subjects(&self, now: Micros) -> impl Iterator<Item = &Subject> {
        self.subjects.values().filter(move |subject| {
            subject.until() >= now
                && !self.is_decided(subject, now)
                && !self.subjects.values().any(|other| subject.is_replaced_by(other))
        })
    }

    /// Takes a member's word; whether it was new.
    pub(crate) fn take_approval(&mut self, signed: &Signed, now: Micros) -> Result<bool, CommunityError> {
        let approval = Approval::open(signed, |id| self.key_of(id, now))?;
        if approval.community != self.registry.id() {
            return Err(Rule::CommunityOther.into());
        }
        if !self.subjects.contains_key(&approval.subject) {
            return Ok(false);
        }
        let place = (approval.subject, approval.by);
        let newer = |held: &Approval| {
            approval.at > held.at
                || (approval.at == held.at && approval.word == Word::Refuse && held.word == Word::Approve)
        };
        if self.approvals.get(&place).is_some_and(|(held, _)| !newer(held)) {
            return Ok(false);
        }
        let name = format!("{}:{}", approval.subject, approval.by);
        self.put(PaperKind::Approval, name, signed.to_json(), now);
        self.approvals.insert(place, (approval, signed.clone()));
        self.news = true;
        Ok(true)
    }

    /// Takes votes for the next place; whether anything was new. What is no candidate, or adds no sound signature, is passed
    /// over.
    pub(crate) fn take_vote(&mut self, vote: &Entry, now: Micros) -> bool {
        if !self.registry.is_candidate(vote) {
            return false;
        }
        let sound = self.registry.sound_votes(vote);
        if sound.signed().signatures().is_empty() {
            return false;
        }
        let merged = match self.votes.get(&sound.hash()) {
            None if self.votes.len() >= STALLED_VOTES_MAX => return false,
            None => sound,
            Some(held) => {
                let mut merged = held.clone();
                if merged.merge(&sound).is_err() {
                    return false;
                }
                let merged = merged.signed_by(|_, _| true);
                if merged.to_json() == held.to_json() {
                    return false;
                }
                merged
            }
        };
        self.put(PaperKind::Vote, merged.hash().to_string(), merged.to_json(), now);
        self.votes.insert(merged.hash(), merged);
        self.news = true;
        true
    }

    /// Does what the council asks for until it asks for nothing more.
    pub(crate) fn advance(&mut self, keys: &[SigningKey], now: Micros) -> Result<(), CommunityError> {
        // Each turn fills a place or gives a vote; both are bounded.
        for _ in 0..PENDING_SUBJECTS_MAX.saturating_mul(4) {
            match self.next_move(now)? {
                Move::Wait => return Ok(()),
                Move::Vote(entry) => {
                    if !self.vote(*entry, keys, now)? {
                        return Ok(());
                    }
                }
                Move::Decided(entry) => {
                    self.take_entries(vec![*entry], now)?;
                }
            }
        }
        Ok(())
    }

    fn next_move(&self, now: Micros) -> Result<Move, CommunityError> {
        let subjects: Vec<Subject> = self.subjects.values().cloned().collect();
        let approvals: Vec<Approval> = self.approvals.values().map(|(said, _)| said.clone()).collect();
        let votes: Vec<Entry> = self.votes.values().cloned().collect();
        let council = Council {
            registry: &self.registry,
            me: self.me,
            subjects: &subjects,
            approvals: &approvals,
            votes: &votes,
            now,
        };
        let epoch = self.registry.head().epoch.saturating_add(1);
        Ok(council.next(&|round| self.signed.get(&(epoch, round)).copied())?)
    }

    /// Whether so many have refused what waits for a decision that it cannot be approved, unless they say otherwise.
    pub(crate) fn is_declined(&self, subject: SubjectHash, now: Micros) -> bool {
        let standing = self.standing(subject, now);
        let voters = self.registry.voters(&self.registry.unnoted(), now).len();
        self.subjects.contains_key(&subject) && voters.saturating_sub(standing.refusals) < standing.needed
    }

    /// The same, by this member's word among others: who has not said no is shown it, and may say so or speak with those who have.
    pub(crate) fn is_done_with(&self, subject: SubjectHash, now: Micros) -> bool {
        let refused = |(said, _): &(Approval, Signed)| said.word == Word::Refuse;
        self.is_declined(subject, now) && self.approvals.get(&(subject, self.me)).is_some_and(refused)
    }

    /// How far what waits for a decision has come.
    pub(crate) fn standing(&self, subject: SubjectHash, now: Micros) -> community::Standing {
        let approvals: Vec<Approval> = self.approvals.values().map(|(said, _)| said.clone()).collect();
        let council = Council {
            registry: &self.registry,
            me: self.me,
            subjects: &[],
            approvals: &approvals,
            votes: &[],
            now,
        };
        council.standing(subject)
    }

    fn vote(&mut self, mut entry: Entry, keys: &[SigningKey], now: Micros) -> Result<bool, CommunityError> {
        let content = entry.content();
        let (place, at) = ((content.epoch, content.round), content.at);
        let wanted = self.registry.voters(&content.heads, at).get(&self.me).copied();
        let Some(key) = keys.iter().find(|key| Some(key.public_key()) == wanted) else { return Ok(false) };
        entry.sign(key)?;
        let (epoch, round) = place;
        self.put(PaperKind::Signed, format!("{epoch}:{round}"), entry.hash().to_string(), now);
        self.signed.insert(place, entry.hash());
        Ok(self.take_vote(&entry, now))
    }

    /// Lets go of what has been decided or has expired.
    fn tidy(&mut self, now: Micros) {
        let gone: Vec<SubjectHash> =
            self.subjects.values().filter(|one| self.is_decided(one, now)).map(Subject::hash).collect();
        for subject in gone {
            self.drop_subject(subject);
        }
        let stale: Vec<EntryHash> =
            self.votes.values().filter(|vote| !self.registry.is_candidate(vote)).map(Entry::hash).collect();
        for vote in stale {
            self.votes.remove(&vote);
            self.work.remove.push((PaperKind::Vote, vote.to_string()));
            self.work.put.retain(|paper| paper.kind != PaperKind::Vote || paper.name != vote.to_string());
        }
    }

    /// Lets go of what has expired, and of what an earlier build kept though it was decided.
    pub(crate) fn expire(&mut self, now: Micros) {
        let is_over = |one: &&Subject| one.until() < now || self.is_decided(one, now);
        let gone: Vec<SubjectHash> = self.subjects.values().filter(is_over).map(Subject::hash).collect();
        for subject in gone {
            self.drop_subject(subject);
        }
    }

    pub(crate) fn drop_subject(&mut self, subject: SubjectHash) {
        self.subjects.remove(&subject);
        let mut names = vec![(PaperKind::Subject, subject.to_string())];
        self.approvals.retain(|(of, by), _| {
            if *of == subject {
                names.push((PaperKind::Approval, format!("{of}:{by}")));
            }
            *of != subject
        });
        self.work.put.retain(|paper| !names.contains(&(paper.kind, paper.name.clone())));
        self.work.remove.extend(names);
    }

    pub(crate) fn put(&mut self, kind: PaperKind, name: String, text: String, at: Micros) {
        self.work.put.retain(|paper| paper.kind != kind || paper.name != name);
        self.work.remove.retain(|gone| *gone != (kind, name.clone()));
        self.work.put.push(Paper { kind, name, text, at });
    }

    pub(crate) fn remove(&mut self, kind: PaperKind, name: String) {
        self.work.put.retain(|paper| paper.kind != kind || paper.name != name);
        self.work.remove.push((kind, name));
    }

    pub(crate) fn take_work(&mut self) -> PaperWork {
        std::mem::take(&mut self.work)
    }

    pub(crate) fn tell(&mut self) {
        self.news = true;
    }

    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }
}

/// For whom a circle is, or a farewell (see `parcels::place`).
fn addressee(paper: &Paper) -> Result<MemberId, StoreError> {
    let (_, to) = paper.name.split_once(':').ok_or_else(|| damaged("circle"))?;
    to.parse().map_err(|_| damaged("circle"))
}

fn statement(paper: &Paper, what: &str) -> Result<Signed, StoreError> {
    Signed::parse(paper.text.as_bytes()).map_err(|_| damaged(what))
}
