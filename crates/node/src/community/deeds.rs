//! What people of a member do about its community: found, join, approve, refuse, suspend, withdraw, rotate the key.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Micros;
use base::signing::{Signer, SigningKey};
use community::{
    Anchor, Approval, Body, Chain, Deed, Entry, Founded, JoinRequest, MemberId, MemberKind, Names, NewKey,
    Proposal, QuorumRule, Rule, Slug, Snapshot, Statement, Subject, SubjectHash, Word, founding, own_entry,
};
use handling::{Principal, may_administer};
use store::PaperKind;
use tokio::sync::SemaphorePermit;

use super::{CommunityError, Table};
use crate::Node;

/// A community to be founded.
#[derive(Clone, Debug)]
pub struct FoundRequest {
    /// Its name.
    pub name: String,
    /// How decisions are made.
    pub quorum: QuorumRule,
    /// What this node's member says of itself.
    pub member: JoinAsk,
}

/// What this node's member says of itself when it founds or joins.
#[derive(Clone, Debug)]
pub struct JoinAsk {
    /// Its name in English.
    pub name: String,
    /// Its names in other languages, by language tag.
    pub names: BTreeMap<String, String>,
    /// What people type for it.
    pub slug: String,
    /// What it is.
    pub kind: String,
    /// Where its node answers.
    pub endpoint: String,
}

/// What became of a member's word or wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The member it is about.
    pub member: Option<MemberId>,
    /// What waits, or waited, for a decision; `None` for a step of one's own.
    pub subject: Option<SubjectHash>,
    /// Whether it is decided, or so many have refused it that it cannot be approved as things stand.
    pub decided: bool,
}

impl Node {
    /// Founds a community of which this node's member is the first.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn found_community(
        &self,
        who: &Principal,
        request: FoundRequest,
    ) -> Result<MemberId, CommunityError> {
        may_administer(who)?;
        let _one = self.one_deed().await?;
        if self.community_table().await?.is_some() {
            return Err(CommunityError::Already);
        }
        let key = self.first_key().await?;
        let founded = Founded {
            names: Names::english(&request.name)?,
            quorum: request.quorum.check()?,
            founder: self.statement(&key, &request.member).await?,
        };
        let me = MemberId(key.public_key().id());
        let entry = founding(founded, self.now(), &key)?;
        self.settle(Table::new(me, entry, self.now())?).await?;
        Ok(me)
    }

    /// The anchor of the community: the one file that a newcomer needs.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn community_anchor(&self, who: &Principal) -> Result<String, CommunityError> {
        handling::may_use(who, handling::Scope::Read)?;
        let table = self.member_table().await?;
        let founding = table.entries.values().find(|entry| entry.content().previous.is_none());
        let founding = founding.cloned().ok_or(Rule::FoundingMissing)?;
        Ok(Anchor::of(&table.registry, founding, table.me, self.now())?.to_text())
    }

    /// Asks to be let into the community of an anchor.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn join_community(
        &self,
        who: &Principal,
        anchor: &str,
        ask: &JoinAsk,
    ) -> Result<Said, CommunityError> {
        may_administer(who)?;
        let anchor = Anchor::parse(anchor.as_bytes())?;
        let _one = self.one_deed().await?;
        let held = self.community_table().await?;
        if held.as_ref().is_some_and(|table| !may_ask(table, &anchor, self.now())) {
            return Err(CommunityError::Already);
        }
        let key = match &held {
            Some(_) => self.member_signer().await?,
            None => self.first_key().await?,
        };
        let me = MemberId(self.first_key().await?.public_key().id());
        let mut table = match held {
            Some(table) => (*table).clone(),
            None => Table::new(me, anchor.founding().clone(), self.now())?,
        };
        let request = JoinRequest {
            community: anchor.community(),
            at: self.now(),
            again: table.is_member().then_some(me),
            statement: self.statement(&key, ask).await?,
        };
        let subject = Subject::open(&request.sign(&key)?, |_| None)?;
        let hash = subject.hash();
        for earlier in table
            .subjects
            .values()
            .filter(|one| one.about() == Some(me))
            .map(Subject::hash)
            .collect::<Vec<_>>()
        {
            table.drop_subject(earlier);
        }
        table.take_subject(subject, self.now())?;
        table.put(PaperKind::Anchor, "anchor".to_owned(), anchor.to_text(), self.now());
        table.anchor = Some(anchor);
        self.chamber().asking.begins();
        self.settle(table).await?;
        Ok(Said { member: Some(me), subject: Some(hash), decided: false })
    }

    /// Says this member's word on what waits for a decision, named by the member it is about or by its subject.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn say(&self, who: &Principal, name: &str, word: Word) -> Result<Said, CommunityError> {
        may_administer(who)?;
        let mut said = self
            .change(|table, keys, now| {
                let subject = pending(table, name, now)?;
                speak(table, keys, (subject, word), now)
            })
            .await?;
        if let (Word::Refuse, Some(subject)) = (word, said.subject) {
            let table = self.community_table().await?;
            said.decided |= table.is_some_and(|table| table.is_declined(subject, self.now()));
        }
        Ok(said)
    }

    /// Proposes a deed to the community and approves it. Where the same is proposed already, approves that.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn propose(
        &self,
        who: &Principal,
        member: &str,
        suspend: Option<String>,
    ) -> Result<Said, CommunityError> {
        may_administer(who)?;
        self.change(|table, keys, now| {
            let named = table.registry.named(member);
            let member = named.ok_or_else(|| CommunityError::MemberUnknown(member.to_owned()))?.id();
            let deed = match suspend {
                Some(reason) => Deed::MemberSuspended { member, reason },
                None => Deed::MemberReinstated { member, reason: String::new() },
            };
            let same = |subject: &&Subject| match subject.what() {
                community::What::Proposal(proposal) => {
                    std::mem::discriminant(&proposal.deed) == std::mem::discriminant(&deed)
                        && subject.about() == Some(member)
                }
                community::What::Join(_) => false,
            };
            let subject = match table.subjects.values().find(same) {
                Some(subject) => subject.clone(),
                None => {
                    // By the clock of what was decided last about the member, where that goes ahead of this one's.
                    let at = table.registry.turned_at(member).map_or(now, |turned| now.max(turned));
                    let proposal = Proposal { community: table.registry.id(), by: table.me, at, deed };
                    let signed = proposal.sign(current(table, keys, now)?)?;
                    let subject = Subject::open(&signed, |id| table.key_of(id, now))?;
                    table.take_subject(subject.clone(), now)?;
                    subject
                }
            };
            speak(table, keys, (subject, Word::Approve), now)
        })
        .await
    }

    /// Gives notice: the member leaves in 90 days.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn withdraw(&self, who: &Principal) -> Result<Said, CommunityError> {
        may_administer(who)?;
        self.change(|table, keys, now| own(table, &[current(table, keys, now)?], &Body::Withdrawn, now)).await
    }

    /// Replaces the member's key by a new one.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn rotate_key(&self, who: &Principal) -> Result<Said, CommunityError> {
        may_administer(who)?;
        let table = self.member_table().await?;
        let new = self.spare_key(&table).await?;
        self.change(|table, keys, now| {
            let body = Body::KeyRotated(NewKey { key: new.public_key() });
            own(table, &[current(table, keys, now)?, &new], &body, now)
        })
        .await
    }

    /// Tells the others where this member's node answers from now on, and how it is reached.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn change_endpoint(&self, who: &Principal, endpoint: &str) -> Result<Said, CommunityError> {
        may_administer(who)?;
        let body = Body::EndpointsChanged(vec![endpoint.parse()?]);
        self.change(|table, keys, now| own(table, &[current(table, keys, now)?], &body, now)).await
    }

    /// A recovery of the member's key to be signed with its recovery key, which never comes here: the new key is this node's.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn recovery_draft(&self, who: &Principal) -> Result<String, CommunityError> {
        may_administer(who)?;
        let table = self.member_table().await?;
        let new = self.spare_key(&table).await?;
        let body = Body::KeyRecovered(NewKey { key: new.public_key() });
        let mut entry = own_entry(&table.registry, table.me, &body, self.now())?;
        entry.sign(&new)?;
        Ok(entry.to_json())
    }

    /// Takes a recovery that has been signed with the recovery key. It takes effect seven days after the quorum has noted it.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn recover_key(&self, who: &Principal, signed: &str) -> Result<Said, CommunityError> {
        may_administer(who)?;
        let entry = Entry::parse(signed.trim_end().as_bytes())?;
        // Where the key is lost nothing comes back before it is recovered; by then its own chain has been told.
        let one = match self.lost_key().await? {
            Some(_) => self.one_at_a_time().await?,
            None => self.one_deed().await?,
        };
        self.change_by(one, |table, _, now| {
            let content = entry.content();
            if content.chain != Chain::Own(table.me) || !matches!(Body::of(content)?, Body::KeyRecovered(_)) {
                return Err(Rule::RecoveryNone.into());
            }
            table.take_entries(vec![entry], now)?;
            Ok(Said { member: Some(table.me), subject: None, decided: false })
        })
        .await
    }

    /// Takes a recovery of the member's key back, with the key that it would replace.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn cancel_recovery(&self, who: &Principal) -> Result<Said, CommunityError> {
        may_administer(who)?;
        self.change(|table, keys, now| {
            own(table, &[current(table, keys, now)?], &Body::RecoveryCancelled, now)
        })
        .await
    }

    /// The registry as a snapshot file.
    ///
    /// # Errors
    /// See [`CommunityError`].
    pub async fn registry_snapshot(&self, who: &Principal) -> Result<String, CommunityError> {
        handling::may_use(who, handling::Scope::Read)?;
        let table = self.community_table().await?.ok_or(CommunityError::None)?;
        Ok(Snapshot::of(table.entries.values().cloned().collect())?.to_text())
    }

    /// The table of a node whose member has been let in.
    pub(super) async fn member_table(&self) -> Result<Arc<Table>, CommunityError> {
        let table = self.community_table().await?.ok_or(CommunityError::None)?;
        if table.is_member() { Ok(table) } else { Err(CommunityError::Pending) }
    }

    /// Changes the table of a member, lets the council go on, and writes it all down.
    pub(super) async fn change(
        &self,
        deed: impl FnOnce(&mut Table, &[SigningKey], Micros) -> Result<Said, CommunityError> + Send,
    ) -> Result<Said, CommunityError> {
        let one = self.one_deed().await?;
        self.change_by(one, deed).await
    }

    async fn change_by(
        &self,
        _one: SemaphorePermit<'_>,
        deed: impl FnOnce(&mut Table, &[SigningKey], Micros) -> Result<Said, CommunityError> + Send,
    ) -> Result<Said, CommunityError> {
        let keys = self.signing_keys().await?;
        let mut table = (*self.member_table().await?).clone();
        let now = self.now();
        table.expire(now);
        let mut said = deed(&mut table, &keys, now)?;
        if !self.is_recovering() {
            table.advance(&keys, now)?;
        }
        let table = self.settle(table).await?;
        if let Some(subject) = said.subject {
            said.decided = !table.subjects.contains_key(&subject);
        }
        Ok(said)
    }

    /// A key that the registry has never heard of: one that was made before and not used, else a new one.
    async fn spare_key(&self, table: &Table) -> Result<SigningKey, CommunityError> {
        let unused = |key: &SigningKey| table.registry.holder(key.public_key().id()).is_none();
        match self.signing_keys().await?.into_iter().find(unused) {
            Some(key) => Ok(key),
            None => Ok(self.new_signing_key().await?),
        }
    }

    async fn first_key(&self) -> Result<SigningKey, CommunityError> {
        let keys = self.signing_keys().await?;
        let damaged = || store::StoreError::Damaged("the member has no key".into());
        Ok(keys.into_iter().next().ok_or_else(damaged)?)
    }

    async fn statement(&self, key: &SigningKey, ask: &JoinAsk) -> Result<Statement, CommunityError> {
        let slug: Slug = ask.slug.parse()?;
        let kind: MemberKind = ask.kind.parse()?;
        let mut names = ask.names.clone();
        names.insert("en".to_owned(), ask.name.clone());
        let mut statement = Statement::new(key.public_key(), Names::new(names)?, slug, kind);
        statement.endpoints = vec![ask.endpoint.parse()?];
        statement.recovery = self.recovery_keys().await?;
        let (sealing, identity) = self.shown_of_itself().await?;
        (statement.sealing, statement.identity) = (Some(sealing), identity);
        Ok(statement)
    }
}

/// Whether a node that has a table may ask again: it waits to be let in, or its member has left or been put aside.
fn may_ask(table: &Table, anchor: &Anchor, now: Micros) -> bool {
    let out = match table.registry.member(table.me) {
        None => true,
        Some(member) => !member.status(now).takes_part(),
    };
    out && table.registry.id() == anchor.community()
}

/// The key of this node's member as the registry has it, to sign with.
pub(super) fn current<'k>(
    table: &Table,
    keys: &'k [SigningKey],
    now: Micros,
) -> Result<&'k SigningKey, CommunityError> {
    let wanted = table.own_key(now);
    let found = keys.iter().find(|key| Some(key.public_key()) == wanted);
    Ok(found.ok_or(Rule::SignatureMissing)?)
}

/// The one thing that waits for a decision under a name. What so many have refused that it cannot be approved is meant where it is alone.
fn pending(table: &Table, name: &str, now: Micros) -> Result<Subject, CommunityError> {
    let named = |subject: &&Subject| {
        let slug = match subject.what() {
            community::What::Join(request) => Some(request.statement.slug.clone()),
            community::What::Proposal(_) => {
                subject.about().and_then(|id| table.registry.member(id)).map(|member| member.slug().clone())
            }
        };
        subject.hash().to_string() == name
            || subject.about().is_some_and(|id| id.to_string() == name)
            || slug.is_some_and(|slug| slug.as_str() == name)
    };
    let mut found: Vec<&Subject> = table.open_subjects(now).filter(named).collect();
    if found.iter().any(|subject| !table.is_declined(subject.hash(), now)) {
        found.retain(|subject| !table.is_declined(subject.hash(), now));
    }
    match found.as_slice() {
        [] => Err(CommunityError::NothingPending),
        [one] => Ok((*one).clone()),
        [_, _, ..] => Err(CommunityError::Ambiguous),
    }
}

fn speak(
    table: &mut Table,
    keys: &[SigningKey],
    (subject, word): (Subject, Word),
    now: Micros,
) -> Result<Said, CommunityError> {
    let voters = table.registry.voters(&table.registry.unnoted(), now);
    if !voters.contains_key(&table.me) {
        return Err(CommunityError::NoVote);
    }
    if word == Word::Approve
        && voters.len() == 1
        && suspends(&subject).is_some_and(|one| voters.contains_key(&one))
    {
        return Err(CommunityError::LastVote);
    }
    let approval =
        Approval { community: table.registry.id(), subject: subject.hash(), by: table.me, word, at: now };
    let signed = approval.sign(current(table, keys, now)?)?;
    table.take_approval(&signed, now)?;
    Ok(Said { member: subject.about(), subject: Some(subject.hash()), decided: false })
}

/// Whom a proposal would put aside.
fn suspends(subject: &Subject) -> Option<MemberId> {
    match subject.what() {
        community::What::Proposal(proposal) => match &proposal.deed {
            Deed::MemberSuspended { member, .. } => Some(*member),
            _ => None,
        },
        community::What::Join(_) => None,
    }
}

/// Makes a step of this member's own chain true.
pub(super) fn own(
    table: &mut Table,
    signers: &[&SigningKey],
    body: &Body,
    now: Micros,
) -> Result<Said, CommunityError> {
    let mut entry = own_entry(&table.registry, table.me, body, now)?;
    debug_assert!(
        matches!(entry.content().chain, Chain::Own(_)),
        "invariant: own entries stand in own chains"
    );
    for signer in signers {
        entry.sign(*signer)?;
    }
    table.take_entries(vec![entry], now)?;
    Ok(Said { member: Some(table.me), subject: None, decided: true })
}
